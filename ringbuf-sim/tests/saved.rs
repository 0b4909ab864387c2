//! Counts that outlive their reader: a reader is killed between any two of its stores, and the
//! next one goes on counting. What it says is right to the record, and it says which records come
//! again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use ringbuf_core::{
    Capacity, Consumer, ConsumerMemory, CountSaver, Counts, Header, Next, Offset, Position,
    ResumeError, Resumed, RingMemory, SampleLen, SavedWords, Width,
};
use ringbuf_sim::{Flags, SimMemory, SimRing};

const RING: u64 = 7;

/// What a process stores, until it is killed: then nothing is stored any more.
#[derive(Debug)]
struct Life {
    stores_left: Cell<u64>,
    stores: Cell<u64>,
}

impl Life {
    fn of(stores: u64) -> Self {
        Self { stores_left: Cell::new(stores), stores: Cell::new(0) }
    }

    fn lives(&self) -> bool {
        self.stores.set(self.stores.get() + 1);
        let left = self.stores_left.get();
        self.stores_left.set(left.saturating_sub(1));
        left > 0
    }
}

/// The words that outlive a reader.
#[derive(Debug, Default)]
struct Words([Cell<u64>; 16]);

#[derive(Debug)]
struct Saved<'a>(&'a Words, &'a Life);

impl SavedWords for Saved<'_> {
    fn load(&self, word: usize) -> u64 {
        self.0.0[word].get()
    }

    fn store(&self, word: usize, value: u64) {
        if self.1.lives() {
            self.0.0[word].set(value);
        }
    }
}

/// A reader's memory, whose stores end with its life. The consumer within reads nothing.
struct Mortal<'a> {
    within: Consumer<SimMemory>,
    life: &'a Life,
    stored: Cell<Option<Position>>,
    saver: RefCell<Option<CountSaver<Saved<'a>>>>,
}

// SAFETY: M1 to M6 as of the memory within; this only forwards.
unsafe impl RingMemory for Mortal<'_> {
    fn capacity(&self) -> Capacity {
        self.within.memory().capacity()
    }

    fn width(&self) -> Width {
        self.within.memory().width()
    }
}

// SAFETY: as above. A store that is left out is one that a killed process did not come to.
unsafe impl ConsumerMemory for Mortal<'_> {
    type Sample<'a>
        = <SimMemory as ConsumerMemory>::Sample<'a>
    where
        Self: 'a;

    type Data = <SimMemory as ConsumerMemory>::Data;

    fn data(&self) -> Self::Data {
        self.within.memory().data()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.within.memory().initial_consumer_pos()
    }

    fn stored_consumer_pos(&self) -> Position {
        // A dead reader must not notice that its stores are not done.
        self.stored.get().unwrap_or_else(|| self.within.memory().stored_consumer_pos())
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.within.memory().load_producer_pos(order)
    }

    fn before_publish(&self, position: Position, counts: Counts) {
        if let Some(saver) = &*self.saver.borrow() {
            saver.save(position, counts);
        }
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        self.stored.set(Some(position));
        if self.life.lives() {
            // SAFETY: the caller guarantees it.
            unsafe { self.within.memory().store_consumer_pos(position, order) };
        }
    }

    unsafe fn load_header(&self, data: Self::Data, at: Offset, order: Ordering) -> Header {
        // SAFETY: the caller guarantees it.
        unsafe { self.within.memory().load_header(data, at, order) }
    }

    unsafe fn sample(&self, data: Self::Data, at: Offset, len: SampleLen) -> Self::Sample<'_> {
        // SAFETY: the caller guarantees it.
        unsafe { self.within.memory().sample(data, at, len) }
    }

    fn fence(&self, order: Ordering) {
        self.within.memory().fence(order);
    }
}

/// What one reader does, in turns of writing and reading.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Records that are submitted, or discarded, of this many bytes.
    Write {
        discarded: bool,
        bytes: u8,
    },
    /// `next_record`, or a batch of so many, or a drain.
    Next,
    Batch(u8),
    Drain,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (any::<bool>(), any::<u8>()).prop_map(|(discarded, bytes)| Act::Write { discarded, bytes }),
        1 => Just(Act::Next),
        1 => (1_u8..5).prop_map(Act::Batch),
        1 => Just(Act::Drain),
    ]
}

/// The stream of records, as the producer wrote it: where each ends, and if it is discarded.
#[derive(Default)]
struct Stream {
    ends: BTreeMap<u64, bool>,
    end: u64,
}

impl Stream {
    fn write(&mut self, ring: &SimRing, discarded: bool, bytes: u8) {
        let program = ring.producer();
        let Ok(reservation) = program.reserve(bytes.into()) else { return };
        if discarded {
            reservation.discard(Flags::ADAPTIVE);
        } else {
            reservation.submit(Flags::ADAPTIVE);
        }
        self.end += u64::from(bytes).div_ceil(8) * 8 + 8;
        self.ends.insert(self.end, discarded);
    }

    /// What a reader has passed that is at this many bytes from the beginning.
    fn before(&self, bytes: u64) -> (u64, u64) {
        let passed = self.ends.range(..=bytes);
        let discarded = passed.clone().filter(|(_, discarded)| **discarded).count() as u64;
        (passed.count() as u64 - discarded, discarded)
    }
}

