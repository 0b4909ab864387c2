//! [`WaitPolicy`]: how a consumer waits, as one value.

use core::time::Duration;

use crate::Capacity;

/// How a consumer waits, and when it gives space back, as one value.
///
/// | preset | dense traffic | nothing to read | notifications by the traced program | CPU |
/// |---|---|---|---|---|
/// | [`balanced`](Self::balanced) (default) | naps of one or two gaps, at most 100 us | blocks | rare | low |
/// | [`low_latency`](Self::low_latency) | spins | spins, blocks after 10 ms | rare | needs one of its own |
/// | [`low_cost`](Self::low_cost) | naps of up to 1 ms | blocks | rare | lowest |
/// | [`immediate`](Self::immediate) | blocks when the ring is empty | blocks | for nearly every record | high |
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

/// The part of the ring that a drain may leave unpublished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// A quarter of a small ring, a sixteenth of a large one.
    ByCapacity,
    /// This fraction: 4 for a quarter.
    Fraction(u64),
    /// Nothing is held back.
    AtOnce,
}

impl WaitPolicy {
    /// Naps under dense traffic and blocks otherwise. This is the best general
    /// choice.
    ///
    /// A nap is one or two gaps between records long, so a look finds one or two
    /// records. If a look would find many, naps are 50 us long, or 100 us if
    /// records arrive less than half a microsecond apart. No nap is longer than an
    /// eighth of the ring takes to fill. If this time is shorter than the possible
    /// lateness of a timer, it spins. A larger ring lets it nap.
    ///
    /// The cost: while records arrive less than 75 to 100 us apart, they are read
    /// up to one nap late. A single record is read as promptly as with
    /// [`immediate`](Self::immediate).
    ///
    /// ```
    /// # use ringbuf_core::WaitPolicy;
    /// assert_eq!(WaitPolicy::balanced(), WaitPolicy::default());
    /// ```
    #[must_use]
    pub const fn balanced() -> Self {
        Self {
            release: Release::ByCapacity,
            hold_off: Duration::from_micros(50),
            min_nap: Duration::from_micros(10),
            latency_bound: Duration::from_millis(1),
            spin_for: Duration::ZERO,
            pause: Duration::from_micros(1),
            max_sleep: Duration::from_millis(100),
        }
    }

    /// Spins. After a look that finds records, it looks again one microsecond
    /// later, or up to four if each look finds many. After an empty look it looks
    /// again at once. After 10 ms without records it blocks. While it spins, it
    /// uses a whole CPU.
    ///
    /// It needs a CPU of its own. Where other threads want the same CPU, the scheduler makes a
    /// spinning thread wait its turn, for milliseconds: there,
    /// [`balanced`](Self::balanced) has the lower latency.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::{Capacity, WaitAction, WaitPolicy, WaitState};
    /// # let capacity = Capacity::new(64 << 10, 4096)?;
    /// let mut state = WaitState::new(WaitPolicy::low_latency(), capacity);
    /// state.drained(Duration::ZERO, 1, 16); // the last record
    /// assert!(matches!(state.action(Duration::from_millis(9)), WaitAction::Spin { .. }));
    /// assert!(matches!(state.action(Duration::from_millis(10)), WaitAction::Block(_)));
    /// # Ok::<(), ringbuf_core::CapacityError>(())
    /// ```
    #[must_use]
    pub const fn low_latency() -> Self {
        Self { spin_for: Duration::from_millis(10), ..Self::balanced() }
    }

    /// Naps for up to a millisecond under dense traffic. For this policy, traffic
    /// is dense from about 700 records a second. It needs the fewest instructions
    /// for each record. The cost: records are read up to a millisecond late, and
    /// the ring must hold all records of that time.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::{Capacity, WaitAction, WaitPolicy, WaitState};
    /// # let capacity = Capacity::new(64 << 10, 4096)?;
    /// let mut state = WaitState::new(WaitPolicy::low_cost(), capacity);
    /// // 1000 records a second:
    /// for millis in 0..100 {
    ///     state.drained(Duration::from_millis(millis), 1, 16);
    /// }
    /// let action = state.action(Duration::from_millis(99));
    /// assert_eq!(action, WaitAction::Nap(Duration::from_millis(1)));
    /// # Ok::<(), ringbuf_core::CapacityError>(())
    /// ```
    #[must_use]
    pub const fn low_cost() -> Self {
        Self {
            hold_off: Duration::from_millis(1),
            min_nap: Duration::from_millis(1),
            latency_bound: Duration::from_millis(10),
            ..Self::balanced()
        }
    }

    /// Does the same as libbpf: gives space back after every batch, and blocks as
    /// soon as there is nothing to read.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, WaitPolicy};
    /// let capacity = Capacity::new(64 << 10, 4096)?;
    /// assert_eq!(WaitPolicy::immediate().portion(capacity), None); // nothing is held back
    /// # Ok::<(), ringbuf_core::CapacityError>(())
    /// ```
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

