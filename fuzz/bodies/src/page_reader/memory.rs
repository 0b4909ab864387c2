//! The memory: any value at each load, and a log of all that a call does with it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::Ordering::{self, Acquire, Release, SeqCst};

use ringbuf_core::{
    Capacity, ConsumerMemory, Header, Offset, Position, RingMemory, SampleLen, Width,
};

use crate::memory::{Input, Place};

/// One access of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Owned(bool),
    Stored(Position),
    Produced(Position),
    Header(Offset, Header),
    Store(Position),
    Fence(Ordering),
}

/// A memory without a ring.
#[derive(Clone, Debug)]
pub(super) struct PageMemory(Rc<State>);

#[derive(Debug)]
pub(super) struct State {
    input: Rc<Input>,
    capacity: Capacity,
    width: Width,
    /// The stored consumer position.
    pub(super) stored: Cell<Position>,
    /// The last result for the producer position.
    produced: Cell<Position>,
    /// So often the ring belongs to another process.
    foreign: Cell<u64>,
    /// Another process has moved the stored position, or owned the ring.
    pub(super) disturbed: Cell<bool>,
    /// What the call has done, and nobody has explained.
    log: RefCell<VecDeque<Access>>,
    accesses: Cell<u64>,
}

impl Deref for PageMemory {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl PageMemory {
    /// A memory of 16 bytes to 32 KiB, mostly small.
    pub(super) fn new(input: &Rc<Input>) -> Self {
        let size = input.byte() % 32;
        let bytes = 16_u64 << if size < 24 { size % 6 } else { size - 20 };
        let capacity = Capacity::new(bytes, 16).unwrap_or_else(|wrong| panic!("{wrong}"));
        let width = input.width();
        let start = Position::new(any(input).wrapping_neg(), width);
        Self(Rc::new(State {
            input: input.clone(),
            capacity,
            width,
            stored: Cell::new(start),
            produced: Cell::new(start),
            foreign: Cell::new(0),
            disturbed: Cell::new(false),
            log: RefCell::default(),
            accesses: Cell::new(0),
        }))
    }

    /// A call begins.
    pub(super) fn begin(&self) {
        self.accesses.set(0);
    }

    /// The ring belongs to another process for so many looks.
    pub(super) fn fork(&self, times: u64) {
        self.foreign.set(times);
    }

    /// Takes the next access of the call.
    pub(super) fn next(&self) -> Access {
        self.log.borrow_mut().pop_front().unwrap_or_else(|| panic!("the reader did less"))
    }

    /// The next access is a load of the stored position, with its fence.
    pub(super) fn next_stored(&self) -> Position {
        let Access::Stored(found) = self.next() else { panic!("no load of the stored position") };
        assert_eq!(self.next(), Access::Fence(Acquire));
        found
    }

    pub(super) fn next_produced(&self) -> Position {
        let Access::Produced(found) = self.next() else { panic!("no load of the producer's") };
        found
    }

    /// The call did nothing else.
    pub(super) fn is_explained(&self) {
        assert_eq!(*self.log.borrow(), [], "the reader did more");
    }

    /// A call passes each header once, and may look for more before each.
    fn note(&self, access: Access) {
        self.accesses.set(self.accesses.get() + 1);
        let most = 3 * (self.capacity.bytes() / 8) + 16;
        assert!(self.accesses.get() <= most, "over {most} accesses in one call");
        self.log.borrow_mut().push_back(access);
    }
}

/// A number that is mostly a multiple of 8.
fn any(input: &Input) -> u64 {
    let number = input.number();
    if number % 16 == 15 { number } else { number.wrapping_mul(8) }
}

// SAFETY: M1 and M2: no pointer is made, so nothing is out of bounds. This memory breaks M3
// to M5 on purpose, and core must tolerate it.
unsafe impl RingMemory for PageMemory {
    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn width(&self) -> Width {
        self.width
    }

    fn is_owned(&self) -> bool {
        let left = self.foreign.get();
        self.foreign.set(left.saturating_sub(1));
        self.disturbed.set(self.disturbed.get() || left > 0);
        self.note(Access::Owned(left == 0));
        left == 0
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for PageMemory {
    type Sample<'s> = Place;

    type Data = ();

    fn data(&self) {}

    fn initial_consumer_pos(&self) -> Position {
        panic!("a reader of pages looks at the stored position")
    }

    fn stored_consumer_pos(&self) -> Position {
        // Another process moves it, mostly by a little.
        if self.input.byte() >= 0xf0 {
            self.stored.set(self.stored.get().advance(any(&self.input), self.width));
            self.disturbed.set(true);
        }
        self.note(Access::Stored(self.stored.get()));
        self.stored.get()
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        assert_eq!(order, Acquire);
        let base = match self.input.byte() % 4 {
            0 => Position::default(),
            1 => self.produced.get(),
            _ => self.stored.get(),
        };
        self.produced.set(base.advance(any(&self.input), self.width));
        self.note(Access::Produced(self.produced.get()));
        self.produced.get()
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        assert_eq!(order, Release);
        self.stored.set(position);
        self.note(Access::Store(position));
    }

    unsafe fn load_header(&self, (): (), at: Offset, order: Ordering) -> Header {
        assert_eq!(order, Acquire);
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
        self.note(Access::Header(at, header));
        header
    }

    unsafe fn sample(&self, (): (), at: Offset, len: SampleLen) -> Place {
        assert!(len.footprint() <= self.capacity.bytes(), "{len:?} is longer than the ring");
        Place { at, len }
    }

    fn fence(&self, order: Ordering) {
        assert!([Acquire, SeqCst].contains(&order));
        self.note(Access::Fence(order));
    }
}
