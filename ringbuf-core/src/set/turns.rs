//! Whose turn it is to be read, and how much.

use core::convert::Infallible;
use core::fmt;
use core::ops::ControlFlow;
use core::time::Duration;

use super::circle::{at, at_mut};
use super::slot::{Member, State, Turn};
use super::{RingFailed, RingSet, SetHost, Slot, Slots, Token};
use crate::budget::{Clock, Pace, Spending};
use crate::wait::QUIET;
use crate::{
    Armed, Batch, Budget, Consumer, ConsumerMemory, Drained, Position, Record, RingMemory, WaitHost,
};

/// After this many looks in a row without a record, and a millisecond, a ring becomes
/// idle. A look costs some 10 ns. A commit to an idle ring notifies, which costs the
/// traced program microseconds.
const LOOKS: u32 = 256;

/// After this time without a record, a silent ring becomes idle, too.
const SILENT: Duration = Duration::from_secs(1);

impl<H: SetHost, T, S: Slots<H::Ring, T>> RingSet<H, T, S> {
    /// Reads each active ring once, within the [budget](Self::set_budget). Call it after
    /// [`wait`](Self::wait). Rings take turns: the next call begins after the ring that
    /// was read last.
    ///
    /// Ends with [`Drained::Limit`] if a ring has used up its budget, and with
    /// [`Drained::Empty`] otherwise. Ends as soon as `each` breaks. Never blocks.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use ringbuf_core::{WaitPolicy};
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// # set.insert(ring.consumer()?, "exec")?;
    /// # ring.producer().output(b"end", Flags::ADAPTIVE)?;
    /// set.wait(None)?;
    /// let end = set.for_each(|name, record| match &record[..] {
    ///     b"end" => ControlFlow::Break(*name),
    ///     _ => ControlFlow::Continue(()),
    /// })?;
    /// assert_eq!(end, ControlFlow::Break("exec"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// One ring is corrupt. It gets no more turns; call this again for the others.
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        mut each: impl FnMut(&mut T, Record<'_, H::Memory>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, RingFailed> {
        let mut drained = Drained::Empty;
        let mut left = self.begin_pass();
        while let Some(mut ring) = self.next_turn(&mut left) {
            match ring.for_each(&mut each)? {
                ControlFlow::Continue(Drained::Limit) => drained = Drained::Limit,
                ControlFlow::Continue(_) => {}
                ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
            }
        }
        Ok(ControlFlow::Continue(drained))
    }

