//! The circle of active rings, linked through their slots.

use core::time::Duration;

use super::slot::{Slot, State};

/// The active rings. The first is next in turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Circle {
    first: Option<u32>,
    len: u32,
}

impl Circle {
    pub(super) fn first(self) -> Option<u32> {
        self.first
    }

    pub(super) fn len(self) -> u32 {
        self.len
    }

    /// The one after `index` gets the next turn.
    pub(super) fn rotate<R, T>(&mut self, slots: &[Slot<R, T>]) {
        self.first = self.first.and_then(|first| Some(at(slots, first)?.turn.after));
    }

    /// Puts a ring at the end, so that all others have their turn before.
    pub(super) fn activate<R, T>(&mut self, slots: &mut [Slot<R, T>], index: u32, now: Duration) {
        let Some(slot) = at_mut(slots, index) else { return };
        if slot.turn.state != State::Idle || slot.member.is_none() {
            return;
        }
        slot.turn.state = State::Active;
        (slot.turn.empty, slot.turn.found) = (0, now);
        let first = *self.first.get_or_insert(index);
        let last = at(slots, first).map_or(index, |slot| slot.turn.before);
        let (before, after) = if first == index { (index, index) } else { (last, first) };
        if let Some(slot) = at_mut(slots, index) {
            (slot.turn.before, slot.turn.after) = (before, after);
        }
        if let Some(slot) = at_mut(slots, before) {
            slot.turn.after = index;
        }
        if let Some(slot) = at_mut(slots, after) {
            slot.turn.before = index;
        }
        self.len = self.len.saturating_add(1);
    }

    /// Takes a ring out.
    pub(super) fn leave<R, T>(&mut self, slots: &mut [Slot<R, T>], index: u32, state: State) {
        let Some(slot) = at_mut(slots, index) else { return };
        let was = core::mem::replace(&mut slot.turn.state, state);
        let (before, after) = (slot.turn.before, slot.turn.after);
        if was != State::Active {
            return;
        }
        // Slots that lie about themselves must not cause a panic.
        self.len = self.len.saturating_sub(1);
        if let Some(slot) = at_mut(slots, before) {
            slot.turn.after = after;
        }
        if let Some(slot) = at_mut(slots, after) {
            slot.turn.before = before;
        }
        if self.first == Some(index) {
            self.first = (after != index).then_some(after);
        }
    }
}

pub(super) fn at<R, T>(slots: &[Slot<R, T>], index: u32) -> Option<&Slot<R, T>> {
    slots.get(usize::try_from(index).ok()?)
}

pub(super) fn at_mut<R, T>(slots: &mut [Slot<R, T>], index: u32) -> Option<&mut Slot<R, T>> {
    slots.get_mut(usize::try_from(index).ok()?)
}
