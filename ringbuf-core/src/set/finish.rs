//! [`RingSet::finish`]: the last reading of all rings.

use core::ops::ControlFlow;
use core::time::Duration;

use super::circle::at_mut;
use super::slot::Slot;
use super::{RingSet, SetHost, Slots, Token};
use crate::finish::{Goal, REST};
use crate::{Armed, Corrupt, Drained, Finished, Record};

impl<H: SetHost, T, S: Slots<H::Ring, T>> RingSet<H, T, S> {
    /// Reads what is in all rings when the call begins, and says what became of it: see
    /// [`Consumer::finish`](crate::Consumer::finish). Call it last, after the programs are
    /// detached.
    ///
    /// It first notes the producer positions of all rings. `limit` is one time for all of
    /// them: while one ring waits for a busy record, the others are read. At the end it calls
    /// `report` for each ring, in the order of their places. A corrupt ring does not keep the
    /// others. The [budget](Self::set_budget) does not count here.
    ///
    /// Ends as soon as `each` breaks, and then reports nothing. A signal or a wake does not end
    /// it: the next wait reports that wake.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::time::Duration;
    /// use ringbuf_core::WaitPolicy;
    /// use ringbuf_sim::{Flags, SimRing, VirtualTime};
    ///
    /// let (exec, connect) = (SimRing::new(4096)?, SimRing::new(4096)?);
    /// let mut set = VirtualTime::new().ring_set(WaitPolicy::balanced());
    /// set.insert(exec.consumer()?, "exec")?;
    /// set.insert(connect.consumer()?, "connect")?;
    /// exec.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// let program = connect.producer();
    /// let stopped = program.reserve(8)?;
    ///
    /// let mut lines = Vec::new();
    /// let end = set.finish(
    ///     Duration::from_millis(20),
    ///     |_, _| ControlFlow::<()>::Continue(()),
    ///     |_, name, finished| lines.push(format!("{name}: {}", finished.unwrap())),
    /// )?;
    /// assert!(end.is_continue());
    /// assert_eq!(lines[0], "exec: 1 record delivered, 0 discarded, nothing left");
    /// assert!(lines[1].ends_with("16 bytes left: 1 record in flight (16 bytes), 0 behind"));
    /// # drop(stopped);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The system refused to sleep. What is in the rings stays there.
    pub fn finish<B>(
        &mut self,
        limit: Duration,
        mut each: impl FnMut(&mut T, Record<'_, H::Memory>) -> ControlFlow<B>,
        mut report: impl FnMut(Token, &T, Result<Finished, Corrupt>),
    ) -> Result<ControlFlow<B>, H::Error> {
        let deadline = self.host.now().saturating_add(limit);
        self.capture_goals();
        let end = loop {
            let mut busy = false;
            if let ControlFlow::Break(value) = self.read_to_goals(&mut each, &mut busy) {
                break Ok(ControlFlow::Break(value));
            }
            let left = deadline.saturating_sub(self.host.now());
            if !busy || left.is_zero() {
                break Ok(ControlFlow::Continue(()));
            }
            if self.arm_unfinished() == Armed::Sleep {
                if let Err(error) = self.collect(left.min(REST)) {
                    break Err(error);
                }
            }
        };
        self.publish_all();
        if matches!(end, Ok(ControlFlow::Continue(()))) {
            self.report_all(&mut report);
        }
        end
    }

    /// Notes the producer positions of all rings.
    pub(crate) fn capture_goals(&mut self) {
        for slot in self.slots.as_mut() {
            slot.goal = slot.member.as_ref().map(|member| Goal::capture(member.ring.as_ref()));
        }
    }

    /// Reads each ring up to its goal.
    fn read_to_goals<B>(
        &mut self,
        each: &mut impl FnMut(&mut T, Record<'_, H::Memory>) -> ControlFlow<B>,
        busy: &mut bool,
    ) -> ControlFlow<B> {
        for slot in self.slots.as_mut() {
            let (Some(member), Some(Ok(goal))) = (slot.member.as_mut(), &slot.goal) else {
                continue;
            };
            let consumer = member.ring.as_mut();
            if goal.left(consumer) == 0 {
                continue;
            }
            let tag = &mut member.tag;
            match consumer.read(&mut goal.limit(), |record| each(tag, record)) {
                Ok(ControlFlow::Continue(Drained::Busy)) => *busy = true,
                Ok(ControlFlow::Continue(Drained::Empty | Drained::Limit)) => {}
                Ok(ControlFlow::Break(value)) => return ControlFlow::Break(value),
                Err(corrupt) => slot.goal = Some(Err(corrupt)),
            }
        }
        ControlFlow::Continue(())
    }

    /// Arms the rings that have not reached their goals. Stops at one that has something to
    /// read.
    fn arm_unfinished(&mut self) -> Armed {
        for slot in self.slots.as_mut() {
            let Slot { member: Some(member), goal: Some(Ok(goal)), .. } = slot else { continue };
            let consumer = member.ring.as_mut();
            if goal.left(consumer) > 0 && consumer.arm() == Armed::Ready {
                return Armed::Ready;
            }
        }
        Armed::Sleep
    }

    /// Nothing that was read comes again. Each ring gets a turn, because it may have more, and
    /// its next commit may not notify.
    pub(super) fn publish_all(&mut self) {
        let now = self.host.now();
        for index in (0_u32..).take(self.slots.as_ref().len()) {
            if let Some(consumer) = self.consumer(index) {
                consumer.publish();
            }
            self.circle.activate(self.slots.as_mut(), index, now);
        }
    }

    pub(super) fn report_all(
        &mut self,
        report: &mut impl FnMut(Token, &T, Result<Finished, Corrupt>),
    ) {
        for index in (0_u32..).take(self.slots.as_ref().len()) {
            let Some(slot) = at_mut(self.slots.as_mut(), index) else { continue };
            let token = Token { index, generation: slot.generation };
            let (Some(member), Some(goal)) = (&slot.member, slot.goal.take()) else { continue };
            report(token, &member.tag, goal.and_then(|goal| goal.report(member.ring.as_ref())));
        }
    }
}
