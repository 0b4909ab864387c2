//! The BPF ring buffer protocol: one implementation, generic over the memory
//! that it runs on.
//!
//! `BPF_MAP_TYPE_RINGBUF` (Linux 5.8) is a queue of records of any length from
//! many BPF programs to one reader in user space; `BPF_MAP_TYPE_USER_RINGBUF`
//! (Linux 6.1) is its mirror. Both are a pair of ever-growing positions, a
//! power-of-two data area mapped twice in a row, and a header of eight bytes
//! before each record. This crate holds that protocol and every decision about
//! it, and nothing else: no system call, no clock, no lock, no allocation. It
//! answers *is there a record?*, *may I sleep?*, *how far behind am I?*
//!
//! | role | type | its memory | position that it owns |
//! |---|---|---|---|
//! | consumer | [`Consumer`], [`Batch`], [`Record`] | [`ConsumerMemory`] | consumer position |
//! | producer | [`Producer`], [`Reservation`] | [`ProducerMemory`] | producer position |
//!
//! The two `unsafe` traits are the seam. Each method takes the memory ordering
//! as an argument, so the literal `Acquire` that a model checker explores is
//! the literal that runs on the kernel's pages: a backing only forwards.
//! [`MappedConsumer`] and [`MappedProducer`] are the backings over mapped
//! memory; `ringbuf-sim` and `ringbuf-kernel` both use them.
//!
//! # Words
//! A *record* is a header and a *sample* (the bytes). *Reserve*, then *submit*
//! or *discard* (either is a *commit*). *Lag* is produced minus consumed, in
//! bytes. A producer *notifies*; a consumer *arms* before it sleeps.
//!
//! # Example
//! ```
//! use ringbuf_core::{Armed, Next};
//! use ringbuf_sim::{Flags, SimRing};
//!
//! let ring = SimRing::new(4096)?;
//! ring.producer().output(b"hello", Flags::ADAPTIVE)?;
//!
//! let mut consumer = ring.consumer()?;
//! let batch = consumer.batch();
//! while let Next::Record(record) = batch.next()? {
//!     assert_eq!(&record[..], b"hello");
//! }
//! drop(batch); // gives the space back
//! assert_eq!(consumer.arm(), Armed::Sleep); // nothing left: a notification will come
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Waiting
//! [`Consumer::wait`] is the one wait loop: it decides by a [`WaitPolicy`] whether
//! to spin, to nap or to block, over a [`WaitHost`] that has a clock and sleeps. To
//! spin well, set [`WaitPolicy::low_latency`] and call `wait`; a bare loop of
//! `drain` is notified for nearly every record. In an event loop of your own,
//! reading to the end is enough: a consumer without a policy arms by itself.
#![no_std]
#![warn(clippy::must_use_candidate)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )
)]

mod batch;
mod bytes;
mod consumer;
mod each;
mod error;
mod header;
mod left_open;
mod mapped;
mod memory;
mod position;
mod producer;
mod release;
mod tail;
mod wait;
mod walk;

pub use batch::{Batch, Next, Record};
pub use bytes::AlignedBytes;
pub use consumer::{Armed, Consumer, Counts};
pub use each::Drained;
pub use error::{CapacityError, Corrupt, CorruptReason, ReserveError};
pub use header::{Header, PageOffset, SampleLen};
pub use mapped::{DataStart, MappedConsumer, MappedProducer};
pub use memory::{Backend, ConsumerMemory, ProducerMemory, RingMemory};
pub use position::{Capacity, Offset, Position, Width};
pub use producer::{Producer, RawReservation, Reservation};
pub use wait::{WaitAction, WaitHost, WaitPolicy, WaitState, WakeCause, Wakeup};
