//! [`SimUserRing`]: the test double of a user ring, on real threads.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use ringbuf_core::{
    ConsumerMemory, Position, Producer, ProducerMemory, RingMemory, WaitHost, WakeCause, Wakes,
};

use crate::event::Event;
use crate::mirror::{ConsumerSide, Mirror, PagesNow, ProducerSide, UserSpace};
use crate::shared_user_ring::Bell;
use crate::{
    DrainError, DrainHost, Flags, KernelConsumer, Profile, SharedSimUserRing, SimError, SimWaker,
};

/// A simulated user ring buffer map (`BPF_MAP_TYPE_USER_RINGBUF`). Core's
/// [`Producer`] writes it, with the permissions of user space. Any thread may drain
/// it, in the place of the BPF program. Clones share the ring.
///
/// [`AsFd`] returns an eventfd, which replaces the file descriptor of the map. Each
/// notification makes it *readable*; a map becomes writable instead (`EPOLLOUT`).
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

/// The memory of the producer of a simulated user ring. It is the same view as over
/// the kernel's map, in the byte order of the simulated machine.
pub type SimUserMemory = ProducerSide<UserClaim>;

impl SimUserRing {
    /// Creates an empty ring of `bytes`, a power of two and a multiple of the page
    /// size.
    ///
    /// ```
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// ring.producer()?.reserve(8)?.submit();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SimError::Capacity`] if no map can have this size;
    /// [`SimError::Io`] if memory or file descriptors run out.
    pub fn new(bytes: u64) -> Result<Self, SimError> {
        Self::with_profile(bytes, Profile::NEWEST)
    }

    /// Creates an empty ring of `bytes`, as on another machine. On a 32-bit kernel,
    /// drains find nothing after 2^32 bytes, as on the real one. User rings have no
    /// pending position, so the profile's is ignored.
    ///
    /// ```
    /// use ringbuf_sim::{Profile, SimUserRing};
    ///
    /// assert!(SimUserRing::with_profile(4096, Profile::of_release(6, 0, 0)).is_err()); // since 6.1
    /// ```
    ///
    /// # Errors
    /// As for [`new`](Self::new), with the page size of that machine;
    /// [`SimError::ByteOrder`]; and [`SimError::NoUserRing`] before 6.1.
    pub fn with_profile(bytes: u64, profile: Profile) -> Result<Self, SimError> {
        Self::started_at(bytes, profile, 0)
    }

    /// Creates an empty ring after `start` bytes of traffic. `start` is rounded
    /// down to a multiple of 8, and to the width of the profile. A
    /// [`Width`](ringbuf_core::Width) alone means the newest kernel of this width.
    ///
    /// # Errors
    /// As for [`with_profile`](Self::with_profile).
    pub fn started_at(
        bytes: u64,
        profile: impl Into<Profile>,
        start: u64,
    ) -> Result<Self, SimError> {
        let profile = profile.into();
        if !profile.user_ring {
            return Err(SimError::NoUserRing);
        }
        let start = Position::new(start & !7, profile.width);
        let mirror = Arc::new(Mirror::new(bytes, profile, UserSpace::Produces)?);
        // SAFETY: the pages are new: nobody else has them.
        unsafe { mirror.kernel_memory().store_producer_pos(start, Ordering::Relaxed) };
        let memory = mirror.drain_memory();
        // SAFETY: the pages are new: nobody else has them.
        unsafe { memory.store_consumer_pos(start, Ordering::Relaxed) };
        let host = DrainThreads {
            consumed: Mutex::new(start),
            event: Event::new()?,
            bell: Bell::default(),
        };
        // SAFETY: C1: the pages are new, and only this ring has them.
        let kernel = unsafe { KernelConsumer::new(memory, host) };
        let claimed = AtomicBool::new(false);
        Ok(Self { shared: Arc::new(Shared { mirror, kernel, claimed }) })
    }

    /// Returns the producer of this ring. You may drop it and call this again: the
    /// stored producer position stays.
    ///
    /// ```
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// assert!(ring.producer().is_err()); // one at a time
    /// producer.submit_all(&[b"hello"])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SimError::SecondProducer`] while another producer lives;
    /// [`SimError::LeftOpen`] if an earlier one left reservations open, see
    /// [`recover`](Self::recover); [`SimError::Corrupt`] if the positions are out of
    /// range, or a header that is not yet drained is too long.
    pub fn producer(&self) -> Result<Producer<SimUserMemory>, SimError> {
        without_open(self.any_producer()?)
    }

    /// Discards the reservations that an earlier producer left open, and returns a
    /// producer. Drains then reach the samples behind them.
    ///
    /// A producer that dies leaves its reservations open, and every drain stops at the
    /// first of them. A kernel's ring reports that as `OpenError::LeftOpen`.
    ///
    /// ```
    /// use ringbuf_sim::{SimError, SimUserRing};
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let dead = ring.producer()?;
    /// std::mem::forget(dead.reserve(5)?); // as if its process had died
    /// drop(dead);
    /// let producer = match ring.producer() {
    ///     Err(SimError::LeftOpen { reservations: 1, .. }) => ring.recover()?,
    ///     other => other?,
    /// };
    /// assert_eq!(producer.open_reservations()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`producer`](Self::producer), without [`SimError::LeftOpen`].
    pub fn recover(&self) -> Result<Producer<SimUserMemory>, SimError> {
        let mut producer = self.any_producer()?;
        producer.discard_open().map_err(SimError::Corrupt)?;
        Ok(producer)
    }

