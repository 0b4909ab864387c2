//! What the consumer of a merged ring counts: while records are held, after a removal, and
//! after a panic. Delivered, discarded and unread make up what was produced.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ringbuf_core::{CountSaver, Counts, SavedWords};

use super::*;

fn discard(ring: &SimRing) {
    ring.producer().reserve(8).unwrap().discard(Flags::ADAPTIVE);
}

/// Delivered, discarded, and unread of the first ring, and the sum of them.
fn account<const W: usize>(merge: &Rings<'_, W>) -> (u64, u64, u64, u64) {
    let token = merge.set().tokens().next().unwrap();
    sum(merge.set().get(token).unwrap().0)
}

fn sum(consumer: &Consumer<SimMemory>) -> (u64, u64, u64, u64) {
    let Counts { delivered, discarded, .. } = consumer.counts();
    let unread = consumer.unread().unwrap().records;
    (delivered, discarded, unread, delivered + discarded + unread)
}

/// A record behind one that is held was delivered. It still is in the ring, and counts once.
#[test]
fn a_record_delivered_out_of_turn_counts_once() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, 100);
    for key in [50, 10, 20] {
        write(&rings[0], key);
    }
    assert_eq!(keys(&mut merge, 120).0, [10, 20]);
    assert_eq!(account(&merge).3, 3, "{:?}", account(&merge));
    assert_eq!(keys(&mut merge, 1_000).0, [50]);
    assert_eq!(account(&merge), (3, 0, 0, 3));
}

/// A discarded record behind one that is held is in the ring, and counts once.
#[test]
fn a_discarded_record_behind_a_held_one_counts_once() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, 100);
    write(&rings[0], 10);
    write(&rings[0], 50);
    discard(&rings[0]);
    write(&rings[0], 60);
    assert_eq!(keys(&mut merge, 120).0, [10]);
    assert_eq!(account(&merge).3, 4, "{:?}", account(&merge));
    assert_eq!(keys(&mut merge, 1_000).0, [50, 60]);
    assert_eq!(account(&merge), (3, 1, 0, 4));
}

/// Who reads a removed ring gets some records again. It goes on counting.
#[test]
fn a_removed_ring_counts_each_record_once() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, 100);
    for key in [5, 50, 10] {
        write(&rings[0], key);
    }
    discard(&rings[0]);
    write(&rings[0], 20);
    assert_eq!(keys(&mut merge, 120).0, [5, 10, 20]);
    let token = merge.set().tokens().next().unwrap();
    let (mut consumer, _) = merge.remove(token).unwrap();
    assert_eq!(sum(&consumer).3, 5, "{:?}", sum(&consumer));
    consumer.drain(|_| ()).unwrap();
    assert_eq!(sum(&consumer), (4, 1, 0, 5));
}

/// The words that outlive a reader.
#[derive(Default)]
struct Words([std::cell::Cell<u64>; 16]);

impl SavedWords for &Words {
    fn load(&self, word: usize) -> u64 {
        self.0[word].get()
    }

    fn store(&self, word: usize, value: u64) {
        self.0[word].set(value);
    }
}

/// A merge is killed while it holds a record. What it delivered behind that comes again, and
/// the reader after it counts each record once.
#[test]
fn the_reader_after_a_merge_counts_each_record_once() {
    let (time, words) = (VirtualTime::new(), Words::default());
    let (rings, mut merge) = merged::<8>(&time, 2, 4096, 100);
    let token = merge.set().tokens().next().unwrap();
    let saver = CountSaver::resume(&words, 7, merge.set().get(token).unwrap().0).unwrap();
    for key in [5, 50, 10] {
        write(&rings[0], key);
    }
    discard(&rings[0]);
    write(&rings[0], 20);
    assert_eq!(keys(&mut merge, 120).0, [5, 10, 20]);
    let consumer = merge.set().get(token).unwrap().0;
    saver.save(consumer.position(), consumer.counts()); // as before the store of the position
    drop(merge);

    let mut next = rings[0].consumer().unwrap();
    let resumed = CountSaver::resume(&words, 7, &next).unwrap().resumed();
    next.drain(|_| ()).unwrap();
    let counts = resumed.counts.plus(next.counts());
    assert_eq!((counts.delivered, counts.discarded), (4, 1));
}

