//! The wait loop, and what it asks of the system: [`WaitHost`].

use core::hint;
use core::time::Duration;

use crate::{Armed, Consumer, ConsumerMemory, WaitAction, WaitPolicy, WaitState};

/// A clock and the ways to let time pass: all that waiting asks of the system.
///
/// The memory of a ring implements it, so that a ring waits for itself: by epoll
/// and timers over the kernel's map, by an eventfd in the simulator, by a number
/// in virtual time.
///
/// Over a system of your own, this is all to write:
/// ```
/// use std::convert::Infallible;
/// use std::time::{Duration, Instant};
/// use ringbuf_core::{WaitHost, WakeCause};
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
///     // Nobody notifies here, so it looks every millisecond.
///     fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
///         self.nap(time.min(Duration::from_millis(1)))
///     }
/// }
/// # assert_eq!(Polling(Instant::now()).block(Duration::ZERO), Ok(WakeCause::TimeUp));
/// ```
pub trait WaitHost {
    /// Why the system could not sleep.
    type Error;

    /// Time since some fixed start. It never goes back.
    fn now(&self) -> Duration;

    /// Lets `time` pass without giving up the processor, and without touching
    /// shared memory.
    fn pause(&self, time: Duration);

    /// Sleeps by a timer. A notification does not end it, nor is one lost: it
    /// ends the next [`block`](Self::block).
    ///
    /// # Errors
    /// Why the system could not sleep. A signal is not an error: the answer is
    /// [`WakeCause::Interrupted`] then.
    fn nap(&self, time: Duration) -> Result<WakeCause, Self::Error>;

    /// Sleeps until a notification, or until `time` is up: no longer, but for
    /// the resolution of the system's timer. Notifications that came since the
    /// last call end it at once (as edge-triggered epoll does); they are used up
    /// by it.
    ///
    /// # Errors
    /// As of [`nap`](Self::nap).
    fn block(&self, time: Duration) -> Result<WakeCause, Self::Error>;
}

/// Puts the state back, also if the host panics.
struct Waiting<'c, M: ConsumerMemory> {
    consumer: &'c mut Consumer<M>,
    state: Option<WaitState>,
}

impl<M: ConsumerMemory> Drop for Waiting<'_, M> {
    fn drop(&mut self) {
        self.consumer.waiting = self.state.take();
    }
}

/// What ended a [`WaitAction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WakeCause {
    /// Its time, or its looks, were up.
    TimeUp,
    /// Arming found something: whether it was announced is not known.
    Found,
    /// A notification came.
    Notified,
    /// A signal arrived (`EINTR`).
    Interrupted,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wakeup {
    /// There is something to read, or room to write.
    Ready,
    /// The time is up, and there was nothing to read, or no room to write.
    TimedOut,
    /// A signal arrived (`EINTR`), or the process was stopped and continued.
    Interrupted,
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Waits as `policy` says from now on, and holds back as it says.
    ///
    /// Drains no longer arm by themselves then: [`wait`](Self::wait) does it, or
    /// call [`arm`](Self::arm) before you block elsewhere.
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

    /// Forgets the policy: gives back what is held back, and drains arm by
    /// themselves again.
    ///
    /// ```
    /// use ringbuf_core::WaitPolicy;
    /// use ringbuf_sim::SimRing;
    ///
    /// let ring = SimRing::new(4096)?;
    /// let mut consumer = ring.consumer()?;
    /// consumer.set_policy(WaitPolicy::low_cost());
    /// assert_eq!(consumer.policy(), Some(&WaitPolicy::low_cost()));
    /// consumer.clear_policy(); // from here on an event loop of your own waits
    /// assert_eq!(consumer.policy(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_policy(&mut self) {
        self.waiting = None;
        self.release_at_once();
    }

    /// The policy that it waits by, if one was set.
    #[must_use]
    pub fn policy(&self) -> Option<&WaitPolicy> {
        self.waiting.as_ref().map(WaitState::policy)
    }
}

impl<M: ConsumerMemory + WaitHost> Consumer<M> {
    /// Waits until there is something to read or to skip, for `timeout` at most
    /// (`None`: without end; zero: only looks). Drain first.
    ///
    /// Returns at once if the last read stopped before a record that is there.
    /// Otherwise it may hold off before it looks, so that the next look finds
    /// more. Before it blocks it publishes what is consumed, and after a
    /// millisecond of nothing as well. It never sleeps longer than the bounds of
    /// its policy without looking at the ring, nor past `timeout`, but for the
    /// resolution of the system's timers (a millisecond where it blocks).
    ///
    /// The first call sets the [default](WaitPolicy::balanced) policy if none is
    /// [set](Self::set_policy). A signal ends a sleep, but no spin, and is
    /// missed between two sleeps: to watch a flag, give a timeout.
    ///
    /// Producers may go on meanwhile. A ring that turns out corrupt ends the
    /// wait: the next read says why.
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
    /// What the system's clock and sleeps report.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, M::Error> {
        if self.waiting.is_none() {
            self.set_policy(WaitPolicy::default());
        }
        // Out of `self` for the time of the call, so that both can be borrowed.
        let state = self.waiting.take();
        let mut waiting = Waiting { consumer: self, state };
        let Waiting { consumer, state } = &mut waiting;
        let Some(state) = state else { return Ok(Wakeup::TimedOut) };
        consumer.wait_by(state, timeout)
    }

    fn wait_by(
        &mut self,
        state: &mut WaitState,
        timeout: Option<Duration>,
    ) -> Result<Wakeup, M::Error> {
        if self.known_ready() {
            return Ok(Wakeup::Ready);
        }
        let mut now = self.memory.now();
        state.account(now, self.counts, self.consumed, self.memory.width());
        // A time too far to represent is without end.
        let deadline = timeout.map_or(Duration::MAX, |timeout| now.saturating_add(timeout));
        loop {
            let left = deadline.saturating_sub(now);
            let (action, cause) = match state.action(now) {
                _ if left.is_zero() => (None, WakeCause::TimeUp),
                action => (Some(action), self.rest(action, left)?),
            };
            if let Some(WaitAction::Nap(time)) = action {
                state.napped(time.min(left), self.memory.now().saturating_sub(now));
            }
            if cause == WakeCause::Interrupted {
                return Ok(Wakeup::Interrupted);
            }
            // A notification is a hint (a busy head makes one as well): look.
            let found = self.look();
            if let Some(action) = action {
                state.observe(action, cause, found);
                now = self.memory.now();
            }
            if found {
                return Ok(Wakeup::Ready);
            }
            // The space may be what the producers wait for.
            if state.is_quiet(now) {
                self.publish();
            }
            if action.is_none() {
                return Ok(Wakeup::TimedOut);
            }
        }
    }

    /// Does one action, for no longer than `left`.
    fn rest(&mut self, action: WaitAction, left: Duration) -> Result<WakeCause, M::Error> {
        match action {
            WaitAction::Spin { pause, looks } => {
                let pause = pause.min(left);
                if !pause.is_zero() {
                    self.memory.pause(pause);
                }
                // The look after the last one is the caller's.
                for _ in 1..looks {
                    if self.look() {
                        break;
                    }
                    hint::spin_loop();
                }
                Ok(WakeCause::TimeUp)
            }
            WaitAction::Nap(time) => self.memory.nap(time.min(left)),
            WaitAction::Block(time) => match self.arm() {
                Armed::Ready => Ok(WakeCause::Found),
                Armed::Sleep => self.memory.block(time.min(left)),
            },
        }
    }
}
