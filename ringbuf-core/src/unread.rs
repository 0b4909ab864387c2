//! [`Unread`]: what is in the ring and not consumed yet.

use crate::walk::{self, Area};
use crate::{Consumer, ConsumerMemory, Corrupt, CorruptReason, Counts, Header, Position};

/// The records that are produced and not consumed: [`Consumer::unread`].
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// ring.producer().reserve(8)?.discard(Flags::ADAPTIVE);
/// let Unread { records, discarded, bytes, .. } = ring.consumer()?.unread()?;
/// assert_eq!((records, discarded, bytes), (1, 1, 16));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unread {
    /// The records, whatever their state.
    pub records: u64,
    /// How many of them are in flight: reserved by a program, and not committed.
    pub in_flight: u64,
    /// How many of them are discarded.
    pub discarded: u64,
    /// The bytes of ring space that all of them take.
    pub bytes: u64,
    /// The bytes of ring space that the records in flight take.
    pub in_flight_bytes: u64,
}

impl Unread {
    /// Returns the sum of two rings.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let other = SimRing::new(4096)?;
    /// for ring in [&ring, &other] {
    ///     ring.producer().output(b"unread", Flags::ADAPTIVE)?;
    /// }
    /// let both = ring.consumer()?.unread()?.plus(other.consumer()?.unread()?);
    /// assert_eq!((both.records, both.bytes), (2, 32));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            records: self.records.wrapping_add(other.records),
            in_flight: self.in_flight.wrapping_add(other.in_flight),
            discarded: self.discarded.wrapping_add(other.discarded),
            bytes: self.bytes.wrapping_add(other.bytes),
            in_flight_bytes: self.in_flight_bytes.wrapping_add(other.in_flight_bytes),
        }
    }

    fn add(&mut self, header: Header) {
        let footprint = header.footprint();
        self.records += 1;
        self.bytes += footprint;
        if header.is_busy() {
            self.in_flight += 1;
            self.in_flight_bytes += footprint;
        } else if header.is_discarded() {
            self.discarded += 1;
        }
    }
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Counts the records that are produced and not consumed, by their headers. A header
    /// says the length of its record from the reservation on, so records in flight are
    /// counted, too, and those behind them.
    ///
    /// Loads one header for each record, and consumes nothing. Programs may commit or
    /// produce meanwhile: the count is of the records that were there at the beginning,
    /// each in the state in which it was met.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// let program = ring.producer();
    /// let stopped = program.reserve(8)?;
    /// program.output(b"behind it", Flags::ADAPTIVE)?;
    /// let unread = ring.consumer()?.unread()?;
    /// assert_eq!((unread.records, unread.in_flight), (2, 1));
    /// # drop(stopped);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`]; each later call reports it again.
    pub fn unread(&self) -> Result<Unread, Corrupt> {
        self.unread_within(self.lag()?)
    }

    /// Counts the records in the next `bytes`, which are produced.
    pub(crate) fn unread_within(&self, bytes: u64) -> Result<Unread, Corrupt> {
        let mut unread = Unread::default();
        match self.headers(self.consumed, bytes, |header| unread.add(header)) {
            Ok(()) => Ok(unread),
            Err(corrupt) => Err(self.corrupted(corrupt)),
        }
    }

    /// Counts the next `bytes`, which are produced, as a reader that passes them. `None` if
    /// these are not whole records that are committed.
    pub(crate) fn committed_within(&self, bytes: u64) -> Option<Counts> {
        self.committed_from(self.consumed, bytes)
    }

    /// As [`committed_within`](Self::committed_within), but from `at` on, where a record
    /// begins that is not consumed.
    pub(crate) fn committed_from(&self, at: Position, bytes: u64) -> Option<Counts> {
        let mut unread = Unread::default();
        self.headers(at, bytes, |header| unread.add(header)).ok()?;
        let discarded = unread.discarded;
        let delivered = unread.records - discarded;
        (unread.in_flight == 0).then_some(Counts { delivered, discarded })
    }

    /// Passes each header in the `bytes` from `at` on, which are produced and not consumed.
    fn headers(
        &self,
        mut at: Position,
        bytes: u64,
        mut each: impl FnMut(Header),
    ) -> Result<(), Corrupt> {
        let mut available = bytes;
        while available > 0 {
            // SAFETY: `available` bytes are produced from `at` on, which begins a record,
            // and none of them is released: they are not consumed (T2, C1).
            let header = unsafe { walk::header(&self.memory, Area::of(&self.memory), at) };
            let footprint = header.footprint();
            if footprint > available {
                let position = at.wrap(self.memory.width());
                let reason = CorruptReason::RecordTooLong { footprint, available };
                return Err(Corrupt { position, reason });
            }
            each(header);
            (at, available) = (at.advance_unwrapped(footprint), available - footprint);
        }
        Ok(())
    }
}
