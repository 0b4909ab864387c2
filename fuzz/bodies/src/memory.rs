//! Memory that returns any value at each load, as the fuzzer decides. Another look
//! may return another value.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Capacity, ConsumerMemory, Header, Offset, Position, RingMemory, SampleLen, Width,
};

/// The bytes that decide, taken from the front. After the end they are zeros.
#[derive(Debug)]
pub(crate) struct Input {
    data: Vec<u8>,
    used: Cell<usize>,
}

impl Input {
    pub(crate) fn new(data: &[u8]) -> Rc<Self> {
        Rc::new(Self { data: data.to_owned(), used: Cell::new(0) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used.get() >= self.data.len()
    }

    pub(crate) fn byte(&self) -> u8 {
        let byte = self.data.get(self.used.get()).copied();
        self.used.set(self.used.get() + 1);
        byte.unwrap_or(0)
    }

    /// Returns a little-endian number of `bytes` bytes.
    fn word(&self, bytes: usize) -> u64 {
        (0..bytes).map(|byte| u64::from(self.byte()) << (8 * byte)).sum()
    }

    /// Returns a number, mostly a small one. The first byte gives its length.
    pub(crate) fn number(&self) -> u64 {
        let bytes = [1, 1, 1, 2, 2, 4, 8, 8][usize::from(self.byte() % 8)];
        self.word(bytes)
    }

    pub(crate) fn width(&self) -> Width {
        if self.byte() % 4 == 0 { Width::Bits32 } else { Width::Bits64 }
    }
}

/// One load and its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Producer(Position),
    Header(Offset, Header),
    /// The consumer position, loaded by its own side.
    Stored(Position),
}

/// The largest number of loads of one call in a large ring, if an input is too
/// short for more headers. Each load takes a byte of the input, except when headers
/// are walked again: at most a window each time that space is given back.
const LOADS: u64 = 1 << 23;

/// The memory of a consumer, without a ring.
#[derive(Clone, Debug)]
pub(crate) struct HostileMemory(Rc<State>);

/// Its results so far.
#[derive(Debug)]
pub(crate) struct State {
    input: Rc<Input>,
    capacity: Capacity,
    width: Width,
    /// The consumer position as last stored, or as found at the start.
    pub(crate) published: Cell<Position>,
    /// The last result for the producer position.
    producer: Cell<Position>,
    /// The number of further `is_owned` calls that return true, and then the number
    /// that return false.
    forked: Cell<(u64, u64)>,
    /// True if the last `is_owned` call allowed storing.
    may_store: Cell<bool>,
    /// True if a result since [`calm`](Self::calm) forbids storing: the ring
    /// belongs to another process, or was moved.
    pub(crate) denied: Cell<bool>,
    /// True if the consumer armed since [`calm`](Self::calm).
    pub(crate) armed: Cell<bool>,
    /// The published position at the last arming.
    fenced_at: Cell<Position>,
    /// True if a sample was lent since then.
    pub(crate) lent: Cell<bool>,
    /// Positions that were returned as stored, but are not.
    pub(crate) lies: RefCell<Vec<Position>>,
    /// The loads since [`forget`](Self::forget).
    pub(crate) loads: RefCell<Vec<Load>>,
    /// The largest allowed number of these.
    most: Cell<u64>,
    bounded: Cell<bool>,
    /// The committed headers that were seen and not given back, if it remembers them.
    committed: RefCell<Option<HashSet<(Offset, u32)>>>,
}

impl HostileMemory {
    /// Creates a memory of any capacity from 16 bytes to 2 GiB. There are no pages
    /// to fill.
    pub(crate) fn new(input: &Rc<Input>) -> Self {
        // Mostly small, because a small ring wraps more often.
        let size = input.byte() % 32;
        Self::of(input, 16_u64 << if size < 24 { size % 6 } else { size - 4 })
    }

