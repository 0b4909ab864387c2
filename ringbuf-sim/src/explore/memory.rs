//! The memory of an explored ring: each access is a step.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringbuf_core::{
    AlignedBytes, Capacity, ConsumerMemory, DataStart, Header, MappedConsumer, MappedProducer,
    Offset, PageOffset, Position, ProducerMemory, RingMemory, SampleLen, WaitHost, WakeCause,
    Wakes, Width,
};

use super::{Access, ExploredRing, Observer, Plan, step};
use crate::{Fault, Flags, Forged, KernelMemory, KernelReservation, Refused, SimError};

/// The memory of the consumer of an [`ExploredRing`]. It is a
/// [`Backend`](ringbuf_core::Backend), so the reader of your program runs over it.
///
/// ```
/// use ringbuf_core::{Backend, Consumer, Corrupt};
/// use ringbuf_sim::explore::{ExploredMemory, explore};
///
/// /// Written once, for the kernel's ring and for the test.
/// fn count(ring: &mut Consumer<impl Backend>) -> Result<u64, Corrupt> {
///     let mut records = 0;
///     ring.drain(|_| records += 1)?;
///     Ok(records)
/// }
///
/// explore(0..20, |ring| {
///     let mut consumer = ring.consumer()?;
///     loop {
///         count(&mut consumer)?;
///         consumer.wait(None)?;
///     }
/// });
/// ```
pub struct ExploredMemory {
    mapped: MappedConsumer<Claim>,
}

/// The right to consume a ring.
pub(super) struct Claim {
    pub(super) ring: ExploredRing,
}

impl Claim {
    pub(super) fn take(ring: &ExploredRing) -> Result<Self, SimError> {
        if ring.state().claimed.replace(true) {
            return Err(SimError::SecondConsumer);
        }
        Ok(Self { ring: ring.clone() })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.ring.state().claimed.set(false);
    }
}

impl ExploredMemory {
    pub(super) fn new(claim: Claim) -> Self {
        let state = claim.ring.state();
        let ([consumer_page, producer_page, data], (capacity, width)) =
            (state.places(), state.shape());
        // SAFETY: S2: the places belong to the state, which the claim keeps alive.
        let mapped = unsafe {
            MappedConsumer::new(consumer_page, producer_page, data, capacity, width, claim)
        };
        Self { mapped }
    }

    pub(super) fn ring(&self) -> &ExploredRing {
        &self.mapped.keep().ring
    }
}

impl fmt::Debug for ExploredMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExploredMemory").field(self.ring()).finish()
    }
}

// SAFETY: M1 to M6 as for the memory below, on one thread. A method makes the access that
// it names, after a step in which the other parties may run.
unsafe impl RingMemory for ExploredMemory {
    fn capacity(&self) -> Capacity {
        self.mapped.capacity()
    }

    fn width(&self) -> Width {
        self.mapped.width()
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for ExploredMemory {
    type Sample<'a> = AlignedBytes<'a>;
    type Data = DataStart;

    fn data(&self) -> DataStart {
        self.ring().bench.must_end();
        self.mapped.data()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.mapped.initial_consumer_pos()
    }

    fn stored_consumer_pos(&self) -> Position {
        let stored = self.mapped.stored_consumer_pos();
        match self.ring().bench.forged.get() {
            Some(Forged::SecondReader) => {
                self.ring().bench.has_seen_it.set(true);
                stored.advance(8, self.width())
            }
            _ => stored,
        }
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        step(Access::LoadProducerPos);
        let loaded = self.mapped.load_producer_pos(order);
        let ahead = match self.ring().bench.forged.get() {
            Some(Forged::ProducerMisaligned) => 4,
            Some(Forged::ProducerTooFar | Forged::SecondReader) => 2 * self.capacity().bytes(),
            _ => return loaded,
        };
        self.ring().bench.has_seen_it.set(true);
        Position::new(loaded.get().wrapping_add(ahead), self.width())
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        if step(Access::StoreConsumerPos(position)) {
            // SAFETY: the caller guarantees it.
            unsafe { self.mapped.store_consumer_pos(position, order) };
            self.ring().state().check.borrow_mut().released(position);
        }
    }

    unsafe fn load_header(&self, data: DataStart, at: Offset, order: Ordering) -> Header {
        step(Access::LoadHeader(at));
        if self.ring().bench.forged.get() == Some(Forged::LongRecord) {
            self.ring().bench.has_seen_it.set(true);
            return Header::from_bits(SampleLen::MAX);
        }
        // SAFETY: the caller guarantees it.
        unsafe { self.mapped.load_header(data, at, order) }
    }

    unsafe fn sample(&self, data: DataStart, at: Offset, len: SampleLen) -> AlignedBytes<'_> {
        self.ring().state().check.borrow_mut().lend(at);
        // SAFETY: the caller guarantees it.
        unsafe { self.mapped.sample(data, at, len) }
    }

    fn fence(&self, order: Ordering) {
        step(Access::Fence);
        self.mapped.fence(order);
    }
}

/// The scheduler defines the time: each step takes a microsecond.
impl WaitHost for ExploredMemory {
    type Error = Infallible;

