//! Operations on a ring, and an independent model of their results.
//!
//! [`run`] performs a list of [`Op`]s on a [`SimRing`] and on a model in plain
//! numbers. After each step it compares everything visible: if space is granted or
//! why not, both positions, every delivered byte, the order, the counts, the result
//! of `arm`, and the number of notifications. Property tests and fuzz targets call
//! it, and replay their shrunk lists through it.

mod copying;
mod model;
mod op;
mod reading;
mod release;

use std::fmt;
use std::mem::take;
use std::sync::atomic::Ordering::Acquire;

use ringbuf_core::{Armed, Consumer, ConsumerMemory, RingMemory, Width};

pub use crate::oracle::op::Op;

use crate::oracle::model::{Expected, Model, State};
use crate::oracle::reading::{Bound, End};
use ringbuf_sim::{
    Flags, KernelProducer, KernelReservation, OutputError, Query, SimKernelMemory, SimMemory,
    SimRing, Threads,
};

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Reservations granted.
    pub granted: u64,
    /// Reservations refused.
    pub refused: u64,
    /// Records delivered. A redelivered record counts once.
    pub delivered: u64,
    /// Discarded records skipped.
    pub discarded: u64,
    /// Notifications of the producers.
    pub notifications: u64,
}

/// Performs `ops` on a ring of `capacity` bytes after `start` bytes of traffic.
/// Then commits open reservations and drains. An `Err` describes the difference.
///
/// # Errors
/// The first difference, with the step and the operation; or an error if the ring
/// cannot be created.
pub fn run(width: Width, start: u64, capacity: u64, ops: &[Op]) -> Result<Summary, String> {
    let ring = SimRing::started_at(capacity, width, start).map_err(|error| error.to_string())?;
    let producer = ring.producer();
    let mut oracle = Oracle::new(&ring, &producer, width, start)?;
    for (step, op) in ops.iter().enumerate() {
        oracle.apply(*op).map_err(|wrong| format!("step {step}, {op:?}: {wrong}"))?;
    }
    oracle.finish().map_err(|wrong| format!("at the end: {wrong}"))
}

type Reservation<'r> = KernelReservation<'r, SimKernelMemory, Threads>;

/// A new ring and its model.
///
/// A test may change the ring between two operations, to see that the oracle
/// notices.
#[derive(Debug)]
pub struct Oracle<'r> {
    ring: &'r SimRing,
    producer: &'r KernelProducer,
    /// `None` only during a replacement.
    consumer: Option<Consumer<SimMemory>>,
    open: Vec<(Expected, Reservation<'r>)>,
    model: Model,
    summary: Summary,
}

impl<'r> Oracle<'r> {
    /// Takes the consumer and one producer of a new ring that was started at
    /// `start`.
    ///
    /// # Errors
    /// If the ring already has a consumer.
    pub fn new(
        ring: &'r SimRing,
        producer: &'r KernelProducer,
        width: Width,
        start: u64,
    ) -> Result<Self, String> {
        let consumer = ring.consumer().map_err(|error| error.to_string())?;
        let model = Model::new(width, start, consumer.memory().capacity().bytes());
        let (consumer, summary) = (Some(consumer), Summary::default());
        Ok(Self { ring, producer, consumer, open: Vec::new(), model, summary })
    }

    /// Performs `op` on both, and compares.
    ///
    /// # Errors
    /// The first difference.
    pub fn apply(&mut self, op: Op) -> Result<(), String> {
        match op {
            Op::Reserve { len } => self.reserve(len)?,
            Op::Submit { which, flags } => self.commit(which, State::Submitted, flags),
            Op::Discard { which, flags } => self.commit(which, State::Discarded, flags),
            Op::Output { len, flags } => self.output(len, flags)?,
            Op::Read { records } => self.read(records, Bound::None, End::Drop)?,
            Op::AtMost { records } => self.read(u64::MAX, Bound::Records(records), End::Drop)?,
            Op::ReadBytes { bytes } => self.read(u64::MAX, Bound::Bytes(bytes), End::Drop)?,
            Op::Finish { records } => self.read(records, Bound::None, End::Finish)?,
            Op::ForEach { records } => self.for_each(records, None)?,
            Op::Within { records, bytes } => self.for_each(u64::MAX, Some((records, bytes)))?,
            Op::NextRecord { records } => self.next_record(records)?,
            Op::Keep { records } => self.read(records, Bound::None, End::Rewind)?,
            Op::PutBack { records, limit } => {
                self.read(records, Bound::Records(limit), End::PutBack)?
            }
            Op::ReadInto { len, records } => self.read_into(len, records)?,
            Op::HoldBack { portion } => {
                self.consumer()?.hold_back(portion);
                self.model.release.hold_back(portion);
            }
            Op::ReleaseAtOnce => {
                self.consumer()?.release_at_once();
                self.model.release.at_once();
                self.model.publish();
            }
            Op::Publish => {
                self.consumer()?.publish();
                self.model.publish();
            }
            Op::Arm => {
                let armed = self.consumer()?.arm();
                self.model.publish();
                same("arm", armed == Armed::Ready, self.model.ready())?;
            }
            Op::IsReady { looks } => self.is_ready(looks)?,
            Op::Lag => {
                let lag = self.consumer()?.lag().map_err(|corrupt| corrupt.to_string())?;
                same("lag", lag, self.model.produced - self.model.consumed)?;
            }
            Op::Query => self.query()?,
            Op::Restart => self.restart()?,
        }
        self.compare()
    }

