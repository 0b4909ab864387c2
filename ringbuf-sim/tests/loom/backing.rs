//! One small ring in loom's memory, with the view of each role over it.
//!
//! Positions and length words are loom's atomics: every value that the memory
//! model allows a load to see is tried. Samples are loom's cells, one for each
//! eight bytes, which remember who touched them: two accesses that nothing
//! orders, one of them a write, fail the model, whatever they happened to
//! read. A header's cell is marked as well, as written by whoever writes the
//! header first and as read by whoever loads it, so that a header of the last
//! lap, or space that is reused too early, is a race and not luck.
//!
//! No party loads through loom a word that it alone stores: loom 0.7 then
//! explores less than there is (its issues 166 and 392). So what a consumer left
//! behind, where the next one starts, is kept beside loom, as is the order of
//! the commits.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex as Plain;
use std::sync::atomic::AtomicU64 as PlainU64;
use std::sync::atomic::Ordering::{self, Relaxed};
use std::thread::panicking;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicU64, fence};
use ringbuf_core::{
    Capacity, Consumer, ConsumerMemory, Header, Offset, PageOffset, Position, Producer,
    ProducerMemory, SampleLen, Width,
};
use ringbuf_sim::{KernelConsumer, KernelMemory, KernelRing};

use crate::hosts::{LoomDrainHost, LoomHost};
use crate::weaken::Site;

const PAGE: u64 = 32;

/// The words and the data of a ring.
pub(crate) struct Shared {
    consumer_pos: AtomicU64,
    producer_pos: AtomicU64,
    headers: Vec<AtomicU32>,
    cells: Vec<UnsafeCell<u64>>,
    capacity: Capacity,
    width: Width,
    /// Where all positions start.
    start: Position,
    variant: Variant,
    /// The consumer position, for the consumer that comes next.
    left_at: PlainU64,
    /// Where the kernel's commits were, in the order in which they happened.
    commits: Plain<Vec<u64>>,
}

/// How a model runs: as the code is, or with one thing changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variant {
    /// The one access that is weaker than the code asks for.
    pub(crate) weak: Option<Site>,
    /// The consumer's acquire loads are relaxed loads and a fence, as they are
    /// over memory mapped read-only; and positions start so shortly before 2^32
    /// that each first record passes it, where they wrap but for a user ring,
    /// which takes a 64-bit kernel to go on.
    pub(crate) fenced: bool,
}

/// The form, in words.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.fenced { " (read-only mapping, past 2^32)" } else { "" })
    }
}

// SAFETY: the cells are touched only under the contracts of the role traits,
// and loom fails the model if that was not enough.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// A ring that a kernel produces into.
    pub(crate) fn new(bytes: u64, variant: Variant) -> Arc<Self> {
        Self::wide(bytes, if variant.fenced { Width::Bits32 } else { Width::Bits64 }, variant)
    }

    /// A user ring.
    pub(crate) fn user(bytes: u64, variant: Variant) -> Arc<Self> {
        Self::wide(bytes, Width::Bits64, variant)
    }

    fn wide(bytes: u64, width: Width, variant: Variant) -> Arc<Self> {
        let slots = bytes / 8;
        let start = Position::new(if variant.fenced { (1 << 32) - 8 } else { 0 }, width);
        Arc::new(Self {
            consumer_pos: AtomicU64::new(start.get()),
            producer_pos: AtomicU64::new(start.get()),
            headers: (0..slots).map(|_| AtomicU32::new(0)).collect(),
            cells: (0..slots).map(|_| UnsafeCell::new(0)).collect(),
            capacity: Capacity::new(bytes, PAGE).unwrap(),
            width,
            start,
            variant,
            left_at: PlainU64::new(start.get()),
            commits: Plain::default(),
        })
    }

    /// The ring as the kernel holds it.
    pub(crate) fn kernel_ring(self: &Arc<Self>) -> Arc<KernelRing<ProducerView, LoomHost>> {
        let memory = ProducerView { shared: self.clone(), role: Role::Kernel };
        // SAFETY: P1: each model takes one producing side, once.
        Arc::new(unsafe { KernelRing::new(memory, LoomHost::new(self.start)) })
    }

    /// The producer of a user ring.
    pub(crate) fn producer(self: &Arc<Self>) -> Producer<ProducerView> {
        let memory = ProducerView { shared: self.clone(), role: Role::User };
        // SAFETY: P1: each model takes one producing side, once.
        unsafe { Producer::new(memory) }
    }

    pub(crate) fn consumer(self: &Arc<Self>) -> Consumer<ConsumerView> {
        // SAFETY: C1: each model takes one consumer at a time, in one thread.
        unsafe { Consumer::new(ConsumerView { shared: self.clone(), role: Role::User }) }.unwrap()
    }

    /// The user ring as the kernel holds it.
    pub(crate) fn drain(self: &Arc<Self>) -> Arc<KernelConsumer<ConsumerView, LoomDrainHost>> {
        let memory = ConsumerView { shared: self.clone(), role: Role::Kernel };
        let host = LoomDrainHost::new(self.clone(), self.start);
        // SAFETY: C1: each model takes one consuming side, once.
        Arc::new(unsafe { KernelConsumer::new(memory, host) })
    }

    /// Bytes from where all positions started.
    pub(crate) fn since_start(&self, position: Position) -> u64 {
        position.distance(self.start, self.width)
    }

    /// Whether records were committed in the order of their places.
    pub(crate) fn committed_in_order(&self) -> bool {
        self.commits.lock().unwrap().is_sorted()
    }

    pub(crate) fn order(&self, site: Site, order: Ordering) -> Ordering {
        if self.variant.weak == Some(site) { Relaxed } else { order }
    }

    fn fence(&self, site: Site, order: Ordering) {
        if self.variant.weak != Some(site) {
            fence(order);
        }
    }

    /// The slot `words` words behind the header at `at`; after the last one
    /// comes the first, where the second copy of the data would begin.
    fn slot(&self, at: Offset, words: usize) -> usize {
        (at.index() / 8 + words) % self.cells.len()
    }

    fn load_header(&self, at: Offset, order: Ordering) -> Header {
        let slot = self.slot(at, 0);
        let header = Header::from_bits(self.headers[slot].load(order));
        self.cells[slot].with(|_| ());
        header
    }

    /// A load by the consumer, in the way that the variant says.
    fn consumer_load<T>(&self, site: Site, order: Ordering, load: impl Fn(Ordering) -> T) -> T {
        let order = self.order(site, order);
        if !self.variant.fenced {
            return load(order);
        }
        let value = load(Relaxed);
        if order != Relaxed {
            fence(order);
        }
        value
    }
}

