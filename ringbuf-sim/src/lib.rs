//! The kernel's side of the BPF ring buffer, in user space.
//!
//! [`SimRing`] is a test double: a ring buffer map that needs no kernel
//! support, no privilege and no BPF. Its producers run the algorithm of
//! kernel/bpf/ringbuf.c (Linux 7.3) step by step, over the same pages in the
//! same layout; its consumer is the [`Consumer`](ringbuf_core::Consumer) that
//! reads the kernel's map. So what you test against it is what runs live.
//!
//! ```
//! use std::thread;
//! use std::time::Duration;
//! use ringbuf_core::Next;
//! use ringbuf_sim::{Flags, SimRing};
//!
//! let ring = SimRing::new(64 * 1024)?;
//! let mut consumer = ring.consumer()?;
//! let traced = ring.producer();
//! let thread = thread::spawn(move || traced.output(b"exec /bin/true", Flags::ADAPTIVE));
//!
//! ring.wait(&mut consumer, Duration::from_secs(10))?;
//! let batch = consumer.batch();
//! let Next::Record(record) = batch.next()? else { panic!("one record was sent") };
//! assert_eq!(&record[..], b"exec /bin/true");
//! # thread.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The algorithm, [`KernelRing`], is generic over its memory and over a
//! [`Host`] that gives it a lock and takes its notifications: the loom models
//! in `tests/loom` run the very same code.

mod host;
mod kernel;
mod memory;
mod mirror;
pub mod oracle;
mod ring;

pub use host::{Host, Positions};
pub use kernel::{Flags, KernelReservation, KernelRing, OutputError, Query, Refused};
pub use memory::{Keep, KernelMemory};
pub use mirror::Mirror;
pub use ring::{Claim, KernelProducer, SimError, SimMemory, SimRing, Threads, Wakeup};
