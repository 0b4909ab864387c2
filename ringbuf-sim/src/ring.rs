//! [`SimRing`]: the test double, on real threads.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringbuf_core::{
    Capacity, CapacityError, Consumer, ConsumerMemory, Corrupt, Position, ProducerMemory, WaitHost,
    WakeCause, Wakes,
};

use crate::event::Event;
use crate::mirror::{ConsumerSide, Mirror, PagesNow, ProducerSide, UserSpace};
use crate::{
    DynptrError, Flags, Host, KernelMemory, KernelReservation, KernelRing, OutputError, PendingPos,
    Positions, Profile, Refused, SimWaker,
};

/// A simulated ring buffer map. Clones share the ring. It works in one process
/// only: a child of `fork` can neither write nor read it.
///
/// [`AsFd`] returns an eventfd, which replaces the file descriptor of the map. Each
/// notification makes it readable. It stays readable until [`Consumer::wait`]
/// blocks, which clears it. In your own event loop, register it edge-triggered,
/// like a map.
#[derive(Clone, Debug)]
pub struct SimRing {
    shared: Arc<Shared>,
}

/// The memory of the consumer of a simulated ring. It is the same view as over the
/// kernel's map, in the byte order of the simulated machine.
pub type SimMemory = ConsumerSide<Claim>;

/// The memory of the simulated kernel.
pub type SimKernelMemory = ProducerSide<Arc<Mirror>>;

impl SimRing {
    /// Creates an empty ring of `bytes`, a power of two and a multiple of the page
    /// size.
    ///
    /// # Errors
    /// [`SimError::Capacity`] if no map can have this size;
    /// [`SimError::Io`] if memory or file descriptors run out.
    pub fn new(bytes: u64) -> Result<Self, SimError> {
        Self::with_profile(bytes, Profile::NEWEST)
    }

    /// Creates an empty ring of `bytes`, as on another kernel or machine.
    ///
    /// # Errors
    /// As for [`new`](Self::new), with the page size of that machine; and
    /// [`SimError::ByteOrder`].
    pub fn with_profile(bytes: u64, profile: Profile) -> Result<Self, SimError> {
        Self::started_at(bytes, profile, 0)
    }

    /// Creates an empty ring after `start` bytes of traffic, to test positions that
    /// wrap. `start` is rounded down to a multiple of 8, and to the width of the
    /// profile. A [`Width`](ringbuf_core::Width) alone means the newest kernel of
    /// this width.
    ///
    /// # Errors
    /// As for [`with_profile`](Self::with_profile).
    pub fn started_at(
        bytes: u64,
        profile: impl Into<Profile>,
        start: u64,
    ) -> Result<Self, SimError> {
        let profile = profile.into();
        let start = Position::new(start & !7, profile.width);
        let mirror = Arc::new(Mirror::new(bytes, profile, UserSpace::Consumes)?);
        // SAFETY: the pages are new: nobody else has them.
        unsafe {
            Mirror::consumer_memory(mirror.clone()).store_consumer_pos(start, Ordering::Relaxed)
        };
        let memory = mirror.kernel_memory();
        // SAFETY: the pages are new: nobody else has them.
        unsafe { memory.store_producer_pos(start, Ordering::Relaxed) };
        if profile.pending_pos != PendingPos::Absent {
            memory.store_pending_pos(start, Ordering::Relaxed);
        }
        let host = Threads::new(Positions { produced: start, pending: start })?;
        // SAFETY: P1: the pages are new, and only this ring has them.
        let kernel = unsafe { KernelRing::new(memory, host) };
        // SAFETY: the ring is new.
        let kernel = unsafe { kernel.on(profile) };
        let claimed = AtomicBool::new(false);
        Ok(Self { shared: Arc::new(Shared { mirror, kernel, claimed }) })
    }

    /// Returns a producer of this ring, which acts like a BPF program. A ring can
    /// have any number of producers, on any thread.
    #[must_use]
    pub fn producer(&self) -> KernelProducer {
        KernelProducer { ring: self.clone() }
    }

    /// Returns the consumer of this ring. You may drop it and call this again: the
    /// stored consumer position stays.
    ///
    /// # Errors
    /// [`SimError::SecondConsumer`] while another consumer lives;
    /// [`SimError::Corrupt`] if the positions are out of range.
    pub fn consumer(&self) -> Result<Consumer<SimMemory>, SimError> {
        let memory = Mirror::consumer_memory(self.claim()?);
        // SAFETY: C1: the claim allows one at a time, and this ring owns the pages.
        unsafe { Consumer::new(memory) }.map_err(SimError::Corrupt)
    }

    /// Returns the right to consume, if nobody has it.
    pub(crate) fn claim(&self) -> Result<Claim, SimError> {
        if !self.shared.mirror.is_owned() {
            return Err(SimError::Forked);
        }
        if self.shared.claimed.swap(true, Ordering::Acquire) {
            return Err(SimError::SecondConsumer);
        }
        Ok(Claim { ring: self.clone() })
    }

