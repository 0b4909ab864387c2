//! A commit wakes a reader that sleeps.

use std::thread;
use std::time::{Duration, Instant};

use ringbuf_kernel::{RingBuf, WaitPolicy, Wakeup};
use ringbuf_portable::{End, NO_WAKEUP, live, page_size, reserve};

use crate::{numbers, ring};

/// Far above what a wakeup takes, so that a lost one shows.
const BOUND: Duration = Duration::from_secs(20);

#[test]
fn a_commit_wakes_the_sleeper() {
    if !live("waiting::wakes") {
        return;
    }
    let map = ring(page_size());
    let mut reader = RingBuf::open(&map).unwrap();
    reader.set_policy(WaitPolicy::default().max_sleep(BOUND));
    let program = reserve(&map, 8, End::Submit, 0).unwrap();
    for number in 0..20 {
        let begun = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(5 * (number % 3)));
                assert_eq!(program.run(number), 1);
            });
            assert_eq!(reader.wait(Some(BOUND)).unwrap(), Wakeup::Ready);
        });
        assert!(begun.elapsed() < BOUND / 4, "a lost wakeup: {:?}", begun.elapsed());
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
    let map = ring(page_size());
    let mut reader = RingBuf::open(&map).unwrap();
    let program = reserve(&map, 8, End::Submit, NO_WAKEUP).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            assert_eq!(program.run(1), 1);
        });
        assert_eq!(reader.wait(Some(BOUND)).unwrap(), Wakeup::Ready);
    });
    assert_eq!(numbers(&mut reader), [1]);
}
