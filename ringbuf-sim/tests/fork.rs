//! A child of `fork` has the pages of a simulated ring, as it has those of a map.
//! Dropping what its parent opened stores nothing there, and using it is an error.

use ringbuf_core::{CorruptReason, Next, ReserveError};
use ringbuf_sim::{Flags, Refused, SimError, SimRing, SimUserRing};

#[test]
fn a_child_stores_nothing_into_its_parents_ring() {
    let ring = SimRing::new(4096).unwrap();
    let producer = ring.producer();
    let mut consumer = ring.consumer().unwrap();
    consumer.hold_back(1024);
    for _ in 0..3 {
        producer.output(b"sample", Flags::ADAPTIVE).unwrap();
        consumer.drain(|_| ()).unwrap();
    }
    let reservation = producer.reserve(8).unwrap();
    assert_ne!(consumer.unpublished(), 0, "the test shows nothing");
    let before = ring.pages();
    let mut consumer = Some(consumer);
    let mut reservation = Some(reservation);
    in_child(|| {
        let forked = |reason| reason == CorruptReason::Forked;
        let mut consumer = consumer.take().unwrap();
        forked(consumer.drain(|_| ()).unwrap_err().reason)
            && forked(consumer.next_record().unwrap_err().reason)
            && forked(consumer.lag().unwrap_err().reason)
            && {
                consumer.publish();
                drop(consumer);
                drop(reservation.take());
                matches!(ring.consumer(), Err(SimError::Forked))
                    && matches!(producer.reserve(8), Err(Refused::Forked))
                    && producer.output(b"sample", Flags::ADAPTIVE).is_err()
            }
    });
    assert_eq!(ring.pages(), before);
    reservation.unwrap().submit(Flags::ADAPTIVE);
    assert!(matches!(consumer.unwrap().batch().next(), Ok(Next::Record(_))));
}

#[test]
fn a_child_stores_nothing_into_its_parents_user_ring() {
    let ring = SimUserRing::new(4096).unwrap();
    let producer = ring.producer().unwrap();
    let mut reservation = Some(producer.reserve(8).unwrap());
    let before = ring.pages();
    in_child(|| {
        drop(reservation.take());
        matches!(producer.reserve(8), Err(ReserveError::Corrupt(corrupt))
            if corrupt.reason == CorruptReason::Forked)
    });
    assert_eq!(ring.pages(), before);
    reservation.unwrap().submit();
}

/// Out of file descriptors: the text says what to raise, once.
#[test]
fn a_ring_without_file_descriptors_is_refused() {
    in_child(|| {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: one limit, alive for the call; it holds in this child alone.
        let limited = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) } == 0;
        let errors = [SimRing::new(4096).map(drop), SimUserRing::new(4096).map(drop)];
        limited
            && errors.into_iter().all(|result| {
                result.is_err_and(|error| {
                    matches!(error, SimError::Io(_))
                        && error.to_string().contains("ulimit -n")
                        && std::error::Error::source(&error).is_none()
                })
            })
    });
}

/// Runs `body` in a child of `fork`. It must return true.
fn in_child(body: impl FnOnce() -> bool) {
    // SAFETY: the child takes only the lock of the allocator, which stays whole in
    // fork, and ends.
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
