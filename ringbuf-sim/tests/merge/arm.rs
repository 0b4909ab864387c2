//! A merge in an event loop of one's own, in virtual time: it blocks, and never past the time at
//! which a held record is due.

use ringbuf_core::{MergeArmed, WaitHost};

use super::*;

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

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

/// Looks and reads. Returns how the look ended, and adds the key and the age of each record.
fn read<const W: usize>(
    merge: &mut Rings<'_, W>,
    time: &VirtualTime<'_>,
    read: &mut Vec<(u64, Duration)>,
) -> Wakeup {
    let wakeup = merge.wait(Some(Duration::ZERO)).unwrap();
    let now = time.now();
    let age = |key| now.saturating_sub(Duration::from_nanos(key));
    merge.drain(nanos(now), |_, record| read.push((record.key, age(record.key)))).unwrap();
    wakeup
}

/// Blocks, if it may.
fn sleep<const W: usize>(merge: &mut Rings<'_, W>) {
    match merge.arm().unwrap() {
        MergeArmed::Ready => {}
        // The loop's timer, beside the descriptor of the set.
        MergeArmed::Held(left) => drop(merge.set().host().nap(left).unwrap()),
        MergeArmed::Sleep => drop(merge.set().host().block(ms(10_000)).unwrap()),
    }
}

#[test]
fn a_held_record_is_delivered_when_it_is_due() {
    let _watchdog = watchdog("a_held_record_is_delivered_when_it_is_due");
    let time = clock();
    let (rings, mut merge) = merged::<8>(&time, 3, 4096, nanos(us(200)));
    let stamps = [(0, 10), (1, 30), (0, 70), (2, 5_000), (1, 5_000), (0, 90_000)];
    for (ring, at) in stamps {
        stamp_at(&time, us(at), &rings[ring]);
    }
    let (mut records, mut turns) = (Vec::new(), 0);
    while records.len() < stamps.len() {
        read(&mut merge, &time, &mut records);
        sleep(&mut merge);
        turns += 1;
        assert!(turns < 40, "it spins, or sleeps on: {:?}", time.now());
    }
    let ages: Vec<_> = records.iter().map(|(_, age)| *age).collect();
    assert_eq!(ages, [us(200); 6]);
    assert!(records.is_sorted());
    println!("{turns} turns, {:?}", time.rests());
    assert!(time.rests().notified >= 2, "it never slept without a timer");
}

#[test]
fn while_a_head_is_busy_the_loop_neither_spins_nor_sleeps_for_ever() {
    let _watchdog = watchdog("while_a_head_is_busy_the_loop_neither_spins");
    let time = clock();
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, nanos(us(800)));
    let program = rings[1].producer();
    let stopped = program.reserve(8).unwrap();
    stamp_at(&time, us(100), &rings[0]);
    let (mut records, mut turns) = (Vec::new(), 0);
    while records.is_empty() {
        read(&mut merge, &time, &mut records);
        sleep(&mut merge);
        turns += 1;
        assert!(turns < 40, "it spins: {:?}", time.now());
    }
    assert!(records[0].1 <= us(1_600 + 100), "{records:?}");
    drop(stopped);
}

#[test]
fn wakes_end_the_sleep_of_a_loop_that_holds() {
    let _watchdog = watchdog("wakes_end_the_sleep_of_a_loop_that_holds");
    let time = clock();
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, nanos(ms(100)));
    stamp_at(&time, us(1), &rings[0]);
    time.at(ms(20), VirtualTime::wake);
    let mut records = Vec::new();
    while read(&mut merge, &time, &mut records) != Wakeup::Woken {
        sleep(&mut merge);
    }
    assert_eq!((time.now(), records.len()), (ms(20), 0));
    // A wake that comes between the look and the sleep.
    time.wake();
    assert_eq!(merge.arm(), Ok(MergeArmed::Ready));
    assert_eq!(read(&mut merge, &time, &mut records), Wakeup::Woken);
    while records.is_empty() {
        sleep(&mut merge);
        read(&mut merge, &time, &mut records);
    }
    assert_eq!(records[0].1, ms(100));
    time.close();
    for _ in 0..2 {
        assert_eq!(merge.arm(), Ok(MergeArmed::Ready));
        assert_eq!(merge.wait(Some(Duration::ZERO)), Ok(Wakeup::Closed));
    }
}

#[test]
fn a_flush_is_reported_while_younger_records_are_held() {
    let _watchdog = watchdog("a_flush_is_reported_while_younger_records_are_held");
    let time = clock();
    let (rings, mut merge) = merged::<1>(&time, 2, 4096, nanos(ms(1)));
    stamp_at(&time, us(10), &rings[0]);
    time.pass(us(20));
    let mut records = Vec::new();
    assert_eq!(read(&mut merge, &time, &mut records), Wakeup::Ready);
    time.flush();
    // Each of these is held when the one before is due.
    for at in 1..9 {
        stamp_at(&time, us(30 + 900 * at), &rings[1]);
    }
    let mut turns = 0;
    while read(&mut merge, &time, &mut records) != Wakeup::Flushed {
        sleep(&mut merge);
        turns += 1;
        assert!(turns < 40, "it spins: {:?}", time.now());
    }
    let first = records[0].0;
    assert_eq!((first, time.now()), (10_000, ms(1) + us(10)), "it waits for younger records");
}
