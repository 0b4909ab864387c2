//! A head that stays busy: since when, and what waiting for it costs.

use proptest::collection::vec;
use proptest::prelude::*;
use ringbuf_core::{Drained, Header, Position, Width};
use ringbuf_sim::{PendingPos, Profile};

use super::*;

/// No sleep is longer than this by default, and blocks are whole milliseconds.
const LOOK: Duration = ms(101);

/// Each rest of the wait makes a constant number of looks. So few rests are few looks.
#[test]
fn a_wait_for_a_busy_head_rests() {
    for (name, policy) in presets() {
        for dense in [false, true] {
            ring!(_ring, program, time, consumer, 64 * KIB);
            consumer.set_policy(policy.clone());
            if dense {
                (1..=200).for_each(|n| {
                    write_at(&time, time.now() + us(20 * n), &program, 64, Flags::ADAPTIVE);
                });
                read_until(200, &mut consumer, &time);
            }
            let _held = program.reserve(64).unwrap();
            program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
            let wait = || consumer.wait(Some(Duration::from_secs(10))).unwrap();
            let (ended, _, rests) = spent(&time, wait);
            let case = format!("{name}, dense {dense}: {rests:?}");
            assert_eq!(ended, Wakeup::TimedOut, "{case}");
            // One may be left from before.
            assert!(rests.notified <= 1, "{case}");
            // A hundred of a tenth of a second, and those before it blocks.
            assert!((100..=110).contains(&rests.blocks), "{case}");
            assert!(rests.naps <= 10, "{case}");
            // `low_latency` spins for 10 ms first.
            let spins = if name == "low_latency" { 10_100 } else { 0 };
            assert!(rests.readings <= 130 + spins, "{case}");
            let head = consumer.busy_head().unwrap().unwrap();
            assert!(head.busy_for >= Duration::from_secs(10) - LOOK, "{case}: {head:?}");
        }
    }
}

/// The next record is busy at once, so the ring is never seen without a busy head.
#[test]
fn the_next_busy_head_is_another_stall() {
    ring!(_ring, program, time, consumer, 4 * KIB);
    let [first, second] = [8, 16].map(|len| program.reserve(len).unwrap());
    program.output(&[0; 100], Flags::ADAPTIVE).unwrap();
    assert_eq!(consumer.drain(|_| ()), Ok(Drained::Busy));
    assert_eq!(consumer.wait(Some(Duration::from_secs(2))), Ok(Wakeup::TimedOut));
    let head = consumer.busy_head().unwrap().unwrap();
    assert!(head.busy_for >= Duration::from_secs(2) - ms(1), "{head:?}");
    assert_eq!((head.position.get(), head.len.get(), head.behind), (0, 8, 24 + 112));
    assert_eq!(
        head.to_string(),
        "the record of 8 bytes at position 0x0 has been busy for 2.0s, and 136 bytes behind it wait"
    );
    first.submit(Flags::ADAPTIVE);
    assert_eq!(consumer.busy_head(), Ok(None), "the head is committed");
    assert_eq!(consumer.drain(|_| ()), Ok(Drained::Busy));
    let head = consumer.busy_head().unwrap().unwrap();
    assert_eq!(head.busy_for, Duration::ZERO);
    assert_eq!((head.position.get(), head.len.get(), head.behind), (16, 16, 112));
    second.discard(Flags::ADAPTIVE);
    assert_eq!(consumer.drain(|_| ()), Ok(Drained::Empty));
    assert_eq!(consumer.busy_head(), Ok(None), "the ring is empty");
}

/// The positions of a 32-bit kernel come back after 2^32 bytes. A stall does not.
#[test]
fn a_stall_at_the_same_position_one_wrap_later_is_another_one() {
    const LEN: u64 = 32 * KIB - 8;
    // The pending position of some 32-bit kernels ends at the wrap.
    let profile = Profile::from(Width::Bits32).pending_pos(PendingPos::Absent);
    let ring = SimRing::started_at(64 * KIB, profile, 64).unwrap();
    let (program, time) = (ring.producer(), VirtualTime::new());
    let mut consumer = ring.consumer_in(&time).unwrap();
    let mut stall = program.reserve(LEN).unwrap();
    assert_eq!(consumer.busy_head().unwrap().unwrap().busy_for, Duration::ZERO);
    time.pass(ms(5));
    assert!(consumer.busy_head().unwrap().unwrap().busy_for >= ms(5));
    for _ in 0..(1_u64 << 32) / (32 * KIB) {
        stall.discard(Flags::NO_WAKEUP);
        assert_eq!(consumer.drain(|_| ()), Ok(Drained::Empty));
        stall = program.reserve(LEN).unwrap();
    }
    let head = consumer.busy_head().unwrap().unwrap();
    assert_eq!((head.position.get(), head.busy_for), (64, Duration::ZERO), "after 4 GiB");
}

