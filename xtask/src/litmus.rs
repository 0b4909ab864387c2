//! `cargo xtask litmus`: runs the protocol's litmus tests under several memory models.
//!
//! Each test is a few lines for one or two parties. Its comment states the expected result. The
//! tests in the folder litmus/ are in the kernel's dialect and run under the Linux kernel's model.
//! Those in its subfolders run under the models of two processors and of C.

mod herd;
mod outcome;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::run;
use crate::workspace::Workspace;

use herd::Herd;
use outcome::Outcome;

/// Where the tests are.
const FOLDER: &str = "litmus";
/// The exit code that tells the gate: the tests cannot run here.
const CANNOT: u8 = 77;

/// The memory model of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// The Linux kernel's.
    Kernel,
    /// That of C, and so of Rust: RC11, in which a load never waits for a later store.
    C11,
    /// That of a processor, which the first word of the test names.
    Processor,
}

/// Its folder below litmus/, and the model.
const MODELS: [(&str, Model); 4] = [
    ("", Model::Kernel),
    ("c11", Model::C11),
    ("x86_64", Model::Processor),
    ("aarch64", Model::Processor),
];

/// One file.
#[derive(Debug)]
struct Test {
    /// Its path below litmus/, without the ending.
    name: String,
    file: PathBuf,
    model: Model,
    expected: Outcome,
    /// Final states that the model must allow: a test in which nothing happens shows nothing.
    seen: Vec<String>,
}

/// Runs all tests. Returns the exit code.
pub(crate) fn litmus(workspace: &Workspace, no_install: bool) -> Result<u8> {
    let tests = all(&workspace.root.join(FOLDER))?;
    let cache = workspace.target.join("litmus");
    let herd = match Herd::get(&cache, no_install) {
        Ok(herd) => herd,
        Err(error) => {
            let why = format!("{error:#}").trim().replace('\n', "; ");
            eprintln!("NO LITMUS TEST RAN: {why}");
            return Ok(CANNOT);
        }
    };
    run::echo(format!("{}\n\n", herd.versions()?).as_bytes());
    let row = |name: &str, expected: &str, got: &str| {
        run::echo(format!("{name:<34} {expected:<19} {got}\n").as_bytes());
    };
    row("test", "expected", "got");
    let mut wrong = 0;
    for test in &tests {
        let output = herd.run(test.model, &test.file)?;
        let (got, good) = test.judge(&output);
        wrong += usize::from(!good);
        row(&test.name, &test.expected.to_string(), &got);
    }
    run::echo(format!("\n{} tests, {wrong} not as expected\n", tests.len()).as_bytes());
    Ok(u8::from(wrong > 0))
}

impl Test {
    /// Reads the head of a test: its name in the first line, `Result:` and `Seen:`.
    fn parse(name: String, file: PathBuf, model: Model, text: &str) -> Result<Self> {
        let own = text.lines().next().and_then(|line| line.split_whitespace().nth(1));
        let last = name.rsplit('/').next().unwrap_or(&name);
        ensure!(own == Some(last), "litmus/{name}: the first line must have the same name");
        let expected = fields(text, "Result:").next().and_then(Outcome::parse);
        let expected = expected.with_context(|| format!("litmus/{name}: no `Result:`"))?;
        let seen: Vec<_> = fields(text, "Seen:").map(str::to_owned).collect();
        ensure!(!seen.is_empty(), "litmus/{name}: no `Seen:`");
        Ok(Self { name, file, model, expected, seen })
    }

    /// The result, and whether it is the expected one.
    fn judge(&self, output: &str) -> (String, bool) {
        let Some(got) = Outcome::of_run(output) else {
            let why = output.lines().find(|line| line.contains("rror") || line.contains("Warning"));
            return (format!("cannot run: {}", why.unwrap_or("no output").trim()), false);
        };
        let absent =
            self.seen.iter().find(|state| !output.lines().any(|line| line.trim() == **state));
        match absent {
            Some(state) => (format!("{got}, but never `{state}`"), false),
            None if got != self.expected => (format!("{got}, NOT AS EXPECTED"), false),
            None => (got.to_string(), true),
        }
    }
}

/// The values of the lines of a comment that begin with `name`.
fn fields<'a>(text: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().map(|line| line.trim_start_matches([' ', '*']));
    lines.filter_map(move |line| line.strip_prefix(name).map(str::trim))
}

/// All tests, in the order of their names.
fn all(folder: &Path) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    for (below, model) in MODELS {
        let folder = folder.join(below);
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "litmus"));
        files.sort_by_key(|file| file.with_extension(""));
        ensure!(!files.is_empty(), "{} contains no tests", folder.display());
        for file in files {
            let name = Path::new(below).join(file.file_stem().unwrap_or_default());
            let text = fs::read_to_string(&file)?;
            tests.push(Test::parse(name.display().to_string(), file, model, &text)?);
        }
    }
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "C name\n\n(*\n * Result: Sometimes DATARACE\n * Seen: 0:d=7; 0:h=2;\n *)\n";

    fn test(text: &str) -> Result<Test> {
        Test::parse("c11/name".to_owned(), PathBuf::new(), Model::C11, text)
    }

    #[test]
    fn a_test_says_what_it_expects() {
        let good = test(TEXT).unwrap();
        assert_eq!(good.expected.to_string(), "Sometimes DATARACE");
        assert_eq!(good.seen, ["0:d=7; 0:h=2;"]);
        for (part, other) in [("C name", "C nome"), ("Result", "Resalt"), ("Seen", "Seem")] {
            assert!(test(&TEXT.replace(part, other)).is_err(), "{part}");
        }
        assert!(test(&TEXT.replace("Sometimes", "Perhaps")).is_err());
    }

    #[test]
    fn a_verdict_a_race_and_an_absent_state_are_told() {
        let run = "States 2\n0:d=0; 0:h=2;\n0:d=7; 0:h=2;\nOk\nFlag data-race\n\
                   Observation name Sometimes 1 1\n";
        let test = test(TEXT).unwrap();
        assert_eq!(test.judge(run), ("Sometimes DATARACE".to_owned(), true));
        for (part, other) in [
            ("Sometimes", "Never"),
            ("Flag data-race\n", ""),
            ("0:d=7; 0:h=2;\n", ""),
            ("Observation", "Warning: File x, line 1: unexpected 'lock' (User error)"),
        ] {
            let (got, good) = test.judge(&run.replace(part, other));
            assert!(!good, "{got}");
        }
        assert!(!test.judge("").1);
    }

    #[test]
    fn the_tests_of_this_repository_can_be_read() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let tests = all(&root.join(FOLDER)).unwrap();
        for model in [Model::Kernel, Model::C11, Model::Processor] {
            assert!(tests.iter().any(|test| test.model == model), "{model:?}");
        }
    }
}
