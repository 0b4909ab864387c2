//! Readers that keep their position in the page: turns, what comes again, what is held back.

use ringbuf_core::{Armed, Corrupt, CorruptReason, PageReader, Position, Visit, Visited, Width};
use ringbuf_sim::{Flags, Profile, SimPageMemory, SimRing};

type Reader = PageReader<SimPageMemory>;

fn ring() -> (SimRing, Reader, Reader) {
    let ring = SimRing::new(4096).unwrap();
    // SAFETY: C3: each test has them take turns, and keeps no sample.
    let [first, second] = [(); 2].map(|()| unsafe { ring.page_reader() });
    (ring, first, second)
}

fn send(ring: &SimRing, lens: &[usize]) {
    for len in lens {
        ring.producer().output(&vec![0; *len], Flags::ADAPTIVE).unwrap();
    }
}

/// Passes up to `most` records, and returns their lengths.
fn pass(visit: &mut Visit<'_, SimPageMemory>, most: usize) -> Vec<u32> {
    let mut lens = Vec::new();
    while lens.len() < most {
        let Visited::Record { len, .. } = visit.find().unwrap() else { break };
        lens.push(len.get());
        visit.pass();
    }
    lens
}

#[test]
fn readers_take_turns() {
    let (ring, first, second) = ring();
    for _ in 0..300 {
        send(&ring, &[1, 2, 3, 4]);
        let mut visit = first.visit();
        assert_eq!(pass(&mut visit, 1), [1]);
        assert_eq!(first.lag(), 64, "not yet published");
        visit.publish();
        let mut visit = second.visit();
        assert_eq!(pass(&mut visit, 2), [2, 3]);
        visit.publish();
        let mut visit = first.visit();
        assert_eq!(pass(&mut visit, 9), [4]);
        assert_eq!(visit.arm(), Armed::Sleep);
        assert_eq!((first.lag(), visit.counts().delivered), (0, 1));
    }
}

/// While a record is at hand, everything before it is free, and it is not.
#[test]
fn the_stored_position_is_that_of_the_record_at_hand() {
    let (ring, reader, other) = ring();
    send(&ring, &[8, 8, 8]);
    let mut visit = reader.visit();
    for at in [0, 16, 32] {
        assert!(matches!(visit.find(), Ok(Visited::Record { .. })));
        assert_eq!(other.consumer_position(), Position::new(at, Width::Bits64));
        assert_eq!(visit.position(), other.consumer_position());
        assert_eq!(visit.find(), visit.find(), "the same record, until it is passed");
        visit.pass();
        visit.pass();
    }
    assert_eq!(other.producer_position().get(), 48);
    // Abandoned: the last one comes again.
    assert_eq!(pass(&mut other.visit(), 9), [8]);
}

#[test]
fn discarded_records_are_skipped_and_given_back() {
    let (ring, reader, _) = ring();
    let discard = || ring.producer().reserve(8).unwrap().discard(Flags::ADAPTIVE);
    discard();
    send(&ring, &[3]);
    discard();
    let mut visit = reader.visit();
    assert_eq!(pass(&mut visit, 9), [3]);
    assert_eq!((visit.counts().delivered, visit.counts().discarded), (1, 2));
    visit.publish();
    assert_eq!(reader.lag(), 0);
}

#[test]
fn a_busy_head_ends_a_visit() {
    let (ring, reader, _) = ring();
    let held = ring.producer();
    let held = held.reserve(8).unwrap();
    send(&ring, &[5]);
    let mut visit = reader.visit();
    assert_eq!(visit.find(), Ok(Visited::Busy));
    assert_eq!(visit.arm(), Armed::Sleep);
    held.submit(Flags::ADAPTIVE);
    assert_eq!(visit.arm(), Armed::Ready);
    assert_eq!(pass(&mut visit, 9), [8, 5]);
    assert_eq!(visit.find(), Ok(Visited::Empty));
}

/// Its commit would notify if the reader were caught up.
#[test]
fn one_record_is_held_back_between_two_looks() {
    let (ring, reader, other) = ring();
    send(&ring, &[8, 8]);
    let mut visit = reader.visit();
    assert_eq!(pass(&mut visit, 9), [8, 8]);
    visit.hold_back();
    let before = ring.notifications();
    send(&ring, &[8]);
    assert_eq!(ring.notifications(), before);
    assert_eq!(reader.lag(), 32);
    // It does not come again.
    let mut visit = reader.visit();
    assert_eq!(pass(&mut visit, 9), [8]);
    visit.publish();
    assert_eq!(other.lag(), 0);
    send(&ring, &[8]);
    assert_eq!(ring.notifications(), before + 1);
}

