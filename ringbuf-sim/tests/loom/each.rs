//! Reading by callback, and waiting by policy: the models of `for_each` and of
//! `Waiter`, and the orderings that they need.
//!
//! The consumer's memory counts its loads. A record that `for_each` takes by
//! comparing its header with the guess costs one, so the counts tell by which
//! path a record came, and an outcome can say that the guess was right.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{self, Relaxed};
use std::time::Duration;

use loom::thread;
use ringbuf_core::{
    Armed, Capacity, Consumer, ConsumerMemory, Drained, Ended, Header, Offset, Position, Rest,
    SampleLen, Waiter, Waiting, Width,
};
use ringbuf_sim::{Flags, KernelRing};

use crate::backing::{ConsumerView, ProducerView, Shared, Variant, Words};
use crate::explore::Model;
use crate::hosts::LoomHost;
use crate::models::{fill, read};
use crate::weaken::{Site, failure_of};

/// Three records of one length from a thread to the consumer, which reads
/// meanwhile.
const EACH_HAND_OVER: Model = Model {
    name: "each_hand_over",
    outcomes: &["none", "one", "two", "three", "three, two of them guessed"],
    floor: 1000,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        let thread = thread::spawn(move || {
            for word in [7, 8, 9] {
                assert!(submit(&kernel, &[word]));
            }
        });
        let mut consumer = counting(&shared, None);
        let (mut seen, _) = each(&mut consumer);
        let (early, loads) = (seen.len(), consumer.memory().loads());
        thread.join().unwrap();
        seen.extend(each(&mut consumer).0);
        assert_eq!(seen, [[7], [8], [9]]);
        match (early, loads) {
            // One window, and one look for more.
            (3, (2, 3)) => "three, two of them guessed",
            _ => ["none", "one", "two", "three"][early],
        }
    },
};

/// Three records of one length, of which the first is committed before: the
/// guess may be the first to see the second and the third committed.
const EACH_GUESS: Model = Model {
    name: "each_guess",
    outcomes: GUESSED,
    floor: 200,
    execution: |variant| guess(variant, None),
};

/// As `each_guess`, but the load that compares the second header with the guess
/// is relaxed, and that one alone.
const EACH_GUESS_RELAXED: Model = Model {
    name: "each_guess, its load relaxed",
    outcomes: GUESSED,
    floor: 0,
    execution: |variant| guess(variant, Some(2)),
};

const GUESSED: &[&str] = &["busy", "seen by another look", "one guessed", "two guessed"];

fn guess(variant: Variant, relaxed: Option<u32>) -> &'static str {
    let shared = Shared::new(64, variant);
    let kernel = shared.kernel_ring();
    let mut open = [(); 3].map(|()| Some(kernel.reserve(8).unwrap()));
    let mut commit = |number: usize| {
        let mut reservation = open[number].take().unwrap();
        fill(&mut reservation, &[number as u64]);
        reservation.submit(Flags::ADAPTIVE);
    };
    commit(0);
    let thread = thread::spawn(move || {
        let mut consumer = counting(&shared, relaxed);
        let (mut seen, mut loads) = (Vec::new(), Vec::new());
        let end = for_each(&mut consumer, |headers, sample| {
            loads.push(headers);
            seen.push(read(sample));
        });
        (consumer, seen, loads, end)
    });
    commit(1);
    commit(2);
    let (mut consumer, mut seen, loads, end) = thread.join().unwrap();
    seen.extend(each(&mut consumer).0);
    assert_eq!(seen, [[0], [1], [2]]);
    // A wrong guess costs a load more, which the records behind it show.
    match (&loads[..], end) {
        ([1], Drained::Busy) => "busy",
        ([1, 2, 3], Drained::Empty) => "two guessed",
        ([1, 2, ..], _) => "one guessed",
        _ => "seen by another look",
    }
}

