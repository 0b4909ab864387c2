//! `Consumer::wait`, the shipped loop, in a thread that sleeps where that loop
//! would block; and the bytes that a policy holds back.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use loom::thread;
use ringbuf_core::{Consumer, ConsumerMemory, WaitPolicy, WaitStep, WaitSteps, WakeCause, Wakeup};

use crate::backing::{Shared, Variant};
use crate::explore::Model;
use crate::models::{HOLDS_TWO, Open, Ring, drain, read, submit};
use crate::views::{Asleep, ConsumerView, Did};

/// Blocks as soon as there is nothing to read. Then a record arrives.
pub(crate) const WAIT_BLOCK: Model = Model {
    name: "wait_block",
    outcomes: &["all read at once", "found when armed", "woken, all read", "asleep, notified"],
    floor: 80,
    execution: |variant| {
        let (shared, kernel, mut consumer) = prompt(variant);
        let producer = kernel.clone();
        let thread = thread::spawn(move || assert!(submit(&producer, &[2])));
        wait_until_asleep(&mut consumer, drain, &[1, 2], || thread.join().unwrap(), &shared)
    },
};

/// The same, but the record is reserved before: only its commit races.
pub(crate) const WAIT_BLOCK_BUSY: Model = Model {
    name: "wait_block_busy",
    outcomes: &["all read at once", "found when armed", "woken, all read", "asleep, notified"],
    floor: 50,
    execution: |variant| {
        let (shared, kernel, mut consumer) = prompt(variant);
        let open = Open::reserve(&kernel, 1);
        let thread = thread::spawn(move || open.submit(&[2]));
        wait_until_asleep(&mut consumer, drain, &[1, 2], || thread.join().unwrap(), &shared)
    },
};

/// The same, with two producers.
pub(crate) const WAIT_BLOCK_TWO: Model = Model {
    name: "wait_block_two",
    outcomes: &["all read at once", "found when armed", "woken, all read", "asleep, notified"],
    floor: 8000,
    execution: |variant| {
        let (shared, kernel, mut consumer) = prompt(variant);
        let threads = [2, 3].map(|value| {
            let kernel = kernel.clone();
            thread::spawn(move || assert!(submit(&kernel, &[value])))
        });
        let finish = || threads.into_iter().for_each(|thread| thread.join().unwrap());
        wait_until_asleep(&mut consumer, drain, &[1, 2, 3], finish, &shared)
    },
};

/// A wait that is taken step by step is cancelled wherever it would sleep, as a task that
/// is dropped. The next wait blocks, and misses nothing.
pub(crate) const WAIT_CANCELLED: Model = Model {
    name: "wait_cancelled",
    outcomes: &["all read at once", "found when armed", "woken, all read", "asleep, notified"],
    floor: 100,
    execution: |variant| {
        let (shared, kernel, mut consumer) = prompt(variant);
        let producer = kernel.clone();
        let thread = thread::spawn(move || assert!(submit(&producer, &[2])));
        let mut seen = drain(&mut consumer);
        let mut cancelled = WaitSteps::new(None);
        match consumer.wait_step(&mut cancelled, WakeCause::TimeUp) {
            WaitStep::Over(Wakeup::Ready) => seen.extend(drain(&mut consumer)),
            // Never taken on.
            WaitStep::Block(_) => {}
            other => panic!("{other:?}"),
        }
        let left: Vec<_> =
            [1, 2].into_iter().filter(|&value| !seen.contains(&vec![value])).collect();
        wait_until_asleep(&mut consumer, drain, &left, || thread.join().unwrap(), &shared)
    },
};

/// After dense traffic, with two records held back: naps, then arms and blocks,
/// while a record arrives.
pub(crate) const WAIT_NAPS: Model = Model {
    name: "wait_naps",
    outcomes: NAPPING,
    floor: 140,
    execution: |variant| nap_then_block(variant, hundreds_of_microseconds(), 1),
};

