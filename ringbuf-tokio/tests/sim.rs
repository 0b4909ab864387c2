//! Tasks that read simulated rings, in real time, with producers on other threads.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use std::{io, thread};

use ringbuf_core::{Consumer, WaitPolicy, Wakeup};
use ringbuf_kernel::{RingSet, Waker as RingWaker};
use ringbuf_sim::{Flags, KernelProducer, SimMemory, SimRing};
use ringbuf_tokio::{AsyncRing, Ring};
use tokio::runtime::Builder;
use tokio::time::timeout;

/// Only ends a test that hangs.
const LONG: Duration = Duration::from_secs(300);

fn policies() -> [(&'static str, WaitPolicy); 4] {
    [
        ("balanced", WaitPolicy::balanced()),
        ("low_latency", WaitPolicy::low_latency()),
        ("low_cost", WaitPolicy::low_cost()),
        ("immediate", WaitPolicy::immediate()),
    ]
}

/// Runs a test on a runtime of one thread, and on one of two.
fn on_each_runtime<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async { timeout(LONG, test()).await.expect("it hangs") });
    }
}

fn open(policy: &WaitPolicy) -> (SimRing, AsyncRing<Consumer<SimMemory>>) {
    let ring = SimRing::new(64 << 10).unwrap();
    let mut consumer = ring.consumer().unwrap();
    consumer.set_policy(policy.clone());
    (ring, AsyncRing::new(consumer).unwrap())
}

/// Sends numbers from another thread, with pauses of every length. Retries when the ring is full.
fn send(program: KernelProducer, records: u64) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for number in 0..records {
            while program.output(&number.to_ne_bytes(), Flags::ADAPTIVE).is_err() {
                thread::yield_now();
            }
            match number % 1000 {
                0..=99 => (0..number % 100 * 20).for_each(|_| std::hint::spin_loop()),
                100..=109 => thread::sleep(Duration::from_micros(200)),
                _ => {}
            }
        }
    })
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes.try_into().expect("8 bytes"))
}

/// Reads numbers until `end`, each once and in order.
async fn receive(events: &mut AsyncRing<impl Ring>, end: u64) {
    let mut next = 0;
    while next < end {
        assert_eq!(events.ready().await.unwrap(), Wakeup::Ready);
        events
            .drain(|record| {
                assert_eq!(number(&record), next);
                next += 1;
            })
            .unwrap();
    }
}

#[test]
fn every_record_arrives_once_in_order() {
    on_each_runtime(|| async {
        for (_, policy) in policies() {
            let (ring, mut events) = open(&policy);
            let sender = send(ring.producer(), 20_000);
            receive(&mut events, 20_000).await;
            sender.join().unwrap();
        }
    });
}

/// RINGBUF_CANCELLED says how many futures are dropped under way (4,000 without it).
#[test]
fn a_cancelled_wait_has_read_nothing() {
    let rounds = std::env::var("RINGBUF_CANCELLED").map_or(4_000, |n| n.parse().unwrap());
    on_each_runtime(|| async {
        for (name, policy) in policies() {
            let (ring, mut events) = open(&policy);
            let sender = send(ring.producer(), rounds);
            let (mut next, mut cancelled) = (0, 0);
            while next < rounds || cancelled < rounds {
                // Polled between once and three times, then dropped.
                let polls = cancelled % 3 + 1;
                if polled(events.ready(), polls).await.is_none() {
                    cancelled += 1;
                    continue;
                }
                let batch = events.batch();
                while let Ok(ringbuf_core::Next::Record(record)) = batch.next() {
                    assert_eq!(number(&record), next, "{name}");
                    next += 1;
                }
                drop(batch);
                if next == rounds {
                    // The rest is cancelled over an empty ring.
                    while cancelled < rounds {
                        assert!(polled(events.ready(), polls).await.is_none(), "{name}");
                        cancelled += 1;
                    }
                }
            }
            sender.join().unwrap();
        }
    });
}

/// Polls a future up to this often, lets other tasks run in between, and drops it.
async fn polled<T>(future: impl Future<Output = io::Result<T>>, polls: u64) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let once = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx)));
        if let Poll::Ready(ready) = once.await {
            return Some(ready.unwrap());
        }
        tokio::task::yield_now().await;
    }
    None
}

