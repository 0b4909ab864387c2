//! The records of one explored ring, and what its reader has done with them.
//!
//! Positions here count bytes from the start of the run, so nothing wraps.

use std::fmt;

use ringbuf_core::{Header, Offset, Position, Width};

use super::Plan;
use crate::Flags;

/// The state of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Busy,
    Submitted,
    Discarded,
}

/// A reserved record.
#[derive(Debug)]
pub(super) struct Record {
    producer: usize,
    /// Its number among the records of its producer.
    number: u64,
    at: u64,
    sample: Vec<u8>,
    state: State,
    flags: Flags,
    /// Its commit has ended, with its notification.
    told: bool,
}

impl Record {
    pub(super) fn is_silent(&self) -> bool {
        self.flags == Flags::NO_WAKEUP
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, producer, .. } = self;
        write!(f, "record {number} of producer {producer} ({} bytes)", self.sample.len())
    }
}

#[derive(Debug)]
pub(super) struct Check {
    start: Position,
    width: Width,
    capacity: u64,
    /// All records of the run, in the order of the ring.
    records: Vec<Record>,
    produced: u64,
    published: u64,
    /// Core has lent the records before this index to the reader.
    lent: usize,
    /// The reader has said that it received the records before this index.
    received: usize,
    /// The reader says what it receives, and how often it did.
    says: bool,
    said: u64,
    /// The index at which this life of the reader began.
    began: usize,
    /// Records that came again after a death, in this life.
    again: u64,
    /// Grows whenever the reader gets on.
    pub(super) progress: u64,
    /// The first violation.
    pub(super) wrong: Option<String>,
}

