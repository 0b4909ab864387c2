//! [`Budget`]: how much one drain may read.

use core::convert::Infallible;
use core::ops::ControlFlow;
use core::time::Duration;

use crate::each::Limit;
use crate::walk::MAX_WINDOW;
use crate::{Batch, Consumer, ConsumerMemory, Corrupt, Drained, Position, Record, WaitHost};

/// How much one drain may read, so that other work gets its turn.
///
/// Only a limit of time promises something if callbacks are slow. At least one record
/// is read, whatever the budget. One whole ring is the most.
///
/// ```
/// use std::time::Duration;
/// use ringbuf_core::{Budget, Drained};
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// for _ in 0..9 {
///     ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// }
/// let mut consumer = ring.consumer()?;
/// let budget = Budget::unlimited().records(5).time(Duration::from_millis(1));
/// let mut count = 0;
/// assert_eq!(consumer.drain_within(&budget, |_| count += 1)?, Drained::Limit);
/// assert!((1..=5).contains(&count)); // fewer if this machine stood still for a millisecond
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    records: u64,
    bytes: u64,
    pub(crate) time: Duration,
}

impl Budget {
    /// A budget without limits.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert_eq!(consumer.drain_within(&Budget::unlimited(), |_| ())?, Drained::Empty);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { records: u64::MAX, bytes: u64::MAX, time: Duration::MAX }
    }

    /// Limits the number of records. Discarded records do not count.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let end = consumer.drain_within(&Budget::unlimited().records(1), |_| ())?;
    /// assert_eq!(end, Drained::Limit);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn records(self, records: u64) -> Self {
        Self { records, ..self }
    }

    /// Limits the bytes of ring space: headers and discarded records included. The
    /// record that reaches the limit is the last one.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let mut count = 0;
    /// consumer.drain_within(&Budget::unlimited().bytes(20), |_| count += 1)?;
    /// assert_eq!(count, 2); // 16 bytes each: the second one reaches the limit
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    /// Limits the time. The clock is read once for each window of records. A window is
    /// as large as takes an eighth of this time at the last known speed. So the drain
    /// lasts longer by one window if the callback becomes slower, or if one record
    /// takes longer than this time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::Budget;
    ///
    /// let turn = Budget::unlimited().time(Duration::from_micros(200));
    /// ```
    #[must_use]
    pub const fn time(self, time: Duration) -> Self {
        Self { time, ..self }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::unlimited()
    }
}

/// How much is read between two looks at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The next window, in bytes of ring space.
    stride: u64,
    /// Bytes read since the clock was read.
    bytes: u64,
    /// The clock, when it was read last.
    pub(crate) now: Duration,
}

/// A window takes this part of the budget.
const PARTS: u64 = 8;

impl Pace {
    /// The speed is not known: the first window is one record.
    pub(crate) const fn new() -> Self {
        Self { stride: 1, bytes: 0, now: Duration::ZERO }
    }

    /// The clock shows `now`, and nothing was read since it was read before.
    pub(crate) fn restart(&mut self, now: Duration) {
        (self.now, self.bytes) = (now, 0);
    }

