//! Fetches Debian's kernels through apt, with our own configuration. From the host's configuration
//! it reads only the address of the mirror, and it changes nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use super::kernels::{self, Flavours, Offer, Version};
use super::sources::{self, Mirrors};
use super::suite::{Suite, Verdict};
use crate::packages;
use crate::run;

/// The keys that check the archive's signatures, under either of their names.
pub(crate) const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
];
/// The variable that names a mirror, if the machine's configuration has none, as on other
/// distributions.
const MIRROR: &str = "RINGBUF_MATRIX_MIRROR";
/// Debian's name of x86-64.
pub(crate) const AMD64: &str = "amd64";
/// How long a list of packages is used: a second run on the same day downloads nothing.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// apt's message for a package that is listed, but missing.
const NOT_FOUND: &str = "404  Not Found";
/// The file with the names of the suites that could not be fetched.
const LEFT_OUT: &str = "left-out.txt";

/// apt with its folders below one of ours, for one architecture.
#[derive(Debug)]
pub(crate) struct Apt {
    folder: PathBuf,
    kernels: PathBuf,
    /// By Debian's name.
    architecture: &'static str,
    flavours: Flavours,
}

impl Apt {
    /// The packages of an architecture, and its kernels of these flavours.
    pub(crate) fn new(
        cache: &Path,
        architecture: &'static str,
        flavours: Flavours,
    ) -> Result<Self> {
        let name = match architecture {
            AMD64 => "apt".to_owned(),
            other => format!("apt-{other}"),
        };
        let (folder, kernels) = (cache.join(name), cache.join("kernels"));
        let apt = Self { folder, kernels, architecture, flavours };
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            let folder = apt.folder.join(folder);
            fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&apt.kernels)?;
        fs::write(apt.folder.join("status"), "")?;
        fs::write(apt.folder.join("apt.conf"), apt.configuration())?;
        Ok(apt)
    }

    /// All kernel packages, from the lists of today; with `again`, from lists fetched now.
    pub(crate) fn offers(&self, again: bool) -> Result<Vec<Offer>> {
        let index = self.folder.join("kernels.txt");
        if again || !is_fresh(&index) {
            match self.list() {
                Ok(text) => replace(&index, text.as_bytes())?,
                // The kernels of another day are better than none.
                Err(error) if !again && index.is_file() => {
                    eprintln!("matrix: {error:#}; taking the list that is here");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(parse_offers(&fs::read_to_string(&index)?, self.flavours))
    }

    /// The suites that the mirror has, but whose lists could not be fetched.
    pub(crate) fn left_out(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(LEFT_OUT)).ok()?;
        (!text.is_empty()).then_some(text)
    }

    /// The archive's current description of its kernel packages.
    fn list(&self) -> Result<String> {
        self.update()?;
        let names = self.output("apt-cache", &["pkgnames", "linux-"])?;
        let is_kernel = |name: &&str| kernels::is_kernel(name, self.flavours);
        let names: Vec<_> = names.lines().filter(is_kernel).collect();
        ensure!(!names.is_empty(), "the mirror has no kernel packages");
        self.output("apt-cache", &[&["show"], &names[..]].concat())
    }

    /// The kernel of this package if it is here already.
    pub(crate) fn cached(&self, offer: &Offer) -> Option<PathBuf> {
        let image = self.kernels.join(offer.file_name());
        image.is_file().then_some(image)
    }

    /// The kernel of this package. A stored kernel is complete, because it gets its name last. If
    /// the mirror does not have a kernel, it is not asked again on the same day.
    pub(crate) fn fetch(&self, offer: &Offer) -> Result<PathBuf> {
        if let Some(image) = self.cached(offer) {
            return Ok(image);
        }
        let exact = format!("{}={}", offer.package, offer.revision);
        let kept = self.kernels.join(offer.file_name());
        ensure!(!self.is_gone(offer), "{exact} is not on the mirror today");
        // Some architectures have an uncompressed one.
        let fetched = self.extract(&exact, "vmlinu", &kept);
        if fetched.as_ref().is_err_and(|error| error.to_string().contains(NOT_FOUND)) {
            fs::write(self.gone(offer), "")?;
        }
        fetched.map(|()| kept)
    }

    /// Returns true if we found today that the mirror lists this kernel but does not have it.
    pub(crate) fn is_gone(&self, offer: &Offer) -> bool {
        is_fresh(&self.gone(offer))
    }

    fn gone(&self, offer: &Offer) -> PathBuf {
        self.kernels.join(offer.file_name()).with_extension("gone")
    }

    /// Stores the first file of a package whose name starts with `begin` as `kept`.
    pub(crate) fn extract(&self, package: &str, begin: &str, kept: &Path) -> Result<()> {
        let work = tempfile::tempdir_in(&self.folder)?;
        let deb = self.download(package, work.path())?;
        let mut unpack = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(&deb)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start dpkg-deb")?;
        let mut tar = Command::new("tar");
        tar.current_dir(work.path());
        tar.args(["-x", "--wildcards", "--no-anchored", &format!("{begin}*")]);
        tar.stdin(unpack.stdout.take().context("dpkg-deb has no standard output")?);
        let taken = tar.status().context("cannot start tar")?;
        let given = unpack.wait()?;
        ensure!(taken.success() && given.success(), "{package}: dpkg-deb {given}, tar {taken}");
        let found = find(work.path(), |name| name.starts_with(begin) && !name.ends_with(".deb"));
        let found = found.with_context(|| format!("{package} has no file {begin}..."))?;
        fs::rename(found, kept)?;
        Ok(())
    }

    /// Unpacks a whole package, of a version that starts with `version`, as the folder `kept`.
    pub(crate) fn unpack(&self, package: &str, version: &str, kept: &Path) -> Result<()> {
        let text = self.output("apt-cache", &["show", package])?;
        let stanzas = sources::stanzas(&text);
        let mut revisions = stanzas.iter().filter_map(|stanza| stanza.get("version"));
        let revision = revisions.find(|revision| revision.starts_with(version));
        let revision =
            revision.with_context(|| format!("the mirror has no {package} of {version}"))?;
        let work = tempfile::tempdir_in(&self.folder)?;
        let deb = self.download(&format!("{package}={revision}"), work.path())?;
        let tree = work.path().join("tree");
        run::output(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&tree))?;
        fs::rename(tree, kept)?;
        Ok(())
    }

    /// The package with the highest numbers of those whose names are `begin` and two numbers:
    /// `linux-source-7.3`.
    pub(crate) fn newest(&self, begin: &str) -> Result<String> {
        let names = self.output("apt-cache", &["pkgnames", begin])?;
        let numbers = |name: &str| {
            let (major, minor) = name.strip_prefix(begin)?.split_once('.')?;
            Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
        };
        let newest = names.lines().max_by_key(|name| numbers(name));
        let newest = newest.filter(|name| numbers(name).is_some());
        newest.map(str::to_owned).with_context(|| format!("the mirror has no package {begin}..."))
    }

    fn download(&self, exact: &str, to: &Path) -> Result<PathBuf> {
        let mut get = self.command("apt-get");
        get.current_dir(to).args(["-qq", "download", exact]).stdin(Stdio::null());
        let out = get.output().context("cannot start apt-get")?;
        let errors = String::from_utf8_lossy(&out.stderr);
        let first = errors.lines().find(|line| line.starts_with("E:")).unwrap_or(&errors);
        ensure!(out.status.success(), "{exact}: apt-get download: {}", first.trim());
        find(to, |name| name.ends_with(".deb"))
            .with_context(|| format!("apt-get downloaded no package for {exact}"))
    }

    fn update(&self) -> Result<()> {
        let mirrors = mirrors()?;
        let keyring = KEYRINGS.iter().find(|path| Path::new(path).is_file());
        let keyring = keyring.context("Debian's archive keyring is not installed")?;
        let mut suites: Vec<_> = mirrors
            .suites()
            .into_iter()
            .map(|(uri, name)| Suite { uri, name, expired: false })
            .collect();
        let architecture = self.architecture;
        eprintln!("matrix: fetching the package lists of {} suites, {architecture}", suites.len());
        // Once with all suites, once without those that do not exist, and once without expired
        // ones. For other architectures, more often: each time apt names suites that it cannot
        // fetch.
        let attempts = if architecture == AMD64 { 3 } else { 6 };
        let mut left_out = Vec::new();
        for _ in 0..attempts {
            let text: String = suites.iter().map(|suite| suite.stanza(keyring)).collect();
            fs::write(self.folder.join("matrix.sources"), text)?;
            let out = self.command("apt-get").args(["-qq", "update"]).stdin(Stdio::null()).output();
            let out = out.context("cannot start apt-get")?;
            if out.status.success() {
                return replace(&self.folder.join(LEFT_OUT), left_out.join(" ").as_bytes());
            }
            let errors = String::from_utf8_lossy(&out.stderr).into_owned();
            let verdict = Verdict::parse(&errors);
            // The first complaint: a server that is away causes one for each suite.
            let first = errors.lines().find(|line| line.starts_with("E:")).unwrap_or(&errors);
            // Few suites have every architecture, and mirrors get the rarer ones late.
            let partial = architecture != AMD64 && !verdict.failed.is_empty();
            ensure!(verdict.helps() || partial, "apt-get update: {}", first.trim());
            suites.retain(|suite| {
                let gone = verdict.missing.iter().any(|what| suite.is(what));
                let failed = partial && verdict.failed.iter().any(|what| suite.has(what));
                let why = if gone { "is not on this mirror" } else { "cannot be had here now" };
                if gone || failed {
                    eprintln!("matrix: left out: {}, {architecture}: {why}", suite.name);
                }
                left_out.extend((failed && !gone).then(|| suite.name.clone()));
                !gone && !failed
            });
            // If all suites are gone, the mirror cannot be reached.
            ensure!(!suites.is_empty(), "apt-get update: {}", first.trim());
            for suite in &mut suites {
                if verdict.expired.iter().any(|what| suite.is(what)) {
                    eprintln!("matrix: {}: no longer updated, so used as it is", suite.name);
                    suite.expired = true;
                }
            }
        }
        bail!("apt-get update fails, even without the suites that do not exist")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").arg("-c").arg(self.folder.join("apt.conf"));
        command
    }

    fn output(&self, program: &str, args: &[&str]) -> Result<String> {
        let mut command = self.command(program);
        command.args(args).stdin(Stdio::null());
        let out = command.stderr(Stdio::inherit()).output()?;
        ensure!(out.status.success(), "{program} {}: {}", args[0], out.status);
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// apt reads this after the machine's own configuration, which tells how to reach the mirror.
    fn configuration(&self) -> String {
        let (folder, architecture) = (self.folder.display(), self.architecture);
        // apt's sandbox user could not enter our folders.
        let user = if packages::is_root() { "APT::Sandbox::User \"root\";\n" } else { "" };
        format!(
            "#clear APT::Update::Pre-Invoke;\n\
             #clear APT::Update::Post-Invoke;\n\
             #clear APT::Update::Post-Invoke-Success;\n\
             #clear APT::Architectures;\n\
             APT::Architecture \"{architecture}\";\n\
             APT::Architectures {{ \"{architecture}\"; }};\n\
             {user}\
             Dir::State \"{folder}/state\";\n\
             Dir::State::lists \"lists\";\n\
             Dir::State::status \"{folder}/status\";\n\
             Dir::Cache \"{folder}/cache\";\n\
             Dir::Cache::pkgcache \"pkgcache.bin\";\n\
             Dir::Cache::srcpkgcache \"srcpkgcache.bin\";\n\
             Dir::Etc::sourcelist \"{folder}/matrix.sources\";\n\
             Dir::Etc::sourceparts \"/dev/null\";\n\
             Dir::Etc::preferences \"/dev/null\";\n\
             Dir::Etc::preferencesparts \"/dev/null\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::Retries \"3\";\n\
             APT::Update::Error-Mode \"any\";\n\
             Acquire::Check-Valid-Until \"true\";\n\
             Acquire::AllowInsecureRepositories \"false\";\n\
             Acquire::AllowWeakRepositories \"false\";\n\
             Acquire::AllowDowngradeToInsecureRepositories \"false\";\n\
             APT::Get::AllowUnauthenticated \"false\";\n"
        )
    }
}

/// The address from which the machine's own apt gets Debian.
fn mirrors() -> Result<Mirrors> {
    if let Ok(main) = std::env::var(MIRROR) {
        return Ok(Mirrors { main, security: None });
    }
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let mut parts: Vec<_> = parts.map(|entry| entry.path()).collect();
    parts.retain(|path| path.extension().is_some_and(|end| end == "list" || end == "sources"));
    parts.sort();
    files.append(&mut parts);
    let read = |path: &PathBuf| Some(sources::parse(path, &fs::read_to_string(path).ok()?));
    let sources: Vec<_> = files.iter().filter_map(read).flatten().collect();
    Mirrors::find(&sources).with_context(|| {
        format!("no mirror of Debian in this machine's apt configuration: name one in {MIRROR}")
    })
}

/// The kernels in the output of `apt-cache show`.
fn parse_offers(text: &str, flavours: Flavours) -> Vec<Offer> {
    let offer = |stanza: &std::collections::BTreeMap<String, String>| {
        let (package, revision) = (stanza.get("package")?.clone(), stanza.get("version")?.clone());
        let version = Version::parse(&revision)?;
        kernels::is_kernel(&package, flavours).then_some(Offer { package, revision, version })
    };
    sources::stanzas(text).iter().filter_map(offer).collect()
}

fn is_fresh(file: &Path) -> bool {
    let modified = fs::metadata(file).and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age < FRESH)
}

