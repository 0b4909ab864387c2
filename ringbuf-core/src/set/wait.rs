//! One wait for many rings.

use core::time::Duration;

use super::circle::at;
use super::slot::State;
use super::{RingSet, SetHost, Slots, Token};
use crate::{Armed, WaitStep, WaitSteps, WakeCause, Wakes, Wakeup};

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
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::{WaitPolicy, Wakeup};
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let ring = SimRing::new(4096)?;
    /// # let program = ring.producer();
    /// # let time = VirtualTime::new();
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// time.at(Duration::from_secs(1), |_| program.output(b"hello", Flags::ADAPTIVE).unwrap());
    /// assert_eq!(set.wait(Some(Duration::from_millis(10)))?, Wakeup::TimedOut);
    /// assert_eq!(set.wait(None)?, Wakeup::Ready);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An error of the system's clock or sleeps.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Wakeup, H::Error> {
        let (mut wait, mut cause) = (WaitSteps::new(timeout), WakeCause::TimeUp);
        loop {
            cause = match self.step(&mut wait, cause)? {
                WaitStep::Over(wakeup) => return Ok(wakeup),
                WaitStep::Spin(time) => {
                    if !time.is_zero() {
                        self.host.pause(time);
                    }
                    WakeCause::TimeUp
                }
                WaitStep::Nap(time) => self.host.nap(time)?,
                WaitStep::Block(time) => self.collect(time)?,
            };
        }
    }

    /// Looks at all rings, without a wait, and returns true if one has something to read.
    /// A wake is left to the next wait.
    ///
    /// ```
    /// # use ringbuf_core::{WaitPolicy};
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// assert!(!set.look()?);
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// assert!(set.look()?);
    /// set.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use ringbuf_core::{Armed, WaitPolicy};
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// assert_eq!(set.arm()?, Armed::Sleep); // now you may block
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?; // notifies
    /// assert_eq!(set.arm()?, Armed::Ready);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The system did not say which rings have notified.
    pub fn arm(&mut self) -> Result<Armed, H::Error> {
        let mut armed = Armed::Ready;
        if !self.look()? {
            armed = self.arm_all();
        }
        // Collecting has used up the event of a waker.
        let wakes = self.take_wakes();
        let asked = self.asked.woken || self.flushing || wakes != Wakes::NONE;
        Ok(if asked { Armed::Ready } else { armed })
    }

    pub(super) fn ready_now(&mut self) -> Wakeup {
        self.unasked = self.begin_pass();
        Wakeup::Ready
    }

    /// Tells the state what was read since the last wait, and returns the time.
    pub(super) fn account(&mut self) -> Duration {
        self.begin_pass();
        let tally = &mut self.tally;
        self.state.drained(tally.pace.now, tally.records, tally.bytes);
        (tally.records, tally.bytes) = (0, 0);
        tally.pace.now
    }

    pub(super) fn is_any_known_ready(&self) -> bool {
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
    pub(super) fn look_at_all(&mut self) -> bool {
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
    pub(super) fn arm_all(&mut self) -> Armed {
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
    pub(super) fn collect(&mut self, time: Duration) -> Result<WakeCause, H::Error> {
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
    pub(super) fn sweep(&mut self, now: Duration, between: Duration) -> bool {
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
            } else {
                self.note_stall(index, now);
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
}
