//! One wait for many rings.

use core::hint;
use core::time::Duration;

use super::circle::at;
use super::slot::State;
use super::{RingSet, SetHost, Slots, Token};
use crate::wait::QUIET;
use crate::{Armed, WaitAction, WakeCause, Wakeup};

impl<H: SetHost, T, S: Slots<H::Ring, T>> RingSet<H, T, S> {
    /// Waits until a ring has something to read, but no longer than `timeout`. `None`
    /// means no limit; zero only looks. Drain before you call it.
    ///
    /// It waits as [`Consumer::wait`](crate::Consumer::wait) does, and one policy decides
    /// for all rings. Before it blocks, it arms all active rings. Idle rings whose
    /// producers do not notify (`BPF_RB_NO_WAKEUP`) are looked at each
    /// [`max_sleep`](crate::WaitPolicy::max_sleep), and before a wait times out, but at
    /// most once a millisecond. A ring that was found so is then looked at as often as
    /// [`latency_bound`](crate::WaitPolicy::latency_bound) says, until it notifies, or
    /// brings nothing for a second.
    ///
    /// After [`Wakeup::Woken`], a drain reads everything that was there.
    ///
    /// # Errors
    /// An error of the system's clock or sleeps.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, H::Error> {
        if self.take_wake() {
            return self.woken_now();
        }
        let mut now = self.account();
        if self.is_any_known_ready() {
            // The others get their turns, too.
            self.collect(Duration::ZERO)?;
            self.sweep(now, self.state.max_sleep());
            return Ok(self.ready_now());
        }
        let deadline = timeout.map_or(Duration::MAX, |timeout| now.saturating_add(timeout));
        loop {
            let left = deadline.saturating_sub(now);
            self.state.set_active(self.circle.len());
            let (action, cause) = match self.state.action(now) {
                _ if left.is_zero() => (None, self.collect(Duration::ZERO)?),
                action => (Some(action), self.rest(action, left)?),
            };
            self.tally.pace.now = self.host.now();
            if let Some(WaitAction::Nap(time)) = action {
                self.state.napped(time.min(left), self.tally.pace.now.saturating_sub(now));
                self.collect(Duration::ZERO)?;
            }
            now = self.tally.pace.now;
            if cause == WakeCause::Interrupted {
                return if self.take_wake() { self.woken_now() } else { Ok(Wakeup::Interrupted) };
            }
            let between = self.state.max_sleep();
            let between = if action.is_none() { between.min(QUIET) } else { between };
            let found = self.look_at_all() | self.sweep(now, between);
            if let Some(action) = action {
                self.state.observe(action, cause, found);
            }
            self.state.set_silent(self.silent > 0);
            if found {
                return Ok(self.ready_now());
            }
            if self.take_wake() {
                return self.woken_now();
            }
            if action.is_none() {
                return Ok(Wakeup::TimedOut);
            }
        }
    }

    /// Looks at all rings, without a wait, and returns true if one has something to read.
    /// A wake is left to the next wait.
    ///
    /// # Errors
    /// The system did not say which rings have notified.
    pub fn look(&mut self) -> Result<bool, H::Error> {
        self.collect(Duration::ZERO)?;
        let now = self.account();
        let found = self.sweep(now, Duration::ZERO) | self.look_at_all();
        self.unasked = self.circle.len();
        Ok(found)
    }

    /// Looks at all rings and arms them. [`Armed::Sleep`] promises that the next commit
    /// or wake makes the descriptor of the set ready, with the exceptions of
    /// [`Consumer::arm`](crate::Consumer::arm). Call it before you block in an event
    /// loop of your own.
    ///
    /// [`Armed::Ready`]: call [`wait`](Self::wait), which returns at once.
    ///
    /// # Errors
    /// The system did not say which rings have notified.
    pub fn arm(&mut self) -> Result<Armed, H::Error> {
        let mut armed = Armed::Ready;
        if !self.look()? {
            armed = self.arm_all();
        }
        // Collecting has used up the event of a wake.
        self.woken |= self.host.take_wake();
        Ok(if self.woken { Armed::Ready } else { armed })
    }

    fn take_wake(&mut self) -> bool {
        core::mem::take(&mut self.woken) | self.host.take_wake()
    }

    /// A drain after a wake reads all that is there, as the last one of a program must.
    fn woken_now(&mut self) -> Result<Wakeup, H::Error> {
        self.look()?;
        Ok(Wakeup::Woken)
    }

    fn ready_now(&mut self) -> Wakeup {
        self.unasked = self.begin_pass();
        Wakeup::Ready
    }

    /// Tells the state what was read since the last wait, and returns the time.
    fn account(&mut self) -> Duration {
        self.begin_pass();
        let tally = &mut self.tally;
        self.state.drained(tally.pace.now, tally.records, tally.bytes);
        (tally.records, tally.bytes) = (0, 0);
        tally.pace.now
    }

    fn is_any_known_ready(&self) -> bool {
        let slots = self.slots.as_ref();
        let mut next = self.circle.first();
        for _ in 0..self.circle.len() {
            let Some(slot) = next.and_then(|index| at(slots, index)) else { return false };
            let member = slot.member.as_ref();
            if member.is_some_and(|member| member.ring.as_ref().known_ready()) {
                return true;
            }
            next = Some(slot.turn.after);
        }
        false
    }

    /// Looks until one is found. It is the next in turn.
    fn look_at_all(&mut self) -> bool {
        for _ in 0..self.circle.len() {
            match self.circle.first() {
                Some(index) if self.look_at(index) => return true,
                Some(_) => {}
                None => return false,
            }
        }
        false
    }

    /// Arms all active rings. Those that notify become idle. Stops at one that has
    /// something to read.
    fn arm_all(&mut self) -> Armed {
        for _ in 0..self.circle.len() {
            match self.circle.first() {
                Some(index) if self.arm_one(index) == Armed::Ready => return Armed::Ready,
                Some(_) => {}
                None => return Armed::Sleep,
            }
        }
        Armed::Sleep
    }

    /// Sleeps for this time at most. Rings that have notified become active.
    fn collect(&mut self, time: Duration) -> Result<WakeCause, H::Error> {
        let cause = self.host.block(time)?;
        while let Some(token) = self.host.next_notified() {
            self.notified(token);
        }
        Ok(cause)
    }

    fn notified(&mut self, token: Token) {
        if self.slot(token).is_none() {
            return; // It was removed since.
        }
        self.set_silent(token.index, false);
        self.circle.activate(self.slots.as_mut(), token.index, self.tally.pace.now);
    }

    /// Looks at the idle rings, unless that was done in this time. One that has something
    /// to read has not notified.
    fn sweep(&mut self, now: Duration, between: Duration) -> bool {
        if now.saturating_sub(self.swept) < between {
            return false;
        }
        self.swept = now;
        let mut found = false;
        for index in (0_u32..).take(self.slots.as_ref().len()) {
            if at(self.slots.as_ref(), index).is_none_or(|slot| slot.turn.state != State::Idle) {
                continue;
            }
            if self.consumer(index).is_some_and(|consumer| consumer.look()) {
                self.set_silent(index, true);
                self.circle.activate(self.slots.as_mut(), index, now);
                found = true;
            }
        }
        found
    }

    pub(super) fn set_silent(&mut self, index: u32, silent: bool) {
        if let Some(slot) = super::circle::at_mut(self.slots.as_mut(), index) {
            let was = core::mem::replace(&mut slot.turn.silent, silent);
            self.silent = self.silent.saturating_add(silent.into()).saturating_sub(was.into());
        }
    }

    /// Performs one action, but no longer than `left`.
    fn rest(&mut self, action: WaitAction, left: Duration) -> Result<WakeCause, H::Error> {
        match action {
            WaitAction::Spin { pause, looks } => {
                let pause = pause.min(left);
                if !pause.is_zero() {
                    self.host.pause(pause);
                }
                // The caller makes the last look.
                for _ in 1..looks {
                    if self.look_at_all() {
                        break;
                    }
                    hint::spin_loop();
                }
                self.collect(Duration::ZERO)
            }
            WaitAction::Nap(time) => self.host.nap(time.min(left)),
            WaitAction::Block(time) => match self.arm_all() {
                Armed::Ready => Ok(WakeCause::Found),
                Armed::Sleep => self.collect(time.min(left)),
            },
        }
    }
}
