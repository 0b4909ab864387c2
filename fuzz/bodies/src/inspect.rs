//! Target `inspect`: an observer of memory that returns any value.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Capacity, Head, Header, InspectMemory, Inspector, Observed, Offset, Position, ReadError, Tap,
    Width,
};

use crate::memory::Input;

/// Any value in any shared word at each load. A look loads four words, and is made again at
/// most 16 times; a step makes at most five loads, and a look.
const LOOK: u64 = 4 * 16;
const HEAD: u64 = 16 * (LOOK + 2);
const STEP: u64 = 5 + LOOK;
/// Steps of a walk without input.
const ENOUGH: u64 = 1 << 16;

/// Runs an inspector, walks and a tap. Each call must end after its loads, and nothing longer
/// than the ring is asked for. Positions must follow from what was told.
pub fn inspect(data: &[u8]) {
    let input = Input::new(data);
    let memory = AnyMemory::new(&input);
    let inspector = Inspector::new(memory.clone());
    let mut tap = Tap::at_producer(&inspector).margin(input.number());
    let mut buffer = vec![0; 256];
    while !input.is_empty() {
        memory.0.loads.set(0);
        match input.byte() % 4 {
            0 => {
                let look = inspector.look();
                let sound = look.fill().is_ok();
                let fill = look.producer.distance(look.consumer, look.width);
                assert!(!sound || fill <= memory.capacity().bytes());
                assert!(memory.0.loads.get() <= LOOK);
            }
            1 => head(&inspector),
            2 => pending(&inspector, &mut buffer),
            _ => step(&inspector, &mut tap, &mut buffer),
        }
    }
}

fn head(inspector: &Inspector<AnyMemory>) {
    if let Ok(Head::Busy(record) | Head::Committed(record) | Head::Discarded(record)) =
        inspector.head()
    {
        let most = inspector.memory().capacity().bytes();
        assert!(record.len.footprint() + record.behind <= most, "{record:?}");
    }
    assert!(inspector.memory().0.loads.get() <= HEAD);
}

fn pending(inspector: &Inspector<AnyMemory>, buffer: &mut [u8]) {
    let memory = inspector.memory();
    let (capacity, width) = (memory.capacity().bytes(), memory.width());
    let Ok(mut walk) = inspector.pending() else { return };
    let (mut passed, mut steps) = (0, 0);
    loop {
        let before = walk.position();
        memory.0.loads.set(0);
        let bytes = match walk.next(buffer) {
            Ok(Observed::End) => break,
            Ok(step) => told(&step, before),
            // It stays there.
            Err(_) => {
                assert_eq!(walk.position(), before);
                break;
            }
        };
        assert!(bytes >= 8 && memory.0.loads.get() <= 3);
        assert_eq!(walk.position(), before.advance(bytes, width));
        passed += bytes;
        steps += 1;
        assert!(passed <= capacity && steps <= capacity / 8, "a walk longer than the ring");
        // The rest of a large ring is the same again and again.
        if steps >= ENOUGH && memory.0.input.is_empty() {
            break;
        }
    }
}

fn step(inspector: &Inspector<AnyMemory>, tap: &mut Tap, buffer: &mut [u8]) {
    let width = inspector.memory().width();
    let (before, missed) = (tap.position(), tap.missed());
    let bytes = match tap.next(inspector, buffer) {
        Ok(Observed::End | Observed::Busy { .. }) => 0,
        Ok(step) => told(&step, before),
        Err(ReadError::TooSmall { needs, has, .. }) => {
            assert!(needs > has && has == buffer.len());
            0
        }
        Err(_) => 0,
    };
    assert_eq!(tap.position(), before.advance(bytes, width));
    assert!(tap.missed() == missed || tap.missed() == missed.saturating_add(bytes));
    assert!(inspector.memory().0.loads.get() <= STEP);
}

/// The bytes of a step, which begins at `at`.
fn told(step: &Observed<'_>, at: Position) -> u64 {
    match *step {
        Observed::Record { position, sample } => {
            assert_eq!(position, at);
            (sample.len() as u64 + 8).next_multiple_of(8)
        }
        Observed::Busy { position, len } | Observed::Discarded { position, len } => {
            assert_eq!(position, at);
            len.footprint()
        }
        Observed::Missed { bytes } => bytes,
        _ => panic!("not a step: {step:?}"),
    }
}

/// The memory of an observer, without a ring.
#[derive(Clone)]
struct AnyMemory(Rc<State>);

struct State {
    input: Rc<Input>,
    capacity: Capacity,
    width: Width,
    /// The last results.
    consumer: Cell<u64>,
    producer: Cell<u64>,
    loads: Cell<u64>,
}

impl AnyMemory {
    fn new(input: &Rc<Input>) -> Self {
        // Mostly small, because lengths are mostly small.
        let size = input.byte() % 32;
        let bytes = 16_u64 << if size < 24 { size % 6 } else { size - 4 };
        let capacity = Capacity::new(bytes, 16).unwrap_or_else(|wrong| panic!("{wrong}"));
        let width = input.width();
        let start = input.number().wrapping_mul(8).wrapping_neg();
        let [consumer, producer] = [start; 2].map(Cell::new);
        let (input, loads) = (input.clone(), Cell::new(0));
        Self(Rc::new(State { input, capacity, width, consumer, producer, loads }))
    }

    fn loaded(&self) {
        self.0.loads.set(self.0.loads.get() + 1);
    }

    /// Most loads find what the last one found. Others find that it has moved a little, and
    /// some find anything.
    fn position(&self, last: &Cell<u64>, stays: u8) -> Position {
        self.loaded();
        let how = self.0.input.byte();
        if how == 0xff {
            last.set(self.0.input.number());
        } else if how % 8 >= stays {
            last.set(last.get().wrapping_add(u64::from(how / 8) * 8));
        }
        Position::new(last.get(), self.0.width)
    }
}

// SAFETY: there is no memory: each value is a number of the input.
unsafe impl InspectMemory for AnyMemory {
    fn capacity(&self) -> Capacity {
        self.0.capacity
    }

    fn width(&self) -> Width {
        self.0.width
    }

    /// It stays mostly, and catches up now and then.
    fn load_consumer_pos(&self, _: Ordering) -> Position {
        if self.0.input.byte() % 16 == 15 {
            self.0.consumer.set(self.0.producer.get());
        }
        self.position(&self.0.consumer, 7)
    }

    fn load_producer_pos(&self, _: Ordering) -> Position {
        self.position(&self.0.producer, 6)
    }

    fn load_pending_pos(&self, _: Ordering) -> Position {
        self.position(&self.0.producer, 8)
    }

    fn load_header(&self, _: Offset, _: Ordering) -> Option<Header> {
        self.loaded();
        let flags = u32::from(self.0.input.byte() % 4) << 30;
        let len = self.0.input.number() as u32;
        (self.0.input.byte() != 0xff).then_some(Header::from_bits(flags ^ len))
    }

    fn copy_sample(&self, _: Offset, to: &mut [u8]) -> bool {
        assert!(to.len() as u64 + 8 <= self.0.capacity.bytes(), "more than a ring");
        to.fill(self.0.input.byte());
        self.0.input.byte() != 0xff
    }

    fn fence(&self, _: Ordering) {}
}
