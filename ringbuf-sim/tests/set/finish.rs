//! The last reading of all rings.

use std::ops::ControlFlow;

use ringbuf_core::{Corrupt, CorruptReason, Finished, Position, ProducerMemory, Width};

use super::*;

type Reports = Vec<Result<Finished, Corrupt>>;

/// Finishes without a break. Returns the numbers of the rings in the order of their records.
fn finish(set: &mut VirtualSet<'_, usize>, limit: Duration) -> (Vec<usize>, Reports) {
    let (mut order, mut reports) = (Vec::new(), Vec::new());
    let end = set.finish(
        limit,
        |number, _| {
            order.push(*number);
            ControlFlow::<()>::Continue(())
        },
        |_, number, report| {
            assert_eq!(*number, reports.len());
            reports.push(report);
        },
    );
    assert_eq!(end, Ok(ControlFlow::Continue(())));
    (order, reports)
}

#[test]
fn all_rings_are_captured_before_any_is_read() {
    let rings = Rings::new(3, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = rings.set(&time, WaitPolicy::balanced());
    for program in &rings.programs {
        (0..5).for_each(|number| write(program, time.now(), number, Flags::ADAPTIVE));
    }
    let (mut read, mut reports) = (0, Vec::new());
    let end = set.finish(
        Duration::MAX,
        |_, _| {
            read += 1;
            // Programs that never stop, in each of them.
            rings.programs.iter().for_each(|p| write(p, time.now(), 9, Flags::ADAPTIVE));
            ControlFlow::<()>::Continue(())
        },
        |_, _, report| reports.push(report.unwrap()),
    );
    assert_eq!((end, read), (Ok(ControlFlow::Continue(())), 15));
    for report in reports {
        assert_eq!((report.delivered, report.left, report.later), (5, 0, 15 * 24));
    }
    // Nothing notifies for these: it must look.
    assert_eq!(set.wait(Some(Duration::ZERO)), Ok(Wakeup::Ready));
    let mut more = 0;
    while set.drain(|_, _| more += 1) == Ok(ringbuf_core::Drained::Limit) {}
    assert_eq!(more, 45);
}

#[test]
fn one_limit_holds_for_all_and_a_busy_ring_keeps_no_other() {
    let rings = Rings::new(3, 4 * KIB);
    let time = VirtualTime::new();
    time.tick(Duration::ZERO);
    let mut set = rings.set(&time, WaitPolicy::balanced());
    let first = rings.programs[0].reserve(8).unwrap();
    let last = rings.programs[2].reserve(8).unwrap();
    write(&rings.programs[0], time.now(), 0, Flags::ADAPTIVE);
    write(&rings.programs[1], time.now(), 0, Flags::ADAPTIVE);
    write(&rings.programs[2], time.now(), 0, Flags::ADAPTIVE);
    time.at(us(7700), move |_| last.submit(Flags::ADAPTIVE));
    let (order, reports) = finish(&mut set, ms(20));
    assert_eq!(order, [1, 2, 2]);
    // The last sleep is a whole millisecond.
    assert!((ms(20)..ms(21)).contains(&time.now()), "{:?}", time.now());
    let left: Vec<_> = reports.iter().map(|r| r.unwrap().left).collect();
    assert_eq!(left, [40, 0, 0]);
    let report = reports[0].unwrap();
    assert_eq!((report.in_flight, report.in_flight_bytes, report.left_records), (1, 16, 2));
    let rests = time.rests();
    assert!(rests.blocks + rests.notified <= 22, "it sleeps: {rests:?}");
    // It goes on.
    drop(first);
    let (order, reports) = finish(&mut set, ms(20));
    assert_eq!((order, reports[0].unwrap().discarded), (vec![0], 1));
}

#[test]
fn a_commit_in_time_ends_the_wait() {
    for (flags, late) in [(Flags::ADAPTIVE, us(0)), (Flags::NO_WAKEUP, ms(1))] {
        let rings = Rings::new(2, 4 * KIB);
        let time = VirtualTime::new();
        time.tick(Duration::ZERO);
        let mut set = rings.set(&time, WaitPolicy::balanced());
        let stopped = rings.programs[1].reserve(8).unwrap();
        time.wake();
        time.at(us(2600), |time| time.signal());
        time.at(us(4400), move |_| stopped.submit(flags));
        let (order, reports) = finish(&mut set, Duration::from_secs(1));
        assert_eq!((order, reports[1].unwrap().left), (vec![1], 0));
        assert!(time.now() - us(4400) <= late, "{flags:?}: {:?}", time.now());
        assert_eq!(set.wait(None), Ok(Wakeup::Woken), "the wake is not forgotten");
    }
}

#[test]
fn a_corrupt_ring_is_reported_and_keeps_no_other() {
    let rings = Rings::new(3, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = rings.set(&time, WaitPolicy::balanced());
    rings.programs.iter().for_each(|p| write(p, time.now(), 0, Flags::ADAPTIVE));
    let far = Position::new(1 << 20, Width::Bits64);
    // SAFETY: the ring is thrown away after this; its consumer survives any bytes.
    unsafe {
        let memory = rings.rings[1].producer_memory();
        memory.store_producer_pos(far, std::sync::atomic::Ordering::Release);
    }
    for round in 0..2 {
        let (order, reports) = finish(&mut set, ms(20));
        assert_eq!(order, if round == 0 { vec![0, 2] } else { vec![] });
        let corrupt = reports[1].unwrap_err();
        assert!(matches!(corrupt.reason, CorruptReason::ProducerOutOfRange { .. }), "{corrupt}");
        assert!(reports[0].unwrap().is_complete() && reports[2].unwrap().is_complete());
    }
    assert!(time.now() < ms(1), "nothing to wait for");
}

/// The rest of that ring, and the other rings, stay for the next call. What was read does not.
#[test]
fn a_break_stops_all() {
    let rings = Rings::new(2, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = rings.set(&time, WaitPolicy::balanced());
    for number in 0..5 {
        rings.programs.iter().for_each(|p| write(p, time.now(), number, Flags::ADAPTIVE));
    }
    let mut read = 0;
    let end = set.finish(
        ms(20),
        |_, _| {
            read += 1;
            if read == 3 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
        },
        |_, _, _| panic!("nothing is reported"),
    );
    assert_eq!(end, Ok(ControlFlow::Break("enough")));
    assert_eq!(rings.rings[0].pages().consumer, 3 * 24, "it is given back");
    let (order, reports) = finish(&mut set, ms(20));
    assert_eq!(order, [0, 0, 1, 1, 1, 1, 1]);
    assert!(reports.iter().all(|report| report.unwrap().is_complete()));
}

/// A record that comes between the last look and the end notifies nobody: the ring is not armed.
#[test]
fn a_ring_that_was_idle_is_looked_at() {
    let rings = Rings::new(1, 4 * KIB);
    let time = VirtualTime::new();
    let policy = WaitPolicy::immediate().max_sleep(Duration::from_secs(3600));
    let mut set = rings.set(&time, policy);
    // Nothing comes, so it blocks, and the ring becomes idle.
    assert_eq!(set.wait(Some(ms(3))), Ok(Wakeup::TimedOut));
    let program = &rings.programs[0];
    write(program, time.now(), 0, Flags::NO_WAKEUP);
    // While this one is read, another one comes, which does not notify.
    let end = set.finish(
        ms(1),
        |_, _| {
            write(program, time.now(), 1, Flags::ADAPTIVE);
            ControlFlow::<()>::Continue(())
        },
        |_, _, report| assert_eq!(report.unwrap().later, 24),
    );
    assert_eq!(end, Ok(ControlFlow::Continue(())));
    assert_eq!(set.wait(Some(Duration::from_secs(1))), Ok(Wakeup::Ready));
    assert!(time.now() < ms(10), "{:?}", time.now());
}

/// A ring that goes, and one that comes, between two calls.
#[test]
fn each_call_begins_anew() {
    let rings = Rings::new(2, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = rings.set(&time, WaitPolicy::balanced());
    write(&rings.programs[0], time.now(), 0, Flags::ADAPTIVE);
    assert_eq!(finish(&mut set, ms(1)).0, [0]);
    let first = set.tokens().next().unwrap();
    let (consumer, _) = set.remove(first).unwrap();
    drop(consumer);
    let mut seen = Vec::new();
    let end = set.finish(
        ms(1),
        |_, _| ControlFlow::<()>::Continue(()),
        |_, number, report| seen.push((*number, report.unwrap().delivered)),
    );
    assert_eq!((end, &seen[..]), (Ok(ControlFlow::Continue(())), &[(1, 0)][..]));
    set.insert(rings.rings[0].consumer().unwrap(), 0).unwrap();
    write(&rings.programs[0], time.now(), 1, Flags::ADAPTIVE);
    assert_eq!(finish(&mut set, ms(1)).0, [0]);
}