#[test]
fn a_large_record_is_not_held_back() {
    let (ring, reader, _) = ring();
    for (len, left) in [(504, 512), (512, 0)] {
        send(&ring, &[len]);
        let mut visit = reader.visit();
        pass(&mut visit, 1);
        visit.hold_back();
        assert_eq!(reader.lag(), left, "an eighth of the ring is the limit");
        reader.visit().publish();
        assert_eq!(reader.lag(), 0);
    }
}

/// What is held back is forgotten when somebody else has moved the position.
#[test]
fn a_move_by_another_reader_wins() {
    let (ring, first, second) = ring();
    send(&ring, &[1, 2, 3]);
    let mut visit = first.visit();
    assert_eq!(pass(&mut visit, 1), [1]);
    visit.hold_back();
    let mut visit = second.visit();
    assert_eq!(pass(&mut visit, 2), [1, 2]);
    visit.publish();
    assert_eq!(pass(&mut first.visit(), 9), [3]);
}

/// A nested visit, as by a callback: the outer one continues behind it.
#[test]
fn a_nested_visit_moves_the_outer_one() {
    let (ring, outer, inner) = ring();
    send(&ring, &[1, 2, 3, 4]);
    let mut visit = outer.visit();
    assert!(matches!(visit.find(), Ok(Visited::Record { .. })));
    let mut nested = inner.visit();
    assert_eq!(pass(&mut nested, 3), [1, 2, 3], "the record at hand comes again");
    nested.publish();
    visit.pass();
    assert_eq!(pass(&mut visit, 9), [4]);
}

/// The record at hand was passed, and its space given back, by a nested visit.
#[test]
fn a_second_find_does_not_go_back() {
    let (ring, outer, inner) = ring();
    send(&ring, &[1, 2, 3]);
    let mut visit = outer.visit();
    assert!(matches!(visit.find(), Ok(Visited::Record { .. })));
    let mut nested = inner.visit();
    assert_eq!(pass(&mut nested, 2), [1, 2]);
    nested.publish();
    assert_eq!(pass(&mut visit, 9), [3]);
}

/// Other positions than the kernel's are reported, and nothing is remembered.
#[test]
fn impossible_positions_are_reported() {
    let (ring, reader, _) = ring();
    let stray = |at| {
        let memory = ring.producer_memory();
        // SAFETY: nobody reserves in this test; the reader is to refuse the position.
        unsafe {
            ringbuf_core::ProducerMemory::store_producer_pos(
                &memory,
                Position::new(at, Width::Bits64),
                std::sync::atomic::Ordering::Release,
            );
        };
    };
    for at in [4, 4096, u64::MAX - 7] {
        stray(at);
        let found = reader.visit().find();
        assert!(
            matches!(
                found,
                Err(Corrupt {
                    reason: CorruptReason::ProducerMisaligned { .. }
                        | CorruptReason::ProducerOutOfRange { .. },
                    ..
                })
            ),
            "{at}: {found:?}"
        );
        assert_eq!(reader.visit().arm(), Armed::Ready, "there is something to report");
    }
    stray(0);
    assert_eq!(reader.visit().find(), Ok(Visited::Empty));
}

/// Of a ring in overwrite mode, records are read until producers overtake the reader. Then
/// nothing is delivered, and the position is reported, each time.
#[test]
fn a_reader_that_is_overtaken_says_so() {
    let ring = SimRing::overwriting(4096, Profile::NEWEST).unwrap();
    // SAFETY: C3: one reader, which keeps no sample.
    let reader = unsafe { ring.page_reader() };
    send(&ring, &[1, 2, 3]);
    let mut visit = reader.visit();
    assert_eq!(pass(&mut visit, 9), [1, 2, 3]);
    visit.publish();
    send(&ring, &[8; 255]);
    assert!(matches!(reader.visit().find(), Ok(Visited::Record { .. })), "a full ring");
    send(&ring, &[8]);
    for _ in 0..2 {
        let found = reader.visit().find().map_err(|corrupt| corrupt.reason);
        assert!(matches!(found, Err(CorruptReason::ProducerOutOfRange { .. })), "{found:?}");
        assert_eq!(reader.lag(), 4096);
    }
}

#[test]
fn a_sample_is_the_record() {
    let (ring, reader, _) = ring();
    ring.producer().output(b"hello", Flags::ADAPTIVE).unwrap();
    let mut visit = reader.visit();
    let Ok(Visited::Record { at, len }) = visit.find() else { panic!("a record") };
    // SAFETY: at hand.
    assert_eq!(&unsafe { visit.sample(at, len) }[..], b"hello");
}
