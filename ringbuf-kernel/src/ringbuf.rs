//! [`RingBuf`]: the reader that others embed.

use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::Ordering::Acquire;

use ringbuf_core::{Capacity, Consumer, ConsumerMemory, RingMemory, WaitPolicy, Width};

use crate::door;
use crate::maps::Claiming;
use crate::{Exhausted, MapOptions, Mapping, OpenError};

/// The consumer of a `BPF_MAP_TYPE_RINGBUF` map.
///
/// It derefs to core's [`Consumer`]: read by [`drain`](Consumer::drain),
/// [`for_each`](Consumer::for_each), [`next_record`](Consumer::next_record) or
/// [`batch`](Consumer::batch), and [`wait`](Consumer::wait) as its
/// [`WaitPolicy`] says.
///
/// Reading starts at the stored consumer position, which outlives processes: a
/// map that was pinned is read on where the last reader stopped, and a record
/// that was read but not published is delivered again. Dropping it publishes,
/// and leaves the map as it is.
///
/// # One reader
/// A second reader of the same map in this process is refused
/// ([`OpenError::SecondConsumer`]). One that this library cannot see, of another
/// process or another library, breaks assumption A1 of SAFETY.md: each takes
/// records from the other, and what a record borrows may be written over. Opening
/// is safe all the same, as memory-mapping a file is for memmap2 users who know
/// that nobody truncates it: nothing in this process can be corrupted, since
/// every length is checked, and what can be noticed for nothing is reported
/// ([`CorruptReason::ConsumerMoved`](crate::CorruptReason::ConsumerMoved)).
///
/// # Fork
/// A child of `fork` does not own the ring. Dropping it there changes nothing;
/// reading it reports [`CorruptReason::Forked`](crate::CorruptReason::Forked);
/// [`take_over`](Self::take_over) makes the child its reader. A record that was
/// lent before the fork may change in the child once the parent reads on.
///
/// ```no_run
/// use ringbuf_kernel::{RingBuf, WaitPolicy};
///
/// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?.with_policy(WaitPolicy::low_cost());
/// loop {
///     ring.drain(|record| println!("{} bytes", record.len()))?;
///     ring.wait(None)?;
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RingBuf {
    consumer: Consumer<Mapping>,
}

