//! One small ring in loom's memory. `views` defines what each role may do with it.
//!
//! Positions and length words are loom's atomics, so loom tries every value that
//! the memory model allows for a load. Samples are loom's cells, one for each eight
//! bytes, and remember their users. Two unordered accesses fail the model if one of
//! them is a write, whatever value was read. The cell of a header is marked, too:
//! as written at the first write of the header, and as read by each load. So a
//! header of the last lap, or space that is reused too early, is a race and does
//! not pass by luck.
//!
//! No party loads through loom a word that only it stores, because loom 0.7 then
//! explores too little (its issues 166 and 392). So the state that a consumer
//! leaves for the next one is stored outside of loom, and so is the order of the
//! commits.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex as Plain;
use std::sync::atomic::AtomicU64 as PlainU64;
use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, fence};
use ringbuf_core::{Capacity, Consumer, Header, Offset, Position, Producer, Width};
use ringbuf_sim::{KernelConsumer, KernelRing};

use crate::hosts::{LoomDrainHost, LoomHost};
use crate::views::{ConsumerView, ProducerView, Role};
use crate::weaken::Site;

pub(crate) const PAGE: u64 = 32;

/// The words and the data of a ring.
pub(crate) struct Shared {
    pub(crate) consumer_pos: AtomicU64,
    pub(crate) producer_pos: AtomicU64,
    pub(crate) headers: Vec<AtomicU32>,
    pub(crate) cells: Vec<UnsafeCell<u64>>,
    /// The cells again, for an observer: as atomics. Empty if nobody observes.
    pub(crate) words: Vec<AtomicU64>,
    pub(crate) capacity: Capacity,
    pub(crate) width: Width,
    /// The start of all positions.
    pub(crate) start: Position,
    variant: Variant,
    /// The consumer position as last stored.
    pub(crate) left_at: PlainU64,
    /// The positions of the kernel's commits, in order.
    commits: Plain<Vec<u64>>,
    /// Notifications of the kernel so far, for records or for space.
    notified: AtomicUsize,
}

/// The form of a model: the unchanged code, or one change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variant {
    /// The one access that is weaker than in the code.
    pub(crate) weak: Option<Site>,
    /// The consumer's acquire loads are relaxed loads and a fence, as over memory
    /// mapped read-only. Positions start just below 2^32, so that each first record
    /// passes it. They wrap there, except in a user ring, which continues only on a
    /// 64-bit kernel.
    pub(crate) fenced: bool,
}

/// Returns the form in words.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.fenced { " (read-only mapping, past 2^32)" } else { "" })
    }
}

