//! A small user ring in plain cells. Each access is a step of the running party, and
//! the [`Check`] sees it. Planted defects misbehave here.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use corosensei::Yielder;
use ringbuf_core::{
    Capacity, ConsumerMemory, Header, Offset, PageOffset, Position, Produced, ProducerMemory,
    RingMemory, SampleLen, WaitHost, WakeCause, Wakes, Width,
};
use ringbuf_sim::DrainHost;

use crate::check::Check;
use crate::{Defect, PRODUCERS};

/// What a party waits for before its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing: it may run.
    Nothing,
    /// A number of notifications that is not this one.
    Notified(u64),
    /// A number of stores by the producers that is not this one.
    Produced(u64),
    /// The lock of the producer position.
    Unlocked,
}

/// The words, the scheduler's state, and the check.
pub(crate) struct Shared {
    pub(crate) capacity: Capacity,
    pub(crate) consumer_pos: Cell<Position>,
    pub(crate) producer_pos: Cell<Position>,
    /// Headers and samples, in words of eight bytes.
    headers: Vec<Cell<u32>>,
    words: Vec<Cell<u64>>,
    /// The party that runs, and how each suspends itself.
    pub(crate) running: Cell<usize>,
    yielders: Vec<Cell<*const Yielder<(), Wait>>>,
    /// The process of the producers is dying: they take no more steps.
    pub(crate) dead: Cell<bool>,
    pub(crate) locked: Cell<bool>,
    pub(crate) notified: Cell<u64>,
    pub(crate) stored: Cell<u64>,
    pub(crate) defect: Option<Defect>,
    pub(crate) check: RefCell<Check>,
}

impl Shared {
    pub(crate) fn new(bytes: u64, start: u64, defect: Option<Defect>) -> Rc<Self> {
        let start = Position::new(start, Width::Bits64);
        let words = (bytes / 8) as usize;
        Rc::new(Self {
            capacity: Capacity::new(bytes, 16).unwrap(),
            consumer_pos: Cell::new(start),
            producer_pos: Cell::new(start),
            headers: vec![Cell::new(0); words],
            words: vec![Cell::new(0); words],
            running: Cell::new(0),
            yielders: vec![Cell::new(std::ptr::null()); PRODUCERS + 1],
            dead: Cell::default(),
            locked: Cell::default(),
            notified: Cell::default(),
            stored: Cell::default(),
            defect,
            check: RefCell::new(Check::new(bytes)),
        })
    }

    pub(crate) fn enter(&self, party: usize, yielder: &Yielder<(), Wait>) {
        self.yielders[party].set(yielder);
    }

    /// Lets the others run, until the party may go on. Returns false if it is dying, and
    /// must do nothing.
    pub(crate) fn step(&self, wait: Wait) -> bool {
        let party = self.running.get();
        let dying = || self.dead.get() && party < PRODUCERS;
        if dying() {
            return false;
        }
        // SAFETY: the running party has stored its own yielder, which lives on its stack.
        unsafe { &*self.yielders[party].get() }.suspend(wait);
        !dying()
    }

    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn slot(&self, at: Offset, word: usize) -> usize {
        (at.index() / 8 + word) % self.words.len()
    }

    fn stored(&self) {
        self.stored.set(self.stored.get() + 1);
    }
}

/// The memory of either role.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) shared: Rc<Shared>,
    /// A header that a defect writes late.
    late: Rc<Cell<Option<(Offset, Header)>>>,
}

impl View {
    pub(crate) fn new(shared: &Rc<Shared>) -> Self {
        Self { shared: shared.clone(), late: Rc::default() }
    }
}

// SAFETY: M1 to M5 by construction: each method is one access to the cells of `Shared`,
// with bounds checks, on one thread, unless a defect is planted.
unsafe impl RingMemory for View {
    fn capacity(&self) -> Capacity {
        self.shared.capacity
    }

    fn width(&self) -> Width {
        Width::Bits64
    }
}

// SAFETY: as above.
unsafe impl ProducerMemory for View {
    type SampleMut<'a> = Words<'a>;

    fn initial_producer_pos(&self) -> Position {
        self.shared.producer_pos.get()
    }

    fn load_consumer_pos(&self, _: Ordering) -> Position {
        self.shared.step(Wait::Nothing);
        let ignored = self.shared.has(Defect::IgnoreConsumer);
        if ignored { self.shared.producer_pos.get() } else { self.shared.consumer_pos.get() }
    }

    unsafe fn store_producer_pos(&self, position: Position, _: Ordering) {
        if !self.shared.step(Wait::Nothing) {
            return;
        }
        self.shared.producer_pos.set(position);
        let header = |at: Position| {
            let at = at.offset(self.shared.capacity);
            Header::from_bits(self.shared.headers[self.shared.slot(at, 0)].get())
        };
        self.shared.check.borrow_mut().produced(position, header);
        self.shared.stored();
        if let Some((at, header)) = self.late.take() {
            if self.shared.step(Wait::Nothing) {
                self.shared.headers[self.shared.slot(at, 0)].set(header.to_bits());
            }
        }
    }

    unsafe fn write_header(&self, at: Offset, header: Header, _: PageOffset) {
        if !self.shared.step(Wait::Nothing) {
            return;
        }
        self.shared.check.borrow_mut().header_written(at, header, self.shared.consumer_pos.get());
        if self.shared.has(Defect::PositionBeforeHeader) {
            self.late.set(Some((at, header)));
        } else {
            self.shared.headers[self.shared.slot(at, 0)].set(header.to_bits());
        }
    }

