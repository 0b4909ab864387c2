//! Target `page_reader`: readers that take turns, over memory that returns any value.

mod memory;
mod plain;

use ringbuf_core::{Armed, PageReader, RingMemory, Visit, Visited};

use crate::memory::{Input, Place};
use memory::PageMemory;
use plain::{Plain, Turns, Wrong};

/// The handles of one ring.
const HANDLES: usize = 3;
/// A visit begins others while a record is at hand, and these too.
const DEEPEST: u8 = 3;

/// Runs several readers of one ring, also within each other, with any value in any shared
/// word at each load. Other processes move the stored position to any place, and now and then
/// the ring belongs to another process.
///
/// Each call must end after the loads of about one ring. A few lines of plain code see the
/// same loads, and must come to the same result, the same position and the same stores. While
/// nobody else moves the position, nothing that was passed may come again.
pub fn page_reader(data: &[u8]) {
    let input = Input::new(data);
    let memory = PageMemory::new(&input);
    // SAFETY: C3: they take turns, on this thread. No sample has bytes.
    let readers = [(); HANDLES].map(|()| unsafe { PageReader::new(memory.clone()) });
    let mut world =
        World { input: &input, memory: &memory, readers: &readers, turns: Turns::new() };
    while !input.is_empty() {
        match input.byte() % 8 {
            0 => world.getters(),
            1 => memory.fork(input.byte().into()),
            _ => world.visit(0),
        }
    }
}

struct World<'w> {
    input: &'w Input,
    memory: &'w PageMemory,
    readers: &'w [PageReader<PageMemory>; HANDLES],
    turns: Turns,
}

impl World<'_> {
    /// One visit of any handle, which ends in one of four ways.
    fn visit(&mut self, depth: u8) {
        let handle = usize::from(self.input.byte()) % HANDLES;
        let reader = &self.readers[handle];
        self.memory.begin();
        let mut visit = reader.visit();
        let mut plain = self.turns.begin(handle, self.memory);
        self.agree(&visit, &plain);
        while !self.input.is_empty() {
            match self.input.byte() % 16 {
                0..=5 => self.find(&mut visit, &mut plain),
                6..=9 => {
                    self.memory.begin();
                    visit.pass();
                    plain.pass(self.memory, &mut self.turns);
                }
                10 => {
                    self.memory.begin();
                    visit.publish();
                    plain.publish(self.memory);
                }
                11 => {
                    self.memory.begin();
                    let armed = visit.arm();
                    assert_eq!(armed == Armed::Sleep, plain.arm(self.memory));
                }
                12 if plain.has_hand() && depth < DEEPEST => self.visit(depth + 1),
                // A reader that goes away: `longjmp`.
                13 => {
                    self.turns.abandon();
                    return;
                }
                14 => {
                    self.memory.begin();
                    visit.hold_back();
                    plain.hold_back(self.memory, handle, &mut self.turns);
                    self.memory.is_explained();
                    return;
                }
                15 => break,
                _ => {}
            }
            self.agree(&visit, &plain);
        }
        self.memory.begin();
        visit.publish();
        plain.publish(self.memory);
        self.agree(&visit, &plain);
        self.turns.end(self.memory);
    }

    fn find(&self, visit: &mut Visit<'_, PageMemory>, plain: &mut Plain) {
        self.memory.begin();
        let found = visit.find().map_err(|corrupt| Wrong::of(corrupt, visit.position()));
        assert_eq!(found, plain.find(self.memory));
        let Ok(Visited::Record { at, len }) = found else { return };
        self.turns.has_not_passed(visit.position(), self.memory);
        // SAFETY: at hand.
        assert_eq!(unsafe { visit.sample(at, len) }, Place { at, len });
    }

    /// Nothing is left of what the call loaded and stored, and both say the same.
    fn agree(&self, visit: &Visit<'_, PageMemory>, plain: &Plain) {
        self.memory.is_explained();
        assert_eq!(visit.position(), plain.position());
        let counts = visit.counts();
        assert_eq!((counts.delivered, counts.discarded), plain.counts());
    }

    fn getters(&self) {
        let reader = &self.readers[0];
        self.memory.begin();
        let consumer = reader.consumer_position();
        assert_eq!(consumer, self.memory.next_stored());
        let lag = reader.lag();
        let stored = self.memory.next_stored();
        let produced = self.memory.next_produced();
        assert_eq!(lag, produced.distance(stored, self.memory.width()));
        assert_eq!(reader.producer_position(), self.memory.next_produced());
        self.memory.is_explained();
    }
}
