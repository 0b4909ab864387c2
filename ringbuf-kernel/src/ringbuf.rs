//! [`RingBuf`]: the reader to embed.

use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::Ordering::Acquire;

use ringbuf_core::{Capacity, Consumer, ConsumerMemory, RingMemory, WaitPolicy, Width};

use crate::door;
use crate::maps::Claiming;
use crate::{Exhausted, MapOptions, Mapping, OpenError, WaitError, Waker};

/// The consumer of a `BPF_MAP_TYPE_RINGBUF` map.
///
/// It derefs to core's [`Consumer`]. Read with [`drain`](Consumer::drain),
/// [`for_each`](Consumer::for_each), [`next_record`](Consumer::next_record) or
/// [`batch`](Consumer::batch). Wait with [`wait`](Consumer::wait); the
/// [`WaitPolicy`] says how.
///
/// Reading starts at the stored consumer position, which outlives processes. So a
/// new reader of a pinned map goes on where the last one stopped. It delivers again
/// the records that the last reader had read and not published. Dropping
/// the ring publishes the position. The map stays.
///
/// # One reader
/// A second reader of the same map in this process is refused
/// ([`OpenError::SecondConsumer`]). This library cannot see readers of another
/// process or library. Two readers take records from each other, and the bytes of a
/// borrowed record may change (assumption A1 of SAFETY.md).
///
/// Opening is safe all the same, as memmap2 is for a file that nobody truncates:
/// every length is checked, so nothing else in this process can be corrupted. The
/// library reports a second reader if the shared position shows it
/// ([`CorruptReason::ConsumerMoved`](crate::CorruptReason::ConsumerMoved)).
///
/// # Fork
/// A child of `fork` does not own the ring. Dropping it there changes nothing. Reading
/// it reports [`CorruptReason::Forked`](crate::CorruptReason::Forked).
/// [`take_over`](Self::take_over) makes the child the reader. If a record was lent
/// before the fork, its bytes may change in the child when the parent reads on.
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
    /// Opens the ring behind a map's file descriptor, from any loader. The
    /// descriptor is duplicated, so the caller may close its own.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// # fn example(map: std::os::fd::OwnedFd) -> Result<(), Box<dyn std::error::Error>> {
    /// // `map` is aya's `map.fd()`, or libbpf-rs' `&skel.maps.events`.
    /// let mut ring = RingBuf::open(&map)?;
    /// ring.drain(|record| println!("{} bytes", record.len()))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the map or the descriptor.
    pub fn open(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Once)
    }

    /// As [`open`](Self::open), but does not look for other consumers of the map in
    /// this process, and they do not see this one. Use it in a library that
    /// allows several handles of one map, as libbpf does.
    ///
    /// # Errors
    /// As [`open`](Self::open), without [`OpenError::SecondConsumer`].
    ///
    /// # Safety
    /// **C1** Use one consumer of this map at a time, and none while another lends a
    /// record. After another consumer has read, only drop this one.
    pub unsafe fn open_unclaimed(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Never)
    }

    /// Opens the ring with this map id, as `bpftool map list` shows it. Needs
    /// `CAP_SYS_ADMIN`.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// let ring = RingBuf::from_id(57)?;
    /// println!("{}", ring.name());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchId`].
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::take(door::by_id(id)?, Claiming::Once)
    }

    /// Opens the ring that is pinned at `path` in bpffs.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// ring.drain(|record| println!("{} bytes", record.len()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchPin`], [`OpenError::PinPath`] and
    /// [`OpenError::NotAMapPin`].
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        Self::take(door::by_pin(path)?, Claiming::Once).map_err(|error| door::pinned(path, error))
    }

    /// Creates a map of `bytes`, a power of two and a multiple of the page size,
    /// named `ringbuf`. To choose the name and more, use
    /// [`MapOptions`](crate::MapOptions), above all for a map that a loader finds by
    /// its name (`bpf_map__reuse_fd`).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// use std::os::fd::AsFd;
    ///
    /// let ring = RingBuf::create(256 * 1024)?;
    /// let map = ring.as_fd(); // for your loader, to reuse it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`MapOptions::create`](crate::MapOptions::create).
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

    /// The same ring with this policy of waiting: see [`Consumer::set_policy`].
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, WaitPolicy};
    /// let ring = RingBuf::from_pin("/sys/fs/bpf/events")?.with_policy(WaitPolicy::low_cost());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_policy(mut self, policy: WaitPolicy) -> Self {
        self.consumer.set_policy(policy);
        self
    }

    /// Makes this process, a child of `fork`, the reader of a ring that its parent
    /// opened. It is for a daemon that opens its rings, reports errors, and then
    /// forks. In the process that opened the ring it does nothing.
    ///
    /// Reading starts at the position that the parent published last. Records that the
    /// parent read and did not publish are delivered again. Counts start at 0. The
    /// policy stays; call a bare [`hold_back`](Consumer::hold_back) again.
    ///
    /// The parent then no longer owns the ring: dropping it there changes nothing, and
    /// using it is an error. The parent must not be reading at this moment, in any thread.
    /// Usually it exits.
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
    /// As [`open`](Self::open). After an error the ring is as before.
    pub fn take_over(&mut self) -> Result<(), OpenError> {
        if self.consumer.memory().is_owned() {
            return Ok(());
        }
        let mut ring = Self::over(self.consumer.memory().take_over()?)?;
        ring.consumer.memory().succeed(self.consumer.memory());
        if let Some(policy) = self.consumer.policy() {
            ring.set_policy(policy.clone());
        }
        *self = ring;
        Ok(())
    }

    /// Whether the ring is dead. On most 32-bit kernels a ring dies after 2^32 bytes:
    /// nothing arrives any more, and programs cannot reserve. Always `None` on a 64-bit
    /// kernel.
    ///
    /// Costs three loads. Ask now and then, or when nothing has arrived for long. Only
    /// a second look, after another record, can confirm it.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// let ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// if let Some(exhausted) = ring.exhausted() {
    ///     eprintln!("{exhausted}"); // make a new ring
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// let ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// println!("{} of {} bytes", ring.lag()?, ring.capacity().bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.consumer.memory().capacity()
    }

    /// Width of the positions: the kernel's `unsigned long`.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// let ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// println!("{:?}", ring.width());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn width(&self) -> Width {
        self.consumer.memory().width()
    }

    /// The consumer itself, for code that reads real and simulated rings alike.
    /// `&mut ring` derefs to the same.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// use ringbuf_kernel::{Backend, Consumer, Corrupt};
    ///
    /// /// Reads a real ring, and in its test a simulated one.
    /// fn count(ring: &mut Consumer<impl Backend>) -> Result<u64, Corrupt> {
    ///     ring.drain(|_| ())?;
    ///     Ok(ring.counts().delivered)
    /// }
    /// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// println!("{}", count(ring.consumer_mut())?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn consumer_mut(&mut self) -> &mut Consumer<Mapping> {
        &mut self.consumer
    }

    /// A waker: ends a wait of this ring from another thread or a signal handler. Ask
    /// again after [`take_over`](Self::take_over).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{RingBuf, Wakeup};
    /// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// let waker = ring.waker()?;
    /// std::thread::spawn(move || waker.wake()); // a thread that waits for signals, say
    /// while ring.wait(None)? != Wakeup::Woken {
    ///     ring.drain(|record| println!("{} bytes", record.len()))?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WaitError`] if no file descriptor is left.
    pub fn waker(&self) -> Result<Waker, WaitError> {
        self.consumer.memory().waker()
    }

    /// The id of the map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// let ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// println!("bpftool map show id {}", ring.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> u32 {
        self.consumer.memory().id()
    }

    /// The name of the map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::RingBuf;
    /// let ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// println!("{}", ring.name()); // at most 15 bytes
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.consumer.memory().name()
    }
}

impl AsRef<Consumer<Mapping>> for RingBuf {
    fn as_ref(&self) -> &Consumer<Mapping> {
        &self.consumer
    }
}

impl AsMut<Consumer<Mapping>> for RingBuf {
    fn as_mut(&mut self) -> &mut Consumer<Mapping> {
        &mut self.consumer
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
    /// The map's descriptor. It becomes readable (`EPOLLIN`) when a commit finds the
    /// consumer caught up. Wait edge-triggered: level-triggered epoll reports it as
    /// readable also while the head is busy.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.consumer.memory().as_fd()
    }
}

impl AsRawFd for RingBuf {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
