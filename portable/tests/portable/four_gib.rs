//! Positions past 2^32, live: for every width of process and kernel.

use ringbuf_kernel::{Exhausted, RingBuf};
use ringbuf_portable::{End, Program, live, note, reserve};
use ringbuf_sim::PendingPos;

use crate::{bits, numbers, position, profile, raw, ring};

const RING: usize = 16 << 20;
/// The size of one record with its header, and without it.
const TAKEN: u64 = 4 << 20;
const LEN: u32 = TAKEN as u32 - 8;

#[test]
fn positions_pass_2_32_and_nothing_is_lost() {
    if !live("four_gib::past_2_32") {
        return;
    }
    let map = ring(RING);
    let raw = raw(&map, RING);
    let program = reserve(&map, LEN, End::Submit, 0).unwrap();
    let mut reader = RingBuf::open(&map).unwrap();
    // Up to three at once, so that the reader is at other offsets of the ring than the producer.
    let mut number = 0;
    while number * TAKEN < 1 << 32 {
        let records = 1 + number % 3;
        let batch: Vec<_> = (number..number + records).collect();
        batch.iter().for_each(|number| assert_eq!(program.run(*number), 1, "record {number}"));
        assert_eq!(numbers(&mut reader), batch);
        number += records;
        assert_eq!(raw.consumer_pos(), position(number * TAKEN));
    }
    assert_eq!(reader.position().get(), position(number * TAKEN));
    assert_eq!(reader.counts().delivered, number);
    if bits() == 32 && profile().pending_pos == PendingPos::Compared {
        dies(&map, &program, &mut reader);
    } else {
        lives_on(&program, &mut reader, number);
    }
}

/// Three more laps, after which a reader comes back.
fn lives_on(program: &Program, reader: &mut RingBuf, first: u64) {
    for number in first..first + 12 {
        assert_eq!(program.run(number), 1, "record {number}, past 2^32");
        assert_eq!(numbers(reader), [number]);
    }
    assert_eq!(reader.exhausted(), None);
    assert_eq!(reader.position().get(), position((first + 12) * TAKEN));
}

/// The pending position no longer moves. The kernel accepts only records that fit behind it, and
/// our reader has reported how much fits.
fn dies(map: &std::os::fd::OwnedFd, large: &Program, reader: &mut RingBuf) {
    const MEDIUM: u64 = 8192;
    let suspect = reader.exhausted().expect("past 2^32");
    assert!(matches!(suspect, Exhausted::Ring { confirmed: false, .. }), "{suspect:?}");
    let small = reserve(map, 8, End::Submit, 0).unwrap();
    assert_eq!(small.run(0), 1);
    assert_eq!(numbers(reader), [0]);
    let Some(Exhausted::Ring { room, confirmed: true, .. }) = reader.exhausted() else {
        panic!("not confirmed: {:?}", reader.exhausted());
    };
    let mut left = room;
    let medium = reserve(map, MEDIUM as u32 - 8, End::Submit, 0).unwrap();
    for (program, taken) in [(large, TAKEN), (&medium, MEDIUM), (&small, 16)] {
        for number in 0..left / taken {
            assert_eq!(program.run(number), 1, "record {number} of {taken} bytes within {left}");
            assert_eq!(numbers(reader), [number]);
        }
        assert_eq!(program.run(0), 0, "one more of {taken} bytes within {}", left % taken);
        left %= taken;
    }
    assert_eq!(reader.lag().unwrap(), 0, "the ring is empty");
    for _ in 0..100 {
        assert_eq!(small.run(0), 0, "refused for good");
    }
    let end = reader.exhausted().expect("dead");
    let Exhausted::Ring { room: at_last, confirmed: true, .. } = end else { panic!("{end:?}") };
    assert_eq!(at_last, left);
    note("four_gib::dead", &format!("after 2^32 bytes and {} more: {end}", room + 16));
}

#[test]
fn a_reader_that_comes_back_past_2_32_knows_where_it_is() {
    if !live("four_gib::restart") {
        return;
    }
    let map = ring(RING);
    let program = reserve(&map, LEN, End::Submit, 0).unwrap();
    let mut reader = RingBuf::open(&map).unwrap();
    for number in 0..1025 {
        assert_eq!(program.run(number), 1);
        if number == 1023 {
            // This record ends at 2^32, and is read by the next reader.
            drop(reader);
            reader = RingBuf::open(&map).unwrap();
            assert_eq!(reader.position().get(), position(1023 * TAKEN));
        }
        assert_eq!(numbers(&mut reader), [number]);
    }
    drop(reader);
    let reader = RingBuf::open(&map).unwrap();
    assert_eq!(reader.position().get(), position(1025 * TAKEN));
    assert_eq!(reader.lag().unwrap(), 0);
    assert_eq!(raw(&map, RING).consumer_pos(), position(1025 * TAKEN));
}
