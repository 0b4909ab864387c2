//! Waiting for space in a user ring.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use super::{Produced, Producer, Reservation};
use crate::{ProducerMemory, ReserveError, WaitHost, WakeCause, Wakes, Wakeup};

impl<M: ProducerMemory, P: Produced> Producer<M, P> {
    /// The longest sleep between two looks for space, in case no notification
    /// comes.
    pub const MAX_SLEEP: Duration = Duration::from_millis(100);

    /// Reserves `len` bytes, and waits for space until `deadline`. `host` has the clock
    /// of the deadline and the sleeps.
    ///
    /// Use it to wait by a host of your own. Each thread that waits at the same time
    /// needs a host of its own: an edge ends the sleep of one host only.
    /// [`reserve_within`](Self::reserve_within) waits by the memory.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use std::time::Duration;
    /// # use ringbuf_sim::{Flags, SimUserRing, VirtualTime};
    /// let (ring, time) = (SimUserRing::new(4096)?, VirtualTime::new());
    /// let producer = ring.producer_in(&time)?;
    /// producer.reserve(4000)?.submit();
    /// time.at(Duration::from_millis(5), |_| {
    ///     ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(())).unwrap();
    /// });
    /// // This memory is a host. A host of your own would be here:
    /// let host = producer.memory();
    /// producer.reserve_by(host, 96, Duration::from_secs(1))?.submit();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`reserve_within`](Self::reserve_within).
    pub fn reserve_by<H: WaitHost>(
        &self,
        host: &H,
        len: u32,
        deadline: Duration,
    ) -> Result<Reservation<'_, M>, ReserveWaitError<H::Error>> {
        loop {
            let (footprint, free) = match self.reserve(len) {
                Err(ReserveError::Full { footprint, free }) => (footprint, free),
                reserved => return reserved.map_err(ReserveWaitError::Refused),
            };
            match asked(host) {
                Some(Wakeup::Closed) => return Err(ReserveWaitError::Closed),
                Some(_) => return Err(ReserveWaitError::Woken),
                None => {}
            }
            let left = deadline.min(host.deadline()).saturating_sub(host.now());
            if left.is_zero() {
                return Err(ReserveWaitError::TimedOut { footprint, free });
            }
            // A signal is no reason to give up: the deadline stays.
            host.block(left.min(Self::MAX_SLEEP)).map_err(ReserveWaitError::Sleep)?;
        }
    }
}

