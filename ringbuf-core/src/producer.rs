//! [`Producer`]: the user-space writer of a user ring buffer.

mod batch;
mod owned;
mod page;
mod produced;
mod reservation;
mod room;

use core::cell::Cell;
use core::ops::DerefMut;
use core::sync::atomic::Ordering::{Acquire, Release};

pub use self::batch::SubmitBatch;
pub use self::owned::OwnedReservation;
pub use self::produced::Produced;
pub use self::reservation::{RawReservation, Reservation};
pub use self::room::ReserveWaitError;
use crate::{
    Corrupt, CorruptReason, Header, PageOffset, Position, ProducerMemory, ReserveError, SampleLen,
};

/// The only writer of a user ring (`BPF_MAP_TYPE_USER_RINGBUF`). It owns the
/// producer position.
///
/// Reserve space, fill it, then submit or discard it. Several reservations may be
/// open at once. You may commit them in any order, and in other threads if the memory
/// is `Sync`. The consumer sees them in the order of their reservation: a drain stops
/// at the first one that is not committed. Submitting notifies nobody: a BPF program
/// has to call `bpf_user_ringbuf_drain`.
///
/// `P` keeps the producer position. With the default, one thread reserves at a time;
/// [`share`](Self::share) makes a producer for many threads.
///
/// In a child of `fork`, reserving fails ([`CorruptReason::Forked`]).
///
/// ```
/// use ringbuf_sim::SimUserRing;
///
/// let ring = SimUserRing::new(4096)?;
/// let producer = ring.producer()?;
/// let mut reservation = producer.reserve(5)?;
/// reservation.copy_from_slice(b"hello");
/// reservation.submit();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Two threads fill and commit; the second reservation may be committed first:
/// ```
/// use std::thread;
/// use ringbuf_sim::SimUserRing;
///
/// let ring = SimUserRing::new(4096)?;
/// let producer = ring.producer()?;
/// let reserved = [producer.reserve_zeroed(8)?, producer.reserve_zeroed(8)?];
/// thread::scope(|scope| {
///     for reservation in reserved {
///         scope.spawn(move || reservation.submit());
///     }
/// });
/// assert_eq!(producer.open_reservations()?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer<M, P = Cell<Position>> {
    pub(crate) memory: M,
    pub(crate) produced: P,
}

impl<M: ProducerMemory> Producer<M> {
    /// Creates a producer that starts at the stored producer position.
    ///
    /// # Errors
    /// [`Corrupt`] if no drain would accept the stored positions. This happens if
    /// the producer position is not a multiple of 8, or is ahead by more than the
    /// capacity.
    ///
    /// # Safety
    /// **P1** While this producer lives, no other producer of this ring exists, in
    /// this process or in any other. Two producers would hand out the same space.
    pub unsafe fn new(memory: M) -> Result<Self, Corrupt> {
        let producer = memory.initial_producer_pos();
        let position = memory.load_consumer_pos(Acquire);
        let corrupt = |reason| Err(Corrupt { position, reason });
        if !producer.is_aligned() {
            return corrupt(CorruptReason::ProducerMisaligned { producer });
        }
        if producer.distance(position, memory.width()) > memory.capacity().bytes() {
            return corrupt(CorruptReason::ProducerOutOfRange { producer });
        }
        Ok(Self { memory, produced: Cell::new(producer) })
    }
}

impl<M: ProducerMemory, P: Produced> Producer<M, P> {
    /// The largest sample that the kernel drains, in bytes. A dynptr has 24 bits
    /// for its size (`__bpf_user_ringbuf_peek`, kernel/bpf/ringbuf.c, 6.1 to 7.3).
    /// A longer sample would block every drain.
    pub const MAX_SAMPLE: u32 = (1 << 24) - 1;

