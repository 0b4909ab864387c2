//! The wait loop in virtual time: the real `Consumer::wait` and the kernel's
//! algorithm, with timed events and without real sleeps. Everything is exact and
//! the same in each run.

mod ends;
mod finish;
mod host;
mod policy;
mod requests;
mod room;
mod space;
mod stuck;
mod timeouts;
mod traffic;
mod wakes;

#[path = "../watchdog/mod.rs"]
mod watchdog;

use std::time::Duration;

use ringbuf_core::{Consumer, WaitPolicy, Wakeup};
use ringbuf_sim::{Flags, KernelProducer, Rests, SimRing, VirtualMemory, VirtualTime};
use watchdog::watchdog;

const KIB: u64 = 1 << 10;

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A policy of each kind, with its name.
fn presets() -> [(&'static str, WaitPolicy); 4] {
    [
        ("balanced", WaitPolicy::balanced()),
        ("low_latency", WaitPolicy::low_latency()),
        ("low_cost", WaitPolicy::low_cost()),
        ("immediate", WaitPolicy::immediate()),
    ]
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

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }

    /// Returns a number of an exponential distribution with this mean.
    fn exponential(&mut self, mean: Duration) -> Duration {
        let unit = (self.next() as f64 + 1.0) / (1_u64 << 53) as f64;
        mean.mul_f64(-unit.ln())
    }
}

/// Writes a record of this length at `time`. It holds the time.
fn write_at<'t>(
    time: &VirtualTime<'t>,
    at: Duration,
    program: &'t KernelProducer,
    len: usize,
    flags: Flags,
) {
    time.at(at, move |time| {
        let _ = write(program, time.now(), len, flags);
    });
}

/// Writes a record with its time. Returns true if there was space.
fn write(program: &KernelProducer, now: Duration, len: usize, flags: Flags) -> bool {
    let Ok(mut record) = program.reserve(len as u64) else { return false };
    let stamp = u64::try_from(now.as_nanos()).unwrap().to_ne_bytes();
    record[..8].copy_from_slice(&stamp);
    record.submit(flags);
    true
}

/// Returns the age of a record.
fn age(sample: &[u8], now: Duration) -> Duration {
    let stamp = u64::from_ne_bytes(sample[..8].try_into().unwrap());
    now - Duration::from_nanos(stamp)
}

/// Reads everything and returns the age of each record.
fn read(consumer: &mut Consumer<VirtualMemory<'_>>, time: &VirtualTime<'_>) -> Vec<Duration> {
    let mut ages = Vec::new();
    consumer.drain(|record| ages.push(age(&record, time.now()))).unwrap();
    ages
}

/// The duration of a call, and its waits by kind.
fn spent<R>(time: &VirtualTime<'_>, act: impl FnOnce() -> R) -> (R, Duration, Rests) {
    let (start, before) = (time.now(), time.rests());
    let result = act();
    let mut rests = time.rests();
    rests.pauses -= before.pauses;
    rests.naps -= before.naps;
    rests.notified -= before.notified;
    rests.blocks -= before.blocks;
    rests.readings -= before.readings;
    (result, time.now() - start, rests)
}

/// Waits and reads until this many records were passed, for at most a second each.
/// Returns their ages.
fn read_until(
    passed: u64,
    consumer: &mut Consumer<VirtualMemory<'_>>,
    time: &VirtualTime<'_>,
) -> Vec<Duration> {
    let mut ages = read(consumer, time);
    while consumer.counts().delivered + consumer.counts().discarded < passed {
        assert_eq!(consumer.wait(Some(Duration::from_secs(1))), Ok(Wakeup::Ready));
        ages.extend(read(consumer, time));
    }
    ages
}

/// A ring in virtual time, and a program that writes it.
macro_rules! ring {
    ($ring:ident, $program:ident, $time:ident, $consumer:ident, $bytes:expr) => {
        let $ring = SimRing::new($bytes).unwrap();
        let $program = $ring.producer();
        let $time = VirtualTime::new();
        let mut $consumer = $ring.consumer_in(&$time).unwrap();
    };
}
use ring;
