//! `cargo xtask mutants`: changes core and the backend in many small ways, each of which a test
//! must notice.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{packages, run};

/// The crates that are mutated. The file of each lists the tests to run, and the mutants that no
/// test can see.
const CONFIGS: [(&str, &str); 2] =
    [("ringbuf-core", ".cargo/mutants.toml"), ("ringbuf-kernel", ".cargo/mutants-kernel.toml")];
/// The exit codes of cargo-mutants when it has tried all mutants: some may have survived, or run
/// into the time limit.
const JUDGED: [u8; 3] = [0, 2, 3];
/// The files in which it lists mutants, with the heading of each.
const ENDS: [(&str, &str); 4] = [
    ("caught.txt", "caught"),
    ("timeout.txt", "endless"),
    ("unviable.txt", "no code"),
    ("missed.txt", "survived"),
];
const SURVIVED: usize = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Try only mutants with a matching description, for example `walk.rs` or `Batch`
    #[arg(long, value_name = "REGEX")]
    only: Option<String>,
    /// Try only this crate: ringbuf-core, or ringbuf-kernel (its tests are live)
    #[arg(long, value_name = "CRATE", value_parser = CONFIGS.map(|(name, _)| name))]
    package: Option<String>,
    /// Install nothing
    #[arg(long)]
    no_install: bool,
}

/// Runs them. Returns the exit code.
pub(crate) fn mutants(workspace: &Workspace, options: &Options) -> Result<u8> {
    ready(options.no_install)?;
    let chosen = |name: &str| options.package.as_ref().is_none_or(|package| package == name);
    let mut worst = 0;
    for (package, config) in CONFIGS.into_iter().filter(|(name, _)| chosen(name)) {
        worst = worst.max(mutants_of(workspace, options, package, config)?);
    }
    Ok(worst)
}

fn mutants_of(workspace: &Workspace, options: &Options, package: &str, path: &str) -> Result<u8> {
    let root = &workspace.root;
    let config = fs::read_to_string(root.join(path)).with_context(|| path.to_owned())?;
    let excluded = exclusions(&config).with_context(|| path.to_owned())?;
    let stale = stale(root, package, &excluded)?;
    if !stale.is_empty() {
        bail!(
            "{path} excludes mutants that no longer exist; remove these lines:\n{}",
            stale.join("\n")
        );
    }
    let out = workspace.target.join("mutants").join(package);
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut command = cargo_mutants(root);
    command.arg("--config").arg(root.join(path)).arg("--output").arg(&out);
    if let Some(only) = &options.only {
        command.args(["--re", only]);
    }
    eprintln!("xtask: {}", run::describe(&command));
    let code = run::exit_code(command.status()?);
    if !JUDGED.contains(&code) {
        bail!("cargo mutants ended with {code}, so there is no result: see its output above");
    }
    let read = |(name, _)| fs::read_to_string(out.join("mutants.out").join(name));
    let ends = [read(ENDS[0])?, read(ENDS[1])?, read(ENDS[2])?, read(ENDS[3])?];
    if ends.iter().all(|lines| lines.trim().is_empty()) {
        run::echo(format!("{package}: no mutant was tried\n").as_bytes());
        return Ok(u8::from(options.only.is_none()));
    }
    run::echo(report(&ends).as_bytes());
    Ok(u8::from(!ends[SURVIVED].trim().is_empty()))
}