    /// The nap under dense traffic. It limits the cost: the consumer looks about
    /// once in this time. If naps follow the traffic ([`min_nap`](Self::min_nap)),
    /// a nap is shorter if fewer than 16 records arrive in this time, at most a
    /// quarter longer if about one arrives, and twice as long if more than 100
    /// arrive. Less than 1 us means no naps. Traffic
    /// becomes dense when records arrive less than one and a half times this time
    /// apart. It stops being dense when they arrive more than twice this time
    /// apart.
    #[must_use]
    pub const fn hold_off(self, time: Duration) -> Self {
        Self { hold_off: time, ..self }
    }

    /// The shortest nap. The consumer adds four fifths of a gap, and a part of the
    /// lateness of timers. A shorter value reacts sooner and costs more CPU.
    /// With a value of [`hold_off`](Self::hold_off) or more, naps do not follow the
    /// traffic: each is as long as `hold_off`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::WaitPolicy;
    /// const HOLD_OFF: Duration = Duration::from_micros(50);
    /// // Each nap takes 50 us, however dense the traffic is:
    /// let policy = WaitPolicy::balanced().hold_off(HOLD_OFF).min_nap(HOLD_OFF);
    /// # assert_ne!(policy, WaitPolicy::balanced());
    /// ```
    #[must_use]
    pub const fn min_nap(self, time: Duration) -> Self {
        Self { min_nap: time, ..self }
    }

    /// The longest sleep between two looks if producers do not notify
    /// (`BPF_RB_NO_WAKEUP`). It applies after the consumer has noticed this. The
    /// minimum is 1 ms.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::WaitPolicy;
    /// // Records that do not notify may be read 20 ms late:
    /// let policy = WaitPolicy::balanced().latency_bound(Duration::from_millis(20));
    /// # assert_ne!(policy, WaitPolicy::balanced());
    /// ```
    #[must_use]
    pub const fn latency_bound(self, time: Duration) -> Self {
        Self { latency_bound: time, ..self }
    }

    /// How long to spin after the last record before blocking. Zero means no
    /// spinning; [`Duration::MAX`] means no end.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::WaitPolicy;
    /// // For a CPU that does nothing else:
    /// let policy = WaitPolicy::low_latency().spin_for(Duration::MAX);
    /// # assert_ne!(policy, WaitPolicy::low_latency());
    /// ```
    #[must_use]
    pub const fn spin_for(self, time: Duration) -> Self {
        Self { spin_for: time, ..self }
    }

    /// While spinning: the time from a look that found records to the next look. It
    /// is up to four times as long while each look finds many records. Each look
    /// takes the cache line away from the producer, so a shorter pause is slower
    /// under load. 100 ns gives a third less throughput than 1 us.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::WaitPolicy;
    /// let policy = WaitPolicy::low_latency().pause(Duration::from_micros(2));
    /// # assert_ne!(policy, WaitPolicy::low_latency());
    /// ```
    #[must_use]
    pub const fn pause(self, time: Duration) -> Self {
        Self { pause: time, ..self }
    }

    /// The longest sleep between two looks at any ring. It limits the delay of a
    /// first record without a notification. The minimum is 1 ms. It also limits a
    /// [`pause`](Self::pause): if both are [`Duration::MAX`], a wait without a
    /// timeout may never look again.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::{Capacity, WaitAction, WaitPolicy, WaitState};
    /// # let capacity = Capacity::new(64 << 10, 4096)?;
    /// const SECOND: Duration = Duration::from_secs(1);
    /// let state = WaitState::new(WaitPolicy::balanced().max_sleep(SECOND), capacity);
    /// assert_eq!(state.action(Duration::ZERO), WaitAction::Block(SECOND));
    /// # Ok::<(), ringbuf_core::CapacityError>(())
    /// ```
    #[must_use]
    pub const fn max_sleep(self, time: Duration) -> Self {
        Self { max_sleep: time, ..self }
    }

    /// The fraction of the ring that one drain may leave unpublished while it runs.
    /// 4 means a quarter; 1 counts as 2. 0 holds nothing back, so producers notify
    /// an awake reader. The default is a quarter of the ring, but at most 64 KiB or
    /// a sixteenth of the ring, whichever is more.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, WaitPolicy};
    /// let capacity = Capacity::new(64 << 10, 4096)?;
    /// let eighth = WaitPolicy::balanced().release_fraction(8);
    /// assert_eq!(eighth.portion(capacity), Some(8 << 10));
    /// # Ok::<(), ringbuf_core::CapacityError>(())
    /// ```
    #[must_use]
    pub const fn release_fraction(self, fraction: u64) -> Self {
        let release = match fraction {
            0 => Release::AtOnce,
            fraction => Release::Fraction(fraction),
        };
        Self { release, ..self }
    }

    /// Returns the bytes for [`Consumer::hold_back`](crate::Consumer::hold_back),
    /// or `None` for [`release_at_once`](crate::Consumer::release_at_once).
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, WaitPolicy};
    /// let capacity = Capacity::new(64 << 10, 4096)?;
    /// assert_eq!(WaitPolicy::balanced().portion(capacity), Some(16 << 10)); // a quarter
    /// # Ok::<(), ringbuf_core::CapacityError>(())
    /// ```
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

    /// The bound that it was given.
    pub(crate) const fn bound(&self) -> Duration {
        self.latency_bound
    }

    /// Whether it spins where others sleep.
    pub(crate) fn spins(&self) -> bool {
        !self.spin_for.is_zero()
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