    /// Returns the producer of this ring, for many threads. See
    /// [`SharedSimUserRing`].
    ///
    /// ```
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.shared_producer()?;
    /// let other = producer.clone();
    /// std::thread::spawn(move || other.submit_all(&[b"from another thread"])).join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`producer`](Self::producer).
    pub fn shared_producer(&self) -> Result<SharedSimUserRing, SimError> {
        Ok(SharedSimUserRing::new(self.producer()?, self.clone()))
    }

    fn any_producer(&self) -> Result<Producer<SimUserMemory>, SimError> {
        let memory = self.producer_memory()?;
        // SAFETY: P1: the claim allows one at a time, and this ring owns the pages.
        unsafe { Producer::new(memory) }.map_err(SimError::Corrupt)
    }

    /// Returns the pages as a producer sees them. Use it to write what no producer
    /// would write.
    ///
    /// # Errors
    /// [`SimError::SecondProducer`] while another producer lives.
    pub fn producer_memory(&self) -> Result<SimUserMemory, SimError> {
        Ok(Mirror::producer_memory(self.claim()?))
    }

    /// Returns the right to produce, if nobody has it.
    pub(crate) fn claim(&self) -> Result<UserClaim, SimError> {
        if !self.shared.mirror.is_owned() {
            return Err(SimError::Forked);
        }
        if self.shared.claimed.swap(true, Ordering::Acquire) {
            return Err(SimError::SecondProducer);
        }
        Ok(UserClaim { shared: self.shared.clone() })
    }

    /// `bpf_user_ringbuf_drain`: calls `callback` for each committed sample until
    /// the callback breaks. See [`KernelConsumer::drain`].
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimUserRing};
    ///
    /// use std::ops::ControlFlow;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// ring.producer()?.submit_all(&[b"one", b"two"])?;
    /// let drained = ring.drain(Flags::ADAPTIVE, |sample| {
    ///     println!("{} bytes", sample.len());
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(drained, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Returns the consumer position, which drains have reached.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimUserRing};
    ///
    /// use std::ops::ControlFlow;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// ring.producer()?.submit_all(&[b"one"])?;
    /// ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()))?;
    /// assert_eq!(ring.consumer_pos().get(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn consumer_pos(&self) -> Position {
        self.shared.mirror.kernel_memory().load_consumer_pos(Ordering::Acquire)
    }

    /// Returns everything that user space sees of the ring now. Concurrent writes
    /// may or may not be included, word by word.
    #[must_use]
    pub fn pages(&self) -> PagesNow {
        self.shared.mirror.now()
    }

    /// Returns true if poll(2) would report `EPOLLOUT`. Returns false if the ring
    /// is full to the last byte, or its positions are out of range.
    ///
    /// ```
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// assert!(ring.is_writable());
    /// let all = producer.reserve(4088)?;
    /// assert!(!ring.is_writable());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let memory = self.shared.mirror.kernel_memory();
        let consumed = memory.load_consumer_pos(Ordering::Acquire);
        let produced = self.shared.mirror.drain_memory();
        let produced = produced.load_producer_pos(Ordering::Acquire);
        produced.distance(consumed, self.shared.mirror.width()) < memory.capacity().bytes()
    }

    /// Returns a waker, which ends a wait of this ring from another thread. In virtual
    /// time use [`VirtualTime::wake`](crate::VirtualTime::wake) instead.
    ///
    /// ```
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// ring.waker().wake(); // ends the next wait for space
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn waker(&self) -> SimWaker {
        self.shared.kernel.host().event.waker()
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.shared.kernel.host().bell
    }

    /// Returns the number of notifications by drains so far.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimUserRing};
    ///
    /// use std::ops::ControlFlow;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// ring.producer()?.submit_all(&[b"one"])?;
    /// ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()))?;
    /// assert_eq!(ring.notifications(), 1); // a drain that consumed anything
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

/// Returns the producer if no reservation is open.
pub(crate) fn without_open<M: ProducerMemory>(
    producer: Producer<M>,
) -> Result<Producer<M>, SimError> {
    match producer.open_reservations().map_err(SimError::Corrupt)? {
        0 => Ok(producer),
        reservations => Err(SimError::LeftOpen { reservations }),
    }
}

/// The right to produce into a user ring. Its producer holds it.
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

/// A simulated user ring waits in real time, on the eventfd.
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

    fn take_wakes(&self) -> Wakes {
        self.shared.kernel.host().event.take_wakes()
    }

    fn deadline(&self) -> Duration {
        self.shared.kernel.host().event.deadline()
    }
}

impl Drop for UserClaim {
    fn drop(&mut self) {
        self.shared.claimed.store(false, Ordering::Release);
    }
}

/// A [`DrainHost`] of real threads. A mutex replaces the busy flag, and is only
/// tried, never awaited. An eventfd replaces the wait queue.
#[derive(Debug)]
pub struct DrainThreads {
    consumed: Mutex<Position>,
    event: Event,
    bell: Bell,
}

impl DrainHost for DrainThreads {
    type Guard<'a> = MutexGuard<'a, Position>;

    fn try_busy(&self) -> Option<MutexGuard<'_, Position>> {
        match self.consumed.try_lock() {
            Ok(consumed) => Some(consumed),
            // If a callback panics, its sample stays unconsumed.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn notify(&self) {
        self.event.notify();
        self.bell.ring();
    }
}

#[derive(Debug)]
struct Shared {
    mirror: Arc<Mirror>,
    kernel: KernelConsumer<ConsumerSide<Arc<Mirror>>, DrainThreads>,
    claimed: AtomicBool,
}
