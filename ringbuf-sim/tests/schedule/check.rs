//! The invariants, checked at each relevant access and after each step.
//!
//! Positions here count bytes from the start of the run, so nothing wraps.

mod each;
mod release;

use std::collections::VecDeque;

use ringbuf_core::{Corrupt, Counts, Header, Position};
use ringbuf_sim::explore::Plan;
use ringbuf_sim::{Flags, PendingPos};

pub(crate) use self::release::Read;

/// The state of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Busy,
    Submitted,
    Discarded,
}

/// A reserved record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) producer: usize,
    /// Its number among the records of its producer.
    pub(crate) number: u64,
    at: u64,
    len: u64,
    state: State,
    flags: Flags,
    /// Its commit has ended, with its notification.
    told: bool,
}

impl Record {
    fn end(&self) -> u64 {
        self.at + footprint(self.len)
    }
}

/// All records reserved and not yet released, and the state of the consumer.
#[derive(Debug)]
pub(crate) struct Check {
    plan: Plan,
    records: VecDeque<Record>,
    /// The number of records that each producer has reserved.
    numbers: Vec<u64>,
    produced: u64,
    pending: u64,
    published: u64,
    /// Everything before it may be released.
    consumed: u64,
    /// The start of the last two consumed records. Everything before may be
    /// released.
    tail: [u64; 2],
    /// The next record to deliver starts here, or after discarded ones.
    cursor: u64,
    /// Everything before it has been consumed at least once.
    passed: u64,
    /// Everything before it has been delivered at least once.
    farthest: u64,
    /// The consumer reads with a callback, and gives space back on the way.
    pub(crate) by_callback: bool,
    /// A callback reads the record before the cursor.
    lent: bool,
    pub(crate) reserved: u64,
    pub(crate) counts: Counts,
    pub(crate) redelivered: u64,
    /// The expected counts of the current consumer.
    life: Counts,
    /// The first violation.
    pub(crate) wrong: Option<String>,
}