/// A length word that no kernel writes.
#[test]
fn a_busy_record_beyond_the_produced_bytes_is_corrupt() {
    use ringbuf_core::{CorruptReason, Offset, PageOffset, ProducerMemory, SampleLen};
    ring!(ring, program, time, consumer, 4 * KIB);
    let _held = program.reserve(8).unwrap();
    let at: Offset = Position::default().offset(ring.capacity());
    let header = Header::busy(SampleLen::new(9).unwrap());
    // SAFETY: the record is reserved, and nobody reads its bytes.
    unsafe { ring.producer_memory().write_header(at, header, PageOffset::NONE) };
    let corrupt = consumer.busy_head().unwrap_err();
    let wanted = |reason| {
        matches!(reason, CorruptReason::RecordTooLong { footprint: 24, available: 16, .. })
    };
    assert!(wanted(corrupt.reason), "{corrupt}");
    assert!(consumer.is_ready(), "the next read reports it");
    assert_eq!(consumer.drain(|_| ()).map_err(|corrupt| wanted(corrupt.reason)), Err(true));
    drop(time);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Reserve(u64),
    /// Commits one of the open records.
    Commit {
        which: usize,
        discard: bool,
    },
    Drain,
    Wait(u64),
    Pass(u64),
    Ask,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_u64..300).prop_map(Step::Reserve),
        3 => (0_usize..8, any::<bool>()).prop_map(|(which, discard)| Step::Commit { which, discard }),
        2 => Just(Step::Drain),
        1 => (0_u64..250).prop_map(Step::Wait),
        1 => (0_u64..3000).prop_map(Step::Pass),
        3 => Just(Step::Ask),
    ];
    vec(step, 20..120)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Any traffic, across the wrap of the positions: position, length and bytes behind are
    /// exact. The time is never longer than the record has been busy, and never shorter
    /// than since the first look.
    #[test]
    fn a_busy_head_is_what_the_model_says(
        steps in steps(),
        narrow in any::<bool>(),
        below in 0_u64..4096,
    ) {
        let width = if narrow { Width::Bits32 } else { Width::Bits64 };
        let wrap = if narrow { 1_u64 << 32 } else { 0 };
        let start = Position::new(wrap.wrapping_sub(below) & !7, width);
        let profile = Profile::from(width).pending_pos(PendingPos::Absent);
        let ring = SimRing::started_at(8 * KIB, profile, start.get()).unwrap();
        let (program, time) = (ring.producer(), VirtualTime::new());
        time.tick(Duration::ZERO);
        let mut consumer = ring.consumer_in(&time).unwrap();
        // Of each record that is not read: length, when reserved, and its reservation.
        let mut records = std::collections::VecDeque::new();
        let mut position = start;
        // When a look found the present head busy, at the latest.
        let mut first = None;
        for step in steps {
            match step {
                Step::Reserve(len) => {
                    if let Ok(record) = program.reserve(len) {
                        records.push_back((len, time.now(), Some(record)));
                    }
                }
                Step::Commit { which, discard } => {
                    let mut open = records.iter_mut().filter(|(_, _, record)| record.is_some());
                    if let Some((_, _, record)) = open.nth(which) {
                        let record = record.take().unwrap();
                        if discard {
                            record.discard(Flags::ADAPTIVE);
                        } else {
                            record.submit(Flags::ADAPTIVE);
                        }
                    }
                }
                Step::Drain => {
                    consumer.drain(|_| ()).unwrap();
                    while let Some((len, _, None)) = records.front() {
                        position = position.advance((len + 15) & !7, width);
                        records.pop_front();
                        first = None;
                    }
                }
                Step::Wait(millis) => {
                    let begin = time.now();
                    let ended = consumer.wait(Some(ms(millis))).unwrap();
                    let waited = ended == Wakeup::TimedOut && time.now() > begin;
                    if waited && matches!(records.front(), Some((_, _, Some(_)))) {
                        // The first rest is over by then.
                        first = first.or(Some(time.now().min(begin + LOOK)));
                    }
                }
                Step::Pass(micros) => time.pass(us(micros)),
                Step::Ask => {
                    let head = consumer.busy_head().unwrap();
                    let Some((len, reserved, Some(_))) = records.front() else {
                        prop_assert_eq!(head, None);
                        continue;
                    };
                    let head = head.expect("the head is busy");
                    let all: u64 = records.iter().map(|(len, ..)| (len + 15) & !7).sum();
                    prop_assert_eq!(head.position, position);
                    prop_assert_eq!(u64::from(head.len.get()), *len);
                    prop_assert_eq!(head.behind, all - ((len + 15) & !7));
                    prop_assert!(head.busy_for <= time.now() - *reserved, "{head:?}");
                    let first = *first.get_or_insert(time.now());
                    prop_assert!(head.busy_for >= time.now() - first, "{head:?}, since {first:?}");
                }
            }
        }
    }
}
