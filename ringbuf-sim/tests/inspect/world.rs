//! A ring whose owners act between any two accesses of an observer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Capacity, Consumer, Header, InspectMemory, Inspector, Offset, Position, SampleLen, Width,
};
use ringbuf_sim::{
    Flags, KernelProducer, KernelReservation, SimInspectMemory, SimKernelMemory, SimMemory,
    SimRing, Threads,
};

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Busy,
    Submitted(Vec<u8>),
    Discarded,
}

/// The owners of the ring, and what they have done.
pub(crate) struct World {
    pub(crate) ring: SimRing,
    producer: &'static KernelProducer,
    consumer: Consumer<SimMemory>,
    held: Vec<Held>,
    /// Each record, by the bytes from the start of all positions.
    pub(crate) truth: BTreeMap<u64, (State, SampleLen)>,
    start: Position,
    width: Width,
    random: Random,
}

struct Held {
    at: u64,
    reservation: KernelReservation<'static, SimKernelMemory, Threads>,
}

impl World {
    /// A ring of 4 KiB after `start` bytes of traffic.
    pub(crate) fn new(seed: u64, width: Width, start: u64) -> Self {
        let ring = SimRing::started_at(4096, width, start).unwrap();
        Self {
            producer: Box::leak(Box::new(ring.producer())),
            consumer: ring.consumer().unwrap(),
            held: Vec::new(),
            truth: BTreeMap::new(),
            start: Position::new(start, width),
            width,
            random: Random(seed),
            ring,
        }
    }

    /// The bytes from the start of all positions.
    pub(crate) fn since_start(&self, position: Position) -> u64 {
        position.distance(self.start, self.width)
    }

    fn reserve(&mut self) -> bool {
        let len = [0, 1, 8, 13, 64, 200, 700][self.random.below(7)];
        let at = self.since_start(self.ring.inspector().look().producer);
        let Ok(reservation) = self.producer.reserve(len) else { return false };
        self.truth.insert(at, (State::Busy, SampleLen::new(len).unwrap()));
        self.held.push(Held { at, reservation });
        true
    }

    fn commit(&mut self, which: usize) {
        let Held { at, mut reservation } = self.held.swap_remove(which);
        let fill = self.random.next() as u8;
        reservation.fill(fill);
        let state = if self.random.below(5) == 0 {
            reservation.discard(Flags::ADAPTIVE);
            State::Discarded
        } else {
            let bytes = reservation.to_vec();
            reservation.submit(Flags::ADAPTIVE);
            State::Submitted(bytes)
        };
        self.truth.get_mut(&at).unwrap().0 = state;
    }

    /// One act of a producer or the consumer.
    pub(crate) fn act(&mut self) {
        match self.random.below(8) {
            0..=2 => drop(self.reserve()),
            3..=5 if !self.held.is_empty() => {
                let which = self.random.below(self.held.len());
                self.commit(which);
            }
            6 => {
                let most = 1 + self.random.next() % 4;
                let batch = self.consumer.batch();
                for _ in 0..most {
                    let _ = batch.next().unwrap();
                }
            }
            _ => {}
        }
    }

    /// Everything is committed and consumed, and the ring is filled again.
    pub(crate) fn come_round(&mut self) {
        while !self.held.is_empty() {
            self.commit(0);
        }
        self.consumer.drain(|_| ()).unwrap();
        while self.reserve() {
            if self.random.below(3) > 0 {
                let last = self.held.len() - 1;
                self.commit(last);
            }
        }
    }

    /// What the owners do between two accesses.
    fn between(&mut self) {
        match self.random.below(24) {
            0 => self.come_round(),
            1..=7 => (0..self.random.below(5)).for_each(|_| self.act()),
            _ => {}
        }
    }
}

/// The memory of an observer who is stopped between any two accesses.
pub(crate) struct Stopped<'w> {
    world: &'w RefCell<World>,
    memory: SimInspectMemory,
}

impl<'w> Stopped<'w> {
    pub(crate) fn inspector(world: &'w RefCell<World>) -> Inspector<Self> {
        let memory = world.borrow().ring.inspector().into_memory();
        Inspector::new(Self { world, memory })
    }

    fn stop(&self) {
        self.world.borrow_mut().between();
    }
}

// SAFETY: forwards to the memory below.
unsafe impl InspectMemory for Stopped<'_> {
    fn capacity(&self) -> Capacity {
        self.memory.capacity()
    }

    fn width(&self) -> Width {
        self.memory.width()
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        self.stop();
        self.memory.load_consumer_pos(order)
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.stop();
        self.memory.load_producer_pos(order)
    }

    fn load_pending_pos(&self, order: Ordering) -> Position {
        self.stop();
        self.memory.load_pending_pos(order)
    }

    fn load_header(&self, at: Offset, order: Ordering) -> Option<Header> {
        self.stop();
        self.memory.load_header(at, order)
    }

    /// In two parts, with a stop between them.
    fn copy_sample(&self, at: Offset, to: &mut [u8]) -> bool {
        self.stop();
        let half = to.len() / 2;
        if !self.memory.copy_sample(at, &mut to[..half]) {
            return false;
        }
        self.stop();
        let mut again = vec![0; to.len()];
        let whole = self.memory.copy_sample(at, &mut again);
        to[half..].copy_from_slice(&again[half..]);
        self.stop();
        whole
    }

    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }
}

/// Numbers from a seed (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
