//! herd7 and the Linux kernel's memory model, from Debian's unstable suite, in a folder of our own.
//!
//! Debian's herd7 needs a newer C library than most machines have. So its C library is fetched,
//! too, and only herd7 uses it: we start herd7 through the loader of that library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Model;
use crate::debian::{Apt, find};
use crate::run;

/// The only suite that has herd7.
const SUITE: &str = "sid";
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
    let apt = Apt::new(work.path(), SUITE)?;
    eprintln!("litmus: fetching herd7 and its libraries");
    let (root, made) = (work.path().join("root"), work.path().join("herd"));
    for folder in [&root, &made] {
        fs::create_dir(folder)?;
    }
    apt.unpack("herdtools7", &root)?;
    let library = find(&root, |name| name == "libc.so.6").context("there is no C library")?;
    let library = library.parent().context("the C library has no folder")?;
    fs::rename(library, made.join("lib"))?;
    fs::rename(root.join("usr/bin/herd7"), made.join("herd7"))?;
    fs::rename(root.join("usr/share/herdtools7/herd"), made.join("models"))?;
    eprintln!("litmus: fetching the kernel's source, for its memory model");
    let source = apt.depends("linux-source", "linux-source-")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_fetched_when_that_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Herd::get(&folder.path().join("none"), true).unwrap_err().to_string();
        assert!(error.contains("cargo xtask litmus"), "{error}");
        assert!(!folder.path().join("none").exists());
    }
}
