//! [`MergedRings`]: many rings as one stream, in the order of a key.

mod batch;
mod clock;
mod finish;
mod rings;
mod waiting;

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ringbuf_core::{Lane, Merge, MergeCounts, Merged, Node, OneConsumer, Round, Slot};

pub use batch::MergedBatch;
pub use clock::KeyClock;

use super::RingError;
use super::handle::Shared;
use super::host::EpollHost;
use crate::{Mapping, Record, RingBuf, WaitError, WaitPolicy};

// SAFETY: C2: both return the consumer in the ring's own field. A merge lends its rings only
// shared, and nothing that replaces the consumer or reads with it does with that.
unsafe impl OneConsumer<Mapping> for RingBuf {}

type Rings<T, K, const W: usize> = Merge<EpollHost, T, Slots<T, W>, Vec<Node>, K, W>;
type Slots<T, const W: usize> = Vec<Slot<RingBuf, Lane<T, W>>>;

/// Many rings that one thread reads as one stream, in the order of a key: a time stamp that
/// the programs write into their records.
///
/// `key` takes it out of a record. A record without one (`None`) follows the newest record
/// before it in its ring. The clock of the keys is that of `bpf_ktime_get_ns` unless
/// [`set_clock`](Self::set_clock) names another one.
///
/// A record is held in its ring until its key is `lateness` old, because another ring may
/// still bring a smaller one. What is promised, how to choose the lateness and the look-ahead
/// `W`, and how large the rings must be: see core's [`Merge`], and docs/merge.md. In short:
/// stamp after the reservation, take a lateness of 200 us or more, and rings of twice the
/// rate times the sum of lateness and the longest pause of the reader.
///
/// All else is as in a [`RingSet`](crate::RingSet): one wait, tags, wakers, handles, and one
/// corrupt or stuck ring does not keep the others. In a child of `fork` every call is an error
/// or reads nothing.
///
/// # An event loop of your own
/// The merge is a file descriptor. After [`arm`](Self::arm) says
/// [`Armed::Sleep`](crate::Armed::Sleep), it becomes readable (`EPOLLIN`) with the next record
/// of any ring, wake, or change by a handle, and when a record that is held is due: in epoll
/// (level- or edge-triggered), poll, select, or io_uring. While it holds records, it may become
/// readable sooner; then nothing is due yet. Only `wait` naps.
/// ```no_run
/// # use std::time::Duration;
/// # use ringbuf_kernel::{Armed, Mapping, MergedRings, Record, WaitPolicy, Wakeup};
/// # fn block_until_readable(_: std::os::fd::BorrowedFd, _: Duration) {}
/// # use std::os::fd::AsFd;
/// # let stamp = |_: &Record<'_, Mapping>| None;
/// # let mut rings =
/// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
/// while rings.wait(Some(Duration::ZERO))? != Wakeup::Woken {
///     rings.drain(|name, record| println!("{}: {name}", record.key))?;
///     if rings.arm()? == Armed::Sleep {
///         block_until_readable(rings.as_fd(), Duration::from_secs(1)); // your loop
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```no_run
/// use std::time::Duration;
/// use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy};
///
/// fn stamp(record: &Record<'_, Mapping>) -> Option<u64> {
///     record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
/// }
///
/// let mut rings = MergedRings::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
/// for cpu in 0..4 {
///     rings.insert(RingBuf::from_pin(format!("/sys/fs/bpf/events{cpu}"))?, cpu)?;
/// }
/// loop {
///     rings.wait(None)?;
///     rings.drain(|cpu, record| {
///         let late = if record.late { ", late" } else { "" };
///         println!("{}: cpu {cpu}, {} bytes{late}", record.key, record.len());
///     })?;
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MergedRings<T, K, const W: usize = 8> {
    merge: Rings<T, K, W>,
    clock: KeyClock,
    shared: Arc<Shared<T>>,
}

impl<T, K> MergedRings<T, K>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    /// Creates a merge without rings, which knows eight records of each ring ahead.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// assert!(rings.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WaitError`] if no file descriptor is left: a set needs three.
    pub fn new(policy: WaitPolicy, lateness: Duration, key: K) -> Result<Self, WaitError> {
        Self::with_look_ahead(policy, lateness, key)
    }
}

