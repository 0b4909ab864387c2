//! What other threads may ask of a wait: [`Wakes`], and the flag that carries them.

use core::fmt;
use core::ops::BitOr;
use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

/// What wakers have asked of a wait: a set of requests.
///
/// ```
/// use ringbuf_core::Wakes;
///
/// let asked = Wakes::FLUSH | Wakes::DEADLINE;
/// assert!(asked.contains(Wakes::FLUSH) && !asked.contains(Wakes::WAKE));
/// assert_eq!(Wakes::from_bits(asked.bits()), asked);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Wakes(u32);

impl Wakes {
    /// No request.
    pub const NONE: Self = Self(0);

    /// End one wait: [`Wakeup::Woken`](crate::Wakeup::Woken).
    pub const WAKE: Self = Self(1);

    /// Deliver all that is committed now, then say so:
    /// [`Wakeup::Flushed`](crate::Wakeup::Flushed).
    pub const FLUSH: Self = Self(2);

    /// End this wait and all later ones: [`Wakeup::Closed`](crate::Wakeup::Closed).
    pub const CLOSE: Self = Self(4);

    /// Read the [deadline](crate::WaitHost::deadline) again, because it has moved.
    pub const DEADLINE: Self = Self(8);

    /// Returns true if all these requests are in the set.
    #[must_use]
    pub const fn contains(self, requests: Self) -> bool {
        self.0 & requests.0 == requests.0
    }

    /// The set as a number.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set from its number.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl BitOr for Wakes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Wakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::WAKE, "WAKE"),
            (Self::FLUSH, "FLUSH"),
            (Self::CLOSE, "CLOSE"),
            (Self::DEADLINE, "DEADLINE"),
        ];
        let asked = names.into_iter().filter(|(request, _)| self.contains(*request));
        f.debug_set().entries(asked.map(|(_, name)| name)).finish()
    }
}

/// The flag that wakers share with a wait, and a way to end a sleep.
///
/// A [`WaitHost`](crate::WaitHost) that can be woken has one. Its wakers call
/// [`raise`](Self::raise), and its [`take_wakes`](crate::WaitHost::take_wakes) calls
/// [`take`](Self::take). A request stays until a wait takes it, so none is lost. Equal
/// requests before that count as one. [`Wakes::CLOSE`] stays for ever.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use ringbuf_core::{WakeFlag, Wakes};
///
/// /// For a reader that only spins, the flag is enough.
/// struct Flag(AtomicU32);
///
/// impl WakeFlag for Flag {
///     fn fetch_or(&self, bits: u32, order: Ordering) -> u32 {
///         self.0.fetch_or(bits, order)
///     }
///
///     fn fetch_and(&self, bits: u32, order: Ordering) -> u32 {
///         self.0.fetch_and(bits, order)
///     }
///
///     fn load(&self, order: Ordering) -> u32 {
///         self.0.load(order)
///     }
///
///     fn end_sleep(&self) {}
/// }
///
/// let flag = Flag(AtomicU32::new(0));
/// flag.raise(Wakes::WAKE);
/// assert_eq!((flag.take(), flag.take()), (Wakes::WAKE, Wakes::NONE));
/// flag.raise(Wakes::CLOSE);
/// assert_eq!((flag.take(), flag.take()), (Wakes::CLOSE, Wakes::CLOSE));
/// ```
pub trait WakeFlag {
    /// Sets these bits, and returns those before.
    fn fetch_or(&self, bits: u32, order: Ordering) -> u32;

    /// Clears all bits but these, and returns those before.
    fn fetch_and(&self, bits: u32, order: Ordering) -> u32;

    /// Loads the flag.
    fn load(&self, order: Ordering) -> u32;

    /// Ends the sleep that is under way. If there is none, the next sleep returns at
    /// once.
    fn end_sleep(&self);

    /// Adds requests.
    ///
    /// Release: the thread whose wait takes them sees what the waker wrote before. The
    /// flag is raised before the sleep ends, so the sleeper finds it raised. Model:
    /// `a_wake_is_never_lost`.
    fn raise(&self, requests: Wakes) {
        // If a request was there, its waker ends the sleep, and no later one begins
        // before the flag was taken.
        if self.fetch_or(requests.0, Release) == 0 {
            self.end_sleep();
        }
    }

    /// Returns the requests, and removes all but [`Wakes::CLOSE`].
    ///
    /// Acquire pairs with the Release in [`raise`](Self::raise).
    fn take(&self) -> Wakes {
        if self.load(Relaxed) == 0 {
            return Wakes::NONE;
        }
        Wakes(self.fetch_and(Wakes::CLOSE.0, Acquire))
    }
}