impl Check {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            start: Position::new(plan.start, plan.width),
            width: plan.width,
            capacity: plan.capacity,
            records: Vec::new(),
            produced: 0,
            published: 0,
            lent: 0,
            received: 0,
            says: false,
            said: 0,
            began: 0,
            again: 0,
            progress: 0,
            wrong: None,
        }
    }

    fn fail(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    fn since_start(&self, position: Position) -> u64 {
        position.distance(self.start, self.width)
    }

    /// The index of the first record that does not end before `at`.
    fn index_at(&self, at: u64) -> usize {
        self.records.partition_point(|record| record.at < at)
    }

    /// A producer stores the producer position: its record exists, and will have this
    /// sample.
    pub(super) fn produced(&mut self, producer: usize, to: Position, sample: Vec<u8>) {
        let at = self.produced;
        self.produced = self.since_start(to);
        let number = self.records.iter().filter(|record| record.producer == producer).count();
        let (state, flags, told) = (State::Busy, Flags::ADAPTIVE, false);
        let number = number as u64;
        self.records.push(Record { producer, number, at, sample, state, flags, told });
    }

    /// A producer exchanges the header of its record at this offset.
    pub(super) fn committed(&mut self, producer: usize, at: Offset, to: Header, flags: Flags) {
        let (start, capacity) = (self.start.get(), self.capacity);
        let its = |record: &&mut Record| {
            let offset = start.wrapping_add(record.at) % capacity;
            let busy = record.state == State::Busy;
            busy && record.producer == producer && offset == at.get()
        };
        if let Some(record) = self.records.iter_mut().rev().find(its) {
            record.state = if to.is_discarded() { State::Discarded } else { State::Submitted };
            record.flags = flags;
        }
    }

    /// The commit of this producer's record has returned. Its notification may be lost.
    pub(super) fn told(&mut self, producer: usize, number: u64, lost: bool) {
        let its = |record: &&mut Record| record.producer == producer && record.number == number;
        if let Some(record) = self.records.iter_mut().rev().find(its) {
            record.told = true;
            if lost {
                record.flags = Flags::NO_WAKEUP;
            }
        }
    }

    /// Core lends the sample at this offset to the reader.
    pub(super) fn lend(&mut self, at: Offset) {
        let from = self.start.get().wrapping_add(self.published) % self.capacity;
        let at = self.published + at.get().wrapping_sub(from) % self.capacity;
        let index = self.index_at(at);
        if self.records.get(index).is_none_or(|r| r.at != at || r.state != State::Submitted) {
            return self.fail(format!("the reader is lent what is no submitted record, at {at}"));
        }
        if let Some(missed) = self.next_submitted(self.lent).filter(|missed| *missed < index) {
            let (missed, record) = (&self.records[missed], &self.records[index]);
            return self.fail(format!("lost: {missed}: the reader got {record} instead"));
        }
        // A record that is read again is no progress: a reader may do that for ever.
        if index >= self.lent {
            self.lent = index + 1;
            self.progress += 1;
        }
    }

    fn next_submitted(&self, from: usize) -> Option<usize> {
        let found = self.records[from..].iter().position(|r| r.state == State::Submitted);
        found.map(|index| from + index)
    }

    /// The reader says that it has received this sample.
    pub(super) fn received(&mut self, sample: &[u8]) {
        self.says = true;
        self.said += 1;
        let next = self.next_submitted(self.received).filter(|next| *next < self.lent);
        let is = |index: &usize| {
            let record = &self.records[*index];
            record.state == State::Submitted && record.sample == sample
        };
        if let Some(next) = next.filter(&is) {
            self.received = next + 1;
            self.progress += 1;
            return;
        }
        let earlier = (0..self.received).rev().find(&is);
        let later = (self.received..self.lent).find(&is);
        let text = match (later, earlier, next) {
            (Some(later), _, Some(next)) => {
                if next < self.began {
                    self.lost_by_a_death(next)
                } else {
                    let (next, later) = (&self.records[next], &self.records[later]);
                    format!("lost, or out of order: {next}: the reader received {later} instead")
                }
            }
            (_, Some(earlier), _) => {
                format!("the reader received {} twice", self.records[earlier])
            }
            _ => format!("the reader received {} bytes that nobody sent", sample.len()),
        };
        self.fail(text);
    }

    /// The reader stores the consumer position.
    pub(super) fn released(&mut self, to: Position) {
        self.published = self.since_start(to);
        self.progress += 1;
    }

    /// The reader has died. The next one begins at the stored position.
    pub(super) fn died(&mut self, again_at_most: u64) {
        let from = self.index_at(self.published);
        let missed =
            self.next_submitted(self.received).filter(|missed| self.says && *missed < from);
        if let Some(missed) = missed {
            self.fail(self.lost_by_a_death(missed));
        }
        let reached = if self.says { self.received } else { self.lent };
        let again = self.records.get(from..reached).unwrap_or_default();
        let again = again.iter().filter(|record| record.state == State::Submitted).count() as u64;
        self.again += again;
        if again > again_at_most {
            self.fail(format!(
                "{again} records come again after a death, and not {again_at_most} at most"
            ));
        }
        (self.lent, self.began) = (from, from);
        self.received = self.received.min(from);
    }

    fn lost_by_a_death(&self, index: usize) -> String {
        let record = &self.records[index];
        format!("lost by a death: {record}: the reader gave it back before it had received it")
    }

    /// Returns the record in front of which a reader must not sleep: the first one that it
    /// has not read or not given back, if it is committed and its notification is done.
    pub(super) fn waiting(&self) -> Option<&Record> {
        let head = self.lent.max(self.index_at(self.published));
        self.records.get(head).filter(|record| record.state != State::Busy && record.told)
    }

    /// Returns true if the kernel would say that something is there to read.
    pub(super) fn has_something(&self) -> bool {
        self.produced != self.published
    }

    /// Returns the next record that the reader can read.
    pub(super) fn unread(&self) -> Option<&Record> {
        let next = self.records[self.lent..].iter().find(|r| r.state != State::Discarded);
        next.filter(|record| record.state == State::Submitted)
    }

    /// Returns the next record that was read, and of which the reader did not say that it
    /// has received it.
    pub(super) fn unsaid(&self) -> Option<&Record> {
        let next = self.next_submitted(self.received).filter(|next| *next < self.lent);
        next.filter(|_| self.says).map(|index| &self.records[index])
    }

    pub(super) fn read(&self) -> u64 {
        let read = &self.records[..self.lent];
        read.iter().filter(|record| record.state == State::Submitted).count() as u64
    }

    pub(super) fn said(&self) -> u64 {
        self.said
    }

    pub(super) fn again(&self) -> u64 {
        self.again
    }
}
