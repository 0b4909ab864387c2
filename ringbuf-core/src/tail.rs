//! Where the last two records begin that were read: what is held back begins
//! there. The slow path notes it, the fast path notes nothing.

use crate::walk::{Area, MAX_WINDOW, header};
use crate::{Consumer, ConsumerMemory, Header, Position};

/// The last two records that the slow path passed, delivered or skipped, also of a
/// batch that was rewound or forgotten. Not wrapped to the kernel's width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    before: Position,
    before_end: Position,
    /// After `before`, or after what the fast path passed behind that.
    last: Position,
    end: Position,
}

impl Passed {
    /// Nothing was passed yet.
    pub(crate) fn nothing(at: Position) -> Self {
        Self { before: at, before_end: at, last: at, end: at }
    }

    #[inline]
    pub(crate) fn and(self, at: Position, end: Position) -> Self {
        Self { before: self.last, before_end: self.end, last: at, end }
    }
}

/// If the consumer holds back, the fast path begins anew this many bytes before the
/// known records end: then only few headers are walked again to find where the last
/// two records begin.
const TAIL: u64 = 512;

/// Headers that are walked again at most: those of a window of empty records, and
/// the two records that were held back before it.
const MOST: u64 = MAX_WINDOW / Header::SIZE + 2;

impl<M: ConsumerMemory> Consumer<M> {
    /// The widest window where `available` bytes are known to be produced.
    pub(crate) fn widest_window(&self, available: u64) -> u64 {
        let cut = self.hold.portion.is_some() && available > 2 * TAIL;
        let window = if cut { available - TAIL } else { available };
        window.min(self.hold.max_window)
    }

    /// The consumed records that the slow path passed last. Those of a batch that
    /// was rewound or forgotten do not count: then nothing is known, but that a
    /// record begins at the published position.
    pub(crate) fn passed(&self) -> Passed {
        let passed = self.walk.passed.get();
        let behind = self.consumed.distance(passed.end, self.memory.width());
        if behind <= self.memory.capacity().bytes() {
            passed
        } else {
            Passed::nothing(self.published)
        }
    }

    /// Where the record begins that opened the last window, and so is at least the
    /// last but one; the last but one itself, if that window was not walked.
    pub(crate) fn window_start(&self) -> Position {
        let Passed { before, last, end, .. } = self.passed();
        if end == self.consumed { before } else { last }
    }

    /// Where the last record but one begins of those that are consumed, or the
    /// last one if that is published. Something is consumed and not published.
    ///
    /// What the fast path passed is walked again, [`MOST`] headers at most, none of
    /// which is given back yet.
    pub(crate) fn last_but_one(&self) -> Position {
        let Passed { before, before_end, last, end } = self.passed();
        if end != self.consumed {
            // The fast path came last.
            if !self.is_unpublished(last) {
                return self.last_two(self.published, self.consumed).0;
            }
            let (first, second) = self.last_two(end, self.consumed);
            return if first == second { last } else { first };
        }
        let from = if self.is_unpublished(before_end) { before_end } else { self.published };
        if last.distance(from, self.memory.width()) != 0 {
            // The fast path came in between.
            self.last_two(from, last).1
        } else if self.is_unpublished(before) {
            before
        } else {
            self.published
        }
    }

    /// Whether this position, which is consumed, is not before the published one.
    fn is_unpublished(&self, at: Position) -> bool {
        self.consumed.distance(at, self.memory.width()) <= self.unpublished()
    }

    /// Where the last two records begin of those from `at` to `stop`, twice the
    /// same if it is one.
    #[inline(never)]
    fn last_two(&self, mut at: Position, stop: Position) -> (Position, Position) {
        let (mut before, mut left) = (at, stop.distance(at, self.memory.width()));
        for _ in 0..MOST {
            // SAFETY: a record begins at `at`, before the consumed position and
            // not before the published one, so it is not given back.
            let header = unsafe { header(&self.memory, Area::of(&self.memory), at) };
            let footprint = header.footprint();
            // It ends where it must: only hostile memory says otherwise.
            if footprint >= left {
                break;
            }
            (before, at) = (at, at.advance_unwrapped(footprint));
            left -= footprint;
        }
        // Hostile memory that said another length before ends by the count.
        (before, at)
    }
}
