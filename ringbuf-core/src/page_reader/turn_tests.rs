extern crate std;

use std::vec::Vec;

use super::*;

const MS: Duration = Duration::from_millis(1);
const US: Duration = Duration::from_micros(1);

fn state(policy: WaitPolicy) -> TurnState {
    TurnState::new(policy, Capacity::new(1 << 20, 4096).unwrap())
}

/// A record of 16 bytes every 10 us, read in naps: returns the length of the turn, its naps,
/// and its records.
fn dense_turn(
    state: &mut TurnState,
    timeout: Option<Duration>,
    start: Duration,
) -> (Duration, u32, u64) {
    let (mut now, mut naps, mut records) = (start, 0, 0);
    let mut turn = state.begin(now, timeout);
    let mut new = 1;
    loop {
        records += new;
        if new > 0 {
            state.delivered(&mut turn, now);
        }
        let slept = match state.step(&mut turn, now, new, 16 * new, false) {
            TurnStep::Return => return (now - start, naps, records),
            TurnStep::Nap(time) => time,
            TurnStep::Spin(time) => time.max(US),
            TurnStep::Block(time) => panic!("it blocks for {time:?}"),
        };
        naps += 1;
        now += slept;
        new = u64::try_from((now - start).as_micros() / 10).unwrap() + 1 - records;
        state.rested(&turn, WakeCause::TimeUp, new > 0);
    }
}

#[test]
fn a_dense_turn_ends_after_the_latency_bound() {
    for (policy, bound) in [
        (WaitPolicy::balanced(), MS),
        (WaitPolicy::low_cost(), 10 * MS),
        (WaitPolicy::low_latency(), MS),
    ] {
        let mut state = state(policy);
        let mut now = MS;
        // The first turns learn the rate.
        for _ in 0..20 {
            now += dense_turn(&mut state, None, now).0 + 10 * US;
        }
        let (took, naps, records) = dense_turn(&mut state, None, now);
        assert_eq!(took, bound);
        assert!(naps >= 8 && records >= 50, "{naps} {records}");
    }
}

#[test]
fn no_turn_outlasts_its_timeout() {
    let mut state = state(WaitPolicy::balanced());
    let mut now = MS;
    for _ in 0..20 {
        now += dense_turn(&mut state, None, now).0 + 10 * US;
    }
    for timeout in [Duration::ZERO, 30 * US, 300 * US] {
        let (took, ..) = dense_turn(&mut state, Some(timeout), now);
        assert_eq!(took, timeout);
        now += took + 10 * US;
    }
}

#[test]
fn sparse_records_return_at_once() {
    for policy in [WaitPolicy::balanced(), WaitPolicy::low_cost(), WaitPolicy::immediate()] {
        let mut state = state(policy);
        let mut now = Duration::ZERO;
        for _ in 0..50 {
            let mut turn = state.begin(now, None);
            let step = state.step(&mut turn, now, 0, 0, false);
            assert!(matches!(step, TurnStep::Block(_)), "{step:?}");
            now += 20 * MS;
            state.rested(&turn, WakeCause::Notified, true);
            state.delivered(&mut turn, now);
            assert_eq!(state.step(&mut turn, now, 1, 16, false), TurnStep::Return);
        }
    }
}

#[test]
fn immediate_never_naps() {
    let mut state = state(WaitPolicy::immediate());
    for micros in 0..1000 {
        let now = micros * US;
        let mut turn = state.begin(now, None);
        state.delivered(&mut turn, now);
        assert_eq!(state.step(&mut turn, now, 1, 16, false), TurnStep::Return);
    }
}

/// A level-triggered wait would return at once: naps, each twice as long.
#[test]
fn a_busy_head_is_looked_at_less_and_less_often() {
    let mut state = state(WaitPolicy::balanced());
    let mut turn = state.begin(Duration::ZERO, Some(10 * MS));
    let (mut now, mut naps) = (Duration::ZERO, Vec::new());
    while let TurnStep::Nap(time) = state.step(&mut turn, now, 0, 0, true) {
        naps.push(time);
        now += time;
        state.rested(&turn, WakeCause::TimeUp, false);
    }
    assert_eq!(now, 10 * MS);
    assert_eq!(naps[..7], [20, 40, 80, 160, 320, 640, 1000].map(|micros| micros * US));
    assert_eq!(naps[7..].iter().max(), Some(&MS));
    // A record ends that.
    let mut turn = state.begin(now, None);
    state.step(&mut turn, now, 0, 0, true);
    let step = state.step(&mut turn, now + 5 * MS, 1, 16, true);
    assert_eq!(step, TurnStep::Nap(20 * US));
}

#[test]
fn a_discarded_record_does_not_end_a_turn() {
    let mut state = state(WaitPolicy::balanced());
    let mut turn = state.begin(Duration::ZERO, None);
    assert!(matches!(state.step(&mut turn, MS, 1, 16, false), TurnStep::Block(_)));
    let timed = state.begin(MS, Some(2 * MS));
    let mut turn = timed;
    assert_eq!(state.step(&mut turn, 2 * MS, 1, 16, false), TurnStep::Block(MS));
}
