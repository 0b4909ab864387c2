//! [`WaitState`]: the decisions of a policy, based on the last looks.

use core::time::Duration;

use crate::{Capacity, Counts, Position, WaitPolicy, WakeCause, Width};

/// The next action while there is nothing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitAction {
    /// Let `pause` pass without access to shared memory. Then look up to `looks`
    /// times in a row.
    Spin {
        /// The time without a look.
        pause: Duration,
        /// The number of looks before the next decision.
        looks: u32,
    },
    /// Sleep for this time by a timer, without publishing. Then look once.
    Nap(Duration),
    /// Call [`arm`](crate::Consumer::arm). If it returns
    /// [`Sleep`](crate::Armed::Sleep), wait for a notification, but no longer than
    /// this time. Then look once.
    Block(Duration),
}

/// Decides how to wait, based on the last looks. Your own event loop can use it
/// instead of [`Consumer::wait`](crate::Consumer::wait). It has no clock: time is
/// an argument, counted from any fixed start.
///
/// After each drain, call [`drained`](Self::drained). Then repeat until there is
/// something to read: get the next [`action`](Self::action), perform it, look, and
/// call [`observe`](Self::observe). Hold back as the policy says; otherwise naps do
/// not prevent notifications.
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
///     // Repeat until there is something to read:
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
///             // Here your loop waits for the descriptor, no longer than this time.
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
    /// The number of records that the consumer had passed at the start of the last
    /// wait, and its position then.
    passed: u64,
    position: Position,
    /// The time of the last consumed record, or of the first wait.
    last: Option<Duration>,
    /// The time between two records, averaged over the last looks.
    gap: Duration,
    /// The next nap. It is no longer than an eighth of the ring takes to fill.
    nap: Duration,
    /// That time, based on the last look that found records.
    fill: Duration,
    /// The lateness of timers on this machine, averaged over the last naps.
    late: Duration,
    /// Records arrive densely. Dense traffic needs a shorter gap to start than to
    /// continue, so a gap in between does not change the state and cost naps and
    /// notifications.
    dense: bool,
    /// True if the last drain consumed anything.
    found: bool,
    /// The number of empty looks since then.
    empty: u32,
    /// The number of empty looks before it blocks.
    patience: u32,
    /// The factor of the pause. It grows while each look finds many records.
    stretch: u32,
    /// Records were found without a notification.
    silent: bool,
}

/// The least number of empty looks before it blocks. Gaps vary, so one is not enough.
const EMPTY_NAPS: u32 = 2;

/// The most that a set adds to this.
const MOST_PATIENCE: u32 = 64;

/// The number of gaps without a record before it blocks, if the looks take less
/// time.
const EMPTY_GAPS: u32 = 3;

/// How late a timer may be, as on virtual machines. If an eighth of the ring fills
/// faster, the consumer looks again instead of napping.
pub(crate) const LATE: Duration = Duration::from_micros(40);

/// After this time without a record, one more notification costs little.
pub(crate) const QUIET: Duration = Duration::from_millis(1);

/// The shortest limit of a sleep. With less, it would really be spinning.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// The shortest nap. A shorter one would cost more than it saves.
const SHORTEST_NAP: Duration = Duration::from_micros(1);

/// If one look finds this many records, the pause while spinning grows.
const MANY: u64 = 8;

/// The largest factor of the pause.
const LONGEST_STRETCH: u32 = 4;

/// The number of looks in a row between two readings of the clock.
const LOOKS: u32 = 64;

/// With more records than this in one hold-off, naps that follow the traffic last
/// two hold-offs. The cost of a look matters most then.
const FLOOD: u32 = 100;

/// With more records than this in one hold-off, latency is that of a batch. Naps
/// are then as long as allowed.
const BATCH: u32 = 16;

impl WaitState {
    /// Creates a state for a ring of this capacity, without knowledge of its
    /// traffic.
    #[must_use]
    pub fn new(policy: WaitPolicy, capacity: Capacity) -> Self {
        Self::with_bytes(policy, capacity.bytes())
    }

    fn with_bytes(policy: WaitPolicy, capacity: u64) -> Self {
        let gap = longest_gap(&policy);
        let nap = policy.hold_off / 8;
        Self {
            policy,
            capacity,
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
            patience: EMPTY_NAPS,
            stretch: 1,
            silent: false,
        }
    }

    /// Returns the policy.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, WaitPolicy, WaitState};
    /// let state = WaitState::new(WaitPolicy::low_cost(), Capacity::new(4096, 4096)?);
    /// assert_eq!(state.policy(), &WaitPolicy::low_cost());
    /// # Ok::<(), ringbuf_core::CapacityError>(())
    /// ```
    #[must_use]
    pub fn policy(&self) -> &WaitPolicy {
        &self.policy
    }

