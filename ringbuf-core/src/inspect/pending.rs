//! [`Pending`]: copies of the records that the consumer has not given back.

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::{InspectMemory, Inspector, Observed};
use crate::{Corrupt, CorruptReason, Position, ReadError};

/// A walk over the records between the two positions, as they were when it began.
///
/// Producers write over a record only after the consumer position has passed it. So a
/// copy is whole if the consumer position has not passed it when it is loaded again
/// *after* the copy. A header is checked in the same way, because the length of a header
/// that is written over would lead to a place where no record begins.
///
/// ```
/// use ringbuf_core::Observed;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// let inspector = ring.inspector();
/// let mut pending = inspector.pending()?;
/// let mut buffer = vec![0; 4096];
/// loop {
///     match pending.next(&mut buffer)? {
///         Observed::Record { sample, .. } => println!("{} bytes", sample.len()),
///         Observed::Missed { bytes } => println!("the reader took {bytes} bytes first"),
///         Observed::End => break,
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pending<'i, M> {
    inspector: &'i Inspector<M>,
    /// The next record.
    position: Position,
    /// The consumer position as last loaded. It is not after `position`.
    consumer: Position,
    /// The producer position at the beginning.
    end: Position,
}

impl<M: InspectMemory> Inspector<M> {
    /// Begins a walk over the records that the consumer has not given back. A reader that
    /// gives space back late may have read them already. Records that are produced from
    /// now on are not included.
    ///
    /// # Errors
    /// [`Corrupt`] as for [`Look::fill`](crate::Look::fill).
    pub fn pending(&self) -> Result<Pending<'_, M>, Corrupt> {
        let look = self.look();
        look.fill()?;
        let position = look.consumer;
        Ok(Pending { inspector: self, position, consumer: position, end: look.producer })
    }
}

impl<M: InspectMemory> Pending<'_, M> {
    /// Copies the next record into `buffer`. The walk continues behind a
    /// [`Busy`](Observed::Busy) record. It ends where the memory shows no more.
    ///
    /// The consumer and the producers may go on. If the consumer passes the record
    /// meanwhile, this returns [`Missed`](Observed::Missed), and the walk continues at the
    /// consumer. Each step makes three loads and one copy. Each passes at least 8 bytes, or
    /// ends.
    ///
    /// # Errors
    /// [`ReadError::TooSmall`] if the sample does not fit: call it again with a larger
    /// buffer. [`ReadError::Corrupt`] if a record is longer than what is produced; each
    /// later call reports it again, unless the consumer passes the record.
    ///
    /// # Ordering
    /// A producer that writes over a record has seen the consumer position behind it. So
    /// whoever sees a new byte, and then loads the consumer position, sees that one. The
    /// acquire of the header, and the fence after the copy, keep the two loads in this
    /// order. Models: `inspect_pending`, `inspect_header`.
    pub fn next<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Observed<'b>, ReadError> {
        let memory = &self.inspector.memory;
        let (capacity, width) = (memory.capacity(), memory.width());
        let (position, left) = (self.position, self.end.distance(self.position, width));
        if left == 0 {
            return Ok(Observed::End);
        }
        let at = position.offset(capacity);
        let Some(header) = memory.load_header(at, Acquire) else { return Ok(Observed::End) };
        if let Some(bytes) = self.passed() {
            return Ok(Observed::Missed { bytes });
        }
        let (len, footprint) = (header.len(), header.footprint());
        if footprint > left {
            let reason = CorruptReason::RecordTooLong { footprint, available: left };
            return Err(ReadError::Corrupt(Corrupt { position, reason }));
        }
        let behind = position.advance(footprint, width);
        if header.is_busy() {
            self.position = behind;
            return Ok(Observed::Busy { position, len });
        }
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
        if let Some(bytes) = self.passed() {
            return Ok(Observed::Missed { bytes });
        }
        self.position = behind;
        Ok(Observed::Record { position, sample })
    }

    /// Returns the position of the next record.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// If the consumer has passed the next record, moves to where the consumer is now, and
    /// returns how many bytes that was.
    ///
    /// It has not passed while it is between its last place and the record. A distance can
    /// be compared there, and nowhere else: positions wrap.
    fn passed(&mut self) -> Option<u64> {
        let memory = &self.inspector.memory;
        let width = memory.width();
        let consumer = memory.load_consumer_pos(Relaxed);
        let (now, before) =
            (self.position.distance(consumer, width), self.position.distance(self.consumer, width));
        if now <= before {
            self.consumer = consumer;
            return None;
        }
        // Beyond the end there is nothing of this walk. A consumer that moved back is not
        // followed, so that the walk ends.
        let left = self.end.distance(self.position, width);
        let inside = consumer.is_aligned() && self.end.distance(consumer, width) < left;
        let resume = if inside { consumer } else { self.end };
        let bytes = resume.distance(self.position, width);
        (self.position, self.consumer) = (resume, resume);
        Some(bytes)
    }
}
