//! [`Producer`]: the user-space writer of a user ring buffer.

use core::cell::Cell;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::Ordering::{Acquire, Release};
use core::time::Duration;

use crate::{
    Corrupt, CorruptReason, Header, Offset, PageOffset, Position, ProducerMemory, ReserveError,
    SampleLen, WaitHost, WakeCause, Wakes, Wakeup,
};

/// The only writer of a user ring (`BPF_MAP_TYPE_USER_RINGBUF`). It owns the
/// producer position.
///
/// Reserve space, fill it, then submit or discard it. Several reservations may be
/// open at once, and you may commit them in any order. The consumer sees them in
/// the order of their reservation. Submitting notifies nobody: a BPF program has to
/// call `bpf_user_ringbuf_drain`.
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
#[derive(Debug)]
pub struct Producer<M> {
    pub(crate) memory: M,
    produced: Cell<Position>,
}

impl<M: ProducerMemory> Producer<M> {
    /// The largest sample that the kernel drains, in bytes. A dynptr has 24 bits
    /// for its size (`__bpf_user_ringbuf_peek`, kernel/bpf/ringbuf.c, 6.1 to 7.3).
    /// A longer sample would block every drain.
    pub const MAX_SAMPLE: u32 = (1 << 24) - 1;

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

    /// Returns the largest sample that this ring takes, in bytes. This is the
    /// kernel's limit, or the capacity less one header if that is smaller.
    #[must_use]
    pub fn max_sample(&self) -> u32 {
        let room = self.memory.capacity().bytes() - Header::SIZE;
        u32::try_from(room).unwrap_or(u32::MAX).min(Self::MAX_SAMPLE)
    }

    /// Reserves `len` bytes. Never blocks.
    ///
    /// The kernel sees the record as busy until you commit it. Until then it drains
    /// no later record. At first the bytes are
    /// old content of the ring: write all of them, or call
    /// [`reserve_zeroed`](Self::reserve_zeroed).
    ///
    /// # Errors
    /// [`ReserveError::TooLarge`], [`ReserveError::Full`], or
    /// [`ReserveError::Corrupt`] if the consumer position is out of range.
    ///
    /// # Ordering
    /// The consumer position is loaded with Acquire. The load pairs with the
    /// release store in `__bpf_user_ringbuf_sample_release`. Without it, this
    /// producer could write new bytes before the kernel has read the old ones. The
    /// producer position is stored with Release. The store pairs with the acquire
    /// load in `__bpf_user_ringbuf_peek`. Without it, the kernel could take a
    /// header of the last lap for this one. Models: `user_reuse`, `user_hand_over`.
    pub fn reserve(&self, len: u32) -> Result<Reservation<'_, M>, ReserveError> {
        let len = self.place(len)?;
        let (capacity, width) = (self.memory.capacity(), self.memory.width());
        let produced = self.produced.get();
        let at = produced.offset(capacity);
        let header = Header::busy(len);
        // SAFETY: the record lies in free space (checked above). Only this producer
        // hands out this space (P1). The record is published two lines below.
        unsafe { self.memory.write_header(at, header, PageOffset::NONE) };
        self.produced.set(produced.advance(len.footprint(), width));
        // SAFETY: P1 by the contract of `new`; the header was written above.
        unsafe { self.memory.store_producer_pos(self.produced.get(), Release) };
        // SAFETY: reserved above with this length. Only this reservation uses the
        // sample, and it commits only when nothing borrows the sample.
        let sample = unsafe { self.memory.sample_mut(at, len) };
        Ok(Reservation { producer: self, at, header, sample })
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
    #[must_use]
    pub fn has_room(&self, len: u32) -> bool {
        !matches!(self.place(len), Err(ReserveError::Full { .. }))
    }

    /// Returns the bytes produced and not yet consumed. This includes open
    /// reservations.
    #[must_use]
    pub fn lag(&self) -> u64 {
        let consumed = self.memory.load_consumer_pos(Acquire);
        self.produced.get().distance(consumed, self.memory.width())
    }

    /// Returns the produced position.
    #[must_use]
    pub fn position(&self) -> Position {
        self.produced.get()
    }

