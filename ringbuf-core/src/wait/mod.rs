//! Waiting: the policy as a value, its decisions, and the loop that carries them
//! out. The policy decides when to look, when to sleep, and when to give space
//! back.
//!
//! A commit notifies if it finds the consumer caught up, even if nobody sleeps. The
//! traced program pays for this: microseconds on a virtual machine. A consumer that
//! sleeps as soon as the ring is empty is caught up at nearly every record. So
//! while records arrive densely, the consumer delays its looks on purpose, as
//! network drivers moderate interrupts. Otherwise it reacts at once.
//!
//! This module reads no clock and does not sleep; a [`WaitHost`] does. The same
//! loop runs over the kernel's ring, over the simulator, under loom, and in virtual
//! time.

mod host;
mod policy;
mod state;
mod steps;
mod wake;

pub use host::{WaitHost, WakeCause, Wakeup};
pub use policy::WaitPolicy;
pub(crate) use state::{LATE, QUIET};
pub use state::{WaitAction, WaitState};
pub(crate) use steps::Asked;
pub use steps::{WaitStep, WaitSteps};
pub use wake::{WakeFlag, Wakes};