    fn now(&self) -> Duration {
        self.ring().bench.now()
    }

    fn pause(&self, time: Duration) {
        self.ring().bench.rest(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        Ok(self.ring().bench.rest(time))
    }

    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        Ok(self.ring().block(Some(time)))
    }

    fn take_wakes(&self) -> Wakes {
        self.ring().bench.take_wakes()
    }

    fn deadline(&self) -> Duration {
        self.ring().bench.deadline()
    }
}

/// The memory of one producer.
pub(super) struct KernelView<'s> {
    seat: &'s Seat,
    mapped: MappedProducer<()>,
}

/// The place of one producer at its ring.
pub(super) struct Seat {
    pub(super) ring: ExploredRing,
    pub(super) party: usize,
    /// Its samples, one for each reservation that it tries.
    pub(super) samples: Vec<Vec<u8>>,
    /// The number of reservations so far.
    pub(super) tried: Cell<usize>,
    pub(super) flags: Cell<Flags>,
}

impl Seat {
    pub(super) fn memory(&self) -> KernelView<'_> {
        let state = self.ring.state();
        let ([consumer_page, producer_page, data], (capacity, width)) =
            (state.places(), state.shape());
        // SAFETY: S2: the places belong to the state, which the seat keeps alive.
        let mapped =
            unsafe { MappedProducer::new(consumer_page, producer_page, data, capacity, width, ()) };
        KernelView { seat: self, mapped }
    }

    /// The sample of the reservation that it is trying.
    fn sample(&self) -> &[u8] {
        &self.samples[self.tried.get() - 1]
    }
}

impl<'s> Observer<KernelView<'s>, ExploredRing> for Seat {
    fn reserves(&self, _: u64) {
        self.tried.set(self.tried.get() + 1);
    }

    fn was_refused(&self, _: Refused) {
        let refused = &self.ring.bench.refused;
        refused.set(refused.get() + 1);
    }

    fn fill(&self, _: u64, reservation: &mut KernelReservation<'_, KernelView<'s>, ExploredRing>) {
        reservation.copy_from_slice(self.sample());
    }

    fn commits(&self, _: u64, flags: Flags) -> Flags {
        let faults = &self.ring.bench.faults;
        if faults.strikes(Fault::Stalls) {
            step(Access::Stall(1000));
        }
        self.flags.set(faults.flags(flags));
        self.flags.get()
    }

    fn has_committed(&self, number: u64) {
        let state = self.ring.state();
        state.check.borrow_mut().told(self.party, number, state.lost.take());
    }
}

// SAFETY: as for the consumer.
unsafe impl RingMemory for KernelView<'_> {
    fn capacity(&self) -> Capacity {
        self.mapped.capacity()
    }

    fn width(&self) -> Width {
        self.mapped.width()
    }
}

// SAFETY: as for the consumer. M7: as below.
unsafe impl ProducerMemory for KernelView<'_> {
    type SampleMut<'a>
        = &'a mut [u8]
    where
        Self: 'a;

    fn initial_producer_pos(&self) -> Position {
        self.mapped.initial_producer_pos()
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        step(Access::LoadConsumerPos);
        self.mapped.load_consumer_pos(order)
    }

    unsafe fn store_producer_pos(&self, position: Position, order: Ordering) {
        if step(Access::StoreProducerPos(position)) {
            // SAFETY: the caller guarantees it.
            unsafe { self.mapped.store_producer_pos(position, order) };
            let mut check = self.seat.ring.state().check.borrow_mut();
            check.produced(self.seat.party, position, self.seat.sample().to_vec());
        }
    }

    unsafe fn write_header(&self, at: Offset, header: Header, page: PageOffset) {
        if step(Access::WriteHeader(at, header)) {
            // SAFETY: the caller guarantees it.
            unsafe { self.mapped.write_header(at, header, page) };
        }
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        step(Access::LoadHeader(at));
        // SAFETY: the caller guarantees it.
        unsafe { self.mapped.load_header(at, order) }
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        // SAFETY: the caller guarantees it.
        unsafe { self.swap_header(at, header, order) };
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> &mut [u8] {
        // SAFETY: the caller guarantees it.
        unsafe { self.mapped.sample_mut(at, len) }
    }
}

// SAFETY: as for the consumer.
unsafe impl KernelMemory for KernelView<'_> {
    fn page_size(&self) -> u64 {
        Plan::PAGE
    }

    fn store_pending_pos(&self, position: Position, order: Ordering) {
        if step(Access::StorePendingPos(position)) {
            self.mapped.store_pending_pos(position, order);
        }
    }

    /// Explored rings are not in overwrite mode.
    fn store_overwrite_pos(&self, _: Position, _: Ordering) {}

    unsafe fn swap_header(&self, at: Offset, header: Header, order: Ordering) {
        if step(Access::SwapHeader(at, header)) {
            // SAFETY: the caller guarantees it.
            unsafe { self.mapped.store_header(at, header, order) };
            let Seat { ring, party, flags, .. } = self.seat;
            ring.state().check.borrow_mut().committed(*party, at, header, flags.get());
        }
    }

    fn fence(&self, order: Ordering) {
        step(Access::Fence);
        std::sync::atomic::fence(order);
    }
}
