//! [`Window`]: the next records of one ring, in the order of their keys.

mod give_back;
mod walk;

use core::cell::Cell;

use crate::walk::Cursor;
use crate::{Consumer, ConsumerMemory, Corrupt, CorruptReason, Position, Width};

use super::RingCounts;
use super::clock::Clock;
use super::entry::{Entry, NONE, Place};
use super::tree::{Node, Scale};
use give_back::Behind;

/// The keys and the places of the next `W` records of a ring. The records themselves stay in
/// the ring.
///
/// What a batch changes while it lends records is in cells.
#[derive(Debug)]
pub(super) struct Window<const W: usize> {
    /// A circle, sorted by key.
    entries: [Place; W],
    /// Of the circle: records before `first` are delivered, and `filled` from there on are
    /// known. While it is full, a record that comes takes the place of one that goes, and only
    /// `first` changes.
    pub(super) first: Cell<usize>,
    filled: Cell<usize>,
    /// `first`, when space was given back last.
    given: usize,
    /// The consumed position of the consumer, after that.
    base: Position,
    /// The newest key seen.
    newest: Cell<u64>,
    /// The node of the tree where this ring plays first.
    pub(super) leaf: usize,
    /// The [`cursor`](Self::cursor): where the walk is, and the end of its window.
    position: Cell<Position>,
    until: Cell<Position>,
    /// The end of the bytes that are known to be produced.
    known: Cell<Position>,
    /// Where the walk was when this round began.
    start: Position,
    pub(super) end: Cell<End>,
    /// Records and bytes consumed in this round.
    read: (u64, u64),
    /// When the ring was last seen with nothing reserved in it.
    clear: Cell<u64>,
    late: Cell<u64>,
    delivered: u64,
    ahead: u64,
    /// Delivered records behind one that is held: the consumer has not passed them.
    early: u64,
    /// What was counted from the consumed position on, when a record was held there.
    behind: Behind,
}

/// Why a ring has no more records in this round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It may have more.
    Open,
    /// Everything produced is known.
    Empty,
    /// A record is reserved and not committed.
    Busy,
    /// One whole ring was read in this round.
    Limit,
    /// The goal of `finish` is reached.
    Goal,
    /// The ring is corrupt. The walk has stored why.
    Corrupt,
    /// As `Corrupt`, and it was reported.
    Failed,
}

/// See [`Window::undo_pop`].
pub(super) struct UndoPop<'w> {
    first: &'w Cell<usize>,
    filled: &'w Cell<usize>,
}

impl UndoPop<'_> {
    #[inline(always)]
    pub(super) fn disarm(self) {
        core::mem::forget(self);
    }
}

impl Drop for UndoPop<'_> {
    fn drop(&mut self) {
        self.first.set(self.first.get().wrapping_sub(1));
        self.filled.set(self.filled.get().wrapping_add(1));
    }
}

impl<const W: usize> Window<W> {
    const MASK: usize = {
        assert!(W.is_power_of_two(), "the look-ahead of a merge must be a power of two");
        W - 1
    };

    pub(super) const fn new() -> Self {
        Self {
            entries: [const { Place::new(NONE) }; W],
            first: Cell::new(0),
            filled: Cell::new(0),
            given: 0,
            base: Position::ZERO,
            newest: Cell::new(0),
            leaf: 0,
            position: Cell::new(Position::ZERO),
            until: Cell::new(Position::ZERO),
            known: Cell::new(Position::ZERO),
            start: Position::ZERO,
            end: Cell::new(End::Open),
            read: (0, 0),
            clear: Cell::new(0),
            late: Cell::new(0),
            delivered: 0,
            ahead: 0,
            early: 0,
            behind: Behind::NOTHING,
        }
    }

    /// Begins with a ring, whose first records are those at the consumed position.
    /// `newest` is the newest key that the merge has delivered.
    pub(super) fn begin<M: ConsumerMemory>(&mut self, consumer: &Consumer<M>, newest: u64) {
        let consumed = consumer.consumed;
        // What was skipped there and not consumed is walked again.
        consumer.walk.discarded.set(0);
        *self = Self { base: consumed, start: consumed, ..Self::new() };
        self.newest.set(newest);
        self.set_cursor(Cursor { position: consumed, window: 0 });
        self.known.set(consumed.advance_unwrapped(consumer.available));
    }

    pub(super) fn counts(&self) -> RingCounts {
        RingCounts { delivered: self.delivered, late: self.late.get(), ahead: self.ahead }
    }

    #[inline(always)]
    fn entry(&self, index: usize) -> Entry {
        self.entries.get(index & Self::MASK).map_or(NONE, Place::get)
    }

    #[inline(always)]
    fn put(&self, index: usize, entry: Entry) {
        if let Some(place) = self.entries.get(index & Self::MASK) {
            place.set(entry);
        }
    }

