//! When to look, when to sleep, when to give space back: a policy as a value,
//! the decisions, and the loop that carries them out.
//!
//! A commit notifies whenever it finds the consumer caught up, whether or not
//! anybody sleeps, and the traced program pays for it: microseconds on a virtual
//! machine. A consumer that sleeps as soon as the ring is empty is caught up at
//! nearly every record. So it should be late on purpose while records come
//! densely, as network drivers moderate interrupts, and prompt when they do not.
//!
//! Nothing here reads a clock or sleeps: a [`WaitHost`] does. The same loop runs
//! over the kernel's ring, over the simulator, under loom, and in virtual time.

mod host;
mod policy;
mod state;

pub use host::{WaitHost, WakeCause, Wakeup};
pub use policy::WaitPolicy;
pub use state::{WaitAction, WaitState};
