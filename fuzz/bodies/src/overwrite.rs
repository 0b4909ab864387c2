//! Target `overwrite`: a reader of copies over memory that returns any value.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Capacity, Corrupt, CorruptReason, Header, NextCopy, Offset, OverwriteCounts, OverwriteMemory,
    OverwriteReader, Position, ProducersStopped, RingMemory, SampleLen, Validator, Width,
};

use crate::memory::Input;

/// Runs a reader, snapshots and snapshots from the end, with any value in any shared word at
/// each load. Each call must end after the loads of about one ring, and copies must stay in
/// the ring. The bytes that are passed must add up, and `Corrupt` must stay.
pub fn overwrite(data: &[u8]) {
    let input = Input::new(data);
    let memory = Hostile::new(&input);
    while !input.is_empty() {
        memory.begin();
        if input.byte() % 2 == 0 {
            live(&input, &memory, ProducersStopped);
        } else {
            let any = input.clone();
            live(&input, &memory, move |_: &[u8]| any.byte() % 4 != 0);
        }
    }
}

/// Runs a reader until it finds the ring corrupt.
fn live<V: Validator>(input: &Input, memory: &Hostile, validator: V) {
    let Ok(mut reader) = OverwriteReader::new(memory.clone(), validator) else { return };
    let start = reader.position();
    let mut buffer = [0; 600];
    while !input.is_empty() {
        memory.begin();
        let buffer = &mut buffer[..usize::from(input.byte()) * 2];
        let result = match input.byte() % 8 {
            0 => reader.snapshot().and_then(|mut snapshot| {
                let (left, before) = (snapshot.left(), snapshot.counts());
                memory.begin();
                let mut calls = 0;
                while !over(snapshot.next_copy(buffer)?) {
                    calls += 1;
                    assert!(calls <= memory.capacity.bytes() / 8, "a snapshot without end");
                    memory.begin();
                }
                let passed = bytes(snapshot.counts()).wrapping_sub(bytes(before));
                assert_eq!(passed, left - snapshot.left(), "bytes of a snapshot");
                Ok(())
            }),
            1 => reader.snapshot().and_then(|snapshot| {
                memory.begin();
                let mut index = vec![Position::default(); usize::from(input.byte() % 20)];
                let mut newest = snapshot.newest_first(&mut index)?;
                memory.begin();
                let mut last = newest.left();
                while !over(newest.next_copy(buffer)?) {
                    assert!(newest.left() < last, "the index does not shrink");
                    last = newest.left();
                    memory.begin();
                }
                Ok(())
            }),
            2 => reader.skip_all(),
            3 => {
                reader.publish();
                Ok(())
            }
            4 => {
                let _ = reader.arm();
                Ok(())
            }
            _ => {
                let (position, before) = (reader.position(), reader.counts());
                reader.next_copy(buffer).map(|next| {
                    if let NextCopy::Record(record) = &next {
                        assert_eq!(record.sample.len(), memory.copied.get(), "another length");
                    }
                    drop(next);
                    let passed = reader.position().distance(position, memory.width);
                    let counted = bytes(reader.counts()).wrapping_sub(bytes(before));
                    assert_eq!(counted & mask(memory.width), passed, "bytes of a reader");
                })
            }
        };
        match result {
            Err(Corrupt { reason: CorruptReason::Forked, .. }) => {
                assert!(memory.denied.get(), "the ring never belonged to another process");
            }
            Err(corrupt) => {
                assert_eq!(reader.next_copy(buffer), Err(corrupt), "it does not stay");
                assert!(reader.is_ready() && reader.snapshot().is_err());
                return;
            }
            Ok(()) => {}
        }
    }
    assert!(start.is_aligned() && reader.position().is_aligned());
}

/// Whether a snapshot is at its end, or stays where it is.
fn over(next: NextCopy<'_>) -> bool {
    !matches!(next, NextCopy::Record(_) | NextCopy::Lost(_))
}

fn bytes(counts: OverwriteCounts) -> u64 {
    let OverwriteCounts { delivered_bytes, discarded_bytes, busy_bytes, lost_bytes, .. } = counts;
    delivered_bytes.wrapping_add(discarded_bytes).wrapping_add(busy_bytes).wrapping_add(lost_bytes)
}

fn mask(width: Width) -> u64 {
    match width {
        Width::Bits32 => u32::MAX.into(),
        Width::Bits64 => u64::MAX,
    }
}

