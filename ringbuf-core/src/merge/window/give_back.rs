//! What a [`Window`] gives back, and what the consumer counts for it.

use super::{Clock, End, Window};
use crate::tail::Passed;
use crate::walk::Cursor;
use crate::{Consumer, ConsumerMemory, Counts, Position, Record, Width};

impl<const W: usize> Window<W> {
    /// The fast path found nothing: gives back, and looks for more. No record of this ring
    /// may be lent. Returns the bound of this ring.
    #[cold]
    #[inline(never)]
    pub(in crate::merge) fn turn<M, K>(
        &mut self,
        consumer: &mut Consumer<M>,
        key: &K,
        clock: Clock,
    ) -> u64
    where
        M: ConsumerMemory,
        K: Fn(&Record<'_, M>) -> Option<u64>,
    {
        if self.end.get() == End::Open && !self.refill(consumer, key) {
            self.give_back(consumer);
        }
        self.walk(consumer, key, clock)
    }

    /// The round is over: gives back. No record of this ring may be lent. Returns the
    /// number of records and bytes consumed in this round.
    pub(in crate::merge) fn finish<M: ConsumerMemory>(
        &mut self,
        consumer: &mut Consumer<M>,
    ) -> (u64, u64) {
        let walked = self.position.get() != consumer.consumed;
        if walked && (self.filled() == 0 || self.first.get() != self.given) {
            self.give_back(consumer);
            consumer.give_back();
        } else if !walked {
            consumer.count_empty_look();
        }
        core::mem::take(&mut self.read)
    }

    /// Consumes everything before the first record that is not delivered.
    fn give_back<M: ConsumerMemory>(&mut self, consumer: &mut Consumer<M>) {
        if self.base != consumer.consumed {
            return;
        }
        let (width, Cursor { position, window }) = (consumer.memory.width(), self.cursor());
        let ahead = |place| position.distance(self.entry(place).at, width);
        let kept = self.places().map(ahead).max().unwrap_or(0);
        let delivered = self.first.get().wrapping_sub(self.given);
        let delivered = u64::try_from(delivered).unwrap_or(u64::MAX);
        self.given = self.first.get();
        self.delivered = self.delivered.wrapping_add(delivered);
        let position = position.retreat_unwrapped(kept);
        let bytes = position.distance(consumer.consumed, width);
        let behind = self.behind(consumer, position, kept);
        let skipped = consumer.walk.discarded.get();
        let passed = delivered.wrapping_add(self.early).saturating_sub(behind.delivered);
        self.early = behind.delivered;
        consumer.walk.discarded.set(skipped.saturating_sub(behind.discarded));
        let records = delivered.wrapping_add(consumer.walk.discarded.get());
        self.read = (self.read.0.saturating_add(records), self.read.1.saturating_add(bytes));
        if kept != 0 {
            // The record that is kept stays unread, so nothing needs to be held back.
            consumer.walk.passed.set(Passed::nothing(position));
        }
        consumer.walk.beyond.set(self.beyond(consumer));
        consumer.walk.max_bytes.set(consumer.walk.max_bytes.get().saturating_sub(bytes));
        consumer.end_batch(Cursor { position, window: window + kept }, passed);
        consumer.walk.discarded.set(behind.discarded);
        self.base = consumer.consumed;
    }

    /// What was delivered or skipped of the last `kept` bytes of the walk, which begin at
    /// `position`. It stays in the ring, and counts when the consumer passes it.
    ///
    /// Loads the headers by which this differs from the last time: a record that is held for
    /// long does not make each round count what is behind it.
    fn behind<M: ConsumerMemory>(
        &mut self,
        consumer: &Consumer<M>,
        position: Position,
        kept: u64,
    ) -> Counts {
        let width = consumer.memory.width();
        let end = position.advance_unwrapped(kept);
        let Behind { from, to, counts } = self.behind.up_to(consumer.consumed, position, width);
        let passed = consumer.committed_from(from, position.distance(from, width));
        let added = consumer.committed_from(to, end.distance(to, width));
        // Only hostile memory has no counts there.
        let counts = match (passed, added) {
            (Some(passed), Some(added)) => counts.plus(added).minus(passed),
            _ => Counts::default(),
        };
        self.behind = Behind { from: position, to: end, counts };
        let held = u64::try_from(self.filled()).unwrap_or(u64::MAX);
        Counts { delivered: counts.delivered.saturating_sub(held), ..counts }
    }
}

/// The records between two positions of a ring, which are committed and not given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    from: Position,
    to: Position,
    counts: Counts,
}

impl Behind {
    pub(super) const NOTHING: Self = Self {
        from: Position::ZERO,
        to: Position::ZERO,
        counts: Counts { delivered: 0, discarded: 0 },
    };

    /// Itself, if it begins with the consumed position and contains `position`; or else
    /// nothing, there.
    fn up_to(self, consumed: Position, position: Position, width: Width) -> Self {
        let within = position.distance(self.from, width) <= self.to.distance(self.from, width);
        if self.from.distance(consumed, width) == 0 && within {
            return self;
        }
        Self { from: position, to: position, ..Self::NOTHING }
    }
}
