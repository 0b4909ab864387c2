//! The view of each role over the ring: what core and the simulator's kernel
//! are given as memory.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{self, Relaxed};
use std::thread::panicking;
use std::time::Duration;

use loom::cell::UnsafeCell;
use ringbuf_core::{
    Capacity, ConsumerMemory, Header, Offset, PageOffset, Position, ProducerMemory, RingMemory,
    SampleLen, WaitHost, WakeCause, Width,
};
use ringbuf_sim::KernelMemory;

use crate::backing::{PAGE, Shared};
use crate::weaken::Site;

/// Who plays a role: the same accesses, with orderings of their own.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Kernel,
    User,
}

/// The ring as the consumer sees it. It has a clock, and counts what the consumer did.
pub(crate) struct ConsumerView {
    shared: Arc<Shared>,
    role: Role,
    /// The load of a header with this number is relaxed.
    relaxed: Cell<Option<u32>>,
    /// Loads of the producer position so far.
    pub(crate) positions: Cell<u32>,
    /// Loads of headers so far.
    pub(crate) headers: Rc<Cell<u32>>,
    /// Goes on only while the consumer rests.
    clock: Cell<Duration>,
    /// Notifications that ended a block, or were forgotten.
    heard: Cell<usize>,
    last: Cell<Did>,
}

/// What a consumer did last, of what a model may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Nothing,
    Nap,
    Fence,
    /// It would have blocked, if no notification had come before.
    Block,
}

/// A thread sleeps here, until a notification wakes it: the model goes on
/// without it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asleep;

impl ConsumerView {
    pub(crate) fn new(shared: &Arc<Shared>, role: Role) -> Self {
        Self {
            shared: shared.clone(),
            role,
            relaxed: Cell::default(),
            positions: Cell::default(),
            headers: Rc::default(),
            clock: Cell::default(),
            heard: Cell::default(),
            last: Cell::new(Did::Nothing),
        }
    }

    /// Counts loads from here on, and relaxes the header load of this number.
    pub(crate) fn count_loads(&self, relaxed: Option<u32>) {
        self.positions.set(0);
        self.headers.set(0);
        self.relaxed.set(relaxed);
    }

    /// Time passes while the consumer is busy.
    pub(crate) fn spend(&self, time: Duration) {
        self.clock.set(self.clock.get() + time);
    }

    /// What it did last; the answer before the next act is `Nothing`.
    pub(crate) fn did(&self) -> Did {
        self.last.replace(Did::Nothing)
    }

    /// Forgets what was announced so far, as if a block had ended by it.
    pub(crate) fn forget(&self) {
        self.heard.set(self.shared.notified());
    }

    /// Whether something was announced since a block ended last: what wakes a
    /// thread that is asleep.
    pub(crate) fn is_woken(&self) -> bool {
        self.shared.notified() > self.heard.get()
    }

    /// The consumer's own access, or the drain's.
    fn site(&self, consumer: Site, drain: Site) -> Site {
        match self.role {
            Role::User => consumer,
            Role::Kernel => drain,
        }
    }
}

// SAFETY: M1 to M5 by construction: each method is one access of loom's, as
// strong as asked unless the model is told to be wrong.
unsafe impl RingMemory for ConsumerView {
    fn capacity(&self) -> Capacity {
        self.shared.capacity
    }

    fn width(&self) -> Width {
        self.shared.width
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for ConsumerView {
    type Sample<'a> = Words<'a>;

    type Data = ();

    fn data(&self) {}

    fn initial_consumer_pos(&self) -> Position {
        Position::new(self.shared.left_at.load(Relaxed), self.shared.width)
    }

    fn stored_consumer_pos(&self) -> Position {
        self.initial_consumer_pos()
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.positions.set(self.positions.get() + 1);
        let site = self.site(Site::ConsumerLoadProducerPos, Site::DrainLoadProducerPos);
        let width = self.shared.width;
        let load = |order| Position::new(self.shared.producer_pos.load(order), width);
        self.shared.consumer_load(site, order, load)
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        // An execution that failed is over: unwinding drops the consumer.
        if !panicking() {
            let site = self.site(Site::ConsumerStoreConsumerPos, Site::DrainStoreConsumerPos);
            self.shared.consumer_pos.store(position.get(), self.shared.order(site, order));
            self.shared.left_at.store(position.get(), Relaxed);
        }
    }

    unsafe fn load_header(&self, (): (), at: Offset, order: Ordering) -> Header {
        let site = self.site(Site::ConsumerLoadHeader, Site::DrainLoadHeader);
        self.headers.set(self.headers.get() + 1);
        let order = if self.relaxed.get() == Some(self.headers.get()) { Relaxed } else { order };
        self.shared.consumer_load(site, order, |order| self.shared.load_header(at, order))
    }

    unsafe fn sample(&self, (): (), at: Offset, len: SampleLen) -> Words<'_> {
        Words::new(&self.shared, at, len)
    }

    fn fence(&self, order: Ordering) {
        self.last.set(Did::Fence);
        self.shared.fence(Site::ConsumerFence, order);
    }
}

/// Others may run while it rests, as at any time: it does not yield, which would
/// have them run to their end.
impl WaitHost for ConsumerView {
    type Error = Asleep;

    fn now(&self) -> Duration {
        self.clock.get()
    }