    /// As [`for_each`](Self::for_each), but the callback never breaks.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// set.wait(None)?;
    /// set.drain(|name, record| assert_eq!((*name, &record[..]), ("exec", &b"one"[..])))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each).
    #[inline(always)]
    pub fn drain(
        &mut self,
        mut each: impl FnMut(&mut T, Record<'_, H::Memory>),
    ) -> Result<Drained, RingFailed> {
        let end = self.for_each(|tag, record| {
            each(tag, record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        match end {
            ControlFlow::Continue(drained) => Ok(drained),
            ControlFlow::Break(never) => match never {},
        }
    }

    /// Returns a ring that has something to read, or `None` if no other ring has. For
    /// programs that read by batches, or keep something for each ring.
    ///
    /// Each ring is returned once at most between two [waits](Self::wait).
    ///
    /// ```
    /// # use ringbuf_core::{Next, WaitPolicy};
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// # set.insert(ring.consumer()?, "exec")?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// set.wait(None)?;
    /// while let Some(mut ring) = set.next_ready() {
    ///     let name = *ring.tag();
    ///     let batch = ring.batch(); // its records may be held at once
    ///     while let Next::Record(record) = batch.next()? {
    ///         println!("{name}: {} bytes", record.len());
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_ready(&mut self) -> Option<Ready<'_, H, T>> {
        let mut left = self.unasked;
        let index = self.next_index(&mut left);
        self.unasked = left;
        self.ready(index?)
    }

    /// The clock is read, and the fullest ring of the last pass is remembered. Returns
    /// the number of turns.
    pub(super) fn begin_pass(&mut self) -> u32 {
        self.tally.pace.learn(self.host.now(), self.tally.budget.time);
        self.tally.bytes = self.tally.bytes.saturating_add(self.tally.fullest);
        self.tally.fullest = 0;
        self.circle.len()
    }

    fn next_turn(&mut self, left: &mut u32) -> Option<Ready<'_, H, T>> {
        let index = self.next_index(left)?;
        self.ready(index)
    }

    fn next_index(&mut self, left: &mut u32) -> Option<u32> {
        while *left > 0 {
            *left -= 1;
            let index = self.circle.first()?;
            if self.look_at(index) {
                self.circle.rotate(self.slots.as_ref());
                return Some(index);
            }
        }
        None
    }

    fn ready(&mut self, index: u32) -> Option<Ready<'_, H, T>> {
        let Slot { member, generation, turn, .. } = at_mut(self.slots.as_mut(), index)?;
        let member = member.as_mut()?;
        let before = Before::of(member.ring.as_mut());
        let token = Token { index, generation: *generation };
        let (host, tally) = (&self.host, &mut self.tally);
        Some(Ready { host, tally, member, turn, token, before, batched: false })
    }

    /// Looks at the ring whose turn it is. If there is nothing, the next one gets its
    /// turn. After many such looks the ring becomes idle.
    #[inline]
    pub(super) fn look_at(&mut self, index: u32) -> bool {
        let now = self.tally.pace.now;
        let Some(slot) = at_mut(self.slots.as_mut(), index) else { return false };
        if slot.turn.failed {
            self.circle.leave(self.slots.as_mut(), index, State::Failed);
            return false;
        }
        let Some(member) = slot.member.as_mut() else { return false };
        if member.ring.as_mut().look() {
            return true;
        }
        slot.turn.empty = slot.turn.empty.saturating_add(1);
        if slot.turn.empty >= LOOKS && now.saturating_sub(slot.turn.found) >= QUIET {
            slot.turn.empty = 0;
            return self.arm_one(index) == Armed::Ready;
        }
        self.circle.rotate(self.slots.as_ref());
        false
    }

    /// Arms the ring whose turn it is. Unless that finds something, it becomes idle, and
    /// the next one gets its turn. A silent ring stays active for a while.
    pub(super) fn arm_one(&mut self, index: u32) -> Armed {
        let now = self.tally.pace.now;
        let Some(consumer) = self.consumer(index) else { return Armed::Sleep };
        let armed = consumer.arm();
        if armed == Armed::Sleep {
            self.note_stall(index, now);
            let turn = at(self.slots.as_ref(), index).map(|slot| &slot.turn);
            if turn.is_some_and(|turn| turn.silent && now.saturating_sub(turn.found) < SILENT) {
                self.circle.rotate(self.slots.as_ref());
            } else {
                self.set_silent(index, false);
                self.circle.leave(self.slots.as_mut(), index, State::Idle);
            }
        }
        armed
    }
}

/// The budget of a turn, and what was read since the wait state was told.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) budget: Budget,
    pub(super) pace: Pace,
    pub(super) records: u64,
    /// Of the fullest ring of each pass, as if it had the size of the smallest.
    pub(super) bytes: u64,
    /// Of the fullest ring of this pass.
    pub(super) fullest: u64,
    /// The size of the smallest ring.
    pub(super) smallest: u64,
}

/// A ring of a set that has something to read, for one turn.
///
/// ```
/// # use ringbuf_core::{WaitPolicy};
/// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
/// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
/// # let mut set = time.ring_set(WaitPolicy::balanced());
/// # let exec = set.insert(ring.consumer()?, "exec")?;
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// set.wait(None)?;
/// let mut ready = set.next_ready().expect("a ring has a record");
/// assert_eq!((ready.token(), *ready.tag()), (exec, "exec"));
/// println!("{} bytes to read", ready.ring().lag()?);
/// ready.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ready<'s, H: SetHost, T> {
    host: &'s H,
    tally: &'s mut Tally,
    member: &'s mut Member<H::Ring, T>,
    turn: &'s mut Turn,
    token: Token,
    before: Before,
    batched: bool,
}

