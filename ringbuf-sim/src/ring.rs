//! [`SimRing`]: the test double, on real threads.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringbuf_core::{
    Capacity, CapacityError, Consumer, ConsumerMemory, Corrupt, Position, ProducerMemory, WaitHost,
    WakeCause,
};

use crate::event::Event;
use crate::mirror::{ConsumerSide, Mirror, PagesNow, ProducerSide, UserSpace};
use crate::{
    DynptrError, Flags, Host, KernelMemory, KernelReservation, KernelRing, OutputError, PendingPos,
    Positions, Profile, Refused,
};

/// A simulated ring buffer map. Clones share the ring. It is for one process: a
/// child of `fork` can neither produce into it nor read it.
///
/// [`AsFd`] gives the eventfd that stands in for the map's file descriptor: it
/// becomes readable with each notification, and stays so until
/// [`Consumer::wait`] blocks, which uses it up. In a loop of your own, register
/// it edge-triggered, as the map's.
#[derive(Clone, Debug)]
pub struct SimRing {
    shared: Arc<Shared>,
}

/// The memory of a simulated ring's consumer: the same view as over the
/// kernel's map, in the byte order of the simulated machine.
pub type SimMemory = ConsumerSide<Claim>;

/// The memory of the simulated kernel.
pub type SimKernelMemory = ProducerSide<Arc<Mirror>>;

impl SimRing {
    /// An empty ring of `bytes`, a power of two and a multiple of the page
    /// size.
    ///
    /// # Errors
    /// [`SimError::Capacity`] for a size that no map can have;
    /// [`SimError::Io`] if memory or file descriptors run out.
    pub fn new(bytes: u64) -> Result<Self, SimError> {
        Self::with_profile(bytes, Profile::NEWEST)
    }

    /// An empty ring of `bytes`, as on another kernel or machine.
    ///
    /// # Errors
    /// As [`new`](Self::new), by the page size of that machine; and
    /// [`SimError::ByteOrder`].
    pub fn with_profile(bytes: u64, profile: Profile) -> Result<Self, SimError> {
        Self::started_at(bytes, profile, 0)
    }

    /// An empty ring through which `start` bytes have already gone: to test what
    /// happens when positions wrap. `start` is rounded down to a multiple of 8,
    /// and to the width of the profile; a [`Width`](ringbuf_core::Width) alone is
    /// the newest kernel of it.
    ///
    /// # Errors
    /// As [`with_profile`](Self::with_profile).
    pub fn started_at(
        bytes: u64,
        profile: impl Into<Profile>,
        start: u64,
    ) -> Result<Self, SimError> {
        let profile = profile.into();
        let start = Position::new(start & !7, profile.width);
        let mirror = Arc::new(Mirror::new(bytes, profile, UserSpace::Consumes)?);
        // SAFETY: the pages are fresh: nobody else has them.
        unsafe {
            Mirror::consumer_memory(mirror.clone()).store_consumer_pos(start, Ordering::Relaxed)
        };
        let memory = mirror.kernel_memory();
        // SAFETY: the pages are fresh: nobody else has them.
        unsafe { memory.store_producer_pos(start, Ordering::Relaxed) };
        if profile.pending_pos != PendingPos::Absent {
            memory.store_pending_pos(start, Ordering::Relaxed);
        }
        let host = Threads::new(Positions { produced: start, pending: start })?;
        // SAFETY: P1: the pages are fresh, and only this ring has them.
        let kernel = unsafe { KernelRing::new(memory, host) };
        // SAFETY: just made.
        let kernel = unsafe { kernel.on(profile) };
        let claimed = AtomicBool::new(false);
        Ok(Self { shared: Arc::new(Shared { mirror, kernel, claimed }) })
    }

    /// A producer of this ring: what a BPF program can do. Any number of them,
    /// on any thread.
    #[must_use]
    pub fn producer(&self) -> KernelProducer {
        KernelProducer { ring: self.clone() }
    }

    /// The consumer of this ring. It may be dropped and taken anew: the stored
    /// consumer position stays.
    ///
    /// # Errors
    /// [`SimError::SecondConsumer`] while another lives; [`SimError::Corrupt`]
    /// if the positions are out of range.
    pub fn consumer(&self) -> Result<Consumer<SimMemory>, SimError> {
        let memory = Mirror::consumer_memory(self.claim()?);
        // SAFETY: C1: the claim admits one at a time, and the pages are ours.
        unsafe { Consumer::new(memory) }.map_err(SimError::Corrupt)
    }

    /// The right to consume, if nobody has it.
    pub(crate) fn claim(&self) -> Result<Claim, SimError> {
        if !self.shared.mirror.is_owned() {
            return Err(SimError::Forked);
        }
        if self.shared.claimed.swap(true, Ordering::Acquire) {
            return Err(SimError::SecondConsumer);
        }
        Ok(Claim { ring: self.clone() })
    }

    /// Size of the data area.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.shared.mirror.capacity()
    }

    /// How many times producers have notified so far.
    #[must_use]
    pub fn notifications(&self) -> u64 {
        self.shared.kernel.host().event.notifications()
    }

    /// All that user space sees of the ring now. What producers do meanwhile
    /// is in it or not, word by word.
    #[must_use]
    pub fn pages(&self) -> PagesNow {
        self.shared.mirror.now()
    }

    /// The producer's side of the pages, for core's own
    /// [`Producer`](ringbuf_core::Producer): the user ring buffer's role.
    #[must_use]
    pub fn producer_memory(&self) -> SimKernelMemory {
        self.shared.mirror.kernel_memory()
    }
}