// SAFETY: the cells are accessed only under the contracts of the role traits. Loom
// fails the model if that is not enough.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Creates a ring that a kernel writes.
    pub(crate) fn new(bytes: u64, variant: Variant) -> Arc<Self> {
        Self::wide(bytes, if variant.fenced { Width::Bits32 } else { Width::Bits64 }, variant)
    }

    /// Creates a user ring.
    pub(crate) fn user(bytes: u64, variant: Variant) -> Arc<Self> {
        Self::wide(bytes, Width::Bits64, variant)
    }

    /// Creates a ring that a kernel writes and somebody observes.
    pub(crate) fn observed(bytes: u64, variant: Variant) -> Arc<Self> {
        let mut shared = Self::new(bytes, variant);
        let words = Arc::get_mut(&mut shared).map(|shared| &mut shared.words);
        words.expect("just made").extend((0..bytes / 8).map(|_| AtomicU64::new(0)));
        shared
    }

    fn wide(bytes: u64, width: Width, variant: Variant) -> Arc<Self> {
        let slots = bytes / 8;
        let start = Position::new(if variant.fenced { (1 << 32) - 8 } else { 0 }, width);
        Arc::new(Self {
            consumer_pos: AtomicU64::new(start.get()),
            producer_pos: AtomicU64::new(start.get()),
            headers: (0..slots).map(|_| AtomicU32::new(0)).collect(),
            cells: (0..slots).map(|_| UnsafeCell::new(0)).collect(),
            words: Vec::new(),
            capacity: Capacity::new(bytes, PAGE).unwrap(),
            width,
            start,
            variant,
            left_at: PlainU64::new(start.get()),
            commits: Plain::default(),
            notified: AtomicUsize::new(0),
        })
    }

    /// Returns the ring as the kernel sees it.
    #[expect(clippy::arc_with_non_send_sync, reason = "loom's threads take turns on one thread")]
    pub(crate) fn kernel_ring(self: &Arc<Self>) -> Arc<KernelRing<ProducerView, LoomHost>> {
        let memory = ProducerView::new(self, Role::Kernel);
        let host = LoomHost::new(self.clone(), self.start);
        // SAFETY: P1: each model takes one producer side, once.
        Arc::new(unsafe { KernelRing::new(memory, host) })
    }

    /// Returns the producer of a user ring.
    pub(crate) fn producer(self: &Arc<Self>) -> Producer<ProducerView> {
        let memory = ProducerView::new(self, Role::User);
        // SAFETY: P1: each model takes one producer side, once.
        unsafe { Producer::new(memory) }.unwrap()
    }

    /// Returns the memory of a consumer.
    pub(crate) fn consumer_view(self: &Arc<Self>) -> ConsumerView {
        ConsumerView::new(self, Role::User)
    }

    pub(crate) fn consumer(self: &Arc<Self>) -> Consumer<ConsumerView> {
        // SAFETY: C1: each model takes one consumer at a time, in one thread.
        unsafe { Consumer::new(ConsumerView::new(self, Role::User)) }.unwrap()
    }

    /// Returns the user ring as the kernel sees it.
    #[expect(clippy::arc_with_non_send_sync, reason = "loom's threads take turns on one thread")]
    pub(crate) fn drain(self: &Arc<Self>) -> Arc<KernelConsumer<ConsumerView, LoomDrainHost>> {
        let memory = ConsumerView::new(self, Role::Kernel);
        let host = LoomDrainHost::new(self.clone(), self.start);
        // SAFETY: C1: each model takes one consumer side, once.
        Arc::new(unsafe { KernelConsumer::new(memory, host) })
    }

    /// Returns the bytes from the start of all positions.
    pub(crate) fn since_start(&self, position: Position) -> u64 {
        position.distance(self.start, self.width)
    }

    /// Returns true if records were committed in the order of their positions.
    pub(crate) fn committed_in_order(&self) -> bool {
        self.commits.lock().unwrap().is_sorted()
    }

    pub(crate) fn committed(&self, at: Offset) {
        let place = at.get().wrapping_sub(self.start.get()) % self.capacity.bytes();
        self.commits.lock().unwrap().push(place);
    }

    pub(crate) fn notify(&self) {
        self.notified.fetch_add(1, self.of_the_wait_queue(AcqRel));
    }

    /// Returns the notifications so far, as the consumer sees them.
    pub(crate) fn notified(&self) -> usize {
        self.notified.load(self.of_the_wait_queue(Acquire))
    }

    /// Notifies after a drain gave space back. The edge also orders everything
    /// before it, like the lock of a wait queue. The protocol needs that here.
    pub(crate) fn notify_of_space(&self) {
        self.notified.fetch_add(1, self.order(Site::DrainNotify, Release));
    }

    /// Returns these notifications so far, as the producer sees them.
    pub(crate) fn notified_of_space(&self) -> usize {
        self.notified.load(self.order(Site::WaiterHarvest, Acquire))
    }

    /// The protocol must hold even if a notification orders nothing. It needs a
    /// fence even if a notification orders everything before it, like the lock of a
    /// wait queue.
    fn of_the_wait_queue(&self, order: Ordering) -> Ordering {
        if self.variant.weak.is_some() { order } else { Relaxed }
    }

    pub(crate) fn order(&self, site: Site, order: Ordering) -> Ordering {
        if self.variant.weak == Some(site) { Relaxed } else { order }
    }

    pub(crate) fn fence(&self, site: Site, order: Ordering) {
        if self.variant.weak != Some(site) {
            fence(order);
        }
    }

    /// Returns the slot `words` words behind the header at `at`. The first slot
    /// follows the last one, where the second copy of the data would begin.
    pub(crate) fn slot(&self, at: Offset, words: usize) -> usize {
        (at.index() / 8 + words) % self.cells.len()
    }

    /// Shows a word of a sample to an observer. It may be where a header was.
    pub(crate) fn show_word(&self, slot: usize, value: u64) {
        if let Some(word) = self.words.get(slot) {
            word.store(value, Release);
            self.headers[slot].store(value as u32, Release);
        }
    }

    /// The ordering with which a new header is written: see `inspect` for the observed ones.
    pub(crate) fn of_new_header(&self) -> Ordering {
        if self.words.is_empty() { Relaxed } else { Release }
    }

    pub(crate) fn load_header(&self, at: Offset, order: Ordering) -> Header {
        let slot = self.slot(at, 0);
        let header = Header::from_bits(self.headers[slot].load(order));
        self.cells[slot].with(|_| ());
        header
    }

    /// Makes a load of the consumer, as the variant requires.
    pub(crate) fn consumer_load<T>(
        &self,
        site: Site,
        order: Ordering,
        load: impl Fn(Ordering) -> T,
    ) -> T {
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
