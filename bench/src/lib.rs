//! The two loops that are compared, a ring to drain, and the functions whose
//! code `golden/` holds.

mod merge;

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use ringbuf_core::{
    Armed, Budget, Capacity, Consumer, Header, MappedConsumer, MappedProducer, Next, Producer,
    SampleLen, WaitHost, WakeCause, Wakes, Width,
};

pub use merge::{Memory, MergeOf, StampedRings, Still, read_merged};

const PAGE: usize = 4096;

/// Sizes of the samples in a filled ring, in bytes.
#[derive(Clone, Copy, Debug)]
pub enum Sizes {
    /// All the same.
    Equal(u64),
    /// 0 to 512, from a fixed sequence; every 16th record is discarded.
    Mixed,
}

/// A ring filled once from its beginning. So no sample wraps, and plain memory
/// is enough.
#[derive(Debug)]
pub struct FilledRing {
    memory: Arc<Block>,
    capacity: usize,
    records: u64,
}

impl FilledRing {
    /// A ring of `capacity` bytes, full of committed records.
    pub fn new(capacity: usize, sizes: Sizes) -> Self {
        let memory = Arc::new(Block::new(2 * PAGE + capacity));
        let mut ring = Self { memory, capacity, records: 0 };
        let (mut at, mut random) = (0, 1_u64);
        loop {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (len, discard) = match sizes {
                Sizes::Equal(len) => (len, false),
                Sizes::Mixed => ((random >> 33) % 513, (random >> 50) % 16 == 0),
            };
            let header = Header::busy(SampleLen::new(len).expect("below 2^30"));
            let footprint = header.footprint() as usize;
            if at + footprint > capacity - 8 {
                break;
            }
            let header = if discard { header.discarded() } else { header.submitted() };
            ring.memory.write(2 * PAGE + at, u64::from(header.to_bits()));
            ring.records += u64::from(!discard);
            at += footprint;
        }
        ring.memory.write(PAGE, at as u64);
        ring
    }

    /// The number of records that a drain delivers.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Our consumer over it.
    pub fn consumer(&self) -> Consumer<MappedConsumer<Kept>> {
        // SAFETY: C1: the callers drain once, from one thread.
        unsafe { Consumer::new(self.memory()) }.expect("positions are in range")
    }

    fn memory(&self) -> MappedConsumer<Kept> {
        let places = [0, PAGE, 2 * PAGE].map(|at| self.memory.at(at));
        let capacity = Capacity::new(self.capacity as u64, PAGE as u64).expect("a power of two");
        let keep = Kept(self.memory.clone());
        // SAFETY: M1 to M5, as far as this drain goes: no record wraps, so the
        // second copy of the data is never touched; nobody else has the block.
        unsafe {
            MappedConsumer::new(places[0], places[1], places[2], capacity, Width::Bits64, keep)
        }
    }

    /// The C loop's view of it.
    pub fn c_ring(&self) -> CRing {
        CRing {
            consumer_pos: self.memory.at(0).cast().as_ptr(),
            producer_pos: self.memory.at(PAGE).cast().as_ptr(),
            data: self.memory.at(2 * PAGE).as_ptr(),
            mask: self.capacity as u64 - 1,
        }
    }
}

/// The producer of an empty user ring, which is to be filled once.
pub fn empty_user_ring(capacity: usize) -> Producer<MappedProducer<Arc<Block>>> {
    let memory = Arc::new(Block::new(2 * PAGE + capacity));
    let places = [0, PAGE, 2 * PAGE].map(|at| memory.at(at));
    let capacity = Capacity::new(capacity as u64, PAGE as u64).expect("a power of two");
    // SAFETY: M1 to M5, as far as one lap goes: no sample wraps, so the second copy of the
    // data is never touched; nobody else has the block.
    let memory = unsafe {
        MappedProducer::new(places[0], places[1], places[2], capacity, Width::Bits64, memory)
    };
    // SAFETY: P1: the block is new.
    unsafe { Producer::new(memory) }.expect("positions are in range")
}

/// A ring's memory, with a clock for budgets. It never waits.
#[derive(Debug)]
pub struct Kept(#[expect(dead_code, reason = "it keeps the memory")] Arc<Block>);

impl WaitHost for Kept {
    type Error = Infallible;

    fn now(&self) -> Duration {
        Duration::from_nanos(CLOCK.fetch_add(100, Relaxed))
    }

    fn pause(&self, _: Duration) {}

    fn nap(&self, _: Duration) -> Result<WakeCause, Infallible> {
        Ok(WakeCause::TimeUp)
    }

    fn block(&self, _: Duration) -> Result<WakeCause, Infallible> {
        Ok(WakeCause::TimeUp)
    }

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }
}

/// Each reading takes 100 ns.
static CLOCK: AtomicU64 = AtomicU64::new(0);