    /// Returns the memory that the producer writes.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Checks a reservation without changing anything. Returns the length if there
    /// is space for it.
    fn place(&self, len: u32) -> Result<SampleLen, ReserveError> {
        let max = self.max_sample();
        let too_large = ReserveError::TooLarge { len, max };
        let len = SampleLen::new(len.into()).filter(|len| len.get() <= max).ok_or(too_large)?;
        let capacity = self.memory.capacity();
        let consumed = self.memory.load_consumer_pos(Acquire);
        if !self.memory.is_owned() {
            let corrupt = Corrupt { position: consumed, reason: CorruptReason::Forked };
            return Err(ReserveError::Corrupt(corrupt));
        }
        let used = self.produced.get().distance(consumed, self.memory.width());
        if used > capacity.bytes() {
            let reason = CorruptReason::ProducerOutOfRange { producer: self.produced.get() };
            return Err(ReserveError::Corrupt(Corrupt { position: consumed, reason }));
        }
        let (footprint, free) = (len.footprint(), capacity.bytes() - used);
        if footprint > free { Err(ReserveError::Full { footprint, free }) } else { Ok(len) }
    }
}

impl<M: ProducerMemory + WaitHost> Producer<M> {
    /// The longest sleep between two looks for space, in case no notification
    /// comes.
    pub const MAX_SLEEP: Duration = Duration::from_millis(100);

    /// Waits until you can reserve `len` bytes, but no longer than `timeout`.
    /// `None` means no limit. First commit all open reservations: no drain gets
    /// past them.
    ///
    /// Returns at once if waiting cannot help: there is space already, or the
    /// reservation fails for another reason. A drain with `BPF_RB_NO_WAKEUP`, or a
    /// drain that still runs, does not notify. So no sleep is longer than
    /// [`MAX_SLEEP`](Self::MAX_SLEEP).
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// producer.reserve(4000)?.submit();
    /// assert_eq!(producer.wait_for_room(80, None)?, Wakeup::Ready);
    /// // No program drains the ring:
    /// assert_eq!(producer.wait_for_room(96, Some(Duration::ZERO))?, Wakeup::TimedOut);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Ordering
    /// This needs no fence, unlike the sleep of a consumer. A drain notifies if it
    /// consumed anything, whatever the producer does, and only after it has
    /// released the space. So a notification after the look ends the sleep, and the
    /// next look sees the released space. Model: `user_space`. The wait is
    /// edge-triggered, because poll reports a ring as writable unless it is
    /// completely full.
    ///
    /// # Errors
    /// An error of the system's clock or sleeps.
    pub fn wait_for_room(&self, len: u32, timeout: Option<Duration>) -> Result<Wakeup, M::Error> {
        let start = self.memory.now();
        // A deadline too far to represent means no limit.
        let deadline = timeout.map_or(Duration::MAX, |timeout| start.saturating_add(timeout));
        let left = |now| deadline.min(self.memory.deadline()).saturating_sub(now);
        let mut now = start;
        loop {
            if let Some(wakeup) = self.asked() {
                return Ok(wakeup);
            }
            if self.has_room(len) {
                return Ok(Wakeup::Ready);
            }
            let left = left(now);
            if left.is_zero() {
                return Ok(Wakeup::TimedOut);
            }
            if self.memory.block(left.min(Self::MAX_SLEEP))? == WakeCause::Interrupted {
                return Ok(self.asked().unwrap_or(Wakeup::Interrupted));
            }
            now = self.memory.now();
        }
    }

    /// A producer has nothing to flush: a flush is a wake.
    fn asked(&self) -> Option<Wakeup> {
        let wakes = self.memory.take_wakes();
        if wakes.contains(Wakes::CLOSE) {
            return Some(Wakeup::Closed);
        }
        let ends = wakes.contains(Wakes::WAKE) || wakes.contains(Wakes::FLUSH);
        ends.then_some(Wakeup::Woken)
    }
}

