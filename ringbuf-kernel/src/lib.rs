//! Reader for the kernel's BPF ring buffer maps (`BPF_MAP_TYPE_RINGBUF`, Linux
//! 5.8 and later), whatever loader made the map: a file descriptor from
//! libbpf-rs or aya, a map id, or a path in bpffs.
//!
//! ```no_run
//! use ringbuf_kernel::{Next, Poller, RingBuf};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
//!     let mut poller = Poller::new(&ring)?;
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
//! models explore. [`Poller`] blocks in edge-triggered epoll, by the idle
//! protocol. For your own event loop, register the ring's descriptor (`as_fd`)
//! for `EPOLLIN`, edge-triggered if you can, and before each wait drain to
//! [`Next::Empty`] or [`Next::Busy`] and call [`RingBuf::arm`].
//!
//! # What others may do meanwhile
//! BPF programs may produce at any time: nothing here blocks them. One consumer
//! owns the consumer position: this crate refuses a second one in the same
//! process, and cannot see one in another process. A `fork` without `exec` does
//! not inherit the mapping (`MADV_DONTFORK`): the child must not use the ring.

mod claim;
mod error;
mod mapping;
mod poll;
mod ringbuf;
mod sys;
mod width;

pub use error::OpenError;
pub use mapping::Mapping;
pub use poll::{Poller, WaitError, Wakeup};
pub use ringbuf::RingBuf;
pub use ringbuf_core::{
    AlignedBytes, Armed, Batch, Capacity, CapacityError, Consumer, ConsumerMemory, Corrupt,
    CorruptReason, Counts, Next, Position, Record,
};
pub use sys::page_size;
pub use width::kernel_width;
