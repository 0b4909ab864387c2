//! Merged records that are held at once.

use super::*;

#[test]
fn records_of_many_rings_are_held_at_once_and_given_back_together() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<4>(&time, 3, 4096, 0);
    for key in 0..300 {
        write(&rings[key as usize % 3], key);
    }
    let batch = merge.batch(1_000).unwrap();
    let held: Vec<_> = batch.records().collect();
    assert_eq!(held.len(), 300);
    // Nothing was given back: the rings have no more room than before.
    assert_eq!(rings[0].pages().consumer, 0);
    for (key, (ring, record)) in (0_u64..).zip(&held) {
        assert_eq!(
            (**ring as u64, record.key, &record[..]),
            (key % 3, key, &key.to_ne_bytes()[..])
        );
    }
    drop(held);
    assert_eq!(batch.finish(), Round::Empty);
    assert_eq!(merge.counts().rings.delivered, 300);
    // Two records of each ring are held back, as in a set.
    assert_eq!(rings[0].pages().consumer, 98 * 16);
}

#[test]
fn a_batch_that_is_not_read_to_its_end_leaves_the_rest() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<2>(&time, 2, 4096, 0);
    for key in 0..10 {
        write(&rings[key as usize % 2], key);
    }
    let batch = merge.batch(1_000).unwrap();
    assert_eq!(
        batch.records().take(3).map(|(_, record)| record.key).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(batch.finish(), Round::Limit);
    assert_eq!(merge.wait(None), Ok(Wakeup::Ready));
    drop(merge.batch(1_000).unwrap());
    assert_eq!(keys(&mut merge, 1_000), ((3..10).collect(), Round::Empty));
}

#[test]
fn a_forgotten_batch_loses_and_repeats_nothing() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<2>(&time, 2, 4096, 0);
    for key in 0..10 {
        write(&rings[key as usize % 2], key);
    }
    let batch = merge.batch(1_000).unwrap();
    assert_eq!(batch.records().take(3).count(), 3);
    std::mem::forget(batch);
    write(&rings[0], 10);
    assert_eq!(keys(&mut merge, 1_000), ((3..11).collect(), Round::Empty));
    assert_eq!(merge.counts().rings.delivered, 11);
    let total = rings.iter().map(|ring| ring.pages().producer - ring.pages().consumer).sum::<u64>();
    assert!(total <= 4 * 16, "{total} bytes are not given back");
}

#[test]
fn a_callback_that_breaks_or_panics_has_consumed_its_record() {
    use std::ops::ControlFlow;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<2>(&time, 2, 4096, 0);
    for key in 0..10 {
        write(&rings[key as usize % 2], key);
    }
    let end = merge.round(1_000, |_, record| match record.key {
        4 => ControlFlow::Break(record.key),
        _ => ControlFlow::Continue(()),
    });
    assert_eq!(end, Ok(ControlFlow::Break(4)));
    assert_eq!(merge.wait(None), Ok(Wakeup::Ready));
    let panics = catch_unwind(AssertUnwindSafe(|| {
        merge.drain(1_000, |_, record| assert_ne!(record.key, 6)).unwrap();
    }));
    assert!(panics.is_err());
    assert_eq!(keys(&mut merge, 1_000), (vec![7, 8, 9], Round::Empty));
    assert_eq!(merge.counts().rings.delivered, 10);
}
