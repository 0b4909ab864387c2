//! One ring in plain memory: its words, its lock, its wait queue, and the seat of a
//! party. Every access is a step: the party announces its action and stops, and the
//! scheduler decides which party continues.
//!
//! One thread runs all parties, so memory is sequentially consistent here. The loom
//! models cover weaker memory.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use ringbuf_core::{Capacity, Header, Offset, Position, SampleLen, Width};
use ringbuf_sim::explore::{Access, Plan, Random, WaitQueue, step};
use ringbuf_sim::{Flags, Host, PendingPos, Positions};

use crate::check::Check;
use crate::defect::Defect;
use crate::tally::Tally;

/// The words and the data of a ring, its lock, and its wait queue.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) consumer_pos: Cell<Position>,
    pub(crate) producer_pos: Cell<Position>,
    pub(crate) slots: Vec<Cell<u64>>,
    pub(crate) capacity: Capacity,
    pub(crate) width: Width,
    pub(crate) pending_pos: PendingPos,
    locked: Cell<bool>,
    positions: Cell<Positions>,
    pub(crate) queue: WaitQueue,
    /// The scheduler ended a sleep before its time.
    pub(crate) timed_out: Cell<bool>,
    /// The time in steps. It continues while all parties stall.
    pub(crate) clock: Rc<Cell<u64>>,
    forger: Option<RefCell<Random>>,
    pub(crate) defect: Option<Defect>,
    pub(crate) check: RefCell<Check>,
    pub(crate) tally: Tally,
}

impl Shared {
    pub(crate) fn new(plan: &Plan, defect: Option<Defect>, clock: Rc<Cell<u64>>) -> Rc<Self> {
        let start = Position::new(plan.start, plan.width);
        let forger = plan.hostile.then(|| RefCell::new(Random::new(plan.seed ^ 0xf0f0)));
        Rc::new(Self {
            consumer_pos: Cell::new(start),
            producer_pos: Cell::new(start),
            slots: (0..plan.capacity / 8).map(|_| Cell::new(!0)).collect(),
            capacity: plan.capacity(),
            width: plan.width,
            pending_pos: plan.pending_pos,
            locked: Cell::new(false),
            positions: Cell::new(Positions::starting_at(start)),
            queue: WaitQueue::new(plan.late),
            timed_out: Cell::new(false),
            clock,
            forger,
            defect,
            check: RefCell::new(Check::new(plan)),
            tally: Tally::default(),
        })
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.locked.get() && !self.has(Defect::NoLock)
    }

    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Returns the word `words` words behind the header at `at`. The first word
    /// follows the last one, where the second copy of the data would begin.
    pub(crate) fn slot(&self, at: Offset, words: usize) -> &Cell<u64> {
        &self.slots[(at.index() / 8 + words) % self.slots.len()]
    }

    pub(crate) fn header(&self, at: Offset) -> Header {
        Header::from_bits(self.slot(at, 0).get() as u32)
    }

    pub(crate) fn set_header(&self, at: Offset, header: Header) {
        self.slot(at, 0).set(header.to_bits().into());
    }

    pub(crate) fn position(&self, word: &Cell<Position>) -> Position {
        self.forge(word.get(), |random, value| match random.below(8) {
            0 => random.next_number(),
            1 => value.wrapping_add(4),
            _ => value.wrapping_add(8 * random.below(2 * self.capacity.bytes() / 8)),
        })
    }

    /// Every third load, if there is a forger.
    fn forge(&self, true_one: Position, value: impl Fn(&mut Random, u64) -> u64) -> Position {
        let Some(forger) = &self.forger else { return true_one };
        let mut random = forger.borrow_mut();
        if random.below(3) != 0 {
            return true_one;
        }
        Position::new(value(&mut random, true_one.get()), self.width)
    }

    pub(crate) fn forge_header(&self, true_one: Header) -> Header {
        let Some(forger) = &self.forger else { return true_one };
        let mut random = forger.borrow_mut();
        Header::from_bits(match random.below(4) {
            0 => random.next_number() as u32,
            1 => Header::DISCARD_BIT | random.below(16) as u32,
            _ => true_one.to_bits(),
        })
    }
}

