//! Heads that stay busy in a set.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn stuck(set: &mut VirtualSet<'_, usize>, after: Duration) -> Vec<(usize, Duration)> {
    set.stuck(after).map(|(_, &mut number, head)| (number, head.busy_for)).collect()
}

/// A busy head neither ends waits nor keeps the set awake: all block, as if it were
/// empty.
#[test]
fn a_wait_for_busy_heads_rests() {
    let presets = [WaitPolicy::balanced(), WaitPolicy::low_cost(), WaitPolicy::immediate()];
    for policy in presets {
        let rings = Rings::new(8, 64 * KIB);
        let time = VirtualTime::new();
        let mut set = rings.set(&time, policy);
        let _held = [1, 6].map(|ring| rings.programs[ring].reserve(64).unwrap());
        rings.programs[6].output(&[0; 8], Flags::ADAPTIVE).unwrap();
        assert_eq!(set.wait(Some(10 * SECOND)), Ok(Wakeup::TimedOut));
        let rests = time.rests();
        assert_eq!(rests.notified, 0);
        assert!((100..=110).contains(&rests.blocks), "{rests:?}");
        assert!(rests.naps <= 10 && rests.readings <= 150, "{rests:?}");
        let found = stuck(&mut set, SECOND);
        assert!(matches!(found[..], [(1, _), (6, _)]), "{found:?}");
        assert!(found.iter().all(|(_, time)| *time >= 10 * SECOND - ms(1)), "{found:?}");
    }
}

/// One ring is flooded, and the set never blocks. Another one becomes stuck while it is
/// idle, or while it has records. The wait has seen when.
#[test]
fn a_stall_is_timed_while_other_rings_are_busy() {
    for idle in [false, true] {
        let rings = Rings::new(2, 64 * KIB);
        let time = VirtualTime::new();
        time.tick(Duration::ZERO);
        let mut set = rings.set(&time, WaitPolicy::balanced());
        let [stalls, flooded] = &rings.programs[..] else { unreachable!() };
        (1..100_000).for_each(|n| write_at(&time, us(20 * n), flooded, n, Flags::ADAPTIVE));
        let begins = ms(300);
        time.at(begins, move |_| {
            if !idle {
                stalls.output(&[0; 16], Flags::ADAPTIVE).unwrap();
            }
            std::mem::forget(stalls.reserve(64).unwrap());
        });
        let mut asleep = 0;
        while time.now() < begins + SECOND {
            asleep += u32::from(set.wait(Some(ms(200))) != Ok(Wakeup::Ready));
            set.drain(|_, _| ()).unwrap();
        }
        assert_eq!(asleep, 0, "idle {idle}: never a timeout");
        let found = stuck(&mut set, SECOND / 2);
        let age = time.now() - begins;
        // An idle ring is looked at each tenth of a second.
        let late = if idle { ms(101) } else { ms(20) };
        assert!(
            matches!(found[..], [(0, time)] if time <= age && time >= age - late),
            "idle {idle}: {found:?}, and not {age:?}"
        );
    }
}

#[test]
fn a_set_names_the_rings_whose_heads_are_stuck() {
    let rings = Rings::new(4, 4 * KIB);
    let time = VirtualTime::new();
    time.tick(Duration::ZERO);
    let mut set = rings.set(&time, WaitPolicy::balanced());
    let [early, late] = [(0, 16), (3, 32)].map(|(ring, len)| (&rings.programs[ring], len));
    let held = early.0.reserve(early.1).unwrap();
    time.at(2 * SECOND, move |_| std::mem::forget(late.0.reserve(late.1).unwrap()));
    assert_eq!(stuck(&mut set, Duration::ZERO), [(0, Duration::ZERO)]);
    assert_eq!(set.wait(Some(3 * SECOND)), Ok(Wakeup::TimedOut));
    let numbers = |found: Vec<(usize, Duration)>| found.iter().map(|(n, _)| *n).collect::<Vec<_>>();
    assert_eq!(numbers(stuck(&mut set, Duration::ZERO)), [0, 3]);
    assert_eq!(numbers(stuck(&mut set, 2 * SECOND)), [0]);
    assert_eq!(numbers(stuck(&mut set, 10 * SECOND)), [0; 0]);
    // Each stall is news once, when it has lasted for so long.
    let news = |set: &mut VirtualSet<'_, usize>| {
        set.newly_stuck(2 * SECOND).map(|(_, &mut number, _)| number).collect::<Vec<_>>()
    };
    assert_eq!([news(&mut set), news(&mut set)], [vec![0], vec![]]);
    assert_eq!(set.wait(Some(2 * SECOND)), Ok(Wakeup::TimedOut));
    assert_eq!([news(&mut set), news(&mut set)], [vec![3], vec![]]);
    held.submit(Flags::ADAPTIVE);
    assert_eq!(numbers(stuck(&mut set, Duration::ZERO)), [3], "committed, even if unread");
    // A ring that comes back into the set begins anew: its old set had another clock.
    let token = set.tokens().nth(3).unwrap();
    let (ring, number) = set.remove(token).unwrap();
    set.insert(ring, number).unwrap();
    assert_eq!(stuck(&mut set, Duration::ZERO), [(3, Duration::ZERO)]);
}
