//! From header to header: the one place that loads the producer position and
//! headers.

use core::cell::Cell;
use core::sync::atomic::Ordering::Acquire;

use crate::{
    Capacity, Consumer, ConsumerMemory, Corrupt, CorruptReason, Header, Position, SampleLen,
};

/// What stands at a position.
pub(crate) enum Head {
    Empty,
    Busy,
    Committed(Header),
}

/// What stands at `position`, `held` bytes into what is not yet published,
/// given that `available` bytes are known to be produced from there on. Loads
/// the producer position only if none are: one shared line less for each
/// record.
pub(crate) fn look<M: ConsumerMemory>(
    memory: &M,
    position: Position,
    held: u64,
    available: &mut u64,
) -> Result<Head, Corrupt> {
    if *available == 0 {
        *available = refresh(memory, position, held)?;
        if *available == 0 {
            return Ok(Head::Empty);
        }
    }
    // SAFETY: `available` is above 0 and a multiple of 8, since all positions
    // are aligned: a header is produced here. Nobody releases it but us (C1).
    let header = unsafe { header(memory, position, memory.capacity()) };
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
/// Pairs with the exchange in `bpf_ringbuf_commit` (kernel/bpf/ringbuf.c): the
/// sample was written before it. Without Acquire the sample may be read before
/// its bytes arrive. Models: `hand_over`, `two_producers`.
///
/// # Safety
/// At least a header is produced there, and not released.
#[inline]
pub(crate) unsafe fn header<M: ConsumerMemory>(
    memory: &M,
    position: Position,
    capacity: Capacity,
) -> Header {
    // SAFETY: as the caller vouches.
    unsafe { memory.load_header(position.offset(capacity), Acquire) }
}

/// Bytes produced from `position` on: loads the producer position, and
/// believes it only if it is aligned and at most one capacity ahead of what is
/// published: the `held` bytes before `position` cannot be produced again.
///
/// Pairs with the release store at the end of `__bpf_ringbuf_reserve`: the
/// header was written before it. Without Acquire the header may be one of the
/// last lap. Models: `hand_over`, `reuse`.
pub(crate) fn refresh<M: ConsumerMemory>(
    memory: &M,
    position: Position,
    held: u64,
) -> Result<u64, Corrupt> {
    let producer = memory.load_producer_pos(Acquire);
    let available = producer.distance(position, memory.width());
    let reason = if !producer.is_aligned() {
        CorruptReason::ProducerMisaligned { producer }
    } else if available > memory.capacity().bytes().saturating_sub(held) {
        CorruptReason::ProducerOutOfRange { producer }
    } else {
        return Ok(available);
    };
    Err(Corrupt { position: position.wrap(memory.width()), reason })
}

/// Tells the compiler that the path it stands on is the rare one.
#[cold]
#[inline]
fn unlikely() {}

/// Where a batch stands. Passed by value, so that a loop over records keeps it
/// in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    /// Not wrapped to the kernel's width.
    pub(crate) position: Position,
    /// Bytes from there on in which the fast path may walk. Records lie
    /// wholly within it, but for the last of a window that was cut at
    /// [`MAX_WINDOW`]: that one is for the careful step.
    pub(crate) window: u64,
}

impl Cursor {
    /// Past a record of this footprint, which lies in the window.
    #[inline]
    fn pass(self, footprint: u64) -> Self {
        let position = self.position.advance_unwrapped(footprint);
        Self { position, window: self.window - footprint }
    }
}

/// The widest window. No word with the busy or the discard bit is a footprint
/// within it, so that one comparison tells a plain record from all else.
const MAX_WINDOW: u64 = 1 << 30;

/// The last records that a careful step passed: enough to know a position to
/// publish that is short of the last two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    /// How many are known: two at most.
    known: u8,
    last: Position,
    before: Position,
    /// Where the last one ends.
    end: Position,
}

impl Passed {
    pub(crate) fn nothing(at: Position) -> Self {
        Self { known: 0, last: at, before: at, end: at }
    }

    fn and(self, at: Position, end: Position) -> Self {
        Self { known: if self.known == 0 { 1 } else { 2 }, last: at, before: self.last, end }
    }

    /// The beginning of a record, at least two records before `position`, where
    /// the walk stands now; no more than a window and two records before it.
    /// `None` if this consumer has not passed two.
    pub(crate) fn two_records_short_of(self, position: Position) -> Option<Position> {
        match self.known {
            // The fast path has passed at least one record since: two with the last.
            1 | 2 if self.end != position => Some(self.last),
            2 => Some(self.before),
            _ => None,
        }
    }
}

