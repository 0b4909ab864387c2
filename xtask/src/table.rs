//! The table at the end of `cargo xtask test`.

use std::fmt::Write;

use crate::results::Outcome;

/// One row for each suite, then what failed, then what was skipped and why, then the sums.
pub(crate) fn render(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let mut row = |suite: &str, ran: &str, failed: &str, skipped: &str, seconds: &str| {
        line(&mut text, format_args!("{suite:<8} {ran:>6} {failed:>7} {skipped:>8} {seconds:>8}"));
    };
    row("suite", "ran", "failed", "skipped", "seconds");
    for o in outcomes {
        let ran = match (o.counts_tests, o.passed + o.failed_tests) {
            (_, 0) => "-".to_owned(),
            (true, n) => n.to_string(),
            (false, _) => "ok".to_owned(),
        };
        let numbers = (o.failed().to_string(), o.skips.len().to_string());
        row(o.suite, &ran, &numbers.0, &numbers.1, &format!("{:.1}", o.time.as_secs_f64()));
    }
    for o in outcomes {
        for what in &o.broken {
            line(&mut text, format_args!("failed: {}: {what}", o.suite));
        }
    }
    for o in outcomes {
        for skip in &o.skips {
            line(&mut text, format_args!("skipped: {}: {}: {}", o.suite, skip.what, skip.why));
        }
    }
    let sum = |number: fn(&Outcome) -> usize| outcomes.iter().map(number).sum::<usize>();
    let (passed, failed, skipped) =
        (sum(|o| o.passed), sum(Outcome::failed), sum(|o| o.skips.len()));
    line(&mut text, format_args!("{passed} passed, {failed} failed, {skipped} skipped"));
    text
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{what}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::results::Skip;

    #[test]
    fn all_kinds_of_rows() {
        let base = |suite, counts| Outcome {
            time: Duration::from_millis(1500),
            ..Outcome::new(suite, counts)
        };
        let skip = Skip { what: "nmi".to_owned(), why: "no counters here".to_owned() };
        let outcomes = [
            Outcome { passed: 1, ..base("fmt", false) },
            Outcome { broken: vec!["`cargo x`: exit status: 1".to_owned()], ..base("docs", false) },
            Outcome { passed: 40, failed_tests: 2, skips: vec![skip], ..base("live", true) },
        ];
        let want = "\
suite       ran  failed  skipped  seconds
fmt          ok       0        0      1.5
docs          -       1        0      1.5
live         42       2        1      1.5
failed: docs: `cargo x`: exit status: 1
skipped: live: nmi: no counters here
41 passed, 3 failed, 1 skipped
";
        assert_eq!(render(&outcomes), want);
    }
}