impl<H: SetHost, T> Ready<'_, H, T> {
    /// Returns the token of the ring.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// let token = set.insert(ring.consumer()?, "exec")?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// set.wait(None)?;
    /// assert_eq!(set.next_ready().map(|ready| ready.token()), Some(token));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// Returns the ring.
    #[must_use]
    pub fn ring(&self) -> &H::Ring {
        &self.member.ring
    }

    /// Returns the tag of the ring.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// set.wait(None)?;
    /// while let Some(mut ready) = set.next_ready() {
    ///     assert_eq!(*ready.tag(), "exec");
    ///     ready.drain(|_, _| ())?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn tag(&mut self) -> &mut T {
        &mut self.member.tag
    }

    /// Reads the ring within the [budget](RingSet::set_budget) of the set.
    ///
    /// # Errors
    /// The ring is corrupt. It gets no more turns.
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        mut each: impl FnMut(&mut T, Record<'_, H::Memory>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, RingFailed> {
        let Member { ring, tag } = &mut *self.member;
        let consumer = ring.as_mut();
        let Tally { budget, pace, .. } = &mut *self.tally;
        let mut spending = Spending::new(budget, consumer.consumed, *pace, OfSet(self.host));
        let end = consumer.read(&mut spending, |record| each(tag, record));
        *pace = spending.pace;
        end.map_err(|corrupt| {
            self.turn.failed = true;
            RingFailed { token: self.token, corrupt }
        })
    }

    /// As [`for_each`](Self::for_each), but the callback never breaks.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// set.wait(None)?;
    /// while let Some(mut ready) = set.next_ready() {
    ///     ready.drain(|name, record| println!("{name}: {} bytes", record.len()))?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each).
    #[inline(always)]
    pub fn drain(
        &mut self,
        mut each: impl FnMut(&mut T, Record<'_, H::Memory>),
    ) -> Result<Drained, RingFailed> {
        let end = self.for_each(|tag, record| {
            each(tag, record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        match end {
            ControlFlow::Continue(drained) => Ok(drained),
            ControlFlow::Break(never) => match never {},
        }
    }

    /// Begins a [`Batch`]: records that are held at once. The budget does not limit it.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// set.wait(None)?;
    /// if let Some(mut ready) = set.next_ready() {
    ///     assert_eq!(ready.batch().records().count(), 1);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(&mut self) -> Batch<'_, H::Memory> {
        self.batched = true;
        self.member.ring.as_mut().batch()
    }
}

/// The turn is over: the set learns what was read.
impl<H: SetHost, T> Drop for Ready<'_, H, T> {
    fn drop(&mut self) {
        let (tally, turn) = (&mut *self.tally, &mut *self.turn);
        let consumer = self.member.ring.as_mut();
        let (records, bytes) = self.before.read(consumer);
        if bytes > 0 {
            (turn.empty, turn.found) = (0, tally.pace.now);
            // Capacities are powers of two, and at least the smallest.
            let scaled = bytes / (consumer.memory.capacity().bytes() / tally.smallest).max(1);
            tally.records = tally.records.saturating_add(records);
            tally.fullest = tally.fullest.max(scaled.max(1));
        }
        // The batch has reported it.
        turn.failed |= self.batched && bytes == 0 && consumer.walk.corrupt.get().is_some();
    }
}

impl<H: SetHost, T> fmt::Debug for Ready<'_, H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("token", &self.token).finish_non_exhaustive()
    }
}

/// The clock of a set, for the budget of a turn.
struct OfSet<'h, H>(&'h H);

impl<M, H: WaitHost> Clock<M> for OfSet<'_, H> {
    fn now(&self, _: &M) -> Duration {
        self.0.now()
    }
}

/// A consumer before its turn.
#[derive(Debug)]
struct Before {
    records: u64,
    position: Position,
}

impl Before {
    fn of<M: ConsumerMemory>(consumer: &Consumer<M>) -> Self {
        let counts = consumer.counts;
        Self { records: counts.delivered + counts.discarded, position: consumer.consumed }
    }

    /// Records and bytes read since.
    fn read<M: ConsumerMemory>(&self, consumer: &Consumer<M>) -> (u64, u64) {
        let Self { records, position } = Self::of(consumer);
        let bytes = position.distance(self.position, consumer.memory.width());
        (records.wrapping_sub(self.records), bytes)
    }
}