/// What only the careful step touches; it lives in the consumer, not in the
/// batch, to leave the registers to the loop.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The widest window of this batch: [`MAX_WINDOW`] at most.
    pub(crate) max_window: Cell<u64>,
    pub(crate) passed: Cell<Passed>,
    /// Bytes produced beyond the window.
    pub(crate) beyond: Cell<u64>,
    pub(crate) discarded: Cell<u64>,
    pub(crate) corrupt: Cell<Option<Corrupt>>,
    pub(crate) max_records: Cell<u64>,
    pub(crate) max_bytes: Cell<u64>,
}

impl Walk {
    pub(crate) fn new(passed: Passed) -> Self {
        Self {
            max_window: Cell::new(MAX_WINDOW),
            passed: Cell::new(passed),
            beyond: Cell::new(0),
            discarded: Cell::new(0),
            corrupt: Cell::new(None),
            max_records: Cell::new(u64::MAX),
            max_bytes: Cell::new(u64::MAX),
        }
    }

    /// A new batch, without bounds, that knows of `available` bytes and of what
    /// was `passed` before; `window` is its widest.
    #[inline]
    pub(crate) fn begin(&self, available: u64, passed: Passed, window: u64) {
        self.passed.set(passed);
        self.beyond.set(available);
        self.max_window.set(window.min(MAX_WINDOW));
        self.discarded.set(0);
        self.max_records.set(u64::MAX);
        self.max_bytes.set(u64::MAX);
    }
}

/// What a careful step found.
pub(crate) enum Step {
    Record(SampleLen),
    Busy,
    Empty,
    Limit,
    Corrupt(Corrupt),
}

impl<M: ConsumerMemory> Consumer<M> {
    /// The next plain record in the window, if one is next: committed, not
    /// discarded. Discarded ones before it are skipped; all else is for
    /// [`step`](Self::step). Returns where the walk stands then, and the
    /// record's position and length.
    ///
    /// The sum of the word and 15, rounded down, is the footprint only if both
    /// flags are clear; with a flag set it is beyond every window.
    #[inline]
    pub(crate) fn plain(
        &self,
        mut cursor: Cursor,
        capacity: Capacity,
    ) -> (Cursor, Option<(Position, SampleLen)>) {
        while cursor.window != 0 {
            // SAFETY: the window is the beginning of whole records, so a header
            // is produced wherever it is positive (T2).
            let header = unsafe { header(&self.memory, cursor.position, capacity) };
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

    /// Where the walk stands after the record at `cursor`, if that is in the
    /// window, plain, and of exactly this length.
    ///
    /// The place of the next header then depends on nothing that this one
    /// holds: the processor predicts the comparison and runs ahead, where
    /// [`plain`](Self::plain) waits for each length to arrive.
    #[inline]
    pub(crate) fn alike(
        &self,
        cursor: Cursor,
        capacity: Capacity,
        len: SampleLen,
    ) -> Option<Cursor> {
        if cursor.window < len.footprint() {
            return None;
        }
        // SAFETY: as in `plain`: a footprint is never 0, so neither is the window.
        let header = unsafe { header(&self.memory, cursor.position, capacity) };
        (header.to_bits() == len.get()).then(|| cursor.pass(len.footprint()))
    }

    /// The next record, by the whole algorithm: skips discarded ones, looks
    /// for more, reports what is wrong, obeys the bounds. Returns the cursor
    /// after the record, and where the record stands.
    #[cold]
    #[inline(never)]
    pub(crate) fn step(&self, cursor: Cursor, delivered: u64) -> (Cursor, Position, Step) {
        let Cursor { mut position, window } = cursor;
        let walk = &self.walk;
        let mut available = window + walk.beyond.get();
        let (max_records, max_bytes) = (walk.max_records.get(), walk.max_bytes.get());
        let bounded = max_records != u64::MAX || max_bytes != u64::MAX;
        let found = loop {
            if let Some(corrupt) = walk.corrupt.get() {
                break Step::Corrupt(corrupt);
            }
            let width = self.memory.width();
            if delivered >= max_records || position.distance(self.consumed, width) >= max_bytes {
                break Step::Limit;
            }
            let held = position.distance(self.published, width);
            let header = match look(&self.memory, position, held, &mut available) {
                Ok(Head::Committed(header)) => header,
                Ok(Head::Busy) => break Step::Busy,
                Ok(Head::Empty) => break Step::Empty,
                Err(corrupt) => {
                    walk.corrupt.set(Some(corrupt));
                    continue;
                }
            };
            let at = position;
            position = position.advance_unwrapped(header.footprint());
            available -= header.footprint();
            walk.passed.set(walk.passed.get().and(at, position));
            if header.is_discarded() {
                walk.discarded.set(walk.discarded.get() + 1);
                continue;
            }
            // A bounded batch comes back here for each record.
            let window = if bounded { 0 } else { available.min(walk.max_window.get()) };
            walk.beyond.set(available - window);
            return (Cursor { position, window }, at, Step::Record(header.len()));
        };
        walk.beyond.set(available);
        (Cursor { position, window: 0 }, position, found)
    }
}
