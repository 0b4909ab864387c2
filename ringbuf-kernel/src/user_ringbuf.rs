//! [`UserRingBuf`]: the producer that others embed.

use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::Ordering::Acquire;

use ringbuf_core::{Capacity, Producer, ProducerMemory, RingMemory};

use crate::door;
use crate::maps::Claiming;
use crate::{Exhausted, LeftOpen, MapOptions, OpenError, UserMapping, exhausted};

/// The producer of a `BPF_MAP_TYPE_USER_RINGBUF` map (Linux 6.1 and later).
///
/// It derefs to core's [`Producer`]: [`reserve`](Producer::reserve), fill,
/// submit; [`wait_for_room`](Producer::wait_for_room).
///
/// Samples go to BPF programs: one of them has to call
/// `bpf_user_ringbuf_drain`, for submitting notifies nobody. Drains hand over
/// samples in the order of reservation and stop at the first that is not yet
/// committed, so commit soon, in whatever order. A drain of another process,
/// or of no process, may be under way at any time; nothing here blocks it.
///
/// Producing starts at the stored producer position, which outlives processes.
/// So does a reservation that its process left open, and every drain stops there.
/// Opening such a ring reports [`OpenError::LeftOpen`], and
/// [`LeftOpen::recover`] discards what was left.
///
/// Lengths and positions are in bytes. A sample has at most 2^24 - 1 of them,
/// and at most the capacity less 8: more is refused before anything is written,
/// since the kernel would fail on it in every drain (`__bpf_user_ringbuf_peek`,
/// kernel/bpf/ringbuf.c, 6.1 to 7.3). The ring may become exactly full. On a
/// 32-bit kernel drains find nothing any more once 4 GiB have gone through: the
/// kernel compares positions there as if they never wrapped. See
/// [`exhausted`](Self::exhausted).
///
/// The value can be sent to another thread, and is used by one at a time. A
/// child of `fork` does not own it: dropping it or a reservation there stores
/// nothing, reserving reports
/// [`CorruptReason::Forked`](crate::CorruptReason::Forked), and
/// [`take_over`](Self::take_over) makes the child the producer. But the bytes of a
/// reservation that was open at the fork are shared: a child that writes them
/// writes into its parent's record, and later over other records. Commit what is
/// open before you fork.
///
/// ```no_run
/// use std::time::Duration;
/// use ringbuf_kernel::{ReserveError, UserRingBuf, Wakeup};
///
/// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
/// let mut reservation = loop {
///     match ring.reserve(5) {
///         Err(ReserveError::Full { .. }) => {
///             // A signal, SIGCONT included, ends a wait: look again.
///             let wakeup = ring.wait_for_room(5, Some(Duration::from_secs(1)))?;
///             assert_ne!(wakeup, Wakeup::TimedOut, "nobody drains this ring");
///         }
///         reserved => break reserved?,
///     }
/// };
/// reservation.copy_from_slice(b"hello");
/// reservation.submit(); // the next drain hands it over
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Without a kernel the same runs over `ringbuf_sim::SimUserRing`, for code
/// that is generic over the memory of a [`Producer`].
#[derive(Debug)]
pub struct UserRingBuf {
    producer: Producer<UserMapping>,
}

impl UserRingBuf {
    /// The user ring behind a map's file descriptor, from whatever loader. The
    /// descriptor is duplicated: the caller's may be closed afterwards.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the map or the descriptor.
    pub fn open(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Once)
    }

    /// As [`open`](Self::open), but does not look for other producers of the map in
    /// this process, nor for reservations that an earlier one left open, and other
    /// openings do not see this one. For a library whose handles follow other rules,
    /// as libbpf's do.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for [`OpenError::SecondProducer`] and
    /// [`OpenError::LeftOpen`].
    ///
    /// # Safety
    /// **P1** No other producer of this map reserves while this one lives.
    pub unsafe fn open_unclaimed(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?, Claiming::Never)
    }

    /// The user ring with this map id, as `bpftool map list` shows it. Needs
    /// `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchId`].
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::take(door::by_id(id)?, Claiming::Once)
    }

    /// The user ring that is pinned at `path` in bpffs.
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
    /// As of [`MapOptions::create_user`](crate::MapOptions::create_user).
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

    /// Makes this process, a child of `fork`, the producer of a ring that its
    /// parent opened. In the process that opened it, changes nothing.
    ///
    /// Producing starts where the parent has reserved up to. A reservation that
    /// the parent still has open is its own to commit; drains stop at it until
    /// then. The parent owns the ring no longer: that it exits is the usual case.
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
    /// As [`open`](Self::open). The ring is as before then.
    pub fn take_over(&mut self) -> Result<(), OpenError> {
        if !self.producer.memory().is_owned() {
            *self = Self::over(self.producer.memory().take_over()?)?;
        }
        Ok(())
    }

    /// Whether the ring has come to its end, as those of 32-bit kernels do once
    /// 2^32 bytes went through: what is submitted then is never drained. Always
    /// `None` on a 64-bit kernel.
    pub fn exhausted(&self) -> Option<Exhausted> {
        let memory = self.producer.memory();
        exhausted::user_ring(
            self.producer.position(),
            memory.load_consumer_pos(Acquire),
            memory.width(),
        )
    }

    /// Size of the data area (`max_entries` of the map).
    pub fn capacity(&self) -> Capacity {
        self.producer.memory().capacity()
    }

    /// The producer itself, for code that is generic over the memory: it writes
    /// this ring or a simulated one. `&ring` derefs to the same.
    #[must_use]
    pub fn producer(&self) -> &Producer<UserMapping> {
        &self.producer
    }

    /// The producer itself, to call [`discard_open`](Producer::discard_open).
    pub fn producer_mut(&mut self) -> &mut Producer<UserMapping> {
        &mut self.producer
    }

    /// The id of the map.
    pub fn id(&self) -> u32 {
        self.producer.memory().id()
    }

    /// The name of the map.
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
    /// The map's descriptor. It becomes writable (`EPOLLOUT`) when a drain has
    /// consumed something; it says so level-triggered unless the ring is full to
    /// the last byte, so wait edge-triggered, and look before each wait.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.producer.memory().as_fd()
    }
}

impl AsRawFd for UserRingBuf {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
