//! Records of two CPUs, and of a timer that interrupts their programs, come out of a merge in the
//! order of their times.
//!
//! RINGBUF_RECORDS says how many records each test reads at least (300,000 without it). For ten
//! million: `RINGBUF_RECORDS=10000000 cargo test -p ringbuf-tests --release --test order --
//! --nocapture --test-threads=1`.

use std::collections::HashSet;
use std::env;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ringbuf_bpf::shards::types::produce;
use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy};
use ringbuf_tests::{Event, Shards, live_since, online_cpus, pin_to_cpu, skip, watchdog};

/// bpf_loop.
const SINCE: (u32, u32) = (5, 17);
/// Of all rings.
const BYTES: u64 = 32 << 20;
const TICK: Duration = Duration::from_micros(50);
/// More than a clock of one CPU is behind another's, and more than an interrupt takes.
const ENOUGH: Duration = Duration::from_millis(1);
/// Far below [`ENOUGH`].
const STALL: Duration = Duration::from_micros(100);
/// A CPU without a tick for so long stood still, and so did a program that took so long.
const PAUSE: Duration = Duration::from_micros(500);
/// From a tick to a stamp just after it, in nanoseconds.
const SLACK: u64 = 100_000;
/// A test that waits for a late record reads at most so many times what is wanted.
const MOST: u64 = 20;

static ALONE: Mutex<()> = Mutex::new(());

fn stamp(record: &Record<'_, Mapping>) -> Option<u64> {
    record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

/// When the programs take the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stamps {
    /// After the reservation.
    After,
    /// Before it.
    Before,
    /// Before it, and some of them [`STALL`] before.
    BeforeAStall,
}

#[derive(Debug)]
struct Late {
    /// From its key to the largest one before it.
    by: Range<u64>,
    /// Its stream, and its number there.
    place: (usize, u64),
}

/// What came out, checked record by record.
#[derive(Debug, Default)]
struct Output {
    /// For each stream, the numbers that came.
    seen: Vec<Numbers>,
    newest: u64,
    read: u64,
    /// Records with a smaller key than one before them.
    late: Vec<Late>,
    /// The places of records whose programs stood still before their commit was over.
    slow: HashSet<(usize, u64)>,
    /// For each CPU, the time of its last tick.
    ticks: Vec<u64>,
    /// From one tick of a CPU to the next, if it had none for long.
    pauses: Vec<Range<u64>>,
}

impl Output {
    fn of(streams: usize) -> Self {
        let seen = (0..streams).map(|_| Numbers::default()).collect();
        Self { seen, ticks: vec![0; streams / 2], ..Self::default() }
    }

    /// Checks a record: it came once, and is marked if it is late and only then.
    fn enter(&mut self, sample: &[u8], key: u64, marked: bool) {
        let event = Event::of(sample);
        assert_eq!(event.key, key, "{event:?}");
        assert!(self.seen[event.stream].enter(event.number), "it came before: {event:?}");
        self.read += 1;
        let late = key < self.newest;
        assert_eq!(marked, late, "{event:?} after {}", self.newest);
        if late {
            self.late.push(Late { by: key..self.newest, place: (event.stream, event.number) });
        }
        // A program may be preempted while the ticks go on. The next record of its stream tells.
        if event.took >= PAUSE {
            self.slow.insert((event.stream, event.number.saturating_sub(1)));
        }
        self.newest = self.newest.max(key);
        if event.stream % 2 == 1 {
            let last = &mut self.ticks[event.stream / 2];
            if *last > 0 && key.saturating_sub(*last) >= PAUSE.as_nanos() as u64 {
                self.pauses.push(*last..key);
            }
            *last = key.max(*last);
        }
    }
}

/// The length of the longest one, in microseconds.
fn longest<'a>(times: impl Iterator<Item = &'a Range<u64>>) -> u64 {
    times.map(|time| time.end - time.start).max().unwrap_or(0) / 1000
}

/// A set of numbers, most of which are there.
#[derive(Debug, Default)]
struct Numbers {
    words: Vec<u64>,
    count: u64,
}

