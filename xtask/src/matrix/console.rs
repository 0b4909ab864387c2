//! Reads the output of the virtual machine on its serial console.

use serde_json::Value;

use super::initramfs::{EXEC, MARK, STARTED};
use crate::results::{self, Counts, Skip};
use crate::verdict;

/// A machine's output so far. The firmware writes before the kernel, and the kernel between the
/// programs. A line may begin with output that had no line end, so a mark counts anywhere in a
/// line.
#[derive(Debug, Default)]
pub(crate) struct Console {
    /// The output of `uname -r`.
    pub(crate) release: Option<String>,
    /// The output of `uname -v`, with the package's version.
    pub(crate) build: Option<String>,
    /// What `portable` found, for each kind of process: widths, byte order, page size.
    pub(crate) found: Vec<String>,
    pub(crate) suites: Vec<Suite>,
    /// Where tests show less than on the newest kernel: test, and what.
    pub(crate) notes: Vec<Skip>,
    /// The kernel's complaints.
    pub(crate) complaints: Vec<String>,
    pub(crate) done: bool,
    /// It had to be switched off.
    pub(crate) timed_out: bool,
    /// It had to be switched off because it printed nothing for too long: its last output.
    pub(crate) silent: Option<String>,
    started: Vec<verdict::Program>,
    events: Vec<verdict::Program>,
    told: Option<Value>,
}

/// The result of one suite.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Suite {
    pub(crate) name: String,
    pub(crate) counts: Counts,
    pub(crate) skips: Vec<Skip>,
    /// The reasons for a failure besides failed tests.
    pub(crate) problems: Vec<String>,
    pub(crate) seconds: f64,
    /// The messages so far: they are the reason if it fails.
    told: Vec<String>,
    /// The line before began the message of a panic.
    panicked: bool,
    ended: bool,
    began: f64,
}

impl Suite {
    /// A skipped test returned early and was counted as passed.
    pub(crate) fn passed(&self) -> usize {
        self.counts.passed.saturating_sub(self.skips.len())
    }

    pub(crate) fn failed(&self) -> bool {
        self.counts.failed > 0 || !self.problems.is_empty()
    }

    /// Reads a line of a test program.
    fn line(&mut self, line: &str) {
        self.counts.add(results::parse_result(line).unwrap_or_default());
        if self.panicked {
            let what = self.told.last_mut().into_iter();
            what.for_each(|text| *text = format!("{text}: {line}"));
        }
        let compared = line.starts_with("  left: ") || line.starts_with(" right: ");
        if let Some(text) = self.told.last_mut().filter(|_| compared) {
            *text = format!("{text}; {}", line.trim_start());
        }
        self.panicked = line.contains("panicked at ");
        if self.panicked {
            self.told.push(line.trim_end_matches(':').to_owned());
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        if self.failed() {
            self.problems.append(&mut first_and_last(&self.told));
        }
    }
}

impl Console {
    /// Reads one line.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some((_, words)) = line.split_once(MARK) {
            let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
            self.mark(word, rest.trim());
        } else if let Some(suite) = self.suites.last_mut().filter(|suite| !suite.ended) {
            suite.line(line);
            if let Some((what, why)) = note(line) {
                self.notes.push(Skip { what: what.to_owned(), why: why.to_owned() });
            }
        }
        if let Some((_, found)) = line.split_once("FOUND ") {
            self.found.push(found.to_owned());
        }
        if line.contains("Kernel panic") {
            self.complaints.push(line.to_owned());
        }
    }

    fn mark(&mut self, word: &str, rest: &str) {
        let words: Vec<_> = rest.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
        match word {
            "begin" => self.release = Some(rest.to_owned()),
            "build" => self.build = Some(rest.to_owned()),
            "suite" => {
                let name = words.first().copied().unwrap_or_default().to_owned();
                let began = number(1).unwrap_or_default();
                self.suites.push(Suite { name, began, ..Suite::default() });
            }
            "end" => {
                let (code, at) = (words.get(1).copied().unwrap_or("?"), number(2));
                self.end(words.first().copied().unwrap_or_default(), code, at);
            }
            "skip" => {
                let skips = results::parse_skips(rest);
                self.suites.last_mut().into_iter().for_each(|s| s.skips.extend(skips.clone()));
            }
            "kernel" => self.complaints.push(rest.to_owned()),
            "started" => self.started.extend(verdict::parse(rest)),
            "event" => self.events.extend(event(rest)),
            "told" => match (serde_json::from_str(rest), self.suites.last_mut()) {
                (Ok(summary), _) => self.told = Some(summary),
                // The first line tells the fault; the log has the rest.
                (Err(_), Some(suite)) if suite.told.is_empty() => suite.told.push(rest.to_owned()),
                _ => {}
            },
            "done" => self.done = true,
            _ => {}
        }
    }

    fn end(&mut self, name: &str, code: &str, at: Option<f64>) {
        let seen = (name == EXEC).then(|| self.exec());
        let Some(suite) = self.suites.last_mut().filter(|suite| suite.name == name) else { return };
        suite.seconds = at.map_or(0.0, |at| at - suite.began);
        match (code, seen) {
            ("0", Some(Ok(()))) => suite.counts.passed = 1,
            ("0", Some(Err(problem))) => suite.problems.push(problem),
            ("0", None) if suite.counts == Counts::default() => {
                suite.problems.push("no test ran".to_owned());
            }
            ("0", None) => {}
            ("137", _) => suite.problems.push("not finished within its time".to_owned()),
            ("101", None) if suite.counts.failed > 0 => {}
            ("127", _) => suite.problems.push(
                "the program could not be started (exit code 127): a file that it needs is missing"
                    .to_owned(),
            ),
            (code, _) => suite.problems.push(format!("exit code {code}")),
        }
        if suite.counts.ignored > 0 {
            suite.problems.push(format!("{} ignored tests", suite.counts.ignored));
        }
        suite.finish();
    }

    /// Checks that the command saw each started program, and lost nothing.
    fn exec(&self) -> Result<(), String> {
        let verdict = verdict::judge(&self.started, &self.events);
        if self.started.len() != STARTED.len() || !verdict.good() {
            return Err(verdict.to_string().replace("\ndemo:", ";").replace("demo: ", ""));
        }
        match &self.told {
            Some(told) if told["failed_reservations"] == 0 && told["lag_bytes"] == 0 => Ok(()),
            Some(told) => Err(format!("events were lost: {told}")),
            None => Err("no summary".to_owned()),
        }
    }

    /// Returns true if a suite has begun and not ended.
    pub(crate) fn runs_a_suite(&self) -> bool {
        self.suites.last().is_some_and(|suite| !suite.ended)
    }

    /// Ends the reading: adds the suites that never came, with the reason why no more will come.
    pub(crate) fn close(&mut self, expected: &[String], reason: &str) {
        let ended =
            |name: &String| self.suites.iter().any(|suite| suite.name == *name && suite.ended);
        if !self.done && expected.iter().all(ended) {
            self.complaints.push(format!("nothing behind the last suite: {reason}"));
        }
        if let Some(suite) = self.suites.last_mut().filter(|suite| !suite.ended) {
            suite.problems.push(format!("did not end: {reason}"));
            suite.finish();
        }
        for name in expected {
            if self.suites.iter().all(|suite| suite.name != *name) {
                let problems = vec![format!("not reached: {reason}")];
                let suite = Suite { name: name.clone(), problems, ..Suite::default() };
                self.suites.push(suite);
            }
        }
    }
}

