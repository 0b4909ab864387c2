//! [`MergeBatch`]: merged records that are held at once.

use core::cell::Cell;
use core::fmt;
use core::mem::ManuallyDrop;

use super::clock::Clock;
use super::entry::Entry;
use super::lane::Lane;
use super::round::{Merged, Progress, end_round, plant};
use super::tree::{self, Node};
use super::{Merge, OneConsumer, Round};
use crate::walk::Area;
use crate::{Record, RingFailed, RingSet, SetHost, Slots};

/// One round of a [`Merge`], whose records are held at once: read in place, given back
/// together.
///
/// Any number of its [`Merged`] records may live at the same time, but not longer than the
/// batch. Dropping the batch consumes them and gives their space back, ring by ring. Until
/// then the producers cannot use that space. Forgetting a batch (`mem::forget`) is safe: its
/// records are consumed by the next round.
///
/// ```
/// use ringbuf_core::{Lane, Merge, Node, Record, Round, WaitPolicy};
/// use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
///
/// # fn stamp(record: &Record<'_, SimMemory>) -> Option<u64> {
/// #     Some(u64::from_ne_bytes(record.get(..8)?.try_into().ok()?))
/// # }
/// # let time = VirtualTime::new();
/// # let set = time.ring_set::<Lane<&str, 1>>(WaitPolicy::balanced());
/// # let mut merge = Merge::new(set, Vec::<Node>::new(), stamp, 100);
/// # let (a, b) = (SimRing::new(4096)?, SimRing::new(4096)?);
/// merge.insert(a.consumer()?, "a")?;
/// merge.insert(b.consumer()?, "b")?;
/// for (ring, key) in [(&a, 10), (&a, 30), (&b, 20_u64)] {
///     ring.producer().output(&key.to_ne_bytes(), Flags::ADAPTIVE)?;
/// }
/// let batch = merge.batch(1000)?;
/// let (first, second) = (batch.next().unwrap(), batch.next().unwrap());
/// assert_eq!((first.0, first.1.key, second.0, second.1.key), (&"a", 10, &"b", 20));
/// assert_eq!(batch.records().count(), 1);
/// assert_eq!(batch.finish(), Round::Empty); // gives the space back
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a batch that is dropped at once reads nothing"]
pub struct MergeBatch<'m, H, T, S, K, const W: usize>
where
    H: SetHost,
    H::Ring: OneConsumer<H::Memory>,
    S: Slots<H::Ring, Lane<T, W>>,
{
    set: &'m mut RingSet<H, Lane<T, W>, S>,
    nodes: Cell<&'m mut [Node]>,
    key: &'m K,
    newest: &'m Cell<u64>,
    progress: Cell<Progress>,
    /// A call of `next` is under way.
    busy: Cell<bool>,
}

/// A call of `next`, until it returns or panics.
struct Call<'b>(&'b Cell<bool>);

impl<'b> Call<'b> {
    #[inline(always)]
    fn begin(busy: &'b Cell<bool>) -> Option<Self> {
        (!busy.replace(true)).then_some(Self(busy))
    }
}

impl Drop for Call<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<H, T, S, N, K, const W: usize> Merge<H, T, S, N, K, W>
where
    H: SetHost,
    H::Ring: OneConsumer<H::Memory>,
    S: Slots<H::Ring, Lane<T, W>>,
    N: AsMut<[Node]>,
    K: Fn(&Record<'_, H::Memory>) -> Option<u64>,
{
    /// Begins a [`MergeBatch`]: a [`round`](Self::round) whose records are held at once.
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
    /// let batch = merge.batch(1_000)?;
    /// let records: Vec<_> = batch.records().collect(); // held at once
    /// assert_eq!((records.len(), records[0].1.key), (1, 10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`round`](Self::round).
    pub fn batch(&mut self, now: u64) -> Result<MergeBatch<'_, H, T, S, K, W>, RingFailed> {
        self.batch_or(now, |_, failed| failed)
    }

    /// As [`batch`](Self::batch), but `error` makes the error, with the set at hand.
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
    /// // An error with the tag of the ring:
    /// let name = |set: &RingSet<_, Lane<&'static str, 8>, _>, failed: RingFailed| {
    ///     let lane = set.get(failed.token).map(|(_, lane)| *lane.tag());
    ///     format!("{}: {}", lane.unwrap_or("gone"), failed.corrupt)
    /// };
    /// let batch = merge.batch_or(1_000, name)?;
    /// assert_eq!(batch.records().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What `error` returns.
    pub fn batch_or<E>(
        &mut self,
        now: u64,
        error: impl FnOnce(&RingSet<H, Lane<T, W>, S>, RingFailed) -> E,
    ) -> Result<MergeBatch<'_, H, T, S, K, W>, E> {
        let mut progress = match self.begin(Clock::new(now, self.lateness)) {
            Ok(progress) => progress,
            Err(failed) => return Err(error(&self.set, failed)),
        };
        let Self { set, nodes, key, newest, .. } = self;
        let nodes = nodes.as_mut();
        progress.top = plant(set.slots_mut(), nodes, progress.scale);
        let (nodes, progress) = (Cell::new(nodes), Cell::new(progress));
        Ok(MergeBatch { set, nodes, key, newest, progress, busy: Cell::new(false) })
    }
}

