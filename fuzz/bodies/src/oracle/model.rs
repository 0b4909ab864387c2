//! The protocol in plain numbers. Positions count bytes from the start of the run,
//! so only [`Model::seen_at`] wraps.

use std::collections::VecDeque;

use ringbuf_core::{Counts, Position, Width};
use ringbuf_sim::Refused;

use crate::oracle::release::Release;

/// The state of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Busy,
    Submitted,
    Discarded,
}

/// A reserved record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) number: u64,
    pub(super) at: u64,
    pub(super) len: u64,
    pub(super) state: State,
}

impl Expected {
    fn end(self) -> u64 {
        self.at + footprint(self.len)
    }
}

/// The expected result of `Batch::next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Record(Expected),
    Busy,
    Empty,
    Limit,
}

/// A batch: its position, the records that it passed, and its limits.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    from: u64,
    at: u64,
    /// The start of each record that it passed, delivered or skipped, since it last put
    /// one back.
    passed: Vec<u64>,
    /// The start of the record that it put back last, if it passed others before.
    put_back: Option<u64>,
    /// The bytes of the skipped records.
    skipped: u64,
    pub(super) counts: Counts,
    max_records: u64,
    max_bytes: u64,
}

impl Walk {
    pub(super) fn held(&self) -> u64 {
        self.at - self.from
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.from
    }
}

/// The ring as docs/protocol.md describes it.
#[derive(Debug)]
pub(super) struct Model {
    width: Width,
    start: u64,
    capacity: u64,
    /// In order, from the oldest record that anybody may still look at.
    records: VecDeque<Expected>,
    reserved: u64,
    /// The bytes of the longest record so far.
    longest: u64,
    pub(super) produced: u64,
    pending: u64,
    pub(super) published: u64,
    pub(super) consumed: u64,
    pub(super) release: Release,
    pub(super) counts: Counts,
    pub(super) notifications: u64,
}

impl Model {
    pub(super) fn new(width: Width, start: u64, capacity: u64) -> Self {
        Self {
            width,
            start: start / 8 * 8,
            capacity,
            records: VecDeque::new(),
            reserved: 0,
            longest: 0,
            produced: 0,
            pending: 0,
            published: 0,
            consumed: 0,
            release: Release::new(capacity, 0),
            counts: Counts::default(),
            notifications: 0,
        }
    }

