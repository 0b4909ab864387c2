//! Which heads of a set stay busy.

use std::time::Duration;

use super::RingSet;
use crate::{BusyHead, RingBuf};

impl<T> RingSet<T> {
    /// Returns each ring whose head has been busy for `after` or longer, with its tag; zero
    /// returns all whose head is busy now. Call it after a drain, now and then: it looks at
    /// each ring. [`busy_for`](BusyHead::busy_for) counts from the first look of a wait, or of
    /// this method, that found the head busy. See core's
    /// [`RingSet::stuck`](ringbuf_core::RingSet::stuck).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// let ages = set.stuck(Duration::ZERO).map(|(_, _, head)| head.busy_for);
    /// println!("busy for {:?}", ages.max()); // for a metric
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stuck(&mut self, after: Duration) -> impl Iterator<Item = (&RingBuf, &mut T, BusyHead)> {
        self.rings.stuck(after)
    }

    /// As [`stuck`](Self::stuck), but returns each stall once, to report it. A wait sleeps on
    /// busy heads, so set a timeout:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{RingBuf, RingSet, WaitPolicy};
    /// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
    /// const SECOND: Duration = Duration::from_secs(1);
    /// loop {
    ///     set.wait(Some(SECOND))?;
    ///     set.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
    ///     for (ring, name, head) in set.newly_stuck(SECOND) {
    ///         eprintln!("{name}, map {}: {head}", ring.id());
    ///     }
    /// }
    /// # #[allow(unreachable_code)]
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn newly_stuck(
        &mut self,
        after: Duration,
    ) -> impl Iterator<Item = (&RingBuf, &mut T, BusyHead)> {
        self.rings.newly_stuck(after)
    }
}
