//! The bytes that a consumer holds back, and when it gives them back.

use std::mem::forget;

use ringbuf_core::{Batch, Consumer, Drained, Next};
use ringbuf_sim::{Flags, SimMemory, SimRing};

const CAPACITY: u64 = 64 * 1024;

/// Returns a ring with `records` records of 8 bytes. Each holds its number.
fn ring(records: u64) -> SimRing {
    let ring = SimRing::new(CAPACITY).unwrap();
    let producer = ring.producer();
    for number in 0..records {
        producer.output(&number.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
    }
    ring
}

/// Returns the numbers that a batch delivers until it ends.
fn numbers(batch: &Batch<'_, SimMemory>) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Next::Record(record) = batch.next().unwrap() {
        numbers.push(u64::from_ne_bytes(record[..].try_into().unwrap()));
    }
    numbers
}

#[test]
fn a_killed_consumer_leaves_two_records() {
    let ring = ring(3);
    let mut first = ring.consumer().unwrap();
    first.hold_back(CAPACITY);
    assert_eq!(numbers(&first.batch()), [0, 1, 2]);
    // As if killed: only the shared position stays.
    forget(first);
    assert_eq!(ring.producer().query(0), 32);
}

/// A reader that keeps up and publishes at once gets a notification for each
/// record.
#[test]
fn a_late_release_saves_notifications() {
    let notified = |portion: Option<u64>| {
        let ring = ring(0);
        let producer = ring.producer();
        let mut consumer = ring.consumer().unwrap();
        portion.into_iter().for_each(|portion| consumer.hold_back(portion));
        for number in 0..10_000_u64 {
            producer.output(&number.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
            assert_eq!(numbers(&consumer.batch()), [number]);
        }
        ring.notifications()
    };
    assert_eq!(notified(None), 10_000);
    // The first commit finds it caught up. Then it stays two records behind.
    assert_eq!(notified(Some(CAPACITY / 4)), 1);
}

/// When a batch ends, everything except the last two records is given back. If
/// these take more than an eighth of the ring, everything is given back.
#[test]
fn a_batch_gives_back_all_but_two_records() {
    let ring = ring(8);
    let producer = ring.producer();
    let mut consumer = ring.consumer().unwrap();
    for portion in [48, 0, CAPACITY, u64::MAX] {
        consumer.hold_back(portion);
        assert_eq!(numbers(&consumer.batch().max_records(1)).len(), 1);
        let held = consumer.unpublished();
        assert_eq!(held, consumer.position().get().min(32), "of {portion}");
        assert_eq!(numbers(&consumer.batch().max_records(1)).len(), 1);
        let held = (consumer.unpublished(), producer.query(2));
        assert_eq!(held, (32, consumer.position().get() - 32), "of {portion}");
    }
    let mut held = Vec::new();
    for len in [CAPACITY / 16, CAPACITY / 16, CAPACITY / 16 + 8, 16] {
        producer.reserve(len - 8).unwrap().submit(Flags::ADAPTIVE);
        assert!(matches!(consumer.batch().next(), Ok(Next::Record(_))));
        held.push(consumer.unpublished());
    }
    // With the last record, the one before it no longer counts.
    assert_eq!(held, [CAPACITY / 16 + 16, CAPACITY / 8, 0, 16]);
}

/// Two ways to give back at once, and the default.
#[test]
fn without_holding_back_everything_is_given_back_at_once() {
    let ring = ring(9);
    let mut consumer = ring.consumer().unwrap();
    assert_eq!(numbers(&consumer.batch().max_records(2)).len(), 2);
    assert_eq!(consumer.unpublished(), 0);
    consumer.hold_back(CAPACITY);
    assert_eq!(numbers(&consumer.batch().max_records(2)).len(), 2);
    assert_eq!(consumer.unpublished(), 32);
    consumer.release_at_once();
    assert_eq!((consumer.unpublished(), ring.producer().query(2)), (0, 64));
    assert!(consumer.next_record().unwrap().is_some());
    assert_eq!(consumer.unpublished(), 16, "it is lent");
    assert!(consumer.next_record().unwrap().is_some());
    assert_eq!(ring.producer().query(2), 80, "with the next, the one before");
    consumer.drain(|_| ()).unwrap();
    assert_eq!((consumer.unpublished(), ring.producer().query(2)), (0, 144));
}

/// 64 empty looks in a row of any kind give everything back, but 63 do not, and
/// looks before a record do not count.
#[test]
fn empty_looks_give_everything_back() {
    let ring = ring(2);
    let mut consumer = ring.consumer().unwrap();
    consumer.hold_back(CAPACITY);
    assert_eq!(numbers(&consumer.batch()), [0, 1]);
    let looks: [fn(&mut Consumer<SimMemory>); 3] = [
        |consumer| assert!(!consumer.is_ready()),
        |consumer| assert_eq!(consumer.drain(|_| ()), Ok(Drained::Empty)),
        |consumer| assert!(matches!(consumer.batch().next(), Ok(Next::Empty))),
    ];
    let all = looks.iter().cycle();
    all.clone().take(63).for_each(|look| look(&mut consumer));
    assert_eq!(consumer.unpublished(), 32);
    ring.producer().output(&[0; 8], Flags::ADAPTIVE).unwrap();
    assert_eq!(numbers(&consumer.batch()), [0]);
    for look in looks {
        for _ in 0..2 {
            ring.producer().output(&[0; 8], Flags::ADAPTIVE).unwrap();
            assert_eq!(numbers(&consumer.batch()), [0]);
        }
        (0..63).for_each(|_| look(&mut consumer));
        assert_eq!(consumer.unpublished(), 32);
        look(&mut consumer);
        assert_eq!(consumer.unpublished(), 0);
    }
}

/// Windows of half a portion limit the bytes that a drain holds. At its end, the
/// bytes held back start at the second-to-last record, wherever it is.
#[test]
fn two_records_are_held_back_wherever_a_window_ends() {
    for stop in 1..10 {
        let ring = ring(10);
        let mut consumer = ring.consumer().unwrap();
        consumer.hold_back(80);
        let batch = consumer.batch();
        for _ in 0..stop {
            assert!(matches!(batch.next(), Ok(Next::Record(_))));
        }
        drop(batch);
        assert_eq!((consumer.unpublished()), 32.min(16 * stop));
        assert_eq!(numbers(&consumer.batch()), (stop..10).collect::<Vec<_>>());
        assert_eq!((consumer.unpublished(), ring.producer().query(2)), (32, 128));
    }
}

/// One single record, and a discarded one: each counts.
#[test]
fn a_first_record_is_held_back_alone() {
    let ring = SimRing::new(CAPACITY).unwrap();
    let mut consumer = ring.consumer().unwrap();
    consumer.hold_back(416);
    ring.producer().output(&[0; 401], Flags::ADAPTIVE).unwrap();
    assert!(matches!(consumer.batch().next(), Ok(Next::Record(_))));
    assert_eq!(consumer.unpublished(), 416);
    for held in [416 + 16, 32, 32] {
        ring.producer().reserve(8).unwrap().discard(Flags::ADAPTIVE);
        assert!(matches!(consumer.batch().next(), Ok(Next::Empty)));
        assert_eq!(consumer.unpublished(), held);
    }
}
