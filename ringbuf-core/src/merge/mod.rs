//! [`Merge`]: many rings as one stream, in the order of a key.

mod arm;
mod batch;
mod clock;
mod entry;
mod finish;
mod lane;
mod one_consumer;
mod outcome;
mod round;
mod tree;
mod window;

use core::cell::Cell;
use core::fmt;
use core::time::Duration;

pub use arm::MergeArmed;
pub use batch::MergeBatch;
pub use lane::Lane;
pub use one_consumer::OneConsumer;
pub use outcome::{MergeCounts, RingCounts, Round};
pub use round::Merged;
use tree::MOST_RINGS;
pub use tree::Node;

use crate::set::Member;
use crate::{
    BusyHead, Record, Refused, RingSet, SetHost, Slots, Token, WaitStep, WaitSteps, WakeCause,
    Wakeup,
};

/// Many rings that one thread reads as one stream, in the order of a key: a time stamp that
/// the programs write into their records.
///
/// It is a [`RingSet`] with another way to read: the waits, the wakers, the tokens and the
/// reports of stuck heads are those of the set. Records are lent in place; nothing is copied
/// or allocated.
///
/// # What is promised
/// Each record is delivered once. If no key is older than `lateness` when its record
/// becomes visible, and no record stands more than `W - 1` records behind its place
/// in its own ring, the keys never go back. A record that breaks this is delivered at the
/// first chance, and marked as [late](Merged::late): its key is smaller than one that was
/// delivered before. Records of equal keys from one ring keep their order.
///
/// A record is held until its key is `lateness` old: an empty ring may still bring a smaller
/// key. While every ring has a record, nothing is held. A busy record (reserved, not
/// committed) holds the others back for twice the lateness at most. A discarded record
/// holds nothing.
///
/// # How to choose
/// - `lateness`: the longest time from the stamp until the record is visible to the reader.
///   A program that stamps after its reservation needs only the skew of the clocks. One that
///   stamps before needs the longest interrupt between the two.
/// - `W`, a power of two: how many records of one ring are known ahead. Records of one ring
///   are out of order when one program interrupts another. 1 means that they are in order.
/// - The size of the rings: twice the rate times the sum of lateness and the longest pause of
///   the reader. Space goes back when a record and all before it are delivered.
///
/// `H` is the system, `S` stores the rings, and `N` stores a node for each: both are a `Vec`.
///
/// ```
/// use ringbuf_core::{Lane, Merge, Node, Record, Round, WaitPolicy};
/// use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
///
/// fn stamp(record: &Record<'_, SimMemory>) -> Option<u64> {
///     Some(u64::from_ne_bytes(record.get(..8)?.try_into().ok()?))
/// }
///
/// let time = VirtualTime::new();
/// let set = time.ring_set::<Lane<&str, 8>>(WaitPolicy::balanced());
/// let mut merge = Merge::new(set, Vec::<Node>::new(), stamp, 100);
/// let (a, b) = (SimRing::new(4096)?, SimRing::new(4096)?);
/// merge.insert(a.consumer()?, "a")?;
/// merge.insert(b.consumer()?, "b")?;
/// for (ring, key) in [(&a, 10), (&a, 40), (&b, 20), (&b, 30_u64)] {
///     ring.producer().output(&key.to_ne_bytes(), Flags::ADAPTIVE)?;
/// }
/// let mut order = Vec::new();
/// let round = merge.drain(130, |name, record| order.push((*name, record.key)))?;
/// assert_eq!(order, [("a", 10), ("b", 20), ("b", 30)]);
/// assert_eq!(round, Round::Held { until: 140 }); // until then a smaller key may come
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Merge<H: SetHost, T, S, N, K, const W: usize> {
    set: RingSet<H, Lane<T, W>, S>,
    nodes: N,
    key: K,
    lateness: u64,
    /// The largest key that was delivered.
    newest: Cell<u64>,
    rounds: u64,
    /// Of rings that were removed.
    removed: RingCounts,
}

