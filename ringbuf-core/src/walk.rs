//! The walk from header to header. Only this module loads the producer position and
//! headers.
//!
//! ```text
//!      published      consumed     position          the producer's position
//!          |              |            |                       |
//!  --------+--------------+------------+-----------+-----------+------> bytes
//!  back to |  held back   | held by    |  window   |  beyond   | not
//!  the     |              | the batch  |           |           | produced
//!  producers              |            |<- the fast|           |
//!          |              |            |  path walks here      |
//!          |              |            |<----- available ----->|
//! ```
//! *Published* is the position in shared memory. *Consumed* is private to the
//! consumer, and moves when a batch ends. A batch has a [`Cursor`]. Its *position*
//! is the next record. Its *window* is the number of known bytes that the fast path
//! may walk without a check. At the end of the window, the slow path
//! ([`Consumer::step`]) handles one record with the whole algorithm. Then it opens
//! the next window from the bytes *beyond*.

use core::cell::Cell;
use core::sync::atomic::Ordering::Acquire;

use crate::tail::Passed;
use crate::{
    Capacity, Consumer, ConsumerMemory, Corrupt, CorruptReason, Header, Position, SampleLen,
};

/// The state of the record at a position.
pub(crate) enum Head {
    Empty,
    Busy,
    Committed(Header),
}

/// Returns the state of the record at `position`. `held` is the number of
/// unpublished bytes before `position`. `available` bytes are known to be produced
/// from there on. Loads the producer position only if this is 0, which saves a load
/// of a shared line for most records.
pub(crate) fn look<M: ConsumerMemory>(
    memory: &M,
    position: Position,
    held: u64,
    available: &mut u64,
) -> Result<Head, Corrupt> {
    if !memory.is_owned() {
        let position = position.wrap(memory.width());
        return Err(Corrupt { position, reason: CorruptReason::Forked });
    }
    if *available == 0 {
        *available = refresh(memory, position, held)?;
        if *available == 0 {
            return Ok(Head::Empty);
        }
    }
    // SAFETY: `available` is above 0 and a multiple of 8, because all positions are
    // aligned. So a header is produced here. Only this consumer releases it (C1).
    let header = unsafe { header(memory, Area::of(memory), position) };
    if header.is_busy() {
        return Ok(Head::Busy);
    }
    if header.footprint() > *available {
        let position = position.wrap(memory.width());
        let (footprint, available) = (header.footprint(), *available);
        let reason = CorruptReason::RecordTooLong { footprint, available };
        return Err(Corrupt { position, reason });
    }
    Ok(Head::Committed(header))
}

/// Loads the header at `position`.
///
/// Pairs with the exchange in `bpf_ringbuf_commit` (kernel/bpf/ringbuf.c), which
/// comes after the sample is written. Without Acquire, the consumer may read the
/// sample before its bytes arrive. Models: `hand_over`, `two_producers`.
///
/// # Safety
/// `area` belongs to this memory. At least a header is produced at `position`, and
/// not released.
#[inline(always)]
pub(crate) unsafe fn header<M: ConsumerMemory>(
    memory: &M,
    Area { data, capacity }: Area<M>,
    position: Position,
) -> Header {
    // SAFETY: the caller guarantees it, and that the area belongs to this memory.
    unsafe { memory.load_header(data, position.offset(capacity), Acquire) }
}

/// The address and the size of the data: a copy for the registers of a loop.
pub(crate) struct Area<M: ConsumerMemory> {
    pub(crate) data: M::Data,
    pub(crate) capacity: Capacity,
}

impl<M: ConsumerMemory> Area<M> {
    #[inline]
    pub(crate) fn of(memory: &M) -> Self {
        Self { data: memory.data(), capacity: memory.capacity() }
    }
}

impl<M: ConsumerMemory> Clone for Area<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: ConsumerMemory> Copy for Area<M> {}

