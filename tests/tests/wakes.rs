//! A waker ends a live wait, however it rests, from a thread or a signal handler. None is lost:
//! RINGBUF_WAKES says how many race with waits (4,000 without it, 200 in a guest of the matrix).

use std::env;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_kernel::{RingBuf, UserRingBuf, WaitPolicy, Waker, Wakeup};
use ringbuf_tests::{disposable_kernel, is_blocked, live, live_since, page_size, watchdog};

/// Only a wake can end a wait: no look comes in between.
fn ring(policy: WaitPolicy) -> RingBuf {
    let ring = RingBuf::create(page_size() as u64).expect("ring");
    ring.with_policy(policy.max_sleep(Duration::MAX))
}

fn policies() -> [WaitPolicy; 3] {
    [
        WaitPolicy::balanced(),
        WaitPolicy::immediate(),
        WaitPolicy::low_latency().spin_for(Duration::MAX),
    ]
}

#[test]
fn a_wake_ends_a_wait_or_the_next_one() {
    if !live("wakes::a_wake_ends_a_wait") {
        return;
    }
    for policy in policies() {
        let mut ring = ring(policy);
        let waker = ring.waker().expect("an eventfd");
        waker.wake();
        waker.wake();
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Woken);
        assert_eq!(ring.wait(Some(Duration::ZERO)).expect("wait"), Wakeup::TimedOut);
        // A clone reaches the same wait, whether it has begun or not.
        let clone = ring.waker().expect("the same one");
        thread::spawn(move || clone.wake());
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Woken);
    }
    let mut ring = ring(WaitPolicy::immediate());
    assert_eq!(ring.wait(Some(Duration::from_millis(1))).expect("wait"), Wakeup::TimedOut);
    // One that is made after the ring has blocked works as well.
    let late = ring.waker().expect("an eventfd");
    thread::spawn(move || late.wake());
    assert_eq!(ring.wait(None).expect("wait"), Wakeup::Woken);
}

/// Each wake is answered before the next is made, at every moment of the wait. One that is missed
/// hangs the test: the wait has no end.
#[test]
fn no_wake_is_lost_against_a_wait() {
    if !live("wakes::no_wake_is_lost") {
        return;
    }
    // With one processor, each wake of a spinning reader takes a time slice.
    let rounds = if disposable_kernel() { 200 } else { 4_000 };
    let rounds = env::var("RINGBUF_WAKES").map_or(rounds, |n| n.parse().expect("a number"));
    for policy in policies() {
        let mut ring = ring(policy.clone());
        let (waker, answered) = (ring.waker().expect("an eventfd"), AtomicU64::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..rounds {
                    while answered.load(Relaxed) < round {
                        thread::yield_now();
                    }
                    for _ in 0..round % 64 {
                        std::hint::spin_loop();
                    }
                    waker.wake();
                }
            });
            for round in 1..=rounds {
                assert_eq!(ring.wait(None).expect("wait"), Wakeup::Woken);
                answered.store(round, Relaxed);
            }
        });
        assert_eq!(ring.wait(Some(Duration::ZERO)).expect("wait"), Wakeup::TimedOut);
        println!("{rounds} wakes, none lost, none reported twice: {policy:?}");
    }
}

#[test]
fn a_close_ends_all_waits() {
    if !live("wakes::a_close_ends_all_waits") {
        return;
    }
    for policy in policies() {
        let mut ring = ring(policy);
        let waker = ring.waker().expect("an eventfd");
        thread::spawn(move || waker.close());
        for _ in 0..3 {
            assert_eq!(ring.wait(None).expect("wait"), Wakeup::Closed);
        }
    }
}

/// The reader sleeps without an end. Each request is made by another thread, at any moment of
/// the wait.
#[test]
fn a_deadline_moves_and_a_flush_ends_while_a_wait_is_under_way() {
    if !live("wakes::a_deadline_moves_and_a_flush_ends") {
        return;
    }
    let _hangs = watchdog("wakes::a_deadline_moves_and_a_flush_ends");
    for policy in policies() {
        let mut ring = ring(policy.clone());
        let waker = ring.waker().expect("an eventfd");
        for round in 0..200 {
            let mover = waker.clone();
            let mover = thread::spawn(move || {
                (0..round * 40).for_each(|_| std::hint::spin_loop());
                if round % 2 == 0 {
                    mover.flush()
                } else {
                    mover.set_deadline(Some(Instant::now()))
                }
            });
            let wanted = if round % 2 == 0 { Wakeup::Flushed } else { Wakeup::TimedOut };
            assert_eq!(ring.wait(None).expect("wait"), wanted, "{policy:?}");
            mover.join().expect("it moves the deadline");
            waker.set_deadline(None);
        }
        // lower bound: a wait does not end before its deadline.
        let far = Instant::now() + Duration::from_millis(3);
        waker.set_deadline(Some(far));
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::TimedOut);
        // lower bound: as above.
        assert!(Instant::now() >= far, "{policy:?}: too early");
    }
}

#[test]
fn a_signal_handler_may_wake() {
    static WAKER: OnceLock<Waker> = OnceLock::new();
    extern "C" fn wake(_: libc::c_int) {
        if let Some(waker) = WAKER.get() {
            waker.wake();
        }
    }
    if !live("wakes::a_signal_handler_may_wake") {
        return;
    }
    let mut ring = ring(WaitPolicy::immediate());
    assert!(WAKER.set(ring.waker().expect("an eventfd")).is_ok());
    let handler: extern "C" fn(libc::c_int) = wake;
    // SAFETY: the handler only stores an atomic and writes to an eventfd.
    let before = unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
    let _hangs = watchdog("wakes::a_signal_handler_may_wake");
    // SAFETY: asks for a number.
    let reader = unsafe { libc::pthread_self() };
    // SAFETY: asks for a number.
    let task = unsafe { libc::gettid() };
    thread::spawn(move || {
        while !is_blocked(&format!("/proc/self/task/{task}")) {
            thread::yield_now();
        }
        // SAFETY: the thread waits until the signal has come.
        unsafe { libc::pthread_kill(reader, libc::SIGUSR1) }
    });
    // The signal interrupts the sleep, and what its handler asked for is reported.
    assert_eq!(ring.wait(None).expect("wait"), Wakeup::Woken);
}

#[test]
fn a_wake_ends_a_wait_for_room() {
    if !live_since("wakes::a_wake_ends_a_wait_for_room", (6, 1)) {
        return;
    }
    let ring = UserRingBuf::create(page_size() as u64).expect("user ring");
    ring.reserve(page_size() as u32 - 8).expect("room").submit();
    let waker = ring.waker().expect("an eventfd");
    thread::spawn(move || waker.wake());
    assert_eq!(ring.wait_for_room(8, None).expect("wait"), Wakeup::Woken);
}
