//! The reader's side: the memory of core's consumer, priced, and its waits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringbuf_core::{
    Capacity, Consumer, ConsumerMemory, Header, Offset, Position, RingMemory, SampleLen, SetHost,
    Token, WaitHost, WakeCause, Wakes, Width,
};

use crate::costs::Costs;
use crate::ring::Ring;
use crate::seat::{Seat, picos};

/// What a reader on one CPU does to a ring.
#[derive(Clone, Copy)]
pub(crate) struct ReaderSide<'y> {
    pub(crate) seat: &'y Seat<'y>,
    pub(crate) ring: &'y Ring,
    /// It blocks as a level-triggered epoll does: while the ring is empty.
    pub(crate) is_level: bool,
}

impl ReaderSide<'_> {
    /// Loads the lines of these bytes, one after the other: most of it is prefetched.
    fn read_data(&self, at: usize, len: usize) {
        let Seat { cpu, .. } = *self.seat;
        let costs = self.seat.costs();
        self.ring.each_line(at, len, |line, _| {
            let begins = self.seat.now();
            let cost = line.read(costs, cpu, begins) - begins;
            self.seat.spend(Costs::part(cost, costs.stream));
        });
    }
}

// SAFETY: M1 and M3 to M6 as for any memory: the words are cells with checked bounds, and
// everything runs on one thread. M2: no bytes are lent.
unsafe impl RingMemory for ReaderSide<'_> {
    fn capacity(&self) -> Capacity {
        self.ring.capacity
    }

    fn width(&self) -> Width {
        self.ring.width
    }
}

// SAFETY: as above.
unsafe impl ConsumerMemory for ReaderSide<'_> {
    /// The bytes have no content: only their lines are priced.
    type Sample<'a>
        = ()
    where
        Self: 'a;
    type Data = ();

    fn data(&self) {}

    fn initial_consumer_pos(&self) -> Position {
        self.ring.consumed.get()
    }

    fn stored_consumer_pos(&self) -> Position {
        self.ring.consumed.get()
    }

    fn load_producer_pos(&self, _: Ordering) -> Position {
        self.seat.spend(self.seat.costs().look);
        self.seat.turn();
        self.seat.read(&self.ring.producer_line);
        self.ring.produced.get()
    }

    unsafe fn store_consumer_pos(&self, position: Position, _: Ordering) {
        self.seat.turn();
        self.seat.write(&self.ring.consumer_line);
        self.ring.consumed.set(position);
    }

    unsafe fn load_header(&self, (): (), at: Offset, _: Ordering) -> Header {
        self.seat.turn();
        self.read_data(at.index(), 8);
        self.seat.spend(self.seat.costs().walk);
        self.ring.header(at)
    }

    unsafe fn sample(&self, (): (), at: Offset, len: SampleLen) {
        self.read_data(at.index(), len.footprint() as usize);
    }

    /// Part of the price of the store before it.
    fn fence(&self, _: Ordering) {}
}

impl Seat<'_> {
    fn nap(&self, time: Duration) -> WakeCause {
        let late = self.random().below(self.costs().late);
        self.world.count(self.now(), |totals| totals.naps += 1);
        self.sleep_until(self.now().saturating_add(picos(time)).saturating_add(late));
        self.spend(self.costs().nap);
        WakeCause::TimeUp
    }

    /// Blocks until `is_notified` returns true, or the time is over.
    fn block(&self, is_notified: impl Fn() -> bool, time: Duration) -> WakeCause {
        self.spend(self.costs().block);
        self.turn();
        if is_notified() {
            return WakeCause::Notified;
        }
        if time.is_zero() {
            return WakeCause::TimeUp;
        }
        self.world.count(self.now(), |totals| totals.blocks += 1);
        self.sleep_or_wake(self.now().saturating_add(picos(time)));
        if is_notified() { WakeCause::Notified } else { WakeCause::TimeUp }
    }
}

impl WaitHost for ReaderSide<'_> {
    type Error = Infallible;

    fn now(&self) -> Duration {
        self.seat.clock()
    }

    fn pause(&self, time: Duration) {
        self.seat.spend(picos(time));
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        Ok(self.seat.nap(time))
    }

    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        let Self { ring, is_level, .. } = self;
        let is_notified = || if *is_level { ring.fill() > 0 } else { ring.edge.get() };
        let cause = self.seat.block(is_notified, time);
        ring.edge.set(false);
        Ok(cause)
    }

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }
}

impl fmt::Debug for ReaderSide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderSide").field("cpu", &self.seat.cpu).finish_non_exhaustive()
    }
}

/// The system below core's set of rings.
pub(crate) struct ReaderOfMany<'y> {
    seat: &'y Seat<'y>,
    watched: RefCell<Vec<(Token, &'y Ring)>>,
    notified: RefCell<VecDeque<Token>>,
}

impl<'y> ReaderOfMany<'y> {
    pub(crate) fn new(seat: &'y Seat<'y>) -> Self {
        Self { seat, watched: RefCell::default(), notified: RefCell::default() }
    }
}

impl WaitHost for ReaderOfMany<'_> {
    type Error = Infallible;

    fn now(&self) -> Duration {
        self.seat.clock()
    }

    fn pause(&self, time: Duration) {
        self.seat.spend(picos(time));
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        Ok(self.seat.nap(time))
    }

    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        let watched = self.watched.borrow();
        let is_notified = || watched.iter().any(|(_, ring)| ring.edge.get());
        let cause = self.seat.block(is_notified, time);
        for (token, ring) in watched.iter().filter(|(_, ring)| ring.edge.get()) {
            ring.edge.set(false);
            self.notified.borrow_mut().push_back(*token);
        }
        Ok(cause)
    }

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }
}

impl<'y> SetHost for ReaderOfMany<'y> {
    type Memory = ReaderSide<'y>;
    type Ring = Consumer<ReaderSide<'y>>;

    fn watch(&self, ring: &Self::Ring, token: Token) -> Result<(), Infallible> {
        self.watched.borrow_mut().push((token, ring.memory().ring));
        Ok(())
    }

    fn unwatch(&self, _: &Self::Ring, token: Token) {
        self.watched.borrow_mut().retain(|(watched, _)| *watched != token);
    }

    fn next_notified(&self) -> Option<Token> {
        self.notified.borrow_mut().pop_front()
    }
}

impl fmt::Debug for ReaderOfMany<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderOfMany").field("cpu", &self.seat.cpu).finish_non_exhaustive()
    }
}
