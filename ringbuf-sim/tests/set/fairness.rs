//! No ring can take the turns of another.

use super::*;
use ringbuf_core::{Budget, Drained};
use std::cell::Cell;

/// One ring has always more than can be read; each record takes 2 us. The records of the
/// other rings wait no longer than a turn of each active ring, and a nap.
#[test]
fn a_flooded_ring_does_not_delay_the_others() {
    const RINGS: usize = 64;
    for budget in [us(100), us(500)] {
        let rings = Rings::new(RINGS, 64 * KIB);
        let time = VirtualTime::new();
        time.tick(Duration::from_nanos(20));
        for number in 0..2_000_u32 {
            let program = &rings.programs[1 + number as usize % (RINGS - 1)];
            write_at(&time, ms(5) + us(90) * number, program, 7, Flags::ADAPTIVE);
        }
        let mut set = rings.set(&time, WaitPolicy::balanced());
        set.set_budget(Budget::unlimited().time(budget));
        let (mut ages, flooded) = (Vec::new(), Cell::new(0_u64));
        while ages.len() < 2_000 {
            while rings.programs[0].output(&[0; 16], Flags::ADAPTIVE).is_ok() {}
            assert_eq!(set.wait(Some(ms(100))), Ok(Wakeup::Ready));
            set.drain(|&mut ring, record| {
                if ring == 0 {
                    flooded.set(flooded.get() + 1);
                    time.pass(us(2));
                } else {
                    ages.push(time.now() - stamp(&record).0);
                }
            })
            .unwrap();
        }
        ages.sort_unstable();
        // One turn of the flooded ring may be under way, and another comes first. A turn
        // is longer than the budget by an eighth.
        let most = 2 * (budget + budget / 8) + us(63);
        assert!(ages[ages.len() - 1] <= most, "{budget:?}: {:?}", ages[ages.len() - 1]);
        // The flooded ring gets nearly all of the time.
        let busy = us(2) * flooded.get() as u32;
        assert!(busy * 10 >= time.now() * 8, "{budget:?}: {busy:?} of {:?}", time.now());
    }
}

/// A ring that was idle while another one is flooded gets its turn as well: the set asks who
/// has notified, though it does not sleep.
#[test]
fn a_flooded_ring_does_not_hide_an_idle_one() {
    let rings = Rings::new(3, 64 * KIB);
    let time = VirtualTime::new();
    time.tick(Duration::from_nanos(20));
    for number in 0..20 {
        write_at(&time, ms(20) * (1 + number), &rings.programs[2], number.into(), Flags::ADAPTIVE);
    }
    let mut set = rings.set(&time, WaitPolicy::balanced().max_sleep(Duration::MAX));
    // It becomes idle after 256 turns of the other one.
    set.set_budget(Budget::unlimited().time(us(30)));
    let mut ages = Vec::new();
    while time.now() < ms(450) {
        while rings.programs[0].output(&[0; 16], Flags::ADAPTIVE).is_ok() {}
        assert_eq!(set.wait(Some(ms(100))), Ok(Wakeup::Ready));
        set.drain(|&mut ring, record| match ring {
            0 => time.pass(us(1)),
            _ => ages.push(time.now() - stamp(&record).0),
        })
        .unwrap();
    }
    assert_eq!(ages.len(), 20);
    assert!(ages.iter().all(|&age| age <= us(100)), "{ages:?}");
}

/// Also if it has not notified: a set that never rests looks at its idle rings as often as one
/// that does.
#[test]
fn a_flooded_ring_does_not_hide_a_silent_one() {
    let rings = Rings::new(3, 64 * KIB);
    let time = VirtualTime::new();
    time.tick(Duration::from_nanos(20));
    write_at(&time, ms(30), &rings.programs[2], 0, Flags::NO_WAKEUP);
    let mut set = rings.set(&time, WaitPolicy::balanced().max_sleep(ms(5)));
    // It becomes idle after 256 turns of the other one.
    set.set_budget(Budget::unlimited().time(us(30)));
    let mut age = None;
    while time.now() < ms(100) {
        while rings.programs[0].output(&[0; 16], Flags::ADAPTIVE).is_ok() {}
        assert_eq!(set.wait(Some(ms(100))), Ok(Wakeup::Ready));
        set.drain(|&mut ring, record| match ring {
            0 => time.pass(us(10)),
            _ => age = Some(time.now() - stamp(&record).0),
        })
        .unwrap();
    }
    assert!(age.is_some_and(|age| age <= ms(8)), "{age:?}");
}

