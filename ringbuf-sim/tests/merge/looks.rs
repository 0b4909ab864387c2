//! How many headers and producer positions a merge loads.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::atomic::Ordering;

use ringbuf_core::{
    Capacity, ConsumerMemory, Header, Offset, Position, RingMemory, RingSet, SampleLen, SetHost,
    Token, WaitHost, WakeCause, Wakes, Width,
};

use super::*;

/// The memory of a ring. It counts the loads of headers and of the producer position.
struct Counted {
    /// Owns the memory, and reads nothing.
    owner: Consumer<SimMemory>,
    headers: Cell<u64>,
    positions: Cell<u64>,
}

// SAFETY: M1 to M6 as for the memory below: each call is forwarded unchanged.
unsafe impl RingMemory for Counted {
    fn capacity(&self) -> Capacity {
        self.owner.memory().capacity()
    }

    fn width(&self) -> Width {
        self.owner.memory().width()
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for Counted {
    type Sample<'a> = <SimMemory as ConsumerMemory>::Sample<'a>;
    type Data = <SimMemory as ConsumerMemory>::Data;

    fn data(&self) -> Self::Data {
        self.owner.memory().data()
    }

    fn stored_consumer_pos(&self) -> Position {
        self.owner.memory().stored_consumer_pos()
    }

    fn initial_consumer_pos(&self) -> Position {
        self.owner.memory().initial_consumer_pos()
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.positions.set(self.positions.get() + 1);
        self.owner.memory().load_producer_pos(order)
    }

    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        // SAFETY: the caller guarantees it.
        unsafe { self.owner.memory().store_consumer_pos(position, order) };
    }

    unsafe fn load_header(&self, data: Self::Data, at: Offset, order: Ordering) -> Header {
        self.headers.set(self.headers.get() + 1);
        // SAFETY: the caller guarantees it.
        unsafe { self.owner.memory().load_header(data, at, order) }
    }

    unsafe fn sample(&self, data: Self::Data, at: Offset, len: SampleLen) -> Self::Sample<'_> {
        // SAFETY: the caller guarantees it.
        unsafe { self.owner.memory().sample(data, at, len) }
    }

    fn fence(&self, order: Ordering) {
        self.owner.memory().fence(order);
    }
}

/// A system in which nobody waits.
struct Still;

impl WaitHost for Still {
    type Error = Infallible;

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) {}

    fn nap(&self, _: Duration) -> Result<WakeCause, Infallible> {
        Ok(WakeCause::TimeUp)
    }

    fn block(&self, _: Duration) -> Result<WakeCause, Infallible> {
        Ok(WakeCause::TimeUp)
    }

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }
}

impl SetHost for Still {
    type Memory = Counted;
    type Ring = Consumer<Counted>;

    fn watch(&self, _: &Self::Ring, _: Token) -> Result<(), Infallible> {
        Ok(())
    }

    fn unwatch(&self, _: &Self::Ring, _: Token) {}

    fn next_notified(&self) -> Option<Token> {
        None
    }
}

fn counted(ring: &SimRing) -> Consumer<Counted> {
    let memory =
        Counted { owner: ring.consumer().unwrap(), headers: Cell::new(0), positions: Cell::new(0) };
    // SAFETY: C1: the owner of the memory reads nothing.
    unsafe { Consumer::new(memory) }.unwrap()
}

/// A record that is held for long does not make each round pass all that is behind it.
#[test]
fn a_round_counts_again_only_what_is_new_behind_a_held_record() {
    const ROUNDS: u64 = 500;
    let ring = SimRing::new(64 << 10).unwrap();
    let key =
        |record: &Record<'_, Counted>| record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    let set = RingSet::new(Still, Vec::<Slot<_, Lane<(), 4>>>::new(), WaitPolicy::balanced());
    let mut merge = Merge::new(set, Vec::<Node>::new(), key, 100);
    let token = merge.insert(counted(&ring), ()).unwrap();
    write(&ring, 1_000_000); // a stamp far ahead
    merge.drain(1_000_000, |_, _| unreachable!()).unwrap();
    let headers = |merge: &Merge<_, _, _, _, _, 4>| {
        let (consumer, _): (&Consumer<Counted>, _) = merge.set().get(token).unwrap();
        consumer.memory().headers.get()
    };
    let (before, mut read) = (headers(&merge), 0);
    for round in 0..ROUNDS {
        write(&ring, round);
        ring.producer().reserve(8).unwrap().discard(Flags::ADAPTIVE);
        // The clock stands still, so that the first record stays.
        merge.drain(1_000_000, |_, _| read += 1).unwrap();
    }
    let loads = headers(&merge) - before;
    println!("{loads} headers in {ROUNDS} rounds");
    assert_eq!(read, ROUNDS);
    // Each new record is passed, found busy or empty, and counted once.
    assert!(loads <= 6 * ROUNDS, "{loads} headers in {ROUNDS} rounds");
    // And the sum is right when the held record goes.
    merge.drain(2_000_000, |_, _| read += 1).unwrap();
    let (consumer, _) = merge.set().get(token).unwrap();
    let counts = consumer.counts();
    assert_eq!((read, counts.delivered, counts.discarded), (ROUNDS + 1, ROUNDS + 1, ROUNDS));
}

/// A round loads the producer position of an idle ring once. What is known behind a busy record
/// needs no look.
#[test]
fn a_round_looks_once_at_an_idle_ring_and_not_behind_a_busy_record() {
    let ring = SimRing::new(4096).unwrap();
    let set = RingSet::new(Still, Vec::<Slot<_, Lane<(), 4>>>::new(), WaitPolicy::balanced());
    let mut merge = Merge::new(set, Vec::<Node>::new(), |_: &Record<'_, Counted>| Some(1), 0);
    let token = merge.insert(counted(&ring), ()).unwrap();
    let mut round = || {
        let positions = |merge: &Merge<_, _, _, _, _, 4>| {
            let (consumer, _): (&Consumer<Counted>, _) = merge.set().get(token).unwrap();
            consumer.memory().positions.get()
        };
        let before = positions(&merge);
        merge.drain(1_000, |_, _| ()).unwrap();
        positions(&merge) - before
    };
    assert_eq!((round(), round()), (1, 1));
    write(&ring, 1);
    round();
    assert_eq!(round(), 1);
    let held = ring.producer();
    let busy = held.reserve(8).unwrap();
    round();
    assert_eq!(round(), 0);
    drop(busy);
}
