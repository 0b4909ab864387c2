//! One round of a [`Merge`]: all records that are in order as of a time.

use core::convert::Infallible;
use core::ops::{ControlFlow, Deref};
use core::time::Duration;

use super::clock::Clock;
use super::entry::Entry;
use super::lane::Lane;
use super::tree::{self, Node, Scale};
use super::window::End;
use super::{Merge, OneConsumer, Round};
use crate::set::Member;
use crate::walk::Area;
use crate::{
    Consumer, ConsumerMemory, Corrupt, CorruptReason, Record, RingFailed, RingSet, SetHost, Slot,
    Slots,
};

/// A record of a [`Merge`], with its place in the order. It dereferences to its
/// [`Record`].
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
/// # use std::time::Duration;
/// # let (time, ring) = (VirtualTime::new(), SimRing::new(4096)?);
/// # let key = |record: &Record<'_, SimMemory>| record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
/// # let mut merge = time.merge::<_, _, 8>(WaitPolicy::balanced(), Duration::from_nanos(100), key);
/// # let token = merge.insert(ring.consumer()?, "exec")?;
/// # ring.producer().output(&10_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
/// merge.drain(1_000, |_, record| {
///     assert_eq!((record.key, record.late, record.len()), (10, false, 8));
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Merged<'r, M: ConsumerMemory + 'r> {
    /// The record, read in place.
    pub record: Record<'r, M>,
    /// The key by which it was ordered. It is what the function of the key returned, with
    /// two exceptions: for a record without a key it is the newest key before it in its ring,
    /// and a key ahead of the clock counts as the time of the next round.
    pub key: u64,
    /// A record with a larger key was delivered before this one.
    pub late: bool,
}

impl<'r, M: ConsumerMemory> Deref for Merged<'r, M> {
    type Target = Record<'r, M>;

    fn deref(&self) -> &Self::Target {
        &self.record
    }
}

/// How far a round has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// The ring whose record is delivered next, if it is not above `limit`.
    pub(super) top: Node,
    pub(super) limit: Option<Node>,
    pub(super) scale: Scale,
    /// The smallest bound of a ring: up to this key, and up to the time, records are in order.
    floor: u64,
    pub(super) clock: Clock,
    /// The clock of the set, when the round began.
    begun: Duration,
}

impl Progress {
    /// A ring has no next record, and this bound.
    pub(super) fn lower(&mut self, floor: u64) {
        self.floor = self.floor.min(floor);
        self.limit = self.scale.limit(self.floor.min(self.clock.now));
    }

    /// How the round ends, if `least` is the smallest key that is left.
    fn outcome(&self, limited: bool, least: Option<u64>) -> Round {
        match least {
            None if !limited => Round::Empty,
            // What is newer than the round, the next one may deliver.
            Some(key) if !limited && key > self.floor => Round::Held { until: self.clock.due(key) },
            _ => Round::Limit,
        }
    }
}

