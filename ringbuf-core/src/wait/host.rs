//! The wait loop, and the trait that it needs from the system: [`WaitHost`].

use core::time::Duration;

use crate::{Consumer, ConsumerMemory, WaitPolicy, WaitState, WaitStep, WaitSteps, Wakes};

/// A clock and ways to sleep: everything that waiting needs from the system.
///
/// The memory of a ring implements it, so that a ring can wait by itself. The
/// kernel's map uses epoll and timers. The simulator uses an eventfd. Virtual time
/// uses a number.
///
/// To wait on your own system, implement these six methods:
/// ```
/// use std::convert::Infallible;
/// use std::time::{Duration, Instant};
/// use ringbuf_core::{WaitHost, WakeCause, Wakes};
///
/// struct Polling(Instant);
///
/// impl WaitHost for Polling {
///     type Error = Infallible;
///
///     fn now(&self) -> Duration {
///         self.0.elapsed()
///     }
///
///     fn pause(&self, time: Duration) {
///         let until = self.now() + time;
///         while self.now() < until {
///             std::hint::spin_loop();
///         }
///     }
///
///     fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
///         std::thread::sleep(time);
///         Ok(WakeCause::TimeUp)
///     }
///
///     fn take_wakes(&self) -> Wakes {
///         Wakes::NONE
///     }
///
///     fn deadline(&self) -> Duration {
///         Duration::MAX
///     }
///
///     // Nobody notifies here, so the wait loop looks every millisecond.
///     fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
///         self.nap(time.min(Duration::from_millis(1)))
///     }
/// }
/// # assert_eq!(Polling(Instant::now()).block(Duration::ZERO), Ok(WakeCause::TimeUp));
/// ```
pub trait WaitHost {
    /// The error of a sleep that failed.
    type Error;

    /// Returns the time since a fixed start. It never goes back.
    fn now(&self) -> Duration;

    /// Lets `time` pass without giving up the processor, and without access to
    /// shared memory.
    fn pause(&self, time: Duration);

    /// Sleeps by a timer. A notification does not end this sleep. It is not lost:
    /// it ends the next [`block`](Self::block).
    ///
    /// # Errors
    /// The sleep failed. A signal is not an error: it returns
    /// [`WakeCause::Interrupted`].
    fn nap(&self, time: Duration) -> Result<WakeCause, Self::Error>;

    /// Sleeps until a notification arrives or `time` is over. It does not sleep
    /// longer, except for the resolution of the system's timer. A notification
    /// since the last call ends the sleep at once, as in edge-triggered epoll. Each
    /// call uses up all notifications so far.
    ///
    /// # Errors
    /// As for [`nap`](Self::nap).
    fn block(&self, time: Duration) -> Result<WakeCause, Self::Error>;

    /// Returns what wakers have asked for since the last call. A request also ends a nap
    /// or a block. See [`WakeFlag`](crate::WakeFlag).
    ///
    /// A host without wakers returns [`Wakes::NONE`]. There is no default, because a
    /// wrapper that forgets to forward this would lose every wake.
    fn take_wakes(&self) -> Wakes;

    /// Returns the time at which every wait ends, on the clock of [`now`](Self::now).
    /// Another thread may move it during a wait: it stores the new time, then asks for
    /// [`Wakes::DEADLINE`]. A host without a deadline returns [`Duration::MAX`].
    fn deadline(&self) -> Duration;
}

/// Why a [`WaitAction`](crate::WaitAction) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WakeCause {
    /// The time is over, or all looks are done.
    TimeUp,
    /// Arming found something. It is not known if a notification came for it.
    Found,
    /// A notification arrived.
    Notified,
    /// A waker ended the sleep.
    Woken,
    /// A signal arrived (`EINTR`).
    Interrupted,
}

