//! [`SimUserRing`]: the test double of a user ring, on real threads.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use ringbuf_core::{ConsumerMemory, Position, Producer, ProducerMemory};

use crate::event::Event;
use crate::mirror::{ConsumerSide, Mirror, PagesNow, ProducerSide, UserSpace};
use crate::{DrainError, DrainHost, Flags, KernelConsumer, Profile, SimError, Wakeup};

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
    /// [`SimError::SecondProducer`] while another lives.
    pub fn producer(&self) -> Result<Producer<SimUserMemory>, SimError> {
        // SAFETY: P1: the claim admits one at a time, and the pages are ours.
        self.producer_memory().map(|memory| unsafe { Producer::new(memory) })
    }

    /// The producer's side of the pages without a producer, to write what none
    /// would.
    ///
    /// # Errors
    /// As [`producer`](Self::producer).
    pub fn producer_memory(&self) -> Result<SimUserMemory, SimError> {
        if self.shared.claimed.swap(true, Ordering::Acquire) {
            return Err(SimError::SecondProducer);
        }
        let claim = UserClaim { shared: self.shared.clone() };
        Ok(Mirror::producer_memory(claim))
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
    pub fn consumer_pos(&self) -> Position {
        self.shared.mirror.kernel_memory().load_consumer_pos(Ordering::Acquire)
    }

    /// All that user space sees of the ring now. What goes on meanwhile is in it
    /// or not, word by word.
    pub fn pages(&self) -> PagesNow {
        self.shared.mirror.now()
    }

    /// Whether poll(2) would report `EPOLLOUT`: not so of a ring that is full
    /// to the last byte, or whose positions are out of range.
    pub fn is_writable(&self) -> bool {
        let memory = self.shared.mirror.kernel_memory();
        let consumed = memory.load_consumer_pos(Ordering::Acquire);
        let produced = self.shared.mirror.drain_memory();
        let produced = produced.load_producer_pos(Ordering::Acquire);
        produced.distance(consumed, self.shared.mirror.width()) < memory.capacity().bytes()
    }

    /// Waits until `len` bytes can be reserved, at most `timeout`; no longer if
    /// they never can. Commit what is open first: no drain gets past it.
    ///
    /// # Errors
    /// What `poll(2)` reports, except `EINTR`.
    pub fn wait(
        &self,
        producer: &Producer<SimUserMemory>,
        len: u32,
        timeout: Duration,
    ) -> io::Result<Wakeup> {
        // A time too far to represent is for ever.
        let deadline = Instant::now().checked_add(timeout);
        loop {
            // An edge seen before the look has no more to say.
            self.shared.kernel.host().event.clear();
            if producer.has_room(len) {
                return Ok(Wakeup::Ready);
            }
            let left = deadline.map_or(Duration::MAX, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Ok(Wakeup::TimedOut);
            }
            self.shared.kernel.host().event.poll(left)?;
        }
    }

    /// How many times drains have notified so far.
    pub fn notifications(&self) -> u64 {
        self.shared.kernel.host().event.notifications()
    }
}

impl AsFd for SimUserRing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.kernel.host().event.as_fd()
    }
}

/// The right to produce into a user ring, held by its one producer.
#[derive(Debug)]
pub struct UserClaim {
    shared: Arc<Shared>,
}

impl AsRef<Mirror> for UserClaim {
    fn as_ref(&self) -> &Mirror {
        &self.shared.mirror
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
