//! The environment of the algorithm: a lock and a notification.

use std::ops::DerefMut;

use ringbuf_core::Position;

use crate::{Context, Injected, Lock, LockError};

/// The environment of a [`KernelRing`](crate::KernelRing): threads, or a model
/// checker.
pub trait Host {
    /// The lock while it is held.
    type Guard<'a>: DerefMut<Target = Positions>
    where
        Self: 'a;

    /// Takes the lock that serialises reservations (`rb->spinlock`).
    fn lock(&self) -> Self::Guard<'_>;

    /// Takes the lock as a program in this context does, on a kernel with this lock. A host
    /// that nobody disturbs has it always.
    ///
    /// # Errors
    /// [`LockError`], where the kernel's lock fails.
    fn lock_in(&self, _: Lock, _: Context) -> Result<Self::Guard<'_>, LockError> {
        Ok(self.lock())
    }

    /// Wakes all waiters (`irq_work_queue`), as an edge for epoll.
    fn notify(&self);

    /// Returns the faults of the producers, if there are any.
    fn injected(&self) -> Option<&Injected> {
        None
    }
}

/// The positions that the lock guards. These are the producers' own copies, so
/// nobody loads a shared word that it also stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Positions {
    /// Everything before it is reserved.
    pub produced: Position,
    /// Everything before it is committed (`pending_pos`, 6.10).
    pub pending: Position,
    /// Everything before it is given up (`overwrite_pos`, 6.19). Only moves in overwrite
    /// mode.
    pub overwrite: Position,
}

impl Positions {
    /// The positions of an empty ring after traffic up to `start`.
    #[must_use]
    pub const fn starting_at(start: Position) -> Self {
        Self { produced: start, pending: start, overwrite: start }
    }
}
