//! A child of `fork` does not own its parent's rings: what it merely drops changes nothing, what it
//! uses reports that, and one call takes a ring over.

use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;

use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{
    Corrupt, CorruptReason, Drained, Next, NextCopy, OpenError, OverwriteRing, Position,
    ProducerMemory, ReserveError, RingBuf, RingMemory, UserRingBuf, WaitPolicy, Wakeup,
};
use ringbuf_tests::{Operations, RawRing, UserDrain, live_since, page_size};

#[test]
fn a_child_that_drops_a_ring_changes_nothing() {
    let Some(operations) = operations("fork::drops") else { return };
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
    ring.hold_back(1024);
    produce(&operations, 3);
    assert_eq!(ring.drain(|_| ()).expect("a sound ring"), Drained::Empty);
    let (position, unpublished) = (ring.position(), ring.unpublished());
    let pages = RawRing::of(operations.map()).expect("mmap");
    let published = pages.consumer_pos();
    assert_ne!(unpublished, 0, "the test shows nothing");
    produce(&operations, 2);

    let mut ring = Some(ring);
    in_child(|| {
        // What the child maps now must not lie where the ring was.
        let mut own = vec![7_u8; 64 << 20];
        drop(ring.take());
        assert!(own.iter().all(|byte| *byte == 7), "the child's memory is its own");
        own.fill(8);
        assert!(own.iter().all(|byte| *byte == 8));
    });
    assert_eq!(pages.consumer_pos(), published, "the child published");
    let mut ring = ring.expect("the parent keeps its ring");
    assert_eq!((ring.position(), ring.unpublished()), (position, unpublished));
    let mut read = 0;
    ring.drain(|_| read += 1).expect("the child has not moved the position");
    assert_eq!(read, 2, "nothing is lost, nothing comes twice");
}

#[test]
fn a_child_that_unwinds_out_of_a_batch_changes_nothing() {
    let Some(operations) = operations("fork::unwinds") else { return };
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
    produce(&operations, 3);
    let batch = ring.batch();
    assert!(matches!(batch.next(), Ok(Next::Record(_))));
    let mut batch = Some(batch);
    in_child(|| {
        let batch = batch.take();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _batch = batch;
            std::panic::resume_unwind(Box::new("out of the batch"));
        }));
        assert!(result.is_err());
    });
    drop(batch);
    let mut read = 0;
    ring.drain(|_| read += 1).expect("the child has not moved the position");
    assert_eq!((read, ring.counts().delivered), (2, 3));
}

#[test]
fn a_child_that_uses_a_ring_is_told() {
    let Some(operations) = operations("fork::uses") else { return };
    let mut ring = Some(RingBuf::open(operations.map()).expect("the ring opens"));
    produce(&operations, 2);
    in_child(|| {
        let mut ring = ring.take().expect("a copy of the parent's");
        let told = |corrupt: Option<Corrupt>| {
            let corrupt = corrupt.expect("an error");
            assert_eq!(corrupt.reason, CorruptReason::Forked);
            assert!(corrupt.to_string().contains("take_over()"), "{corrupt}");
        };
        told(ring.drain(|_| panic!("a record of the parent's")).err());
        told(ring.next_record().err());
        told(ring.batch().next().err());
        told(ring.lag().err());
        // Nothing blocks: there is something to report.
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
        ring.publish();
        let _ready = ring.arm();
        // What the parent's ring has lent may be in use here: no second reader beside it.
        assert!(matches!(RingBuf::open(&ring), Err(OpenError::SecondConsumer { .. })));
        let id = RingBuf::create(page_size() as u64).expect("another ring").id();
        assert_ne!(id, ring.id());
        let map = ring.as_fd().try_clone_to_owned().expect("a descriptor");
        drop(ring);
        // Without it the map is the child's to open.
        drop(RingBuf::open(map).expect("a ring of the child's own"));
    });
    let mut ring = ring.expect("the parent's");
    let mut read = 0;
    ring.drain(|_| read += 1).expect("the child has not moved the position");
    assert_eq!(read, 2);
}

