//! Checks that `ringbuf exec` saw the programs that the demo started.

use std::fmt;

/// One started program: process id and path.
pub(crate) type Program = (u32, String);

/// The result for the programs that the demo started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    started: usize,
    missing: Vec<Program>,
    repeated: Vec<Program>,
    in_order: bool,
}

/// Whether this is the line above the events.
pub(crate) fn is_header(line: &str) -> bool {
    line.split_whitespace().eq(["PID", "FILENAME"])
}

/// One event: process id and file name, with any white space between them.
pub(crate) fn parse(line: &str) -> Option<Program> {
    let (pid, file) = line.trim().split_once(char::is_whitespace)?;
    Some((pid.parse().ok()?, file.trim_start().to_owned()))
}

/// Looks for each started program among the events, most of which are other people's.
pub(crate) fn judge(started: &[Program], events: &[Program]) -> Verdict {
    let ours: Vec<_> = events.iter().filter(|event| started.contains(event)).collect();
    let count = |program: &Program| ours.iter().filter(|event| **event == program).count();
    let with = |test: fn(usize) -> bool| {
        started.iter().filter(|program| test(count(program))).cloned().collect()
    };
    let first = |program: &Program| ours.iter().position(|event| *event == program);
    let firsts: Vec<_> = started.iter().filter_map(first).collect();
    Verdict {
        started: started.len(),
        missing: with(|n| n == 0),
        repeated: with(|n| n > 1),
        in_order: firsts.is_sorted(),
    }
}

impl Verdict {
    pub(crate) fn good(&self) -> bool {
        self.started > 0 && self.missing.is_empty() && self.repeated.is_empty() && self.in_order
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.started - self.missing.len();
        write!(f, "demo: {seen} of {} programs seen", self.started)?;
        if self.good() {
            return f.write_str(", each exactly once, in order");
        }
        for (what, programs) in [("missing", &self.missing), ("repeated", &self.repeated)] {
            for (pid, path) in programs {
                write!(f, "\ndemo: {what}: {pid} {path}")?;
            }
        }
        if !self.in_order {
            f.write_str("\ndemo: not in the order in which they were started")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(list: &[(u32, &str)]) -> Vec<Program> {
        list.iter().map(|(pid, path)| (*pid, (*path).to_owned())).collect()
    }

    #[test]
    fn lines() {
        assert!(is_header("PID      FILENAME\n"));
        assert!(!is_header("PID PPID FILENAME"));
        assert_eq!(parse("  12   /bin/a b\n"), Some((12, "/bin/a b".to_owned())));
        assert_eq!(parse("PID FILENAME"), None);
        assert_eq!(parse("12"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn all_seen_among_others() {
        let started = programs(&[(1, "/bin/true"), (3, "/bin/ls")]);
        let events =
            programs(&[(9, "/bin/true"), (1, "/bin/true"), (1, "/bin/other"), (3, "/bin/ls")]);
        let verdict = judge(&started, &events);
        assert!(verdict.good());
        let want = "demo: 2 of 2 programs seen, each exactly once, in order";
        assert_eq!(verdict.to_string(), want);
    }

    #[test]
    fn missing_repeated_and_disorder_are_told() {
        let started = programs(&[(1, "a"), (2, "b"), (3, "c")]);
        let verdict = judge(&started, &programs(&[(2, "b"), (1, "a"), (2, "b")]));
        assert!(!verdict.good());
        let want = "demo: 2 of 3 programs seen\ndemo: missing: 3 c\ndemo: repeated: 2 b\n\
                    demo: not in the order in which they were started";
        assert_eq!(verdict.to_string(), want);
    }

    #[test]
    fn nothing_started_shows_nothing() {
        assert!(!judge(&[], &programs(&[(1, "a")])).good());
    }
}