/// Returns the bytes produced from `position` on. Loads the producer position, and
/// accepts it only if two conditions hold. It must be aligned. It must not be
/// further ahead of the published position than the kernel allows: the capacity
/// less one header (`__bpf_ringbuf_reserve`). The `held` bytes before `position`
/// are not yet published.
///
/// Pairs with the release store at the end of `__bpf_ringbuf_reserve`, which comes
/// after the header is written. Without Acquire, the header may be one of the last
/// lap. Models: `hand_over`, `reuse`.
pub(crate) fn refresh<M: ConsumerMemory>(
    memory: &M,
    position: Position,
    held: u64,
) -> Result<u64, Corrupt> {
    let producer = memory.load_producer_pos(Acquire);
    let available = producer.distance(position, memory.width());
    let most = (memory.capacity().bytes() - Header::SIZE).saturating_sub(held);
    let reason = if !producer.is_aligned() {
        CorruptReason::ProducerMisaligned { producer }
    } else if available > most {
        // Producers get this far only if somebody else gave them space.
        let published = position.retreat(held, memory.width());
        match memory.stored_consumer_pos() {
            stored if stored == published => CorruptReason::ProducerOutOfRange { producer },
            found => CorruptReason::ConsumerMoved { found, stored: published },
        }
    } else {
        return Ok(available);
    };
    Err(Corrupt { position: position.wrap(memory.width()), reason })
}

/// Tells the compiler that this path is rare.
#[cold]
#[inline]
fn unlikely() {}

/// The state of a batch. It is passed by value, so that a loop over records keeps
/// it in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    /// Not wrapped to the kernel's width.
    pub(crate) position: Position,
    /// The bytes from there on that the fast path may walk. All records lie within
    /// the window. An exception is the last record of a window that was cut; the
    /// slow path handles it.
    pub(crate) window: u64,
}

impl Cursor {
    /// Moves past a record of this footprint, which lies in the window.
    #[inline]
    fn pass(self, footprint: u64) -> Self {
        let position = self.position.advance_unwrapped(footprint);
        Self { position, window: self.window - footprint }
    }
}

/// The widest window. After each window, a drain gives space back and guesses the
/// common length again.
///
/// A word with the busy or the discard bit, taken as a footprint, is larger than
/// this. So one comparison recognizes a plain record.
pub(crate) const MAX_WINDOW: u64 = 128 << 10;
const _: () = assert!(MAX_WINDOW <= 1 << 30);

/// The state of the slow path. It is in the consumer, not in the batch, so that the
/// loop can use the registers.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) passed: Cell<Passed>,
    /// Bytes produced beyond the window.
    pub(crate) beyond: Cell<u64>,
    pub(crate) discarded: Cell<u64>,
    pub(crate) corrupt: Cell<Option<Corrupt>>,
    pub(crate) max_records: Cell<u64>,
    pub(crate) max_bytes: Cell<u64>,
    /// The batch leaves fewer than this many bytes unpublished. 0 leaves that to
    /// the rule.
    pub(crate) portion: Cell<u64>,
}

impl Walk {
    pub(crate) fn new(start: Position) -> Self {
        Self {
            passed: Cell::new(Passed::nothing(start)),
            beyond: Cell::new(0),
            discarded: Cell::new(0),
            corrupt: Cell::new(None),
            max_records: Cell::new(u64::MAX),
            max_bytes: Cell::new(u64::MAX),
            portion: Cell::new(0),
        }
    }

    /// Begins a new batch without limits. `available` bytes are known to be
    /// produced.
    #[inline]
    pub(crate) fn begin(&self, available: u64, portion: u64) {
        self.beyond.set(available);
        self.discarded.set(0);
        self.max_records.set(u64::MAX);
        self.max_bytes.set(u64::MAX);
        self.portion.set(portion);
    }
}

/// The result of the slow path.
pub(crate) enum Step {
    Record(SampleLen),
    Busy,
    Empty,
    Limit,
    Corrupt(Corrupt),
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Returns the next record if it is plain and in the window. A plain record is
    /// committed and not discarded. Skips discarded records before it. Leaves
    /// everything else to [`step`](Self::step). Returns the new cursor, and the
    /// record's position and length.
    ///
    /// The word plus 15, rounded down to a multiple of 8, is the footprint if both
    /// flags are clear. With a flag set, it is larger than every window.
    #[inline(always)]
    pub(crate) fn plain(
        &self,
        mut cursor: Cursor,
        area: Area<M>,
    ) -> (Cursor, Option<(Position, SampleLen)>) {
        while cursor.window != 0 {
            // SAFETY: the window is the first part of a run of whole records. So a
            // header is produced at the cursor while the window is not 0 (T2).
            let header = unsafe { header(&self.memory, area, cursor.position) };
            let footprint = (u64::from(header.to_bits()) + 15) & !7;
            if footprint <= cursor.window {
                let record = (cursor.position, header.plain_len());
                return (cursor.pass(footprint), Some(record));
            }
            unlikely();
            if header.is_busy() || header.footprint() > cursor.window {
                break;
            }
            self.walk.discarded.set(self.walk.discarded.get() + 1);
            cursor = cursor.pass(header.footprint());
        }
        (cursor, None)
    }

