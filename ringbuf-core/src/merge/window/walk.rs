//! How a [`Window`] learns about the next records of its ring.

use super::{Clock, End, Entry, Window};
use crate::walk::{Area, Cursor, Step, refresh};
use crate::{Consumer, ConsumerMemory, Position, Record, SampleLen};

impl<const W: usize> Window<W> {
    /// Takes the record of the smallest key, and adds the next one of the ring in its place.
    /// Does nothing and returns `None` if fewer than `W` records are known, or the next one is
    /// not plain and in the walk's window. A panic of the function of the key changes nothing.
    /// [`may_lend`](Self::may_lend) must allow it.
    ///
    /// This is most of what a record costs. So it stores little, and early, which leaves
    /// registers to the loop around it.
    #[inline(always)]
    pub(in crate::merge) fn exchange<M, K>(
        &self,
        consumer: &Consumer<M>,
        area: Area<M>,
        key: &K,
    ) -> Option<Entry>
    where
        M: ConsumerMemory,
        K: Fn(&Record<'_, M>) -> Option<u64>,
    {
        if !self.is_full() {
            return None;
        }
        let first = self.first.get();
        let (at, len, cursor) = consumer.plain_here(self.cursor(), area)?;
        let newest = self.newest.get();
        let next = self.key(consumer, area, key, (at, len), newest);
        self.position.set(cursor.position);
        // The next record of this ring is read when this one is delivered, or later.
        consumer.memory.prefetch(area.data, cursor.position.offset(area.capacity));
        let taken = self.entry(first);
        self.first.set(first.wrapping_add(1));
        if next >= newest {
            self.newest.set(next);
            // The last of `W` places behind `first` is its own.
            self.put(first, Entry { key: next, at, len });
        } else {
            self.insert(W - 1, next, at, len);
        }
        Some(taken)
    }

    /// Adds a record, sorted by key. It comes after those of the same key. There must be
    /// room.
    #[inline(always)]
    fn push(&self, Entry { key, at, len }: Entry) {
        let filled = self.filled.get();
        if key >= self.newest.get() {
            self.newest.set(key);
            self.put(self.first.get().wrapping_add(filled), Entry { key, at, len });
        } else {
            self.insert(filled, key, at, len);
        }
        self.filled.set(filled.wrapping_add(1));
    }

    /// Adds a record that is not the newest to `known` others. Its parts come in registers.
    #[cold]
    #[inline(never)]
    fn insert(&self, known: usize, key: u64, at: Position, len: SampleLen) {
        let first = self.first.get();
        let mut index = first.wrapping_add(known);
        while index != first {
            let before = index.wrapping_sub(1);
            let other = self.entry(before);
            if other.key <= key {
                break;
            }
            self.put(index, other);
            index = before;
        }
        self.put(index, Entry { key, at, len });
    }

    /// The key of the record that the walk has just passed.
    #[inline(always)]
    fn key<M, K>(
        &self,
        consumer: &Consumer<M>,
        area: Area<M>,
        key: &K,
        (at, len): (Position, SampleLen),
        newest: u64,
    ) -> u64
    where
        M: ConsumerMemory,
        K: Fn(&Record<'_, M>) -> Option<u64>,
    {
        // SAFETY: T3: the walk saw it committed with this length by an acquire load, within
        // the produced bytes. The record borrows the consumer (T4).
        let record = unsafe { Record::lend(&consumer.memory, area, at, len) };
        // A record without a key keeps its place behind the newest before it.
        key(&record).unwrap_or(newest)
    }

    /// Adds the record that the walk has just passed.
    #[inline(always)]
    fn add<M, K>(&self, consumer: &Consumer<M>, key: &K, (at, len): (Position, SampleLen))
    where
        M: ConsumerMemory,
        K: Fn(&Record<'_, M>) -> Option<u64>,
    {
        let area = Area::of(&consumer.memory);
        let key = self.key(consumer, area, key, (at, len), self.newest.get());
        self.push(Entry { key, at, len });
    }

    /// Adds one record from the known bytes. Returns false if there is none:
    /// [`walk`](Self::walk) has to go on. The consumed position of the consumer must be
    /// `base`.
    #[inline(always)]
    pub(super) fn refill<M, K>(&self, consumer: &Consumer<M>, key: &K) -> bool
    where
        M: ConsumerMemory,
        K: Fn(&Record<'_, M>) -> Option<u64>,
    {
        let before = self.cursor();
        let (cursor, plain) = consumer.plain(before, Area::of(&consumer.memory));
        // If the function of the key panics, the walk has not passed the record.
        if let Some(record) = plain {
            if record.0 != before.position {
                self.skip_to(record.0);
            }
            self.add(consumer, key, record);
        }
        self.set_cursor(cursor);
        plain.is_some()
    }

    /// The fast path has skipped discarded records, up to the record at `at`.
    #[cold]
    #[inline(never)]
    fn skip_to(&self, at: Position) {
        let Cursor { position, window } = self.cursor();
        // Both are in the window, so they do not wrap.
        let skipped = at.get().wrapping_sub(position.get());
        self.set_cursor(Cursor { position: at, window: window.saturating_sub(skipped) });
    }

    /// Adds records until the window is full, or the ring has no more. Returns the bound of
    /// this ring: its next records have this key or a larger one, unless they are late.
    #[cold]
    #[inline(never)]
    pub(in crate::merge) fn walk<M, K>(&self, consumer: &Consumer<M>, key: &K, clock: Clock) -> u64
    where
        M: ConsumerMemory,
        K: Fn(&Record<'_, M>) -> Option<u64>,
    {
        let (area, width) = (Area::of(&consumer.memory), consumer.memory.width());
        if self.base != consumer.consumed {
            self.end.set(End::Limit);
        }
        while self.end.get() == End::Open && self.filled() < W {
            if self.refill(consumer, key) {
                continue;
            }
            let cursor = self.cursor();
            if cursor.position.distance(self.start, width) >= area.capacity.bytes() {
                self.end.set(End::Limit);
                break;
            }
            consumer.walk.beyond.set(self.beyond(consumer));
            let passed = &consumer.walk.passed;
            let before = passed.get();
            let (cursor, at, step) = consumer.step(cursor, 0);
            let known = cursor.window + consumer.walk.beyond.get();
            self.known.set(cursor.position.advance_unwrapped(known));
            match step {
                Step::Record(len) => {
                    // As in `refill`.
                    let after = passed.replace(before);
                    self.set_cursor(Cursor { position: at, window: 0 });
                    self.add(consumer, key, (at, len));
                    passed.set(after);
                }
                Step::Busy => self.end.set(End::Busy),
                Step::Empty => {
                    self.empty(clock);
                }
                Step::Limit => self.end.set(End::Goal),
                Step::Corrupt(_) => self.end.set(End::Corrupt),
            }
            self.set_cursor(cursor);
        }
        clock.bound(self.end.get(), self.clear.get(), self.newest.get())
    }

    /// Looks for more at the begin of a round, if the walk has passed all that is known. Returns
    /// the bound of this ring if nothing was produced; otherwise [`walk`](Self::walk) has to go
    /// on. It is short, because each round does this for each idle ring.
    pub(in crate::merge) fn look<M: ConsumerMemory>(
        &self,
        consumer: &Consumer<M>,
        clock: Clock,
    ) -> Option<u64> {
        let position = self.position.get();
        if self.known.get() != position || consumer.walk.corrupt.get().is_some() {
            return None;
        }
        let held = position.distance(consumer.published, consumer.memory.width());
        let produced = refresh(&consumer.memory, position, held).ok()?;
        self.known.set(position.advance_unwrapped(produced));
        (produced == 0).then(|| self.empty(clock))
    }

    /// Everything produced is known. Returns the bound of this ring.
    fn empty(&self, clock: Clock) -> u64 {
        self.end.set(End::Empty);
        self.clear.set(clock.clear().unwrap_or(self.clear.get()));
        clock.bound(End::Empty, self.clear.get(), self.newest.get())
    }

    /// The known bytes beyond those that the fast path walks.
    pub(super) fn beyond<M: ConsumerMemory>(&self, consumer: &Consumer<M>) -> u64 {
        let Cursor { position, window } = self.cursor();
        self.known.get().distance(position, consumer.memory.width()).saturating_sub(window)
    }
}
