//! `cargo xtask test`: runs the suites one after the other, then prints one table.

use std::time::Instant;

use anyhow::Result;

use crate::results::{self, Counts, Outcome, Skip};
use crate::suites::{self, Needs, SUITES, Scope, Step, Suite, Work};
use crate::workspace::Workspace;
use crate::{house, mounts, packages, run, table};

/// The variable with the name of a file. A test that cannot run appends `test<tab>reason` to it.
pub(crate) const SKIP_LOG: &str = "RINGBUF_SKIP_LOG";
/// The exit code of a check that cannot run on this machine.
const SKIPPED: i32 = 77;

/// Runs the suites named in `only`, or all. Returns the exit code.
pub(crate) fn test(workspace: &Workspace, no_install: bool, only: &[String]) -> Result<u8> {
    let chosen = |suite: &&Suite| only.is_empty() || only.iter().any(|name| name == suite.name);
    let suites: Vec<_> = SUITES.iter().filter(chosen).collect();
    let missing = packages::ensure(&suites::packages_for(&suites), no_install)?;
    let outcomes: Vec<_> =
        suites.into_iter().map(|suite| suite.run(workspace, &missing, no_install)).collect();
    run::echo(format!("\n{}", table::render(&outcomes)).as_bytes());
    Ok(u8::from(outcomes.iter().any(|outcome| outcome.failed() > 0)))
}

impl Suite {
    fn run(&self, workspace: &Workspace, missing: &[&str], no_install: bool) -> Outcome {
        run::echo(format!("\n== {}: {} ==\n", self.name, self.shows).as_bytes());
        let start = Instant::now();
        let counts_tests = matches!(self.work, Work::Tests(_) | Work::House);
        let mut outcome = Outcome::new(self.name, counts_tests);
        if self.may_run(missing, &mut outcome) {
            // The units include live tests of the command.
            if matches!(self.needs, Needs::Live | Needs::BpfOrLess) {
                mounts::TRACEFS.ensure();
                mounts::BPFFS.ensure();
            }
            let scope = Scope {
                default_members: &workspace.default_members,
                sim_tests: &workspace.sim_tests,
                bpf: missing.iter().all(|name| !packages::BPF.iter().any(|p| p.name == *name)),
                no_install,
            };
            self.work.run(workspace, &scope, &mut outcome);
        }
        outcome.time = start.elapsed();
        let word = match (outcome.failed(), outcome.passed) {
            (0, 0) => "skipped",
            (0, _) => "ok",
            _ => "FAILED",
        };
        let seconds = outcome.time.as_secs_f64();
        run::echo(format!("-- {}: {word}, {seconds:.1} s\n", self.name).as_bytes());
        outcome
    }

    /// Returns true if the suite can run. Records the parts that cannot.
    fn may_run(&self, missing: &[&str], outcome: &mut Outcome) -> bool {
        let needed = self.needs.packages().into_iter().map(|package| package.name);
        let lacking: Vec<_> = needed.filter(|name| missing.contains(name)).collect();
        if lacking.is_empty() {
            return true;
        }
        let less = self.needs == Needs::BpfOrLess;
        let what = if less { "everything except the default members" } else { "the whole suite" };
        let why = format!("not installed: {}", lacking.join(" "));
        outcome.skips.push(Skip { what: what.to_owned(), why });
        less
    }
}

impl Work {
    fn run(&self, workspace: &Workspace, scope: &Scope<'_>, outcome: &mut Outcome) {
        let result = match self {
            Self::Check(steps) => check(workspace, &steps(scope), false, outcome),
            Self::Measure(steps) => check(workspace, &steps(scope), true, outcome),
            Self::Tests(steps) => tests(workspace, &steps(scope), outcome),
            Self::House => {
                house(workspace, outcome);
                Ok(())
            }
        };
        if let Err(error) = result {
            outcome.broken.push(format!("{error:#}"));
        }
    }
}

fn check(
    workspace: &Workspace,
    steps: &[Step],
    may_skip: bool,
    outcome: &mut Outcome,
) -> Result<()> {
    for step in steps {
        let mut command = step.command(&workspace.root);
        let (status, last) = run::stream(&mut command, may_skip, |_| ())?;
        if may_skip && status.code() == Some(SKIPPED) {
            outcome.skips.push(Skip { what: "the whole suite".to_owned(), why: last });
            return Ok(());
        }
        if !status.success() {
            outcome.broken.push(format!("`{}`: {status}", run::describe(&command)));
        }
    }
    outcome.passed = usize::from(outcome.broken.is_empty());
    Ok(())
}

fn tests(workspace: &Workspace, steps: &[Step], outcome: &mut Outcome) -> Result<()> {
    let skipped = tempfile::NamedTempFile::new()?;
    let mut all = Counts::default();
    for step in steps {
        let mut command = step.command(&workspace.root);
        command.env(SKIP_LOG, skipped.path());
        let mut counts = Counts::default();
        let (status, _) = run::stream(&mut command, false, |line| {
            counts.add(results::parse_result(line).unwrap_or_default());
        })?;
        if !status.success() && counts.failed == 0 {
            outcome.broken.push(format!("`{}`: {status}", run::describe(&command)));
        }
        all.add(counts);
    }
    let skips = results::parse_skips(&std::fs::read_to_string(skipped.path())?);
    outcome.count(all, skips);
    Ok(())
}

fn house(workspace: &Workspace, outcome: &mut Outcome) {
    for (rule, broken) in house::check(workspace) {
        if broken.is_empty() {
            run::echo(format!("ok      {rule}\n").as_bytes());
            outcome.passed += 1;
        } else {
            run::echo(format!("FAILED  {rule}\n").as_bytes());
            outcome.failed_tests += 1;
        }
        for what in broken {
            run::echo(format!("        {what}\n").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(needs: Needs) -> Suite {
        Suite { name: "x", shows: "y", needs, work: Work::House }
    }

    #[test]
    fn what_is_missing_reduces_or_skips() {
        for (needs, missing, runs, skips) in [
            (Needs::Nothing, "clang", true, 0),
            (Needs::BpfOrLess, "clang", true, 1),
            (Needs::BpfOrLess, "valgrind", true, 0),
            (Needs::Live, "clang", false, 1),
            (Needs::Live, "valgrind", true, 0),
            (Needs::Valgrind, "valgrind", false, 1),
        ] {
            let mut outcome = Outcome::new("x", true);
            let may = suite(needs).may_run(&[missing], &mut outcome);
            assert_eq!((may, outcome.skips.len()), (runs, skips), "{needs:?} {missing}");
        }
    }
}
