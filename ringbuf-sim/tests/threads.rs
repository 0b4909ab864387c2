//! Real threads: everything arrives exactly once, in order, and no sleep misses a
//! record.

mod watchdog;

use std::hint;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_core::{Next, WaitPolicy, Wakeup};
use ringbuf_sim::{Flags, SimRing};
use watchdog::watchdog;

const PRODUCERS: usize = 2;
/// Records of each producer. Unoptimised code handles fewer.
const RECORDS: u64 = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
const CAPACITY: u64 = 64 * 1024;

/// The action of a producer for its record of this number.
#[derive(Clone, Copy)]
struct Plan {
    len: usize,
    flags: Flags,
    discard: bool,
}

impl Plan {
    /// Both sides compute the same: a hash of producer and number.
    fn of(producer: usize, number: u64, mixed: bool) -> Self {
        let mut hash = number.wrapping_mul(PRODUCERS as u64).wrapping_add(producer as u64 + 1);
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let flags = match hash >> 40 & 63 {
            0 if mixed => Flags::NO_WAKEUP,
            1 if mixed => Flags::FORCE_WAKEUP,
            _ => Flags::ADAPTIVE,
        };
        Self { len: (hash >> 20) as usize % 200, flags, discard: hash >> 50 & 15 == 0 }
    }

    /// True if the sample has space for its producer and number.
    fn is_named(self) -> bool {
        self.len >= NAME && !self.discard
    }
}

/// The bytes of a producer and a number, at the start of a sample with enough
/// space.
const NAME: usize = 9;

/// Returns the sample of a record that has space for its producer and number.
fn sample(producer: usize, number: u64) -> impl Iterator<Item = u8> {
    let filler = (0..).map(move |index: u64| (number ^ index.wrapping_mul(167)) as u8);
    [producer as u8].into_iter().chain(number.to_le_bytes()).chain(filler)
}

/// Writes all records of one producer in order, and repeats refused ones.
/// Returns attempts and refusals.
fn produce(ring: &SimRing, producer: usize, mixed: bool) -> (u64, u64) {
    let program = ring.producer();
    let (mut attempts, mut refused) = (0, 0);
    for number in 0..RECORDS {
        let plan = Plan::of(producer, number, mixed);
        let mut reservation = loop {
            attempts += 1;
            match program.reserve(plan.len as u64) {
                Ok(reservation) => break reservation,
                Err(_) => refused += 1,
            }
            thread::yield_now();
        };
        let bytes = sample(producer, number).skip(if plan.len < NAME { NAME } else { 0 });
        reservation.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        if plan.discard {
            reservation.discard(plan.flags);
        } else {
            reservation.submit(plan.flags);
        }
    }
    (attempts, refused)
}

/// Checks what arrives against the plans.
struct Arrivals {
    mixed: bool,
    next: [u64; PRODUCERS],
    short: u64,
}