/// The same, while two records arrive.
pub(crate) const WAIT_NAPS_TWO: Model = Model {
    name: "wait_naps_two",
    outcomes: NAPPING,
    floor: 1800,
    execution: |variant| nap_then_block(variant, hundreds_of_microseconds(), 2),
};

/// The same with longer naps: after the first one, everything is published before
/// the next look.
pub(crate) const WAIT_QUIET: Model = Model {
    name: "wait_quiet",
    outcomes: &[
        "all read at once",
        "found after a nap",
        "found after a nap, all published",
        "found when armed",
        "woken, all read",
        "asleep, notified",
    ],
    floor: 170,
    execution: |variant| nap_then_block(variant, milliseconds(), 1),
};

const NAPPING: &[&str] = &[
    "all read at once",
    "found after a nap",
    "found when armed",
    "woken, all read",
    "asleep, notified",
];

/// While the reader only naps, no commit notifies it. It holds back two records:
/// the last one, because its commit may not have compared the positions yet, and
/// the one before.
pub(crate) const HOLD_BACK_SPARES: Model = Model {
    name: "hold_back_spares",
    outcomes: &["none read", "one read", "two read", "three read"],
    floor: 4000,
    execution: |variant| {
        let shared = Shared::new(HOLDS_TWO, variant);
        let kernel = shared.kernel_ring();
        let mut consumer = after_dense_traffic(&shared, &kernel, hundreds_of_microseconds());
        let before = kernel.host().notified();
        let producer = kernel.clone();
        let thread = thread::spawn(move || {
            for value in [1, 2, 3] {
                assert!(submit(&producer, &[value]));
            }
        });
        let mut seen = Vec::new();
        for _ in 0..2 {
            let nap = Duration::from_micros(200);
            match consumer.wait(Some(nap)).expect("it blocks after two naps in a row") {
                Wakeup::Ready => seen.extend(each(&mut consumer)),
                Wakeup::TimedOut => assert_eq!(consumer.memory().did(), Did::Nap),
                other => panic!("{other:?}"),
            }
            assert_eq!(consumer.unpublished(), 32, "two records of 16 bytes");
        }
        let early = seen.len();
        thread.join().unwrap();
        assert_eq!(kernel.host().notified(), before, "an awake reader was notified");
        seen.extend(each(&mut consumer));
        assert_eq!(seen, [[1], [2], [3]]);
        ["none read", "one read", "two read", "three read"][early]
    },
};

/// The end of a drain publishes everything except the last two records, while a
/// producer needs that space for a long record.
pub(crate) const HOLD_BACK_REUSE: Model = Model {
    name: "hold_back_reuse",
    outcomes: &["refused", "fitted"],
    floor: 25,
    execution: |variant| {
        let shared = Shared::new(HOLDS_TWO, variant);
        let kernel = shared.kernel_ring();
        let (first, long) = ([1; 26], [4; 26]);
        let written = [&first[..], &[2], &[3]];
        written.iter().for_each(|words| assert!(submit(&kernel, words)));
        let thread = thread::spawn(move || submit(&kernel, &long) || submit(&kernel, &long));
        let mut consumer = shared.consumer();
        consumer.hold_back(128);
        let mut seen = each(&mut consumer);
        let early = seen.len();
        if early == 3 {
            assert_eq!(consumer.unpublished(), 32, "two records of 16 bytes");
        }
        let fitted = thread.join().unwrap();
        seen.extend(each(&mut consumer));
        let more = fitted.then(|| long.to_vec());
        assert!(seen.into_iter().eq(written.map(<[u64]>::to_vec).into_iter().chain(more)));
        if fitted { "fitted" } else { "refused" }
    },
};

/// A reader that blocks at once, before the first record of a ring.
pub(crate) fn prompt(variant: Variant) -> (Arc<Shared>, Arc<Ring>, Consumer<ConsumerView>) {
    let shared = Shared::new(64, variant);
    let kernel = shared.kernel_ring();
    assert!(submit(&kernel, &[1]));
    let mut consumer = shared.consumer();
    consumer.set_policy(WaitPolicy::immediate());
    consumer.memory().forget();
    (shared, kernel, consumer)
}

