//! After its first wait neither a reader nor a producer allocates, over the live kernel.

#[path = "../../ringbuf-sim/tests/counting/mod.rs"]
mod counting;

use std::ops::ControlFlow::{self, Continue};
use std::time::Duration;

use counting::without_allocation;
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{Armed, Drained, Next, RingBuf, UserRingBuf, WaitPolicy, Wakeup};
use ringbuf_tests::{Operations, UserDrain, live_since, page_size};

const GO_ON: ControlFlow<()> = Continue(());
const SHORT: Duration = Duration::from_millis(2);
/// Records at once: dense, as a waiter sees it.
const BURST: u64 = 40;

#[test]
fn reading_does_not_allocate() {
    let Some(operations) = operations("allocations::reading") else { return };
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
    produce(&operations);
    without_allocation("a batch", || {
        let batch = ring.batch();
        while let Ok(Next::Record(_)) = batch.next() {}
        assert_eq!(batch.delivered(), BURST);
    });
    produce(&operations);
    without_allocation("for_each", || {
        let mut bytes = 0;
        let end = ring.for_each(|record| {
            bytes += record.len() as u64;
            GO_ON
        });
        assert_eq!((end, bytes), (Ok(Continue(Drained::Empty)), 8 * BURST));
        ring.publish();
        assert_eq!((ring.arm(), ring.lag()), (Armed::Sleep, Ok(0)));
        drop(ring);
    });
}

#[test]
fn waiting_does_not_allocate() {
    let Some(operations) = operations("allocations::waiting") else { return };
    let presets = [
        ("balanced", WaitPolicy::balanced()),
        ("low_latency", WaitPolicy::low_latency()),
        ("low_cost", WaitPolicy::low_cost()),
        ("immediate", WaitPolicy::immediate()),
    ];
    for (name, waiting) in presets {
        let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
        ring.set_policy(waiting);
        // The first block makes the epoll set.
        assert_eq!(ring.wait(Some(SHORT)).expect("wait"), Wakeup::TimedOut);
        for _ in 0..30 {
            produce(&operations);
            without_allocation(name, || {
                let wakeup = ring.wait(None).expect("wait");
                assert_eq!(wakeup, Wakeup::Ready);
                assert_eq!(ring.for_each(|_| GO_ON), Ok(Continue(Drained::Empty)));
                let wakeup = ring.wait(Some(SHORT)).expect("wait");
                assert_eq!(wakeup, Wakeup::TimedOut);
            });
        }
        assert_eq!(ring.counts().delivered, 30 * BURST);
    }
}

#[test]
fn producing_does_not_allocate() {
    if !live_since("allocations::producing", (6, 1)) {
        return;
    }
    let mut drain = UserDrain::load(page_size() as u32).expect("load of user_drain.bpf.c");
    let ring = UserRingBuf::open(drain.map()).expect("the ring opens");
    for _ in 0..3 {
        let sent = without_allocation("a producer", || {
            let mut sent = 0;
            while let Ok(mut reservation) = ring.reserve(8) {
                reservation.fill(7);
                reservation.submit();
                sent += 1;
            }
            let wakeup = ring.wait_for_room(8, Some(SHORT)).expect("wait");
            assert_eq!(wakeup, Wakeup::TimedOut);
            sent
        });
        assert_eq!(drain.run(0, 0, false).ret, sent);
        without_allocation("a wait for room", || {
            let wakeup = ring.wait_for_room(8, None).expect("wait");
            assert_eq!(wakeup, Wakeup::Ready);
            ring.reserve(8).expect("room").discard();
        });
        assert_eq!(drain.run(0, 0, false).ret, 0, "a discarded sample");
    }
}

fn operations(test: &str) -> Option<Operations> {
    live_since(test, (5, 10))
        .then(|| Operations::load(page_size() as u32).expect("load of vectors.bpf.c"))
}

fn produce(operations: &Operations) {
    for _ in 0..BURST {
        let ret = operations.run(op_kind::RESERVE_SUBMIT, 8, 0);
        assert_eq!(ret, 1, "there is room");
    }
}
