//! The values of each preset and each setting.

use super::*;
use crate::{WaitState, WakeCause};

const MIB: u64 = 1 << 20;
const US: Duration = Duration::from_micros(1);

#[test]
fn the_release_is_a_part_of_the_ring() {
    let capacity = Capacity::new(MIB, 4096).unwrap();
    let parts = [0, 1, 2, 4, u64::MAX]
        .map(|part| WaitPolicy::balanced().release_fraction(part).portion(capacity));
    assert_eq!(parts, [None, Some(MIB / 2), Some(MIB / 2), Some(MIB / 4), Some(0)]);
    let bytes = [4096, MIB / 4, MIB / 2, MIB, 2 * MIB]
        .map(|bytes| WaitPolicy::balanced().portion(Capacity::new(bytes, 4096).unwrap()));
    assert_eq!(bytes, [1024, MIB / 16, MIB / 16, MIB / 16, MIB / 8].map(Some));
    assert_eq!(WaitPolicy::immediate().portion(capacity), None);
}

/// The values match the documentation.
#[test]
fn presets_and_settings_match_their_documentation() {
    let ms = 1000 * US;
    let balanced = WaitPolicy {
        release: Release::ByCapacity,
        hold_off: 50 * US,
        min_nap: 10 * US,
        latency_bound: ms,
        spin_for: Duration::ZERO,
        pause: US,
        max_sleep: 100 * ms,
    };
    assert_eq!(WaitPolicy::default(), balanced);
    let low_latency = WaitPolicy { spin_for: 10 * ms, ..balanced.clone() };
    assert_eq!(WaitPolicy::low_latency(), low_latency);
    let low_cost =
        WaitPolicy { hold_off: ms, min_nap: ms, latency_bound: 10 * ms, ..balanced.clone() };
    assert_eq!(WaitPolicy::low_cost(), low_cost);
    let immediate = WaitPolicy {
        release: Release::AtOnce,
        hold_off: Duration::ZERO,
        min_nap: Duration::ZERO,
        latency_bound: 100 * ms,
        ..balanced.clone()
    };
    assert_eq!(WaitPolicy::immediate(), immediate);
    let all = balanced
        .hold_off(US)
        .latency_bound(2 * US)
        .spin_for(3 * US)
        .pause(4 * US)
        .max_sleep(5 * US)
        .min_nap(6 * US)
        .release_fraction(7);
    let [hold_off, latency_bound, spin_for, pause, max_sleep, min_nap] =
        [1, 2, 3, 4, 5, 6].map(|n| n * US);
    let release = Release::Fraction(7);
    let want = WaitPolicy { release, hold_off, min_nap, latency_bound, spin_for, pause, max_sleep };
    assert_eq!(all, want);
    assert_eq!(all.release_fraction(0), WaitPolicy { release: Release::AtOnce, ..want });
}

#[test]
fn extreme_policy_values_stay_in_range() {
    let extremes = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
    for hold_off in extremes {
        for spin in extremes {
            for bound in extremes {
                let policy = WaitPolicy::balanced()
                    .hold_off(hold_off)
                    .spin_for(spin)
                    .pause(bound)
                    .latency_bound(bound)
                    .max_sleep(bound);
                let mut state = WaitState::new(policy, Capacity::new(4096, 4096).unwrap());
                for now in [Duration::ZERO, US, Duration::MAX, Duration::ZERO] {
                    state.drained(now, u64::MAX, u64::MAX);
                    let action = state.action(now);
                    state.observe(action, WakeCause::TimeUp, false);
                    state.drained(now, 1, 8);
                }
            }
        }
    }
}
