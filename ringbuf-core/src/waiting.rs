//! When to look, when to sleep, when to give space back: [`Waiting`], a value,
//! and [`Waiter`], what it decides.
//!
//! A commit notifies whenever it finds the consumer caught up, whether or not
//! anybody sleeps, and the traced program pays for it: microseconds on a virtual
//! machine. A consumer that sleeps as soon as the ring is empty is caught up at
//! nearly every record. So it should be late on purpose while records come
//! densely, as network drivers moderate interrupts, and prompt when they do not.
//!
//! Nothing here reads a clock or sleeps: time is an argument, measured from any
//! fixed start, and the answer is what to do next. The same code runs over the
//! kernel's ring, over the simulator, and in virtual time.

use core::time::Duration;

use crate::Capacity;

/// How a consumer waits and when it gives space back: one value.
///
/// | preset | dense traffic | nothing to read | the traced program | CPU |
/// |---|---|---|---|---|
/// | [`balanced`](Self::balanced) (default) | naps of up to 50 us | blocks | is not made to notify | low |
/// | [`low_latency`](Self::low_latency) | spins | spins, blocks after 10 ms | is not made to notify | a whole CPU |
/// | [`low_cost`](Self::low_cost) | naps of up to 1 ms | blocks | is not made to notify | lowest |
/// | [`immediate`](Self::immediate) | blocks when the ring is empty | blocks | notifies for nearly every record | high |
///
/// ```
/// use std::time::Duration;
/// use ringbuf_core::Waiting;
/// let waiting = Waiting::balanced().hold_off(Duration::from_micros(20));
/// assert_ne!(waiting, Waiting::default());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// `None`: a quarter of a small ring, a sixteenth of a large one.
    release: Option<u64>,
    hold_off: Duration,
    latency_bound: Duration,
    spin_for: Duration,
    pause: Duration,
    sleep_bound: Duration,
}

impl Waiting {
    /// Naps under dense traffic, blocks otherwise: the best all-round choice.
    ///
    /// Where an eighth of the ring would fill in less than 40 us it spins, since
    /// a timer that is late would find the ring full: a larger ring lets it nap.
    ///
    /// Price: while records come densely they are up to 50 us late (and as late
    /// as the thread's timer slack, 50 us more unless set otherwise by
    /// `PR_SET_TIMERSLACK`). A record that comes alone is as prompt as with
    /// [`immediate`](Self::immediate).
    pub const fn balanced() -> Self {
        Self {
            release: None,
            hold_off: Duration::from_micros(50),
            latency_bound: Duration::from_millis(1),
            spin_for: Duration::ZERO,
            pause: Duration::from_micros(1),
            sleep_bound: Duration::from_millis(100),
        }
    }

    /// Spins: looks again and again, a microsecond after a look that found
    /// something (up to four while each finds many) and at once after one that
    /// did not. Blocks after 10 ms of
    /// nothing. Takes a whole CPU meanwhile.
    pub const fn low_latency() -> Self {
        Self { spin_for: Duration::from_millis(10), ..Self::balanced() }
    }

    /// Naps of up to a millisecond under dense traffic, which here begins at 500
    /// records a second: fewest instructions a record. Price: records are that
    /// late, and the ring must hold what comes meanwhile.
    pub const fn low_cost() -> Self {
        Self {
            hold_off: Duration::from_millis(1),
            latency_bound: Duration::from_millis(10),
            ..Self::balanced()
        }
    }

    /// What libbpf does: gives space back with every batch, and blocks as soon
    /// as there is nothing to read.
    pub const fn immediate() -> Self {
        Self {
            release: Some(0),
            hold_off: Duration::ZERO,
            latency_bound: Duration::from_millis(100),
            ..Self::balanced()
        }
    }

    /// The longest nap under dense traffic, and so the bound of the cost: it
    /// looks about once in this time. Zero: no naps. Traffic is dense if
    /// records come less than twice this time apart.
    #[must_use]
    pub const fn hold_off(self, time: Duration) -> Self {
        Self { hold_off: time, ..self }
    }

    /// The longest sleep between two looks at a ring whose producers do not
    /// notify (`BPF_RB_NO_WAKEUP`), once that is noticed. 1 ms at least.
    #[must_use]
    pub const fn latency_bound(self, time: Duration) -> Self {
        Self { latency_bound: time, ..self }
    }

    /// How long to spin after the last record before blocking. Zero: not at
    /// all; [`Duration::MAX`]: for ever.
    #[must_use]
    pub const fn spin_for(self, time: Duration) -> Self {
        Self { spin_for: time, ..self }
    }

    /// While spinning: the time from a look that found something to the next
    /// one; up to four times as much while each finds many records. Each look
    /// takes the producer's cache line away, so shorter is slower under load:
    /// 100 ns costs a third of the throughput that 1 us has.
    #[must_use]
    pub const fn pause(self, time: Duration) -> Self {
        Self { pause: time, ..self }
    }

    /// The longest sleep between two looks at any ring: how late a first record
    /// that announces nothing is noticed. 1 ms at least.
    #[must_use]
    pub const fn sleep_bound(self, time: Duration) -> Self {
        Self { sleep_bound: time, ..self }
    }

    /// Gives space back when this part of the ring is consumed: 4 for a
    /// quarter. 0: with every batch. 1 counts as 2: never all of it. Unless
    /// said here it is a quarter of the ring, but no more than 64 KiB or a
    /// sixteenth, whichever is more.
    #[must_use]
    pub const fn release_part(self, part: u64) -> Self {
        Self { release: Some(part), ..self }
    }

