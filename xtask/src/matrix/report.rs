//! The table of kernels and suites, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::console::{Console, Suite};
use super::row::{End, Row};

/// The result of one run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) date: String,
    pub(crate) emulator: String,
    pub(crate) suites: Vec<String>,
    pub(crate) rows: Vec<Row>,
    /// The things that could not be checked.
    pub(crate) remarks: Vec<String>,
    pub(crate) time: Duration,
}

impl Report {
    pub(crate) fn failed(&self) -> bool {
        self.rows.iter().any(Row::failed)
    }

    fn sums(&self) -> [usize; 3] {
        let sum =
            |of: fn(&Suite) -> usize| self.rows.iter().flat_map(Row::suites).map(of).sum::<usize>();
        let failed = |s: &Suite| s.counts.failed + usize::from(s.counts.failed == 0 && s.failed());
        let lost = |row: &&Row| matches!(row.end, End::Absent { allowed: false, .. });
        let lost = self.rows.iter().filter(lost).count();
        [sum(Suite::passed), sum(failed) + lost, sum(|s| s.skips.len())]
    }

    /// For people: one row for each kernel, then the differences between them, then the failures.
    pub(crate) fn table(&self) -> String {
        let mut cells = vec![vec!["kernel".to_owned()]];
        cells[0].extend(self.suites.iter().cloned().chain(["seconds".to_owned()]));
        for row in &self.rows {
            let mut line = vec![row.name()];
            let find = |name: &String| row.suites().iter().find(|suite| suite.name == *name);
            line.extend(self.suites.iter().map(|name| find(name).map_or("-".to_owned(), cell)));
            line.push(format!("{:.1}", row.time.as_secs_f64()));
            cells.push(line);
        }
        let width = |column: usize| cells.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let widths: Vec<_> = (0..cells[0].len()).map(width).collect();
        let mut text = String::new();
        for line in &cells {
            let mut padded = format!("{:<1$}", line[0], widths[0]);
            for (cell, width) in line.iter().zip(&widths).skip(1) {
                put(&mut padded, format_args!("  {cell:>width$}"));
            }
            put(&mut text, format_args!("{padded}\n"));
        }
        let notes = |console: &Console| console.notes.clone();
        self.grouped(&mut text, "less here", |c| {
            notes(c).into_iter().map(|n| (n.what, n.why)).collect()
        });
        self.grouped(&mut text, "skipped", |console| {
            let skips = console.suites.iter().flat_map(|suite| suite.skips.clone());
            skips.map(|skip| (skip.what, skip.why)).collect()
        });
        for row in &self.rows {
            let word = if row.failed() { "FAILED" } else { "absent" };
            for trouble in row.troubles() {
                put(&mut text, format_args!("{word}: {}: {trouble}\n", row.name()));
            }
        }
        for remark in &self.remarks {
            put(&mut text, format_args!("not looked at: {remark}\n"));
        }
        put(&mut text, format_args!("{}\n", self.summary()));
        text
    }

    /// Says each thing once, and for which kernels it holds.
    fn grouped(
        &self,
        text: &mut String,
        title: &str,
        of: impl Fn(&Console) -> Vec<(String, String)>,
    ) {
        let mut order = Vec::new();
        let mut rows = BTreeMap::<(String, String), Vec<&Row>>::new();
        for row in &self.rows {
            let End::Ran { console, .. } = &row.end else { continue };
            for what in of(console) {
                if !order.contains(&what) {
                    order.push(what.clone());
                }
                let on = rows.entry(what).or_default();
                on.extend(on.last().is_none_or(|last| !std::ptr::eq(*last, row)).then_some(row));
            }
        }
        for what in order {
            put(
                text,
                format_args!("{title}: {}: {} [{}]\n", what.0, what.1, self.on(&rows[&what])),
            );
        }
    }

