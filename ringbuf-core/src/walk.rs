//! From header to header: the one place that loads the producer position and
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
//! *Published* is the shared word. *Consumed* is private to the consumer, and
//! moves when a batch ends. A batch has a [`Cursor`]: its *position*, and the
//! *window* of known bytes that the fast path may walk without asking anything.
//! Where the window ends, the slow path ([`Consumer::step`]) takes one record by
//! the whole algorithm and opens the next window out of what lies *beyond*.

use core::cell::Cell;
use core::sync::atomic::Ordering::Acquire;

use crate::tail::Passed;
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
    // SAFETY: `available` is above 0 and a multiple of 8, since all positions
    // are aligned: a header is produced here. Nobody releases it but us (C1).
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
/// Pairs with the exchange in `bpf_ringbuf_commit` (kernel/bpf/ringbuf.c): the
/// sample was written before it. Without Acquire the sample may be read before
/// its bytes arrive. Models: `hand_over`, `two_producers`.
///
/// # Safety
/// `area` is that of the memory. At least a header is produced at `position`, and
/// not released.
#[inline(always)]
pub(crate) unsafe fn header<M: ConsumerMemory>(
    memory: &M,
    Area { data, capacity }: Area<M>,
    position: Position,
) -> Header {
    // SAFETY: as the caller vouches; the area is that of the memory.
    unsafe { memory.load_header(data, position.offset(capacity), Acquire) }
}

/// Where the data of a memory is, and how large: a copy for a loop's registers.
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

/// Bytes produced from `position` on: loads the producer position, and
/// believes it only if it is aligned and no further ahead of the published position
/// than the kernel lets it come: the capacity less one header
/// (`__bpf_ringbuf_reserve`). The `held` bytes before `position` are not yet
/// published.
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
    let most = (memory.capacity().bytes() - Header::SIZE).saturating_sub(held);
    let reason = if !producer.is_aligned() {
        CorruptReason::ProducerMisaligned { producer }
    } else if available > most {
        // Producers pass that only if somebody else gave them space.
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
    /// wholly within it, but for the last of a window that was cut: that one is
    /// for the slow path.
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

/// The widest window: a drain gives space back after each, and begins with
/// another guess of the common length.
///
/// No word with the busy or the discard bit is a footprint within it, so that one
/// comparison tells a plain record from all else.
pub(crate) const MAX_WINDOW: u64 = 128 << 10;
const _: () = assert!(MAX_WINDOW <= 1 << 30);

/// What only the slow path touches; it lives in the consumer, not in the batch,
/// to leave the registers to the loop.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) passed: Cell<Passed>,
    /// Bytes produced beyond the window.
    pub(crate) beyond: Cell<u64>,
    pub(crate) discarded: Cell<u64>,
    pub(crate) corrupt: Cell<Option<Corrupt>>,
    pub(crate) max_records: Cell<u64>,
    pub(crate) max_bytes: Cell<u64>,
    /// Bytes that this batch may leave unpublished, less one.
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

    /// A new batch, without bounds, that knows of `available` bytes.
    #[inline]
    pub(crate) fn begin(&self, available: u64, portion: u64) {
        self.beyond.set(available);
        self.discarded.set(0);
        self.max_records.set(u64::MAX);
        self.max_bytes.set(u64::MAX);
        self.portion.set(portion);
    }
}

/// What the slow path found.
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
    #[inline(always)]
    pub(crate) fn plain(
        &self,
        mut cursor: Cursor,
        area: Area<M>,
    ) -> (Cursor, Option<(Position, SampleLen)>) {
        while cursor.window != 0 {
            // SAFETY: the window is the beginning of whole records, so a header
            // is produced wherever it is positive (T2).
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

    /// Where the walk stands after the record at `cursor`, if that is in the
    /// window, plain, and of exactly this length.
    ///
    /// The place of the next header then depends on nothing that this one
    /// holds: the processor predicts the comparison and runs ahead, where
    /// [`plain`](Self::plain) waits for each length to arrive.
    #[inline(always)]
    pub(crate) fn alike(&self, cursor: Cursor, area: Area<M>, len: SampleLen) -> Option<Cursor> {
        if cursor.window < len.footprint() {
            return None;
        }
        // SAFETY: as in `plain`: a footprint is never 0, so neither is the window.
        let header = unsafe { header(&self.memory, area, cursor.position) };
        (header.to_bits() == len.get()).then(|| cursor.pass(len.footprint()))
    }

    /// The next record, by the whole algorithm: skips discarded ones, looks
    /// for more, reports what is wrong, obeys the bounds. Returns the cursor
    /// after the record, and where the record stands.
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
                // The record that crosses the bound comes back here.
                let left = max_bytes.saturating_sub(position.distance(self.consumed, width));
                self.widest_window(available).min(left)
            } else {
                // A batch that counts its records comes back for each.
                0
            };
            walk.beyond.set(available - window);
            return (Cursor { position, window }, at, Step::Record(header.len()));
        };
        walk.beyond.set(available);
        (Cursor { position, window: 0 }, position, found)
    }

    /// The beginning of a batch, which leaves less than `portion` bytes
    /// unpublished when it ends.
    #[inline]
    pub(crate) fn begin_batch(&self, portion: u64) {
        self.walk.passed.set(self.passed());
        self.walk.begin(self.available, portion);
    }

    /// Remembers what is wrong with the ring: it is reported at each later call.
    /// Only that it belongs to another process is not remembered: that can change.
    pub(crate) fn corrupted(&self, corrupt: Corrupt) -> Corrupt {
        if corrupt.reason != CorruptReason::Forked {
            self.walk.corrupt.set(Some(corrupt));
        }
        corrupt
    }
}
