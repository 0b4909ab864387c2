//! One consumer at a time; what a batch bounds and holds; and rings that hold
//! what no kernel writes.

use std::mem::forget;
use std::sync::atomic::Ordering::Relaxed;

use ringbuf_core::{
    Armed, Batch, Consumer, ConsumerMemory, Corrupt, CorruptReason, Header, Next, PageOffset,
    Position, ProducerMemory, Width,
};
use ringbuf_sim::{Flags, SimError, SimMemory, SimRing};

const CAPACITY: u64 = 64 * 1024;

/// A ring with `records` records of 8 bytes, which hold their number.
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

/// The numbers that a batch delivers until it ends.
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
    first.release_after(CAPACITY);
    assert_eq!(numbers(&first.batch().at_most(2)), [0, 1]);
    assert_eq!((first.unpublished(), ring.producer().query(2)), (32, 0));
    drop(first);
    assert_eq!(ring.producer().query(2), 32, "dropping publishes");
    let mut second = ring.consumer().unwrap();
    assert_eq!((second.position(), second.lag()), (position(32), Ok(48)));
    assert_eq!(numbers(&second.batch()), [2, 3, 4]);
    assert_eq!(second.counts().delivered, 3);
}

#[test]
fn a_killed_consumer_leaves_its_records() {
    let ring = ring(3);
    let mut first = ring.consumer().unwrap();
    first.release_after(CAPACITY);
    assert_eq!(numbers(&first.batch()), [0, 1, 2]);
    // As if killed: the shared word is all that stays.
    forget(first);
    assert_eq!(ring.producer().query(0), 48);
}

#[test]
fn bounds() {
    let ring = ring(10);
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch().at_most(3);
    assert_eq!((numbers(&batch), batch.delivered(), batch.held()), (vec![0, 1, 2], 3, 48));
    assert!(matches!(batch.next(), Ok(Next::Limit)));
    drop(batch);
    // The record that reaches the bound is the last.
    assert_eq!(numbers(&consumer.batch().within(17)), [3, 4]);
    assert_eq!(numbers(&consumer.batch().within(16)), [5]);
    assert_eq!(numbers(&consumer.batch().within(0)), []);
    assert_eq!(numbers(&consumer.batch().at_most(0)), []);
    assert_eq!(numbers(&consumer.batch().at_most(9).within(32)), [6, 7]);
    // More than there is: the ring is the bound.
    let batch = consumer.batch().at_most(3);
    assert_eq!(numbers(&batch), [8, 9]);
    assert!(matches!(batch.next(), Ok(Next::Empty)));
}

