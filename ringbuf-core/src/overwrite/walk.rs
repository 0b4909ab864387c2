//! The walk of a reader that producers may overtake at any time.
//!
//! ```text
//!      position             overwrite position        end, the producer's position
//!          |                       |                     |
//!  --------+-----------------------+---------------------+------> bytes
//!          | lost: producers write | kept: whole records | not produced
//! ```
//! The kernel (`__bpf_ringbuf_reserve`, 6.19 to 7.3) moves the overwrite position past the
//! records that it gives up, then writes the new header, then moves the producer position.
//! The sample follows after the unlock. So a record is whole if the overwrite position has
//! not passed it, looked at after its bytes were copied.

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use super::{OverwriteCounts, OverwriteMemory, Validator};
use crate::{Corrupt, CorruptReason, Header, Position, SampleLen};

/// A place in the ring, the end of what is known to be produced, and what was passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) position: Position,
    pub(super) end: Position,
    pub(super) counts: OverwriteCounts,
}

/// The record at the position of a walk.
pub(super) enum Found {
    /// Its sample is in the buffer, and the walk has passed it.
    Record(Position, SampleLen),
    /// The validator refused it, and the walk has passed it.
    Rejected(Position, u64),
    /// Producers have passed the position.
    Overtaken,
    /// The header makes no sense, on a machine where that may happen.
    Astray,
    Busy(SampleLen),
    Discarded(SampleLen),
    TooSmall(SampleLen),
    Empty,
}

impl Walk {
    pub(super) fn new(position: Position) -> Self {
        Self { position, end: position, counts: OverwriteCounts::default() }
    }

    /// Returns the next record, after those that are discarded.
    pub(super) fn next<M: OverwriteMemory, V: Validator>(
        &mut self,
        memory: &M,
        validator: &V,
        buffer: &mut [u8],
    ) -> Result<Found, Corrupt> {
        loop {
            match self.here(memory, validator, buffer)? {
                Found::Discarded(len) => self.pass_discarded(len.footprint(), memory),
                found => return Ok(found),
            }
        }
    }

    /// Copies the record at the position, and checks afterwards that it was there all the
    /// time. Passes it if it is delivered or rejected.
    pub(super) fn here<M: OverwriteMemory, V: Validator>(
        &mut self,
        memory: &M,
        validator: &V,
        buffer: &mut [u8],
    ) -> Result<Found, Corrupt> {
        if self.position == self.end {
            return Ok(Found::Empty);
        }
        let (position, header) = (self.position, load_header(memory, self.position));
        let (len, footprint) = (header.len(), header.footprint());
        let fits = footprint <= self.left(memory);
        let plain = fits && !header.is_busy() && !header.is_discarded();
        let sample = buffer.get_mut(..len.index()).filter(|_| plain);
        let sample = sample.map(|sample| copy(memory, position, sample));
        if is_overtaken(memory, position) {
            return Ok(Found::Overtaken);
        }
        if !fits {
            if !V::ORDERED {
                return Ok(Found::Astray);
            }
            let available = self.left(memory);
            let reason = CorruptReason::RecordTooLong { footprint, available };
            return Err(Corrupt { position, reason });
        }
        if header.is_busy() {
            return Ok(Found::Busy(len));
        }
        if header.is_discarded() {
            return Ok(Found::Discarded(len));
        }
        let Some(sample) = sample else { return Ok(Found::TooSmall(len)) };
        self.pass(footprint, memory);
        if !validator.is_whole(sample) {
            self.counts.rejected += 1;
            self.counts.lose(footprint);
            return Ok(Found::Rejected(position, footprint));
        }
        self.counts.delivered += 1;
        self.counts.delivered_bytes += footprint;
        Ok(Found::Record(position, len))
    }

    /// Looks at both positions of the producers again. Returns the bytes that were lost
    /// before the new position: more than 0 if producers have passed the old one.
    ///
    /// The end must be loaded again as well. Behind an old end the walk would run into
    /// records of earlier laps. The overwrite position has not passed them, because they
    /// are not produced.
    pub(super) fn look_again<M: OverwriteMemory>(&mut self, memory: &M) -> Result<u64, Corrupt> {
        let kept = Kept::load(memory, self.position)?;
        let width = memory.width();
        let before = self.position;
        self.end = kept.end;
        if kept.end.distance(before, width) > kept.end.distance(kept.oldest, width) {
            self.position = kept.oldest;
            self.counts.overtaken += 1;
        }
        let lost = self.position.distance(before, width);
        self.counts.lose(lost);
        Ok(lost)
    }

    /// The same after [`Found::Overtaken`]. The overwrite position only grows, so something
    /// was lost. If it has gone back, the ring is corrupt: otherwise the reader might stay
    /// where it is for ever.
    pub(super) fn overtaken<M: OverwriteMemory>(&mut self, memory: &M) -> Result<u64, Corrupt> {
        let (position, lost) = (self.position, self.look_again(memory)?);
        if lost == 0 {
            let (overwrite, producer) = (memory.load_overwrite_pos(Relaxed), self.end);
            let reason = CorruptReason::OverwriteOutOfRange { overwrite, producer };
            return Err(Corrupt { position, reason });
        }
        Ok(lost)
    }

