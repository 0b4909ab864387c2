//! Deadlines, flushes and closes of a set.

use ringbuf_core::Budget;

use super::*;

#[test]
fn a_deadline_of_a_set_may_be_moved_while_it_waits() {
    let time = VirtualTime::new();
    let mut set = time.ring_set(WaitPolicy::balanced());
    let ring = SimRing::new(4096).unwrap();
    set.insert(ring.consumer().unwrap(), ()).unwrap();
    time.set_deadline(ms(900));
    time.at(ms(5), |time| time.set_deadline(ms(7)));
    assert_eq!(set.wait(None).unwrap(), Wakeup::TimedOut);
    assert!((ms(7)..ms(9)).contains(&time.now()), "{:?}", time.now());
    // Arming in an event loop of one's own leaves it to the next wait.
    time.set_deadline(ms(20));
    assert_eq!(set.arm().unwrap(), ringbuf_core::Armed::Ready);
    assert_eq!(set.wait(None).unwrap(), Wakeup::TimedOut);
}

/// Silent records of idle rings, too; what comes later does not delay it.
#[test]
fn a_flush_of_a_set_is_reported_after_all_that_was_there() {
    let _hangs = watchdog("a flush of a set");
    let time = VirtualTime::new();
    let rings = Rings::new(3, 4 * KIB);
    let mut set = time.ring_set(WaitPolicy::balanced());
    for (number, ring) in rings.rings.iter().enumerate() {
        set.insert(ring.consumer().unwrap(), number).unwrap();
    }
    set.set_budget(Budget::unlimited().records(2));
    assert_eq!(set.wait(Some(ms(5))).unwrap(), Wakeup::TimedOut);
    for (number, program) in rings.programs.iter().enumerate() {
        for _ in 0..number * 4 {
            program.output(&[0; 8], Flags::NO_WAKEUP).unwrap();
        }
    }
    time.flush();
    let mut delivered = [0; 3];
    loop {
        match set.wait(None).unwrap() {
            Wakeup::Ready => {}
            Wakeup::Flushed => break,
            other => panic!("{other:?}"),
        }
        set.drain(|&mut number, _| delivered[number] += 1).unwrap();
        // The last ring is never empty.
        rings.programs[2].output(&[0; 8], Flags::NO_WAKEUP).unwrap();
        rings.programs[2].output(&[0; 8], Flags::NO_WAKEUP).unwrap();
    }
    assert_eq!(delivered, [0, 4, 8]);
    assert_eq!(set.wait(None).unwrap(), Wakeup::Ready, "the later ones are left");
}

#[test]
fn a_close_of_a_set_ends_all_waits_and_a_drain_reads_everything() {
    let rings = Rings::new(2, 4 * KIB);
    let time = VirtualTime::new();
    let mut set = time.ring_set(WaitPolicy::balanced());
    for ring in &rings.rings {
        set.insert(ring.consumer().unwrap(), ()).unwrap();
    }
    time.at(ms(5), |time| {
        rings.programs[1].output(&[0; 8], Flags::NO_WAKEUP).unwrap();
        time.close();
    });
    for _ in 0..2 {
        assert_eq!(set.wait(None).unwrap(), Wakeup::Closed);
    }
    let mut delivered = 0;
    set.drain(|(), _| delivered += 1).unwrap();
    assert_eq!(delivered, 1);
    assert_eq!(set.wait(None).unwrap(), Wakeup::Closed);
}
