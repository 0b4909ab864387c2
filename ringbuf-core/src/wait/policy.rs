//! [`WaitPolicy`]: how a consumer waits, as one value.

use core::time::Duration;

use crate::Capacity;

/// How a consumer waits and when it gives space back: one value.
///
/// | preset | dense traffic | nothing to read | the traced program | CPU |
/// |---|---|---|---|---|
/// | [`balanced`](Self::balanced) (default) | naps of a gap or so, 100 us at most | blocks | hardly ever notifies | low |
/// | [`low_latency`](Self::low_latency) | spins | spins, blocks after 10 ms | hardly ever notifies | a whole CPU |
/// | [`low_cost`](Self::low_cost) | naps of up to 1 ms | blocks | hardly ever notifies | lowest |
/// | [`immediate`](Self::immediate) | blocks when the ring is empty | blocks | notifies for nearly every record | high |
///
/// ```
/// use std::time::Duration;
/// use ringbuf_core::WaitPolicy;
/// let policy = WaitPolicy::balanced().hold_off(Duration::from_micros(20));
/// assert_ne!(policy, WaitPolicy::default());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitPolicy {
    pub(super) release: Release,
    pub(super) hold_off: Duration,
    pub(super) min_nap: Duration,
    pub(super) latency_bound: Duration,
    pub(super) spin_for: Duration,
    pub(super) pause: Duration,
    pub(super) max_sleep: Duration,
}

/// How much of the ring a drain may leave unpublished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// A quarter of a small ring, a sixteenth of a large one.
    ByCapacity,
    /// This fraction: 4 for a quarter.
    Fraction(u64),
    /// Nothing is held back at all.
    AtOnce,
}

impl WaitPolicy {
    /// Naps under dense traffic, blocks otherwise: the best all-round choice.
    ///
    /// A nap is about as long as the gap between two records, so a look finds
    /// one or two. Where a look would find many, the naps are 50 us long (100 us
    /// where records come less than half a microsecond apart), and never longer than
    /// an eighth of the ring takes to fill. Where that is less than a timer may be
    /// late, it spins: a larger ring lets it nap.
    ///
    /// Price: while records come less than 75 to 100 us apart they are up to one
    /// nap late. A record that comes alone is as prompt as with
    /// [`immediate`](Self::immediate).
    #[must_use]
    pub const fn balanced() -> Self {
        Self {
            release: Release::ByCapacity,
            hold_off: Duration::from_micros(50),
            min_nap: Duration::from_micros(12),
            latency_bound: Duration::from_millis(1),
            spin_for: Duration::ZERO,
            pause: Duration::from_micros(1),
            max_sleep: Duration::from_millis(100),
        }
    }

    /// Spins: looks again a microsecond after a look that found something (up to
    /// four while each finds many), and at once after one that did not. Blocks
    /// after 10 ms of nothing. Takes a whole CPU meanwhile.
    #[must_use]
    pub const fn low_latency() -> Self {
        Self { spin_for: Duration::from_millis(10), ..Self::balanced() }
    }

    /// Naps of up to a millisecond under dense traffic, which here begins at some
    /// 700 records a second: fewest instructions a record. Price: records are that
    /// late, and the ring must hold what comes meanwhile.
    #[must_use]
    pub const fn low_cost() -> Self {
        Self {
            hold_off: Duration::from_millis(1),
            min_nap: Duration::from_millis(1),
            latency_bound: Duration::from_millis(10),
            ..Self::balanced()
        }
    }

    /// What libbpf does: gives space back with every batch, and blocks as soon
    /// as there is nothing to read.
    #[must_use]
    pub const fn immediate() -> Self {
        Self {
            release: Release::AtOnce,
            hold_off: Duration::ZERO,
            min_nap: Duration::ZERO,
            latency_bound: Duration::from_millis(100),
            ..Self::balanced()
        }
    }

    /// The longest nap under dense traffic, and so the bound of the cost: it
    /// looks about once in this time, or in twice this time where more than 100
    /// records come in it and naps follow the traffic
    /// ([`min_nap`](Self::min_nap)). Less than 1 us: no naps. Traffic is dense
    /// once records come less than one and a half times this time apart, until
    /// they come more than twice this time apart.
    #[must_use]
    pub const fn hold_off(self, time: Duration) -> Self {
        Self { hold_off: time, ..self }
    }

    /// The shortest nap, to which a third of a gap or so is added, and part of how
    /// late timers are: shorter is
    /// prompter and costs more CPU. [`hold_off`](Self::hold_off) or more: naps do not follow
    /// the traffic, each is as long as that.
    #[must_use]
    pub const fn min_nap(self, time: Duration) -> Self {
        Self { min_nap: time, ..self }
    }

    /// The longest sleep between two looks at a ring whose producers do not
    /// notify (`BPF_RB_NO_WAKEUP`), once that is noticed. 1 ms at least.
    #[must_use]
    pub const fn latency_bound(self, time: Duration) -> Self {
        Self { latency_bound: time, ..self }
    }

    /// How long to spin after the last record before blocking. Zero: not at
    /// all; [`Duration::MAX`]: without end.
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
    /// that nobody announces is noticed. 1 ms at least. It bounds a
    /// [`pause`](Self::pause) as well: if both are [`Duration::MAX`], a wait without
    /// a timeout may never look again.
    #[must_use]
    pub const fn max_sleep(self, time: Duration) -> Self {
        Self { max_sleep: time, ..self }
    }

    /// The fraction of the ring that one drain may leave unpublished while it
    /// runs: 4 for a quarter, 1 counts as 2. 0: nothing is held back, and awake
    /// readers are notified. The default is a quarter of the ring, but no more
    /// than 64 KiB or a sixteenth, whichever is more.
    #[must_use]
    pub const fn release_fraction(self, fraction: u64) -> Self {
        let release = match fraction {
            0 => Release::AtOnce,
            fraction => Release::Fraction(fraction),
        };
        Self { release, ..self }
    }

    /// Bytes for [`Consumer::hold_back`](crate::Consumer::hold_back); `None`
    /// for [`release_at_once`](crate::Consumer::release_at_once).
    #[must_use]
    pub const fn portion(&self, capacity: Capacity) -> Option<u64> {
        let capacity = capacity.bytes();
        match self.release {
            Release::AtOnce => None,
            Release::ByCapacity if capacity <= 256 << 10 => Some(capacity / 4),
            Release::ByCapacity if capacity <= 1 << 20 => Some(64 << 10),
            Release::ByCapacity => Some(capacity / 16),
            Release::Fraction(0 | 1) => Some(capacity / 2),
            Release::Fraction(fraction) => Some(capacity / fraction),
        }
    }
}

impl Default for WaitPolicy {
    fn default() -> Self {
        Self::balanced()
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
