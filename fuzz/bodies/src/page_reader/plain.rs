//! What a visit has to do with the values that it loads, in plain code.

use std::sync::atomic::Ordering::SeqCst;

use ringbuf_core::{Corrupt, CorruptReason, Header, Offset, Position, RingMemory, Visited};

use super::HANDLES;
use super::memory::{Access, PageMemory};

/// A visit.
pub(super) struct Plain {
    position: Position,
    /// The stored position, as this visit saw it last.
    seen: Position,
    /// Bytes known to be produced.
    known: u64,
    /// The footprint of the record at hand.
    hand: Option<u64>,
    counts: (u64, u64),
}

/// What lasts longer than a visit.
pub(super) struct Turns {
    /// What each handle holds back: its position, and the stored one.
    held: [Option<(Position, Position)>; HANDLES],
    /// The end of what was passed, if it must not come again.
    passed: Option<Position>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { held: [None; HANDLES], passed: None }
    }

    pub(super) fn begin(&mut self, handle: usize, memory: &PageMemory) -> Plain {
        let seen = memory.next_stored();
        let position = match self.held[handle].take() {
            Some((position, stored)) if stored == seen => position,
            _ => seen,
        };
        Plain { position, seen, known: 0, hand: None, counts: (0, 0) }
    }

    /// A visit ended with everything published.
    pub(super) fn end(&mut self, memory: &PageMemory) {
        self.passed = self.passed.filter(|_| !memory.disturbed.get());
    }

    /// What the visit did not publish comes again.
    pub(super) fn abandon(&mut self) {
        self.passed = None;
    }

    /// A record at this position is at hand.
    pub(super) fn has_not_passed(&self, position: Position, memory: &PageMemory) {
        let Some(passed) = self.passed.filter(|_| !memory.disturbed.get()) else { return };
        let ahead = position.distance(passed, memory.width());
        // Discarded records may take it ahead by more than a ring. A step back is a wrap.
        assert!(ahead < 1 << 31, "passed up to {passed:?}, again {position:?}");
    }
}

/// Why a ring cannot be read, as in [`CorruptReason`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    ConsumerMisaligned,
    Forked,
    ProducerMisaligned(Position),
    OutOfRange(Position),
    Moved(Position, Position),
    TooLong(u64, u64),
}

impl Wrong {
    /// What the reader says at this position.
    pub(super) fn of(corrupt: Corrupt, here: Position) -> Self {
        assert_eq!(corrupt.position, here);
        match corrupt.reason {
            CorruptReason::ConsumerMisaligned => Self::ConsumerMisaligned,
            CorruptReason::Forked => Self::Forked,
            CorruptReason::ProducerMisaligned { producer, .. } => {
                Self::ProducerMisaligned(producer)
            }
            CorruptReason::ProducerOutOfRange { producer, .. } => Self::OutOfRange(producer),
            CorruptReason::ConsumerMoved { found, stored, .. } => Self::Moved(found, stored),
            CorruptReason::RecordTooLong { footprint, available, .. } => {
                Self::TooLong(footprint, available)
            }
            other => panic!("{other:?} of a ring"),
        }
    }
}

/// The record at a position.
enum Here {
    Empty,
    Busy,
    Committed(Header),
}

impl Plain {
    pub(super) fn position(&self) -> Position {
        self.position
    }

    pub(super) fn has_hand(&self) -> bool {
        self.hand.is_some()
    }

    /// Delivered and discarded.
    pub(super) fn counts(&self) -> (u64, u64) {
        self.counts
    }

    pub(super) fn find(&mut self, memory: &PageMemory) -> Result<Visited, Wrong> {
        if self.hand.take().is_some() {
            self.follow(memory);
        }
        loop {
            let header = match self.here(memory)? {
                Here::Empty => return Ok(Visited::Empty),
                Here::Busy => return Ok(Visited::Busy),
                Here::Committed(header) => header,
            };
            if header.is_discarded() {
                self.advance(header.footprint(), memory);
                self.counts.1 += 1;
                continue;
            }
            self.publish(memory);
            self.hand = Some(header.footprint());
            return Ok(Visited::Record { at: self.offset(memory), len: header.len() });
        }
    }

