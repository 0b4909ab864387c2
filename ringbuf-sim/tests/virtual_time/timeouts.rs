//! Every timeout is kept: no wait is longer or shorter, for every policy.

use super::*;

const FAR: Duration = Duration::MAX;

/// Policies of every kind, with short, long and endless values in any combination,
/// and whether each spins.
fn policies(count: usize) -> impl Iterator<Item = (WaitPolicy, bool)> {
    let mut random = Random::new(11);
    let any = std::iter::repeat_with(move || {
        let spin_for = random.one_of(&[Duration::ZERO, Duration::ZERO, ms(3), FAR]);
        let policy = WaitPolicy::balanced()
            .hold_off(random.one_of(&[Duration::ZERO, us(50), ms(30), FAR]))
            .min_nap(random.one_of(&[Duration::ZERO, us(8), ms(30), FAR]))
            .max_sleep(random.one_of(&[Duration::ZERO, us(300), ms(2), ms(100), FAR]))
            .latency_bound(random.one_of(&[Duration::ZERO, us(300), ms(80), FAR]))
            .spin_for(spin_for)
            .pause(random.one_of(&[Duration::ZERO, us(1), ms(30), FAR]))
            .release_fraction(random.one_of(&[0, 1, 4]));
        (policy, !spin_for.is_zero())
    });
    let presets = presets().map(|(name, policy)| (policy, name == "low_latency"));
    presets.into_iter().chain(any).take(count)
}

/// The traffic before a wait: none, or some kind.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    Dense,
    Silent,
    BusyHead,
}

const ALL: [Before; 4] = [Before::Nothing, Before::Dense, Before::Silent, Before::BusyHead];

/// Produces that traffic and reads all of it.
fn settle<'t>(
    before: Before,
    time: &VirtualTime<'t>,
    program: &'t KernelProducer,
    consumer: &mut Consumer<VirtualMemory<'t>>,
) {
    let (count, gap, flags) = match before {
        Before::Nothing => return,
        Before::Dense | Before::BusyHead => (40, us(20), Flags::ADAPTIVE),
        Before::Silent => (4, ms(3), Flags::NO_WAKEUP),
    };
    let start = time.now();
    for number in 1..=count {
        write_at(time, start + gap * number, program, 64, flags);
    }
    // A policy that looks only after its nap would take that long.
    while consumer.counts().delivered < u64::from(count) {
        let _ = consumer.wait(Some(gap)).unwrap();
        consumer.drain(|_| ()).unwrap();
    }
    if let Before::BusyHead = before {
        std::mem::forget(program.reserve(8).unwrap());
        program.output(&[0; 8], Flags::FORCE_WAKEUP).unwrap();
    }
}

#[test]
fn no_timeout_is_missed_and_none_is_cut_short() {
    const TICK: Duration = us(40);
    let mut random = Random::new(3);
    for (policy, spins) in policies(250) {
        for before in ALL {
            ring!(ring, program, time, consumer, 64 * KIB);
            time.tick(TICK);
            consumer.set_policy(policy.clone());
            settle(before, &time, &program, &mut consumer);
            for _ in 0..3 {
                let timeout = random.one_of(&[us(1), us(120), us(999), ms(1), us(3500), ms(12)]);
                time.end(time.now() + Duration::from_secs(1));
                let wait = || consumer.wait(Some(timeout)).unwrap();
                let (ended, took, rests) = spent(&time, wait);
                let case = format!("{timeout:?} after {before:?} by {policy:?}: {took:?}");
                assert_eq!(ended, Wakeup::TimedOut, "{case}");
                // The clock is read once before the timeout begins, and at the end
                // of spinning.
                assert!(took >= timeout, "too early: {case}");
                assert!(took <= timeout + ms(1) + 3 * TICK, "too late: {case}");
                // Each wait takes time: only a ring that fills spins.
                let rested = 2 + 2 * rests.naps + rests.blocks;
                assert!(spins || rests.readings <= rested, "{rests:?}: {case}");
            }
            assert!(ring.notifications() < 100);
        }
    }
}

/// The last part of a timeout is one block, however short it is, not a series of
/// looks.
#[test]
fn timeouts_below_a_millisecond_sleep() {
    for timeout in [us(1), us(300), us(999)] {
        ring!(_ring, _program, time, consumer, 64 * KIB);
        time.tick(Duration::ZERO);
        consumer.set_policy(WaitPolicy::immediate());
        let wait = || consumer.wait(Some(timeout)).unwrap();
        let (ended, took, rests) = spent(&time, wait);
        assert_eq!((ended, took), (Wakeup::TimedOut, ms(1)), "{timeout:?}");
        let counts = (rests.blocks, rests.naps, rests.pauses, rests.readings);
        assert_eq!(counts, (1, 0, 0, 2), "{timeout:?}");
    }
    // Naps, too, are shorter than the policy says.
    ring!(_ring, program, time, consumer, 64 * KIB);
    time.tick(Duration::ZERO);
    consumer.set_policy(WaitPolicy::low_cost());
    settle(Before::Dense, &time, &program, &mut consumer);
    let (ended, took, rests) = spent(&time, || consumer.wait(Some(us(7))).unwrap());
    assert_eq!((ended, took, rests.naps), (Wakeup::TimedOut, us(7), 1));
}

/// Zero: one look after any traffic, and no wait of any kind.
#[test]
fn a_timeout_of_zero_looks_and_never_sleeps() {
    for (policy, _) in policies(80) {
        for before in ALL {
            ring!(_ring, program, time, consumer, 64 * KIB);
            time.tick(us(5));
            consumer.set_policy(policy.clone());
            time.end(Duration::from_secs(3600));
            settle(before, &time, &program, &mut consumer);
            for round in 0..3 {
                let (ended, took, rests) =
                    spent(&time, || consumer.wait(Some(Duration::ZERO)).unwrap());
                assert_eq!(ended, Wakeup::TimedOut, "{policy:?}");
                let Rests { pauses, naps, notified, blocks, .. } = rests;
                assert_eq!([pauses, naps, notified, blocks], [0; 4], "{policy:?} after {before:?}");
                assert_eq!(took, us(5), "one reading of the clock");
                if matches!(before, Before::BusyHead) {
                    continue;
                }
                let flags = [Flags::ADAPTIVE, Flags::NO_WAKEUP][round % 2];
                program.output(&[0; 8], flags).unwrap();
                assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::Ready), "{policy:?}");
                consumer.drain(|_| ()).unwrap();
            }
        }
    }
}

/// `None`, and a deadline too far to represent, end with a record and not before.
#[test]
fn a_wait_without_timeout_ends_with_a_record() {
    for timeout in [None, Some(FAR)] {
        for (name, policy) in presets() {
            ring!(_ring, program, time, consumer, 64 * KIB);
            time.tick(Duration::ZERO);
            // A spin takes time only by reading the clock.
            consumer.set_policy(policy.spin_for(Duration::ZERO));
            write_at(&time, Duration::from_secs(5), &program, 64, Flags::ADAPTIVE);
            assert_eq!(consumer.wait(timeout), Ok(Wakeup::Ready), "{name}");
            assert_eq!(read(&mut consumer, &time), [Duration::ZERO], "{name}");
        }
    }
}
