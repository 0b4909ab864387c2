//! Packages of one suite of Debian, in a folder of our own: apt runs with folders below ours, so
//! nothing on the host changes. The host's configuration only tells the mirror, and how to reach
//! it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::{matrix, packages, run};

/// The names of suites that show which of a machine's sources is Debian's archive.
const DEBIAN: [&str; 9] = [
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "sid",
    "unstable",
    "testing",
    "stable",
    "oldstable",
];

/// apt with all its folders below one of ours, and one suite.
#[derive(Debug)]
pub(crate) struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// Fetches the lists of the suite.
    pub(crate) fn new(folder: &Path, suite: &str) -> Result<Self> {
        let mirror = mirror()?;
        let keyring = matrix::KEYRINGS.iter().find(|path| Path::new(path).is_file());
        let keyring = keyring.context("Debian's archive keyring is not installed")?;
        for folder in ["state/lists/partial", "cache/archives/partial"].map(|f| folder.join(f)) {
            fs::create_dir_all(folder)?;
        }
        fs::write(folder.join("status"), "")?;
        fs::write(folder.join("apt.conf"), configuration(folder))?;
        let source = format!(
            "Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nTargets: Packages\n\
             Signed-By: {keyring}\n"
        );
        fs::write(folder.join("ours.sources"), source)?;
        let apt = Self { folder: folder.to_owned() };
        apt.output("apt-get", &["-qq", "update"])?;
        Ok(apt)
    }

    fn output(&self, program: &str, args: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("LC_ALL", "C");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        run::output(command.arg("-c").arg(self.folder.join("apt.conf")).args(args))
    }

    /// A package and all that it depends on, downloaded, as if nothing were installed.
    fn with_dependencies(&self, package: &str) -> Result<Vec<PathBuf>> {
        let install = ["-qq", "--yes", "--download-only", "--no-install-recommends", "install"];
        self.output("apt-get", &[&install[..], &[package]].concat())?;
        let all = fs::read_dir(self.folder.join("cache/archives"))?;
        let all = all.flatten().map(|entry| entry.path());
        Ok(all.filter(|path| path.extension().is_some_and(|end| end == "deb")).collect())
    }

    /// The first dependency of a package that begins with this.
    pub(crate) fn depends(&self, package: &str, beginning: &str) -> Result<String> {
        let text = self.output("apt-cache", &["depends", package])?;
        depends(&text, beginning).with_context(|| format!("{package} needs no {beginning}"))
    }

    /// Unpacks a package and all that it depends on, below `root`.
    pub(crate) fn unpack(&self, package: &str, root: &Path) -> Result<()> {
        for package in self.with_dependencies(package)? {
            run::output(Command::new("dpkg-deb").arg("-x").arg(package).arg(root))?;
        }
        Ok(())
    }

    /// A package alone.
    pub(crate) fn download(&self, package: &str) -> Result<PathBuf> {
        self.output("apt-get", &["-qq", "download", package])?;
        let is = |name: &str| name.starts_with(package) && name.ends_with(".deb");
        find(&self.folder, is).with_context(|| format!("apt-get downloaded no {package}"))
    }

    pub(crate) fn version(&self, package: &str) -> Result<String> {
        let text = self.output("apt-cache", &["show", "--no-all-versions", package])?;
        let version = text.lines().find_map(|line| line.strip_prefix("Version: "));
        Ok(version.context("apt-cache shows no version")?.to_owned())
    }
}

/// apt reads this after the machine's own configuration, which tells how to reach the mirror.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    // apt's sandbox user could not enter our folders.
    let user = if packages::is_root() { "APT::Sandbox::User \"root\";\n" } else { "" };
    format!(
        "#clear APT::Update::Pre-Invoke;\n\
         #clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         #clear DPkg::Pre-Install-Pkgs;\n\
         {user}\
         Dir::State \"{folder}/state\";\n\
         Dir::State::lists \"lists\";\n\
         Dir::State::status \"{folder}/status\";\n\
         Dir::State::extended_states \"{folder}/extended\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         Dir::Cache::archives \"archives\";\n\
         Dir::Log \"{folder}\";\n\
         Dir::Etc::sourcelist \"{folder}/ours.sources\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         APT::Update::Error-Mode \"any\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"3\";\n\
         Acquire::AllowInsecureRepositories \"false\";\n\
         Acquire::AllowWeakRepositories \"false\";\n\
         APT::Get::AllowUnauthenticated \"false\";\n"
    )
}

/// The address from which this machine's apt gets Debian, taken from the list of files that it
/// would fetch. Downloads nothing.
fn mirror() -> Result<String> {
    let mut apt = Command::new("apt-get");
    let out = apt.args(["update", "--print-uris"]).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    debian(&text).context("the apt configuration of this machine names no Debian mirror")
}

/// The archive of Debian's first suite in the output of `apt-get update --print-uris`.
fn debian(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (uri, _) = line.strip_prefix('\'')?.split_once('\'')?;
        let (archive, suite) = uri.strip_suffix("/InRelease")?.rsplit_once("/dists/")?;
        DEBIAN.contains(&suite).then(|| archive.to_owned())
    })
}

/// The first dependency that begins with this, in the output of `apt-cache depends`.
fn depends(text: &str, beginning: &str) -> Option<String> {
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.map(str::to_owned).find(|name| name.starts_with(beginning))
}

/// The first file in or below `folder` whose name passes.
pub(crate) fn find(folder: &Path, test: impl Fn(&str) -> bool + Copy) -> Option<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
    entries.sort();
    let name = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).is_some_and(test);
    let here = entries.iter().find(|path| path.is_file() && name(path)).cloned();
    here.or_else(|| {
        let below = entries.iter().filter(|path| path.is_dir() && !path.is_symlink());
        below.into_iter().find_map(|path| find(path, test))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_found_among_other_archives() {
        let text = "\
'https://other.example/apt/dists/nodistro/InRelease' other.example_x 0 \n\
'http://m.example/debian-security/dists/bookworm-security/InRelease' m.example_y 0 \n\
'http://m.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' m.example_z 0 \n\
'http://m.example/debian/dists/bookworm/InRelease' m.example_w 0 \n";
        assert_eq!(debian(text).as_deref(), Some("http://m.example/debian"));
        assert_eq!(debian("'http://u.example/ubuntu/dists/noble/InRelease' u 0\n"), None);
        assert_eq!(debian(""), None);
    }

    #[test]
    fn the_source_that_the_metapackage_names() {
        let text = "linux-source\n  Depends: linux-source-7.2\n  Suggests: other\n";
        assert_eq!(depends(text, "linux-source-").as_deref(), Some("linux-source-7.2"));
        assert_eq!(depends("linux-source\n", "linux-source-"), None);
    }
}
