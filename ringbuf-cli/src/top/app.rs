//! [`App`]: what the screen shows, and what keys do to it. No terminal and no clock.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::args::{longer, shorter};
use super::columns::Column;
use super::filter::Filter;
use super::style::Style;
use crate::watch::Row;

/// Looks that are remembered of each ring.
const HISTORY: usize = 240;

/// What the screen shows.
#[derive(Debug)]
pub(super) struct App {
    /// All rings, as the latest look found them.
    pub(super) all: Vec<Row>,
    pub(super) sort: Column,
    pub(super) reverse: bool,
    pub(super) filter: Option<Filter>,
    pub(super) interval: Duration,
    pub(super) paused: bool,
    pub(super) view: View,
    /// The ring that is chosen.
    pub(super) chosen: Option<u32>,
    pub(super) history: HashMap<u32, History>,
    pub(super) style: Style,
    /// Told in the last line until the next key.
    pub(super) message: Option<String>,
    /// The name of this machine and its kernel.
    pub(super) host: String,
    /// A look that failed, for example because the privilege was dropped.
    pub(super) error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum View {
    Table,
    Detail,
    Help,
    /// The filter that is being written.
    Filter(String),
}

/// What the last looks said of a ring.
#[derive(Debug, Default)]
pub(super) struct History {
    /// In percent.
    pub(super) fill: Values,
    pub(super) input: Values,
    pub(super) output: Values,
    pub(super) lost: Values,
}

pub(super) type Values = VecDeque<Option<f32>>;

/// What the caller has to do after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    /// Look now.
    Look,
    Quit,
    /// Give the terminal to the shell until it continues this process.
    Suspend,
    /// Show the records of this ring.
    Dump(u32),
    /// Begin or end to count losses in the kernel.
    Attach,
}

impl App {
    /// Takes the rows of a look.
    pub(super) fn take(&mut self, rows: Vec<Row>) {
        self.history.retain(|id, _| rows.iter().any(|row| row.id == *id));
        for row in &rows {
            let history = self.history.entry(row.id).or_default();
            if row.watched_s == 0.0 {
                // Another ring has this id now.
                *history = History::default();
            }
            history.add(row);
        }
        self.all = rows;
        self.error = None;
        self.choose_one();
    }

    /// Chooses the first ring if the chosen one is not shown.
    fn choose_one(&mut self) {
        if self.chosen_row().is_none() {
            self.chosen = self.rows().first().map(|row| row.id);
        }
    }

