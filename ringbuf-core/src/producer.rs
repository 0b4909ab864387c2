//! [`Producer`]: the user-space writer of a user ring buffer.

use core::cell::Cell;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::Ordering::{Acquire, Release};

use crate::{
    Corrupt, CorruptReason, Header, Offset, PageOffset, Position, ProducerMemory, ReserveError,
    SampleLen,
};

/// The one writer of a ring that user space fills
/// (`BPF_MAP_TYPE_USER_RINGBUF`): it owns the producer position.
///
/// Reserve space, fill it, submit or discard it. Several reservations may be
/// open at once and be committed in any order; the consumer sees them in the
/// order in which they were reserved. Submitting notifies nobody: some BPF
/// program has to call `bpf_user_ringbuf_drain`.
///
/// ```
/// # use ringbuf_sim::SimRing;
/// # let ring = SimRing::new(4096)?;
/// # // SAFETY: nothing else produces into this ring.
/// # let producer = unsafe { ringbuf_core::Producer::new(ring.producer_memory()) };
/// let mut reservation = producer.reserve(5)?;
/// reservation.copy_from_slice(b"hello");
/// reservation.submit();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer<M> {
    memory: M,
    produced: Cell<Position>,
}

impl<M: ProducerMemory> Producer<M> {
    /// The largest sample that the kernel drains, in bytes (dynptrs have 24
    /// bits of size; `__bpf_user_ringbuf_peek`, kernel/bpf/ringbuf.c, 6.1 to
    /// 7.3). A longer one would block every drain for ever.
    pub const MAX_SAMPLE: u32 = (1 << 24) - 1;

    /// A producer that goes on where the last one stopped.
    ///
    /// # Safety
    /// **P1** No other producer of this ring exists, in this process or in any
    /// other, for as long as this one lives: two would hand out the same space.
    pub unsafe fn new(memory: M) -> Self {
        let produced = Cell::new(memory.initial_producer_pos());
        Self { memory, produced }
    }

    /// The largest sample that this ring takes, in bytes: the kernel's limit,
    /// or the capacity less one header.
    pub fn max_sample(&self) -> u32 {
        let room = self.memory.capacity().bytes() - Header::SIZE;
        u32::try_from(room).unwrap_or(u32::MAX).min(Self::MAX_SAMPLE)
    }

    /// Reserves `len` bytes. Never blocks.
    ///
    /// The kernel sees the record as busy until it is committed, and drains
    /// nothing behind it meanwhile.
    ///
    /// # Errors
    /// [`ReserveError::TooLarge`], [`ReserveError::Full`], or
    /// [`ReserveError::Corrupt`] if the consumer position is out of range.
    ///
    /// # Ordering
    /// The consumer position is loaded with Acquire: it pairs with the release
    /// store in `__bpf_user_ringbuf_sample_release`; without it new bytes could
    /// be written before the old ones were read. The producer position is
    /// stored with Release: it pairs with the acquire load in
    /// `__bpf_user_ringbuf_peek`; without it the kernel could take a header of
    /// the last lap for this one. Models: `user_reuse`, `user_hand_over`.
    pub fn reserve(&self, len: u32) -> Result<Reservation<'_, M>, ReserveError> {
        let len = self.place(len)?;
        let (capacity, width) = (self.memory.capacity(), self.memory.width());
        let produced = self.produced.get();
        let at = produced.offset(capacity);
        let header = Header::busy(len);
        // SAFETY: the record lies in free space (checked above), which only
        // this producer hands out (P1), and is published two lines below.
        unsafe { self.memory.write_header(at, header, PageOffset::NONE) };
        self.produced.set(produced.advance(len.footprint(), width));
        // SAFETY: P1 by the contract of `new`; the header was written above.
        unsafe { self.memory.store_producer_pos(self.produced.get(), Release) };
        // SAFETY: reserved above with this length, given to this reservation
        // alone, which commits only when nothing borrows the sample any more.
        let sample = unsafe { self.memory.sample_mut(at, len) };
        Ok(Reservation { producer: self, at, header, sample })
    }

    /// Whether [`reserve`](Self::reserve) of `len` bytes would not answer
    /// [`ReserveError::Full`] now: the look before a wait for space, which helps
    /// against nothing else.
    pub fn has_room(&self, len: u32) -> bool {
        !matches!(self.place(len), Err(ReserveError::Full { .. }))
    }

    /// Bytes produced and not yet consumed, open reservations included.
    pub fn lag(&self) -> u64 {
        let consumed = self.memory.load_consumer_pos(Acquire);
        self.produced.get().distance(consumed, self.memory.width())
    }

    /// The produced position.
    pub fn position(&self) -> Position {
        self.produced.get()
    }

    /// The memory that it writes.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The checks of a reservation, which change nothing: the length, if there
    /// is room for it.
    fn place(&self, len: u32) -> Result<SampleLen, ReserveError> {
        let max = self.max_sample();
        let too_large = ReserveError::TooLarge { len, max };
        let len = SampleLen::new(len.into()).filter(|len| len.get() <= max).ok_or(too_large)?;
        let capacity = self.memory.capacity();
        let consumed = self.memory.load_consumer_pos(Acquire);
        let used = self.produced.get().distance(consumed, self.memory.width());
        if used > capacity.bytes() {
            let reason = CorruptReason::ProducerOutOfRange { producer: self.produced.get() };
            return Err(ReserveError::Corrupt(Corrupt { position: consumed, reason }));
        }
        let (footprint, free) = (len.footprint(), capacity.bytes() - used);
        if footprint > free { Err(ReserveError::Full { footprint, free }) } else { Ok(len) }
    }
}

/// Reserved space: fill it, then submit or discard it. It derefs to its bytes.
///
/// The bytes are whatever the ring held there before: write all of them.
/// Dropping it discards. Forgetting it (`mem::forget`) is safe, but leaves a
/// busy record that stalls the consumer for ever.
pub struct Reservation<'p, M: ProducerMemory> {
    producer: &'p Producer<M>,
    at: Offset,
    header: Header,
    sample: M::SampleMut<'p>,
}

impl<M: ProducerMemory> Reservation<'_, M> {
    /// Commits the record: the consumer will deliver it.
    pub fn submit(self) {
        ManuallyDrop::new(self).commit(Header::submitted);
    }

    /// Commits the record as one to skip.
    pub fn discard(self) {
        drop(self);
    }

    /// Stores the committed length word.
    ///
    /// Release: it pairs with the acquire load of the header in
    /// `__bpf_user_ringbuf_peek`; without it the kernel could read the sample
    /// before it is written. A store is enough where libbpf exchanges: the
    /// producer needs neither the old value nor a barrier after it, since no
    /// drain is announced from here. Model: `user_hand_over`.
    fn commit(&self, how: fn(Header) -> Header) {
        // SAFETY: reserved by this producer, and committed once: `submit` and
        // `drop` both end the reservation.
        unsafe { self.producer.memory.store_header(self.at, how(self.header), Release) };
    }
}

impl<M: ProducerMemory> Drop for Reservation<'_, M> {
    fn drop(&mut self) {
        self.commit(Header::discarded);
    }
}

impl<'p, M: ProducerMemory> Deref for Reservation<'p, M> {
    type Target = M::SampleMut<'p>;

    fn deref(&self) -> &Self::Target {
        &self.sample
    }
}

impl<M: ProducerMemory> DerefMut for Reservation<'_, M> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.sample
    }
}

impl<M: ProducerMemory> fmt::Debug for Reservation<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("at", &self.at)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}
