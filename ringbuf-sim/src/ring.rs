//! [`SimRing`]: the test double, on real threads.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringbuf_core::{
    Capacity, Consumer, ConsumerMemory, Inspector, Position, ProducerMemory, WaitHost, WakeCause,
    Wakes,
};

use crate::kernel::Mode;
use crate::mirror::{ConsumerSide, InspectorSide, Mirror, PagesNow, ProducerSide, UserSpace};
use crate::{
    Context, Fault, KernelMemory, KernelProducer, KernelRing, PendingPos, Positions, Profile,
    SimError, SimWaker, Threads,
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

/// The memory of an observer of a simulated ring.
pub type SimInspectMemory = InspectorSide;

/// The memory of the simulated kernel.
pub type SimKernelMemory = ProducerSide<Arc<Mirror>>;

impl SimRing {
    /// Creates an empty ring of `bytes`, a power of two and a multiple of the page
    /// size.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.consumer()?.drain(|record| assert_eq!(&record[..], b"one"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SimError::Capacity`] if no map can have this size;
    /// [`SimError::Io`] if memory or file descriptors run out.
    pub fn new(bytes: u64) -> Result<Self, SimError> {
        Self::with_profile(bytes, Profile::NEWEST)
    }

    /// Creates an empty ring of `bytes`, as on another kernel or machine.
    ///
    /// ```
    /// use ringbuf_sim::{Profile, SimRing};
    ///
    /// let old = SimRing::with_profile(4096, Profile::of_release(5, 10, 100))?;
    /// assert_eq!(old.capacity().bytes(), 4096);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`new`](Self::new), with the page size of that machine;
    /// [`SimError::ByteOrder`]; and [`SimError::NoRingBuffer`] before 5.8.
    pub fn with_profile(bytes: u64, profile: Profile) -> Result<Self, SimError> {
        Self::started_at(bytes, profile, 0)
    }

    /// Creates an empty ring after `start` bytes of traffic, to test positions that
    /// wrap. `start` is rounded down to a multiple of 8, and to the width of the
    /// profile. A [`Width`](ringbuf_core::Width) alone means the newest kernel of
    /// this width.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// use ringbuf_core::Width;
    ///
    /// let ring = SimRing::started_at(4096, Width::Bits32, (1 << 32) - 16)?; // wraps soon
    /// for _ in 0..3 {
    ///     ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// }
    /// let mut count = 0;
    /// ring.consumer()?.drain(|_| count += 1)?;
    /// assert_eq!(count, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`with_profile`](Self::with_profile).
    pub fn started_at(
        bytes: u64,
        profile: impl Into<Profile>,
        start: u64,
    ) -> Result<Self, SimError> {
        Self::create(bytes, profile.into(), start, Mode::Waiting)
    }

    pub(crate) fn create(
        bytes: u64,
        profile: Profile,
        start: u64,
        mode: Mode,
    ) -> Result<Self, SimError> {
        if !profile.ring_buffer {
            return Err(SimError::NoRingBuffer);
        }
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
        if mode == Mode::Overwriting {
            memory.store_overwrite_pos(start, Ordering::Relaxed);
        }
        let host = Threads::new(Positions::starting_at(start))?;
        // SAFETY: P1: the pages are new, and only this ring has them.
        let kernel = unsafe { KernelRing::new(memory, host) };
        // SAFETY: the ring is new.
        let mut kernel = unsafe { kernel.on(profile) };
        if mode == Mode::Overwriting {
            // SAFETY: the ring is new. M9: `claim` gives no consumer of it.
            kernel = unsafe { kernel.overwriting() };
        }
        let claimed = AtomicBool::new(false);
        Ok(Self { shared: Arc::new(Shared { mirror, kernel, claimed }) })
    }

    /// Returns a producer of this ring, which acts like a BPF program. A ring can
    /// have any number of producers, on any thread.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// std::thread::scope(|scope| {
    ///     for _ in 0..2 {
    ///         let program = ring.producer();
    ///         scope.spawn(move || program.output(b"one", Flags::ADAPTIVE));
    ///     }
    /// });
    /// assert_eq!(ring.consumer()?.lag()?, 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn producer(&self) -> KernelProducer {
        KernelProducer { ring: self.clone(), context: Context::Task }
    }

    /// Returns the consumer of this ring. You may drop it and call this again: the
    /// stored consumer position stays.
    ///
    /// ```
    /// use ringbuf_sim::SimRing;
    ///
    /// let ring = SimRing::new(4096)?;
    /// {
    ///     let mut consumer = ring.consumer()?;
    ///     assert!(ring.consumer().is_err()); // one at a time
    ///     consumer.drain(|record| println!("{} bytes", record.len()))?;
    /// }
    /// let another = ring.consumer()?; // goes on where the last one stopped
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SimError::SecondConsumer`] while another consumer lives;
    /// [`SimError::Corrupt`] if the positions are out of range.
    pub fn consumer(&self) -> Result<Consumer<SimMemory>, SimError> {
        let memory = Mirror::consumer_memory(self.claim(Mode::Waiting)?);
        // SAFETY: C1: the claim allows one at a time, and this ring owns the pages.
        unsafe { Consumer::new(memory) }.map_err(SimError::Corrupt)
    }

    /// Returns an observer of this ring. Any number of them may live beside the consumer.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// let _consumer = ring.consumer()?;
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// assert_eq!(ring.inspector().look().fill()?, 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn inspector(&self) -> Inspector<SimInspectMemory> {
        Inspector::new(self.shared.mirror.inspector_memory())
    }

    /// Returns the right to consume, if nobody has it.
    pub(crate) fn claim(&self, mode: Mode) -> Result<Claim, SimError> {
        if !self.shared.mirror.is_owned() {
            return Err(SimError::Forked);
        }
        if self.shared.kernel.mode() != mode {
            return Err(SimError::WrongMode { overwriting: mode == Mode::Waiting });
        }
        if self.shared.claimed.swap(true, Ordering::Acquire) {
            return Err(SimError::SecondConsumer);
        }
        Ok(Claim { ring: self.clone() })
    }

    pub(crate) fn unclaim(&self) {
        self.shared.claimed.store(false, Ordering::Release);
    }

    pub(crate) fn threads(&self) -> &Threads {
        self.shared.kernel.host()
    }

    pub(crate) fn kernel(&self) -> &KernelRing<SimKernelMemory, Threads> {
        &self.shared.kernel
    }

    pub(crate) fn mirror(&self) -> &Arc<Mirror> {
        &self.shared.mirror
    }

    /// Returns the size of the data area.
    ///
    /// ```
    /// use ringbuf_sim::SimRing;
    ///
    /// assert_eq!(SimRing::new(4096)?.capacity().bytes(), 4096);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.shared.mirror.capacity()
    }

    /// Returns a waker, which ends a wait of this ring from another thread. In virtual
    /// time use [`VirtualTime::wake`](crate::VirtualTime::wake) instead.
    ///
    /// ```
    /// use ringbuf_sim::SimRing;
    ///
    /// use ringbuf_core::Wakeup;
    ///
    /// let ring = SimRing::new(4096)?;
    /// let waker = ring.waker();
    /// std::thread::spawn(move || waker.wake());
    /// assert_eq!(ring.consumer()?.wait(None)?, Wakeup::Woken);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn waker(&self) -> SimWaker {
        self.shared.kernel.host().event.waker()
    }

    /// Returns the number of notifications by producers so far.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert_eq!(ring.notifications(), 1); // only the first found the consumer caught up
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn notifications(&self) -> u64 {
        self.shared.kernel.host().event.notifications()
    }

    /// Returns everything that user space sees of the ring now. Concurrent writes
    /// of producers may or may not be included, word by word.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let pages = ring.pages();
    /// assert_eq!((pages.consumer, pages.producer), (0, 16));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    pub(crate) fn profile(&self) -> &Profile {
        self.ring.shared.kernel.profile()
    }
}

impl AsRef<Mirror> for SimRing {
    fn as_ref(&self) -> &Mirror {
        &self.shared.mirror
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
        let host = self.ring.shared.kernel.host();
        if host.faults.strikes(Fault::ClockJumps) {
            host.event.jump(Duration::from_secs(3600));
        }
        host.event.now()
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
        self.ring.unclaim();
    }
}

#[derive(Debug)]
struct Shared {
    mirror: Arc<Mirror>,
    kernel: KernelRing<SimKernelMemory, Threads>,
    claimed: AtomicBool,
}
