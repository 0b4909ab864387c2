//! Virtual time: a stream of records against the decisions of a waiter.

extern crate std;

use std::vec::Vec;

use super::*;

const MIB: u64 = 1 << 20;
const US: Duration = Duration::from_micros(1);
const RECORD: u64 = 72;

/// What a run of records cost.
#[derive(Debug, Default)]
struct Cost {
    /// Blocks that a notification ended: each is a notification that was paid.
    woken: u64,
    /// Blocks that ended by themselves.
    timeouts: u64,
    naps: u64,
    looks: u64,
    /// The longest time from a record to the look that found it.
    latest: Duration,
    /// The fullest that the ring was.
    fullest: u64,
}

/// Lets records of `RECORD` bytes come at these times, each announced or not,
/// and the waiter look for them until all are read.
fn run(waiting: &Waiting, capacity: u64, announced: bool, times: &[Duration]) -> Cost {
    let capacity = Capacity::new(capacity, 4096).unwrap();
    let mut waiter = Waiter::new(waiting.clone(), capacity);
    let (mut cost, mut now, mut read) = (Cost::default(), Duration::ZERO, 0);
    while read < times.len() {
        let come = times[read..].iter().take_while(|time| **time <= now).count();
        if come > 0 {
            cost.latest = cost.latest.max(now - times[read]);
            cost.fullest = cost.fullest.max(come as u64 * RECORD);
        }
        read += come;
        waiter.drained(now, come as u64, come as u64 * RECORD);
        // Until there is something to read, or nothing will come any more.
        while times.get(read).is_some_and(|next| *next > now) {
            let next = times[read];
            let rest = waiter.rest(now);
            let mut ended = Ended::Over;
            cost.looks += 1;
            match rest {
                // A look takes 10 ns.
                Rest::Spin { pause, looks } => {
                    let looks = (next.saturating_sub(now + pause).as_nanos() / 10 + 1)
                        .min(u128::from(looks));
                    now += pause + Duration::from_nanos(10) * u32::try_from(looks).unwrap();
                }
                Rest::Nap(time) => {
                    assert!(!time.is_zero());
                    cost.naps += 1;
                    now += time;
                }
                Rest::Block(time) if announced && next <= now + time => {
                    cost.woken += 1;
                    ended = Ended::Notified;
                    now = next;
                }
                Rest::Block(time) => {
                    assert!(!time.is_zero());
                    cost.timeouts += 1;
                    now += time;
                }
            }
            waiter.looked(rest, ended, next <= now);
        }
    }
    cost
}

/// `count` records, one each `gap`, after a second of nothing.
fn every(gap: Duration, count: u32) -> Vec<Duration> {
    (0..count).map(|number| Duration::from_secs(1) + gap * number).collect()
}

#[test]
fn dense_records_are_held_off_and_hardly_ever_notify() {
    for gap in [Duration::from_nanos(50), 2 * US, 10 * US, 50 * US] {
        let cost = run(&Waiting::balanced(), MIB, true, &every(gap, 20_000));
        assert!(cost.woken <= 10, "{gap:?}: {cost:?}");
        assert!(cost.latest <= 50 * US, "{gap:?}: {cost:?}");
        assert!(cost.fullest <= MIB / 4, "{gap:?}: {cost:?}");
    }
}

#[test]
fn records_that_come_alone_are_met_by_a_notification() {
    let cost = run(&Waiting::balanced(), MIB, true, &every(300 * US, 1000));
    assert_eq!((cost.latest, cost.naps), (Duration::ZERO, 0), "{cost:?}");
    assert_eq!(cost.woken, 1000);
}

#[test]
fn a_burst_is_over_after_two_naps_that_find_nothing() {
    let mut times = every(2 * US, 1000);
    let last = *times.last().unwrap();
    times.push(last + Duration::from_millis(20));
    let cost = run(&Waiting::balanced(), MIB, true, &times);
    assert!(cost.looks < 60 && cost.latest <= 50 * US, "{cost:?}");
}

