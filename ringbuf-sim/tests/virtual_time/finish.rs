//! The last reading of a ring: what it reads, how long it waits, and what it reports.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Relaxed;

use ringbuf_core::{
    ConsumerMemory, CorruptReason, FinishError, Finished, Header, PageOffset, Position,
    ProducerMemory, RingMemory, SampleLen, Width,
};

use super::*;

/// 16 bytes of ring space.
const SAMPLE: [u8; 8] = [7; 8];

/// Positions that wrap during the test, on a 32-bit kernel and on a 64-bit one.
const STARTS: [(Width, u64); 4] = [
    (Width::Bits64, 0),
    (Width::Bits64, (1 << 32) - 40),
    (Width::Bits64, u64::MAX - 39),
    (Width::Bits32, (1 << 32) - 40),
];

fn output(program: &KernelProducer) {
    program.output(&SAMPLE, Flags::ADAPTIVE).unwrap();
}

fn discard(program: &KernelProducer) {
    program.reserve(8).unwrap().discard(Flags::ADAPTIVE);
}

/// Everything of a report that is not 0 by default.
fn report(finished: Finished) -> [u64; 7] {
    let Finished { delivered, discarded, left, left_records, in_flight, .. } = finished;
    [delivered, discarded, left, left_records, in_flight, finished.in_flight_bytes, finished.later]
}

/// A ring with this history, and a program.
macro_rules! ring_at {
    ($start:expr, $ring:ident, $program:ident, $time:ident, $consumer:ident) => {
        let (width, at) = $start;
        let $ring = SimRing::started_at(4 * KIB, width, at).unwrap();
        let $program = $ring.producer();
        let $time = VirtualTime::new();
        $time.tick(Duration::ZERO);
        let mut $consumer = $ring.consumer_in(&$time).unwrap();
    };
}

#[test]
fn all_that_was_there_is_read_and_nothing_later() {
    for start in STARTS {
        ring_at!(start, ring, program, time, consumer);
        for number in 0..20 {
            // The consumer knows of the first five, and finds the others while it reads.
            assert!(number != 5 || consumer.is_ready());
            if number % 4 == 3 { discard(&program) } else { output(&program) }
        }
        let mut read = 0;
        // A program that never stops: one record more for each that is read.
        let finished = consumer.finish(Duration::MAX, |_| {
            read += 1;
            output(&program);
        });
        assert_eq!((read, time.now()), (15, Duration::ZERO), "it has nothing to wait for");
        let finished = finished.unwrap();
        assert_eq!(report(finished), [15, 5, 0, 0, 0, 0, 15 * 16], "{start:?}");
        assert!(finished.is_complete());
        // They are in the ring.
        assert_eq!(report(consumer.finish(ms(1), |_| ()).unwrap()), [15, 0, 0, 0, 0, 0, 0]);
        assert_eq!(report(consumer.finish(ms(1), |_| ()).unwrap()), [0; 7]);
        let pages = ring.pages();
        assert_eq!(pages.consumer, pages.producer, "all is given back");
    }
}

#[test]
fn a_record_that_nobody_commits_is_left_after_the_limit() {
    for (name, policy) in presets() {
        for start in STARTS {
            ring_at!(start, ring, program, time, consumer);
            consumer.set_policy(policy.clone());
            output(&program);
            discard(&program);
            let (stopped, _other) = (program.reserve(40).unwrap(), program.reserve(8).unwrap());
            output(&program);
            discard(&program);
            // More comes, and notifies without need.
            for at in 1..50 {
                write_at(&time, us(300) * at, &program, 8, Flags::FORCE_WAKEUP);
            }
            let mut read = 0;
            let (finished, took, rests) =
                spent(&time, || consumer.finish(ms(20), |_| read += 1).unwrap());
            assert_eq!(read, 1, "{name}");
            // The last sleep is a whole millisecond.
            assert!((ms(20)..ms(21)).contains(&took), "{name}: {took:?}");
            assert_eq!(report(finished), [1, 1, 96, 4, 2, 64, 49 * 16], "{name}, {start:?}");
            assert!(!finished.is_complete());
            assert!(rests.notified + rests.blocks <= 49 + 20, "{name}: it sleeps: {rests:?}");
            assert_eq!(consumer.unpublished(), 0, "{name}");
            // It stays for the next reader.
            drop((stopped, consumer, _other));
            let mut consumer = ring.consumer_in(&time).unwrap();
            assert_eq!(report(consumer.finish(ms(20), |_| ()).unwrap())[..3], [50, 3, 0]);
        }
    }
}

