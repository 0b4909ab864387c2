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
//! A [`Profile`] is a release of Linux, from 5.8 to 7.3. [`Faults`] make a ring go wrong, as a
//! seed decides.
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
mod error;
mod event;
#[cfg(feature = "explore")]
pub mod explore;
mod faults;
mod helper;
mod host;
mod in_virtual_time;
mod inject;
mod kernel;
mod lock;
mod memory;
mod mirror;
mod overwrite;
mod page_reader;
mod producer;
mod profile;
mod random;
mod replay;
mod ring;
mod shared_user_ring;
mod threads;
mod user_ring;
mod virtual_set;
mod virtual_time;
mod waker;

pub use byte_order::{ByteOrder, ByteOrdered};
pub use drain::{DrainError, DrainHost, KernelConsumer};
pub use error::SimError;
pub use faults::{Fault, FaultCounts, Faults, Injected};
pub use helper::{DynptrError, Flags, OutputError, Query, Refused};
pub use host::{Host, Positions};
pub use in_virtual_time::{InVirtualTime, VirtualMemory, VirtualUserMemory};
pub use inject::Forged;
pub use kernel::{KernelReservation, KernelRing};
pub use lock::{Context, HeldLock, LockError};
pub use memory::{Keep, KernelMemory};
pub use mirror::{Mirror, PagesNow};
pub use overwrite::{SimOverwriteMemory, VirtualOverwriteMemory};
pub use page_reader::SimPageMemory;
pub use producer::KernelProducer;
pub use profile::{Lock, Overwrite, PendingPos, Profile, ReleaseError, StoreOrder};
pub use random::Random;
pub use replay::each_seed;
pub use ring::{Claim, SimInspectMemory, SimKernelMemory, SimMemory, SimRing};
pub use shared_user_ring::{Locked, OpenSimRing, SharedSimUserRing};
pub use threads::Threads;
pub use user_ring::{DrainThreads, SimUserMemory, SimUserRing, UserClaim};
pub use virtual_set::{VirtualMerge, VirtualSet, VirtualSetHost};
pub use virtual_time::{Rests, VirtualTime};
pub use waker::SimWaker;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