    /// Returns a position as it is in shared memory.
    pub(super) fn seen_at(&self, at: u64) -> Position {
        Position::new(self.start.wrapping_add(at), self.width)
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Reserving: returns the record, or the reason for the refusal.
    pub(super) fn reserve(&mut self, len: u64) -> Result<Expected, Refused> {
        if len > u64::from(u32::MAX / 4) || footprint(len) > self.capacity {
            return Err(Refused::TooLarge);
        }
        let committed = |record: &&Expected| record.state != State::Busy;
        while let Some(record) = self.record(self.pending).filter(committed) {
            self.pending = record.end();
        }
        let end = self.produced + footprint(len);
        let mask = self.capacity - 1;
        if end - self.pending > mask {
            return Err(Refused::PendingInTheWay);
        }
        if end - self.published > mask {
            return Err(Refused::Full);
        }
        let (number, at) = (self.reserved, self.produced);
        let record = Expected { number, at, len, state: State::Busy };
        self.records.push_back(record);
        self.reserved += 1;
        self.produced = end;
        self.longest = self.longest.max(footprint(len));
        Ok(record)
    }

    /// Committing: the record at `at` is no longer busy. Notifies if the consumer
    /// is exactly there, or if forced.
    pub(super) fn commit(&mut self, at: u64, state: State, flags: u64) {
        if let Ok(index) = self.find(at) {
            self.records[index].state = state;
        }
        let offset = |at: u64| self.start.wrapping_add(at) % self.capacity;
        let (no_wakeup, force) = (flags & 1 != 0, flags & 2 != 0);
        let caught_up = offset(self.published) == offset(at);
        self.notifications += u64::from(force || caught_up && !no_wakeup);
    }

    /// Begins a batch at the consumed position.
    pub(super) fn walk(&self, max_records: u64, max_bytes: u64) -> Walk {
        let (from, counts) = (self.consumed, Counts::default());
        let (passed, put_back) = (Vec::new(), None);
        Walk { from, at: from, passed, put_back, skipped: 0, counts, max_records, max_bytes }
    }

    /// Consuming: returns the next record. Checks the limits before each record,
    /// delivered or skipped.
    pub(super) fn next(&self, walk: &mut Walk) -> Found {
        loop {
            if walk.counts.delivered >= walk.max_records || walk.held() >= walk.max_bytes {
                return Found::Limit;
            }
            let Some(record) = self.record(walk.at) else { return Found::Empty };
            match record.state {
                State::Busy => return Found::Busy,
                State::Discarded => {
                    walk.counts.discarded += 1;
                    walk.skipped += footprint(record.len);
                }
                State::Submitted => walk.counts.delivered += 1,
            }
            walk.passed.push(record.at);
            walk.at = record.end();
            if record.state == State::Submitted {
                return Found::Record(*record);
            }
        }
    }

    /// Puts the last record of `walk` back, with the skipped ones after it. Returns
    /// false if it has none, or has put it back already.
    pub(super) fn put_back(&self, walk: &mut Walk) -> bool {
        let delivered = |at: &u64| self.record(*at).is_some_and(|r| r.state == State::Submitted);
        let Some(last) = walk.passed.iter().rposition(delivered) else { return false };
        walk.at = walk.passed[last];
        walk.put_back = (!walk.is_empty()).then_some(walk.at);
        for skipped in walk.passed.drain(..).skip(last + 1) {
            walk.counts.discarded -= 1;
            walk.skipped -= self.record(skipped).map_or(0, |record| footprint(record.len));
        }
        walk.counts.delivered -= 1;
        true
    }

    /// Consumes the records that `walk` passed, without giving their space back.
    pub(super) fn consume(&mut self, walk: &Walk) {
        self.consumed = walk.at;
        self.counts.delivered += walk.counts.delivered;
        self.counts.discarded += walk.counts.discarded;
        if let Some(start) = walk.put_back {
            self.release.forget(start);
        }
        self.release.pass(&walk.passed);
    }

    /// Ends a batch. The rule has exactly one result.
    pub(super) fn end_batch(&mut self) {
        let held = self.release.held(self.consumed, self.published);
        self.publish_up_to(self.consumed - held);
    }

    /// Ends a drain with a callback that left `held` bytes unpublished. It may act
    /// like one batch or like several.
    pub(super) fn end_drain(&mut self, walk: &Walk, held: u64) -> Result<(), String> {
        let one = self.release.held(self.consumed, self.published);
        let several = self.release.held_in_windows(self.consumed, walk.from, self.published);
        if held != one && Some(held) != several {
            return Err(format!("{held} bytes held back, not {one}, nor {several:?}"));
        }
        self.publish_up_to(self.consumed - held);
        Ok(())
    }

    /// Checks in the callback of a drain, at `record`, how far the shared position
    /// is behind.
    pub(super) fn lags_within(
        &self,
        walk: &Walk,
        record: Expected,
        published: Position,
    ) -> Result<(), String> {
        let lag = self.seen_at(record.at).distance(published, self.width);
        let before = self.consumed - self.published;
        // The consumer skips a run of discarded records as a whole.
        let most = self.release.most_within(self.longest, before) + walk.skipped;
        if lag <= most { Ok(()) } else { Err(format!("{lag} bytes unpublished, over {most}")) }
    }

    /// Replaces the consumer.
    pub(super) fn restart(&mut self) {
        self.publish();
        self.release = Release::new(self.capacity, self.consumed);
        self.counts = Counts::default();
    }

    /// Checks after looks that left `held` bytes unpublished.
    pub(super) fn looked(&mut self, held: u64) -> Result<(), String> {
        let unpublished = self.consumed - self.published;
        let (may, must) = self.release.is_idle();
        if held == 0 && (may || unpublished == 0) {
            self.publish();
        } else if must || held != unpublished {
            return Err(format!("{held} bytes held back, of {unpublished}, {:?}", self.release));
        }
        Ok(())
    }

    pub(super) fn publish(&mut self) {
        self.publish_up_to(self.consumed);
    }

    fn publish_up_to(&mut self, at: u64) {
        self.published = at;
        let needed = self.published.min(self.pending);
        while self.records.front().is_some_and(|record| record.end() <= needed) {
            self.records.pop_front();
        }
    }

    /// Returns true if there is a record at the consumed position that is not busy.
    pub(super) fn ready(&self) -> bool {
        self.record(self.consumed).is_some_and(|record| record.state != State::Busy)
    }

    fn record(&self, at: u64) -> Option<&Expected> {
        self.records.get(self.find(at).ok()?)
    }

    fn find(&self, at: u64) -> Result<usize, usize> {
        self.records.binary_search_by_key(&at, |record| record.at)
    }
}

/// Returns the bytes that a record takes: a header of eight bytes and the sample,
/// rounded up.
fn footprint(len: u64) -> u64 {
    (8 + len).next_multiple_of(8)
}
