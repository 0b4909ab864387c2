//! [`Lane`]: a tag, and the window of its ring.

use super::RingCounts;
use super::window::Window;

/// A tag, and what a [`Merge`](super::Merge) knows about the ring of this tag: its next `W`
/// records. `W` must be a power of two. The places of the merge's set store them, for example
/// in a `Vec<Slot<Ring, Lane<Tag, 8>>>`.
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
/// // The tag comes back as a lane from the set of a merge:
/// let (_ring, lane): (_, &Lane<&str, 8>) = merge.set().get(token).expect("it is in the merge");
/// assert_eq!(*lane.tag(), "exec");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Lane<T, const W: usize> {
    pub(super) tag: T,
    pub(super) window: Window<W>,
}

impl<T, const W: usize> Lane<T, W> {
    pub(super) const fn new(tag: T) -> Self {
        Self { tag, window: Window::new() }
    }

    /// Returns the tag.
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
    /// let names: Vec<_> = merge.set().tokens().filter_map(|token| merge.set().get(token)).collect();
    /// assert_eq!(*names[0].1.tag(), "exec");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn tag(&self) -> &T {
        &self.tag
    }

    /// Returns what was read of this ring.
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
    /// let (_, lane) = merge.set().get(token).expect("it is in the merge");
    /// assert_eq!((lane.counts().delivered, lane.counts().late), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> RingCounts {
        self.window.counts()
    }
}
