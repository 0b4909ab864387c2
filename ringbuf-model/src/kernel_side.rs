//! The kernel's side: the memory and the host of the simulator's algorithm, priced.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Capacity, Header, Offset, PageOffset, Position, ProducerMemory, RingMemory, SampleLen, Width,
};
use ringbuf_sim::{Host, KernelMemory, Positions};

use crate::costs::Costs;
use crate::ring::Ring;
use crate::seat::Seat;

/// What a producer on one CPU does to a ring.
#[derive(Clone, Copy)]
pub(crate) struct KernelSide<'y> {
    pub(crate) seat: &'y Seat<'y>,
    pub(crate) ring: &'y Ring,
}

impl KernelSide<'_> {
    /// Stores to the lines of these bytes. A store after another one to the line before is
    /// prefetched.
    fn write_data(&self, at: usize, len: usize) {
        let Seat { cpu, .. } = *self.seat;
        let costs = self.seat.costs();
        self.ring.each_line(at, len, |line, before| {
            let begins = self.seat.now();
            let cost = line.write(costs, cpu, begins) - begins;
            let follows = before.was_written_by(cpu);
            self.seat.spend(if follows { Costs::part(cost, costs.stream) } else { cost });
        });
    }

    fn read_data(&self, at: Offset) {
        let Seat { cpu, .. } = *self.seat;
        self.ring.each_line(at.index(), 1, |line, _| {
            let begins = self.seat.now();
            self.seat.spend(line.read(self.seat.costs(), cpu, begins) - begins);
        });
    }
}

// SAFETY: M1 and M3 to M6 as for any memory: the words are cells with checked bounds, and
// everything runs on one thread. M2: no bytes are lent.
unsafe impl RingMemory for KernelSide<'_> {
    fn capacity(&self) -> Capacity {
        self.ring.capacity
    }

    fn width(&self) -> Width {
        self.ring.width
    }
}

/// The bytes of a record, which nobody fills: only their lines are priced.
#[derive(Debug)]
pub(crate) struct Unfilled;

// SAFETY: as above. M7: no bytes can be reached.
unsafe impl ProducerMemory for KernelSide<'_> {
    type SampleMut<'a>
        = Unfilled
    where
        Self: 'a;

    fn initial_producer_pos(&self) -> Position {
        self.ring.produced.get()
    }

    fn load_consumer_pos(&self, _: Ordering) -> Position {
        self.seat.turn();
        self.seat.read(&self.ring.consumer_line);
        self.ring.consumed.get()
    }

    unsafe fn store_producer_pos(&self, position: Position, _: Ordering) {
        self.seat.turn();
        self.seat.write(&self.ring.producer_line);
        self.ring.produced.set(position);
    }

    unsafe fn write_header(&self, at: Offset, header: Header, _: PageOffset) {
        self.seat.turn();
        self.write_data(at.index(), 8);
        self.ring.set_header(at, header);
    }

    unsafe fn load_header(&self, at: Offset, _: Ordering) -> Header {
        self.seat.turn();
        self.read_data(at);
        self.ring.header(at)
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        // SAFETY: the caller guarantees it.
        unsafe { self.swap_header(at, header, order) };
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> Unfilled {
        self.seat.turn();
        self.write_data(at.index(), len.footprint() as usize);
        Unfilled
    }
}

// SAFETY: as above.
unsafe impl KernelMemory for KernelSide<'_> {
    fn page_size(&self) -> u64 {
        PAGE
    }

    /// The line belongs to the CPU that holds the lock.
    fn store_pending_pos(&self, _: Position, _: Ordering) {}

    fn store_overwrite_pos(&self, _: Position, _: Ordering) {}

    unsafe fn swap_header(&self, at: Offset, header: Header, _: Ordering) {
        self.seat.turn();
        self.write_data(at.index(), 8);
        self.seat.spend(self.seat.costs().atomic);
        self.ring.set_header(at, header);
        self.ring.set_commit(at, self.seat.now());
    }

    /// Part of the price of the exchange.
    fn fence(&self, _: Ordering) {}
}

/// The bytes of a page.
pub(crate) const PAGE: u64 = 4096;

impl Host for KernelSide<'_> {
    type Guard<'a>
        = Guard<'a>
    where
        Self: 'a;

    fn lock(&self) -> Guard<'_> {
        let Self { seat, ring } = *self;
        let lock = &ring.lock;
        seat.turn();
        if lock.is_held.get() {
            // One exchange to queue; then it spins on a word of its own.
            if lock.waiting.borrow().is_empty() {
                let _other = lock.line.borrow_mut().write(seat.costs(), seat.cpu, seat.now());
            }
            lock.waiting.borrow_mut().push_back((seat.who, seat.cpu));
            seat.park();
        } else {
            lock.is_held.set(true);
            seat.write(&lock.line);
            seat.spend(seat.costs().atomic);
        }
        seat.turn();
        seat.write(&ring.producer_line);
        seat.spend(seat.costs().locked);
        Guard { side: self, positions: ring.positions.get() }
    }

    fn notify(&self) {
        let Self { seat, ring } = *self;
        seat.turn();
        seat.world.count(seat.now(), |totals| totals.notifications += 1);
        if !seat.random().happens(seat.world.lost_notifications) {
            ring.edge.set(true);
            if let Some(reader) = ring.reader {
                seat.world.queue.wake(seat.now() + seat.costs().wakeup, reader);
            }
        }
        seat.spend(seat.costs().notify);
    }
}

/// The positions while the lock is held.
pub(crate) struct Guard<'a> {
    side: &'a KernelSide<'a>,
    positions: Positions,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let KernelSide { seat, ring } = *self.side;
        let lock = &ring.lock;
        seat.turn();
        ring.positions.set(self.positions);
        seat.write(&lock.line);
        let mut waiting = lock.waiting.borrow_mut();
        let Some((next, cpu)) = waiting.pop_front() else { return lock.is_held.set(false) };
        let costs = seat.costs();
        let mut begins = lock.line.borrow_mut().write(costs, cpu, seat.now()) + costs.atomic;
        if !waiting.is_empty() {
            begins += costs.hit; // it tells the next one that it is first
        }
        seat.world.queue.schedule(begins, next);
    }
}

impl Deref for Guard<'_> {
    type Target = Positions;

    fn deref(&self) -> &Positions {
        &self.positions
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Positions {
        &mut self.positions
    }
}

impl fmt::Debug for KernelSide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelSide").field("cpu", &self.seat.cpu).finish_non_exhaustive()
    }
}
