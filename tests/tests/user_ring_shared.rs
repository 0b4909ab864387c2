//! The user ring on the live kernel: many threads, batches, and reservations that wait.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::MapCore;
use ringbuf_kernel::{
    CorruptReason, Producer, ReserveError, ReserveWaitError, SharedUserRing, UserMapping,
    UserRingBuf, WaitHost, WakeCause,
};
use ringbuf_tests::{NO_WAKEUP, Sleeps, UserDrain, live_since, page_size, skip, watchdog};

const PAGE: u32 = 4096;
const THREADS: u64 = 4;
const SAMPLES: u64 = 5000;

/// Threads that reserve, wait for space, submit slices, and hand reservations to another
/// thread. Each sample arrives once, and those of one thread in order.
#[test]
fn samples_of_many_threads_arrive_once_and_each_threads_in_order() {
    if !may_run("user_ring_shared::samples_of_many_threads") {
        return;
    }
    let _hangs = watchdog("user_ring_shared::samples_of_many_threads");
    let (mut drain, ring) = fresh();
    let over = AtomicBool::new(false);
    let mut next = [0; THREADS as usize];
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let ring = ring.clone();
                scope.spawn(move || produce(&ring, thread))
            })
            .collect();
        let over = &over;
        scope.spawn(move || {
            threads.into_iter().for_each(|thread| thread.join().expect("a producer"));
            over.store(true, Relaxed);
        });
        loop {
            let finished = over.load(Relaxed);
            // As many as are surely kept.
            let drained = drain.run(0, 1000, false).ret;
            assert!(drained >= 0, "{drained}");
            for sample in drain.samples() {
                let [thread, number] = [0, 8].map(|from| {
                    u64::from_ne_bytes(sample[from..from + 8].try_into().expect("8 bytes"))
                });
                assert_eq!(number, next[thread as usize], "of thread {thread}");
                assert_eq!(sample, bytes(thread, number));
                next[thread as usize] += 1;
            }
            if drained == 0 && finished && ring.lag() == 0 {
                break;
            }
        }
    });
    assert_eq!((next, ring.open_reservations()), ([SAMPLES; 4], Ok(0)));
}

fn bytes(thread: u64, number: u64) -> Vec<u8> {
    let mut bytes = vec![(thread ^ number) as u8; 16 + (number * 13 % 60) as usize];
    bytes[..8].copy_from_slice(&thread.to_ne_bytes());
    bytes[8..16].copy_from_slice(&number.to_ne_bytes());
    bytes
}

fn produce(ring: &SharedUserRing, thread: u64) {
    for number in 0..SAMPLES {
        let bytes = bytes(thread, number);
        let len = bytes.len() as u32;
        match number % 3 {
            0 => {
                let mut reservation = ring.reserve_within(len, None).expect("space");
                reservation.copy_from_slice(&bytes);
                reservation.submit();
            }
            1 => loop {
                match ring.reserve_owned(len) {
                    Ok(mut reservation) => {
                        thread::scope(|scope| {
                            scope.spawn(move || {
                                reservation.bytes().copy_from_slice(&bytes);
                                reservation.submit();
                            });
                        });
                        break;
                    }
                    Err(ReserveError::Full { .. }) => thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            },
            _ => {
                while let Err(error) = ring.submit_all(&[&bytes]) {
                    assert!(matches!(error, ReserveError::Full { .. }), "{error}");
                    thread::yield_now();
                }
            }
        }
    }
}

/// No signal ends the wait or prolongs it.
#[test]
fn a_reservation_waits_through_signals() {
    if !may_run("user_ring_shared::a_reservation_waits_through_signals") {
        return;
    }
    extern "C" fn nothing(_: libc::c_int) {}
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: the handler does nothing, which is safe at any moment.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    // SAFETY: takes no argument.
    let waiter = unsafe { libc::pthread_self() };
    let _hangs = watchdog("user_ring_shared::a_reservation_waits_through_signals");
    let (mut drain, ring) = fresh();
    ring.reserve(PAGE - 8 - 96).expect("room").submit();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                thread::sleep(Duration::from_millis(1));
                // SAFETY: the thread lives: it waits for this scope to end.
                unsafe { libc::pthread_kill(waiter, libc::SIGUSR1) };
            }
        });
        let begin = Instant::now();
        let late = ring.reserve_within(89, Some(Duration::from_millis(150))).map(drop);
        let Err(ReserveWaitError::TimedOut { footprint: 104, free: 96, .. }) = late else {
            panic!("{late:?}");
        };
        // lower bound:
        assert!(begin.elapsed() >= Duration::from_millis(150));
        let drain = &mut drain;
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(30));
            assert_eq!(drain.run(0, 0, false).ret, 1);
        });
        ring.reserve_within(89, None).expect("the drain has made space").submit();
        over.store(true, Relaxed);
    });
}

