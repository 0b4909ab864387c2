//! Waiting for a set: as a thread, step by step, and armed for an event loop.

use std::time::Duration;

use ringbuf_core::WaitHost;

use super::RingSet;
use super::host::EpollHost;
use crate::{Armed, WaitError, WaitStep, WaitSteps, WakeCause, Wakeup};

impl<T> RingSet<T> {
    /// Waits until a ring has something to read, but no longer than `timeout`. `None`
    /// means no limit; zero only looks. Drain before you call it.
    ///
    /// It naps, blocks or spins as [`Consumer::wait`](crate::Consumer::wait) does, and is as
    /// exact: a block ends up to a millisecond after the timeout.
    ///
    /// Records that do not notify (`BPF_RB_NO_WAKEUP`) are found within
    /// [`max_sleep`](crate::WaitPolicy::max_sleep), and before a wait times out, but not more
    /// often than once a millisecond. Later ones of the same ring are found within
    /// [`latency_bound`](crate::WaitPolicy::latency_bound), while it has one each second. With
    /// such a ring the set looks that often: about 1000 times a second by default.
    ///
    /// After [`Wakeup::Woken`], a drain reads everything that was there:
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{RingSet, WaitPolicy, Wakeup};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// let waker = set.waker(); // for the thread or the signal handler that ends the program
    /// while set.wait(None)? != Wakeup::Woken {
    ///     set.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
    /// }
    /// // Detach the programs here. Then read the rest:
    /// set.finish(Duration::from_millis(100), |name, record| println!("{name}: {} bytes", record.len()))?;
    /// # drop(waker);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The system does not let the thread wait, or this is a child of `fork`.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, WaitError> {
        wait(self, timeout)
    }

    /// Takes one step of a wait, for executors. See [`WaitSteps`]; nothing sleeps here.
    ///
    /// [`WaitStep::Block`]: all rings are armed. Wait until the descriptor of the set is
    /// readable, or the time is over. A wake, and a change by a handle, make it readable as
    /// well, also during a [`WaitStep::Nap`].
    ///
    /// ```no_run
    /// # use std::os::fd::{AsFd, BorrowedFd};
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{RingSet, WaitPolicy, WaitStep, WaitSteps, WakeCause};
    /// # fn readable(_: BorrowedFd, _: Duration) -> bool { true }
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// let mut wait = WaitSteps::new(None);
    /// let mut cause = WakeCause::TimeUp;
    /// let wakeup = loop {
    ///     cause = match set.wait_step(&mut wait, cause)? {
    ///         WaitStep::Over(wakeup) => break wakeup,
    ///         // `readable` is your executor's: true if the descriptor is readable in time.
    ///         WaitStep::Spin(time) | WaitStep::Nap(time) | WaitStep::Block(time)
    ///             if readable(set.as_fd(), time) =>
    ///         {
    ///             WakeCause::Notified
    ///         }
    ///         _ => WakeCause::TimeUp,
    ///     };
    /// };
    /// println!("{wakeup:?}");
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

    /// Looks at all rings and arms them, and says if you may block: see [the type](Self).
    ///
    /// [`Armed::Sleep`]: the next record, wake or change by a handle makes the descriptor
    /// readable. Set a timeout for records that do not notify. [`Armed::Ready`]: call
    /// [`wait`](Self::wait) with a timeout of zero, and drain.
    ///
    /// ```
    /// use ringbuf_kernel::{Armed, RingSet, WaitPolicy};
    ///
    /// let mut set = RingSet::<()>::new(WaitPolicy::balanced())?;
    /// assert_eq!(set.arm()?, Armed::Sleep); // no ring has a record
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn arm(&mut self) -> Result<Armed, WaitError> {
        self.rings.host().check_owner()?;
        self.admit();
        self.rings.arm()
    }

    /// Finds the records that are there now, without a wait.
    pub(super) fn look(&mut self) -> Result<bool, WaitError> {
        self.rings.host().check_owner()?;
        self.admit();
        self.rings.look()
    }
}

/// A set that other threads may change while it waits.
pub(super) trait Changing {
    fn host(&self) -> &EpollHost;

    /// Makes the changes that handles have asked for.
    fn admit(&mut self);

    /// A wait that a change ends, too.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, WaitError>;

    /// A step of such a wait.
    fn step(&mut self, wait: &mut WaitSteps, cause: WakeCause) -> Result<WaitStep, WaitError>;
}

/// Waits. A change does not end it.
pub(super) fn wait(
    set: &mut impl Changing,
    timeout: Option<Duration>,
) -> Result<Wakeup, WaitError> {
    set.host().check_owner()?;
    let begin = set.host().now();
    loop {
        let over = set.host().now().saturating_sub(begin);
        let left = timeout.map(|timeout| timeout.saturating_sub(over));
        match set.wait(left)? {
            Wakeup::Woken => {
                set.admit();
                if set.host().take_woken() {
                    return Ok(Wakeup::Woken);
                }
            }
            wakeup => return Ok(wakeup),
        }
    }
}

/// Takes a step. A change does not end the wait.
pub(super) fn wait_step(
    set: &mut impl Changing,
    wait: &mut WaitSteps,
    cause: WakeCause,
) -> Result<WaitStep, WaitError> {
    set.host().check_owner()?;
    let mut step = set.step(wait, cause)?;
    while step == WaitStep::Over(Wakeup::Woken) {
        set.admit();
        if set.host().take_woken() {
            break;
        }
        step = set.step(wait, WakeCause::TimeUp)?;
    }
    Ok(step)
}

impl<T> Changing for RingSet<T> {
    fn host(&self) -> &EpollHost {
        self.rings.host()
    }

    fn admit(&mut self) {
        RingSet::admit(self);
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, WaitError> {
        self.rings.wait(timeout)
    }

    fn step(&mut self, wait: &mut WaitSteps, cause: WakeCause) -> Result<WaitStep, WaitError> {
        self.rings.wait_step(wait, cause)
    }
}
