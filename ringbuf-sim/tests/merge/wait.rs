//! Waits of a merge in virtual time. Keys are the time in nanoseconds.

use super::*;

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

/// A clock that takes no time to read.
fn clock<'t>() -> VirtualTime<'t> {
    let time = VirtualTime::new();
    time.tick(Duration::ZERO);
    time
}

fn stamp_at<'t>(time: &VirtualTime<'t>, at: Duration, ring: &SimRing) {
    let program = ring.producer();
    time.at(at, move |time| {
        program.output(&nanos(time.now()).to_ne_bytes(), Flags::ADAPTIVE).unwrap();
    });
}

/// Waits and reads until `count` records came. Returns their ages when they came.
fn read_until<const W: usize>(
    count: usize,
    merge: &mut Rings<'_, W>,
    time: &VirtualTime<'_>,
) -> Vec<Duration> {
    let mut ages = Vec::new();
    while ages.len() < count {
        assert_eq!(merge.wait(Some(ms(1_000))), Ok(Wakeup::Ready), "after {}", ages.len());
        let now = time.now();
        let age = |key| now - Duration::from_nanos(key);
        let round = merge.drain(nanos(now), |_, record| ages.push(age(record.key)));
        assert_ne!(round, Ok(Round::Limit));
    }
    ages
}

#[test]
fn what_is_held_is_delivered_as_soon_as_it_is_due() {
    let _watchdog = watchdog("what_is_held_is_delivered_as_soon_as_it_is_due");
    let time = clock();
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, nanos(us(200)));
    for (ring, at) in [(0, 10), (1, 30), (0, 70)] {
        stamp_at(&time, us(at), &rings[ring]);
    }
    assert_eq!(merge.wait(None), Ok(Wakeup::Ready));
    assert_eq!(time.now(), us(10));
    let ages = read_until(3, &mut merge, &time);
    assert_eq!(ages, [us(200); 3]);
    // Each was waited for once.
    assert_eq!(merge.counts().rounds, 1 + 3);
    assert_eq!(merge.wait(Some(ms(5))), Ok(Wakeup::TimedOut));
}

#[test]
fn dense_streams_are_in_order_and_gathered() {
    const COUNT: usize = 20_000;
    let _watchdog = watchdog("dense_streams_are_in_order_and_gathered");
    let time = clock();
    time.lateness(us(5));
    let (rings, mut merge) = merged::<8>(&time, 16, 256 << 10, nanos(us(200)));
    let mut random = 1_u64;
    for number in 0..COUNT {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = ms(1) + us(number as u64) + Duration::from_nanos((random >> 33) % 900);
        stamp_at(&time, at, &rings[(random >> 50) as usize % rings.len()]);
    }
    let ages = read_until(COUNT, &mut merge, &time);
    let counts = merge.counts();
    println!("{counts:?}, {:?}", time.rests());
    assert_eq!(counts.rings.late, 0);
    // While all rings have a record, nothing is held.
    assert!(ages.iter().all(|&age| age <= us(400)), "{:?}", ages.iter().max());
    // A record each microsecond: naps gather several.
    assert!(counts.rounds < COUNT as u64 / 8, "{counts:?}");
}

/// An eighth of these rings fills before a late timer ends, so a set would look without sleep.
/// A merge knows when its next record is due.
#[test]
fn a_wait_that_holds_sleeps_even_if_the_rings_fill_fast() {
    const COUNT: usize = 5_000;
    let _watchdog = watchdog("a_wait_that_holds_sleeps_even_if_the_rings_fill_fast");
    let time = clock();
    time.lateness(us(40));
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, nanos(us(60)));
    for number in 0..COUNT {
        let at = ms(1) + Duration::from_nanos(400 * number as u64);
        stamp_at(&time, at, &rings[number / 8 % 2]);
    }
    let ages = read_until(COUNT, &mut merge, &time);
    let (counts, rests) = (merge.counts(), time.rests());
    println!("{counts:?}, {rests:?}");
    assert_eq!(counts.rings.late, 0);
    assert!(ages.iter().all(|&age| age <= us(60 + 100)), "{:?}", ages.iter().max());
    assert!(rests.pauses + rests.readings / 4 < COUNT as u64 / 4, "it spins: {rests:?}");
}