/// There is some space, but too little. Poll reports the ring as writable all the time,
/// and yet the wait sleeps: a block for each 100 ms, and none of them ends early.
#[test]
fn waiting_with_some_space_sleeps() {
    if !may_run("user_ring_shared::waiting_with_some_space_sleeps") {
        return;
    }
    let drain = UserDrain::load(PAGE).expect("load of user_drain.bpf.c");
    let memory = Sleeps::new(UserMapping::new(drain.map()).expect("mapping"));
    // SAFETY: P1: the only producer of a ring that this test has loaded.
    let ring = unsafe { Producer::new(memory) }.expect("a sound ring");
    ring.reserve(2000).expect("room").submit();
    // The event of the past ends the first block at once.
    ring.memory().block(Duration::ZERO).expect("epoll");
    ring.memory().blocks();
    let late = ring.reserve_within(2100, Some(Duration::from_millis(350))).map(drop);
    assert!(matches!(late, Err(ReserveWaitError::TimedOut { free: 2088, .. })), "{late:?}");
    let blocks = ring.memory().blocks();
    assert!(blocks.len() <= 4, "{blocks:?}");
    assert!(blocks.iter().all(|(_, cause)| *cause == WakeCause::TimeUp), "{blocks:?}");
}

/// All by the notification of one drain; by the look at the bound if it is silent.
#[test]
fn one_drain_wakes_all_that_wait_for_space() {
    if !may_run("user_ring_shared::one_drain_wakes_all") {
        return;
    }
    let _hangs = watchdog("user_ring_shared::one_drain_wakes_all");
    let (mut drain, ring) = fresh();
    for flags in [0, 0, 0, NO_WAKEUP] {
        ring.reserve(PAGE - 8).expect("empty").submit();
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| ring.reserve_within(200, None).expect("space").submit());
            }
            thread::sleep(Duration::from_millis(5));
            assert_eq!(drain.run(flags, 1, false).ret, 1);
        });
        assert_eq!(drain.run(0, 0, false).ret, 6);
    }
}

/// A waker made before the ring was shared ends the wait of one thread, which wakes the next.
#[test]
fn a_wake_ends_one_wait_after_the_other() {
    if !may_run("user_ring_shared::a_wake_ends_one_wait") {
        return;
    }
    let _hangs = watchdog("user_ring_shared::a_wake_ends_one_wait");
    let ring = UserRingBuf::create(page_size() as u64).expect("user ring");
    let waker = ring.waker().expect("an eventfd");
    let ring = ring.share();
    ring.reserve(PAGE - 8).expect("room").submit();
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let woken = ring.reserve_within(8, None).map(drop);
                assert!(matches!(woken, Err(ReserveWaitError::Woken)), "{woken:?}");
                ring.waker().expect("made before").wake();
            });
        }
        waker.wake();
    });
}