/// `struct ring` of c_loop.c.
#[derive(Debug)]
#[repr(C)]
pub struct CRing {
    consumer_pos: *mut u64,
    producer_pos: *const u64,
    data: *const u8,
    mask: u64,
}

unsafe extern "C" {
    safe fn on_sample(sample: *const u8, len: u64);
    fn drain_c(ring: *const CRing) -> u64;
    fn drain_c_each(ring: *const CRing) -> u64;
}

/// Drains with our consumer, one batch; returns the records delivered.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn drain_rust(consumer: &mut Consumer<MappedConsumer<Kept>>) -> u64 {
    let batch = consumer.batch();
    while let Ok(Next::Record(record)) = batch.next() {
        on_sample(record.as_ptr(), record.len() as u64);
    }
    batch.delivered()
}

/// Drains with our consumer, by callback; returns the records delivered.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn each_rust(consumer: &mut Consumer<MappedConsumer<Kept>>) -> u64 {
    let before = consumer.counts().delivered;
    let _end = consumer.for_each(|record| {
        on_sample(record.as_ptr(), record.len() as u64);
        ControlFlow::<()>::Continue(())
    });
    consumer.counts().delivered - before
}

/// The same within a budget of records, bytes and time.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn within_rust(
    consumer: &mut Consumer<MappedConsumer<Kept>>,
    budget: &Budget,
) -> u64 {
    let before = consumer.counts().delivered;
    let _end = consumer.for_each_within(budget, |record| {
        on_sample(record.as_ptr(), record.len() as u64);
        ControlFlow::<()>::Continue(())
    });
    consumer.counts().delivered - before
}

/// Drains with our consumer, by a callback that is inlined: it adds up the
/// lengths.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn sum_rust(consumer: &mut Consumer<MappedConsumer<Kept>>) -> u64 {
    let mut sum = 0;
    let _end = consumer.for_each(|record| {
        sum += record.len() as u64;
        ControlFlow::<()>::Continue(())
    });
    sum
}

/// Arms our consumer; returns whether it may sleep.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn arm_rust(consumer: &mut Consumer<MappedConsumer<Kept>>) -> bool {
    consumer.arm() == Armed::Sleep
}

/// Produces one sample of 8 bytes; returns whether there was room.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn produce_rust(producer: &Producer<MappedProducer<Arc<Block>>>, word: u64) -> bool {
    let Ok(mut reservation) = producer.reserve(8) else { return false };
    reservation.copy_from_slice(&word.to_ne_bytes());
    reservation.submit();
    true
}

/// Fills a ring with samples of 8 bytes, one by one; returns their number.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn submit_each_rust(producer: &mut Producer<MappedProducer<Arc<Block>>>) -> u64 {
    let mut number = 0_u64;
    while let Ok(mut reservation) = producer.reserve(8) {
        reservation.copy_from_slice(&number.to_ne_bytes());
        reservation.submit();
        number += 1;
    }
    number
}

/// The same, in batches of 64.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn submit_batch_rust(producer: &mut Producer<MappedProducer<Arc<Block>>>) -> u64 {
    let mut number = 0_u64;
    loop {
        let mut batch = producer.batch();
        for _ in 0..64 {
            let Ok(sample) = batch.push(8) else { break };
            sample.copy_from_slice(&number.to_ne_bytes());
            number += 1;
        }
        if batch.submit() < 64 {
            return number;
        }
    }
}

/// The same, 64 slices at a time.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn submit_all_rust(producer: &mut Producer<MappedProducer<Arc<Block>>>) -> u64 {
    let mut number = 0;
    while let Ok(submitted) = producer.submit_all(&[&[7; 8][..]; 64]) {
        number += submitted as u64;
    }
    number
}

/// Drains with the C loop that stores the position once.
pub fn run_c(ring: &FilledRing) -> u64 {
    // SAFETY: the view is alive for the call and nobody else uses the ring.
    unsafe { drain_c(&ring.c_ring()) }
}

/// Drains with the C loop that stores the position after each record.
pub fn run_c_each(ring: &FilledRing) -> u64 {
    // SAFETY: as above.
    unsafe { drain_c_each(&ring.c_ring()) }
}

/// Zeroed memory on a page boundary.
#[derive(Debug)]
pub struct Block {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: owned memory without thread affinity; access is by the loops' rules.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    fn new(len: usize) -> Self {
        let layout = Layout::from_size_align(len, PAGE).expect("a sane size");
        // SAFETY: the layout is not empty.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout));
        Self { base, layout }
    }

    fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.layout.size());
        // SAFETY: in bounds, checked above.
        unsafe { self.base.add(offset) }
    }

    fn write(&self, offset: usize, value: u64) {
        assert!(offset % 8 == 0 && offset + 8 <= self.layout.size());
        // SAFETY: in bounds and aligned, checked above.
        unsafe { self.at(offset).cast::<u64>().write(value) };
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
