//! The producer of a user ring, as `bpf_user_ringbuf_drain` sees it: the facts
//! named `user.*`, and the kernel's own tests (prog_tests/user_ringbuf.c).

use std::mem::forget;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Consumer, ConsumerMemory, Corrupt, CorruptReason, Header, Next, Position, Producer,
    ProducerMemory, ReserveError, RingMemory, SampleLen, Width,
};
use ringbuf_sim::{DrainError, Flags, SimError, SimMemory, SimRing, SimUserRing, VirtualTime};

const CAPACITY: u32 = 64 * 1024;

/// A ring, its reader, and the producer of a user ring.
macro_rules! user_ring {
    ($ring:ident, $consumer:ident, $producer:ident, $start:expr) => {
        let $ring = SimRing::started_at(CAPACITY.into(), Width::Bits64, $start).unwrap();
        let mut $consumer = $ring.consumer().unwrap();
        // SAFETY: P1: nothing else produces into this ring.
        let $producer = unsafe { Producer::new($ring.producer_memory()) }.unwrap();
    };
}

/// Reads everything and returns the length of each record.
fn drain(consumer: &mut Consumer<SimMemory>) -> Vec<usize> {
    let batch = consumer.batch();
    let mut lens = Vec::new();
    while let Next::Record(record) = batch.next().unwrap() {
        lens.push(record.len());
    }
    lens
}

/// Unlike the kernel's producers, this one may fill the ring to the last byte.
/// Core's consumer does not accept that of a kernel, so a drain reads it.
#[test]
fn a_ring_is_filled_exactly() {
    let ring = SimUserRing::new(CAPACITY.into()).unwrap();
    let producer = ring.producer().unwrap();
    for _ in 0..3 {
        producer.reserve(CAPACITY - 8).unwrap().submit();
        assert_eq!(producer.lag(), CAPACITY.into());
        let full = producer.reserve(0).map(drop);
        assert!(matches!(full, Err(ReserveError::Full { footprint: 8, free: 0, .. })), "{full:?}");
        let mut lens = Vec::new();
        let drained = ring.drain(Flags::ADAPTIVE, |sample| {
            lens.push(sample.len());
            ControlFlow::Continue(())
        });
        assert_eq!((drained, lens), (Ok(1), vec![CAPACITY as usize - 8]));
        assert_eq!(producer.lag(), 0);
    }
    let (asked, most) = (CAPACITY - 7, CAPACITY - 8);
    let too_large = producer.reserve(asked).map(drop);
    let Err(ReserveError::TooLarge { len, max, .. }) = too_large else { panic!("{too_large:?}") };
    assert_eq!((len, max), (asked, most));
    assert!(producer.reserve(u32::MAX).is_err());
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

/// `BPF_DYNPTR_MAX_SIZE`: a dynptr cannot hold more.
#[test]
fn no_sample_is_longer_than_the_kernel_accepts() {
    const MAX: u32 = 0xff_ffff;
    let ring = SimRing::new(32 << 20).unwrap();
    // SAFETY: P1: nothing else produces into this ring.
    let producer = unsafe { Producer::new(ring.producer_memory()) }.unwrap();
    assert_eq!(producer.max_sample(), MAX);
    let too_large = producer.reserve(MAX + 1).map(drop);
    let Err(ReserveError::TooLarge { len, max, .. }) = too_large else { panic!("{too_large:?}") };
    assert_eq!((len, max), (MAX + 1, MAX));
    assert_eq!(producer.reserve(MAX).map(|reservation| reservation.len()), Ok(MAX as usize));
}

#[test]
fn commits_in_any_order_and_dropping_discards() {
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
    // A forgotten reservation stays busy for ever.
    forget(producer.reserve(5).unwrap());
    producer.reserve(6).unwrap().submit();
    assert!(matches!(consumer.batch().next(), Ok(Next::Busy)));
    drop(ring);
}

#[test]
fn a_producer_continues_after_the_last_one() {
    user_ring!(ring, consumer, first, 0);
    first.reserve(8).unwrap().submit();
    drop(first);
    // SAFETY: P1: the first one is gone.
    let second = unsafe { Producer::new(ring.producer_memory()) }.unwrap();
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
            // SAFETY: no sample is lent, and the consumer checks every value.
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
        let CorruptReason::ProducerOutOfRange { producer, .. } = corrupt.reason else {
            panic!("{corrupt}")
        };
        assert_eq!(producer, producer_at);
        store(Position::default());
    }
    assert_eq!(drain(&mut consumer), [8]);
    drop(ring);
}

