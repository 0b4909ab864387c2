//! Tokio tasks over live maps: a ring, a set, and a user ring. RINGBUF_CANCELLED says how many
//! futures are dropped (2,000 without it, 100 in a guest of the matrix).

use std::env;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_lite::future::zip;
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{ReserveError, RingBuf, RingSet, UserRingBuf, WaitPolicy, Wakeup};
use ringbuf_tests::{
    NO_WAKEUP, Operations, UserDrain, disposable_kernel, live, live_since, page_size, watchdog,
};
use ringbuf_tokio::{AsyncRing, AsyncUserRing};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime")
}

fn load() -> Operations {
    Operations::load(u32::try_from(page_size()).expect("small")).expect("load of vectors.bpf.c")
}

fn emit(program: &Operations, flags: u64) -> bool {
    program.run(op_kind::OUTPUT, 8, flags) == 0
}

/// Futures are dropped after up to three polls while a program produces, with and without
/// notifications.
#[test]
fn a_task_reads_each_record_once_though_its_waits_are_cancelled() {
    if !live("tokio::a_task_reads_each_record_once") {
        return;
    }
    let _hangs = watchdog("tokio::a_task_reads_each_record_once");
    let cancelled = if disposable_kernel() { 100 } else { 2_000 };
    let cancelled = env::var("RINGBUF_CANCELLED").map_or(cancelled, |n| n.parse().expect("number"));
    for policy in [WaitPolicy::balanced(), WaitPolicy::immediate(), WaitPolicy::low_latency()] {
        let program = load();
        let ring = RingBuf::open(program.map()).expect("ring").with_policy(policy);
        let waker = ring.waker().expect("an eventfd");
        let sender = thread::spawn(move || {
            let flags = |number: u64| if number % 7 == 0 { NO_WAKEUP } else { 0 };
            let sent = (0..cancelled).filter(|&number| emit(&program, flags(number))).count();
            waker.close();
            sent
        });
        let (mut read, mut dropped) = (0, 0);
        runtime().block_on(async {
            let mut events = AsyncRing::new(ring).expect("registered");
            loop {
                let ended = polled(events.ready(), dropped % 3 + 1).await;
                dropped += u64::from(ended.is_none());
                let closed = matches!(ended, Some(Ok(Wakeup::Closed)));
                events.drain(|_| read += 1).expect("a sound ring");
                if closed {
                    break;
                }
            }
        });
        assert_eq!(read, sender.join().expect("no panic"), "{dropped} dropped");
    }
}

/// Polls a future up to this often, and drops it.
async fn polled<T>(future: impl Future<Output = T>, polls: u64) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(value) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(value);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Rings that a handle adds while the task sleeps are read, too.
#[test]
fn a_task_reads_a_set() {
    if !live("tokio::a_task_reads_a_set") {
        return;
    }
    let _hangs = watchdog("tokio::a_task_reads_a_set");
    let programs = [load(), load()];
    let mut set = RingSet::new(WaitPolicy::balanced()).expect("an epoll set");
    set.insert(RingBuf::open(programs[0].map()).expect("ring"), 0).expect("added");
    let (handle, waker) = (set.handle(), set.waker());
    let mut counts = [0; 2];
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut sent = [0; 2];
            for round in 0..200 {
                if round == 20 {
                    let late = RingBuf::open(programs[1].map()).expect("ring");
                    handle.insert(late, 1).expect("added");
                }
                sent[round % 2] += u64::from(emit(&programs[round % 2], 0));
                thread::sleep(Duration::from_micros(round as u64 * 5));
            }
            waker.close();
        });
        runtime().block_on(async {
            let mut rings = AsyncRing::new(set).expect("registered");
            while rings.ready().await.expect("wait") != Wakeup::Closed {
                rings.drain(|&mut ring, _| counts[ring] += 1).expect("sound rings");
            }
            let finished = rings
                .into_inner()
                .finish(Duration::from_secs(1), |&mut ring, _| counts[ring] += 1)
                .expect("finished");
            assert!(finished.is_complete(), "{finished}");
        });
    });
    assert_eq!(counts, [100, 100]);
}

/// The task waits while the ring is full, is woken by the drain, and survives cancellation.
#[test]
fn a_task_waits_for_space_in_a_user_ring() {
    if !live_since("tokio::a_task_waits_for_space", (6, 1)) {
        return;
    }
    let _hangs = watchdog("tokio::a_task_waits_for_space");
    let page = u32::try_from(page_size()).expect("small");
    let mut drain = UserDrain::load(page).expect("load of user_drain.bpf.c");
    let ring = UserRingBuf::open(drain.map()).expect("user ring");
    let len = page / 2 - 8;
    runtime().block_on(async {
        let mut ring = AsyncUserRing::new(ring).expect("registered");
        for round in 0..20 {
            while ring.get_ref().has_room(len) {
                ring.reserve(len).await.expect("wait").expect("space").submit();
            }
            assert!(polled(ring.reserve(len), round % 3 + 1).await.is_none(), "it is full");
            // It sleeps, and the drain wakes it.
            let drained = async {
                tokio::task::yield_now().await;
                drain.run(0, 0, false).ret
            };
            let (reserved, ret) = zip(ring.reserve(len), drained).await;
            assert!(ret > 0, "{ret}");
            reserved.expect("wait").expect("space").submit();
        }
        let never = ring.reserve(page * 2).await.expect("wait");
        assert!(!matches!(never, Err(ReserveError::Full { .. }) | Ok(_)), "it never fits");
    });
}
