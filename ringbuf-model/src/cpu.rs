//! A CPU that several readers share: one runs, the others wait for it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::seat::Seat;

/// A CPU that several readers share. They take it in the order in which they become ready, and a
/// reader that always works gives it up after [`SLICE`].
#[derive(Debug, Default)]
pub(crate) struct Cpu {
    is_taken: Cell<bool>,
    /// When its reader got it.
    since: Cell<u64>,
    waiting: RefCell<VecDeque<u32>>,
}

/// The time after which a reader lets the next one run, in picoseconds: 3 ms, the scheduler's
/// usual slice.
pub(crate) const SLICE: u64 = 3_000_000_000;

impl Cpu {
    /// Takes the CPU for a reader that is ready, and waits for it. Returns the time of the wait.
    pub(crate) fn take(&self, seat: &Seat<'_>) -> u64 {
        seat.turn();
        let began = seat.now();
        if self.is_taken.replace(true) {
            self.waiting.borrow_mut().push_back(seat.who);
            seat.park();
        }
        self.since.set(seat.now());
        seat.now().saturating_sub(began)
    }

    /// Gives the CPU to the reader that waits longest.
    pub(crate) fn give(&self, seat: &Seat<'_>) {
        seat.turn();
        match self.waiting.borrow_mut().pop_front() {
            Some(next) => seat.world.queue.schedule(seat.now(), next),
            None => self.is_taken.set(false),
        }
    }

    /// Returns true if its reader has had it for long enough, and another one waits.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        now.saturating_sub(self.since.get()) > SLICE && !self.waiting.borrow().is_empty()
    }
}