impl Numbers {
    /// Returns false if it is there already.
    fn enter(&mut self, number: u64) -> bool {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u64::from(new);
        new
    }
}

/// Reads at least the wanted number of records through `count` rings, and more until one is late
/// if `wants_late`. `W` is the look-ahead.
fn merge<const W: usize>(
    test: &'static str,
    count: u32,
    lateness: Duration,
    stamps: Stamps,
    wants_late: bool,
) -> Option<Output> {
    if !live_since(test, SINCE) {
        return None;
    }
    let &[first, second, ..] = &online_cpus()[..] else {
        skip(test, "needs two CPUs");
        return None;
    };
    // The timers of several tests together would take the CPUs.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _hangs = watchdog(test);
    let per_cpu = count / 2;
    let shards = Shards::load_with(|open| {
        let rodata = open.maps.rodata_data.as_deref_mut().expect("constants");
        rodata.per_cpu = per_cpu;
        rodata.timed = 1;
        rodata.stamp_before = (stamps != Stamps::After).into();
        if stamps == Stamps::BeforeAStall {
            rodata.stall_ns = STALL.as_nanos() as u64;
        }
        Ok(())
    });
    let shards = shards.expect("load of shards.bpf.c");
    let policy = WaitPolicy::balanced();
    let mut rings = MergedRings::<u32, _, W>::with_look_ahead(policy, lateness, stamp);
    let rings = rings.as_mut().expect("an epoll set");
    for cpu in [first, second] {
        let begin = u32::try_from(cpu).expect("small") * per_cpu;
        for slot in begin..begin + per_cpu {
            let ring = RingBuf::create(BYTES / u64::from(count)).expect("ring");
            shards.put(slot, &ring).expect("a slot");
            rings.insert(ring, slot).expect("added");
        }
    }
    let wanted: u64 = env::var("RINGBUF_RECORDS").map_or(300_000, |n| n.parse().expect("number"));
    let mut output = Output::of(shards.streams());
    let links = shards.interrupt(TICK.as_nanos() as u64).expect("a timer on each CPU");
    let (running, stop) = (AtomicUsize::new(2), AtomicBool::new(false));
    // On a busy host, the reader may stand still so long that all it finds is in order.
    let satisfied = AtomicBool::new(!wants_late);
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for cpu in [first, second] {
            let (shards, running, stop, satisfied) = (&shards, &running, &stop, &satisfied);
            scope.spawn(move || {
                let _pinned = pin_to_cpu(cpu).expect("pin");
                // A stall matters only to a reader that keeps up.
                let (count, pause) = match stamps {
                    Stamps::BeforeAStall => (100, Duration::from_micros(50)),
                    _ => (2000, Duration::ZERO),
                };
                let mut accepted = 0;
                let enough = |accepted| {
                    let times = if satisfied.load(Ordering::Relaxed) { 1 } else { MOST };
                    accepted >= times * wanted / 2
                };
                while !enough(accepted) && !stop.load(Ordering::Relaxed) {
                    let arguments = produce { count, size: 32, ..Default::default() };
                    let run = shards.produce(arguments).expect("a run");
                    accepted += run.accepted;
                    // The reader shares a CPU with one of us; it need not starve.
                    if run.accepted < u64::from(count) {
                        thread::sleep(Duration::from_micros(100));
                    } else if pause > Duration::ZERO {
                        thread::sleep(pause);
                    } else {
                        thread::yield_now();
                    }
                }
                running.fetch_sub(1, Ordering::Release);
            });
        }
        while running.load(Ordering::Acquire) > 0 {
            rings.wait(Some(Duration::from_millis(20))).expect("wait");
            rings
                .drain(|slot, record| {
                    assert_eq!(Event::of(&record).slot, *slot);
                    output.enter(&record, record.key, record.late);
                })
                .expect("sound rings");
            if !output.late.is_empty() {
                satisfied.store(true, Ordering::Relaxed);
            }
        }
    });
    drop(links);
    let enter = |_: &mut u32, record: ringbuf_kernel::Merged<'_, Mapping>| {
        output.enter(&record, record.key, record.late);
    };
    let finished = rings.finish(Duration::from_secs(10), enter).expect("finish");
    assert!(finished.is_complete(), "{finished}");
    let counts = rings.counts().rings;
    let late = output.late.len() as u64;
    assert_eq!((counts.delivered, counts.late), (output.read, late), "the merge's counts");
    let mut refused = 0;
    for (number, numbers) in output.seen.iter().enumerate() {
        let stream = shards.stream(number);
        refused += stream.attempted - stream.accepted;
        assert_eq!(numbers.count, stream.accepted, "stream {number}: each record once");
        assert!(numbers.words.len() as u64 <= stream.accepted.div_ceil(64), "numbers of {number}");
    }
    println!(
        "{test}: {} records through {count} rings, {refused} refused, {late} late by up to {} us; \
         {} times a CPU stood still, for up to {} us",
        output.read,
        longest(output.late.iter().map(|late| &late.by)),
        output.pauses.len(),
        longest(output.pauses.iter())
    );
    assert!(output.read >= wanted, "{}", output.read);
    Some(output)
}

