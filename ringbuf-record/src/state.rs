//! What a writer knows of one ring: the block that is being filled, and the totals.

use ringbuf_core::{Header, Position, SampleLen, Width};

use crate::codec::Packer;
use crate::end::RingTotals;
use crate::format::{self, BLOCK_HEADER, Put};
use crate::{Gap, PositionSample, WriteError};

/// A block is closed when it has so many bytes.
const FULL: usize = 64 << 10;
/// A block is closed at this size even if its time is not known.
const OVERFULL: usize = 16 << 20;
/// A block is closed when its records span so many nanoseconds: the bounds of their times are
/// those of the block.
const SPAN: u64 = 10_000_000;
/// Positions are written when so many nanoseconds have passed since the last that were, or when
/// there are so many. A crash costs no more, and the first are written at once.
const SAMPLES_SPAN: u64 = 900_000_000;
const SAMPLES: usize = 64;

/// A time that is not known.
pub(crate) const UNKNOWN: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct RingState {
    pub(crate) next: Position,
    width: Width,
    pub(crate) totals: RingTotals,
    /// What the blocks in the file have of it.
    pub(crate) written: RingTotals,
    /// When everything had been copied last. 0 if never.
    pub(crate) since: u64,
    /// The open block.
    entries: Vec<u8>,
    first: Position,
    records: u32,
    opened: u64,
    pub(crate) samples: Vec<PositionSample>,
    /// The time of the last one that was written.
    samples_written: Option<u64>,
}

impl RingState {
    pub(crate) fn new(number: u32, start: Position, width: Width) -> Self {
        let totals = RingTotals { ring: number, end: start, ..RingTotals::default() };
        Self {
            next: start,
            width,
            totals,
            written: totals,
            since: 0,
            entries: Vec::new(),
            first: start,
            records: 0,
            opened: 0,
            samples: Vec::new(),
            samples_written: None,
        }
    }

    /// Adds a record, or a discarded one of `len` bytes.
    pub(crate) fn add(
        &mut self,
        position: Position,
        header: Header,
        sample: &[u8],
    ) -> Result<(), WriteError> {
        if position != self.next {
            let (ring, expected) = (self.totals.ring, self.next);
            return Err(WriteError::Misplaced { ring, expected, found: position });
        }
        if self.entries.is_empty() {
            (self.first, self.opened, self.records) = (position, self.since, 0);
        }
        self.entries.u32(header.to_bits());
        self.entries.u32(0);
        self.entries.extend_from_slice(sample);
        self.entries.resize(self.entries.len().next_multiple_of(8), 0);
        self.records += 1;
        self.next = position.advance(header.footprint(), self.width);
        self.totals.end = self.next;
        if header.is_discarded() {
            self.totals.discarded += 1;
        } else {
            self.totals.records += 1;
            self.totals.sample_bytes += sample.len() as u64;
        }
        Ok(())
    }

    pub(crate) fn is_overfull(&self) -> bool {
        self.entries.len() >= OVERFULL
    }

    /// Whether the open block is to be closed, at this time.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        let old = now.saturating_sub(self.opened) >= SPAN;
        self.entries.len() >= FULL || (old && !self.entries.is_empty())
    }

    /// Whether enough positions are kept.
    pub(crate) fn has_samples(&self) -> bool {
        let written = self.samples_written;
        let old = self.samples.last().is_some_and(|last| {
            written.is_none_or(|written| last.time_ns.saturating_sub(written) >= SAMPLES_SPAN)
        });
        old || self.samples.len() >= SAMPLES
    }

    /// Appends the body of a data block, and begins another. Returns the first position, or
    /// `None` if there are no records.
    pub(crate) fn close(
        &mut self,
        until: u64,
        packer: &mut Packer,
        block: &mut Vec<u8>,
    ) -> Option<Position> {
        if self.entries.is_empty() {
            return None;
        }
        let (codec, stored) = packer.pack(&self.entries);
        block.resize(BLOCK_HEADER, 0);
        block.u32(self.totals.ring);
        block.u32(self.records);
        for value in [self.first.get(), self.next.get(), self.opened, until] {
            block.u64(value);
        }
        block.u32(codec.into());
        block.u32(self.entries.len() as u32);
        block.extend_from_slice(stored);
        format::seal(block, format::DATA);
        self.entries.clear();
        Some(self.first)
    }

    /// Appends a samples block, and forgets the positions. Returns false if there are none.
    pub(crate) fn close_samples(&mut self, block: &mut Vec<u8>) -> bool {
        let Some(last) = self.samples.last() else { return false };
        self.samples_written = Some(last.time_ns);
        block.resize(BLOCK_HEADER, 0);
        block.u32(self.totals.ring);
        block.u32(self.samples.len() as u32);
        for sample in self.samples.drain(..) {
            let PositionSample { time_ns, consumer, producer, pending_word } = sample;
            for value in [time_ns, consumer.get(), producer.get(), pending_word.get()] {
                block.u64(value);
            }
        }
        format::seal(block, format::SAMPLES);
        true
    }

    /// Moves behind a gap.
    pub(crate) fn pass(&mut self, gap: &Gap) {
        match gap.reason {
            crate::GapReason::Busy => self.totals.left += gap.bytes,
            _ => self.totals.missed += gap.bytes,
        }
        self.next = gap.to;
        self.totals.end = gap.to;
    }
}

/// The header of a record of so many bytes, if there can be one.
pub(crate) fn header(len: usize) -> Result<Header, WriteError> {
    let bytes = len as u64;
    let len = SampleLen::new(bytes).ok_or(WriteError::TooLong { bytes })?;
    Ok(Header::busy(len).submitted())
}
