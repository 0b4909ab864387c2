//! Memory with words in the byte order of another machine.

use std::sync::atomic::Ordering;

use std::time::Duration;

use ringbuf_core::{
    Capacity, ConsumerMemory, Header, InspectMemory, Offset, OverwriteMemory, PageOffset, Position,
    ProducerMemory, RingMemory, SampleLen, WaitHost, WakeCause, Wakes, Width,
};

use crate::KernelMemory;

/// The order of the bytes in a stored word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// The least significant byte first: x86, arm64, riscv64, ppc64el.
    Little,
    /// The most significant byte first: s390x.
    Big,
}

impl ByteOrder {
    /// The byte order of this machine.
    pub const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };
}

/// A view of memory that stores positions and headers in a given byte order. Its
/// users see the values.
#[derive(Debug)]
pub struct ByteOrdered<M> {
    memory: M,
    swapped: bool,
    /// The process that created it. A child of `fork` has the same pages, and this
    /// field tells it from its parent.
    process: u32,
}

impl<M> ByteOrdered<M> {
    pub(crate) fn new(memory: M, order: ByteOrder) -> Self {
        Self { memory, swapped: order != ByteOrder::NATIVE, process: std::process::id() }
    }

    pub(crate) fn inner(&self) -> &M {
        &self.memory
    }

    /// Converts between the value of a header and its stored form.
    fn header(&self, header: Header) -> Header {
        if self.swapped { Header::from_bits(header.to_bits().swap_bytes()) } else { header }
    }

    /// Converts between the value of a position and its stored form.
    fn position(&self, position: Position, width: Width) -> Position {
        match width {
            _ if !self.swapped => position,
            Width::Bits64 => Position::new(position.get().swap_bytes(), width),
            Width::Bits32 => Position::new(position.get().swap_bytes() >> 32, width),
        }
    }
}

// SAFETY: M1, M2, M5, M6 hold as for the memory below, which is accessed as named
// (M3). Positions and headers are in the byte order given here, which is native on
// the simulated machine (M4).
unsafe impl<M: RingMemory> RingMemory for ByteOrdered<M> {
    #[inline]
    fn capacity(&self) -> Capacity {
        self.memory.capacity()
    }

    #[inline]
    fn width(&self) -> Width {
        self.memory.width()
    }

    fn is_owned(&self) -> bool {
        std::process::id() == self.process
    }
}

impl<M: WaitHost> WaitHost for ByteOrdered<M> {
    type Error = M::Error;

    fn now(&self) -> Duration {
        self.memory.now()
    }

    fn pause(&self, time: Duration) {
        self.memory.pause(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, M::Error> {
        self.memory.nap(time)
    }

    fn take_wakes(&self) -> Wakes {
        self.memory.take_wakes()
    }

    fn deadline(&self) -> Duration {
        self.memory.deadline()
    }

    fn block(&self, time: Duration) -> Result<WakeCause, M::Error> {
        self.memory.block(time)
    }
}

// SAFETY: as above.
unsafe impl<M: ConsumerMemory> ConsumerMemory for ByteOrdered<M> {
    type Sample<'a>
        = M::Sample<'a>
    where
        Self: 'a;
    type Data = M::Data;

    #[inline]
    fn data(&self) -> M::Data {
        self.memory.data()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.position(self.memory.initial_consumer_pos(), self.memory.width())
    }

    #[inline]
    fn stored_consumer_pos(&self) -> Position {
        self.position(self.memory.stored_consumer_pos(), self.memory.width())
    }

    #[inline]
    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.position(self.memory.load_producer_pos(order), self.memory.width())
    }

    #[inline]
    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        let position = self.position(position, self.memory.width());
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.store_consumer_pos(position, order) };
    }

    #[inline]
    unsafe fn load_header(&self, data: M::Data, at: Offset, order: Ordering) -> Header {
        // SAFETY: the caller guarantees it.
        self.header(unsafe { self.memory.load_header(data, at, order) })
    }

    #[inline]
    unsafe fn sample(&self, data: M::Data, at: Offset, len: SampleLen) -> M::Sample<'_> {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.sample(data, at, len) }
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }
}