/// With enough lateness and look-ahead, no record is out of order. A record may only be late if its
/// program or its CPU stood still before the commit (the host paused it, or emulates it slowly).
/// Then it is marked.
fn in_order(test: &'static str, count: u32, stamps: Stamps) {
    let Some(output) = merge::<8>(test, count, ENOUGH, stamps, false) else { return };
    let is_slow = |late: &&Late| output.slow.contains(&late.place);
    for late in output.late.iter().filter(|late| !is_slow(late)) {
        // A program may stall after its stamp, and then stand still.
        let last = late.by.end + STALL.as_nanos() as u64 + SLACK;
        let near = |pause: &Range<u64>| pause.start < last && late.by.start < pause.end + SLACK;
        let paused = output.pauses.iter().any(near);
        assert!(paused, "late without a pause: {late:?} of {}", output.late.len());
    }
    if !output.late.is_empty() {
        let slow = output.late.iter().filter(is_slow).count();
        println!(
            "{test}: {} records are late, and marked; {slow} of their programs took over {PAUSE:?}",
            output.late.len()
        );
    }
}

/// With too little lateness or look-ahead, some are late: exactly those are marked.
fn late_are_marked<const W: usize>(test: &'static str, count: u32, stamps: Stamps) {
    let Some(output) = merge::<W>(test, count, Duration::ZERO, stamps, true) else { return };
    assert!(!output.late.is_empty(), "nothing was out of order");
}

#[test]
fn two_rings_in_order() {
    in_order("order::two_rings_in_order", 2, Stamps::After);
}

#[test]
fn eight_rings_in_order() {
    in_order("order::eight_rings_in_order", 8, Stamps::After);
}

#[test]
fn sixty_four_rings_in_order() {
    in_order("order::sixty_four_rings_in_order", 64, Stamps::After);
}

#[test]
fn late_records_of_two_rings_are_marked() {
    late_are_marked::<1>("order::late_records_of_two_rings", 2, Stamps::Before);
}

#[test]
fn late_records_of_eight_rings_are_marked() {
    late_are_marked::<1>("order::late_records_of_eight_rings", 8, Stamps::Before);
}

#[test]
fn late_records_of_sixty_four_rings_are_marked() {
    late_are_marked::<1>("order::late_records_of_sixty_four_rings", 64, Stamps::BeforeAStall);
}

#[test]
fn lateness_covers_a_stall_between_stamp_and_reservation() {
    in_order("order::lateness_covers_a_stall", 8, Stamps::BeforeAStall);
}

#[test]
fn without_lateness_exactly_the_records_after_a_stall_are_marked() {
    late_are_marked::<8>("order::without_lateness", 8, Stamps::BeforeAStall);
}

/// Tells the producers to end, also when the reader panics.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