/// A batch that was forgotten before the ring came here counted nothing.
#[test]
fn what_a_forgotten_batch_skipped_counts_once() {
    let time = VirtualTime::new();
    let ring = SimRing::new(4096).unwrap();
    discard(&ring);
    write(&ring, 10);
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch();
    assert!(matches!(batch.next(), Ok(ringbuf_core::Next::Record(_))));
    std::mem::forget(batch);
    let mut merge: Rings<'_, 8> =
        Merge::new(time.ring_set(WaitPolicy::balanced()), Vec::new(), stamp as Key, 100);
    merge.insert(consumer, 0).unwrap();
    assert_eq!(keys(&mut merge, 1_000).0, [10]);
    assert_eq!(account(&merge), (1, 1, 0, 2));
}

thread_local! {
    static PANICS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Panics once, at the record of this key.
fn touchy(record: &Record<'_, SimMemory>) -> Option<u64> {
    let key = stamp(record);
    if key == Some(PANICS.get()) {
        PANICS.set(0);
        panic!("as the test wants it");
    }
    key
}

/// The function of the key panics: nothing is lost, repeated, or counted twice.
#[test]
fn after_a_panic_of_the_key_the_sum_holds() {
    for at in [1, 10, 20, 30] {
        let time = VirtualTime::new();
        let ring = SimRing::new(4096).unwrap();
        let mut merge: Rings<'_, 2> =
            Merge::new(time.ring_set(WaitPolicy::balanced()), Vec::new(), touchy as Key, 100);
        merge.insert(ring.consumer().unwrap(), 0).unwrap();
        for key in [10, 20, 30] {
            discard(&ring);
            write(&ring, key);
        }
        PANICS.set(at);
        let mut read = Vec::new();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            merge.drain(1_000, |_, record| read.push(record.key)).unwrap();
        }));
        assert_eq!(panicked.is_err(), at > 1);
        let wait = merge.wait(Some(ms(200)));
        if at > 1 {
            assert_eq!(wait, Ok(Wakeup::Ready), "key {at}");
        }
        merge.drain(1_000, |_, record| read.push(record.key)).unwrap();
        assert_eq!(read, [10, 20, 30], "key {at}");
        assert_eq!(account(&merge), (3, 3, 0, 6), "key {at}");
        assert_eq!(merge.counts().rings.delivered, 3);
    }
}

/// The same in the midst of a round, where a record takes the place of one that is delivered;
/// also in a batch, which goes on after the panic.
#[test]
fn after_a_panic_of_the_key_of_a_later_record_the_sum_holds() {
    let written = [10, 30, 20, 40, 60, 50, 70, 80, 100, 90];
    for (at, batch) in written.iter().flat_map(|&at| [(at, false), (at, true)]) {
        let time = VirtualTime::new();
        let ring = SimRing::new(4096).unwrap();
        let mut merge: Rings<'_, 2> =
            Merge::new(time.ring_set(WaitPolicy::balanced()), Vec::new(), touchy as Key, 100);
        merge.insert(ring.consumer().unwrap(), 0).unwrap();
        written.iter().for_each(|&key| write(&ring, key));
        PANICS.set(at);
        let mut read = Vec::new();
        let mut panicked = 0;
        for _ in 0..2 {
            let round = catch_unwind(AssertUnwindSafe(|| {
                if !batch {
                    merge.drain(1_000, |_, record| read.push(record.key)).unwrap();
                    return;
                }
                let batch = merge.batch(1_000).unwrap();
                for _ in 0..2 {
                    let next = || batch.records().for_each(|(_, record)| read.push(record.key));
                    panicked += usize::from(catch_unwind(AssertUnwindSafe(next)).is_err());
                }
            }));
            panicked += usize::from(round.is_err());
        }
        assert_eq!((panicked, PANICS.get()), (1, 0), "key {at}, batch {batch}");
        let sorted: Vec<u64> = (1..=10).map(|n| n * 10).collect();
        assert_eq!(read, sorted, "key {at}, batch {batch}");
        assert_eq!(account(&merge), (10, 0, 0, 10), "key {at}, batch {batch}");
        assert_eq!(merge.counts().rings.delivered, 10);
    }
}

/// The callback panics: what was delivered before counts for what is late afterwards.
#[test]
fn after_a_panic_of_the_callback_late_records_are_marked() {
    let time = VirtualTime::new();
    let (rings, mut merge) = merged::<2>(&time, 2, 4096, 100);
    for key in [10, 20, 30] {
        write(&rings[0], key);
    }
    let mut read = Vec::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        merge.drain(1_000, |_, record| {
            read.push((record.key, record.late));
            assert_ne!(record.key, 30, "as the test wants it");
        })
    }));
    assert!(panicked.is_err());
    write(&rings[1], 15);
    merge.drain(2_000, |_, record| read.push((record.key, record.late))).unwrap();
    assert_eq!(read, [(10, false), (20, false), (30, false), (15, true)]);
    assert_eq!(merge.counts().rings.late, 1);
}
