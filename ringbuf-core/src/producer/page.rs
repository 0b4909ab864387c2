//! Producers of one user ring that take turns, and reservations that only an address tells.

use core::cell::Cell;

use super::{Producer, RawReservation};
use crate::{Position, ProducerMemory};

impl<M: ProducerMemory> Producer<M, Cell<Position>> {
    /// Creates a producer at the stored producer position, whatever that is. If it is out of
    /// range, reservations fail.
    ///
    /// # Safety
    /// **P1**, as for [`new`](Self::new). If other producers take turns with this one, each
    /// calls [`reread`](Self::reread) before each reservation.
    pub unsafe fn at_stored_position(memory: M) -> Self {
        let produced = Cell::new(memory.initial_producer_pos());
        Self { memory, produced }
    }

    /// Reads the stored producer position anew. Call it before each reservation if several
    /// producers of one ring take turns: other handles, other processes, a child of `fork`.
    ///
    /// Only then may there be more than one of them (P1): no two of them reserve at the same
    /// time. With one producer, it changes nothing. A position that is out of range fails
    /// the next reservation.
    ///
    /// ```
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// producer.reserve(8)?.submit();
    /// producer.reread();
    /// assert_eq!(producer.lag(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reread(&self) {
        self.produced.set(self.memory.initial_producer_pos());
    }

    /// Returns the reservation whose sample is at `offset` from the start of the data, or
    /// `None` if the header there is not busy. C code keeps only the address of a sample.
    ///
    /// ```
    /// use ringbuf_core::Reservation;
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// let raw = producer.reserve(5)?.into_raw();
    /// assert_eq!(raw.sample_offset(), 8);
    /// // SAFETY: a header is 8 bytes before.
    /// assert_eq!(unsafe { producer.reserved_at(8) }, Some(raw));
    /// // SAFETY: it comes from this producer, and is restored once.
    /// unsafe { Reservation::from_raw(&producer, raw) }.submit();
    /// // SAFETY: as above.
    /// assert_eq!(unsafe { producer.reserved_at(8) }, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Safety
    /// A header is 8 bytes before `offset`, modulo the capacity: it was written and is not
    /// yet written over.
    #[must_use]
    pub unsafe fn reserved_at(&self, offset: u64) -> Option<RawReservation> {
        let position = Position::new(offset.wrapping_sub(8), self.memory.width());
        let at = position.offset(self.memory.capacity());
        // SAFETY: as the caller guarantees.
        unsafe { RawReservation::open_at(&self.memory, at) }
    }
}
