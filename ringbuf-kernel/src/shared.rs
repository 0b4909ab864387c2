//! [`SharedUserRing`]: one producer for many threads.

use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringbuf_core::{
    OwnedReservation, Position, Produced, Producer, Reservation, ReserveError, ReserveWaitError,
    WaitHost,
};

use crate::sleep::Sleeper;
use crate::{Capacity, RingMemory, UserMapping, WaitError, Waker};

/// A [`UserRingBuf`](crate::UserRingBuf) that many threads write. Clones share the ring; it closes with the
/// last clone and the last [`OwnedReservation`]. [`UserRingBuf::share`](crate::UserRingBuf::share) makes it.
///
/// It derefs to core's [`Producer`]. A lock is held while a reservation is made: a few
/// loads and stores. Filling and committing take no lock, and a commit in one thread
/// never waits for another. Drains deliver in the order of reservation, and **stop at
/// the first reservation that is still open**, whichever thread has it. So commit soon.
/// Several threads may wait for space at once; each drain wakes all of them. They have no
/// order: a long sample may wait while short ones fit.
///
/// Do not reserve in a signal handler: the thread below it may have the lock.
///
/// In a child of `fork` every reservation reports
/// [`CorruptReason::Forked`](crate::CorruptReason::Forked), even if another thread had
/// the lock at the fork. A shared ring cannot be taken over: after the parent has closed
/// it, open the ring again.
///
/// ```no_run
/// use std::thread;
/// use std::time::Duration;
/// use ringbuf_kernel::UserRingBuf;
///
/// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?.share();
/// thread::scope(|scope| {
///     for worker in 0..4_u8 {
///         let ring = &ring; // or ring.clone(), for a thread that goes on
///         scope.spawn(move || {
///             let mut reservation = ring.reserve_within(1, Some(Duration::from_secs(1)))?;
///             reservation[0] = worker;
///             reservation.submit();
///             Ok::<(), ringbuf_kernel::ReserveWaitError<ringbuf_kernel::WaitError>>(())
///         });
///     }
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedUserRing {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    producer: Producer<UserMapping, Locked>,
    /// Sleepers that nobody uses now. There are as many as threads have ever waited at
    /// the same time. Each has an epoll set of its own, because an edge ends the sleep
    /// of one thread only.
    idle: Mutex<Vec<Sleeper>>,
}

impl SharedUserRing {
    pub(crate) fn new(producer: Producer<UserMapping>) -> Self {
        let producer = producer.share();
        Self { shared: Arc::new(Shared { producer, idle: Mutex::default() }) }
    }

