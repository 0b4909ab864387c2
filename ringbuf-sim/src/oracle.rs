//! Operations on a ring, and an independent model that knows what each must do.
//!
//! [`run`] does a list of [`Op`]s on a [`SimRing`] and on a model in plain
//! numbers, and compares all that can be seen after each step: whether space is
//! granted and why not, both positions, every byte delivered, the order, the
//! counts, the answer of `arm`, the number of notifications. Property tests and
//! fuzz targets call it; their shrunk lists replay through it.

mod model;
mod op;

use std::fmt;
use std::mem::take;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Acquire;

use ringbuf_core::{Armed, Consumer, ConsumerMemory, Counts, Drained, Next, Width};

pub use crate::oracle::op::Op;

use crate::oracle::model::{Expected, Found, Model, State};
use crate::{
    Flags, KernelProducer, KernelReservation, OutputError, Query, SimKernelMemory, SimMemory,
    SimRing, Threads,
};

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

type Reservation<'r> = KernelReservation<'r, SimKernelMemory, Threads>;

/// A fresh ring beside its model.
///
/// Between two operations others may meddle with the ring: to see that the
/// oracle notices.
#[derive(Debug)]
pub struct Oracle<'r> {
    ring: &'r SimRing,
    producer: &'r KernelProducer,
    /// None only while it is being replaced.
    consumer: Option<Consumer<SimMemory>>,
    open: Vec<(Expected, Reservation<'r>)>,
    model: Model,
    summary: Summary,
}

impl<'r> Oracle<'r> {
    /// Takes the consumer of a fresh ring that was started at `start`, and one
    /// of its producers.
    ///
    /// # Errors
    /// If the ring has a consumer already.
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

    /// Does `op` on both, and compares.
    ///
    /// # Errors
    /// The first difference.
    pub fn apply(&mut self, op: Op) -> Result<(), String> {
        match op {
            Op::Reserve { len } => self.reserve(len)?,
            Op::Submit { which, flags } => self.commit(which, State::Submitted, flags),
            Op::Discard { which, flags } => self.commit(which, State::Discarded, flags),
            Op::Output { len, flags } => self.output(len, flags)?,
            Op::Read { records } => self.read(records, Bound::None, true)?,
            Op::AtMost { records } => self.read(u64::MAX, Bound::Records(records), true)?,
            Op::ReadBytes { bytes } => self.read(u64::MAX, Bound::Bytes(bytes), true)?,
            Op::ForEach { records } => self.for_each(records)?,
            Op::Keep { records } => self.read(records, Bound::None, false)?,
            Op::ReleaseAfter { bytes } => {
                self.consumer()?.release_after(bytes);
                self.model.release_after = bytes.min(self.model.capacity() / 2);
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
            Op::Lag => {
                let lag = self.consumer()?.lag().map_err(|corrupt| corrupt.to_string())?;
                same("lag", lag, self.model.produced - self.model.consumed)?;
            }
            Op::Query => self.query()?,
            Op::Restart => self.restart()?,
        }
        self.compare()
    }

    /// Discards what is open, reads the rest, and compares for the last time.
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

    /// A batch: up to `records` of them, all held together, then compared.
    fn read(&mut self, records: u64, bound: Bound, consume: bool) -> Result<(), String> {
        let consumer = self.consumer.as_mut().ok_or("no consumer")?;
        let (batch, mut walk) = match bound {
            Bound::None => (consumer.batch(), self.model.walk(u64::MAX, u64::MAX)),
            Bound::Records(max) => (consumer.batch().at_most(max), self.model.walk(max, u64::MAX)),
            Bound::Bytes(max) => (consumer.batch().within(max), self.model.walk(u64::MAX, max)),
        };
        let mut held = Vec::new();
        while walk.counts.delivered < records {
            let expected = self.model.next(&mut walk);
            match (batch.next().map_err(|corrupt| corrupt.to_string())?, expected) {
                (Next::Record(record), Found::Record(expected)) => held.push((record, expected)),
                (Next::Busy, Found::Busy)
                | (Next::Empty, Found::Empty)
                | (Next::Limit, Found::Limit) => break,
                (found, expected) => return Err(format!("{found:?} instead of {expected:?}")),
            }
            same("bytes held", batch.held(), walk.held())?;
            same("records in the batch", batch.delivered(), walk.counts.delivered)?;
        }
        for (record, Expected { number, at, len, .. }) in &held {
            same("position", record.position(), self.model.seen_at(*at))?;
            same("length", (record.len() as u64, record.sample_len().get().into()), (*len, *len))?;
            if !record.iter().copied().eq(pattern(*number).take(record.len())) {
                return Err(format!("the bytes of record {number} at {at} differ"));
            }
        }
        drop(held);
        if consume {
            drop(batch);
            self.model.consume(&walk, consumer.unpublished(), false)?;
            self.summary.delivered += walk.counts.delivered;
            self.summary.discarded += walk.counts.discarded;
        } else {
            batch.keep();
        }
        Ok(())
    }

    /// By callback: each record is compared when it comes.
    fn for_each(&mut self, records: u64) -> Result<(), String> {
        let consumer = self.consumer.as_mut().ok_or("no consumer")?;
        let (model, mut walk) = (&self.model, self.model.walk(u64::MAX, u64::MAX));
        let end = consumer.for_each(|record| {
            let found = (record.position(), record.len() as u64);
            let expected = match model.next(&mut walk) {
                Found::Record(expected) => expected,
                other => return ControlFlow::Break(Err(format!("{found:?} instead of {other:?}"))),
            };
            let right = record.iter().copied().eq(pattern(expected.number).take(record.len()));
            let same = same("record", found, (model.seen_at(expected.at), expected.len));
            match same.and(right.then_some(()).ok_or("the bytes differ".into())) {
                Ok(()) if walk.counts.delivered < records => ControlFlow::Continue(()),
                result => ControlFlow::Break(result),
            }
        });
        match end.map_err(|corrupt| corrupt.to_string())? {
            ControlFlow::Break(result) => result?,
            // As much as a ring has been read: it does not look whether there is more.
            ControlFlow::Continue(Drained::Limit) => {
                same("read", walk.held() >= model.capacity(), true)?;
            }
            ControlFlow::Continue(end) => {
                let expected = match model.next(&mut walk) {
                    Found::Busy => Ok(Drained::Busy),
                    Found::Empty => Ok(Drained::Empty),
                    other => Err(other),
                };
                same("end", Ok(end), expected)?;
            }
        }
        self.summary.delivered += walk.counts.delivered;
        self.summary.discarded += walk.counts.discarded;
        let held = consumer.unpublished();
        self.model.consume(&walk, held, true)
    }

    fn restart(&mut self) -> Result<(), String> {
        same("a second consumer", self.ring.consumer().is_ok(), false)?;
        drop(self.consumer.take());
        self.consumer = Some(self.ring.consumer().map_err(|error| error.to_string())?);
        self.model.publish();
        self.model.release_after = 0;
        self.model.counts = Counts::default();
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

    /// All that can be seen without changing anything.
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

/// The bound of a batch.
enum Bound {
    None,
    Records(u64),
    Bytes(u64),
}

/// The sample of a record: no two are alike, nor any two words of one.
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
