//! Operations on a ring, and an independent model that knows what each must do.
//!
//! [`run`] does a list of [`Op`]s on a [`SimRing`] and on a model in plain
//! numbers, and compares all that can be seen after each step: whether space is
//! granted and why not, both positions, every byte delivered, the order, the
//! counts, the answer of `arm`, the number of notifications. Property tests and
//! fuzz targets call it; their shrunk lists replay through it.

use std::collections::VecDeque;
use std::fmt;
use std::mem::take;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use ringbuf_core::{
    Armed, Consumer, ConsumerMemory, Counts, MappedProducer, Next, Position, Record, Width,
};

use crate::{Flags, KernelProducer, KernelReservation, Mirror, Refused, SimMemory, SimRing, Threads};

/// One operation on a ring. Any list of any of them is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reserves `len` bytes and fills them.
    Reserve {
        /// Length of the sample in bytes.
        len: u64,
    },
    /// Submits an open reservation, if there is one.
    Submit {
        /// Which, modulo their number.
        which: usize,
        /// Wakeup flags; unknown ones are ignored.
        flags: u64,
    },
    /// Discards an open reservation, if there is one.
    Discard {
        /// Which, modulo their number.
        which: usize,
        /// Wakeup flags; unknown ones are ignored.
        flags: u64,
    },
    /// Reserves, copies and submits at once.
    Output {
        /// Length of the sample in bytes.
        len: u64,
        /// Wakeup flags; unknown ones are refused.
        flags: u64,
    },
    /// Reads up to this many records in an unbounded batch.
    Read {
        /// When to stop asking.
        records: u64,
    },
    /// Reads a batch bounded to this many records until it ends.
    AtMost {
        /// The bound.
        records: u64,
    },
    /// Reads a batch bounded to this many bytes until it ends.
    ReadBytes {
        /// The bound.
        bytes: u64,
    },
    /// As `Read`, and keeps the records for later.
    Keep {
        /// When to stop asking.
        records: u64,
    },
    /// Holds back the release of space.
    ReleaseAfter {
        /// How much.
        bytes: u64,
    },
    /// Releases all consumed space.
    Publish,
    /// Asks whether sleeping is safe.
    Arm,
    /// Asks how far behind the consumer is.
    Lag,
    /// Queries all that the kernel answers.
    Query,
    /// Drops the consumer and takes a new one.
    Restart,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Reservations granted.
    pub granted: u64,
    /// Reservations refused.
    pub refused: u64,
    /// Records delivered, redelivered ones once.
    pub delivered: u64,
    /// Discarded records skipped.
    pub discarded: u64,
    /// Notifications of the producers.
    pub notifications: u64,
}

/// Does `ops` on a ring of `capacity` bytes through which `start` bytes have
/// gone, then commits what is open and drains. An `Err` says what differed.
///
/// # Errors
/// The first difference, with the step and the operation; or that no such ring
/// can be made.
pub fn run(width: Width, start: u64, capacity: u64, ops: &[Op]) -> Result<Summary, String> {
    let ring = SimRing::started_at(capacity, width, start).map_err(|error| error.to_string())?;
    let producer = ring.producer();
    let mut oracle = Oracle::new(&ring, &producer, width, start)?;
    for (step, op) in ops.iter().enumerate() {
        oracle.apply(*op).map_err(|wrong| format!("step {step}, {op:?}: {wrong}"))?;
    }
    oracle.finish().map_err(|wrong| format!("at the end: {wrong}"))
}

type Reservation<'r> = KernelReservation<'r, MappedProducer<Arc<Mirror>>, Threads>;

/// A fresh ring beside its model. Between two steps others may meddle with the
/// ring: to see whether the oracle notices.
pub struct Oracle<'r> {
    ring: &'r SimRing,
    producer: &'r KernelProducer,
    consumer: Option<Consumer<SimMemory>>,
    open: Vec<(u64, Reservation<'r>)>,
    model: Model,
    /// Of consumers before this one.
    earlier: Counts,
}

impl<'r> Oracle<'r> {
    /// Takes the consumer of a fresh ring that was started at `start`.
    ///
    /// # Errors
    /// If the ring has a consumer already.
    pub fn new(
        ring: &'r SimRing,
        producer: &'r KernelProducer,
        width: Width,
        start: u64,
    ) -> Result<Self, String> {
        let consumer = Some(ring.consumer().map_err(|error| error.to_string())?);
        let model = Model::new(width, start, ring.query_of(producer, 1));
        Ok(Self { ring, producer, consumer, open: Vec::new(), model, earlier: Counts::default() })
    }
}
