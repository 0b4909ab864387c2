//! The engine: parties with clocks of their own. The one with the earliest clock runs.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Why a party gives up the processor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    /// Another party is earlier. This one continues at this time.
    At(u64),
    /// Another party or a timer continues it.
    Parked,
}

/// The way from a party to the engine.
pub(crate) type Switch = Yielder<(), Turn>;

/// A party that has not started or is between two turns.
pub(crate) type Party = Coroutine<(), Turn, ()>;

/// What marks a timer, beside the number of its party.
const TIMER: u32 = 1 << 31;

/// The bytes of a party's stack. A party calls the consumer and the algorithm of the kernel,
/// and no user code.
const STACK: usize = 128 << 10;

/// What the engine and its parties share.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Who continues when. Ties go to the lower number.
    heap: RefCell<BinaryHeap<Reverse<(u64, u32)>>>,
    /// The earliest time in the heap, or the end of the run.
    next: Cell<u64>,
    /// The time at which the current turn began.
    now: Cell<u64>,
    /// The run is over, and parties unwind.
    is_over: Cell<bool>,
    sleepers: Vec<Cell<Sleeper>>,
}

/// A sleep that another party or a timer ends.
#[derive(Clone, Copy, Debug)]
struct Sleeper {
    sleeps: bool,
    woken: bool,
    deadline: u64,
    /// The earliest timer of this party in the heap, or `u64::MAX`. It is left there when somebody
    /// wakes the party, and serves the next sleep. So few timers are in the heap.
    timer: u64,
}

impl Sleeper {
    const AWAKE: Self = Self { sleeps: false, woken: false, deadline: 0, timer: u64::MAX };
}

impl Queue {
    pub(crate) fn new(parties: usize) -> Self {
        let heap = (0..parties as u32).map(|who| Reverse((0, who))).collect();
        Self {
            heap: RefCell::new(heap),
            next: Cell::new(0),
            now: Cell::new(0),
            is_over: Cell::new(false),
            sleepers: vec![Cell::new(Sleeper::AWAKE); parties],
        }
    }

    /// Continues this party at this time.
    pub(crate) fn schedule(&self, at: u64, who: u32) {
        self.heap.borrow_mut().push(Reverse((at, who)));
        if at < self.next.get() {
            self.next.set(at);
        }
    }

    /// Returns true if another party must run before one whose clock shows `now`.
    #[inline]
    pub(crate) fn is_behind(&self, now: u64) -> bool {
        now > self.next.get() && !self.is_over.get()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    /// Prepares a sleep that ends at `deadline`.
    pub(crate) fn fall_asleep(&self, who: u32, deadline: u64) {
        let cell = &self.sleepers[who as usize];
        let before = cell.get().timer;
        if deadline < before {
            self.schedule(deadline, who | TIMER);
        }
        cell.set(Sleeper { sleeps: true, woken: false, deadline, timer: before.min(deadline) });
    }

    /// Ends the sleep of this party at this time, if it sleeps.
    pub(crate) fn wake(&self, at: u64, who: u32) {
        let cell = &self.sleepers[who as usize];
        let sleeper = cell.get();
        if sleeper.sleeps {
            cell.set(Sleeper { sleeps: false, woken: true, ..sleeper });
            self.schedule(at, who);
        }
    }

    /// Returns true if another party ended the last sleep of this one.
    pub(crate) fn was_woken(&self, who: u32) -> bool {
        self.sleepers[who as usize].get().woken
    }

    /// Returns the party whose turn it is, up to the time `end`.
    fn pop(&self, end: u64) -> Option<u32> {
        loop {
            let mut heap = self.heap.borrow_mut();
            let Reverse((at, who)) = heap.pop().filter(|first| first.0.0 <= end)?;
            // Nobody runs on beyond the end, even if all others sleep.
            self.next.set(heap.peek().map_or(end, |first| first.0.0.min(end)));
            self.now.set(at);
            drop(heap);
            if who & TIMER == 0 {
                return Some(who);
            }
            let who = who & !TIMER;
            let cell = &self.sleepers[who as usize];
            let sleeper = cell.get();
            let timer = if sleeper.timer == at { u64::MAX } else { sleeper.timer };
            let is_due = sleeper.deadline <= at;
            cell.set(Sleeper { sleeps: sleeper.sleeps && !is_due, timer, ..sleeper });
            if sleeper.sleeps && is_due {
                return Some(who);
            }
            if sleeper.sleeps {
                self.fall_asleep(who, sleeper.deadline);
            }
        }
    }
}

/// Returns a party with this body.
pub(crate) fn party(body: impl FnOnce(&Switch) + 'static) -> std::io::Result<Party> {
    let stack = DefaultStack::new(STACK)?;
    Ok(Coroutine::with_stack(stack, move |switch: &Switch, ()| body(switch)))
}

/// The turns between two calls of the watcher: some milliseconds of the host.
const WATCHED: u32 = 1 << 16;

/// Runs the parties up to the time `end`, then unwinds them. `watch` gets the time now and then.
pub(crate) fn run(queue: &Queue, mut parties: Vec<Party>, end: u64, mut watch: impl FnMut(u64)) {
    let mut turns = 0u32;
    while let Some(who) = queue.pop(end) {
        turns = turns.wrapping_add(1);
        if turns % WATCHED == 0 {
            watch(queue.now());
        }
        match parties[who as usize].resume(()) {
            CoroutineResult::Yield(Turn::At(time)) => queue.schedule(time, who),
            CoroutineResult::Yield(Turn::Parked) | CoroutineResult::Return(()) => {}
        }
    }
    queue.is_over.set(true);
    drop(parties);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_runs_first_and_ties_go_to_the_lower_number() {
        let queue = Queue::new(0);
        for (at, who) in [(5, 1), (3, 2), (5, 0), (11, 3)] {
            queue.schedule(at, who);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(10)).collect();
        assert_eq!(order, [2, 0, 1]);
    }

    #[test]
    fn a_sleep_ends_at_its_own_deadline_and_not_at_that_of_an_earlier_sleep() {
        let queue = Queue::new(1);
        assert_eq!(queue.pop(1000), Some(0));
        queue.fall_asleep(0, 100);
        queue.wake(10, 0);
        assert_eq!((queue.pop(1000), queue.now(), queue.was_woken(0)), (Some(0), 10, true));
        queue.fall_asleep(0, 50); // earlier than the timer that is left
        assert_eq!((queue.pop(1000), queue.now(), queue.was_woken(0)), (Some(0), 50, false));
        queue.fall_asleep(0, 300); // later
        assert_eq!((queue.pop(1000), queue.now()), (Some(0), 300));
        assert_eq!(queue.pop(1000), None);
    }
}
