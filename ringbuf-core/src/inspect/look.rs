//! [`Look`] and [`Head`]: where a ring stands at one moment.

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::{InspectMemory, Inspector};
use crate::{Capacity, Corrupt, CorruptReason, Header, Position, SampleLen, Width};

/// How often a look is made again, if its loads do not belong together.
const TRIES: u32 = 16;

/// The positions of a ring at one moment.
///
/// ```
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// let look = ring.inspector().look();
/// assert_eq!((look.consumer.get(), look.producer.get()), (0, 16));
/// assert_eq!(look.fill()?, 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Look {
    /// The stored consumer position. A reader that gives space back late has consumed more.
    pub consumer: Position,
    /// The producer position.
    pub producer: Position,
    /// The second word of the producer page, as it is. See [`pending`](Self::pending).
    pub pending_word: Position,
    /// The size of the data area.
    pub capacity: Capacity,
    /// The width of the positions.
    pub width: Width,
}

impl Look {
    /// Makes a look of positions that were loaded in another way than by an
    /// [`Inspector`]: the consumer position first, and the producer position not before it.
    ///
    /// ```
    /// use ringbuf_core::{Capacity, Look, Position, Width};
    ///
    /// let at = |bytes| Position::new(bytes, Width::Bits64);
    /// let capacity = Capacity::new(4096, 4096)?;
    /// let look = Look::new(at(16), at(40), at(0), capacity, Width::Bits64);
    /// assert_eq!(look.fill()?, 24);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn new(
        consumer: Position,
        producer: Position,
        pending_word: Position,
        capacity: Capacity,
        width: Width,
    ) -> Self {
        Self { consumer, producer, pending_word, capacity, width }
    }

    /// Returns what `header` says of the record at the consumer position. It was loaded there
    /// after the producer position, and the consumer position had not moved after that. `None`
    /// if it had: then the head is [`Moving`](Head::Moving).
    ///
    /// [`Inspector::head`] makes the loads and this decision.
    ///
    /// ```
    /// use ringbuf_core::{Capacity, Head, Header, Look, Position, SampleLen, Width};
    ///
    /// let at = |bytes| Position::new(bytes, Width::Bits64);
    /// let capacity = Capacity::new(4096, 4096)?;
    /// let look = Look::new(at(16), at(40), at(0), capacity, Width::Bits64);
    /// let header = Header::busy(SampleLen::new(16).unwrap());
    /// assert!(matches!(look.head(Some(header))?, Head::Busy(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Inspector::head`].
    pub fn head(&self, header: Option<Header>) -> Result<Head, Corrupt> {
        match (self.fill()?, header) {
            (0, _) => Ok(Head::Empty),
            (_, None) => Ok(Head::Moving),
            (fill, Some(header)) => head(header, self.consumer, fill),
        }
    }

    /// Returns the bytes between the two positions: produced, and not given back by the
    /// consumer. Busy and discarded records count, with their headers.
    ///
    /// Do not ask a ring in overwrite mode: its consumer may be any number of bytes behind.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let inspector = ring.inspector();
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert_eq!(inspector.look().fill()?, 16); // header and rounding included
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`] if no owner leaves such positions. A later look may be good again.
    pub fn fill(&self) -> Result<u64, Corrupt> {
        let (position, producer) = (self.consumer, self.producer);
        let fill = producer.distance(position, self.width);
        let reason = if !position.is_aligned() {
            CorruptReason::ConsumerMisaligned
        } else if !producer.is_aligned() {
            CorruptReason::ProducerMisaligned { producer }
        } else if fill > self.capacity.bytes() {
            CorruptReason::ProducerOutOfRange { producer }
        } else {
            return Ok(fill);
        };
        Err(Corrupt { position, reason })
    }

    /// Returns the pending position: no record before it is busy. The kernel moves it only
    /// when a program reserves a record, so it may be behind (`__bpf_ringbuf_reserve`,
    /// kernel/bpf/ringbuf.c, 6.10).
    ///
    /// Returns `None` if it is not known: the word is 0 on earlier kernels and before the
    /// first records, and it is no position of a user ring.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let inspector = ring.inspector();
    /// assert_eq!(inspector.look().pending(), None); // before the first record
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pending(&self) -> Option<Position> {
        let pending = self.pending_word;
        let behind = self.producer.distance(pending, self.width);
        let known = pending.get() != 0 && pending.is_aligned() && behind <= self.capacity.bytes();
        known.then_some(pending)
    }
}

/// The record at the consumer position.
///
/// ```
/// use ringbuf_core::Head;
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// let inspector = ring.inspector();
/// assert_eq!(inspector.head()?, Head::Empty);
///
/// let program = ring.producer();
/// let held = program.reserve(64)?; // a program that stands still
/// program.output(b"hello", Flags::ADAPTIVE)?;
/// let Head::Busy(record) = inspector.head()? else { panic!("it is reserved") };
/// assert_eq!((record.position.get(), record.len.get(), record.behind), (0, 64, 16));
/// # drop(held);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Head {
    /// No record: the consumer has given back everything produced.
    Empty,
    /// Reserved and not committed. Nothing behind it can be read meanwhile.
    Busy(HeadRecord),
    /// Submitted, and not given back by the consumer.
    Committed(HeadRecord),
    /// Discarded, and not given back by the consumer.
    Discarded(HeadRecord),
    /// The consumer moved during each of 16 looks, or beyond the part of the data that the
    /// memory shows. So it is not stuck.
    Moving,
}