    pub(super) fn pass(&mut self, memory: &PageMemory, turns: &mut Turns) {
        let Some(hand) = self.hand.take() else { return };
        self.counts.0 += 1;
        if !self.follow(memory) {
            self.advance(hand, memory);
        }
        turns.passed = Some(self.position);
    }

    pub(super) fn publish(&mut self, memory: &PageMemory) {
        if self.seen == self.position {
            return;
        }
        match memory.next() {
            Access::Owned(false) => {}
            Access::Owned(true) => {
                assert_eq!(memory.next(), Access::Store(self.position));
                assert!(self.position.is_aligned(), "stored misaligned");
                self.seen = self.position;
            }
            other => panic!("{other:?} for a store"),
        }
    }

    /// Whether the caller may sleep.
    pub(super) fn arm(&mut self, memory: &PageMemory) -> bool {
        self.publish(memory);
        assert_eq!(memory.next(), Access::Fence(SeqCst));
        matches!(self.here(memory), Ok(Here::Empty | Here::Busy))
    }

    pub(super) fn hold_back(mut self, memory: &PageMemory, handle: usize, turns: &mut Turns) {
        let held = self.position.distance(self.seen, memory.width());
        if held > memory.capacity().bytes() / 8 {
            self.publish(memory);
        } else if held > 0 {
            turns.held[handle] = Some((self.position, self.seen));
            // Other handles see it unread.
            turns.passed = None;
        }
    }

    /// Whether another visit moved the stored position.
    fn follow(&mut self, memory: &PageMemory) -> bool {
        let Access::Stored(found) = memory.next() else { panic!("it did not look") };
        if found == self.seen {
            return false;
        }
        self.seen = memory.next_stored();
        self.position = self.seen;
        self.known = 0;
        true
    }

    fn here(&mut self, memory: &PageMemory) -> Result<Here, Wrong> {
        if !self.position.is_aligned() {
            return Err(Wrong::ConsumerMisaligned);
        }
        if memory.next() != Access::Owned(true) {
            return Err(Wrong::Forked);
        }
        if self.known == 0 {
            self.known = self.produced(memory)?;
            if self.known == 0 {
                return Ok(Here::Empty);
            }
        }
        let Access::Header(at, header) = memory.next() else { panic!("no look at the header") };
        assert_eq!(at, self.offset(memory));
        match header.is_busy() {
            true => Ok(Here::Busy),
            false if header.footprint() <= self.known => Ok(Here::Committed(header)),
            false => Err(Wrong::TooLong(header.footprint(), self.known)),
        }
    }

    /// The bytes produced from here on.
    fn produced(&self, memory: &PageMemory) -> Result<u64, Wrong> {
        let (producer, width) = (memory.next_produced(), memory.width());
        if !producer.is_aligned() {
            return Err(Wrong::ProducerMisaligned(producer));
        }
        let held = self.position.distance(self.seen, width);
        let produced = producer.distance(self.position, width);
        // The kernel never lets anybody fill the last eight bytes.
        if held.saturating_add(produced) <= memory.capacity().bytes() - 8 {
            return Ok(produced);
        }
        let Access::Stored(found) = memory.next() else { panic!("it did not look") };
        Err(match self.seen {
            seen if seen == found => Wrong::OutOfRange(producer),
            seen => Wrong::Moved(found, seen),
        })
    }

    fn offset(&self, memory: &PageMemory) -> Offset {
        self.position.offset(memory.capacity())
    }

    fn advance(&mut self, footprint: u64, memory: &PageMemory) {
        self.position = self.position.advance(footprint, memory.width());
        self.known = self.known.saturating_sub(footprint);
    }
}
