//! [`UserRingBuf`]: the producer that others embed.

use std::cell::OnceCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

use ringbuf_core::{
    Capacity, Corrupt, CorruptReason, Position, Producer, ProducerMemory, Reservation, ReserveError,
};

use crate::door::{self, Kind};
use crate::poll::Edge;
use crate::{Exhausted, OpenError, UserMapping, WaitError, Wakeup, exhausted};

/// The producer of a `BPF_MAP_TYPE_USER_RINGBUF` map (Linux 6.1 and later).
///
/// Samples go to BPF programs: one of them has to call
/// `bpf_user_ringbuf_drain`, for submitting notifies nobody. Drains hand over
/// samples in the order of reservation and stop at the first that is not yet
/// committed, so commit soon, in whatever order. A drain of another process,
/// or of no process, may be under way at any time; nothing here blocks it.
///
/// Producing starts at the stored producer position, which outlives processes.
/// So does a reservation that its process left open: it stalls every drain of
/// that map for ever, and the map has to be made anew.
///
/// Lengths and positions are in bytes. A sample has at most 2^24 - 1 of them,
/// and at most the capacity less 8: more is refused before anything is written,
/// since the kernel would fail on it in every drain (`__bpf_user_ringbuf_peek`,
/// kernel/bpf/ringbuf.c, 6.1 to 7.3). The ring may become exactly full. On a
/// 32-bit kernel drains find nothing any more once 4 GiB have gone through: the
/// kernel compares positions there as if they never wrapped. See
/// [`exhausted`](Self::exhausted).
///
/// The value can be sent to another thread, and is used by one at a time.
///
/// ```no_run
/// use std::time::Duration;
/// use ringbuf_kernel::{ReserveError, UserRingBuf, Wakeup};
///
/// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
/// let mut reservation = match ring.reserve(5) {
///     Err(ReserveError::Full { .. }) => {
///         let wakeup = ring.wait_for_room(5, Some(Duration::from_secs(1)))?;
///         assert_eq!(wakeup, Wakeup::Ready, "nobody drains this ring");
///         ring.reserve(5)?
///     }
///     other => other?,
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
    edge: OnceCell<Edge>,
    fd: OwnedFd,
}

impl UserRingBuf {
    /// The longest sleep between two looks for space that nobody announces.
    pub const SLEEP_BOUND: Duration = Duration::from_millis(100);

