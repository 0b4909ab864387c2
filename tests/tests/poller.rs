//! What the reader asks of the system: sleep instead of spinning, signals,
//! forks, a ring that is opened anew.

use std::fs;
use std::mem::MaybeUninit;
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::wakeup::types::emit;
use ringbuf_bpf::wakeup::{WakeupSkel, WakeupSkelBuilder};
use ringbuf_kernel::{Drained, Next, Poller, RingBuf, Waiting, Wakeup};
use ringbuf_tests::{NO_WAKEUP, Operations, live, live_since, page_size, test_run};

#[test]
fn a_busy_head_costs_no_cpu_time() {
    if !live_since("poller::a_busy_head_costs_no_cpu_time", (5, 10)) {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
    let mut poller = Poller::new(&mut ring).expect("epoll");
    operations.while_held(false, 0, || {
        let before = cpu_time();
        let wait = poller.wait(&mut ring, Some(Duration::from_millis(300))).expect("wait");
        assert_eq!(wait, Wakeup::TimedOut);
        let spent = cpu_time() - before;
        // Level-triggered, it would be all of the 300 ms.
        assert!(spent < Duration::from_millis(100), "spun for {spent:?}");
    });
}

#[test]
fn a_wait_for_ever_still_looks_at_the_ring() {
    let Some(load) = load("poller::a_wait_for_ever_still_looks") else { return };
    let mut ring = RingBuf::open(&load.maps.ring).expect("the ring opens");
    let mut poller =
        Poller::with(&mut ring, Waiting::default().sleep_bound(Duration::from_millis(20)))
            .expect("epoll");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            produce(&load, NO_WAKEUP);
        });
        assert_eq!(poller.wait(&mut ring, None).expect("wait"), Wakeup::Ready);
    });
    assert!(matches!(ring.batch().next(), Ok(Next::Record(_))));
}

/// The first is noticed by the bound of every sleep. From then on it is known
/// that nobody announces them, and each is read at the latency bound.
#[test]
fn silent_producers_are_read_at_the_latency_bound() {
    let Some(load) = load("poller::silent_producers") else { return };
    let mut ring = RingBuf::open(&load.maps.ring).expect("the ring opens");
    let waiting = Waiting::balanced()
        .sleep_bound(Duration::from_secs(2))
        .latency_bound(Duration::from_millis(5));
    let mut poller = Poller::with(&mut ring, waiting).expect("epoll");
    let mut waited = Vec::new();
    for _ in 0..4 {
        thread::scope(|scope| {
            let producer = scope.spawn(|| {
                thread::sleep(Duration::from_millis(50));
                produce(&load, NO_WAKEUP);
                Instant::now()
            });
            assert_eq!(poller.wait(&mut ring, None).expect("wait"), Wakeup::Ready);
            let read = Instant::now();
            waited.push(read.saturating_duration_since(producer.join().expect("the producer")));
        });
        assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
    }
    let second = Duration::from_secs(1);
    assert!(waited[0] > second, "the test shows nothing: {waited:?}");
    assert!(waited[1..].iter().all(|waited| *waited < second), "{waited:?}");
}

#[test]
fn a_signal_ends_a_wait() {
    if !live("poller::a_signal_ends_a_wait") {
        return;
    }
    extern "C" fn nothing(_: libc::c_int) {}
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: the handler does nothing, which is safe at any moment.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    // SAFETY: takes no argument.
    let waiter = unsafe { libc::pthread_self() };
    let mut ring = RingBuf::create(page_size() as u64).expect("a ring of one page");
    let mut poller =
        Poller::with(&mut ring, Waiting::default().sleep_bound(Duration::from_secs(60)))
            .expect("epoll");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            // SAFETY: the thread lives: it waits for this scope to end.
            unsafe { libc::pthread_kill(waiter, libc::SIGUSR1) };
        });
        let wait = poller.wait(&mut ring, Some(Duration::from_secs(10))).expect("wait");
        assert_eq!(wait, Wakeup::Interrupted);
    });
}

#[test]
fn a_poller_outlives_the_descriptor_that_it_was_made_with() {
    let Some(load) = load("poller::a_poller_outlives") else { return };
    let mut ring = RingBuf::open(&load.maps.ring).expect("the ring opens");
    let id = ring.id();
    // The one that is opened anew has counted nothing yet.
    produce(&load, 0);
    assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
    // So that only a notification can end the wait early.
    let mut poller =
        Poller::with(&mut ring, Waiting::default().sleep_bound(Duration::from_secs(60)))
            .expect("epoll");
    let wait = poller.wait(&mut ring, Some(Duration::from_millis(1))).expect("wait");
    assert_eq!(wait, Wakeup::TimedOut);
    drop(ring);
    let mut ring = RingBuf::from_id(id).expect("opened anew");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            produce(&load, 0);
        });
        let started = Instant::now();
        let wait = poller.wait(&mut ring, Some(Duration::from_secs(10))).expect("wait");
        assert_eq!(wait, Wakeup::Ready);
        assert!(started.elapsed() < Duration::from_secs(5), "woken, not timed out");
    });
    // The policy holds for it as well: a record alone is held back.
    assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
    assert_ne!(ring.consumer().unpublished(), 0);
}

#[test]
fn who_spins_gives_space_back_when_nothing_comes() {
    let Some(load) = load("poller::who_spins_gives_space_back") else { return };
    let mut ring = RingBuf::open(&load.maps.ring).expect("the ring opens");
    let forever = Waiting::low_latency().spin_for(Duration::MAX);
    let mut poller = Poller::with(&mut ring, forever).expect("epoll");
    produce(&load, 0);
    assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
    assert_ne!(ring.consumer().unpublished(), 0, "the test shows nothing");
    let wait = poller.wait(&mut ring, Some(Duration::from_millis(50))).expect("wait");
    assert_eq!((wait, ring.consumer().unpublished()), (Wakeup::TimedOut, 0));
}

#[test]
fn a_fork_does_not_inherit_the_pages() {
    if !live("poller::a_fork_does_not_inherit_the_pages") {
        return;
    }
    let ring = RingBuf::create(page_size() as u64).expect("a ring of one page");
    let maps = fs::read_to_string("/proc/self/smaps").expect("/proc is mounted");
    let mut of_a_map = false;
    let mut flags = Vec::new();
    for line in maps.lines() {
        if line.contains("bpf-map") || line.contains("bpf_map") {
            of_a_map = true;
        } else if of_a_map && line.starts_with("VmFlags:") {
            flags.push(line.to_owned());
            of_a_map = false;
        }
    }
    assert!(flags.len() >= 2, "the two mappings of ring {}: {flags:?}", ring.id());
    // Other tests of this process map rings as well, by other means.
    let kept = flags.iter().filter(|flags| flags.split_whitespace().any(|flag| flag == "dc"));
    assert!(kept.count() >= 2, "do not copy on fork: {flags:?}");
}

fn load(test: &str) -> Option<WakeupSkel<'static>> {
    live_since(test, (5, 10)).then(|| {
        // A skeleton borrows it for as long as it lives.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let open = WakeupSkelBuilder::default().open(object).expect("open");
        open.load().expect("load of wakeup.bpf.c")
    })
}

fn produce(load: &WakeupSkel<'_>, flags: u64) {
    let arguments = emit { count: 1, delay: 0, flags };
    assert_eq!(test_run(&load.progs.emit, &arguments).expect("emit"), 0);
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room for one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
