//! The window of the fast path: rings larger than the window, and limits set in the
//! middle of a batch, which must close it.

use ringbuf_core::{AlignedBytes, Batch, ConsumerMemory, Next};
use ringbuf_sim::{Flags, SimRing};

/// Above 1 GiB. Untouched pages of the memfd take no memory.
#[test]
fn a_ring_of_two_gib_can_be_read() {
    let ring = SimRing::new(1 << 31).unwrap();
    let producer = ring.producer();
    let large = 300 << 20;
    producer.reserve(8).unwrap().submit(Flags::ADAPTIVE);
    producer.reserve(8).unwrap().discard(Flags::ADAPTIVE);
    for _ in 0..5 {
        producer.reserve(large).unwrap().submit(Flags::ADAPTIVE);
    }
    let mut consumer = ring.consumer().unwrap();
    let large = large as usize;
    assert_eq!(lens(&consumer.batch()), [8, large, large, large, large, large]);
    assert_eq!(consumer.counts().discarded, 1);
    assert_eq!(consumer.lag().unwrap(), 0);
}

#[test]
fn limits_hold_from_where_they_are_set() {
    let ring = SimRing::new(4096).unwrap();
    let producer = ring.producer();
    for _ in 0..8 {
        producer.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    }
    let mut consumer = ring.consumer().unwrap();
    // Two are read without limits, so the window is open.
    let two = |batch: &Batch<'_, _>| {
        for _ in 0..2 {
            assert!(matches!(batch.next(), Ok(Next::Record(_))));
        }
    };
    let batch = consumer.batch();
    two(&batch);
    let batch = batch.max_records(3);
    assert_eq!(lens(&batch).len(), 1, "max_records counts all records of the batch");
    assert!(matches!(batch.next(), Ok(Next::Limit)));
    batch.rewind();

    let batch = consumer.batch();
    two(&batch);
    let batch = batch.max_bytes(33);
    assert_eq!(lens(&batch).len(), 1, "33 bytes are reached by the third record of 16");
    assert!(matches!(batch.next(), Ok(Next::Limit)));
    let batch = batch.max_bytes(64).max_records(100);
    assert_eq!(lens(&batch).len(), 1, "a bound may be moved");
    drop(batch);
    assert_eq!(lens(&consumer.batch().max_records(0)).len(), 0);
    assert_eq!(lens(&consumer.batch()).len(), 4);
}

#[test]
fn holding_back_never_starves_the_producers() {
    let ring = SimRing::new(4096).unwrap();
    let (producer, mut consumer) = (ring.producer(), ring.consumer().unwrap());
    consumer.hold_back(u64::MAX);
    for _ in 0..1000 {
        producer.output(&[0; 100], Flags::ADAPTIVE).expect("a reader that keeps up gives space");
        assert_eq!(lens(&consumer.batch()), [100]);
    }
}

fn lens<M>(batch: &Batch<'_, M>) -> Vec<usize>
where
    M: for<'a> ConsumerMemory<Sample<'a> = AlignedBytes<'a>>,
{
    let mut lens = Vec::new();
    while let Next::Record(record) = batch.next().expect("a sound ring") {
        lens.push(record.len());
    }
    lens
}
