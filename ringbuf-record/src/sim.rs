//! [`SimReplay`]: a capture becomes a simulated ring.

use std::error::Error;
use std::fmt;

use ringbuf_core::{Header, Observed, Position, SampleLen, Width};
use ringbuf_sim::{Flags, KernelProducer, OutputError, Profile, Refused, SimError, SimRing};

use crate::{Gap, NewRing, Session};

/// Plays one ring of a capture into a simulated ring: the same records at the same positions,
/// in the same order. What the capture does not have (a gap) becomes discarded records of the
/// same space, so that the positions behind it agree.
///
/// It only produces. Read the [`ring`](Self::ring) with its consumer, your own reader, or an
/// observer; when it is full, [`put`](Self::put) says so.
///
/// ```
/// use ringbuf_core::{Capacity, Observed, Position, Width};
/// use ringbuf_record::{Block, NewRing, Reader, Session, SimReplay, Writer};
/// # let start = Position::new(4096, Width::Bits64);
/// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
/// # let ring = writer.add_ring(&NewRing::new(1, "", Capacity::new(1 << 20, 8)?, start))?;
/// # writer.put(ring, &Observed::Record { position: start, sample: b"hello" })?;
/// # let file = writer.finish()?;
///
/// let mut reader = Reader::new(&file[..])?;
/// let Some(Block::Session(session)) = reader.next()? else { panic!("it is the first") };
/// let Some(Block::Ring(header)) = reader.next()? else { panic!("it has one ring") };
/// let mut replay = SimReplay::new(&session, &header.ring)?;
/// let mut consumer = replay.ring().consumer()?;
/// while let Some(block) = reader.next()? {
///     if let Block::Data(data) = block {
///         for (_, entry) in data.entries() {
///             while !replay.put(&entry)? {
///                 consumer.drain(|_| ())?; // it was full
///             }
///         }
///     }
/// }
/// assert_eq!(&consumer.next_record()?.unwrap()[..], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SimReplay {
    ring: SimRing,
    producer: KernelProducer,
    width: Width,
    next: Position,
    /// Bytes of the present gap that are not put yet.
    gap: Option<u64>,
}

impl SimReplay {
    /// Creates an empty ring of the same size, byte order and width, whose positions begin where
    /// those of the capture begin.
    ///
    /// # Errors
    /// [`SimError`]: no ring can have this size here, or memory runs out.
    pub fn new(session: &Session, ring: &NewRing) -> Result<Self, SimError> {
        let byte_order = match session.byte_order {
            crate::ByteOrder::Little => ringbuf_sim::ByteOrder::Little,
            crate::ByteOrder::Big => ringbuf_sim::ByteOrder::Big,
        };
        let width = session.width;
        let profile = Profile::NEWEST.byte_order(byte_order).width(width);
        let profile = profile.page_size(session.page_size.into());
        let replayed = SimRing::started_at(ring.capacity.bytes(), profile, ring.start.get())?;
        let producer = replayed.producer();
        Ok(Self { ring: replayed, producer, width, next: ring.start, gap: None })
    }

    /// Returns the simulated ring. Clones share it.
    #[must_use]
    pub fn ring(&self) -> &SimRing {
        &self.ring
    }

    /// Returns where the next record begins.
    #[must_use]
    pub fn position(&self) -> Position {
        self.next
    }

    /// Produces a record of the capture. Returns false if the ring has no room for it: let the
    /// consumer give space back, and call it again. Steps that are no record are ignored.
    ///
    /// # Errors
    /// [`ReplayError::Misplaced`], or [`ReplayError::TooLong`] if no reader could make room.
    pub fn put(&mut self, entry: &Observed<'_>) -> Result<bool, ReplayError> {
        let (position, len) = match *entry {
            Observed::Record { position, sample } => (position, sample.len() as u64),
            Observed::Discarded { position, len } => (position, len.get().into()),
            _ => return Ok(true),
        };
        let too_long = ReplayError::TooLong { position, bytes: len };
        let Some(footprint) = SampleLen::new(len).map(SampleLen::footprint) else {
            return Err(too_long);
        };
        if footprint >= self.ring.capacity().bytes() {
            return Err(too_long);
        }
        if position != self.next || self.gap.is_some() {
            return Err(ReplayError::Misplaced { expected: self.next, found: position });
        }
        let done = match *entry {
            Observed::Record { sample, .. } => {
                self.producer.output(sample, Flags::ADAPTIVE).map_err(|error| match error {
                    OutputError::Refused(refused) => refused,
                    _ => Refused::TooLarge,
                })
            }
            _ => self.discard(len),
        };
        self.produced(done, footprint)
    }

    /// Passes a gap of the capture. Returns false if the ring has no room for the rest of it: let
    /// the consumer give space back, and call it again with the same gap.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn pass(&mut self, gap: &Gap) -> Result<bool, ReplayError> {
        let expected = match self.gap {
            None => gap.from,
            Some(left) => gap.from.advance(gap.bytes.saturating_sub(left), self.width),
        };
        if expected != self.next {
            return Err(ReplayError::Misplaced { expected: self.next, found: gap.from });
        }
        let mut left = self.gap.take().unwrap_or(gap.bytes);
        let most = self.ring.capacity().bytes() / 2;
        while left > 0 {
            self.gap = Some(left);
            let footprint = left.min(most);
            let done = self.discard(footprint - Header::SIZE);
            if !self.produced(done, footprint)? {
                return Ok(false);
            }
            left -= footprint;
        }
        self.gap = None;
        Ok(true)
    }

    fn discard(&self, len: u64) -> Result<(), Refused> {
        self.producer.reserve(len).map(|record| record.discard(Flags::ADAPTIVE))
    }

    fn produced(&mut self, done: Result<(), Refused>, footprint: u64) -> Result<bool, ReplayError> {
        match done {
            Ok(()) => {
                self.next = self.next.advance(footprint, self.width);
                Ok(true)
            }
            Err(Refused::Full | Refused::PendingInTheWay) => Ok(false),
            Err(Refused::TooLarge) => {
                Err(ReplayError::TooLong { position: self.next, bytes: footprint })
            }
            Err(_) => Err(ReplayError::Forked),
        }
    }
}

/// Why a block of a capture cannot be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// A record or a gap does not begin where the last one ended.
    Misplaced {
        /// Where the next record begins.
        expected: Position,
        /// Where this one begins.
        found: Position,
    },
    /// A record does not fit into the ring, however empty.
    TooLong {
        /// Its position.
        position: Position,
        /// The bytes of its sample.
        bytes: u64,
    },
    /// The ring belongs to another process: this one is a child of `fork`.
    Forked,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misplaced { expected, found } => write!(
                f,
                "the next record to replay begins at {expected}, and this one at {found}: replay \
                 all blocks of a ring, in order"
            ),
            Self::TooLong { position, bytes } => write!(
                f,
                "the record at {position} has {bytes} bytes, which its ring cannot hold: the \
                 capture is damaged"
            ),
            Self::Forked => {
                write!(f, "the simulated ring belongs to the parent process: replay there")
            }
        }
    }
}

impl Error for ReplayError {}