/// What the header at the consumer position says.
///
/// ```
/// # use ringbuf_core::Head;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// if let Head::Committed(record) = ring.inspector().head()? {
///     println!("{} bytes, and {} bytes behind it", record.len.get(), record.behind);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadRecord {
    /// The position of the record, which is the consumer position.
    pub position: Position,
    /// The length of its sample, in bytes.
    pub len: SampleLen,
    /// Bytes of ring space behind it, with headers.
    pub behind: u64,
}

impl<M: InspectMemory> Inspector<M> {
    /// Returns the positions now. The consumer position is loaded before and after the
    /// producer position. If it has moved between, they may not belong together. Then it
    /// looks again, up to 16 times; the last look is returned as it is.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let inspector = ring.inspector();
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert_eq!(inspector.look().fill()?, 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Ordering
    /// The consumer position comes first, with Acquire, so the producer position is not
    /// older. Without it, an empty ring may look as if its consumer had overtaken its
    /// producers. Model: `inspect_look`.
    #[must_use]
    pub fn look(&self) -> Look {
        let (mut look, mut steady) = self.look_once();
        for _ in 1..TRIES {
            if steady {
                break;
            }
            (look, steady) = self.look_once();
        }
        look
    }

    /// Returns the positions, and whether they belong together.
    fn look_once(&self) -> (Look, bool) {
        let consumer = self.memory.load_consumer_pos(Acquire);
        let look = Look {
            consumer,
            producer: self.memory.load_producer_pos(Acquire),
            pending_word: self.memory.load_pending_pos(Relaxed),
            capacity: self.memory.capacity(),
            width: self.memory.width(),
        };
        (look, self.memory.load_consumer_pos(Relaxed) == consumer)
    }

    /// Returns the state of the record at the consumer position.
    ///
    /// A busy head is normal for some microseconds. If two looks with time between them
    /// find it busy at the same position, it was busy all the time: it is stuck.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let inspector = ring.inspector();
    /// let program = ring.producer();
    /// let open = program.reserve(8)?;
    /// assert!(matches!(inspector.head()?, Head::Busy(_)));
    /// open.discard(Flags::ADAPTIVE);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`] as for [`Look::fill`], and if the record is longer than what is produced.
    pub fn head(&self) -> Result<Head, Corrupt> {
        for _ in 0..TRIES {
            let look = self.look();
            if look.fill()? == 0 {
                return Ok(Head::Empty);
            }
            let position = look.consumer;
            let at = position.offset(look.capacity);
            let header = self.memory.load_header(at, Acquire);
            // If the consumer has moved on, producers may have written over the header.
            if self.memory.load_consumer_pos(Relaxed) != position {
                continue;
            }
            return look.head(header);
        }
        Ok(Head::Moving)
    }
}

fn head(header: Header, position: Position, fill: u64) -> Result<Head, Corrupt> {
    let footprint = header.footprint();
    let Some(behind) = fill.checked_sub(footprint) else {
        let reason = CorruptReason::RecordTooLong { footprint, available: fill };
        return Err(Corrupt { position, reason });
    };
    let record = HeadRecord { position, len: header.len(), behind };
    Ok(if header.is_busy() {
        Head::Busy(record)
    } else if header.is_discarded() {
        Head::Discarded(record)
    } else {
        Head::Committed(record)
    })
}
