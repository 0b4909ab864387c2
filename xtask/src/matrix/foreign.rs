//! Programs for other architectures: our compiler, the standard library built from its source, and
//! Debian's linkers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::apt::Apt;
use super::programs::{self, Program};
use super::targets::Target;
use crate::run;

/// The place of the standard library's source in a toolchain.
const SOURCE: &str = "lib/rustlib/src/rust";

/// The compiler that runs us, and where standard libraries for it are kept.
#[derive(Debug)]
pub(crate) struct Compiler {
    cache: PathBuf,
    sysroot: PathBuf,
    version: String,
    commit: String,
}

impl Compiler {
    pub(crate) fn new(cache: &Path) -> Result<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let sysroot = run::output(Command::new(&rustc).args(["--print", "sysroot"]))?;
        let (version, commit) = version(&run::output(Command::new(&rustc).arg("-vV"))?)
            .context("rustc does not print its version")?;
        Ok(Self { cache: cache.to_owned(), sysroot: sysroot.trim().into(), version, commit })
    }

    /// A folder with the standard library of `target`, built once and kept with the downloads: it
    /// takes longer than our programs do.
    pub(crate) fn library(&self, apt: &Apt, target: &Target) -> Result<PathBuf> {
        let Self { cache, version, commit, .. } = self;
        let kept = cache.join(format!("std-{version}-{commit}-{}", target.rust));
        let place = Path::new("lib/rustlib").join(target.rust).join("lib");
        if kept.join(&place).is_dir() {
            return Ok(kept);
        }
        let source = self.source(apt)?;
        let work = tempfile::tempdir_in(cache)?;
        let (empty, new) = (work.path().join("empty"), work.path().join("new"));
        fs::create_dir_all(empty.join("src"))?;
        fs::write(empty.join("Cargo.toml"), EMPTY)?;
        fs::write(empty.join("src/lib.rs"), "")?;
        fs::create_dir_all(new.join(&place))?;
        let mut cargo = programs::gentle(&source.join("bin/cargo"));
        cargo.current_dir(&empty).args(["build", "--quiet", "--release"]);
        cargo.args(["--target", target.rust, "-Z", "build-std=std,panic_unwind,test"]);
        // Without the code that finds the lines of a backtrace: nobody reads a backtrace there.
        cargo.args(["-Z", "build-std-features=panic-unwind"]);
        cargo.env("RUSTC", source.join("bin/rustc"));
        // The source has the compiler's own version, so the unstable parts match.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        // This variable names the libraries of the toolchain that runs us, and rustc takes the
        // folder of its libraries for its own.
        cargo.env_remove("LD_LIBRARY_PATH");
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo.env("CARGO_TARGET_DIR", empty.join("target"));
        run::output(&mut cargo)?;
        let built = empty.join("target").join(target.rust).join("release/deps");
        for file in fs::read_dir(&built)?.flatten().map(|entry| entry.path()) {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".rlib") && !name.starts_with("libempty-") {
                fs::rename(&file, new.join(&place).join(name))?;
            }
        }
        fs::rename(new, &kept)?;
        Ok(kept)
    }

    /// The toolchain, if it has the source of its library; else a copy with Debian's package of the
    /// source, which has exactly that version.
    fn source(&self, apt: &Apt) -> Result<PathBuf> {
        let Self { cache, sysroot, version, commit } = self;
        if has_source(sysroot) {
            return Ok(sysroot.clone());
        }
        let folder = cache.join(format!("toolchain-{version}-{commit}"));
        if !has_source(&folder) {
            apt.offers(false)?;
            let fetched = copy(apt, cache, sysroot, version, &folder);
            fetched.with_context(|| {
                format!(
                    "the source of the standard library {version} is missing: run `rustup component add rust-src`"
                )
            })?;
        }
        Ok(folder)
    }

    /// Builds the tests that need no C library of ours below `build`.
    pub(crate) fn build(
        &self,
        library: &Path,
        target: &Target,
        root: &Path,
        build: &Path,
    ) -> Result<Vec<Program>> {
        let mut cargo = programs::gentle(&run::cargo_path());
        cargo.current_dir(root).args(["build", "--quiet", "--release", "--locked"]);
        cargo.args(["--target", target.rust, "-p", programs::PORTABLE, "--test", "*"]);
        cargo.args(["--message-format", "json-render-diagnostics"]);
        let name = target.rust.to_uppercase().replace('-', "_");
        cargo.env(format!("CARGO_TARGET_{name}_LINKER"), target.linker);
        let library = library.to_str().context("a folder whose name is no text")?;
        let flags = ["-C", "target-feature=+crt-static", "--sysroot", library];
        let flags = [&flags, target.flags].concat().join("\x1f");
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags).env("CARGO_TARGET_DIR", build);
        programs::small(&mut cargo);
        let programs = programs::programs(&run::output(&mut cargo)?);
        ensure!(!programs.is_empty(), "cargo built no tests for {}", target.rust);
        programs.iter().try_for_each(|program| programs::require_static(&program.file))?;
        Ok(programs)
    }
}

/// The empty crate that is built only for its standard library.
const EMPTY: &str = "\
[package]
name = \"empty\"
version = \"0.0.0\"
edition = \"2024\"

[workspace]
";

fn has_source(toolchain: &Path) -> bool {
    toolchain.join(SOURCE).join("library/std/Cargo.toml").is_file()
}

/// A copy of a toolchain, by hard links where that works, and the source in it. It gets its name
/// last. (rustc finds its parts from its real path, so links to folders do not work.)
fn copy(apt: &Apt, cache: &Path, sysroot: &Path, version: &str, to: &Path) -> Result<()> {
    let work = tempfile::tempdir_in(cache)?;
    let (source, copy) = (work.path().join("source"), work.path().join("toolchain"));
    apt.unpack("rust-src", &format!("{version}+"), &source)?;
    let copied = |how| {
        let mut cp = Command::new("cp");
        run::output(cp.arg(how).arg(sysroot).arg(&copy))
    };
    if copied("-al").is_err() {
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        copied("-a")?;
    }
    let place = copy.join(SOURCE);
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(place.parent().context("a folder above")?)?;
    fs::rename(source.join(format!("usr/src/rustc-{version}")), &place)?;
    ensure!(has_source(&copy), "Debian's package has the source in another directory");
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::rename(copy, to)?;
    Ok(())
}

/// The release and the beginning of the commit in the output of `rustc -vV`.
fn version(text: &str) -> Option<(String, String)> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    Some((field("release:")?, field("commit-hash:")?.chars().take(9).collect()))
}

/// The shell and its tools for `target`.
pub(crate) fn busybox(apt: &Apt, target: &Target, cache: &Path) -> Result<PathBuf> {
    let kept = cache.join(format!("busybox-{}", target.debian));
    if !kept.is_file() {
        apt.extract("busybox-static", "busybox", &kept)?;
    }
    programs::require_static(&kept)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_tells_what_it_is() {
        let text = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: \
                    59807616e0123456789\nrelease: 1.95.0\nLLVM version: 21\n";
        let want = ("1.95.0".to_owned(), "59807616e".to_owned());
        assert_eq!(version(text), Some(want));
        assert_eq!(version("rustc 1.95.0"), None);
    }
}
