//! The start of the last two records that were read. Bytes held back begin there.
//! The slow path records these positions; the fast path records nothing.

use crate::walk::{Area, MAX_WINDOW, header};
use crate::{Consumer, ConsumerMemory, Header, Position};

/// The last two records that the slow path passed, delivered or skipped. This
/// includes records of a batch that was rewound or forgotten. Positions are not
/// wrapped to the kernel's width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    before: Position,
    before_end: Position,
    /// After `before`, or after the records that the fast path passed behind it.
    last: Position,
    end: Position,
}

impl Passed {
    /// No record was passed yet.
    pub(crate) fn nothing(at: Position) -> Self {
        Self { before: at, before_end: at, last: at, end: at }
    }

    #[inline]
    pub(crate) fn and(self, at: Position, end: Position) -> Self {
        Self { before: self.last, before_end: self.end, last: at, end }
    }
}

/// If the consumer holds back, the fast path starts again this many bytes before
/// the end of the known records. Then finding the last two records walks only a few
/// headers again.
const TAIL: u64 = 512;

/// The largest number of headers walked again: those of a window of empty records,
/// and the two records held back before it.
const MOST: u64 = MAX_WINDOW / Header::SIZE + 2;

impl<M: ConsumerMemory> Consumer<M> {
    /// Returns the widest window if `available` bytes are known to be produced.
    pub(crate) fn widest_window(&self, available: u64) -> u64 {
        let cut = self.hold.portion.is_some() && available > 2 * TAIL;
        let window = if cut { available - TAIL } else { available };
        window.min(self.hold.max_window)
    }

    /// Returns the consumed records that the slow path passed last. Records of a
    /// batch that was rewound or forgotten do not count. Then the only known start
    /// of a record is the published position.
    pub(crate) fn passed(&self) -> Passed {
        let passed = self.walk.passed.get();
        let behind = self.consumed.distance(passed.end, self.memory.width());
        if behind <= self.memory.capacity().bytes() {
            passed
        } else {
            Passed::nothing(self.published)
        }
    }

    /// Returns the start of the record that opened the last window. This record is
    /// the second-to-last one, or an earlier one. If that window was not walked,
    /// returns the start of the second-to-last record.
    pub(crate) fn window_start(&self) -> Position {
        let Passed { before, last, end, .. } = self.passed();
        if end == self.consumed { before } else { last }
    }

    /// Returns the start of the second-to-last consumed record. If that record is
    /// published, returns the start of the last record. Something must be consumed
    /// and unpublished.
    ///
    /// Walks again over the records that the fast path passed: at most [`MOST`]
    /// headers, none of them given back.
    pub(crate) fn last_but_one(&self) -> Position {
        let Passed { before, before_end, last, end } = self.passed();
        if end != self.consumed {
            // The fast path read the last records.
            if !self.is_unpublished(last) {
                return self.last_two(self.published, self.consumed).0;
            }
            let (first, second) = self.last_two(end, self.consumed);
            return if first == second { last } else { first };
        }
        let from = if self.is_unpublished(before_end) { before_end } else { self.published };
        if last.distance(from, self.memory.width()) != 0 {
            // The fast path read the records in between.
            self.last_two(from, last).1
        } else if self.is_unpublished(before) {
            before
        } else {
            self.published
        }
    }

    /// Returns true if this consumed position is not before the published one.
    fn is_unpublished(&self, at: Position) -> bool {
        self.consumed.distance(at, self.memory.width()) <= self.unpublished()
    }

    /// Returns the starts of the last two records from `at` to `stop`. If there is
    /// only one record, both are its start.
    #[inline(never)]
    fn last_two(&self, mut at: Position, stop: Position) -> (Position, Position) {
        let (mut before, mut left) = (at, stop.distance(at, self.memory.width()));
        for _ in 0..MOST {
            // SAFETY: a record begins at `at`. It is before the consumed position
            // and not before the published one, so it is not given back.
            let header = unsafe { header(&self.memory, Area::of(&self.memory), at) };
            let footprint = header.footprint();
            // The last record ends exactly at `stop`. Only hostile memory differs.
            if footprint >= left {
                break;
            }
            (before, at) = (at, at.advance_unwrapped(footprint));
            left -= footprint;
        }
        // If hostile memory changes a length, the count ends the walk.
        (before, at)
    }
}