    /// Names rows: a machine without versions stands for all of its kernels.
    fn on(&self, rows: &[&Row]) -> String {
        if rows.len() == self.rows.len() {
            return "all".to_owned();
        }
        let mut machines: Vec<_> = rows.iter().map(|row| row.machine).collect();
        machines.dedup();
        let named = machines.into_iter().map(|machine| {
            let of = |row: &&&Row| row.machine == machine;
            let some: Vec<_> = rows.iter().filter(of).collect();
            let all = self.rows.iter().filter(|row| row.machine == machine).count();
            let versions = some.iter().filter(|_| some.len() < all);
            let versions =
                versions.filter_map(|row| Some(row.kernel.as_ref()?.version.to_string()));
            [machine.to_owned()].into_iter().chain(versions).collect::<Vec<_>>().join(" ")
        });
        named.collect::<Vec<_>>().join(", ")
    }

    fn summary(&self) -> String {
        let ran: Vec<_> =
            self.rows.iter().filter(|row| matches!(row.end, End::Ran { .. })).collect();
        let mut versions: Vec<_> =
            ran.iter().filter_map(|row| Some(row.kernel.as_ref()?.version)).collect();
        versions.sort();
        let mut series: Vec<_> = versions.iter().map(|version| version.series()).collect();
        series.dedup();
        let mut machines: Vec<_> = ran.iter().map(|row| row.machine).collect();
        machines.dedup();
        let on = match machines.len() {
            0 | 1 => String::new(),
            n => format!(" on {n} machines"),
        };
        let [passed, failed, skipped] = self.sums();
        let range = match (versions.first(), versions.last()) {
            (Some(first), Some(last)) => format!(" from {first} to {last}"),
            _ => String::new(),
        };
        format!(
            "{}: {} kernels{on} of {} minor releases{range}: {passed} passed, {failed} failed, \
             {skipped} skipped, in {} min {} s ({})",
            self.date,
            ran.len(),
            series.len(),
            self.time.as_secs() / 60,
            self.time.as_secs() % 60,
            self.emulator
        )
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let kernels: Vec<_> = self.rows.iter().map(Row::json).collect();
        let [passed, failed, skipped] = self.sums();
        json!({
            "date": self.date, "emulator": self.emulator, "ok": !self.failed(),
            "passed": passed, "failed": failed, "skipped": skipped, "kernels": kernels,
            "seconds": self.time.as_secs_f64(), "not_looked_at": self.remarks,
        })
    }
}

