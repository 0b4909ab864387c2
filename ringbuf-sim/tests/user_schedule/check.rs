//! What must hold after each access: an independent account of the records of a user ring.

use std::collections::VecDeque;

use ringbuf_core::{Header, Offset, Position, Width};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Submitted,
    Discarded,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    at: u64,
    footprint: u64,
    state: State,
    /// What each of its words holds.
    value: u64,
}

/// The records that are produced and not consumed, and those of a batch before them.
#[derive(Debug)]
pub(crate) struct Check {
    capacity: u64,
    /// From the start of all positions.
    produced: Option<u64>,
    records: VecDeque<Record>,
    /// Headers that are written and not yet produced.
    drafts: Vec<Record>,
    /// Samples.
    pub(crate) committed: u64,
    pub(crate) delivered: u64,
    pub(crate) discarded: u64,
    /// The first violation.
    pub(crate) wrong: Option<String>,
}

impl Check {
    pub(crate) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            produced: None,
            records: VecDeque::new(),
            drafts: Vec::new(),
            committed: 0,
            delivered: 0,
            discarded: 0,
            wrong: None,
        }
    }

    pub(crate) fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.get_or_insert_with(what);
        }
    }

    pub(crate) fn start(&mut self, at: Position) {
        self.produced.get_or_insert(at.get());
        // What a dead producer has written and not published is no record.
        self.drafts.clear();
    }

    /// A producer writes a header, for a record that is not yet produced.
    pub(crate) fn header_written(&mut self, at: Offset, header: Header, consumed: Position) {
        let produced = self.produced.unwrap_or_default();
        let ahead = at.get().wrapping_sub(produced) % self.capacity;
        let from = produced + ahead;
        let used = from + header.footprint() - consumed.get();
        let capacity = self.capacity;
        self.must(used <= capacity, || format!("a header at {from} makes {used} of {capacity}"));
        self.drafts.retain(|draft| draft.at < from);
        let state = if header.is_busy() { State::Open } else { State::Submitted };
        self.drafts.push(Record { at: from, footprint: header.footprint(), state, value: 0 });
    }

    /// A producer stores the producer position: records up to there exist.
    pub(crate) fn produced(&mut self, to: Position, header: impl Fn(Position) -> Header) {
        let mut at = self.produced.unwrap_or_default();
        let to = to.get();
        self.must(to > at, || format!("the producer position goes from {at} to {to}"));
        while at < to && self.wrong.is_none() {
            let found = header(Position::new(at, Width::Bits64));
            let drafted = self.drafts.iter().find(|draft| draft.at == at).copied();
            let Some(record) = drafted.filter(|draft| {
                draft.footprint == found.footprint()
                    && found.is_busy() == (draft.state == State::Open)
            }) else {
                return self
                    .must(false, || format!("produced at {at} without its header: {found:?}"));
            };
            self.committed += u64::from(record.state == State::Submitted);
            self.records.push_back(record);
            at += record.footprint;
        }
        self.must(at == to, || format!("produced up to {at}, but the position is {to}"));
        self.drafts.clear();
        self.produced = Some(to);
    }

    fn find(&mut self, at: Offset) -> Option<&mut Record> {
        let capacity = self.capacity;
        self.records.iter_mut().find(|record| record.at % capacity == at.get())
    }

    /// A producer commits.
    pub(crate) fn committed(&mut self, at: Offset, header: Header) {
        let Some(record) = self.find(at).filter(|record| record.state == State::Open) else {
            return self.must(false, || format!("a commit at {at:?}, where nothing is open"));
        };
        let right = record.footprint == header.footprint() && !header.is_busy();
        record.state = if header.is_discarded() { State::Discarded } else { State::Submitted };
        self.committed += u64::from(!header.is_discarded());
        self.must(right, || format!("a commit leaves {header:?}"));
    }

    /// A producer writes a word of its sample.
    pub(crate) fn word_written(&mut self, at: Offset, word: usize, value: u64) {
        let (capacity, bytes) = (self.capacity, 8 * (1 + word as u64));
        let its =
            |record: &&mut Record| record.at % capacity == at.get() && bytes <= record.footprint;
        let open = |record: &&mut Record| its(record) && record.state == State::Open;
        let draft = self.drafts.iter_mut().find(its);
        match draft.or_else(|| self.records.iter_mut().find(open)) {
            Some(record) => record.value = value,
            None => self.must(false, || format!("word {word} of {at:?} belongs to nobody")),
        }
    }

    /// A drain delivers a sample: its words.
    pub(crate) fn delivered(&mut self, at: Offset, words: &[u64]) {
        let capacity = self.capacity;
        let next = self.records.iter().find(|record| record.state != State::Discarded).copied();
        let right = next.is_some_and(|record| {
            record.at % capacity == at.get()
                && record.state == State::Submitted
                && record.footprint == 8 * (1 + words.len() as u64)
        });
        self.must(right, || format!("delivered {} words at {at:?}, not {next:?}", words.len()));
        let value = next.map_or(0, |record| record.value);
        let whole = words.iter().all(|word| *word == value);
        self.must(whole, || format!("a sample of {value:#x} holds {words:x?}"));
        self.delivered += 1;
    }

    /// A drain releases space.
    pub(crate) fn released(&mut self, to: Position) {
        let Some(record) = self.records.pop_front() else {
            return self.must(false, || format!("released {to}, where nothing is produced"));
        };
        let right = record.state != State::Open && record.at + record.footprint == to.get();
        self.discarded += u64::from(record.state == State::Discarded);
        self.must(right, || format!("released {to} after {record:?}"));
    }

    /// A successor has discarded what a dead producer left open.
    pub(crate) fn recovered(&mut self, found: u64) {
        let left = self.records.iter().filter(|record| record.state == State::Open).count();
        self.must(left == 0, || format!("{left} left open, and {found} discarded"));
    }

    pub(crate) fn ends(&mut self) {
        let (left, committed, delivered) = (self.records.len(), self.committed, self.delivered);
        let all = left == 0 && committed == delivered;
        self.must(all, || format!("{left} left; {committed} submitted, {delivered} delivered"));
    }
}
