//! [`MergedRings::finish`]: the last reading of all rings, in order.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use ringbuf_core::Merged;

use super::MergedRings;
use crate::set::finish::collect;
use crate::{Mapping, Record, SetFinished, WaitError};

impl<T, K, const W: usize> MergedRings<T, K, W>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    /// Reads what is in all rings when the call begins, in order, and says what became of it.
    /// Call it last, after the programs are detached. Nothing is held at the end.
    ///
    /// A busy record (reserved, not committed) holds back what may come after it, up to
    /// `limit`, which is one time for all rings. All else is as in
    /// [`RingSet::finish`](crate::RingSet::finish).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy};
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let mut rings =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// // Detach the programs here.
    /// let limit = Duration::from_millis(100);
    /// let finished = rings.finish(limit, |name, record| println!("{}: {name}", record.key))?;
    /// if !finished.is_complete() {
    ///     eprintln!("{finished}"); // one line for each ring
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`RingSet::finish`](crate::RingSet::finish).
    pub fn finish(
        &mut self,
        limit: Duration,
        mut each: impl FnMut(&mut T, Merged<'_, Mapping>),
    ) -> Result<SetFinished, WaitError> {
        let end = self.finish_each(limit, |tag, record| {
            each(tag, record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        match end {
            ControlFlow::Continue(finished) => Ok(finished),
            ControlFlow::Break(never) => match never {},
        }
    }

    /// As [`finish`](Self::finish), but ends as soon as `each` breaks. The record of that call
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
    /// let end = rings.finish_each(Duration::from_millis(100), |name, record| match &record[8..] {
    ///     b"end" => ControlFlow::Break(*name),
    ///     _ => ControlFlow::Continue(()),
    /// })?;
    /// assert!(end.is_continue()); // no ring has the end
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_each<B>(
        &mut self,
        limit: Duration,
        each: impl FnMut(&mut T, Merged<'_, Mapping>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, SetFinished>, WaitError> {
        self.merge.set().host().check_owner()?;
        self.admit();
        let mut reports = Vec::new();
        let end =
            self.merge.finish(limit, each, |token, _, finished| reports.push((token, finished)))?;
        Ok(match end {
            ControlFlow::Continue(()) => ControlFlow::Continue(collect(self.merge.set(), reports)),
            ControlFlow::Break(value) => ControlFlow::Break(value),
        })
    }
}