    /// The same for a walk that ends where it was to end at first.
    pub(super) fn overtaken_within<M: OverwriteMemory>(
        &mut self,
        memory: &M,
    ) -> Result<u64, Corrupt> {
        let (width, end, before) = (memory.width(), self.end, self.position);
        let lost = self.overtaken(memory)?;
        let left = end.distance(before, width);
        if lost > left {
            self.position = end;
            self.counts.lose((lost - left).wrapping_neg());
        }
        self.end = end;
        Ok(lost.min(left))
    }

    /// Gives up all that is left. Returns its bytes.
    pub(super) fn give_up<M: OverwriteMemory>(&mut self, memory: &M) -> u64 {
        let lost = self.end.distance(self.position, memory.width());
        self.position = self.end;
        self.counts.lose(lost);
        lost
    }

    pub(super) fn pass_busy<M: OverwriteMemory>(&mut self, footprint: u64, memory: &M) {
        self.counts.busy += 1;
        self.counts.busy_bytes += footprint;
        self.pass(footprint, memory);
    }

    pub(super) fn pass_discarded<M: OverwriteMemory>(&mut self, footprint: u64, memory: &M) {
        self.counts.discarded += 1;
        self.counts.discarded_bytes += footprint;
        self.pass(footprint, memory);
    }

    pub(super) fn pass<M: OverwriteMemory>(&mut self, footprint: u64, memory: &M) {
        self.position = self.position.advance(footprint, memory.width());
    }

    /// The bytes up to the end. No copy is longer than the ring, whatever the end says.
    fn left<M: OverwriteMemory>(&self, memory: &M) -> u64 {
        self.end.distance(self.position, memory.width()).min(memory.capacity().bytes())
    }
}

/// What producers keep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) oldest: Position,
    pub(super) end: Position,
}

impl Kept {
    /// Loads both positions. `position` is that of the reader, for an error.
    ///
    /// A producer may move both between the two loads, so that they do not fit together.
    /// Then it tries once more. If a producer did the same again, all that is known to be
    /// produced is lost; the next look finds more.
    pub(super) fn load<M: OverwriteMemory>(
        memory: &M,
        position: Position,
    ) -> Result<Self, Corrupt> {
        let wrong = |reason| Corrupt { position, reason };
        let first = Self::once(memory).map_err(wrong)?;
        if first.fits(memory) {
            return Ok(first);
        }
        let second = Self::once(memory).map_err(wrong)?;
        if second.fits(memory) {
            return Ok(second);
        }
        if first == second {
            // Nothing has moved: no producer leaves them like this.
            let Self { oldest: overwrite, end: producer } = first;
            return Err(wrong(CorruptReason::OverwriteOutOfRange { overwrite, producer }));
        }
        Ok(Self { oldest: second.end, end: second.end })
    }

    /// The acquire load pairs with the release store at the end of `__bpf_ringbuf_reserve`,
    /// which comes after the header and after the overwrite position. So each header up to
    /// the end is there, and the overwrite position is at least the one that this end needs.
    fn once<M: OverwriteMemory>(memory: &M) -> Result<Self, CorruptReason> {
        let producer = memory.load_producer_pos(Acquire);
        if !producer.is_aligned() {
            return Err(CorruptReason::ProducerMisaligned { producer });
        }
        let overwrite = memory.load_overwrite_pos(Relaxed);
        if !overwrite.is_aligned() {
            return Err(CorruptReason::OverwriteOutOfRange { overwrite, producer });
        }
        Ok(Self { oldest: overwrite, end: producer })
    }

    /// Whether a ring can hold what lies between them.
    fn fits<M: OverwriteMemory>(self, memory: &M) -> bool {
        let kept = self.end.distance(self.oldest, memory.width());
        kept <= memory.capacity().bytes() - Header::SIZE
    }
}

/// Loads the header at `position`.
///
/// Pairs with the exchange in `bpf_ringbuf_commit`, which comes after the sample is written.
/// It also orders the load of the overwrite position that follows.
fn load_header<M: OverwriteMemory>(memory: &M, position: Position) -> Header {
    // SAFETY: the offset is made with the capacity of this memory.
    unsafe { memory.load_header(position.offset(memory.capacity()), Acquire) }
}

/// Returns true if producers have given up the record at `position`, or may have: they keep
/// less than one capacity from the overwrite position on. All loads before this one that are
/// ordered, by an acquire load or an acquire fence, saw the record whole if it is false.
fn is_overtaken<M: OverwriteMemory>(memory: &M, position: Position) -> bool {
    let oldest = memory.load_overwrite_pos(Relaxed);
    position.distance(oldest, memory.width()) >= memory.capacity().bytes()
}

/// Copies the sample of the record at `position`.
fn copy<'b, M: OverwriteMemory>(
    memory: &M,
    position: Position,
    sample: &'b mut [u8],
) -> &'b mut [u8] {
    // SAFETY: the offset is made with the capacity of this memory. The caller has checked
    // that the record is not longer than the capacity (`Walk::left`).
    unsafe { memory.copy_sample(position.offset(memory.capacity()), sample) };
    // The copy comes before the look at the overwrite position: see `is_overtaken`.
    memory.fence(Acquire);
    sample
}
