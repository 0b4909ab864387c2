//! The models of a ring in overwrite mode: core's reader of copies and the simulator's
//! kernel, unchanged.
//!
//! Here headers and samples share their words, as in the kernel's memory: a header of the
//! last lap becomes a part of a sample. All words are loom's atomics and none is tracked,
//! since the reader may read what is being written. So the models look at what was
//! delivered: each sample of record n is n, twice.
//!
//! The kernel loads only headers that it stored itself. They are stored outside of loom.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{self, Relaxed};
use std::sync::{Arc, Mutex as Plain};

use loom::sync::atomic::{AtomicU64, fence};
use loom::sync::{Mutex, MutexGuard};
use loom::thread;
use ringbuf_core::{
    Armed, Capacity, Header, NextCopy, Offset, OverwriteMemory, OverwriteReader, PageOffset,
    Position, ProducerMemory, RingMemory, SampleLen, Tso, Width,
};
use ringbuf_sim::{Flags, Host, KernelMemory, KernelRing, Positions};

use crate::backing::{PAGE, Variant};
use crate::explore::Model;
use crate::weaken::Site;

/// Bytes of each record, and of the ring: two records fit, and the third ends in the header
/// of the first.
const RECORD: u64 = 24;
const BYTES: u64 = 64;

/// A writer takes the place of two records while they are read: the header of the first,
/// then its sample.
pub(crate) const OVERWRITE_LAPPED: Model = Model {
    name: "overwrite_lapped",
    outcomes: &["all", "without the first", "without the second", "the last two"],
    floor: 100,
    execution: |variant| {
        let ring = Ring::new(variant);
        ring.write(1);
        ring.write(2);
        let mut reader = ring.reader();
        let writer = ring.clone();
        let thread = thread::spawn(move || [3, 4].map(|number| writer.write(number)));
        let mut numbers = Vec::new();
        for _ in 0..2 {
            take(&mut reader, &mut numbers);
        }
        thread.join().unwrap();
        while take(&mut reader, &mut numbers) {}
        let counts = reader.counts();
        assert_eq!(counts.delivered_bytes, numbers.len() as u64 * RECORD);
        assert_eq!(counts.delivered_bytes + counts.lost_bytes, 4 * RECORD, "the bytes add up");
        match numbers[..] {
            [1, 2, 3, 4] => "all",
            [2, 3, 4] => "without the first",
            [1, 3, 4] => "without the second",
            [3, 4] => "the last two",
            _ => panic!("torn: {numbers:?}"),
        }
    },
};

/// The reader has caught up, in a ring of an earlier lap, and looks for the next record.
pub(crate) const OVERWRITE_FRESH: Model = Model {
    name: "overwrite_fresh",
    outcomes: &["empty", "busy", "record"],
    floor: 20,
    execution: |variant| {
        let ring = Ring::new(variant);
        let mut reader = ring.reader();
        let mut numbers = Vec::new();
        for number in [1, 2] {
            ring.write(number);
            assert!(take(&mut reader, &mut numbers));
        }
        let writer = ring.clone();
        let thread = thread::spawn(move || writer.write(3));
        let mut buffer = [0; 16];
        let next = reader.next_copy(&mut buffer);
        let outcome = match next.unwrap_or_else(|corrupt| panic!("torn: {corrupt}")) {
            NextCopy::Record(record) => {
                assert_eq!(number(&record), Some(3), "torn: {record:?}");
                "record"
            }
            NextCopy::Empty => "empty",
            NextCopy::Busy => "busy",
            next => panic!("torn: {next:?}"),
        };
        thread.join().unwrap();
        outcome
    },
};

/// The reader arms while a record is committed.
pub(crate) const OVERWRITE_WAKEUP: Model = Model {
    name: "overwrite_wakeup",
    outcomes: &["ready", "sleeps, is woken"],
    floor: 20,
    execution: |variant| {
        let ring = Ring::new(variant);
        let mut reader = ring.reader();
        ring.write(1);
        assert!(take(&mut reader, &mut Vec::new()));
        let before = ring.notified();
        let writer = ring.clone();
        let thread = thread::spawn(move || writer.write(2));
        let armed = reader.arm();
        thread.join().unwrap();
        match armed {
            Armed::Ready => "ready",
            Armed::Sleep => {
                assert!(ring.notified() > before, "lost wakeup");
                "sleeps, is woken"
            }
        }
    },
};