impl<M: ProducerMemory + WaitHost> Producer<M> {
    /// Reserves `len` bytes, and waits for space, but no longer than `timeout`. `None`
    /// means no limit; zero does not wait.
    ///
    /// A signal does not end the wait, nor prolong it. It sleeps until a drain
    /// notifies, even if there is some space, but too little. A drain with
    /// `BPF_RB_NO_WAKEUP` does not notify, so no sleep is longer than
    /// [`MAX_SLEEP`](Self::MAX_SLEEP). First commit all open reservations of this
    /// thread: no drain gets past them.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::ReserveWaitError;
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// producer.reserve_within(4000, None)?.submit();
    /// let late = producer.reserve_within(96, Some(Duration::from_millis(1)));
    /// assert!(matches!(late, Err(ReserveWaitError::TimedOut { free: 88, .. })));
    /// // It will never fit, so this does not wait:
    /// let never = producer.reserve_within(5000, None);
    /// assert!(matches!(never, Err(ReserveWaitError::Refused(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReserveWaitError`]. A wait that cannot help is not begun.
    pub fn reserve_within(
        &self,
        len: u32,
        timeout: Option<Duration>,
    ) -> Result<Reservation<'_, M>, ReserveWaitError<M::Error>> {
        // A deadline too far to represent means no limit.
        let deadline =
            timeout.map_or(Duration::MAX, |timeout| self.memory.now().saturating_add(timeout));
        self.reserve_by(&self.memory, len, deadline)
    }

    /// Waits until you can reserve `len` bytes, but no longer than `timeout`.
    /// `None` means no limit. First commit all open reservations: no drain gets
    /// past them.
    ///
    /// Returns at once if waiting cannot help: there is space already, or the
    /// reservation fails for another reason. A drain with `BPF_RB_NO_WAKEUP`, or a
    /// drain that still runs, does not notify. So no sleep is longer than
    /// [`MAX_SLEEP`](Self::MAX_SLEEP).
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::SimUserRing;
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// producer.reserve(4000)?.submit();
    /// assert_eq!(producer.wait_for_room(80, None)?, Wakeup::Ready);
    /// // No program drains the ring:
    /// assert_eq!(producer.wait_for_room(96, Some(Duration::ZERO))?, Wakeup::TimedOut);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Ordering
    /// This needs no fence, unlike the sleep of a consumer. A drain notifies if it
    /// consumed anything, whatever the producer does, and only after it has
    /// released the space. So a notification after the look ends the sleep, and the
    /// next look sees the released space. Model: `user_space`. The wait is
    /// edge-triggered, because poll reports a ring as writable unless it is
    /// completely full.
    ///
    /// # Errors
    /// An error of the system's clock or sleeps.
    pub fn wait_for_room(&self, len: u32, timeout: Option<Duration>) -> Result<Wakeup, M::Error> {
        let start = self.memory.now();
        // A deadline too far to represent means no limit.
        let deadline = timeout.map_or(Duration::MAX, |timeout| start.saturating_add(timeout));
        let left = |now| deadline.min(self.memory.deadline()).saturating_sub(now);
        let mut now = start;
        loop {
            if let Some(wakeup) = asked(&self.memory) {
                return Ok(wakeup);
            }
            if self.has_room(len) {
                return Ok(Wakeup::Ready);
            }
            let left = left(now);
            if left.is_zero() {
                return Ok(Wakeup::TimedOut);
            }
            if self.memory.block(left.min(Self::MAX_SLEEP))? == WakeCause::Interrupted {
                return Ok(asked(&self.memory).unwrap_or(Wakeup::Interrupted));
            }
            now = self.memory.now();
        }
    }
}

/// A producer has nothing to flush: a flush is a wake.
fn asked<H: WaitHost>(host: &H) -> Option<Wakeup> {
    let wakes = host.take_wakes();
    if wakes.contains(Wakes::CLOSE) {
        return Some(Wakeup::Closed);
    }
    let ends = wakes.contains(Wakes::WAKE) || wakes.contains(Wakes::FLUSH);
    ends.then_some(Wakeup::Woken)
}

/// Why [`Producer::reserve_within`] failed. Nothing is reserved.
///
/// `E` is the error of the system's sleeps.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveWaitError<E> {
    /// Waiting does not help: the sample never fits, or the ring cannot be used. This
    /// is never [`ReserveError::Full`].
    Refused(ReserveError),
    /// The time is over, and there is not enough space.
    #[non_exhaustive]
    TimedOut {
        /// Bytes that the record takes, with header and rounding.
        footprint: u64,
        /// Bytes that were free at the last look.
        free: u64,
    },
    /// A waker asked the wait to end, and there was not enough space.
    Woken,
    /// A waker closed the waits, and there was not enough space.
    Closed,
    /// The system did not let the thread sleep.
    Sleep(E),
}

impl<E: fmt::Display> fmt::Display for ReserveWaitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::TimedOut { footprint, free } => write!(
                f,
                "no space in time: the record needs {footprint} bytes, and {free} are free; \
                 check that a BPF program drains this ring, and that every reservation is \
                 submitted or discarded"
            ),
            Self::Woken => {
                f.write_str("a waker ended the wait for space; try again, or end the program")
            }
            Self::Closed => f.write_str(
                "a waker has closed the waits of this ring: end the program, or reserve without \
                 waiting",
            ),
            Self::Sleep(error) => error.fmt(f),
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl<E: fmt::Display> fmt::Debug for ReserveWaitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl<E: fmt::Display> Error for ReserveWaitError<E> {}
