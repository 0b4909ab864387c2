//! herd7 and the Linux kernel's memory model, from Debian's unstable suite, in a folder of our own.
//!
//! Debian's herd7 needs a newer C library than most machines have. So its C library is fetched,
//! too, and only herd7 uses it: we start herd7 through the loader of that library. apt runs with
//! folders below ours, so nothing on the host changes. The host's configuration only tells the
//! mirror, and how to reach it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Model;
use crate::{matrix, packages, run};

/// The only suite that has herd7.
const SUITE: &str = "sid";
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
/// The model's files in the kernel's source.
const MODEL: [&str; 5] =
    ["linux-kernel.bell", "linux-kernel.cat", "linux-kernel.cfg", "linux-kernel.def", "lock.cat"];
/// The file that is written last: if it exists, everything is there.
const VERSIONS: &str = "versions";

/// herd7 with what it needs.
#[derive(Debug)]
pub(super) struct Herd {
    /// Our folder: the program `herd7`, `lib` with its libraries and loader, `models` with the
    /// models that come with it, `kernel` with Linux's.
    folder: PathBuf,
    loader: PathBuf,
}

impl Herd {
    /// herd7 from the cache. If it is not there, fetches it, unless that is refused.
    pub(super) fn get(cache: &Path, no_install: bool) -> Result<Self> {
        let folder = cache.join("herd");
        if !folder.join(VERSIONS).is_file() {
            let how = "`cargo xtask litmus` fetches it (about 200 MB, once)";
            ensure!(!no_install, "herd7 is missing; {how}");
            fetch(cache, &folder).context("cannot fetch herd7")?;
        }
        let folder = folder.canonicalize()?;
        let loader = find(&folder.join("lib"), |name| name.starts_with("ld-linux"));
        let loader = loader.context("herd7's C library has no loader")?;
        Ok(Self { folder, loader })
    }

    /// One line: which herd7, and of which release the kernel's model is.
    pub(super) fn versions(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.join(VERSIONS))?.trim().to_owned())
    }

    /// Everything that a run prints.
    pub(super) fn run(&self, model: Model, test: &Path) -> Result<String> {
        let mut command = Command::new(&self.loader);
        command.arg("--library-path").arg(self.folder.join("lib")).arg(self.folder.join("herd7"));
        command.arg("-set-libdir").arg(self.folder.join("models"));
        // The configuration names its parts by bare file names.
        command.current_dir(self.folder.join("kernel")).env("LC_ALL", "C");
        match model {
            Model::Kernel => command.args(["-conf", "linux-kernel.cfg"]),
            Model::C11 => command.args(["-model", "rc11.cat"]),
            Model::Processor => &mut command,
        };
        let out = command.arg(test).stdin(Stdio::null()).output().context("cannot start herd7")?;
        let [out, err] = [out.stdout, out.stderr].map(|b| String::from_utf8_lossy(&b).into_owned());
        Ok(out + &err)
    }
}

/// Fills `folder`, which appears only when it is complete.
fn fetch(cache: &Path, folder: &Path) -> Result<()> {
    for program in ["apt-get", "dpkg-deb", "tar", "xz"] {
        ensure!(run::find(program).is_some(), "{program} is missing on this machine");
    }
    fs::create_dir_all(cache)?;
    let work = tempfile::tempdir_in(cache.canonicalize()?)?;
    let apt = Apt::new(work.path())?;
    eprintln!("litmus: fetching herd7 and its libraries");
    let (root, made) = (work.path().join("root"), work.path().join("herd"));
    for folder in [&root, &made] {
        fs::create_dir(folder)?;
    }
    for package in apt.with_dependencies("herdtools7")? {
        run::output(Command::new("dpkg-deb").arg("-x").arg(package).arg(&root))?;
    }
    let library = find(&root, |name| name == "libc.so.6").context("there is no C library")?;
    let library = library.parent().context("the C library has no folder")?;
    fs::rename(library, made.join("lib"))?;
    fs::rename(root.join("usr/bin/herd7"), made.join("herd7"))?;
    fs::rename(root.join("usr/share/herdtools7/herd"), made.join("models"))?;
    eprintln!("litmus: fetching the kernel's source, for its memory model");
    let source = apt.newest_source()?;
    let package = apt.download(&source)?;
    unpack_model(&package, &made.join("kernel"))?;
    let herd = apt.version("herdtools7")?;
    let text = format!("herd7 {herd}, memory model of {source} {}\n", apt.version(&source)?);
    fs::write(made.join(VERSIONS), text)?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::rename(made, folder)?;
    Ok(())
}

