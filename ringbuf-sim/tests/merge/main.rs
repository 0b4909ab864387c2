//! Ordered merge of simulated rings: order, lateness, bounds, waits.

mod arm;
mod batch;
mod chaos;
mod counts;
mod ends;
mod looks;
mod model;
mod order;
mod property;
mod reentered;
mod wait;

#[path = "../watchdog/mod.rs"]
mod watchdog;

use std::time::Duration;

use ringbuf_core::{Consumer, Lane, Merge, Node, Record, Round, Slot, WaitPolicy, Wakeup};
use ringbuf_sim::{Flags, KernelProducer, SimMemory, SimRing, VirtualSetHost, VirtualTime};
use watchdog::watchdog;

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Key = fn(&Record<'_, SimMemory>) -> Option<u64>;
type Slots<const W: usize> = Vec<Slot<Consumer<SimMemory>, Lane<usize, W>>>;
type Rings<'t, const W: usize> = Merge<VirtualSetHost<'t>, usize, Slots<W>, Vec<Node>, Key, W>;

/// The first eight bytes. A record with fewer has no key.
fn stamp(record: &Record<'_, SimMemory>) -> Option<u64> {
    record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

/// A merge of new rings of `bytes`. The tag is the number of the ring.
fn merged<'t, const W: usize>(
    time: &VirtualTime<'t>,
    count: usize,
    bytes: u64,
    lateness: u64,
) -> (Vec<SimRing>, Rings<'t, W>) {
    let rings: Vec<_> = (0..count).map(|_| SimRing::new(bytes).unwrap()).collect();
    let merge = merge_of(time, &rings, lateness);
    (rings, merge)
}

fn merge_of<'t, const W: usize>(
    time: &VirtualTime<'t>,
    rings: &[SimRing],
    lateness: u64,
) -> Rings<'t, W> {
    let set = time.ring_set(WaitPolicy::balanced());
    let mut merge = Merge::new(set, Vec::new(), stamp as Key, lateness);
    for (number, ring) in rings.iter().enumerate() {
        merge.insert(ring.consumer().unwrap(), number).unwrap();
    }
    merge
}

/// Writes a record with this key.
fn write(ring: &SimRing, key: u64) {
    ring.producer().output(&key.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
}

/// Delivers a round: the ring and the key of each record, and whether it is late.
fn round<const W: usize>(merge: &mut Rings<'_, W>, now: u64) -> (Vec<(usize, u64, bool)>, Round) {
    let mut records = Vec::new();
    let round = merge.drain(now, |ring, record| records.push((*ring, record.key, record.late)));
    (records, round.unwrap())
}

/// As [`round`], only the keys.
fn keys<const W: usize>(merge: &mut Rings<'_, W>, now: u64) -> (Vec<u64>, Round) {
    let (records, round) = round(merge, now);
    (records.into_iter().map(|(_, key, _)| key).collect(), round)
}
