//! The wait loop, one step at a time: [`WaitSteps`].

use core::hint;
use core::time::Duration;

use crate::{
    Armed, Consumer, ConsumerMemory, Position, WaitAction, WaitHost, WaitPolicy, WaitState,
    WakeCause, Wakes, Wakeup,
};

/// One wait, taken step by step, for executors and event loops. Dropping it cancels the
/// wait, and nothing is lost: a wait consumes no record. Use it with one consumer or set only.
///
/// After each step, do what it says, and take the next one with the reason why that
/// ended. The reason is ignored at the first step. [`Consumer::wait`] is this loop over
/// the sleeps of a [`WaitHost`].
///
/// Wait for the descriptor of a ring edge-triggered. An executor that does not, such as
/// async-io, would spin while the head is busy: give it a set of one ring, whose
/// descriptor may be polled in any way.
///
/// ```
/// use std::time::Duration;
/// use ringbuf_core::{WaitStep, WaitSteps, WakeCause, Wakeup};
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// let mut consumer = ring.consumer()?;
/// let mut wait = WaitSteps::new(Some(Duration::from_secs(1)));
/// let mut cause = WakeCause::TimeUp;
/// let wakeup = loop {
///     cause = match consumer.wait_step(&mut wait, cause) {
///         WaitStep::Over(wakeup) => break wakeup,
///         // Let other tasks run. Your timer should be as exact as these naps: 10 us and more.
///         WaitStep::Spin(time) | WaitStep::Nap(time) => {
///             std::thread::sleep(time);
///             WakeCause::TimeUp
///         }
///         // The ring is armed. Wait for its descriptor (edge-triggered) and its waker, no
///         // longer than this time. Here, a program commits meanwhile.
///         WaitStep::Block(_) => {
///             ring.producer().output(b"hello", Flags::ADAPTIVE)?;
///             WakeCause::Notified
///         }
///         _ => WakeCause::TimeUp,
///     };
/// };
/// assert_eq!(wakeup, Wakeup::Ready);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WaitSteps {
    timeout: Option<Duration>,
    /// Counted from the first step.
    deadline: Option<Duration>,
    now: Duration,
    /// The rest under way, and the time that was left when it began.
    rest: Option<(WaitAction, Duration)>,
}

impl WaitSteps {
    /// A wait that has not begun. The timeout counts from its first step; `None` means no
    /// limit. After [`WaitStep::Over`] the next step begins another wait with the same
    /// deadline.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::{WaitStep, WaitSteps, WakeCause, Wakeup};
    /// # let mut consumer = ringbuf_sim::SimRing::new(4096)?.consumer()?;
    /// let mut wait = WaitSteps::new(Some(Duration::ZERO)); // only looks
    /// let step = consumer.wait_step(&mut wait, WakeCause::TimeUp);
    /// assert_eq!(step, WaitStep::Over(Wakeup::TimedOut));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(timeout: Option<Duration>) -> Self {
        Self { timeout, deadline: None, now: Duration::ZERO, rest: None }
    }

    /// Begins at `now`, unless it has.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.now = now;
        // A deadline too far to represent means no limit.
        let deadline = self.timeout.map_or(Duration::MAX, |timeout| now.saturating_add(timeout));
        self.deadline.get_or_insert(deadline);
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    pub(crate) fn set_now(&mut self, now: Duration) {
        self.now = now;
    }

    /// The time left, if the deadline of the host allows it.
    pub(crate) fn left(&self, of_host: Duration) -> Duration {
        self.deadline.map_or(of_host, |deadline| deadline.min(of_host)).saturating_sub(self.now)
    }

    /// The rest that has ended.
    pub(crate) fn take_rest(&mut self) -> Option<(WaitAction, Duration)> {
        self.rest.take()
    }

    /// The step that performs this action, but no longer than `left`.
    pub(crate) fn rest(&mut self, action: WaitAction, left: Duration) -> WaitStep {
        self.rest = Some((action, left));
        match action {
            WaitAction::Spin { pause, .. } => WaitStep::Spin(pause.min(left)),
            WaitAction::Nap(time) => WaitStep::Nap(time.min(left)),
            WaitAction::Block(time) => WaitStep::Block(time.min(left)),
        }
    }
}

/// What to do next in a wait that is taken [step by step](WaitSteps).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitStep {
    /// The wait is over.
    Over(Wakeup),
    /// Let this time pass without giving up the processor. An executor lets other tasks
    /// run instead.
    Spin(Duration),
    /// Sleep for this time by a timer. A notification need not end it; a waker should.
    Nap(Duration),
    /// The ring is armed: sleep until a notification or a waker, for this time at most.
    Block(Duration),
}

/// What wakers have asked for, and no wait has reported yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) woken: bool,
    /// Everything before this position is to be delivered before the flush is reported.
    flush: Option<Position>,
}

impl Asked {
    /// Adds what was taken from the flag. Returns true if it asks for a flush.
    pub(crate) fn add(&mut self, wakes: Wakes) -> bool {
        self.woken |= wakes.contains(Wakes::WAKE);
        wakes.contains(Wakes::FLUSH)
    }

    /// What ends a wait at once.
    pub(crate) fn ends(&mut self, wakes: Wakes) -> Option<Wakeup> {
        if wakes.contains(Wakes::CLOSE) {
            return Some(Wakeup::Closed);
        }
        core::mem::take(&mut self.woken).then_some(Wakeup::Woken)
    }
}

