//! The user ring's producer, as `bpf_user_ringbuf_drain` sees it: the facts
//! named `user.*` and the kernel's own tests (prog_tests/user_ringbuf.c).

use std::mem::forget;

use ringbuf_core::{
    Consumer, ConsumerMemory, CorruptReason, Next, Position, Producer, ReserveError, Width,
};
use ringbuf_sim::{SimMemory, SimRing};

const CAPACITY: u32 = 64 * 1024;

/// A ring, its reader, and the producer of the other role.
macro_rules! user_ring {
    ($ring:ident, $consumer:ident, $producer:ident, $start:expr) => {
        let $ring = SimRing::started_at(CAPACITY.into(), Width::Bits64, $start).unwrap();
        let mut $consumer = $ring.consumer().unwrap();
        // SAFETY: P1: nothing else produces into this ring.
        let $producer = unsafe { Producer::new($ring.producer_memory()) };
    };
}

/// Reads all: the length of each record.
fn drain(consumer: &mut Consumer<SimMemory>) -> Vec<usize> {
    let batch = consumer.batch();
    let mut lens = Vec::new();
    while let Next::Record(record) = batch.next().unwrap() {
        lens.push(record.len());
    }
    lens
}

/// Unlike the kernel's producers, this one may fill the ring to the last byte.
#[test]
fn a_ring_is_filled_exactly() {
    user_ring!(ring, consumer, producer, 0);
    let full = ReserveError::Full { footprint: 8, free: 0 };
    for _ in 0..3 {
        producer.reserve(CAPACITY - 8).unwrap().submit();
        assert_eq!(producer.lag(), CAPACITY.into());
        assert_eq!(producer.reserve(0).map(drop), Err(full));
        assert_eq!(drain(&mut consumer), [CAPACITY as usize - 8]);
        assert_eq!(producer.lag(), 0);
    }
    let too_large = ReserveError::TooLarge { len: CAPACITY - 7, max: CAPACITY - 8 };
    assert_eq!(producer.reserve(CAPACITY - 7).map(drop), Err(too_large));
    assert!(producer.reserve(u32::MAX).is_err());
    drop(ring);
}

/// The kernel's `overfill` test: as many records of 40 bytes as fit.
#[test]
fn overfill() {
    for start in [0, (1 << 32) - 1024, u64::MAX - 1023] {
        user_ring!(ring, consumer, producer, start);
        for _ in 0..3 {
            let mut written = 0;
            while let Ok(reservation) = producer.reserve(32) {
                reservation.submit();
                written += 1;
            }
            assert_eq!(written, CAPACITY / 40);
            assert_eq!(drain(&mut consumer).len(), written as usize);
        }
        assert_eq!(consumer.position(), producer.position());
        drop(ring);
    }
}

/// `BPF_DYNPTR_MAX_SIZE`: of anything longer no dynptr can be made.
#[test]
fn no_sample_is_longer_than_the_kernel_takes() {
    const MAX: u32 = 0xff_ffff;
    let ring = SimRing::new(32 << 20).unwrap();
    // SAFETY: P1: nothing else produces into this ring.
    let producer = unsafe { Producer::new(ring.producer_memory()) };
    assert_eq!(producer.max_sample(), MAX);
    let too_large = ReserveError::TooLarge { len: MAX + 1, max: MAX };
    assert_eq!(producer.reserve(MAX + 1).map(drop), Err(too_large));
    assert_eq!(producer.reserve(MAX).map(|reservation| reservation.len()), Ok(MAX as usize));
}

#[test]
fn commits_in_any_order_and_by_default() {
    user_ring!(ring, consumer, producer, 0);
    let [a, b, c, d] = [1, 2, 3, 4].map(|len| producer.reserve(len).unwrap());
    c.submit();
    b.discard();
    assert!(matches!(consumer.batch().next(), Ok(Next::Busy)));
    a.submit();
    assert_eq!(drain(&mut consumer), [1, 3]);
    assert!(matches!(consumer.batch().next(), Ok(Next::Busy)));
    drop(d);
    assert_eq!(drain(&mut consumer), [0; 0]);
    assert_eq!((consumer.counts().delivered, consumer.counts().discarded), (2, 2));
    // Forgetting one leaves it busy, for ever.
    forget(producer.reserve(5).unwrap());
    producer.reserve(6).unwrap().submit();
    assert!(matches!(consumer.batch().next(), Ok(Next::Busy)));
    drop(ring);
}

#[test]
fn a_producer_resumes_where_the_last_one_stopped() {
    user_ring!(ring, consumer, first, 0);
    first.reserve(8).unwrap().submit();
    drop(first);
    // SAFETY: P1: the first one is gone.
    let second = unsafe { Producer::new(ring.producer_memory()) };
    assert_eq!(second.position().get(), 16);
    second.reserve(9).unwrap().submit();
    assert_eq!(drain(&mut consumer), [8, 9]);
}

#[test]
fn a_forged_consumer_position_is_reported() {
    user_ring!(ring, consumer, producer, 0);
    producer.reserve(8).unwrap().submit();
    for forged in [24, 1 << 40, u64::MAX - 8 - u64::from(CAPACITY)] {
        let forged = Position::new(forged, Width::Bits64);
        let store = |position| {
            // SAFETY: no sample is lent out, and the consumer checks what it finds.
            unsafe {
                consumer.memory().store_consumer_pos(position, std::sync::atomic::Ordering::Relaxed)
            };
        };
        store(forged);
        let Err(ReserveError::Corrupt(corrupt)) = producer.reserve(8).map(drop) else {
            panic!("{forged:?} was believed");
        };
        let producer_at = producer.position();
        assert_eq!(corrupt.position, forged);
        assert_eq!(corrupt.reason, CorruptReason::ProducerOutOfRange { producer: producer_at });
        store(Position::default());
    }
    assert_eq!(drain(&mut consumer), [8]);
    drop(ring);
}