    /// Bytes for [`Consumer::release_after`](crate::Consumer::release_after).
    pub const fn release_after(&self, capacity: Capacity) -> u64 {
        let capacity = capacity.bytes();
        match self.release {
            None if capacity <= 256 << 10 => capacity / 4,
            None if capacity <= 1 << 20 => 64 << 10,
            None => capacity / 16,
            Some(0) => 0,
            Some(1) => capacity / 2,
            Some(part) => capacity / part,
        }
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self::balanced()
    }
}

/// What to do while there is nothing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
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

/// What ended a [`Rest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its time, or its looks, were up.
    Over,
    /// Arming found something: whether it was announced is not known.
    Found,
    /// A notification came.
    Notified,
}

/// Decides how to wait from what the last looks found.
///
/// After each drain, [`drained`](Self::drained); then, until there is something
/// to read, [`rest`](Self::rest), do it, look, [`looked`](Self::looked).
#[derive(Clone, Debug)]
pub struct Waiter {
    waiting: Waiting,
    capacity: u64,
    /// When something was last consumed, or the first wait began.
    last: Option<Duration>,
    /// Time from record to record, an average over the last looks.
    gap: Duration,
    /// The next nap: no longer than an eighth of the ring takes to fill.
    nap: Duration,
    /// How long that takes, by the last look that found something.
    fill: Duration,
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

/// How late a timer may be, as virtual machines are: where an eighth of the ring
/// fills faster, it looks again instead of napping.
const LATE: Duration = Duration::from_micros(40);

/// Nothing came for so long: one notification more is no burden.
const QUIET: Duration = Duration::from_millis(1);

/// No sleep is bounded by less: it would be spinning by another name.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Records of one look that call for a longer pause while spinning.
const MANY: u64 = 8;

/// The longest such pause.
const LONGEST_STRETCH: u32 = 4;

/// Looks in a row between two readings of the clock.
const LOOKS: u32 = 64;

impl Waiter {
    /// A waiter for a ring of this capacity, of which nothing is known yet.
    pub fn new(waiting: Waiting, capacity: Capacity) -> Self {
        let gap = longest_gap(&waiting);
        let nap = waiting.hold_off / 8;
        let capacity = capacity.bytes();
        Self {
            waiting,
            capacity,
            last: None,
            gap,
            nap,
            fill: Duration::MAX,
            found: false,
            empty: 0,
            stretch: 1,
            silent: false,
        }
    }

    /// The policy.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// A drain is over at `now`: since the last call it consumed `records`
    /// records, discarded ones included, of `bytes` in all.
    pub fn drained(&mut self, now: Duration, records: u64, bytes: u64) {
        self.found = bytes > 0;
        // The first wait counts as the last record: who is to spin begins at once.
        let last = *self.last.get_or_insert(now);
        if bytes == 0 {
            return;
        }
        self.empty = 0;
        let elapsed = now.saturating_sub(last);
        self.last = Some(now);
        self.stretch = if records < MANY { 1 } else { (self.stretch * 2).min(LONGEST_STRETCH) };
        let records = u32::try_from(records.max(1)).unwrap_or(u32::MAX);
        let gap = (elapsed / records).min(longest_gap(&self.waiting));
        self.gap = self.gap.saturating_mul(3).saturating_add(gap) / 4;
        if elapsed.is_zero() {
            return; // No rate is known from two drains at the same time.
        }
        // At this rate, what comes during a nap fills an eighth of the ring.
        let eighth = elapsed.as_nanos() * u128::from(self.capacity / 8) / u128::from(bytes);
        self.fill = Duration::from_nanos(u64::try_from(eighth).unwrap_or(u64::MAX));
        let shortest = self.waiting.hold_off / 64;
        self.nap = self.fill.min(self.nap.saturating_mul(2)).clamp(shortest, self.waiting.hold_off);
    }

    /// What to do at `now`, given that nothing is known to be unread.
    pub fn rest(&self, now: Duration) -> Rest {
        let fresh = self.found && self.empty == 0;
        let pause = if fresh { self.waiting.pause } else { Duration::ZERO };
        let idle = self.last.map_or(Duration::MAX, |last| now.saturating_sub(last));
        if idle < self.waiting.spin_for {
            return Rest::Spin { pause: pause.saturating_mul(self.stretch), looks: LOOKS };
        }
        let dense = self.gap <= self.waiting.hold_off.saturating_mul(2) && self.empty < EMPTY_NAPS;
        if dense && !self.waiting.hold_off.is_zero() {
            // So fast that a timer that is late would find the ring full.
            if fresh && self.fill < LATE {
                return Rest::Spin { pause, looks: 1 };
            }
            return Rest::Nap(self.nap.min(self.waiting.sleep_bound.max(SHORTEST_SLEEP)));
        }
        let Waiting { latency_bound, sleep_bound, .. } = self.waiting;
        let bound = if self.silent { latency_bound.min(sleep_bound) } else { sleep_bound };
        Rest::Block(bound.max(SHORTEST_SLEEP))
    }

    /// `rest` is over, and a look then `found` something or not.
    pub fn looked(&mut self, rest: Rest, ended: Ended, found: bool) {
        if !found {
            self.empty = self.empty.saturating_add(1);
        } else if matches!(rest, Rest::Block(_)) && ended != Ended::Found {
            self.silent = ended == Ended::Over;
        }
    }

    /// Whether to [`publish`](crate::Consumer::publish) all while awake, at `now`
    /// when a look has found nothing: nothing has come for so long that the next
    /// commit's notification costs little, and producers may need the space.
    pub fn is_quiet(&self, now: Duration) -> bool {
        self.last.is_some_and(|last| now.saturating_sub(last) >= QUIET)
    }
}

/// A gap that is longer counts as this: whatever came before, a few dense looks
/// make the average dense.
fn longest_gap(waiting: &Waiting) -> Duration {
    waiting.hold_off.saturating_mul(8)
}

#[cfg(test)]
mod tests;
