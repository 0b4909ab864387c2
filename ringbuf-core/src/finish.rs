//! [`Consumer::finish`]: the last reading of a program, after its programs are detached.

use core::convert::Infallible;
use core::error::Error;
use core::fmt;
use core::ops::ControlFlow;
use core::time::Duration;

use crate::each::Limit;
use crate::{
    Armed, Batch, Consumer, ConsumerMemory, Corrupt, Counts, Drained, Position, Record, WaitHost,
};

/// The longest sleep at a busy record. Its commit notifies, and so ends the sleep, unless
/// its program forbids that (`BPF_RB_NO_WAKEUP`).
pub(crate) const REST: Duration = Duration::from_millis(1);

impl<M: ConsumerMemory + WaitHost> Consumer<M> {
    /// Reads what is in the ring when the call begins, and says what became of it. Call it
    /// last, after the programs are detached.
    ///
    /// It first notes the producer position. Records from there on are not read, so a program
    /// that goes on cannot keep this call. Records before it are read in order. If one of them
    /// is busy (reserved, not committed), the call sleeps until its commit, but not after
    /// `limit`, which counts from the start of the call (the last sleep may end a millisecond
    /// late). Then it reports what it left in the ring. So zero never sleeps, and
    /// [`Duration::MAX`] waits for ever.
    ///
    /// A program may run on for a moment after the call that detached it: docs/shutdown.md
    /// says for which kinds of programs. Some milliseconds are enough then. Only a program
    /// that is stopped between reserve and commit needs longer (a sleepable program in a page
    /// fault, a virtual processor that does not run).
    ///
    /// The time of `each` counts, too. It is not cut short: all records that are committed
    /// are read, whatever they take. A signal does not end the call. Neither does a waker:
    /// the next wait reports that wake.
    ///
    /// At the end everything consumed is published, so no later reader gets it again. What is
    /// left stays in the ring for a later reader. You may go on with this consumer.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// let program = ring.producer();
    /// program.output(b"one", Flags::ADAPTIVE)?;
    /// let stopped = program.reserve(8)?;
    /// program.output(b"two", Flags::ADAPTIVE)?; // behind a record that nobody commits
    ///
    /// let mut consumer = ring.consumer()?;
    /// let mut read = Vec::new();
    /// let limit = Duration::from_millis(5);
    /// let finished = consumer.finish(limit, |record| read.push(record.to_vec()))?;
    /// assert_eq!(read, [b"one"]);
    /// assert!(!finished.is_complete());
    /// assert_eq!((finished.delivered, finished.left), (1, 32));
    /// assert_eq!((finished.in_flight, finished.in_flight_bytes), (1, 16));
    /// # drop(stopped);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// If the callback panics, its record is consumed, as in [`for_each`](Self::for_each).
    ///
    /// # Errors
    /// [`FinishError::Corrupt`] if the ring is corrupt: all records before were good.
    /// [`FinishError::Wait`] if the system refused to sleep; what is in the ring stays there.
    #[inline(always)]
    pub fn finish(
        &mut self,
        limit: Duration,
        mut each: impl FnMut(Record<'_, M>),
    ) -> Result<Finished, FinishError<M::Error>> {
        let end = self.finish_each(limit, |record| {
            each(record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        match end {
            ControlFlow::Continue(finished) => Ok(finished),
            ControlFlow::Break(never) => match never {},
        }
    }

    /// As [`finish`](Self::finish), but ends as soon as `each` breaks. The record of that call
    /// is consumed.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::time::Duration;
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// for name in [&b"one"[..], b"end", b"two"] {
    ///     ring.producer().output(name, Flags::ADAPTIVE)?;
    /// }
    /// let mut consumer = ring.consumer()?;
    /// let end = consumer.finish_each(Duration::ZERO, |record| match &record[..] {
    ///     b"end" => ControlFlow::Break("stopped"),
    ///     _ => ControlFlow::Continue(()),
    /// })?;
    /// assert_eq!(end, ControlFlow::Break("stopped"));
    /// assert_eq!(consumer.finish(Duration::ZERO, |_| ())?.delivered, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    #[inline(always)]
    pub fn finish_each<B>(
        &mut self,
        limit: Duration,
        mut each: impl FnMut(Record<'_, M>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Finished>, FinishError<M::Error>> {
        let deadline = self.memory.now().saturating_add(limit);
        let goal = Goal::capture(self)?;
        loop {
            match self.read(&mut goal.limit(), &mut each)? {
                ControlFlow::Continue(Drained::Busy) => {}
                ControlFlow::Continue(Drained::Empty | Drained::Limit) => break,
                ControlFlow::Break(value) => {
                    self.publish();
                    return Ok(ControlFlow::Break(value));
                }
            }
            let left = deadline.saturating_sub(self.memory.now());
            if left.is_zero() {
                break;
            }
            // Publishes, so that the commit of the busy record notifies.
            if self.arm() == Armed::Sleep {
                self.memory.block(left.min(REST)).map_err(FinishError::Wait)?;
            }
        }
        self.publish();
        Ok(ControlFlow::Continue(goal.report(self)?))
    }
}

/// What [`Consumer::finish`] read, and what it left.
///
/// The text of it is for the log of an operator.
/// ```
/// use std::time::Duration;
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// let finished = ring.consumer()?.finish(Duration::ZERO, |_| ())?;
/// assert_eq!(finished.to_string(), "1 record delivered, 0 discarded, nothing left");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "records may be left in the ring"]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// Records delivered by this call.
    pub delivered: u64,
    /// Discarded records that this call skipped.
    pub discarded: u64,
    /// Bytes of ring space that were produced before the call began, and that it left: those
    /// of busy records, and of all records behind the first busy one.
    pub left: u64,
    /// The number of records in these bytes.
    pub left_records: u64,
    /// How many of them are in flight: reserved by a program, and not committed.
    pub in_flight: u64,
    /// The bytes of ring space that the records in flight take.
    pub in_flight_bytes: u64,
    /// Bytes of ring space that were produced after the call began. They are in the ring. If
    /// this is not 0, a program was still running.
    pub later: u64,
}

impl Finished {
    /// Returns true if everything was read that had been produced when the call began.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Returns the sum of two rings.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::Finished;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let rings = [SimRing::new(4096)?, SimRing::new(4096)?];
    /// # for ring in &rings { ring.producer().output(b"hello", Flags::ADAPTIVE)?; }
    /// let mut total = Finished::default();
    /// for ring in &rings {
    ///     total = total.plus(ring.consumer()?.finish(Duration::ZERO, |_| ())?);
    /// }
    /// assert!(total.is_complete());
    /// assert_eq!(total.delivered, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn plus(self, other: Self) -> Self {
        Self {
            delivered: self.delivered.wrapping_add(other.delivered),
            discarded: self.discarded.wrapping_add(other.discarded),
            left: self.left.wrapping_add(other.left),
            left_records: self.left_records.wrapping_add(other.left_records),
            in_flight: self.in_flight.wrapping_add(other.in_flight),
            in_flight_bytes: self.in_flight_bytes.wrapping_add(other.in_flight_bytes),
            later: self.later.wrapping_add(other.later),
        }
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self { delivered, discarded, left, left_records, in_flight, .. } = self;
        write!(f, "{} delivered, {discarded} discarded, ", Records(delivered))?;
        if left == 0 {
            f.write_str("nothing left")?;
        } else {
            let (bytes, behind) = (self.in_flight_bytes, left_records.saturating_sub(in_flight));
            let number = Records(in_flight);
            write!(f, "{left} bytes left: {number} in flight ({bytes} bytes), {behind} behind")?;
        }
        if self.later != 0 {
            let later = self.later;
            write!(f, "; {later} bytes were produced meanwhile: a program still ran")?;
        }
        Ok(())
    }
}

struct Records(u64);

impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} record{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// Why [`Consumer::finish`] failed.
///
/// ```
/// # use std::time::Duration;
/// # use ringbuf_core::FinishError;
/// # let mut consumer = ringbuf_sim::SimRing::new(4096)?.consumer()?;
/// match consumer.finish(Duration::from_millis(5), |record| println!("{} bytes", record.len())) {
///     Ok(finished) => println!("{finished}"),
///     Err(FinishError::Corrupt(corrupt)) => println!("the rest cannot be read: {corrupt}"),
///     Err(error) => println!("the rest is still in the ring: {error}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishError<E> {
    /// The ring is corrupt, or belongs to another process.
    Corrupt(Corrupt),
    /// The system refused to sleep.
    Wait(E),
}

impl<E> From<Corrupt> for FinishError<E> {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

impl<E: fmt::Display> fmt::Display for FinishError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(corrupt) => corrupt.fmt(f),
            Self::Wait(error) => error.fmt(f),
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl<E: fmt::Display> fmt::Debug for FinishError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl<E: fmt::Display> Error for FinishError<E> {}

/// What one ring held when a call of `finish` began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// The consumed position, and the bytes produced from there on.
    from: Position,
    bytes: u64,
    before: Counts,
}

impl Goal {
    pub(crate) fn capture<M: ConsumerMemory>(consumer: &Consumer<M>) -> Result<Self, Corrupt> {
        let bytes = consumer.lag()?;
        Ok(Self { from: consumer.consumed, bytes, before: consumer.counts })
    }

    /// The bytes that are not read yet.
    pub(crate) fn left<M: ConsumerMemory>(&self, consumer: &Consumer<M>) -> u64 {
        // Only a corrupt record leads beyond these bytes.
        self.bytes.saturating_sub(consumer.consumed.distance(self.from, consumer.memory.width()))
    }

    pub(crate) fn limit(&self) -> UpTo<'_> {
        UpTo { goal: self, left: 0 }
    }

    pub(crate) fn report<M: ConsumerMemory>(
        &self,
        consumer: &Consumer<M>,
    ) -> Result<Finished, Corrupt> {
        let produced = consumer.lag()?;
        let left = self.left(consumer).min(produced);
        let Counts { delivered, discarded, .. } = consumer.counts;
        let unread = consumer.unread_within(left)?;
        Ok(Finished {
            delivered: delivered.wrapping_sub(self.before.delivered),
            discarded: discarded.wrapping_sub(self.before.discarded),
            left,
            left_records: unread.records,
            in_flight: unread.in_flight,
            in_flight_bytes: unread.in_flight_bytes,
            later: produced - left,
        })
    }
}

/// Reads up to a [`Goal`], and not one record more.
pub(crate) struct UpTo<'g> {
    goal: &'g Goal,
    left: u64,
}

impl<M: ConsumerMemory> Limit<M> for UpTo<'_> {
    const COUNTS: bool = false;

    fn is_reached(&mut self, consumer: &Consumer<M>) -> bool {
        self.left = self.goal.left(consumer);
        self.left == 0
    }

    fn cut(&self, batch: &Batch<'_, M>) {
        batch.cut(self.left);
    }

    fn spend(&mut self, _: u64) {}

    fn records_left(&self) -> u64 {
        u64::MAX
    }
}