/// Restores the state, even if the host panics.
struct Waiting<'c, M: ConsumerMemory> {
    consumer: &'c mut Consumer<M>,
    state: Option<WaitState>,
}

impl<M: ConsumerMemory> Drop for Waiting<'_, M> {
    fn drop(&mut self) {
        self.consumer.waiting = self.state.take();
    }
}

impl<M: ConsumerMemory + WaitHost> Consumer<M> {
    /// Takes one step of a wait: see [`WaitSteps`]. It does not sleep. `cause` says why
    /// the rest that the last step asked for has ended.
    ///
    /// It reads the clock, looks at the ring, publishes and arms as [`wait`](Self::wait)
    /// does. After a step you may read, change the policy, or drop the steps.
    pub fn wait_step(&mut self, wait: &mut WaitSteps, cause: WakeCause) -> WaitStep {
        if self.waiting.is_none() {
            self.set_policy(WaitPolicy::default());
        }
        // Taken out of `self` during the call, so that both can be borrowed.
        let state = self.waiting.take();
        let mut waiting = Waiting { consumer: self, state };
        let Waiting { consumer, state } = &mut waiting;
        let Some(state) = state else { return WaitStep::Over(Wakeup::TimedOut) };
        match wait.take_rest() {
            None => consumer.first_step(state, wait),
            Some(rest) => consumer.rested(state, wait, rest, cause),
        }
        .map_or_else(|| consumer.next_step(state, wait), WaitStep::Over)
    }

    fn first_step(&mut self, state: &mut WaitState, wait: &mut WaitSteps) -> Option<Wakeup> {
        if let Some(wakeup) = self.asked().or_else(|| self.flushed()) {
            return Some(wakeup);
        }
        if self.known_ready() {
            return Some(Wakeup::Ready);
        }
        wait.begin(self.memory.now());
        state.account(wait.now, self.counts, self.consumed, self.memory.width());
        None
    }

    fn next_step(&mut self, state: &mut WaitState, wait: &mut WaitSteps) -> WaitStep {
        loop {
            self.note_stall(wait.now);
            let left = wait.left(self.memory.deadline());
            if left.is_zero() {
                return WaitStep::Over(self.time_is_up(state, wait.now));
            }
            let action = state.action(wait.now);
            let armed = match action {
                WaitAction::Block(_) => self.arm(),
                _ => Armed::Sleep,
            };
            match armed {
                Armed::Sleep => return wait.rest(action, left),
                Armed::Ready => {
                    let rest = (action, left);
                    if let Some(wakeup) = self.rested(state, wait, rest, WakeCause::Found) {
                        return WaitStep::Over(wakeup);
                    }
                }
            }
        }
    }

    /// A rest is over: looks.
    fn rested(
        &mut self,
        state: &mut WaitState,
        wait: &mut WaitSteps,
        (action, left): (WaitAction, Duration),
        cause: WakeCause,
    ) -> Option<Wakeup> {
        match action {
            WaitAction::Nap(time) => {
                let took = self.memory.now().saturating_sub(wait.now);
                state.napped(time.min(left), took);
            }
            WaitAction::Spin { looks, .. } => {
                // The last look is below.
                for _ in 1..looks {
                    if self.look() {
                        break;
                    }
                    hint::spin_loop();
                }
            }
            WaitAction::Block(_) => {}
        }
        if cause == WakeCause::Interrupted {
            return Some(self.asked().unwrap_or(Wakeup::Interrupted));
        }
        // A notification is only a hint (a busy record at the consumer position
        // causes one, too): look.
        let found = self.look();
        state.observe(action, cause, found);
        wait.now = self.memory.now();
        self.looked(state, wait.now, found)
    }

    /// The last look of a wait.
    fn time_is_up(&mut self, state: &WaitState, now: Duration) -> Wakeup {
        let found = self.look();
        self.looked(state, now, found).unwrap_or(Wakeup::TimedOut)
    }

    fn looked(&mut self, state: &WaitState, now: Duration, found: bool) -> Option<Wakeup> {
        if found {
            return Some(Wakeup::Ready);
        }
        if let Some(wakeup) = self.asked().or_else(|| self.flushed()) {
            return Some(wakeup);
        }
        // Producers may be waiting for this space.
        if state.is_quiet(now) {
            self.publish();
        }
        None
    }

    /// Takes what wakers ask for, and returns what ends the wait at once.
    fn asked(&mut self) -> Option<Wakeup> {
        let wakes = self.memory.take_wakes();
        if self.asked.add(wakes) {
            self.asked.flush = Some(self.end());
        }
        self.asked.ends(wakes)
    }

    /// A flush that was asked for: is there more to deliver?
    fn flushed(&mut self) -> Option<Wakeup> {
        let end = self.asked.flush?;
        if self.is_before(end) && self.look() {
            return Some(Wakeup::Ready);
        }
        self.asked.flush = None;
        Some(Wakeup::Flushed)
    }
}

impl<M: ConsumerMemory> Consumer<M> {
    /// The end of all that is there now. The next read reports a corrupt ring.
    pub(crate) fn end(&self) -> Position {
        self.lag().map_or(self.consumed, |lag| self.consumed.advance_unwrapped(lag))
    }

    /// Whether something before `end`, as returned earlier, is not consumed.
    pub(crate) fn is_before(&self, end: Position) -> bool {
        let left = end.distance(self.consumed, self.memory.width());
        left != 0 && left <= self.memory.capacity().bytes()
    }
}