    /// Call this after a drain that ended at `now`. Since the last call, the
    /// consumer has consumed `records` records of `bytes` in total. Both include
    /// discarded records.
    pub fn drained(&mut self, now: Duration, records: u64, bytes: u64) {
        self.found = bytes > 0;
        // The first wait counts as the last record, so that spinning starts at
        // once.
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
            return; // Two drains at the same time give no rate.
        }
        // At this rate, an eighth of the ring fills in this time. A nap must not be
        // longer.
        let eighth = elapsed.as_nanos() * u128::from(self.capacity / 8) / u128::from(bytes);
        self.fill = Duration::from_nanos(u64::try_from(eighth).unwrap_or(u64::MAX));
        let longest = self.nap.saturating_mul(2).max(self.policy.hold_off / 8);
        self.nap = self.wanted_nap().min(longest).min(self.fill);
    }

    /// Returns the nap that follows the traffic: four fifths of a gap and the
    /// shortest nap. It is two gaps long if records arrive 10 us apart, and about
    /// one if they arrive rarely. If timers are late, a nap also costs more CPU.
    /// Fewer records share this cost as the gap grows, so the nap grows, too. For
    /// gaps of a hold-off it grows by the whole lateness.
    fn wanted_nap(&self) -> Duration {
        let WaitPolicy { hold_off, min_nap, .. } = self.policy;
        if min_nap >= hold_off {
            return hold_off;
        }
        if self.gap < hold_off / FLOOD {
            return hold_off.saturating_mul(2);
        }
        if self.gap < hold_off / BATCH {
            return hold_off;
        }
        let nap = min_nap.saturating_add(self.gap.saturating_mul(4) / 5);
        let part = self.late.as_nanos() * self.gap.min(hold_off).as_nanos();
        let share = part / hold_off.as_nanos().max(1);
        let nap = nap.saturating_add(Duration::from_nanos(u64::try_from(share).unwrap_or(0)));
        nap.min(hold_off.saturating_add(hold_off / 4))
    }

    /// Reports that a nap of `asked` really took `took`.
    pub fn napped(&mut self, asked: Duration, took: Duration) {
        let late = took.saturating_sub(asked).min(LATE);
        self.late = (self.late * 3 + late) / 4;
    }

    /// Returns the next action at `now`. Nothing may be known to be unread.
    #[must_use]
    pub fn action(&self, now: Duration) -> WaitAction {
        let fresh = self.found && self.empty == 0;
        let WaitPolicy { hold_off, latency_bound, max_sleep, pause, .. } = self.policy;
        let pause = if fresh { pause.min(max_sleep.max(SHORTEST_SLEEP)) } else { Duration::ZERO };
        let idle = self.last.map_or(Duration::MAX, |last| now.saturating_sub(last));
        if idle < self.policy.spin_for {
            return WaitAction::Spin { pause: pause.saturating_mul(self.stretch), looks: LOOKS };
        }
        let over = self.empty >= self.patience && idle >= self.gap.saturating_mul(EMPTY_GAPS);
        if self.dense && !over && hold_off >= SHORTEST_NAP {
            // The ring fills so fast that a late timer would find it full.
            if self.fill < LATE && (fresh || self.nap < SHORTEST_NAP) {
                return WaitAction::Spin { pause, looks: 1 };
            }
            return WaitAction::Nap(self.nap.min(max_sleep.max(SHORTEST_SLEEP)));
        }
        let bound = if self.silent { latency_bound.min(max_sleep) } else { max_sleep };
        WaitAction::Block(bound.max(SHORTEST_SLEEP))
    }

    /// Reports the end of an action, and if the look after it `found` something.
    pub fn observe(&mut self, action: WaitAction, cause: WakeCause, found: bool) {
        if !found {
            self.empty = self.empty.saturating_add(1);
        } else if matches!(action, WaitAction::Block(_))
            && matches!(cause, WakeCause::TimeUp | WakeCause::Notified)
        {
            self.silent = cause == WakeCause::TimeUp;
        }
    }

    /// Returns true if the consumer should now
    /// [`publish`](crate::Consumer::publish) everything while it is awake. Ask
    /// after an empty look. If no record has come for a millisecond, the next
    /// notification costs little, and producers may need the space.
    #[must_use]
    pub fn is_quiet(&self, now: Duration) -> bool {
        self.last.is_some_and(|last| now.saturating_sub(last) >= QUIET)
    }

    /// Creates a state for a set of rings, which has none yet.
    pub(crate) fn for_set(policy: WaitPolicy) -> Self {
        Self::with_bytes(policy, u64::MAX)
    }

    /// Sets the number of active rings of a set. Before the set blocks, it arms all of
    /// them, and each then notifies once more. So with many it naps a while longer.
    pub(crate) fn set_active(&mut self, rings: u32) {
        self.patience = EMPTY_NAPS + rings.saturating_sub(1).min(MOST_PATIENCE);
    }

    pub(crate) fn max_sleep(&self) -> Duration {
        self.policy.max_sleep
    }

    /// Sets the size of the smallest ring of a set.
    pub(crate) fn set_capacity(&mut self, bytes: u64) {
        self.capacity = bytes;
    }

    /// Sets if a ring of a set was found to have records that did not notify.
    pub(crate) fn set_silent(&mut self, silent: bool) {
        self.silent = silent;
    }

    /// Begins a wait. Adds the records passed since the last wait to the rate, with
    /// discarded ones.
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

    /// Stores the consumer's counts and position. Records passed so far are not
    /// new.
    pub(crate) fn mark(&mut self, counts: Counts, position: Position) {
        self.passed = counts.delivered + counts.discarded;
        self.position = position;
    }
}

/// The longest gap that counts. A longer gap counts as this one, so after a few
/// dense looks the average is dense again.
fn longest_gap(policy: &WaitPolicy) -> Duration {
    policy.hold_off.saturating_mul(8)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "nap_tests.rs"]
mod nap_tests;
