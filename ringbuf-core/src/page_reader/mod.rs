//! [`PageReader`]: a reader that keeps its position in the ring alone.

mod turn;

use core::cell::Cell;
use core::sync::atomic::Ordering::{Acquire, Release, SeqCst};

pub use self::turn::{Turn, TurnState, TurnStep};
use crate::walk::{self, Head};
use crate::{Armed, ConsumerMemory, Corrupt, CorruptReason, Counts, Offset, Position, SampleLen};

/// Nothing is held back.
const NOTHING: (Position, Position) = (Position::ZERO, Position::ZERO);

/// A reader that keeps its position in the ring alone. It reads the stored position anew at
/// each [visit](Self::visit), so several readers of one ring may take turns: other handles,
/// other processes, a child of `fork`.
///
/// It is for code that cannot own a ring, such as a library with the interface of libbpf. A
/// [`Consumer`](crate::Consumer) is faster, refuses a second reader, and lends samples to
/// safe code: use that wherever you can.
///
/// ```
/// use ringbuf_core::{PageReader, Visited};
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// // SAFETY: C3: nobody else reads this ring.
/// let reader = unsafe { ring.page_reader() };
/// let mut visit = reader.visit();
/// while let Visited::Record { len, .. } = visit.find()? {
///     assert_eq!(len.get(), 5);
///     visit.pass(); // without this call, the next visit finds it again
/// }
/// visit.publish();
/// assert_eq!(reader.lag(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PageReader<M> {
    memory: M,
    /// The position and the stored position of a visit that holds back; twice the same if
    /// none does. No `Option`: its compiled form looks at the rest first, which valgrind takes
    /// for an error.
    held: Cell<(Position, Position)>,
}

impl<M: ConsumerMemory> PageReader<M> {
    /// Creates a reader. It reads nothing.
    ///
    /// # Safety
    /// **C3** The readers of this ring take turns. While one of them visits it, the others
    /// visit it only while that visit has a record at hand: between
    /// [`find`](Visit::find) and [`pass`](Visit::pass), as a callback does. No sample is used
    /// after any of them gave its space back.
    pub const unsafe fn new(memory: M) -> Self {
        Self { memory, held: Cell::new(NOTHING) }
    }

    /// Begins a visit at the stored position, or after the record that the last visit
    /// [held back](Visit::hold_back) if nobody moved the position since. Stores nothing.
    ///
    /// # Ordering
    /// The stored position is loaded with Acquire. The load pairs with the release store of
    /// the reader that had the last turn. Without it, the producer position that this visit
    /// loads may be older than the one which that reader saw, and so behind the consumer
    /// position. Model: `page_turns`.
    #[inline]
    pub fn visit(&self) -> Visit<'_, M> {
        let stored = self.stored();
        let (held, published) = self.held.replace(NOTHING);
        let position = if published == stored { held } else { stored };
        Visit {
            reader: self,
            position,
            published: stored,
            known: 0,
            hand: 0,
            counts: Counts::default(),
        }
    }

    /// Returns the stored consumer position.
    #[must_use]
    pub fn consumer_position(&self) -> Position {
        self.stored()
    }

    /// Returns the producer position. Producers may move it at any time.
    #[must_use]
    pub fn producer_position(&self) -> Position {
        self.memory.load_producer_pos(Acquire)
    }

    /// Returns the bytes from the stored consumer position to the producer position, with
    /// busy and discarded records. Nothing is checked: of a corrupt ring it may be any
    /// number.
    #[must_use]
    pub fn lag(&self) -> u64 {
        let stored = self.stored();
        self.producer_position().distance(stored, self.memory.width())
    }

    /// Returns the memory that it reads.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }

    #[inline]
    fn stored(&self) -> Position {
        let stored = self.memory.stored_consumer_pos();
        self.memory.fence(Acquire);
        stored
    }
}

/// One visit of a [`PageReader`]. It has no destructor: if you abandon it, its last record
/// stays in the ring, and each later visit begins there.
#[derive(Debug)]
#[must_use = "a visit reads nothing before `find`"]
pub struct Visit<'r, M> {
    reader: &'r PageReader<M>,
    /// The next record, or the one at hand.
    position: Position,
    /// The stored position, as this visit loaded or stored it last.
    published: Position,
    /// Bytes known to be produced from `position` on: whole records.
    known: u64,
    /// The footprint of the record at hand, or 0.
    hand: u64,
    counts: Counts,
}

/// What [`Visit::find`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visited {
    /// The record at hand: a committed sample.
    Record {
        /// The place of its header. The sample begins 8 bytes after it.
        at: Offset,
        /// The length of its sample.
        len: SampleLen,
    },
    /// The head is not committed yet.
    Busy,
    /// Everything is read.
    Empty,
}