    /// Creates a memory of 16 bytes to 32 KiB, mostly small.
    pub(crate) fn small(input: &Rc<Input>) -> Self {
        let size = input.byte() % 32;
        Self::of(input, 16_u64 << if size < 24 { size % 6 } else { size - 20 })
    }

    fn of(input: &Rc<Input>, bytes: u64) -> Self {
        let capacity = Capacity::new(bytes, 16).unwrap_or_else(|wrong| panic!("{wrong}"));
        let width = input.width();
        let published = Position::new(input.number().wrapping_neg(), width);
        Self(Rc::new(State {
            input: input.clone(),
            capacity,
            width,
            published: Cell::new(published),
            producer: Cell::new(published),
            forked: Cell::new((u64::MAX, 0)),
            may_store: Cell::new(true),
            denied: Cell::new(false),
            armed: Cell::new(false),
            fenced_at: Cell::new(published),
            lent: Cell::new(false),
            lies: RefCell::new(Vec::new()),
            loads: RefCell::new(Vec::new()),
            most: Cell::new(u64::MAX),
            bounded: Cell::new(false),
            committed: RefCell::new(None),
        }))
    }

    /// Resets the count of loads. From now on it allows only what a whole ring can
    /// need.
    pub(crate) fn forget(&self) {
        self.forget_for(1);
    }

    /// Like [`forget`](Self::forget), but for `rings` whole rings. Each header
    /// allows three loads, as if each were the last one produced and its space were
    /// given back alone.
    pub(crate) fn forget_for(&self, rings: u64) {
        self.loads.borrow_mut().clear();
        if self.bounded.get() {
            self.most.set((rings * 3 * (self.capacity.bytes() / 8 + 2)).min(LOADS));
        }
    }

    /// After `after` more `is_owned` calls, the ring belongs to another process for
    /// `times` calls.
    pub(crate) fn fork(&self, after: u64, times: u64) {
        self.forked.set((after, times));
    }

    /// Returns true if the next `is_owned` calls return false: the one before a
    /// store, if there is one, and the one before a look.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.forked.get(), (0, 2..))
    }

    /// Begins a new call. Earlier results no longer forbid storing, and earlier
    /// arming no longer counts.
    pub(crate) fn calm(&self) {
        self.denied.set(false);
        self.armed.set(false);
        self.lent.set(false);
    }

    /// Counts the loads between two calls of [`forget`](Self::forget).
    pub(crate) fn bounded(self) -> Self {
        self.bounded.set(true);
        self.forget();
        self
    }

    /// A sample may be lent as long as it is not given back: not only after the load of its
    /// header.
    pub(crate) fn remembering(self) -> Self {
        *self.committed.borrow_mut() = Some(HashSet::new());
        self
    }

    /// Whether both are one memory.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a committed header of this length was seen here.
    fn was_committed(&self, at: Offset, len: SampleLen) -> bool {
        if let Some(seen) = &*self.committed.borrow() {
            return seen.contains(&(at, len.get()));
        }
        // The length must be the checked one, not one of another look.
        let last = self.loads.borrow().last().copied();
        matches!(last, Some(Load::Header(from, header)) if from == at
            && header.len() == len && !header.is_busy() && !header.is_discarded())
    }

    fn note(&self, load: Load) {
        if let (Some(seen), Load::Header(at, header)) = (&mut *self.committed.borrow_mut(), load) {
            if !header.is_busy() && !header.is_discarded() {
                seen.insert((at, header.len().get()));
            }
        }
        let (mut loads, most) = (self.loads.borrow_mut(), self.most.get());
        loads.push(load);
        assert!(loads.len() as u64 <= most, "over {most} loads in one call");
    }
}

impl Deref for HostileMemory {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

/// The place of a sample, without bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) at: Offset,
    pub(crate) len: SampleLen,
}

// SAFETY: M1 and M2: no pointer is created, so nothing is out of bounds. This
// memory breaks M3 to M5 on purpose, and core must tolerate it.
unsafe impl RingMemory for HostileMemory {
    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn width(&self) -> Width {
        self.width
    }

