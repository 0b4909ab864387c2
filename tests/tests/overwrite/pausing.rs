//! A reader that pauses in the middle of its copies.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::atomic::Ordering::{self, Acquire};
use std::time::{Duration, Instant};

use ringbuf_core::{Header, Offset};
use ringbuf_kernel::{Capacity, OverwriteMapping, OverwriteMemory, Position, RingMemory, Width};

/// One copy of this many pauses until the program has written a lap.
const ONE_IN: u64 = 64;
/// If it does not write so much by then, the copy goes on.
const LIMIT: Duration = Duration::from_millis(2);

/// The memory of a live ring. Each 64th copy is in two halves, with a lap in between.
pub(crate) struct Pausing {
    memory: OverwriteMapping,
    copies: Cell<u64>,
    paused: Cell<u64>,
}

impl Pausing {
    pub(crate) fn new(memory: OverwriteMapping) -> Self {
        Self { memory, copies: Cell::default(), paused: Cell::default() }
    }

    /// Copies during which the program wrote a lap.
    pub(crate) fn paused(&self) -> u64 {
        self.paused.get()
    }

    fn pause(&self) {
        let before = self.memory.load_producer_pos(Acquire);
        let begun = Instant::now();
        let moved = || self.memory.load_producer_pos(Acquire).distance(before, self.width());
        // budget: the program may stand still
        while begun.elapsed() < LIMIT {
            if moved() > self.capacity().bytes() {
                self.paused.set(self.paused.get() + 1);
                return;
            }
            spin_loop();
        }
    }
}

// SAFETY: M1 to M6 as for the memory below; this forwards.
unsafe impl RingMemory for Pausing {
    fn capacity(&self) -> Capacity {
        self.memory.capacity()
    }

    fn width(&self) -> Width {
        self.memory.width()
    }
}

// SAFETY: as above, and M9 as for the memory below.
unsafe impl OverwriteMemory for Pausing {
    fn initial_consumer_pos(&self) -> Position {
        self.memory.initial_consumer_pos()
    }

    fn store_consumer_pos(&self, position: Position, order: Ordering) {
        self.memory.store_consumer_pos(position, order);
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.memory.load_producer_pos(order)
    }

    fn load_overwrite_pos(&self, order: Ordering) -> Position {
        self.memory.load_overwrite_pos(order)
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.load_header(at, order) }
    }

    unsafe fn copy_sample(&self, at: Offset, buffer: &mut [u8]) {
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.copy_sample(at, buffer) };
        let copies = self.copies.get() + 1;
        self.copies.set(copies);
        if copies % ONE_IN != 0 {
            return;
        }
        let half = buffer.len() / 16 * 8;
        let first = buffer[..half].to_vec();
        self.pause();
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.copy_sample(at, buffer) };
        buffer[..half].copy_from_slice(&first);
    }

    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }

    fn is_tso(&self) -> bool {
        self.memory.is_tso()
    }
}
