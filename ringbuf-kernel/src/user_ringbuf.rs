//! [`UserRingBuf`]: the producer to embed.

use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::Ordering::Acquire;
use std::time::Instant;

use ringbuf_core::{Capacity, Producer, ProducerMemory, Reservation, RingMemory};

use crate::door;
use crate::maps::Claiming;
use crate::{
    Exhausted, LeftOpen, MapOptions, OpenError, ReserveWaitError, SharedUserRing, UserMapping,
    WaitError, Waker, exhausted,
};

/// The producer of a `BPF_MAP_TYPE_USER_RINGBUF` map (Linux 6.1 and later).
///
/// It derefs to core's [`Producer`]: [`reserve`](Producer::reserve) bytes, fill them
/// and submit. [`reserve_within`](Producer::reserve_within) waits for space.
/// [`batch`](Producer::batch) and [`submit_all`](Producer::submit_all) publish many
/// samples by one store. Several reservations may be open at once, and may be committed
/// in any order, also by other threads. [`share`](Self::share) lets many threads reserve.
///
/// BPF programs take the samples. One of them must call `bpf_user_ringbuf_drain`,
/// because submitting notifies nobody: make that program run once for each batch, by
/// `BPF_PROG_TEST_RUN` or by whatever it is attached to. A drain hands over samples in
/// the order of reservation and stops at the first that is not committed. So commit
/// soon. A drain may run at any time, and nothing here blocks it.
///
/// Producing starts at the stored producer position, which outlives processes. A
/// reservation that its process left open outlives the process, too: every drain stops
/// there.
/// Opening such a ring reports [`OpenError::LeftOpen`], and
/// [`LeftOpen::recover`] discards what was left.
///
/// Lengths and positions are in bytes. A sample has at most 2^24 - 1 bytes, and at most
/// the capacity less 8. A longer one is refused before anything is written, because
/// every drain would fail on it (`__bpf_user_ringbuf_peek`, kernel/bpf/ringbuf.c, 6.1
/// to 7.3). The ring may become exactly full. On a 32-bit kernel the ring dies after
/// 4 GiB: see [`exhausted`](Self::exhausted).
///
/// The value can be sent to another thread; one thread at a time reserves with it.
///
/// A child of `fork` does not own the ring. Dropping it or a reservation there stores
/// nothing. Reserving reports
/// [`CorruptReason::Forked`](crate::CorruptReason::Forked).
/// [`take_over`](Self::take_over) makes the child the producer. Commit every
/// reservation before you fork: its bytes are shared, and a child that writes them
/// writes into the parent's records.
///
/// ```no_run
/// use std::time::Duration;
/// use ringbuf_kernel::UserRingBuf;
///
/// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
/// let mut reservation = ring.reserve_within(5, Some(Duration::from_secs(1)))?;
/// reservation.copy_from_slice(b"hello");
/// reservation.submit(); // the next drain hands it over
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Code that is generic over the memory of a [`Producer`] runs over
/// `ringbuf_sim::SimUserRing` as well, without a kernel.
#[derive(Debug)]
pub struct UserRingBuf {
    producer: Producer<UserMapping>,
}

