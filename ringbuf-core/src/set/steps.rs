//! The wait loop of a set, one step at a time.

use core::hint;
use core::time::Duration;

use super::circle::{at, at_mut};
use super::slot::State;
use super::{RingSet, SetHost, Slots};
use crate::wait::{LATE, QUIET};
use crate::{Armed, WaitAction, WaitStep, WaitSteps, WakeCause, Wakeup};

impl<H: SetHost, T, S: Slots<H::Ring, T>> RingSet<H, T, S> {
    /// Takes one step of a wait, for executors: see [`WaitSteps`]. It does not sleep.
    /// `cause` says why the rest that the last step asked for has ended.
    ///
    /// [`WaitStep::Block`]: all rings are armed. Wait until the descriptor of the set is
    /// readable. The next step collects which rings have notified.
    ///
    /// ```
    /// # use ringbuf_core::{WaitPolicy, WaitStep, WaitSteps, WakeCause, Wakeup};
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// let mut wait = WaitSteps::new(None);
    /// let step = set.wait_step(&mut wait, WakeCause::TimeUp)?;
    /// assert!(matches!(step, WaitStep::Block(_)));
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// let step = set.wait_step(&mut wait, WakeCause::Notified)?;
    /// assert_eq!(step, WaitStep::Over(Wakeup::Ready));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The system did not say which rings have notified.
    pub fn wait_step(
        &mut self,
        wait: &mut WaitSteps,
        cause: WakeCause,
    ) -> Result<WaitStep, H::Error> {
        let cause = match self.collect(Duration::ZERO)? {
            WakeCause::TimeUp => cause,
            collected => collected,
        };
        self.step(wait, cause)
    }

    /// As [`wait_step`](Self::wait_step), after a block that has collected.
    pub(super) fn step(
        &mut self,
        wait: &mut WaitSteps,
        cause: WakeCause,
    ) -> Result<WaitStep, H::Error> {
        let over = match wait.take_rest() {
            None => self.first_step(wait)?,
            Some(rest) => self.rested(wait, rest, cause)?,
        };
        match over {
            Some(wakeup) => Ok(WaitStep::Over(wakeup)),
            None => self.next_step(wait),
        }
    }

    fn first_step(&mut self, wait: &mut WaitSteps) -> Result<Option<Wakeup>, H::Error> {
        if let Some(wakeup) = self.asked()? {
            return Ok(Some(wakeup));
        }
        let now = self.account();
        if let Some(wakeup) = self.flushed(now) {
            return Ok(Some(wakeup));
        }
        if let Some(until) = self.held {
            wait.begin(now);
            return Ok((now >= until).then(|| self.ready_now()));
        }
        if self.is_any_known_ready() {
            // The others get their turns, too.
            self.collect(Duration::ZERO)?;
            self.sweep(now, self.state.max_sleep());
            return Ok(Some(self.ready_now()));
        }
        wait.begin(now);
        Ok(None)
    }

    fn next_step(&mut self, wait: &mut WaitSteps) -> Result<WaitStep, H::Error> {
        loop {
            let left = wait.left(self.host.deadline());
            if left.is_zero() {
                return Ok(WaitStep::Over(self.time_is_up(wait.now())?));
            }
            self.state.set_active(self.circle.len());
            let action = self.state.action(wait.now());
            if let Some(until) = self.held {
                let time = until.saturating_sub(wait.now());
                return Ok(wait.rest(self.held_rest(action, time), left));
            }
            let armed = match action {
                WaitAction::Block(_) => self.arm_all(),
                _ => Armed::Sleep,
            };
            match armed {
                Armed::Sleep => return Ok(wait.rest(action, left)),
                Armed::Ready => {
                    let rest = (action, left);
                    if let Some(wakeup) = self.rested(wait, rest, WakeCause::Found)? {
                        return Ok(WaitStep::Over(wakeup));
                    }
                }
            }
        }
    }

