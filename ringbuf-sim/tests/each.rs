//! Reading with a callback: it gives the same records as a batch, for any lengths.
//! Also where it ends, and the space that it gives back on the way.

use std::ops::ControlFlow::{self, Break, Continue};
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::collection::vec;
use proptest::prelude::*;
use ringbuf_core::{Armed, Drained, Next};
use ringbuf_sim::{Flags, SimRing};

const CAPACITY: u64 = 64 * 1024;
const GO_ON: ControlFlow<()> = Continue(());

/// Records of few lengths, in runs. Guesses of the next length are right and wrong.
fn records() -> impl Strategy<Value = Vec<(usize, bool)>> {
    let len = prop_oneof![4 => Just(8), 4 => Just(64), 1 => 0_usize..300];
    let run = (len, 1_usize..40, prop::bool::weighted(0.1));
    let runs = vec(run, 1..40);
    runs.prop_map(|runs| {
        let records = runs
            .into_iter()
            .flat_map(|(len, count, discard)| std::iter::repeat_n((len, discard), count));
        records.take(700).collect()
    })
}

proptest! {
    /// Each word of a sample equals the length word of the record before. So a
    /// reader that takes the inside of a sample for a header finds one.
    #[test]
    fn a_wrong_guess_changes_nothing(laps in vec(records(), 1..4), portion in 0..CAPACITY) {
        let [by_batch, by_callback] = [(); 2].map(|()| SimRing::new(CAPACITY).unwrap());
        let mut batches = by_batch.consumer().unwrap();
        let mut callbacks = by_callback.consumer().unwrap();
        callbacks.hold_back(portion);
        for records in laps {
            for ring in [&by_batch, &by_callback] {
                let (producer, mut last) = (ring.producer(), 0);
                for (len, discard) in &records {
                    let Ok(mut reservation) = producer.reserve(*len as u64) else { break };
                    for word in reservation.chunks_mut(4) {
                        word.copy_from_slice(&u32::to_ne_bytes(last as u32)[..word.len()]);
                    }
                    last = *len;
                    if *discard {
                        reservation.discard(Flags::ADAPTIVE);
                    } else {
                        reservation.submit(Flags::ADAPTIVE);
                    }
                }
            }
            let mut expected = Vec::new();
            let batch = batches.batch();
            while let Next::Record(record) = batch.next().unwrap() {
                expected.push((record.position(), record.to_vec()));
            }
            drop(batch);
            let mut found = Vec::new();
            let end = callbacks.for_each(|record| {
                found.push((record.position(), record.to_vec()));
                GO_ON
            });
            prop_assert!(matches!(end, Ok(Continue(Drained::Empty))));
            // Holding back leaves less space, so fewer records were written.
            expected.truncate(found.len());
            prop_assert_eq!(found, expected);
            batches.publish();
            callbacks.publish();
        }
    }
}

#[test]
fn a_break_stops_and_the_next_call_continues_there() {
    for stop in 0..12 {
        let ring = ring(12);
        let mut consumer = ring.consumer().unwrap();
        let mut seen = Vec::new();
        let end = consumer.for_each(|record| {
            seen.push(number(&record));
            if number(&record) == stop { Break(stop) } else { Continue(()) }
        });
        assert_eq!(end, Ok(Break(stop)));
        assert_eq!(consumer.counts().delivered, stop + 1);
        let end = consumer.for_each(|record| {
            seen.push(number(&record));
            GO_ON
        });
        assert_eq!(end, Ok(Continue(Drained::Empty)));
        assert_eq!(seen, (0..12).collect::<Vec<_>>());
    }
}

#[test]
fn reading_ends_at_a_busy_record_until_its_commit() {
    let ring = ring(3);
    let producer = ring.producer();
    let mut consumer = ring.consumer().unwrap();
    let open = producer.reserve(8).unwrap();
    producer.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    assert_eq!(consumer.for_each(|_| GO_ON), Ok(Continue(Drained::Busy)));
    assert!(!consumer.is_ready() && !consumer.known_ready());
    assert_eq!(consumer.arm(), Armed::Sleep);
    open.discard(Flags::ADAPTIVE);
    assert!(consumer.is_ready() && consumer.known_ready(), "known since it was busy");
    assert_eq!(consumer.for_each(|_| GO_ON), Ok(Continue(Drained::Empty)));
    assert_eq!((consumer.counts().delivered, consumer.counts().discarded), (4, 1));
    producer.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    assert!(!consumer.known_ready(), "not known yet");
    assert!(consumer.is_ready() && consumer.known_ready());
}

