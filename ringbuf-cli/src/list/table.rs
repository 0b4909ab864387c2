//! The rings as a table that fits the terminal.

use std::fmt::Write;

use crate::format::escape;
use crate::watch::{Process, ProgramName, Row};

/// A column: its title, how a cell is aligned, and whether it gives way to a narrow terminal.
struct Column {
    title: &'static str,
    right: bool,
    gives_way: bool,
    cells: Vec<String>,
}

/// Columns that give way keep at least this width.
const LEAST: usize = 8;

/// Returns the table. `width` is that of the terminal, if there is one.
pub(super) fn table(rings: &[Row], wide: bool, width: Option<usize>) -> String {
    let column = |title, right, gives_way, cell: &dyn Fn(&Row) -> String| Column {
        title,
        right,
        gives_way,
        cells: rings.iter().map(cell).collect(),
    };
    let mut columns = vec![
        column("ID", true, false, &|ring| ring.id.to_string()),
        column("NAME", false, true, &|ring| escape(ring.name.as_bytes())),
        column("SIZE", true, false, &|ring| bytes(ring.capacity)),
        column("FILL", true, false, &|ring| known(ring.fill_bytes, |fill| percent(fill, ring))),
        column("IN/s", true, false, &|ring| known(ring.in_bps, bytes)),
        column("OUT/s", true, false, &|ring| known(ring.out_bps, bytes)),
        column("READER", false, true, &reader),
        column("PROGRAMS", false, true, &programs),
    ];
    if wide {
        columns.extend([
            column("LOST", true, false, &|ring| known(ring.loss.records, |lost| lost.to_string())),
            column("KIND", false, false, &kind),
            column("BYTES", true, false, &|ring| known(ring.fill_bytes, |fill| fill.to_string())),
            column("CONSUMER", true, false, &|ring| ring.consumer_pos.to_string()),
            column("PRODUCER", true, false, &|ring| ring.producer_pos.to_string()),
            column("HEAD", false, false, &head),
            column("PINS", false, true, &pins),
        ]);
    }
    columns.push(column("STATE", false, false, &|ring| {
        ring.states.iter().map(|state| state.text()).collect::<Vec<_>>().join(", ")
    }));
    print(&columns, rings.len(), width)
}

fn print(columns: &[Column], rows: usize, width: Option<usize>) -> String {
    let longest = |column: &Column| {
        let cells = column.cells.iter().map(|cell| cell.chars().count());
        cells.chain([column.title.len()]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = columns.iter().map(longest).collect();
    // One space before each column but the first.
    let over = |widths: &[usize]| {
        let total = widths.iter().sum::<usize>() + widths.len() - 1;
        width.map_or(0, |width| total.saturating_sub(width))
    };
    // The widest column that may give way loses a character at a time.
    while over(&widths) > 0 {
        let all = widths.iter_mut().zip(columns);
        let candidates = all.filter(|(width, column)| column.gives_way && **width > LEAST);
        let Some((widest, _)) = candidates.max_by_key(|(width, _)| **width) else { break };
        *widest -= 1;
    }
    let mut text = String::new();
    for row in std::iter::once(None).chain((0..rows).map(Some)) {
        let mut line = String::new();
        for (column, width) in columns.iter().zip(&widths) {
            let cell = row.map_or(column.title, |row| &column.cells[row]);
            let cell = cut(cell, *width);
            let space = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = if column.right { (&*space, "") } else { ("", &*space) };
            let _infallible = write!(line, "{before}{cell}{after} ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The cell, or its beginning and two dots.
fn cut(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    cell.chars().take(width.saturating_sub(2)).chain("..".chars()).collect()
}

/// What is not known is `n/a`, never 0.
fn known<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "n/a".to_owned(), text)
}

fn percent(fill: u64, ring: &Row) -> String {
    format!("{}%", fill.saturating_mul(100) / ring.capacity.max(1))
}

/// Three digits and a unit: 812, 1.5K, 64K, 52.0M.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["K", "M", "G", "T"];
    if bytes < 1024 {
        return bytes.to_string();
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(value.fract() != 0.0 && value < 100.0);
    format!("{value:.decimals$}{}", UNITS[unit])
}

/// The reader of a ring, the producer of a user ring.
fn reader(ring: &Row) -> String {
    let Some(processes) = ring.readers.as_ref().or(ring.producers.as_ref()) else {
        return "n/a".to_owned();
    };
    let text = |process: &Process| {
        let waits = if process.waiting == Some(true) { " epoll" } else { "" };
        format!("{} {}{waits}", escape(process.comm.as_bytes()), process.pid)
    };
    match processes.split_first() {
        None => "none".to_owned(),
        Some((first, [])) => text(first),
        Some((first, more)) => format!("{} +{}", text(first), more.len()),
    }
}

fn programs(ring: &Row) -> String {
    let names = |all: &Vec<ProgramName>| list(all.iter().map(|one| &*one.name));
    known(ring.programs.as_ref(), names)
}

fn pins(ring: &Row) -> String {
    known(ring.pins.as_ref(), |pins| list(pins.iter().map(String::as_str)))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| escape(name.as_bytes())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

fn kind(ring: &Row) -> String {
    match (ring.kind, ring.mode) {
        ("user_ringbuf", _) => "user".to_owned(),
        (_, "overwrite") => "overwrite".to_owned(),
        _ => "ring".to_owned(),
    }
}

fn head(ring: &Row) -> String {
    match (ring.head.busy, ring.head.age_s) {
        (None, _) => "n/a".to_owned(),
        (Some(false), _) => "-".to_owned(),
        (Some(true), age) => format!("busy {:.1}s", age.unwrap_or(0.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        let shown = [0, 812, 1024, 1536, 65536, 262_144, 54_525_952, 1 << 31].map(bytes);
        assert_eq!(shown, ["0", "812", "1K", "1.5K", "64K", "256K", "52M", "2G"]);
    }

    #[test]
    fn a_table_fits_the_terminal_and_cuts_only_what_may_be_cut() {
        let column = |title, gives_way, cell: &str| Column {
            title,
            right: false,
            gives_way,
            cells: vec![cell.to_owned()],
        };
        let columns = [
            column("ID", false, "57"),
            column("READER", true, "a very long name 812 epoll"),
            column("STATE", false, "STUCK HEAD"),
        ];
        let all = print(&columns, 1, None);
        assert!(all.contains("a very long name 812 epoll STUCK HEAD\n"), "{all}");
        let narrow = print(&columns, 1, Some(30));
        assert!(narrow.lines().all(|line| line.chars().count() <= 30), "{narrow}");
        assert!(
            narrow.contains("a very long name.. STUCK HEAD") || narrow.contains(".. STUCK HEAD")
        );
        let least = print(&columns, 1, Some(5));
        assert!(least.ends_with("a very.. STUCK HEAD\n"), "{least}");
    }
}