    unsafe fn load_header(&self, at: Offset, _: Ordering) -> Header {
        self.shared.step(Wait::Nothing);
        let header = Header::from_bits(self.shared.headers[self.shared.slot(at, 0)].get());
        if self.shared.has(Defect::RecoverNothing) { header.submitted() } else { header }
    }

    unsafe fn store_header(&self, at: Offset, header: Header, _: Ordering) {
        if self.shared.step(Wait::Nothing) {
            self.shared.check.borrow_mut().committed(at, header);
            self.shared.headers[self.shared.slot(at, 0)].set(header.to_bits());
            self.shared.stored();
        }
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> Words<'_> {
        Words(Cells { shared: &self.shared, at, len: len.index() / 8 })
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for View {
    type Sample<'a> = Words<'a>;

    type Data = ();

    fn data(&self) {}

    fn initial_consumer_pos(&self) -> Position {
        self.shared.consumer_pos.get()
    }

    fn stored_consumer_pos(&self) -> Position {
        self.shared.consumer_pos.get()
    }

    fn load_producer_pos(&self, _: Ordering) -> Position {
        self.shared.step(Wait::Nothing);
        self.shared.producer_pos.get()
    }

    unsafe fn store_consumer_pos(&self, position: Position, _: Ordering) {
        self.shared.step(Wait::Nothing);
        self.shared.check.borrow_mut().released(position);
        self.shared.consumer_pos.set(position);
    }

    unsafe fn load_header(&self, (): (), at: Offset, _: Ordering) -> Header {
        self.shared.step(Wait::Nothing);
        Header::from_bits(self.shared.headers[self.shared.slot(at, 0)].get())
    }

    unsafe fn sample(&self, (): (), at: Offset, len: SampleLen) -> Words<'_> {
        Words(Cells { shared: &self.shared, at, len: len.index() / 8 })
    }

    fn fence(&self, _: Ordering) {
        self.shared.step(Wait::Nothing);
    }
}

/// A sample, in whole words.
pub(crate) struct Words<'a>(Cells<'a>);

pub(crate) struct Cells<'a> {
    shared: &'a Shared,
    at: Offset,
    len: usize,
}

impl<'a> Deref for Words<'a> {
    type Target = Cells<'a>;

    fn deref(&self) -> &Cells<'a> {
        &self.0
    }
}

impl DerefMut for Words<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Cells<'_> {
    pub(crate) fn at(&self) -> Offset {
        self.at
    }

    /// Reads the words one by one.
    pub(crate) fn read(&self) -> Vec<u64> {
        (1..=self.len)
            .map(|word| {
                self.shared.step(Wait::Nothing);
                self.shared.words[self.shared.slot(self.at, word)].get()
            })
            .collect()
    }

    /// Writes the words one by one.
    pub(crate) fn fill(&self, value: u64) {
        for word in 1..=self.len {
            if self.shared.step(Wait::Nothing) {
                self.shared.check.borrow_mut().word_written(self.at, word, value);
                self.shared.words[self.shared.slot(self.at, word)].set(value);
            }
        }
    }
}

/// The producer position behind a lock, which a party may have to wait for.
pub(crate) struct Locked(Cell<Position>);

// SAFETY: P2: one party at a time has the lock, unless a defect is planted.
unsafe impl Produced for Locked {
    fn new(position: Position) -> Self {
        Self(Cell::new(position))
    }

    fn step<R>(&self, step: impl FnOnce(&mut Position) -> R) -> R {
        let shared = RING.with_borrow(Clone::clone).expect("a run has begun");
        let locking = !shared.has(Defect::NoLock);
        while locking && shared.locked.get() && shared.step(Wait::Unlocked) {}
        shared.locked.set(locking);
        let mut position = self.0.get();
        let result = step(&mut position);
        self.0.set(position);
        shared.locked.set(false);
        result
    }
}

thread_local! {
    /// The ring of this run, for the lock.
    pub(crate) static RING: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

/// How one producer waits for space.
pub(crate) struct Sleeper<'s> {
    pub(crate) shared: &'s Shared,
    pub(crate) heard: Cell<u64>,
}

impl WaitHost for Sleeper<'_> {
    type Error = Infallible;

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) {}

    fn nap(&self, _: Duration) -> Result<WakeCause, Infallible> {
        Ok(WakeCause::TimeUp)
    }

    /// Like edge-triggered epoll: a notification since the last call ends it at once.
    fn block(&self, _: Duration) -> Result<WakeCause, Infallible> {
        self.shared.step(Wait::Nothing);
        if self.shared.has(Defect::BlockForgets) {
            self.heard.set(self.shared.notified.get());
        }
        self.shared.step(Wait::Notified(self.heard.get()));
        self.heard.set(self.shared.notified.get());
        Ok(WakeCause::Notified)
    }

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }
}

/// The environment of the drain.
pub(crate) struct Kernel {
    pub(crate) shared: Rc<Shared>,
    pub(crate) consumed: RefCell<Position>,
}

impl DrainHost for Kernel {
    type Guard<'a> = std::cell::RefMut<'a, Position>;

    fn try_busy(&self) -> Option<Self::Guard<'_>> {
        self.consumed.try_borrow_mut().ok()
    }

    fn notify(&self) {
        self.shared.step(Wait::Nothing);
        if !self.shared.has(Defect::SilentDrain) {
            self.shared.notified.set(self.shared.notified.get() + 1);
        }
    }
}