impl<'r, M: ConsumerMemory> Visit<'r, M> {
    /// Finds the next record, and skips discarded ones. First it publishes what was passed:
    /// while you use the record, the stored position is that of the record, and the space
    /// before it is free. Until [`pass`](Self::pass), it returns the same record again, unless
    /// another visit has passed that one meanwhile.
    ///
    /// # Errors
    /// [`Corrupt`] if the ring holds what the kernel never writes. Nothing remembers it:
    /// the next visit looks again.
    #[inline]
    pub fn find(&mut self) -> Result<Visited, Corrupt> {
        if core::mem::take(&mut self.hand) != 0 {
            self.follow();
        }
        loop {
            match self.look()? {
                Head::Empty => return Ok(Visited::Empty),
                Head::Busy => return Ok(Visited::Busy),
                Head::Committed(header) if header.is_discarded() => {
                    self.advance(header.footprint());
                    self.counts.discarded += 1;
                }
                Head::Committed(header) => {
                    self.publish();
                    self.hand = header.footprint();
                    let at = self.position.offset(self.reader.memory.capacity());
                    return Ok(Visited::Record { at, len: header.len() });
                }
            }
        }
    }

    /// Passes the record at hand: it is consumed. Does nothing if there is none.
    ///
    /// If another visit has moved the stored position meanwhile, this one continues where
    /// that one ended. So records that a nested visit has passed do not come again.
    #[inline]
    pub fn pass(&mut self) {
        let hand = core::mem::take(&mut self.hand);
        if hand == 0 {
            return;
        }
        self.counts.delivered += 1;
        if !self.follow() {
            self.advance(hand);
        }
    }

    /// Gives the space of all that was passed back to the producers.
    ///
    /// # Ordering
    /// A `Release` store. It pairs with the acquire load of the consumer position in
    /// `__bpf_ringbuf_reserve` (kernel/bpf/ringbuf.c), and with that of another reader's
    /// [visit](PageReader::visit). Models: `page_reuse`, `page_turns`.
    #[inline]
    pub fn publish(&mut self) {
        if self.published != self.position && self.reader.memory.is_owned() {
            // SAFETY: C3: it is this reader's turn, and what was passed is not used.
            unsafe { self.reader.memory.store_consumer_pos(self.position, Release) };
            self.published = self.position;
        }
    }

    /// Ends the visit, and holds back the last record: the stored position stays before it.
    /// So the next commit does not find this reader caught up, and notifies nobody. The next
    /// visit of this reader continues after the record.
    ///
    /// Use it between two looks of one call. Before you return to a caller, end with
    /// [`arm`](Self::arm) or [`publish`](Self::publish): another reader, and the kernel's
    /// poll, see the record unread. Publishes all if more than an eighth of the ring would
    /// stay held.
    pub fn hold_back(mut self) {
        let memory = &self.reader.memory;
        let held = self.position.distance(self.published, memory.width());
        if held > memory.capacity().bytes() / 8 {
            self.publish();
        } else if held != 0 {
            self.reader.held.set((self.position, self.published));
        }
    }

    /// Publishes, then looks once more. Call it last: before you block, or before you
    /// return to somebody who blocks on a notification.
    ///
    /// [`Armed::Sleep`] promises that the next commit at this position notifies, with the
    /// exceptions of [`Consumer::arm`](crate::Consumer::arm).
    ///
    /// # Ordering
    /// As for [`Consumer::arm`](crate::Consumer::arm): the fence is between the store of the
    /// position and the loads of the producer position and the header. Models:
    /// `page_wakeup`, `page_wakeup_busy`.
    #[inline]
    pub fn arm(&mut self) -> Armed {
        self.publish();
        self.reader.memory.fence(SeqCst);
        match self.look() {
            Ok(Head::Empty | Head::Busy) => Armed::Sleep,
            Ok(Head::Committed(_)) | Err(_) => Armed::Ready,
        }
    }

    /// Returns the sample of the record at hand.
    ///
    /// # Safety
    /// `at` and `len` are of the record at hand, or of a record whose space no reader of
    /// this ring has given back. It is not used after that.
    #[must_use]
    pub unsafe fn sample(&self, at: Offset, len: SampleLen) -> M::Sample<'r> {
        let memory = &self.reader.memory;
        // SAFETY: `find` saw the record committed with an acquire load. C3, and the caller,
        // guarantee that its space is not given back.
        unsafe { memory.sample(memory.data(), at, len) }
    }

    /// Returns the position of the record at hand, or of the next one.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Counts the records that this visit has passed.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    #[inline]
    fn look(&mut self) -> Result<Head, Corrupt> {
        if !self.position.is_aligned() {
            let reason = CorruptReason::ConsumerMisaligned;
            return Err(Corrupt { position: self.position, reason });
        }
        let memory = &self.reader.memory;
        let held = self.position.distance(self.published, memory.width());
        walk::look(memory, self.position, held, &mut self.known)
    }

    /// Continues where another visit ended, if one has moved the stored position. Returns
    /// whether it did.
    #[inline]
    fn follow(&mut self) -> bool {
        let moved = self.reader.memory.stored_consumer_pos() != self.published;
        if moved {
            self.published = self.reader.stored();
            self.position = self.published;
            self.known = 0;
        }
        moved
    }

    #[inline]
    fn advance(&mut self, footprint: u64) {
        self.position = self.position.advance(footprint, self.reader.memory.width());
        self.known = self.known.saturating_sub(footprint);
    }
}
