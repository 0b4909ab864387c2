//! [`Grid`]: which columns fit, and how wide they are.

use super::columns::{Column, loss_sources};
use super::style::Style;
use crate::watch::{Row, State};

/// A table that fits a width.
pub(super) struct Grid {
    columns: Vec<(Column, usize)>,
    /// For each ring, the cells of `columns`.
    cells: Vec<Vec<String>>,
}

impl Grid {
    /// Lays out these rings. Without a width, all columns are as wide as they like.
    pub(super) fn new(rows: &[&Row], style: Style, width: Option<usize>) -> Self {
        let mut columns: Vec<Laid> = Column::ALL
            .iter()
            .map(|&column| {
                let cells: Vec<_> = rows.iter().map(|row| column.cell(row, style)).collect();
                let longest = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
                // The mark of sorting, and room for a name that grows.
                Laid { column, width: longest.max(column.title().len() + 1), cells }
            })
            .collect();
        if let Some(width) = width {
            fit(&mut columns, width);
        }
        let at = |number: usize| columns.iter().map(|one| one.cells[number].clone()).collect();
        let cells = (0..rows.len()).map(at).collect();
        Self { columns: columns.iter().map(|one| (one.column, one.width)).collect(), cells }
    }

    /// The titles, with a mark at the column that is sorted by.
    pub(super) fn titles(&self, sort: Column, reverse: bool, style: Style) -> String {
        let mark = match (style.unicode, reverse) {
            (true, false) => "▼",
            (true, true) => "▲",
            (false, false) => "v",
            (false, true) => "^",
        };
        let title = |column: Column| match column == sort {
            true => format!("{}{mark}", column.title()),
            false => column.title().to_owned(),
        };
        self.join(self.columns.iter().map(|(column, _)| title(*column)))
    }

    /// The line of a ring: all before its state, and its state.
    pub(super) fn line(&self, number: usize) -> (String, String) {
        let mut cells = self.cells[number].clone();
        let state = cells.pop().unwrap_or_default();
        let width = self.columns.last().map_or(0, |(_, width)| *width);
        (self.join(cells.into_iter()), cut(&state, width, true))
    }

    fn join(&self, cells: impl Iterator<Item = String>) -> String {
        let mut line = String::new();
        for (cell, (column, width)) in cells.zip(&self.columns) {
            let cell = cut(&cell, *width, false);
            let space = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = if column.is_right() { (&*space, "") } else { ("", &*space) };
            line.extend([before, &cell, after, " "]);
        }
        line
    }
}

struct Laid {
    column: Column,
    width: usize,
    cells: Vec<String>,
}

/// Narrows names, then does without columns, then cuts the state.
fn fit(columns: &mut Vec<Laid>, width: usize) {
    let over = |columns: &[Laid]| {
        let total: usize = columns.iter().map(|one| one.width + 1).sum();
        total.saturating_sub(1).saturating_sub(width)
    };
    let mut go = Column::FIRST_TO_GO.into_iter();
    loop {
        while over(columns) > 0 {
            let may = |one: &&mut Laid| one.column.least().is_some_and(|least| one.width > least);
            let widest = columns.iter_mut().filter(may).max_by_key(|one| one.width);
            let Some(widest) = widest else { break };
            widest.width -= 1;
        }
        if over(columns) == 0 {
            return;
        }
        // The state may be cut, but not to less than this.
        if let Some(state) = columns.last_mut().filter(|state| state.width > LEAST_STATE) {
            state.width -= 1;
            continue;
        }
        let Some(column) = go.next() else { break };
        columns.retain(|one| one.column != column);
    }
    let rest = over(columns);
    if let Some(state) = columns.last_mut() {
        state.width = state.width.saturating_sub(rest);
    }
}

/// The longest name of one state.
const LEAST_STATE: usize = 11;

