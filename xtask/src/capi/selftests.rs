//! `cargo xtask capi --selftests`: the kernel's own tests of ring buffers, with libbpf and with the
//! C library.
//!
//! Their source is fetched and built below the target folder; nothing of it is in the repository.
//! `tests/selftests` stands in for the kernel's own frame of tests.

mod build;
mod fetch;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::LIBRARY;
use crate::run;
use crate::workspace::Workspace;

use build::Built;

/// A run of all subtests: its name in the table, and the policy, if it is with the C library.
const RUNS: [(&str, Option<&str>); 5] = [
    ("libbpf", None),
    ("balanced", Some("balanced")),
    ("immediate", Some("immediate")),
    ("low_latency", Some("low_latency")),
    ("low_cost", Some("low_cost")),
];
/// The last run: the library is linked before libbpf, not preloaded.
const LINKED: &str = "linked";
/// Fewer subtests would mean that the kernel's source has changed.
const FEWEST: usize = 18;

/// Builds and runs them, and prints a table. Returns the exit code.
pub(crate) fn run(workspace: &Workspace) -> Result<u8> {
    ensure!(crate::packages::is_root(), "the selftests load BPF programs: run this as root");
    ensure!(cfg!(target_arch = "x86_64"), "the selftests are built for x86-64 only");
    let folder = workspace.target.join("selftests");
    let source = fetch::fetch(&folder, workspace)?;
    let built = build::build(&folder, &source, workspace)?;
    let library = workspace.target.join("release").join(LIBRARY);
    let mut columns = Vec::new();
    for (name, policy) in RUNS {
        let mut command = Command::new(&built.runner);
        if let Some(policy) = policy {
            command.env("LD_PRELOAD", &library).env("RINGBUF_POLICY", policy);
        }
        columns.push(Column::run(name, &mut command, policy.is_some(), &built)?);
    }
    columns.push(Column::run(LINKED, &mut Command::new(&built.linked), true, &built)?);
    println!("selftests of {}", source.release);
    run::echo(table(&columns).as_bytes());
    Ok(u8::from(!lost(&columns).is_empty()))
}

/// The results of one run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Column {
    name: &'static str,
    /// In the order in which they ran.
    subtests: Vec<(String, bool)>,
    /// The first reason of each that failed.
    reasons: BTreeMap<String, String>,
}

impl Column {
    fn run(name: &'static str, command: &mut Command, ours: bool, built: &Built) -> Result<Self> {
        eprintln!("selftests: {name}");
        command.env("LD_LIBRARY_PATH", &built.libraries).env("RINGBUF_VERBOSE", "1");
        let output = command.output().with_context(|| format!("cannot start {name}"))?;
        ensure!(output.status.success(), "{name}: the runner ended with {}", output.status);
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(ours == said.contains("is bound"), "{name}: another library was bound:\n{said}");
        let column = Self::parse(name, &String::from_utf8_lossy(&output.stdout));
        let count = column.subtests.len();
        ensure!(count >= FEWEST, "{name}: {count} subtests ran, and not {FEWEST} or more");
        Ok(column)
    }

    fn parse(name: &'static str, text: &str) -> Self {
        let mut column = Self { name, ..Self::default() };
        for (word, rest) in text.lines().filter_map(|line| line.split_once(' ')) {
            match word {
                "pass" | "fail" => column.subtests.push((rest.to_owned(), word == "pass")),
                "reason" => {
                    let (subtest, why) = rest.split_once(": ").unwrap_or((rest, ""));
                    column.reasons.entry(subtest.to_owned()).or_insert_with(|| why.to_owned());
                }
                _ => {}
            }
        }
        column
    }

    fn passes(&self, subtest: &str) -> bool {
        self.subtests.iter().any(|(name, passed)| name == subtest && *passed)
    }
}

/// The subtests that pass with libbpf and not with the C library, with the run.
fn lost(columns: &[Column]) -> Vec<(&str, &str)> {
    let Some((libbpf, ours)) = columns.split_first() else { return Vec::new() };
    let passed = libbpf.subtests.iter().filter(|(_, passed)| *passed);
    passed
        .flat_map(|(name, _)| {
            let fails = ours.iter().filter(|column| !column.passes(name));
            fails.map(|column| (name.as_str(), column.name))
        })
        .collect()
}

fn table(columns: &[Column]) -> String {
    let Some(first) = columns.first() else { return String::new() };
    let row = |head: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>13}")).collect();
        format!("{head:<46}{cells}\n")
    };
    let mut text = row("subtest", columns.iter().map(|column| column.name.to_owned()).collect());
    for (name, _) in &first.subtests {
        let cell = |column: &Column| if column.passes(name) { "pass" } else { "FAIL" }.to_owned();
        text += &row(name, columns.iter().map(cell).collect());
    }
    let sum = |column: &Column| {
        let passed = column.subtests.iter().filter(|(_, passed)| *passed).count();
        format!("{passed} of {}", column.subtests.len())
    };
    text += &row("pass", columns.iter().map(sum).collect());
    for column in columns {
        for (subtest, why) in &column.reasons {
            text += &format!("{}: {subtest}: {why}\n", column.name);
        }
    }
    for (subtest, run) in lost(columns) {
        text += &format!("{subtest} passes with libbpf, and not here: {run}\n");
    }
    text
}

/// Compiles with this program and these arguments.
fn compile(program: &Path, arguments: &[&str]) -> Result<()> {
    run::output(Command::new(program).args(arguments)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_and_compared() {
        let libbpf = Column::parse("libbpf", "pass a\nreason b: load: -13\nfail b\npass c\n");
        assert_eq!(libbpf.reasons["b"], "load: -13");
        let same = Column { name: "same", ..Column::parse("same", "pass a\nfail b\npass c\n") };
        let worse = Column::parse("worse", "reason a: x\nreason a: y\nfail a\npass b\n");
        assert_eq!(worse.reasons["a"], "x");
        let columns = [libbpf, same, worse];
        assert_eq!(lost(&columns), [("a", "worse"), ("c", "worse")]);
        let text = table(&columns);
        assert!(text.contains("2 of 3") && text.contains("worse: a: x\n"), "{text}");
        assert!(text.contains("c passes with libbpf, and not here: worse"), "{text}");
        assert!(lost(&columns[..2]).is_empty());
    }
}
