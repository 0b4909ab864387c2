//! Programs for other architectures: our compiler, the standard library built from its source, and
//! Debian's linkers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::apt::Apt;
use super::arch::Target;
use super::programs::{self, Program};
use crate::run;

/// Where a toolchain has the source of its standard library.
const SOURCE: &str = "lib/rustlib/src/rust";

/// A compiler with the source of its standard library.
#[derive(Debug)]
pub(crate) struct Toolchain {
    folder: PathBuf,
}

impl Toolchain {
    /// The compiler that runs us, if it has the source; else a copy with Debian's package of it,
    /// which is of exactly that version.
    pub(crate) fn new(apt: &Apt, cache: &Path) -> Result<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let sysroot = run::output(Command::new(&rustc).args(["--print", "sysroot"]))?;
        let sysroot = PathBuf::from(sysroot.trim());
        if has_source(&sysroot) {
            return Ok(Self { folder: sysroot });
        }
        let (version, commit) = version(&run::output(Command::new(&rustc).arg("-vV"))?)
            .context("rustc does not say which version it is")?;
        let folder = cache.join(format!("toolchain-{version}-{commit}"));
        if !has_source(&folder) {
            let fetched = copy(apt, cache, &sysroot, &version, &folder);
            fetched.with_context(|| {
                format!(
                    "no source of the standard library of {version}: rustup component add rust-src"
                )
            })?;
        }
        Ok(Self { folder })
    }

    /// Builds the tests that need no C library of ours, with the standard library, below `build`.
    pub(crate) fn build(&self, target: &Target, root: &Path, build: &Path) -> Result<Vec<Program>> {
        let mut cargo = Command::new(self.folder.join("bin/cargo"));
        cargo.current_dir(root).args(["build", "--release", "--locked", "--target", target.rust]);
        cargo.args(["-Z", "build-std=std,panic_unwind,test"]);
        cargo.args(["-p", programs::PORTABLE, "--test", "*"]);
        cargo.args(["--message-format", "json-render-diagnostics"]);
        cargo.env("RUSTC", self.folder.join("bin/rustc"));
        // The source is the compiler's own, so what is unstable between them fits.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        let name = target.rust.to_uppercase().replace('-', "_");
        cargo.env(format!("CARGO_TARGET_{name}_LINKER"), target.linker);
        cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo.env("RUSTFLAGS", "-C target-feature=+crt-static").env("CARGO_TARGET_DIR", build);
        programs::small(&mut cargo);
        eprintln!("matrix: {}", run::describe(&cargo));
        let programs = programs::programs(&run::output(&mut cargo)?);
        ensure!(!programs.is_empty(), "cargo built no tests for {}", target.rust);
        programs.iter().try_for_each(|program| programs::require_static(&program.file))?;
        Ok(programs)
    }
}

fn has_source(toolchain: &Path) -> bool {
    toolchain.join(SOURCE).join("library/std/Cargo.toml").is_file()
}

/// A copy of a toolchain, by hard links where that works, and the source in it. It gets its name
/// last. (rustc looks for its own parts from where it really is, so links to folders do not do.)
fn copy(apt: &Apt, cache: &Path, sysroot: &Path, version: &str, to: &Path) -> Result<()> {
    eprintln!("matrix: fetching the source of the standard library of {version}");
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
    ensure!(has_source(&copy), "Debian's package has it in another place");
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::rename(copy, to)?;
    Ok(())
}

/// The release and the beginning of the commit in what `rustc -vV` prints.
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