impl<T, K, const W: usize> MergedRings<T, K, W>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    /// As [`new`](MergedRings::new), but knows `W` records of each ring ahead, a power of two.
    /// 1 means that the records of one ring are in order.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// let (policy, lateness) = (WaitPolicy::balanced(), Duration::from_micros(200));
    /// let rings = MergedRings::<&str, _, 32>::with_look_ahead(policy, lateness, stamp)?;
    /// assert!(rings.is_empty());
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](MergedRings::new).
    pub fn with_look_ahead(
        policy: WaitPolicy,
        lateness: Duration,
        key: K,
    ) -> Result<Self, WaitError> {
        let host = EpollHost::new()?;
        let shared = Shared::of(&host);
        let set = ringbuf_core::RingSet::new(host, Vec::new(), policy);
        let merge = Merge::new(set, Vec::new(), key, clock::nanos(lateness));
        Ok(Self { merge, clock: KeyClock::Monotonic, shared })
    }

    /// Sets the clock of the keys. With another one than that of the programs, records are
    /// held too long, or delivered as they come: see
    /// [`RingCounts::ahead`](ringbuf_core::RingCounts::ahead).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// rings.set_clock(ringbuf_kernel::KeyClock::Boot); // the programs call bpf_ktime_get_boot_ns
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_clock(&mut self, clock: KeyClock) {
        self.clock = clock;
    }

    /// Returns the time on the clock of the keys, in nanoseconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// let now = rings.now();
    /// rings.drain(|_, record| println!("{} ns old", now.saturating_sub(record.key)))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Sets the lateness, from the next drain on.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// rings.set_lateness(Duration::from_micros(200));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_lateness(&mut self, lateness: Duration) {
        self.merge.set_lateness(clock::nanos(lateness));
    }

    /// Returns what was read of all rings, and in how many rounds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// rings.drain(|_, _| ())?;
    /// assert_eq!(rings.counts().rounds, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> MergeCounts {
        self.merge.counts()
    }

    /// Delivers all records that are in order now, one by one, and says what is left. Call it
    /// after [`wait`](Self::wait). Never blocks.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// rings.wait(None)?;
    /// let round = rings.drain(|name, record| println!("{}: {name}", record.key))?;
    /// println!("{round:?}"); // Empty, or held until a time
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// One ring is corrupt, and all its earlier records were delivered. It gets no more
    /// turns; call this again for the others.
    #[inline(always)]
    pub fn drain(
        &mut self,
        mut each: impl FnMut(&mut T, Merged<'_, Mapping>),
    ) -> Result<Round, RingError> {
        let end = self.for_each(|tag, record| {
            each(tag, record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        match end {
            ControlFlow::Continue(round) => Ok(round),
            ControlFlow::Break(never) => match never {},
        }
    }

    /// As [`drain`](Self::drain), but ends as soon as `each` breaks. The record of that call
    /// is consumed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// use std::ops::ControlFlow;
    ///
    /// let end = rings.for_each(|name, record| match &record[8..] {
    ///     b"end" => ControlFlow::Break(*name),
    ///     _ => ControlFlow::Continue(()),
    /// })?;
    /// assert!(end.is_continue());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        each: impl FnMut(&mut T, Merged<'_, Mapping>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Round>, RingError> {
        let now = self.clock.now();
        self.merge.round(now, each).map_err(|failed| self.error(failed))
    }

    /// Begins a batch: the records that are in order now, held at once.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// rings.wait(None)?;
    /// let batch = rings.batch()?;
    /// let records: Vec<_> = batch.records().collect(); // read in place
    /// println!("{} records", records.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn batch(&mut self) -> Result<MergedBatch<'_, T, K, W>, RingError> {
        let now = self.clock.now();
        self.merge.batch_or(now, RingError::of).map(MergedBatch)
    }

    #[cold]
    fn error(&self, failed: ringbuf_core::RingFailed) -> RingError {
        RingError::of(self.merge.set(), failed)
    }
}

impl<T, K, const W: usize> Drop for MergedRings<T, K, W> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<T, K, const W: usize> fmt::Debug for MergedRings<T, K, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergedRings")
            .field("merge", &self.merge)
            .field("clock", &self.clock)
            .finish()
    }
}