    fn pause(&self, time: Duration) {
        self.spend(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Asleep> {
        self.last.set(Did::Nap);
        self.spend(time);
        Ok(WakeCause::TimeUp)
    }

    /// As edge-triggered epoll: what was announced since the last call ends it at
    /// once. Where it would sleep it fails, so that nothing looks again: what is
    /// there in the end and was not read must have been announced, or nobody
    /// wakes the sleeper.
    fn block(&self, _: Duration) -> Result<WakeCause, Asleep> {
        self.last.set(Did::Block);
        let notified = self.shared.notified();
        let heard = self.heard.replace(notified);
        if notified > heard { Ok(WakeCause::Notified) } else { Err(Asleep) }
    }
}

/// What a producer may touch.
pub(crate) struct ProducerView {
    shared: Arc<Shared>,
    role: Role,
    /// Notifications of space that ended a block.
    heard: Cell<usize>,
    last: Cell<Did>,
}

impl ProducerView {
    pub(crate) fn new(shared: &Arc<Shared>, role: Role) -> Self {
        Self { shared: shared.clone(), role, heard: Cell::default(), last: Cell::new(Did::Nothing) }
    }

    /// What it did last.
    pub(crate) fn did(&self) -> Did {
        self.last.get()
    }

    /// Whether space was announced since a block ended last: what wakes a thread
    /// that is asleep.
    pub(crate) fn is_woken(&self) -> bool {
        self.shared.notified_of_space() > self.heard.get()
    }
}

// SAFETY: as for the consumer.
unsafe impl RingMemory for ProducerView {
    fn capacity(&self) -> Capacity {
        self.shared.capacity
    }

    fn width(&self) -> Width {
        self.shared.width
    }
}

// SAFETY: as above.
unsafe impl ProducerMemory for ProducerView {
    type SampleMut<'a> = Words<'a>;

    fn initial_producer_pos(&self) -> Position {
        self.shared.start
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        let site = match self.role {
            Role::Kernel => Site::KernelLoadConsumerPos,
            Role::User => Site::ProducerLoadConsumerPos,
        };
        let position = self.shared.consumer_pos.load(self.shared.order(site, order));
        Position::new(position, self.shared.width)
    }

    unsafe fn store_producer_pos(&self, position: Position, order: Ordering) {
        let site = match self.role {
            Role::Kernel => Site::KernelStoreProducerPos,
            Role::User => Site::ProducerStoreProducerPos,
        };
        self.shared.producer_pos.store(position.get(), self.shared.order(site, order));
    }

    unsafe fn write_header(&self, at: Offset, header: Header, _: PageOffset) {
        let slot = self.shared.slot(at, 0);
        self.shared.cells[slot].with_mut(|_| ());
        self.shared.headers[slot].store(header.to_bits(), Relaxed);
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        self.shared.load_header(at, order)
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        if !panicking() {
            let order = self.shared.order(Site::ProducerStoreHeader, order);
            self.shared.headers[self.shared.slot(at, 0)].store(header.to_bits(), order);
        }
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> Words<'_> {
        Words::new(&self.shared, at, len)
    }
}

// SAFETY: as for the consumer.
unsafe impl KernelMemory for ProducerView {
    fn page_size(&self) -> u64 {
        PAGE
    }

    /// Not a word of loom's: the kernel stores it for itself, under its lock.
    fn store_pending_pos(&self, _: Position, _: Ordering) {}

    unsafe fn swap_header(&self, at: Offset, header: Header, order: Ordering) {
        if !panicking() {
            let order = self.shared.order(Site::KernelSwapHeader, order);
            self.shared.headers[self.shared.slot(at, 0)].swap(header.to_bits(), order);
            self.shared.committed(at);
        }
    }

    fn fence(&self, order: Ordering) {
        self.shared.fence(Site::KernelCommitFence, order);
    }
}

/// As of the consumer; time stands still, since none is bounded here.
impl WaitHost for ProducerView {
    type Error = Asleep;

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) {}

    fn nap(&self, _: Duration) -> Result<WakeCause, Asleep> {
        Ok(WakeCause::TimeUp)
    }

    fn block(&self, _: Duration) -> Result<WakeCause, Asleep> {
        self.last.set(Did::Block);
        let notified = self.shared.notified_of_space();
        let heard = self.heard.replace(notified);
        if notified > heard { Ok(WakeCause::Notified) } else { Err(Asleep) }
    }
}

/// A sample.
pub(crate) struct Words<'a>(Cells<'a>);

/// The cells of a sample, word by word. Lent by reference only: out of a
/// reservation they cannot be taken (M7).
pub(crate) struct Cells<'a> {
    shared: &'a Shared,
    at: Offset,
    len: usize,
}

impl<'a> Words<'a> {
    fn new(shared: &'a Shared, at: Offset, len: SampleLen) -> Self {
        assert_eq!(len.index() % 8, 0, "these samples are whole words");
        Self(Cells { shared, at, len: len.index() / 8 })
    }
}

impl<'a> Deref for Words<'a> {
    type Target = Cells<'a>;

    fn deref(&self) -> &Cells<'a> {
        &self.0
    }
}

impl Cells<'_> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, word: usize) -> u64 {
        // SAFETY: loom has just found that nothing writes this cell meanwhile.
        self.cell(word).with(|value| unsafe { *value })
    }

    pub(crate) fn set(&self, word: usize, value: u64) {
        // SAFETY: loom has just found that nothing else uses this cell.
        self.cell(word).with_mut(|place| unsafe { *place = value });
    }

    fn cell(&self, word: usize) -> &UnsafeCell<u64> {
        assert!(word < self.len, "outside the sample");
        &self.shared.cells[self.shared.slot(self.at, 1 + word)]
    }
}
