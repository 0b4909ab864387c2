//! [`Tap`]: follows a ring while others read it.

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::{InspectMemory, Inspector, Observed};
use crate::{Corrupt, CorruptReason, Header, Position, ReadError, Width};

/// A place in a ring that moves with its producers. It copies each record once, whether
/// the consumer has read it or not, and stores nothing.
///
/// Consumed bytes stay in the ring until producers come round. So a copy is whole if the
/// producer position, loaded again *after* the copy, is at most the capacity less one
/// header ahead of the record: the next header is written there before the position moves.
///
/// If producers come round first, the bytes between are missed, and counted. Nothing is
/// missed while the ring does not fill within the time between two looks.
///
/// # Machines other than x86
/// There, new bytes of the latest reservation may become visible before the producer
/// position does: the kernel orders the two stores for its own sides only. So keep a
/// [`margin`](Self::margin) of the longest record. Earlier reservations are ordered by the
/// kernel's lock (`litmus/aarch64/inspect-tap*.litmus`).
///
/// It is a value without a memory, so you can let go of the ring between two looks.
///
/// ```
/// use ringbuf_core::{Observed, Tap};
/// use ringbuf_sim::{Flags, SimRing};
///
/// let (ring, mut buffer) = (SimRing::new(4096)?, [0; 64]);
/// let inspector = ring.inspector();
/// let mut tap = Tap::at_producer(&inspector);
/// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// ring.consumer()?.drain(|_| ())?; // its reader is first
///
/// let Observed::Record { sample, .. } = tap.next(&inspector, &mut buffer)? else { panic!() };
/// assert_eq!(sample, b"hello");
/// assert_eq!(tap.next(&inspector, &mut buffer)?, Observed::End);
/// assert_eq!(tap.missed(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    position: Position,
    missed: u64,
    margin: u64,
}

impl Tap {
    /// Starts at the producer position: what comes from now on.
    pub fn at_producer<M: InspectMemory>(inspector: &Inspector<M>) -> Self {
        Self::at(inspector.look().producer)
    }

