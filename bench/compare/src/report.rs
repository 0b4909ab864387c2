//! The tables.

use std::fmt::Write as _;

use crate::load::{Load, Wakeups};
use crate::plan::Measured;
use crate::readers::{BUSY_REFERENCE, C_REFERENCE, POLL_REFERENCE};
use crate::statistics::{Figure, Repetitions, of, p999, ratio};
use crate::trial::ALONE;

/// A column: its title, and its figure of a reader.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    show: Box<Show>,
}

/// The figure of a reader, if it has one.
type Show = dyn Fn(&Repetitions, &str) -> Option<String>;

/// The tables of one cell.
pub fn tables(measured: &Measured) -> String {
    let tables = columns(measured).into_iter().map(|columns| table(measured, &columns));
    std::iter::once(format!("\n{}\n", measured.cell)).chain(tables).collect()
}

fn table(measured: &Measured, columns: &[Column]) -> String {
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(columns.iter().map(|column| column.title.to_owned()));
    for reader in &measured.readers {
        let cell = |column: &Column| (column.show)(&measured.repetitions, reader);
        let cells: Vec<_> = columns.iter().map(cell).collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
            rows.push(std::iter::once((*reader).to_owned()).chain(cells).collect());
        }
    }
    aligned(&rows, 1)
}

/// The disturbed runs, over all cells.
pub fn disturbances(all: &[Measured]) -> String {
    let runs: Vec<_> =
        all.iter().flat_map(|measured| measured.repetitions.iter().flatten()).collect();
    let preempted = runs.iter().filter(|run| run.preempted > 0).count();
    let steal = runs.iter().filter(|run| run.steal > 0).count();
    let records: u64 = runs.iter().filter(|run| run.reader != ALONE).map(|run| run.accepted).sum();
    format!(
        "\n{} runs; the reader was preempted in {preempted}, the host took time in {steal}. \
         {records} records accepted and read, each exactly once.\n",
        runs.len()
    )
}

impl Column {
    /// Its text, a dash if there is no figure.
    pub(crate) fn text(&self, all: &Repetitions, reader: &str) -> String {
        (self.show)(all, reader).unwrap_or_else(|| "-".to_owned())
    }
}

/// A column for the median of a figure, times `unit`.
pub(crate) fn number(title: &'static str, digits: usize, unit: f64, figure: Figure) -> Column {
    let show = move |all: &Repetitions, reader: &str| {
        of(all, reader, figure).map(|value| format!("{:.digits$}", value * unit))
    };
    Column { title, show: Box::new(show) }
}

/// A column for the ratio of a figure to that of `reference`.
pub(crate) fn times(title: &'static str, reference: &'static str, figure: Figure) -> Column {
    let show = move |all: &Repetitions, reader: &str| {
        ratio(all, reader, reference, figure).map(|value| format!("{value:.2}"))
    };
    Column { title, show: Box::new(show) }
}

/// The rows as text: the first `names` cells to the left, figures to the right. A row may be empty.
pub(crate) fn aligned(rows: &[Vec<String>], names: usize) -> String {
    let mut text = String::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            let cells = rows.iter().filter_map(|row| row.get(at));
            let width = cells.map(String::len).max().unwrap_or(0);
            let _always = match at {
                at if at < names => write!(text, "  {cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text
}

/// The columns of each table of a cell.
fn columns(measured: &Measured) -> Vec<Vec<Column>> {
    match measured.cell.load {
        Load::Saturating => vec![saturating(measured.cell.wakeups)],
        Load::Paced(_) => vec![paced(measured.cell.wakeups), latency(measured.cell.wakeups)],
        Load::Prefilled { .. } => vec![vec![
            number("ns/rec", 2, 1.0, |v| v.drain),
            times("x libbpf", BUSY_REFERENCE, |v| v.drain),
            times("x C", C_REFERENCE, |v| v.drain),
        ]],
    }
}

fn saturating(wakeups: Wakeups) -> Vec<Column> {
    let mut columns = vec![
        number("Mrec/s", 2, 1e-6, |v| v.rate),
        Column {
            title: "of alone",
            show: Box::new(|all, reader| {
                let share = ratio(all, reader, ALONE, |v| v.rate)?;
                Some(format!("{:.0}%", share * 100.0))
            }),
        },
    ];
    columns.extend(references(wakeups, |v| v.rate));
    columns.extend([
        number("prod ns/rec", 0, 1.0, |v| v.producer),
        number("lost %", 1, 100.0, |v| v.losses),
    ]);
    columns.extend(reading(wakeups));
    columns
}

fn paced(wakeups: Wakeups) -> Vec<Column> {
    let mut columns = vec![number("call ns", 0, 1.0, |v| v.producer)];
    columns.extend(references(wakeups, |v| v.producer));
    columns.extend(reading(wakeups));
    columns
}

fn latency(wakeups: Wakeups) -> Vec<Column> {
    let mut columns = vec![
        number("p50 us", 2, 1e-3, |v| v.p50),
        number("p90", 2, 1e-3, |v| v.p90),
        number("p99", 2, 1e-3, |v| v.p99),
        Column {
            title: "p99.9",
            show: Box::new(|all, reader| p999(all, reader).map(|ns| format!("{:.2}", ns / 1e3))),
        },
    ];
    if wakeups == Wakeups::Adaptive {
        columns.push(times("p50 x poll", POLL_REFERENCE, |v| v.p50));
        columns.push(times("p99 x poll", POLL_REFERENCE, |v| v.p99));
    }
    columns.push(times("p50 x busy", BUSY_REFERENCE, |v| v.p50));
    columns.push(times("p99 x busy", BUSY_REFERENCE, |v| v.p99));
    columns
}

/// The cost of the reader itself.
fn reading(wakeups: Wakeups) -> Vec<Column> {
    let mut columns = vec![
        number("irq/M", 0, 1.0, |v| v.irq_work),
        number("blocks/s", 0, 1.0, |v| v.blocks),
        number("CPU %", 0, 100.0, |v| v.cpu),
        number("CPU ns/rec", 0, 1.0, |v| v.cpu_record),
    ];
    if wakeups == Wakeups::Adaptive {
        columns.push(times("CPU x poll", POLL_REFERENCE, |v| v.cpu_record));
    }
    columns
}

/// Ratios to libbpf that polls, if a reader polls, and to libbpf that spins.
fn references(wakeups: Wakeups, figure: Figure) -> Vec<Column> {
    let poll = (wakeups == Wakeups::Adaptive).then(|| times("x poll", POLL_REFERENCE, figure));
    poll.into_iter().chain([times("x busy", BUSY_REFERENCE, figure)]).collect()
}