impl AsFd for SimRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.kernel.host().event.as_fd()
    }
}

impl AsRawFd for SimRing {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// What a BPF program does with the ring, on any thread.
#[derive(Clone, Debug)]
pub struct KernelProducer {
    ring: SimRing,
}

impl KernelProducer {
    /// `bpf_ringbuf_reserve`: space for `len` bytes.
    ///
    /// # Errors
    /// [`Refused`]; a BPF program sees NULL for every reason.
    pub fn reserve(
        &self,
        len: u64,
    ) -> Result<KernelReservation<'_, SimKernelMemory, Threads>, Refused> {
        self.ring.shared.kernel.reserve(len)
    }

    /// `bpf_ringbuf_reserve_dynptr`.
    ///
    /// # Errors
    /// [`DynptrError`], with the errno that the helper returns.
    pub fn reserve_dynptr(
        &self,
        len: u32,
        flags: u64,
    ) -> Result<KernelReservation<'_, SimKernelMemory, Threads>, DynptrError> {
        self.ring.shared.kernel.reserve_dynptr(len, flags)
    }

    /// `bpf_ringbuf_output`: reserve, copy, commit.
    ///
    /// # Errors
    /// [`OutputError`], with the errno that the helper returns.
    pub fn output(&self, data: &[u8], flags: Flags) -> Result<(), OutputError> {
        self.ring.shared.kernel.output(data, flags)
    }

    /// `bpf_ringbuf_query`; see [`Query`](crate::Query) for the kinds.
    #[must_use]
    pub fn query(&self, kind: u64) -> u64 {
        self.ring.shared.kernel.query(kind)
    }
}

/// The right to consume a ring, held by its one consumer.
#[derive(Debug)]
pub struct Claim {
    ring: SimRing,
}

impl Claim {
    pub(crate) fn notifications(&self) -> u64 {
        self.ring.notifications()
    }
}

impl AsRef<Mirror> for Claim {
    fn as_ref(&self) -> &Mirror {
        &self.ring.shared.mirror
    }
}

/// A simulated ring waits in real time, for the eventfd.
impl WaitHost for Claim {
    type Error = io::Error;

    fn now(&self) -> Duration {
        self.ring.shared.kernel.host().event.now()
    }

    fn pause(&self, time: Duration) {
        self.ring.shared.kernel.host().event.pause(time);
    }

    fn nap(&self, time: Duration) -> io::Result<WakeCause> {
        self.ring.shared.kernel.host().event.nap(time)
    }

    fn block(&self, time: Duration) -> io::Result<WakeCause> {
        self.ring.shared.kernel.host().event.block(time)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.ring.shared.claimed.store(false, Ordering::Release);
    }
}

/// A [`Host`] of real threads: a mutex for the spinlock, an eventfd for the
/// wait queue.
#[derive(Debug)]
pub struct Threads {
    positions: Mutex<Positions>,
    event: Event,
}

impl Threads {
    fn new(positions: Positions) -> io::Result<Self> {
        Ok(Self { positions: Mutex::new(positions), event: Event::new()? })
    }
}

impl Host for Threads {
    type Guard<'a> = MutexGuard<'a, Positions>;

    fn lock(&self) -> Self::Guard<'_> {
        // A panic while it is held leaves whole positions: each is one store.
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self) {
        self.event.notify();
    }
}

#[derive(Debug)]
struct Shared {
    mirror: Arc<Mirror>,
    kernel: KernelRing<SimKernelMemory, Threads>,
    claimed: AtomicBool,
}

/// Why a simulated ring could not be made or taken.
#[non_exhaustive]
pub enum SimError {
    /// A size that no ring buffer map can have.
    Capacity(CapacityError),
    /// A 32-bit process cannot take 64-bit positions apart that are in the other
    /// byte order.
    ByteOrder,
    /// The ring has a consumer already: there can be only one.
    SecondConsumer,
    /// The user ring has a producer already: there can be only one.
    SecondProducer,
    /// A child of `fork` asks: the ring is simulated by its parent.
    Forked,
    /// The positions are out of range.
    Corrupt(Corrupt),
    /// The system refused memory or a file descriptor.
    Io(io::Error),
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity(error) => error.fmt(f),
            Self::ByteOrder => f.write_str(
                "a 32-bit process cannot simulate 64-bit positions in the other byte order: \
                 simulate a 32-bit kernel, or in a 64-bit process",
            ),
            Self::SecondConsumer => {
                f.write_str("this ring has a consumer already: drop it, or share it")
            }
            Self::Forked => f.write_str(
                "this ring is simulated by the parent of this process: make one after the fork",
            ),
            Self::SecondProducer => {
                f.write_str("this user ring has a producer already: drop it, or share it")
            }
            Self::Corrupt(corrupt) => corrupt.fmt(f),
            Self::Io(error) => write!(f, "the pages of the simulated ring: {error}"),
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl fmt::Debug for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SimError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Capacity(error) => Some(error),
            Self::Corrupt(corrupt) => Some(corrupt),
            Self::Io(error) => Some(error),
            Self::ByteOrder | Self::SecondConsumer | Self::SecondProducer | Self::Forked => None,
        }
    }
}

impl From<io::Error> for SimError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
