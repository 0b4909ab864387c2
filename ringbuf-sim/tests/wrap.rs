//! Positions that wrap at the kernel's word width, in either byte order. Also at 2^32 where the
//! width is 64 bits. `cargo xtask matrix --arch` also runs this in 32-bit processes, which have
//! to combine 64-bit positions.

use std::ops::ControlFlow;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use ringbuf_core::{Next, Position, ReserveError, Width};
use ringbuf_sim::{ByteOrder, Flags, Profile, SimRing, SimUserRing};

const BIT_32: u64 = 1 << 32;
/// Just below a point where something may wrap, and a few laps below.
const STARTS: [(Width, u64); 5] = [
    (Width::Bits32, BIT_32),
    (Width::Bits64, BIT_32),
    (Width::Bits64, 7 * BIT_32),
    (Width::Bits64, 1 << 63),
    (Width::Bits64, 0),
];

fn page() -> u64 {
    // SAFETY: asks for a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    page.try_into().expect("a page size")
}

/// The operations on a ring, in turn: write a record of a length, and read everything.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write { len: u64, discard: bool },
    Read,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![4 => 0_u64..600, 1 => 600..page()];
    let step = prop_oneof![
        6 => (len, any::<bool>()).prop_map(|(len, discard)| Step::Write { len, discard }),
        3 => Just(Step::Read),
        1 => Just(Step::Restart),
    ];
    vec(step, 40..160)
}

/// A machine, and a position this many bytes below the wrap.
fn start() -> impl Strategy<Value = (Profile, u64)> {
    let below = prop_oneof![0_u64..256, 0..4 * page()];
    (0..STARTS.len(), any::<bool>(), below).prop_map(|(which, big, below)| {
        let (width, wrap) = STARTS[which];
        let order = if big { ByteOrder::Big } else { ByteOrder::Little };
        let halves = usize::BITS == 32 && width == Width::Bits64;
        let order = if halves { ByteOrder::NATIVE } else { order };
        let start = Position::new(wrap.wrapping_sub(below) & !7, width).get();
        (Profile::from(width).byte_order(order), start)
    })
}

fn footprint(len: u64) -> u64 {
    (len + 15) & !7
}

fn sample(number: u64, len: u64) -> Vec<u8> {
    (0..len).map(|index| (number.wrapping_mul(31) + index) as u8).collect()
}

/// Seeded by the clock, because a new kernel may have to wait long for random numbers. Runs a
/// quarter of the cases of RINGBUF_SCRIPTS, if it is set, for example in an emulator.
fn config() -> ProptestConfig {
    let seed = std::time::UNIX_EPOCH.elapsed().expect("a clock").subsec_nanos();
    let rng_seed = RngSeed::Fixed(seed.into());
    let scripts = std::env::var("RINGBUF_SCRIPTS").ok();
    let cases = scripts.map_or(200, |n| n.parse::<u32>().expect("RINGBUF_SCRIPTS").div_ceil(4));
    ProptestConfig { cases, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_reader_gets_every_record_once_for_every_wrap(
        (machine, start) in start(),
        steps in steps(),
    ) {
        let ring = SimRing::started_at(page(), machine, start).unwrap();
        let producer = ring.producer();
        let mut consumer = ring.consumer().unwrap();
        let (mut produced, mut unread, mut waiting) = (start, 0, Vec::new());
        for (number, step) in (0..).zip(steps) {
            match step {
                Step::Write { len, discard } => match producer.reserve(len) {
                    Ok(mut reservation) => {
                        prop_assert!(unread + footprint(len) < page());
                        let data = sample(number, len);
                        reservation.copy_from_slice(&data);
                        if discard {
                            reservation.discard(Flags::ADAPTIVE);
                        } else {
                            reservation.submit(Flags::ADAPTIVE);
                            waiting.push(data);
                        }
                        produced = produced.wrapping_add(footprint(len));
                        unread += footprint(len);
                    }
                    Err(_) => prop_assert!(unread + footprint(len) >= page()),
                },
                Step::Read => {
                    prop_assert_eq!(consumer.lag().unwrap(), unread);
                    let batch = consumer.batch();
                    let mut seen = Vec::new();
                    while let Next::Record(record) = batch.next().unwrap() {
                        seen.push(record.to_vec());
                    }
                    drop(batch);
                    prop_assert_eq!(seen, std::mem::take(&mut waiting));
                    prop_assert_eq!(consumer.position(), Position::new(produced, machine.width));
                    unread = 0;
                }
                Step::Restart => {
                    drop(consumer);
                    consumer = ring.consumer().unwrap();
                    prop_assert_eq!(consumer.lag().unwrap(), unread);
                }
            }
        }
    }

    /// Kernels compare the positions of a user ring as if they never wrapped. So only rings far
    /// from the wrap drain here.
    #[test]
    fn a_producer_knows_its_space_for_every_wrap(
        (machine, start) in start(),
        steps in steps(),
    ) {
        let drains = machine.width == Width::Bits64 && start < u64::MAX - (1 << 32);
        let ring = SimUserRing::started_at(page(), machine, start).unwrap();
        let mut producer = ring.producer().unwrap();
        let (mut produced, mut used, mut waiting) = (start, 0, Vec::new());
        for (number, step) in (0..).zip(steps) {
            match step {
                Step::Write { len, discard } => {
                    let free = page() - used;
                    match producer.reserve(len as u32) {
                        Ok(mut reservation) => {
                            prop_assert!(footprint(len) <= free);
                            let data = sample(number, len);
                            reservation.copy_from_slice(&data);
                            if discard {
                                reservation.discard();
                            } else {
                                reservation.submit();
                                waiting.push(data);
                            }
                            produced = produced.wrapping_add(footprint(len));
                            used += footprint(len);
                        }
                        Err(ReserveError::Full { footprint: wanted, free: said, .. }) => {
                            prop_assert_eq!((wanted, said), (footprint(len), free));
                        }
                        Err(ReserveError::TooLarge { .. }) => prop_assert!(len > page() - 8),
                        Err(other) => prop_assert!(false, "{}", other),
                    }
                }
                Step::Read if drains => {
                    let mut seen = Vec::new();
                    ring.drain(Flags::ADAPTIVE, |sample| {
                        seen.push(sample.to_vec());
                        ControlFlow::Continue(())
                    }).unwrap();
                    prop_assert_eq!(seen, std::mem::take(&mut waiting));
                    used = 0;
                }
                Step::Read => {}
                Step::Restart => {
                    drop(producer);
                    producer = ring.producer().unwrap();
                }
            }
            prop_assert_eq!(producer.position(), Position::new(produced, machine.width));
            prop_assert_eq!(producer.lag(), used);
        }
    }
}