// SAFETY: M1 to M4, M6 and M8 hold as for the memory below.
unsafe impl<M: InspectMemory> InspectMemory for ByteOrdered<M> {
    fn capacity(&self) -> Capacity {
        self.memory.capacity()
    }

    fn width(&self) -> Width {
        self.memory.width()
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        self.position(self.memory.load_consumer_pos(order), self.memory.width())
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.position(self.memory.load_producer_pos(order), self.memory.width())
    }

    fn load_pending_pos(&self, order: Ordering) -> Position {
        self.position(self.memory.load_pending_pos(order), self.memory.width())
    }

    fn load_header(&self, at: Offset, order: Ordering) -> Option<Header> {
        self.memory.load_header(at, order).map(|header| self.header(header))
    }

    fn copy_sample(&self, at: Offset, to: &mut [u8]) -> bool {
        self.memory.copy_sample(at, to)
    }

    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }
}

// SAFETY: as for the consumer. M9 as for the memory below.
unsafe impl<M: OverwriteMemory> OverwriteMemory for ByteOrdered<M> {
    fn initial_consumer_pos(&self) -> Position {
        self.position(self.memory.initial_consumer_pos(), self.memory.width())
    }

    fn store_consumer_pos(&self, position: Position, order: Ordering) {
        self.memory.store_consumer_pos(self.position(position, self.memory.width()), order);
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.position(self.memory.load_producer_pos(order), self.memory.width())
    }

    fn load_overwrite_pos(&self, order: Ordering) -> Position {
        self.position(self.memory.load_overwrite_pos(order), self.memory.width())
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        // SAFETY: the caller guarantees it.
        self.header(unsafe { self.memory.load_header(at, order) })
    }

    unsafe fn copy_sample(&self, at: Offset, buffer: &mut [u8]) {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.copy_sample(at, buffer) };
    }

    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }

    fn is_tso(&self) -> bool {
        self.memory.is_tso()
    }
}

// SAFETY: as for the consumer.
unsafe impl<M: ProducerMemory> ProducerMemory for ByteOrdered<M> {
    type SampleMut<'a>
        = M::SampleMut<'a>
    where
        Self: 'a;

    fn initial_producer_pos(&self) -> Position {
        self.position(self.memory.initial_producer_pos(), self.memory.width())
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        self.position(self.memory.load_consumer_pos(order), self.memory.width())
    }

    unsafe fn store_producer_pos(&self, position: Position, order: Ordering) {
        let position = self.position(position, self.memory.width());
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.store_producer_pos(position, order) };
    }

    unsafe fn write_header(&self, at: Offset, header: Header, page: PageOffset) {
        let swapped = PageOffset::from_bits(page.to_bits().swap_bytes());
        let page = if self.swapped { swapped } else { page };
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.write_header(at, self.header(header), page) };
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        // SAFETY: as the caller vouches.
        self.header(unsafe { self.memory.load_header(at, order) })
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.store_header(at, self.header(header), order) };
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> M::SampleMut<'_> {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.sample_mut(at, len) }
    }
}

// SAFETY: as for the consumer.
unsafe impl<M: KernelMemory> KernelMemory for ByteOrdered<M> {
    fn page_size(&self) -> u64 {
        self.memory.page_size()
    }

    fn store_pending_pos(&self, position: Position, order: Ordering) {
        self.memory.store_pending_pos(self.position(position, self.memory.width()), order);
    }

    fn store_overwrite_pos(&self, position: Position, order: Ordering) {
        self.memory.store_overwrite_pos(self.position(position, self.memory.width()), order);
    }

    unsafe fn swap_header(&self, at: Offset, header: Header, order: Ordering) {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.swap_header(at, self.header(header), order) };
    }

    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }
}
