//! The fence in `Consumer::arm` is what keeps wakeups from being lost: the same
//! consumer, on the same kernel pages, hangs without it and never with it. A loop
//! that never calls `arm`, as aya's, is as safe: reading to the end does it.
//!
//! The loss needs the load of the producer's words to pass the store of the
//! consumer position. Stores that miss the cache, made just before, keep the
//! position in the store buffer for longer and so provoke it.
//! RINGBUF_ROUNDS says how many bursts the sound consumer reads in each of its ways;
//! RINGBUF_FENCE_ONLY=1 leaves out the other, which proves nothing on an emulated CPU.

use std::cell::{Cell, RefCell};
use std::env;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::wakeup::types::emit;
use ringbuf_bpf::wakeup::{WakeupSkel, WakeupSkelBuilder};
use ringbuf_core::{Header, Offset, SampleLen, Width};
use ringbuf_kernel::{
    AlignedBytes, Armed, Capacity, Consumer, ConsumerMemory, Drained, Mapping, Next, Position,
    RingMemory,
};
use ringbuf_tests::{
    BUSY, Epoll, RawRing, Trigger, live_since, note, online_cpus, pin_to_cpu, skip, test_run,
    urgent, watchdog,
};

const TEST: &str = "lost_wakeups::only_without_the_fence";
/// Bursts that the sound consumer reads in each way.
const ROUNDS: u64 = 40_000;
/// The most bursts until the loss must have shown itself. It takes some hundred thousand.
const TRIES: u64 = 10_000_000;
/// The loss is to show itself so often.
const LOSSES: u64 = 3;

#[test]
fn only_without_the_fence() {
    if !live_since(TEST, (5, 10)) {
        return;
    }
    let cpus = online_cpus();
    if cpus.len() < 2 {
        skip(TEST, "needs two CPUs, one for the producer and one for the consumer");
        return;
    }
    let rounds = env::var("RINGBUF_ROUNDS").map_or(ROUNDS, |n| n.parse().expect("a number"));
    let mut object = MaybeUninit::uninit();
    let open = WakeupSkelBuilder::default().open(&mut object).expect("open");
    let skeleton = open.load().expect("load of wakeup.bpf.c");

    for reading in [Reading::BatchesThenArm, Reading::OneByOne, Reading::Drain, Reading::Finish] {
        let with = stress(&skeleton, &cpus, true, reading, rounds, 1);
        println!("edge-triggered, with the fence, {reading:?}: {with:?}");
        assert_eq!(with.lost, 0, "a wakeup was lost: a committed record, and nobody announced it");
    }
    if fence_only() {
        note(TEST, "with the fence only: an emulated CPU need not lose wakeups without it");
        return;
    }

    // The other forms look twice at the end, which hides the loss from a test.
    let reading = Reading::BatchesThenArm;
    let without = stress(&skeleton, &cpus, false, reading, TRIES, LOSSES);
    println!("edge-triggered, without the fence, {reading:?}: {without:?}");
    assert!(
        without.lost > 0,
        "without the fence no wakeup was lost in {} rounds: this run proves nothing about it",
        without.rounds
    );
}

fn fence_only() -> bool {
    env::var_os("RINGBUF_FENCE_ONLY").is_some_and(|value| value == "1")
}

/// How a consumer comes to the end, before its loop blocks.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// Batches of a record, as libbpf reads, and then `arm`.
    BatchesThenArm,
    /// aya's loop: `next` until there is none. Nobody calls `arm`.
    OneByOne,
    /// `drain`, and nobody calls `arm`.
    Drain,
    /// A batch to its end, and `finish`.
    Finish,
}

/// What one run saw.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    /// Bursts of records.
    rounds: u64,
    records: u64,
    /// Committed records at the consumer's position, and nobody was going to
    /// announce them any more.
    lost: u64,
}

/// Bursts from one CPU, a consumer on the other, until `rounds` or `losses`.
fn stress(
    skeleton: &WakeupSkel<'_>,
    cpus: &[usize],
    fence: bool,
    reading: Reading,
    rounds: u64,
    losses: u64,
) -> Outcome {
    let _hangs = watchdog(TEST);
    let raw = RawRing::of(&skeleton.maps.ring).expect("mmap");
    let mapping = Mapping::new(&skeleton.maps.ring).expect("the ring maps");
    let memory = ColdStores { mapping, fence, cold: RefCell::default(), random: Cell::new(777) };
    // SAFETY: C1: the only consumer of a ring that this test has loaded.
    let mut consumer = unsafe { Consumer::new(memory) }.expect("a sound ring");
    let epoll = Epoll::new(&skeleton.maps.ring, Trigger::Edge).expect("epoll");
    let _pinned = pin_to_cpu(cpus[0]).expect("pin");
    // The race needs both at once: where others want their processors too, it is a rare one.
    urgent();

    let (stop, turn) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut outcome = Outcome::default();
    thread::scope(|scope| {
        let stop_producer = StopOnDrop(&stop);
        let producer = scope.spawn(|| {
            let _pinned = pin_to_cpu(cpus[1]).expect("pin");
            urgent();
            produce_bursts(skeleton, &raw, &turn, &stop);
        });
        while turn.load(Ordering::Relaxed) / 2 < rounds && outcome.lost < losses {
            if read(&mut consumer, reading, &mut outcome.records) == Armed::Sleep {
                outcome.lost += u64::from(!is_announced(&epoll, &raw, &turn));
            }
        }
        drop(stop_producer);
        producer.join().expect("the producer ends");
        outcome.rounds = turn.load(Ordering::Relaxed) / 2;
    });
    outcome
}