    #[inline(always)]
    fn cursor(&self) -> Cursor {
        let (position, until) = (self.position.get(), self.until.get());
        Cursor { position, window: until.get().wrapping_sub(position.get()) }
    }

    fn set_cursor(&self, Cursor { position, window }: Cursor) {
        self.position.set(position);
        self.until.set(position.advance_unwrapped(window));
    }

    /// The places of the circle that are in use.
    fn places(&self) -> impl Iterator<Item = usize> + use<W> {
        let first = self.first.get();
        (0..self.filled()).map(move |place| first.wrapping_add(place))
    }

    #[inline(always)]
    pub(super) fn filled(&self) -> usize {
        self.filled.get()
    }

    /// Whether `W` records are known, so that the next one may be delivered.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.filled.get() == W
    }

    /// The smallest key, if there is a record.
    pub(super) fn head(&self) -> Option<u64> {
        (self.filled() > 0).then(|| self.entry(self.first.get()).key)
    }

    /// The player of this ring, whose first record is at `first`.
    #[inline(always)]
    pub(super) fn player_at(&self, first: usize, scale: Scale, ring: usize) -> Node {
        scale.player(self.entry(first).key, ring)
    }

    /// The player of this ring.
    pub(super) fn player(&self, scale: Scale, ring: usize) -> Node {
        if self.filled() > 0 { self.player_at(self.first.get(), scale, ring) } else { Node::NONE }
    }

    /// What is wrong with the ring, if the walk has found that.
    pub(super) fn corrupt<M: ConsumerMemory>(&self, consumer: &Consumer<M>) -> Option<Corrupt> {
        if self.end.get() != End::Corrupt {
            return None;
        }
        let forked = Corrupt { position: consumer.position(), reason: CorruptReason::Forked };
        Some(consumer.walk.corrupt.get().unwrap_or(forked))
    }

    /// Whether there are records that may be lent: not if somebody else has read with this
    /// consumer.
    #[inline(always)]
    pub(super) fn may_lend<M: ConsumerMemory>(&self, consumer: &Consumer<M>) -> bool {
        self.filled() > 0 && self.base == consumer.consumed
    }

    /// Takes the record of the smallest key, if there is one.
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<Entry> {
        let first = self.first.get();
        self.pass().then(|| self.entry(first))
    }

    #[cold]
    #[inline(never)]
    fn pass(&self) -> bool {
        let (first, filled) = (self.first.get(), self.filled.get());
        if filled > 0 {
            self.first.set(first.wrapping_add(1));
            self.filled.set(filled - 1);
        }
        filled > 0
    }

    /// Takes back the last [`pop`](Self::pop) when it is dropped: its place is not used before
    /// a whole window is known behind it.
    #[inline(always)]
    pub(super) fn undo_pop(&self) -> UndoPop<'_> {
        UndoPop { first: &self.first, filled: &self.filled }
    }

    /// Continues the walk in a new round, which reads `most` bytes from the consumed
    /// position on.
    pub(super) fn resume<M: ConsumerMemory>(
        &mut self,
        consumer: &Consumer<M>,
        now: u64,
        most: u64,
    ) {
        if self.base != consumer.consumed {
            // Somebody else has read with this consumer.
            let (newest, RingCounts { delivered, late, ahead }) =
                (self.newest.get(), self.counts());
            self.begin(consumer, newest);
            (self.delivered, self.ahead) = (delivered, ahead);
            self.late.set(late);
        }
        // After a panic, or a batch that was forgotten, some are not counted yet.
        let discarded = consumer.walk.discarded.get();
        consumer.walk.begin(self.beyond(consumer), consumer.hold.portion.unwrap_or(0));
        consumer.walk.discarded.set(discarded);
        consumer.walk.max_bytes.set(most);
        self.start = self.position.get();
        self.end.set(End::Open);
        if self.newest.get() > now {
            self.clamp(now, consumer.memory.width());
        }
    }

    /// Keys that are ahead of the clock count as `now`: a wrong key must not keep its ring
    /// for ever, or make all later records late. Then they are equal, so they take the order of
    /// their ring.
    #[cold]
    fn clamp(&mut self, now: u64, width: Width) {
        self.newest.set(now);
        let first = self.first.get();
        let from_base = |entry: Entry| entry.at.distance(self.base, width);
        let mut ahead = 0;
        for place in self.places() {
            let entry = self.entry(place);
            if entry.key <= now {
                continue;
            }
            ahead += 1;
            let mut index = place;
            while index != first {
                let before = self.entry(index.wrapping_sub(1));
                if before.key < now || from_base(before) < from_base(entry) {
                    break;
                }
                self.put(index, before);
                index = index.wrapping_sub(1);
            }
            self.put(index, Entry { key: now, ..entry });
        }
        self.ahead = self.ahead.wrapping_add(ahead);
    }

    #[cold]
    pub(super) fn count_late(&self) {
        self.late.set(self.late.get().wrapping_add(1));
    }
}