    /// Starts at the consumer position: what is not given back yet, and what comes.
    ///
    /// ```
    /// use ringbuf_core::{Observed, Tap};
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// let inspector = ring.inspector();
    /// let mut tap = Tap::at_consumer(&inspector);
    /// assert!(matches!(tap.next(&inspector, &mut [0; 64])?, Observed::Record { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at_consumer<M: InspectMemory>(inspector: &Inspector<M>) -> Self {
        Self::at(inspector.look().consumer)
    }

    /// Starts at a place where a record begins or will begin: where another tap, or a
    /// recording, has stopped.
    ///
    /// ```
    /// use ringbuf_core::Tap;
    /// # let ring = ringbuf_sim::SimRing::new(4096)?;
    /// # let first = Tap::at_producer(&ring.inspector());
    /// let again = Tap::at(first.position());
    /// assert_eq!(again.position(), first.position());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn at(position: Position) -> Self {
        Self { position, missed: 0, margin: 0 }
    }

    /// Keeps clear of the last `bytes` bytes before producers come round. Records there are
    /// missed. 0 is right on x86; elsewhere take the longest record of the ring's programs,
    /// with its header.
    ///
    /// ```
    /// use ringbuf_core::Tap;
    /// # let ring = ringbuf_sim::SimRing::new(4096)?;
    /// let longest = if cfg!(target_arch = "x86_64") { 0 } else { 512 };
    /// let tap = Tap::at_producer(&ring.inspector()).margin(longest);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn margin(self, bytes: u64) -> Self {
        Self { margin: bytes, ..self }
    }

    /// Returns the position of the next record.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns the bytes of ring space that it has missed so far, with headers. Busy and
    /// discarded records among them count.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Copies the next record into `buffer`. It stops at a [`Busy`](Observed::Busy) record:
    /// call it again later.
    ///
    /// The producers and the consumer may go on. Each call makes at most five loads and one
    /// copy. If producers have come round, it returns [`Missed`](Observed::Missed) and
    /// continues at the consumer position, or at the producer position if that is too late.
    /// On a 32-bit kernel, the count is right for up to 2 GiB between two calls.
    ///
    /// # Errors
    /// [`ReadError::TooSmall`] if the sample does not fit: call it again with a larger
    /// buffer. [`ReadError::Corrupt`] if the producer position has moved back or is not
    /// aligned, or if the record is longer than what is produced.
    ///
    /// # Ordering
    /// A producer moves the producer position before it writes its sample. So whoever sees
    /// a new byte, and then loads the producer position, sees that one, within the
    /// [`margin`](Self::margin). The acquire of the header, and the fence after the copy, keep
    /// the two loads in this order. Models: `inspect_tap`, `inspect_tap_header`.
    pub fn next<'b, M: InspectMemory>(
        &mut self,
        inspector: &Inspector<M>,
        buffer: &'b mut [u8],
    ) -> Result<Observed<'b>, ReadError> {
        let memory = &inspector.memory;
        let (capacity, width, position) = (memory.capacity(), memory.width(), self.position);
        let producer = memory.load_producer_pos(Acquire);
        let produced = producer.distance(position, width);
        if !producer.is_aligned() || !position.is_aligned() {
            return Err(corrupt(position, CorruptReason::ProducerMisaligned { producer }));
        }
        if produced > half(width) {
            return Err(corrupt(position, CorruptReason::ProducerOutOfRange { producer }));
        }
        if produced == 0 {
            return Ok(Observed::End);
        }
        if produced > self.intact(inspector) {
            return Ok(self.resume(inspector));
        }
        let at = position.offset(capacity);
        let Some(header) = memory.load_header(at, Acquire) else { return Ok(Observed::End) };
        if self.is_lapped(inspector) {
            return Ok(self.resume(inspector));
        }
        let (len, footprint) = (header.len(), header.footprint());
        if header.is_busy() {
            return Ok(Observed::Busy { position, len });
        }
        if footprint > produced {
            let reason = CorruptReason::RecordTooLong { footprint, available: produced };
            return Err(corrupt(position, reason));
        }
        let behind = position.advance(footprint, width);
        if header.is_discarded() {
            self.position = behind;
            return Ok(Observed::Discarded { position, len });
        }
        let has = buffer.len();
        let Some(sample) = buffer.get_mut(..len.index()) else {
            return Err(ReadError::TooSmall { needs: len.index(), has });
        };
        if !memory.copy_sample(at, sample) {
            return Ok(Observed::End);
        }
        memory.fence(Acquire);
        if self.is_lapped(inspector) {
            return Ok(self.resume(inspector));
        }
        self.position = behind;
        Ok(Observed::Record { position, sample })
    }

    /// Returns true if producers may have written over the header at the position.
    fn is_lapped<M: InspectMemory>(&self, inspector: &Inspector<M>) -> bool {
        let producer = inspector.memory.load_producer_pos(Relaxed);
        producer.distance(self.position, inspector.memory.width()) > self.intact(inspector)
    }

    /// Bytes before the producer position that nobody is writing over. The header of the next
    /// record is written before the position moves.
    fn intact<M: InspectMemory>(&self, inspector: &Inspector<M>) -> u64 {
        (inspector.memory.capacity().bytes() - Header::SIZE).saturating_sub(self.margin)
    }

    /// Continues where a record begins that is not written over.
    fn resume<M: InspectMemory>(&mut self, inspector: &Inspector<M>) -> Observed<'static> {
        let look = inspector.look();
        let resume = match look.fill() {
            Ok(fill) if fill <= self.intact(inspector) => look.consumer,
            _ => look.producer,
        };
        let bytes = resume.distance(self.position, look.width);
        self.missed = self.missed.saturating_add(bytes);
        self.position = resume;
        Observed::Missed { bytes }
    }
}

/// Half of all distances: anything larger is a position that has moved back.
const fn half(width: Width) -> u64 {
    match width {
        Width::Bits32 => 1 << 31,
        Width::Bits64 => 1 << 63,
    }
}

fn corrupt(position: Position, reason: CorruptReason) -> ReadError {
    ReadError::Corrupt(Corrupt { position, reason })
}