/// Blocks until something is announced; false once nothing will be, for what stands there. How
/// long the times are changes nothing but how long it takes.
fn is_announced(epoll: &Epoll, raw: &RawRing, turn: &AtomicU64) -> bool {
    let wait = |millis| epoll.wait(Duration::from_millis(millis)).expect("wait") != 0;
    loop {
        if wait(20) {
            return true;
        }
        // The program has returned, so the interrupt by which it notifies is over, and it runs
        // again only when all is read.
        let is_over = turn.load(Ordering::Acquire) % 2 == 0 && is_committed(raw);
        if is_over {
            return wait(100);
        }
    }
}

/// Reads to the end; whether to block then.
fn read(consumer: &mut Consumer<ColdStores>, reading: Reading, records: &mut u64) -> Armed {
    match reading {
        Reading::BatchesThenArm => {
            while let Next::Record(_) = consumer.batch().next().expect("a sound ring") {
                *records += 1;
            }
            consumer.arm()
        }
        Reading::OneByOne => {
            while consumer.next_record().expect("a sound ring").is_some() {
                *records += 1;
            }
            Armed::Sleep
        }
        Reading::Drain => match consumer.drain(|_| *records += 1).expect("a sound ring") {
            Drained::Limit => Armed::Ready,
            _ => Armed::Sleep,
        },
        Reading::Finish => {
            let batch = consumer.batch();
            while let Next::Record(_) = batch.next().expect("a sound ring") {
                *records += 1;
            }
            batch.finish()
        }
    }
}

/// Tells the producer to end, also when the consumer panics.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Emits small bursts, each once the last one is read. `turn` is odd while one is emitted.
fn produce_bursts(skeleton: &WakeupSkel<'_>, raw: &RawRing, turn: &AtomicU64, stop: &AtomicBool) {
    let mut random = 12345;
    while !stop.load(Ordering::Relaxed) {
        turn.fetch_add(1, Ordering::Release);
        let count = 2 + xorshift(&mut random) % 6;
        let delay = xorshift(&mut random) % 48;
        let arguments = emit { count, delay, flags: 0 };
        assert_eq!(test_run(&skeleton.progs.emit, &arguments).expect("emit"), 0);
        turn.fetch_add(1, Ordering::Release);
        while raw.consumer_pos() != raw.producer_pos() && !stop.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    }
}

/// Whether a committed record stands at the published consumer position.
fn is_committed(raw: &RawRing) -> bool {
    let position = raw.consumer_pos();
    position != raw.producer_pos() && raw.header(position).len & BUSY == 0
}

/// The kernel's pages, with stores that miss the cache before each store of
/// the consumer position; without the fence if so wished.
struct ColdStores {
    mapping: Mapping,
    fence: bool,
    cold: RefCell<Cold>,
    random: Cell<u32>,
}

/// More memory than the caches hold, where the caches matter.
struct Cold(Vec<u8>);

impl Default for Cold {
    fn default() -> Self {
        // Written, so that every page exists, which takes an emulated machine long.
        Self(vec![1; if fence_only() { 1 << 20 } else { 1 << 28 }])
    }
}

const COLD_STORES: usize = 4;

// SAFETY: M1 to M4 as of the mapping. With `fence` off, M3 is broken on
// purpose: no fence is no memory unsafety, it only loses wakeups.
unsafe impl RingMemory for ColdStores {
    fn capacity(&self) -> Capacity {
        self.mapping.capacity()
    }

    fn width(&self) -> Width {
        self.mapping.width()
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for ColdStores {
    type Sample<'a> = AlignedBytes<'a>;

    type Data = <Mapping as ConsumerMemory>::Data;

    #[inline]
    fn data(&self) -> Self::Data {
        self.mapping.data()
    }

    fn stored_consumer_pos(&self) -> Position {
        self.mapping.stored_consumer_pos()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.mapping.initial_consumer_pos()
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.mapping.load_producer_pos(order)
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        let mut random = self.random.get();
        let cold = &mut self.cold.borrow_mut().0;
        for _ in 0..COLD_STORES {
            let at = xorshift(&mut random) as usize % cold.len();
            cold[at & !63] = 1;
        }
        self.random.set(random);
        // SAFETY: as the caller vouches.
        unsafe { self.mapping.store_consumer_pos(position, order) };
    }

    unsafe fn load_header(&self, data: Self::Data, at: Offset, order: Ordering) -> Header {
        // SAFETY: as the caller vouches.
        unsafe { self.mapping.load_header(data, at, order) }
    }

    unsafe fn sample(&self, data: Self::Data, at: Offset, len: SampleLen) -> AlignedBytes<'_> {
        // SAFETY: as the caller vouches.
        unsafe { self.mapping.sample(data, at, len) }
    }

    fn fence(&self, order: Ordering) {
        if self.fence {
            self.mapping.fence(order);
        }
    }
}

fn xorshift(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}
