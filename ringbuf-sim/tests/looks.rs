//! How often the consumer looks at what producers write, and gives space back:
//! what it knows it does not ask again, since each look takes a shared cache line.
//! Reading by callback shows by its loads which way a record came: one for each
//! record, and one more for each guess that was wrong.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringbuf_core::{
    Armed, Batch, Capacity, Consumer, ConsumerMemory, Header, Next, Offset, Position, RingMemory,
    SampleLen, WaitHost, WaitPolicy, WakeCause, Wakeup, Width,
};
use ringbuf_sim::{Flags, SimMemory, SimRing};

/// A ring's memory, which counts the loads of what producers write, and stores.
struct Counted<'r> {
    memory: &'r SimMemory,
    /// Of the producer position.
    looks: Cell<u64>,
    headers: Cell<u64>,
    /// Of the consumer position.
    releases: Cell<u64>,
    /// It says now that every header is that of an empty record.
    lies: Rc<Cell<bool>>,
}

/// The consumer of a memory whose owner reads nothing.
fn counted(owner: &Consumer<SimMemory>) -> Consumer<Counted<'_>> {
    let [looks, headers, releases] = [const { Cell::new(0) }; 3];
    let memory = Counted { memory: owner.memory(), looks, headers, releases, lies: Rc::default() };
    // SAFETY: C1: the owner of the memory reads nothing.
    unsafe { Consumer::new(memory) }.unwrap()
}

// SAFETY: M1 to M6 as of the memory behind: each call is passed on as it is.
unsafe impl RingMemory for Counted<'_> {
    fn capacity(&self) -> Capacity {
        self.memory.capacity()
    }

    fn width(&self) -> Width {
        self.memory.width()
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for Counted<'_> {
    type Sample<'a>
        = <SimMemory as ConsumerMemory>::Sample<'a>
    where
        Self: 'a;

    type Data = <SimMemory as ConsumerMemory>::Data;

    #[inline]
    fn data(&self) -> Self::Data {
        self.memory.data()
    }

    fn stored_consumer_pos(&self) -> Position {
        self.memory.stored_consumer_pos()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.memory.initial_consumer_pos()
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.looks.set(self.looks.get() + 1);
        self.memory.load_producer_pos(order)
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        self.releases.set(self.releases.get() + 1);
        // SAFETY: as the caller vouches.
        unsafe { self.memory.store_consumer_pos(position, order) };
    }

    unsafe fn load_header(&self, data: Self::Data, at: Offset, order: Ordering) -> Header {
        self.headers.set(self.headers.get() + 1);
        if self.lies.get() {
            return Header::from_bits(0);
        }
        // SAFETY: as the caller vouches.
        unsafe { self.memory.load_header(data, at, order) }
    }

    unsafe fn sample(&self, data: Self::Data, at: Offset, len: SampleLen) -> Self::Sample<'_> {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.sample(data, at, len) }
    }

    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }
}

#[test]
fn what_is_known_is_not_asked_again() {
    let ring = SimRing::new(4096).unwrap();
    let producer = ring.producer();
    let produce = |records| {
        for _ in 0..records {
            producer.output(&[0; 8], Flags::ADAPTIVE).unwrap();
        }
    };
    produce(8);
    let owner = ring.consumer().unwrap();
    let mut consumer = counted(&owner);
    let looks = |consumer: &Consumer<Counted<'_>>| consumer.memory().looks.take();
    assert_eq!(looks(&consumer), 1, "a new consumer looks once");

    let batch = consumer.batch();
    assert_eq!(read(&batch, 2), 2);
    let batch = batch.max_records(4);
    assert_eq!(read(&batch, 9), 2);
    drop(batch);
    assert_eq!(looks(&consumer), 0, "a bound that comes later loses nothing");
    assert_eq!(read(&consumer.batch(), 1), 1);
    assert_eq!(read(&consumer.batch().max_bytes(1), 9), 1);
    assert_eq!(looks(&consumer), 0, "nor does the end of a batch");

    produce(3);
    assert_eq!(read(&consumer.batch(), 9), 5);
    assert_eq!(looks(&consumer), 2, "the new ones, and the end");
    assert_eq!(consumer.arm(), Armed::Sleep);
    assert_eq!(looks(&consumer), 1);

    producer.reserve(8).unwrap().discard(Flags::ADAPTIVE);
    let open = producer.reserve(8).unwrap();
    assert_eq!(consumer.memory().headers.take(), 11, "each header once");
    assert_eq!(read(&consumer.batch(), 9), 0);
    assert_eq!(consumer.memory().headers.take(), 2, "a discarded and a busy one");
    drop(open);
    producer.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    producer.reserve(8).unwrap().discard(Flags::ADAPTIVE);
    assert_eq!(read(&consumer.batch(), 9), 1);
    assert_eq!(consumer.memory().headers.take(), 3, "also where what is known ends");
}

/// What is held back is walked again to find the last two records. Memory that then
/// tells of empty records where large ones were does not make that a long walk.
#[test]
fn a_walk_over_what_is_held_back_is_short_whatever_the_headers_say() {
    let ring = SimRing::new(16 << 20).unwrap();
    let producer = ring.producer();
    for len in [512 << 10, 512 << 10, 8, 8] {
        producer.output(&vec![0; len], Flags::ADAPTIVE).unwrap();
    }
    let owner = ring.consumer().unwrap();
    let mut consumer = counted(&owner);
    let lies = consumer.memory().lies.clone();
    consumer.hold_back(1 << 20);
    assert_eq!(read(&consumer.batch().max_records(2), 9), 2);
    let batch = consumer.batch().max_records(1);
    assert_eq!(read(&batch, 9), 1);
    batch.rewind();
    let batch = consumer.batch().max_records(1);
    assert_eq!(read(&batch, 9), 1);
    lies.set(true);
    drop(batch);
    let headers = consumer.memory().headers.get();
    assert!((100..20_000).contains(&headers), "{headers} headers");
}

