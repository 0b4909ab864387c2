//! [`Table`]: what was published or measured, and how well a machine file agrees with it.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::{Arrivals, Machine, Reader, Setup, SetupError, Sizes, Wakeups, units};

/// A situation in which a machine file is known to be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// It holds if somebody reads the rings, and not if nobody does.
    #[serde(default)]
    pub with_reader: bool,
    /// From this many producing CPUs for each ring.
    pub producers_per_ring: usize,
    /// What is wrong then.
    pub text: String,
}

/// A table of throughputs that was published or measured. All rows have closed loops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What the table shows.
    pub title: String,
    /// Who published it, or how it was measured.
    pub source: String,
    /// The bytes of the ring.
    pub ring: String,
    /// The bytes of a sample.
    pub size: u32,
    /// Records in a row, and the work between two rows.
    pub batch: u32,
    /// The work between two batches, in nanoseconds.
    pub gap: u64,
    /// The reader, where a row names none.
    pub reader: Reader,
    /// The ring is in overwrite mode.
    #[serde(default)]
    pub overwrite: bool,
    /// The error of the rows that were not used for fitting, as a root mean square: 0.1 is 10 %.
    pub rms: f64,
    /// The largest error of these rows.
    pub worst: f64,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A row of a [`Table`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The number of producing CPUs.
    #[serde(default = "one")]
    pub producers: usize,
    /// The reader, if it is not that of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<Reader>,
    /// Producers never notify.
    #[serde(default)]
    pub silent: bool,
    /// Millions of accepted records a second, as published or measured.
    pub mrec: f64,
    /// The prices were fitted to this row.
    #[serde(default)]
    pub fitted: bool,
}

fn one() -> usize {
    1
}

/// A row beside the result of the model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Compared {
    /// The row.
    pub row: Row,
    /// Millions of records a second in the model.
    pub mrec: f64,
    /// Notifications for each record in the model.
    pub notifications: f64,
}

impl Compared {
    /// Returns the ratio of the model to the row.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.mrec / self.row.mrec
    }
}

/// The runs over which a row is averaged: the length of each, and their number.
const RUNS: (Duration, u64) = (Duration::from_micros(1600), 4);

impl Table {
    /// Runs each row.
    ///
    /// # Errors
    /// As [`Setup::run`].
    pub fn compare(&self, machine: &Machine) -> Result<Vec<Compared>, SetupError> {
        self.rows.iter().map(|row| self.compare_row(machine, row)).collect()
    }

    fn compare_row(&self, machine: &Machine, row: &Row) -> Result<Compared, SetupError> {
        let mut setup = Setup::new(machine.clone());
        setup.producers = row.producers;
        setup.ring = units::bytes(&self.ring).unwrap_or_default();
        setup.sizes = Sizes::fixed(self.size);
        setup.arrivals =
            Arrivals::Closed { batch: self.batch, gap: Duration::from_nanos(self.gap) };
        setup.reader = row.reader.clone().unwrap_or_else(|| self.reader.clone());
        setup.overwrite = self.overwrite || setup.reader == Reader::None;
        setup.faults.wakeups = if row.silent { Wakeups::Never } else { Wakeups::Adaptive };
        // One CPU has the fewest records.
        let time = if row.producers == 1 { RUNS.0 * 5 / 2 } else { RUNS.0 };
        (setup.duration, setup.warm_up) = (time, time / 4);
        let (mut accepted, mut notifications) = (0, 0);
        for seed in 0..RUNS.1 {
            setup.seed = seed;
            let report = setup.run()?;
            accepted += report.accepted;
            notifications += report.notifications;
        }
        let micros = (time.as_nanos() as f64) / 1e3 * RUNS.1 as f64;
        Ok(Compared {
            row: row.clone(),
            mrec: accepted as f64 / micros,
            notifications: notifications as f64 / (accepted as f64).max(1.0),
        })
    }

    /// Returns the error of the rows that were not used for fitting: the root mean square, and
    /// the largest. Twice too fast and twice too slow are both an error of 1.
    #[must_use]
    pub fn error(rows: &[Compared]) -> (f64, f64) {
        let errors = rows.iter().filter(|row| !row.row.fitted).map(|row| row.ratio().ln().abs());
        let (mut squares, mut worst, mut count) = (0.0, 0.0_f64, 0u32);
        for error in errors {
            squares += error * error;
            worst = worst.max(error);
            count += 1;
        }
        let rms: f64 = squares / f64::from(count.max(1));
        (rms.sqrt().exp() - 1.0, worst.exp() - 1.0)
    }
}

impl Setup {
    /// Returns in which way the machine file is known to be wrong for this setup.
    pub(crate) fn out_of_bounds(&self) -> Vec<String> {
        let per_ring = self.producers.div_ceil(self.rings.max(1));
        let has_reader = self.reader != Reader::None;
        let holds = |bound: &&Bound| {
            per_ring >= bound.producers_per_ring && (has_reader || !bound.with_reader)
        };
        self.machine.bounds.iter().filter(holds).map(|bound| bound.text.clone()).collect()
    }
}
