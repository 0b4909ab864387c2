//! Nothing is lost, and waits end when they must.

use super::*;
use ringbuf_core::{Budget, Drained, Next};
use std::ops::ControlFlow;

/// Random traffic with records that stay open, are discarded, or do not notify; with rings
/// that come and go. Each ring delivers all its records, in order.
#[test]
fn every_record_is_delivered_once_in_order() {
    let _ends = watchdog("every_record_is_delivered_once_in_order");
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let rings = Rings::new(1 + random.below(9) as usize, 16 * KIB);
        let time = VirtualTime::new();
        time.tick(Duration::from_nanos(random.below(500)));
        time.lateness(us(random.below(30)));
        let policies = [WaitPolicy::balanced(), WaitPolicy::low_cost(), WaitPolicy::immediate()];
        let policy = policies[random.below(3) as usize].clone();
        let count = rings.programs.len();
        let (mut at, mut sent) = (us(10), vec![0_u64; count]);
        for _ in 0..600 {
            let gap = us([1, 10, 100, 1_000][random.below(4) as usize]);
            at += random.exponential(gap);
            let ring = random.below(count as u64) as usize;
            let (program, number) = (&rings.programs[ring], sent[ring]);
            sent[ring] += 1;
            let flags = [Flags::ADAPTIVE, Flags::ADAPTIVE, Flags::NO_WAKEUP, Flags::FORCE_WAKEUP];
            let flags = flags[random.below(4) as usize];
            let open = us(random.below(2) * random.below(3_000));
            let discarded = random.below(10) == 0;
            time.at(at, move |time| {
                let mut record = program.reserve(8).expect("room");
                record.copy_from_slice(&number.to_ne_bytes());
                let commit = time.now() + open;
                time.at(commit, move |_| {
                    if discarded { record.discard(flags) } else { record.submit(flags) }
                });
            });
            if discarded {
                sent[ring] -= 1;
            }
        }
        let mut set = rings.set(&time, policy);
        let budget = Budget::unlimited().records(1 + random.below(5)).time(ms(1));
        set.set_budget(budget);
        let (mut read, mut left) = (vec![0_u64; count], sent.iter().sum::<u64>());
        while left > 0 {
            assert_ne!(set.wait(Some(ms(300))), Ok(Wakeup::Interrupted), "{seed}");
            set.drain(|&mut ring, record| {
                assert_eq!(record[..], read[ring].to_ne_bytes(), "{seed}: ring {ring}");
                read[ring] += 1;
                left -= 1;
            })
            .unwrap();
            assert!(time.now() < at + ms(1_000), "{seed}: {left} records are not found");
            if random.below(20) == 0 {
                let token = set.tokens().nth(random.below(count as u64) as usize).unwrap();
                let (ring, number) = set.remove(token).unwrap();
                assert!(set.remove(token).is_none() && set.get(token).is_none());
                assert_ne!(set.insert(ring, number).unwrap(), token);
            }
        }
        assert_eq!(read, sent, "{seed}");
    }
}

#[test]
fn a_wait_ends_by_its_timeout_and_no_earlier() {
    let rings = Rings::new(5, 4 * KIB);
    for policy in [WaitPolicy::balanced(), WaitPolicy::low_latency(), WaitPolicy::immediate()] {
        let time = VirtualTime::new();
        let mut set = rings.set(&time, policy);
        for timeout in [Duration::ZERO, us(1), us(900), ms(3), ms(450)] {
            let begin = time.now();
            assert_eq!(set.wait(Some(timeout)), Ok(Wakeup::TimedOut));
            let took = time.now() - begin;
            assert!(took >= timeout && took <= timeout + ms(1) + us(100), "{timeout:?}: {took:?}");
        }
    }
}

