//! [`MergedBatch`]: merged records that are held at once.

use std::fmt;

use ringbuf_core::{MergeBatch, Merged, Round};

use super::Slots;
use crate::set::host::EpollHost;
use crate::{Mapping, Record};

/// The records of [`MergedRings`](super::MergedRings) that were in order when it began, held
/// at once and given back together. See core's [`MergeBatch`].
///
/// ```
/// # use std::time::Duration;
/// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
/// # let stamp = |_: &Record<'_, Mapping>| None;
/// # let mut rings =
/// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
/// let batch = rings.batch()?;
/// let records: Vec<_> = batch.records().collect(); // read in place, held at once
/// assert!(records.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a batch that is dropped at once reads nothing"]
pub struct MergedBatch<'m, T, K, const W: usize>(
    pub(super) MergeBatch<'m, EpollHost, T, Slots<T, W>, K, W>,
);

impl<T, K, const W: usize> MergedBatch<'_, T, K, W>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    /// Returns the next record that is in order, with the tag of its ring, or `None` at the
    /// end.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// let batch = rings.batch()?;
    /// while let Some((name, record)) = batch.next() {
    ///     println!("{}: {name}", record.key);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn next(&self) -> Option<(&T, Merged<'_, Mapping>)> {
        self.0.next()
    }

    /// Iterates over the records up to the end.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// let batch = rings.batch()?;
    /// assert_eq!(batch.records().filter(|(_, record)| record.late).count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn records(&self) -> impl Iterator<Item = (&T, Merged<'_, Mapping>)> {
        self.0.records()
    }

    /// Ends the batch as dropping does, and says what is left.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy, Wakeup};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// assert_eq!(rings.batch()?.finish(), ringbuf_kernel::Round::Empty);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(self) -> Round {
        self.0.finish()
    }
}

impl<T, K, const W: usize> fmt::Debug for MergedBatch<'_, T, K, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
