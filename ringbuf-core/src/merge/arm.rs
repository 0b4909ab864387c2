//! [`Merge::arm`]: may an event loop of one's own block?

use core::time::Duration;

use super::lane::Lane;
use super::{Merge, OneConsumer};
use crate::{Armed, SetHost, Slots};

/// The result of [`Merge::arm`]: may you block?
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
/// let pause = match merge.arm()? {
///     MergeArmed::Sleep => None, // until the descriptor is ready
///     MergeArmed::Held(left) => Some(left),
///     MergeArmed::Ready => Some(Duration::ZERO),
/// };
/// assert_eq!(pause, Some(Duration::ZERO)); // no round has seen the record yet
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "blocking after `Ready`, or longer than `Held` says, may miss a record"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeArmed {
    /// There is nothing to read, and the next commit will notify. Block, with a timeout for
    /// records that do not notify.
    Sleep,
    /// The next record is due after this time, on the clock of the set. Block, but no longer:
    /// nothing notifies then. What arrives meanwhile cannot be delivered sooner.
    Held(Duration),
    /// There is something to read or to report. Do not block.
    Ready,
}

impl<H, T, S, N, K, const W: usize> Merge<H, T, S, N, K, W>
where
    H: SetHost,
    H::Ring: OneConsumer<H::Memory>,
    S: Slots<H::Ring, Lane<T, W>>,
{
    /// Looks at all rings and arms them, and says if you may block: for event loops of your
    /// own, which do not call [`wait`](Self::wait). Call it after a round.
    ///
    /// While the merge holds records, it arms nothing: it says when the next one is due. Set a
    /// timer of the event loop for it. A wake ends that sooner, as it ends a wait: it makes the
    /// descriptor of the set ready. Keys are nanoseconds here.
    ///
    /// After [`MergeArmed::Ready`], call [`wait`](Self::wait) with a timeout of zero, and begin
    /// a round.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
    /// # use std::time::Duration;
    /// # let (time, ring) = (VirtualTime::new(), SimRing::new(4096)?);
    /// # let key = |record: &Record<'_, SimMemory>| record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    /// # let mut merge = time.merge::<_, _, 8>(WaitPolicy::balanced(), Duration::from_millis(1), key);
    /// # let token = merge.insert(ring.consumer()?, "exec")?;
    /// # ring.producer().output(&10_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// let now = time.now().as_nanos() as u64;
    /// merge.drain(now, |_, _| unreachable!("its key is not a millisecond old"))?;
    /// match merge.arm()? {
    ///     MergeArmed::Held(left) => assert!(left <= Duration::from_millis(1)), // a timer
    ///     MergeArmed::Sleep => println!("until the descriptor is ready"),
    ///     MergeArmed::Ready => println!("the next round"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The system did not say which rings have notified.
    pub fn arm(&mut self) -> Result<MergeArmed, H::Error> {
        Ok(match self.set.held_for()? {
            Some(left) if left.is_zero() => MergeArmed::Ready,
            Some(left) => MergeArmed::Held(left),
            None => match self.set.arm()? {
                Armed::Sleep => MergeArmed::Sleep,
                Armed::Ready => MergeArmed::Ready,
            },
        })
    }
}