/// The number of passed tests. Failed and skipped tests follow only if there are any.
fn cell(suite: &Suite) -> String {
    let skipped = match suite.skips.len() {
        0 => String::new(),
        n => format!(" ({n} skipped)"),
    };
    if suite.failed() {
        return format!("FAILED{skipped}");
    }
    format!("{}{skipped}", suite.passed())
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::kernels::{Offer, Version};

    fn row(revision: &str, end: End) -> Row {
        let version = Version::parse(revision).unwrap();
        let kernel = Offer { package: "p".to_owned(), revision: revision.to_owned(), version };
        let (kernel, time) = (Some(kernel), Duration::from_millis(35_210));
        Row { machine: "x86-64", kernel, end, time }
    }

    fn ran(lines: &[&str]) -> End {
        let mut console = Console::default();
        lines.iter().chain(&["@@ done"]).for_each(|line| console.line(line));
        console.close(&["vectors".to_owned(), "busy".to_owned()], "it went off");
        End::Ran { console: Box::new(console), log: "logs/x.log".into() }
    }

    const OK: [&str; 7] = [
        "@@ begin 5.10.0-30",
        "@@ suite vectors 1",
        "NOTE vectors::dynptr: none",
        "test result: ok. 7 passed; 0 failed; 0 ignored",
        "@@ end vectors 0 2",
        "@@ skip vectors::x\tno y",
        "@@ suite busy 2",
    ];
    const BUSY: [&str; 2] = ["test result: ok. 4 passed; 0 failed; 0 ignored", "@@ end busy 0 3"];

    fn report(rows: Vec<Row>) -> Report {
        let suites = ["vectors", "busy"].map(str::to_owned).to_vec();
        let (date, emulator) = ("2026-01-02".to_owned(), "QEMU 7, tcg".to_owned());
        let (remarks, time) = (vec!["arm64: sid".to_owned()], Duration::from_secs(125));
        Report { date, emulator, suites, rows, remarks, time }
    }

    #[test]
    fn all_kinds_of_rows() {
        let good = ran(&[&OK[..], &BUSY[..]].concat());
        let also_good = ran(&[&OK[..], &BUSY[..]].concat());
        let bad = ran(&OK);
        let absent = End::Absent { why: "cannot be fetched: 404".to_owned(), allowed: true };
        let report = report(vec![
            row("5.10.218-1", good),
            row("5.10.262-1", also_good),
            row("6.1.192-1", bad),
            row("7.3.4-1", absent),
        ]);
        let want = "\
kernel                 vectors    busy  seconds
x86-64 5.10.218  6 (1 skipped)       4     35.2
x86-64 5.10.262  6 (1 skipped)       4     35.2
x86-64 6.1.192   6 (1 skipped)  FAILED     35.2
x86-64 7.3.4                 -       -     35.2
less here: vectors::dynptr: none [x86-64 5.10.218 5.10.262 6.1.192]
skipped: vectors::x: no y [x86-64 5.10.218 5.10.262 6.1.192]
FAILED: x86-64 6.1.192: busy: did not end: it went off
FAILED: x86-64 6.1.192: log: logs/x.log
absent: x86-64 7.3.4: cannot be fetched: 404
not looked at: arm64: sid
2026-01-02: 3 kernels of 2 minor releases from 5.10.218 to 6.1.192: 26 passed, 1 failed, \
3 skipped, in 2 min 5 s (QEMU 7, tcg)
";
        assert_eq!(report.table(), want);
        assert!(report.failed());
        let json = report.json();
        assert_eq!(json["ok"], false);
        assert_eq!(json["kernels"][0]["suites"][0]["passed"], 6);
        assert_eq!(json["kernels"][2]["troubles"][0], "busy: did not end: it went off");
        assert_eq!(json["kernels"][3]["ran"], false);
    }

    #[test]
    fn other_machines_are_named() {
        let good = || ran(&[&OK[..], &BUSY[..]].concat());
        let other = Row { machine: "s390x", ..row("6.1.176-1", good()) };
        let absent = End::Absent { why: "the mirror has none".to_owned(), allowed: false };
        let none = Row { machine: "riscv64", kernel: None, ..row("1.2.3", absent) };
        let report = report(vec![row("7.3.4-1", good()), other, none]);
        let table = report.table();
        assert!(table.contains("s390x 6.1.176"), "{table}");
        assert!(table.contains("no y [x86-64, s390x]"), "{table}");
        assert!(table.contains("FAILED: riscv64: the mirror has none"), "{table}");
        assert!(report.failed());
        assert!(
            table.contains("2 kernels on 2 machines of 2 minor releases from 6.1.176 to 7.3.4")
        );
        let json = report.json();
        assert_eq!(
            (&json["kernels"][0]["machine"], &json["kernels"][1]["machine"]),
            (&"x86-64".into(), &"s390x".into())
        );
    }

    #[test]
    fn what_is_absent_or_complains_fails() {
        let absent = |allowed| row("1.2.3", End::Absent { why: String::new(), allowed });
        assert!(absent(false).failed() && !absent(true).failed());
        let all = [&OK[..], &BUSY[..], &["@@ kernel BUG: x"]].concat();
        let row = row("1.2.3", ran(&all));
        assert!(row.failed() && !row.is_dead());
        assert_eq!(row.troubles()[0], "the kernel says: BUG: x");
        assert!(self::row("1.2.3", ran(&["SeaBIOS"])).is_dead());
        let end = |lines: &[&str]| ran(&[&OK[..], &BUSY[..], lines].concat());
        let build = "@@ build #1 SMP Debian 6.1.176-1 (2026-07-01)";
        assert!(!self::row("6.1.176-1", end(&[build])).failed());
        let other = self::row("6.1.170-3", end(&[build]));
        assert!(other.failed());
        assert!(
            other.troubles()[0].starts_with("this is not 6.1.170-3, but #1 SMP Debian 6.1.176")
        );
    }
}
