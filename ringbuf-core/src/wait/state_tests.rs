//! The decisions of a state for a stream of records, in virtual time.

extern crate std;

use std::vec::Vec;

use super::*;

const MIB: u64 = 1 << 20;
const US: Duration = Duration::from_micros(1);
const RECORD: u64 = 72;

/// The cost of a run of records.
#[derive(Debug, Default)]
struct Cost {
    /// Blocks that a notification ended. Each is a paid notification.
    woken: u64,
    /// Blocks that ended without a notification.
    timeouts: u64,
    naps: u64,
    looks: u64,
    /// The longest time from a record to the look that found it.
    latest: Duration,
    /// The largest number of bytes in the ring.
    fullest: u64,
}

/// Produces records of `RECORD` bytes at these times, with or without
/// notifications. The state looks for them until all are read.
fn run(policy: &WaitPolicy, capacity: u64, announced: bool, times: &[Duration]) -> Cost {
    let capacity = Capacity::new(capacity, 4096).unwrap();
    let mut state = WaitState::new(policy.clone(), capacity);
    let (mut cost, mut now, mut read) = (Cost::default(), Duration::ZERO, 0);
    while read < times.len() {
        let come = times[read..].iter().take_while(|time| **time <= now).count();
        if come > 0 {
            cost.latest = cost.latest.max(now - times[read]);
            cost.fullest = cost.fullest.max(come as u64 * RECORD);
        }
        read += come;
        state.drained(now, come as u64, come as u64 * RECORD);
        // Repeat until there is something to read, or no more records will come.
        while times.get(read).is_some_and(|next| *next > now) {
            let next = times[read];
            let action = state.action(now);
            let mut ended = WakeCause::TimeUp;
            cost.looks += 1;
            match action {
                // A look takes 10 ns.
                WaitAction::Spin { pause, looks } => {
                    let looks = (next.saturating_sub(now + pause).as_nanos() / 10 + 1)
                        .min(u128::from(looks));
                    now += pause + Duration::from_nanos(10) * u32::try_from(looks).unwrap();
                }
                WaitAction::Nap(time) => {
                    assert!(!time.is_zero());
                    cost.naps += 1;
                    now += time;
                }
                WaitAction::Block(time) if announced && next <= now + time => {
                    cost.woken += 1;
                    ended = WakeCause::Notified;
                    now = next;
                }
                WaitAction::Block(time) => {
                    assert!(!time.is_zero());
                    cost.timeouts += 1;
                    now += time;
                }
            }
            state.observe(action, ended, next <= now);
        }
    }
    cost
}

/// Returns the times of `count` records, one each `gap`, after a second without
/// records.
fn every(gap: Duration, count: u32) -> Vec<Duration> {
    (0..count).map(|number| Duration::from_secs(1) + gap * number).collect()
}

#[test]
fn dense_records_are_held_off_and_rarely_notify() {
    for gap in [Duration::from_nanos(50), 2 * US, 10 * US, 50 * US] {
        let cost = run(&WaitPolicy::balanced(), MIB, true, &every(gap, 20_000));
        assert!(cost.woken <= 12, "{gap:?}: {cost:?}");
        let longest = if gap < US { 100 * US } else { 50 * US * 5 / 4 };
        assert!(cost.latest <= longest, "{gap:?}: {cost:?}");
        assert!(cost.fullest <= MIB / 4, "{gap:?}: {cost:?}");
    }
}

#[test]
fn single_records_notify_a_blocked_reader() {
    let cost = run(&WaitPolicy::balanced(), MIB, true, &every(300 * US, 1000));
    assert_eq!((cost.latest, cost.naps), (Duration::ZERO, 0), "{cost:?}");
    assert_eq!(cost.woken, 1000);
}

#[test]
fn two_empty_naps_end_a_burst() {
    let mut times = every(2 * US, 1000);
    let last = *times.last().unwrap();
    times.push(last + Duration::from_millis(20));
    let cost = run(&WaitPolicy::balanced(), MIB, true, &times);
    // The first records, and those while the average falls, cause notifications.
    assert_eq!((cost.timeouts, cost.woken), (9, 8), "{cost:?}");
    assert!(cost.naps < 55 && cost.latest <= 50 * US * 5 / 4, "{cost:?}");
}

#[test]
fn immediate_blocks_at_once() {
    let cost = run(&WaitPolicy::immediate(), MIB, true, &every(10 * US, 1000));
    assert_eq!((cost.woken, cost.naps), (1000, 0), "{cost:?}");
}