/// Why a wait ended.
///
/// ```
/// # use ringbuf_core::Wakeup;
/// # use ringbuf_sim::{SimRing, VirtualTime};
/// # let time = VirtualTime::new();
/// # let ring = SimRing::new(4096)?;
/// # let mut consumer = ring.consumer_in(&time)?;
/// loop {
///     # time.close();
///     match consumer.wait(None)? {
///         Wakeup::Closed => break, // the program ends
///         _ => consumer.drain(|record| println!("{} bytes", record.len()))?,
///     };
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wakeup {
    /// There is something to read, or space to write.
    Ready,
    /// The timeout or the deadline is over, and there is nothing to read, or no space to
    /// write.
    TimedOut,
    /// A waker asked the wait to end. There may be something to read as well.
    Woken,
    /// A waker asked for a flush, and all that was committed at that time is delivered,
    /// up to the first busy record.
    Flushed,
    /// A waker closed the waits: this one and all later ones end at once. There may be
    /// something to read.
    Closed,
    /// A signal arrived (`EINTR`), or the process was stopped and continued, by a
    /// shell or a debugger. Look at what your signal handlers set, and wait again.
    Interrupted,
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Sets the policy for waiting and for holding back.
    ///
    /// After this call, drains no longer arm by themselves. [`wait`](Self::wait)
    /// arms. If you block elsewhere, call [`arm`](Self::arm) first.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// consumer.set_policy(WaitPolicy::low_latency());
    /// assert_eq!(consumer.policy(), Some(&WaitPolicy::low_latency()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_policy(&mut self, policy: WaitPolicy) {
        match policy.portion(self.memory.capacity()) {
            Some(portion) => {
                self.release_at_once();
                self.hold_back(portion);
            }
            None => self.release_at_once(),
        }
        let mut state = WaitState::new(policy, self.memory.capacity());
        state.mark(self.counts, self.consumed);
        self.waiting = Some(state);
    }

    /// Removes the policy. Gives everything back, and lets drains arm by themselves
    /// again.
    ///
    /// ```
    /// use ringbuf_core::WaitPolicy;
    /// use ringbuf_sim::SimRing;
    ///
    /// let ring = SimRing::new(4096)?;
    /// let mut consumer = ring.consumer()?;
    /// consumer.set_policy(WaitPolicy::low_cost());
    /// assert_eq!(consumer.policy(), Some(&WaitPolicy::low_cost()));
    /// consumer.clear_policy(); // now your own event loop waits
    /// assert_eq!(consumer.policy(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_policy(&mut self) {
        self.waiting = None;
        self.release_at_once();
    }

    /// Returns the policy, if one is set.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// assert_eq!(consumer.policy(), None); // the ring of a program with a loop of its own
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn policy(&self) -> Option<&WaitPolicy> {
        self.waiting.as_ref().map(WaitState::policy)
    }
}

impl<M: ConsumerMemory + WaitHost> Consumer<M> {
    /// Waits until there is something to read or to skip, but no longer than
    /// `timeout`. `None` means no limit; zero only looks. Drain before you call it.
    ///
    /// Returns at once if the last read stopped before a committed record.
    /// Otherwise it may delay its look, so that the look finds more records. It
    /// publishes everything consumed before it blocks, and also after a millisecond
    /// without records. It looks at the ring at least as often as the limits of its
    /// policy require. It does not sleep past `timeout`, except for the resolution
    /// of the system's timers (a millisecond when it blocks).
    ///
    /// If no policy is [set](Self::set_policy), the first call sets the
    /// [default](WaitPolicy::balanced). A signal ends a sleep, but not a spin. A
    /// signal between two sleeps is missed. So if you watch a flag, set a timeout.
    ///
    /// Producers may continue during the wait. A corrupt ring ends the wait, and
    /// the next read reports the error.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::{WaitPolicy, Wakeup};
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// let mut consumer = ring.consumer()?;
    /// consumer.set_policy(WaitPolicy::low_latency());
    /// assert_eq!(consumer.wait(Some(Duration::ZERO))?, Wakeup::TimedOut);
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// assert_eq!(consumer.wait(None)?, Wakeup::Ready);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An error of the system's clock or sleeps.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, M::Error> {
        let (mut wait, mut cause) = (WaitSteps::new(timeout), WakeCause::TimeUp);
        loop {
            cause = match self.wait_step(&mut wait, cause) {
                WaitStep::Over(wakeup) => return Ok(wakeup),
                WaitStep::Spin(time) => {
                    if !time.is_zero() {
                        self.memory.pause(time);
                    }
                    WakeCause::TimeUp
                }
                WaitStep::Nap(time) => self.memory.nap(time)?,
                WaitStep::Block(time) => self.memory.block(time)?,
            };
        }
    }
}