fn pair(counts: Counts) -> (u64, u64) {
    (counts.delivered, counts.discarded)
}

/// One life: a reader that resumes, acts, and is killed after `stores` of its stores. Returns how
/// many stores it came to.
fn live(
    ring: &SimRing,
    words: &Words,
    stream: &mut Stream,
    start: Position,
    (acts, portion, stores): (&[Act], Option<u64>, u64),
) -> u64 {
    let life = Life::of(stores);
    let within = ring.consumer().unwrap();
    let begin = within.position().distance(start, within.memory().width());
    let memory = Mortal { within, life: &life, stored: Cell::default(), saver: RefCell::default() };
    // SAFETY: C1: the consumer within stores nothing.
    let mut consumer = unsafe { Consumer::new(memory) }.unwrap();
    let saver = CountSaver::resume(Saved(words, &life), RING, &consumer).unwrap();
    let resumed = saver.resumed();
    assert_eq!(resumed.uncounted_bytes, start.get(), "what was there before the first reader");
    assert_eq!(pair(resumed.counts), stream.before(begin), "what was read before {begin}");
    *consumer.memory().saver.borrow_mut() = Some(saver);
    if let Some(portion) = portion {
        consumer.hold_back(portion);
    }
    for act in acts {
        // A killed process does nothing any more.
        if life.stores_left.get() == 0 {
            break;
        }
        match *act {
            Act::Write { discarded, bytes } => stream.write(ring, discarded, bytes),
            Act::Next => drop(consumer.next_record().unwrap()),
            Act::Batch(most) => {
                let batch = consumer.batch().max_records(most.into());
                while let Next::Record(_) = batch.next().unwrap() {}
            }
            Act::Drain => drop(consumer.drain(|_| ()).unwrap()),
        }
        let width = consumer.memory().width();
        let read = consumer.position().distance(start, width);
        let total = resumed.counts.plus(consumer.counts());
        // As long as it lives, its own sum is right, too.
        assert!(life.stores_left.get() == 0 || pair(total) == stream.before(read));
    }
    drop(consumer); // publishes, if it lives
    life.stores.get()
}

