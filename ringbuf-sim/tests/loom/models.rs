//! The models of the ring: core's consumer and the simulator's kernel, unchanged,
//! on two or three threads.

use std::sync::Arc;

use loom::thread;
use ringbuf_core::{Armed, Consumer, Next};
use ringbuf_sim::{Flags, KernelReservation, KernelRing};

use crate::backing::Shared;
use crate::explore::Model;
use crate::hosts::LoomHost;
use crate::views::{Cells, ConsumerView, ProducerView};

/// A thread sends a record while the consumer looks once.
pub(crate) const HAND_OVER: Model = Model {
    name: "hand_over",
    outcomes: &["empty", "busy", "record"],
    floor: 20,
    execution: |variant| {
        let shared = Shared::new(32, variant);
        let kernel = shared.kernel_ring();
        let thread = thread::spawn(move || assert!(submit(&kernel, &[7, 8])));
        let mut consumer = shared.consumer();
        let outcome = look(&mut consumer, &[7, 8]);
        thread.join().unwrap();
        assert_eq!(drain(&mut consumer), left(outcome, &[7, 8]));
        outcome
    },
};

/// A discarded record, then one to deliver.
pub(crate) const DISCARD: Model = Model {
    name: "discard",
    outcomes: &["empty", "busy", "record"],
    floor: 90,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        let thread = thread::spawn(move || {
            let reservation = kernel.reserve(8).unwrap();
            reservation.set(0, 666);
            reservation.discard(Flags::ADAPTIVE);
            assert!(submit(&kernel, &[7, 8]));
        });
        let mut consumer = shared.consumer();
        let outcome = look(&mut consumer, &[7, 8]);
        thread.join().unwrap();
        assert_eq!(drain(&mut consumer), left(outcome, &[7, 8]));
        assert_eq!((consumer.counts().delivered, consumer.counts().discarded), (1, 1));
        outcome
    },
};

/// A producer overwrites space that was just read, samples over headers. One lap
/// has passed through the ring, so no slot is new.
pub(crate) const REUSE: Model = Model {
    name: "reuse",
    outcomes: &["none fitted", "one more fitted", "two more fitted"],
    floor: 25,
    execution: |variant| {
        let shared = Shared::new(32, variant);
        let kernel = shared.kernel_ring();
        let mut consumer = shared.consumer();
        for old in [90, 91] {
            assert!(submit(&kernel, &[old]));
            assert_eq!(drain(&mut consumer), [[old]]);
        }
        assert!(submit(&kernel, &[1, 1]));
        let thread = thread::spawn(move || {
            // Each fits only after the one before it is released.
            let fits = [2, 3].map(|value| submit(&kernel, &[value]));
            [2, 3].into_iter().zip(fits).filter(|(_, fits)| *fits).collect::<Vec<_>>()
        });
        let mut read = drain(&mut consumer);
        read.extend(drain(&mut consumer));
        let fitted = thread.join().unwrap();
        read.extend(drain(&mut consumer));
        let written = fitted.iter().map(|(value, _)| vec![*value]);
        assert!(read.into_iter().eq([vec![1, 1]].into_iter().chain(written)));
        ["none fitted", "one more fitted", "two more fitted"][fitted.len()]
    },
};

/// A record crosses the end of the data onto space that was just read.
pub(crate) const WRAP: Model = Model {
    name: "wrap",
    outcomes: &["second refused", "second fitted"],
    floor: 30,
    execution: |variant| {
        let shared = Shared::new(32, variant);
        let kernel = shared.kernel_ring();
        let thread = thread::spawn(move || {
            assert!(submit(&kernel, &[1, 2]));
            submit(&kernel, &[3, 4])
        });
        let mut consumer = shared.consumer();
        let mut read = drain(&mut consumer);
        let fitted = thread.join().unwrap();
        read.extend(drain(&mut consumer));
        assert_eq!(read, [vec![1, 2], vec![3, 4]][..1 + usize::from(fitted)]);
        if fitted { "second fitted" } else { "second refused" }
    },
};

/// Two producers with one record each.
pub(crate) const TWO_PRODUCERS: Model = Model {
    name: "two_producers",
    outcomes: &["0 read before the end", "1 read before the end", "2 read before the end"],
    floor: 800,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        let threads = [7, 8].map(|value| {
            let kernel = kernel.clone();
            thread::spawn(move || assert!(submit(&kernel, &[value])))
        });
        let mut consumer = shared.consumer();
        let mut read = drain(&mut consumer);
        let early = read.len();
        for thread in threads {
            thread.join().unwrap();
        }
        read.extend(drain(&mut consumer));
        read.sort_unstable();
        assert_eq!(read, [[7], [8]]);
        ["0 read before the end", "1 read before the end", "2 read before the end"][early]
    },
};

