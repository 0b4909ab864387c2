//! Programs that a check needs and no system package has. They are in the path, or installed below
//! target/tools.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::run;

/// A program of one version: another version would find other faults in the same files.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    version: &'static str,
    why: &'static str,
    /// Its name in Rust's registry, and the options for a quick build: it runs for seconds.
    source: (&'static str, &'static [&'static str]),
    /// Its name in Python's registry, if it is there in compiled form.
    wheel: Option<&'static str>,
}

pub(crate) const CARGO_DENY: Tool = Tool {
    program: "cargo-deny",
    version: "0.20.2",
    why: "judges the dependencies",
    source: ("cargo-deny", &["--debug", "--no-default-features"]),
    wheel: None,
};

pub(crate) const TYPOS: Tool = Tool {
    program: "typos",
    version: "1.52.0",
    why: "finds misspelt words",
    source: ("typos-cli", &["--debug"]),
    wheel: Some("typos"),
};

pub(crate) const MDBOOK: Tool = Tool {
    program: "mdbook",
    version: "0.5.4",
    why: "makes web pages of docs/",
    source: ("mdbook", &["--debug", "--no-default-features", "--features", "search"]),
    wheel: None,
};

pub(crate) const PUBLIC_API: Tool = Tool {
    program: "cargo-public-api",
    version: "0.52.0",
    why: "lists public items",
    source: ("cargo-public-api", &["--debug"]),
    wheel: None,
};

impl Tool {
    /// Returns its path. Installs it with a notice, unless that is refused.
    pub(crate) fn ensure(&self, target: &Path, no_install: bool) -> Result<PathBuf> {
        let folder = target.join("tools").join(format!("{}-{}", self.program, self.version));
        let ours = folder.join("bin").join(self.program);
        let there = run::find(self.program).into_iter().chain([ours.clone()]);
        if let Some(found) = there.into_iter().find(|path| self.is(path)) {
            return Ok(found);
        }
        if no_install {
            bail!("not installed: {} {}", self.program, self.version);
        }
        for mut install in self.installs(&folder) {
            eprintln!(
                "Missing: {} {}, which {}. Installing it: {}",
                self.program,
                self.version,
                self.why,
                run::describe(&install)
            );
            if install.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
                && self.is(&ours)
            {
                return Ok(ours);
            }
        }
        bail!("{} cannot be installed: is the registry reachable?", self.program)
    }

    /// Returns true if this is the program, in the version that we want.
    fn is(&self, path: &Path) -> bool {
        let output = Command::new(path).arg("--version").stdin(Stdio::null()).output();
        output.is_ok_and(|output| {
            let text = String::from_utf8_lossy(&output.stdout);
            text.split_whitespace().any(|word| word.trim_start_matches('v') == self.version)
        })
    }

    /// How to install it, the quickest way first.
    fn installs(&self, folder: &Path) -> Vec<Command> {
        let wheel = self.wheel.map(|name| {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]);
            pip.args(["--root-user-action", "ignore", "--target"]).arg(folder);
            pip.arg(format!("{name}=={}", self.version));
            pip
        });
        let (name, options) = self.source;
        let mut cargo = run::cargo();
        cargo.args(["install", &format!("{name}@{}", self.version), "--locked", "--quiet"]);
        cargo.args(options).arg("--root").arg(folder);
        wheel.into_iter().chain([cargo]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_not_it() {
        let tool = Tool { program: "sh", version: "no such version", ..TYPOS };
        assert!(!tool.is(Path::new("/bin/sh")));
        assert!(!tool.is(Path::new("/no/such/program")));
        let cargo = run::cargo_path();
        let text = run::output(Command::new(&cargo).arg("--version")).unwrap();
        let version = text.split_whitespace().nth(1).unwrap().to_owned();
        assert!(Tool { version: version.leak(), ..TYPOS }.is(&cargo));
    }

    #[test]
    fn nothing_is_installed_when_that_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let none = Tool { program: "ringbuf-no-such-program", version: "1.0", ..TYPOS };
        let error = none.ensure(folder.path(), true).unwrap_err().to_string();
        assert_eq!(error, "not installed: ringbuf-no-such-program 1.0");
    }

    #[test]
    fn what_is_compiled_already_is_tried_first() {
        let lines = |tool: &Tool| {
            let all = tool.installs(Path::new("/t"));
            all.iter().map(run::describe).collect::<Vec<_>>()
        };
        assert!(lines(&TYPOS)[0].ends_with("--target /t typos==1.52.0"), "{:?}", lines(&TYPOS));
        assert!(lines(&TYPOS)[1].starts_with("cargo install typos-cli@1.52.0 --locked"));
        assert_eq!(lines(&CARGO_DENY).len(), 1);
    }
}