#[test]
fn a_batch_is_one_drain_and_nothing_before_it() {
    if !may_run("user_ring_shared::a_batch") {
        return;
    }
    let mut drain = UserDrain::load(1 << 25).expect("load of user_drain.bpf.c");
    let mut ring = UserRingBuf::open(drain.map()).expect("open");
    let mut batch = ring.producer_mut().batch();
    for number in 0..100_u8 {
        batch.push(3).expect("room").fill(number);
    }
    assert_eq!(drain.run(0, 0, false).ret, 0, "not submitted");
    assert_eq!(batch.submit(), 100);
    assert_eq!(drain.run(0, 0, false).ret, 100);
    assert!(drain.samples().iter().zip(0_u8..).all(|(sample, number)| *sample == [number; 3]));
    // The kernel's limit, before anything is written.
    let too_large = vec![0; 1 << 24];
    let refused = ring.submit_all(&[b"small", &too_large]);
    let Err(ReserveError::TooLarge { len: 0x100_0000, max: 0xff_ffff, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(ring.producer_mut().batch().push(1 << 24).is_err());
    assert_eq!((ring.lag(), drain.run(0, 0, false).ret), (0, 0));
    assert_eq!(ring.submit_all(&[b"small", &too_large[1..], b"last"]).expect("room"), 3);
    assert_eq!((drain.run(0, 0, false).ret, drain.sizes()), (3, vec![5, 0xff_ffff, 4]));
}

/// An event loop of one's own: edge-triggered, and a look after each event.
#[test]
fn an_edge_follows_each_drain_that_makes_space() {
    if !may_run("user_ring_shared::an_edge_follows") {
        return;
    }
    // `drain.woken` asks an epoll set that watches the map edge-triggered.
    let (mut drain, ring) = fresh();
    assert!(drain.woken().expect("epoll"), "it is writable when it is registered");
    for _ in 0..100 {
        ring.reserve(2000).expect("room").submit();
        ring.reserve(1000).expect("room").submit();
        assert!(!ring.has_room(1500));
        assert!(!drain.woken().expect("epoll"), "some space is no event");
        assert_eq!(drain.run(0, 1, false).ret, 1);
        assert!(drain.woken().expect("epoll") && ring.has_room(1500));
        assert_eq!(drain.run(0, 0, false).ret, 1);
        assert!(drain.woken().expect("epoll"));
    }
}

#[test]
fn a_child_of_fork_owns_no_shared_ring() {
    if !may_run("user_ring_shared::a_child_of_fork") {
        return;
    }
    let (mut drain, ring) = fresh();
    let mut reservation = Some(ring.reserve_owned(8).expect("room"));
    // SAFETY: the child takes no lock that another thread may have, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(reservation.take());
        let forked = |error| {
            matches!(error, ReserveError::Corrupt(corrupt)
                if corrupt.reason == CorruptReason::Forked)
        };
        let waits = ring.reserve_within(8, None).map(drop);
        let right = ring.reserve(8).is_err_and(forked)
            && matches!(waits, Err(ReserveWaitError::Refused(error)) if forked(error))
            && ring.lag() == 16;
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!right)) };
    }
    let mut status = -1;
    // SAFETY: one number to write to, alive for the call.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((status, drain.run(0, 0, false).ret), (0, 0));
    reservation.take().expect("the parent's").submit();
    assert_eq!(drain.run(0, 0, false).ret, 1);
}

fn fresh() -> (UserDrain, SharedUserRing) {
    let drain = UserDrain::load(PAGE).expect("load of user_drain.bpf.c");
    let ring = UserRingBuf::open(drain.map()).expect("open").share();
    assert_eq!((ring.name(), ring.id()), ("user_ring", drain.map().info().expect("info").info.id));
    assert_eq!(ring.capacity().bytes(), PAGE.into());
    (drain, ring)
}

fn may_run(test: &str) -> bool {
    if !live_since(test, (6, 1)) {
        return false;
    }
    if page_size() != PAGE as usize {
        skip(test, "written for pages of 4 KiB");
        return false;
    }
    true
}
