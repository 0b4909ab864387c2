//! The protocol in plain numbers. Positions count bytes from the start of the
//! run, so that nothing in here wraps but what [`Model::seen_at`] makes of them.

use std::collections::VecDeque;

use ringbuf_core::{Counts, Position, Width};

use crate::Refused;

/// What a record has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Busy,
    Submitted,
    Discarded,
}

/// A record that was reserved.
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

/// What a call of `Batch::next` must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Record(Expected),
    Busy,
    Empty,
    Limit,
}

/// A batch: where it stands, what it passed, its bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    from: u64,
    at: u64,
    pub(super) counts: Counts,
    max_records: u64,
    max_bytes: u64,
}

impl Walk {
    pub(super) fn held(&self) -> u64 {
        self.at - self.from
    }
}

/// The ring as protocol.md has it: sections 1.2, 2, 3 and 4.
#[derive(Debug)]
pub(super) struct Model {
    width: Width,
    start: u64,
    capacity: u64,
    /// From the oldest that anybody may still look at, in order.
    records: VecDeque<Expected>,
    reserved: u64,
    pub(super) produced: u64,
    pending: u64,
    pub(super) published: u64,
    pub(super) consumed: u64,
    pub(super) release_after: u64,
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
            produced: 0,
            pending: 0,
            published: 0,
            consumed: 0,
            release_after: 0,
            counts: Counts::default(),
            notifications: 0,
        }
    }

    /// How a position looks in shared memory.
    pub(super) fn seen_at(&self, at: u64) -> Position {
        Position::new(self.start.wrapping_add(at), self.width)
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Section 2: granted where, or refused why.
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
        Ok(record)
    }

    /// Section 3: the record at `at` is no longer busy; whoever waits is told
    /// if the consumer stands exactly there, or by force.
    pub(super) fn commit(&mut self, at: u64, state: State, flags: u64) {
        if let Ok(index) = self.find(at) {
            self.records[index].state = state;
        }
        let offset = |at: u64| self.start.wrapping_add(at) % self.capacity;
        let (no_wakeup, force) = (flags & 1 != 0, flags & 2 != 0);
        let caught_up = offset(self.published) == offset(at);
        self.notifications += u64::from(force || caught_up && !no_wakeup);
    }

    /// A batch from the consumed position on.
    pub(super) fn walk(&self, max_records: u64, max_bytes: u64) -> Walk {
        let (from, counts) = (self.consumed, Counts::default());
        Walk { from, at: from, counts, max_records, max_bytes }
    }

    /// Section 4.1: the next record. The bounds are looked at before each
    /// record, delivered or skipped.
    pub(super) fn next(&self, walk: &mut Walk) -> Found {
        loop {
            if walk.counts.delivered >= walk.max_records || walk.held() >= walk.max_bytes {
                return Found::Limit;
            }
            let Some(record) = self.record(walk.at) else { return Found::Empty };
            match record.state {
                State::Busy => return Found::Busy,
                State::Discarded => walk.counts.discarded += 1,
                State::Submitted => walk.counts.delivered += 1,
            }
            walk.at = record.end();
            if record.state == State::Submitted {
                return Found::Record(*record);
            }
        }
    }

    /// The batch is dropped; `held` bytes are unpublished then. How many is the
    /// consumer's choice, within what [`may_hold`](Self::may_hold) says. It may
    /// have been `several` batches.
    pub(super) fn consume(&mut self, walk: &Walk, held: u64, several: bool) -> Result<(), String> {
        self.consumed = walk.at;
        self.counts.delivered += walk.counts.delivered;
        self.counts.discarded += walk.counts.discarded;
        if !self.may_hold(held, several) {
            let (unpublished, after) = (self.consumed - self.published, self.release_after);
            return Err(format!("{held} bytes held back, of {unpublished}, release after {after}"));
        }
        self.published = self.consumed - held;
        let needed = self.published.min(self.pending);
        while self.records.front().is_some_and(|record| record.end() <= needed) {
            self.records.pop_front();
        }
        Ok(())
    }

    /// Below the bound everything is held back. Above it all is published but
    /// for two records or more, if they fit the bound; they must be held back
    /// if half the bound and two more records fit it.
    fn may_hold(&self, held: u64, several: bool) -> bool {
        let unpublished = self.consumed - self.published;
        if unpublished < self.release_after {
            return held == unpublished;
        }
        let read = self
            .records
            .iter()
            .filter(|record| record.at >= self.published && record.end() <= self.consumed);
        if held == 0 {
            let longest = read.map(|record| footprint(record.len)).max().unwrap_or(0);
            return self.release_after == 0 || 2 * longest > self.release_after / 2;
        }
        let from = self.consumed.saturating_sub(held);
        let kept: Vec<_> = read.filter(|record| record.at >= from).collect();
        let boundary = kept.first().is_some_and(|record| record.at == from);
        // A batch that released all may have been followed by a short one.
        boundary && (kept.len() >= 2 || several) && held <= self.release_after
    }

    pub(super) fn publish(&mut self) {
        self.published = self.consumed;
    }

    /// Section 4.4: whether something stands at the consumed position that is
    /// not busy.
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

/// Bytes that a record takes: a header of eight and the sample, rounded up.
fn footprint(len: u64) -> u64 {
    (8 + len).next_multiple_of(8)
}
