//! [`BusyHead`]: how long the record at the consumer position has been busy.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use crate::walk::{self, Area};
use crate::{Consumer, ConsumerMemory, Corrupt, CorruptReason, Position, SampleLen, WaitHost};

/// The head of a ring, while it is busy: its producer has reserved it and has not
/// committed it yet. Nothing behind it can be read meanwhile.
///
/// A busy head is normal for some microseconds. It stays busy while its program is
/// interrupted, preempted, or asleep: a sleepable program may wait for a page. The
/// kernel commits each reservation before the program ends, so the head cannot stay
/// busy for ever while programs go on.
///
/// The shared pages show what is here. They do not show the CPU or the task that holds
/// the record, or the instruction where it stands.
///
/// ```
/// # use std::time::Duration;
/// # use ringbuf_sim::{SimRing, VirtualTime};
/// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
/// # let program = ring.producer();
/// # let held = program.reserve(64)?;
/// # let mut consumer = ring.consumer_in(&time)?;
/// consumer.wait(Some(Duration::from_secs(2)))?;
/// if let Some(head) = consumer.busy_head()? {
///     let text = head.to_string(); // for the log of an operator
///     assert!(text.starts_with("the record of 64 bytes at position 0x0 has been busy for 2.0s"));
/// }
/// # drop(held);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusyHead {
    /// The position of the record. It names the stall: another stall of the same ring
    /// has another position.
    pub position: Position,
    /// The length of its sample, in bytes, as reserved.
    pub len: SampleLen,
    /// Bytes of ring space behind it: records that wait for it, committed or not, with
    /// headers.
    pub behind: u64,
    /// The time since a look found this record busy for the first time. The record may
    /// have been busy longer, by the time between two looks.
    pub busy_for: Duration,
}

impl fmt::Display for BusyHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, len, behind, busy_for } = self;
        write!(
            f,
            "the record of {} bytes at position {position} has been busy for {busy_for:.1?}, and \
             {behind} bytes behind it wait",
            len.get()
        )
    }
}

impl<M: ConsumerMemory + WaitHost> Consumer<M> {
    /// Returns the head if it is busy, with the time since when. Drain before you call
    /// it: if an earlier record is unread, the head is that one, and it is not busy.
    ///
    /// It never blocks, and producers may go on. It loads the producer position and a
    /// header, and reads the clock if the head is busy. The time counts from the first
    /// look that found this record busy: by a [`wait`](Self::wait), or by this method.
    /// So if you do not call `wait`, call this method each time that a drain ends with
    /// [`Drained::Busy`](crate::Drained::Busy).
    ///
    /// A wait sleeps on a busy head, up to [`max_sleep`](crate::WaitPolicy::max_sleep)
    /// at a time, and the commit ends it. To hear of a head that stays busy, set a
    /// timeout.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::{Flags, SimRing, VirtualTime};
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    /// let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// let program = ring.producer();
    /// let held = program.reserve(64)?; // a program that stands still
    /// program.output(b"hello", Flags::ADAPTIVE)?;
    ///
    /// let mut consumer = ring.consumer_in(&time)?;
    /// consumer.drain(|_| unreachable!("nothing before the busy record"))?;
    /// assert_eq!(consumer.busy_head()?.unwrap().busy_for, Duration::ZERO);
    ///
    /// assert_eq!(consumer.wait(Some(SECOND))?, Wakeup::TimedOut);
    /// let head = consumer.busy_head()?.unwrap();
    /// assert!(head.busy_for >= SECOND);
    /// assert_eq!((head.position.get(), head.len.get(), head.behind), (0, 64, 16));
    ///
    /// held.submit(Flags::ADAPTIVE);
    /// assert_eq!(consumer.busy_head()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`] as for [`lag`](Self::lag), and if the busy record is longer than what
    /// has been produced. Each later call reports it again.
    pub fn busy_head(&self) -> Result<Option<BusyHead>, Corrupt> {
        self.busy_head_by(&self.stall, || self.memory.now())
    }

    /// Remembers since when the head is busy, if the last look found that. Costs a
    /// comparison.
    #[inline]
    pub(crate) fn note_stall(&self, now: Duration) {
        self.note_stall_by(&self.stall, now);
    }
}

impl<M: ConsumerMemory> Consumer<M> {
    /// As [`busy_head`](Self::busy_head), by another clock and its memory.
    pub(crate) fn busy_head_by(
        &self,
        stall: &Stall,
        now: impl FnOnce() -> Duration,
    ) -> Result<Option<BusyHead>, Corrupt> {
        let available = self.lag()?;
        if available == 0 {
            return Ok(None);
        }
        // SAFETY: `available` is above 0 and a multiple of 8, because all positions are
        // aligned. So a header is produced here (T2). Only this consumer releases it (C1).
        let header = unsafe { walk::header(&self.memory, Area::of(&self.memory), self.consumed) };
        if !header.is_busy() {
            return Ok(None);
        }
        let position = self.position();
        let Some(behind) = available.checked_sub(header.footprint()) else {
            let footprint = header.footprint();
            let reason = CorruptReason::RecordTooLong { footprint, available };
            return Err(self.corrupted(Corrupt { position, reason }));
        };
        let busy_for = stall.busy_for(self.consumed, now());
        Ok(Some(BusyHead { position, len: header.len(), behind, busy_for }))
    }

    /// Call this after a look that found nothing to read. If bytes are produced there
    /// nevertheless, the head is busy.
    #[inline]
    pub(crate) fn note_stall_by(&self, stall: &Stall, now: Duration) {
        if self.available != 0 {
            stall.busy_for(self.consumed, now);
        }
    }
}

/// The last busy head, and the time of the first look that found it busy.
///
/// A position never comes back, because it is not wrapped to the kernel's width. A
/// committed record does not become busy again. So if a head is busy at the same position
/// as before, it was busy all the time between.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stall {
    first: Cell<Option<(Position, Duration)>>,
    told: Cell<bool>,
}

impl Stall {
    pub(crate) const fn new() -> Self {
        Self { first: Cell::new(None), told: Cell::new(false) }
    }

    /// The head at `position`, not wrapped, is busy at `now`. Returns for how long.
    fn busy_for(&self, position: Position, now: Duration) -> Duration {
        match self.first.get() {
            Some((at, since)) if at == position => now.saturating_sub(since),
            _ => {
                self.first.set(Some((position, now)));
                self.told.set(false);
                Duration::ZERO
            }
        }
    }

    /// Returns true if this is called for the first time in this stall.
    pub(crate) fn is_news(&self) -> bool {
        !self.told.replace(true)
    }
}
