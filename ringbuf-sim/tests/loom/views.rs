//! The view of each role of the ring, which core and the simulator's kernel use as
//! memory.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed};
use std::thread::panicking;
use std::time::Duration;

use loom::cell::UnsafeCell;
use ringbuf_core::{
    Capacity, ConsumerMemory, Header, Offset, PageOffset, Position, ProducerMemory, RingMemory,
    SampleLen, WaitHost, WakeCause, WakeFlag, Wakes, Width,
};
use ringbuf_sim::KernelMemory;

use crate::backing::{PAGE, Shared};
use crate::wake::LoomFlag;
use crate::weaken::Site;

/// The user of a role: the same accesses, with other orderings.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Kernel,
    User,
}

/// The ring as the consumer sees it. It has a clock, and counts the actions of the
/// consumer.
pub(crate) struct ConsumerView {
    shared: Arc<Shared>,
    role: Role,
    /// The load of a header with this number is relaxed.
    relaxed: Cell<Option<u32>>,
    /// Loads of the producer position so far.
    pub(crate) positions: Cell<u32>,
    /// Loads of headers so far.
    pub(crate) headers: Rc<Cell<u32>>,
    /// Moves only while the consumer waits.
    clock: Cell<Duration>,
    /// Notifications that ended a block, or were forgotten.
    heard: Cell<usize>,
    last: Cell<Did>,
    waker: RefCell<Option<Arc<LoomFlag>>>,
    /// Another party stores the consumer position: it is loaded through loom.
    of_another: bool,
}

/// The last action of a consumer, as far as a model needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Nothing,
    Nap,
    Fence,
    /// It would have blocked without an earlier notification.
    Block,
}

/// A thread sleeps here until a notification wakes it. The model continues without
/// it.
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
            waker: RefCell::default(),
            of_another: false,
        }
    }

    /// The view of a reader that only looks, while another one stores.
    pub(crate) fn of_another(self) -> Self {
        Self { of_another: true, ..self }
    }

    /// From here on this flag can end its waits.
    pub(crate) fn wake_by(&self, flag: &Arc<LoomFlag>) {
        self.waker.replace(Some(flag.clone()));
    }

    /// Counts loads from now on, and relaxes the header load with this number.
    pub(crate) fn count_loads(&self, relaxed: Option<u32>) {
        self.positions.set(0);
        self.headers.set(0);
        self.relaxed.set(relaxed);
    }

    /// Time passes while the consumer is busy.
    pub(crate) fn spend(&self, time: Duration) {
        self.clock.set(self.clock.get() + time);
    }

    /// Returns the last action. Before the next action, the result is `Nothing`.
    pub(crate) fn did(&self) -> Did {
        self.last.replace(Did::Nothing)
    }

    /// Forgets earlier notifications, as the end of a block does.
    pub(crate) fn forget(&self) {
        self.heard.set(self.shared.notified());
    }

    /// Returns true if there was a notification since the last block ended. It
    /// wakes a sleeping thread.
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

// SAFETY: M1 to M5 by construction: each method is one access of loom's, as strong
// as requested, unless the model weakens it on purpose.
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
        if self.of_another {
            return Position::new(self.shared.consumer_pos.load(Relaxed), self.shared.width);
        }
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
        // A failed execution is over: unwinding drops the consumer.
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
        let site = if order == Acquire { Site::PageFence } else { Site::ConsumerFence };
        self.shared.fence(site, order);
    }
}

/// Others may run during a wait, as at any time. It does not yield, because then
/// they would run to their end.
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

    /// Like edge-triggered epoll: a notification since the last call ends it at
    /// once. Where it would sleep, it fails, so that nothing looks again. An unread
    /// record at the end must have had a notification, or nobody wakes the sleeper.
    fn block(&self, _: Duration) -> Result<WakeCause, Asleep> {
        self.last.set(Did::Block);
        if self.waker.borrow().as_ref().is_some_and(|waker| waker.ends_sleep()) {
            return Ok(WakeCause::Woken);
        }
        let notified = self.shared.notified();
        let heard = self.heard.replace(notified);
        if notified > heard { Ok(WakeCause::Notified) } else { Err(Asleep) }
    }

    fn take_wakes(&self) -> Wakes {
        self.waker.borrow().as_ref().map_or(Wakes::NONE, |waker| waker.take())
    }

    fn deadline(&self) -> Duration {
        self.waker.borrow().as_ref().map_or(Duration::MAX, |waker| waker.deadline())
    }
}

/// The memory that a producer may access.
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

    /// Returns the last action.
    pub(crate) fn did(&self) -> Did {
        self.last.get()
    }

    /// Returns true if there was a notification of space since the last block
    /// ended. It wakes a sleeping thread.
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
        self.shared.headers[slot].store(header.to_bits(), self.shared.of_new_header());
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

    /// Not a word of loom's: only the kernel uses it, under its lock.
    fn store_pending_pos(&self, _: Position, _: Ordering) {}

    /// These rings are not in overwrite mode.
    fn store_overwrite_pos(&self, _: Position, _: Ordering) {}

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

/// As for the consumer. The clock does not move, because no wait here has a limit.
impl WaitHost for ProducerView {
    type Error = Asleep;

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) {}

    fn nap(&self, _: Duration) -> Result<WakeCause, Asleep> {
        Ok(WakeCause::TimeUp)
    }

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
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

/// The cells of a sample, word by word. They are lent only by reference, so a
/// caller cannot take them out of a reservation (M7).
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
        // SAFETY: loom has checked that nothing writes this cell now.
        self.cell(word).with(|value| unsafe { *value })
    }

    pub(crate) fn set(&self, word: usize, value: u64) {
        // SAFETY: loom has checked that nothing else uses this cell.
        self.cell(word).with_mut(|place| unsafe { *place = value });
        self.shared.show_word(self.shared.slot(self.at, 1 + word), value);
    }

    fn cell(&self, word: usize) -> &UnsafeCell<u64> {
        assert!(word < self.len, "outside the sample");
        &self.shared.cells[self.shared.slot(self.at, 1 + word)]
    }
}
