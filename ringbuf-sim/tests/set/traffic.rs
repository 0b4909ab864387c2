//! What a stream over many rings costs.

use super::*;

/// One record each `gap` on average, over all rings.
fn stream(
    rings: &Rings,
    gap: Duration,
    random: bool,
    policy: WaitPolicy,
) -> (Vec<Duration>, f64, u64) {
    const COUNT: usize = 20_000;
    let time = VirtualTime::new();
    time.tick(Duration::ZERO);
    time.lateness(us(5));
    let mut numbers = Random::new(9);
    let mut at = ms(1);
    for number in 0..COUNT {
        let ring =
            if random { numbers.below(rings.programs.len() as u64) as usize } else { number };
        let program = &rings.programs[ring % rings.programs.len()];
        write_at(&time, at, program, number as u64, Flags::ADAPTIVE);
        at += if random { numbers.exponential(gap) } else { gap };
    }
    let before = rings.notifications();
    let mut set = rings.set(&time, policy);
    let ages = read_until(COUNT, &mut set, &time);
    let notified = (rings.notifications() - before) as f64 / COUNT as f64;
    (ages, notified, time.rests().naps)
}

/// Each ring alone has a record each 640 us, and would be read by blocks.
#[test]
fn rings_that_are_sparse_alone_and_dense_together_rarely_notify() {
    for random in [false, true] {
        let rings = Rings::new(64, 64 * KIB);
        let (ages, notified, naps) = stream(&rings, us(10), random, WaitPolicy::balanced());
        println!("random {random}: {notified} notifications a record, {naps} naps");
        assert!(notified <= 0.02, "random {random}: {notified}");
        let median = ages[ages.len() / 2];
        assert!(median <= us(15), "random {random}: {median:?}");
        assert!(naps <= 13_000, "random {random}: {naps}");
    }
}

/// As a single ring is read.
#[test]
fn rings_that_are_sparse_together_notify_and_are_read_at_once() {
    let rings = Rings::new(64, 64 * KIB);
    let (ages, notified, naps) = stream(&rings, us(400), false, WaitPolicy::balanced());
    assert_eq!(ages.last(), Some(&Duration::ZERO));
    assert_eq!((notified, naps), (1.0, 0));
}

#[test]
fn immediate_blocks_for_each_record() {
    let rings = Rings::new(8, 64 * KIB);
    let (ages, notified, naps) = stream(&rings, us(10), false, WaitPolicy::immediate());
    assert_eq!(ages.last(), Some(&Duration::ZERO));
    assert_eq!((notified, naps), (1.0, 0));
}

/// Rings of which one is busy: the others cost no looks.
#[test]
fn a_set_reads_as_its_only_busy_ring_would_be_read() {
    let [one, many] = [1, 200].map(|count| {
        let mut rings = Rings::new(count, 64 * KIB);
        rings.programs.truncate(1);
        stream(&rings, us(10), true, WaitPolicy::balanced())
    });
    assert_eq!(one.0, many.0);
    assert_eq!((one.1, one.2), (many.1, many.2));
}

/// Records that do not notify are found by a sweep, and from then on within the latency
/// bound. Other rings that notify do not change that.
#[test]
fn silent_rings_are_read_within_the_bounds() {
    let rings = Rings::new(40, 64 * KIB);
    let time = VirtualTime::new();
    time.tick(Duration::ZERO);
    for number in 0..200 {
        let at = ms(10) + us(7_300) * number as u32;
        write_at(&time, at, &rings.programs[3], number, Flags::NO_WAKEUP);
        write_at(&time, at + us(2_500), &rings.programs[5], number, Flags::ADAPTIVE);
    }
    let mut set = rings.set(&time, WaitPolicy::balanced().latency_bound(ms(2)));
    let mut ages = [const { Vec::new() }; 2];
    while ages[0].len() + ages[1].len() < 400 {
        assert_eq!(set.wait(Some(Duration::from_secs(10))), Ok(Wakeup::Ready));
        set.drain(|&mut ring, record| {
            ages[usize::from(ring == 5)].push((stamp(&record).1, time.now() - stamp(&record).0));
        })
        .unwrap();
    }
    let [silent, loud] = ages;
    assert!(loud.iter().all(|&(_, age)| age == Duration::ZERO), "{loud:?}");
    assert!(silent.iter().all(|&(_, age)| age <= ms(100)), "{silent:?}");
    let found = silent.iter().position(|&(_, age)| age <= ms(2)).unwrap();
    assert!(found < 20 && silent[found..].iter().all(|&(_, age)| age <= ms(2)), "{silent:?}");
}

/// After a burst, each ring becomes idle while another keeps the set awake. Its next record
/// notifies, and is found at the next look.
#[test]
fn a_ring_that_becomes_idle_notifies() {
    let rings = Rings::new(2, 64 * KIB);
    let time = VirtualTime::new();
    time.tick(Duration::ZERO);
    for number in 0..4_000 {
        write_at(
            &time,
            ms(1) + us(10) * number,
            &rings.programs[0],
            number.into(),
            Flags::ADAPTIVE,
        );
    }
    for number in 0..3 {
        write_at(
            &time,
            ms(1) + ms(13) * number,
            &rings.programs[1],
            number.into(),
            Flags::ADAPTIVE,
        );
    }
    let mut set = rings.set(&time, WaitPolicy::balanced().max_sleep(Duration::MAX));
    let ages = read_until(4_003, &mut set, &time);
    assert!(ages[4_002] <= us(63), "{:?}", ages[4_002]);
    assert_eq!(rings.rings[1].notifications(), 3);
}

/// One silent record makes the set look often, but not for ever.
#[test]
fn a_silent_ring_is_forgotten_after_a_second() {
    let rings = Rings::new(3, 64 * KIB);
    let time = VirtualTime::new();
    time.tick(Duration::ZERO);
    write_at(&time, ms(150), &rings.programs[1], 0, Flags::NO_WAKEUP);
    let mut set = rings.set(&time, WaitPolicy::balanced());
    read_until(1, &mut set, &time);
    let blocks = [0; 3].map(|_| {
        let before = time.rests().blocks;
        assert_eq!(set.wait(Some(ms(2_000))), Ok(Wakeup::TimedOut));
        time.rests().blocks - before
    });
    assert!((900..1_100).contains(&blocks[0]), "{blocks:?}");
    assert!(blocks[1] <= 25 && blocks[2] <= 25, "{blocks:?}");
}
