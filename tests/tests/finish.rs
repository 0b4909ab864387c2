//! The last reading of a ring and of a set, on the kernel: a record that is in flight, and the
//! ends that virtual time cannot show.

use std::time::Duration;

use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{FinishError, RingBuf, RingSet, WaitPolicy, Wakeup};
use ringbuf_tests::{Operations, live_since, page_size, until_seen};

const SHORT: Duration = Duration::from_millis(5);

/// So long that only a hang reaches it.
const LONG: Duration = Duration::from_secs(600);

fn operations() -> Operations {
    Operations::load(page_size() as u32).expect("load of vectors.bpf.c")
}

#[test]
fn a_record_in_flight_is_reported_and_read_after_its_commit() {
    if !live_since("finish::a_record_in_flight", (5, 10)) {
        return;
    }
    until_seen("finish::a_record_in_flight", || {
        let operations = operations();
        let mut ring = RingBuf::open(operations.map()).expect("open");
        operations.run(op_kind::OUTPUT, 8, 0);
        let held = operations.while_held(false, 0, || ring.finish(SHORT, |_| ()));
        let held = held.expect("a sound ring");
        assert_eq!((held.delivered, held.left, held.left_records), (1, 32, 2), "{held}");
        assert_eq!((held.in_flight, held.in_flight_bytes), (1, 16), "{held}");
        let rest = ring.finish(LONG, |_| ()).expect("a sound ring");
        assert_eq!((rest.delivered, rest.left), (2, 0), "{rest}");
        assert_eq!(operations.ring().consumer_pos(), operations.ring().producer_pos());
    });
}

#[test]
fn a_set_reports_each_ring() {
    if !live_since("finish::a_set", (5, 10)) {
        return;
    }
    until_seen("finish::a_set", || {
        let (busy, free) = (operations(), operations());
        let mut set = RingSet::new(WaitPolicy::balanced()).expect("a set");
        let first = set.insert(RingBuf::open(busy.map()).expect("open"), "busy").expect("added");
        set.insert(RingBuf::open(free.map()).expect("open"), "free").expect("added");
        free.run(op_kind::OUTPUT, 8, 0);
        let mut names = Vec::new();
        let finished = busy.while_held(true, 0, || set.finish(SHORT, |name, _| names.push(*name)));
        let finished = finished.expect("it sleeps");
        assert!(!finished.is_complete() && names == ["free"], "{names:?}");
        let ring = finished.rings.iter().find(|ring| ring.id == first).expect("the first ring");
        assert_eq!(ring.finished.as_ref().expect("a sound ring").in_flight, 1);
        assert_eq!((finished.total().delivered, finished.total().left), (1, 32));
        assert_eq!(finished.to_string().lines().count(), 2, "{finished}");
        let rest = set.finish(LONG, |_, _| ()).expect("it sleeps");
        assert_eq!((rest.total().delivered, rest.total().discarded), (1, 1), "{rest}");
    });
}

/// And the sleeps before it are not cut short again and again.
#[test]
fn a_wake_is_left_to_the_next_wait() {
    if !live_since("finish::a_wake", (5, 10)) {
        return;
    }
    until_seen("finish::a_wake", || {
        let operations = operations();
        let mut ring = RingBuf::open(operations.map()).expect("open");
        let waker = ring.waker().expect("a waker");
        waker.wake();
        let held = operations.while_held(false, 0, || ring.finish(SHORT, |_| ()));
        assert_eq!(held.expect("a sound ring").in_flight, 1);
        assert_eq!(ring.finish(LONG, |_| ()).expect("a sound ring").delivered, 2);
        assert_eq!(ring.wait(None).expect("wait"), Wakeup::Woken);
        assert_eq!(ring.wait(Some(Duration::ZERO)).expect("wait"), Wakeup::TimedOut);
    });
}

#[test]
fn another_reader_is_an_error() {
    if !live_since("finish::another_reader", (5, 10)) {
        return;
    }
    let operations = operations();
    let mut ring = RingBuf::open(operations.map()).expect("open");
    operations.run(op_kind::OUTPUT, 8, 0);
    operations.ring().catch_up();
    let error = ring.finish(LONG, |_| ()).expect_err("another reader was here");
    assert!(matches!(error, FinishError::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("stop one of the two"), "{error}");
}