/// The memory of a reader, without a ring.
#[derive(Clone)]
struct Hostile {
    input: Rc<Input>,
    capacity: Capacity,
    width: Width,
    published: Rc<Cell<Position>>,
    produced: Rc<Cell<Position>>,
    /// Bytes of the last copy.
    copied: Rc<Cell<usize>>,
    /// Loads since the last call began.
    loads: Rc<Cell<u64>>,
    /// The ring belonged to another process.
    denied: Rc<Cell<bool>>,
}

impl Hostile {
    fn new(input: &Rc<Input>) -> Self {
        let bytes = 16_u64 << (input.byte() % 6);
        let width = input.width();
        let published = Position::new(input.number().wrapping_neg(), width);
        Self {
            input: input.clone(),
            capacity: Capacity::new(bytes, 16).unwrap_or_else(|wrong| panic!("{wrong}")),
            width,
            published: Rc::new(Cell::new(published)),
            produced: Rc::new(Cell::new(published)),
            copied: Rc::default(),
            loads: Rc::default(),
            denied: Rc::default(),
        }
    }

    /// Begins a new call.
    fn begin(&self) {
        self.loads.set(0);
        self.denied.set(false);
    }

    /// A call loads at most a header and an overwrite position for each 8 bytes, and looks at
    /// both positions four times.
    fn load(&self) {
        let most = 2 * (self.capacity.bytes() / 8 + 1) + 12;
        self.loads.set(self.loads.get() + 1);
        assert!(self.loads.get() <= most, "over {most} loads in one call");
    }

    /// A position that may fit to the others.
    fn position(&self) -> Position {
        let base = match self.input.byte() % 4 {
            0 => self.published.get(),
            _ => self.produced.get(),
        };
        let number = self.input.number();
        // Mostly aligned.
        let bytes = if number % 16 == 15 { number } else { number.wrapping_mul(8) };
        let ahead = self.input.byte() % 2 == 0;
        base.advance(if ahead { bytes } else { bytes.wrapping_neg() }, self.width)
    }
}

// SAFETY: M1 and M2: no pointer is made, so nothing is out of bounds. This memory breaks M3
// to M6 on purpose, apart from the shape; core must tolerate it.
unsafe impl RingMemory for Hostile {
    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn width(&self) -> Width {
        self.width
    }

    fn is_owned(&self) -> bool {
        let owned = self.input.byte() % 32 != 31;
        self.denied.set(self.denied.get() || !owned);
        owned
    }
}

// SAFETY: as above; M9: nobody lends bytes of it.
unsafe impl OverwriteMemory for Hostile {
    fn initial_consumer_pos(&self) -> Position {
        self.published.get()
    }

    fn store_consumer_pos(&self, position: Position, _: Ordering) {
        assert!(position.is_aligned(), "the stored consumer position is misaligned");
        self.published.set(position);
    }

    fn load_producer_pos(&self, _: Ordering) -> Position {
        self.load();
        self.produced.set(self.position());
        self.produced.get()
    }

    fn load_overwrite_pos(&self, _: Ordering) -> Position {
        self.load();
        match self.input.byte() % 4 {
            0 => self.position(),
            // As the kernel would.
            _ => self.produced.get().advance(
                (u64::from(self.input.byte()) * 8 % self.capacity.bytes()).wrapping_neg(),
                self.width,
            ),
        }
    }

    unsafe fn load_header(&self, at: Offset, _: Ordering) -> Header {
        self.load();
        assert!(at.get() % 8 == 0 && at.get() + 8 <= self.capacity.bytes(), "no header at {at:?}");
        let flags = match self.input.byte() % 8 {
            0 => Header::BUSY_BIT,
            1 | 2 => Header::DISCARD_BIT,
            3 => Header::BUSY_BIT | Header::DISCARD_BIT,
            _ => 0,
        };
        Header::from_bits(self.input.number() as u32 & SampleLen::MAX | flags)
    }

    unsafe fn copy_sample(&self, at: Offset, buffer: &mut [u8]) {
        let len = SampleLen::new(buffer.len() as u64).unwrap_or_else(|| panic!("too long"));
        assert!(len.footprint() <= self.capacity.bytes(), "{len:?} is longer than the ring");
        assert!(at.get() + len.footprint() <= 2 * self.capacity.bytes(), "out of bounds");
        buffer.fill(self.input.byte());
        self.copied.set(buffer.len());
    }

    fn fence(&self, _: Ordering) {}

    fn is_tso(&self) -> bool {
        true
    }
}
