//! The BPF ring buffer protocol: one implementation, generic over the memory below
//! it.
//!
//! `BPF_MAP_TYPE_RINGBUF` (Linux 5.8) is a queue of records of any length. Many BPF
//! programs write it; one reader in user space reads it.
//! `BPF_MAP_TYPE_USER_RINGBUF` (Linux 6.1) works in the other direction.
//!
//! Both consist of two positions that only grow, a data area that is mapped twice
//! in a row, and a header of eight bytes before each record. The size of the data
//! area is a power of two.
//!
//! This crate contains the protocol and all decisions about it. It makes no system
//! call, reads no clock, takes no lock and allocates nothing. It answers three
//! questions: *is there a record?* *may I sleep?* *how far behind am I?*
//!
//! | role | type | trait of its memory | position that it owns |
//! |---|---|---|---|
//! | consumer | [`Consumer`], [`Batch`], [`Record`] | [`ConsumerMemory`] | consumer position |
//! | producer | [`Producer`], [`Reservation`] | [`ProducerMemory`] | producer position |
//! | reader in turns | [`PageReader`], [`Visit`] | [`ConsumerMemory`] | consumer position, while it is its turn |
//! | inspector | [`Inspector`], [`Tap`] | [`InspectMemory`] | none: it stores nothing |
//! | reader of an overwriting ring | [`OverwriteReader`], [`Snapshot`] | [`OverwriteMemory`] | consumer position, as a hint |
//!
//! A backing implements one of these `unsafe` traits. Each method takes the
//! memory ordering as an argument, and the backing passes it on unchanged. So a
//! model checker explores exactly the ordering that runs on the kernel's pages.
//!
//! [`MappedConsumer`], [`MappedProducer`] and [`MappedInspector`] are the backings over
//! mapped memory.
//! Both `ringbuf-sim` and `ringbuf-kernel` use them.
//!
//! # Words
//! A *record* is a header followed by a *sample*, which holds your bytes. A
//! producer *reserves* a record, then *submits* or *discards* it; both are a
//! *commit*. A record is *busy* until its commit. The *lag* is the number of bytes
//! produced and not yet consumed. A producer *notifies* the consumer; a consumer
//! *arms* before it sleeps.
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
//! assert_eq!(consumer.arm(), Armed::Sleep); // the ring is empty: the next commit notifies
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Waiting
//! [`Consumer::wait`] is the wait loop. A [`WaitPolicy`] decides whether it spins,
//! naps or blocks. A [`WaitHost`] gives it a clock and ways to sleep.
//!
//! To spin, set [`WaitPolicy::low_latency`] and call `wait`. If you only call
//! `drain` in a loop, nearly every record notifies you.
//!
//! [`RingSet`] waits for many rings, by the same decisions, and gives each its turn. A
//! [`Budget`] limits a turn.
//!
//! In your own event loop, read to the end before you block. A consumer without a
//! policy then arms by itself.
//!
//! At the end of your program, detach the programs and call [`Consumer::finish`].
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
mod budget;
mod bytes;
mod consumer;
mod each;
mod error;
mod finish;
mod header;
mod inspect;
mod left_open;
mod losses;
mod mapped;
mod memory;
mod merge;
mod overwrite;
mod page_reader;
mod position;
mod producer;
mod put_back;
mod read_into;
mod record;
mod release;
mod saved;
mod set;
mod tail;
mod unread;
mod wait;
mod walk;
mod watch;

pub use batch::{Batch, Next};
pub use budget::Budget;
pub use bytes::AlignedBytes;
pub use consumer::{Armed, Consumer, Counts};
pub use each::Drained;
pub use error::{CapacityError, Corrupt, CorruptReason, ReserveError};
pub use finish::{FinishError, Finished};
pub use header::{Header, PageOffset, SampleLen};
pub use inspect::{Head, HeadRecord, InspectMemory, Inspector, Look, Observed, Pending, Tap};
pub use losses::{Accounting, Attempts, Gap, ProgramCounts};
pub use mapped::{
    DataStart, DataWindow, MappedConsumer, MappedInspector, MappedOverwrite, MappedProducer,
};
pub use memory::{Backend, ConsumerMemory, ProducerMemory, RingMemory};
pub use merge::{
    Lane, Merge, MergeArmed, MergeBatch, MergeCounts, Merged, Node, OneConsumer, RingCounts, Round,
};
pub use overwrite::{
    Lost, NewestFirst, NextCopy, OverwriteCounts, OverwriteMemory, OverwriteReader,
    ProducersStopped, RecordCopy, Snapshot, StoreOrder, Tso, Validator,
};
pub use page_reader::{PageReader, Turn, TurnState, TurnStep, Visit, Visited};
pub use position::{Capacity, Offset, Position, Width};
pub use producer::{
    OwnedReservation, Produced, Producer, RawReservation, Reservation, ReserveWaitError,
    SubmitBatch,
};
pub use read_into::ReadError;
pub use record::Record;
pub use saved::{CountSaver, ResumeError, Resumed, SavedWords};
pub use set::{Ready, Refused, RingFailed, RingSet, SetHost, Slot, Slots, Token};
pub use unread::Unread;
pub use wait::{
    WaitAction, WaitHost, WaitPolicy, WaitState, WaitStep, WaitSteps, WakeCause, WakeFlag, Wakes,
    Wakeup,
};
pub use watch::BusyHead;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
