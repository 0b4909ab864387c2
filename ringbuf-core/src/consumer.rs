//! [`Consumer`]: the one reader of a ring.

use core::fmt;
use core::sync::atomic::Ordering::{Release, SeqCst};

use crate::release::Hold;
use crate::walk::{self, Head, Walk};
use crate::{Batch, ConsumerMemory, Corrupt, CorruptReason, Position, WaitState};

/// The one reader of a ring: it owns the consumer position.
///
/// Two positions: everything before *consumed* was delivered; everything before
/// *published* was given back to the producers. Consumed is private; published
/// is the shared word. They differ while a [`Batch`] lives, and afterwards if
/// the consumer [holds back](Self::hold_back).
///
/// Reading never blocks, never allocates, and reads no clock. There are two ways
/// to wait when nothing is left:
///
/// - [`wait`](Self::wait), which blocks, naps or spins by a
///   [`WaitPolicy`](crate::WaitPolicy) that holds back as well.
/// - An event loop of your own. A consumer without a policy that holds nothing back
///   is safe there (after a call of `wait`, [`clear_policy`](Self::clear_policy)):
///   [`drain`](Self::drain), [`for_each`](Self::for_each) and
///   [`next_record`](Self::next_record) arm by themselves when they find the
///   end. Two calls leave that to you: after a [`Batch`], or after
///   [`Drained::Limit`](crate::Drained::Limit), read on or [`arm`](Self::arm).
///
/// Dropping it publishes what is consumed. In a child of `fork` it stores
/// nothing: the ring is the parent's, and reading it reports
/// [`CorruptReason::Forked`].
#[derive(Debug)]
pub struct Consumer<M: ConsumerMemory> {
    pub(crate) memory: M,
    /// The consumed position, not wrapped to the kernel's width.
    pub(crate) consumed: Position,
    /// Bytes produced from there on, as last seen: always whole records.
    pub(crate) available: u64,
    pub(crate) counts: Counts,
    pub(crate) walk: Walk,
    /// The shared word, as this side stored it last.
    pub(crate) published: Position,
    pub(crate) hold: Hold,
    pub(crate) waiting: Option<WaitState>,
}

impl<M: ConsumerMemory> Consumer<M> {
    /// A consumer that starts at the stored consumer position, which outlives
    /// processes: it reads on where the last consumer stopped.
    ///
    /// # Errors
    /// [`Corrupt`] if the stored positions cannot be those of a ring.
    ///
    /// # Safety
    /// **C1** No other consumer of this ring exists, in this process or in any
    /// other, for as long as this one lives: the kernel lets producers write
    /// over whatever the stored consumer position has passed.
    pub unsafe fn new(memory: M) -> Result<Self, Corrupt> {
        let start = memory.initial_consumer_pos();
        if !start.is_aligned() {
            return Err(Corrupt { position: start, reason: CorruptReason::ConsumerMisaligned });
        }
        let available = walk::refresh(&memory, start, 0)?;
        Ok(Self {
            memory,
            consumed: start,
            available,
            counts: Counts::default(),
            walk: Walk::new(start),
            published: start,
            hold: Hold::default(),
            waiting: None,
        })
    }

