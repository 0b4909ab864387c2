//! How often the consumer loads what producers write, and gives space back. It does
//! not load known facts again, because each load takes a shared cache line. With a
//! callback, the loads show the path of a record: one load for each record, and one
//! more for each wrong guess.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringbuf_core::{
    Armed, Batch, Capacity, Consumer, ConsumerMemory, Header, Next, Offset, Position, RingMemory,
    SampleLen, WaitHost, WaitPolicy, WakeCause, Wakes, Wakeup, Width,
};
use ringbuf_sim::{Flags, SimMemory, SimRing};

/// The memory of a ring. It counts stores, and the loads of what producers write.
struct Counted<'r> {
    memory: &'r SimMemory,
    /// Loads of the producer position.
    looks: Cell<u64>,
    headers: Cell<u64>,
    /// Stores of the consumer position.
    releases: Cell<u64>,
    /// From now on it returns the header of an empty record everywhere.
    lies: Rc<Cell<bool>>,
}

/// Returns the consumer of a memory. The owner of the memory reads nothing.
fn counted(owner: &Consumer<SimMemory>) -> Consumer<Counted<'_>> {
    let [looks, headers, releases] = [const { Cell::new(0) }; 3];
    let memory = Counted { memory: owner.memory(), looks, headers, releases, lies: Rc::default() };
    // SAFETY: C1: the owner of the memory reads nothing.
    unsafe { Consumer::new(memory) }.unwrap()
}

// SAFETY: M1 to M6 as for the memory below: each call is forwarded unchanged.
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
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.store_consumer_pos(position, order) };
    }

    unsafe fn load_header(&self, data: Self::Data, at: Offset, order: Ordering) -> Header {
        self.headers.set(self.headers.get() + 1);
        if self.lies.get() {
            return Header::from_bits(0);
        }
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.load_header(data, at, order) }
    }

    unsafe fn sample(&self, data: Self::Data, at: Offset, len: SampleLen) -> Self::Sample<'_> {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.sample(data, at, len) }
    }

    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }
}

#[test]
fn known_facts_are_not_loaded_again() {
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

/// Finding the last two records walks again over the bytes held back. If the memory
/// now returns empty records instead of large ones, the walk is still short.
#[test]
fn a_walk_over_held_back_records_is_short_for_any_headers() {
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

/// Reading into a buffer looks once more at the end, as `arm` does. A consumer that holds
/// back arms before it blocks instead.
#[test]
fn reading_into_a_buffer_arms_at_the_end() {
    let ring = SimRing::new(4096).unwrap();
    // The sample of a memory that borrows is not known to be bytes.
    let mut consumer = counted(Box::leak(Box::new(ring.consumer().unwrap())));
    let mut looks = |holds_back| {
        if holds_back {
            consumer.hold_back(1024);
        }
        let before = consumer.memory().looks.get();
        assert_eq!(consumer.read_into(&mut []), Ok(None));
        consumer.memory().looks.get() - before
    };
    assert_eq!((looks(false), looks(true)), (2, 1));
}

/// A host that never sleeps.
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

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }

    fn block(&self, _: Duration) -> Result<WakeCause, Infallible> {
        panic!("it blocks")
    }
}

#[test]
fn a_timeout_of_zero_looks_exactly_once() {
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
        // A known record needs only a load of its header: one before the clock is
        // read, and one after.
        assert_eq!(consumer.wait(Some(Duration::ZERO)), Ok(Wakeup::TimedOut));
        assert_eq!(looks(&consumer), (0, 2), "which is known");
    }
}

/// Reads at most `most` records, and returns how many there were.
fn read(batch: &Batch<'_, Counted<'_>>, most: u64) -> u64 {
    (0..most).take_while(|_| matches!(batch.next(), Ok(Next::Record(_)))).count() as u64
}

/// Returns the looks, header loads and releases of one call that reads records of
/// these lengths.
fn each(bytes: u64, lens: impl IntoIterator<Item = usize>) -> (u64, u64, u64) {
    each_holding(None, bytes, lens)
}

/// Returns the same with this portion held back.
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
    // After a run of fewer than eight, the guess ends.
    for (run, wrong) in [(8, 1), (9, 2)] {
        let first = std::iter::repeat_n(8, run);
        let runs = first.chain([16]).chain([8; 9]).chain([16]);
        assert_eq!(each(4096, runs), (3, run as u64 + 11 + wrong, 1), "{run}");
    }
}

/// Each window of 128 KiB starts with a guess, and is given back before the next
/// one.
#[test]
fn a_large_ring_is_read_in_windows_of_128_kib() {
    let (looks, headers, releases) = each(1 << 20, [1000; 1000]);
    let windows = 1000_u64.div_ceil((128 << 10) / 1008 + 1);
    assert_eq!((looks, releases), (3, windows));
    assert_eq!(headers, 1000 + windows - 1, "one that a window cuts is for the next");
}

/// Without holding back, a drain looks once more at the end, because it arms. With
/// a portion, it reads in windows of half a portion: eleven records of 24 bytes for
/// 512. After each portion it gives back everything before the last window. At the
/// end it keeps two records, and walks the last window again for them.
#[test]
fn holding_back_narrows_the_windows() {
    let (looks, headers, releases) = each_holding(Some(512), 4096, [16; 44]);
    assert_eq!(
        (looks, headers, releases),
        (2, 44 + 3 + 10, 4),
        "each window but the last cuts one"
    );
}
