//! Waiting for a merge: as a thread, step by step, and armed for an event loop.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use ringbuf_core::MergeArmed;

use super::MergedRings;
use crate::set::host::EpollHost;
use crate::set::waiting::{Changing, wait, wait_step};
use crate::{
    Armed, BusyHead, Mapping, Record, RingBuf, WaitError, WaitStep, WaitSteps, WakeCause, Waker,
    Wakeup,
};

impl<T, K, const W: usize> MergedRings<T, K, W>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    /// Waits until a drain may deliver something, but no longer than `timeout`. `None` means
    /// no limit; zero only looks. Drain before you call it.
    ///
    /// If nothing is left in the rings, it waits as [`RingSet::wait`](crate::RingSet::wait) does. If records are
    /// held, it sleeps by a timer until the next one is due; a waker or a signal ends that.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// let waker = rings.waker(); // for the thread or the signal handler that ends the program
    /// # waker.wake();
    /// while rings.wait(None)? != Wakeup::Woken {
    ///     rings.drain(|name, record| println!("{}: {name}", record.key))?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`RingSet::wait`](crate::RingSet::wait).
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, WaitError> {
        wait(self, timeout)
    }

    /// Takes one step of a wait, for executors. See [`RingSet::wait_step`](crate::RingSet::wait_step).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// use ringbuf_kernel::{WaitStep, WaitSteps, WakeCause};
    ///
    /// let (mut wait, mut cause) = (WaitSteps::new(Some(Duration::from_millis(1))), WakeCause::TimeUp);
    /// let wakeup = loop {
    ///     match rings.wait_step(&mut wait, cause)? {
    ///         WaitStep::Over(wakeup) => break wakeup,
    ///         // Your executor also watches the descriptor: see `RingSet::wait_step`.
    ///         WaitStep::Spin(time) | WaitStep::Nap(time) | WaitStep::Block(time) => {
    ///             std::thread::sleep(time);
    ///             cause = WakeCause::TimeUp;
    ///         }
    ///         _ => cause = WakeCause::TimeUp,
    ///     }
    /// };
    /// assert_eq!(wakeup, Wakeup::TimedOut);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_step(
        &mut self,
        wait: &mut WaitSteps,
        cause: WakeCause,
    ) -> Result<WaitStep, WaitError> {
        wait_step(self, wait, cause)
    }

    /// Looks at all rings and arms them, and says if you may block: see
    /// [the type](MergedRings#an-event-loop-of-your-own). Drain before you call it.
    ///
    /// [`Armed::Sleep`]: the next record, wake or change by a handle makes the descriptor
    /// readable. So does a timer (a timerfd) when a record that is held is due; the first call
    /// that needs it takes another file descriptor. Set a timeout for records that do not
    /// notify. [`Armed::Ready`]: call [`wait`](Self::wait) with a timeout of zero, and drain.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Armed, Mapping, MergedRings, Record, WaitPolicy};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// let lateness = Duration::from_millis(1);
    /// let mut rings = MergedRings::<(), _>::new(WaitPolicy::balanced(), lateness, stamp)?;
    /// assert_eq!(rings.arm()?, Armed::Sleep); // no ring has a record
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn arm(&mut self) -> Result<Armed, WaitError> {
        self.merge.set().host().check_owner()?;
        self.admit();
        let held = match self.merge.arm()? {
            MergeArmed::Ready => return Ok(Armed::Ready),
            MergeArmed::Held(left) => Some(left),
            MergeArmed::Sleep => None,
        };
        self.merge.set().host().set_timer(held)?;
        Ok(Armed::Sleep)
    }

    /// Returns a waker, which ends a wait from another thread or a signal handler.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// rings.waker().wake();
    /// assert_eq!(rings.wait(None)?, Wakeup::Woken);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.merge.set().host().waker().clone()
    }

    /// Returns each ring whose head has been busy for `after` or longer: see
    /// [`RingSet::stuck`](crate::RingSet::stuck).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// for (ring, name, head) in rings.stuck(Duration::from_secs(1)) {
    ///     println!("{name}, map {}: {head}", ring.id());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stuck(&mut self, after: Duration) -> impl Iterator<Item = (&RingBuf, &mut T, BusyHead)> {
        self.merge.stuck(after)
    }

    /// As [`stuck`](Self::stuck), but returns each stall once, to report it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// for (ring, name, head) in rings.newly_stuck(Duration::from_secs(1)) {
    ///     eprintln!("{name}, map {}: {head}", ring.id());
    /// }
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    pub fn newly_stuck(
        &mut self,
        after: Duration,
    ) -> impl Iterator<Item = (&RingBuf, &mut T, BusyHead)> {
        self.merge.newly_stuck(after)
    }
}

impl<T, K, const W: usize> Changing for MergedRings<T, K, W>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    fn host(&self) -> &EpollHost {
        self.merge.set().host()
    }

    fn admit(&mut self) {
        MergedRings::admit(self);
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, WaitError> {
        self.merge.wait(timeout)
    }

    fn step(&mut self, wait: &mut WaitSteps, cause: WakeCause) -> Result<WaitStep, WaitError> {
        self.merge.wait_step(wait, cause)
    }
}

impl<T, K, const W: usize> AsFd for MergedRings<T, K, W>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    /// The epoll set: see [the type](MergedRings#an-event-loop-of-your-own).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.merge.set().host().epoll().as_fd()
    }
}

impl<T, K, const W: usize> AsRawFd for MergedRings<T, K, W>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
