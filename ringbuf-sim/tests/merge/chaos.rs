//! A merge whose user does everything wrong at once: keys without sense, clocks that go back,
//! callbacks and keys that panic, batches that are forgotten, any lateness. Each record comes
//! once, what is late is marked, and the consumers' counts add up at any time.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::*;

thread_local! {
    /// After so many calls of the key, one panics. 0: none does.
    static FUSE: Cell<u64> = const { Cell::new(0) };
}

/// Neither text nor trace, but a panic.
fn burn() {
    let left = FUSE.get();
    FUSE.set(left.saturating_sub(1));
    if left == 1 {
        resume_unwind(Box::new("as the test wants it"));
    }
}

fn fragile(record: &Record<'_, SimMemory>) -> Option<u64> {
    burn();
    stamp(record)
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn run<const W: usize>(seed: u64, count: usize) {
    let time = VirtualTime::new();
    let mut random = Random(seed);
    let rings: Vec<_> = (0..count).map(|_| SimRing::new(4096).unwrap()).collect();
    let mut merge: Rings<'_, W> =
        Merge::new(time.ring_set(WaitPolicy::balanced()), Vec::new(), fragile as Key, 100);
    for (number, ring) in rings.iter().enumerate() {
        merge.insert(ring.consumer().unwrap(), number).unwrap();
    }
    let mut produced = vec![0_u64; count];
    let mut written = 0_u64; // records have numbers
    let mut read: Vec<u64> = Vec::new();
    let (mut newest, mut late) = (0, 0);
    let mut now = 1 << 40;
    for _ in 0..300 {
        let ring = random.below(count as u64) as usize;
        let producer = rings[ring].producer();
        now += random.below(60);
        match random.below(12) {
            0..5 => {
                for _ in 0..random.below(12) {
                    let key = match random.below(24) {
                        0 => 0,
                        1 => u64::MAX,
                        2 => now + random.below(1 << 50),
                        _ => now - random.below(300),
                    };
                    let mut sample = key.to_ne_bytes().to_vec();
                    sample.extend(written.to_ne_bytes());
                    if producer.output(&sample, Flags::ADAPTIVE).is_ok() {
                        (produced[ring], written) = (produced[ring] + 1, written + 1);
                    }
                }
            }
            5 => {
                for _ in 0..random.below(4) {
                    if let Ok(record) = producer.reserve(random.below(40)) {
                        record.discard(Flags::ADAPTIVE);
                        produced[ring] += 1;
                    }
                }
            }
            6 => merge.set_lateness([0, 1, 100, 1000, u64::MAX][random.below(5) as usize]),
            7 => now -= random.below(200),
            8 => {
                let Ok(batch) = merge.batch(now) else { panic!("a batch") };
                FUSE.set(random.below(20));
                let ended = catch_unwind(AssertUnwindSafe(|| {
                    for _ in 0..random.below(20) {
                        let Some((_, record)) = batch.next() else { break };
                        note(&record, &mut read, &mut newest, &mut late);
                    }
                }));
                FUSE.set(0);
                if ended.is_err() || random.below(2) == 0 {
                    std::mem::forget(batch);
                }
            }
            _ => {
                FUSE.set(random.below(40));
                let stop = random.below(30);
                let mut left = stop;
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    let _ = merge.round(now, |_, record| {
                        note(&record, &mut read, &mut newest, &mut late);
                        if stop % 3 == 0 {
                            burn();
                        }
                        left = left.saturating_sub(1);
                        if left == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    });
                }));
                FUSE.set(0);
            }
        }
        check(&merge, &produced, seed);
        let wait = merge.wait(Some(Duration::ZERO));
        assert!(wait.is_ok());
    }
    FUSE.set(0);
    merge.set_lateness(0);
    // A round ends where keys are too far from each other: it says so.
    let mut rounds = 0;
    while merge
        .drain(u64::MAX, |_, record| note(&record, &mut read, &mut newest, &mut late))
        .unwrap()
        != Round::Empty
    {
        rounds += 1;
        assert!(rounds < 2_000, "seed {seed}: endless");
    }
    check(&merge, &produced, seed);
    let all = read.len() as u64;
    read.sort_unstable();
    read.dedup();
    assert_eq!(read.len() as u64, all, "seed {seed}: some came twice");
    assert_eq!((all, merge.counts().rings.delivered), (written, written), "seed {seed}");
    assert_eq!(merge.counts().rings.late, late, "seed {seed}");
}

fn note(
    record: &ringbuf_core::Merged<'_, SimMemory>,
    read: &mut Vec<u64>,
    newest: &mut u64,
    late: &mut u64,
) {
    assert_eq!(record.late, record.key < *newest);
    *newest = record.key.max(*newest);
    *late += u64::from(record.late);
    read.push(u64::from_ne_bytes(*record[8..].first_chunk().unwrap()));
}

fn check<const W: usize>(merge: &Rings<'_, W>, produced: &[u64], seed: u64) {
    for token in merge.set().tokens() {
        let (consumer, lane) = merge.set().get(token).unwrap();
        let (counts, unread) = (consumer.counts(), consumer.unread().unwrap());
        let sum = counts.delivered + counts.discarded + unread.records;
        assert_eq!(sum, produced[*lane.tag()], "seed {seed}: {counts:?} {unread:?}");
    }
}

#[test]
fn whatever_its_user_does_each_record_counts_once() {
    let _hangs = watchdog("chaos");
    for seed in 0..std::env::var("CHAOS").map_or(200, |seeds| seeds.parse().unwrap()) {
        run::<1>(seed, 1 + seed as usize % 5);
        run::<2>(seed, 1 + seed as usize % 5);
        run::<8>(seed, 1 + seed as usize % 5);
        run::<64>(seed, 1 + seed as usize % 5);
    }
    run::<8>(7, 512);
    run::<1>(8, 512);
}
