//! [`WaitState`]: what a policy decides, from what the last looks found.

use core::time::Duration;

use crate::{Capacity, Counts, Position, WaitPolicy, WakeCause, Width};

/// What to do while there is nothing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitAction {
    /// Let `pause` go by without touching shared memory, then look up to
    /// `looks` times in a row.
    Spin {
        /// Time without a look.
        pause: Duration,
        /// Looks before asking again.
        looks: u32,
    },
    /// Sleep for this time by a timer, publishing nothing, then look once.
    Nap(Duration),
    /// [`arm`](crate::Consumer::arm), and if that says
    /// [`Sleep`](crate::Armed::Sleep) wait for a notification, for this time
    /// at most; then look once.
    Block(Duration),
}

/// Decides how to wait from what the last looks found: the part of
/// [`Consumer::wait`](crate::Consumer::wait) that an event loop of your own
/// needs. It has no clock: time is an argument, from any fixed start.
///
/// After each drain call [`drained`](Self::drained); then, until there is
/// something to read: [`action`](Self::action), do it, look, and
/// [`observe`](Self::observe). Hold back as the policy says, or naps spare no
/// notification.
///
/// ```
/// use std::time::{Duration, Instant};
/// use ringbuf_core::{Armed, WaitAction, WaitPolicy, WaitState, WakeCause};
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(64 << 10)?;
/// let mut consumer = ring.consumer()?;
/// let policy = WaitPolicy::balanced();
/// let capacity = ring.capacity();
/// if let Some(portion) = policy.portion(capacity) {
///     consumer.hold_back(portion);
/// }
/// let mut state = WaitState::new(policy, capacity);
/// let start = Instant::now();
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// # let mut rounds = 0;
///
/// loop {
///     let (mut records, mut bytes) = (0, 0);
///     consumer.drain(|record| {
///         records += 1;
///         bytes += record.sample_len().footprint();
///     })?;
///     state.drained(start.elapsed(), records, bytes);
///     // Until there is something to read:
///     loop {
///         let action = state.action(start.elapsed());
///         let cause = match action {
///             WaitAction::Spin { .. } => WakeCause::TimeUp, // just look again
///             WaitAction::Nap(time) => {
///                 let begin = Instant::now();
///                 std::thread::sleep(time); // a timer of your loop
///                 state.napped(time, begin.elapsed());
///                 WakeCause::TimeUp
///             }
///             WaitAction::Block(_) if consumer.arm() == Armed::Ready => WakeCause::Found,
///             // Here your loop waits for the descriptor, for this time at most.
///             WaitAction::Block(_) => WakeCause::Notified,
///             _ => WakeCause::TimeUp,
///         };
///         let found = consumer.is_ready();
///         state.observe(action, cause, found);
///         # rounds += 1;
///         # if rounds > 5 { return Ok(()); }
///         if found {
///             break;
///         }
///         if state.is_quiet(start.elapsed()) {
///             consumer.publish(); // producers may need the space
///         }
///     }
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct WaitState {
    policy: WaitPolicy,
    capacity: u64,
    /// Records that the consumer had passed when the last wait began, and where
    /// it stood.
    passed: u64,
    position: Position,
    /// When something was last consumed, or the first wait began.
    last: Option<Duration>,
    /// Time from record to record, an average over the last looks.
    gap: Duration,
    /// The next nap: no longer than an eighth of the ring takes to fill.
    nap: Duration,
    /// How long that takes, by the last look that found something.
    fill: Duration,
    /// How late timers are here, an average over the last naps.
    late: Duration,
    /// Records come densely. It takes a shorter gap to begin than to go on, so
    /// that one in between does not cost naps and notifications.
    dense: bool,
    /// Whether the last drain consumed anything.
    found: bool,
    /// Looks since then that found nothing.
    empty: u32,
    /// How many times the pause: more while each look finds many records.
    stretch: u32,
    /// Records were found that nobody had announced.
    silent: bool,
}