/// A reader that keeps up and publishes at once is notified for each record.
#[test]
fn a_late_release_saves_notifications() {
    let notified = |release_after| {
        let ring = ring(0);
        let producer = ring.producer();
        let mut consumer = ring.consumer().unwrap();
        consumer.release_after(release_after);
        for number in 0..10_000_u64 {
            producer.output(&number.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
            assert_eq!(numbers(&consumer.batch()), [number]);
        }
        ring.notifications()
    };
    assert_eq!(notified(0), 10_000);
    // The first finds it caught up; then it stays two records behind.
    assert_eq!(notified(CAPACITY / 4), 1);
}

#[test]
fn the_release_comes_at_the_bound_and_not_before() {
    let ring = ring(9);
    let producer = ring.producer();
    let mut consumer = ring.consumer().unwrap();
    consumer.release_after(48);
    let published = [(); 4].map(|()| {
        assert_eq!(numbers(&consumer.batch().at_most(2)).len(), 2);
        (consumer.unpublished(), producer.query(2))
    });
    // All but two records of 16 bytes, when 48 are consumed.
    assert_eq!(published, [(32, 0), (32, 32), (32, 64), (32, 96)]);
    consumer.release_after(16);
    assert_eq!(numbers(&consumer.batch()), [8]);
    // Two records take more than may be held back.
    assert_eq!((consumer.unpublished(), producer.query(2)), (0, 144));
}

/// In windows of half of what may be held back, here of two records and a first: of ten records
/// what the last window began with, and what came behind it, is held.
#[test]
fn what_is_held_back_begins_where_a_window_does() {
    let ring = ring(10);
    let mut consumer = ring.consumer().unwrap();
    consumer.release_after(80);
    let batch = consumer.batch();
    for _ in 0..5 {
        assert!(matches!(batch.next(), Ok(Next::Record(_))));
    }
    drop(batch);
    assert_eq!((consumer.unpublished(), ring.producer().query(2)), (32, 48));
    assert_eq!(numbers(&consumer.batch()), [5, 6, 7, 8, 9]);
    assert_eq!((consumer.unpublished(), ring.producer().query(2)), (32, 128));
}

/// One record alone is never held back for two.
#[test]
fn a_first_record_is_not_two() {
    let ring = SimRing::new(CAPACITY).unwrap();
    let mut consumer = ring.consumer().unwrap();
    consumer.release_after(416);
    ring.producer().output(&[0; 401], Flags::ADAPTIVE).unwrap();
    assert!(matches!(consumer.batch().next(), Ok(Next::Record(_))));
    assert_eq!(consumer.unpublished(), 0);
}

#[test]
fn what_is_kept_or_forgotten_comes_again() {
    let ring = ring(4);
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch();
    assert_eq!(numbers(&batch), [0, 1, 2, 3]);
    batch.keep();
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
    // A whole ring, so that the last record goes on in the second copy.
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

/// Reads all, then meddles: the consumer must report this reason, there, now
/// and for ever, whatever is asked of it.
fn corrupt(ring: &SimRing, meddle: impl FnOnce(), reason: CorruptReason) {
    let mut consumer = ring.consumer().unwrap();
    let expected = Corrupt { position: consumer.position(), reason };
    meddle();
    for _ in 0..2 {
        // A look is enough to know that sleeping is wrong.
        assert_eq!(consumer.arm(), Armed::Ready, "{expected}");
        let batch = consumer.batch();
        for _ in 0..3 {
            assert_eq!(batch.next().err(), Some(expected));
        }
        assert_eq!((batch.held(), batch.delivered()), (0, 0));
        drop(batch);
        assert_eq!(consumer.batch().at_most(1).next().err(), Some(expected));
        assert_eq!(consumer.lag(), Err(expected));
    }
    assert_eq!(consumer.position(), expected.position);
    // Once found, for ever: even when the ring looks well again.
    // SAFETY: no sample is lent out, and the consumer checks what it finds.
    unsafe { ring.producer_memory().store_producer_pos(expected.position, Relaxed) };
    assert_eq!(consumer.batch().next().err(), Some(expected));
}

#[test]
fn a_corrupt_header_is_the_end() {
    for footprint in [16, 24, 32, CAPACITY, 0x4000_0008] {
        for discarded in [0, Header::DISCARD_BIT] {
            let ring = ring(0);
            let memory = ring.producer_memory();
            let reason = CorruptReason::RecordTooLong { footprint, available: 8 };
            let header = Header::from_bits((footprint as u32 - 9) | discarded);
            corrupt(
                &ring,
                || {
                    let at = Position::default().offset(memory.capacity());
                    // SAFETY: nobody reads while this thread writes.
                    unsafe { memory.write_header(at, header, PageOffset::NONE) };
                    // SAFETY: no sample is lent out, and the consumer checks what it finds.
                    unsafe { memory.store_producer_pos(position(8), Relaxed) };
                },
                reason,
            );
        }
    }
}

#[test]
fn a_forged_producer_position_is_the_end() {
    for produced in [4, 12, CAPACITY + 8, 1 << 40, u64::MAX - 7, u64::MAX] {
        let ring = ring(0);
        let producer = position(produced);
        let reason = if producer.is_aligned() {
            CorruptReason::ProducerOutOfRange { producer }
        } else {
            CorruptReason::ProducerMisaligned { producer }
        };
        let forge = || {
            // SAFETY: no sample is lent out, and the consumer checks what it finds.
            unsafe { ring.producer_memory().store_producer_pos(producer, Relaxed) };
        };
        corrupt(&ring, forge, reason);
        // Nor does a new consumer believe it, nor does trying take the ring.
        // SAFETY: no sample is lent out, and the consumer checks what it finds.
        unsafe { ring.producer_memory().store_producer_pos(producer, Relaxed) };
        for _ in 0..2 {
            assert!(
                matches!(ring.consumer(), Err(SimError::Corrupt(found)) if found.reason == reason)
            );
        }
        // SAFETY: no sample is lent out, and the consumer checks what it finds.
        unsafe { ring.producer_memory().store_producer_pos(position(0), Relaxed) };
        assert_eq!(ring.consumer().unwrap().lag(), Ok(0));
    }
}

/// `lag` alone may find it, too.
#[test]
fn a_corrupt_lag_is_the_end() {
    let ring = ring(1);
    let mut consumer = ring.consumer().unwrap();
    // SAFETY: no sample is lent out, and the consumer checks what it finds.
    unsafe { ring.producer_memory().store_producer_pos(position(20), Relaxed) };
    let corrupt = consumer.lag().unwrap_err();
    // SAFETY: no sample is lent out, and the consumer checks what it finds.
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
    // SAFETY: no sample is lent out, and the consumer checks what it finds.
    unsafe { consumer.memory().store_consumer_pos(position(4), Relaxed) };
    drop(consumer);
    let refused = ring.consumer().map(drop).unwrap_err();
    let SimError::Corrupt(Corrupt { reason, .. }) = refused else { panic!("{refused}") };
    assert_eq!(reason, CorruptReason::ConsumerMisaligned);
}

/// Any bytes, any producer position: it ends, and stays within what is
/// produced.
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
        // Mostly short records, so that a walk has somewhere to go.
        let (bits, few) = (next(), next() % 8 == 0);
        for slot in 0..CAPACITY / 8 {
            let word = if few || next() % 64 == 0 { next() } else { next() & 0x4000_00ff };
            let word = if bits % 4 == 0 { word } else { word & !u64::from(Header::BUSY_BIT) };
            let at = position(8 * slot).offset(memory.capacity());
            // SAFETY: nobody reads while this thread writes.
            unsafe { memory.write_header(at, Header::from_bits(word as u32), PageOffset::NONE) };
        }
        let ahead = if next() % 16 == 0 { next() } else { next() % (CAPACITY / 8 + 1) * 8 };
        // SAFETY: no sample is lent out, and the consumer checks what it finds.
        unsafe { memory.store_producer_pos(position(ahead), Relaxed) };
        ends[walk(&mut consumer, ahead)] += 1;
    }
    assert!(ends.iter().all(|end| *end > 10), "{ends:?}");
}

/// Reads as far as it goes: how it ended.
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
            Ok(Next::Limit) => panic!("no limit was set"),
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
