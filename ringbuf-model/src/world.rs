//! [`World`]: what all parties of a run share.

use std::cell::RefCell;

use hdrhistogram::Histogram;

use crate::costs::Costs;
use crate::cpu::Cpu;
use crate::engine::Queue;
use crate::ring::Ring;

/// What all parties of a run share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) queue: Queue,
    pub(crate) costs: Costs,
    pub(crate) rings: Vec<Ring>,
    /// The CPUs that readers share, by number. Empty if each reader has its own.
    pub(crate) shared: Vec<Cpu>,
    pub(crate) seed: u64,
    /// Millionths of the notifications that get lost.
    pub(crate) lost_notifications: u32,
    /// What happens before this time is not counted.
    pub(crate) warm: u64,
    totals: RefCell<Totals>,
}

/// What was counted after the warm-up.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) delivered: u64,
    pub(crate) discarded: u64,
    pub(crate) notifications: u64,
    pub(crate) blocks: u64,
    pub(crate) naps: u64,
    /// Picoseconds that readers worked.
    pub(crate) worked: u64,
    /// From the commit to the reader, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
    /// What the program takes for a record, in nanoseconds.
    pub(crate) call: Histogram<u64>,
    /// The largest latency since the last sample.
    pub(crate) slowest: u64,
    /// The fullest ring at each sample, and what happened since the last one.
    pub(crate) samples: Vec<Sample>,
}

/// A moment of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Nanoseconds since the start of the measurement.
    pub at: u64,
    /// Bytes that producers cannot use, in the fullest ring.
    pub fill: u64,
    /// Records accepted since the start of the measurement.
    pub accepted: u64,
    /// Records refused since the start of the measurement.
    pub refused: u64,
    /// Records delivered since the start of the measurement.
    pub delivered: u64,
    /// The largest latency since the last sample, in nanoseconds.
    pub latency: u64,
}

/// The longest time that a distribution shows exactly: an hour.
const LONGEST: u64 = 3_600_000_000_000;

impl Default for Totals {
    fn default() -> Self {
        // Two digits; these bounds are valid.
        let empty = || Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are valid");
        Self {
            accepted: 0,
            refused: 0,
            delivered: 0,
            discarded: 0,
            notifications: 0,
            blocks: 0,
            naps: 0,
            worked: 0,
            latency: empty(),
            call: empty(),
            slowest: 0,
            samples: Vec::new(),
        }
    }
}

impl World {
    pub(crate) fn new(queue: Queue, costs: Costs, rings: Vec<Ring>, seed: u64, warm: u64) -> Self {
        let (shared, totals) = (Vec::new(), RefCell::default());
        Self { queue, costs, rings, shared, seed, lost_notifications: 0, warm, totals }
    }

    /// Counts something that happens at this time.
    #[inline]
    pub(crate) fn count(&self, now: u64, count: impl FnOnce(&mut Totals)) {
        if now >= self.warm && !self.queue.is_over() {
            count(&mut self.totals.borrow_mut());
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals.borrow().clone()
    }

    /// Remembers the state at this time.
    pub(crate) fn sample(&self, now: u64) {
        let fill = self.rings.iter().map(Ring::fill).max().unwrap_or(0);
        self.count(now, |totals| {
            let Totals { accepted, refused, delivered, .. } = *totals;
            let (at, latency) = ((now - self.warm) / 1000, std::mem::take(&mut totals.slowest));
            totals.samples.push(Sample { at, fill, accepted, refused, delivered, latency });
        });
    }
}
