//! One consumer at a time; the limits and the held bytes of a batch; and rings with
//! content that no kernel writes.

use std::mem::forget;
use std::sync::atomic::Ordering::Relaxed;

use ringbuf_core::{
    Armed, Batch, Consumer, ConsumerMemory, Corrupt, CorruptReason, Header, Next, PageOffset,
    Position, ProducerMemory, RingMemory, Width,
};
use ringbuf_sim::{Flags, SimError, SimMemory, SimRing};

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

fn position(value: u64) -> Position {
    Position::new(value, Width::Bits64)
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
fn one_consumer_at_a_time() {
    let ring = ring(5);
    let mut first = ring.consumer().unwrap();
    assert!(matches!(ring.clone().consumer(), Err(SimError::SecondConsumer)));
    first.hold_back(CAPACITY);
    assert_eq!(numbers(&first.batch().max_records(2)), [0, 1]);
    assert_eq!((first.unpublished(), ring.producer().query(2)), (32, 0));
    drop(first);
    assert_eq!(ring.producer().query(2), 32, "dropping publishes");
    let mut second = ring.consumer().unwrap();
    assert_eq!((second.position(), second.lag()), (position(32), Ok(48)));
    assert_eq!(numbers(&second.batch()), [2, 3, 4]);
    assert_eq!(second.counts().delivered, 3);
}

#[test]
fn bounds() {
    let ring = ring(10);
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch().max_records(3);
    assert_eq!((numbers(&batch), batch.delivered(), batch.held_bytes()), (vec![0, 1, 2], 3, 48));
    assert!(matches!(batch.next(), Ok(Next::Limit)));
    drop(batch);
    // The record that reaches the limit is the last.
    assert_eq!(numbers(&consumer.batch().max_bytes(17)), [3, 4]);
    assert_eq!(numbers(&consumer.batch().max_bytes(16)), [5]);
    assert_eq!(numbers(&consumer.batch().max_bytes(0)), []);
    assert_eq!(numbers(&consumer.batch().max_records(0)), []);
    assert_eq!(numbers(&consumer.batch().max_records(9).max_bytes(32)), [6, 7]);
    // More than available: the ring is the limit.
    let batch = consumer.batch().max_records(3);
    assert_eq!(numbers(&batch), [8, 9]);
    assert!(matches!(batch.next(), Ok(Next::Empty)));
}

#[test]
fn rewound_and_forgotten_records_come_again() {
    let ring = ring(4);
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch();
    assert_eq!(numbers(&batch), [0, 1, 2, 3]);
    batch.rewind();
    let batch = consumer.batch();
    assert!(matches!(batch.next(), Ok(Next::Record(_))));
    forget(batch);
    assert_eq!((consumer.counts().delivered, consumer.unpublished()), (0, 0));
    assert_eq!(consumer.arm(), Armed::Ready);
    assert_eq!(numbers(&consumer.batch()), [0, 1, 2, 3]);
    assert_eq!(consumer.arm(), Armed::Sleep);
}

#[test]
fn records_are_held_together() {
    let ring = ring(0);
    let producer = ring.producer();
    let mut consumer = ring.consumer().unwrap();
    // A whole ring, so that the last record continues in the second copy.
    let len = 1000;
    for lap in 0..20 {
        let mut written = 0_u8;
        while producer.output(&vec![written ^ lap; len], Flags::ADAPTIVE).is_ok() {
            written += 1;
        }
        let batch = consumer.batch();
        let mut held = Vec::new();
        while let Next::Record(record) = batch.next().unwrap() {
            held.push(record);
        }
        assert_eq!(held.len(), usize::from(written));
        assert!(producer.output(&vec![0; len], Flags::ADAPTIVE).is_err(), "reading frees nothing");
        for (number, record) in (0_u8..).zip(&held) {
            assert!(record.iter().all(|byte| *byte == number ^ lap));
            assert_eq!(record.as_ptr().align_offset(8), 0);
        }
    }
}

/// Reads everything, then changes the ring. The consumer must report this reason
/// and this position, now and in each later call.
fn corrupt(ring: &SimRing, meddle: impl FnOnce(), reason: &str) {
    let mut consumer = ring.consumer().unwrap();
    let place = consumer.position();
    let is_expected = |found: Option<Corrupt>| {
        let found = found.expect("it is corrupt");
        assert_eq!((found.position, &*format!("{:?}", found.reason)), (place, reason));
    };
    meddle();
    for _ in 0..2 {
        // One look shows that sleeping is wrong.
        assert_eq!(consumer.arm(), Armed::Ready, "{reason}");
        let batch = consumer.batch();
        for _ in 0..3 {
            is_expected(batch.next().err());
        }
        assert_eq!((batch.held_bytes(), batch.delivered()), (0, 0));
        drop(batch);
        is_expected(consumer.batch().max_records(1).next().err());
        is_expected(consumer.lag().err());
        is_expected(consumer.drain(|_| ()).err());
        is_expected(consumer.next_record().err());
        assert!(consumer.is_ready() && consumer.known_ready());
    }
    assert_eq!(consumer.position(), place);
    // The error stays, even if the ring looks well again.
    // SAFETY: no sample is lent, and the consumer checks every value.
    unsafe { ring.producer_memory().store_producer_pos(place, Relaxed) };
    is_expected(consumer.batch().next().err());
}

#[test]
fn a_corrupt_header_ends_reading() {
    for footprint in [16, 24, 32, CAPACITY, 0x4000_0008] {
        for discarded in [0, Header::DISCARD_BIT] {
            let ring = ring(0);
            let memory = ring.producer_memory();
            let reason = format!("RecordTooLong {{ footprint: {footprint}, available: 8 }}");
            let header = Header::from_bits((footprint as u32 - 9) | discarded);
            corrupt(
                &ring,
                || {
                    let at = Position::default().offset(memory.capacity());
                    // SAFETY: nobody reads while this thread writes.
                    unsafe { memory.write_header(at, header, PageOffset::NONE) };
                    // SAFETY: no sample is lent, and the consumer checks every value.
                    unsafe { memory.store_producer_pos(position(8), Relaxed) };
                },
                &reason,
            );
        }
    }
}

#[test]
fn a_forged_producer_position_ends_reading() {
    for produced in [4, 12, CAPACITY + 8, 1 << 40, u64::MAX - 7, u64::MAX] {
        let ring = ring(0);
        let producer = position(produced);
        let kind = if producer.is_aligned() { "ProducerOutOfRange" } else { "ProducerMisaligned" };
        let reason = format!("{kind} {{ producer: {producer:?} }}");
        let forge = || {
            // SAFETY: no sample is lent, and the consumer checks every value.
            unsafe { ring.producer_memory().store_producer_pos(producer, Relaxed) };
        };
        corrupt(&ring, forge, &reason);
        // A new consumer refuses it, too, and the attempt does not claim the ring.
        // SAFETY: no sample is lent, and the consumer checks every value.
        unsafe { ring.producer_memory().store_producer_pos(producer, Relaxed) };
        for _ in 0..2 {
            assert!(
                matches!(ring.consumer(), Err(SimError::Corrupt(found)) if format!("{:?}", found.reason) == reason)
            );
        }
        // SAFETY: no sample is lent, and the consumer checks every value.
        unsafe { ring.producer_memory().store_producer_pos(position(0), Relaxed) };
        assert_eq!(ring.consumer().unwrap().lag(), Ok(0));
    }
}

/// `lag` alone finds it, too.
#[test]
fn a_corrupt_lag_ends_reading() {
    let ring = ring(1);
    let mut consumer = ring.consumer().unwrap();
    // SAFETY: no sample is lent, and the consumer checks every value.
    unsafe { ring.producer_memory().store_producer_pos(position(20), Relaxed) };
    let corrupt = consumer.lag().unwrap_err();
    // SAFETY: no sample is lent, and the consumer checks every value.
    unsafe { ring.producer_memory().store_producer_pos(position(16), Relaxed) };
    assert_eq!(consumer.lag(), Err(corrupt));
    assert_eq!(consumer.batch().next().err(), Some(corrupt));
    assert_eq!(consumer.arm(), Armed::Ready);
}

#[test]
fn records_before_the_corrupt_one_are_good() {
    let ring = ring(3);
    let memory = ring.producer_memory();
    let at = position(32).offset(memory.capacity());
    // SAFETY: nobody reads while this thread writes.
    unsafe { memory.write_header(at, Header::from_bits(9), PageOffset::NONE) };
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch();
    assert!(matches!(batch.next(), Ok(Next::Record(_))));
    assert!(matches!(batch.next(), Ok(Next::Record(_))));
    assert_eq!(batch.next().unwrap_err().position, position(32));
    drop(batch);
    assert_eq!((consumer.counts().delivered, ring.producer().query(2)), (2, 32));
    assert_eq!(consumer.batch().next().unwrap_err().position, position(32));
}

#[test]
fn a_misaligned_consumer_position_is_refused() {
    let ring = ring(1);
    let consumer = ring.consumer().unwrap();
    // SAFETY: no sample is lent, and the consumer checks every value.
    unsafe { consumer.memory().store_consumer_pos(position(4), Relaxed) };
    drop(consumer);
    let refused = ring.consumer().map(drop).unwrap_err();
    let SimError::Corrupt(Corrupt { reason, .. }) = refused else { panic!("{refused}") };
    assert_eq!(reason, CorruptReason::ConsumerMisaligned);
}

/// Any bytes, any producer position: reading ends, and stays within the produced
/// bytes.
#[test]
fn any_bytes() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut ends = [0; 4];
    for _ in 0..3000 {
        let ring = SimRing::new(CAPACITY).unwrap();
        let memory = ring.producer_memory();
        let mut consumer = ring.consumer().unwrap();
        // Mostly short records, so that a walk passes several.
        let (bits, few) = (next(), next() % 8 == 0);
        for slot in 0..CAPACITY / 8 {
            let word = if few || next() % 64 == 0 { next() } else { next() & 0x4000_00ff };
            let word = if bits % 4 == 0 { word } else { word & !u64::from(Header::BUSY_BIT) };
            let at = position(8 * slot).offset(memory.capacity());
            // SAFETY: nobody reads while this thread writes.
            unsafe { memory.write_header(at, Header::from_bits(word as u32), PageOffset::NONE) };
        }
        let ahead = if next() % 16 == 0 { next() } else { next() % (CAPACITY / 8 + 1) * 8 };
        // SAFETY: no sample is lent, and the consumer checks every value.
        unsafe { memory.store_producer_pos(position(ahead), Relaxed) };
        ends[walk(&mut consumer, ahead)] += 1;
    }
    assert!(ends.iter().all(|end| *end > 10), "{ends:?}");
}

/// Reads to the end and returns how it ended.
fn walk(consumer: &mut Consumer<SimMemory>, produced: u64) -> usize {
    let mut calls = 0;
    let batch = consumer.batch();
    let end = loop {
        calls += 1;
        assert!(calls <= CAPACITY / 8 + 1, "more records than fit");
        match batch.next() {
            Ok(Next::Record(record)) => {
                let end = record.position().get() + 8 + record.len() as u64;
                assert!(end <= produced, "beyond what is produced");
                // Every byte is mapped.
                std::hint::black_box(record.iter().fold(0_u8, |sum, byte| sum ^ byte));
            }
            Ok(Next::Busy) => break 0,
            Ok(Next::Empty) => break 1,
            Ok(_) => panic!("no limit was set"),
            Err(corrupt) => match corrupt.reason {
                CorruptReason::RecordTooLong { .. } => break 2,
                _ => break 3,
            },
        }
    };
    drop(batch);
    assert_eq!(consumer.arm() == Armed::Ready, end >= 2);
    end
}
