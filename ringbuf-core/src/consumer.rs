//! [`Consumer`]: the one reader of a ring.

use core::fmt;
use core::sync::atomic::Ordering::{Release, SeqCst};

use crate::walk::{self, Cursor, Head, Passed, Walk};
use crate::{Batch, ConsumerMemory, Corrupt, CorruptReason, Position};

/// The one reader of a ring: it owns the consumer position.
///
/// Two positions: everything before *consumed* was delivered; everything before
/// *published* was given back to the producers. Consumed is private; published
/// is the shared word. They differ while a [`Batch`] lives, and as far as
/// [`release_after`](Self::release_after) says afterwards.
///
/// A consumer never blocks, never allocates, and reads no clock. What to do
/// when there is nothing to read is the idle protocol: drain until
/// [`Next::Empty`](crate::Next::Empty) or [`Next::Busy`](crate::Next::Busy),
/// then [`arm`](Self::arm), and block only if it answers [`Armed::Sleep`].
///
/// Dropping it publishes what is consumed.
#[derive(Debug)]
pub struct Consumer<M: ConsumerMemory> {
    pub(crate) memory: M,
    /// The consumed position, not wrapped to the kernel's width.
    pub(crate) consumed: Position,
    /// Bytes produced from there on, as last seen: always whole records.
    pub(crate) available: u64,
    pub(crate) counts: Counts,
    pub(crate) walk: Walk,
    /// Of batches that are over: what is kept or forgotten was not passed.
    pub(crate) passed: Passed,
    /// The shared word, as this side stored it last.
    pub(crate) published: Position,
    release_after: u64,
    /// The widest window of a batch: a position to publish is known at the
    /// beginning of each.
    pub(crate) max_window: u64,
}

