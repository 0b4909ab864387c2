//! A commit wakes a reader that sleeps.

use std::thread;
use std::time::Duration;

use ringbuf_kernel::{RingBuf, WaitPolicy, Wakeup};
use ringbuf_portable::{End, NO_WAKEUP, live, page_size, reserve, watchdog};

use crate::{numbers, ring};

#[test]
fn a_commit_wakes_the_sleeper() {
    if !live("waiting::wakes") {
        return;
    }
    let map = ring(page_size());
    let mut reader = RingBuf::open(&map).unwrap();
    // No look in between helps a reader that nobody wakes.
    reader.set_policy(WaitPolicy::default().max_sleep(Duration::MAX));
    let _hangs = watchdog("waiting::wakes");
    let program = reserve(&map, 8, End::Submit, 0).unwrap();
    for number in 0..20 {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(5 * (number % 3)));
                assert_eq!(program.run(number), 1);
            });
            assert_eq!(reader.wait(None).unwrap(), Wakeup::Ready);
        });
        assert_eq!(numbers(&mut reader), [number]);
    }
    let wait = reader.wait(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(wait, Wakeup::TimedOut);
}

#[test]
fn a_record_that_announces_nothing_is_noticed_within_the_bound() {
    if !live("waiting::silent") {
        return;
    }
    let _hangs = watchdog("waiting::silent");
    let map = ring(page_size());
    let mut reader = RingBuf::open(&map).unwrap();
    let program = reserve(&map, 8, End::Submit, NO_WAKEUP).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            assert_eq!(program.run(1), 1);
        });
        assert_eq!(reader.wait(None).unwrap(), Wakeup::Ready);
    });
    assert_eq!(numbers(&mut reader), [1]);
}
