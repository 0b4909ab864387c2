//! What a merge needs of its set.

use core::time::Duration;

use super::circle::at_mut;
use super::slot::State;
use super::{Member, RingSet, SetHost, Slot, Slots, Token};
use crate::finish::REST;
use crate::{Corrupt, Finished, RingFailed, RingMemory, Wakes};

impl<H: SetHost, T, S: Slots<H::Ring, T>> RingSet<H, T, S> {
    /// Begins a round. Returns the time.
    pub(crate) fn begin_round(&mut self) -> Duration {
        self.begin_pass();
        self.tally.pace.now
    }

    pub(crate) fn slots(&self) -> &[Slot<H::Ring, T>] {
        self.slots.as_ref()
    }

    pub(crate) fn slots_mut(&mut self) -> &mut [Slot<H::Ring, T>] {
        self.slots.as_mut()
    }

    pub(crate) fn member_mut(&mut self, index: u32) -> Option<&mut Member<H::Ring, T>> {
        at_mut(self.slots.as_mut(), index)?.member.as_mut()
    }

    /// A round has read this much of a ring, or holds records of it.
    pub(crate) fn was_read(&mut self, index: u32, records: u64, bytes: u64) {
        let now = self.tally.pace.now;
        self.circle.activate(self.slots.as_mut(), index, now);
        let Some(slot) = at_mut(self.slots.as_mut(), index) else { return };
        (slot.turn.empty, slot.turn.found) = (0, now);
        let Some(member) = &slot.member else { return };
        let consumer = member.ring.as_ref();
        // Capacities are powers of two, and at least the smallest.
        let scale = (consumer.memory.capacity().bytes() / self.tally.smallest).max(1);
        self.tally.records = self.tally.records.saturating_add(records);
        self.tally.fullest = self.tally.fullest.max(bytes / scale);
    }

    /// A ring is corrupt. It gets no more turns.
    pub(crate) fn fail(&mut self, index: u32, corrupt: Corrupt) -> RingFailed {
        let mut generation = 0;
        if let Some(slot) = at_mut(self.slots.as_mut(), index) {
            slot.turn.failed = true;
            generation = slot.generation;
        }
        self.circle.leave(self.slots.as_mut(), index, State::Failed);
        RingFailed { token: Token { index, generation }, corrupt }
    }

    /// Until `until`, nothing can be read. `None` means that nothing is held.
    pub(crate) fn hold_until(&mut self, until: Option<Duration>) {
        self.held = until;
    }

    /// How long a merge still holds what it has, for an event loop that is about to block. Zero
    /// if it must not. `None` if nothing is held.
    pub(crate) fn held_for(&mut self) -> Result<Option<Duration>, H::Error> {
        let Some(until) = self.held else { return Ok(None) };
        self.collect(Duration::ZERO)?;
        // Collecting has used up the event of a waker.
        let wakes = self.take_wakes();
        let asked = self.asked.woken || wakes != Wakes::NONE || self.is_flush_over();
        let left = until.saturating_sub(self.host.now());
        Ok(Some(if asked { Duration::ZERO } else { left }))
    }

    /// A ring is corrupt before its goal.
    pub(crate) fn fail_goal(&mut self, RingFailed { token, corrupt, .. }: RingFailed) {
        if let Some(slot) = at_mut(self.slots.as_mut(), token.index) {
            slot.goal = Some(Err(corrupt));
        }
    }

    /// Sleeps until a busy record may be committed.
    pub(crate) fn rest_before_end(&mut self, left: Duration) -> Result<(), H::Error> {
        self.collect(left.min(REST)).map(|_| ())
    }

    /// The last reading is over.
    pub(crate) fn end_goals(
        &mut self,
        complete: bool,
        mut report: impl FnMut(Token, &T, Result<Finished, Corrupt>),
    ) {
        self.held = None;
        self.publish_all();
        if complete {
            self.report_all(&mut report);
        }
        for slot in self.slots.as_mut() {
            slot.goal = None;
        }
    }
}
