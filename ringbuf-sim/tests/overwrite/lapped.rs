//! A memory whose ring is written at each access of the reader, and in the middle of its
//! copies.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Capacity, Header, Offset, OverwriteMemory, Position, ProducerMemory, RingMemory, Width,
};
use ringbuf_sim::{KernelProducer, SimOverwriteMemory, SimRing};

use crate::records::{Kind, mix};

/// The memory of a reader that is overtaken. The writer runs in between, on the same
/// thread, as a seed decides: so each run is the same.
pub(crate) struct Lapped {
    memory: SimOverwriteMemory,
    program: KernelProducer,
    /// Records written so far: the number of the next one.
    pub(crate) written: Cell<u64>,
    /// Reservations that failed.
    pub(crate) refused: Cell<u64>,
    /// Copies during which records were written.
    pub(crate) paused: Cell<u64>,
    random: Cell<u64>,
    /// Of 64 accesses so many let the writer run.
    often: u64,
    /// The largest number of records that it then writes.
    most: u64,
    /// The writer stands still.
    pub(crate) stopped: Cell<bool>,
}

impl Lapped {
    pub(crate) fn new(ring: &SimRing, seed: u64, often: u64, most: u64) -> Self {
        let [written, refused, paused] = [const { Cell::new(0) }; 3];
        Self {
            memory: ring.overwrite_memory().unwrap(),
            program: ring.producer(),
            written,
            refused,
            paused,
            random: Cell::new(seed),
            often,
            most,
            stopped: Cell::new(false),
        }
    }

    /// Returns a number below `below`.
    fn random(&self, below: u64) -> u64 {
        let next = mix(self.random.get());
        self.random.set(next);
        next % below
    }

    /// Perhaps lets the writer run. Returns true if it wrote.
    fn step(&self) -> bool {
        if self.stopped.get() || self.random(64) >= self.often {
            return false;
        }
        self.write(1 + self.random(self.most));
        true
    }

    pub(crate) fn write(&self, records: u64) {
        for _ in 0..records {
            if Kind::of(self.written.get()).write(&self.program) {
                self.written.set(self.written.get() + 1);
            } else {
                self.refused.set(self.refused.get() + 1);
            }
        }
    }
}

// SAFETY: M1 to M6 as for the memory below. The writer runs between two accesses.
unsafe impl RingMemory for Lapped {
    fn capacity(&self) -> Capacity {
        self.memory.capacity()
    }

    fn width(&self) -> Width {
        self.memory.width()
    }
}

// SAFETY: as above, and M9 as for the memory below.
unsafe impl OverwriteMemory for Lapped {
    fn initial_consumer_pos(&self) -> Position {
        self.memory.initial_consumer_pos()
    }

    fn store_consumer_pos(&self, position: Position, order: Ordering) {
        self.step();
        self.memory.store_consumer_pos(position, order);
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.step();
        self.memory.load_producer_pos(order)
    }

    fn load_overwrite_pos(&self, order: Ordering) -> Position {
        self.step();
        self.memory.load_overwrite_pos(order)
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        self.step();
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.load_header(at, order) }
    }

    /// Stops in the middle, and before the first word.
    unsafe fn copy_sample(&self, at: Offset, buffer: &mut [u8]) {
        let mut wrote = self.step();
        let before = buffer.to_vec();
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.copy_sample(at, buffer) };
        let first = buffer.to_vec();
        wrote |= self.step();
        buffer.copy_from_slice(&before);
        // SAFETY: the caller guarantees it.
        unsafe { self.memory.copy_sample(at, buffer) };
        let half = buffer.len() / 16 * 8;
        buffer[..half].copy_from_slice(&first[..half]);
        self.paused.set(self.paused.get() + u64::from(wrote));
    }

    fn fence(&self, order: Ordering) {
        self.step();
        self.memory.fence(order);
    }

    fn is_tso(&self) -> bool {
        self.memory.is_tso()
    }
}

/// The view of the kernel, to see its positions.
pub(crate) fn produced(ring: &SimRing) -> Position {
    ring.producer_memory().initial_producer_pos()
}
