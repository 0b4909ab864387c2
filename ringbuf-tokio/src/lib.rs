//! Tokio tasks that read BPF ring buffer maps: [`AsyncRing`].
//!
//! ```no_run
//! use ringbuf_kernel::{RingBuf, Wakeup};
//! use ringbuf_tokio::AsyncRing;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut events = AsyncRing::new(RingBuf::from_pin("/sys/fs/bpf/events")?)?;
//! while events.ready().await? == Wakeup::Ready {
//!     events.drain(|record| println!("{} bytes", record.len()))?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The task waits as [`RingBuf::wait`](ringbuf_kernel::Consumer::wait) does, by the same
//! decisions: it naps while records arrive densely, so that the traced program rarely
//! notifies. Tokio's timers have a resolution of a millisecond. So a nap is a timer of the
//! kernel (timerfd), which the runtime's driver waits for.
//!
//! [`AsyncUserRing`] is the other direction: a task that fills a user ring.
//!
//! The runtime must run on Linux with its I/O driver enabled (`enable_io`). A task that
//! reads blocks no other longer than one drain takes: use a
//! [`Budget`](ringbuf_kernel::Budget) if records are slow to handle.

#![warn(clippy::must_use_candidate)]

mod fd;
mod merged;
mod ring;
#[cfg(feature = "sim")]
mod sim;
mod source;
mod user;

pub use merged::AsyncMergedRings;
pub use ring::{AsyncRing, AsyncRingBuf, AsyncRingSet};
pub use source::{Ring, Source};
pub use user::AsyncUserRing;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
