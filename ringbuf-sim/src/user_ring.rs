//! [`SimUserRing`]: the test double of a user ring, on real threads.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use ringbuf_core::{
    ConsumerMemory, Position, Producer, ProducerMemory, RingMemory, WaitHost, WakeCause,
};

use crate::event::Event;
use crate::mirror::{ConsumerSide, Mirror, PagesNow, ProducerSide, UserSpace};
use crate::{DrainError, DrainHost, Flags, KernelConsumer, Profile, SimError};

/// A simulated user ring buffer map (`BPF_MAP_TYPE_USER_RINGBUF`): core's
/// [`Producer`] writes it, with the permissions of user space; any thread may
/// play the BPF program that drains it. Clones share the ring.
///
/// [`AsFd`] gives the eventfd that stands in for the map's file descriptor: it
/// becomes *readable* with each notification, where the map becomes writable
/// (`EPOLLOUT`).
///
/// ```
/// use std::ops::ControlFlow;
/// use ringbuf_sim::{Flags, SimUserRing};
///
/// let ring = SimUserRing::new(4096)?;
/// let producer = ring.producer()?;
/// for text in ["first", "second"] {
///     let mut reservation = producer.reserve(text.len() as u32)?;
///     reservation.copy_from_slice(text.as_bytes());
///     reservation.submit();
/// }
///
/// let mut seen = Vec::new();
/// let count = ring.drain(Flags::ADAPTIVE, |sample| {
///     seen.push(sample.to_vec());
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!((count, seen), (2, vec![b"first".to_vec(), b"second".to_vec()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimUserRing {
    shared: Arc<Shared>,
}

/// The memory of a simulated user ring's producer: the same view as over the
/// kernel's map, in the byte order of the simulated machine.
pub type SimUserMemory = ProducerSide<UserClaim>;

impl SimUserRing {
    /// An empty ring of `bytes`, a power of two and a multiple of the page
    /// size.
    ///
    /// # Errors
    /// [`SimError::Capacity`] for a size that no map can have;
    /// [`SimError::Io`] if memory or file descriptors run out.
    pub fn new(bytes: u64) -> Result<Self, SimError> {
        Self::with_profile(bytes, Profile::NEWEST)
    }

    /// An empty ring of `bytes`, as on another machine. On a 32-bit kernel drains
    /// find nothing any more after 2^32 bytes, as there. User rings have no pending
    /// position, whatever the profile says.
    ///
    /// # Errors
    /// As [`new`](Self::new), by the page size of that machine; and
    /// [`SimError::ByteOrder`].
    pub fn with_profile(bytes: u64, profile: Profile) -> Result<Self, SimError> {
        Self::started_at(bytes, profile, 0)
    }

    /// An empty ring through which `start` bytes have already gone. `start` is
    /// rounded down to a multiple of 8, and to the width of the profile; a
    /// [`Width`](ringbuf_core::Width) alone is the newest kernel of it.
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
        let mirror = Arc::new(Mirror::new(bytes, profile, UserSpace::Produces)?);
        // SAFETY: the pages are fresh: nobody else has them.
        unsafe { mirror.kernel_memory().store_producer_pos(start, Ordering::Relaxed) };
        let memory = mirror.drain_memory();
        // SAFETY: the pages are fresh: nobody else has them.
        unsafe { memory.store_consumer_pos(start, Ordering::Relaxed) };
        let host = DrainThreads { consumed: Mutex::new(start), event: Event::new()? };
        // SAFETY: C1: the pages are fresh, and only this ring has them.
        let kernel = unsafe { KernelConsumer::new(memory, host) };
        let claimed = AtomicBool::new(false);
        Ok(Self { shared: Arc::new(Shared { mirror, kernel, claimed }) })
    }

    /// The producer of this ring. It may be dropped and taken anew: the stored
    /// producer position stays.
    ///
    /// # Errors
    /// [`SimError::SecondProducer`] while another lives; [`SimError::Corrupt`]
    /// if the positions are out of range.
    pub fn producer(&self) -> Result<Producer<SimUserMemory>, SimError> {
        let memory = self.producer_memory()?;
        // SAFETY: P1: the claim admits one at a time, and the pages are ours.
        unsafe { Producer::new(memory) }.map_err(SimError::Corrupt)
    }

    /// The producer's side of the pages without a producer, to write what none
    /// would.
    ///
    /// # Errors
    /// As [`producer`](Self::producer).
    pub fn producer_memory(&self) -> Result<SimUserMemory, SimError> {
        Ok(Mirror::producer_memory(self.claim()?))
    }

    /// The right to produce, if nobody has it.
    pub(crate) fn claim(&self) -> Result<UserClaim, SimError> {
        if !self.shared.mirror.is_owned() {
            return Err(SimError::Forked);
        }
        if self.shared.claimed.swap(true, Ordering::Acquire) {
            return Err(SimError::SecondProducer);
        }
        Ok(UserClaim { shared: self.shared.clone() })
    }

    /// `bpf_user_ringbuf_drain`: calls `callback` for each committed sample
    /// until it breaks. See [`KernelConsumer::drain`].
    ///
    /// # Errors
    /// [`DrainError`], with the errno that the helper returns.
    pub fn drain(
        &self,
        flags: Flags,
        mut callback: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<u64, DrainError> {
        self.shared.kernel.drain(flags, |sample| callback(&sample))
    }

    /// The consumer position, where drains have come to.
    #[must_use]
    pub fn consumer_pos(&self) -> Position {
        self.shared.mirror.kernel_memory().load_consumer_pos(Ordering::Acquire)
    }

    /// All that user space sees of the ring now. What goes on meanwhile is in it
    /// or not, word by word.
    #[must_use]
    pub fn pages(&self) -> PagesNow {
        self.shared.mirror.now()
    }

    /// Whether poll(2) would report `EPOLLOUT`: not so of a ring that is full
    /// to the last byte, or whose positions are out of range.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let memory = self.shared.mirror.kernel_memory();
        let consumed = memory.load_consumer_pos(Ordering::Acquire);
        let produced = self.shared.mirror.drain_memory();
        let produced = produced.load_producer_pos(Ordering::Acquire);
        produced.distance(consumed, self.shared.mirror.width()) < memory.capacity().bytes()
    }

    /// How many times drains have notified so far.
    #[must_use]
    pub fn notifications(&self) -> u64 {
        self.shared.kernel.host().event.notifications()
    }
}

impl AsFd for SimUserRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.kernel.host().event.as_fd()
    }
}