impl RingBuf {
    /// The ring behind a map's file descriptor, from whatever loader. The
    /// descriptor is duplicated: the caller's may be closed afterwards.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the map or the descriptor.
    pub fn open(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Once)
    }

    /// As [`open`](Self::open), but other consumers of the map in this process
    /// are not looked for, and do not see this one: for a library whose handles
    /// follow other rules, as libbpf's do.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for [`OpenError::SecondConsumer`].
    ///
    /// # Safety
    /// **C1** Use one consumer of this map at a time, and none while a record of
    /// another is lent. After another one has read, do nothing with this one but
    /// drop it.
    pub unsafe fn open_unclaimed(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Never)
    }

    /// The ring with this map id, as `bpftool map list` shows it. Needs
    /// `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchId`].
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::take(door::by_id(id)?, Claiming::Once)
    }

    /// The ring that is pinned at `path` in bpffs.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchPin`].
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        Self::take(door::by_pin(path)?, Claiming::Once).map_err(|error| door::pinned(path, error))
    }

    /// Creates a map of `bytes`, a power of two and a multiple of the page size,
    /// named `ringbuf`. To choose the name and more, use
    /// [`MapOptions`](crate::MapOptions), above all for a map that a loader finds by
    /// its name (`bpf_map__reuse_fd`).
    ///
    /// # Errors
    /// As of [`MapOptions::create`](crate::MapOptions::create).
    pub fn create(bytes: u64) -> Result<Self, OpenError> {
        MapOptions::new(bytes).create()
    }

    pub(crate) fn created(fd: OwnedFd) -> Result<Self, OpenError> {
        Self::take(fd, Claiming::Once)
    }

    fn take(fd: OwnedFd, claiming: Claiming) -> Result<Self, OpenError> {
        Self::over(Mapping::take(fd, claiming)?)
    }

    fn over(mapping: Mapping) -> Result<Self, OpenError> {
        // SAFETY: C1: the mapping's claim admits no other in this process, or
        // the caller of `open_unclaimed` vouches; other processes: SAFETY.md,
        // assumption A1.
        let consumer = unsafe { Consumer::new(mapping) }.map_err(OpenError::Corrupt)?;
        Ok(Self { consumer })
    }

    /// The same ring, which waits as `policy` says: see
    /// [`Consumer::set_policy`].
    #[must_use]
    pub fn with_policy(mut self, policy: WaitPolicy) -> Self {
        self.consumer.set_policy(policy);
        self
    }

    /// Makes this process, a child of `fork`, the reader of a ring that its
    /// parent opened: for a daemon that opens its rings, reports errors, and then
    /// forks. In the process that opened it, changes nothing.
    ///
    /// Reading starts where the parent has published up to; what it read and did
    /// not publish is delivered again. Counts start at 0. The policy stays; a
    /// bare [`hold_back`](Consumer::hold_back) has to be set again.
    ///
    /// The process that had it before owns it no longer: dropping it there changes
    /// nothing, using it is an error. It must not be reading at this moment, in
    /// another thread or in a batch: that it exits is the usual case.
    ///
    /// ```no_run
    /// # fn daemonize() {}
    /// let mut ring = ringbuf_kernel::RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// daemonize(); // forks; the parent exits
    /// ring.take_over()?;
    /// ring.drain(|record| println!("{} bytes", record.len()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open). The ring is as before then, unless its positions
    /// are out of range ([`OpenError::Corrupt`]).
    pub fn take_over(&mut self) -> Result<(), OpenError> {
        if self.consumer.memory().is_owned() {
            return Ok(());
        }
        let mut ring = Self::over(self.consumer.memory().take_over()?)?;
        if let Some(policy) = self.consumer.policy() {
            ring.set_policy(policy.clone());
        }
        *self = ring;
        Ok(())
    }

    /// Whether the ring has come to its end, as those of most 32-bit kernels do
    /// once 2^32 bytes went through: nothing arrives any more, and programs
    /// report that they cannot reserve. Always `None` on a 64-bit kernel.
    ///
    /// Costs three loads. Ask when nothing has arrived for long, or now and
    /// then: only a second look, after another record, can confirm it.
    #[must_use]
    pub fn exhausted(&self) -> Option<Exhausted> {
        let memory = self.consumer.memory();
        let consumed = self.consumer.position();
        let positions = (memory.load_producer_pos(Acquire), consumed, memory.pending_pos_low());
        let mut watch = memory.watch.get();
        let found = watch.look(positions, memory.width(), memory.capacity());
        memory.watch.set(watch);
        found
    }

    /// Size of the data area (`max_entries` of the map).
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.consumer.memory().capacity()
    }

    /// Width of the positions: the kernel's `unsigned long`.
    #[must_use]
    pub fn width(&self) -> Width {
        self.consumer.memory().width()
    }

    /// The consumer itself, for code that is generic over the memory: it reads
    /// this ring or a simulated one. `&mut ring` derefs to the same.
    pub fn consumer_mut(&mut self) -> &mut Consumer<Mapping> {
        &mut self.consumer
    }

    /// The id of the map.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.consumer.memory().id()
    }

    /// The name of the map.
    #[must_use]
    pub fn name(&self) -> &str {
        self.consumer.memory().name()
    }
}

impl Deref for RingBuf {
    type Target = Consumer<Mapping>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.consumer
    }
}

impl DerefMut for RingBuf {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.consumer
    }
}

impl AsFd for RingBuf {
    /// The map's descriptor. It becomes readable (`EPOLLIN`) when a commit
    /// finds the consumer caught up; it says so level-triggered even while the
    /// head is busy, so wait edge-triggered.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.consumer.memory().as_fd()
    }
}

impl AsRawFd for RingBuf {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
