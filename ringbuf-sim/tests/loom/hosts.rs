//! The environment of both simulated kernels under loom: locks, and counted
//! notifications. And the lock of a producer for many threads.

use std::sync::Arc;
use std::thread::panicking;

use loom::sync::{Mutex, MutexGuard};
use ringbuf_core::{Position, Produced};
use ringbuf_sim::{DrainHost, Host, Positions};

use crate::backing::Shared;

/// The environment of the kernel: a lock, and the notifications of the ring.
pub(crate) struct LoomHost {
    positions: Mutex<Positions>,
    shared: Arc<Shared>,
}

impl LoomHost {
    pub(crate) fn new(shared: Arc<Shared>, start: Position) -> Self {
        let positions = Mutex::new(Positions::starting_at(start));
        Self { positions, shared }
    }

    /// Notifications so far.
    pub(crate) fn notified(&self) -> usize {
        self.shared.notified()
    }
}

impl Host for LoomHost {
    type Guard<'a> = MutexGuard<'a, Positions>;

    fn lock(&self) -> Self::Guard<'_> {
        self.positions.lock().unwrap()
    }

    fn notify(&self) {
        if !panicking() {
            self.shared.notify();
        }
    }
}

/// The environment of the draining kernel: its busy flag, and the notifications of
/// the ring.
pub(crate) struct LoomDrainHost {
    consumed: Mutex<Position>,
    shared: Arc<Shared>,
}

impl LoomDrainHost {
    pub(crate) fn new(shared: Arc<Shared>, start: Position) -> Self {
        Self { consumed: Mutex::new(start), shared }
    }
}

impl DrainHost for LoomDrainHost {
    type Guard<'a> = MutexGuard<'a, Position>;

    fn try_busy(&self) -> Option<MutexGuard<'_, Position>> {
        self.consumed.try_lock().ok()
    }

    fn notify(&self) {
        if !panicking() {
            self.shared.notify_of_space();
        }
    }
}

/// The producer position of a user ring, for many threads.
pub(crate) struct LoomLocked(Mutex<Position>);

// SAFETY: P2: the lock is held for a step.
unsafe impl Produced for LoomLocked {
    fn new(position: Position) -> Self {
        Self(Mutex::new(position))
    }

    fn step<R>(&self, step: impl FnOnce(&mut Position) -> R) -> R {
        step(&mut self.0.lock().unwrap())
    }
}