/// Takes one step. Returns false at the end.
fn take(reader: &mut OverwriteReader<View, Tso>, numbers: &mut Vec<u64>) -> bool {
    let mut buffer = [0; 16];
    match reader.next_copy(&mut buffer).unwrap_or_else(|corrupt| panic!("torn: {corrupt}")) {
        NextCopy::Record(record) => {
            let number = number(&record).unwrap_or_else(|| panic!("torn: {record:?}"));
            assert!(numbers.last().is_none_or(|last| *last < number), "torn: {number} again");
            numbers.push(number);
            true
        }
        NextCopy::Lost(_) => true,
        NextCopy::TooSmall { needs, .. } => panic!("torn: {needs} bytes"),
        _ => false,
    }
}

/// The number of a record that is whole.
fn number(sample: &[u8]) -> Option<u64> {
    let (first, second) = sample.split_first_chunk::<8>()?;
    (first == second).then(|| u64::from_ne_bytes(*first))
}

/// The words of the ring.
struct Shared {
    consumer_pos: AtomicU64,
    producer_pos: AtomicU64,
    overwrite_pos: AtomicU64,
    words: Vec<AtomicU64>,
    /// The headers as the kernel stored them last.
    headers: Plain<Vec<Header>>,
    capacity: Capacity,
    width: Width,
    start: Position,
    variant: Variant,
    notified: AtomicUsize,
}

impl Shared {
    fn slot(&self, at: Offset, words: usize) -> usize {
        (at.index() / 8 + words) % self.words.len()
    }

    fn order(&self, site: Site, order: Ordering) -> Ordering {
        if self.variant.weak == Some(site) { Relaxed } else { order }
    }

    /// A load of the reader, as the variant requires.
    fn load(&self, word: &AtomicU64, site: Site, order: Ordering) -> u64 {
        let order = self.order(site, order);
        if !self.variant.fenced {
            return word.load(order);
        }
        let value = word.load(Relaxed);
        if order != Relaxed {
            fence(order);
        }
        value
    }

    fn fence(&self, site: Site, order: Ordering) {
        if self.variant.weak != Some(site) {
            fence(order);
        }
    }
}

/// A ring with its kernel.
#[derive(Clone)]
struct Ring {
    shared: Arc<Shared>,
    kernel: Arc<KernelRing<View, LockedPositions>>,
}

impl Ring {
    #[expect(clippy::arc_with_non_send_sync, reason = "loom's threads take turns on one thread")]
    fn new(variant: Variant) -> Self {
        let width = if variant.fenced { Width::Bits32 } else { Width::Bits64 };
        let start = Position::new(if variant.fenced { (1 << 32) - RECORD } else { 0 }, width);
        let position = || AtomicU64::new(start.get());
        let slots = BYTES as usize / 8;
        let shared = Arc::new(Shared {
            consumer_pos: position(),
            producer_pos: position(),
            overwrite_pos: position(),
            words: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            headers: Plain::new(vec![Header::from_bits(0); slots]),
            capacity: Capacity::new(BYTES, PAGE).unwrap(),
            width,
            start,
            variant,
            notified: AtomicUsize::new(0),
        });
        let positions = Mutex::new(Positions::starting_at(start));
        let host = LockedPositions { positions, shared: shared.clone() };
        // SAFETY: P1: one kernel for each ring.
        let kernel = unsafe { KernelRing::new(View::new(&shared), host) };
        // SAFETY: nothing is reserved yet, and nobody lends samples (M9).
        let kernel = unsafe { kernel.overwriting() };
        Self { shared, kernel: Arc::new(kernel) }
    }

    fn write(&self, number: u64) {
        let record = self.kernel.reserve(RECORD - 8).unwrap();
        record.set(0, number);
        record.set(1, number);
        record.submit(Flags::ADAPTIVE);
    }

    fn reader(&self) -> OverwriteReader<View, Tso> {
        let view = View::new(&self.shared);
        let tso = Tso::of(&view).unwrap();
        OverwriteReader::new(view, tso).unwrap()
    }

    fn notified(&self) -> usize {
        self.shared.notified.load(Relaxed)
    }
}

struct LockedPositions {
    positions: Mutex<Positions>,
    shared: Arc<Shared>,
}

impl Host for LockedPositions {
    type Guard<'a> = MutexGuard<'a, Positions>;

    fn lock(&self) -> Self::Guard<'_> {
        self.positions.lock().unwrap()
    }

    fn notify(&self) {
        self.shared.notified.fetch_add(1, Relaxed);
    }
}

/// The ring as either side sees it.
struct View {
    shared: Arc<Shared>,
    /// The consumer position as this reader stored it.
    stored: Cell<u64>,
}

