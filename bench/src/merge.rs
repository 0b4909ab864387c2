//! Rings whose records have keys, and the merge that reads them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringbuf_core::{
    AlignedBytes, Capacity, Consumer, ConsumerMemory, DataStart, Header, Lane, MappedConsumer,
    Merge, Node, Offset, Position, Record, RingMemory, RingSet, SampleLen, SetHost, Slot, Token,
    WaitHost, WaitPolicy, WakeCause, Wakes, Width,
};

use crate::{Block, FilledRing, Kept, PAGE};

/// The memory of the rings: mapped pages with a prefetch, as the kernel's.
#[derive(Debug)]
pub struct Memory(MappedConsumer<Kept>);

// SAFETY: M1 to M6 as of the view; this only forwards.
unsafe impl RingMemory for Memory {
    #[inline]
    fn capacity(&self) -> Capacity {
        self.0.capacity()
    }

    #[inline]
    fn width(&self) -> Width {
        self.0.width()
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for Memory {
    type Sample<'a> = AlignedBytes<'a>;
    type Data = DataStart;

    #[inline]
    fn data(&self) -> DataStart {
        self.0.data()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.0.initial_consumer_pos()
    }

    #[inline]
    fn stored_consumer_pos(&self) -> Position {
        self.0.stored_consumer_pos()
    }

    #[inline]
    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.0.load_producer_pos(order)
    }

    #[inline]
    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.0.store_consumer_pos(position, order) };
    }

    #[inline]
    unsafe fn load_header(&self, data: DataStart, at: Offset, order: Ordering) -> Header {
        // SAFETY: as the caller vouches.
        unsafe { self.0.load_header(data, at, order) }
    }

    #[inline]
    unsafe fn sample(&self, data: DataStart, at: Offset, len: SampleLen) -> AlignedBytes<'_> {
        // SAFETY: as the caller vouches.
        unsafe { self.0.sample(data, at, len) }
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        self.0.fence(order);
    }

    #[inline(always)]
    fn prefetch(&self, data: DataStart, at: Offset) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a prefetch does not fault and changes nothing that a program can see.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(data.address(at).cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (data, at);
    }
}

/// A merge over filled rings. The tag of a ring is its number.
pub type MergeOf<K, const W: usize> =
    Merge<Still, u32, Vec<Slot<Consumer<Memory>, Lane<u32, W>>>, Vec<Node>, K, W>;

/// Filled rings. The keys of all are 1 to the number of records; each ring has them in order.
#[derive(Debug)]
pub struct StampedRings {
    rings: Vec<FilledRing>,
    records: u64,
}

impl StampedRings {
    /// `records` records of `len` bytes, in `active` of `count` rings of `capacity` bytes. A
    /// record is in any of them with the same probability, as long as it has room.
    pub fn new(count: usize, active: usize, capacity: usize, records: u64, len: u64) -> Self {
        let empty = || FilledRing {
            memory: Arc::new(Block::new(2 * PAGE + capacity)),
            capacity,
            records: 0,
        };
        let mut rings: Vec<_> = (0..count).map(|_| empty()).collect();
        let header = Header::busy(SampleLen::new(len.max(8)).expect("below 2^30"));
        let footprint = header.footprint() as usize;
        let (mut random, mut written) = (1_u64, 0);
        for key in 1..=records {
            let ring = (0..64).find_map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let ring = (random >> 33) as usize % active;
                let end = (rings[ring].records as usize + 1) * footprint;
                (end <= capacity - 8).then_some(ring)
            });
            let Some(ring) = ring.map(|ring| &mut rings[ring]) else { break };
            let at = 2 * PAGE + ring.records as usize * footprint;
            ring.memory.write(at, u64::from(header.submitted().to_bits()));
            ring.memory.write(at + 8, key);
            ring.records += 1;
            written += 1;
        }
        for ring in &rings {
            ring.memory.write(PAGE, ring.records * footprint as u64);
        }
        Self { rings, records: written }
    }

    /// The number of records in all rings.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The rings, to be read one after the other.
    pub fn rings(&self) -> &[FilledRing] {
        &self.rings
    }

    /// A merge of all, by the first eight bytes of a record.
    pub fn merge<const W: usize>(
        &self,
    ) -> MergeOf<impl Fn(&Record<'_, Memory>) -> Option<u64> + use<W>, W> {
        let set = RingSet::new(Still, Vec::new(), WaitPolicy::balanced());
        let stamp = |record: &Record<'_, Memory>| {
            record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
        };
        let mut merge = Merge::new(set, Vec::new(), stamp, 0);
        for (ring, number) in self.rings.iter().zip(0..) {
            // SAFETY: C1: the callers read once, from one thread.
            let consumer = unsafe { Consumer::new(Memory(ring.memory())) };
            let consumer = consumer.expect("positions are in range");
            assert!(merge.insert(consumer, number).is_ok(), "there is room");
        }
        merge
    }
}

/// A system that never waits.
#[derive(Debug)]
pub struct Still;

impl WaitHost for Still {
    type Error = Infallible;

    fn now(&self) -> Duration {
        Duration::ZERO
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

impl SetHost for Still {
    type Memory = Memory;
    type Ring = Consumer<Memory>;

    fn watch(&self, _: &Self::Ring, _: Token) -> Result<(), Infallible> {
        Ok(())
    }

    fn unwatch(&self, _: &Self::Ring, _: Token) {}

    fn next_notified(&self) -> Option<Token> {
        None
    }
}

/// Reads one round of a merge; returns the sum of the lengths. Callgrind counts what happens
/// in here.
#[inline(never)]
pub fn read_merged<K, const W: usize>(merge: &mut MergeOf<K, W>) -> u64
where
    K: Fn(&Record<'_, Memory>) -> Option<u64>,
{
    let mut sum = 0;
    let _end = merge.drain(u64::MAX, |_, record| sum += record.len() as u64);
    sum
}