impl UserRingBuf {
    /// Opens the user ring behind a map's file descriptor, from any loader. The
    /// descriptor is duplicated, so the caller may close its own.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// # fn example(map: std::os::fd::OwnedFd) -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = UserRingBuf::open(&map)?;
    /// ring.reserve(8)?.submit();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the map or the descriptor.
    pub fn open(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Once)
    }

    /// As [`open`](Self::open), but does not look for other producers of the map in
    /// this process, nor for reservations that an earlier one left open, and other
    /// openings do not see this one. Use it in a library that allows several
    /// handles of one map, as libbpf does.
    ///
    /// # Errors
    /// As [`open`](Self::open), without [`OpenError::SecondProducer`] and
    /// [`OpenError::LeftOpen`].
    ///
    /// # Safety
    /// **P1** No other producer of this map reserves while this one lives.
    pub unsafe fn open_unclaimed(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Never)
    }

    /// Opens the user ring with this map id, as `bpftool map list` shows it. Needs
    /// `CAP_SYS_ADMIN`.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// let ring = UserRingBuf::from_id(58)?;
    /// println!("{}", ring.name());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchId`].
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::take(door::by_id(id)?, Claiming::Once)
    }

    /// Opens the user ring that is pinned at `path` in bpffs.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// ring.submit_all(&[b"hello"])?;
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
    /// # use ringbuf_kernel::UserRingBuf;
    /// use std::os::fd::AsFd;
    ///
    /// let ring = UserRingBuf::create(64 * 1024)?;
    /// let map = ring.as_fd(); // for your loader, to reuse it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`MapOptions::create_user`](crate::MapOptions::create_user).
    pub fn create(bytes: u64) -> Result<Self, OpenError> {
        MapOptions::new(bytes).create_user()
    }

    pub(crate) fn created(fd: OwnedFd) -> Result<Self, OpenError> {
        Self::take(fd, Claiming::Once)
    }

    fn take(fd: OwnedFd, claiming: Claiming) -> Result<Self, OpenError> {
        let ring = Self::over(UserMapping::take(fd, claiming)?)?;
        if claiming == Claiming::Once {
            let open = ring.open_reservations().map_err(OpenError::Corrupt)?;
            if open > 0 {
                return Err(OpenError::LeftOpen(LeftOpen::new(&ring, open)?));
            }
        }
        Ok(ring)
    }

    pub(crate) fn over(mapping: UserMapping) -> Result<Self, OpenError> {
        // SAFETY: P1: the mapping's claim admits no other in this process, or
        // the caller of `open_unclaimed` vouches; other processes: SAFETY.md,
        // assumption A1.
        let producer = unsafe { Producer::new(mapping) }.map_err(OpenError::Corrupt)?;
        Ok(Self { producer })
    }

    /// Makes this process, a child of `fork`, the producer of a ring that its parent
    /// opened. In the process that opened the ring it does nothing.
    ///
    /// Producing starts behind the parent's last reservation. The parent then no longer
    /// owns the ring; usually it exits. A reservation that it left open stalls drains:
    /// call [`discard_open`](Producer::discard_open).
    ///
    /// ```no_run
    /// # fn daemonize() {}
    /// let mut ring = ringbuf_kernel::UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// daemonize(); // forks; the parent exits
    /// ring.take_over()?;
    /// ring.reserve(8)?.submit();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open). After an error the ring is as before.
    pub fn take_over(&mut self) -> Result<(), OpenError> {
        if !self.producer.memory().is_owned() {
            let ring = Self::over(self.producer.memory().take_over()?)?;
            ring.producer.memory().succeed(self.producer.memory());
            *self = ring;
        }
        Ok(())
    }

    /// Lets many threads reserve. Clones of the result share the ring.
    ///
    /// ```no_run
    /// let ring = ringbuf_kernel::UserRingBuf::from_pin("/sys/fs/bpf/commands")?.share();
    /// let other = ring.clone();
    /// std::thread::spawn(move || other.submit_all(&[b"from another thread"]));
    /// ring.submit_all(&[b"first", b"second"])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn share(self) -> SharedUserRing {
        SharedUserRing::new(self.producer)
    }

    /// As [`reserve_within`](Producer::reserve_within), with a point in time. One
    /// deadline serves for several reservations.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// use std::time::{Duration, Instant};
    ///
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// for _ in 0..10 {
    ///     ring.reserve_until(8, deadline)?.submit(); // a second for all ten
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReserveWaitError`].
    pub fn reserve_until(
        &self,
        len: u32,
        deadline: Instant,
    ) -> Result<Reservation<'_, UserMapping>, ReserveWaitError<WaitError>> {
        self.reserve_within(len, Some(deadline.saturating_duration_since(Instant::now())))
    }

    /// Whether the ring is dead. On a 32-bit kernel a user ring dies after 2^32 bytes:
    /// no drain finds a later sample. Always `None` on a 64-bit kernel.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// if let Some(exhausted) = ring.exhausted() {
    ///     eprintln!("{exhausted}"); // make a new ring
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exhausted(&self) -> Option<Exhausted> {
        let memory = self.producer.memory();
        exhausted::user_ring(
            self.producer.position(),
            memory.load_consumer_pos(Acquire),
            memory.width(),
        )
    }

    /// Size of the data area (`max_entries` of the map).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// println!("{} of {} bytes", ring.lag(), ring.capacity().bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn capacity(&self) -> Capacity {
        self.producer.memory().capacity()
    }

    /// The producer itself, for code that writes real and simulated rings alike.
    /// `&ring` derefs to the same.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// use ringbuf_kernel::{Producer, ReserveError, UserMapping};
    ///
    /// fn hello(ring: &Producer<UserMapping>) -> Result<(), ReserveError> {
    ///     ring.submit_all(&[b"hello"]).map(|_| ())
    /// }
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// hello(ring.producer())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn producer(&self) -> &Producer<UserMapping> {
        &self.producer
    }

    /// The producer itself, to call [`discard_open`](Producer::discard_open).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// let mut ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// println!("{} discarded", ring.producer_mut().discard_open()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn producer_mut(&mut self) -> &mut Producer<UserMapping> {
        &mut self.producer
    }

    /// A waker: ends a wait of this ring from another thread or a signal handler. Ask
    /// again after [`take_over`](Self::take_over).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// let waker = ring.waker()?;
    /// std::thread::spawn(move || waker.wake()); // ends a wait for space
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WaitError`] if no file descriptor is left.
    pub fn waker(&self) -> Result<Waker, WaitError> {
        self.producer.memory().waker()
    }

    /// The id of the map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// println!("bpftool map show id {}", ring.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> u32 {
        self.producer.memory().id()
    }

    /// The name of the map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::UserRingBuf;
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// println!("{}", ring.name());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(&self) -> &str {
        self.producer.memory().name()
    }
}

impl Deref for UserRingBuf {
    type Target = Producer<UserMapping>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl AsFd for UserRingBuf {
    /// The map's descriptor, for an event loop or an executor of your own. It becomes
    /// writable (`EPOLLOUT`) when a drain has consumed something.
    ///
    /// Register it edge-triggered: level-triggered epoll reports it as writable unless the
    /// ring is full to the last byte (`ringbuf_map_poll_user`, kernel/bpf/ringbuf.c, 6.1 to
    /// 7.3). Then for each sample: clear the readiness, try [`reserve`](Producer::reserve)
    /// (or look by [`has_room`](Producer::has_room)), and sleep if it is full. In this order
    /// no edge is missed: a drain notifies after it has released the space. No fence is
    /// needed, and nothing like a reader's `arm`. A drain with `BPF_RB_NO_WAKEUP` does not
    /// notify: sleep no longer than [`MAX_SLEEP`](Producer::MAX_SLEEP).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.producer.memory().as_fd()
    }
}

impl AsRawFd for UserRingBuf {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
