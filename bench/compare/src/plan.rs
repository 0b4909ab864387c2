//! All runs of a benchmark, in their order.

use std::collections::btree_map::{BTreeMap, Entry};
use std::io::{IsTerminal, Write, stderr};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::load::{Cell, Load, Wakeups};
use crate::producer::Rig;
use crate::readers::{READERS, Reader, Waiting};
use crate::trial::{self, ALONE, Outcome, Setup};

/// The rest between two runs, if a tenth of the last run is not longer: other tasks get the CPUs,
/// and real-time throttling never starts.
const REST: Duration = Duration::from_millis(20);

/// The runs to make.
#[derive(Debug)]
pub struct Plan {
    /// The cells.
    pub cells: Vec<Cell>,
    /// Names of readers, perhaps with [`ALONE`]; an empty list means all.
    pub readers: Vec<String>,
    /// Repetitions.
    pub repetitions: usize,
    /// Where threads run, and how long.
    pub setup: Setup,
}

/// One cell and its outcomes, a list for each repetition.
#[derive(Debug, serde::Serialize)]
pub struct Measured {
    /// The load and its ring.
    pub cell: Cell,
    /// The readers, in the order of the tables.
    pub readers: Vec<&'static str>,
    /// The outcomes.
    pub repetitions: Vec<Vec<Outcome>>,
}

impl Plan {
    /// Runs all cells, and passes each to `done` as soon as it is complete.
    ///
    /// # Errors
    /// As [`trial::run`].
    pub fn run(&self, mut done: impl FnMut(&Measured)) -> Result<Vec<Measured>> {
        let mut rigs = BTreeMap::new();
        let mut progress = Progress::new(self);
        let mut all = Vec::new();
        for cell in &self.cells {
            let contenders = self.contenders(cell);
            if contenders.is_empty() {
                continue;
            }
            let rig = match rigs.entry(cell.ring) {
                Entry::Occupied(rig) => rig.into_mut(),
                Entry::Vacant(place) => place.insert(Rig::load(cell.ring)?),
            };
            let mut repetitions = Vec::new();
            for repetition in 0..self.repetitions {
                let mut outcomes = Vec::new();
                for reader in turns(&contenders, repetition) {
                    progress.show(cell, reader);
                    let seed = repetition as u64;
                    let begun = Instant::now();
                    outcomes.push(trial::run(rig, cell, reader, &self.setup, seed)?);
                    thread::sleep(REST.max(begun.elapsed() / 10));
                }
                repetitions.push(outcomes);
            }
            progress.clear();
            let readers = contenders.iter().map(|r| r.map_or(ALONE, |r| r.name)).collect();
            let measured = Measured { cell: *cell, readers, repetitions };
            done(&measured);
            all.push(measured);
        }
        Ok(all)
    }

    /// The readers of a cell; `None` is no reader.
    fn contenders(&self, cell: &Cell) -> Vec<Option<&'static Reader>> {
        let chosen = |name: &str| self.readers.is_empty() || self.readers.iter().any(|r| r == name);
        let drain = matches!(cell.load, Load::Prefilled { .. });
        let fits = |reader: &&Reader| match cell.load {
            Load::Prefilled { .. } => reader.drains,
            // Without wakeups, a reader that blocks sleeps until its timeout.
            _ => cell.wakeups == Wakeups::Adaptive || reader.waiting == Waiting::Spins,
        };
        let alone = (!drain && chosen(ALONE)).then_some(None);
        let readers = READERS.iter().filter(fits).filter(|reader| chosen(reader.name)).map(Some);
        alone.into_iter().chain(readers).collect()
    }
}

/// The order of the readers: another one begins each time, and every second time the order is
/// reversed. So no reader always follows the same one, which may have kept the CPU from the
/// kernel's work.
pub(crate) fn turns<T: Copy>(contenders: &[T], repetition: usize) -> Vec<T> {
    let mut order = contenders.to_vec();
    order.rotate_left(repetition % contenders.len());
    if repetition % 2 == 1 {
        order[1..].reverse();
    }
    order
}

/// A line on standard error with the progress.
struct Progress {
    begun: Instant,
    done: usize,
    total: usize,
    terminal: bool,
}

impl Progress {
    fn new(plan: &Plan) -> Self {
        let runs: usize = plan.cells.iter().map(|cell| plan.contenders(cell).len()).sum();
        let total = runs * plan.repetitions;
        Self { begun: Instant::now(), done: 0, total, terminal: stderr().is_terminal() }
    }

    /// Before a run. Without a terminal, at most one line for each cell.
    fn show(&mut self, cell: &Cell, reader: Option<&Reader>) {
        let seconds = self.begun.elapsed().as_secs();
        let Self { done, total, .. } = *self;
        if self.terminal {
            let name = reader.map_or(ALONE, |reader| reader.name);
            eprint!("\r\x1b[K{done}/{total} runs, {seconds} s: {cell}: {name}");
            let _unseen = stderr().flush();
        }
        self.done += 1;
    }

    fn clear(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        } else {
            let Self { done, total, .. } = self;
            eprintln!("{done}/{total} runs, {} s", self.begun.elapsed().as_secs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_change_who_begins_and_who_comes_before() {
        assert_eq!(turns(&[1, 2, 3, 4], 0), [1, 2, 3, 4]);
        assert_eq!(turns(&[1, 2, 3, 4], 1), [2, 1, 4, 3]);
        assert_eq!(turns(&[1, 2, 3, 4], 2), [3, 4, 1, 2]);
        assert_eq!(turns(&[1, 2, 3, 4], 3), [4, 3, 2, 1]);
        assert_eq!(turns(&[1], 5), [1]);
    }
}