    /// Learns the speed from the bytes read until `now`. A stride becomes at most four
    /// times as long.
    pub(crate) fn learn(&mut self, now: Duration, time: Duration) {
        if self.bytes == 0 {
            return self.restart(now);
        }
        let took = nanos(now.saturating_sub(self.now)).max(1);
        // A window has at most 2^21 bytes, and 2^42 ns are an hour.
        let part = (nanos(time) / PARTS).min(1 << 42);
        let wanted = self.bytes.min(1 << 21) * part / took;
        if wanted < self.stride || self.bytes >= self.stride {
            let most = self.stride.max(self.bytes).saturating_mul(4).min(MAX_WINDOW);
            self.stride = wanted.clamp(1, most.max(1));
        }
        self.restart(now);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<M: ConsumerMemory + WaitHost> Consumer<M> {
    /// As [`for_each`](Self::for_each), but reads no more than `budget` allows. Then it
    /// ends with [`Drained::Limit`].
    ///
    /// A budget costs at most two instructions a record. A limit of bytes or of time
    /// costs none, because it cuts the window.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// use std::ops::ControlFlow;
    ///
    /// let budget = Budget::unlimited().records(100);
    /// let first = consumer.for_each_within(&budget, |record| ControlFlow::Break(record.len()))?;
    /// assert_eq!(first, ControlFlow::Break(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each).
    #[inline(always)]
    pub fn for_each_within<B>(
        &mut self,
        budget: &Budget,
        each: impl FnMut(Record<'_, M>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, Corrupt> {
        let mut pace = self.pace;
        if budget.time < Duration::MAX {
            pace.restart(self.memory.now());
        }
        let mut spending = Spending::new(budget, self.consumed, pace, OfMemory);
        let end = self.read(&mut spending, each);
        self.pace = spending.pace;
        end
    }

    /// As [`drain`](Self::drain), but reads no more than `budget` allows.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert_eq!(consumer.drain_within(&Budget::unlimited().records(1), |_| ())?, Drained::Limit);
    /// assert_eq!(consumer.drain_within(&Budget::unlimited().records(9), |_| ())?, Drained::Empty);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each).
    #[inline(always)]
    pub fn drain_within(
        &mut self,
        budget: &Budget,
        mut each: impl FnMut(Record<'_, M>),
    ) -> Result<Drained, Corrupt> {
        let end = self.for_each_within(budget, |record| {
            each(record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        match end {
            ControlFlow::Continue(drained) => Ok(drained),
            ControlFlow::Break(never) => match never {},
        }
    }
}

/// A clock, which may be that of the ring's own memory.
pub(crate) trait Clock<M> {
    fn now(&self, memory: &M) -> Duration;
}

struct OfMemory;

impl<M: WaitHost> Clock<M> for OfMemory {
    fn now(&self, memory: &M) -> Duration {
        memory.now()
    }
}

/// What is left of a budget.
pub(crate) struct Spending<C> {
    records: u64,
    /// Bytes left, and the position from which they count.
    bytes: u64,
    from: Position,
    time: Duration,
    begin: Duration,
    first: bool,
    pub(crate) pace: Pace,
    clock: C,
}

impl<C> Spending<C> {
    /// The clock showed `pace.now` last.
    pub(crate) fn new(budget: &Budget, from: Position, pace: Pace, clock: C) -> Self {
        let &Budget { records, bytes, time } = budget;
        let (records, bytes) = (records.max(1), bytes.max(1));
        Self { records, bytes, from, time, begin: pace.now, first: true, pace, clock }
    }
}

impl<M: ConsumerMemory, C: Clock<M>> Limit<M> for Spending<C> {
    const COUNTS: bool = true;

    /// Once for each window: a call leaves the registers to the loop over records.
    #[inline(never)]
    fn is_reached(&mut self, consumer: &Consumer<M>) -> bool {
        if self.first {
            self.first = false;
            let capacity = consumer.memory.capacity().bytes();
            self.bytes = self.bytes.min(capacity);
            return false;
        }
        let read = consumer.consumed.distance(self.from, consumer.memory.width());
        self.from = consumer.consumed;
        self.bytes = self.bytes.saturating_sub(read);
        if self.time < Duration::MAX {
            self.pace.bytes += read;
            if self.pace.bytes >= self.pace.stride {
                self.pace.learn(self.clock.now(&consumer.memory), self.time);
            }
        }
        self.records == 0
            || self.bytes == 0
            || self.pace.now.saturating_sub(self.begin) >= self.time
    }

    #[inline(always)]
    fn cut(&self, batch: &Batch<'_, M>) {
        let Pace { stride, bytes, .. } = self.pace;
        let rest = if self.time < Duration::MAX { stride - bytes } else { u64::MAX };
        batch.cut(rest.min(self.bytes));
    }

    #[inline(always)]
    fn spend(&mut self, records: u64) {
        self.records = self.records.saturating_sub(records);
    }

    #[inline(always)]
    fn records_left(&self) -> u64 {
        self.records
    }
}
