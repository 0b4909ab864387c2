//! [`Clock`]: the time of a round, and what it may deliver.

use super::window::End;

/// The time of a round, on the clock of the keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// A time before the first look of the round.
    pub(super) now: u64,
    lateness: u64,
    mode: Mode,
}

/// What a ring without a next record means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// A smaller key may still come.
    Live,
    /// The programs are detached: only from behind a busy record may something come.
    Ending,
    /// Nothing is waited for.
    Over,
}

impl Clock {
    /// The largest time waits for nothing.
    pub(super) fn new(now: u64, lateness: u64) -> Self {
        if now == u64::MAX {
            return Self::ending(true);
        }
        Self { now, lateness, mode: Mode::Live }
    }

    /// The clock of the last rounds. Keys do not have to be old.
    pub(super) fn ending(over: bool) -> Self {
        let mode = if over { Mode::Over } else { Mode::Ending };
        Self { now: u64::MAX, lateness: 0, mode }
    }

    /// The time, if a ring without a reservation is clear as of that.
    pub(super) fn clear(&self) -> Option<u64> {
        (self.mode == Mode::Live).then_some(self.now)
    }

    /// The key up to which a ring whose walk has ended so has no record any more, unless one
    /// is late. `clear` is when nothing was reserved in it, and `newest` its newest key.
    pub(super) fn bound(&self, end: End, clear: u64, newest: u64) -> u64 {
        let Self { now, lateness, mode } = *self;
        match (end, mode) {
            // Its next key is known, or nothing is expected of it.
            (End::Open | End::Goal | End::Corrupt | End::Failed, _) => u64::MAX,
            // Its next records are there, and this round does not look at them.
            (End::Limit, _) => newest,
            (End::Empty, Mode::Live) => now.saturating_sub(lateness),
            // What is behind the busy record was reserved after the ring was clear. A
            // producer that stands still must not keep the others for ever.
            (End::Busy, Mode::Live) => {
                let since = clear.min(now).saturating_sub(lateness);
                since.max(now.saturating_sub(lateness.saturating_mul(2)))
            }
            (End::Busy, Mode::Ending) => newest,
            (End::Empty | End::Busy, _) => u64::MAX,
        }
    }

    /// When a record of this key is due, which the round did not deliver.
    pub(super) fn due(&self, key: u64) -> u64 {
        let Self { now, lateness, .. } = *self;
        let due = key.min(now).saturating_add(lateness);
        if due > now {
            return due;
        }
        // A busy record is waited for, which may be committed at any time.
        let again = now.saturating_add((lateness / 8).max(1));
        again.min(due.saturating_add(lateness)).max(now.saturating_add(1))
    }
}
