//! Policies that are set, changed, cleared, or swapped between two rings.

use super::*;

/// Bursts of 16 discarded records, 40 us apart. They count as dense, like delivered
/// records.
#[test]
fn discarded_records_count_for_the_rate() {
    let naps = |discarded: u64| {
        ring!(ring, program, time, consumer, 1024 * KIB);
        consumer.set_policy(WaitPolicy::balanced());
        for burst in 0..1000 {
            let program = &program;
            time.at(ms(1) + us(40) * burst, move |_| {
                for number in 0..16 {
                    let record = program.reserve(8).unwrap();
                    if number < discarded {
                        record.discard(Flags::ADAPTIVE);
                    } else {
                        record.submit(Flags::ADAPTIVE);
                    }
                }
            });
        }
        while time.now() < ms(42) {
            let _ = consumer.wait(Some(ms(1))).unwrap();
            consumer.drain(|_| ()).unwrap();
        }
        assert_eq!(consumer.counts().discarded, 1000 * discarded);
        (time.rests().naps, ring.notifications())
    };
    let all = naps(0);
    assert!(all.0 < 900 && all.1 < 20, "{all:?}");
    assert_eq!([8, 15, 16].map(naps), [all; 3]);
}

/// Only records after the policy was set count for its rates.
#[test]
fn a_policy_set_late_starts_from_the_current_counts() {
    for start in [0, 1 << 40, u64::MAX - 7] {
        let ring = SimRing::started_at(64 * KIB, ringbuf_core::Width::Bits64, start).unwrap();
        let program = ring.producer();
        let time = VirtualTime::new();
        let mut consumer = ring.consumer_in(&time).unwrap();
        let pass = |consumer: &mut Consumer<VirtualMemory<'_>>| {
            (0..500).for_each(|_| program.output(&[0; 8], Flags::ADAPTIVE).unwrap());
            consumer.drain(|_| ()).unwrap();
        };
        pass(&mut consumer);
        // It pauses before a look only after it has read something, not after a
        // policy was set.
        for (policy, read, pauses) in [
            (Some(WaitPolicy::low_latency()), false, 0),
            (None, true, 1),
            (Some(WaitPolicy::low_latency().pause(us(2))), false, 0),
            (None, true, 1),
        ] {
            policy.into_iter().for_each(|policy| consumer.set_policy(policy));
            if read {
                pass(&mut consumer);
            }
            let (ended, _, rests) = spent(&time, || consumer.wait(Some(us(100))).unwrap());
            assert_eq!((ended, rests.pauses), (Wakeup::TimedOut, pauses), "{rests:?}");
        }
        // It does not nap for earlier records either.
        pass(&mut consumer);
        consumer.set_policy(WaitPolicy::balanced());
        let (ended, _, rests) = spent(&time, || consumer.wait(Some(ms(250))).unwrap());
        assert_eq!((ended, rests.naps, rests.blocks), (Wakeup::TimedOut, 0, 3));
    }
}

#[test]
fn the_first_wait_sets_the_default() {
    ring!(_ring, _program, time, consumer, 64 * KIB);
    assert_eq!(consumer.policy(), None);
    assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
    assert_eq!(consumer.policy(), Some(&WaitPolicy::default()));
    assert!(time.rests().readings > 0);
}

/// Without a policy nothing is held back, and drains arm.
#[test]
fn clearing_a_policy_gives_everything_back() {
    ring!(ring, program, time, consumer, 64 * KIB);
    let round = |consumer: &mut Consumer<VirtualMemory<'_>>, held, notified| {
        let before = ring.notifications();
        for _ in 0..10 {
            program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
            consumer.drain(|_| ()).unwrap();
            assert_eq!(consumer.unpublished(), held);
        }
        assert_eq!(ring.notifications() - before, notified);
    };
    round(&mut consumer, 0, 10);
    consumer.set_policy(WaitPolicy::immediate());
    round(&mut consumer, 0, 10);
    consumer.set_policy(WaitPolicy::balanced());
    program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    consumer.drain(|_| ()).unwrap();
    program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    consumer.drain(|_| ()).unwrap();
    round(&mut consumer, 32, 0);
    consumer.clear_policy();
    assert_eq!((consumer.policy(), consumer.unpublished(), program.query(0)), (None, 0, 0));
    round(&mut consumer, 0, 10);
    // Another policy also gives back what the one before held.
    consumer.set_policy(WaitPolicy::balanced());
    program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    consumer.drain(|_| ()).unwrap();
    assert_eq!(consumer.unpublished(), 16);
    consumer.set_policy(WaitPolicy::low_cost());
    assert_eq!(consumer.unpublished(), 0);
    assert_eq!(time.now(), Duration::ZERO, "nothing of it waits");
}

#[test]
fn a_panic_of_the_host_keeps_the_policy() {
    ring!(_ring, _program, time, consumer, 64 * KIB);
    consumer.set_policy(WaitPolicy::low_cost());
    time.at(us(5), |_| panic!("in the middle of a wait"));
    let wait = std::panic::AssertUnwindSafe(|| consumer.wait(Some(ms(1))));
    assert!(std::panic::catch_unwind(wait).is_err());
    assert_eq!(consumer.policy(), Some(&WaitPolicy::low_cost()));
}

