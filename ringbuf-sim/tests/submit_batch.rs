//! Samples of a user ring that one store publishes, and what that costs in stores.

use std::cell::Cell;
use std::ops::ControlFlow::Continue;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Capacity, Header, Offset, PageOffset, Position, Producer, ProducerMemory, ReserveError,
    RingMemory, SampleLen, Width,
};
use ringbuf_sim::{Flags, SimUserMemory, SimUserRing};

const CAPACITY: u64 = 4096;

/// Returns all samples of one drain.
fn drain(ring: &SimUserRing) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    let keep = |sample: &[u8]| {
        seen.push(sample.to_vec());
        Continue(())
    };
    let drained = ring.drain(Flags::ADAPTIVE, keep).unwrap();
    assert_eq!(drained, seen.len() as u64);
    seen
}

#[test]
fn nothing_is_seen_before_the_submit_and_all_after_it() {
    for start in [0, 4000, (1 << 32) - 40, u64::MAX - 55] {
        let ring = SimUserRing::started_at(CAPACITY, Width::Bits64, start).unwrap();
        let mut producer = ring.producer().unwrap();
        let before = producer.position();
        let mut batch = producer.batch();
        assert!(batch.is_empty());
        for len in [5, 0, 100] {
            batch.push(len).unwrap().fill(len as u8);
            assert_eq!(drain(&ring), [[0; 0]; 0]);
        }
        assert_eq!(batch.len(), 3);
        assert_eq!(batch.submit(), 3);
        assert_eq!(producer.position().distance(before, Width::Bits64), 16 + 8 + 112);
        // The simulated kernel, as the real one, compares positions that never wrap.
        if start < u64::MAX / 2 {
            assert_eq!(drain(&ring), [vec![5; 5], vec![], vec![100; 100]]);
        }
    }
}

/// A dropped batch, one that is discarded, and one that is never filled.
#[test]
fn a_batch_that_is_not_submitted_takes_no_space() {
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let mut producer = ring.producer().unwrap();
    producer.reserve(8).unwrap().submit();
    let before = (ring.pages().producer, producer.position(), producer.lag());
    for discarded in [false, true] {
        let mut batch = producer.batch();
        batch.push(4096 - 16 - 8).unwrap().fill(7);
        if discarded {
            batch.discard();
        }
        assert_eq!((ring.pages().producer, producer.position(), producer.lag()), before);
    }
    assert_eq!(producer.batch().submit(), 0);
    let mut batch = producer.batch();
    batch.push(1).unwrap()[0] = 9;
    assert_eq!(batch.submit(), 1);
    assert_eq!((producer.open_reservations(), drain(&ring).len()), (Ok(0), 2));
}

/// What does not fit is refused, and what was pushed before is still there.
#[test]
fn a_full_ring_refuses_a_push_and_keeps_the_batch() {
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let mut producer = ring.producer().unwrap();
    let mut batch = producer.batch();
    for _ in 0..2 {
        batch.push(2040).unwrap().fill(1);
    }
    let full = batch.push(0).map(drop);
    assert!(matches!(full, Err(ReserveError::Full { footprint: 8, free: 0, .. })), "{full:?}");
    let never = batch.push(4089).map(drop);
    assert!(matches!(never, Err(ReserveError::TooLarge { len: 4089, max: 4088, .. })), "{never:?}");
    assert_eq!(batch.submit(), 2);
    // Space that a drain gives back meanwhile is used.
    let mut batch = producer.batch();
    assert!(batch.push(8).is_err());
    assert_eq!(drain(&ring).len(), 2);
    batch.push(8).unwrap().fill(2);
    assert_eq!(batch.submit(), 1);
    assert_eq!(drain(&ring), [[2; 8]]);
}

#[test]
fn a_batch_sees_the_space_that_a_drain_gives_back() {
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let mut producer = ring.producer().unwrap();
    producer.reserve(2000).unwrap().submit();
    let mut batch = producer.batch();
    batch.push(1000).unwrap().fill(1);
    assert!(matches!(batch.push(1500), Err(ReserveError::Full { .. })));
    assert_eq!(drain(&ring).len(), 1);
    batch.push(1500).unwrap().fill(2);
    assert_eq!(batch.submit(), 2);
    assert_eq!(drain(&ring), [vec![1; 1000], vec![2; 1500]]);
}