/// A drain within a time ends soon after it, however slow the callback is.
#[test]
fn a_budget_of_time_holds_for_any_speed() {
    for cost in [0, 1, 30, 2_000, 40_000] {
        let (ring, time) = (SimRing::new(256 * KIB).unwrap(), VirtualTime::new());
        time.tick(Duration::from_nanos(25));
        let mut consumer = ring.consumer_in(&time).unwrap();
        let budget = Budget::unlimited().time(us(200));
        let cost = Duration::from_nanos(cost);
        for _ in 0..50 {
            while ring.producer().output(&[0; 16], Flags::ADAPTIVE).is_ok() {}
            let (begin, mut count) = (time.now(), 0_u32);
            let end = consumer
                .drain_within(&budget, |_| {
                    count += 1;
                    time.pass(cost);
                })
                .unwrap();
            let took = time.now() - begin;
            assert!(took <= us(230).max(us(200) + 2 * cost), "{cost:?}: {took:?}, {count} records");
            assert!(
                took >= us(195) || end != Drained::Limit || count >= 10_000,
                "{cost:?}: {took:?}"
            );
        }
    }
}

/// The speed changes by a thousand times between two records.
#[test]
fn a_callback_that_becomes_slow_costs_one_window() {
    let (ring, time) = (SimRing::new(256 * KIB).unwrap(), VirtualTime::new());
    time.tick(Duration::from_nanos(25));
    let mut consumer = ring.consumer_in(&time).unwrap();
    let budget = Budget::unlimited().time(ms(1));
    let mut drain = |cost: Duration| {
        while ring.producer().output(&[0; 16], Flags::ADAPTIVE).is_ok() {}
        let begin = time.now();
        consumer.drain_within(&budget, |_| time.pass(cost)).unwrap();
        time.now() - begin
    };
    for _ in 0..20 {
        drain(Duration::from_nanos(100));
    }
    // An eighth of the budget was 1250 records.
    assert!(drain(us(100)) <= us(100) * 1_300);
    assert!(drain(us(100)) <= us(1_300));
}

#[test]
fn a_budget_of_records_or_bytes_is_exact() {
    let (ring, time) = (SimRing::new(64 * KIB).unwrap(), VirtualTime::new());
    let program = ring.producer();
    let mut consumer = ring.consumer_in(&time).unwrap();
    for number in 0..300_u64 {
        let len = [8, 24, 8, 8, 100][number as usize % 5];
        program.output(&vec![0; len], Flags::ADAPTIVE).unwrap();
    }
    let mut drain = |budget: Budget| {
        let before = consumer.position();
        let mut count = 0;
        let end = consumer.drain_within(&budget, |_| count += 1).unwrap();
        (end, count, consumer.position().get() - before.get())
    };
    for records in [1, 2, 9, 64] {
        let (end, count, _) = drain(Budget::unlimited().records(records));
        assert_eq!((end, count), (Drained::Limit, records));
    }
    for bytes in [1, 16, 17, 1_000] {
        let (end, _, read) = drain(Budget::unlimited().bytes(bytes));
        assert_eq!(end, Drained::Limit);
        assert!((bytes..bytes + 112).contains(&read), "{bytes}: {read}");
    }
    let (end, count, _) = drain(Budget::unlimited().records(0).bytes(0));
    assert_eq!((end, count), (Drained::Limit, 1), "one record at least");
    assert_eq!(drain(Budget::unlimited().records(1_000)).0, Drained::Empty);
}

/// Discarded records use up bytes and not records. A drain that they end is not at the end of
/// the ring.
#[test]
fn discarded_records_use_up_a_budget_of_bytes() {
    let (ring, time) = (SimRing::new(64 * KIB).unwrap(), VirtualTime::new());
    let program = ring.producer();
    let mut consumer = ring.consumer_in(&time).unwrap();
    consumer.set_policy(WaitPolicy::balanced()); // it does not arm and look again
    for _ in 0..8 {
        program.reserve(8).unwrap().discard(Flags::ADAPTIVE); // 16 bytes each
    }
    program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    let mut drain = |budget: Budget| {
        let mut count = 0;
        (consumer.drain_within(&budget, |_| count += 1).unwrap(), count)
    };
    assert_eq!(drain(Budget::unlimited().bytes(40)), (Drained::Limit, 0));
    assert_eq!(drain(Budget::unlimited().records(1).time(ms(1))), (Drained::Limit, 1));
    assert_eq!(drain(Budget::unlimited()), (Drained::Empty, 0));
}