/// The seat of a party at the ring, with its current action.
pub(crate) struct Seat {
    pub(crate) shared: Rc<Shared>,
    pub(crate) party: usize,
    /// The length of the record that it reserves.
    pub(crate) asking: Cell<u64>,
    /// The flags with which it commits a record.
    pub(crate) committing: Cell<Option<Flags>>,
    pub(crate) notified: Cell<bool>,
    /// The number of loads that it may still make in this call.
    loads: Cell<u64>,
    /// A callback has just returned, for a record of this length.
    pub(crate) after: Cell<Option<SampleLen>>,
    /// It waits without a timeout. The scheduler decides when a sleep times out.
    pub(crate) endless: Cell<bool>,
    /// The last wait was a nap.
    pub(crate) napped: Cell<bool>,
    // State of the defects: delayed actions and old values.
    pub(crate) late_swap: Cell<Option<(Offset, Header)>>,
    pub(crate) late_header: Cell<Option<(Offset, Header)>>,
    pub(crate) late_word: Cell<Option<(Offset, usize, u64)>>,
    pub(crate) seen_position: Cell<Option<Position>>,
    pub(crate) seen_header: Cell<Option<(Offset, Header)>>,
    pub(crate) stale: Cell<bool>,
}

impl Seat {
    pub(crate) fn new(shared: Rc<Shared>, party: usize) -> Self {
        Self {
            shared,
            party,
            asking: Cell::new(0),
            committing: Cell::new(None),
            notified: Cell::new(false),
            loads: Cell::new(u64::MAX),
            after: Cell::new(None),
            endless: Cell::new(true),
            napped: Cell::new(false),
            late_swap: Cell::new(None),
            late_header: Cell::new(None),
            late_word: Cell::new(None),
            seen_position: Cell::new(None),
            seen_header: Cell::new(None),
            stale: Cell::new(false),
        }
    }

    /// See [`step`].
    pub(crate) fn step(&self, access: Access) -> bool {
        step(access)
    }

    pub(crate) fn check<T>(&self, check: impl FnOnce(&mut Check) -> T) -> T {
        check(&mut self.shared.check.borrow_mut())
    }

    /// Begins a call that may pass this many rings of records, as if each header
    /// were the last one produced.
    pub(crate) fn may_load(&self, rings: u64) {
        self.loads.set(rings * (2 * self.shared.capacity.bytes() / 8 + 4));
    }

    /// Begins a call with this many looks.
    pub(crate) fn may_look(&self, times: u64) {
        self.loads.set(2 * times);
    }

    pub(crate) fn load(&self) {
        match self.loads.get().checked_sub(1) {
            Some(left) => self.loads.set(left),
            None => self.check(|check| check.fail(|| "it loads without end".into())),
        }
    }

    pub(crate) fn release(&self, position: Position) {
        self.shared.consumer_pos.set(position);
        self.check(|check| check.released(position));
    }

    pub(crate) fn commit(&self, at: Offset, header: Header) {
        self.shared.set_header(at, header);
        let flags = self.committing.get().unwrap_or(Flags::ADAPTIVE);
        self.check(|check| check.committed(self.party, at.get(), header, flags));
    }
}

/// The environment of the kernel: a lock. Other parties may run while it is held,
/// and wait for it.
pub(crate) struct Surroundings<'s>(pub(crate) &'s Seat);

impl Host for Surroundings<'_> {
    type Guard<'a>
        = Guard<'a>
    where
        Self: 'a;

    fn lock(&self) -> Guard<'_> {
        let shared = &self.0.shared;
        if shared.locked.get() {
            shared.tally.waits_for_the_lock.more::<()>();
        }
        self.0.step(Access::Lock);
        // The scheduler continues a party that waits here only when the lock is
        // free.
        shared.locked.set(true);
        Guard { seat: self.0, positions: shared.positions.get() }
    }

    fn notify(&self) {
        if self.0.step(Access::Notify) && !self.0.shared.has(Defect::SilentCommit) {
            self.0.notified.set(true);
            self.0.shared.queue.notify();
        }
    }
}

/// The positions while the lock is held.
pub(crate) struct Guard<'s> {
    seat: &'s Seat,
    positions: Positions,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.seat.step(Access::Unlock) {
            self.seat.shared.positions.set(self.positions);
            self.seat.shared.locked.set(false);
        }
    }
}

impl Deref for Guard<'_> {
    type Target = Positions;

    fn deref(&self) -> &Positions {
        &self.positions
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Positions {
        &mut self.positions
    }
}