#[test]
fn wakers_end_a_wait_and_none_is_lost() {
    on_each_runtime(|| async {
        for (name, policy) in policies() {
            let (ring, mut events) = open(&policy.max_sleep(Duration::MAX));
            let waker = ring.waker();
            let answered = Arc::new(AtomicU64::new(0));
            let (asker, seen) = (waker.clone(), answered.clone());
            let asker = thread::spawn(move || {
                for round in 0..2_000 {
                    while seen.load(Relaxed) < round {
                        thread::yield_now();
                    }
                    match round % 3 {
                        0 => asker.wake(),
                        1 => asker.flush(),
                        _ => asker.set_deadline(Some(Instant::now())),
                    }
                }
            });
            for round in 0..2_000 {
                let wanted = [Wakeup::Woken, Wakeup::Flushed, Wakeup::TimedOut][round % 3];
                assert_eq!(events.ready().await.unwrap(), wanted, "{name}");
                waker.set_deadline(None);
                answered.store(round as u64 + 1, Relaxed);
            }
            asker.join().unwrap();
            waker.close();
            assert_eq!(events.ready().await.unwrap(), Wakeup::Closed, "{name}");
        }
    });
}

#[test]
fn a_waker_ends_a_sleep_that_has_no_end() {
    on_each_runtime(|| async {
        let (ring, mut events) = open(&WaitPolicy::immediate().max_sleep(Duration::MAX));
        let waker = ring.waker();
        let asker = tokio::task::spawn_blocking(move || {
            thread::sleep(Duration::from_millis(20));
            waker.wake();
        });
        let ready = timeout(Duration::from_secs(20), events.ready()).await;
        assert_eq!(ready.expect("it hangs").unwrap(), Wakeup::Woken);
        asker.await.unwrap();
    });
}

/// A flooded ring must not keep the thread.
#[test]
fn other_tasks_run_while_the_ring_is_never_empty() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (name, policy) in policies() {
            let (ring, mut events) = open(&policy);
            let program = ring.producer();
            program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
            let reader = async {
                for _ in 0..1_000_000 {
                    assert_eq!(events.ready().await.unwrap(), Wakeup::Ready);
                    program.output(&[0; 8], Flags::ADAPTIVE).unwrap();
                    let batch = events.batch().max_records(1);
                    assert!(matches!(batch.next(), Ok(ringbuf_core::Next::Record(_))));
                }
            };
            let other = async {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                biased;
                () = reader => panic!("{name}: no other task runs"),
                () = other => {}
            }
        }
    });
}

/// The naps are those of the policy, so most records do not notify.
#[test]
fn dense_records_are_all_read_between_naps() {
    on_each_runtime(|| async {
        let (ring, mut events) = open(&WaitPolicy::balanced());
        let program = ring.producer();
        let (mut delivered, records) = (0, 20_000);
        let sender = thread::spawn(move || {
            for _ in 0..records {
                // budget: the pause between two records.
                let next = Instant::now() + Duration::from_micros(10);
                while program.output(&[0; 8], Flags::ADAPTIVE).is_err() {
                    thread::yield_now();
                }
                // budget: as above.
                while Instant::now() < next {
                    std::hint::spin_loop();
                }
            }
        });
        while delivered < records {
            events.ready().await.unwrap();
            events.drain(|_| delivered += 1).unwrap();
        }
        sender.join().unwrap();
        // Printed only: a loud host changes it.
        println!("{} notifications for {records} records", ring.notifications());
    });
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let ring = SimRing::new(4096).unwrap();
    let error = AsyncRing::new(ring.consumer().unwrap()).unwrap_err();
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
}

#[test]
fn tasks_may_move_to_other_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn types<T: Send>() {}
    types::<AsyncRing<RingSet<Vec<u8>>>>();
    types::<AsyncRing<ringbuf_kernel::RingBuf>>();
    types::<RingWaker>();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let (_ring, mut events) = open(&WaitPolicy::balanced());
    is_send(&events.ready());
}

/// A poll by hand: the task is woken by a record, not only by the timer.
#[test]
fn a_record_wakes_the_task() {
    struct Count(AtomicU64);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let (ring, mut events) = open(&WaitPolicy::immediate().max_sleep(Duration::MAX));
    let count = Arc::new(Count(AtomicU64::new(0)));
    let waker = Waker::from(count.clone());
    let mut ready = pin!(events.ready());
    let mut polls = 0;
    // The first polls take what was signalled before.
    while ready.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        let before = count.0.load(Relaxed);
        ring.producer().output(&[0; 8], Flags::ADAPTIVE).unwrap();
        // watchdog: a task that is never woken.
        let hangs = Instant::now() + Duration::from_secs(20);
        while count.0.load(Relaxed) == before {
            // watchdog: as above.
            assert!(Instant::now() < hangs, "the task is not woken");
            thread::yield_now();
        }
        polls += 1;
    }
    assert_eq!(polls, 1);
}