impl<H, T, S, K, const W: usize> MergeBatch<'_, H, T, S, K, W>
where
    H: SetHost,
    H::Ring: OneConsumer<H::Memory>,
    S: Slots<H::Ring, Lane<T, W>>,
    K: Fn(&Record<'_, H::Memory>) -> Option<u64>,
{
    /// Returns the next record that is in order, with the tag of its ring. Returns `None` at
    /// the end of the round; [`finish`](Self::finish) tells why it ended.
    ///
    /// Returns `None` as well if the function of the key calls it, which can know a batch that
    /// is never dropped. The call under way goes on as if that had not happened.
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
    /// let batch = merge.batch(1_000)?;
    /// while let Some((name, record)) = batch.next() {
    ///     println!("{}: {name}", record.key);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn next(&self) -> Option<(&T, Merged<'_, H::Memory>)> {
        // A call within this one would not see what this one has taken.
        let _call = Call::begin(&self.busy)?;
        let mut progress = self.progress.get();
        let Progress { top, scale, clock, .. } = progress;
        if top > progress.limit? {
            return None;
        }
        let member = self.set.slots().get(top.ring())?.member.as_ref()?;
        let (consumer, Lane { tag, window }) = (member.ring.as_ref(), &member.tag);
        if !window.may_lend(consumer) {
            return None;
        }
        let area = Area::of(&consumer.memory);
        let Entry { key, at, len } = match window.exchange(consumer, area, self.key) {
            Some(taken) => taken,
            None => {
                let taken = window.pop()?;
                // If the function of the key panics, this record was not delivered.
                let undo = window.undo_pop();
                progress.lower(window.walk(consumer, self.key, clock));
                undo.disarm();
                taken
            }
        };
        // SAFETY: L1. The record borrows the consumer, and what gives space back needs it
        // mutably (T4).
        let record = unsafe { Record::lend(&consumer.memory, area, at, len) };
        let late = key < self.newest.get();
        if late {
            window.count_late();
        } else {
            self.newest.set(key);
        }
        let nodes = self.nodes.take();
        let player = window.player(scale, top.ring());
        progress.top = tree::replay(nodes, window.leaf, player);
        self.nodes.set(nodes);
        self.progress.set(progress);
        Some((tag, Merged { record, key, late }))
    }

    /// Iterates over the records up to the end of the round.
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
    /// let batch = merge.batch(1_000)?;
    /// let keys: Vec<_> = batch.records().map(|(_, record)| record.key).collect();
    /// assert_eq!(keys, [10]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn records(&self) -> impl Iterator<Item = (&T, Merged<'_, H::Memory>)> {
        core::iter::from_fn(|| self.next())
    }

    /// Ends the batch as dropping does, and says how the round has ended. If records that
    /// are in order were not taken, that is [`Round::Limit`].
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
    /// let batch = merge.batch(1_000)?;
    /// assert_eq!(batch.finish(), Round::Limit); // its record was not taken, and comes again
    /// assert_eq!(merge.drain(1_000, |_, record| assert_eq!(record.key, 10))?, Round::Empty);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(self) -> Round {
        let mut batch = ManuallyDrop::new(self);
        let progress = batch.progress.get();
        end_round(batch.set, &progress)
    }
}

impl<H, T, S, K, const W: usize> Drop for MergeBatch<'_, H, T, S, K, W>
where
    H: SetHost,
    H::Ring: OneConsumer<H::Memory>,
    S: Slots<H::Ring, Lane<T, W>>,
{
    fn drop(&mut self) {
        let progress = self.progress.get();
        end_round(self.set, &progress);
    }
}

impl<H, T, S, K, const W: usize> fmt::Debug for MergeBatch<'_, H, T, S, K, W>
where
    H: SetHost,
    H::Ring: OneConsumer<H::Memory>,
    S: Slots<H::Ring, Lane<T, W>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeBatch").field("progress", &self.progress).finish_non_exhaustive()
    }
}
