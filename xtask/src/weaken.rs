//! `cargo xtask weaken`: breaks core, the simulator's waits and the backend on purpose, one place
//! at a time. The tests that are named for each break must fail.
//!
//! Loom's table weakens accesses from outside, in the models' memory; cargo-mutants knows nothing
//! of orderings, fences, and the order of two stores. This changes the source.

mod btf;
mod claims;
mod ends;
mod explore;
mod inspect;
mod kernel;
mod list;
mod look_ahead;
mod losses;
mod merge;
mod merged;
mod overwrite;
mod page;
mod record;
mod requests;
mod sets;
mod shards;
mod stuck;
mod typed;
mod user_rings;
mod waits;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::run;
use crate::workspace::Workspace;

use list::{Break, Seen};

/// The text that replaces RELAXED in a break, because the files do not import it.
const RELAXED: &str = "core::sync::atomic::Ordering::Relaxed";
/// After this time, a test that hangs because of a break is stopped, and counts as failed.
const LIMIT: Duration = Duration::from_secs(180);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Try only breaks with this text in their name
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// List the breaks and the tests that must fail; run nothing
    #[arg(long)]
    list: bool,
}

/// All of them.
fn breaks() -> impl Iterator<Item = &'static Break> {
    let lists = [
        list::BREAKS,
        waits::BREAKS,
        claims::BREAKS,
        sets::BREAKS,
        shards::BREAKS,
        requests::BREAKS,
        stuck::BREAKS,
        ends::BREAKS,
        page::BREAKS,
        losses::BREAKS,
        typed::BREAKS,
        btf::BREAKS,
        explore::BREAKS,
        inspect::BREAKS,
        user_rings::BREAKS,
        merge::BREAKS,
        merged::BREAKS,
        look_ahead::BREAKS,
        overwrite::BREAKS,
        kernel::BREAKS,
        record::BREAKS,
    ];
    lists.into_iter().flatten()
}

/// Tries them. Returns the exit code.
pub(crate) fn weaken(workspace: &Workspace, options: &Options) -> Result<u8> {
    let only = |b: &&Break| options.only.as_ref().is_none_or(|text| b.name.contains(text.as_str()));
    let chosen: Vec<_> = breaks().filter(only).collect();
    ensure!(!chosen.is_empty(), "no break has this text in its name: --list shows all names");
    if options.list {
        chosen.iter().for_each(|b| run::echo(format!("{}\n", line(b)).as_bytes()));
        return Ok(0);
    }
    let (tree, build) =
        (workspace.target.join("weaken/tree"), workspace.target.join("weaken/build"));
    copy(&workspace.root, &tree)?;
    let scratch = Scratch { tree: &tree, build: &build };
    let started = Instant::now();
    eprintln!("weaken: first the unchanged code; all these tests must pass");
    let tests = chosen.iter().flat_map(|b| b.seen.iter().copied());
    let mut sound: Vec<Seen> = Vec::new();
    tests.for_each(|seen| {
        if !sound.contains(&seen) {
            sound.push(seen)
        }
    });
    let failed = scratch.failing(&sound)?;
    ensure!(failed.is_empty(), "these tests fail on the unchanged code: {}", names(&failed));
    let mut survived = 0;
    for (number, one) in (1..).zip(&chosen) {
        let original = fs::read_to_string(tree.join(one.file))?;
        fs::write(tree.join(one.file), one.apply(&original)?)?;
        let failed = scratch.failing(one.seen);
        fs::write(tree.join(one.file), original)?;
        let failed = failed.with_context(|| one.name)?;
        let missed: Vec<_> = one.seen.iter().copied().filter(|s| !failed.contains(s)).collect();
        let verdict = if missed.is_empty() { "red" } else { "NOT SEEN" };
        survived += usize::from(!missed.is_empty());
        let text = format!("{verdict:<8} {}: {}\n", one.name, names(one.seen));
        run::echo(text.as_bytes());
        if !missed.is_empty() {
            run::echo(
                format!("         these tests still passed: {}\n", names(&missed)).as_bytes(),
            );
        }
        eprintln!("weaken: {number}/{} after {} s", chosen.len(), started.elapsed().as_secs());
    }
    let seen = chosen.len() - survived;
    run::echo(format!("{seen} of {} breaks seen\n", chosen.len()).as_bytes());
    Ok(u8::from(survived > 0))
}

fn line(one: &Break) -> String {
    format!("{} ({}): {}", one.name, one.file, names(one.seen))
}

fn names(all: &[Seen]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Break {
    /// The source with this break in it.
    fn apply(&self, source: &str) -> Result<String> {
        let mut text = source.to_owned();
        for (from, to) in self.edits {
            let places = text.matches(from).count();
            if places != 1 {
                bail!(
                    "{}: found {places} places in {} with `{from}`, but expected one",
                    self.name,
                    self.file
                );
            }
            text = text.replacen(from, &to.replace("RELAXED", RELAXED), 1);
        }
        Ok(text)
    }
}

/// A copy of the repository in which to break things.
struct Scratch<'f> {
    tree: &'f Path,
    build: &'f Path,
}