/// Reads everything available.
type Reader = fn(&mut Consumer<ConsumerView>) -> Vec<Vec<u64>>;

/// Naps of 200 us, two of them before it blocks.
fn hundreds_of_microseconds() -> (WaitPolicy, Duration) {
    let nap = Duration::from_micros(200);
    (WaitPolicy::balanced().hold_off(nap).min_nap(nap), Duration::from_micros(100))
}

/// Naps of a millisecond, two of them before it blocks.
fn milliseconds() -> (WaitPolicy, Duration) {
    (WaitPolicy::low_cost(), Duration::from_micros(500))
}

/// Returns a consumer that has read a record each `gap`, and holds back the last
/// two.
fn after_dense_traffic(
    shared: &Arc<Shared>,
    kernel: &Ring,
    (policy, gap): (WaitPolicy, Duration),
) -> Consumer<ConsumerView> {
    let mut consumer = shared.consumer();
    consumer.set_policy(policy);
    for old in 90..104 {
        assert!(submit(kernel, &[old]));
        assert_eq!(each(&mut consumer), [[old]]);
        consumer.memory().spend(gap);
        assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
    }
    assert_eq!(consumer.unpublished(), 32, "two records of 16 bytes");
    consumer.memory().forget();
    consumer
}

fn nap_then_block(variant: Variant, traffic: (WaitPolicy, Duration), records: u64) -> &'static str {
    let shared = Shared::new(HOLDS_TWO, variant);
    let kernel = shared.kernel_ring();
    let mut consumer = after_dense_traffic(&shared, &kernel, traffic);
    let arriving: Vec<_> = (1..=records).collect();
    let all = arriving.clone();
    let thread = thread::spawn(move || {
        arriving.into_iter().for_each(|value| assert!(submit(&kernel, &[value])));
    });
    wait_until_asleep(&mut consumer, each, &all, || thread.join().unwrap(), &shared)
}

/// Reads and waits until it falls asleep. If a record exists at the end, it must
/// have had a notification since then.
fn wait_until_asleep(
    consumer: &mut Consumer<ConsumerView>,
    read: Reader,
    records: &[u64],
    finish: impl FnOnce(),
    shared: &Shared,
) -> &'static str {
    let mut seen = read(consumer);
    let mut how = "all read at once";
    loop {
        consumer.memory().did();
        match consumer.wait(None) {
            Ok(Wakeup::Ready) => {}
            Ok(other) => panic!("{other:?} without a timeout"),
            Err(Asleep) => break,
        }
        how = match consumer.memory().did() {
            Did::Nothing => how,
            Did::Nap if consumer.unpublished() == 0 => "found after a nap, all published",
            Did::Nap => "found after a nap",
            Did::Fence => "found when armed",
            Did::Block => "woken, all read",
        };
        let more = read(consumer);
        assert!(!more.is_empty(), "ready, with nothing to read");
        seen.extend(more);
    }
    let asleep_at = shared.since_start(consumer.memory().stored_consumer_pos());
    assert_eq!(asleep_at, shared.since_start(consumer.position()), "asleep, not all published");
    finish();
    let before_sleep = seen.len();
    let is_woken = consumer.memory().is_woken();
    seen.extend(read(consumer));
    seen.sort_unstable();
    assert_eq!(seen.concat(), records);
    if before_sleep < seen.len() {
        assert!(is_woken, "lost wakeup");
        return "asleep, notified";
    }
    how
}

/// Returns all records of one drain.
fn each(consumer: &mut Consumer<ConsumerView>) -> Vec<Vec<u64>> {
    let mut seen = Vec::new();
    let end = consumer.for_each(|record| {
        seen.push(read(&record));
        ControlFlow::<()>::Continue(())
    });
    assert!(end.unwrap().is_continue());
    seen
}
