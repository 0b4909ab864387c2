//! One producer of a user ring, and many threads that reserve, commit and wait.

#[path = "watchdog/mod.rs"]
mod watchdog;

use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_core::{
    CorruptReason, OwnedReservation, Position, Produced, ReserveError, ReserveWaitError,
};
use ringbuf_sim::{Flags, OpenSimRing, SharedSimUserRing, SimError, SimUserRing};

use watchdog::watchdog;

const CAPACITY: u64 = 4096;
const THREADS: u64 = 4;
const SAMPLES: u64 = if cfg!(debug_assertions) { 4000 } else { 40_000 };

/// The sample with this number of this thread. Every seventh is discarded.
fn sample(thread: u64, number: u64) -> Vec<u8> {
    let len = 16 + (number * 7 + thread) % 90;
    let mut bytes = vec![(number ^ thread) as u8; len as usize];
    bytes[..8].copy_from_slice(&thread.to_ne_bytes());
    bytes[8..16].copy_from_slice(&number.to_ne_bytes());
    bytes
}

/// A thread that reserves, and commits itself, by another thread, or as a batch.
fn produce(ring: &SharedSimUserRing, thread: u64, commit: &mpsc::Sender<Committed>) {
    for number in 0..SAMPLES {
        let bytes = sample(thread, number);
        let len = bytes.len() as u32;
        match number % 7 {
            0 => ring.reserve_within(len, None).unwrap().discard(),
            1 => loop {
                match ring.reserve_owned(len) {
                    Ok(mut reservation) => {
                        reservation.bytes().copy_from_slice(&bytes);
                        commit.send(reservation).unwrap();
                        break;
                    }
                    Err(ReserveError::Full { .. }) => thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            },
            2 => {
                while matches!(ring.submit_all(&[&bytes]), Err(ReserveError::Full { .. })) {
                    thread::yield_now();
                }
            }
            _ => {
                let mut reservation = ring.reserve_within(len, None).unwrap();
                reservation.copy_from_slice(&bytes);
                reservation.submit();
            }
        }
    }
}

type Committed = OwnedReservation<OpenSimRing>;

#[test]
fn samples_of_many_threads_arrive_once_and_each_threads_in_order() {
    let _hangs = watchdog("samples_of_many_threads");
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let shared = ring.shared_producer().unwrap();
    let mut next = [0; THREADS as usize];
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (commit, committed) = mpsc::channel::<Committed>();
        scope.spawn(move || committed.into_iter().for_each(OwnedReservation::submit));
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (shared, commit) = (shared.clone(), commit.clone());
                scope.spawn(move || produce(&shared, number, &commit))
            })
            .collect();
        drop(commit);
        let over = &over;
        scope.spawn(move || {
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            over.store(true, Ordering::Release);
        });
        loop {
            let finished = over.load(Ordering::Acquire);
            let drained = ring.drain(Flags::ADAPTIVE, |bytes| {
                let number = |from| u64::from_ne_bytes(bytes[from..from + 8].try_into().unwrap());
                let (thread, number) = (number(0), number(8));
                let expected = &mut next[thread as usize];
                *expected += u64::from(*expected % 7 == 0);
                assert_eq!(number, *expected, "of thread {thread}");
                assert_eq!(bytes, sample(thread, number));
                *expected += 1;
                Continue(())
            });
            if drained.unwrap() == 0 && finished && shared.lag() == 0 {
                break;
            }
        }
    });
    // The last one may be discarded.
    assert!(next.iter().all(|next| *next + u64::from(*next % 7 == 0) >= SAMPLES), "{next:?}");
    assert_eq!((shared.open_reservations(), shared.lag()), (Ok(0), 0));
}

/// A drain stops at the first open reservation, whichever thread has it.
#[test]
fn an_open_reservation_of_another_thread_holds_up_the_drain() {
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let shared = ring.shared_producer().unwrap();
    let drain = || ring.drain(Flags::ADAPTIVE, |_| Continue(())).unwrap();
    let (reserved, is_reserved) = mpsc::channel();
    let (commit, may_commit) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let first = &shared;
        scope.spawn(move || {
            let reservation = first.reserve(1).unwrap();
            reserved.send(()).unwrap();
            may_commit.recv().unwrap();
            reservation.submit();
        });
        is_reserved.recv().unwrap();
        assert_eq!(shared.submit_all(&[b"second", b"third"]), Ok(2));
        assert_eq!((drain(), shared.open_reservations()), (0, Ok(1)));
        commit.send(()).unwrap();
    });
    assert_eq!(drain(), 3);
}