#[test]
fn low_latency_spins_and_blocks_after_a_long_gap() {
    let cost = run(&WaitPolicy::low_latency(), MIB, true, &every(20 * US, 10_000));
    assert_eq!((cost.woken, cost.timeouts), (1, 9), "{cost:?}");
    assert!(cost.latest <= Duration::from_nanos(20), "{cost:?}");
    let cost = run(&WaitPolicy::low_latency(), MIB, true, &every(Duration::from_millis(30), 100));
    assert_eq!(cost.woken, 100, "{cost:?}");
    let forever = WaitPolicy::low_latency().spin_for(Duration::MAX);
    let cost = run(&forever, MIB, true, &every(Duration::from_millis(30), 3));
    assert_eq!((cost.woken, cost.timeouts), (0, 0), "{cost:?}");
}

#[test]
fn the_pause_grows_while_each_look_finds_many() {
    let mut state = WaitState::new(WaitPolicy::low_latency(), Capacity::new(MIB, 4096).unwrap());
    let mut pauses = Vec::new();
    for (step, records) in (0..).zip([1, 20, 20, 20, 20, 7, 1]) {
        let now = US * step;
        state.drained(now, records, records * RECORD);
        let WaitAction::Spin { pause, .. } = state.action(now) else { panic!("it spins") };
        pauses.push(pause.as_micros());
    }
    assert_eq!(pauses, [1, 2, 4, 4, 4, 1, 1]);
}

#[test]
fn spinning_begins_with_the_first_wait() {
    let mut state = WaitState::new(WaitPolicy::low_latency(), Capacity::new(MIB, 4096).unwrap());
    let start = Duration::from_secs(1000);
    state.drained(start, 0, 0);
    let spin = WaitAction::Spin { pause: Duration::ZERO, looks: LOOKS };
    assert_eq!(state.action(start + Duration::from_millis(9)), spin);
    assert!(matches!(state.action(start + Duration::from_millis(10)), WaitAction::Block(_)));
}

#[test]
fn low_cost_looks_rarely_but_before_the_ring_is_full() {
    let cost = run(&WaitPolicy::low_cost(), MIB, true, &every(10 * US, 100_000));
    assert!(cost.looks < 1100 && cost.latest <= Duration::from_millis(1), "{cost:?}");
    let cost = run(&WaitPolicy::low_cost(), MIB, true, &every(Duration::from_nanos(50), 200_000));
    assert!(cost.fullest <= MIB / 4, "{cost:?}");
}

#[test]
fn naps_get_shorter_where_the_ring_is_small() {
    let capacity = 64 << 10;
    let cost =
        run(&WaitPolicy::balanced(), capacity, true, &every(Duration::from_nanos(50), 50_000));
    assert!(cost.fullest <= capacity / 2, "{cost:?}");
}

#[test]
fn records_without_notification_are_read_within_the_latency_bound() {
    let sparse = every(Duration::from_millis(7), 1000);
    let cost = run(&WaitPolicy::balanced(), MIB, false, &sparse);
    // The limit of every sleep finds the first record.
    assert!(cost.latest <= Duration::from_millis(100), "{cost:?}");
    let cost = run(&WaitPolicy::balanced(), MIB, false, &sparse[..1]);
    let first = cost.timeouts;
    let cost = run(&WaitPolicy::balanced(), MIB, false, &sparse);
    assert!(cost.timeouts - first >= 7 * 900, "every millisecond: {cost:?}");
    // A notification shows that producers notify again.
    let mut state = WaitState::new(WaitPolicy::balanced(), Capacity::new(MIB, 4096).unwrap());
    let bound = Duration::from_millis(100);
    assert_eq!(state.action(bound), WaitAction::Block(bound));
    state.observe(WaitAction::Block(bound), WakeCause::TimeUp, true);
    assert_eq!(state.action(bound), WaitAction::Block(Duration::from_millis(1)));
    // A record that arming found may have had no notification.
    state.observe(WaitAction::Block(bound), WakeCause::Found, true);
    assert_eq!(state.action(bound), WaitAction::Block(Duration::from_millis(1)));
    state.observe(WaitAction::Block(bound), WakeCause::Notified, true);
    assert_eq!(state.action(bound), WaitAction::Block(bound));
    state.observe(WaitAction::Block(bound), WakeCause::Found, true);
    assert_eq!(state.action(bound), WaitAction::Block(bound));
}

#[test]
fn no_naps_if_the_ring_fills_faster_than_a_timer_fires() {
    // One record of 72 bytes every 50 ns fills an eighth of the ring in 22 us.
    let cost =
        run(&WaitPolicy::balanced(), MIB / 4, true, &every(Duration::from_nanos(50), 50_000));
    assert!(cost.naps <= 10 && cost.fullest <= MIB / 32, "{cost:?}");
}

