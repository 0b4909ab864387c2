//! The time at which producers get their space back.

use ringbuf_core::{Drained, Next};

use super::*;

/// A caller that never lets `wait` sleep: the space comes back after a millisecond
/// without records, and not before.
#[test]
fn polling_gives_space_back_after_a_millisecond() {
    ring!(ring, program, time, consumer, 64 * KIB);
    consumer.set_policy(WaitPolicy::balanced());
    (0..5).for_each(|_| program.output(&[0; 8], Flags::ADAPTIVE).unwrap());
    consumer.drain(|_| ()).unwrap();
    assert_eq!(consumer.unpublished(), 32);
    let start = time.now();
    while time.now() < start + ms(2) {
        assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
        // The first wait treats the records read so far as new.
        let quiet = time.now() >= start + ms(1) + us(1);
        assert_eq!(consumer.unpublished(), if quiet { 0 } else { 32 }, "{:?}", time.now());
        time.pass(us(50));
    }
    assert_eq!(ring.pages().consumer, 80);
}

/// A reader that holds back and only drains or only looks, and a producer with a
/// next record that does not fit next to the bytes held back.
#[test]
fn holding_back_does_not_starve_a_large_record() {
    const RING: u64 = 4 * KIB;
    let looks: [fn(&mut Consumer<VirtualMemory<'_>>); 4] = [
        |consumer| assert_eq!(consumer.drain(|_| ()), Ok(Drained::Empty)),
        |consumer| assert!(!consumer.is_ready()),
        |consumer| assert!(matches!(consumer.batch().next(), Ok(Next::Empty))),
        |consumer| assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut)),
    ];
    for (which, look) in looks.into_iter().enumerate() {
        ring!(_ring, program, time, consumer, RING);
        consumer.set_policy(WaitPolicy::balanced());
        consumer.hold_back(1024);
        for _ in 0..40 {
            program.output(&[0; 240], Flags::ADAPTIVE).unwrap();
            consumer.drain(|_| ()).unwrap();
        }
        assert_eq!((consumer.lag(), consumer.unpublished()), (Ok(0), 2 * 248));
        let mut refused = 0;
        // 3608 and 496 are more than a ring.
        while program.output(&[0; 3600], Flags::ADAPTIVE).is_err() {
            refused += 1;
            look(&mut consumer);
            time.pass(us(20));
            assert!(refused < 1000, "look {which}: refused without end");
        }
        println!("look {which}: refused {refused} times");
        assert!(refused <= 64, "look {which}: refused {refused} times");
    }
}

/// Small records, and sometimes one that takes most of the ring. Returns the number
/// of refused ones, for a reader with this policy.
fn refused(policy: WaitPolicy, gap: Duration, every: u32, large: usize) -> u32 {
    use std::cell::Cell;
    let (refused, taken) = (Cell::new(0), Cell::new(0));
    ring!(_ring, program, time, consumer, 64 * KIB);
    time.tick(us(10));
    consumer.set_policy(policy);
    let steps = 8 * every;
    for step in 1..=steps {
        let (program, refused, taken) = (&program, &refused, &taken);
        let len = if step % every == 0 { large } else { 64 };
        time.at(ms(1) + gap * step, move |time| {
            let written = write(program, time.now(), len, Flags::ADAPTIVE);
            let count = if written { taken } else { refused };
            count.set(count.get() + 1);
        });
    }
    let end = ms(1) + gap * (steps + 1);
    while time.now() < end {
        let _ = consumer.wait(Some(ms(5))).unwrap();
        consumer.drain(|_| ()).unwrap();
    }
    assert_eq!(
        (consumer.counts().delivered, refused.get() + taken.get()),
        (taken.get().into(), steps)
    );
    refused.get()
}

#[test]
fn rare_large_records_find_space() {
    for every in [50, 333, 1000] {
        for (name, policy) in presets() {
            let count = refused(policy, us(60), every, 57_344);
            assert_eq!(count, 0, "{name}: {count} refused, of one in {every}");
        }
    }
}

/// After the last record, producers have the whole ring as soon as the reader
/// blocks, for every policy.
#[test]
fn everything_is_given_back_before_a_block() {
    for (name, policy) in presets() {
        ring!(_ring, program, time, consumer, 64 * KIB);
        time.tick(us(2));
        consumer.set_policy(policy);
        for number in 1..100 {
            write_at(&time, us(10) * number, &program, 64, Flags::ADAPTIVE);
        }
        read_until(99, &mut consumer, &time);
        assert_eq!(consumer.wait(Some(ms(30))), Ok(Wakeup::TimedOut));
        assert_eq!((consumer.unpublished(), program.query(0)), (0, 0), "{name}");
    }
}

/// A reader that keeps up and a BPF program see the same amount of data, except for
/// two records. This holds for all lengths, and with discarded and large records.
#[test]
fn queries_are_right_except_for_two_records() {
    let mut random = Random::new(9);
    for (name, policy) in presets() {
        ring!(_ring, program, time, consumer, 64 * KIB);
        time.tick(us(10));
        consumer.set_policy(policy);
        let mut at = us(100);
        let mut footprints = Vec::new();
        for _ in 0..2000 {
            let len = random.one_of(&[8, 8, 64, 300, 6000]);
            let discard = random.below(6) == 0;
            let program = &program;
            at += us(random.below(200));
            time.at(at, move |time| {
                if discard {
                    program.reserve(len).unwrap().discard(Flags::ADAPTIVE);
                } else {
                    assert!(write(program, time.now(), len as usize, Flags::ADAPTIVE));
                }
            });
            footprints.push((len + 15) & !7);
        }
        let passed = |consumer: &Consumer<_>| {
            let counts = consumer.counts();
            (counts.delivered + counts.discarded) as usize
        };
        while passed(&consumer) < footprints.len() {
            assert_eq!(consumer.wait(None), Ok(Wakeup::Ready));
            consumer.drain(|_| ()).unwrap();
            let passed = passed(&consumer);
            let two: u64 = footprints[passed.saturating_sub(2)..passed].iter().sum();
            let more = program.query(0) - consumer.lag().unwrap();
            assert!(more <= two.min(8 * KIB), "{name}: {more} bytes after {passed} records");
        }
    }
}