    /// Turns this into a producer that keeps its position by `Q`. With a lock, many
    /// threads may reserve through a shared reference.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use std::thread;
    /// use ringbuf_core::{Position, Produced};
    /// use ringbuf_sim::SimUserRing;
    ///
    /// struct Locked(Mutex<Position>);
    ///
    /// // SAFETY: P2: the lock is held for a step.
    /// unsafe impl Produced for Locked {
    ///     fn new(position: Position) -> Self {
    ///         Self(Mutex::new(position))
    ///     }
    ///
    ///     fn step<R>(&self, step: impl FnOnce(&mut Position) -> R) -> R {
    ///         step(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    ///     }
    /// }
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?.share::<Locked>();
    /// thread::scope(|scope| {
    ///     for number in 0..4 {
    ///         let producer = &producer;
    ///         scope.spawn(move || {
    ///             let mut reservation = producer.reserve(1).expect("there is room");
    ///             reservation[0] = number;
    ///             reservation.submit();
    ///         });
    ///     }
    /// });
    /// assert_eq!(producer.lag(), 4 * 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn share<Q: Produced>(self) -> Producer<M, Q> {
        let produced = Q::new(self.position());
        Producer { memory: self.memory, produced }
    }

    /// Returns the largest sample that this ring takes, in bytes. This is the
    /// kernel's limit, or the capacity less one header if that is smaller.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let producer = ring.producer()?;
    /// assert_eq!(producer.max_sample(), 4088); // a header has 8 bytes
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn max_sample(&self) -> u32 {
        let room = self.memory.capacity().bytes() - Header::SIZE;
        u32::try_from(room).unwrap_or(u32::MAX).min(Self::MAX_SAMPLE)
    }

    /// Reserves `len` bytes. Never waits for space.
    ///
    /// The kernel sees the record as busy until you commit it. Until then it drains
    /// no later record. At first the bytes are
    /// old content of the ring: write all of them, or call
    /// [`reserve_zeroed`](Self::reserve_zeroed).
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let producer = ring.producer()?;
    /// let mut reservation = producer.reserve(5)?;
    /// reservation.copy_from_slice(b"hello");
    /// reservation.submit();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReserveError::TooLarge`], [`ReserveError::Full`], or
    /// [`ReserveError::Corrupt`] if the consumer position is out of range. Nothing is
    /// written then.
    ///
    /// # Ordering
    /// The consumer position is loaded with Acquire. The load pairs with the
    /// release store in `__bpf_user_ringbuf_sample_release`. Without it, this
    /// producer could write new bytes before the kernel has read the old ones. The
    /// producer position is stored with Release. The store pairs with the acquire
    /// load in `__bpf_user_ringbuf_peek`. Without it, the kernel could take a
    /// header of the last lap for this one. Models: `user_reuse`, `user_hand_over`.
    /// If another thread stores a later position first, it has seen this header: the
    /// steps of `P` happen one before the other. Model: `user_two_threads`.
    pub fn reserve(&self, len: u32) -> Result<Reservation<'_, M>, ReserveError> {
        let len = self.fitting(len)?;
        let (capacity, width) = (self.memory.capacity(), self.memory.width());
        let header = Header::busy(len);
        self.owned()?;
        let at = self.produced.step(|produced| {
            self.place(*produced, len)?;
            let at = produced.offset(capacity);
            // SAFETY: the record lies in free space (checked above). Only this step
            // hands out this space (P1, P2). The record is published two lines below.
            unsafe { self.memory.write_header(at, header, PageOffset::NONE) };
            *produced = produced.advance(len.footprint(), width);
            // SAFETY: P1 by the contract of `new`; the header was written above.
            unsafe { self.memory.store_producer_pos(*produced, Release) };
            Ok(at)
        })?;
        // SAFETY: reserved above, for this reservation alone.
        Ok(unsafe { Reservation::of(&self.memory, at, header) })
    }

    /// As [`reserve`](Self::reserve), with all bytes set to zero.
    ///
    /// `reserve` lends old content of the ring, often bytes of an earlier sample. The
    /// BPF program gets each byte that you do not write.
    ///
    /// ```
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// let mut reservation = producer.reserve_zeroed(16)?;
    /// reservation[..5].copy_from_slice(b"hello");
    /// assert_eq!(reservation[5..], [0; 11]);
    /// reservation.submit();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`reserve`](Self::reserve).
    pub fn reserve_zeroed<'p>(&'p self, len: u32) -> Result<Reservation<'p, M>, ReserveError>
    where
        M::SampleMut<'p>: DerefMut<Target = [u8]>,
    {
        let mut reservation = self.reserve(len)?;
        reservation.fill(0);
        Ok(reservation)
    }

    /// Returns true unless [`reserve`](Self::reserve) of `len` bytes would fail now
    /// with [`ReserveError::Full`]. Waiting for space helps only against this
    /// error.
    ///
    /// This is the look of an event loop between two sleeps. Sleep edge-triggered,
    /// and call this after each registration and after each event, before you sleep
    /// again. No fence is needed: see [`wait_for_room`](Self::wait_for_room).
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let producer = ring.producer()?;
    /// let first = producer.reserve(4000)?;
    /// assert!(!producer.has_room(4000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_room(&self, len: u32) -> bool {
        let Ok(len) = self.fitting(len) else { return true };
        self.owned().is_err()
            || self.produced.step(|produced| {
                !matches!(self.place(*produced, len), Err(ReserveError::Full { .. }))
            })
    }

    /// Returns the bytes produced and not yet consumed. This includes open
    /// reservations.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let producer = ring.producer()?;
    /// producer.reserve(5)?.submit();
    /// assert_eq!(producer.lag(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lag(&self) -> u64 {
        let lag = |produced: Position| {
            produced.distance(self.memory.load_consumer_pos(Acquire), self.memory.width())
        };
        if self.memory.is_owned() {
            self.produced.step(|produced| lag(*produced))
        } else {
            lag(self.memory.initial_producer_pos())
        }
    }

    /// Returns the produced position. In a child of `fork` this is the position that
    /// the owner of the ring stored last.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let producer = ring.producer()?;
    /// producer.reserve(5)?.submit();
    /// assert_eq!(producer.position().get(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> Position {
        // Another thread of the parent may have had the lock at the fork.
        if self.memory.is_owned() {
            self.produced.step(|produced| *produced)
        } else {
            self.memory.initial_producer_pos()
        }
    }

    /// Returns the memory that the producer writes.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Returns the length of a sample that this ring may take.
    fn fitting(&self, len: u32) -> Result<SampleLen, ReserveError> {
        let max = self.max_sample();
        let too_large = ReserveError::TooLarge { len, max };
        SampleLen::new(len.into()).filter(|len| len.get() <= max).ok_or(too_large)
    }

    /// Fails in a child of `fork`. Call it before each step, because another thread of
    /// the parent may have had the lock at the fork.
    fn owned(&self) -> Result<(), ReserveError> {
        if self.memory.is_owned() {
            return Ok(());
        }
        let position = self.memory.load_consumer_pos(Acquire);
        Err(ReserveError::Corrupt(Corrupt { position, reason: CorruptReason::Forked }))
    }

    /// Checks a reservation at `produced` without changing anything.
    fn place(&self, produced: Position, len: SampleLen) -> Result<(), ReserveError> {
        let (footprint, free) = (len.footprint(), self.free(produced)?);
        if footprint > free { Err(ReserveError::Full { footprint, free }) } else { Ok(()) }
    }

    /// Returns the bytes that are free from `produced` on.
    fn free(&self, produced: Position) -> Result<u64, ReserveError> {
        let capacity = self.memory.capacity();
        let consumed = self.memory.load_consumer_pos(Acquire);
        let used = produced.distance(consumed, self.memory.width());
        capacity.bytes().checked_sub(used).ok_or_else(|| {
            let reason = CorruptReason::ProducerOutOfRange { producer: produced };
            ReserveError::Corrupt(Corrupt { position: consumed, reason })
        })
    }
}