/// Three producers with one record each, committed in any order. The consumer reads
/// the first records in the order of reservation.
pub(crate) const THREE_PRODUCERS: Model = Model {
    name: "three_producers",
    outcomes: &[
        "0 read before the end",
        "1 read before the end",
        "2 read before the end",
        "3 read before the end",
        "committed out of order, 0 read",
        "committed out of order, some read",
    ],
    floor: 27_000,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        let threads = [7, 8, 9].map(|value| {
            let kernel = kernel.clone();
            thread::spawn(move || assert!(submit(&kernel, &[value])))
        });
        let mut consumer = shared.consumer();
        let mut read = drain(&mut consumer);
        let early = read.len();
        for thread in threads {
            thread.join().unwrap();
        }
        read.extend(drain(&mut consumer));
        read.sort_unstable();
        assert_eq!(read, [[7], [8], [9]]);
        let outcomes = THREE_PRODUCERS.outcomes;
        if shared.committed_in_order() { outcomes[early] } else { outcomes[4 + early.min(1)] }
    },
};

/// Two records are reserved in order and committed in reverse order. The first
/// blocks the second.
pub(crate) const REVERSED: Model = Model {
    name: "reversed",
    outcomes: &["none read", "both read"],
    floor: 6,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        let [first, second] = [(); 2].map(|()| Open::reserve(&kernel, 1));
        let thread = thread::spawn(move || {
            second.submit(&[2]);
            first.submit(&[1]);
        });
        let mut consumer = shared.consumer();
        let mut read = drain(&mut consumer);
        assert_ne!(read.len(), 1, "the first was seen without the second");
        let outcome = if read.is_empty() { "none read" } else { "both read" };
        thread.join().unwrap();
        read.extend(drain(&mut consumer));
        assert_eq!(read, [[1], [2]]);
        outcome
    },
};

/// A producer overwrites the record of another, after that record is committed,
/// read and released.
pub(crate) const OTHERS_SPACE: Model = Model {
    name: "others_space",
    outcomes: &["refused", "fitted"],
    floor: 50,
    execution: |variant| {
        let shared = Shared::new(32, variant);
        let kernel = shared.kernel_ring();
        let open = Open::reserve(&kernel, 2);
        let first = thread::spawn(move || open.submit(&[1, 2]));
        let second = thread::spawn(move || submit(&kernel, &[3, 4]));
        let mut consumer = shared.consumer();
        let mut read = drain(&mut consumer);
        first.join().unwrap();
        let fitted = second.join().unwrap();
        read.extend(drain(&mut consumer));
        assert_eq!(read, [[1, 2], [3, 4]][..1 + usize::from(fitted)]);
        if fitted { "fitted" } else { "refused" }
    },
};

/// The consumer drains and arms while a record arrives.
pub(crate) const WAKEUP: Model = Model {
    name: "wakeup",
    outcomes: &["all read", "ready", "asleep, notified"],
    floor: 60,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        assert!(submit(&kernel, &[1]));
        let producer = kernel.clone();
        let thread = thread::spawn(move || assert!(submit(&producer, &[2])));
        let mut consumer = shared.consumer();
        drain_and_sleep(&kernel, &mut consumer, &[1, 2], || thread.join().unwrap())
    },
};

/// Like `wakeup`, but the record is reserved before: only its commit races.
pub(crate) const WAKEUP_BUSY: Model = Model {
    name: "wakeup_busy",
    outcomes: &["all read", "ready", "asleep, notified"],
    floor: 25,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        assert!(submit(&kernel, &[1]));
        let open = Open::reserve(&kernel, 1);
        let thread = thread::spawn(move || open.submit(&[2]));
        let mut consumer = shared.consumer();
        drain_and_sleep(&kernel, &mut consumer, &[1, 2], || thread.join().unwrap())
    },
};

/// Like `wakeup`, with two producers.
pub(crate) const WAKEUP_TWO: Model = Model {
    name: "wakeup_two",
    outcomes: &["all read", "ready", "asleep, notified"],
    floor: 1500,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        let threads = [7, 8].map(|value| {
            let kernel = kernel.clone();
            thread::spawn(move || assert!(submit(&kernel, &[value])))
        });
        let mut consumer = shared.consumer();
        drain_and_sleep(&kernel, &mut consumer, &[7, 8], || {
            threads.into_iter().for_each(|thread| thread.join().unwrap())
        })
    },
};

