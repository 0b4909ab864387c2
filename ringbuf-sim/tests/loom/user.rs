//! The models of the user ring: core's producer and the simulator's drain,
//! unchanged, on two or three threads.

use std::ops::ControlFlow::Continue;
use std::sync::Arc;

use loom::thread;
use ringbuf_core::{Producer, Wakeup};
use ringbuf_sim::{DrainError, Flags, KernelConsumer};

use crate::backing::Shared;
use crate::explore::Model;
use crate::hosts::{LoomDrainHost, LoomLocked};
use crate::models::{fill, read};
use crate::views::{ConsumerView, Did, ProducerView};

/// A record from the producer to a drain.
pub(crate) const USER_HAND_OVER: Model = Model {
    name: "user_hand_over",
    outcomes: &["nothing", "record"],
    floor: 15,
    execution: |variant| {
        let shared = Shared::user(32, variant);
        let kernel = shared.drain();
        // A producer loads the consumer position from its start on. The draining
        // thread stores it.
        let thread = thread::spawn(move || assert!(send(&shared.producer(), &[7, 8])));
        let mut seen = drain(&kernel).unwrap();
        let outcome = if seen.is_empty() { "nothing" } else { "record" };
        thread.join().unwrap();
        seen.extend(drain(&kernel).unwrap());
        assert_eq!(seen, [[7, 8]]);
        outcome
    },
};

/// The producer wraps onto space that was just drained.
pub(crate) const USER_REUSE: Model = Model {
    name: "user_reuse",
    outcomes: &["second refused", "second fitted"],
    floor: 20,
    execution: |variant| {
        let shared = Shared::user(32, variant);
        let kernel = shared.drain();
        let thread = thread::spawn(move || {
            let producer = shared.producer();
            assert!(send(&producer, &[1, 2]));
            send(&producer, &[3, 4])
        });
        let mut seen = drain(&kernel).unwrap();
        let fitted = thread.join().unwrap();
        seen.extend(drain(&kernel).unwrap());
        assert_eq!(seen, [vec![1, 2], vec![3, 4]][..1 + usize::from(fitted)]);
        if fitted { "second fitted" } else { "second refused" }
    },
};

/// Three reservations at once, committed in reverse order; the second is discarded.
/// The first blocks the others.
pub(crate) const USER_REVERSED: Model = Model {
    name: "user_reversed",
    outcomes: &["nothing", "both"],
    floor: 30,
    execution: |variant| {
        let shared = Shared::user(64, variant);
        let kernel = shared.drain();
        let thread = thread::spawn(move || {
            let producer = shared.producer();
            let [first, second, third] = [(); 3].map(|()| producer.reserve(8).unwrap());
            fill(&third, &[3]);
            third.submit();
            fill(&second, &[666]);
            second.discard();
            fill(&first, &[1]);
            first.submit();
        });
        let mut seen = drain(&kernel).unwrap();
        assert_ne!(seen.len(), 1, "the first was seen without the third");
        let outcome = if seen.is_empty() { "nothing" } else { "both" };
        thread.join().unwrap();
        seen.extend(drain(&kernel).unwrap());
        assert_eq!(seen, [[1], [3]]);
        outcome
    },
};

/// Two threads reserve from one producer, and commit. The one that reserved first may
/// commit last.
pub(crate) const USER_TWO_THREADS: Model = Model {
    name: "user_two_threads",
    outcomes: &["nothing", "one", "both"],
    floor: 100,
    execution: |variant| {
        let shared = Shared::user(32, variant);
        let kernel = shared.drain();
        #[expect(clippy::arc_with_non_send_sync, reason = "loom's threads take turns on one")]
        let producer = Arc::new(shared.producer().share::<LoomLocked>());
        let threads = [1, 2].map(|word| {
            let producer = producer.clone();
            thread::spawn(move || {
                let reservation = producer.reserve(8).unwrap();
                fill(&reservation, &[word]);
                reservation.submit();
            })
        });
        let mut seen = drain(&kernel).unwrap();
        let early = seen.len();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        seen.extend(drain(&kernel).unwrap());
        seen.sort_unstable();
        assert_eq!(seen, [[1], [2]]);
        match early {
            0 => "nothing",
            1 => "one",
            _ => "both",
        }
    },
};

