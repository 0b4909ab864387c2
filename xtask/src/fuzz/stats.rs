//! Reads what libFuzzer prints about a run.

use std::fmt;

/// How far a run is, or how it ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stats {
    /// Inputs tried; while it runs, the number in its last line.
    pub(super) runs: Option<u64>,
    per_second: Option<u64>,
    /// Edges of the program that were taken.
    coverage: Option<u64>,
    /// Inputs worth keeping.
    corpus: Option<u64>,
    /// Of those, found by this run.
    new: Option<u64>,
}

impl Stats {
    /// Reads a log, or the end of one.
    pub(super) fn parse(log: &str) -> Self {
        let mut stats = Self::default();
        for line in log.lines() {
            if let Some((runs, rest)) = status(line) {
                let mut words = rest.split_whitespace();
                while let Some(word) = words.next() {
                    let field = match word {
                        "cov:" => &mut stats.coverage,
                        "corp:" => &mut stats.corpus,
                        "exec/s:" => &mut stats.per_second,
                        _ => continue,
                    };
                    // "corp: 120/5kb" begins with the number of inputs.
                    *field = words.next().and_then(|value| value.split('/').next()?.parse().ok());
                }
                stats.runs = Some(runs);
            } else if let Some((name, value)) =
                line.strip_prefix("stat::").and_then(|line| line.split_once(':'))
            {
                let field = match name {
                    "number_of_executed_units" => &mut stats.runs,
                    "average_exec_per_sec" => &mut stats.per_second,
                    "new_units_added" => &mut stats.new,
                    _ => continue,
                };
                *field = value.trim().parse().ok();
            }
        }
        stats
    }
}

/// `#123<tab>NEW    cov: ...`: how many inputs were tried, and the rest.
fn status(line: &str) -> Option<(u64, &str)> {
    let (runs, rest) = line.strip_prefix('#')?.split_once('\t')?;
    Some((runs.parse().ok()?, rest))
}

/// The lines of a log without the progress.
pub(super) fn messages(log: &str) -> String {
    let lines = log.lines().filter(|line| status(line).is_none());
    lines.map(|line| format!("{line}\n")).collect()
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = [
            (self.runs, "runs"),
            (self.per_second, "runs/s"),
            (self.coverage, "edges"),
            (self.corpus, "inputs kept"),
            (self.new, "new"),
        ];
        let known = values.iter().filter_map(|(value, name)| Some((value.as_ref()?, name)));
        let known: Vec<_> = known.map(|(value, name)| format!("{value} {name}")).collect();
        f.write_str(if known.is_empty() { "nothing yet" } else { "" })?;
        f.write_str(&known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
INFO: Seed: 1
#2\tINITED cov: 300 ft: 301 corp: 1/1b exec/s: 0 rss: 30Mb
#4096\tpulse  cov: 310 ft: 400 corp: 12/345b lim: 8 exec/s: 2048 rss: 40Mb
#5000\tNEW    cov: 311 ft: 401 corp: 13/400b lim: 8 exec/s: 2500 rss: 40Mb L: 7/8 MS: 1 CopyPart-
";

    #[test]
    fn the_last_line_says_how_far_it_is() {
        let want = "5000 runs, 2500 runs/s, 311 edges, 13 inputs kept";
        assert_eq!(Stats::parse(LOG).to_string(), want);
        assert_eq!(Stats::parse("").to_string(), "nothing yet");
    }

    #[test]
    fn the_end_says_it_all() {
        let end = "\
#6000\tDONE   cov: 311 ft: 401 corp: 13/400b lim: 8 exec/s: 3000 rss: 40Mb
Done 6000 runs in 2 second(s)
stat::number_of_executed_units: 6000
stat::average_exec_per_sec:     3000
stat::new_units_added:          3
";
        let want = "6000 runs, 3000 runs/s, 311 edges, 13 inputs kept, 3 new";
        assert_eq!(Stats::parse(&format!("{LOG}{end}")).to_string(), want);
    }

    #[test]
    fn a_panic_is_a_message() {
        let log = format!("{LOG}thread panicked at x.rs:1:2:\n# not a status\n#7\tno number\n");
        let want = "INFO: Seed: 1\nthread panicked at x.rs:1:2:\n# not a status\n";
        assert_eq!(messages(&log), want);
    }
}