/// Like `wakeup`, but the release is held back until `arm` publishes it.
pub(crate) const LAGGING_RELEASE: Model = Model {
    name: "lagging_release",
    outcomes: &["all read", "ready", "asleep, notified"],
    floor: 45,
    execution: |variant| {
        let shared = Shared::new(HOLDS_TWO, variant);
        let kernel = shared.kernel_ring();
        assert!(submit(&kernel, &[1]));
        let producer = kernel.clone();
        let thread = thread::spawn(move || assert!(submit(&producer, &[2])));
        let mut consumer = shared.consumer();
        consumer.hold_back(48);
        drain_and_sleep(&kernel, &mut consumer, &[1, 2], || thread.join().unwrap())
    },
};

/// The smallest ring in which two records of one word may stay unpublished.
pub(crate) const HOLDS_TWO: u64 = 256;

/// Returns the rest to read after a look with this outcome.
fn left(outcome: &str, words: &[u64]) -> Vec<Vec<u64>> {
    if outcome == "record" { vec![] } else { vec![words.to_vec()] }
}

pub(crate) type Ring = KernelRing<ProducerView, LoomHost>;

/// Submits a record of these words. Returns true if there was space.
pub(crate) fn submit(kernel: &Ring, words: &[u64]) -> bool {
    let Ok(reservation) = kernel.reserve(8 * words.len() as u64) else { return false };
    fill(&reservation, words);
    reservation.submit(Flags::ADAPTIVE);
    true
}

pub(crate) fn fill(sample: &Cells<'_>, words: &[u64]) {
    for (index, word) in words.iter().enumerate() {
        sample.set(index, *word);
    }
}

/// Looks once with a batch: nothing, a busy record, or exactly this record.
pub(crate) fn look(consumer: &mut Consumer<ConsumerView>, words: &[u64]) -> &'static str {
    match consumer.batch().next().unwrap() {
        Next::Record(record) => {
            assert_eq!(read(&record), words);
            "record"
        }
        Next::Busy => "busy",
        Next::Empty => "empty",
        _ => panic!("no limit was set"),
    }
}

/// Returns all records of one batch, read before any of them is released.
pub(crate) fn drain(consumer: &mut Consumer<ConsumerView>) -> Vec<Vec<u64>> {
    let batch = consumer.batch();
    let mut records = Vec::new();
    while let Next::Record(record) = batch.next().unwrap() {
        records.push(read(&record));
    }
    records
}

pub(crate) fn read(sample: &Cells<'_>) -> Vec<u64> {
    (0..sample.len()).map(|word| sample.get(word)).collect()
}

/// Reads the available records, then waits like an edge-triggered waiter: forgets
/// earlier notifications, and arms. If it may sleep and a record exists at the end,
/// there must be a notification since then.
fn drain_and_sleep(
    kernel: &Ring,
    consumer: &mut Consumer<ConsumerView>,
    records: &[u64],
    finish: impl FnOnce(),
) -> &'static str {
    let mut read = drain(consumer);
    let unread = records.len() - read.len();
    let forgotten = kernel.host().notified();
    let armed = consumer.arm();
    finish();
    read.extend(drain(consumer));
    read.sort_unstable();
    assert_eq!(read.concat(), records);
    match (armed, unread) {
        (Armed::Ready, 0) => panic!("ready, with nothing to read"),
        (Armed::Ready, _) => "ready",
        (Armed::Sleep, 0) => "all read",
        (Armed::Sleep, _) => {
            assert!(kernel.host().notified() > forgotten, "lost wakeup");
            "asleep, notified"
        }
    }
}

/// An open reservation that can move to another thread.
pub(crate) struct Open {
    reservation: KernelReservation<'static, ProducerView, LoomHost>,
    /// Declared after its borrower, because fields drop in order.
    _kernel: Arc<Ring>,
}

impl Open {
    pub(crate) fn reserve(kernel: &Arc<Ring>, words: u64) -> Self {
        // SAFETY: the ring does not move out of its `Arc`, which outlives the
        // reservation next to it.
        let ring: &'static Ring = unsafe { &*Arc::as_ptr(kernel) };
        Self { reservation: ring.reserve(8 * words).unwrap(), _kernel: kernel.clone() }
    }

    pub(crate) fn submit(self, words: &[u64]) {
        fill(&self.reservation, words);
        self.reservation.submit(Flags::ADAPTIVE);
    }
}