    /// As [`plain`](Self::plain), but skips nothing. Returns the record's position and length,
    /// and the cursor after it.
    #[inline(always)]
    pub(crate) fn plain_here(
        &self,
        cursor: Cursor,
        area: Area<M>,
    ) -> Option<(Position, SampleLen, Cursor)> {
        if cursor.window == 0 {
            return None;
        }
        // SAFETY: as in `plain`.
        let header = unsafe { header(&self.memory, area, cursor.position) };
        let footprint = (u64::from(header.to_bits()) + 15) & !7;
        (footprint <= cursor.window)
            .then(|| (cursor.position, header.plain_len(), cursor.pass(footprint)))
    }

    /// Returns the cursor after the record at `cursor` if that record is in the
    /// window, plain, and has exactly this length.
    ///
    /// The address of the next header then does not depend on this header. The
    /// processor predicts the comparison and runs ahead. [`plain`](Self::plain) has
    /// to wait for each length to arrive.
    #[inline(always)]
    pub(crate) fn alike(&self, cursor: Cursor, area: Area<M>, len: SampleLen) -> Option<Cursor> {
        if cursor.window < len.footprint() {
            return None;
        }
        // SAFETY: as in `plain`: a footprint is never 0, so neither is the window.
        let header = unsafe { header(&self.memory, area, cursor.position) };
        (header.to_bits() == len.get()).then(|| cursor.pass(len.footprint()))
    }

    /// Returns the next record, with the whole algorithm: it skips discarded
    /// records, looks for more, reports errors and obeys the limits. Returns the
    /// cursor after the record, and the position of the record.
    #[cold]
    #[inline(never)]
    pub(crate) fn step(&self, cursor: Cursor, delivered: u64) -> (Cursor, Position, Step) {
        let Cursor { mut position, window } = cursor;
        let (walk, width) = (&self.walk, self.memory.width());
        let mut available = window + walk.beyond.get();
        let (max_records, max_bytes) = (walk.max_records.get(), walk.max_bytes.get());
        let found = loop {
            if let Some(corrupt) = walk.corrupt.get() {
                break Step::Corrupt(corrupt);
            }
            if delivered >= max_records || position.distance(self.consumed, width) >= max_bytes {
                break Step::Limit;
            }
            let held = position.distance(self.published, width);
            let header = match look(&self.memory, position, held, &mut available) {
                Ok(Head::Committed(header)) => header,
                Ok(Head::Busy) => break Step::Busy,
                Ok(Head::Empty) => break Step::Empty,
                Err(corrupt) => break Step::Corrupt(self.corrupted(corrupt)),
            };
            let at = position;
            position = position.advance_unwrapped(header.footprint());
            available -= header.footprint();
            walk.passed.set(walk.passed.get().and(at, position));
            if header.is_discarded() {
                walk.discarded.set(walk.discarded.get() + 1);
                continue;
            }
            let window = if max_records == u64::MAX {
                // The slow path handles the record that crosses the limit.
                let left = max_bytes.saturating_sub(position.distance(self.consumed, width));
                self.widest_window(available).min(left)
            } else {
                // The slow path handles each record of a batch with a limit of
                // records.
                0
            };
            walk.beyond.set(available - window);
            return (Cursor { position, window }, at, Step::Record(header.len()));
        };
        walk.beyond.set(available);
        (Cursor { position, window: 0 }, position, found)
    }

    /// Begins a batch that leaves fewer than `portion` bytes unpublished when it
    /// ends.
    #[inline]
    pub(crate) fn begin_batch(&self, portion: u64) {
        self.walk.passed.set(self.passed());
        self.walk.begin(self.available, portion);
    }

    /// Remembers the error, so that each later call reports it again. Does not
    /// remember [`CorruptReason::Forked`], because that can change.
    pub(crate) fn corrupted(&self, corrupt: Corrupt) -> Corrupt {
        if corrupt.reason != CorruptReason::Forked {
            self.walk.corrupt.set(Some(corrupt));
        }
        corrupt
    }
}
