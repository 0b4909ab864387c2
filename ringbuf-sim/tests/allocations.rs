//! Core never allocates, neither for reading nor for waiting.

mod counting;

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::Ordering::Release;
use std::time::Duration;

use counting::without_allocation;
use ringbuf_core::{
    Armed, Drained, Next, Producer, ProducerMemory, RingMemory, WaitPolicy, Wakeup,
};
use ringbuf_sim::{Flags, SimRing, VirtualTime};

const CAPACITY: u64 = 64 * 1024;
const GO_ON: ControlFlow<()> = Continue(());

/// A ring with records of two lengths, some of them discarded. The last one is
/// busy.
fn filled(records: u64) -> SimRing {
    let ring = SimRing::new(CAPACITY).unwrap();
    let producer = ring.producer();
    for number in 0..records {
        let reservation = producer.reserve(if number % 16 == 0 { 40 } else { 8 }).unwrap();
        match number {
            _ if number + 1 == records => std::mem::forget(reservation),
            _ if number % 10 == 9 => reservation.discard(Flags::ADAPTIVE),
            _ => reservation.submit(Flags::ADAPTIVE),
        }
    }
    ring
}

#[test]
fn a_batch_does_not_allocate() {
    for portion in [None, Some(CAPACITY / 4)] {
        let ring = filled(1000);
        let mut consumer = ring.consumer().unwrap();
        without_allocation("a batch", || {
            portion.into_iter().for_each(|portion| consumer.hold_back(portion));
            let batch = consumer.batch().max_records(3);
            while let Ok(Next::Record(_)) = batch.next() {}
            batch.rewind();
            let batch = consumer.batch().max_bytes(100);
            while let Ok(Next::Record(_)) = batch.next() {}
            drop(batch);
            let batch = consumer.batch();
            while let Ok(Next::Record(_)) = batch.next() {}
            assert!(matches!(batch.next(), Ok(Next::Busy)));
        });
        // Every tenth is discarded, or busy.
        assert_eq!(consumer.counts().delivered, 900);
    }
}

#[test]
fn for_each_does_not_allocate() {
    for portion in [None, Some(CAPACITY / 4)] {
        let ring = filled(1000);
        let mut consumer = ring.consumer().unwrap();
        let (mut bytes, mut records) = (0, 0);
        without_allocation("for_each", || {
            portion.into_iter().for_each(|portion| consumer.hold_back(portion));
            let end = consumer.for_each(|record| {
                records += 1;
                if records == 100 { Break(record.len()) } else { Continue(()) }
            });
            assert!(matches!(end, Ok(Break(_))));
            let end = consumer.for_each(|record| {
                bytes += record.len();
                GO_ON
            });
            assert_eq!(end, Ok(Continue(Drained::Busy)));
        });
        assert!(bytes > 0);
    }
}

#[test]
fn looks_and_arming_do_not_allocate() {
    let ring = filled(10);
    let mut consumer = ring.consumer().unwrap();
    consumer.hold_back(CAPACITY / 2);
    without_allocation("a look", || {
        assert!(consumer.is_ready() && consumer.known_ready());
        assert_eq!(consumer.arm(), Armed::Ready);
        assert_eq!(consumer.for_each(|_| GO_ON), Ok(Continue(Drained::Busy)));
        assert!(!consumer.is_ready() && !consumer.known_ready());
        assert!(consumer.lag().is_ok_and(|lag| lag > 0));
        consumer.publish();
        assert_eq!(consumer.arm(), Armed::Sleep);
        drop(consumer);
    });
}

#[test]
fn a_corrupt_ring_does_not_allocate() {
    let ring = filled(10);
    let mut consumer = ring.consumer().unwrap();
    let memory = ring.producer_memory();
    let far = consumer.position().advance(3 * CAPACITY, consumer.memory().width());
    // SAFETY: no sample is lent. The position is out of range on purpose.
    unsafe { memory.store_producer_pos(far, Release) };
    without_allocation("a corrupt ring", || {
        assert!(consumer.lag().is_err());
        assert!(consumer.batch().next().is_err());
        assert!(consumer.for_each(|_| GO_ON).is_err());
        assert_eq!(consumer.arm(), Armed::Ready);
    });
}

/// The loop of `wait` in virtual time: naps, spins, blocks, and every end.
#[test]
fn waiting_does_not_allocate() {
    let us = Duration::from_micros;
    let presets = [
        WaitPolicy::balanced(),
        WaitPolicy::low_latency(),
        WaitPolicy::low_cost(),
        WaitPolicy::immediate(),
        WaitPolicy::balanced().hold_off(Duration::MAX).spin_for(Duration::MAX),
    ];
    for policy in presets.clone() {
        let ring = SimRing::new(CAPACITY).unwrap();
        let producer = ring.producer();
        let time = VirtualTime::new();
        time.tick(us(2));
        let mut consumer = ring.consumer_in(&time).unwrap();
        // Dense, sparse, too much at once, and no records.
        for (step, burst) in (0..).zip([1, 10, 1, 100, 0, 0, 1, 0, 500, 0, 0, 0, 1]) {
            let producer = &producer;
            time.at(us(10 * step), move |_| {
                for _ in 0..burst {
                    producer.output(&[0; 56], Flags::ADAPTIVE).unwrap();
                }
            });
        }
        // A signal ends a nap or a block, but not a spin.
        time.at(us(500), |time| time.signal());
        time.at(us(15_000), |time| time.signal());
        let mut ends = Vec::with_capacity(10_000);
        without_allocation("waiting", || {
            consumer.set_policy(policy.clone());
            while time.now() < us(30_000) {
                ends.push(consumer.wait(Some(us(20_000))).unwrap());
                assert!(consumer.drain(|_| ()).is_ok());
            }
            consumer.clear_policy();
        });
        assert_eq!(consumer.counts().delivered, 614);
        let count = |end| ends.iter().filter(|found| **found == end).count();
        assert!(count(Wakeup::Ready) > 1 && count(Wakeup::TimedOut) > 0, "{ends:?}");
        let spins = policy == presets[4];
        assert_eq!(count(Wakeup::Interrupted) == 0, spins, "{ends:?}");
    }
}

#[test]
fn producing_does_not_allocate() {
    let ring = SimRing::new(CAPACITY).unwrap();
    // SAFETY: P1: nothing else produces into this ring.
    let producer = unsafe { Producer::new(ring.producer_memory()) }.unwrap();
    without_allocation("a producer", || {
        for number in 0..10 {
            let mut reservation = producer.reserve(8).unwrap();
            reservation.fill(number);
            if number % 2 == 0 { reservation.submit() } else { reservation.discard() }
        }
        assert!(producer.has_room(8) && producer.reserve(u32::MAX).is_err());
    });
}
