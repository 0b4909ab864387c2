//! What a wait slept for, and why each sleep ended: the cause instead of the time that it took.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringbuf_core::{Header, Offset, PageOffset};
use ringbuf_kernel::{
    Capacity, ConsumerMemory, Position, ProducerMemory, RingMemory, SampleLen, WaitHost, WakeCause,
    Wakes, Width,
};

/// A ring's memory that writes down each of its blocks, and counts naps and looks.
#[derive(Debug)]
pub struct Sleeps<M> {
    memory: M,
    bounded: bool,
    blocks: RefCell<Vec<(Duration, WakeCause)>>,
    naps: Cell<u64>,
    looks: Cell<u64>,
}

impl<M> Sleeps<M> {
    /// Blocks for as long as it is asked to.
    pub fn new(memory: M) -> Self {
        let (naps, looks) = <(Cell<u64>, Cell<u64>)>::default();
        Self { memory, bounded: true, blocks: RefCell::default(), naps, looks }
    }

    /// Blocks until a notification, whatever the bound: without one, a wait never ends.
    pub fn until_notified(memory: M) -> Self {
        Self { bounded: false, ..Self::new(memory) }
    }

    /// How long the blocks since the last call were asked to last, and what ended them.
    pub fn blocks(&self) -> Vec<(Duration, WakeCause)> {
        self.blocks.take()
    }

    /// The naps since the last call.
    pub fn naps(&self) -> u64 {
        self.naps.take()
    }

    /// The loads of a consumer since the last call, of positions and headers.
    pub fn looks(&self) -> u64 {
        self.looks.take()
    }

    fn count(counter: &Cell<u64>) {
        counter.set(counter.get() + 1);
    }
}

impl<M: WaitHost> WaitHost for Sleeps<M> {
    type Error = M::Error;

    fn now(&self) -> Duration {
        self.memory.now()
    }

    fn pause(&self, time: Duration) {
        self.memory.pause(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, M::Error> {
        Self::count(&self.naps);
        self.memory.nap(time)
    }

    fn take_wakes(&self) -> Wakes {
        self.memory.take_wakes()
    }

    fn deadline(&self) -> Duration {
        self.memory.deadline()
    }

    fn block(&self, time: Duration) -> Result<WakeCause, M::Error> {
        let cause = self.memory.block(if self.bounded { time } else { Duration::MAX })?;
        self.blocks.borrow_mut().push((time, cause));
        Ok(cause)
    }
}

// SAFETY: M1 to M6 as of the memory; this only forwards.
unsafe impl<M: RingMemory> RingMemory for Sleeps<M> {
    fn capacity(&self) -> Capacity {
        self.memory.capacity()
    }

    fn width(&self) -> Width {
        self.memory.width()
    }

    fn is_owned(&self) -> bool {
        self.memory.is_owned()
    }
}

// SAFETY: M1 to M6 as of the memory; this only forwards.
unsafe impl<M: ConsumerMemory> ConsumerMemory for Sleeps<M> {
    type Sample<'a>
        = M::Sample<'a>
    where
        M: 'a;

    type Data = M::Data;

    fn data(&self) -> M::Data {
        self.memory.data()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.memory.initial_consumer_pos()
    }

    fn stored_consumer_pos(&self) -> Position {
        self.memory.stored_consumer_pos()
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        Self::count(&self.looks);
        self.memory.load_producer_pos(order)
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.store_consumer_pos(position, order) };
    }

    unsafe fn load_header(&self, data: M::Data, at: Offset, order: Ordering) -> Header {
        Self::count(&self.looks);
        // SAFETY: as the caller vouches.
        unsafe { self.memory.load_header(data, at, order) }
    }

    unsafe fn sample(&self, data: M::Data, at: Offset, len: SampleLen) -> M::Sample<'_> {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.sample(data, at, len) }
    }

    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }
}

// SAFETY: M1 to M7 as of the memory; this only forwards.
unsafe impl<M: ProducerMemory> ProducerMemory for Sleeps<M> {
    type SampleMut<'a>
        = M::SampleMut<'a>
    where
        M: 'a;

    fn initial_producer_pos(&self) -> Position {
        self.memory.initial_producer_pos()
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        self.memory.load_consumer_pos(order)
    }

    unsafe fn store_producer_pos(&self, position: Position, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.store_producer_pos(position, order) };
    }

    unsafe fn write_header(&self, at: Offset, header: Header, page: PageOffset) {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.write_header(at, header, page) };
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.load_header(at, order) }
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.store_header(at, header, order) };
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> M::SampleMut<'_> {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.sample_mut(at, len) }
    }
}
