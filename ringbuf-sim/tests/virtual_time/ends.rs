//! The events that end a wait, and those that do not.

use ringbuf_core::Next;

use super::*;

/// Produces dense traffic, so that the next wait naps.
pub(crate) fn make_dense<'t>(
    time: &VirtualTime<'t>,
    program: &'t KernelProducer,
    consumer: &mut Consumer<VirtualMemory<'t>>,
) {
    let start = time.now();
    let passed = consumer.counts().delivered;
    for number in 1..=40 {
        write_at(time, start + us(10) * number, program, 64, Flags::ADAPTIVE);
    }
    read_until(passed + 40, consumer, time);
}

#[test]
fn a_busy_head_alone_is_not_ready() {
    for (name, policy) in presets() {
        for dense in [false, true] {
            ring!(_ring, program, time, consumer, 64 * KIB);
            time.tick(us(4));
            consumer.set_policy(policy.clone());
            if dense {
                make_dense(&time, &program, &mut consumer);
            }
            let start = time.now();
            time.at(start + us(5), |time| {
                let head = program.reserve(64).unwrap();
                let commit = time.now() + ms(30);
                time.at(commit, move |_| head.discard(Flags::ADAPTIVE));
            });
            // Both notify, one of them because it is forced.
            for (at, flags) in [(10, Flags::ADAPTIVE), (20, Flags::FORCE_WAKEUP)] {
                write_at(&time, start + us(at), &program, 64, flags);
            }
            assert_eq!(consumer.wait(Some(ms(20))), Ok(Wakeup::TimedOut), "{name}");
            assert!(read(&mut consumer, &time).is_empty());
            assert_eq!(consumer.wait(Some(ms(20))), Ok(Wakeup::Ready), "{name}");
            let late = time.now() - (start + us(5) + ms(30));
            assert!(late <= ms(1), "{name}: {late:?} after the commit");
            assert_eq!(read(&mut consumer, &time).len(), 2);
        }
    }
}

#[test]
fn a_signal_ends_a_block_at_once() {
    for (name, policy) in presets() {
        ring!(_ring, program, time, consumer, 64 * KIB);
        time.tick(Duration::ZERO);
        consumer.set_policy(policy.spin_for(Duration::ZERO));
        time.at(us(12_345), |time| time.signal());
        time.at(us(45_678), |time| time.signal());
        write_at(&time, us(50_000), &program, 64, Flags::ADAPTIVE);
        let ends = [(); 3].map(|()| (consumer.wait(None).unwrap(), time.now()));
        let [first, second] = [12_345, 45_678].map(|at| (Wakeup::Interrupted, us(at)));
        assert_eq!(ends, [first, second, (Wakeup::Ready, us(50_000))], "{name}");
        assert_eq!(time.rests().naps, 0, "{name}");
    }
}

#[test]
fn a_signal_ends_a_nap_at_once() {
    for policy in [WaitPolicy::balanced(), WaitPolicy::low_cost()] {
        ring!(_ring, program, time, consumer, 64 * KIB);
        time.tick(Duration::ZERO);
        consumer.set_policy(policy);
        make_dense(&time, &program, &mut consumer);
        let at = time.now() + us(3);
        time.at(at, |time| time.signal());
        let (ended, _, rests) = spent(&time, || consumer.wait(None).unwrap());
        assert_eq!((ended, time.now(), rests.naps), (Wakeup::Interrupted, at, 1));
        // Even if there is something to read then. The next wait finds it.
        let at = time.now() + us(3);
        write_at(&time, at, &program, 64, Flags::ADAPTIVE);
        time.at(at, |time| time.signal());
        assert_eq!((consumer.wait(None), time.now()), (Ok(Wakeup::Interrupted), at));
        assert_eq!(consumer.wait(Some(ms(2))), Ok(Wakeup::Ready));
    }
}

#[test]
fn a_signal_does_not_end_a_spin() {
    ring!(_ring, program, time, consumer, 64 * KIB);
    consumer.set_policy(WaitPolicy::low_latency());
    time.at(ms(1), |time| time.signal());
    write_at(&time, ms(2), &program, 64, Flags::ADAPTIVE);
    assert_eq!(consumer.wait(None), Ok(Wakeup::Ready));
}

