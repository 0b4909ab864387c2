//! What the algorithm needs from its surroundings: a lock and a notification.

use std::ops::DerefMut;

use ringbuf_core::Position;

/// The surroundings of a [`KernelRing`](crate::KernelRing): threads, or a model
/// checker.
pub trait Host {
    /// The lock while it is held.
    type Guard<'a>: DerefMut<Target = Positions>
    where
        Self: 'a;

    /// Takes the lock that serialises reservations (`rb->spinlock`).
    fn lock(&self) -> Self::Guard<'_>;

    /// Wakes whoever waits (`irq_work_queue`): an edge, as epoll sees it.
    fn notify(&self);
}

/// What the lock guards: the producers' own copies of their positions, so that
/// nobody loads a shared word that it also stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Positions {
    /// Everything before it is reserved.
    pub produced: Position,
    /// Everything before it is committed (`pending_pos`, 6.10).
    pub pending: Position,
}