    /// A rest is over: looks.
    fn rested(
        &mut self,
        wait: &mut WaitSteps,
        (action, left): (WaitAction, Duration),
        mut cause: WakeCause,
    ) -> Result<Option<Wakeup>, H::Error> {
        if let WaitAction::Spin { looks, .. } = action {
            // The last look is below.
            for _ in 1..looks {
                if self.held.is_some() || self.look_at_all() {
                    break;
                }
                hint::spin_loop();
            }
            cause = self.collect(Duration::ZERO)?;
        }
        let now = self.host.now();
        self.tally.pace.now = now;
        if let WaitAction::Nap(time) = action {
            self.state.napped(time.min(left), now.saturating_sub(wait.now()));
            // A wake collects when it is taken, below.
            if cause != WakeCause::Woken {
                self.collect(Duration::ZERO)?;
            }
        }
        wait.set_now(now);
        if cause == WakeCause::Interrupted {
            return Ok(Some(self.asked()?.unwrap_or(Wakeup::Interrupted)));
        }
        if let Some(until) = self.held {
            return self.looked(now, now >= until);
        }
        let found = self.look_at_all() | self.sweep(now, self.state.max_sleep());
        self.state.observe(action, cause, found);
        self.looked(now, found)
    }

    /// The last look of a wait.
    fn time_is_up(&mut self, now: Duration) -> Result<Wakeup, H::Error> {
        self.collect(Duration::ZERO)?;
        self.tally.pace.now = now;
        let found = match self.held {
            Some(until) => now >= until,
            None => self.look_at_all() | self.sweep(now, self.state.max_sleep().min(QUIET)),
        };
        Ok(self.looked(now, found)?.unwrap_or(Wakeup::TimedOut))
    }

    fn looked(&mut self, now: Duration, found: bool) -> Result<Option<Wakeup>, H::Error> {
        self.state.set_silent(self.silent > 0);
        if found {
            return Ok(Some(self.ready_now()));
        }
        if let Some(wakeup) = self.asked()? {
            return Ok(Some(wakeup));
        }
        Ok(self.flushed(now))
    }

    /// Takes what wakers ask for, and returns what ends the wait at once. A drain after
    /// that reads all that is there, as the last one of a program must.
    fn asked(&mut self) -> Result<Option<Wakeup>, H::Error> {
        let wakes = self.take_wakes();
        let Some(wakeup) = self.asked.ends(wakes) else { return Ok(None) };
        self.look()?;
        Ok(Some(wakeup))
    }

    /// Takes what wakers ask for. A flush covers all that is there now.
    pub(super) fn take_wakes(&mut self) -> crate::Wakes {
        let wakes = self.host.take_wakes();
        if self.asked.add(wakes) {
            self.flushing = true;
            for slot in self.slots.as_mut() {
                let end = slot.member.as_ref().map(|member| member.ring.as_ref().end());
                slot.turn.flush = end;
            }
        }
        wakes
    }

    /// A flush that was asked for: is there more to deliver?
    fn flushed(&mut self, now: Duration) -> Option<Wakeup> {
        if !self.flushing {
            return None;
        }
        let mut found = false;
        for index in (0_u32..).take(self.slots.as_ref().len()) {
            if self.is_unflushed(index) {
                self.circle.activate(self.slots.as_mut(), index, now);
                found = true;
            } else if let Some(slot) = at_mut(self.slots.as_mut(), index) {
                slot.turn.flush = None;
            }
        }
        if found {
            // What a merge holds is delivered later: the flush goes on.
            let held = self.held.is_some_and(|until| now < until);
            return (!held).then(|| self.ready_now());
        }
        self.flushing = false;
        Some(Wakeup::Flushed)
    }

    /// Whether a flush that was asked for has only to be reported.
    pub(super) fn is_flush_over(&mut self) -> bool {
        let slots = self.slots.as_ref().len();
        self.flushing && !(0_u32..).take(slots).any(|index| self.is_unflushed(index))
    }

    fn is_unflushed(&mut self, index: u32) -> bool {
        let Some(turn) = at(self.slots.as_ref(), index).map(|slot| &slot.turn) else {
            return false;
        };
        let Some(end) = turn.flush.filter(|_| !turn.failed && turn.state != State::Failed) else {
            return false;
        };
        self.consumer(index).is_some_and(|consumer| consumer.is_before(end) && consumer.look())
    }

    /// How to rest while a merge holds its records for this time. Until then nothing that
    /// arrives can be delivered, so nothing is armed. A nap that gathers may be longer.
    fn held_rest(&self, action: WaitAction, time: Duration) -> WaitAction {
        match action {
            // It spins because a late timer would find the ring full. But it is early still.
            WaitAction::Spin { .. } if time > LATE && !self.policy().spins() => {
                WaitAction::Nap(time.saturating_sub(LATE))
            }
            WaitAction::Spin { pause, looks } => WaitAction::Spin { pause: pause.min(time), looks },
            WaitAction::Nap(nap) => WaitAction::Nap(nap.max(time)),
            WaitAction::Block(_) => WaitAction::Nap(time),
        }
    }
}
