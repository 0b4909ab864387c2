//! The environment of the algorithm: a lock and a notification.

use std::ops::DerefMut;

use ringbuf_core::Position;

/// The environment of a [`KernelRing`](crate::KernelRing): threads, or a model
/// checker.
pub trait Host {
    /// The lock while it is held.
    type Guard<'a>: DerefMut<Target = Positions>
    where
        Self: 'a;

    /// Takes the lock that serialises reservations (`rb->spinlock`).
    fn lock(&self) -> Self::Guard<'_>;

    /// Wakes all waiters (`irq_work_queue`), as an edge for epoll.
    fn notify(&self);
}

/// The positions that the lock guards. These are the producers' own copies, so
/// nobody loads a shared word that it also stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Positions {
    /// Everything before it is reserved.
    pub produced: Position,
    /// Everything before it is committed (`pending_pos`, 6.10).
    pub pending: Position,
}