    /// The rings that are shown, in order.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let shown = |row: &&Row| self.filter.as_ref().is_none_or(|filter| filter.matches(row));
        let mut rows: Vec<_> = self.all.iter().filter(shown).collect();
        rows.sort_by(|one, other| {
            let order = self.sort.compare(one, other);
            let order = if self.reverse { order.reverse() } else { order };
            order.then(one.id.cmp(&other.id))
        });
        rows
    }

    /// The ring that is chosen, if it is shown.
    pub(super) fn chosen_row(&self) -> Option<&Row> {
        self.rows().into_iter().find(|row| Some(row.id) == self.chosen)
    }

    /// Does what a key means.
    pub(super) fn key(&mut self, key: KeyEvent) -> Act {
        self.message = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Act::Quit,
                KeyCode::Char('z') => Act::Suspend,
                _ => Act::Nothing,
            };
        }
        match &mut self.view {
            View::Filter(text) => {
                match key.code {
                    KeyCode::Char(c) => text.push(c),
                    KeyCode::Backspace => drop(text.pop()),
                    KeyCode::Enter => self.set_filter(),
                    KeyCode::Esc => {
                        self.filter = None;
                        self.view = View::Table;
                        self.choose_one();
                    }
                    _ => {}
                }
                Act::Nothing
            }
            View::Help => {
                self.view = View::Table;
                Act::Nothing
            }
            View::Table | View::Detail => self.command(key.code),
        }
    }

    fn command(&mut self, code: KeyCode) -> Act {
        match code {
            KeyCode::Char('q') | KeyCode::Esc if self.view == View::Detail => {
                self.view = View::Table;
            }
            KeyCode::Char('q') | KeyCode::Esc => return Act::Quit,
            KeyCode::Char('j') | KeyCode::Down => self.choose(1),
            KeyCode::Char('k') | KeyCode::Up => self.choose(-1),
            KeyCode::PageDown => self.choose(10),
            KeyCode::PageUp => self.choose(-10),
            KeyCode::Home | KeyCode::Char('g') => self.choose(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.choose(isize::MAX),
            KeyCode::Enter if self.view == View::Detail => self.view = View::Table,
            KeyCode::Enter if self.chosen_row().is_some() => self.view = View::Detail,
            KeyCode::Char('s') => self.sort_by(1),
            KeyCode::Char('S') => self.sort_by(Column::ALL.len() - 1),
            KeyCode::Char('r') => self.reverse = !self.reverse,
            KeyCode::Char('/') => {
                let text = self.filter.as_ref().map(|filter| filter.text().to_owned());
                self.view = View::Filter(text.unwrap_or_default());
            }
            KeyCode::Char('p' | ' ') => {
                self.paused = !self.paused;
                return if self.paused { Act::Nothing } else { Act::Look };
            }
            KeyCode::Char('+') => self.interval = longer(self.interval),
            KeyCode::Char('-') => self.interval = shorter(self.interval),
            KeyCode::Char('a') => return Act::Attach,
            KeyCode::Char('?' | 'h') => self.view = View::Help,
            KeyCode::Char('d') => {
                return self.chosen_row().map_or(Act::Nothing, |row| Act::Dump(row.id));
            }
            _ => {}
        }
        Act::Nothing
    }

    fn choose(&mut self, by: isize) {
        let ids: Vec<u32> = self.rows().iter().map(|row| row.id).collect();
        let at = ids.iter().position(|id| Some(*id) == self.chosen).unwrap_or(0);
        let at = at.saturating_add_signed(by).min(ids.len().saturating_sub(1));
        self.chosen = ids.get(at).copied();
    }

    fn sort_by(&mut self, steps: usize) {
        let at = Column::ALL.iter().position(|column| *column == self.sort).unwrap_or(0);
        self.sort = Column::ALL[(at + steps) % Column::ALL.len()];
    }

    /// Ends the writing of the filter, unless it is wrong.
    fn set_filter(&mut self) {
        let View::Filter(text) = &self.view else { return };
        if text.trim().is_empty() {
            self.filter = None;
        } else {
            match text.parse() {
                Ok(filter) => self.filter = Some(filter),
                Err(error) => {
                    self.message = Some(error.to_string());
                    return;
                }
            }
        }
        self.view = View::Table;
        self.choose_one();
    }
}