/// Two samples that one store publishes, and a third that needs the space of the first.
pub(crate) const USER_BATCH: Model = Model {
    name: "user_batch",
    outcomes: &["nothing", "third refused", "third fitted"],
    floor: 15,
    execution: |variant| {
        let shared = Shared::user(32, variant);
        let kernel = shared.drain();
        let thread = thread::spawn(move || {
            let mut producer = shared.producer();
            let mut batch = producer.batch();
            batch.push(8).unwrap().set(0, 1);
            batch.push(8).unwrap().set(0, 2);
            assert_eq!(batch.submit(), 2);
            let mut batch = producer.batch();
            let fitted = batch.push(8).map(|sample| sample.set(0, 3)).is_ok();
            assert_eq!(batch.submit(), u64::from(fitted));
            fitted
        });
        let mut seen = drain(&kernel).unwrap();
        let early = seen.len();
        assert_ne!(early, 1, "the first was seen without the second");
        let fitted = thread.join().unwrap();
        seen.extend(drain(&kernel).unwrap());
        assert_eq!(seen, [[1], [2], [3]][..2 + usize::from(fitted)]);
        match (fitted, early) {
            (false, 0) => "nothing",
            (false, _) => "third refused",
            (true, _) => "third fitted",
        }
    },
};

/// Two BPF programs drain at once. One of them is refused, or they take turns.
pub(crate) const USER_TWO_DRAINS: Model = Model {
    name: "user_two_drains",
    outcomes: &["one was refused", "they took turns"],
    floor: 400,
    execution: |variant| {
        let shared = Shared::user(64, variant);
        let producer = shared.producer();
        let kernel = shared.drain();
        assert!(send(&producer, &[1]));
        let threads = [(); 2].map(|()| {
            let kernel = kernel.clone();
            thread::spawn(move || drain(&kernel))
        });
        assert!(send(&producer, &[2]));
        let results = threads.map(|thread| thread.join().unwrap());
        let refused = results.iter().filter(|result| result.is_err()).count();
        assert!(refused < 2, "each refused for the other");
        let mut seen: Vec<_> = results.into_iter().flatten().flatten().collect();
        seen.sort_unstable();
        seen.extend(drain(&kernel).unwrap());
        assert_eq!(seen, [[1], [2]]);
        if refused == 1 { "one was refused" } else { "they took turns" }
    },
};

/// The producer finds the ring full and waits for space, in a thread that sleeps
/// where the shipped loop blocks. If it sleeps, a notification must follow.
pub(crate) const USER_SPACE: Model = Model {
    name: "user_space",
    outcomes: &["room", "woken, room", "asleep, notified"],
    floor: 10,
    execution: |variant| {
        let shared = Shared::user(32, variant);
        let producer = shared.producer();
        let kernel = shared.drain();
        assert!(send(&producer, &[1, 2]));
        let thread = thread::spawn(move || assert_eq!(drain(&kernel).unwrap(), [[1, 2]]));
        let wakeup = producer.wait_for_room(16, None);
        let (did, woken) = (producer.memory().did(), wakeup == Ok(Wakeup::Ready));
        thread.join().unwrap();
        assert!(woken || producer.memory().is_woken(), "lost wakeup");
        assert!(send(&producer, &[3, 4]), "no room after the drain");
        match (woken, did) {
            (true, Did::Nothing) => "room",
            (true, _) => "woken, room",
            (false, _) => "asleep, notified",
        }
    },
};

type Kernel = KernelConsumer<ConsumerView, LoomDrainHost>;

/// Submits a record of these words. Returns true if there was space.
fn send(producer: &Producer<ProducerView>, words: &[u64]) -> bool {
    let Ok(reservation) = producer.reserve(8 * words.len() as u32) else { return false };
    fill(&reservation, words);
    reservation.submit();
    true
}

/// Returns all samples of one drain.
fn drain(kernel: &Kernel) -> Result<Vec<Vec<u64>>, DrainError> {
    let mut seen = Vec::new();
    kernel.drain(Flags::ADAPTIVE, |sample| {
        seen.push(read(&sample));
        Continue(())
    })?;
    Ok(seen)
}
