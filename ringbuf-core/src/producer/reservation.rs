//! [`Reservation`]: space that is reserved and not yet committed.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::Ordering::{Relaxed, Release};

use super::{OwnedReservation, Producer};
use crate::{Header, Offset, ProducerMemory};

/// Reserved space. Fill it, then submit or discard it. It dereferences to its
/// bytes.
///
/// At first the bytes are old content of the ring, so write all of them. Dropping
/// the reservation discards the record. In a child of `fork`, dropping stores
/// nothing; the child must not write the bytes, because they belong to the parent.
/// Forgetting the reservation (`mem::forget`) is safe, but leaves a busy record
/// that stalls the consumer until [`Producer::discard_open`].
///
/// It can go to another thread if the memory is `Sync`. A commit takes no lock: it is
/// one store. To keep a reservation longer than a borrow of the producer, see
/// [`OwnedReservation`].
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
    memory: &'p M,
    raw: RawReservation,
    sample: M::SampleMut<'p>,
}

/// A reservation as plain numbers, without its lifetime. Use it to pass a
/// reservation through C code. See [`Reservation::into_raw`].
///
/// ```
/// # use ringbuf_core::{RawReservation, Reservation};
/// # let ring = ringbuf_sim::SimUserRing::new(4096)?;
/// # let producer = ring.producer()?;
/// let mut open: Vec<RawReservation> = Vec::new(); // no lifetime
/// open.push(producer.reserve(8)?.into_raw());
/// for raw in open.drain(..) {
///     // SAFETY: it comes from this producer, and is restored once.
///     unsafe { Reservation::from_raw(&producer, raw) }.discard();
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawReservation {
    at: Offset,
    header: Header,
}

impl<'p, M: ProducerMemory> Reservation<'p, M> {
    /// Borrows the bytes of a reservation.
    ///
    /// # Safety
    /// The record at `at` is reserved with this header and not committed. Nothing else
    /// uses its bytes, or commits it, while the reservation lives.
    pub(super) unsafe fn of(memory: &'p M, at: Offset, header: Header) -> Self {
        // SAFETY: as the caller guarantees; it commits only when nothing borrows the
        // sample.
        let sample = unsafe { memory.sample_mut(at, header.len()) };
        Self { memory, raw: RawReservation { at, header }, sample }
    }

    /// Commits the record. The consumer will deliver it.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let producer = ring.producer()?;
    /// let mut reservation = producer.reserve(5)?;
    /// reservation.copy_from_slice(b"hello");
    /// reservation.submit();
    /// # assert_eq!(ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()))?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit(self) {
        ManuallyDrop::new(self).commit(Header::submitted);
    }

    /// Commits the record as discarded. The consumer will skip it.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let producer = ring.producer()?;
    /// producer.reserve(5)?.discard();
    /// let samples = ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()))?;
    /// assert_eq!(samples, 0); // the drain got past it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        ManuallyDrop::new(self).raw
    }

    /// Restores a reservation from the result of [`into_raw`](Self::into_raw).
    ///
    /// # Safety
    /// `raw` comes from a reservation of this producer, and you restore it only
    /// once. The record is not committed yet, and nothing borrows its bytes.
    /// Do not restore it after [`discard_open`](Producer::discard_open), which commits it.
    #[must_use]
    pub unsafe fn from_raw<P>(producer: &'p Producer<M, P>, raw: RawReservation) -> Self {
        // SAFETY: the caller guarantees that the record is reserved with this
        // length and not committed, and that only this reservation uses it.
        unsafe { Self::of(&producer.memory, raw.at, raw.header) }
    }

    /// Turns this into a reservation that keeps the memory alive by itself. `holder` is
    /// what it keeps, usually a reference count.
    ///
    /// ```
    /// # use std::ops::Deref;
    /// # use std::sync::Arc;
    /// # use ringbuf_core::Producer;
    /// # use ringbuf_sim::{SimUserMemory, SimUserRing};
    /// struct Holder(Arc<Producer<SimUserMemory>>);
    /// # impl Deref for Holder {
    /// #     type Target = SimUserMemory;
    /// #     fn deref(&self) -> &SimUserMemory { self.0.memory() }
    /// # }
    ///
    /// # let ring = SimUserRing::new(4096)?;
    /// let producer = Arc::new(ring.producer()?);
    /// let holder = Holder(producer.clone()); // derefs to the memory of the producer
    /// // SAFETY: P3: the `Arc` keeps the producer, and lends it only shared.
    /// let mut reservation = unsafe { producer.reserve(5)?.into_owned(holder) };
    /// reservation.bytes().copy_from_slice(b"hello");
    /// reservation.submit();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Safety
    /// **P3** `holder` dereferences to the memory of this reservation, each time and
    /// wherever it is moved. The producer of this memory is neither dropped nor
    /// borrowed mutably while `holder` lives.
    pub unsafe fn into_owned<H: Deref<Target = M>>(self, holder: H) -> OwnedReservation<H> {
        OwnedReservation::new(holder, self.into_raw())
    }

    fn commit(&self, how: fn(Header) -> Header) {
        // SAFETY: reserved in this memory, and committed only once: both `submit` and
        // `drop` end the reservation.
        unsafe { self.raw.commit(self.memory, how) };
    }
}

impl RawReservation {
    /// Returns the place of the sample, in bytes from the start of the data. At most the
    /// capacity: the sample is contiguous from there on.
    #[must_use]
    pub fn sample_offset(self) -> u64 {
        self.at.get() + Header::SIZE
    }

    /// The reservation whose header is at `at`, unless that is committed. The load is
    /// Relaxed: the value decides only whether this producer commits what it reserved.
    ///
    /// # Safety
    /// A header is at `at`: it was written and is not yet written over.
    pub(super) unsafe fn open_at<M: ProducerMemory>(memory: &M, at: Offset) -> Option<Self> {
        // SAFETY: as the caller guarantees.
        let header = unsafe { memory.load_header(at, Relaxed) };
        header.is_busy().then_some(Self { at, header })
    }

    /// Stores the committed length word.
    ///
    /// The store is Release. It pairs with the acquire load of the header in
    /// `__bpf_user_ringbuf_peek`. Without it, the kernel could read the sample
    /// before it is written. libbpf exchanges the word; a store is enough. The
    /// producer needs neither the old value nor a barrier after it, because
    /// committing notifies nobody. Model: `user_hand_over`.
    ///
    /// # Safety
    /// The record is reserved in this memory, not yet committed, and nothing borrows
    /// its bytes.
    pub(super) unsafe fn commit<M: ProducerMemory + ?Sized>(
        self,
        memory: &M,
        how: fn(Header) -> Header,
    ) {
        if memory.is_owned() {
            // SAFETY: as the caller guarantees.
            unsafe { memory.store_header(self.at, how(self.header), Release) };
        }
    }

    /// Returns the bytes of the record.
    ///
    /// # Safety
    /// The record is reserved in this memory and not committed. Nothing else uses its
    /// bytes while the sample lives.
    pub(super) unsafe fn sample_mut<M: ProducerMemory + ?Sized>(
        self,
        memory: &M,
    ) -> M::SampleMut<'_> {
        // SAFETY: as the caller guarantees.
        unsafe { memory.sample_mut(self.at, self.header.len()) }
    }

    /// Returns the length of the sample in bytes.
    pub(super) fn len(self) -> u32 {
        self.header.len().get()
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
        let RawReservation { at, header } = &self.raw;
        f.debug_struct("Reservation")
            .field("at", at)
            .field("header", header)
            .finish_non_exhaustive()
    }
}