impl AsRawFd for SimUserRing {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The right to produce into a user ring, held by its one producer.
#[derive(Debug)]
pub struct UserClaim {
    shared: Arc<Shared>,
}

impl UserClaim {
    pub(crate) fn notifications(&self) -> u64 {
        self.shared.kernel.host().event.notifications()
    }
}

impl AsRef<Mirror> for UserClaim {
    fn as_ref(&self) -> &Mirror {
        &self.shared.mirror
    }
}

/// A simulated user ring waits in real time, for the eventfd.
impl WaitHost for UserClaim {
    type Error = io::Error;

    fn now(&self) -> Duration {
        self.shared.kernel.host().event.now()
    }

    fn pause(&self, time: Duration) {
        self.shared.kernel.host().event.pause(time);
    }

    fn nap(&self, time: Duration) -> io::Result<WakeCause> {
        self.shared.kernel.host().event.nap(time)
    }

    fn block(&self, time: Duration) -> io::Result<WakeCause> {
        self.shared.kernel.host().event.block(time)
    }
}

impl Drop for UserClaim {
    fn drop(&mut self) {
        self.shared.claimed.store(false, Ordering::Release);
    }
}

/// A [`DrainHost`] of real threads: a mutex that is only ever tried for the
/// busy flag, an eventfd for the wait queue.
#[derive(Debug)]
pub struct DrainThreads {
    consumed: Mutex<Position>,
    event: Event,
}

impl DrainHost for DrainThreads {
    type Guard<'a> = MutexGuard<'a, Position>;

    fn try_busy(&self) -> Option<MutexGuard<'_, Position>> {
        match self.consumed.try_lock() {
            Ok(consumed) => Some(consumed),
            // A callback that panicked leaves its own sample unconsumed.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn notify(&self) {
        self.event.notify();
    }
}

#[derive(Debug)]
struct Shared {
    mirror: Arc<Mirror>,
    kernel: KernelConsumer<ConsumerSide<Arc<Mirror>>, DrainThreads>,
    claimed: AtomicBool,
}
