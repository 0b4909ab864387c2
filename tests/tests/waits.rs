//! What a waiting reader asks of the system: sleep instead of spinning, signals, a ring that is
//! opened anew.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::wakeup::types::emit;
use ringbuf_bpf::wakeup::{WakeupSkel, WakeupSkelBuilder};
use ringbuf_kernel::{Consumer, Drained, Mapping, Next, RingBuf, WaitPolicy, Wakeup};
use ringbuf_tests::{
    NO_WAKEUP, Operations, Sleeps, Watchdog, live, live_since, page_size, test_run, times_slept,
    until_seen, watchdog,
};

#[test]
fn a_busy_head_is_slept_on() {
    if !live_since("waits::a_busy_head_is_slept_on", (5, 10)) {
        return;
    }
    until_seen("waits::a_busy_head_is_slept_on", || {
        let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
        let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
        operations.while_held(false, 0, || {
            let before = times_slept();
            let wait = ring.wait(Some(Duration::from_millis(300))).expect("wait");
            assert_eq!(wait, Wakeup::TimedOut);
            // Level-triggered, epoll would answer at once, again and again, and never sleep.
            assert!(times_slept() > before, "spun for 300 ms");
        });
    });
}

#[test]
fn a_wait_without_end_still_looks_at_the_ring() {
    let Some((load, _hangs)) = load("waits::a_wait_without_end_still_looks") else { return };
    let mut ring = RingBuf::open(&load.maps.ring).expect("the ring opens");
    ring.set_policy(WaitPolicy::default().max_sleep(Duration::from_millis(20)));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            produce(&load, NO_WAKEUP);
        });
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
    });
    assert!(matches!(ring.batch().next(), Ok(Next::Record(_))));
}

/// The first is noticed by the bound of every sleep. From then on it is known
/// that nobody announces them, and each is read at the latency bound.
#[test]
fn silent_producers_are_read_at_the_latency_bound() {
    const ROUNDS: usize = 50;
    let [longest, bound] = [50, 5].map(Duration::from_millis);
    let Some((load, _hangs)) = load("waits::silent_producers") else { return };
    let memory = Sleeps::new(Mapping::new(&load.maps.ring).expect("the ring maps"));
    // SAFETY: C1: the only consumer of a ring that this test has loaded.
    let mut ring = unsafe { Consumer::new(memory) }.expect("a sound ring");
    ring.set_policy(WaitPolicy::balanced().max_sleep(longest).latency_bound(bound));
    let mut asked: Vec<Vec<Duration>> = Vec::new();
    let is_short = |round: &Vec<Duration>| round.iter().all(|time| *time == bound);
    // A record that comes before the reader blocks tells nothing: once more then.
    while asked.iter().filter(|round| is_short(round)).count() < 3 {
        assert!(asked.len() < ROUNDS, "never at the latency bound: {asked:?}");
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                produce(&load, NO_WAKEUP);
            });
            assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
        });
        let blocks = ring.memory().blocks();
        if !blocks.is_empty() {
            asked.push(blocks.into_iter().map(|(time, _)| time).collect());
        }
        assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
    }
    assert_eq!(asked[0][0], longest, "the first: {asked:?}");
    let known = asked.iter().position(is_short).expect("three of them");
    assert!(asked[known..].iter().all(is_short), "forgotten: {asked:?}");
}

#[test]
fn a_signal_ends_a_wait() {
    if !live("waits::a_signal_ends_a_wait") {
        return;
    }
    extern "C" fn nothing(_: libc::c_int) {}
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: the handler does nothing, which is safe at any moment.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    // SAFETY: takes no argument.
    let waiter = unsafe { libc::pthread_self() };
    let mut ring = RingBuf::create(page_size() as u64).expect("a ring of one page");
    ring.set_policy(WaitPolicy::default().max_sleep(Duration::MAX));
    let (_hangs, over) = (watchdog("waits::a_signal_ends_a_wait"), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            // Again and again: one that comes before the sleep begins is missed.
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(10));
                // SAFETY: the thread lives: it waits for this scope to end.
                unsafe { libc::pthread_kill(waiter, libc::SIGUSR1) };
            }
        });
        let wait = ring.wait(None);
        over.store(true, Ordering::Relaxed);
        assert_eq!(wait.expect("wait"), Wakeup::Interrupted);
    });
}

#[test]
fn a_ring_that_is_opened_anew_waits_for_itself() {
    let Some((load, _hangs)) = load("waits::a_ring_that_is_opened_anew") else { return };
    let mut ring = RingBuf::open(&load.maps.ring).expect("the ring opens");
    let id = ring.id();
    // The one that is opened anew has counted nothing yet.
    produce(&load, 0);
    assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
    let wait = ring.wait(Some(Duration::from_millis(1))).expect("wait");
    assert_eq!(wait, Wakeup::TimedOut);
    drop(ring);
    let mut ring = RingBuf::from_id(id).expect("opened anew");
    // So that only a notification can end the wait.
    ring.set_policy(WaitPolicy::default().max_sleep(Duration::MAX));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            produce(&load, 0);
        });
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
    });
    // The policy holds: a record alone is held back.
    assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
    assert_ne!(ring.unpublished(), 0);
}

#[test]
fn a_spinning_reader_gives_space_back_when_nothing_comes() {
    let Some((load, _hangs)) = load("waits::a_spinning_reader_gives_space_back") else { return };
    let mut ring = RingBuf::open(&load.maps.ring).expect("the ring opens");
    let forever = WaitPolicy::low_latency().spin_for(Duration::MAX);
    ring.set_policy(forever);
    produce(&load, 0);
    assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
    assert_ne!(ring.unpublished(), 0, "the test shows nothing");
    let wait = ring.wait(Some(Duration::from_millis(50))).expect("wait");
    assert_eq!((wait, ring.unpublished()), (Wakeup::TimedOut, 0));
}

/// The programs, and an end for a wait that nothing ends.
fn load(test: &'static str) -> Option<(WakeupSkel<'static>, Watchdog)> {
    live_since(test, (5, 10)).then(|| {
        // A skeleton borrows it for as long as it lives.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let open = WakeupSkelBuilder::default().open(object).expect("open");
        (open.load().expect("load of wakeup.bpf.c"), watchdog(test))
    })
}

fn produce(load: &WakeupSkel<'_>, flags: u64) {
    let arguments = emit { count: 1, delay: 0, flags };
    assert_eq!(test_run(&load.progs.emit, &arguments).expect("emit"), 0);
}