/// The counts of a consumer move with it.
#[test]
fn swapped_consumers_continue_to_wait() {
    let rings = [(); 2].map(|()| SimRing::new(64 * KIB).unwrap());
    let programs = rings.each_ref().map(SimRing::producer);
    let time = VirtualTime::new();
    let [mut a, mut b] = rings.each_ref().map(|ring| ring.consumer_in(&time).unwrap());
    a.set_policy(WaitPolicy::balanced());
    b.set_policy(WaitPolicy::low_cost());
    let mut random = Random::new(13);
    for round in 0..200 {
        // Densely into one, rarely or never into the other.
        for (program, gap, count) in [(&programs[0], 5, 200), (&programs[1], 400, 2)] {
            for number in 0..random.below(count) {
                let at = time.now() + us(gap) * number as u32;
                write_at(&time, at, program, 8, Flags::ADAPTIVE);
            }
        }
        for _ in 0..4 {
            let late = |ages: Vec<Duration>| ages.into_iter().max().unwrap_or_default();
            let waits = if a.policy() == Some(&WaitPolicy::balanced()) { us(51) } else { us(1001) };
            let start = time.now();
            let ended = a.wait(Some(ms(3))).unwrap();
            let took = time.now() - start;
            assert!(took <= ms(4) + us(1), "round {round}: {took:?}");
            let age = late(read(&mut a, &time));
            // It may have arrived during the wait for the other.
            assert!(age <= waits + ms(5), "round {round}: {age:?} late, {ended:?}");
            std::mem::swap(&mut a, &mut b);
        }
    }
    for consumer in [&mut a, &mut b] {
        while consumer.wait(Some(ms(200))).unwrap() == Wakeup::Ready {
            consumer.drain(|_| ()).unwrap();
        }
        assert_eq!(consumer.lag(), Ok(0));
    }
    // The swaps have no further effect: each single record notifies.
    for program in &programs {
        write_at(&time, time.now() + ms(10), program, 8, Flags::ADAPTIVE);
        time.pass(ms(5));
        for consumer in [&mut a, &mut b] {
            let before = time.now();
            let _ = consumer.wait(Some(ms(7))).unwrap();
            assert!(time.now() - before <= ms(8));
            assert!(read(consumer, &time).iter().all(|age| *age <= ms(8)));
        }
    }
}

/// With a limit for silent producers that is longer than any sleep.
#[test]
fn no_sleep_is_longer_than_the_policy_allows() {
    ring!(_ring, program, time, consumer, 64 * KIB);
    consumer.set_policy(WaitPolicy::immediate().latency_bound(ms(80)).max_sleep(ms(20)));
    let mut random = Random::new(17);
    let mut at = Duration::ZERO;
    for _ in 0..50 {
        at += ms(10) + us(random.below(200_000));
        write_at(&time, at, &program, 8, Flags::NO_WAKEUP);
    }
    let late = read_until(50, &mut consumer, &time).into_iter().max().unwrap();
    assert!(late > ms(10) && late <= ms(20) + us(1), "{late:?}");
}

/// Dense traffic that stops: a few naps, then blocks of the longest kind.
#[test]
fn an_idle_reader_blocks() {
    for (name, policy) in presets() {
        ring!(_ring, program, time, consumer, 64 * KIB);
        time.tick(us(1));
        consumer.set_policy(policy);
        for number in 1..=200 {
            write_at(&time, us(10) * number, &program, 64, Flags::ADAPTIVE);
        }
        read_until(200, &mut consumer, &time);
        let (ended, _, rests) =
            spent(&time, || consumer.wait(Some(Duration::from_secs(1))).unwrap());
        assert_eq!(ended, Wakeup::TimedOut);
        assert!(rests.naps <= 5 && (10..=11).contains(&rests.blocks), "{name}: {rests:?}");
        let spins = if name == "low_latency" { 11_000 } else { 0 };
        assert!(rests.readings <= spins + 20, "{name}: {rests:?}");
    }
}

/// At 64 MB per second into 64 KiB, an eighth fills in 128 us. No nap is longer,
/// whatever the hold-off.
#[test]
fn no_nap_lets_more_than_an_eighth_of_the_ring_fill() {
    for hold in [1, 10, 100, 1000] {
        let fullest = std::cell::Cell::new(0);
        ring!(_ring, program, time, consumer, 64 * KIB);
        let policy = WaitPolicy::balanced().hold_off(ms(hold)).min_nap(ms(hold));
        consumer.set_policy(policy.max_sleep(Duration::from_secs(10)));
        for step in 0..20_000 {
            let (program, fullest) = (&program, &fullest);
            time.at(ms(1) + us(1) * step, move |_| {
                program.output(&[0; 56], Flags::ADAPTIVE).expect("a reader that keeps up");
                fullest.set(program.query(0).max(fullest.get()));
            });
        }
        read_plain(20_000, &mut consumer);
        let fullest = fullest.get();
        assert!(fullest <= 2 * 8 * KIB, "{hold} ms: {fullest} bytes at once");
    }
}

fn read_plain(count: u64, consumer: &mut Consumer<VirtualMemory<'_>>) {
    while consumer.counts().delivered < count {
        assert_eq!(consumer.wait(Some(Duration::from_secs(1))), Ok(Wakeup::Ready));
        consumer.drain(|_| ()).unwrap();
    }
}
