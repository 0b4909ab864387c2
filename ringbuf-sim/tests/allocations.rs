//! Core never allocates: not when it reads, not when it waits.

mod counting;

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::Ordering::Release;
use std::time::Duration;

use counting::without_allocation;
use ringbuf_core::{
    Armed, Consumer, ConsumerMemory, Drained, Ended, Next, Producer, ProducerMemory, Rest, Waiter,
    Waiting,
};
use ringbuf_sim::{Flags, SimMemory, SimRing};

const CAPACITY: u64 = 64 * 1024;
const GO_ON: ControlFlow<()> = Continue(());

/// A ring with records of two lengths and discarded ones among them; the last
/// one is busy.
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
    for release_after in [0, CAPACITY / 4] {
        let ring = filled(1000);
        let mut consumer = ring.consumer().unwrap();
        without_allocation("a batch", || {
            consumer.release_after(release_after);
            let batch = consumer.batch().at_most(3);
            while let Ok(Next::Record(_)) = batch.next() {}
            batch.keep();
            let batch = consumer.batch().within(100);
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
    for release_after in [0, CAPACITY / 4] {
        let ring = filled(1000);
        let mut consumer = ring.consumer().unwrap();
        let (mut bytes, mut records) = (0, 0);
        without_allocation("for_each", || {
            consumer.release_after(release_after);
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
fn looking_and_arming_do_not_allocate() {
    let ring = filled(10);
    let mut consumer = ring.consumer().unwrap();
    consumer.release_after(CAPACITY / 2);
    without_allocation("a look", || {
        assert!(consumer.peek() && consumer.has_unread());
        assert_eq!(consumer.arm(), Armed::Ready);
        assert_eq!(consumer.for_each(|_| GO_ON), Ok(Continue(Drained::Busy)));
        assert!(!consumer.peek() && !consumer.has_unread());
        assert!(consumer.lag().is_ok_and(|lag| lag > 0));
        consumer.publish();
        assert_eq!(consumer.arm(), Armed::Sleep);
        drop(consumer);
    });
}

#[test]
fn what_is_corrupt_does_not_allocate() {
    let ring = filled(10);
    let mut consumer = ring.consumer().unwrap();
    let memory = ring.producer_memory();
    let far = consumer.position().advance(3 * CAPACITY, consumer.memory().width());
    // SAFETY: no sample is lent out; that it is out of range is the point.
    unsafe { memory.store_producer_pos(far, Release) };
    without_allocation("a corrupt ring", || {
        assert!(consumer.lag().is_err());
        assert!(consumer.batch().next().is_err());
        assert!(consumer.for_each(|_| GO_ON).is_err());
        assert_eq!(consumer.arm(), Armed::Ready);
    });
}

#[test]
fn waiting_does_not_allocate() {
    let presets = [
        Waiting::balanced(),
        Waiting::low_latency(),
        Waiting::low_cost(),
        Waiting::immediate(),
        Waiting::balanced().hold_off(Duration::MAX).spin_for(Duration::MAX),
    ];
    for waiting in presets {
        let ring = SimRing::new(CAPACITY).unwrap();
        let mut consumer = ring.consumer().unwrap();
        let producer = ring.producer();
        let sample = [0; 56];
        without_allocation("waiting", || {
            consumer.release_after(waiting.release_after(consumer.memory().capacity()));
            let mut waiter = Waiter::new(waiting.clone(), consumer.memory().capacity());
            let mut now = Duration::ZERO;
            // Dense, sparse, too much at once, and nothing.
            for burst in [1, 10, 1, 100, 0, 0, 1, 0, 500, 0, 0, 0, 1] {
                for _ in 0..burst {
                    producer.output(&sample, Flags::ADAPTIVE).unwrap();
                }
                now += Duration::from_micros(10);
                wait(&mut waiter, &mut consumer, &mut now);
            }
        });
    }
}

/// Reads, then rests once, and looks.
fn wait(waiter: &mut Waiter, consumer: &mut Consumer<SimMemory>, now: &mut Duration) {
    let (mut records, mut bytes) = (0, 0);
    let end = consumer.for_each(|record| {
        records += 1;
        bytes += record.sample_len().footprint();
        GO_ON
    });
    assert_eq!(end, Ok(Continue(Drained::Empty)));
    waiter.drained(*now, records, bytes);
    let rest = waiter.rest(*now);
    match rest {
        Rest::Block(time) => {
            assert_eq!(consumer.arm(), Armed::Sleep);
            *now += time;
        }
        Rest::Nap(time) | Rest::Spin { pause: time, .. } => *now += time.min(SECOND),
    }
    waiter.looked(rest, Ended::Over, consumer.peek());
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn producing_does_not_allocate() {
    let ring = SimRing::new(CAPACITY).unwrap();
    // SAFETY: P1: nothing else produces into this ring.
    let producer = unsafe { Producer::new(ring.producer_memory()) };
    without_allocation("a producer", || {
        for number in 0..10 {
            let mut reservation = producer.reserve(8).unwrap();
            reservation.fill(number);
            if number % 2 == 0 { reservation.submit() } else { reservation.discard() }
        }
        assert!(producer.has_room(8) && producer.reserve(u32::MAX).is_err());
    });
}