/// Kills the first reader after each of its stores, and the second one somewhere; the third one
/// finds all.
fn killed_everywhere(
    width: Width,
    start: u64,
    first: &[Act],
    second: &[Act],
    portion: Option<u64>,
) {
    let begin = Position::new(start, width);
    let mut stores = 0;
    loop {
        let ring = SimRing::started_at(4096, width, start).unwrap();
        let (words, mut stream) = (Words::default(), Stream::default());
        let tried = live(&ring, &words, &mut stream, begin, (first, portion, stores));
        live(&ring, &words, &mut stream, begin, (second, portion, stores * 5 % 31));
        live(&ring, &words, &mut stream, begin, (&[Act::Drain], None, u64::MAX));
        live(&ring, &words, &mut stream, begin, (&[], None, u64::MAX));
        if tried <= stores {
            return;
        }
        stores += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        // A case has hundreds of lives: a failure is to be told soon.
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_reader_may_be_killed_between_any_two_stores(
        first in prop::collection::vec(act(), 1..24),
        second in prop::collection::vec(act(), 1..24),
        portion in prop::option::of(8_u64..2048),
        start in prop_oneof![Just(0_u64), 0_u64..4096],
    ) {
        for (width, end) in [(Width::Bits32, 1 << 32), (Width::Bits64, 0_u64)] {
            // Positions wrap soon, or begin at 0.
            let start = if start == 0 { 0 } else { end.wrapping_sub(start) };
            killed_everywhere(width, start & !7, &first, &second, portion);
        }
    }

    /// Whatever the words are, resuming ends, and says something.
    #[test]
    fn any_words_are_survived(words in prop::array::uniform16(any::<u64>()), near in any::<bool>()) {
        let ring = SimRing::new(4096).unwrap();
        for _ in 0..5 {
            ring.producer().output(b"record", Flags::ADAPTIVE).unwrap();
        }
        let words = Words(words.map(Cell::new));
        if near {
            for (word, value) in [(0, LAYOUT), (1, RING), (2, 1), (3, words.0[3].get() % 100), (7, RING), (9, 0)] {
                words.0[word].set(value);
            }
        }
        let life = Life::of(u64::MAX);
        let consumer = ring.consumer().unwrap();
        let saver = CountSaver::resume(Saved(&words, &life), RING, &consumer).unwrap();
        let again = saver.resumed().again;
        prop_assert!(again.delivered <= 5 && again.discarded == 0);
        prop_assert!(near || saver.resumed().counts == Counts::default());
    }
}

const LAYOUT: u64 = u64::from_be_bytes(*b"ringcnt\x02");

/// Reads everything, with a saver or without.
fn read(ring: &SimRing, words: Option<(&Words, u64)>) -> Option<Resumed> {
    let life = Life::of(u64::MAX);
    let within = ring.consumer().unwrap();
    let memory = Mortal { within, life: &life, stored: Cell::default(), saver: RefCell::default() };
    // SAFETY: C1: the consumer within stores nothing.
    let mut consumer = unsafe { Consumer::new(memory) }.unwrap();
    let resumed = words.map(|(words, ring)| {
        let saver = CountSaver::resume(Saved(words, &life), ring, &consumer).unwrap();
        let resumed = saver.resumed();
        *consumer.memory().saver.borrow_mut() = Some(saver);
        resumed
    });
    consumer.drain(|_| ()).unwrap();
    resumed
}

fn write(ring: &SimRing, records: u64) {
    for _ in 0..records {
        ring.producer().output(&[0; 8], Flags::ADAPTIVE).unwrap();
    }
}

#[test]
fn a_reader_that_saves_nothing_leaves_a_gap_that_is_named() {
    let (ring, words) = (SimRing::new(4096).unwrap(), Words::default());
    write(&ring, 3);
    assert_eq!(read(&ring, Some((&words, RING))).unwrap(), Resumed::default());
    write(&ring, 5);
    assert_eq!(read(&ring, None), None);
    write(&ring, 2);
    for again in 0..2 {
        let resumed = read(&ring, Some((&words, RING))).unwrap();
        assert_eq!((pair(resumed.counts), resumed.uncounted_bytes), ((3 + 2 * again, 0), 5 * 16));
    }
}

#[test]
fn the_words_of_another_ring_are_refused_until_they_are_cleared() {
    let (ring, words) = (SimRing::new(4096).unwrap(), Words::default());
    write(&ring, 3);
    assert_eq!(read(&ring, Some((&words, RING))).unwrap(), Resumed::default());
    let before = words.0.clone();
    let (life, consumer) = (Life::of(u64::MAX), ring.consumer().unwrap());
    let error = CountSaver::resume(Saved(&words, &life), RING + 1, &consumer).unwrap_err();
    assert_eq!(error, ResumeError::AnotherRing { ring: RING });
    assert_eq!(words.0, before, "a refused reader has changed the words");
    drop(consumer);
    let resumed = read(&ring, Some((&words, RING))).unwrap();
    assert_eq!((pair(resumed.counts), resumed.uncounted_bytes), ((3, 0), 0));
    CountSaver::clear(Saved(&words, &life));
    let resumed = read(&ring, Some((&words, RING + 1))).unwrap();
    assert_eq!((pair(resumed.counts), resumed.uncounted_bytes), ((0, 0), 3 * 16));
}

/// Two readers of two rings have opened the words. What the second one saves is whole.
#[test]
fn a_reader_whose_words_were_taken_leaves_them_alone() {
    let (one, other) = (SimRing::new(4096).unwrap(), SimRing::new(4096).unwrap());
    let (words, life) = (Words::default(), Life::of(u64::MAX));
    let mut first = one.consumer().unwrap();
    let saver = CountSaver::resume(Saved(&words, &life), RING, &first).unwrap();
    for _ in 0..9 {
        saver.save(first.position(), first.counts());
    }
    assert_eq!(saver.taken_by(), None);
    CountSaver::clear(Saved(&words, &life));
    write(&other, 5);
    assert_eq!(read(&other, Some((&words, RING + 1))).unwrap(), Resumed::default());
    let before = words.0.clone();
    write(&one, 2);
    first.drain(|_| ()).unwrap();
    saver.save(first.position(), first.counts());
    assert_eq!((saver.taken_by(), words.0 == before), (Some(RING + 1), true));
    let resumed = read(&other, Some((&words, RING + 1))).unwrap();
    assert_eq!(pair(resumed.counts), (5, 0));
    // It stays so, whoever has the words later.
    CountSaver::clear(Saved(&words, &life));
    assert_eq!(saver.taken_by(), Some(RING + 1));
    let before = words.0.clone();
    saver.save(first.position(), first.counts());
    assert_eq!(words.0, before);
}

/// A save that was under way when the words were taken does not count for the other ring.
#[test]
fn a_slot_of_another_ring_does_not_count() {
    let (ring, words) = (SimRing::new(4096).unwrap(), Words::default());
    write(&ring, 3);
    assert_eq!(read(&ring, Some((&words, RING))).unwrap(), Resumed::default());
    let older = if words.0[2].get() < words.0[9].get() { 2 } else { 9 };
    // Number, position, delivered, discarded, uncounted bytes, ring.
    for (word, value) in (older..).zip([1000, 3 * 16, 77, 7, 0, RING + 1]) {
        words.0[word].set(value);
    }
    let resumed = read(&ring, Some((&words, RING))).unwrap();
    assert_eq!(pair(resumed.counts), (3, 0));
}

#[test]
fn a_reader_that_has_read_cannot_resume() {
    let (ring, words, life) = (SimRing::new(4096).unwrap(), Words::default(), Life::of(u64::MAX));
    write(&ring, 1);
    let mut consumer = ring.consumer().unwrap();
    consumer.drain(|_| ()).unwrap();
    let error = CountSaver::resume(Saved(&words, &life), RING, &consumer).unwrap_err();
    assert_eq!(error, ResumeError::TooLate);
}