/// Each of them, by one notification. Without it, each would look only after 100 ms.
#[test]
fn one_drain_wakes_all_that_wait_for_space() {
    let _hangs = watchdog("one_drain_wakes_all");
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let shared = ring.shared_producer().unwrap();
    for _ in 0..20 {
        shared.reserve(4088).unwrap().submit();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| shared.reserve_within(100, None).unwrap().submit());
            }
            thread::sleep(Duration::from_millis(2));
            assert_eq!(ring.drain(Flags::ADAPTIVE, |_| Break(())), Ok(1));
        });
        assert_eq!(ring.drain(Flags::ADAPTIVE, |_| Continue(())), Ok(8));
    }
}

#[test]
fn deadlines_are_kept_and_errors_are_typed() {
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let shared = ring.shared_producer().unwrap();
    shared.reserve(4000).unwrap().submit();
    let begin = Instant::now();
    let late = shared.reserve_until(88, begin + Duration::from_millis(20)).map(drop);
    assert!(matches!(late, Err(ReserveWaitError::TimedOut { footprint: 96, free: 88, .. })));
    // lower bound:
    assert!(begin.elapsed() >= Duration::from_millis(20));
    let text = late.unwrap_err().to_string();
    assert!(text.contains("96 bytes") && text.contains("drains this ring"), "{text}");
    // A deadline that is over, and no wait.
    assert!(shared.reserve_until(80, begin).is_ok());
    let never = shared.reserve_within(4089, None).map(drop);
    let Err(ReserveWaitError::Refused(ReserveError::TooLarge { max: 4088, .. })) = never else {
        panic!("{never:?}");
    };
}

/// A reservation keeps the ring, and the claim of its producer, until it ends.
#[test]
fn an_owned_reservation_outlives_its_producer() {
    let ring = SimUserRing::new(CAPACITY).unwrap();
    for submitted in [true, false] {
        let shared = ring.shared_producer().unwrap();
        let mut reservation = shared.reserve_owned(5).unwrap();
        drop(shared);
        assert!(matches!(ring.producer(), Err(SimError::SecondProducer)));
        reservation.bytes().copy_from_slice(b"hello");
        assert_eq!((reservation.len(), reservation.is_empty()), (5, false));
        let commit = if submitted { OwnedReservation::submit } else { drop };
        thread::spawn(move || commit(reservation)).join().unwrap();
        let drained = ring.drain(Flags::ADAPTIVE, |bytes| {
            assert_eq!(bytes, b"hello");
            Continue(())
        });
        assert_eq!(drained, Ok(u64::from(submitted)));
    }
    assert!(ring.producer().is_ok());
}

/// A position that no child of `fork` may move: there, a lock could be taken for ever.
struct OfThisProcess(std::sync::Mutex<Position>);

static PARENT: AtomicU32 = AtomicU32::new(0);

// SAFETY: P2: the lock is held for a step.
unsafe impl Produced for OfThisProcess {
    fn new(position: Position) -> Self {
        PARENT.store(std::process::id(), Ordering::Relaxed);
        Self(std::sync::Mutex::new(position))
    }

    fn step<R>(&self, step: impl FnOnce(&mut Position) -> R) -> R {
        assert_eq!(std::process::id(), PARENT.load(Ordering::Relaxed), "a step in the child");
        step(&mut self.0.lock().unwrap())
    }
}

#[test]
fn a_child_of_fork_takes_no_lock() {
    let ring = SimUserRing::new(CAPACITY).unwrap();
    let mut producer = ring.producer().unwrap().share::<OfThisProcess>();
    let reservation = producer.reserve(8).unwrap();
    let before = ring.pages();
    in_child(|| {
        let reads = (producer.lag(), producer.position().get(), producer.has_room(8));
        producer.reserve(8).is_err_and(forked)
            && producer.submit_all(&[b"x"]).is_err_and(forked)
            && reads == (16, 16, true)
            && producer.open_reservations().is_err()
    });
    assert_eq!(ring.pages(), before);
    reservation.submit();
    // And a batch that was begun before the fork.
    let mut batch = Some(producer.batch());
    batch.as_mut().unwrap().push(8).unwrap();
    let before = ring.pages();
    in_child(|| {
        let mut batch = batch.take().unwrap();
        batch.push(8).is_err_and(forked) && batch.submit() == 0
    });
    assert_eq!(ring.pages(), before);
    assert_eq!(batch.unwrap().submit(), 1);
    assert_eq!(ring.drain(Flags::ADAPTIVE, |_| Continue(())), Ok(2));
}

/// Runs `body` in a child of `fork`. It must return true.
fn in_child(body: impl FnOnce() -> bool) {
    // SAFETY: the child takes only the lock of the allocator, which stays whole in fork,
    // and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!matches!(result, Ok(true)))) };
    }
    let mut status = -1;
    // SAFETY: one number to write to, alive for the call.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child");
}

fn forked(error: ReserveError) -> bool {
    matches!(error, ReserveError::Corrupt(corrupt) if corrupt.reason == CorruptReason::Forked)
}