/// One row for each file, and what survived.
fn report(ends: &[String; 4]) -> String {
    let mut files: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for (end, lines) in ends.iter().enumerate() {
        for line in lines.lines() {
            let file = line.split(':').next().unwrap_or_default();
            files.entry(file).or_default()[end] += 1;
        }
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut row = |file: &str, cells: [String; 4]| {
        let [caught, endless, no_code, survived] = cells;
        let _ = writeln!(text, "{file:<30} {caught:>8} {endless:>8} {no_code:>8} {survived:>9}");
    };
    row("file", ENDS.map(|(_, heading)| heading.to_owned()));
    let mut sums = [0; 4];
    for (file, counts) in files {
        row(file, counts.map(|count| count.to_string()));
        sums = [0, 1, 2, 3].map(|end| sums[end] + counts[end]);
    }
    row("all", sums.map(|sum| sum.to_string()));
    for line in ends[SURVIVED].lines() {
        let _ = writeln!(text, "survived: {line}");
    }
    text
}

/// The exclusions of the configuration. Each is on its own line, under its reason.
fn exclusions(config: &str) -> Result<Vec<String>> {
    let (_, list) = config.split_once("exclude_re = [").context("no `exclude_re = [`")?;
    let mut found = Vec::new();
    let mut reason = false;
    for line in list.lines().skip(1).map(str::trim).take_while(|line| *line != "]") {
        match line.strip_prefix('\'').and_then(|rest| rest.strip_suffix("',")) {
            Some(pattern) if reason => found.push(pattern.to_owned()),
            Some(pattern) => bail!("'{pattern}' has no reason: add a comment above it"),
            None if line.starts_with('#') => reason = true,
            None if line.is_empty() => reason = false,
            None => bail!("expected a reason or a pattern in quotes, found: {line}"),
        }
    }
    Ok(found)
}

/// The exclusions that match no mutant.
fn stale<'p>(root: &Path, package: &str, patterns: &'p [String]) -> Result<Vec<&'p str>> {
    let mut stale = Vec::new();
    for pattern in patterns {
        let mut list = cargo_mutants(root);
        let sources = format!("{package}/src/**/*.rs");
        list.args(["--no-config", "--list", "--file", &sources, "--re", pattern]);
        if run::output(&mut list)?.trim().is_empty() {
            stale.push(pattern.as_str());
        }
    }
    Ok(stale)
}

/// cargo-mutants builds each copy of the tree inside that copy, not in our caller's build folder.
fn cargo_mutants(root: &Path) -> Command {
    let mut command = run::cargo();
    command.current_dir(root).arg("mutants").env_remove("CARGO_TARGET_DIR");
    command
}

/// Installs cargo-mutants if it is missing and that is allowed.
fn ready(no_install: bool) -> Result<()> {
    if run::works("cargo", &["mutants", "--version"]) {
        return Ok(());
    }
    packages::cargo_install("cargo-mutants", "changes core", "mutants", no_install)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_are_counted_and_named() {
        let ends =
            ["a.rs:1:2: x\na.rs:3:4: y\n", "b.rs:1:1: z\n", "", "a.rs:9:9: replace + with -\n"];
        let want = "\
file                             caught  endless  no code  survived
a.rs                                  2        0        0         1
b.rs                                  0        1        0         0
all                                   2        1        0         1
survived: a.rs:9:9: replace + with -
";
        assert_eq!(report(&ends.map(str::to_owned)), want);
    }

    #[test]
    fn an_exclusion_has_a_reason() {
        let list = |lines: &str| exclusions(&format!("x = 1\nexclude_re = [\n{lines}]\ny = 2\n"));
        assert_eq!(list("# why\n# so\n'a',\n'b',\n\n# why\n'c',\n").unwrap(), ["a", "b", "c"]);
        assert!(list("'a',\n").is_err());
        assert!(list("# why\n'a',\n\n'b',\n").is_err());
        assert!(list("# why\n\"a\",\n").is_err());
        assert!(exclusions("").is_err());
    }

    /// A new test of the simulator is run over the mutants, too.
    #[test]
    fn the_configuration_names_the_tests() {
        // Slower, and not needed to notice any mutant.
        const LEFT_OUT: [&str; 3] = ["explore", "schedule", "user_schedule"];
        // Of ringbuf-fuzz.
        const BESIDES: [&str; 2] = ["--package=ringbuf-fuzz", "--test=oracle"];
        let workspace = Workspace::load().unwrap();
        let read = |(_, path)| fs::read_to_string(workspace.root.join(path)).unwrap();
        let [config, kernel] = CONFIGS.map(read);
        assert!(!exclusions(&config).unwrap().is_empty());
        assert!(!exclusions(&kernel).unwrap().is_empty());
        for test in workspace.sim_tests.iter().filter(|test| !LEFT_OUT.contains(&&***test)) {
            assert!(config.contains(&format!("\"--test={test}\"")), "no {test}");
        }
        for argument in BESIDES {
            assert!(config.contains(&format!("\"{argument}\"")), "no {argument}");
        }
    }
}