#[test]
fn immediate_blocks_at_once() {
    let cost = run(&Waiting::immediate(), MIB, true, &every(10 * US, 1000));
    assert_eq!((cost.woken, cost.naps), (1000, 0), "{cost:?}");
}

#[test]
fn low_latency_spins_and_blocks_only_when_nothing_comes_for_long() {
    let cost = run(&Waiting::low_latency(), MIB, true, &every(20 * US, 10_000));
    assert_eq!((cost.woken, cost.timeouts), (1, 9), "{cost:?}");
    assert!(cost.latest <= Duration::from_nanos(20), "{cost:?}");
    let cost = run(&Waiting::low_latency(), MIB, true, &every(Duration::from_millis(30), 100));
    assert_eq!(cost.woken, 100, "{cost:?}");
    let forever = Waiting::low_latency().spin_for(Duration::MAX);
    let cost = run(&forever, MIB, true, &every(Duration::from_millis(30), 3));
    assert_eq!((cost.woken, cost.timeouts), (0, 0), "{cost:?}");
}

#[test]
fn the_pause_grows_while_each_look_finds_many() {
    let mut waiter = Waiter::new(Waiting::low_latency(), Capacity::new(MIB, 4096).unwrap());
    let mut pauses = Vec::new();
    for (step, records) in (0..).zip([1, 20, 20, 20, 20, 7, 1]) {
        let now = US * step;
        waiter.drained(now, records, records * RECORD);
        let Rest::Spin { pause, .. } = waiter.rest(now) else { panic!("it spins") };
        pauses.push(pause.as_micros());
    }
    assert_eq!(pauses, [1, 2, 4, 4, 4, 1, 1]);
}

#[test]
fn who_spins_does_so_from_the_first_wait_on() {
    let mut waiter = Waiter::new(Waiting::low_latency(), Capacity::new(MIB, 4096).unwrap());
    let start = Duration::from_secs(1000);
    waiter.drained(start, 0, 0);
    let spin = Rest::Spin { pause: Duration::ZERO, looks: LOOKS };
    assert_eq!(waiter.rest(start + Duration::from_millis(9)), spin);
    assert!(matches!(waiter.rest(start + Duration::from_millis(10)), Rest::Block(_)));
}

#[test]
fn low_cost_looks_seldom_but_before_the_ring_is_full() {
    let cost = run(&Waiting::low_cost(), MIB, true, &every(10 * US, 100_000));
    assert!(cost.looks < 1100 && cost.latest <= Duration::from_millis(1), "{cost:?}");
    let cost = run(&Waiting::low_cost(), MIB, true, &every(Duration::from_nanos(50), 200_000));
    assert!(cost.fullest <= MIB / 4, "{cost:?}");
}

#[test]
fn naps_get_shorter_where_the_ring_is_small() {
    let capacity = 64 << 10;
    let cost = run(&Waiting::balanced(), capacity, true, &every(Duration::from_nanos(50), 50_000));
    assert!(cost.fullest <= capacity / 2, "{cost:?}");
}

#[test]
fn records_that_nobody_announces_are_read_at_the_latency_bound() {
    let sparse = every(Duration::from_millis(7), 1000);
    let cost = run(&Waiting::balanced(), MIB, false, &sparse);
    // The first is noticed by the bound of every sleep.
    assert!(cost.latest <= Duration::from_millis(100), "{cost:?}");
    let cost = run(&Waiting::balanced(), MIB, false, &sparse[..1]);
    let first = cost.timeouts;
    let cost = run(&Waiting::balanced(), MIB, false, &sparse);
    assert!(cost.timeouts - first >= 7 * 900, "every millisecond: {cost:?}");
    // A notification shows that they are announced again.
    let mut waiter = Waiter::new(Waiting::balanced(), Capacity::new(MIB, 4096).unwrap());
    let bound = Duration::from_millis(100);
    assert_eq!(waiter.rest(bound), Rest::Block(bound));
    waiter.looked(Rest::Block(bound), Ended::Over, true);
    assert_eq!(waiter.rest(bound), Rest::Block(Duration::from_millis(1)));
    // What arming found may have been silent as well.
    waiter.looked(Rest::Block(bound), Ended::Found, true);
    assert_eq!(waiter.rest(bound), Rest::Block(Duration::from_millis(1)));
    waiter.looked(Rest::Block(bound), Ended::Notified, true);
    assert_eq!(waiter.rest(bound), Rest::Block(bound));
    waiter.looked(Rest::Block(bound), Ended::Found, true);
    assert_eq!(waiter.rest(bound), Rest::Block(bound));
}