/// A host that nobody may ask to sleep.
impl WaitHost for Counted<'_> {
    type Error = Infallible;

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) {
        panic!("it pauses")
    }

    fn nap(&self, _: Duration) -> Result<WakeCause, Infallible> {
        panic!("it naps")
    }

    fn block(&self, _: Duration) -> Result<WakeCause, Infallible> {
        panic!("it blocks")
    }
}

#[test]
fn a_wait_of_no_time_looks_exactly_once() {
    for policy in [WaitPolicy::balanced(), WaitPolicy::low_latency(), WaitPolicy::immediate()] {
        let ring = SimRing::new(4096).unwrap();
        let owner = ring.consumer().unwrap();
        let mut consumer = counted(&owner);
        consumer.set_policy(policy);
        let looks = |consumer: &Consumer<Counted<'_>>| {
            (consumer.memory().looks.take(), consumer.memory().headers.take())
        };
        looks(&consumer);
        assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
        assert_eq!(looks(&consumer), (1, 0));
        std::mem::forget(ring.producer().reserve(8).unwrap());
        assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
        assert_eq!(looks(&consumer), (1, 1), "a busy head");
        // What is known to be there needs no other look than at its header: one
        // before the clock is read, and one after.
        assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
        assert_eq!(looks(&consumer), (0, 2), "which is known");
    }
}

/// Reads records, `most` at most: how many there were.
fn read(batch: &Batch<'_, Counted<'_>>, most: u64) -> u64 {
    (0..most).take_while(|_| matches!(batch.next(), Ok(Next::Record(_)))).count() as u64
}

/// Looks, loads of headers, and releases, of one call that reads records of these lengths.
fn each(bytes: u64, lens: impl IntoIterator<Item = usize>) -> (u64, u64, u64) {
    each_holding(None, bytes, lens)
}

/// The same, with that portion held back.
fn each_holding(
    portion: Option<u64>,
    bytes: u64,
    lens: impl IntoIterator<Item = usize>,
) -> (u64, u64, u64) {
    let ring = SimRing::new(bytes).unwrap();
    let lens: Vec<_> = lens.into_iter().collect();
    for len in &lens {
        ring.producer().output(&vec![0; *len], Flags::ADAPTIVE).unwrap();
    }
    let owner = ring.consumer().unwrap();
    let mut consumer = counted(&owner);
    portion.into_iter().for_each(|portion| consumer.hold_back(portion));
    let mut found = Vec::new();
    consumer.drain(|record| found.push(record.len())).unwrap();
    assert_eq!(found, lens);
    let Counted { looks, headers, releases, .. } = consumer.memory();
    (looks.take(), headers.take(), releases.take())
}

#[test]
fn the_guess_is_the_first_length_of_a_window() {
    assert_eq!(each(4096, [8; 40]), (3, 40, 1), "no guess is wrong");
    let others = [8, 16, 24, 32].into_iter().flat_map(|len| [len; 10]);
    assert_eq!(each(4096, others), (3, 40 + 2, 1), "at the first two of another length");
    let interrupted = [16, 24, 32].into_iter().flat_map(|len| [len].into_iter().chain([8; 10]));
    let interrupted = [8; 10].into_iter().chain(interrupted);
    assert_eq!(each(4096, interrupted), (3, 43 + 3, 1), "once for each that interrupts");
}

#[test]
fn a_wrong_guess_ends_guessing_until_the_next_window() {
    let mixed = [8, 16].repeat(20);
    assert_eq!(each(4096, mixed.iter().copied()), (3, 40 + 1, 1), "the first one");
    let after_a_run = [24; 10].into_iter().chain(mixed);
    assert_eq!(each(4096, after_a_run), (3, 50 + 2, 1), "the next one, after a run");
    // A run of less than eight is not worth another try.
    for (run, wrong) in [(8, 1), (9, 2)] {
        let first = std::iter::repeat_n(8, run);
        let runs = first.chain([16]).chain([8; 9]).chain([16]);
        assert_eq!(each(4096, runs), (3, run as u64 + 11 + wrong, 1), "{run}");
    }
}

/// Each window of 128 KiB begins with a guess, and is given back before the next.
#[test]
fn a_large_ring_is_read_in_windows_of_128_kib() {
    let (looks, headers, releases) = each(1 << 20, [1000; 1000]);
    let windows = 1000_u64.div_ceil((128 << 10) / 1008 + 1);
    assert_eq!((looks, releases), (3, windows));
    assert_eq!(headers, 1000 + windows - 1, "one that a window cuts is for the next");
}

/// Without holding back a drain looks once more at the end, since it arms. With a portion it reads
/// in windows of half as much, eleven records of 24 bytes for 512. It gives back short of the last
/// window whenever a portion is read, and at the end short of two records, for which it walks the
/// last window again.
#[test]
fn holding_back_narrows_the_windows() {
    let (looks, headers, releases) = each_holding(Some(512), 4096, [16; 44]);
    assert_eq!(
        (looks, headers, releases),
        (2, 44 + 3 + 10, 4),
        "each window but the last cuts one"
    );
}
