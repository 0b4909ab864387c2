//! LLVM's `llvm-profdata` and `llvm-cov`, of the version that the compiler has.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages::{self, Package};
use crate::run;

const NAMES: [&str; 2] = ["llvm-profdata", "llvm-cov"];

/// The two programs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tools {
    pub(super) profdata: PathBuf,
    pub(super) cov: PathBuf,
}

impl Tools {
    /// Those of the toolchain (`rustup component add llvm-tools`), or else those of the system.
    /// Installs the system's package if that is allowed.
    pub(super) fn get(root: &Path, no_install: bool) -> Result<Self> {
        let ask = |what: &[&str]| run::output(Command::new("rustc").current_dir(root).args(what));
        let compiler = Compiler::parse(&ask(&["-vV"])?).context("rustc -vV names no LLVM")?;
        let sysroot = ask(&["--print", "sysroot"])?;
        let component = Path::new(sysroot.trim()).join("lib/rustlib").join(&compiler.host);
        let component = component.join("bin");
        if let Some(tools) = Self::find(|name| Some(component.join(name))) {
            return Ok(tools);
        }
        let major = compiler.llvm;
        let of_the_system = || {
            let folder = Path::new("/usr/lib").join(format!("llvm-{major}")).join("bin");
            let in_path = || Self::find(|name| run::find(&format!("{name}-{major}")));
            Self::find(|name| Some(folder.join(name))).or_else(in_path)
        };
        if let Some(tools) = of_the_system() {
            return Ok(tools);
        }
        let lacking = format!(
            "not installed: llvm-cov {major} (package llvm-{major}, or `rustup component add \
             llvm-tools`)"
        );
        packages::ensure(&[package(major)], no_install).with_context(|| lacking.clone())?;
        of_the_system().context(lacking)
    }

    fn find(at: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        let [profdata, cov] = NAMES.map(|name| at(name).filter(|file| file.is_file()));
        Some(Self { profdata: profdata?, cov: cov? })
    }
}

/// Debian's package. Its name depends on the compiler, so it is made here, once.
fn package(major: u32) -> &'static Package {
    let name = format!("llvm-{major}").leak();
    let program = format!("llvm-cov-{major}").leak();
    let package = Package::running(name, "reads what the compiler's counters counted", program);
    Box::leak(Box::new(package))
}

/// The compiler, as far as the tools must match it.
#[derive(Debug, PartialEq, Eq)]
struct Compiler {
    host: String,
    /// The major version.
    llvm: u32,
}

impl Compiler {
    /// Reads `rustc -vV`.
    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let host = field("host: ")?.to_owned();
        let llvm = field("LLVM version: ")?.split('.').next()?.parse().ok()?;
        Some(Self { host, llvm })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_says_which_version_it_needs() {
        let text = "rustc 1.95.0 (x 2026-04-14)\nhost: riscv64gc-unknown-linux-gnu\n\
                    release: 1.95.0\nLLVM version: 22.1.2\n";
        let want = Compiler { host: "riscv64gc-unknown-linux-gnu".to_owned(), llvm: 22 };
        assert_eq!(Compiler::parse(text), Some(want));
        assert_eq!(Compiler::parse("host: x\nrelease: 1\n"), None);
    }

    #[test]
    fn one_of_the_two_is_not_enough() {
        let folder = tempfile::tempdir().unwrap();
        let find = || Tools::find(|name| Some(folder.path().join(name)));
        std::fs::write(folder.path().join(NAMES[0]), "").unwrap();
        assert_eq!(find(), None);
        std::fs::write(folder.path().join(NAMES[1]), "").unwrap();
        assert!(find().is_some());
    }
}
