//! The frontier of waiting: how late records are, against the cost of waiting for the traced
//! program and the reader, from a dense stream to single records. Ordinary threads, one table.

use crate::load::{Cell, Load, Threads, Wakeups};
use crate::plan::Measured;
use crate::readers::{POLL_REFERENCE, READERS, Reader};
use crate::report::{aligned, number, times};
use crate::statistics::accepted;

/// Microseconds between records; the last ones come singly.
const GAPS: [u32; 5] = [10, 20, 50, 100, 5000];

/// The legend of the columns, in the order of [`table`].
const LEGEND: &str = "\
the frontier of waiting: ordinary threads, 64 B, ring 1M, adaptive wakeups
  reader: ours-balanced is the default
  records: a second if saturating, else those that the row is made of
  call ns: what the traced program pays a record, system call included if paced
  CPU %: the reader's share of a CPU
  notif/rec: interrupts for wakeups a record; the first and the last record of each run always notify
  x poll: to libbpf-poll in the same repetition; CPU of its time a record
";

/// The loads: as fast as possible, then paced, then single records.
pub fn cells() -> Vec<Cell> {
    let loads = std::iter::once(Load::Saturating).chain(GAPS.map(Load::Paced));
    let (wakeups, threads) = (Wakeups::Adaptive, Threads::Ordinary);
    loads.map(|load| Cell { load, size: 64, ring: 1 << 20, wakeups, threads }).collect()
}

/// The readers: libbpf and aya, which block, and ours with each policy.
pub fn readers() -> Vec<String> {
    let policy = |reader: &Reader| reader.name.starts_with("ours-") && !reader.drains;
    let peer = |reader: &Reader| [POLL_REFERENCE, "aya-poll"].contains(&reader.name);
    let chosen = READERS.iter().filter(|reader| policy(reader) || peer(reader));
    chosen.map(|reader| reader.name.to_owned()).collect()
}

/// All cells in one table, below the legend of its columns.
pub fn table(all: &[Measured]) -> String {
    let columns = [
        number("call ns", 0, 1.0, |v| v.producer),
        number("CPU %", 1, 100.0, |v| v.cpu),
        number("p50 us", 2, 1e-3, |v| v.p50),
        number("p99 us", 2, 1e-3, |v| v.p99),
        number("notif/rec", 3, 1e-6, |v| v.irq_work),
        times("p50 x poll", POLL_REFERENCE, |v| v.p50),
        times("call x poll", POLL_REFERENCE, |v| v.producer),
        times("CPU x poll", POLL_REFERENCE, |v| v.cpu_record),
    ];
    let mut rows = vec![["gap", "reader", "records"].map(str::to_owned).to_vec()];
    rows[0].extend(columns.iter().map(|column| column.title.to_owned()));
    for measured in all {
        for reader in &measured.readers {
            let mut row = vec![gap(measured.cell.load), (*reader).to_owned()];
            row.push(records(measured, reader));
            row.extend(columns.iter().map(|column| column.text(&measured.repetitions, reader)));
            rows.push(row);
        }
        rows.push(Vec::new());
    }
    rows.pop();
    format!("\n{LEGEND}\n{}", aligned(&rows, 2))
}

fn gap(load: Load) -> String {
    match load.gap() {
        Some(gap @ 1000..) => format!("{} ms", f64::from(gap) / 1000.0),
        Some(gap) => format!("{gap} us"),
        None => "none".to_owned(),
    }
}

fn records(measured: &Measured, reader: &str) -> String {
    match measured.cell.load {
        Load::Saturating => {
            let rate = number("", 2, 1e-6, |v| v.rate).text(&measured.repetitions, reader);
            format!("{rate} M/s")
        }
        _ => accepted(&measured.repetitions, reader).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Outcome, Values};

    #[test]
    fn libbpf_comes_first_and_nobody_spins_without_a_policy() {
        let readers = readers();
        assert_eq!(readers[..2], [POLL_REFERENCE, "aya-poll"]);
        assert!(readers.iter().any(|reader| reader == "ours-balanced"));
        assert!(readers.iter().all(|reader| !reader.ends_with("-busy")), "{readers:?}");
    }

    #[test]
    fn a_row_shows_what_was_measured_and_the_ratio_to_libbpf() {
        let run = |reader, times: f64| Outcome {
            reader,
            accepted: 100,
            lost: 0,
            values: Values {
                producer: Some(1000.0 * times),
                cpu: Some(0.25),
                cpu_record: Some(50.0 * times),
                irq_work: Some(2e6),
                p50: Some(7000.0 * times),
                p99: Some(9000.0),
                ..Default::default()
            },
            preempted: 0,
            steal: 0,
            latencies: Default::default(),
        };
        let repetition = || vec![run(POLL_REFERENCE, 1.0), run("ours-balanced", 2.0)];
        let cell = *cells().last().expect("a cell");
        let readers = vec![POLL_REFERENCE, "ours-balanced"];
        let measured = Measured { cell, readers, repetitions: vec![repetition(), repetition()] };
        let table = table(&[measured]);
        let row = table.lines().last().expect("a row").split_whitespace().collect::<Vec<_>>();
        let figures = ["200", "2000", "25.0", "14.00", "9.00", "2.000", "2.00", "2.00", "2.00"];
        assert_eq!(row, [&["5", "ms", "ours-balanced"], &figures[..]].concat(), "{table}");
    }
}
