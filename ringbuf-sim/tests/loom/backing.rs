//! One small ring in loom's memory; `views` has what each role may do to it.
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
//! behind, where the next one starts and what it finds stored, is kept beside
//! loom, as is the order of the commits.

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
    pub(crate) capacity: Capacity,
    pub(crate) width: Width,
    /// Where all positions start.
    pub(crate) start: Position,
    variant: Variant,
    /// The consumer position, as it was stored last.
    pub(crate) left_at: PlainU64,
    /// Where the kernel's commits were, in the order in which they happened.
    commits: Plain<Vec<u64>>,
    /// Notifications of the kernel so far: of records, or of space.
    notified: AtomicUsize,
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
            notified: AtomicUsize::new(0),
        })
    }

    /// The ring as the kernel holds it.
    #[expect(clippy::arc_with_non_send_sync, reason = "loom's threads take turns on one thread")]
    pub(crate) fn kernel_ring(self: &Arc<Self>) -> Arc<KernelRing<ProducerView, LoomHost>> {
        let memory = ProducerView::new(self, Role::Kernel);
        let host = LoomHost::new(self.clone(), self.start);
        // SAFETY: P1: each model takes one producing side, once.
        Arc::new(unsafe { KernelRing::new(memory, host) })
    }

    /// The producer of a user ring.
    pub(crate) fn producer(self: &Arc<Self>) -> Producer<ProducerView> {
        let memory = ProducerView::new(self, Role::User);
        // SAFETY: P1: each model takes one producing side, once.
        unsafe { Producer::new(memory) }.unwrap()
    }

    pub(crate) fn consumer(self: &Arc<Self>) -> Consumer<ConsumerView> {
        // SAFETY: C1: each model takes one consumer at a time, in one thread.
        unsafe { Consumer::new(ConsumerView::new(self, Role::User)) }.unwrap()
    }

    /// The user ring as the kernel holds it.
    #[expect(clippy::arc_with_non_send_sync, reason = "loom's threads take turns on one thread")]
    pub(crate) fn drain(self: &Arc<Self>) -> Arc<KernelConsumer<ConsumerView, LoomDrainHost>> {
        let memory = ConsumerView::new(self, Role::Kernel);
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

    pub(crate) fn committed(&self, at: Offset) {
        let place = at.get().wrapping_sub(self.start.get()) % self.capacity.bytes();
        self.commits.lock().unwrap().push(place);
    }

    pub(crate) fn notify(&self) {
        self.notified.fetch_add(1, self.of_the_wait_queue(AcqRel));
    }

    /// Notifications so far, as the consumer learns of them.
    pub(crate) fn notified(&self) -> usize {
        self.notified.load(self.of_the_wait_queue(Acquire))
    }

    /// A drain gave space back. The edge carries with it what happened before, as
    /// the lock of a wait queue does: the protocol needs that here.
    pub(crate) fn notify_of_space(&self) {
        self.notified.fetch_add(1, self.order(Site::DrainNotify, Release));
    }

    /// Such notifications so far, as the producer learns of them.
    pub(crate) fn notified_of_space(&self) -> usize {
        self.notified.load(self.order(Site::WaiterHarvest, Acquire))
    }

    /// The protocol must hold even if a notification orders nothing. A fence is
    /// needed even if it carries with it what happened before, as the lock of a
    /// wait queue does.
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

    /// The slot `words` words behind the header at `at`; after the last one
    /// comes the first, where the second copy of the data would begin.
    pub(crate) fn slot(&self, at: Offset, words: usize) -> usize {
        (at.index() / 8 + words) % self.cells.len()
    }

    pub(crate) fn load_header(&self, at: Offset, order: Ordering) -> Header {
        let slot = self.slot(at, 0);
        let header = Header::from_bits(self.headers[slot].load(order));
        self.cells[slot].with(|_| ());
        header
    }

    /// A load by the consumer, in the way that the variant says.
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