#[test]
fn a_commit_in_time_is_waited_for() {
    for (flags, late) in [(Flags::ADAPTIVE, us(0)), (Flags::NO_WAKEUP, ms(1))] {
        for (name, policy) in presets() {
            ring_at!(STARTS[3], _ring, program, time, consumer);
            consumer.set_policy(policy);
            output(&program);
            // Two of them, one after the other; the second one is discarded.
            let (first, second) = (program.reserve(8).unwrap(), program.reserve(8).unwrap());
            time.at(us(7300), move |_| first.submit(flags));
            time.at(us(12_650), move |_| second.discard(flags));
            output(&program);
            // What comes meanwhile is not read.
            write_at(&time, us(9000), &program, 8, Flags::ADAPTIVE);
            let finished = consumer.finish(Duration::from_secs(5), |_| ()).unwrap();
            assert_eq!(report(finished), [3, 1, 0, 0, 0, 0, 16], "{name}");
            let past = time.now() - us(12_650);
            assert!(past <= late, "{name}, {flags:?}: {past:?} after the commit");
        }
    }
}

/// At the last moment, and too late by a moment.
#[test]
fn the_limit_is_exact() {
    for (commit, left) in [(us(5000), 0), (us(5001), 16)] {
        ring_at!(STARTS[0], _ring, program, time, consumer);
        let stopped = program.reserve(8).unwrap();
        time.at(commit, move |_| stopped.submit(Flags::NO_WAKEUP));
        let finished = consumer.finish(ms(5), |_| ()).unwrap();
        assert_eq!((finished.left, time.now()), (left, ms(5)));
    }
}

#[test]
fn a_limit_of_zero_never_sleeps() {
    ring_at!(STARTS[0], _ring, program, time, consumer);
    output(&program);
    let stopped = program.reserve(8).unwrap();
    let (finished, took, rests) = spent(&time, || consumer.finish(Duration::ZERO, |_| ()));
    assert_eq!(report(finished.unwrap()), [1, 0, 16, 1, 1, 16, 0]);
    assert_eq!((took, rests.blocks, rests.notified, rests.naps), (Duration::ZERO, 0, 0, 0));
    drop(stopped);
}

