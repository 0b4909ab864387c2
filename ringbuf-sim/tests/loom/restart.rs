//! A consumer ends, and the next one starts at the stored position, while a
//! producer continues.

use std::mem::forget;

use loom::thread;
use ringbuf_core::{Consumer, Next};

use crate::backing::{Shared, Variant};
use crate::explore::Model;
use crate::models::{HOLDS_TWO, drain, look, submit};
use crate::views::ConsumerView;

const OUTCOMES: &[&str] = &["last one refused", "last one read at once", "last one read later"];

/// The consumer is dropped with a release held back. Dropping publishes, so nothing
/// comes twice.
pub(crate) const RESTART_DROPPED: Model = Model {
    name: "restart_dropped",
    outcomes: OUTCOMES,
    floor: 1300,
    execution: |variant| restart(variant, 3, drop),
};

/// The consumer is killed with an unpublished consumed record, which comes again.
pub(crate) const RESTART_KILLED: Model = Model {
    name: "restart_killed",
    outcomes: OUTCOMES,
    floor: 600,
    execution: |variant| restart(variant, 2, forget),
};

/// The consumer is killed during a batch, which comes again.
pub(crate) const RESTART_KILLED_IN_A_BATCH: Model = Model {
    name: "restart_killed_in_a_batch",
    outcomes: OUTCOMES,
    floor: 1100,
    execution: |variant| {
        restart(variant, 2, |mut consumer| {
            let batch = consumer.batch();
            while let Ok(Next::Record(_)) = batch.next() {}
            forget(batch);
            forget(consumer);
        })
    },
};

/// After a first long record, the records 1 and 2 exist, and 3 and 4 arrive. The
/// fourth is so long that it crosses the end of the data onto the first. The first
/// consumer publishes 1, reads 2, and ends. The second one must get everything from
/// `next` on, and nothing before it.
fn restart(variant: Variant, next: u64, end: fn(Consumer<ConsumerView>)) -> &'static str {
    let shared = Shared::new(HOLDS_TWO, variant);
    let kernel = shared.kernel_ring();
    let mut first = shared.consumer();
    assert!(submit(&kernel, &[0; 23]));
    assert_eq!(drain(&mut first).len(), 1);
    let begin = shared.since_start(first.position());
    for value in [1, 2] {
        assert!(submit(&kernel, &[value]));
    }
    let long = [4; 26];
    let thread = thread::spawn(move || [&[3][..], &long].map(|words| submit(&kernel, words)));
    assert_eq!(look(&mut first, &[1]), "record");
    assert_eq!(first.unpublished(), 0);
    first.hold_back(32);
    assert_eq!(look(&mut first, &[2]), "record");
    assert_eq!(first.unpublished(), 16);
    end(first);

    let mut second = shared.consumer();
    assert_eq!(shared.since_start(second.position()), begin + 16 * (next - 1));
    let mut read = drain(&mut second);
    let early = read.contains(&long.to_vec());
    let fitted = thread.join().unwrap();
    read.extend(drain(&mut second));
    assert!(fitted[0]);
    let mut written: Vec<_> = (next..=3).map(|value| vec![value]).collect();
    written.extend(fitted[1].then(|| long.to_vec()));
    assert_eq!(read, written, "lost, repeated or in disorder");
    match (fitted[1], early) {
        (false, _) => "last one refused",
        (true, true) => "last one read at once",
        (true, false) => "last one read later",
    }
}
