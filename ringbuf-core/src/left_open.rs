//! Reservations that nobody commits any more, and how to get past them.

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::{Corrupt, CorruptReason, Header, Offset, Position, Produced, Producer, ProducerMemory};

impl<M: ProducerMemory, P: Produced> Producer<M, P> {
    /// Counts the reservations that are not committed. Drains stop at the first
    /// of them.
    ///
    /// Some are this producer's own: open, forgotten, or
    /// [taken apart](crate::Reservation::into_raw). The others were left open by an
    /// earlier producer whose process ended. Reads each header that is not yet
    /// drained; a drain may go on meanwhile.
    ///
    /// ```
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// let reservation = producer.reserve(5)?;
    /// assert_eq!(producer.open_reservations()?, 1);
    /// reservation.submit();
    /// assert_eq!(producer.open_reservations()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`] if a header claims more bytes than are produced, if the
    /// consumer position is out of range, or in a child of `fork`.
    pub fn open_reservations(&self) -> Result<u64, Corrupt> {
        self.for_each_open(|_, _| ())
    }

    /// Discards the reservations that are not committed, and returns their number:
    /// drains get past them again.
    ///
    /// Call it when an earlier producer died with a reservation open. No
    /// [`Reservation`](crate::Reservation) of this producer can be open now,
    /// because each borrows it; forgotten ones are discarded too.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use ringbuf_sim::{Flags, SimUserRing};
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let mut producer = ring.producer()?;
    /// std::mem::forget(producer.reserve(5)?); // as if its process had died
    /// producer.reserve(2)?.submit();
    /// let drain = || ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()));
    /// assert_eq!(drain()?, 0);
    /// assert_eq!(producer.discard_open()?, 1);
    /// assert_eq!(drain()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`open_reservations`](Self::open_reservations). What lies before the
    /// bad header is discarded then.
    pub fn discard_open(&mut self) -> Result<u64, Corrupt> {
        // Relaxed: nobody reads the sample of a discarded record, so nothing has
        // to be visible before the header is.
        self.for_each_open(|at, header| {
            // SAFETY: the record is not committed, and P1 makes it this
            // producer's. `&mut self` shows that no reservation of it is left.
            unsafe { self.memory.store_header(at, header.discarded(), Relaxed) };
        })
    }

    /// Calls `found` for each header that is busy.
    ///
    /// The headers are loaded Relaxed: this producer wrote them, or an earlier one
    /// that had ended before this one began (P1). It is one step: meanwhile no other
    /// thread reserves, so nobody writes over a header that is drained.
    fn for_each_open(&self, found: impl FnMut(Offset, Header)) -> Result<u64, Corrupt> {
        if !self.memory.is_owned() {
            let position = self.memory.load_consumer_pos(Acquire);
            return Err(Corrupt { position, reason: CorruptReason::Forked });
        }
        self.produced.step(|produced| self.walk(*produced, found))
    }

    fn walk(
        &self,
        producer: Position,
        mut found: impl FnMut(Offset, Header),
    ) -> Result<u64, Corrupt> {
        let (capacity, width) = (self.memory.capacity(), self.memory.width());
        let mut position = self.memory.load_consumer_pos(Acquire);
        let mut left = producer.distance(position, width);
        if left > capacity.bytes() {
            return Err(Corrupt {
                position,
                reason: CorruptReason::ProducerOutOfRange { producer },
            });
        }
        let mut open = 0;
        while left > 0 {
            let at = position.offset(capacity);
            // SAFETY: produced and not yet drained, or drained a moment ago: this
            // producer writes over it, and nobody else.
            let header = unsafe { self.memory.load_header(at, Relaxed) };
            let footprint = header.footprint();
            if footprint > left {
                let reason = CorruptReason::RecordTooLong { footprint, available: left };
                return Err(Corrupt { position, reason });
            }
            if header.is_busy() {
                found(at, header);
                open += 1;
            }
            position = position.advance(footprint, width);
            left -= footprint;
        }
        Ok(open)
    }
}