/// Open, report errors, fork, leave; the daemon reads on.
#[test]
fn a_daemon_takes_its_rings_over() {
    let Some(operations) = operations("fork::takes_over") else { return };
    let policy = WaitPolicy::low_cost();
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens").with_policy(policy);
    produce(&operations, 3);
    let mut read = 0;
    ring.batch().max_records(1).records().for_each(|_| read += 1);
    ring.publish();
    assert_eq!(read, 1);
    in_child(|| {
        ring.take_over().expect("the parent reads no more");
        assert_eq!(ring.policy(), Some(&WaitPolicy::low_cost()));
        assert!(matches!(RingBuf::open(&ring), Err(OpenError::SecondConsumer { .. })));
        let mut read = 0;
        ring.drain(|_| read += 1).expect("a sound ring");
        assert_eq!(read, 2, "from where the parent came to");
        let short = Some(std::time::Duration::from_millis(1));
        assert_eq!(ring.wait(short).expect("wait"), Wakeup::TimedOut);
        ring.publish();
        // A grandchild is none either, until it takes over.
        in_child(|| {
            assert!(ring.drain(|_| ()).is_err());
            ring.take_over().expect("the child reads no more");
            assert_eq!(ring.drain(|_| ()), Ok(Drained::Empty));
        });
    });
    // The parent is told, whatever it does, and changes nothing when it drops the ring.
    produce(&operations, 1);
    let corrupt = ring.drain(|_| ()).expect_err("it is the child's");
    assert_eq!(corrupt.reason, CorruptReason::Forked);
    assert_eq!(ring.wait(None).expect("wait"), Wakeup::Ready);
    // The child is gone: the parent may have it again.
    ring.take_over().expect("nobody else reads");
    let mut read = 0;
    ring.drain(|_| read += 1).expect("a sound ring");
    assert_eq!(read, 1, "what came since");
}

/// The parent returns from main while its child reads on: what it held back is not its to publish.
#[test]
fn a_parent_that_drops_a_ring_after_its_child_took_it_over_changes_nothing() {
    let Some(operations) = operations("fork::parent_drops") else { return };
    let policy = WaitPolicy::balanced();
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens").with_policy(policy);
    produce(&operations, 3);
    ring.drain(|_| ()).expect("a sound ring");
    assert_ne!(ring.unpublished(), 0, "the test shows nothing");
    let pages = RawRing::of(operations.map()).expect("mmap");
    let published = pages.consumer_pos();
    in_child(|| {
        ring.take_over().expect("the parent reads no more");
        let batch = ring.batch();
        assert_eq!(batch.records().count(), 2, "what the parent had not published");
        batch.rewind();
    });
    drop(ring);
    assert_eq!(pages.consumer_pos(), published, "what the child may still be reading");
}