impl History {
    fn add(&mut self, row: &Row) {
        let fill = row.fill_bytes.map(|fill| (fill as f64 * 100.0 / row.capacity as f64) as f32);
        let rate = |rate: Option<u64>| rate.map(|rate| rate as f32);
        let lost = row.loss.per_s.map(|rate| rate as f32);
        let values = [
            (&mut self.fill, fill),
            (&mut self.input, rate(row.in_bps)),
            (&mut self.output, rate(row.out_bps)),
            (&mut self.lost, lost),
        ];
        for (history, value) in values {
            if history.len() == HISTORY {
                history.pop_front();
            }
            history.push_back(value);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::top::made_up;

    pub(in crate::top) fn app() -> App {
        let mut app = App {
            all: Vec::new(),
            sort: Column::Id,
            reverse: false,
            filter: None,
            interval: Duration::from_secs(1),
            paused: false,
            view: View::Table,
            chosen: None,
            history: HashMap::new(),
            style: Style { colour: true, unicode: true },
            message: None,
            host: "a1  6.12.118".to_owned(),
            error: None,
        };
        made_up::looks().into_iter().for_each(|rows| app.take(rows));
        app
    }

    fn press(app: &mut App, keys: &str) -> Act {
        let code = |key| match key {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '\x08' => KeyCode::Backspace,
            key => KeyCode::Char(key),
        };
        keys.chars().fold(Act::Nothing, |_, key| app.key(KeyEvent::from(code(key))))
    }

    fn ids(app: &App) -> Vec<u32> {
        app.rows().iter().map(|row| row.id).collect()
    }

    #[test]
    fn a_ring_is_chosen_and_stays_chosen() {
        let mut app = app();
        assert_eq!((ids(&app), app.chosen), (vec![57, 63, 71, 88], Some(57)));
        press(&mut app, "jj");
        assert_eq!(app.chosen, Some(71));
        press(&mut app, "r");
        assert_eq!((ids(&app), app.chosen), (vec![88, 71, 63, 57], Some(71)));
        press(&mut app, "jjjjj");
        assert_eq!(app.chosen, Some(57), "the last");
        press(&mut app, "kg");
        assert_eq!(app.chosen, Some(88), "the first");
        press(&mut app, "kG");
        assert_eq!(app.chosen, Some(57));
        // It goes.
        let rows = app.all.iter().filter(|row| row.id != 57).cloned().collect();
        app.take(rows);
        assert_eq!(app.chosen, Some(88));
        app.take(Vec::new());
        assert_eq!((app.chosen, app.history.len()), (None, 0));
        assert_eq!(press(&mut app, "jk\nd"), Act::Nothing);
        assert_eq!(app.view, View::Table, "no ring, no details");
    }

    #[test]
    fn columns_are_sorted_in_turns() {
        let mut app = app();
        press(&mut app, "s");
        assert_eq!((app.sort, ids(&app)), (Column::Name, vec![63, 57, 71, 88]));
        press(&mut app, "ss");
        assert_eq!((app.sort, ids(&app)), (Column::Fill, vec![71, 57, 88, 63]));
        press(&mut app, "SSSS");
        assert_eq!((app.sort, ids(&app)[0]), (Column::State, 71));
    }

    #[test]
    fn a_filter_is_written_and_dropped() {
        let mut app = app();
        press(&mut app, "/fill>50 and q");
        assert_eq!(app.view, View::Filter("fill>50 and q".to_owned()), "q is a letter");
        press(&mut app, "\n");
        assert!(app.message.as_ref().is_some_and(|text| text.contains("no field \"q\"")));
        press(&mut app, &"\x08".repeat(6));
        press(&mut app, "\n");
        assert_eq!((ids(&app), &app.view), (vec![57, 71], &View::Table));
        press(&mut app, "/\x1b");
        assert_eq!(ids(&app).len(), 4);
        press(&mut app, "/id=0\n");
        assert_eq!(app.chosen, None);
        press(&mut app, "/\x1b");
        assert_eq!(app.chosen, Some(57), "though no look has come");
        press(&mut app, "/id=88\n/");
        assert_eq!((app.chosen, &app.view), (Some(88), &View::Filter("id=88".to_owned())));
        press(&mut app, "\x08\x08\x08\x08\x08\n");
        assert_eq!((ids(&app).len(), app.chosen), (4, Some(88)));
    }

    #[test]
    fn views_and_acts() {
        let mut app = app();
        assert_eq!(press(&mut app, "\n"), Act::Nothing);
        assert_eq!(app.view, View::Detail);
        assert_eq!(press(&mut app, "q"), Act::Nothing);
        assert_eq!(app.view, View::Table);
        press(&mut app, "?");
        assert_eq!(app.view, View::Help);
        assert_eq!(press(&mut app, "q"), Act::Nothing, "any key");
        assert_eq!(press(&mut app, "d"), Act::Dump(57));
        assert_eq!(press(&mut app, "a"), Act::Attach);
        assert_eq!((press(&mut app, "p"), app.paused), (Act::Nothing, true));
        assert_eq!((press(&mut app, "p"), app.paused), (Act::Look, false));
        press(&mut app, "+");
        assert_eq!(app.interval, Duration::from_secs(2));
        press(&mut app, &"-".repeat(40));
        assert_eq!(app.interval, Duration::from_millis(1), "not faster");
        assert_eq!(press(&mut app, "q"), Act::Quit);
        for (key, act) in [('c', Act::Quit), ('z', Act::Suspend)] {
            assert_eq!(app.key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL)), act);
        }
    }

    #[test]
    fn history_has_an_end() {
        let mut app = app();
        let rows = made_up::rows();
        (0..2 * HISTORY).for_each(|_| app.take(rows.clone()));
        let history = &app.history[&57];
        assert_eq!((history.fill.len(), history.lost.len()), (HISTORY, HISTORY));
        assert!(app.history[&71].lost.iter().all(Option::is_none), "not known");
    }
}