/// What a producer that died has left: its open reservations stall every drain, and
/// its successor discards them, across the end of the ring, at both widths.
#[test]
fn a_successor_discards_what_a_dead_producer_left_open() {
    for (width, start) in [(Width::Bits64, 0), (Width::Bits64, 65_000), (Width::Bits32, 65_000)] {
        let ring = SimUserRing::started_at(CAPACITY.into(), width, start).unwrap();
        let drained = || {
            let mut lens = Vec::new();
            let count = ring.drain(Flags::ADAPTIVE, |sample| {
                lens.push(sample.len());
                ControlFlow::Continue(())
            });
            assert_eq!(count.unwrap(), lens.len() as u64);
            lens
        };
        let dead = ring.producer().unwrap();
        dead.reserve(100).unwrap().submit();
        forget(dead.reserve(200).unwrap());
        dead.reserve(300).unwrap().submit();
        forget(dead.reserve(400).unwrap());
        assert_eq!(dead.open_reservations(), Ok(2));
        drop(dead);

        // SAFETY: P1: the pages of the only producer.
        let mut producer = unsafe { Producer::new(ring.producer_memory().unwrap()) }.unwrap();
        producer.reserve(500).unwrap().submit();
        assert_eq!(drained(), [100]);
        assert_eq!((producer.open_reservations(), drained()), (Ok(2), vec![]));
        assert_eq!((producer.discard_open(), producer.discard_open()), (Ok(2), Ok(0)));
        assert_eq!(drained(), [300, 500]);
        assert_eq!((producer.open_reservations(), producer.lag()), (Ok(0), 0));
    }
}

/// As at opening a kernel's ring: taking the ring again says so, until it is recovered.
#[test]
fn reservations_that_a_dead_producer_left_open_are_reported() {
    let ring = SimUserRing::new(CAPACITY.into()).unwrap();
    let time = VirtualTime::new();
    for left in [1, 2] {
        let dead = ring.producer().unwrap();
        (0..left).for_each(|_| forget(dead.reserve(8).unwrap()));
        drop(dead);
        for error in [ring.producer().map(drop), ring.producer_in(&time).map(drop)] {
            let error = error.expect_err("they are open");
            assert!(
                matches!(error, SimError::LeftOpen { reservations, .. } if reservations == left)
            );
            let (text, noun) = (error.to_string(), ["reservation ", "reservations "]);
            assert!(
                text.contains(&format!("left {left} {}open", noun[left as usize - 1])),
                "{text}"
            );
            assert!(text.contains("recover()"), "{text}");
        }
        let producer = ring.recover().unwrap();
        assert_eq!(producer.open_reservations(), Ok(0));
        assert!(matches!(ring.recover(), Err(SimError::SecondProducer)));
        producer.reserve(8).unwrap().submit();
        drop(producer);
        assert_eq!(ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(())).unwrap(), 1);
    }
    ring.producer_in(&time).unwrap();
}

/// Headers and positions that no producer leaves: nothing beyond what is produced is
/// read or written.
#[test]
fn open_reservations_are_not_looked_for_behind_a_bad_header() {
    let ring = SimUserRing::new(CAPACITY.into()).unwrap();
    let mut producer = ring.producer().unwrap();
    for len in [8, 16, 24] {
        forget(producer.reserve(len).unwrap());
    }
    let at = Position::new(16, Width::Bits64).offset(producer.memory().capacity());
    let bad = Header::busy(SampleLen::new(49).unwrap());
    // SAFETY: the record is open, and nothing borrows it.
    unsafe { producer.memory().store_header(at, bad, Ordering::Relaxed) };
    let reason = |error: Corrupt| (error.position.get(), error.reason);
    let found = producer.discard_open().map_err(reason);
    let Err((16, CorruptReason::RecordTooLong { footprint: 64, available: 56, .. })) = found else {
        panic!("{found:?}");
    };
    // The first was discarded, the others are as they were.
    let error = ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, DrainError::BeyondProduced { .. }), "{error}");
    assert_eq!(ring.consumer_pos().get(), 16);
    let error = producer.open_reservations().unwrap_err();
    assert!(matches!(error.reason, CorruptReason::RecordTooLong { .. }), "{error}");
}

/// Bytes of an earlier sample are lent again, unless they are asked to be zero.
#[test]
fn reserved_bytes_are_those_of_an_earlier_sample_or_zero() {
    let ring = SimUserRing::new(4096).unwrap();
    let producer = ring.producer().unwrap();
    let drain = || ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(())).unwrap();
    let mut first = producer.reserve(4088).unwrap();
    first.fill(7);
    first.submit();
    drain();
    let second = producer.reserve(4088).unwrap();
    assert!(second.iter().all(|byte| *byte == 7));
    second.submit();
    drain();
    assert!(producer.reserve_zeroed(4088).unwrap().iter().all(|byte| *byte == 0));
    assert!(producer.reserve_zeroed(4089).is_err());
}
