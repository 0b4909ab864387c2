//! `cargo xtask coverage`: which parts of `ringbuf-core` the fuzz corpora reach.
//!
//! The test `corpus` of ringbuf-fuzz replays the corpora, on the stable compiler. `-C
//! instrument-coverage` counts, and LLVM's own tools read the counts, so nothing is guessed from
//! the sources. Core is compiled as a dependency, without its unit tests.

mod report;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::run;
use crate::workspace::Workspace;

use report::Report;
use tools::Tools;

/// The measured files.
const SOURCES: &str = "ringbuf-core/src/";
/// The replay.
const REPLAY: [&str; 6] = ["test", "-p", "ringbuf-fuzz", "--test", "corpus", "--locked"];
/// Core becomes one object, with nothing left out: a function without a caller counts as not
/// reached, instead of missing.
const FLAGS: &str = "-C instrument-coverage -C codegen-units=1 -C link-dead-code";
/// The minimum, in percent of the regions of the files that have a target. It is a bit below the
/// value in docs/tables/corpora.md. A change that falls below it needs new seeds.
const FLOOR: f64 = 89.0;
/// The files without a target, and the reason.
const WITHOUT_TARGET: [(&str, &str); 7] = [
    ("error.rs", "texts: ringbuf-sim/tests/texts.rs reads them"),
    (
        "mapped/overwrite.rs",
        "pointers, which the target has none of: ringbuf-sim/tests/overwrite reads by them",
    ),
    ("overwrite/wait.rs", "waits by a clock, which no target has"),
    ("producer/room.rs", "waits by a clock, which no target has"),
    ("wait/host.rs", "waits by a clock, which no target has"),
    ("wait/policy.rs", "numbers, which come from no shared memory"),
    ("wait/state.rs", "decides by times and counts, which come from no shared memory"),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
    /// Install nothing
    #[arg(long)]
    no_install: bool,
}

/// Measures and prints. Returns the exit code.
pub(crate) fn coverage(workspace: &Workspace, options: &Options) -> Result<u8> {
    let tools = Tools::get(&workspace.root, options.no_install)?;
    let folder = workspace.target.join("coverage");
    let exported = measure(&workspace.root, &folder, &tools)?;
    let sources = workspace.root.join(SOURCES);
    let report = Report::new(&exported, &sources, &WITHOUT_TARGET)?;
    let text = if options.json { report.json(FLOOR) } else { report.table(FLOOR) };
    run::echo(text.as_bytes());
    let reached = report.reached();
    if reached < FLOOR {
        eprintln!(
            "xtask: {reached:.1} % is below the minimum of {FLOOR} %: restore the missing inputs"
        );
    }
    Ok(u8::from(reached < FLOOR))
}

/// Builds the replay, runs it, and returns LLVM's report.
fn measure(root: &Path, folder: &Path, tools: &Tools) -> Result<Value> {
    let profiles = folder.join("profiles");
    // Build scripts are instrumented, too. Their counts are not used.
    let mut build = instrumented(folder, &folder.join("build-scripts"));
    build
        .current_dir(root)
        .args(REPLAY)
        .args(["--no-run", "--message-format=json-render-diagnostics"]);
    eprintln!("xtask: RUSTFLAGS={FLAGS:?} {}", run::describe(&build));
    let replay = executable(&run::output(&mut build)?).context("cargo built no test `corpus`")?;
    if profiles.exists() {
        fs::remove_dir_all(&profiles)?;
    }
    let mut test = Command::new(&replay);
    test.current_dir(root.join("fuzz/bodies")).arg("--quiet");
    test.env("LLVM_PROFILE_FILE", profiles.join("%m-%p.profraw")).env_remove("RINGBUF_BLESS");
    let out = test.output().with_context(|| format!("cannot start {}", replay.display()))?;
    if !out.status.success() {
        eprint!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        bail!("replaying the corpora failed; to repeat it: cargo {}", REPLAY.join(" "));
    }
    let raw: Vec<_> = fs::read_dir(&profiles)?.flatten().map(|entry| entry.path()).collect();
    ensure!(!raw.is_empty(), "replaying the corpora wrote no counts");
    let merged = folder.join("corpus.profdata");
    run::output(Command::new(&tools.profdata).arg("merge").args(raw).arg("-o").arg(&merged))?;
    let mut export = Command::new(&tools.cov);
    export.arg("export").arg(&replay).arg("--instr-profile").arg(&merged);
    export.arg("--sources").arg(root.join(SOURCES));
    serde_json::from_str(&run::output(&mut export)?).context("llvm-cov export")
}

/// A cargo command that compiles the counters in, with its own build folder.
fn instrumented(folder: &Path, profiles: &Path) -> Command {
    let mut command = run::cargo();
    command.env("CARGO_TARGET_DIR", folder).env("RUSTFLAGS", FLAGS).env("CARGO_INCREMENTAL", "0");
    // It runs for a fraction of a second, so a fast build matters more.
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env("LLVM_PROFILE_FILE", profiles.join("%m.profraw"));
    command
}

/// The program of the test `corpus`, in cargo's messages.
fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_it = message["target"]["name"] == "corpus";
        message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_the_one_of_the_test() {
        let messages = "\
{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"build-script-build\"},\"executable\":\"/b\"}
{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"corpus\"},\"executable\":null}
no message
{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"corpus\"},\"executable\":\"/c\"}
";
        assert_eq!(executable(messages), Some(PathBuf::from("/c")));
        assert_eq!(executable(""), None);
    }

    #[test]
    fn the_files_without_a_target_are_there() {
        let root = Workspace::load().unwrap().root;
        for (file, _) in WITHOUT_TARGET {
            assert!(root.join(SOURCES).join(file).is_file(), "{file}");
        }
    }
}