/// Reserved space. Fill it, then submit or discard it. It dereferences to its
/// bytes.
///
/// At first the bytes are old content of the ring, so write all of them. Dropping
/// the reservation discards the record. In a child of `fork`, dropping stores
/// nothing; the child must not write the bytes, because they belong to the parent.
/// Forgetting the reservation (`mem::forget`) is safe, but leaves a busy record
/// that stalls the consumer until [`Producer::discard_open`].
///
/// You cannot take the bytes out of the reservation, so they end with it:
/// ```compile_fail,E0277
/// # let ring = ringbuf_sim::SimUserRing::new(4096).unwrap();
/// # let producer = ring.producer().unwrap();
/// let mut reservation = producer.reserve(8).unwrap();
/// let stolen = std::mem::take(&mut *reservation);
/// ```
/// ```compile_fail,E0277
/// # let ring = ringbuf_sim::SimUserRing::new(4096).unwrap();
/// # let producer = ring.producer().unwrap();
/// let mut a = producer.reserve(8).unwrap();
/// let mut b = producer.reserve(8).unwrap();
/// std::mem::swap(&mut *a, &mut *b);
/// ```
pub struct Reservation<'p, M: ProducerMemory> {
    producer: &'p Producer<M>,
    at: Offset,
    header: Header,
    sample: M::SampleMut<'p>,
}

/// A reservation as plain numbers, without its lifetime. Use it to pass a
/// reservation through C code. See [`Reservation::into_raw`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawReservation {
    at: Offset,
    header: Header,
}

impl<'p, M: ProducerMemory> Reservation<'p, M> {
    /// Commits the record. The consumer will deliver it.
    pub fn submit(self) {
        ManuallyDrop::new(self).commit(Header::submitted);
    }

    /// Commits the record as discarded. The consumer will skip it.
    pub fn discard(self) {
        drop(self);
    }

    /// Keeps the record reserved, but gives up the lifetime.
    /// [`from_raw`](Self::from_raw) restores the reservation. Without that call the
    /// record stays busy.
    ///
    /// ```
    /// use ringbuf_core::Reservation;
    /// use ringbuf_sim::{Flags, SimUserRing};
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// let mut reservation = producer.reserve(5)?;
    /// reservation.copy_from_slice(b"hello");
    /// let raw = reservation.into_raw(); // through C code, as plain numbers
    /// // SAFETY: it comes from this producer, and is restored once.
    /// let reservation = unsafe { Reservation::from_raw(&producer, raw) };
    /// assert_eq!(&reservation[..], b"hello");
    /// reservation.submit();
    /// # let drained = ring.drain(Flags::ADAPTIVE, |_| std::ops::ControlFlow::Continue(()))?;
    /// # assert_eq!(drained, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_raw(self) -> RawReservation {
        let this = ManuallyDrop::new(self);
        RawReservation { at: this.at, header: this.header }
    }

    /// Restores a reservation from the result of [`into_raw`](Self::into_raw).
    ///
    /// # Safety
    /// `raw` comes from a reservation of this producer, and you restore it only
    /// once. The record is not committed yet, and nothing borrows its bytes.
    /// Do not restore it after [`discard_open`](Producer::discard_open), which commits it.
    #[must_use]
    pub unsafe fn from_raw(producer: &'p Producer<M>, raw: RawReservation) -> Self {
        let RawReservation { at, header } = raw;
        // SAFETY: the caller guarantees that the record is reserved with this
        // length and not committed, and that only this reservation uses it.
        let sample = unsafe { producer.memory.sample_mut(at, header.len()) };
        Self { producer, at, header, sample }
    }

    /// Stores the committed length word.
    ///
    /// The store is Release. It pairs with the acquire load of the header in
    /// `__bpf_user_ringbuf_peek`. Without it, the kernel could read the sample
    /// before it is written. libbpf exchanges the word; a store is enough. The
    /// producer needs neither the old value nor a barrier after it, because
    /// committing notifies nobody. Model: `user_hand_over`.
    fn commit(&self, how: fn(Header) -> Header) {
        if self.producer.memory.is_owned() {
            // SAFETY: reserved by this producer, and committed only once: both
            // `submit` and `drop` end the reservation.
            unsafe { self.producer.memory.store_header(self.at, how(self.header), Release) };
        }
    }
}

impl<M: ProducerMemory> Drop for Reservation<'_, M> {
    fn drop(&mut self) {
        self.commit(Header::discarded);
    }
}

impl<'p, M: ProducerMemory> Deref for Reservation<'p, M>
where
    M::SampleMut<'p>: Deref,
{
    type Target = <M::SampleMut<'p> as Deref>::Target;

    fn deref(&self) -> &Self::Target {
        &self.sample
    }
}

impl<'p, M: ProducerMemory> DerefMut for Reservation<'p, M>
where
    M::SampleMut<'p>: DerefMut,
{
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
