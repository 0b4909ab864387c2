//! [`ShardLoad`]: how large a ring must be.

use std::time::Duration;

use ringbuf_core::{Capacity, CapacityError};

use crate::sys;

/// The load of one CPU, and how long its records stay in the ring: from this follows the
/// size of a ring.
///
/// A ring holds what arrives in `lateness + pause`. The size is twice that, because a ring
/// that is half full must still take what arrives while the reader gives space back.
///
/// ```
/// use std::time::Duration;
/// use ringbuf_kernel::ShardLoad;
///
/// // 100,000 records of 56 bytes a second. The reader may sleep 20 ms.
/// let load = ShardLoad::of_records(100_000, 56)
///     .lateness(Duration::from_millis(1))
///     .pause(Duration::from_millis(20));
/// assert_eq!(load.ring_size(1, 4096)?.bytes(), 512 << 10); // 2 x 6.4 MB/s x 21 ms, rounded up
/// # Ok::<(), ringbuf_kernel::CapacityError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardLoad {
    bytes_per_second: u64,
    lateness: Duration,
    pause: Duration,
}

impl ShardLoad {
    /// A load of so many bytes a second on each CPU. A record takes its length, rounded up
    /// to a multiple of 8, and 8 bytes for its header.
    ///
    /// The reader pauses for 10 ms at most: what an ordinary thread on a busy machine
    /// should expect.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::ShardLoad;
    /// let load = ShardLoad::new(6_400_000); // 6.4 MB/s, and pauses of 10 ms
    /// assert_eq!(load.ring_size(1, 4096)?.bytes(), 128 << 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn new(bytes_per_second: u64) -> Self {
        let (lateness, pause) = (Duration::ZERO, Duration::from_millis(10));
        Self { bytes_per_second, lateness, pause }
    }

    /// A load of so many records a second on each CPU, each with a sample of `len` bytes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::ShardLoad;
    /// assert_eq!(ShardLoad::of_records(100_000, 56), ShardLoad::new(6_400_000));
    /// ```
    #[must_use]
    pub const fn of_records(per_second: u64, len: u32) -> Self {
        let bytes = (len as u64).next_multiple_of(8) + 8;
        Self::new(per_second.saturating_mul(bytes))
    }

    /// How long a merge may hold a record back: its lateness bound. Zero without a merge.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::ShardLoad;
    /// let load = ShardLoad::of_records(100_000, 56).lateness(Duration::from_millis(1));
    /// # drop(load);
    /// ```
    #[must_use]
    pub const fn lateness(self, lateness: Duration) -> Self {
        Self { lateness, ..self }
    }

    /// The longest time for which the reader does not read: a nap or block of its policy,
    /// the work on one batch, and what the scheduler or the host takes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::ShardLoad;
    /// let load = ShardLoad::of_records(100_000, 56).pause(Duration::from_millis(50));
    /// assert_eq!(load.ring_size(1, 4096)?.bytes(), 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Returns the size of a ring that `cpus` such CPUs write: 2 x rate x (lateness +
    /// pause), rounded up to a power of two and to a page.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::ShardLoad;
    /// let load = ShardLoad::of_records(100_000, 56);
    /// assert_eq!(load.ring_size(8, 4096)?.bytes(), 1 << 20); // eight CPUs share a ring
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CapacityError::TooLarge`] above 2 GiB: use more rings. [`CapacityError::PageSize`]
    /// if `page_size` is not a power of two.
    pub fn ring_size(&self, cpus: u32, page_size: u64) -> Result<Capacity, CapacityError> {
        const NANOS: u128 = 1_000_000_000;
        let time = self.lateness.as_nanos().saturating_add(self.pause.as_nanos());
        let rate = 2 * u128::from(self.bytes_per_second) * u128::from(cpus);
        let bytes = rate.saturating_mul(time).div_ceil(NANOS);
        Capacity::at_least(u64::try_from(bytes).unwrap_or(u64::MAX), page_size)
    }
}

/// The size of the rings.
///
/// ```
/// use ringbuf_kernel::{ShardLoad, ShardSize};
///
/// assert_eq!(ShardSize::from(1 << 20), ShardSize::Bytes(1 << 20));
/// let load = ShardLoad::of_records(1000, 56);
/// assert_eq!(ShardSize::from(load), ShardSize::Load(load));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardSize {
    /// Each has so many bytes: a power of two and a multiple of the page size.
    Bytes(u64),
    /// Each is as large as the load of its CPUs needs.
    Load(ShardLoad),
}

impl ShardSize {
    /// The bytes of a ring that `cpus` CPUs write.
    pub(super) fn bytes(self, cpus: usize) -> Result<u64, CapacityError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Load(load) => {
                let cpus = u32::try_from(cpus).unwrap_or(u32::MAX);
                load.ring_size(cpus, sys::page_size() as u64).map(Capacity::bytes)
            }
        }
    }
}

impl From<u64> for ShardSize {
    fn from(bytes: u64) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<ShardLoad> for ShardSize {
    fn from(load: ShardLoad) -> Self {
        Self::Load(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bytes(load: ShardLoad, cpus: u32, page: u64) -> Result<u64, CapacityError> {
        load.ring_size(cpus, page).map(Capacity::bytes)
    }

    #[test]
    fn twice_the_rate_times_the_time_rounded_up() {
        let load = ShardLoad::new(1 << 20).pause(SECOND / 2);
        assert_eq!(bytes(load, 1, 4096), Ok(1 << 20));
        assert_eq!(bytes(load, 4, 4096), Ok(4 << 20));
        assert_eq!(bytes(load, 3, 4096), Ok(4 << 20));
        assert_eq!(bytes(load.lateness(SECOND / 2), 1, 4096), Ok(2 << 20));
        // A byte a second more does not fit into a MiB.
        let more = ShardLoad::new((1 << 20) + 1).pause(SECOND / 2);
        assert_eq!(bytes(more, 1, 4096), Ok(2 << 20));
    }

    #[test]
    fn never_below_a_page() {
        for page in [4096, 16384, 65536] {
            assert_eq!(bytes(ShardLoad::new(0), 1, page), Ok(page));
            assert_eq!(bytes(ShardLoad::new(1), 1, page), Ok(page));
        }
        let refused = bytes(ShardLoad::new(0), 1, 3000);
        assert_eq!(refused, Err(CapacityError::PageSize { page_size: 3000 }));
    }

    #[test]
    fn headers_count() {
        let load = ShardLoad::of_records(1000, 1).pause(SECOND);
        assert_eq!(load, ShardLoad::new(16_000).pause(SECOND));
        assert_eq!(ShardLoad::of_records(u64::MAX, 8), ShardLoad::new(u64::MAX));
    }

    #[test]
    fn too_much_is_an_error_and_no_overflow() {
        let most = ShardLoad::new(1 << 30).pause(SECOND);
        assert_eq!(bytes(most, 1, 4096), Ok(1 << 31));
        let above = bytes(most.pause(SECOND + Duration::from_nanos(1)), 1, 4096);
        assert!(matches!(above, Err(CapacityError::TooLarge { .. })), "{above:?}");
        let all = ShardLoad::new(u64::MAX).lateness(Duration::MAX).pause(Duration::MAX);
        let refused = bytes(all, u32::MAX, 4096);
        assert_eq!(refused, Err(CapacityError::TooLarge { bytes: u64::MAX }));
    }
}
