//! The other direction: our producer writes, and the kernel's drain reads.

use ringbuf_kernel::{Exhausted, ReserveError, RingBuf, UserRingBuf};
use ringbuf_portable::{Program, drain, has_jit, kernel_release, live, note, page_size, skip};

use crate::{bits, numbers, position, raw, ring};

/// The kernel hands over samples of fewer bytes than this.
const LARGEST: u32 = 1 << 24;

fn has_user_rings(test: &str) -> bool {
    if !live(test) {
        return false;
    }
    let here = kernel_release();
    if here < (6, 1) {
        skip(test, &format!("needs Linux 6.1, this is {}.{}", here.0, here.1));
    }
    here >= (6, 1)
}

#[test]
fn the_producer_fills_a_ring_to_the_last_byte() {
    if !has_user_rings("user_ring::fills") {
        return;
    }
    let page = page_size();
    let producer = UserRingBuf::create(page as u64).unwrap();
    let raw = raw(&std::os::fd::AsFd::as_fd(&producer).try_clone_to_owned().unwrap(), page);
    let mut reservation = producer.reserve(9).unwrap();
    reservation.copy_from_slice(b"big order");
    reservation.submit();
    producer.reserve(16).unwrap().discard();
    assert_eq!(raw.producer_pos(), 0x30);
    assert_eq!([raw.header(0)[0], raw.header(0x18)[0]], [9, 16 | 1 << 30]);
    assert_eq!(&raw.data::<9>(8), b"big order");
    let rest = page as u32 - 0x30 - 8;
    producer.reserve(rest).unwrap().submit();
    assert_eq!(raw.producer_pos(), page as u64);
    let full = producer.reserve(0).unwrap_err();
    assert!(matches!(full, ReserveError::Full { footprint: 8, free: 0, .. }), "{full}");
    let max = page as u32 - 8;
    let too_large = producer.reserve(page as u32).unwrap_err();
    let ReserveError::TooLarge { len, max: most, .. } = too_large else { panic!("{too_large}") };
    assert_eq!((len, most), (page as u32, max));
}

/// Without a JIT the kernel has no callbacks, so no drains. It must report that.
fn drain_of(test: &str, producer: &UserRingBuf, echo: &std::os::fd::OwnedFd) -> Option<Program> {
    match drain(producer, echo) {
        Ok(program) => Some(program),
        Err(error) if !has_jit() => {
            let text = error.to_string();
            assert!(text.contains("callbacks are not allowed in non-JITed programs"), "{text}");
            skip(test, "without a JIT the kernel refuses every drain: callbacks are not allowed");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_is_submitted_is_drained_once_and_in_order() {
    const TEST: &str = "user_ring::drained";
    if !has_user_rings(TEST) {
        return;
    }
    let page = page_size();
    let (producer, echo) = (UserRingBuf::create(page as u64).unwrap(), ring(2 * page));
    let Some(program) = drain_of(TEST, &producer, &echo) else { return };
    let mut reader = RingBuf::open(&echo).unwrap();
    let mut number = 0_u64;
    for round in 0..200 {
        let first = number;
        for _ in 0..=round % 9 {
            let mut reservation = producer.reserve(32 + (number % 5) as u32).unwrap();
            reservation.fill(0xaa);
            reservation[..8].copy_from_slice(&number.to_ne_bytes());
            reservation.submit();
            number += 1;
        }
        assert_eq!(program.run(0), i32::try_from(number - first).unwrap());
        assert_eq!(producer.lag(), 0);
        assert_eq!(numbers(&mut reader), (first..number).collect::<Vec<_>>());
    }
    assert!(producer.position().get() > 4 * page as u64 || page > 4096);
}

#[test]
fn a_user_ring_past_2_32() {
    const TEST: &str = "user_ring::past_2_32";
    if !has_user_rings(TEST) {
        return;
    }
    let producer = UserRingBuf::create(u64::from(2 * LARGEST)).unwrap();
    let echo = ring(page_size());
    let Some(program) = drain_of(TEST, &producer, &echo) else { return };
    let mut reader = RingBuf::open(&echo).unwrap();
    let submit = |number: u64| {
        // Its footprint is 2^24.
        let mut reservation = producer.reserve(LARGEST - 8).unwrap();
        reservation[..8].copy_from_slice(&number.to_ne_bytes());
        reservation.submit();
    };
    let ends = (1_u64 << 32) / u64::from(LARGEST);
    for number in 0..ends - 1 {
        submit(number);
        assert_eq!((program.run(0), numbers(&mut reader)), (1, vec![number]), "sample {number}");
    }
    assert_eq!(producer.exhausted(), None);
    submit(ends - 1);
    assert_eq!(producer.position().get(), position(1 << 32));
    if bits() == 64 {
        for number in ends - 1..ends + 3 {
            assert_eq!((program.run(0), numbers(&mut reader)), (1, vec![number]));
            submit(number + 1);
        }
        assert_eq!(producer.exhausted(), None);
    } else {
        assert_eq!((program.run(0), numbers(&mut reader)), (0, vec![]), "never drained");
        let end = producer.exhausted().expect("dead");
        assert_eq!(end, Exhausted::UserRing);
        note(TEST, &format!("the last sample is never drained: {end}"));
    }
}
