//! [`OwnedReservation`]: a reservation that keeps its ring alive.

use core::fmt;
use core::ops::Deref;

use super::RawReservation;
use crate::{Header, ProducerMemory};

/// A reservation that borrows nothing: `H` keeps the memory of the ring alive. It can
/// be stored, and sent to another thread if `H` can. Otherwise it is as a
/// [`Reservation`](crate::Reservation): dropping it discards the record, and until the
/// commit no drain gets past it.
///
/// `SharedUserRing::reserve_owned` of ringbuf-kernel makes one, and so does
/// `SharedSimUserRing::reserve_owned` of ringbuf-sim.
///
/// ```
/// use std::thread;
/// use ringbuf_sim::SimUserRing;
///
/// let ring = SimUserRing::new(4096)?;
/// let producer = ring.shared_producer()?;
/// let mut reservation = producer.reserve_owned(5)?;
/// thread::spawn(move || {
///     reservation.bytes().copy_from_slice(b"hello");
///     reservation.submit();
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OwnedReservation<H: Deref<Target: ProducerMemory>> {
    holder: H,
    raw: RawReservation,
    /// How the drop commits it.
    end: fn(Header) -> Header,
}

impl<H: Deref<Target: ProducerMemory>> OwnedReservation<H> {
    pub(super) fn new(holder: H, raw: RawReservation) -> Self {
        Self { holder, raw, end: Header::discarded }
    }

    /// Returns the bytes to fill. At first they are old content of the ring.
    pub fn bytes(&mut self) -> <H::Target as ProducerMemory>::SampleMut<'_> {
        // SAFETY: P3; `&mut self` allows one borrow at a time, and only the drop
        // commits.
        unsafe { self.raw.sample_mut(&*self.holder) }
    }

    /// Returns the number of bytes.
    ///
    /// ```
    /// # let ring = ringbuf_sim::SimUserRing::new(4096)?;
    /// # let producer = ring.shared_producer()?;
    /// let reservation = producer.reserve_owned(5)?;
    /// assert_eq!(reservation.len(), 5);
    /// reservation.discard();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> u32 {
        self.raw.len()
    }

    /// Returns true if the sample has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Commits the record. The consumer will deliver it.
    pub fn submit(mut self) {
        self.end = Header::submitted;
    }

    /// Commits the record as discarded. The consumer will skip it.
    pub fn discard(self) {
        drop(self);
    }
}

impl<H: Deref<Target: ProducerMemory>> Drop for OwnedReservation<H> {
    fn drop(&mut self) {
        // SAFETY: P3; reserved, and committed only here; nothing borrows a value that is
        // dropped.
        unsafe { self.raw.commit(&*self.holder, self.end) };
    }
}

impl<H: Deref<Target: ProducerMemory>> fmt::Debug for OwnedReservation<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedReservation").field("raw", &self.raw).finish_non_exhaustive()
    }
}