impl Arrivals {
    fn new(mixed: bool) -> Self {
        Self { mixed, next: [0; PRODUCERS], short: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        if bytes.len() < NAME {
            self.short += 1;
            return;
        }
        let producer = usize::from(bytes[0]);
        let number = u64::from_le_bytes(bytes[1..NAME].try_into().unwrap());
        // No named record is skipped, and none comes twice.
        let plan = |number| Plan::of(producer, number, self.mixed);
        let expected = (self.next[producer]..).find(|number| plan(*number).is_named());
        assert_eq!(Some(number), expected, "of producer {producer}");
        assert_eq!(bytes.len(), plan(number).len);
        assert!(bytes.iter().copied().eq(sample(producer, number).take(bytes.len())));
        self.next[producer] = number + 1;
    }

    /// Checks that everything arrived.
    fn check(&self) {
        let plans =
            |producer| (0..RECORDS).map(move |number| Plan::of(producer, number, self.mixed));
        for producer in 0..PRODUCERS {
            let rest = plans(producer).skip(self.next[producer] as usize);
            assert_eq!(rest.filter(|plan| plan.is_named()).count(), 0, "of {producer} are missing");
        }
        let short = |plan: &Plan| plan.len < NAME && !plan.discard;
        let short: usize = (0..PRODUCERS).map(|who| plans(who).filter(short).count()).sum();
        assert_eq!(self.short, short as u64);
    }
}

/// The action of the reader after it has read everything.
#[derive(Clone, Copy, PartialEq)]
enum Idle {
    /// Sleeps, at most this long. Without a limit only a notification ends the sleep.
    Wait(Option<Duration>),
    /// Looks again.
    Spin,
}

/// Blocks on an empty ring until a notification. The policy has no timeout that
/// could save a reader without notification. Holds back this fraction of the ring.
fn blocks(fraction: u64) -> WaitPolicy {
    WaitPolicy::immediate().max_sleep(Duration::MAX).release_fraction(fraction)
}

/// Runs all producers against one reader, which holds back this fraction. Returns
/// the number of notifications.
fn run(mixed: bool, idle: Idle, fraction: u64) -> u64 {
    let (_hangs, start) = (watchdog("threads::run"), Instant::now());
    let ring = SimRing::new(CAPACITY).unwrap();
    let mut consumer = ring.consumer().unwrap();
    consumer.set_policy(blocks(fraction));
    let mut arrivals = Arrivals::new(mixed);
    let (mut attempts, mut refused) = (0, 0);
    thread::scope(|scope| {
        let ring = &ring;
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| scope.spawn(move || produce(ring, producer, mixed)))
            .collect();
        let total = RECORDS * PRODUCERS as u64;
        loop {
            let batch = consumer.batch();
            while let Next::Record(record) = batch.next().unwrap() {
                arrivals.take(&record);
            }
            drop(batch);
            let counts = consumer.counts();
            if counts.delivered + counts.discarded == total {
                break;
            }
            match idle {
                Idle::Spin => thread::yield_now(),
                Idle::Wait(limit) => {
                    let wakeup = consumer.wait(limit).unwrap();
                    assert!(wakeup == Wakeup::Ready || limit.is_some(), "{wakeup:?}: {counts}");
                }
            }
        }
        for producer in producers {
            let (tried, failed) = producer.join().unwrap();
            (attempts, refused) = (attempts + tried, refused + failed);
        }
    });
    arrivals.check();
    let counts = consumer.counts();
    assert_eq!(attempts, counts.delivered + counts.discarded + refused, "{counts}");
    // printed only:
    let (notified, took) = (ring.notifications(), start.elapsed());
    println!("{counts}; {refused} of {attempts} refused; {notified} notifications; {took:.1?}");
    notified
}

#[test]
fn no_sleep_misses_an_adaptive_record() {
    run(false, Idle::Wait(None), 0);
}

#[test]
fn no_sleep_misses_an_adaptive_record_with_a_late_release() {
    run(false, Idle::Wait(None), 4);
}

/// After an unread `NO_WAKEUP` record, adaptive records do not notify. The timeout
/// of the wait saves the reader.
#[test]
fn mixed_flags_need_the_timeout_of_the_wait() {
    run(true, Idle::Wait(Some(Duration::from_millis(1))), 0);
}

/// One record at a time, sent while the reader is about to sleep. If the reader
/// misses it, no other record wakes it.
#[test]
fn no_sleep_misses_the_only_record() {
    let ring = SimRing::new(CAPACITY).unwrap();
    let mut consumer = ring.consumer().unwrap();
    consumer.set_policy(blocks(0));
    let _hangs = watchdog("threads::nobody_sleeps_over_the_only_record");
    let read = AtomicU64::new(0);
    let records = RECORDS / 4;
    thread::scope(|scope| {
        scope.spawn(|| {
            let program = ring.producer();
            for number in 0..records {
                while read.load(Relaxed) != number {
                    thread::yield_now();
                }
                // After a varying time, to hit each step of the wait.
                (0..number % 256).for_each(|_| hint::spin_loop());
                program.output(&number.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
            }
        });
        while consumer.counts().delivered < records {
            assert_eq!(consumer.wait(None).unwrap(), Wakeup::Ready);
            let batch = consumer.batch();
            while let Next::Record(_) = batch.next().unwrap() {}
            drop(batch);
            read.store(consumer.counts().delivered, Relaxed);
        }
    });
    // The reader had always caught up, so each record notified.
    assert_eq!(ring.notifications(), records);
}

/// A reader that publishes each batch at once gets notifications, awake or asleep.
/// Their number depends on the load of the processors. So this test prints it, and
/// `tests/consumer.rs` asserts it in lockstep.
#[test]
fn a_late_release_saves_notifications() {
    let at_once = run(false, Idle::Spin, 0);
    let late = run(false, Idle::Spin, 4);
    println!("notifications: {at_once} when published at once, {late} with a quarter held back");
}