    /// The user ring behind a map's file descriptor, from whatever loader. The
    /// descriptor is duplicated: the caller's may be closed afterwards.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the map or the descriptor.
    pub fn open(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?)
    }

    /// The user ring with this map id, as `bpftool map list` shows it. Needs
    /// `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchId`].
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::take(door::by_id(id)?)
    }

    /// The user ring that is pinned at `path` in bpffs.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchPin`].
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::take(door::by_pin(path.as_ref())?)
    }

    /// A new user ring of `bytes`: a power of two, a multiple of the page size.
    /// Give its descriptor to a loader (`bpf_map__reuse_fd` and its likes).
    ///
    /// # Errors
    /// [`OpenError::Capacity`], [`OpenError::Privilege`],
    /// [`OpenError::UnsupportedKernel`] before Linux 6.1, and what memory
    /// shortage brings.
    pub fn create(bytes: u64) -> Result<Self, OpenError> {
        Self::take(door::create(Kind::UserRing, bytes)?)
    }

    fn take(fd: OwnedFd) -> Result<Self, OpenError> {
        let mapping = UserMapping::new(&fd)?;
        check_positions(&mapping).map_err(OpenError::Corrupt)?;
        // SAFETY: P1: the mapping's claim admits no other in this process;
        // other processes: SAFETY.md, assumption A1.
        let producer = unsafe { Producer::new(mapping) };
        Ok(Self { producer, edge: OnceCell::new(), fd })
    }

    /// Reserves `len` bytes. Never blocks. See [`Producer::reserve`]; several
    /// reservations may be open at once.
    ///
    /// # Errors
    /// [`ReserveError`]; of these only [`ReserveError::Full`] is worth waiting
    /// for.
    pub fn reserve(&self, len: u32) -> Result<Reservation<'_, UserMapping>, ReserveError> {
        self.producer.reserve(len)
    }

    /// Waits until `len` bytes can be reserved, for `timeout` at most (`None`:
    /// for ever). Commit what is open first: no drain gets past it.
    ///
    /// Returns at once if waiting cannot help: there is room, or the
    /// reservation will fail for another reason. Space that is drained with
    /// `BPF_RB_NO_WAKEUP`, or by a drain that still runs, announces nothing, so
    /// no sleep is longer than [`UserRingBuf::SLEEP_BOUND`].
    ///
    /// # Ordering
    /// No fence is needed here, unlike before a consumer's sleep: a drain
    /// notifies whenever it consumed anything, whatever the producer does, and
    /// after it has released the space. So an edge that arrives after the look
    /// ends the sleep, and the look that follows an edge sees what the drain
    /// released. Model: `user_space`. Edge-triggered, because poll reports a
    /// ring as writable unless it is full to the last byte.
    ///
    /// # Errors
    /// What epoll reports.
    pub fn wait_for_room(&self, len: u32, timeout: Option<Duration>) -> Result<Wakeup, WaitError> {
        // A time too far to represent is for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        // Before the look: from here on no edge is missed.
        let edge = self.edge().map_err(WaitError::Epoll)?;
        loop {
            if self.producer.has_room(len) {
                return Ok(Wakeup::Ready);
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let sleep = left.unwrap_or(Duration::MAX).min(Self::SLEEP_BOUND);
            if sleep.is_zero() {
                return Ok(Wakeup::TimedOut);
            }
            match edge.sleep(sleep) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    return Ok(Wakeup::Interrupted);
                }
                Err(error) => return Err(WaitError::Epoll(error)),
                Ok(_) => {}
            }
        }
    }

    /// The epoll set, made by the first wait.
    fn edge(&self) -> io::Result<&Edge> {
        match self.edge.get() {
            Some(edge) => Ok(edge),
            None => {
                let edge = Edge::new(&self.fd, libc::EPOLLOUT)?;
                Ok(self.edge.get_or_init(|| edge))
            }
        }
    }

    /// The largest sample that this ring takes.
    pub fn max_sample(&self) -> u32 {
        self.producer.max_sample()
    }

    /// Whether the ring has come to its end, as those of 32-bit kernels do once
    /// 2^32 bytes went through: what is submitted then is never drained. Always
    /// `None` on a 64-bit kernel.
    pub fn exhausted(&self) -> Option<Exhausted> {
        let memory = self.producer.memory();
        exhausted::user_ring(self.position(), memory.load_consumer_pos(Acquire), memory.width())
    }

    /// Bytes produced and not yet drained, open reservations included.
    pub fn lag(&self) -> u64 {
        self.producer.lag()
    }

    /// The produced position.
    pub fn position(&self) -> Position {
        self.producer.position()
    }

    /// Size of the data area (`max_entries` of the map).
    pub fn capacity(&self) -> Capacity {
        self.producer.memory().capacity()
    }

    /// The producer itself, for code that is generic over the memory: it writes
    /// this ring or a simulated one.
    pub fn producer(&self) -> &Producer<UserMapping> {
        &self.producer
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

impl AsFd for UserRingBuf {
    /// The map's descriptor. It becomes writable (`EPOLLOUT`) when a drain has
    /// consumed something; it says so level-triggered unless the ring is full to
    /// the last byte, so wait edge-triggered, and look before each wait.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether the last producer left positions that a drain accepts.
fn check_positions(memory: &impl ProducerMemory) -> Result<(), Corrupt> {
    let producer = memory.initial_producer_pos();
    let position = memory.load_consumer_pos(Acquire);
    let corrupt = |reason| Err(Corrupt { position, reason });
    if !producer.is_aligned() {
        return corrupt(CorruptReason::ProducerMisaligned { producer });
    }
    if producer.distance(position, memory.width()) > memory.capacity().bytes() {
        return corrupt(CorruptReason::ProducerOutOfRange { producer });
    }
    Ok(())
}