/// Writes a file so that it is either complete or absent.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(new, path)?;
    Ok(())
}

/// The first file in or below `folder` whose name passes.
fn find(folder: &Path, test: impl Fn(&str) -> bool + Copy) -> Option<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
    entries.sort();
    let name = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).is_some_and(test);
    let here = entries.iter().find(|path| path.is_file() && name(path)).cloned();
    here.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, test)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_from_stanzas() {
        let text = "Package: linux-image-5.10.0-30-cloud-amd64\nVersion: 5.10.218-1\n\
                    Description: Linux 5.10\n for clouds\n\nPackage: linux-image-6.1-cloud-amd64\n\
                    Version: 6.1.192-1\n\nPackage: linux-image-7.4.1-cloud-amd64\n\
                    Version: 7.4~rc1-1\n";
        let offers = parse_offers(text, kernels::AMD64);
        assert_eq!(offers.len(), 1);
        assert_eq!(offers[0].version.to_string(), "5.10.218");
    }

    #[test]
    fn files_are_found_below() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/vmlinuz-1"), "x").unwrap();
        let found = find(folder.path(), |name| name.starts_with("vmlinuz")).unwrap();
        assert!(found.ends_with("a/b/vmlinuz-1"));
        assert_eq!(find(folder.path(), |name| name == "b"), None, "a folder is no file");
        assert!(!is_fresh(&folder.path().join("absent")) && is_fresh(&found));
    }
}