impl<H, T, S, N, K, const W: usize> Merge<H, T, S, N, K, W>
where
    H: SetHost,
    H::Ring: OneConsumer<H::Memory>,
    S: Slots<H::Ring, Lane<T, W>>,
    N: AsMut<[Node]> + Extend<Node>,
    K: Fn(&Record<'_, H::Memory>) -> Option<u64>,
{
    /// Creates a merge. `set` and `nodes` must be empty. `key` returns the key of a record,
    /// or `None` if it has none: such a record follows the newest one before it in its
    /// ring. `lateness` is in the unit of the keys.
    ///
    /// [`wait`](Self::wait) takes this unit for nanoseconds.
    ///
    /// ```
    /// use ringbuf_core::{Lane, Merge, Node, Record, WaitPolicy};
    /// use ringbuf_sim::{SimMemory, VirtualTime};
    ///
    /// let key = |record: &Record<'_, SimMemory>| record.first().map(|byte| u64::from(*byte));
    /// let set = VirtualTime::new().ring_set::<Lane<&str, 4>>(WaitPolicy::balanced());
    /// let merge = Merge::new(set, Vec::<Node>::new(), key, 0);
    /// assert!(merge.set().is_empty());
    /// ```
    #[must_use]
    pub fn new(set: RingSet<H, Lane<T, W>, S>, nodes: N, key: K, lateness: u64) -> Self {
        let removed = RingCounts::default();
        Self { set, nodes, key, lateness, newest: Cell::new(0), rounds: 0, removed }
    }

    /// Adds a ring. Its records take part from the next round on.
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
    /// let another = SimRing::new(4096)?;
    /// let token = merge.insert(another.consumer()?, "exit")?;
    /// assert_eq!(merge.tag_mut(token), Some(&mut "exit"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`RingSet::insert`]. No room for a node counts as no room.
    pub fn insert(
        &mut self,
        ring: H::Ring,
        tag: T,
    ) -> Result<Token, Refused<H::Ring, T, H::Error>> {
        if self.nodes.as_mut().len() <= self.set.len() {
            self.nodes.extend([Node::empty()]);
        }
        if self.nodes.as_mut().len().min(MOST_RINGS) <= self.set.len() {
            return Err(Refused { ring, tag, error: None });
        }
        let token = self.set.insert(ring, Lane::new(tag)).map_err(|refused| {
            let Refused { ring, tag: Lane { tag, .. }, error } = refused;
            Refused { ring, tag, error }
        })?;
        if let Some(Member { ring, tag: Lane { window, .. } }) = self.set.member_mut(token.index) {
            window.begin((*ring).as_ref(), self.newest.get());
        }
        Ok(token)
    }

    /// Removes a ring, or returns `None` if the merge has no ring of this token. Records
    /// that are held stay in the ring. If `W` is above 1, some of those behind them may be
    /// delivered already; another reader of the ring reads them again.
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
    /// let (ring, name) = merge.remove(token).expect("it is in the merge");
    /// assert_eq!((ring.lag()?, name), (16, "exec")); // its record was not delivered
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&mut self, token: Token) -> Option<(H::Ring, T)> {
        let (ring, Lane { tag, window }) = self.set.remove(token)?;
        self.removed.add(window.counts());
        Some((ring, tag))
    }

    /// Returns the set, to look at its rings, its policy and its host.
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
    /// let (ring, lane) = merge.set().get(token).expect("it is in the merge");
    /// assert_eq!((ring.lag()?, *lane.tag()), (16, "exec"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn set(&self) -> &RingSet<H, Lane<T, W>, S> {
        &self.set
    }

    /// Returns the tag of a ring.
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
    /// assert_eq!(merge.tag_mut(token), Some(&mut "exec"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag_mut(&mut self, token: Token) -> Option<&mut T> {
        self.set.tag_mut(token).map(|lane| &mut lane.tag)
    }

    /// Returns what was read of all rings, and in how many rounds. The counts of one ring
    /// are those of its [`Lane`].
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
    /// let counts = merge.counts();
    /// assert_eq!((counts.rings.delivered, counts.rings.late, counts.rounds), (1, 0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> MergeCounts {
        let mut rings = self.removed;
        for slot in self.set.slots() {
            if let Some(member) = &slot.member {
                rings.add(member.tag.window.counts());
            }
        }
        MergeCounts { rings, rounds: self.rounds }
    }

    /// Returns the lateness.
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
    /// assert_eq!(merge.lateness(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lateness(&self) -> u64 {
        self.lateness
    }

    /// Sets the lateness, from the next round on. A smaller one delivers sooner what is
    /// held.
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
    /// assert_eq!(merge.drain(109, |_, _| ())?, Round::Held { until: 110 });
    /// merge.set_lateness(50);
    /// assert_eq!((merge.drain(109, |_, _| ())?, merge.lateness()), (Round::Empty, 50));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_lateness(&mut self, lateness: u64) {
        self.lateness = lateness;
    }

    /// Waits until a round may deliver something, but no longer than `timeout`.
    ///
    /// After [`Round::Empty`] it waits as [`RingSet::wait`] does. After [`Round::Held`] it
    /// sleeps by a timer until the next record is due, and a gathering nap of the policy may
    /// be longer; only a waker, a signal and the timeout end that sooner. A flush
    /// ([`Wakeup::Flushed`]) keeps the order: it is over when all that was committed is
    /// delivered, after twice the lateness at most. Keys are nanoseconds here.
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
    /// let mut keys = Vec::new();
    /// while keys.is_empty() {
    ///     assert_eq!(merge.wait(Some(Duration::from_secs(1)))?, Wakeup::Ready);
    ///     let now = time.now().as_nanos() as u64;
    ///     merge.drain(now, |_, record| keys.push(record.key))?;
    /// }
    /// assert_eq!(keys, [10]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`RingSet::wait`].
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, H::Error> {
        self.set.wait(timeout)
    }

    /// Takes one step of a wait, for executors: see [`RingSet::wait_step`].
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
    /// let mut wait = WaitSteps::new(None);
    /// let step = merge.wait_step(&mut wait, WakeCause::TimeUp)?;
    /// assert_eq!(step, WaitStep::Over(Wakeup::Ready));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`RingSet::wait_step`].
    pub fn wait_step(
        &mut self,
        wait: &mut WaitSteps,
        cause: WakeCause,
    ) -> Result<WaitStep, H::Error> {
        self.set.wait_step(wait, cause)
    }

    /// Returns the rings whose heads stay busy: see [`RingSet::stuck`].
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
    /// let program = ring.producer();
    /// merge.drain(1_000, |_, _| ())?;
    /// let held = program.reserve(64)?; // a program that stands still
    /// merge.wait(Some(Duration::from_secs(1)))?;
    /// let stuck: Vec<_> = merge.stuck(Duration::from_millis(500)).map(|(_, name, _)| *name).collect();
    /// assert_eq!(stuck, ["exec"]);
    /// # drop(held);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stuck(&mut self, after: Duration) -> impl Iterator<Item = (&H::Ring, &mut T, BusyHead)> {
        self.set.stuck(after).map(|(ring, lane, head)| (ring, &mut lane.tag, head))
    }

    /// As [`stuck`](Self::stuck), but returns each stall once: see [`RingSet::newly_stuck`].
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
    /// for (_, name, head) in merge.newly_stuck(Duration::from_secs(1)) {
    ///     eprintln!("{name}: {head}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn newly_stuck(
        &mut self,
        after: Duration,
    ) -> impl Iterator<Item = (&H::Ring, &mut T, BusyHead)> {
        self.set.newly_stuck(after).map(|(ring, lane, head)| (ring, &mut lane.tag, head))
    }
}

impl<H: SetHost, T, S, N, K, const W: usize> fmt::Debug for Merge<H, T, S, N, K, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merge")
            .field("lateness", &self.lateness)
            .field("newest", &self.newest)
            .finish_non_exhaustive()
    }
}