/// A wait that times out has looked at the rings that do not notify.
#[test]
fn a_timeout_is_not_reported_while_a_silent_record_is_there() {
    let rings = Rings::new(3, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = rings.set(&time, WaitPolicy::balanced());
    assert_eq!(set.wait(Some(ms(20))), Ok(Wakeup::TimedOut));
    write_at(&time, time.now() + ms(1), &rings.programs[1], 0, Flags::NO_WAKEUP);
    assert_eq!(set.wait(Some(ms(5))), Ok(Wakeup::Ready));
}

#[test]
fn a_wake_ends_every_rest() {
    let rings = Rings::new(3, 64 * KIB);
    for policy in [WaitPolicy::balanced(), WaitPolicy::low_latency(), WaitPolicy::immediate()] {
        let time = VirtualTime::new();
        let mut set = rings.set(&time, policy);
        time.end(ms(200));
        time.at(ms(7), |time| time.wake());
        assert_eq!(set.wait(None), Ok(Wakeup::Woken));
        assert!(time.now() < ms(7) + us(10));
        time.wake();
        assert_eq!(set.wait(None), Ok(Wakeup::Woken));
        let until = time.now() + ms(2);
        time.at(until, |time| time.signal());
        let end = set.wait(Some(ms(4))).unwrap();
        assert!(matches!(end, Wakeup::Interrupted | Wakeup::TimedOut), "{end:?}");
    }
}

/// The drain after a wake is the last one of many programs. It reads idle rings, too, also if
/// they have not notified.
#[test]
fn a_drain_after_a_wake_reads_everything() {
    let rings = Rings::new(3, 4 * KIB);
    for (flags, late) in
        [(Flags::ADAPTIVE, true), (Flags::NO_WAKEUP, true), (Flags::NO_WAKEUP, false)]
    {
        let time = VirtualTime::new();
        let mut set = rings.set(&time, WaitPolicy::balanced());
        assert_eq!(set.wait(Some(ms(20))), Ok(Wakeup::TimedOut));
        write(&rings.programs[2], time.now(), 0, flags);
        if late {
            time.wake();
        } else {
            time.at(time.now() + us(10), |time| time.wake());
        }
        assert_eq!(set.wait(Some(ms(20))), Ok(Wakeup::Woken));
        let mut count = 0;
        set.drain(|_, _| count += 1).unwrap();
        assert_eq!(count, 1, "{flags:?}, {late}");
    }
}

/// A wake that arming finds has used up its event: the caller must not block.
#[test]
fn arming_finds_wakes_and_silent_records() {
    let rings = Rings::new(2, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = rings.set(&time, WaitPolicy::balanced());
    assert_eq!(set.arm(), Ok(ringbuf_core::Armed::Sleep));
    time.wake();
    assert_eq!(set.arm(), Ok(ringbuf_core::Armed::Ready));
    assert_eq!(set.look(), Ok(false), "a look leaves it to the next wait");
    assert_eq!(set.wait(Some(Duration::ZERO)), Ok(Wakeup::Woken));
    assert_eq!(set.arm(), Ok(ringbuf_core::Armed::Sleep));
    write(&rings.programs[1], time.now(), 0, Flags::NO_WAKEUP);
    assert_eq!(set.arm(), Ok(ringbuf_core::Armed::Ready));
    assert_eq!(set.look(), Ok(true));
}

/// The set arms all rings: from then on each commit notifies.
#[test]
fn an_armed_set_is_notified_of_each_ring() {
    let rings = Rings::new(4, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = rings.set(&time, WaitPolicy::balanced());
    for number in 0..40 {
        let program = &rings.programs[number % 4];
        assert_eq!(set.arm(), Ok(ringbuf_core::Armed::Sleep));
        let before = rings.notifications();
        write(program, time.now(), number as u64, Flags::ADAPTIVE);
        assert_eq!(rings.notifications(), before + 1);
        assert_eq!(set.arm(), Ok(ringbuf_core::Armed::Ready));
        assert_eq!(set.wait(Some(Duration::ZERO)), Ok(Wakeup::Ready));
        let mut count = 0;
        set.drain(|&mut ring, _| count += usize::from(ring == number % 4)).unwrap();
        assert_eq!(count, 1);
    }
}

/// A callback that breaks ends the turn of its ring, and the next call begins with another.
#[test]
fn a_break_keeps_the_turns() {
    let rings = Rings::new(3, 4 * KIB);
    let time = VirtualTime::new();
    for number in 0..9 {
        write(&rings.programs[number % 3], Duration::ZERO, number as u64, Flags::ADAPTIVE);
    }
    let mut set = rings.set(&time, WaitPolicy::balanced());
    let mut order = Vec::new();
    while order.len() < 9 {
        assert_eq!(set.wait(Some(ms(1))), Ok(Wakeup::Ready));
        let end = set.for_each(|&mut ring, _| ControlFlow::Break(ring)).unwrap();
        let ControlFlow::Break(ring) = end else { panic!("{end:?}") };
        order.push(ring);
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

/// Each ready ring comes once between two waits, and batches are read from it.
#[test]
fn ready_rings_come_once_and_lend_batches() {
    let rings = Rings::new(5, 4 * KIB);
    let time = VirtualTime::new();
    for number in [1, 3, 3] {
        write(&rings.programs[number], Duration::ZERO, 0, Flags::ADAPTIVE);
    }
    let mut set = rings.set(&time, WaitPolicy::balanced());
    assert!(set.next_ready().is_none(), "no wait has found anything");
    for _ in 0..3 {
        assert_eq!(set.wait(Some(ms(1))), Ok(Wakeup::Ready));
        let mut found = Vec::new();
        while let Some(mut ring) = set.next_ready() {
            let number = *ring.tag();
            let batch = ring.batch();
            assert!(matches!(batch.next(), Ok(Next::Record(_))));
            batch.rewind();
            found.push(number);
        }
        found.sort_unstable();
        assert_eq!(found, [1, 3]);
    }
    assert_eq!(set.wait(Some(ms(1))), Ok(Wakeup::Ready));
    let mut count = 0;
    while let Some(mut ring) = set.next_ready() {
        assert_eq!(ring.drain(|_, _| count += 1), Ok(Drained::Empty));
    }
    assert_eq!(count, 3);
    assert_eq!(set.wait(Some(ms(1))), Ok(Wakeup::TimedOut));
}

/// It is reported once. It gets no more turns, and the others go on.
#[test]
fn a_corrupt_ring_fails_alone() {
    let rings = Rings::new(3, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = rings.set(&time, WaitPolicy::balanced());
    write(&rings.programs[1], Duration::ZERO, 0, Flags::ADAPTIVE);
    // Nobody but a broken kernel or another process moves a producer so far.
    let memory = rings.rings[1].producer_memory();
    let far = ringbuf_core::Position::new(1 << 20, ringbuf_core::Width::Bits64);
    use ringbuf_core::ProducerMemory as _;
    // SAFETY: the ring is thrown away after this; its consumer survives any bytes.
    unsafe { memory.store_producer_pos(far, std::sync::atomic::Ordering::Release) };
    for number in 0..4 {
        write(&rings.programs[2], Duration::ZERO, number, Flags::ADAPTIVE);
    }
    let (mut failed, mut count) = (Vec::new(), 0);
    for _ in 0..20 {
        set.wait(Some(ms(1))).unwrap();
        if let Err(error) = set.drain(|_, _| count += 1) {
            failed.push(error.token);
        }
    }
    let second = set.tokens().nth(1).unwrap();
    assert_eq!((failed, count), (vec![second], 4));
    assert_eq!(set.wait(Some(ms(200))), Ok(Wakeup::TimedOut));
    assert_eq!(set.remove(second).map(|(_, number)| number), Some(1));
}

/// A removed ring ends no wait of the set, and waits by itself.
#[test]
fn a_removed_ring_is_not_watched() {
    let rings = Rings::new(2, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = rings.set(&time, WaitPolicy::immediate());
    let first = set.tokens().next().unwrap();
    let (mut ring, number) = set.remove(first).unwrap();
    assert_eq!((number, set.len()), (0, 1));
    write_at(&time, ms(2), &rings.programs[0], 5, Flags::ADAPTIVE);
    assert_eq!(set.wait(Some(ms(4))), Ok(Wakeup::TimedOut));
    assert_eq!(time.rests().notified, 0, "the notification was not for the set");
    assert_eq!(ring.wait(Some(Duration::ZERO)).unwrap(), Wakeup::Ready);
}