#[test]
fn a_child_commits_no_sample_of_a_user_ring() {
    if !live_since("fork::user_ring", (6, 1)) {
        return;
    }
    let mut drain = UserDrain::load(page_size() as u32).expect("load of user_drain.bpf.c");
    let mut ring = UserRingBuf::open(drain.map()).expect("open");
    let mut reservation = ring.reserve(8).expect("room");
    reservation.copy_from_slice(b"parent's");
    let mut reservation = Some(reservation);
    in_child(|| {
        drop(reservation.take());
        match ring.reserve(8) {
            Err(ReserveError::Corrupt(corrupt)) => {
                assert_eq!(corrupt.reason, CorruptReason::Forked)
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(ring.wait_for_room(8, None).expect("wait"), Wakeup::Ready, "an error to report");
    });
    assert_eq!(drain.run(0, 0, false).ret, 0, "still busy");
    reservation.expect("the parent's").submit();
    assert_eq!(drain.run(0, 0, false).ret, 1);
    assert_eq!(drain.samples(), [b"parent's"]);
    in_child(|| {
        ring.take_over().expect("the parent reserves no more");
        let mut reservation = ring.reserve(5).expect("room");
        reservation.copy_from_slice(b"child");
        reservation.submit();
    });
    assert_eq!(drain.run(0, 0, false).ret, 1);
    assert_eq!(drain.samples(), [b"child"]);
}

/// A child that could not take the ring over leaves its parent's claim where it was.
#[test]
fn a_failed_take_over_changes_nothing() {
    let Some(operations) = operations("fork::a_failed_take_over") else { return };
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
    produce(&operations, 2);
    let pages = RawRing::of(operations.map()).expect("mmap");
    in_child(|| {
        pages.set_consumer_pos(4);
        let error = ring.take_over().expect_err("no position of a consumer");
        assert!(matches!(error, OpenError::Corrupt(_)), "{error}");
        pages.set_consumer_pos(0);
        let second = RingBuf::open(operations.map()).map(drop);
        assert!(matches!(second, Err(OpenError::SecondConsumer { .. })), "{second:?}");
    });
    let mut read = 0;
    ring.drain(|_| read += 1).expect("the parent still owns it");
    assert_eq!(read, 2);
}

/// And one that could not take a user ring over.
#[test]
fn a_failed_take_over_of_a_user_ring_changes_nothing() {
    if !live_since("fork::a_failed_take_over_of_a_user_ring", (6, 1)) {
        return;
    }
    let mut drain = UserDrain::load(page_size() as u32).expect("load of user_drain.bpf.c");
    let mut ring = UserRingBuf::open(drain.map()).expect("open");
    ring.reserve(8).expect("room").submit();
    in_child(|| {
        // SAFETY: P1: it reserves nothing.
        let other = unsafe { UserRingBuf::open_unclaimed(drain.map()) }.expect("open");
        let (memory, sound) = (other.producer().memory(), other.producer().position());
        // SAFETY: no sample is lent out, and the parent waits for this child.
        let store = |position| unsafe { memory.store_producer_pos(position, Relaxed) };
        store(Position::new(47, memory.width()));
        let error = ring.take_over().expect_err("no position of a producer");
        assert!(matches!(error, OpenError::Corrupt(_)), "{error}");
        store(sound);
        let second = UserRingBuf::open(drain.map()).map(drop);
        assert!(matches!(second, Err(OpenError::SecondProducer { .. })), "{second:?}");
    });
    ring.reserve(8).expect("the parent still owns it").submit();
    assert_eq!(drain.run(0, 0, false).ret, 2);
}

/// A ring in overwrite mode as well: reading there is told, and one call takes it over.
#[test]
fn a_child_takes_an_overwriting_ring_over() {
    if !live_since("fork::a_child_takes_an_overwriting_ring_over", (6, 19)) {
        return;
    }
    let mut ring = OverwriteRing::create(page_size() as u64).expect("ring");
    in_child(|| {
        let error = ring.next_copy(&mut []).expect_err("it belongs to the parent");
        assert!(matches!(error, Corrupt { reason: CorruptReason::Forked, .. }), "{error}");
        ring.take_over().expect("the parent reads no more");
        assert!(matches!(ring.next_copy(&mut []), Ok(NextCopy::Empty)));
        let second = OverwriteRing::open(&ring).map(drop);
        assert!(matches!(second, Err(OpenError::SecondConsumer { .. })), "{second:?}");
    });
    let error = ring.next_copy(&mut []).expect_err("it belonged to the child");
    assert!(matches!(error, Corrupt { reason: CorruptReason::Forked, .. }), "{error}");
}

/// Runs `body` in a child of `fork`, where a panic fails this test.
fn in_child(body: impl FnOnce()) {
    // SAFETY: the child runs `body` and ends; of what other threads may have locked it takes the
    // allocator's locks alone, which fork leaves whole, and standard error's.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        let result = catch_unwind(AssertUnwindSafe(body));
        // SAFETY: ends the child, without the parent's exit handlers.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    let mut status = -1;
    // SAFETY: one number to write to, alive for the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child: signal {}, exit {}", status & 0x7f, status >> 8);
}

fn operations(test: &str) -> Option<Operations> {
    live_since(test, (5, 10))
        .then(|| Operations::load(page_size() as u32).expect("load of vectors.bpf.c"))
}

fn produce(operations: &Operations, records: u64) {
    for _ in 0..records {
        assert_eq!(operations.run(op_kind::RESERVE_SUBMIT, 8, 0), 1, "there is room");
    }
}