    fn is_owned(&self) -> bool {
        let owned = match self.forked.get() {
            (0, 0) => true,
            (0, times) => {
                self.forked.set((0, times - 1));
                false
            }
            (after, times) => {
                self.forked.set((after - 1, times));
                true
            }
        };
        self.may_store.set(owned);
        self.denied.set(self.denied.get() || !owned);
        owned
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for HostileMemory {
    type Sample<'s> = Place;

    type Data = ();

    fn data(&self) {}

    fn initial_consumer_pos(&self) -> Position {
        self.published.get()
    }

    fn stored_consumer_pos(&self) -> Position {
        let stored = self.published.get();
        let found = match self.input.byte() {
            // Another process has moved it.
            0xe0.. => stored.advance(self.input.number(), self.width),
            _ => stored,
        };
        if found != stored {
            self.lies.borrow_mut().push(found);
            self.may_store.set(false);
            self.denied.set(true);
        }
        self.note(Load::Stored(found));
        found
    }

    fn load_producer_pos(&self, _: Ordering) -> Position {
        let base = match self.input.byte() % 4 {
            0 => Position::default(),
            1 => self.producer.get(),
            _ => self.published.get(),
        };
        let number = self.input.number();
        // Mostly aligned.
        let bytes = if number % 16 == 15 { number } else { number.wrapping_mul(8) };
        let found = base.advance(bytes, self.width);
        self.producer.set(found);
        self.note(Load::Producer(found));
        found
    }

    unsafe fn store_consumer_pos(&self, position: Position, _: Ordering) {
        assert!(position.is_aligned(), "the stored consumer position is misaligned");
        assert!(self.may_store.get(), "stores into a ring that is not its own");
        let bytes = position.distance(self.published.get(), self.width);
        assert!(bytes <= self.capacity.bytes(), "releases {bytes} bytes at once");
        if let Some(seen) = &mut *self.committed.borrow_mut() {
            let from = self.published.get().offset(self.capacity).get();
            let ahead = |at: Offset| at.get().wrapping_sub(from) & (self.capacity.bytes() - 1);
            seen.retain(|(at, _)| ahead(*at) >= bytes);
        }
        self.published.set(position);
    }

    unsafe fn load_header(&self, (): (), at: Offset, _: Ordering) -> Header {
        assert!(at.get() % 8 == 0 && at.get() + 8 <= self.capacity.bytes(), "no header at {at:?}");
        // The input is used up. A busy header ends the call.
        let how = if self.input.is_empty() { 1 } else { self.input.byte() };
        let number = self.input.number() as u32;
        let flags = match how % 8 {
            0 => number & !SampleLen::MAX,
            1 => Header::BUSY_BIT,
            2 | 3 => Header::DISCARD_BIT,
            4 => Header::BUSY_BIT | Header::DISCARD_BIT,
            _ => 0,
        };
        let header = Header::from_bits(number & SampleLen::MAX | flags);
        self.note(Load::Header(at, header));
        header
    }

    unsafe fn sample(&self, (): (), at: Offset, len: SampleLen) -> Place {
        let end = at.get() + len.footprint();
        assert!(len.footprint() <= self.capacity.bytes(), "{len:?} is longer than the ring");
        assert!(end <= 2 * self.capacity.bytes(), "a sample up to {end} is out of bounds");
        self.lent.set(true);
        let seen = self.loads.borrow().last().copied();
        assert!(self.was_committed(at, len), "a sample of {len:?} at {at:?} after {seen:?}");
        Place { at, len }
    }

    /// Only `arm` makes a fence. A drain that finds records by arming starts again,
    /// so its loads count from here. The producers decide how often this happens,
    /// and `for_each` ends after two rings. A drain that then passes nothing must
    /// not arm again.
    fn fence(&self, _: Ordering) {
        self.armed.set(true);
        if self.fenced_at.replace(self.published.get()) != self.published.get() {
            self.loads.borrow_mut().clear();
        }
    }
}