/// The first and the last message of the panics of each thread: a property test panics for each
/// smaller input that it tries, and at last prints the smallest.
fn first_and_last(told: &[String]) -> Vec<String> {
    let thread = |text: &String| text.split(" panicked at ").next().map(str::to_owned);
    let brief = |same: &[String]| match same {
        [first, .., last] => vec![first.clone(), last.clone()],
        few => few.to_vec(),
    };
    told.chunk_by(|one, next| thread(one) == thread(next)).flat_map(brief).collect()
}

/// The process id and the file of one event in JSON.
fn event(line: &str) -> Option<verdict::Program> {
    let event: Value = serde_json::from_str(line).ok()?;
    let pid = u32::try_from(event["pid"].as_u64()?).ok()?;
    Some((pid, event["filename"].as_str()?.to_owned()))
}

/// `NOTE module::test: text`, perhaps after the beginning of a line of the test harness.
fn note(line: &str) -> Option<(&str, &str)> {
    let (test, text) = line.split_once("NOTE ")?.1.split_once(": ")?;
    (test.contains("::") && !test.contains(' ')).then_some((test, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "0 ignored; 0 measured; 0 filtered out; finished in 0.57s";

    fn read(lines: &[&str]) -> Console {
        let mut console = Console::default();
        lines.iter().for_each(|line| console.line(&format!("{line}\r\n")));
        console
    }

    fn exec(events: &[(u32, &str)], summary: &str) -> Console {
        let mut lines = vec!["@@ suite exec 1.00".to_owned()];
        let started = (10..).zip(STARTED);
        lines.extend(started.map(|(pid, name)| format!("@@ started {pid} /probe/{name}")));
        lines.extend(events.iter().map(|(pid, name)| {
            format!("@@ event {{\"pid\":{pid},\"filename\":\"/probe/{name}\"}}")
        }));
        lines.push(format!("@@ told {summary}"));
        lines.push("@@ end exec 0 3.50".to_owned());
        read(&lines.iter().map(String::as_str).collect::<Vec<_>>())
    }

    const GOOD: &str = "{\"failed_reservations\":0,\"lag_bytes\":0}";

    #[test]
    fn a_good_run_behind_the_firmware_s_escape_sequences() {
        let console = read(&[
            "\u{1b}c\u{1b}[?7l\u{1b}[2J\u{1b}[0mSeaBIOS (version 1)",
            "Booting from ROM..\u{1b}c\u{1b}[2J@@ begin 5.10.0-30-cloud-amd64",
            "@@ suite vectors 3.10",
            "running 2 tests",
            "test a ... NOTE vectors::dynptr: none here: refused",
            "test b ... FOUND s390x of 64 bits",
            "ok",
            &format!("test result: ok. 7 passed; 0 failed; {TAIL}"),
            "[   12.3] noise without an end@@ end vectors 0 5.35",
            "@@ skip vectors::x\tneeds 16 KiB",
            "@@ kernel [ 1.0] WARNING: something",
            "@@ done",
        ]);
        assert_eq!(console.release.as_deref(), Some("5.10.0-30-cloud-amd64"));
        let suite = &console.suites[0];
        assert_eq!((suite.passed(), suite.failed(), suite.skips.len()), (6, false, 1));
        assert!((suite.seconds - 2.25).abs() < 1e-9);
        assert_eq!(console.notes[0].what, "vectors::dynptr");
        assert_eq!(console.notes[0].why, "none here: refused");
        assert_eq!(console.complaints, ["[ 1.0] WARNING: something"]);
        assert_eq!(console.found, ["s390x of 64 bits"]);
        assert!(console.done);
        let vectors = ["vectors".to_owned()];
        let mut console = Console { done: false, ..console };
        console.close(&vectors, "it went off");
        assert_eq!(console.complaints[1], "nothing behind the last suite: it went off");
    }

    #[test]
    fn failures_say_why() {
        let console = read(&[
            "@@ suite a 1",
            "thread 'x' (7) panicked at tests/tests/a.rs:1:2:",
            "assertion `left == right` failed: b",
            "  left: 1",
            " right: 2",
            "note: run with RUST_BACKTRACE=1",
            &format!("test result: FAILED. 1 passed; 1 failed; {TAIL}"),
            "@@ end a 101 2",
            "@@ suite b 2",
            "/init: line 7: /suites/b: not found",
            "@@ end b 127 2",
            "@@ suite c 2",
            "@@ end c 137 122",
            "@@ suite d 2",
            "@@ end d 0 3",
            "@@ suite e 3",
            "[ 9.9] Kernel panic - not syncing: Oops",
        ]);
        let mut console = console;
        console.close(&["a".to_owned(), "e".to_owned(), "f".to_owned()], "QEMU ended");
        let problems: Vec<_> = console.suites.iter().map(|s| s.problems.join("|")).collect();
        assert!(console.suites.iter().all(Suite::failed));
        assert_eq!(
            problems[0],
            "thread 'x' (7) panicked at tests/tests/a.rs:1:2: assertion `left == right` failed: b; left: 1; right: 2"
        );
        assert!(problems[1].contains("a file that it needs is missing"));
        assert_eq!(problems[2], "not finished within its time");
        assert_eq!(problems[3], "no test ran");
        assert_eq!(problems[4], "did not end: QEMU ended");
        assert_eq!(problems[5], "not reached: QEMU ended");
        assert_eq!(console.complaints.len(), 1);
    }

    #[test]
    fn a_property_test_tells_its_first_panic_and_its_last() {
        let panic = |test: &str, what: &str| {
            [format!("thread '{test}' (7) panicked at a.rs:1:2:"), what.to_owned()]
        };
        let all = [("a", "1"), ("p", "2"), ("p", "3"), ("p", "minimal"), ("b", "4")];
        let mut lines = vec!["@@ suite a 1".to_owned()];
        lines.extend(all.iter().flat_map(|(test, what)| panic(test, what)));
        lines.push("@@ end a 101 2".to_owned());
        let console = read(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let told: Vec<_> =
            console.suites[0].problems.iter().filter_map(|p| p.rsplit(": ").next()).collect();
        assert_eq!(told, ["exit code 101", "1", "2", "minimal", "4"]);
    }

    #[test]
    fn programs_are_seen_once_and_in_order() {
        let all = [(10, "one"), (11, "two"), (12, "three"), (13, "four"), (14, "five")];
        let good = exec(&all, GOOD);
        assert_eq!((good.suites[0].passed(), good.suites[0].failed()), (1, false));
        let problem = |events: &[(u32, &str)], summary| {
            let console = exec(events, summary);
            assert!(console.suites[0].failed());
            console.suites[0].problems.join("|")
        };
        assert!(problem(&all[1..], GOOD).contains("missing: 10 /probe/one"));
        assert!(problem(&[&all[..], &all[..1]].concat(), GOOD).contains("repeated: 10 /probe/one"));
        let swapped = [all[1], all[0], all[2], all[3], all[4]];
        assert!(problem(&swapped, GOOD).contains("not in the order"));
        let lost = problem(&all, "{\"failed_reservations\":3,\"lag_bytes\":0}");
        assert!(lost.starts_with("events were lost"), "{lost}");
        assert_eq!(problem(&all, "ringbuf: no"), "no summary|ringbuf: no");
    }
}
