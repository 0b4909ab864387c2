//! The surroundings of both simulated kernels under loom: locks, and
//! notifications that are counted.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread::panicking;

use loom::sync::atomic::AtomicUsize;
use loom::sync::{Mutex, MutexGuard};
use ringbuf_core::Position;
use ringbuf_sim::{DrainHost, Host, Positions};

use crate::backing::Shared;
use crate::weaken::Site;

/// The kernel's surroundings: a lock, and a count of notifications that orders
/// nothing.
pub(crate) struct LoomHost {
    positions: Mutex<Positions>,
    notified: AtomicUsize,
}

impl LoomHost {
    pub(crate) fn new(start: Position) -> Self {
        let positions = Mutex::new(Positions { produced: start, pending: start });
        Self { positions, notified: AtomicUsize::new(0) }
    }

    /// Notifications so far.
    pub(crate) fn notified(&self) -> usize {
        self.notified.load(Relaxed)
    }
}

impl Host for LoomHost {
    type Guard<'a> = MutexGuard<'a, Positions>;

    fn lock(&self) -> Self::Guard<'_> {
        self.positions.lock().unwrap()
    }

    fn notify(&self) {
        if !panicking() {
            self.notified.fetch_add(1, Relaxed);
        }
    }
}

/// The draining kernel's surroundings: its busy flag, and an edge that carries
/// with it what happened before, as the lock of a wait queue does.
pub(crate) struct LoomDrainHost {
    consumed: Mutex<Position>,
    notified: AtomicUsize,
    shared: Arc<Shared>,
}

impl LoomDrainHost {
    pub(crate) fn new(shared: Arc<Shared>, start: Position) -> Self {
        Self { consumed: Mutex::new(start), notified: AtomicUsize::new(0), shared }
    }

    /// Notifications so far, as a waiter learns of them.
    pub(crate) fn notified(&self) -> usize {
        self.notified.load(self.shared.order(Site::WaiterHarvest, Acquire))
    }
}

impl DrainHost for LoomDrainHost {
    type Guard<'a> = MutexGuard<'a, Position>;

    fn try_busy(&self) -> Option<MutexGuard<'_, Position>> {
        self.consumed.try_lock().ok()
    }

    fn notify(&self) {
        if !panicking() {
            self.notified.fetch_add(1, self.shared.order(Site::DrainNotify, Release));
        }
    }
}