impl View {
    fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone(), stored: Cell::new(shared.start.get()) }
    }
}

// SAFETY: M1 to M6 by construction: each method is one access of loom's, as strong as
// requested, unless the model weakens it on purpose.
unsafe impl RingMemory for View {
    fn capacity(&self) -> Capacity {
        self.shared.capacity
    }

    fn width(&self) -> Width {
        self.shared.width
    }
}

// SAFETY: as above; M9: the ring is in overwrite mode.
unsafe impl OverwriteMemory for View {
    fn initial_consumer_pos(&self) -> Position {
        Position::new(self.stored.get(), self.shared.width)
    }

    fn store_consumer_pos(&self, position: Position, order: Ordering) {
        self.stored.set(position.get());
        self.shared.consumer_pos.store(position.get(), order);
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        let site = Site::OverwriteLoadProducerPos;
        Position::new(self.shared.load(&self.shared.producer_pos, site, order), self.shared.width)
    }

    fn load_overwrite_pos(&self, order: Ordering) -> Position {
        Position::new(self.shared.overwrite_pos.load(order), self.shared.width)
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        let word = &self.shared.words[self.shared.slot(at, 0)];
        Header::from_bits(self.shared.load(word, Site::OverwriteLoadHeader, order) as u32)
    }

    unsafe fn copy_sample(&self, at: Offset, buffer: &mut [u8]) {
        for (index, part) in buffer.chunks_mut(8).enumerate() {
            let word = self.shared.words[self.shared.slot(at, 1 + index)].load(Relaxed);
            part.copy_from_slice(&word.to_ne_bytes()[..part.len()]);
        }
    }

    fn fence(&self, order: Ordering) {
        let site = match order {
            Ordering::SeqCst => Site::OverwriteArmFence,
            _ => Site::OverwriteCopyFence,
        };
        self.shared.fence(site, order);
    }

    /// The simulated kernel keeps its stores in order: that is what these models are about.
    fn is_tso(&self) -> bool {
        true
    }
}

// SAFETY: as for the reader. M7: a sample is a handle without bytes.
unsafe impl ProducerMemory for View {
    type SampleMut<'a> = Words<'a>;

    fn initial_producer_pos(&self) -> Position {
        self.shared.start
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        Position::new(self.shared.consumer_pos.load(order), self.shared.width)
    }

    unsafe fn store_producer_pos(&self, position: Position, order: Ordering) {
        self.shared.producer_pos.store(position.get(), order);
    }

    unsafe fn write_header(&self, at: Offset, header: Header, _: PageOffset) {
        let slot = self.shared.slot(at, 0);
        self.shared.headers.lock().unwrap()[slot] = header;
        self.shared.words[slot].store(header.to_bits().into(), Relaxed);
    }

    unsafe fn load_header(&self, at: Offset, _: Ordering) -> Header {
        self.shared.headers.lock().unwrap()[self.shared.slot(at, 0)]
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        // SAFETY: the caller guarantees it.
        unsafe { self.swap_header(at, header, order) };
    }

    unsafe fn sample_mut(&self, at: Offset, _: SampleLen) -> Words<'_> {
        Words(Cells { shared: &self.shared, at })
    }
}

// SAFETY: as for the reader.
unsafe impl KernelMemory for View {
    fn page_size(&self) -> u64 {
        PAGE
    }

    fn store_pending_pos(&self, _: Position, _: Ordering) {}

    fn store_overwrite_pos(&self, position: Position, order: Ordering) {
        self.shared.overwrite_pos.store(position.get(), order);
    }

    unsafe fn swap_header(&self, at: Offset, header: Header, order: Ordering) {
        let slot = self.shared.slot(at, 0);
        self.shared.headers.lock().unwrap()[slot] = header;
        self.shared.words[slot].swap(header.to_bits().into(), order);
    }

    fn fence(&self, order: Ordering) {
        let site = match order {
            Ordering::SeqCst => Site::KernelCommitFence,
            _ => Site::KernelOverwriteFence,
        };
        self.shared.fence(site, order);
    }
}

/// A sample that is being written.
struct Words<'a>(Cells<'a>);

struct Cells<'a> {
    shared: &'a Shared,
    at: Offset,
}

impl<'a> Deref for Words<'a> {
    type Target = Cells<'a>;

    fn deref(&self) -> &Cells<'a> {
        &self.0
    }
}

impl Cells<'_> {
    fn set(&self, word: usize, value: u64) {
        self.shared.words[self.shared.slot(self.at, 1 + word)].store(value, Relaxed);
    }
}
