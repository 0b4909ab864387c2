//! Which heads of a set stay busy.

use core::time::Duration;

use super::circle::at;
use super::{RingSet, SetHost, Slots};
use crate::BusyHead;
use crate::watch::Stall;

impl<H: SetHost, T, S: Slots<H::Ring, T>> RingSet<H, T, S> {
    /// Returns each ring whose head has been busy for `after` or longer, with its tag and
    /// its [`BusyHead`]. Zero returns every ring whose head is busy now. Drain before you
    /// call it. It never blocks.
    ///
    /// It looks at each ring, so call it now and then, and not after each wait. A wait
    /// looks at all rings each [`max_sleep`](crate::WaitPolicy::max_sleep) at least, and
    /// [`busy_for`](BusyHead::busy_for) counts from its first look that found the head
    /// busy. A wait sleeps on busy heads, so set a timeout.
    ///
    /// A stall is returned by each call while it lasts; [`newly_stuck`](Self::newly_stuck)
    /// returns it once. A corrupt ring is not returned: a drain reports it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::{WaitPolicy, Wakeup};
    /// use ringbuf_sim::{SimRing, VirtualTime};
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    /// let (exec, connect) = (SimRing::new(4096)?, SimRing::new(4096)?);
    /// let time = VirtualTime::new();
    /// let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(exec.consumer()?, "exec")?;
    /// set.insert(connect.consumer()?, "connect")?;
    /// let program = connect.producer();
    /// let held = program.reserve(64)?; // a program that stands still
    ///
    /// assert_eq!(set.wait(Some(2 * SECOND))?, Wakeup::TimedOut);
    /// let stuck: Vec<_> = set.stuck(SECOND).map(|(_, name, head)| (*name, head.len.get())).collect();
    /// assert_eq!(stuck, [("connect", 64)]);
    /// # drop(held);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stuck(&mut self, after: Duration) -> impl Iterator<Item = (&H::Ring, &mut T, BusyHead)> {
        self.stalls(after).map(|(_, ring, tag, head)| (ring, tag, head))
    }

    /// As [`stuck`](Self::stuck), but returns each stall once, to report it. Only those that
    /// you take from the iterator count as returned.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::WaitPolicy;
    /// use ringbuf_sim::{SimRing, VirtualTime};
    ///
    /// const SECOND: Duration = Duration::from_secs(1);
    /// let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// let program = ring.producer();
    /// let held = program.reserve(64)?; // a program that stands still
    /// let mut reports = 0;
    /// for _ in 0..5 {
    ///     set.wait(Some(SECOND))?;
    ///     for (_, name, head) in set.newly_stuck(2 * SECOND) {
    ///         println!("{name}: {head}");
    ///         reports += 1;
    ///     }
    /// }
    /// assert_eq!(reports, 1);
    /// # drop(held);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn newly_stuck(
        &mut self,
        after: Duration,
    ) -> impl Iterator<Item = (&H::Ring, &mut T, BusyHead)> {
        let stalls = self.stalls(after).filter(|(stall, ..)| stall.is_news());
        stalls.map(|(_, ring, tag, head)| (ring, tag, head))
    }

    fn stalls(
        &mut self,
        after: Duration,
    ) -> impl Iterator<Item = (&Stall, &H::Ring, &mut T, BusyHead)> {
        let now = self.host.now();
        self.slots.as_mut().iter_mut().filter_map(move |slot| {
            let (member, stall) = (slot.member.as_mut()?, &slot.turn.stall);
            let head = member.ring.as_ref().busy_head_by(stall, || now).ok()??;
            let lasts = head.busy_for >= after;
            lasts.then_some((stall, &member.ring, &mut member.tag, head))
        })
    }

    /// Call this after a look at this ring that found nothing to read.
    pub(super) fn note_stall(&self, index: u32, now: Duration) {
        let slot = at(self.slots.as_ref(), index);
        if let Some((slot, member)) = slot.and_then(|slot| Some((slot, slot.member.as_ref()?))) {
            member.ring.as_ref().note_stall_by(&slot.turn.stall, now);
        }
    }
}