/// What is committed is read, even if that takes longer than the limit.
#[test]
fn slow_reading_loses_nothing() {
    ring_at!(STARTS[3], _ring, program, time, consumer);
    (0..6).for_each(|_| output(&program));
    let stopped = program.reserve(8).unwrap();
    time.at(ms(11), move |_| stopped.submit(Flags::ADAPTIVE));
    (0..2).for_each(|_| output(&program));
    let finished = consumer.finish(ms(5), |_| time.pass(ms(2))).unwrap();
    assert_eq!(report(finished), [9, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn wakes_and_signals_do_not_end_it() {
    for early in [false, true] {
        ring_at!(STARTS[0], _ring, program, time, consumer);
        consumer.set_policy(WaitPolicy::balanced());
        let stopped = program.reserve(8).unwrap();
        if early {
            time.wake();
        }
        time.at(us(1300), |time| time.wake());
        time.at(us(2300), |time| time.signal());
        time.at(us(4300), move |_| stopped.submit(Flags::ADAPTIVE));
        let (finished, _, rests) = spent(&time, || consumer.finish(ms(50), |_| ()).unwrap());
        assert_eq!((finished.delivered, time.now()), (1, us(4300)));
        assert!(rests.blocks < 10, "a wake ends one sleep: {rests:?}");
        assert_eq!(consumer.wait(None), Ok(Wakeup::Woken), "it is not forgotten");
        assert_eq!(consumer.wait(Some(ms(1))), Ok(Wakeup::TimedOut));
    }
}

#[test]
fn a_callback_stops_it() {
    for (name, policy) in presets() {
        ring_at!(STARTS[3], ring, program, time, consumer);
        consumer.set_policy(policy);
        (0..20).for_each(|_| output(&program));
        let mut read = 0;
        let end = consumer.finish_each(ms(1), |_| {
            read += 1;
            if read == 7 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
        });
        assert_eq!((end, time.now()), (Ok(ControlFlow::Break("enough")), Duration::ZERO), "{name}");
        // Its record is consumed, and published.
        let pages = ring.pages();
        assert_eq!(pages.producer.wrapping_sub(pages.consumer) & 0xffff_ffff, 13 * 16);
        assert_eq!(consumer.finish(ms(1), |_| ()).unwrap().delivered, 13, "{name}");
    }
}

/// With a policy, a drain leaves two records to be read again. The last reading leaves none.
#[test]
fn what_is_read_is_given_back() {
    for (name, policy) in presets() {
        ring_at!(STARTS[3], ring, program, time, consumer);
        consumer.set_policy(policy);
        (0..9).for_each(|_| output(&program));
        assert!(consumer.finish(ms(1), |_| ()).unwrap().is_complete());
        let pages = ring.pages();
        assert_eq!(pages.consumer, pages.producer, "{name}");
        assert_eq!(time.now(), Duration::ZERO);
    }
}

/// Whatever becomes wrong while it waits: an error, at once, and no record of it.
#[test]
fn a_corrupt_ring_is_an_error() {
    let position = |value| Position::new(value, Width::Bits64);
    type Forge = fn(&SimRing);
    type IsRight = fn(CorruptReason) -> bool;
    let forged: [(Forge, IsRight); 3] = [
        // A producer position that is too far.
        (
            |ring| {
                let far = Position::new(1 << 20, Width::Bits64);
                // SAFETY: the ring is thrown away; its consumer survives any bytes.
                unsafe { ring.producer_memory().store_producer_pos(far, Relaxed) };
            },
            |reason| matches!(reason, CorruptReason::ProducerOutOfRange { .. }),
        ),
        // A committed record that claims more than was produced.
        (
            |ring| forge_header(ring, 16, Header::busy(SampleLen::new(2000).unwrap()).submitted()),
            |reason| matches!(reason, CorruptReason::RecordTooLong { .. }),
        ),
        // A busy one that does, which only the report reads.
        (
            |ring| forge_header(ring, 32, Header::busy(SampleLen::new(2000).unwrap())),
            |reason| matches!(reason, CorruptReason::RecordTooLong { .. }),
        ),
    ];
    for (forge, is_right) in forged {
        ring_at!(STARTS[0], ring, program, time, consumer);
        output(&program);
        let stopped = [program.reserve(8).unwrap(), program.reserve(8).unwrap()];
        let other = &ring;
        time.at(us(2500), move |_| forge(other));
        match consumer.finish(ms(10), |_| ()) {
            Err(FinishError::Corrupt(corrupt)) => assert!(is_right(corrupt.reason), "{corrupt}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(consumer.counts().delivered, 1, "what came before was good");
        assert!(consumer.finish(ms(10), |_| ()).is_err(), "and again");
        std::mem::forget(stopped);
    }
    // Another reader.
    ring_at!(STARTS[0], ring, program, time, consumer);
    let stopped = program.reserve(8).unwrap();
    // SAFETY: no sample is lent; this consumer must notice.
    unsafe { consumer.memory().store_consumer_pos(position(8), Relaxed) };
    match consumer.finish(ms(10), |_| ()) {
        Err(FinishError::Corrupt(corrupt)) => {
            assert!(matches!(corrupt.reason, CorruptReason::ConsumerMoved { .. }), "{corrupt}");
        }
        other => panic!("{other:?}"),
    }
    drop((stopped, ring));
}

/// A record that leads beyond what was captured, into what came later.
#[test]
fn a_record_beyond_the_captured_position_is_an_error() {
    ring_at!(STARTS[3], ring, program, time, consumer);
    output(&program);
    output(&program);
    let mut read = 0;
    let finished = consumer.finish(Duration::MAX, |_| {
        read += 1;
        // The second record becomes as long as this and the next together.
        if read == 1 {
            (0..9).for_each(|_| output(&program));
            let second = (STARTS[3].1 + 16) & 4095;
            forge_header(&ring, second, Header::busy(SampleLen::new(24).unwrap()).submitted());
        }
    });
    assert_eq!((read, time.now()), (1, Duration::ZERO));
    match finished {
        Err(FinishError::Corrupt(corrupt)) => {
            assert!(matches!(corrupt.reason, CorruptReason::RecordTooLong { .. }), "{corrupt}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn operators_can_read_the_report() {
    ring_at!(STARTS[0], _ring, program, time, consumer);
    output(&program);
    let stopped = program.reserve(20).unwrap();
    output(&program);
    write_at(&time, us(10), &program, 8, Flags::ADAPTIVE);
    let finished = consumer.finish(ms(1), |_| ()).unwrap();
    assert_eq!(
        finished.to_string(),
        "1 record delivered, 0 discarded, 48 bytes left: 1 record in flight (32 bytes), 1 behind; \
         16 bytes were produced meanwhile: a program still ran"
    );
    drop(stopped);
    let rest = consumer.finish(ms(1), |_| ()).unwrap();
    assert_eq!(rest.to_string(), "2 records delivered, 1 discarded, nothing left");
    let sum = finished.plus(rest);
    assert_eq!(report(sum), [3, 1, 48, 2, 1, 32, 16]);
}

fn forge_header(ring: &SimRing, at: u64, header: Header) {
    let memory = ring.producer_memory();
    let at = Position::new(at, Width::Bits64).offset(memory.capacity());
    // SAFETY: the ring is thrown away after this; its consumer survives any bytes.
    unsafe { memory.write_header(at, header, PageOffset::NONE) };
}