    /// Discards open reservations, reads the rest, and compares for the last time.
    ///
    /// # Errors
    /// The first difference.
    pub fn finish(mut self) -> Result<Summary, String> {
        for (record, reservation) in take(&mut self.open) {
            drop(reservation);
            self.model.commit(record.at, State::Discarded, 0);
        }
        self.compare()?;
        self.apply(Op::Read { records: u64::MAX })?;
        self.apply(Op::Restart)?;
        same("bytes left", self.producer.query(Query::AVAIL_DATA), 0)?;
        same(
            "records lost",
            self.summary.granted,
            self.summary.delivered + self.summary.discarded,
        )?;
        Ok(Summary { notifications: self.ring.notifications(), ..self.summary })
    }

    fn reserve(&mut self, len: u64) -> Result<(), String> {
        match (self.producer.reserve(len), self.model.reserve(len)) {
            (Ok(mut reservation), Ok(record)) => {
                same("length of the reservation", reservation.len() as u64, len)?;
                fill(&mut reservation, record.number);
                self.open.push((record, reservation));
                self.summary.granted += 1;
                Ok(())
            }
            (found, expected) => {
                self.summary.refused += 1;
                same("reserve", found.map(drop), expected.map(drop))
            }
        }
    }

    fn commit(&mut self, which: usize, state: State, flags: u64) {
        if self.open.is_empty() {
            return;
        }
        let (record, reservation) = self.open.swap_remove(which % self.open.len());
        if state == State::Submitted {
            reservation.submit(Flags(flags));
        } else {
            reservation.discard(Flags(flags));
        }
        self.model.commit(record.at, state, flags);
    }

    fn output(&mut self, len: u64, flags: u64) -> Result<(), String> {
        let expected = if flags & !3 != 0 {
            Err(OutputError::UnknownFlags)
        } else {
            self.model.reserve(len).map_err(OutputError::Refused)
        };
        let size = usize::try_from(len).map_err(|error| error.to_string())?;
        let mut data = vec![0; size];
        if let Ok(record) = expected {
            fill(&mut data, record.number);
            self.model.commit(record.at, State::Submitted, flags);
            self.summary.granted += 1;
        } else {
            self.summary.refused += 1;
        }
        same("output", self.producer.output(&data, Flags(flags)), expected.map(drop))
    }

    fn restart(&mut self) -> Result<(), String> {
        same("a second consumer", self.ring.consumer().is_ok(), false)?;
        drop(self.consumer.take());
        self.consumer = Some(self.ring.consumer().map_err(|error| error.to_string())?);
        self.model.restart();
        Ok(())
    }

    fn query(&self) -> Result<(), String> {
        let model = &self.model;
        let positions = [model.published, model.produced].map(|at| model.seen_at(at).get());
        let [consumed, produced] = positions;
        let expected =
            [model.produced - model.published, model.capacity(), consumed, produced, 0, 0];
        same("query", [0, 1, 2, 3, 4, 5].map(|kind| self.producer.query(kind)), expected)
    }

    /// Compares everything that is visible without a change.
    fn compare(&self) -> Result<(), String> {
        self.query()?;
        let consumer = self.consumer.as_ref().ok_or("no consumer")?;
        let model = &self.model;
        let produced = consumer.memory().load_producer_pos(Acquire);
        same("shared producer position", produced, model.seen_at(model.produced))?;
        same("consumed position", consumer.position(), model.seen_at(model.consumed))?;
        same("unpublished", consumer.unpublished(), model.consumed - model.published)?;
        same("counts", consumer.counts(), model.counts)?;
        same("notifications", self.ring.notifications(), model.notifications)
    }

    fn consumer(&mut self) -> Result<&mut Consumer<SimMemory>, String> {
        self.consumer.as_mut().ok_or_else(|| "no consumer".into())
    }
}

/// Returns the sample of a record. Samples differ from each other, and words differ
/// within a sample.
fn pattern(number: u64) -> impl Iterator<Item = u8> {
    let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..).flat_map(move |word: u64| (seed ^ word.wrapping_mul(0xff51_afd7_ed55_8ccd)).to_le_bytes())
}

fn fill(sample: &mut [u8], number: u64) {
    sample.iter_mut().zip(pattern(number)).for_each(|(byte, value)| *byte = value);
}

fn same<T: PartialEq + fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}
