//! A ring in a modelled machine: its words, its cache lines and its lock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use ringbuf_core::{Capacity, Header, Offset, Position, Width};
use ringbuf_sim::Positions;

use crate::line::Line;

/// The bytes of a cache line.
const LINE: usize = 64;

/// What the parties of one ring share. Everything runs on one thread.
#[derive(Debug)]
pub(crate) struct Ring {
    pub(crate) capacity: Capacity,
    pub(crate) width: Width,
    /// The length word of the header at each multiple of 8.
    headers: Vec<Cell<u32>>,
    /// The time of the commit of the record at each multiple of 8.
    commits: Vec<Cell<u64>>,
    data: RefCell<Vec<Line>>,
    pub(crate) produced: Cell<Position>,
    pub(crate) consumed: Cell<Position>,
    /// What the lock guards.
    pub(crate) positions: Cell<Positions>,
    pub(crate) lock: Lock,
    pub(crate) producer_line: RefCell<Line>,
    pub(crate) consumer_line: RefCell<Line>,
    /// A notification has arrived since the reader last blocked.
    pub(crate) edge: Cell<bool>,
    /// The party that reads this ring.
    pub(crate) reader: Option<u32>,
}

/// A lock that serves its waiters in their order.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    pub(crate) is_held: Cell<bool>,
    pub(crate) line: RefCell<Line>,
    /// The parties that wait, each with its CPU.
    pub(crate) waiting: RefCell<VecDeque<(u32, usize)>>,
}

impl Ring {
    pub(crate) fn new(capacity: Capacity, width: Width, reader: Option<u32>) -> Self {
        let bytes = capacity.bytes() as usize;
        let start = Position::new(0, width);
        Self {
            capacity,
            width,
            headers: vec![Cell::new(0); bytes / 8],
            commits: vec![Cell::new(0); bytes / 8],
            data: RefCell::new(vec![Line::default(); bytes / LINE]),
            produced: Cell::new(start),
            consumed: Cell::new(start),
            positions: Cell::new(Positions::starting_at(start)),
            lock: Lock::default(),
            producer_line: RefCell::default(),
            consumer_line: RefCell::default(),
            edge: Cell::new(false),
            reader,
        }
    }

    pub(crate) fn header(&self, at: Offset) -> Header {
        Header::from_bits(self.headers[at.index() / 8].get())
    }

    pub(crate) fn set_header(&self, at: Offset, header: Header) {
        self.headers[at.index() / 8].set(header.to_bits());
    }

    pub(crate) fn set_commit(&self, at: Offset, now: u64) {
        self.commits[at.index() / 8].set(now);
    }

    /// Returns when the record at this position was committed.
    pub(crate) fn commit_of(&self, position: Position) -> u64 {
        self.commits[position.offset(self.capacity).index() / 8].get()
    }

    /// Calls `access` for each cache line of these bytes, which may go over the end. It gets
    /// the line, and the one before it.
    pub(crate) fn each_line(&self, at: usize, len: usize, mut access: impl FnMut(&mut Line, Line)) {
        let mut lines = self.data.borrow_mut();
        let count = lines.len();
        let (first, last) = (at / LINE, (at + len.max(1) - 1) / LINE);
        for line in first..=last {
            let before = lines[(line + count - 1) % count];
            access(&mut lines[line % count], before);
        }
    }

    /// Returns the bytes that producers cannot use.
    pub(crate) fn fill(&self) -> u64 {
        self.produced.get().distance(self.consumed.get(), self.width)
    }
}
