//! The results of a suite, read from the output of cargo test and from the list of skipped tests.

use std::time::Duration;

/// The numbers of tests, by result.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// Something that did not run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// One suite's row in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) suite: &'static str,
    /// The suite counts tests; otherwise it passes or fails as a whole.
    pub(crate) counts_tests: bool,
    pub(crate) passed: usize,
    /// One line for each thing that failed outside of a counted test.
    pub(crate) broken: Vec<String>,
    pub(crate) failed_tests: usize,
    pub(crate) skips: Vec<Skip>,
    pub(crate) time: Duration,
}

impl Outcome {
    pub(crate) fn new(suite: &'static str, counts_tests: bool) -> Self {
        Self {
            suite,
            counts_tests,
            passed: 0,
            broken: Vec::new(),
            failed_tests: 0,
            skips: Vec::new(),
            time: Duration::ZERO,
        }
    }

    pub(crate) fn failed(&self) -> usize {
        self.failed_tests + self.broken.len()
    }

    /// Adds cargo's counts. A skipped test returned early, so cargo counted it as passed; an
    /// ignored test is forbidden, so it counts as failed; and if no test ran, the suite failed.
    pub(crate) fn count(&mut self, counts: Counts, skips: Vec<Skip>) {
        self.passed += counts.passed.saturating_sub(skips.len());
        self.failed_tests += counts.failed;
        self.skips.extend(skips);
        if counts.ignored > 0 {
            let ignored = format!(
                "{} ignored tests: a test must run, or report why it does not",
                counts.ignored
            );
            self.broken.push(ignored);
        }
        if counts == Counts::default() && self.broken.is_empty() {
            self.broken.push("no test ran".to_owned());
        }
    }
}

/// Reads `test result: ok. 12 passed; 0 failed; 0 ignored; ...`, also where a test has printed
/// something without a line end before it.
pub(crate) fn parse_result(line: &str) -> Option<Counts> {
    let (_, result) = line.split_once("test result: ")?;
    let (_, numbers) = result.split_once(". ")?;
    let mut counts = Counts::default();
    for part in numbers.split(';') {
        let mut words = part.split_whitespace();
        let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
        let field = match what {
            "passed" => &mut counts.passed,
            "failed" => &mut counts.failed,
            "ignored" => &mut counts.ignored,
            _ => continue,
        };
        *field = number.parse().ok()?;
    }
    Some(counts)
}

/// Reads the file that skipping tests append `test<tab>reason` to.
pub(crate) fn parse_skips(text: &str) -> Vec<Skip> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let (what, why) = line.split_once('\t').unwrap_or((line, "no reason given"));
            Skip { what: what.trim().to_owned(), why: why.trim().to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: usize, failed: usize, ignored: usize) -> Counts {
        Counts { passed, failed, ignored }
    }

    fn skip(what: &str, why: &str) -> Skip {
        Skip { what: what.to_owned(), why: why.to_owned() }
    }

    #[test]
    fn results() {
        let tail = "0 measured; 3 filtered out; finished in 0.01s";
        let line = format!("test result: ok. 12 passed; 0 failed; 1 ignored; {tail}\n");
        assert_eq!(parse_result(&line), Some(counts(12, 0, 1)));
        let line = format!("noisetest result: FAILED. 1 passed; 2 failed; 0 ignored; {tail}");
        assert_eq!(parse_result(&line), Some(counts(1, 2, 0)));
        assert_eq!(parse_result("test a::b ... ok"), None);
        assert_eq!(parse_result("test result: what"), None);
        assert_eq!(parse_result("test result: ok. x passed; 0 failed"), None);
    }

    #[test]
    fn skips() {
        let text = "live::a\tneeds root\n\nb\tno tab\there\nc\n";
        let want = [
            skip("live::a", "needs root"),
            skip("b", "no tab\there"),
            skip("c", "no reason given"),
        ];
        assert_eq!(parse_skips(text), want);
    }

    #[test]
    fn skipped_tests_do_not_count_as_passed() {
        let mut outcome = Outcome::new("live", true);
        outcome.count(counts(5, 1, 0), vec![skip("a", "b"), skip("c", "d")]);
        assert_eq!((outcome.passed, outcome.failed(), outcome.skips.len()), (3, 1, 2));
    }

    #[test]
    fn ignored_tests_and_empty_suites_fail() {
        let mut outcome = Outcome::new("units", true);
        outcome.count(counts(5, 0, 2), Vec::new());
        assert_eq!((outcome.passed, outcome.failed()), (5, 1));
        let mut outcome = Outcome::new("units", true);
        outcome.count(counts(0, 0, 0), Vec::new());
        assert_eq!(outcome.failed(), 1);
    }
}
