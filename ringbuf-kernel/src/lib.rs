//! Reader for the kernel's BPF ring buffer maps (`BPF_MAP_TYPE_RINGBUF`, Linux
//! 5.8 and later), and producer for its user ring buffer maps, whatever loader
//! made the map: a file descriptor from libbpf-rs or aya, a map id, or a path in
//! bpffs.
//!
//! ```no_run
//! use ringbuf_kernel::{Next, Poller, RingBuf};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
//!     let mut poller = Poller::new(&mut ring)?;
//!     loop {
//!         let batch = ring.batch();
//!         while let Next::Record(record) = batch.next()? {
//!             println!("{} bytes: {:02x?}", record.len(), &record[..]);
//!         }
//!         drop(batch); // gives the space back
//!         poller.wait(&mut ring, None)?;
//!     }
//! }
//! ```
//!
//! [`RingBuf`] is core's [`Consumer`] over the mapped pages: the code that the
//! models explore; [`RingBuf::drain`] and [`RingBuf::for_each`] read by callback, and fastest.
//! [`Poller`] waits as a [`Waiting`] says: naps under dense traffic, which spares
//! the traced program most notifications, and blocks in edge-triggered epoll
//! otherwise, by the idle protocol. For your own event loop, register the ring's descriptor (`as_fd`)
//! for `EPOLLIN`, edge-triggered if you can, and before each wait drain to
//! [`Next::Empty`] or [`Next::Busy`] and call [`RingBuf::arm`].
//!
//! [`UserRingBuf`] is the other role: core's [`Producer`] over a map that BPF
//! programs drain (`BPF_MAP_TYPE_USER_RINGBUF`, Linux 6.1 and later).
//!
//! # What others may do meanwhile
//! BPF programs may produce, or drain, at any time: nothing here blocks them.
//! One consumer owns the consumer position, one producer of a user ring the
//! producer position: this crate refuses a second one in the same process, and
//! cannot see one in another process. A `fork` without `exec` does not inherit
//! the mapping (`MADV_DONTFORK`): the child must not use the ring.

mod claim;
mod door;
mod error;
mod exhausted;
mod mapping;
mod poll;
mod ringbuf;
mod sys;
mod user_ringbuf;
mod width;

pub use error::OpenError;
pub use exhausted::Exhausted;
pub use mapping::{Mapping, UserMapping};
pub use poll::{Poller, WaitError, Wakeup};
pub use ringbuf::RingBuf;
pub use ringbuf_core::{
    AlignedBytes, Armed, Batch, Capacity, CapacityError, Consumer, ConsumerMemory, Corrupt,
    CorruptReason, Counts, Drained, Ended, Next, Position, Producer, ProducerMemory, Record,
    Reservation, ReserveError, Rest, Waiter, Waiting, Width,
};
pub use sys::page_size;
pub use user_ringbuf::UserRingBuf;
pub use width::kernel_width;