/// Takes the model out of a package with the kernel's source: an archive in an archive.
fn unpack_model(package: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    let failed = "the kernel's source cannot be unpacked";
    let start = |command: &mut Command, from: Option<Stdio>| {
        let command = command.stdin(from.unwrap_or_else(Stdio::null)).stdout(Stdio::piped());
        command.spawn().context(failed)
    };
    let mut deb = start(Command::new("dpkg-deb").arg("--fsys-tarfile").arg(package), None)?;
    let mut outer = Command::new("tar");
    outer.args(["-xO", "--wildcards", "./usr/src/linux-source-*.tar.xz"]);
    let mut outer = start(&mut outer, deb.stdout.take().map(Stdio::from))?;
    let mut inner = Command::new("tar");
    inner.current_dir(to).args(["-xJ", "--wildcards", "--no-anchored", "--strip-components=3"]);
    inner.args(MODEL.map(|name| format!("*/tools/memory-model/{name}")));
    let mut inner = start(&mut inner, outer.stdout.take().map(Stdio::from))?;
    for child in [&mut inner, &mut outer, &mut deb] {
        ensure!(child.wait()?.success(), failed);
    }
    let absent: Vec<_> = MODEL.iter().filter(|name| !to.join(name).is_file()).collect();
    ensure!(absent.is_empty(), "the kernel's source has no {absent:?}");
    Ok(())
}

/// apt with all its folders below one of ours, and one suite.
#[derive(Debug)]
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn new(folder: &Path) -> Result<Self> {
        let mirror = mirror()?;
        let keyring = matrix::KEYRINGS.iter().find(|path| Path::new(path).is_file());
        let keyring = keyring.context("Debian's archive keyring is not installed")?;
        for folder in ["state/lists/partial", "cache/archives/partial"].map(|f| folder.join(f)) {
            fs::create_dir_all(folder)?;
        }
        fs::write(folder.join("status"), "")?;
        fs::write(folder.join("apt.conf"), configuration(folder))?;
        let source = format!(
            "Types: deb\nURIs: {mirror}\nSuites: {SUITE}\nComponents: main\nTargets: Packages\n\
             Signed-By: {keyring}\n"
        );
        fs::write(folder.join("litmus.sources"), source)?;
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

    /// The package with the newest kernel source: `linux-source` always depends on it.
    fn newest_source(&self) -> Result<String> {
        let text = self.output("apt-cache", &["depends", "linux-source"])?;
        depends(&text, "linux-source-").context("Debian has no package with the kernel's source")
    }

    /// A package alone.
    fn download(&self, package: &str) -> Result<PathBuf> {
        self.output("apt-get", &["-qq", "download", package])?;
        let is = |name: &str| name.starts_with(package) && name.ends_with(".deb");
        find(&self.folder, is).with_context(|| format!("apt-get downloaded no {package}"))
    }

    fn version(&self, package: &str) -> Result<String> {
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
         Dir::Etc::sourcelist \"{folder}/litmus.sources\";\n\
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
fn find(folder: &Path, test: impl Fn(&str) -> bool + Copy) -> Option<PathBuf> {
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

    #[test]
    fn nothing_is_fetched_when_that_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Herd::get(&folder.path().join("none"), true).unwrap_err().to_string();
        assert!(error.contains("cargo xtask litmus"), "{error}");
        assert!(!folder.path().join("none").exists());
    }
}
