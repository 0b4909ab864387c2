//! How often the consumer looks at what producers write: what it knows it does
//! not ask again, since each look takes a shared cache line.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Armed, Batch, Capacity, Consumer, ConsumerMemory, Header, Next, Offset, Position, SampleLen,
    Width,
};
use ringbuf_sim::{Flags, SimMemory, SimRing};

/// A ring's memory, which counts the loads of what producers write.
struct Counted<'r> {
    memory: &'r SimMemory,
    /// Of the producer position.
    looks: Cell<u64>,
    headers: Cell<u64>,
}

// SAFETY: M1 to M5 as of the memory behind: each call is passed on as it is.
unsafe impl ConsumerMemory for Counted<'_> {
    type Sample<'a>
        = <SimMemory as ConsumerMemory>::Sample<'a>
    where
        Self: 'a;

    fn capacity(&self) -> Capacity {
        self.memory.capacity()
    }

    fn width(&self) -> Width {
        self.memory.width()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.memory.initial_consumer_pos()
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.looks.set(self.looks.get() + 1);
        self.memory.load_producer_pos(order)
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.store_consumer_pos(position, order) };
    }

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        self.headers.set(self.headers.get() + 1);
        // SAFETY: as the caller vouches.
        unsafe { self.memory.load_header(at, order) }
    }

    unsafe fn sample(&self, at: Offset, len: SampleLen) -> Self::Sample<'_> {
        // SAFETY: as the caller vouches.
        unsafe { self.memory.sample(at, len) }
    }

    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }
}

#[test]
fn what_is_known_is_not_asked_again() {
    let ring = SimRing::new(4096).unwrap();
    let producer = ring.producer();
    let produce = |records| {
        for _ in 0..records {
            producer.output(&[0; 8], Flags::ADAPTIVE).unwrap();
        }
    };
    produce(8);
    let owner = ring.consumer().unwrap();
    let memory = Counted { memory: owner.memory(), looks: Cell::new(0), headers: Cell::new(0) };
    // SAFETY: C1: the owner of the memory reads nothing.
    let mut consumer = unsafe { Consumer::new(memory) }.unwrap();
    let looks = |consumer: &Consumer<Counted<'_>>| consumer.memory().looks.take();
    assert_eq!(looks(&consumer), 1, "a new consumer looks once");

    let batch = consumer.batch();
    assert_eq!(read(&batch, 2), 2);
    let batch = batch.at_most(4);
    assert_eq!(read(&batch, 9), 2);
    drop(batch);
    assert_eq!(looks(&consumer), 0, "a bound that comes later loses nothing");
    assert_eq!(read(&consumer.batch(), 1), 1);
    assert_eq!(read(&consumer.batch().within(1), 9), 1);
    assert_eq!(looks(&consumer), 0, "nor does the end of a batch");

    produce(3);
    assert_eq!(read(&consumer.batch(), 9), 5);
    assert_eq!(looks(&consumer), 2, "the new ones, and the end");
    assert_eq!(consumer.arm(), Armed::Sleep);
    assert_eq!(looks(&consumer), 1);

    producer.reserve(8).unwrap().discard(Flags::ADAPTIVE);
    let open = producer.reserve(8).unwrap();
    assert_eq!(consumer.memory().headers.take(), 11, "each header once");
    assert_eq!(read(&consumer.batch(), 9), 0);
    assert_eq!(consumer.memory().headers.take(), 2, "a discarded and a busy one");
    drop(open);
    producer.output(&[0; 8], Flags::ADAPTIVE).unwrap();
    producer.reserve(8).unwrap().discard(Flags::ADAPTIVE);
    assert_eq!(read(&consumer.batch(), 9), 1);
    assert_eq!(consumer.memory().headers.take(), 3, "also where what is known ends");
}

/// Reads records, `most` at most: how many there were.
fn read(batch: &Batch<'_, Counted<'_>>, most: u64) -> u64 {
    (0..most).take_while(|_| matches!(batch.next(), Ok(Next::Record(_)))).count() as u64
}