    /// Reserves `len` bytes, as [`Producer::reserve`]. The reservation keeps the ring
    /// open, so it may be stored, or be sent to a thread that fills and commits it.
    ///
    /// ```no_run
    /// use std::thread;
    /// use ringbuf_kernel::UserRingBuf;
    ///
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?.share();
    /// let mut reservation = ring.reserve_owned(5)?;
    /// thread::spawn(move || {
    ///     reservation.bytes().copy_from_slice(b"hello");
    ///     reservation.submit();
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Producer::reserve`].
    pub fn reserve_owned(&self, len: u32) -> Result<OwnedReservation<OpenRing>, ReserveError> {
        let reservation = self.shared.producer.reserve(len)?;
        let holder = OpenRing(self.shared.clone());
        // SAFETY: P3: the producer stays where it is while a clone of the `Arc` lives,
        // and nothing here borrows it mutably.
        Ok(unsafe { reservation.into_owned(holder) })
    }

    /// Reserves `len` bytes, and waits for space, but no longer than `timeout`. `None`
    /// means no limit. See [`Producer::reserve_within`].
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use ringbuf_kernel::{ReserveWaitError, UserRingBuf};
    ///
    /// let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?.share();
    /// match ring.reserve_within(5, Some(Duration::from_secs(1))) {
    ///     Ok(mut reservation) => {
    ///         reservation.copy_from_slice(b"hello");
    ///         reservation.submit();
    ///     }
    ///     Err(ReserveWaitError::TimedOut { .. }) => eprintln!("nobody drains this ring"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReserveWaitError`]. [`Woken`](ReserveWaitError::Woken) only after a call of
    /// [`waker`](Self::waker).
    pub fn reserve_within(
        &self,
        len: u32,
        timeout: Option<Duration>,
    ) -> Result<Reservation<'_, UserMapping>, ReserveWaitError<WaitError>> {
        // A deadline too far to represent means no limit.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.reserve_before(len, deadline)
    }

    /// As [`reserve_within`](Self::reserve_within), with a point in time. One deadline
    /// serves for several reservations.
    ///
    /// ```no_run
    /// use std::time::{Duration, Instant};
    /// # use ringbuf_kernel::UserRingBuf;
    ///
    /// # let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?.share();
    /// let deadline = Instant::now() + Duration::from_secs(1); // for all three
    /// for sample in [b"one", b"two", b"end"] {
    ///     let mut reservation = ring.reserve_until(3, deadline)?;
    ///     reservation.copy_from_slice(sample);
    ///     reservation.submit();
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`reserve_within`](Self::reserve_within).
    pub fn reserve_until(
        &self,
        len: u32,
        deadline: Instant,
    ) -> Result<Reservation<'_, UserMapping>, ReserveWaitError<WaitError>> {
        self.reserve_before(len, Some(deadline))
    }

    fn reserve_before(
        &self,
        len: u32,
        deadline: Option<Instant>,
    ) -> Result<Reservation<'_, UserMapping>, ReserveWaitError<WaitError>> {
        // Mostly there is space, and nothing to wait for. In a child of `fork` this is
        // an error, so the lock below is not taken there.
        match self.shared.producer.reserve(len) {
            Err(ReserveError::Full { .. }) => {}
            reserved => return reserved.map_err(ReserveWaitError::Refused),
        }
        let sleeper = self.shared.sleeper().map_err(ReserveWaitError::Sleep)?;
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let deadline = left.map_or(Duration::MAX, |left| sleeper.now().saturating_add(left));
        let reserved = self.shared.producer.reserve_by(&sleeper, len, deadline);
        self.shared.idle().push(sleeper);
        reserved
    }

    /// A waker: ends a [`reserve_within`](Self::reserve_within) that waits, with
    /// [`ReserveWaitError::Woken`]. If several threads wait, a wake ends the wait of one
    /// of them; that thread may wake the next. A close ends all of them, the last one after
    /// [`MAX_SLEEP`](Producer::MAX_SLEEP). Wakers that were made before
    /// [`share`](crate::UserRingBuf::share) end these waits, too.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{ReserveWaitError, UserRingBuf};
    /// # let ring = UserRingBuf::from_pin("/sys/fs/bpf/commands")?.share();
    /// let waker = ring.waker()?;
    /// std::thread::spawn(move || waker.close()); // no thread waits for space any more
    /// if let Err(ReserveWaitError::Closed) = ring.reserve_within(8, None) {
    ///     println!("the program ends");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WaitError`] if no file descriptor is left.
    pub fn waker(&self) -> Result<Waker, WaitError> {
        self.shared.producer.memory().waker()
    }

    /// Size of the data area (`max_entries` of the map).
    ///
    /// ```no_run
    /// # let ring = ringbuf_kernel::UserRingBuf::from_pin("/sys/fs/bpf/commands")?.share();
    /// println!("map {} ({}): {} bytes", ring.id(), ring.name(), ring.capacity().bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.memory().capacity()
    }

    /// The id of the map.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.memory().id()
    }

    /// The name of the map.
    #[must_use]
    pub fn name(&self) -> &str {
        self.memory().name()
    }
}

impl Deref for SharedUserRing {
    type Target = Producer<UserMapping, Locked>;

    fn deref(&self) -> &Self::Target {
        &self.shared.producer
    }
}

impl AsFd for SharedUserRing {
    /// The map's descriptor. See [`UserRingBuf::as_fd`](crate::UserRingBuf#method.as_fd).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory().as_fd()
    }
}

impl AsRawFd for SharedUserRing {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Shared {
    /// A sleeper that no other thread uses. An event that it has not seen yet only makes
    /// its first sleep end at once.
    fn sleeper(&self) -> Result<Sleeper, WaitError> {
        match self.idle().pop() {
            Some(sleeper) => Ok(sleeper),
            None => self.producer.memory().another_sleeper(),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Sleeper>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a shared user ring open: what an [`OwnedReservation`] holds.
#[derive(Clone, Debug)]
pub struct OpenRing(Arc<Shared>);

impl Deref for OpenRing {
    type Target = UserMapping;

    fn deref(&self) -> &UserMapping {
        self.0.producer.memory()
    }
}

/// The producer position behind a lock.
#[derive(Debug)]
pub struct Locked(Mutex<Position>);

// SAFETY: P2: the lock is held for a step.
unsafe impl Produced for Locked {
    fn new(position: Position) -> Self {
        Self(Mutex::new(position))
    }

    fn step<R>(&self, step: impl FnOnce(&mut Position) -> R) -> R {
        // No step of core panics.
        step(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