impl Check {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            numbers: vec![0; plan.producers.len()],
            plan: plan.clone(),
            records: VecDeque::new(),
            produced: 0,
            pending: 0,
            published: 0,
            consumed: 0,
            tail: [0; 2],
            cursor: 0,
            passed: 0,
            farthest: 0,
            by_callback: false,
            lent: false,
            reserved: 0,
            counts: Counts::default(),
            redelivered: 0,
            life: Counts::default(),
            wrong: None,
        }
    }

    /// Records a violation, unless there is an earlier one.
    pub(crate) fn fail(&mut self, what: impl FnOnce() -> String) {
        self.wrong.get_or_insert_with(what);
    }

    pub(crate) fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(what);
        }
    }

    pub(crate) fn start(&self) -> Position {
        Position::new(self.plan.start, self.plan.width)
    }

    /// Returns a position as it is in shared memory.
    fn seen_at(&self, at: u64) -> Position {
        self.start().advance(at, self.plan.width)
    }

    pub(crate) fn since_start(&self, position: Position) -> u64 {
        position.distance(self.start(), self.plan.width)
    }

    fn offset(&self, at: u64) -> u64 {
        self.plan.start.wrapping_add(at) % self.plan.capacity
    }

    fn find(&self, at: u64) -> Option<usize> {
        self.records.binary_search_by_key(&at, |record| record.at).ok()
    }

    fn oldest_uncommitted(&self) -> u64 {
        let busy = self.records.iter().find(|record| record.state == State::Busy);
        busy.map_or(self.produced, |record| record.at)
    }

    /// A producer writes a header at this offset, for a new record.
    pub(crate) fn header_written(&mut self, at: u64, header: Header) {
        let (ends, room) = (self.offset(self.produced), self.plan.capacity - 8);
        self.must(at == ends, || format!("a header at {at}, but what is reserved ends at {ends}"));
        let end = self.produced + header.footprint();
        let (busy, published) = (self.oldest_uncommitted(), self.published);
        self.must(end - busy <= room, || format!("{end} runs over the uncommitted one at {busy}"));
        let released = self.plan.hostile || end - published <= room;
        self.must(released, || format!("{end} runs over what is unreleased from {published} on"));
    }

    /// A producer stores the producer position: a record of `len` bytes, with
    /// this header in memory, exists.
    pub(crate) fn produced(&mut self, producer: usize, len: u64, to: Position, header: u32) {
        let (at, end) = (self.produced, self.since_start(to));
        let should = at + footprint(len);
        self.must(end == should, || format!("reserved up to {end}, not from {at} to {should}"));
        let busy = header == Header::BUSY_BIT | len as u32;
        self.must(busy, || format!("a record of {len} at {at} has the header {header:#x}"));
        self.produced = end;
        let number = self.numbers[producer];
        let (state, flags, told) = (State::Busy, Flags::ADAPTIVE, false);
        self.records.push_back(Record { producer, number, at, len, state, flags, told });
        self.numbers[producer] += 1;
        self.reserved += 1;
    }

    /// The kernel stores `pending_pos`.
    pub(crate) fn pending(&mut self, to: Position) {
        let (from, to, busy) = (self.pending, self.since_start(to), self.oldest_uncommitted());
        let between = from <= to && to <= busy && to % 8 == 0;
        self.must(between, || format!("pending from {from} to {to}, past the uncommitted {busy}"));
        self.pending = to;
    }

    /// Returns the index of this producer's uncommitted record that covers
    /// `offset`.
    fn own(&mut self, producer: usize, offset: u64) -> Option<usize> {
        let (start, capacity) = (self.plan.start, self.plan.capacity);
        let covers = |r: &Record| {
            let inside = offset.wrapping_sub(start.wrapping_add(r.at)) % capacity;
            r.producer == producer && r.state == State::Busy && inside < footprint(r.len)
        };
        let found = self.records.iter().position(covers);
        self.must(found.is_some(), || {
            format!("producer {producer} writes the word at {offset}, where it has no record")
        });
        found
    }

    /// A producer writes a word of its sample.
    pub(crate) fn word_written(&mut self, producer: usize, offset: u64) {
        self.own(producer, offset);
    }

    /// A producer exchanges a header.
    pub(crate) fn committed(&mut self, producer: usize, offset: u64, to: Header, flags: Flags) {
        let Some(index) = self.own(producer, offset) else { return };
        let record = &mut self.records[index];
        record.state = if to.is_discarded() { State::Discarded } else { State::Submitted };
        record.flags = flags;
        let intact = u64::from(to.len().get()) == record.len && !to.is_busy();
        self.must(intact, || format!("a commit leaves the header {:#x}", to.to_bits()));
        self.forget_the_released();
    }

    /// The commit of this producer's record has returned.
    pub(crate) fn told(&mut self, producer: usize, number: u64, notified: bool) {
        let its = |r: &&mut Record| r.producer == producer && r.number == number;
        let flags = self.records.iter_mut().find(its).map(|record| {
            record.told = true;
            record.flags
        });
        let forced = flags.is_some_and(|flags| flags.0 & Flags::FORCE_WAKEUP.0 != 0);
        self.must(!forced || notified, || "a forced wakeup did not come".into());
    }

    /// A consumer starts at the stored position.
    pub(crate) fn started(&mut self, at: Position) {
        let (at, published) = (self.since_start(at), self.published);
        if self.plan.hostile {
            return;
        }
        self.must(at == published, || format!("a consumer starts at {at}, not at {published}"));
        (self.cursor, self.consumed, self.life) = (published, published, Counts::default());
        (self.by_callback, self.lent, self.tail) = (false, false, [at; 2]);
    }

    /// The consumer is given a record.
    pub(crate) fn delivered(&mut self, at: Position, len: u64) -> Option<Record> {
        let at = self.since_start(at);
        self.skipped_to(at);
        let Some(&record) = self.find(at).map(|index| &self.records[index]) else {
            self.fail(|| format!("delivered what is no record: {len} bytes at {at}"));
            return None;
        };
        let right = record.state == State::Submitted && record.len == len;
        self.must(right, || format!("delivered {len} bytes of {record:?}"));
        self.redelivered += u64::from(at < self.farthest);
        self.cursor = record.end();
        self.farthest = self.farthest.max(self.cursor);
        Some(record)
    }

    /// The consumer has passed everything up to `to`, all of it discarded.
    fn skipped_to(&mut self, to: u64) {
        let from = self.cursor;
        let missed = self
            .records
            .iter()
            .find(|record| (from..to).contains(&record.at) && record.state != State::Discarded);
        let missed = missed.copied();
        self.must(missed.is_none(), || format!("lost, between {from} and {to}: {missed:?}"));
        self.must(from <= to, || format!("delivered {to} again, after {from}"));
        self.cursor = to;
    }

    /// A batch ends after `held` bytes, and consumes them. Returns the expected
    /// counts.
    pub(crate) fn consumed(&mut self, held: u64) -> Counts {
        if self.plan.hostile {
            let most = self.plan.capacity;
            self.must(held <= most, || format!("a batch holds {held} bytes of {most}"));
            return self.life;
        }
        self.consume_to(self.consumed + held);
        self.life
    }

    /// Everything up to `to` is consumed: delivered, or discarded.
    fn consume_to(&mut self, to: u64) {
        let from = self.consumed;
        self.skipped_to(to);
        for record in self.records.iter().filter(|record| (from..to).contains(&record.at)) {
            self.tail = [self.tail[1], record.at];
            let submitted = record.state == State::Submitted;
            let count = |counts: &mut Counts| {
                counts.delivered += u64::from(submitted);
                counts.discarded += u64::from(!submitted);
            };
            count(&mut self.life);
            if record.at >= self.passed {
                count(&mut self.counts);
            }
        }
        self.consumed = to;
        self.passed = self.passed.max(to);
    }

    /// A batch is rewound: its records come again.
    pub(crate) fn kept(&mut self) {
        self.cursor = self.consumed;
    }

    /// Checks the position and the counts of the consumer after a batch.
    pub(crate) fn batch_ended(&mut self, at: Position, counted: bool) {
        if !self.plan.hostile {
            let (at, consumed) = (self.since_start(at), self.consumed);
            self.must(at == consumed, || format!("the consumer is at {at}, not at {consumed}"));
            self.must(counted, || "the consumer counts otherwise".into());
        }
    }

    /// Checks the lag that the consumer reports.
    pub(crate) fn lag(&mut self, bytes: u64) {
        let most = self.produced - self.consumed;
        let right = self.plan.hostile || bytes <= most;
        self.must(right, || format!("{bytes} bytes unread, of {most}"));
    }

    /// The consumer finds the ring corrupt. Only a forger can cause this.
    pub(crate) fn corrupt(&mut self, found: &Corrupt) {
        let forged = self.plan.hostile;
        self.must(forged, || found.to_string());
    }

    /// The consumer stores the consumer position.
    pub(crate) fn released(&mut self, to: Position) {
        if self.plan.hostile {
            return;
        }
        let from = self.published;
        self.must(to.is_aligned(), || format!("the consumer position {to:?} is not aligned"));
        let to = self.since_start(to);
        self.must(to >= from, || format!("released {to} after {from}"));
        self.skipped_meanwhile(to);
        let consumed = self.consumed;
        self.must(to <= consumed, || format!("released {to}, but only {consumed} is read"));
        let starts = to == self.produced || self.find(to).is_some();
        self.must(starts, || format!("released {to}, where no record starts"));
        self.published = to;
        self.forget_the_released();
    }

    fn forget_the_released(&mut self) {
        let (hostile, published) = (self.plan.hostile, self.published);
        let gone = |r: &Record| if hostile { r.state != State::Busy } else { r.end() <= published };
        while self.records.front().is_some_and(gone) {
            self.records.pop_front();
        }
    }

    /// After each step, checks the shared words and the counts.
    pub(crate) fn step(&mut self, consumer_pos: Position, producer_pos: Position) {
        let produced = self.seen_at(self.produced);
        let same = producer_pos == produced;
        self.must(same, || format!("the producer position is {producer_pos:?}, not {produced:?}"));
        if self.plan.hostile {
            return;
        }
        let published = self.seen_at(self.published);
        let same = consumer_pos == published;
        self.must(same, || format!("the consumer position is {consumer_pos:?}, not {published:?}"));
        let passed = self.records.partition_point(|record| record.at < self.passed);
        let in_flight = (self.records.len() - passed) as u64;
        let (reserved, counts) = (self.reserved, self.counts);
        let balance = reserved == counts.delivered + counts.discarded + in_flight;
        self.must(balance, || format!("{reserved} reserved, {counts}, {in_flight} in flight"));
    }

    /// Returns the record that the consumer waits for, if it is committed and its
    /// notification is done.
    pub(crate) fn waiting(&self) -> Option<&Record> {
        let head = &self.records[self.find(self.consumed)?];
        (head.state != State::Busy && head.told).then_some(head)
    }

    /// Returns true if only uncommitted records and those behind them are
    /// undelivered.
    pub(crate) fn all_delivered(&self) -> bool {
        self.find(self.passed).is_none_or(|head| self.records[head].state == State::Busy)
    }

    /// The position has wrapped at its width.
    pub(crate) fn wrapped(&self) -> bool {
        self.seen_at(self.produced).get() < self.start().get()
    }

    /// The kernel compares positions as if they never wrapped, and they have.
    pub(crate) fn exhausted(&self) -> bool {
        let behind = self.seen_at(self.pending).get() > self.seen_at(self.produced).get();
        self.plan.pending_pos == PendingPos::Compared && behind
    }

    /// Records that nobody will commit.
    pub(crate) fn stuck(&self) -> bool {
        self.records.iter().any(|record| record.state == State::Busy)
    }
}

impl Record {
    /// No notification is sent.
    pub(crate) fn is_silent(&self) -> bool {
        self.flags == Flags::NO_WAKEUP
    }
}

/// Returns the bytes that a record takes: a header of eight bytes and the sample,
/// rounded up.
fn footprint(len: u64) -> u64 {
    (8 + len).next_multiple_of(8)
}
