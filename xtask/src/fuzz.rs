//! `cargo xtask fuzz`: each fuzz target for some minutes, one on each processor.

mod jobs;
mod stats;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::builder::PossibleValuesParser;

use crate::workspace::Workspace;
use crate::{packages, run};

use jobs::Job;

const TARGETS: [&str; 11] = [
    "btf",
    "capture",
    "header",
    "hostile",
    "inspect",
    "merge",
    "ops",
    "overwrite",
    "page_reader",
    "user_ops",
    "user_sample",
];
/// The exit code for: it cannot run here.
const SKIPPED: u8 = 77;
/// A longer input finds nothing that a shorter one cannot find.
const LONGEST: &str = "-max_len=2048";
/// The targets have their own workspace and lock file.
const MANIFEST: &str = "fuzz/Cargo.toml";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fuzz each target for N minutes
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: u64,
    /// Fuzz each target for N seconds
    #[arg(long, value_name = "N", conflicts_with = "minutes",
          value_parser = clap::value_parser!(u64).range(1..=600_000))]
    seconds: Option<u64>,
    /// Run only this target; repeat the option for more targets
    #[arg(long, value_name = "TARGET", value_parser = PossibleValuesParser::new(TARGETS))]
    target: Vec<String>,
    /// Install nothing
    #[arg(long)]
    no_install: bool,
    /// Exit with 77 if fuzzing is not possible on this machine
    #[arg(long)]
    or_skip: bool,
}

/// Runs the named targets, or all. Returns the exit code.
pub(crate) fn fuzz(workspace: &Workspace, options: &Options) -> Result<u8> {
    let root = &workspace.root;
    if let Err(error) = ready(root, options.no_install) {
        if !options.or_skip {
            return Err(error);
        }
        eprintln!("{error:#}");
        return Ok(SKIPPED);
    }
    let mut build = nightly();
    // No sanitizer: they do not watch mapped pages, and the rest is safe code.
    build.current_dir(root).args(["fuzz", "build", "--sanitizer", "none"]);
    eprintln!("xtask: {}", run::describe(&build));
    ensure!(
        build.status()?.success(),
        "cannot build the fuzz targets: see the compiler's errors above"
    );
    let named = &options.target;
    let targets = TARGETS.into_iter().filter(|t| named.is_empty() || named.iter().any(|n| n == t));
    let seconds = options.seconds.unwrap_or(60 * options.minutes);
    let jobs = targets.map(|target| fuzz_one(root, target, seconds));
    let jobs = jobs.collect::<Result<Vec<_>>>()?;
    let at_once = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    run::echo(
        format!("{} targets, {seconds} s each, {at_once} at a time\n", jobs.len()).as_bytes(),
    );
    let failed = jobs::run(jobs, at_once, |text| run::echo(text.as_bytes()))?;
    for target in &failed {
        eprintln!("xtask: `{target}` found a crash: see fuzz/artifacts/{target}");
    }
    Ok(u8::from(!failed.is_empty()))
}

/// New inputs are kept below target; `fuzz/corpus` is only read.
fn fuzz_one(root: &Path, target: &'static str, seconds: u64) -> Result<Job> {
    let [found, logs] = ["target/fuzz-corpus", "target/fuzz-logs"].map(|folder| root.join(folder));
    let found = found.join(target);
    for folder in [&found, &logs] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut command = nightly();
    command.current_dir(root).args(["fuzz", "run", "--sanitizer", "none", target]);
    command.arg(found).arg(Path::new("fuzz/corpus").join(target)).arg("--");
    command.args([&format!("-max_total_time={seconds}"), LONGEST, "-print_final_stats=1"]);
    Ok(Job { target, command, log: logs.join(format!("{target}.log")) })
}

/// Checks for a nightly compiler, and fetches what the targets are built from. Installs cargo-fuzz
/// if it is missing and that is allowed.
fn ready(root: &Path, no_install: bool) -> Result<()> {
    if !run::works("rustup", &["run", "nightly", "rustc", "--version"]) {
        bail!("fuzzing needs a nightly compiler: run `rustup toolchain install nightly`");
    }
    if !run::works("rustup", &["run", "nightly", "cargo", "fuzz", "--version"]) {
        let why = "builds and runs the fuzz targets";
        packages::cargo_install("cargo-fuzz", why, "fuzz", no_install)?;
    }
    let mut fetch = nightly();
    fetch.current_dir(root).args(["fetch", "--locked", "--manifest-path", MANIFEST]);
    ensure!(
        fetch.status()?.success(),
        "cannot fetch the dependencies of the fuzz targets: check that the registry is reachable"
    );
    Ok(())
}

/// Cargo of the nightly compiler, even if another one runs us.
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
        let job = fuzz_one(root.path(), "ops", 120).unwrap();
        let line = run::describe(&job.command);
        for part in ["nightly cargo fuzz run", "target/fuzz-corpus/ops fuzz/corpus/ops -- ", "=120"]
        {
            assert!(line.contains(part), "{line}");
        }
        assert!(job.log.parent().unwrap().is_dir());
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