#[test]
fn two_drains_at_the_same_time_give_no_rate() {
    let mut state = WaitState::new(WaitPolicy::balanced(), Capacity::new(MIB, 4096).unwrap());
    for step in 0..50 {
        state.drained(US * (step / 2), 1, RECORD);
    }
    assert_eq!(state.action(US * 25), WaitAction::Nap(50 * US));
}

#[test]
fn sleeps_are_bounded_above_and_below() {
    let dense = |policy, gap: Duration| {
        let mut state = WaitState::new(policy, Capacity::new(MIB, 4096).unwrap());
        for step in 0..50 {
            state.drained(gap * step, 1, RECORD);
        }
        state.action(gap * 50)
    };
    let ms = 1000 * US;
    let long = WaitPolicy::balanced().hold_off(Duration::MAX);
    assert_eq!(dense(long.clone().max_sleep(20 * ms), ms), WaitAction::Nap(20 * ms));
    // 72 bytes per microsecond fill an eighth of the ring in this time.
    let fill = Duration::from_nanos((MIB / 8) * 1000 / RECORD);
    assert_eq!(dense(long.clone().max_sleep(20 * ms), US), WaitAction::Nap(fill));
    assert_eq!(dense(long.clone().max_sleep(Duration::ZERO), US), WaitAction::Nap(ms));
    let short = WaitPolicy::immediate().max_sleep(Duration::ZERO);
    assert_eq!(dense(short, US), WaitAction::Block(ms));
}

/// Without notifications, the limit is no longer than that of any sleep.
#[test]
fn the_latency_bound_is_no_longer_than_the_longest_sleep() {
    let policy = WaitPolicy::immediate().latency_bound(80 * 1000 * US).max_sleep(20 * 1000 * US);
    let mut state = WaitState::new(policy, Capacity::new(MIB, 4096).unwrap());
    let block = WaitAction::Block(20 * 1000 * US);
    assert_eq!(state.action(US), block);
    state.observe(block, WakeCause::TimeUp, true);
    assert_eq!(state.action(US), block);
}

#[test]
fn a_millisecond_without_records_is_quiet() {
    let mut state = WaitState::new(WaitPolicy::balanced(), Capacity::new(MIB, 4096).unwrap());
    assert!(!state.is_quiet(Duration::MAX), "nothing is known yet");
    state.drained(US, 1, RECORD);
    assert!(!state.is_quiet(US * 1000) && state.is_quiet(US * 1001));
}

/// While spinning, looks that find many records are up to four times as far apart.
#[test]
fn eight_records_in_one_look_count_as_many() {
    let capacity = Capacity::new(MIB, 4096).unwrap();
    for (records, pauses) in [(7, [1, 1, 1, 1]), (8, [2, 4, 4, 1])] {
        let mut state = WaitState::new(WaitPolicy::low_latency(), capacity);
        for (look, (count, pause)) in
            [records, records, records, 1].into_iter().zip(pauses).enumerate()
        {
            let now = US * u32::try_from(look).unwrap();
            state.drained(now, count, RECORD * count);
            assert_eq!(state.action(now), WaitAction::Spin { pause: pause * US, looks: LOOKS });
        }
    }
}

/// When dense traffic stops, two naps find nothing, and then the state blocks.
#[test]
fn two_empty_naps_are_followed_by_a_block() {
    let mut state = WaitState::new(WaitPolicy::balanced(), Capacity::new(MIB, 4096).unwrap());
    let mut now = Duration::ZERO;
    for _ in 0..100 {
        state.drained(now, 10, 10 * RECORD);
        now += 10 * US;
    }
    for nap in 0..EMPTY_NAPS {
        let action = state.action(now);
        assert!(matches!(action, WaitAction::Nap(_)), "nap {nap}: {action:?}");
        state.observe(action, WakeCause::TimeUp, false);
    }
    assert!(matches!(state.action(now), WaitAction::Block(_)));
}

/// If an eighth of the ring fills in exactly the possible lateness of a timer,
/// napping is safe.
#[test]
fn it_spins_only_if_a_late_timer_would_find_the_ring_full() {
    for (bytes, naps) in [(MIB / 8, true), (MIB / 8 + 8, false)] {
        let mut state = WaitState::new(WaitPolicy::balanced(), Capacity::new(MIB, 4096).unwrap());
        let mut now = Duration::ZERO;
        for _ in 0..10 {
            state.drained(now, 1000, bytes);
            now += LATE;
        }
        state.drained(now, 1000, bytes);
        assert_eq!(
            matches!(state.action(now), WaitAction::Nap(_)),
            naps,
            "{bytes} bytes in {LATE:?}"
        );
    }
}