/// Who plays a role: the same accesses, with orderings of their own.
#[derive(Clone, Copy)]
enum Role {
    Kernel,
    User,
}

/// What the consumer may touch.
pub(crate) struct ConsumerView {
    shared: Arc<Shared>,
    role: Role,
}

impl ConsumerView {
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
unsafe impl ConsumerMemory for ConsumerView {
    type Sample<'a> = Words<'a>;

    fn capacity(&self) -> Capacity {
        self.shared.capacity
    }

    fn width(&self) -> Width {
        self.shared.width
    }

    fn initial_consumer_pos(&self) -> Position {
        Position::new(self.shared.left_at.load(Relaxed), self.shared.width)
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
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

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        let site = self.site(Site::ConsumerLoadHeader, Site::DrainLoadHeader);
        self.shared.consumer_load(site, order, |order| self.shared.load_header(at, order))
    }

    unsafe fn sample(&self, at: Offset, len: SampleLen) -> Words<'_> {
        Words::new(&self.shared, at, len)
    }

    fn fence(&self, order: Ordering) {
        self.shared.fence(Site::ConsumerFence, order);
    }
}

/// What a producer may touch.
pub(crate) struct ProducerView {
    shared: Arc<Shared>,
    role: Role,
}

// SAFETY: as for the consumer.
unsafe impl ProducerMemory for ProducerView {
    type SampleMut<'a> = Words<'a>;

    fn capacity(&self) -> Capacity {
        self.shared.capacity
    }

    fn width(&self) -> Width {
        self.shared.width
    }

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

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        self.shared.load_header(at, order)
    }

    unsafe fn swap_header(&self, at: Offset, header: Header, order: Ordering) {
        if !panicking() {
            let order = self.shared.order(Site::KernelSwapHeader, order);
            self.shared.headers[self.shared.slot(at, 0)].swap(header.to_bits(), order);
            let place = at.get().wrapping_sub(self.shared.start.get());
            let place = place % self.shared.capacity.bytes();
            self.shared.commits.lock().unwrap().push(place);
        }
    }

    fn fence(&self, order: Ordering) {
        self.shared.fence(Site::KernelCommitFence, order);
    }
}

/// A sample, word by word.
pub(crate) struct Words<'a> {
    shared: &'a Shared,
    at: Offset,
    len: usize,
}

impl<'a> Words<'a> {
    fn new(shared: &'a Shared, at: Offset, len: SampleLen) -> Self {
        assert_eq!(len.index() % 8, 0, "these samples are whole words");
        Self { shared, at, len: len.index() / 8 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, word: usize) -> u64 {
        // SAFETY: loom has just found that nothing writes this cell meanwhile.
        self.cell(word).with(|value| unsafe { *value })
    }

    pub(crate) fn set(&mut self, word: usize, value: u64) {
        // SAFETY: loom has just found that nothing else uses this cell.
        self.cell(word).with_mut(|place| unsafe { *place = value });
    }

    fn cell(&self, word: usize) -> &UnsafeCell<u64> {
        assert!(word < self.len, "outside the sample");
        &self.shared.cells[self.shared.slot(self.at, 1 + word)]
    }
}