#[test]
fn submit_all_takes_what_fits_from_the_front() {
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let producer = ring.producer().unwrap();
    let open = producer.reserve(8).unwrap();
    let (long, longer): (&[u8], &[u8]) = (&[1; 2000], &[2; 2100]);
    assert_eq!(producer.submit_all(&[]), Ok(0));
    assert_eq!(producer.submit_all(&[b"a", long, longer, b"b"]), Ok(2));
    // The next one does not fit: nothing is taken, not even the short one behind it.
    let full = producer.submit_all(&[longer, b"b"]);
    assert!(matches!(full, Err(ReserveError::Full { footprint: 2112, .. })), "{full:?}");
    // The reservation before them is open.
    assert_eq!(drain(&ring), [[0; 0]; 0]);
    open.discard();
    assert_eq!(drain(&ring), [b"a", long]);
    // Too large: nothing is written, not even what comes before it.
    let (before, too_large) = (ring.pages(), vec![0; 4089]);
    let refused = producer.submit_all(&[b"a", &too_large]);
    assert!(matches!(refused, Err(ReserveError::TooLarge { len: 4089, .. })), "{refused:?}");
    assert_eq!(ring.pages(), before);
    assert_eq!(producer.submit_all(&[longer, b"b"]), Ok(2));
    assert_eq!(drain(&ring), [longer, b"b"]);
}

/// Stores of the producer position, whole headers written, and commits.
type Stores = Rc<Cell<[u64; 3]>>;

/// The memory of a producer. It counts stores.
struct Counted<'r> {
    memory: &'r SimUserMemory,
    stores: Stores,
}

impl Counted<'_> {
    fn count(&self, which: usize) {
        let mut stores = self.stores.get();
        stores[which] += 1;
        self.stores.set(stores);
    }
}

// SAFETY: M1 to M6 as for the memory below: each call is forwarded unchanged.
unsafe impl RingMemory for Counted<'_> {
    fn capacity(&self) -> Capacity {
        self.memory.capacity()
    }

    fn width(&self) -> Width {
        self.memory.width()
    }
}

// SAFETY: as above.
unsafe impl ProducerMemory for Counted<'_> {
    type SampleMut<'a>
        = &'a mut [u8]
    where
        Self: 'a;

    fn initial_producer_pos(&self) -> Position {
        self.memory.initial_producer_pos()
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        self.memory.load_consumer_pos(order)
    }

    unsafe fn store_producer_pos(&self, position: Position, order: Ordering) {
        self.count(0);
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.store_producer_pos(position, order) };
    }

    unsafe fn write_header(&self, at: Offset, header: Header, page: PageOffset) {
        self.count(1);
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.write_header(at, header, page) };
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.load_header(at, order) }
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        self.count(2);
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.store_header(at, header, order) };
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> &mut [u8] {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.sample_mut(at, len) }
    }
}

#[test]
fn a_batch_stores_the_position_once() {
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let memory = ring.producer_memory().unwrap();
    let stores = Stores::default();
    let counted = Counted { memory: &memory, stores: stores.clone() };
    // SAFETY: P1: the pages of the only producer.
    let mut producer = unsafe { Producer::new(counted) }.unwrap();
    (0..10).for_each(|_| producer.reserve(8).unwrap().submit());
    assert_eq!(stores.take(), [10, 10, 10]);
    let mut batch = producer.batch();
    for _ in 0..10 {
        batch.push(8).unwrap();
    }
    assert_eq!((batch.submit(), stores.take()), (10, [1, 10, 0]));
    assert_eq!((producer.submit_all(&[&b"sample"[..]; 10]), stores.take()), (Ok(10), [1, 10, 0]));
    producer.batch().discard();
    assert_eq!(stores.take(), [0; 3]);
    assert_eq!(drain(&ring).len(), 30);
}
