//! [`Consumer`]: the only reader of a ring.

use core::fmt;
use core::sync::atomic::Ordering::{Release, SeqCst};

use crate::budget::Pace;
use crate::release::Hold;
use crate::wait::Asked;
use crate::walk::{self, Head, Walk};
use crate::watch::Stall;
use crate::{Batch, ConsumerMemory, Corrupt, CorruptReason, Position, WaitState};

/// The only reader of a ring. It owns the consumer position.
///
/// The consumer has two positions. It has delivered everything before the
/// *consumed* position, which is private. It has given back to the producers
/// everything before the *published* position, which is in shared memory. The two
/// differ while a [`Batch`] lives. They also differ later if the consumer [holds
/// back](Self::hold_back).
///
/// Reading never blocks, never allocates, and reads no clock. When the ring is
/// empty, you can wait in two ways:
///
/// - Call [`wait`](Self::wait). It blocks, naps or spins as a
///   [`WaitPolicy`](crate::WaitPolicy) decides. The policy also decides how much is
///   held back.
/// - Use your own event loop. Set no policy and hold nothing back; after a call of
///   `wait`, call [`clear_policy`](Self::clear_policy). [`drain`](Self::drain),
///   [`for_each`](Self::for_each) and [`next_record`](Self::next_record) then arm
///   by themselves at the end of the ring. After a [`Batch`] or
///   [`Drained::Limit`](crate::Drained::Limit), read on or call [`arm`](Self::arm)
///   yourself.
///
/// Dropping the consumer publishes everything consumed. In a child of `fork` it
/// stores nothing, because the ring belongs to the parent. Reading there reports
/// [`CorruptReason::Forked`].
#[derive(Debug)]
pub struct Consumer<M: ConsumerMemory> {
    pub(crate) memory: M,
    /// The consumed position, not wrapped to the kernel's width.
    pub(crate) consumed: Position,
    /// Bytes produced from that position on, as last seen. They are always whole
    /// records.
    pub(crate) available: u64,
    pub(crate) counts: Counts,
    pub(crate) walk: Walk,
    /// The published position, as this consumer last stored it.
    pub(crate) published: Position,
    pub(crate) hold: Hold,
    pub(crate) waiting: Option<WaitState>,
    pub(crate) asked: Asked,
    /// The speed at which drains within a budget of time read.
    pub(crate) pace: Pace,
    pub(crate) stall: Stall,
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Creates a consumer that starts at the stored consumer position. The position
    /// outlives processes, so the new consumer continues after the last one.
    ///
    /// # Errors
    /// [`Corrupt`] if the stored positions are impossible.
    ///
    /// # Safety
    /// **C1** While this consumer lives, no other consumer of this ring exists, in
    /// this process or in any other. The kernel lets producers overwrite everything
    /// before the stored consumer position.
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
            asked: Asked::default(),
            pace: Pace::new(),
            stall: Stall::default(),
        })
    }

    /// Begins a batch: records that are read in place and given back together. It
    /// reads nothing until [`Batch::next`].
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert_eq!(consumer.batch().records().count(), 1); // given back where the batch ends
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn batch(&mut self) -> Batch<'_, M> {
        Batch::new(self, 0)
    }

    /// Gives all consumed space back to the producers now.
    ///
    /// Makes one `Release` store if anything is unpublished. The store pairs with
    /// the acquire load of the consumer position in `__bpf_ringbuf_reserve`
    /// (kernel/bpf/ringbuf.c). Without it, a producer could overwrite bytes that
    /// this consumer is still reading. Models: `reuse`, `wrap`.
    ///
    /// Stores nothing in a child of `fork`. Also stores nothing if the shared
    /// position differs from the position that this consumer stored last. In that
    /// case another consumer reads the ring, and each later call reports
    /// [`CorruptReason::ConsumerMoved`].
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// consumer.hold_back(1024);
    /// consumer.drain(|_| ())?;
    /// assert_eq!(consumer.unpublished(), 16);
    /// consumer.publish();
    /// assert_eq!(consumer.unpublished(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn publish(&mut self) {
        self.hold.empty_looks = 0;
        self.store_published(self.consumed);
    }

    /// Publishes a consumed position. This is the only store of the shared consumer
    /// position.
    #[inline(never)]
    pub(crate) fn store_published(&mut self, position: Position) {
        let position = position.wrap(self.memory.width());
        if self.published != position && self.is_sole_consumer() {
            self.memory.before_publish(self.position(), self.counts);
            // SAFETY: C1 by the contract of `new`; a batch, which lends samples, borrows
            // this consumer, so none lives (T4).
            unsafe { self.memory.store_consumer_pos(position, Release) };
            self.published = position;
        }
    }

    /// Returns true if this consumer may store the shared position, and nobody else
    /// has changed it.
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

    /// Call this last before you block. It publishes, then looks once more.
    ///
    /// [`Armed::Sleep`] promises that the next commit at this position notifies.
    /// There are two exceptions: its program forbids it (`BPF_RB_NO_WAKEUP`), or an
    /// earlier unread record did not notify. So set a timeout for every wait. You
    /// cannot call `arm` while a [`Batch`] lives:
    /// ```compile_fail
    /// # fn f<M: ringbuf_core::ConsumerMemory>(consumer: &mut ringbuf_core::Consumer<M>) {
    /// let batch = consumer.batch();
    /// consumer.arm();
    /// batch.next();
    /// # }
    /// ```
    ///
    /// # Ordering
    /// The consumer stores the consumer position, makes a full fence, then loads
    /// the producer position and the header. The producer (`bpf_ringbuf_commit`)
    /// exchanges the header, which is a full barrier, then loads the consumer
    /// position. Each side stores before it loads, so at least one sees the store
    /// of the other. Without this fence, both may read old values: the record is
    /// committed, nobody notifies, and the reader sleeps. Models: `wakeup`,
    /// `wakeup_busy`; live test: `lost_wakeups`.
    #[inline(never)]
    pub fn arm(&mut self) -> Armed {
        self.publish();
        self.memory.fence(SeqCst);
        if !self.is_sole_consumer() || self.look() { Armed::Ready } else { Armed::Sleep }
    }

    /// Returns true if there is something to read, to skip or to report now. Makes
    /// no fence, so call [`arm`](Self::arm) before you block.
    ///
    /// Loads the producer position only if all known records are consumed. Then it
    /// loads at most one header. If it finds nothing, it counts as an empty look
    /// (see [`hold_back`](Self::hold_back)).
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert!(consumer.is_ready());
    /// consumer.drain(|_| ())?;
    /// assert!(!consumer.is_ready());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn is_ready(&mut self) -> bool {
        let ready = self.look();
        if !ready {
            self.count_empty_look();
        }
        ready
    }

    /// Returns true if something is known to be unread, because the last batch
    /// stopped before a committed record. Loads one header at most.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let _ = consumer.for_each(|_| std::ops::ControlFlow::Break(()))?;
    /// assert!(consumer.known_ready()); // the second one
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
            // The next read reports the corrupt ring.
            Ok(Head::Committed(_)) | Err(_) => true,
        }
    }

    /// Returns the bytes produced and not yet consumed. This includes busy and
    /// discarded records.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert_eq!(consumer.lag()?, 16);
    /// consumer.drain(|_| ())?;
    /// assert_eq!(consumer.lag()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`] if the producer position is out of range. Each later call
    /// reports it again.
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

    /// Returns the bytes consumed and not yet given back to the producers.
    #[must_use]
    pub fn unpublished(&self) -> u64 {
        self.consumed.distance(self.published, self.memory.width())
    }

    /// Returns the consumed position. Everything before it was delivered.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// consumer.drain(|_| ())?;
    /// assert_eq!(consumer.position().get(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn position(&self) -> Position {
        self.consumed.wrap(self.memory.width())
    }

    /// Counts the records that this consumer has passed. A batch that still lives
    /// is not included.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// consumer.drain(|_| ())?;
    /// assert_eq!(consumer.counts().to_string(), "1 delivered, 0 discarded");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the memory that the consumer reads.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// assert_eq!(consumer.memory().capacity().bytes(), 4096);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

