//! How a round ended, and what was read so far.

/// How a round of a [`Merge`](super::Merge) ended.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
/// # use std::time::Duration;
/// # let (time, ring) = (VirtualTime::new(), SimRing::new(4096)?);
/// # let key = |record: &Record<'_, SimMemory>| record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
/// # let mut merge = time.merge::<_, _, 8>(WaitPolicy::balanced(), Duration::from_nanos(100), key);
/// # let token = merge.insert(ring.consumer()?, "exec")?;
/// # ring.producer().output(&10_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
/// let pause = match merge.drain(50, |_, _| ())? {
///     Round::Empty => None,
///     Round::Held { until } => Some(until - 50),
///     _ => Some(0),
/// };
/// assert_eq!(pause, Some(60)); // the key is 10, the lateness 100
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Round {
    /// No committed record is left.
    Empty,
    /// Records are held, because a smaller key may still come.
    Held {
        /// The next record is due at this time, on the clock of the keys.
        until: u64,
    },
    /// There may be more. Begin the next round at once.
    Limit,
}

/// What a [`Merge`](super::Merge) has read of one ring.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
/// # use std::time::Duration;
/// # let (time, ring) = (VirtualTime::new(), SimRing::new(4096)?);
/// # let key = |record: &Record<'_, SimMemory>| record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
/// # let mut merge = time.merge::<_, _, 8>(WaitPolicy::balanced(), Duration::from_nanos(100), key);
/// # let token = merge.insert(ring.consumer()?, "exec")?;
/// # ring.producer().output(&10_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
/// ring.producer().output(&5_000_u64.to_ne_bytes(), Flags::ADAPTIVE)?; // after the time of the reader
/// merge.drain(1_000, |_, _| ())?;
/// merge.drain(2_000, |_, _| ())?; // its key counts as 2,000
/// merge.drain(3_000, |_, _| ())?;
/// let RingCounts { delivered, late, ahead, .. } = merge.counts().rings;
/// assert_eq!((delivered, late, ahead), (2, 0, 1)); // ahead: are both clocks the same?
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingCounts {
    /// Records delivered, without those that the round under way has delivered.
    pub delivered: u64,
    /// Of these, records with a smaller key than one that was delivered before.
    pub late: u64,
    /// Records whose key was ahead of the clock. Are both clocks the same?
    pub ahead: u64,
}

impl RingCounts {
    pub(super) fn add(&mut self, other: Self) {
        self.delivered = self.delivered.wrapping_add(other.delivered);
        self.late = self.late.wrapping_add(other.late);
        self.ahead = self.ahead.wrapping_add(other.ahead);
    }
}

/// What a [`Merge`](super::Merge) has read.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
/// # use std::time::Duration;
/// # let (time, ring) = (VirtualTime::new(), SimRing::new(4096)?);
/// # let key = |record: &Record<'_, SimMemory>| record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
/// # let mut merge = time.merge::<_, _, 8>(WaitPolicy::balanced(), Duration::from_nanos(100), key);
/// # let token = merge.insert(ring.consumer()?, "exec")?;
/// # ring.producer().output(&10_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
/// merge.drain(1_000, |_, _| ())?;
/// let MergeCounts { rings, rounds, .. } = merge.counts();
/// println!("{} records in {rounds} rounds, {} late", rings.delivered, rings.late);
/// # assert_eq!((rings.delivered, rounds), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeCounts {
    /// The sum of all rings, with those that were removed.
    pub rings: RingCounts,
    /// Rounds.
    pub rounds: u64,
}
