//! `cargo xtask hygiene`: checks the spelling and the dependencies.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::gate::SKIP_LOG;
use crate::run;
use crate::tools::{CARGO_DENY, TYPOS, Tool};
use crate::workspace::Workspace;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Install and fetch nothing; skip the checks that then cannot run
    #[arg(long)]
    no_install: bool,
}

/// The checks of cargo-deny besides the advisories. Their exceptions are in deny.toml.
const DEPENDENCIES: [(&str, &str); 3] = [
    ("licences of the dependencies", "licenses"),
    ("no dependency in two versions", "bans"),
    ("every dependency is from the registry", "sources"),
];
const ADVISORIES: &str = "no advisory against a dependency";

/// How one check ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Ok,
    Failed,
    /// It cannot run here, for this reason.
    Skipped(String),
}

/// Runs all checks and prints them as cargo prints tests, so that the gate counts them. Returns the
/// exit code.
pub(crate) fn hygiene(workspace: &Workspace, options: &Options) -> Result<u8> {
    let root = &workspace.root;
    let tool = |tool: &Tool| tool.ensure(&workspace.target, options.no_install);
    let mut ends = Vec::new();
    ends.push((
        "no word is misspelt",
        match tool(&TYPOS) {
            Ok(typos) => judge(Command::new(typos).current_dir(root))?,
            Err(error) => End::Skipped(format!("{error:#}")),
        },
    ));
    match tool(&CARGO_DENY) {
        Ok(deny) => {
            for (name, check) in DEPENDENCIES {
                ends.push((name, judge(in_workspace(&deny, root).args(["check", check]))?));
            }
            ends.push((ADVISORIES, advisories(&deny, root, options.no_install)?));
        }
        Err(error) => {
            let names = DEPENDENCIES.map(|(name, _)| name).into_iter().chain([ADVISORIES]);
            ends.extend(names.map(|name| (name, End::Skipped(format!("{error:#}")))));
        }
    }
    let (text, skips, failed) = report(&ends);
    run::echo(text.as_bytes());
    if let Some(log) = std::env::var_os(SKIP_LOG) {
        let mut log = OpenOptions::new().append(true).create(true).open(log)?;
        log.write_all(skips.as_bytes()).context("the list of skipped tests")?;
    }
    Ok(u8::from(failed > 0))
}

/// Advisories are in a database that cargo-deny fetches with git, where that is possible.
fn advisories(deny: &Path, root: &Path, no_install: bool) -> Result<End> {
    if no_install {
        return Ok(End::Skipped("the advisories would have to be fetched".to_owned()));
    }
    let mut fetch = in_workspace(deny, root);
    let fetched = fetch.args(["fetch", "db"]).stdin(Stdio::null()).output();
    let fetched = fetched.with_context(|| format!("cannot start `{}`", run::describe(&fetch)))?;
    if fetched.status.success() {
        return judge(in_workspace(deny, root).args(["check", "advisories"]));
    }
    let why = String::from_utf8_lossy(&fetched.stderr);
    let why = why.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("for no known reason");
    Ok(End::Skipped(format!("the advisories cannot be fetched: {}", why.trim())))
}

/// The cargo-deny command, with the settings of the workspace.
fn in_workspace(deny: &Path, root: &Path) -> Command {
    let mut command = Command::new(deny);
    command.current_dir(root).arg("--locked");
    command
}

fn judge(command: &mut Command) -> Result<End> {
    let (status, _) = run::stream(command, false, |_| ())?;
    Ok(if status.success() { End::Ok } else { End::Failed })
}

/// The text to print, the lines for the list of skipped tests, and how many failed.
fn report(ends: &[(&str, End)]) -> (String, String, usize) {
    let (mut text, mut skips) = (String::new(), String::new());
    for (name, end) in ends {
        let word = match end {
            End::Ok => "ok",
            End::Failed => "FAILED",
            End::Skipped(why) => {
                skips.push_str(&format!("{name}\t{why}\n"));
                &format!("skipped: {why}")
            }
        };
        text.push_str(&format!("test {name} ... {word}\n"));
    }
    let failed = ends.iter().filter(|(_, end)| *end == End::Failed).count();
    let word = if failed == 0 { "ok" } else { "FAILED" };
    // The gate subtracts the skipped checks from the passed ones.
    let passed = ends.len() - failed;
    text.push_str(&format!("test result: {word}. {passed} passed; {failed} failed; 0 ignored;\n"));
    (text, skips, failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{self, Outcome};

    #[test]
    fn the_gate_counts_what_is_printed() {
        let ends =
            [("a b", End::Ok), ("c", End::Failed), ("d", End::Skipped("no network".to_owned()))];
        let (text, skips, failed) = report(&ends);
        assert_eq!(failed, 1);
        let counts = text.lines().filter_map(results::parse_result).next_back().unwrap();
        let mut outcome = Outcome::new("hygiene", true);
        outcome.count(counts, results::parse_skips(&skips));
        assert_eq!((outcome.passed, outcome.failed(), outcome.skips.len()), (1, 1, 1));
        assert_eq!((&*outcome.skips[0].what, &*outcome.skips[0].why), ("d", "no network"));
    }

    #[test]
    fn a_check_fails_with_its_program() {
        let end = |script| judge(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!((end("exit 0"), end("exit 2")), (End::Ok, End::Failed));
    }
}