impl Scratch<'_> {
    /// Those of the tests that fail.
    fn failing(&self, tests: &[Seen]) -> Result<Vec<Seen>> {
        let mut failed = Vec::new();
        let mut targets: Vec<&str> = Vec::new();
        for seen in tests {
            match seen {
                Seen::Golden if !self.golden()? => failed.push(*seen),
                Seen::Test(target, _) if !targets.contains(target) => targets.push(target),
                _ => {}
            }
        }
        for target in targets {
            let of_target = tests.iter().copied().filter(|seen| seen.target() == Some(target));
            failed.extend(self.failing_of(target, &of_target.collect::<Vec<_>>())?);
        }
        Ok(failed)
    }

    /// The same, for one test target. A target that does not end is stopped, and the tests that
    /// have not passed by then count as failed.
    fn failing_of(&self, target: &str, tests: &[Seen]) -> Result<Vec<Seen>> {
        let program = self.program(target)?;
        let mut command = Command::new(program);
        command.current_dir(self.tree.join("ringbuf-sim"));
        command.args(tests.iter().filter_map(Seen::test)).arg("--exact");
        // A file, not a pipe: a test that fails may print more than a pipe holds.
        let path = self.build.join("printed");
        command.stdin(Stdio::null()).stdout(File::create(&path)?).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot start {target}"))?;
        let begun = Instant::now();
        let ended = loop {
            if child.try_wait()?.is_some() {
                break true;
            }
            if begun.elapsed() > LIMIT {
                child.kill()?;
                break false;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let status = child.wait()?;
        let printed = fs::read(&path)?;
        let text = String::from_utf8_lossy(&printed);
        let passed = |seen: &Seen| {
            seen.test().is_some_and(|name| text.contains(&format!("test {name} ... ok")))
        };
        // A test may print between its name and its result. So if all passed, the result of the
        // target counts.
        if ended && status.success() {
            ensure!(text.contains("test result: ok. "), "{target} ran no test");
            let ran = format!("ok. {} passed", tests.len());
            ensure!(text.contains(&ran), "{target} has not all of: {}", names(tests));
            return Ok(Vec::new());
        }
        Ok(tests.iter().copied().filter(|seen| !passed(seen)).collect())
    }

    /// Builds a test target of a crate, or the unit tests of ringbuf-core or ringbuf-kernel.
    fn program(&self, target: &str) -> Result<String> {
        let mut cargo = self.cargo();
        cargo.args(["test", "--no-run", "--profile", "mutants", "--locked", "--offline"]);
        match target {
            "core" | "kernel" => cargo.args(["-p", &format!("ringbuf-{target}"), "--lib"]),
            _ if target.starts_with("live/") => {
                cargo.args(["-p", "ringbuf-tests", "--test", target.trim_start_matches("live/")])
            }
            "tokio/sim" => cargo.args(["-p", "ringbuf-tokio", "--test", "sim"]),
            "capture" => cargo.args(["-p", "ringbuf-record", "--test", target]),
            "typed" => cargo.args(["-p", "ringbuf-typed", "--test", target]),
            _ if target.starts_with("btf/") => {
                cargo.args(["-p", "ringbuf-btf", "--test", target.trim_start_matches("btf/")])
            }
            "corpus" | "oracle" => cargo.args(["-p", "ringbuf-fuzz", "--test", target]),
            _ => cargo.args(["-p", "ringbuf-sim", "--test", target]),
        };
        cargo.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::piped());
        let output = cargo.stdin(Stdio::null()).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "it does not compile:\n{errors}");
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        let mut programs = lines.filter_map(|l| Some(l["executable"].as_str()?.to_owned()));
        programs.next_back().with_context(|| format!("cargo built no {target}"))
    }

    /// Returns true if the hot functions have the accesses that they should have. The text of
    /// another compiler is not a failure. A break that does not compile is an error.
    fn golden(&self) -> Result<bool> {
        let mut cargo = self.cargo();
        cargo.args(["check", "--quiet", "--locked", "--offline", "-p", "ringbuf-core"]);
        run::output(&mut cargo).context("it does not compile")?;
        let mut cargo = self.cargo();
        cargo.args(["run", "--quiet", "--locked", "--offline", "-p", "xtask", "--", "golden"]);
        let status =
            cargo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        Ok([Some(0), Some(77)].contains(&status.code()))
    }

    fn cargo(&self) -> Command {
        let mut cargo = run::cargo();
        cargo.current_dir(self.tree).env("CARGO_TARGET_DIR", self.build);
        cargo
    }
}

/// Updates the copy. Files that have not changed keep their time, so that cargo builds them once.
fn copy(root: &Path, tree: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    for name in run::output(&mut git)?.split_terminator('\0') {
        let (from, to) = (root.join(name), tree.join(name));
        // Listed, and gone.
        let Ok(bytes) = fs::read(&from) else { continue };
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().context("a folder above")?)?;
        fs::write(&to, bytes).with_context(|| to.display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each break still finds its place, and has a test that must notice it.
    #[test]
    fn every_break_can_be_made() {
        let root = Workspace::load().unwrap().root;
        for one in breaks() {
            let source = fs::read_to_string(root.join(one.file)).unwrap();
            let broken = one.apply(&source).unwrap();
            assert_ne!(broken, source, "{}", one.name);
            assert!(!one.seen.is_empty(), "{}", one.name);
        }
    }

    #[test]
    fn a_break_is_made_in_one_place() {
        let edits = &[("a", "b")];
        let one = Break { name: "n", file: "f", edits, seen: &[Seen::Golden] };
        assert_eq!(one.apply("xay").unwrap(), "xby");
        assert!(one.apply("aa").unwrap_err().to_string().contains("2 places in f"));
        assert!(one.apply("x").is_err());
    }
}