impl<M: ConsumerMemory> AsRef<Self> for Consumer<M> {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<M: ConsumerMemory> AsMut<Self> for Consumer<M> {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl<M: ConsumerMemory> Drop for Consumer<M> {
    fn drop(&mut self) {
        self.publish();
    }
}

/// The result of [`Consumer::arm`]: may you block?
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// # let mut consumer = ring.consumer()?;
/// ring.producer().output(b"one", Flags::ADAPTIVE)?;
/// assert_eq!(consumer.arm(), Armed::Ready); // read on
/// consumer.drain(|_| ())?;
/// assert_eq!(consumer.arm(), Armed::Sleep); // now you may block
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "blocking after `Ready` may miss a record"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// There is nothing to read, and the next commit will notify. Block, with a
    /// timeout.
    Sleep,
    /// There is something to read, to skip or to report. Do not block.
    Ready,
}

/// The records that a consumer has passed.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// ring.producer().output(b"one", Flags::ADAPTIVE)?;
/// ring.producer().reserve(8)?.discard(Flags::ADAPTIVE);
/// let mut consumer = ring.consumer()?;
/// consumer.drain(|_| ())?;
/// let Counts { delivered, discarded, .. } = consumer.counts();
/// assert_eq!((delivered, discarded), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Records delivered.
    pub delivered: u64,
    /// Discarded records skipped.
    pub discarded: u64,
}

impl Counts {
    /// Returns the sum of two readers, or of two rings.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let other = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let (mut first, second) = (ring.consumer()?, other.consumer()?);
    /// first.drain(|_| ())?;
    /// assert_eq!(first.counts().plus(second.counts()).delivered, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            delivered: self.delivered.wrapping_add(other.delivered),
            discarded: self.discarded.wrapping_add(other.discarded),
        }
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self {
            delivered: self.delivered.saturating_sub(other.delivered),
            discarded: self.discarded.saturating_sub(other.discarded),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} delivered, {} discarded", self.delivered, self.discarded)
    }
}