#[test]
fn where_the_ring_fills_faster_than_a_timer_fires_it_does_not_nap() {
    // A record of 72 bytes each 50 ns: an eighth of the ring in 22 us.
    let cost = run(&Waiting::balanced(), MIB / 4, true, &every(Duration::from_nanos(50), 50_000));
    assert!(cost.naps <= 10 && cost.fullest <= MIB / 32, "{cost:?}");
}

#[test]
fn two_drains_at_the_same_time_are_no_rate() {
    let mut waiter = Waiter::new(Waiting::balanced(), Capacity::new(MIB, 4096).unwrap());
    for step in 0..50 {
        waiter.drained(US * (step / 2), 1, RECORD);
    }
    assert_eq!(waiter.rest(US * 25), Rest::Nap(50 * US));
}

#[test]
fn sleeps_are_bounded_above_and_below() {
    let dense = |waiting| {
        let mut waiter = Waiter::new(waiting, Capacity::new(MIB, 4096).unwrap());
        for step in 0..50 {
            waiter.drained(US * step, 1, RECORD);
        }
        waiter.rest(US * 50)
    };
    let bound = Duration::from_millis(20);
    let long = Waiting::balanced().hold_off(Duration::MAX).sleep_bound(bound);
    assert_eq!(dense(long), Rest::Nap(bound));
    let short = Waiting::immediate().sleep_bound(Duration::ZERO);
    assert_eq!(dense(short), Rest::Block(Duration::from_millis(1)));
}

#[test]
fn it_is_quiet_when_nothing_came_for_a_millisecond() {
    let mut waiter = Waiter::new(Waiting::balanced(), Capacity::new(MIB, 4096).unwrap());
    assert!(!waiter.is_quiet(Duration::MAX), "nothing is known yet");
    waiter.drained(US, 1, RECORD);
    assert!(!waiter.is_quiet(US * 1000) && waiter.is_quiet(US * 1001));
}

#[test]
fn no_value_of_the_policy_is_out_of_range() {
    let extremes = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
    for hold_off in extremes {
        for spin in extremes {
            for bound in extremes {
                let waiting = Waiting::balanced()
                    .hold_off(hold_off)
                    .spin_for(spin)
                    .pause(bound)
                    .latency_bound(bound)
                    .sleep_bound(bound);
                let mut waiter = Waiter::new(waiting, Capacity::new(4096, 4096).unwrap());
                for now in [Duration::ZERO, US, Duration::MAX, Duration::ZERO] {
                    waiter.drained(now, u64::MAX, u64::MAX);
                    let rest = waiter.rest(now);
                    waiter.looked(rest, Ended::Over, false);
                    waiter.drained(now, 1, 8);
                }
            }
        }
    }
}

#[test]
fn the_release_is_a_part_of_the_ring() {
    let capacity = Capacity::new(MIB, 4096).unwrap();
    let parts = [0, 1, 2, 4, u64::MAX]
        .map(|part| Waiting::balanced().release_part(part).release_after(capacity));
    assert_eq!(parts, [0, MIB / 2, MIB / 2, MIB / 4, 0]);
    let bytes = [4096, MIB / 4, MIB / 2, MIB, 2 * MIB]
        .map(|bytes| Waiting::balanced().release_after(Capacity::new(bytes, 4096).unwrap()));
    assert_eq!(bytes, [1024, MIB / 16, MIB / 16, MIB / 16, MIB / 8]);
    assert_eq!(Waiting::immediate().release_after(capacity), 0);
}

