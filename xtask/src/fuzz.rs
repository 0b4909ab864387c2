//! `cargo xtask fuzz`: each fuzz target for some minutes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;

use crate::run;
use crate::workspace::Workspace;

const TARGETS: [&str; 4] = ["header", "hostile", "ops", "user_sample"];
/// The exit code that says that it cannot run here.
const SKIPPED: u8 = 77;
/// A longer input says nothing that a shorter one cannot.
const LONGEST: &str = "-max_len=2048";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long, each target
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: u64,
    /// Run this target only; give it again for more
    #[arg(long, value_name = "TARGET", value_parser = PossibleValuesParser::new(TARGETS))]
    target: Vec<String>,
    /// Install nothing
    #[arg(long)]
    no_install: bool,
    /// Exit with 77 if it cannot run here
    #[arg(long)]
    or_skip: bool,
}

/// Runs the targets named, or all; the answer is the exit code.
pub(crate) fn fuzz(workspace: &Workspace, options: &Options) -> Result<u8> {
    if let Err(error) = ready(options.no_install) {
        if !options.or_skip {
            return Err(error);
        }
        eprintln!("{error:#}");
        return Ok(SKIPPED);
    }
    let named = &options.target;
    for target in TARGETS.into_iter().filter(|t| named.is_empty() || named.iter().any(|n| n == t)) {
        let mut command = fuzz_one(&workspace.root, target, options.minutes)?;
        eprintln!("xtask: {}", run::describe(&command));
        let code = run::exit_code(command.status()?);
        if code != 0 {
            eprintln!("xtask: `{target}` found something: see fuzz/artifacts/{target}");
            return Ok(code);
        }
    }
    Ok(0)
}

/// What is found is kept below target; `fuzz/corpus` is only read.
fn fuzz_one(root: &Path, target: &str, minutes: u64) -> Result<Command> {
    let found = root.join("target/fuzz-corpus").join(target);
    fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    let mut command = nightly();
    // No sanitizer: they do not watch mapped pages, and the rest is safe code.
    command.current_dir(root).args(["fuzz", "run", "--sanitizer", "none", target]);
    command.arg(found).arg(Path::new("fuzz/corpus").join(target)).arg("--");
    command.args([&format!("-max_total_time={}", 60 * minutes), LONGEST]);
    command.args(["-print_final_stats=1", "-verbosity=0"]);
    Ok(command)
}

/// Whether there is a nightly compiler and cargo-fuzz, which is installed if it
/// may be.
fn ready(no_install: bool) -> Result<()> {
    if !run::works("rustup", &["run", "nightly", "rustc", "--version"]) {
        bail!("fuzzing needs a nightly compiler: rustup toolchain install nightly");
    }
    if run::works("rustup", &["run", "nightly", "cargo", "fuzz", "--version"]) {
        return Ok(());
    }
    if no_install {
        bail!("not installed: cargo-fuzz (`cargo xtask fuzz` installs it)");
    }
    let mut install = run::cargo();
    install.args(["install", "cargo-fuzz", "--locked"]);
    eprintln!("xtask: {}", run::describe(&install));
    if !install.status()?.success() {
        bail!("cargo-fuzz cannot be installed: is the registry reachable?");
    }
    Ok(())
}

/// Cargo of the nightly compiler, whichever runs us.
fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    for chosen in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(chosen);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_reads_the_kept_corpus_and_writes_elsewhere() {
        let root = tempfile::tempdir().unwrap();
        let command = fuzz_one(root.path(), "ops", 2).unwrap();
        let line = run::describe(&command);
        for part in ["nightly cargo fuzz run", "target/fuzz-corpus/ops fuzz/corpus/ops -- ", "=120"]
        {
            assert!(line.contains(part), "{line}");
        }
    }

    #[test]
    fn every_target_is_there() {
        let root = Workspace::load().unwrap().root;
        for target in TARGETS {
            assert!(root.join(format!("fuzz/fuzz_targets/{target}.rs")).is_file(), "{target}");
            assert!(root.join("fuzz/corpus").join(target).is_dir(), "{target}");
        }
    }
}
