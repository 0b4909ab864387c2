//! A function of the key that calls back into the batch that calls it.

use std::cell::{Cell, OnceCell};

use ringbuf_core::MergeBatch;

use super::*;

type Batch = MergeBatch<'static, VirtualSetHost<'static>, usize, Slots<2>, Key, 2>;

thread_local! {
    static BATCH: OnceCell<&'static Batch> = const { OnceCell::new() };
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static STOLEN: Cell<usize> = const { Cell::new(0) };
}

/// Reads from the batch that asks for a key.
fn greedy(record: &Record<'_, SimMemory>) -> Option<u64> {
    if let Some(batch) = BATCH.with(|batch| batch.get().copied()) {
        CALLS.set(CALLS.get() + 1);
        STOLEN.set(STOLEN.get() + batch.records().count());
    }
    stamp(record)
}

/// Safe code can make a batch that its function of the key knows: nothing is lost or repeated.
#[test]
fn a_key_that_reads_its_own_batch_gets_nothing() {
    let time = VirtualTime::new();
    let rings: Vec<_> = (0..2).map(|_| SimRing::new(4096).unwrap()).collect();
    let set = time.ring_set(WaitPolicy::balanced());
    let merge: &'static mut Rings<'static, 2> =
        Box::leak(Box::new(Merge::new(set, Vec::new(), greedy as Key, 0)));
    for (number, ring) in rings.iter().enumerate() {
        merge.insert(ring.consumer().unwrap(), number).unwrap();
    }
    for key in 0..20 {
        write(&rings[key as usize % 2], key);
    }
    let batch: &'static Batch = Box::leak(Box::new(merge.batch(1_000).unwrap()));
    BATCH.with(|cell| cell.set(batch).unwrap());
    let read: Vec<_> = batch.records().map(|(_, record)| record.key).collect();
    assert!(CALLS.get() > 10, "the key was not asked within a call");
    assert_eq!(STOLEN.get(), 0);
    assert_eq!(read, (0..20).collect::<Vec<_>>());
}