/// A wait ends at once if the last read left records, for every policy.
#[test]
fn known_records_are_ready_at_once() {
    for (name, policy) in presets() {
        ring!(_ring, program, time, consumer, 64 * KIB);
        consumer.set_policy(policy);
        (0..3).for_each(|_| program.output(&[0; 8], Flags::ADAPTIVE).unwrap());
        // The first record is not known yet, so it takes a look.
        assert_eq!(consumer.wait(None), Ok(Wakeup::Ready), "{name}");
        let start = time.now();
        for timeout in [None, Some(Duration::ZERO)] {
            assert!(matches!(consumer.batch().max_records(1).next(), Ok(Next::Record(_))));
            assert_eq!(consumer.wait(timeout), Ok(Wakeup::Ready), "{name}");
            consumer.batch().rewind();
            assert_eq!(consumer.wait(timeout), Ok(Wakeup::Ready), "{name}");
        }
        assert_eq!(time.now(), start, "{name}: not even the clock is read");
    }
}

/// A corrupt ring ends a wait, and the next read reports the error.
#[test]
fn a_corrupt_ring_is_ready() {
    use ringbuf_core::{CorruptReason, Position, ProducerMemory, Width};
    use std::sync::atomic::Ordering::Relaxed;
    const RING: u64 = 4 * KIB;
    let forge = |ring: &SimRing, produced: u64| {
        let produced = Position::new(produced, Width::Bits64);
        // SAFETY: no sample is lent, and the consumer checks every value.
        unsafe { ring.producer_memory().store_producer_pos(produced, Relaxed) };
    };
    // Producers cannot overwrite bytes held back. So 8 bytes too many are an error
    // while bytes are held, for every kind of look.
    for (ahead, is_corrupt) in [(RING - 8 - 32, false), (RING - 32, true), (RING, true)] {
        for timeout in [Duration::ZERO, ms(20)] {
            ring!(ring, program, time, consumer, RING);
            consumer.set_policy(WaitPolicy::balanced());
            (0..9).for_each(|_| program.output(&[0; 8], Flags::ADAPTIVE).unwrap());
            consumer.drain(|_| ()).unwrap();
            assert_eq!((consumer.unpublished(), consumer.position().get()), (32, 144));
            assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
            let producer = 144 + ahead;
            if timeout.is_zero() {
                forge(&ring, producer);
            } else {
                let ring = &ring;
                // During a nap or a block.
                time.at(time.now() + us(3), move |_| forge(ring, producer));
            }
            assert_eq!(consumer.wait(Some(timeout)), Ok(Wakeup::Ready), "{ahead}");
            let held = consumer.unpublished();
            let found = consumer.drain(|_| ()).map_err(|corrupt| corrupt.reason);
            // Before the block it gives everything back, and then there is space.
            let is_corrupt = if held == 0 { ahead > RING - 8 } else { is_corrupt };
            let producer = Position::new(producer, Width::Bits64);
            let out_of_range = matches!(found,
                Err(CorruptReason::ProducerOutOfRange { producer: at, .. }) if at == producer);
            // The position is accepted, but the records are still wrong.
            assert_eq!(out_of_range, is_corrupt, "{ahead} after {timeout:?}: {found:?}");
        }
    }
}

/// A record arrives at each point of a wait. The end of the current nap finds it,
/// or a notification announces it.
#[test]
fn no_sleep_misses_a_record() {
    let mut random = Random::new(5);
    for run in 0..300 {
        ring!(_ring, program, time, consumer, 64 * KIB);
        let hold_off = random.one_of(&[Duration::ZERO, us(10), us(50), ms(1)]);
        let (lateness, tick) = (us(random.below(10)), Duration::from_nanos(random.below(3000)));
        let policy = WaitPolicy::balanced()
            .hold_off(hold_off)
            .min_nap(us(random.below(60)))
            .release_fraction(random.below(5))
            .max_sleep(Duration::from_secs(1));
        time.lateness(lateness);
        time.tick(tick + Duration::from_nanos(1));
        consumer.set_policy(policy.clone());
        let (mut at, mut count) = (us(50), 0);
        for _ in 0..60 {
            let gap = us(random.one_of(&[0, 1, 7, 30, 90, 400, 5000]));
            for _ in 0..1 + random.below(20) {
                at += Duration::from_nanos(random.below(1 + gap.as_nanos() as u64 * 2));
                let len = 8 + random.below(60) as usize;
                if random.below(8) == 0 {
                    let program = &program;
                    time.at(at, move |_| {
                        let record = program.reserve(len as u64).unwrap();
                        record.discard(Flags::ADAPTIVE);
                    });
                } else {
                    write_at(&time, at, &program, len, Flags::ADAPTIVE);
                }
                count += 1;
            }
        }
        let ages = read_until(count, &mut consumer, &time);
        let late = ages.iter().max().copied().unwrap_or_default();
        let most = hold_off * 5 / 4 + lateness + 4 * (tick + Duration::from_nanos(1));
        assert!(late <= most, "run {run}: {late:?} late by {policy:?}");
    }
}
