//! [`SharedSimUserRing`]: the producer of a simulated user ring, for many threads.

use std::cell::Cell;
use std::convert::Infallible;
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_core::{
    OwnedReservation, Position, Produced, Producer, Reservation, ReserveError, ReserveWaitError,
    WaitHost, WakeCause, Wakes,
};

use crate::{SimUserMemory, SimUserRing};

/// The producer of a [`SimUserRing`](crate::SimUserRing) that many threads use, as
/// `ringbuf_kernel::SharedUserRing` is for a real one. Clones share the producer. It
/// derefs to core's [`Producer`].
///
/// ```
/// use std::ops::ControlFlow;
/// use std::thread;
/// use ringbuf_sim::{Flags, SimUserRing};
///
/// let ring = SimUserRing::new(4096)?;
/// let producer = ring.shared_producer()?;
/// thread::scope(|scope| {
///     for worker in 0..4_u8 {
///         let producer = &producer;
///         scope.spawn(move || {
///             let mut reservation = producer.reserve_within(1, None).expect("a sound ring");
///             reservation[0] = worker;
///             reservation.submit();
///         });
///     }
/// });
/// assert_eq!(ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()))?, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedSimUserRing {
    producer: Arc<Producer<SimUserMemory, Locked>>,
    ring: SimUserRing,
}

impl SharedSimUserRing {
    pub(crate) fn new(producer: Producer<SimUserMemory>, ring: SimUserRing) -> Self {
        Self { producer: Arc::new(producer.share()), ring }
    }

    /// Reserves `len` bytes. The reservation keeps the producer alive, so it may be
    /// stored, or be sent to a thread that fills and commits it.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::thread;
    /// use ringbuf_sim::{Flags, SimUserRing};
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let mut reservation = ring.shared_producer()?.reserve_owned(5)?;
    /// thread::spawn(move || {
    ///     reservation.bytes().copy_from_slice(b"hello");
    ///     reservation.submit();
    /// })
    /// .join()
    /// .unwrap();
    /// assert_eq!(ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()))?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Producer::reserve`].
    pub fn reserve_owned(&self, len: u32) -> Result<OwnedReservation<OpenSimRing>, ReserveError> {
        let reservation = self.producer.reserve(len)?;
        let holder = OpenSimRing(self.producer.clone());
        // SAFETY: P3: the producer stays where it is while a clone of the `Arc` lives,
        // and nothing here borrows it mutably.
        Ok(unsafe { reservation.into_owned(holder) })
    }

    /// Reserves `len` bytes, and waits for space, but no longer than `timeout`. `None`
    /// means no limit. See [`Producer::reserve_within`]. Each drain that notifies wakes
    /// all waiting threads. It has no waker.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::ReserveWaitError;
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.shared_producer()?;
    /// producer.reserve_within(4000, None)?.submit();
    /// let full = producer.reserve_within(4000, Some(Duration::from_millis(1)));
    /// assert!(matches!(full, Err(ReserveWaitError::TimedOut { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReserveWaitError`].
    pub fn reserve_within(
        &self,
        len: u32,
        timeout: Option<Duration>,
    ) -> Result<Reservation<'_, SimUserMemory>, ReserveWaitError<Infallible>> {
        let bell = self.ring.bell();
        let waiter = Waiter { bell, heard: Cell::new(bell.rung()), start: Instant::now() };
        let deadline = timeout.unwrap_or(Duration::MAX);
        self.producer.reserve_by(&waiter, len, deadline)
    }

    /// As [`reserve_within`](Self::reserve_within), with a point in time.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.shared_producer()?;
    /// let deadline = Instant::now() + Duration::from_secs(10);
    /// for word in [b"one", b"two"] {
    ///     producer.reserve_until(3, deadline)?.copy_from_slice(word);
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
    ) -> Result<Reservation<'_, SimUserMemory>, ReserveWaitError<Infallible>> {
        self.reserve_within(len, Some(deadline.saturating_duration_since(Instant::now())))
    }
}

impl Deref for SharedSimUserRing {
    type Target = Producer<SimUserMemory, Locked>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

/// Keeps a simulated user ring alive: what an [`OwnedReservation`] holds.
#[derive(Clone, Debug)]
pub struct OpenSimRing(Arc<Producer<SimUserMemory, Locked>>);

impl Deref for OpenSimRing {
    type Target = SimUserMemory;

    fn deref(&self) -> &SimUserMemory {
        self.0.memory()
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

/// Wakes any number of threads.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<u64>,
    rings: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rings.notify_all();
    }

    fn rung(&self) -> u64 {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it has rung more than `heard` times, or until the time is up.
    /// Returns how often it has rung.
    fn wait(&self, heard: u64, time: Duration) -> u64 {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.rings.wait_timeout_while(rung, time, |rung| *rung == heard);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// One thread that waits for space.
struct Waiter<'b> {
    bell: &'b Bell,
    heard: Cell<u64>,
    start: Instant,
}

impl WaitHost for Waiter<'_> {
    type Error = Infallible;

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn pause(&self, time: Duration) {
        thread::sleep(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        thread::sleep(time);
        Ok(WakeCause::TimeUp)
    }

    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        let rung = self.bell.wait(self.heard.get(), time);
        let heard = self.heard.replace(rung);
        Ok(if rung == heard { WakeCause::TimeUp } else { WakeCause::Notified })
    }

    fn take_wakes(&self) -> Wakes {
        Wakes::NONE
    }

    fn deadline(&self) -> Duration {
        Duration::MAX
    }
}
