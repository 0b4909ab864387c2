//! The last record of a batch is put back, and stays in the ring.

use ringbuf_core::{Armed, Batch, Next};
use ringbuf_sim::{Flags, SimMemory, SimRing};

/// Returns a ring with `records` records of 8 bytes. Each holds its number.
fn ring(records: u64) -> SimRing {
    let ring = SimRing::new(64 * 1024).unwrap();
    for number in 0..records {
        ring.producer().output(&number.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
    }
    ring
}

/// Returns the numbers that a batch delivers, up to `most` of them.
fn numbers(batch: &Batch<'_, SimMemory>, most: usize) -> Vec<u64> {
    let records = batch.records().take(most).map(|record| record.unwrap());
    records.map(|record| u64::from_ne_bytes(record[..].try_into().unwrap())).collect()
}

#[test]
fn the_last_record_comes_again_in_the_same_batch_or_the_next() {
    let ring = ring(20);
    let mut consumer = ring.consumer().unwrap();
    for read in [1, 2, 12] {
        let batch = consumer.batch();
        assert!(!batch.put_back(), "nothing was read");
        let first = numbers(&batch, read);
        assert!(batch.put_back());
        assert!(!batch.put_back(), "only the last one");
        let read = read as u64;
        assert_eq!((batch.delivered(), batch.held_bytes()), (read - 1, 16 * (read - 1)));
        assert_eq!(numbers(&batch, 1), first[first.len() - 1..]);
        assert!(batch.put_back(), "again");
    }
    // Each batch consumed one record less than it read: 0, 1 and 11.
    assert_eq!((consumer.counts().delivered, ring.producer().query(2)), (12, 12 * 16));
    assert_eq!(numbers(&consumer.batch(), 99), Vec::from_iter(12..20));
    assert_eq!(consumer.counts().delivered, 20);
}

#[test]
fn all_records_of_the_batch_stay_readable() {
    let ring = ring(3);
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch();
    let held: Vec<_> = batch.records().map(Result::unwrap).collect();
    assert!(batch.put_back());
    for (number, record) in (0_u64..).zip(&held) {
        assert_eq!(record[..], number.to_ne_bytes());
    }
}

#[test]
fn limits_count_the_record_once() {
    let ring = ring(9);
    let mut consumer = ring.consumer().unwrap();
    for limited in [true, false] {
        let batch = consumer.batch();
        let batch = if limited { batch.max_records(2) } else { batch.max_bytes(32) };
        assert_eq!(numbers(&batch, 99).len(), 2);
        for _ in 0..3 {
            assert!(batch.put_back());
            assert_eq!(numbers(&batch, 99).len(), 1);
            assert!(matches!(batch.next(), Ok(Next::Limit)));
        }
    }
    assert_eq!(consumer.counts().delivered, 4);
}

#[test]
fn discarded_records_behind_it_are_skipped_again_and_counted_once() {
    let ring = ring(2);
    let traced = ring.producer();
    for _ in 0..3 {
        traced.reserve(100).unwrap().discard(Flags::ADAPTIVE);
    }
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch();
    assert_eq!(numbers(&batch, 99), [0, 1]);
    assert!(batch.put_back());
    assert_eq!(batch.held_bytes(), 16);
    drop(batch);
    assert_eq!((consumer.counts().delivered, consumer.counts().discarded), (1, 0));
    assert_eq!(numbers(&consumer.batch(), 99), [1]);
    assert_eq!((consumer.counts().delivered, consumer.counts().discarded), (2, 3));
    // A batch that only skips has nothing to put back.
    traced.reserve(100).unwrap().discard(Flags::ADAPTIVE);
    let batch = consumer.batch();
    assert!(matches!(batch.next(), Ok(Next::Empty)));
    assert!(!batch.put_back());
}

#[test]
fn a_record_that_was_put_back_is_a_reason_not_to_sleep() {
    let ring = ring(1);
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch();
    assert_eq!(numbers(&batch, 99), [0]);
    assert!(batch.put_back());
    assert_eq!(batch.finish(), Armed::Ready);
    assert!(consumer.known_ready());
    assert_eq!(numbers(&consumer.batch(), 99), [0]);
    assert_eq!(consumer.arm(), Armed::Sleep);
}

#[test]
fn everything_before_it_is_given_back_also_by_a_consumer_that_holds_back() {
    let ring = ring(9);
    let mut consumer = ring.consumer().unwrap();
    consumer.hold_back(1024);
    let batch = consumer.batch();
    assert_eq!(numbers(&batch, 9).len(), 9);
    assert!(batch.put_back());
    drop(batch);
    assert_eq!((consumer.unpublished(), ring.producer().query(2)), (0, 8 * 16));
    // The rule begins again with it: one record, then two.
    ring.producer().output(&[0; 8], Flags::ADAPTIVE).unwrap();
    ring.producer().output(&[0; 8], Flags::ADAPTIVE).unwrap();
    assert_eq!(numbers(&consumer.batch(), 1), [8]);
    assert_eq!(consumer.unpublished(), 16);
    // A batch that puts back all it read changes nothing.
    let batch = consumer.batch();
    assert_eq!(numbers(&batch, 1), [0]);
    assert!(batch.put_back());
    drop(batch);
    assert_eq!(consumer.unpublished(), 16);
    assert_eq!(numbers(&consumer.batch(), 9).len(), 2);
    assert_eq!(consumer.unpublished(), 32);
}