/// The cell, or its beginning and two dots; the first of several states.
fn cut(cell: &str, width: usize, states: bool) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    let first = cell.split(", ").next().unwrap_or_default();
    if states && first.chars().count() <= width {
        return first.to_owned();
    }
    cell.chars().take(width.saturating_sub(2)).chain("..".chars().take(width)).collect()
}

/// What stands above the table: the number of rings, their rates, and what is wrong.
pub(super) fn totals(rows: &[Row], style: Style) -> (String, String) {
    use super::columns::amount;
    let sum = |rate: fn(&Row) -> Option<u64>| -> Option<u64> {
        // A ring of which it is not known makes the sum unknown, unless it is new.
        rows.iter().filter(|row| row.watched_s > 0.0).map(rate).sum()
    };
    let text = |rate: Option<u64>| rate.map_or("n/a".to_owned(), |rate| amount(rate as f64));
    let plural = if rows.len() == 1 { "" } else { "s" };
    let left = format!(
        "{} ring{plural}  in {}/s  out {}/s  loss: {}",
        rows.len(),
        text(sum(|row| row.in_bps)),
        text(sum(|row| row.out_bps)),
        loss_sources(rows),
    );
    let alarms = State::ALARMS.iter().filter_map(|state| {
        let there = rows.iter().filter(|row| row.states.contains(state)).count();
        (there > 0).then(|| format!("{there} {}", state.text().to_lowercase()))
    });
    let alarms: Vec<_> = alarms.collect();
    let sign = if style.unicode { "⚠" } else { "!" };
    let right =
        if alarms.is_empty() { String::new() } else { format!("{sign} {}", alarms.join("  ")) };
    (left, right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::made_up;

    fn table(width: Option<usize>) -> String {
        let rows = made_up::rows();
        let rows: Vec<&Row> = rows.iter().collect();
        let grid = Grid::new(&rows, Style::plain(), width);
        let mut text = grid.titles(Column::Id, false, Style::plain()).trim_end().to_owned() + "\n";
        for number in 0..rows.len() {
            let (line, state) = grid.line(number);
            text += &format!("{line}{state}\n");
        }
        text
    }

    #[test]
    fn all_columns_are_shown_where_they_fit() {
        let want = "\
IDv NAME    SIZE FILL            HIGH  IN/s  OUT/s  REC/s  LOST/s HEAD  READER          STATE
 57 events  256K ########.  87%   97% 52.0M  52.1M   305k      20 -     agent 812 epoll near full
 63 dns      64K .........   0%    0%  1.1K   1.1K     ~9       0 -     ig 990 epoll    ok
 71 net       1M #########  99%   99%     0      0      0     n/a 4.2s  agent 812       STUCK HEAD, FULL
 88 old     256K ##.......  20%   20%     0      0      0     n/a -     none            NO READER
";
        assert_eq!(table(None), want);
    }

    #[test]
    fn a_narrow_table_keeps_names_fill_and_state() {
        for width in 0..140 {
            let text = table(Some(width));
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(width.max(36)), "{width}:\n{text}");
        }
        let narrow = table(Some(40));
        let lines: Vec<&str> = narrow.lines().collect();
        assert!(lines[0].contains("NAME") && lines[0].contains("FILL"), "{narrow}");
        assert!(lines[3].ends_with("STUCK HEAD"), "the first state: {narrow}");
    }

    #[test]
    fn totals_say_what_is_wrong() {
        let rows = made_up::rows();
        let (left, right) = totals(&rows, Style::plain());
        assert_eq!(left, "4 rings  in 52M/s  out 52.1M/s  loss: program+inferred");
        assert_eq!(right, "! 1 stuck head  1 no reader  1 full");
        let none = totals(&[], Style::plain());
        assert_eq!(none, ("0 rings  in 0/s  out 0/s  loss: none".to_owned(), String::new()));
        let mut unknown = made_up::rows();
        unknown[1].in_bps = None;
        assert!(totals(&unknown, Style::plain()).0.contains("in n/a/s"));
    }
}