    /// Returns the size of the data area.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.shared.mirror.capacity()
    }

    /// Returns a waker, which ends a wait of this ring from another thread. In virtual
    /// time use [`VirtualTime::wake`](crate::VirtualTime::wake) instead.
    #[must_use]
    pub fn waker(&self) -> SimWaker {
        self.shared.kernel.host().event.waker()
    }

    /// Returns the number of notifications by producers so far.
    #[must_use]
    pub fn notifications(&self) -> u64 {
        self.shared.kernel.host().event.notifications()
    }

    /// Returns everything that user space sees of the ring now. Concurrent writes
    /// of producers may or may not be included, word by word.
    #[must_use]
    pub fn pages(&self) -> PagesNow {
        self.shared.mirror.now()
    }

    /// Returns the pages as a producer sees them, for core's own
    /// [`Producer`](ringbuf_core::Producer). To test a user ring, use
    /// [`SimUserRing`](crate::SimUserRing).
    #[must_use]
    pub fn producer_memory(&self) -> SimKernelMemory {
        self.shared.mirror.kernel_memory()
    }
}

impl SimRing {
    /// The ring that this consumer reads.
    ///
    /// ```
    /// use ringbuf_sim::SimRing;
    ///
    /// let ring = SimRing::new(4096)?;
    /// let consumer = ring.consumer()?;
    /// assert_eq!(SimRing::of(&consumer).capacity(), ring.capacity());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(consumer: &Consumer<SimMemory>) -> &Self {
        consumer.memory().inner().keep().ring()
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

/// A producer that acts like a BPF program, on any thread.
#[derive(Clone, Debug)]
pub struct KernelProducer {
    ring: SimRing,
}

impl KernelProducer {
    /// `bpf_ringbuf_reserve`: reserves `len` bytes.
    ///
    /// The record is busy while you keep the reservation. Keep it to play a program that
    /// stands still ([`Consumer::busy_head`] then reports it), or until a
    /// [timed event](crate::VirtualTime::at). Dropping it discards the record. Forget it
    /// (`mem::forget`) to play one that never goes on.
    ///
    /// # Errors
    /// [`Refused`]. A BPF program gets NULL for every reason.
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

/// The right to consume a ring. Its consumer holds it.
#[derive(Debug)]
pub struct Claim {
    ring: SimRing,
}

impl Claim {
    pub(crate) fn ring(&self) -> &SimRing {
        &self.ring
    }

    pub(crate) fn notifications(&self) -> u64 {
        self.ring.notifications()
    }
}

impl AsRef<Mirror> for Claim {
    fn as_ref(&self) -> &Mirror {
        &self.ring.shared.mirror
    }
}

/// A simulated ring waits in real time, on the eventfd.
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

    fn take_wakes(&self) -> Wakes {
        self.ring.shared.kernel.host().event.take_wakes()
    }

    fn deadline(&self) -> Duration {
        self.ring.shared.kernel.host().event.deadline()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.ring.shared.claimed.store(false, Ordering::Release);
    }
}

/// A [`Host`] of real threads. A mutex replaces the spinlock, an eventfd the wait
/// queue.
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
        // A panic under the lock leaves valid positions: each is one store.
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

/// Why a simulated ring could not be created or taken.
#[non_exhaustive]
pub enum SimError {
    /// The size is not possible for a ring buffer map.
    Capacity(CapacityError),
    /// A 32-bit process cannot split 64-bit positions in the other byte order.
    ByteOrder,
    /// The ring already has a consumer. Only one is allowed.
    SecondConsumer,
    /// The user ring already has a producer. Only one is allowed.
    SecondProducer,
    /// An earlier producer of this user ring left reservations open: every drain stops
    /// there. [`SimUserRing::recover`](crate::SimUserRing::recover) discards them.
    #[non_exhaustive]
    LeftOpen {
        /// The number of open reservations.
        reservations: u64,
    },
    /// The caller is a child of `fork`, but its parent simulates the ring.
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
                 simulate a 32-bit kernel, or use a 64-bit process",
            ),
            Self::SecondConsumer => {
                f.write_str("this ring already has a consumer: drop that one, or share it")
            }
            Self::Forked => f.write_str(
                "the parent of this process simulates this ring: create a ring after the fork",
            ),
            Self::SecondProducer => {
                f.write_str("this user ring already has a producer: drop that one, or share it")
            }
            Self::LeftOpen { reservations } => write!(
                f,
                "an earlier producer of this user ring left {reservations} reservation{} open, \
                 and every drain stops there: call SimUserRing::recover() to discard {}",
                if *reservations == 1 { "" } else { "s" },
                if *reservations == 1 { "it" } else { "them" },
            ),
            Self::Corrupt(corrupt) => corrupt.fmt(f),
            Self::Io(error) => {
                write!(f, "cannot create the simulated ring: {error}")?;
                match error.raw_os_error() {
                    Some(libc::EMFILE | libc::ENFILE) => {
                        f.write_str("; raise the limit of open files (`ulimit -n`)")
                    }
                    Some(libc::ENOMEM) => f.write_str("; simulate a smaller ring"),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl fmt::Debug for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds the cause, so `source` has nothing to add.
impl std::error::Error for SimError {}

impl From<io::Error> for SimError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
