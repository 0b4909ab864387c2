//! [`KeyClock`]: the clock of the keys.

use std::time::Duration;

/// The clock by which the programs stamp their records.
///
/// ```
/// # use std::time::Duration;
/// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
/// # let stamp = |_: &Record<'_, Mapping>| None;
/// # let mut rings =
/// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
/// use ringbuf_kernel::KeyClock;
///
/// rings.set_clock(KeyClock::Tai);
/// assert!(KeyClock::Tai.now() <= rings.now());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyClock {
    /// `bpf_ktime_get_ns`: the time since boot, without that in which the machine slept.
    #[default]
    Monotonic,
    /// `bpf_ktime_get_boot_ns` (Linux 5.8): the time since boot.
    Boot,
    /// `bpf_ktime_get_tai_ns` (Linux 6.1): the international atomic time.
    Tai,
}

impl KeyClock {
    /// Returns the time of this clock in nanoseconds, as the helper of the programs does.
    ///
    /// ```
    /// use ringbuf_kernel::KeyClock;
    ///
    /// let before = KeyClock::Monotonic.now();
    /// assert!(before <= KeyClock::Monotonic.now());
    /// ```
    #[must_use]
    pub fn now(self) -> u64 {
        let clock = match self {
            Self::Monotonic => libc::CLOCK_MONOTONIC,
            Self::Boot => libc::CLOCK_BOOTTIME,
            Self::Tai => libc::CLOCK_TAI,
        };
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is alive for the call. Every Linux that has ring buffers has these
        // clocks, so the call cannot fail.
        unsafe { libc::clock_gettime(clock, &mut time) };
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let part = u64::try_from(time.tv_nsec).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000).saturating_add(part)
    }
}

/// Nanoseconds, at most those of 584 years.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