impl<H, T, S, N, K, const W: usize> Merge<H, T, S, N, K, W>
where
    H: SetHost,
    H::Ring: OneConsumer<H::Memory>,
    S: Slots<H::Ring, Lane<T, W>>,
    N: AsMut<[Node]>,
    K: Fn(&Record<'_, H::Memory>) -> Option<u64>,
{
    /// Delivers all records that are in order as of `now`, one by one.
    ///
    /// `now` is a time at or before this call, on the clock of the keys and in its unit.
    /// Space goes back to the producers on the way. Ends as soon as `each` breaks; that
    /// record is consumed. Never blocks. It reads at most one capacity of each ring.
    ///
    /// With `u64::MAX`, nothing is held: it delivers all that is there. If keys are more than
    /// 2^48 apart, that takes another round ([`Round::Limit`]).
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
    /// # use std::time::Duration;
    /// # let (time, ring) = (VirtualTime::new(), SimRing::new(4096)?);
    /// # let key = |record: &Record<'_, SimMemory>| record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    /// # let mut merge = time.merge::<_, _, 8>(WaitPolicy::balanced(), Duration::from_nanos(100), key);
    /// # let token = merge.insert(ring.consumer()?, "exec")?;
    /// # ring.producer().output(&10_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// use std::ops::ControlFlow;
    ///
    /// let end = merge.round(1_000, |name, record| match record.key {
    ///     10 => ControlFlow::Break(*name),
    ///     _ => ControlFlow::Continue(()),
    /// })?;
    /// assert_eq!(end, ControlFlow::Break("exec"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// One ring is corrupt, and all its earlier records were delivered. This call has
    /// delivered nothing. That ring gets no more turns; call this again for the others.
    #[inline(always)]
    pub fn round<B>(
        &mut self,
        now: u64,
        mut each: impl FnMut(&mut T, Merged<'_, H::Memory>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Round>, RingFailed> {
        self.round_by(Clock::new(now, self.lateness), &mut each)
    }

    /// As [`round`](Self::round), but the callback never breaks.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimMemory, SimRing, VirtualTime};
    /// # use std::time::Duration;
    /// # let (time, ring) = (VirtualTime::new(), SimRing::new(4096)?);
    /// # let key = |record: &Record<'_, SimMemory>| record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    /// # let mut merge = time.merge::<_, _, 8>(WaitPolicy::balanced(), Duration::from_nanos(100), key);
    /// # let token = merge.insert(ring.consumer()?, "exec")?;
    /// # ring.producer().output(&10_u64.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// let round = merge.drain(1_000, |name, record| println!("{}: {name}", record.key))?;
    /// assert_eq!(round, Round::Empty);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`round`](Self::round).
    #[inline(always)]
    pub fn drain(
        &mut self,
        now: u64,
        mut each: impl FnMut(&mut T, Merged<'_, H::Memory>),
    ) -> Result<Round, RingFailed> {
        let end = self.round(now, |tag, record| {
            each(tag, record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        match end {
            ControlFlow::Continue(round) => Ok(round),
            ControlFlow::Break(never) => match never {},
        }
    }

    #[inline(always)]
    pub(super) fn round_by<B>(
        &mut self,
        clock: Clock,
        each: &mut impl FnMut(&mut T, Merged<'_, H::Memory>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Round>, RingFailed> {
        let mut progress = self.begin(clock)?;
        let end = self.deliver(&mut progress, each);
        let round = end_round(&mut self.set, &progress);
        Ok(match end {
            ControlFlow::Continue(()) => ControlFlow::Continue(round),
            ControlFlow::Break(value) => {
                // There may be more.
                self.set.hold_until(Some(Duration::ZERO));
                ControlFlow::Break(value)
            }
        })
    }

    /// Delivers records up to the bound.
    #[inline(always)]
    fn deliver<B>(
        &mut self,
        progress: &mut Progress,
        each: &mut impl FnMut(&mut T, Merged<'_, H::Memory>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let (slots, nodes) = (self.set.slots_mut(), self.nodes.as_mut());
        let Progress { scale, clock, .. } = *progress;
        let mut top = plant(slots, nodes, scale);
        let Some(mut limit) = progress.limit else { return ControlFlow::Continue(()) };
        while top <= limit {
            let Some(Member { ring, tag: Lane { tag, window } }) =
                slots.get_mut(top.ring()).and_then(|slot| slot.member.as_mut())
            else {
                break;
            };
            let consumer = ring.as_ref();
            let area = Area::of(&consumer.memory);
            // Loaded once: the next key waits for it.
            let first = window.first.get();
            let taken = window.exchange(consumer, area, &self.key).or_else(|| window.pop());
            let Some(Entry { key, at, len }) = taken else { break };
            // SAFETY: L1: the rings of the tree are those of which `plant` found, in these
            // places, that their records may be lent. Since then only `turn` gave space back
            // (C2). It needs the consumer mutably, and the record borrows it (T4).
            let record = unsafe { Record::lend(&consumer.memory, area, at, len) };
            let late = key < self.newest.get();
            if late {
                window.count_late();
            } else {
                // Before the callback, which may panic.
                self.newest.set(key);
            }
            let flow = each(tag, Merged { record, key, late });
            let player = if window.is_full() {
                window.player_at(first.wrapping_add(1), scale, top.ring())
            } else {
                progress.lower(window.turn(ring.as_mut(), &self.key, clock));
                let Some(lower) = progress.limit else { return flow };
                limit = lower;
                window.player(scale, top.ring())
            };
            top = tree::replay(nodes, window.leaf, player);
            flow?;
        }
        ControlFlow::Continue(())
    }

    /// Looks at all rings, and finds the first record.
    #[inline(never)]
    pub(super) fn begin(&mut self, clock: Clock) -> Result<Progress, RingFailed> {
        let mut progress = Progress {
            top: Node::NONE,
            limit: None,
            scale: Scale { base: u64::MAX },
            floor: u64::MAX,
            clock,
            begun: self.set.begin_round(),
        };
        self.rounds = self.rounds.wrapping_add(1);
        let mut failed = None;
        for (index, slot) in (0_u32..).zip(self.set.slots_mut()) {
            let goal = slot.goal.as_ref();
            let Some(Member { ring, tag: Lane { window, .. } }) = slot.member.as_mut() else {
                continue;
            };
            if window.end.get() == End::Failed {
                continue;
            }
            let consumer = (*ring).as_ref();
            let most = goal.and_then(|goal| goal.as_ref().ok());
            let most = most.map_or(u64::MAX, |goal| goal.left(consumer));
            window.resume(consumer, clock.now, most);
            let check = may_lend(consumer);
            if check.is_ok() && window.filled() < W {
                let bound = window.look(consumer, clock);
                progress.lower(bound.unwrap_or_else(|| window.walk(consumer, &self.key, clock)));
            }
            let corrupt = match check {
                Err(corrupt) => Some(corrupt),
                Ok(()) if window.filled() == 0 => window.corrupt(consumer),
                Ok(()) => None,
            };
            if let Some(corrupt) = corrupt {
                failed = failed.or(Some((index, corrupt)));
            } else if window.filled() > 0 {
                let scale = &mut progress.scale;
                scale.base = scale.base.min(window.head().unwrap_or(scale.base));
            }
        }
        if let Some((index, corrupt)) = failed {
            end_round(&mut self.set, &progress);
            self.set.hold_until(Some(Duration::ZERO));
            return Err(self.fail(index, corrupt));
        }
        progress.lower(u64::MAX);
        Ok(progress)
    }

    fn fail(&mut self, index: u32, corrupt: Corrupt) -> RingFailed {
        if let Some(member) = self.set.member_mut(index) {
            member.tag.window.end.set(End::Failed);
        }
        self.set.fail(index, corrupt)
    }
}

/// Lets all rings that have a record play for the first time, but not those whose records may
/// not be lent. Returns the winner.
#[inline(never)]
pub(super) fn plant<M, R, T, const W: usize>(
    slots: &mut [Slot<R, Lane<T, W>>],
    nodes: &mut [Node],
    scale: Scale,
) -> Node
where
    M: ConsumerMemory,
    R: OneConsumer<M>,
{
    let plays = |Member { ring, tag: Lane { window, .. } }: &Member<R, Lane<T, W>>| {
        window.end.get() != End::Failed && window.may_lend(ring.as_ref())
    };
    let members = slots.iter().filter_map(|slot| slot.member.as_ref());
    let leaves = members.filter(|member| plays(member)).count();
    tree::clear(nodes, leaves);
    let (mut top, mut leaf) = (Node::NONE, 0);
    for (ring, slot) in slots.iter_mut().enumerate() {
        let Some(member) = slot.member.as_mut().filter(|member| plays(member)) else { continue };
        let window = &mut member.tag.window;
        window.leaf = tree::first_match(leaf, leaves);
        leaf += 1;
        if let Some(winner) = tree::enter(nodes, window.leaf, window.player(scale, ring)) {
            top = winner;
        }
    }
    top
}

/// Gives back ring by ring. No record may be lent.
#[inline(never)]
pub(super) fn end_round<H, T, S, const W: usize>(
    set: &mut RingSet<H, Lane<T, W>, S>,
    progress: &Progress,
) -> Round
where
    H: SetHost,
    S: Slots<H::Ring, Lane<T, W>>,
{
    let (mut limited, mut least) = (false, None);
    for index in (0_u32..).take(set.slots().len()) {
        let Some(Member { ring, tag: Lane { window, .. } }) = set.member_mut(index) else {
            continue;
        };
        let (end, head) = (window.end.get(), window.head());
        if end == End::Failed {
            continue;
        }
        least = least.into_iter().chain(head).min();
        // What a corrupt ring still holds is delivered before the error is reported.
        limited |= end == End::Limit || end == End::Corrupt && head.is_none();
        let (records, bytes) = window.finish(ring.as_mut());
        if bytes > 0 || head.is_some() {
            set.was_read(index, records, bytes);
        }
    }
    let round = progress.outcome(limited, least);
    set.hold_until(match round {
        Round::Empty => None,
        Round::Limit => Some(Duration::ZERO),
        Round::Held { until } => {
            let time = Duration::from_nanos(until.saturating_sub(progress.clock.now));
            Some(progress.begun.saturating_add(time))
        }
    });
    round
}

/// Whether records that are known may still be lent: not in a child of `fork`, and not if
/// somebody else has given their space away.
fn may_lend<M: ConsumerMemory>(consumer: &Consumer<M>) -> Result<(), Corrupt> {
    if !consumer.memory.is_owned() {
        return Err(Corrupt { position: consumer.position(), reason: CorruptReason::Forked });
    }
    match consumer.walk.corrupt.get() {
        Some(corrupt) if matches!(corrupt.reason, CorruptReason::ConsumerMoved { .. }) => {
            Err(corrupt)
        }
        _ => Ok(()),
    }
}