    /// A run of records, read in place and given back together. Nothing is
    /// read until [`Batch::next`].
    #[inline]
    pub fn batch(&mut self) -> Batch<'_, M> {
        Batch::new(self, 0)
    }

    /// Gives all consumed space back to the producers now.
    ///
    /// One `Release` store, if anything is unpublished. Pairs with the acquire
    /// load of the consumer position in `__bpf_ringbuf_reserve`
    /// (kernel/bpf/ringbuf.c): without it a producer could write over bytes
    /// that this side is still reading. Models: `reuse`, `wrap`.
    ///
    /// Stores nothing in a child of `fork`, nor if the shared word is not what
    /// this consumer stored last: then another one reads the ring, and each
    /// later call reports [`CorruptReason::ConsumerMoved`].
    #[inline]
    pub fn publish(&mut self) {
        self.hold.empty_looks = 0;
        self.store_published(self.consumed);
    }

    /// Publishes a position that is consumed: the only store of the shared
    /// word.
    #[inline(never)]
    pub(crate) fn store_published(&mut self, position: Position) {
        let position = position.wrap(self.memory.width());
        if self.published != position && self.is_sole_consumer() {
            // SAFETY: C1 by the contract of `new`; a batch, which lends samples, borrows
            // this consumer, so none lives (T4).
            unsafe { self.memory.store_consumer_pos(position, Release) };
            self.published = position;
        }
    }

    /// Whether the shared word is ours to store, and is as we left it.
    fn is_sole_consumer(&self) -> bool {
        if !self.memory.is_owned() {
            return false;
        }
        let found = self.memory.stored_consumer_pos();
        let moved = found != self.published;
        if moved && self.walk.corrupt.get().is_none() {
            let reason = CorruptReason::ConsumerMoved { found, stored: self.published };
            self.corrupted(Corrupt { position: self.position(), reason });
        }
        !moved
    }

    /// The last step before blocking: publishes, then looks once more.
    ///
    /// [`Armed::Sleep`] promises that the next commit at this position
    /// notifies, unless its program forbids it (`BPF_RB_NO_WAKEUP`) or an
    /// earlier unread record did: so bound every wait. It cannot be called
    /// while a [`Batch`] lives:
    /// ```compile_fail
    /// # fn f<M: ringbuf_core::ConsumerMemory>(consumer: &mut ringbuf_core::Consumer<M>) {
    /// let batch = consumer.batch();
    /// consumer.arm();
    /// batch.next();
    /// # }
    /// ```
    ///
    /// # Ordering
    /// Consumer: store consumer position; full fence; load producer position
    /// and header. Producer (`bpf_ringbuf_commit`): exchange header, a full
    /// barrier; load consumer position. Each stores before it loads, so at
    /// least one sees the other. Without this fence both may see the past: the
    /// record is committed, nobody announces it, the reader sleeps. Models:
    /// `wakeup`, `wakeup_busy`; live test: `lost_wakeups`.
    #[inline(never)]
    pub fn arm(&mut self) -> Armed {
        self.publish();
        self.memory.fence(SeqCst);
        if !self.is_sole_consumer() || self.look() { Armed::Ready } else { Armed::Sleep }
    }

    /// Whether there is something to read, to skip or to report, as of now.
    /// Fences nothing: look again later, and before blocking [`arm`](Self::arm).
    ///
    /// Loads the producer position only if all that is known of is consumed,
    /// and then one header. Counts as a look that found nothing, if it did
    /// ([`hold_back`](Self::hold_back)).
    #[inline]
    #[must_use]
    pub fn is_ready(&mut self) -> bool {
        let ready = self.look();
        if !ready {
            self.count_empty_look();
        }
        ready
    }

    /// Whether something is known to be unread: the last batch stopped before a
    /// record that is committed. Loads one header at most.
    #[inline]
    #[must_use]
    pub fn known_ready(&self) -> bool {
        if self.walk.corrupt.get().is_some() {
            return true;
        }
        let mut known = self.available;
        known != 0
            && !matches!(walk::look(&self.memory, self.consumed, 0, &mut known), Ok(Head::Busy))
    }

    #[inline]
    pub(crate) fn look(&mut self) -> bool {
        if self.walk.corrupt.get().is_some() {
            return true;
        }
        let held = self.unpublished();
        match walk::look(&self.memory, self.consumed, held, &mut self.available) {
            Ok(Head::Empty | Head::Busy) => false,
            // A corrupt ring is for the next read to report.
            Ok(Head::Committed(_)) | Err(_) => true,
        }
    }

    /// Bytes produced and not yet consumed, busy and discarded records
    /// included, as of now.
    ///
    /// # Errors
    /// [`Corrupt`] if the producer position is out of range, now and at each
    /// later call.
    pub fn lag(&self) -> Result<u64, Corrupt> {
        if let Some(corrupt) = self.walk.corrupt.get() {
            return Err(corrupt);
        }
        if !self.memory.is_owned() {
            return Err(Corrupt { position: self.position(), reason: CorruptReason::Forked });
        }
        walk::refresh(&self.memory, self.consumed, self.unpublished())
            .map_err(|corrupt| self.corrupted(corrupt))
    }

    /// Bytes consumed and not yet given back to the producers.
    #[must_use]
    pub fn unpublished(&self) -> u64 {
        self.consumed.distance(self.published, self.memory.width())
    }

    /// The consumed position: everything before it was delivered.
    #[inline]
    #[must_use]
    pub fn position(&self) -> Position {
        self.consumed.wrap(self.memory.width())
    }

    /// How many records this consumer has passed, without those of a batch
    /// that still lives.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The memory that it reads.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

impl<M: ConsumerMemory> Drop for Consumer<M> {
    fn drop(&mut self) {
        self.publish();
    }
}

/// What [`Consumer::arm`] found: whether blocking is safe.
#[must_use = "blocking after `Ready` may miss a record"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// Nothing to read: the next commit will notify. Block, with a bound.
    Sleep,
    /// There is something to read, to skip or to report: do not block.
    Ready,
}

/// Records that a consumer has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Records delivered.
    pub delivered: u64,
    /// Discarded records skipped.
    pub discarded: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} delivered, {} discarded", self.delivered, self.discarded)
    }
}
