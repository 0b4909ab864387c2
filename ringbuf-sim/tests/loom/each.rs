//! Reading with a callback: the models of `for_each`, and the orderings that they
//! need.
//!
//! The memory of the consumer counts its loads. A record that matches the guess
//! costs one load. So the counts show the path of a record, and an outcome can
//! require a right guess.

use std::ops::ControlFlow;
use std::sync::Arc;

use loom::thread;
use ringbuf_core::{Consumer, Drained};
use ringbuf_sim::Flags;

use crate::backing::{Shared, Variant};
use crate::explore::Model;
use crate::models::{fill, read, submit};
use crate::views::{Cells, ConsumerView};
use crate::weaken::{Failure, Site, failure_of};

/// A thread sends three records of one length, while the consumer reads.
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
        let early = seen.len();
        let loads = (consumer.memory().positions.get(), consumer.memory().headers.get());
        thread.join().unwrap();
        seen.extend(each(&mut consumer).0);
        assert_eq!(seen, [[7], [8], [9]]);
        match (early, loads) {
            // One window, one look for more, and one more for arming.
            (3, (3, 3)) => "three, two of them guessed",
            _ => ["none", "one", "two", "three"][early],
        }
    },
};

/// Three records of one length; the first is committed before. The guess may be the
/// first access that sees the second and the third committed.
const EACH_GUESS: Model = Model {
    name: "each_guess",
    outcomes: GUESSED,
    floor: 200,
    execution: |variant| guess(variant, None),
};

/// Like `each_guess`, but only the load that compares the second header with the
/// guess is relaxed.
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
        let reservation = open[number].take().unwrap();
        fill(&reservation, &[number as u64]);
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
    // A wrong guess costs one more load, as the records behind it show.
    match (&loads[..], end) {
        ([1], Drained::Busy) => "busy",
        ([1, 2, 3], Drained::Empty) => "two guessed",
        ([1, 2, ..], _) => "one guessed",
        _ => "seen by another look",
    }
}

/// A producer waits for space that a `for_each` gives back on the way. It then
/// writes over the end of the ring, onto the records read first.
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
            // Once, and once more if there was no space.
            submit(&kernel, &long) || submit(&kernel, &long)
        });
        let mut consumer = counting(&shared, None);
        // Windows of two records behind a first one. The end of the second one
        // gives back all that was read, since two records are more than an eighth
        // of the ring, with one of seven still to read.
        consumer.hold_back(64);
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

/// Runs the models of the unchanged code. `--nocapture` prints them.
#[test]
fn each_holds() {
    for model in [EACH_HAND_OVER, EACH_GUESS, EACH_REUSE] {
        model.holds();
    }
}

/// Weakens each ordering that these paths need, one at a time.
#[test]
fn each_ordering_is_needed() {
    let rows: [(Site, &[Model]); 5] = [
        (Site::ConsumerLoadHeader, &[EACH_HAND_OVER, EACH_GUESS]),
        (Site::ConsumerLoadProducerPos, &[EACH_HAND_OVER]),
        (Site::KernelSwapHeader, &[EACH_HAND_OVER, EACH_GUESS]),
        (Site::ConsumerStoreConsumerPos, &[EACH_REUSE]),
        (Site::KernelLoadConsumerPos, &[EACH_REUSE]),
    ];
    let rows =
        rows.iter().flat_map(|(site, models)| models.iter().map(move |model| (Some(*site), model)));
    let mut wrong = Vec::new();
    for (weak, model) in rows.chain([(None, &EACH_GUESS_RELAXED)]) {
        for fenced in [false, true] {
            let variant = Variant { weak, fenced };
            let site = weak.map_or_else(String::new, |site| format!("{site:?} weakened: "));
            let row = format!("{site}{}{variant}", model.name);
            match failure_of(model, variant) {
                Some(message) if message.contains(Failure::Race.says()) => {
                    println!("{row} fails: a race");
                }
                other => wrong.push(format!("{row}: a race expected, saw {other:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns all records of one call, and its end.
fn each(consumer: &mut Consumer<ConsumerView>) -> (Vec<Vec<u64>>, Drained) {
    let mut seen = Vec::new();
    let end = for_each(consumer, |_, sample| seen.push(read(sample)));
    (seen, end)
}

/// Reads with a callback, which gets the number of header loads so far.
fn for_each(
    consumer: &mut Consumer<ConsumerView>,
    mut callback: impl FnMut(u32, &Cells<'_>),
) -> Drained {
    let headers = consumer.memory().headers.clone();
    let end = consumer.for_each(|record| {
        callback(headers.get(), &record);
        ControlFlow::<()>::Continue(())
    });
    let ControlFlow::Continue(end) = end.unwrap() else { panic!("nobody broke it off") };
    end
}

/// Returns a consumer that counts its loads. The header load with this number is
/// relaxed.
fn counting(shared: &Arc<Shared>, relaxed: Option<u32>) -> Consumer<ConsumerView> {
    let consumer = shared.consumer();
    consumer.memory().count_loads(relaxed);
    consumer
}
