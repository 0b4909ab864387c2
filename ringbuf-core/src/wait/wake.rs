//! Ending a wait from another thread: [`WakeFlag`].

use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

/// The flag that a waker shares with a wait, and a way to end a sleep.
///
/// A [`WaitHost`](crate::WaitHost) that can be woken has one. Its wakers call
/// [`raise`](Self::raise), and its [`take_wake`](crate::WaitHost::take_wake) calls
/// [`take`](Self::take). The flag stays raised until a wait reports it, so no wake is
/// lost. Several wakes before that report count as one.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use ringbuf_core::WakeFlag;
///
/// /// For a reader that only spins, the flag is enough.
/// struct Flag(AtomicBool);
///
/// impl WakeFlag for Flag {
///     fn swap(&self, raised: bool, order: Ordering) -> bool {
///         self.0.swap(raised, order)
///     }
///
///     fn load(&self, order: Ordering) -> bool {
///         self.0.load(order)
///     }
///
///     fn end_sleep(&self) {}
/// }
///
/// let flag = Flag(AtomicBool::new(false));
/// flag.raise();
/// assert_eq!((flag.take(), flag.take()), (true, false));
/// ```
pub trait WakeFlag {
    /// Exchanges the flag.
    fn swap(&self, raised: bool, order: Ordering) -> bool;

    /// Loads the flag.
    fn load(&self, order: Ordering) -> bool;

    /// Ends the sleep that is under way. If there is none, the next sleep returns at
    /// once.
    fn end_sleep(&self);

    /// Asks the wait to end.
    ///
    /// Release: the thread whose wait ends sees what the waker wrote before. The flag
    /// is raised before the sleep ends, so the sleeper finds it raised. Model:
    /// `a_wake_is_never_lost`.
    fn raise(&self) {
        if !self.swap(true, Release) {
            self.end_sleep();
        }
    }

    /// Returns true if the wait was asked to end, and lowers the flag.
    ///
    /// Acquire pairs with the Release in [`raise`](Self::raise).
    fn take(&self) -> bool {
        self.load(Relaxed) && self.swap(false, Acquire)
    }
}
