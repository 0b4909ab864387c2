//! The kernel's side of the BPF ring buffer, in user space.
//!
//! [`SimRing`] is a test double for a ring buffer map. It needs no kernel support,
//! no privilege and no BPF. Its producers run the algorithm of kernel/bpf/ringbuf.c
//! (Linux 7.3) step by step, over the same pages in the same layout. Its consumer
//! is the [`Consumer`](ringbuf_core::Consumer) that also reads the kernel's map. So
//! you test the code that runs live.
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
//! consumer.wait(Some(Duration::from_secs(10)))?;
//! let batch = consumer.batch();
//! let Next::Record(record) = batch.next()? else { panic!("one record was sent") };
//! assert_eq!(&record[..], b"exec /bin/true");
//! # thread.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`SimUserRing`] is the test double for the other direction. User space produces,
//! and [`bpf_user_ringbuf_drain`](SimUserRing::drain) consumes.
//!
//! A `SimRing` runs on real threads. The module `explore` (feature `explore`) runs a reader
//! under seeded schedules instead, and finds lost wakeups.
//!
//! The algorithms, [`KernelRing`] and [`KernelConsumer`], are generic over their
//! memory. They are also generic over a [`Host`] or [`DrainHost`], which provides a
//! lock and takes their notifications. The loom models in `tests/loom` run the same
//! code.

#![warn(clippy::must_use_candidate)]

mod byte_order;
mod drain;
mod event;
#[cfg(feature = "explore")]
pub mod explore;
mod helper;
mod host;
mod in_virtual_time;
mod kernel;
mod memory;
mod mirror;
mod profile;
mod ring;
mod shared_user_ring;
mod user_ring;
mod virtual_set;
mod virtual_time;
mod waker;

pub use byte_order::{ByteOrder, ByteOrdered};
pub use drain::{DrainError, DrainHost, KernelConsumer};
pub use helper::{DynptrError, Flags, OutputError, Query, Refused};
pub use host::{Host, Positions};
pub use in_virtual_time::{InVirtualTime, VirtualMemory, VirtualUserMemory};
pub use kernel::{KernelReservation, KernelRing};
pub use memory::{Keep, KernelMemory};
pub use mirror::{Mirror, PagesNow};
pub use profile::{PendingPos, Profile};
pub use ring::{Claim, KernelProducer, SimError, SimKernelMemory, SimMemory, SimRing, Threads};
pub use shared_user_ring::{Locked, OpenSimRing, SharedSimUserRing};
pub use user_ring::{DrainThreads, SimUserMemory, SimUserRing, UserClaim};
pub use virtual_set::{VirtualSet, VirtualSetHost};
pub use virtual_time::{Rests, VirtualTime};
pub use waker::SimWaker;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
