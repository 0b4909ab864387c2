//! The length of naps.

extern crate std;

use std::format;

use super::*;

const MIB: u64 = 1 << 20;
const US: Duration = Duration::from_micros(1);
const RECORD: u64 = 72;

/// Under steady traffic a nap is four fifths of a gap plus the shortest nap. If a
/// nap brings more than a batch, it is a whole hold-off.
#[test]
fn a_nap_follows_the_gap() {
    let steady = |policy: WaitPolicy, gap| {
        let mut state = WaitState::new(policy, Capacity::new(MIB, 4096).unwrap());
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            state.drained(now, 1, RECORD);
            now += gap;
        }
        state.action(now)
    };
    let nanos = Duration::from_nanos;
    let naps = [
        (nanos(3100), 50 * US),
        (nanos(490), 100 * US),
        (nanos(3126), nanos(10_000 + 2500)),
        (10 * US, 18 * US),
        (20 * US, 26 * US),
        (50 * US, 50 * US),
        (60 * US, 58 * US),
        (74 * US, nanos(62_500)),
    ];
    let near = |action, want: Duration| match action {
        // An average stops one or two nanoseconds before the final value.
        WaitAction::Nap(nap) => nap.abs_diff(want) <= nanos(4),
        _ => false,
    };
    for (gap, want) in naps {
        let action = steady(WaitPolicy::balanced(), gap);
        assert!(near(action, want), "{gap:?}: {action:?}, and not {want:?}");
    }
    let action = steady(WaitPolicy::balanced(), 76 * US);
    assert!(matches!(action, WaitAction::Block(_)), "{action:?}");
    for gap in [10 * US, 400 * US] {
        let action = steady(WaitPolicy::low_cost(), gap);
        assert!(near(action, 1000 * US), "{gap:?}: {action:?}");
        let flat = WaitPolicy::balanced().hold_off(300 * US).min_nap(400 * US);
        let action = steady(flat, gap);
        assert!(near(action, 300 * US), "{gap:?}: {action:?}");
    }
    let short = WaitPolicy::balanced().min_nap(Duration::ZERO);
    assert!(near(steady(short, 20 * US), 16 * US));
}

/// Naps grow by the part of the lateness that the gap is of the hold-off. No timer
/// counts as later than 40 us.
#[test]
fn naps_are_longer_where_timers_are_late() {
    let cases = [
        (10, 18, [(0, 0), (5, 1), (30, 6), (40, 8), (4000, 8)]),
        (20, 26, [(0, 0), (5, 2), (10, 4), (40, 16), (4000, 16)]),
        (50, 50, [(0, 0), (3, 3), (10, 10), (12, 12), (30, 12)]),
        (60, 58, [(0, 0), (3, 3), (4, 4), (10, 4), (30, 4)]),
    ];
    for (gap, base, naps) in cases {
        for (late, longer) in naps {
            let mut state =
                WaitState::new(WaitPolicy::balanced(), Capacity::new(MIB, 4096).unwrap());
            let mut now = Duration::ZERO;
            for _ in 0..100 {
                state.drained(now, 1, RECORD);
                state.napped(base * US, US * (base + late));
                now += gap * US;
            }
            state.drained(now, 1, RECORD);
            let WaitAction::Nap(nap) = state.action(now) else { panic!("it naps") };
            let want = US * (base + longer);
            let case = format!("{gap} us apart, {late} us late: {nap:?}");
            assert!(nap.abs_diff(want) <= Duration::from_nanos(1000), "{case}, not {want:?}");
        }
    }
}

/// A nap is at most twice as long as the one before. The first is an eighth of the
/// longest.
#[test]
fn naps_grow_step_by_step() {
    let mut state = WaitState::new(WaitPolicy::low_cost(), Capacity::new(MIB, 4096).unwrap());
    let naps = [1, 2, 3, 4, 5, 6].map(|step| {
        state.drained(10 * US * step, 1, RECORD);
        state.nap.as_micros()
    });
    // One record gives no rate yet.
    assert_eq!(naps, [125, 250, 500, 1000, 1000, 1000]);
}

/// At 64 MB per second into 64 KiB, an eighth fills in 128 us. No nap is longer,
/// whatever the hold-off.
#[test]
fn no_nap_is_longer_than_an_eighth_of_the_ring_takes_to_fill() {
    for hold in [1, 10, 100, 1000] {
        let policy =
            WaitPolicy::balanced().hold_off(1000 * US * hold).max_sleep(Duration::from_secs(10));
        let mut state = WaitState::new(policy, Capacity::new(64 << 10, 4096).unwrap());
        let mut now = Duration::ZERO;
        state.drained(now, 0, 0);
        for _ in 0..200 {
            now += 100 * US;
            state.drained(now, 100, 6400);
            assert!(state.nap <= 128 * US);
        }
        assert_eq!(state.action(now), WaitAction::Nap(128 * US));
    }
}
