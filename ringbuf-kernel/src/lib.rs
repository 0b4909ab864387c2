//! Reader for BPF ring buffer maps (`BPF_MAP_TYPE_RINGBUF`, Linux 5.8 and later),
//! and producer for user ring buffer maps.
//!
//! Any loader may make the map. Open it by its file descriptor (from libbpf-rs or
//! aya), by its id, or by its path in bpffs.
//!
//! ```no_run
//! use ringbuf_kernel::RingBuf;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
//!     loop {
//!         ring.drain(|record| println!("{} bytes: {:02x?}", record.len(), &record[..]))?;
//!         ring.wait(None)?;
//!     }
//! }
//! ```
//!
//! [`RingBuf`] is core's [`Consumer`] over the mapped pages: the models explore the
//! same code. Its [`WaitPolicy`] says how it waits. The default naps while records
//! come densely, which spares the traced program most notifications, and blocks in
//! edge-triggered epoll otherwise.
//!
//! To spin for the lowest latency, set [`WaitPolicy::low_latency`] and call
//! `wait`: a bare loop of `drain` makes the traced program notify for nearly
//! every record.
//!
//! In an event loop of your own, register the ring's descriptor (`as_fd`) for
//! `EPOLLIN`, edge-triggered, and set no policy: then `drain`, `for_each` and
//! `next_record` arm by themselves at the end, and you may block.
//!
//! [`RingSet`] reads many rings on one thread. [`ShardedRings`] are a ring for each CPU, cache or
//! node, which programs find in an array of maps.
//!
//! At the end, detach the programs and call [`finish`](Consumer::finish): it reads the rest, waits
//! a bounded time for records in flight, and says what it left.
//!
//! The feature `zerocopy` adds the module `typed`: records as structs of yours, and
//! rings of several structs as an enum.
//!
//! [`UserRingBuf`] is the other role: core's [`Producer`] over a map that BPF
//! programs drain (`BPF_MAP_TYPE_USER_RINGBUF`, Linux 6.1 and later).
//!
//! [`Inspector`] looks at rings that belong to others, and [`rings`] lists them. Neither
//! stores anything.
//!
//! [`OverwriteRing`] reads a ring in overwrite mode (`BPF_F_RB_OVERWRITE`, Linux 6.19 and
//! later): a flight recorder, whose producers never wait.
//!
//! # What others may do meanwhile
//! BPF programs may produce, or drain, at any time. Nothing here blocks them.
//!
//! A ring has one consumer, and a user ring has one producer. This crate refuses a
//! second one in the same process. It cannot see a reader of another process or
//! library. It reports such a reader if the shared position shows it
//! ([`CorruptReason::ConsumerMoved`]).
//!
//! A child of `fork` does not own a ring. Dropping the ring there changes nothing.
//! Using it reports [`CorruptReason::Forked`]. [`RingBuf::take_over`] makes the child
//! the reader.

#![warn(clippy::must_use_candidate)]

mod bare;
mod btf;
mod claim;
mod door;
mod error;
mod exhausted;
mod ids;
mod inspect;
mod left_open;
mod losses;
mod mapping;
mod maps;
mod options;
mod overwrite;
mod owner;
mod prefetch;
mod programs;
mod ringbuf;
mod set;
mod shards;
mod shared;
mod sleep;
mod sys;
mod user_ringbuf;
mod waker;
mod width;

pub use bare::{BareMaps, bare_consumer, bare_producer};
pub use btf::{ProgramBtfError, btf_of_program};
pub use error::OpenError;
pub use exhausted::Exhausted;
pub use inspect::{
    Holder, InspectMapping, InspectPages, Inspector, Owners, RingInfo, RingKind, holders_among,
    owners, pins_of, ring_ids, rings,
};
pub use left_open::LeftOpen;
pub use losses::{LossCounters, LossesError, SavedCounts};
pub use mapping::{Mapping, OverwriteMapping, UserMapping};
pub use options::MapOptions;
pub use overwrite::OverwriteRing;
pub use programs::{Program, ProgramsError, programs_of_each};
pub use ringbuf::RingBuf;
pub use ringbuf_core::{
    Accounting, AlignedBytes, Armed, Attempts, Backend, Batch, Budget, BusyHead, Capacity,
    CapacityError, Consumer, ConsumerMemory, Corrupt, CorruptReason, Counts, Drained, FinishError,
    Finished, Gap, Head, HeadRecord, Header, Look, Lost, MergeCounts, Merged, NewestFirst, Next,
    NextCopy, Observed, OverwriteCounts, OverwriteMemory, OverwriteReader, OwnedReservation,
    PageReader, Pending, Position, Produced, Producer, ProducerMemory, ProducersStopped,
    ProgramCounts, ReadError, Record, RecordCopy, Reservation, ReserveError, ReserveWaitError,
    Resumed, RingCounts, RingMemory, Round, SampleLen, Snapshot, SubmitBatch, Tap, Tso, Unread,
    Validator, WaitAction, WaitHost, WaitPolicy, WaitState, WaitStep, WaitSteps, WakeCause,
    WakeFlag, Wakes, Wakeup, Width,
};
#[cfg(feature = "zerocopy")]
pub use ringbuf_typed as typed;
pub use set::{
    Callback, KeyClock, MergedBatch, MergedRings, Ready, RingError, RingFinished, RingSet,
    SendCallback, SetError, SetFinished, SetHandle,
};
pub use shards::{
    PlannedShard, Shard, ShardBy, ShardError, ShardLoad, ShardOptions, ShardPlan, ShardSize,
    ShardedRings, Topology, TopologyError,
};
pub use shared::{Locked, OpenRing, SharedUserRing};
pub use sleep::WaitError;
pub use sys::page_size;
pub use user_ringbuf::UserRingBuf;
pub use waker::Waker;
pub use width::kernel_width;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