/// A producer waits for space that is given back in the middle of a `for_each`,
/// and writes over the end of the ring onto the records read first.
const EACH_REUSE: Model = Model {
    name: "each_reuse",
    outcomes: &["refused", "fitted, read by the next call", "fitted, read by the same call"],
    floor: 25,
    execution: |variant| {
        let shared = Shared::new(128, variant);
        let kernel = shared.kernel_ring();
        for word in 0..7 {
            assert!(submit(&kernel, &[word]));
        }
        let long = [90, 91, 92, 93, 94];
        let thread = thread::spawn(move || {
            // Once, and once more if there was no room.
            submit(&kernel, &long) || submit(&kernel, &long)
        });
        let mut consumer = counting(&shared, None);
        // Windows of two records behind a first one. The end of the second one
        // gives back three records, with one of seven still to read.
        consumer.release_after(64);
        let mut seen = Vec::new();
        for_each(&mut consumer, |_, sample| seen.push(read(sample)));
        let early = seen.len();
        let fitted = thread.join().unwrap();
        seen.extend(each(&mut consumer).0);
        let written = (0..7).map(|word| vec![word]);
        let more = fitted.then(|| long.to_vec());
        assert!(seen.into_iter().eq(written.chain(more)));
        match (fitted, early) {
            (false, _) => "refused",
            (true, 7) => "fitted, read by the next call",
            (true, _) => "fitted, read by the same call",
        }
    },
};

/// A consumer that holds back the release and waits as `Waiting::balanced` says
/// after dense traffic: naps, then arms. A record arrives meanwhile.
const WAITER: Model = Model {
    name: "waiter",
    outcomes: &["all read", "found after a nap", "ready when armed", "asleep, notified"],
    floor: 200,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        assert!(submit(&kernel, &[1]));
        let producer = kernel.clone();
        let thread = thread::spawn(move || assert!(submit(&producer, &[2])));
        let mut consumer = counting(&shared, None);
        let (mut waiter, mut now) = after_dense_traffic(&mut consumer);
        let (mut seen, _) = each(&mut consumer);
        let mut told = 0;
        let mut napped = false;
        let (forgotten, armed) = loop {
            let read = (seen.len() - told) as u64;
            waiter.drained(now, read, 16 * read);
            told = seen.len();
            if !nap(&mut waiter, &mut consumer, &mut now) {
                break (kernel.host().notified(), consumer.arm());
            }
            napped = true;
            seen.extend(each(&mut consumer).0);
        };
        let unread = 2 - seen.len();
        thread.join().unwrap();
        seen.extend(each(&mut consumer).0);
        assert_eq!(seen, [[1], [2]]);
        match (armed, unread) {
            (Armed::Ready, 0) => panic!("ready, with nothing to read"),
            (Armed::Ready, _) => "ready when armed",
            (Armed::Sleep, 0) if napped => "found after a nap",
            (Armed::Sleep, 0) => "all read",
            (Armed::Sleep, _) => {
                assert!(kernel.host().notified() > forgotten, "lost wakeup");
                "asleep, notified"
            }
        }
    },
};

/// Naps as the waiter says, until there is something to read; or until it says
/// to block.
fn nap(waiter: &mut Waiter, consumer: &mut Consumer<Counting>, now: &mut Duration) -> bool {
    loop {
        let rest = waiter.rest(*now);
        match rest {
            // Others may run meanwhile, as at any time. A yield would have them
            // run to their end.
            Rest::Nap(time) => *now += time,
            Rest::Spin { .. } => panic!("the policy does not spin"),
            Rest::Block(_) => return false,
        }
        let found = consumer.peek();
        waiter.looked(rest, Ended::Over, found);
        if found {
            return true;
        }
    }
}

/// A waiter that has seen a record each microsecond, and its time.
fn after_dense_traffic(consumer: &mut Consumer<Counting>) -> (Waiter, Duration) {
    // So large that naps are safe at this rate.
    let capacity = Capacity::new(1 << 20, 4096).unwrap();
    let waiting = Waiting::balanced();
    // A quarter of the ring: one record, which is then held back.
    consumer.release_after(waiting.release_after(consumer.memory().capacity()));
    let mut waiter = Waiter::new(waiting, capacity);
    let mut now = Duration::ZERO;
    for _ in 0..10 {
        now += Duration::from_micros(10);
        waiter.drained(now, 10, 160);
    }
    (waiter, now)
}

/// The models as the code is; printed with `--nocapture`.
#[test]
fn each_holds() {
    for model in [EACH_HAND_OVER, EACH_GUESS, EACH_REUSE, WAITER] {
        model.holds();
    }
}

