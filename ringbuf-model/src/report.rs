//! [`Report`]: the result of a run.

use std::time::Duration;

use crate::world::{Sample, Totals};
use crate::{Setup, hist::Distribution};

/// The result of a run, after its warm-up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The virtual time of the measurement.
    pub time: Duration,
    /// Records that producers committed.
    pub accepted: u64,
    /// Reservations that failed: these records are lost.
    pub refused: u64,
    /// Records of these that producers discarded. Nobody receives them.
    pub discarded: u64,
    /// Records that the reader received.
    pub delivered: u64,
    /// Notifications that producers sent.
    pub notifications: u64,
    /// Sleeps of the readers that only a notification ends.
    pub blocks: u64,
    /// Sleeps of the readers by a timer.
    pub naps: u64,
    /// The time that all readers worked.
    pub worked: Duration,
    /// From the commit of a record to its arrival at the reader.
    pub latency: Distribution,
    /// What the program takes for a record, in the traced CPU.
    pub call: Distribution,
    /// The state at equal distances, if the setup asks for it.
    pub samples: Vec<Sample>,
    /// In which way the machine file is known to be wrong for this setup.
    pub out_of_bounds: Vec<String>,
}

impl Report {
    pub(crate) fn new(setup: &Setup, totals: Totals) -> Self {
        Self {
            time: setup.duration,
            accepted: totals.accepted,
            refused: totals.refused,
            discarded: totals.discarded,
            delivered: totals.delivered,
            notifications: totals.notifications,
            blocks: totals.blocks,
            naps: totals.naps,
            worked: Duration::from_nanos(totals.worked / 1000),
            latency: Distribution::of(&totals.latency),
            call: Distribution::of(&totals.call),
            samples: totals.samples,
            out_of_bounds: setup.out_of_bounds(),
        }
    }

    /// Returns the records that nobody had received at the end. Records from before the
    /// measurement count as received in it.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.accepted.saturating_sub(self.discarded).saturating_sub(self.delivered)
    }

    /// Returns the records that producers committed, a second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.accepted as f64 / self.time.as_secs_f64()
    }

    /// Returns the share of the records that are lost, from 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        ratio(self.refused, self.refused + self.accepted)
    }

    /// Returns the notifications for each record.
    #[must_use]
    pub fn notifications_per_record(&self) -> f64 {
        ratio(self.notifications, self.accepted)
    }
}

fn ratio(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}
