//! Sets of rings in virtual time: the loop and the turns that also run live.

mod delivery;
mod fairness;
mod finish;
mod requests;
mod stuck;
mod traffic;

#[path = "../watchdog/mod.rs"]
mod watchdog;

use std::time::Duration;

use ringbuf_core::{WaitPolicy, Wakeup};
use ringbuf_sim::{Flags, KernelProducer, SimRing, VirtualSet, VirtualTime};
use watchdog::watchdog;

const KIB: u64 = 1 << 10;

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Numbers that look random, but are the same in each run.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A time of an exponential distribution with this mean.
    fn exponential(&mut self, mean: Duration) -> Duration {
        let unit = (self.next() as f64 + 1.0) / (1_u64 << 53) as f64;
        mean.mul_f64(-unit.ln())
    }
}

/// Rings, and their producers.
struct Rings {
    rings: Vec<SimRing>,
    programs: Vec<KernelProducer>,
}

impl Rings {
    fn new(count: usize, bytes: u64) -> Self {
        let rings: Vec<_> = (0..count).map(|_| SimRing::new(bytes).unwrap()).collect();
        let programs = rings.iter().map(SimRing::producer).collect();
        Self { rings, programs }
    }

    /// A set of all. The tag is the number of the ring.
    fn set<'t>(&self, time: &VirtualTime<'t>, policy: WaitPolicy) -> VirtualSet<'t, usize> {
        let mut set = time.ring_set(policy);
        for (number, ring) in self.rings.iter().enumerate() {
            set.insert(ring.consumer().unwrap(), number).unwrap();
        }
        set
    }

    fn notifications(&self) -> u64 {
        self.rings.iter().map(SimRing::notifications).sum()
    }
}

/// Writes a record at `at`. It holds the time and a number.
fn write_at<'t>(
    time: &VirtualTime<'t>,
    at: Duration,
    program: &'t KernelProducer,
    number: u64,
    flags: Flags,
) {
    time.at(at, move |time| write(program, time.now(), number, flags));
}

fn write(program: &KernelProducer, now: Duration, number: u64, flags: Flags) {
    let stamp = u64::try_from(now.as_nanos()).unwrap();
    let mut sample = [0; 16];
    sample[..8].copy_from_slice(&stamp.to_ne_bytes());
    sample[8..].copy_from_slice(&number.to_ne_bytes());
    program.output(&sample, flags).expect("room");
}

/// The time and the number of a record.
fn stamp(sample: &[u8]) -> (Duration, u64) {
    let word = |at: usize| u64::from_ne_bytes(sample[at..at + 8].try_into().unwrap());
    (Duration::from_nanos(word(0)), word(8))
}

/// Waits and drains until `count` records were read. Returns their ages, sorted.
fn read_until(
    count: usize,
    set: &mut VirtualSet<'_, usize>,
    time: &VirtualTime<'_>,
) -> Vec<Duration> {
    let mut ages = Vec::new();
    while ages.len() < count {
        assert_eq!(set.wait(Some(Duration::from_secs(10))), Ok(Wakeup::Ready), "{}", ages.len());
        set.drain(|_, record| ages.push(time.now() - stamp(&record).0)).unwrap();
    }
    ages.sort_unstable();
    ages
}
