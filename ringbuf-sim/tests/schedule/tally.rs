//! Counts of events: a run that saw nothing shows nothing.

use std::cell::Cell;
use std::fmt;
use std::ops::AddAssign;

/// A count that parties share.
#[derive(Debug, Default)]
pub(crate) struct Count(Cell<u64>);

impl Count {
    /// Adds one. Returns nothing, in the type that the caller needs.
    pub(crate) fn more<T>(&self) -> Option<T> {
        self.0.set(self.0.get() + 1);
        None
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

/// The counts of the parties of one run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) full: Count,
    pub(crate) pending_in_the_way: Count,
    pub(crate) too_large: Count,
    pub(crate) corrupt: Count,
    pub(crate) sleeps: Count,
    pub(crate) waits_for_the_lock: Count,
    /// Records read with a callback.
    pub(crate) by_callback: Count,
    /// Of these, the number at which the callback broke.
    pub(crate) broken_off: Count,
    /// Records read one by one.
    pub(crate) one_by_one: Count,
    /// Releases between two callbacks.
    pub(crate) released_meanwhile: Count,
    pub(crate) looks: Count,
    pub(crate) naps: Count,
    /// Naps that ended with something to read.
    pub(crate) found_after_a_nap: Count,
    /// Waits that timed out.
    pub(crate) timed_out: Count,
    /// Waits that a signal ended.
    pub(crate) interrupted: Count,
    /// Waits that ended with bytes held back.
    pub(crate) held_back: Count,
    /// Sleeps without a call of `arm`.
    pub(crate) armed_by_reading: Count,
}

macro_rules! seen {
    ($($field:ident),* $(,)?) => {
        /// The events seen, in one run or in many.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Seen {
            /// A hash of the party of each step.
            pub(crate) order: u64,
            $(pub(crate) $field: u64,)*
        }

        impl Seen {
            /// Returns the events that never happened.
            pub(crate) fn never(&self) -> Vec<&'static str> {
                let all = [$((stringify!($field), self.$field)),*];
                all.into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
            }
        }

        impl AddAssign for Seen {
            fn add_assign(&mut self, other: Self) {
                self.order ^= other.order;
                $(self.$field += other.$field;)*
            }
        }

        impl fmt::Display for Seen {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(write!(f, "{} {}, ", self.$field, stringify!($field).replace('_', " "))?;)*
                write!(f, "order {:016x}", self.order)
            }
        }
    };
}

seen!(
    runs,
    steps,
    hostile_steps,
    reserved,
    delivered,
    discarded,
    redelivered,
    full,
    pending_in_the_way,
    too_large,
    corrupt,
    sleeps,
    waits_for_the_lock,
    by_callback,
    broken_off,
    one_by_one,
    released_meanwhile,
    looks,
    naps,
    found_after_a_nap,
    timed_out,
    interrupted,
    held_back,
    armed_by_reading,
    deaths,
    timeouts,
    stuck,
    wrapped,
    exhausted,
);
