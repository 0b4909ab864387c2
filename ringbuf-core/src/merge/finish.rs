//! [`Merge::finish`]: the last reading of all rings, in order.

use core::ops::ControlFlow;
use core::time::Duration;

use super::clock::Clock;
use super::lane::Lane;
use super::round::Merged;
use super::tree::Node;
use super::window::End;
use super::{Merge, OneConsumer, Round};
use crate::{Corrupt, Finished, Record, SetHost, Slots, Token};

impl<H, T, S, N, K, const W: usize> Merge<H, T, S, N, K, W>
where
    H: SetHost,
    H::Ring: OneConsumer<H::Memory>,
    S: Slots<H::Ring, Lane<T, W>>,
    N: AsMut<[Node]>,
    K: Fn(&Record<'_, H::Memory>) -> Option<u64>,
{
    /// Reads what is in all rings when the call begins, in order, and says what became of it:
    /// see [`RingSet::finish`](crate::RingSet::finish). Call it last, after the programs are
    /// detached.
    ///
    /// No record is held for its lateness. A busy record holds back those that may come
    /// after it, until it is committed or `limit` is over; then all others are delivered. At
    /// the end nothing is held.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use std::time::Duration;
    /// # use ringbuf_core::{Lane, Merge, Node, Record, WaitPolicy};
    /// # use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
    /// # fn stamp(record: &Record<'_, SimMemory>) -> Option<u64> {
    /// #     Some(u64::from_ne_bytes(record.get(..8)?.try_into().ok()?))
    /// # }
    /// # let time = VirtualTime::new();
    /// # let set = time.ring_set::<Lane<&str, 1>>(WaitPolicy::balanced());
    /// # let mut merge = Merge::new(set, Vec::<Node>::new(), stamp, 100);
    /// # let (a, b) = (SimRing::new(4096)?, SimRing::new(4096)?);
    /// merge.insert(a.consumer()?, "a")?;
    /// merge.insert(b.consumer()?, "b")?;
    /// a.producer().output(&20_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// b.producer().output(&10_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// let mut keys = Vec::new();
    /// let end = merge.finish(
    ///     Duration::from_millis(20),
    ///     |_, record| {
    ///         keys.push(record.key);
    ///         ControlFlow::<()>::Continue(())
    ///     },
    ///     |_, name, finished| println!("{name}: {}", finished.unwrap()),
    /// )?;
    /// assert!(end.is_continue());
    /// assert_eq!(keys, [10, 20]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The system refused to sleep. What is in the rings stays there.
    pub fn finish<B>(
        &mut self,
        limit: Duration,
        mut each: impl FnMut(&mut T, Merged<'_, H::Memory>) -> ControlFlow<B>,
        mut report: impl FnMut(Token, &T, Result<Finished, Corrupt>),
    ) -> Result<ControlFlow<B>, H::Error> {
        let deadline = self.set.host().now().saturating_add(limit);
        self.set.capture_goals();
        let end = loop {
            let left = deadline.saturating_sub(self.set.host().now());
            match self.round_by(Clock::ending(left.is_zero()), &mut each) {
                Ok(ControlFlow::Break(value)) => break Ok(ControlFlow::Break(value)),
                // This ring is corrupt. The others go on.
                Err(failed) => self.set.fail_goal(failed),
                Ok(ControlFlow::Continue(Round::Limit)) => {}
                Ok(ControlFlow::Continue(_)) if left.is_zero() || !self.is_any_busy() => {
                    break Ok(ControlFlow::Continue(()));
                }
                Ok(ControlFlow::Continue(_)) => {
                    if let Err(error) = self.set.rest_before_end(left) {
                        break Err(error);
                    }
                }
            }
        };
        self.set.end_goals(
            matches!(end, Ok(ControlFlow::Continue(()))),
            |token, lane, finished| {
                report(token, &lane.tag, finished);
            },
        );
        end
    }

    /// Whether a record that is to be read is busy.
    fn is_any_busy(&self) -> bool {
        let members = self.set.slots().iter().filter_map(|slot| slot.member.as_ref());
        members.into_iter().any(|member| member.tag.window.end.get() == End::Busy)
    }
}
