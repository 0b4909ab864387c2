//! Reading with a callback, and looks at unread records.

use ringbuf_core::{Counts, Position};

use super::{Check, Record, State};

impl Check {
    /// The consumer begins to read with a callback.
    pub(crate) fn each_begins(&mut self) {
        self.by_callback = true;
    }

    /// A callback gets a record: everything before it is consumed.
    pub(crate) fn lent(&mut self, at: Position, len: u64) -> Option<Record> {
        self.consume_to(self.since_start(at));
        let record = self.delivered(at, len)?;
        self.lent = true;
        Some(record)
    }

    /// The callback has returned: its record is consumed.
    pub(crate) fn returned(&mut self) {
        if self.lent {
            self.lent = false;
            self.consume_to(self.cursor);
        }
    }

    /// Reading with a callback is over, with the consumer at `at`. Returns the
    /// expected counts.
    pub(crate) fn each_ended(&mut self, at: Position) -> Counts {
        self.by_callback = false;
        if !self.plan.hostile {
            self.consume_to(self.since_start(at));
        }
        self.life
    }

    /// The consumer releases everything before `to` while it reads with a callback.
    /// Records skipped since the last callback are consumed, too.
    pub(super) fn skipped_meanwhile(&mut self, to: u64) {
        while self.by_callback && !self.lent && self.consumed < to {
            let Some(next) = self.find(self.consumed).map(|index| self.records[index]) else {
                return;
            };
            if next.state != State::Discarded {
                return;
            }
            self.consume_to(next.end());
        }
    }

    pub(crate) fn is_hostile(&self) -> bool {
        self.plan.hostile
    }

    /// Returns true if there is a record at the consumer position that is not busy.
    pub(crate) fn is_ready(&self) -> bool {
        self.find(self.consumed).is_some_and(|head| self.records[head].state != State::Busy)
    }

    /// Checks the result of a look. `before` is true if there was something when it
    /// began. A committed record stays committed until it is consumed.
    pub(crate) fn looked(&mut self, before: bool, found: bool) {
        let missed = before && !found && !self.plan.hostile;
        self.must(!missed, || "a look finds nothing where something stands".into());
    }
}
