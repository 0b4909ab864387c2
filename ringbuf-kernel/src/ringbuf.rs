//! [`RingBuf`]: the reader that others embed.

use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ringbuf_core::{
    Armed, Batch, Capacity, Consumer, ConsumerMemory, Corrupt, Counts, Drained, Position, Record,
    Width,
};

use crate::door::{self, Kind};
use crate::exhausted::Watch;
use crate::{Exhausted, Mapping, OpenError};

/// How many rings were opened.
static OPENINGS: AtomicU64 = AtomicU64::new(0);

/// The consumer of a `BPF_MAP_TYPE_RINGBUF` map.
///
/// Reading starts at the stored consumer position, which outlives processes: a
/// map that was pinned goes on where the last reader stopped, and a record that
/// was read but not published is delivered again. Dropping it publishes, and
/// leaves the map as it is.
#[derive(Debug)]
pub struct RingBuf {
    consumer: Consumer<Mapping>,
    /// Tells this opening of the map from any other.
    opening: u64,
    watch: Watch,
    fd: OwnedFd,
}

impl RingBuf {
    /// The ring behind a map's file descriptor, from whatever loader. The
    /// descriptor is duplicated: the caller's may be closed afterwards.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the map or the descriptor.
    pub fn open(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?)
    }

    /// The ring with this map id, as `bpftool map list` shows it. Needs
    /// `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchId`].
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::take(door::by_id(id)?)
    }

    /// The ring that is pinned at `path` in bpffs.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchPin`].
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::take(door::by_pin(path.as_ref())?)
    }

    /// A new ring of `bytes`: a power of two, a multiple of the page size. Give
    /// its descriptor to a loader (`bpf_map__reuse_fd` and its likes).
    ///
    /// # Errors
    /// [`OpenError::Capacity`], [`OpenError::Privilege`],
    /// [`OpenError::UnsupportedKernel`], and what memory shortage brings.
    pub fn create(bytes: u64) -> Result<Self, OpenError> {
        Self::take(door::create(Kind::Ring, bytes)?)
    }

    fn take(fd: OwnedFd) -> Result<Self, OpenError> {
        let mapping = Mapping::new(&fd)?;
        // SAFETY: C1: the mapping's claim admits no other in this process;
        // other processes: SAFETY.md, assumption A1.
        let consumer = unsafe { Consumer::new(mapping) }.map_err(OpenError::Corrupt)?;
        let opening = OPENINGS.fetch_add(1, Relaxed);
        Ok(Self { consumer, opening, watch: Watch::default(), fd })
    }

    /// A run of records, read in place and given back together when dropped.
    /// See [`Consumer::batch`].
    #[inline]
    pub fn batch(&mut self) -> Batch<'_, Mapping> {
        self.consumer.batch()
    }

    /// Reads what there is by a callback, and gives the space back as it goes:
    /// the fastest way. See [`Consumer::for_each`].
    ///
    /// # Errors
    /// [`Corrupt`], now and at each later call. Records before it were good.
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        each: impl FnMut(Record<'_, Mapping>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, Corrupt> {
        self.consumer.for_each(each)
    }

    /// As [`for_each`](Self::for_each), with a callback that never breaks.
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each).
    #[inline(always)]
    pub fn drain(&mut self, each: impl FnMut(Record<'_, Mapping>)) -> Result<Drained, Corrupt> {
        self.consumer.drain(each)
    }

    /// The last step before blocking: whether it is safe to. See
    /// [`Consumer::arm`]; [`Poller::wait`](crate::Poller::wait) calls it.
    #[inline]
    pub fn arm(&mut self) -> Armed {
        self.consumer.arm()
    }

    /// Bytes produced and not yet consumed, as of now.
    ///
    /// # Errors
    /// [`Corrupt`] if the producer position is out of range.
    pub fn lag(&mut self) -> Result<u64, Corrupt> {
        self.consumer.lag()
    }

    /// Holds back the release of space. See [`Consumer::release_after`].
    pub fn release_after(&mut self, bytes: u64) {
        self.consumer.release_after(bytes);
    }

    /// Gives all consumed space back to the producers now.
    #[inline]
    pub fn publish(&mut self) {
        self.consumer.publish();
    }

    /// Records delivered and skipped so far.
    pub fn counts(&self) -> Counts {
        self.consumer.counts()
    }

    /// The consumed position.
    pub fn position(&self) -> Position {
        self.consumer.position()
    }

    /// Whether the ring has come to its end, as those of most 32-bit kernels do
    /// once 2^32 bytes went through: nothing arrives any more, and programs
    /// report that they cannot reserve. Always `None` on a 64-bit kernel.
    ///
    /// Costs three loads. Ask when nothing has arrived for long, or now and
    /// then: only a second look, after another record, can confirm it.
    pub fn exhausted(&mut self) -> Option<Exhausted> {
        let consumed = self.position();
        let memory = self.consumer.memory();
        let positions = (memory.load_producer_pos(Acquire), consumed, memory.pending_pos_low());
        self.watch.look(positions, memory.width(), memory.capacity())
    }

    /// Size of the data area (`max_entries` of the map).
    pub fn capacity(&self) -> Capacity {
        self.consumer.memory().capacity()
    }

    /// Width of the positions: the kernel's `unsigned long`.
    pub fn width(&self) -> Width {
        self.consumer.memory().width()
    }

    /// The consumer itself, for code that is generic over the memory: it reads
    /// this ring or a simulated one.
    pub fn consumer(&mut self) -> &mut Consumer<Mapping> {
        &mut self.consumer
    }

    /// A number that no other opening of a ring has in this process.
    pub(crate) fn opening(&self) -> u64 {
        self.opening
    }

    /// The id of the map.
    pub fn id(&self) -> u32 {
        self.consumer.memory().id()
    }

    /// The name of the map.
    pub fn name(&self) -> &str {
        self.consumer.memory().name()
    }
}

impl AsFd for RingBuf {
    /// The map's descriptor. It becomes readable (`EPOLLIN`) when a commit
    /// finds the consumer caught up; it says so level-triggered even while the
    /// head is busy, so wait edge-triggered.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