/// Each ordering that these paths rest on, weakened alone.
#[test]
fn each_ordering_is_needed() {
    let rows: [(Site, &str, &[Model]); 7] = [
        (Site::ConsumerLoadHeader, RACE, &[EACH_HAND_OVER, EACH_GUESS]),
        (Site::ConsumerLoadProducerPos, RACE, &[EACH_HAND_OVER]),
        (Site::KernelSwapHeader, RACE, &[EACH_HAND_OVER, EACH_GUESS]),
        (Site::ConsumerStoreConsumerPos, RACE, &[EACH_REUSE]),
        (Site::KernelLoadConsumerPos, RACE, &[EACH_REUSE]),
        (Site::ConsumerFence, LOST_WAKEUP, &[WAITER]),
        (Site::KernelCommitFence, LOST_WAKEUP, &[WAITER]),
    ];
    let rows = rows.iter().flat_map(|(site, says, models)| {
        models.iter().map(move |model| (Some(*site), *says, model))
    });
    let mut wrong = Vec::new();
    for (weak, says, model) in rows.chain([(None, RACE, &EACH_GUESS_RELAXED)]) {
        for fenced in [false, true] {
            let variant = Variant { weak, fenced };
            let site = weak.map_or_else(String::new, |site| format!("{site:?} weakened: "));
            let row = format!("{site}{}{variant}", model.name);
            match failure_of(model, variant) {
                Some(message) if message.contains(says) => println!("{row} fails: {says}"),
                other => wrong.push(format!("{row}: `{says}` expected, saw {other:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const RACE: &str = "Causality violation";
const LOST_WAKEUP: &str = "lost wakeup";

/// Submits a record of these words; whether there was room.
fn submit(kernel: &KernelRing<ProducerView, LoomHost>, words: &[u64]) -> bool {
    let Ok(mut reservation) = kernel.reserve(8 * words.len() as u64) else { return false };
    fill(&mut reservation, words);
    reservation.submit(Flags::ADAPTIVE);
    true
}

/// All records that one call gives, and its end.
fn each(consumer: &mut Consumer<Counting>) -> (Vec<Vec<u64>>, Drained) {
    let mut seen = Vec::new();
    let end = for_each(consumer, |_, sample| seen.push(read(sample)));
    (seen, end)
}

/// Reads by callback, which is told how many headers were loaded so far.
fn for_each(
    consumer: &mut Consumer<Counting>,
    mut callback: impl FnMut(u32, &Words<'_>),
) -> Drained {
    let headers = consumer.memory().headers.clone();
    let end = consumer.for_each(|record| {
        callback(headers.get(), &record);
        ControlFlow::<()>::Continue(())
    });
    let ControlFlow::Continue(end) = end.unwrap() else { panic!("nobody broke it off") };
    end
}

/// A consumer whose loads are counted; the header load of this number is
/// relaxed.
fn counting(shared: &Arc<Shared>, relaxed: Option<u32>) -> Consumer<Counting> {
    let memory = Counting {
        view: shared.consumer(),
        relaxed,
        positions: Cell::new(0),
        headers: Rc::new(Cell::new(0)),
    };
    // SAFETY: C1: the other consumer, inside, only lends its memory.
    let consumer = unsafe { Consumer::new(memory) }.unwrap();
    consumer.memory().positions.set(0);
    consumer
}

/// The view of a consumer, with its loads counted.
struct Counting {
    /// Never reads: it has the view.
    view: Consumer<ConsumerView>,
    relaxed: Option<u32>,
    positions: Cell<u32>,
    headers: Rc<Cell<u32>>,
}

impl Counting {
    /// Of the producer position, and of headers.
    fn loads(&self) -> (u32, u32) {
        (self.positions.get(), self.headers.get())
    }
}

// SAFETY: M1 to M5 as the view keeps them, but for the load that is to be too
// weak.
unsafe impl ConsumerMemory for Counting {
    type Sample<'a> = Words<'a>;

    fn capacity(&self) -> Capacity {
        self.view.memory().capacity()
    }

    fn width(&self) -> Width {
        self.view.memory().width()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.view.memory().initial_consumer_pos()
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.positions.set(self.positions.get() + 1);
        self.view.memory().load_producer_pos(order)
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.view.memory().store_consumer_pos(position, order) };
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        self.headers.set(self.headers.get() + 1);
        let order = if self.relaxed == Some(self.headers.get()) { Relaxed } else { order };
        // SAFETY: as the caller vouches.
        unsafe { self.view.memory().load_header(at, order) }
    }

    unsafe fn sample(&self, at: Offset, len: SampleLen) -> Words<'_> {
        // SAFETY: as the caller vouches.
        unsafe { self.view.memory().sample(at, len) }
    }

    fn fence(&self, order: Ordering) {
        self.view.memory().fence(order);
    }
}