#[test]
fn wakers_timeouts_and_signals_end_a_wait_that_holds() {
    let _watchdog = watchdog("wakers_timeouts_and_signals_end_a_wait_that_holds");
    let time = clock();
    let (rings, mut merge) = merged::<1>(&time, 2, 4096, nanos(ms(100)));
    stamp_at(&time, us(1), &rings[0]);
    time.pass(us(2));
    assert_eq!(keys(&mut merge, nanos(time.now())).0, []);
    assert_eq!(merge.wait(Some(ms(10))), Ok(Wakeup::TimedOut));
    assert_eq!(time.now(), ms(10) + us(2));
    assert_eq!(merge.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
    time.at(ms(20), VirtualTime::wake);
    assert_eq!(merge.wait(None), Ok(Wakeup::Woken));
    assert_eq!(time.now(), ms(20));
    time.at(ms(30), VirtualTime::signal);
    assert_eq!(merge.wait(None), Ok(Wakeup::Interrupted));
    time.set_deadline(ms(40));
    assert_eq!(merge.wait(None), Ok(Wakeup::TimedOut));
    assert_eq!(time.now(), ms(40));
    time.set_deadline(Duration::MAX);
    assert_eq!(merge.wait(None), Ok(Wakeup::Ready));
    assert_eq!(time.now(), ms(100) + us(1));
    assert_eq!(keys(&mut merge, nanos(time.now())).0, [1_000]);
    time.close();
    assert_eq!(merge.wait(None), Ok(Wakeup::Closed));
}

#[test]
fn a_flush_is_over_when_what_was_held_is_delivered() {
    let _watchdog = watchdog("a_flush_is_over_when_what_was_held_is_delivered");
    let time = clock();
    let (rings, mut merge) = merged::<1>(&time, 2, 4096, nanos(ms(1)));
    stamp_at(&time, us(10), &rings[0]);
    stamp_at(&time, us(20), &rings[0]);
    time.pass(us(30));
    assert_eq!(keys(&mut merge, nanos(time.now())).0, []);
    time.flush();
    let mut read = Vec::new();
    loop {
        match merge.wait(Some(ms(1_000))) {
            Ok(Wakeup::Ready) => read.extend(keys(&mut merge, nanos(time.now())).0),
            end => break assert_eq!(end, Ok(Wakeup::Flushed)),
        }
        assert!(merge.counts().rounds < 9, "it spins: {:?}", time.now());
    }
    assert_eq!(read, [10_000, 20_000]);
    assert_eq!(time.now(), ms(1) + us(20));
}

/// A program that was killed, or never runs again. Its ring delays the others, and no more.
#[test]
fn a_head_that_is_busy_for_ever_delays_the_others_by_twice_the_lateness() {
    const COUNT: usize = 200;
    let _watchdog = watchdog("a_head_that_is_busy_for_ever_delays_the_others");
    let time = clock();
    let (rings, mut merge) = merged::<8>(&time, 3, 64 << 10, nanos(us(800)));
    let program = rings[2].producer();
    let held = program.reserve(8).unwrap();
    for number in 0..COUNT {
        stamp_at(&time, us(500 + 311 * number as u64), &rings[number % 2]);
    }
    let ages = read_until(COUNT, &mut merge, &time);
    let counts = merge.counts();
    println!("{counts:?}, {:?}", time.rests());
    assert_eq!(counts.rings.late, 0);
    assert!(ages.iter().all(|&age| age <= us(1_600 + 100)), "{:?}", ages.iter().max());
    assert!(counts.rounds < 4_000, "it spins: {counts:?}");
    let stuck: Vec<_> =
        merge.stuck(ms(10)).map(|(_, ring, head)| (*ring, head.len.get())).collect();
    assert_eq!(stuck, [(2, 8)]);
    drop(held);
}

#[test]
fn a_set_without_records_blocks() {
    let _watchdog = watchdog("a_set_without_records_blocks");
    let time = clock();
    let (rings, mut merge) = merged::<8>(&time, 4, 4096, nanos(us(50)));
    stamp_at(&time, ms(500), &rings[3]);
    let before = rings[3].notifications();
    assert_eq!(merge.wait(None), Ok(Wakeup::Ready));
    assert_eq!((time.now(), time.rests().naps), (ms(500), 0));
    assert_eq!(rings[3].notifications(), before + 1);
    assert_eq!(read_until(1, &mut merge, &time), [us(50)]);
    assert_eq!(time.rests().naps, 1);
}