/// As the documentation of each says.
#[test]
fn presets_and_knobs_hold_what_they_say() {
    let ms = 1000 * US;
    let balanced = Waiting {
        release: None,
        hold_off: 50 * US,
        latency_bound: ms,
        spin_for: Duration::ZERO,
        pause: US,
        sleep_bound: 100 * ms,
    };
    assert_eq!(Waiting::default(), balanced);
    let low_latency = Waiting { spin_for: 10 * ms, ..balanced.clone() };
    assert_eq!(Waiting::low_latency(), low_latency);
    let low_cost = Waiting { hold_off: ms, latency_bound: 10 * ms, ..balanced.clone() };
    assert_eq!(Waiting::low_cost(), low_cost);
    let (release, hold_off, latency_bound) = (Some(0), Duration::ZERO, 100 * ms);
    let immediate = Waiting { release, hold_off, latency_bound, ..balanced.clone() };
    assert_eq!(Waiting::immediate(), immediate);
    let all = balanced
        .hold_off(US)
        .latency_bound(2 * US)
        .spin_for(3 * US)
        .pause(4 * US)
        .sleep_bound(5 * US)
        .release_part(6);
    let [hold_off, latency_bound, spin_for, pause, sleep_bound] = [1, 2, 3, 4, 5].map(|n| n * US);
    let release = Some(6);
    let want = Waiting { release, hold_off, latency_bound, spin_for, pause, sleep_bound };
    assert_eq!(all, want);
}

/// While spinning, looks that find many records are up to four times as far apart.
#[test]
fn eight_records_at_a_look_are_many() {
    let capacity = Capacity::new(MIB, 4096).unwrap();
    for (records, pauses) in [(7, [1, 1, 1, 1]), (8, [2, 4, 4, 1])] {
        let mut waiter = Waiter::new(Waiting::low_latency(), capacity);
        for (look, (count, pause)) in
            [records, records, records, 1].into_iter().zip(pauses).enumerate()
        {
            let now = US * u32::try_from(look).unwrap();
            waiter.drained(now, count, RECORD * count);
            assert_eq!(waiter.rest(now), Rest::Spin { pause: pause * US, looks: LOOKS });
        }
    }
}

/// Dense traffic that stops: so many naps find nothing, and then it blocks.
#[test]
fn so_many_empty_naps_and_then_a_block() {
    let mut waiter = Waiter::new(Waiting::balanced(), Capacity::new(MIB, 4096).unwrap());
    let mut now = Duration::ZERO;
    for _ in 0..100 {
        waiter.drained(now, 10, 10 * RECORD);
        now += 10 * US;
    }
    for nap in 0..EMPTY_NAPS {
        let rest = waiter.rest(now);
        assert!(matches!(rest, Rest::Nap(_)), "nap {nap}: {rest:?}");
        waiter.looked(rest, Ended::Over, false);
    }
    assert!(matches!(waiter.rest(now), Rest::Block(_)));
}

/// An eighth of the ring in exactly the time that a timer may be late is slow enough for one.
#[test]
fn it_spins_only_if_a_late_timer_would_find_the_ring_full() {
    for (bytes, naps) in [(MIB / 8, true), (MIB / 8 + 8, false)] {
        let mut waiter = Waiter::new(Waiting::balanced(), Capacity::new(MIB, 4096).unwrap());
        let mut now = Duration::ZERO;
        for _ in 0..10 {
            waiter.drained(now, 1000, bytes);
            now += LATE;
        }
        waiter.drained(now, 1000, bytes);
        assert_eq!(matches!(waiter.rest(now), Rest::Nap(_)), naps, "{bytes} bytes in {LATE:?}");
    }
}