/// Looks that find nothing before it blocks: gaps vary.
const EMPTY_NAPS: u32 = 2;

/// Gaps without a record before it blocks, if those looks take less time.
const EMPTY_GAPS: u32 = 3;

/// How late a timer may be, as virtual machines are: where an eighth of the ring
/// fills faster, it looks again instead of napping.
const LATE: Duration = Duration::from_micros(40);

/// After this time without a record, one notification more is no burden.
const QUIET: Duration = Duration::from_millis(1);

/// No sleep is bounded by less: it would be spinning by another name.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// No nap is shorter: it would cost more than it spares.
const SHORTEST_NAP: Duration = Duration::from_micros(1);

/// Records of one look that call for a longer pause while spinning.
const MANY: u64 = 8;

/// The longest such pause.
const LONGEST_STRETCH: u32 = 4;

/// Looks in a row between two readings of the clock.
const LOOKS: u32 = 64;

/// Records that come in one hold-off, above which naps that otherwise follow the
/// traffic take two: what a look costs is then what counts.
const FLOOD: u32 = 100;

/// Records that come in one hold-off, above which latency is that of a batch:
/// naps are as long as they may.
const BATCH: u32 = 16;

impl WaitState {
    /// The state for a ring of this capacity, of which nothing is known yet.
    #[must_use]
    pub fn new(policy: WaitPolicy, capacity: Capacity) -> Self {
        let gap = longest_gap(&policy);
        let nap = policy.hold_off / 8;
        Self {
            policy,
            capacity: capacity.bytes(),
            passed: 0,
            position: Position::default(),
            last: None,
            gap,
            nap,
            fill: Duration::MAX,
            late: Duration::ZERO,
            dense: false,
            found: false,
            empty: 0,
            stretch: 1,
            silent: false,
        }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &WaitPolicy {
        &self.policy
    }

    /// A drain is over at `now`: since the last call it consumed `records`
    /// records, discarded ones included, of `bytes` in all.
    pub fn drained(&mut self, now: Duration, records: u64, bytes: u64) {
        self.found = bytes > 0;
        // The first wait counts as the last record, so that spinning begins at once.
        let last = *self.last.get_or_insert(now);
        if bytes == 0 {
            return;
        }
        self.empty = 0;
        let elapsed = now.saturating_sub(last);
        self.last = Some(now);
        self.stretch = if records < MANY { 1 } else { (self.stretch * 2).min(LONGEST_STRETCH) };
        let records = u32::try_from(records.max(1)).unwrap_or(u32::MAX);
        let gap = (elapsed / records).min(longest_gap(&self.policy));
        self.gap = self.gap.saturating_mul(3).saturating_add(gap) / 4;
        let begins = self.policy.hold_off.saturating_mul(3) / 2;
        let ends = self.policy.hold_off.saturating_mul(2);
        self.dense = self.gap <= if self.dense { ends } else { begins };
        if elapsed.is_zero() {
            return; // No rate is known from two drains at the same time.
        }
        // At this rate, what comes during a nap fills an eighth of the ring.
        let eighth = elapsed.as_nanos() * u128::from(self.capacity / 8) / u128::from(bytes);
        self.fill = Duration::from_nanos(u64::try_from(eighth).unwrap_or(u64::MAX));
        let longest = self.nap.saturating_mul(2).max(self.policy.hold_off / 8);
        self.nap = self.wanted_nap().min(longest).min(self.fill);
    }

    /// The nap that follows the traffic: a gap or two where records come some
    /// 10 us apart, less than one where they come seldom. Where timers are late a
    /// nap costs more, too, and the fewer records share that cost the longer it is:
    /// by all of the lateness where they come a hold-off apart.
    fn wanted_nap(&self) -> Duration {
        let WaitPolicy { hold_off, min_nap, .. } = self.policy;
        if self.gap < hold_off / FLOOD && min_nap < hold_off {
            return hold_off.saturating_mul(2);
        }
        if self.gap < hold_off / BATCH {
            return hold_off;
        }
        let dense = self.gap.saturating_mul(3) / 10;
        let sparse = (self.gap / 2).saturating_sub(min_nap / 3);
        let nap = min_nap.saturating_add(dense.max(sparse));
        let part = self.late.as_nanos() * self.gap.min(hold_off).as_nanos();
        let share = part / hold_off.as_nanos().max(1);
        nap.saturating_add(Duration::from_nanos(u64::try_from(share).unwrap_or(0))).min(hold_off)
    }

    /// A nap for which `asked` was asked took `took`.
    pub fn napped(&mut self, asked: Duration, took: Duration) {
        let late = took.saturating_sub(asked).min(LATE);
        self.late = (self.late * 3 + late) / 4;
    }

    /// What to do at `now`, given that nothing is known to be unread.
    #[must_use]
    pub fn action(&self, now: Duration) -> WaitAction {
        let fresh = self.found && self.empty == 0;
        let WaitPolicy { hold_off, latency_bound, max_sleep, pause, .. } = self.policy;
        let pause = if fresh { pause.min(max_sleep.max(SHORTEST_SLEEP)) } else { Duration::ZERO };
        let idle = self.last.map_or(Duration::MAX, |last| now.saturating_sub(last));
        if idle < self.policy.spin_for {
            return WaitAction::Spin { pause: pause.saturating_mul(self.stretch), looks: LOOKS };
        }
        let over = self.empty >= EMPTY_NAPS && idle >= self.gap.saturating_mul(EMPTY_GAPS);
        if self.dense && !over && hold_off >= SHORTEST_NAP {
            // So fast that a timer that is late would find the ring full.
            if self.fill < LATE && (fresh || self.nap < SHORTEST_NAP) {
                return WaitAction::Spin { pause, looks: 1 };
            }
            return WaitAction::Nap(self.nap.min(max_sleep.max(SHORTEST_SLEEP)));
        }
        let bound = if self.silent { latency_bound.min(max_sleep) } else { max_sleep };
        WaitAction::Block(bound.max(SHORTEST_SLEEP))
    }

    /// The action is over, and a look then `found` something or not.
    pub fn observe(&mut self, action: WaitAction, cause: WakeCause, found: bool) {
        if !found {
            self.empty = self.empty.saturating_add(1);
        } else if matches!(action, WaitAction::Block(_)) && cause != WakeCause::Found {
            self.silent = cause == WakeCause::TimeUp;
        }
    }

    /// Whether to [`publish`](crate::Consumer::publish) all while awake, at `now`
    /// when a look has found nothing: nothing has come for so long that the next
    /// commit's notification costs little, and producers may need the space.
    #[must_use]
    pub fn is_quiet(&self, now: Duration) -> bool {
        self.last.is_some_and(|last| now.saturating_sub(last) >= QUIET)
    }

    /// A wait begins: what the consumer has passed since the last one, discarded
    /// records included, goes into the rate.
    pub(crate) fn account(
        &mut self,
        now: Duration,
        counts: Counts,
        position: Position,
        width: Width,
    ) {
        let records = (counts.delivered + counts.discarded).wrapping_sub(self.passed);
        let bytes = position.distance(self.position, width);
        self.mark(counts, position);
        self.drained(now, records, bytes);
    }

    /// Takes the consumer as it stands: what it has passed so far is not new.
    pub(crate) fn mark(&mut self, counts: Counts, position: Position) {
        self.passed = counts.delivered + counts.discarded;
        self.position = position;
    }
}

/// A gap that is longer counts as this: whatever came before, a few dense looks
/// make the average dense.
fn longest_gap(policy: &WaitPolicy) -> Duration {
    policy.hold_off.saturating_mul(8)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "nap_tests.rs"]
mod nap_tests;
