//! [`TurnState`]: one call of a function like libbpf's `ring_buffer__poll`, which waits and
//! reads.

use core::time::Duration;

use crate::{Capacity, WaitAction, WaitPolicy, WaitState, WakeCause};

/// Decides how one call waits, reads and returns: the call of a function that does all
/// three, such as libbpf's `ring_buffer__poll`. It has no clock and no ring.
///
/// While records come densely, a turn naps and reads again, so that their commits find
/// nobody to notify. It returns at the end of its timeout, and after the
/// [latency bound](WaitPolicy::latency_bound) of its policy has passed since its first
/// record. When records come sparsely, it returns after the first read that found any.
///
/// ```
/// use std::time::Duration;
/// use ringbuf_core::{Capacity, TurnState, TurnStep, WaitPolicy, WakeCause};
///
/// let mut state = TurnState::new(WaitPolicy::balanced(), Capacity::new(4096, 4096)?);
/// let mut turn = state.begin(Duration::ZERO, Some(Duration::from_millis(10)));
/// // Nothing is there: arm, then block.
/// let step = state.step(&mut turn, Duration::ZERO, 0, 0, false);
/// assert_eq!(step, TurnStep::Block(Duration::from_millis(10)));
/// state.rested(&turn, WakeCause::Notified, true);
/// // One record of 16 bytes: traffic is sparse, so the call returns.
/// state.delivered(&mut turn, Duration::from_millis(3));
/// let step = state.step(&mut turn, Duration::from_millis(3), 1, 16, false);
/// assert_eq!(step, TurnStep::Return);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TurnState {
    wait: WaitState,
}

/// One call: see [`TurnState`].
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The end of the timeout.
    deadline: Duration,
    /// The end of the turn: set by the first record.
    end: Duration,
    /// The next nap while a head is busy.
    busy_nap: Duration,
    found: bool,
    action: Option<WaitAction>,
}

/// What the call does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TurnStep {
    /// Publish everything, and return.
    Return,
    /// Let this time pass awake, then read again. The last record need not be published.
    Spin(Duration),
    /// Sleep by a timer, then read again. The last record need not be published.
    Nap(Duration),
    /// Arm all rings. If nothing is ready, sleep until a notification, but no longer than
    /// this. Then read again.
    Block(Duration),
}

/// The first nap while a head is busy, and the longest. A level-triggered wait would return
/// at once, again and again.
const BUSY_NAP: Duration = Duration::from_micros(20);
const BUSY_NAP_MAX: Duration = Duration::from_millis(1);

impl TurnState {
    /// Creates a state without knowledge of the traffic. `capacity` is that of the smallest
    /// ring.
    #[must_use]
    pub fn new(policy: WaitPolicy, capacity: Capacity) -> Self {
        Self { wait: WaitState::new(policy, capacity) }
    }

    /// Returns the policy.
    #[must_use]
    pub fn policy(&self) -> &WaitPolicy {
        self.wait.policy()
    }

    /// Begins a call at `now`. `None` means no timeout; zero means only one read.
    #[must_use]
    pub fn begin(&mut self, now: Duration, timeout: Option<Duration>) -> Turn {
        Turn {
            deadline: timeout.map_or(Duration::MAX, |timeout| now.saturating_add(timeout)),
            end: Duration::MAX,
            busy_nap: BUSY_NAP,
            found: false,
            action: None,
        }
    }

    /// A read ended at `now`. Since the last step it passed `records` of `bytes`, with
    /// discarded ones, and `busy` if the head of a ring is not committed. Returns what to do
    /// next.
    pub fn step(
        &mut self,
        turn: &mut Turn,
        now: Duration,
        records: u64,
        bytes: u64,
        busy: bool,
    ) -> TurnStep {
        self.wait.drained(now, records, bytes);
        if records > 0 {
            turn.busy_nap = BUSY_NAP;
        }
        let left = turn.deadline.min(turn.end).saturating_sub(now);
        if left.is_zero() {
            return TurnStep::Return;
        }
        let action = self.wait.action(now);
        turn.action = Some(action);
        match action {
            WaitAction::Spin { pause, .. } => TurnStep::Spin(pause.min(left)),
            WaitAction::Nap(time) => TurnStep::Nap(time.min(left)),
            WaitAction::Block(_) if turn.found => TurnStep::Return,
            WaitAction::Block(_) if busy => {
                let nap = turn.busy_nap;
                turn.busy_nap = nap.saturating_mul(2).min(BUSY_NAP_MAX);
                TurnStep::Nap(nap.min(left))
            }
            WaitAction::Block(time) => TurnStep::Block(time.min(left)),
        }
    }

    /// A read of this turn delivered a record to the caller at `now`. From now on the turn
    /// ends after the latency bound.
    pub fn delivered(&self, turn: &mut Turn, now: Duration) {
        if !turn.found {
            turn.found = true;
            turn.end = now.saturating_add(self.policy().bound());
        }
    }

    /// The rest that the last step asked for has ended, and the look after it `found`
    /// something.
    pub fn rested(&mut self, turn: &Turn, cause: WakeCause, found: bool) {
        if let Some(action) = turn.action {
            self.wait.observe(action, cause, found);
        }
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