impl<M: ConsumerMemory> Consumer<M> {
    /// A consumer that goes on where the last one stopped: at the stored
    /// consumer position, which outlives processes.
    ///
    /// # Errors
    /// [`Corrupt`] if the stored positions are such as no kernel and no reader
    /// leaves behind.
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
            walk: Walk::new(Passed::nothing(start)),
            passed: Passed::nothing(start),
            published: start,
            release_after: 0,
            max_window: u64::MAX,
        })
    }

    /// Holds back the release of space until at least `bytes` are consumed and
    /// unpublished; 0, the default, publishes all with every batch.
    ///
    /// A commit notifies whenever the published position stands exactly at its
    /// record, whether or not anybody sleeps. So a reader that keeps up and
    /// publishes at once makes the traced program pay for nearly every record.
    /// One that holds back publishes a position at least two records short of
    /// what it consumed: no commit finds it caught up. (One record short is not
    /// enough: the commit of that record may not have looked yet.) If two
    /// records take more than `bytes`, it publishes all.
    ///
    /// Holding back costs capacity: the producers see a ring that is smaller by
    /// `bytes` and half as much again. A quarter of the capacity is a good
    /// value; more than half of it counts as half. A record that does not fit
    /// beside what is held back is refused until it is published: by
    /// [`publish`](Self::publish) or [`arm`](Self::arm), or by reading on.
    pub fn release_after(&mut self, bytes: u64) {
        self.release_after = bytes.min(self.memory.capacity().bytes() / 2);
        self.max_window = if self.release_after == 0 { u64::MAX } else { self.release_after / 2 };
    }

    /// A run of records, read in place and given back together. Nothing is
    /// read until [`Batch::next`].
    #[inline]
    pub fn batch(&mut self) -> Batch<'_, M> {
        Batch::new(self)
    }

    /// Gives all consumed space back to the producers now.
    ///
    /// One `Release` store, if anything is unpublished. Pairs with the acquire
    /// load of the consumer position in `__bpf_ringbuf_reserve`
    /// (kernel/bpf/ringbuf.c): without it a producer could write over bytes
    /// that this side is still reading. Models: `reuse`, `wrap`.
    #[inline]
    pub fn publish(&mut self) {
        self.publish_up_to(self.consumed);
    }

    /// Publishes a position that is consumed: the only store of the shared
    /// word.
    #[inline]
    fn publish_up_to(&mut self, position: Position) {
        let position = position.wrap(self.memory.width());
        if self.published != position {
            // SAFETY: C1 by the contract of `new`; a batch, which lends samples, borrows
            // this consumer, so none lives (T4).
            unsafe { self.memory.store_consumer_pos(position, Release) };
            self.published = position;
        }
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
    #[inline]
    pub fn arm(&mut self) -> Armed {
        self.publish();
        self.memory.fence(SeqCst);
        if self.walk.corrupt.get().is_some() {
            return Armed::Ready;
        }
        if self.look() { Armed::Ready } else { Armed::Sleep }
    }

    /// Whether there is something to read, to skip or to report, as of now.
    /// Publishes nothing and fences nothing: a look for one who will look again,
    /// not for one who is about to block ([`arm`](Self::arm)).
    ///
    /// Loads the producer position only if all that is known of is consumed,
    /// and then one header.
    #[inline]
    pub fn peek(&mut self) -> bool {
        self.walk.corrupt.get().is_some() || self.look()
    }

    /// Whether something is known to be unread: the last batch stopped before a
    /// record that is committed. Loads one header at most.
    #[inline]
    pub fn has_unread(&self) -> bool {
        if self.walk.corrupt.get().is_some() {
            return true;
        }
        let mut known = self.available;
        known != 0
            && !matches!(walk::look(&self.memory, self.consumed, 0, &mut known), Ok(Head::Busy))
    }

    #[inline]
    fn look(&mut self) -> bool {
        let held = self.unpublished();
        match walk::look(&self.memory, self.consumed, held, &mut self.available) {
            Ok(Head::Empty | Head::Busy) => false,
            // A corrupt ring is for `Batch::next` to report.
            Ok(Head::Committed(_)) | Err(_) => true,
        }
    }

    /// Bytes produced and not yet consumed, busy and discarded records
    /// included, as of now.
    ///
    /// # Errors
    /// [`Corrupt`] if the producer position is out of range, now and at each
    /// later call.
    pub fn lag(&mut self) -> Result<u64, Corrupt> {
        if let Some(corrupt) = self.walk.corrupt.get() {
            return Err(corrupt);
        }
        self.available = walk::refresh(&self.memory, self.consumed, self.unpublished())
            .inspect_err(|corrupt| self.walk.corrupt.set(Some(*corrupt)))?;
        Ok(self.available)
    }

    /// Bytes consumed and not yet given back to the producers.
    pub fn unpublished(&self) -> u64 {
        self.consumed.distance(self.published, self.memory.width())
    }

    /// The consumed position: everything before it was delivered.
    #[inline]
    pub fn position(&self) -> Position {
        self.consumed.wrap(self.memory.width())
    }

    /// How many records this consumer has passed, without those of a batch
    /// that still lives.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The memory that it reads.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The end of a batch that read up to `cursor`: consumes, and publishes if
    /// enough is held back. A call, with all that it needs by value: inlined
    /// where a callback may unwind it would hold the loop's state in memory.
    #[inline(never)]
    pub(crate) fn end_batch(&mut self, cursor: Cursor, delivered: u64) {
        self.consumed = cursor.position;
        self.available = cursor.window + self.walk.beyond.get();
        self.passed = self.walk.passed.get();
        self.counts.delivered += delivered;
        self.counts.discarded += self.walk.discarded.get();
        if self.unpublished() >= self.release_after {
            // Short of the last two records, if they may be held back.
            // Never one before the published position: from there on at least
            // as much is unpublished as may be held.
            let may_hold = |short: &Position| {
                self.consumed.distance(*short, self.memory.width()) <= self.release_after
            };
            let short = self.passed.two_records_short_of(self.consumed).filter(may_hold);
            self.publish_up_to(short.unwrap_or(self.consumed));
        }
    }
}

impl<M: ConsumerMemory> Drop for Consumer<M> {
    fn drop(&mut self) {
        self.publish();
    }
}

/// What [`Consumer::arm`] found: whether blocking is safe.
#[must_use = "blocking after `Ready` may miss a record for ever"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// Nothing to read: the next commit will notify. Block, with a bound.
    Sleep,
    /// There is something to read, to skip or to report: do not block.
    Ready,
}

/// Records that a consumer has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