#[test]
fn a_busy_producer_cannot_keep_the_reader() {
    for portion in [None, Some(CAPACITY / 4), Some(CAPACITY)] {
        let ring = ring(1);
        let producer = ring.producer();
        let mut consumer = ring.consumer().unwrap();
        portion.into_iter().for_each(|portion| consumer.hold_back(portion));
        let mut count = 0;
        let end = consumer.for_each(|_| {
            count += 1;
            while producer.output(&[0; 1000], Flags::ADAPTIVE).is_ok() {}
            if count * 1008 < 4 * CAPACITY { Continue(()) } else { Break(()) }
        });
        assert_eq!(end, Ok(Continue(Drained::Limit)));
        // At most a ring and a window.
        assert!(count * 1008 <= 2 * CAPACITY, "{count} records at once");
    }
}

/// Sixteen records of a sixteenth of the ring, read as eight, seven and one. One
/// more record is there at the end, for the next call.
#[test]
fn reading_ends_after_exactly_one_ring() {
    let ring = SimRing::new(CAPACITY).unwrap();
    let producer = ring.producer();
    let produce = |records| {
        for _ in 0..records {
            producer.output(&[0; CAPACITY as usize / 16 - 8], Flags::ADAPTIVE).unwrap();
        }
    };
    produce(8);
    let mut consumer = ring.consumer().unwrap();
    let mut count = 0;
    let end = consumer.for_each(|_| {
        count += 1;
        match count {
            8 => produce(7),
            15 | 16 => produce(1),
            _ => {}
        }
        GO_ON
    });
    assert_eq!((end, count), (Ok(Continue(Drained::Limit)), 16));
    assert_eq!(consumer.for_each(|_| GO_ON), Ok(Continue(Drained::Empty)));
    assert_eq!(consumer.counts().delivered, 17);
}

#[test]
fn space_is_given_back_during_a_read() {
    let ring = SimRing::new(CAPACITY).unwrap();
    let producer = ring.producer();
    while producer.output(&[0; 56], Flags::ADAPTIVE).is_ok() {}
    let mut consumer = ring.consumer().unwrap();
    consumer.hold_back(CAPACITY / 4);
    let mut published = Vec::new();
    let end = consumer
        .for_each(|_| {
            let now = producer.query(2);
            published.extend(Some(now).filter(|now| published.last() != Some(now)));
            GO_ON
        })
        .unwrap();
    assert_eq!(end, Continue(Drained::Empty));
    assert!((4..20).contains(&published.len()), "{published:?}");
    assert_eq!(ring.notifications(), 1, "never caught up but at the first record");
}

#[test]
fn a_record_whose_callback_panics_is_consumed() {
    let ring = ring(20);
    let mut consumer = ring.consumer().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        consumer.for_each(|record| if number(&record) == 13 { panic!("unlucky") } else { GO_ON })
    }));
    assert!(panicked.is_err());
    assert_eq!(consumer.counts().delivered, 14);
    let mut rest = Vec::new();
    let end = consumer
        .for_each(|record| {
            rest.push(number(&record));
            GO_ON
        })
        .unwrap();
    assert_eq!(end, Continue(Drained::Empty));
    assert_eq!(rest, [14, 15, 16, 17, 18, 19]);
}

/// Returns a ring with this many records of 8 bytes. Each holds its number.
fn ring(records: u64) -> SimRing {
    let ring = SimRing::new(CAPACITY).unwrap();
    for number in 0..records {
        ring.producer().output(&number.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
    }
    ring
}

fn number(sample: &[u8]) -> u64 {
    u64::from_ne_bytes(sample.try_into().unwrap())
}
