//! [`RingSet`]: many rings, one wait.

mod circle;
mod finish;
mod host;
mod merging;
mod slot;
mod steps;
mod stuck;
mod turns;
mod wait;

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

pub use host::SetHost;
pub use slot::{Slot, Slots, Token};
pub use turns::Ready;

use crate::budget::Pace;
use crate::wait::Asked;
use crate::{Budget, Consumer, Corrupt, RingMemory, WaitPolicy, WaitState};
use circle::{Circle, at, at_mut};
pub(crate) use slot::Member;
use slot::{State, Turn};
use turns::Tally;

/// Many rings that one thread reads: one wait for all, and turns that no ring can take
/// from another.
///
/// A ring in the set is either idle or active. An idle ring is armed: its next commit
/// notifies. Until then it costs a look now and then. An active ring had records lately. It is looked
/// at after each rest and held back, so its commits do not notify. A ring becomes idle
/// when 256 looks in a row and a millisecond brought nothing, and whenever the set
/// blocks.
///
/// There is one [`WaitState`] for the set. So rings that are sparse alone and dense
/// together are read like one dense ring: by naps.
///
/// Each ring has a tag of the type `T`, which comes with its records: a name, a callback,
/// a state. `H` is the system. `S` stores the rings; it is a `Vec`.
///
/// `ringbuf_kernel::RingSet` is this set over real maps. In virtual time:
/// ```
/// use std::time::Duration;
/// use ringbuf_core::{Budget, Drained, WaitPolicy, Wakeup};
/// use ringbuf_sim::{Flags, SimRing, VirtualTime};
///
/// let time = VirtualTime::new();
/// let mut set = time.ring_set(WaitPolicy::balanced());
/// let (exec, connect) = (SimRing::new(4096)?, SimRing::new(4096)?);
/// let token = set.insert(exec.consumer()?, "exec")?;
/// set.insert(connect.consumer()?, "connect")?;
/// for ring in [&exec, &exec, &exec, &connect] {
///     ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// }
///
/// set.set_budget(Budget::unlimited().records(2));
/// assert_eq!(set.wait(None)?, Wakeup::Ready);
/// let mut order = Vec::new();
/// assert_eq!(set.drain(|name, _| order.push(*name))?, Drained::Limit);
/// assert_eq!(set.drain(|name, _| order.push(*name))?, Drained::Empty);
/// assert_eq!(order, ["exec", "exec", "connect", "exec"]);
/// assert_eq!(set.wait(Some(Duration::ZERO))?, Wakeup::TimedOut);
///
/// let (_consumer, name) = set.remove(token).expect("it is in the set");
/// assert_eq!((name, set.len()), ("exec", 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RingSet<H: SetHost, T, S> {
    host: H,
    slots: S,
    tags: PhantomData<T>,
    len: usize,
    circle: Circle,
    tally: Tally,
    state: WaitState,
    /// How many rings [`Ready`] may name before the next wait.
    unasked: u32,
    silent: u32,
    swept: Duration,
    /// What wakers have asked for, and no wait has reported yet.
    asked: Asked,
    /// A flush is under way: the slots say up to where.
    flushing: bool,
    /// A merge holds records until this time. Until then nothing can be read.
    held: Option<Duration>,
}

impl<H: SetHost, T, S: Slots<H::Ring, T>> RingSet<H, T, S> {
    /// Creates an empty set. `slots` must be empty.
    ///
    /// ```
    /// use ringbuf_core::{RingSet, SetHost, Slot, WaitPolicy};
    ///
    /// type Named<H> = RingSet<H, String, Vec<Slot<<H as SetHost>::Ring, String>>>;
    ///
    /// fn named_rings<H: SetHost>(host: H) -> Named<H> {
    ///     RingSet::new(host, Vec::new(), WaitPolicy::balanced())
    /// }
    /// ```
    #[must_use]
    pub fn new(host: H, slots: S, policy: WaitPolicy) -> Self {
        Self {
            host,
            slots,
            tags: PhantomData,
            len: 0,
            circle: Circle::default(),
            tally: Tally {
                budget: Self::DEFAULT_BUDGET,
                pace: Pace::new(),
                records: 0,
                bytes: 0,
                fullest: 0,
                smallest: u64::MAX,
            },
            state: WaitState::for_set(policy),
            unasked: 0,
            silent: 0,
            swept: Duration::ZERO,
            asked: Asked::default(),
            flushing: false,
            held: None,
        }
    }

    /// The budget of a turn, unless another one is [set](Self::set_budget): a
    /// millisecond.
    pub const DEFAULT_BUDGET: Budget = Budget::unlimited().time(Duration::from_millis(1));

    /// Sets what one ring may read in one turn.
    ///
    /// With a limit of time, a record that notifies waits no longer than this limit times
    /// the number of active rings, plus the longest nap.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// set.set_budget(Budget::unlimited().records(100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_budget(&mut self, budget: Budget) {
        self.tally.budget = budget;
    }

    /// Adds a ring. From now on the set's policy holds for it.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// let token = set.insert(ring.consumer()?, "exec")?;
    /// assert_eq!(set.get(token).map(|(_, tag)| *tag), Some("exec"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Refused`] returns the ring: the system refused to watch it, or there is no room.
    pub fn insert(
        &mut self,
        mut ring: H::Ring,
        tag: T,
    ) -> Result<Token, Refused<H::Ring, T, H::Error>> {
        let vacancy = self.vacancy();
        let Some((index, slot)) =
            vacancy.and_then(|index| Some((index, at_mut(self.slots.as_mut(), index)?)))
        else {
            return Err(Refused { ring, tag, error: None });
        };
        let token = Token { index, generation: slot.generation };
        if let Err(error) = self.host.watch(&ring, token) {
            return Err(Refused { ring, tag, error: Some(error) });
        }
        ring.as_mut().set_policy(self.state.policy().clone());
        self.tally.smallest = self.tally.smallest.min(ring.as_mut().memory().capacity().bytes());
        self.state.set_capacity(self.tally.smallest);
        slot.member = Some(Member { ring, tag });
        slot.turn = Turn::default();
        self.len += 1;
        // It may hold records already.
        self.circle.activate(self.slots.as_mut(), index, self.host.now());
        Ok(token)
    }

    /// Removes a ring, or returns `None` if the set has no ring of this token. The ring
    /// keeps the set's policy.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// let token = set.insert(ring.consumer()?, "exec")?;
    /// let (consumer, tag) = set.remove(token).expect("it is there");
    /// assert!(set.remove(token).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&mut self, token: Token) -> Option<(H::Ring, T)> {
        self.slot(token)?;
        self.circle.leave(self.slots.as_mut(), token.index, State::Idle);
        let slot = at_mut(self.slots.as_mut(), token.index)?;
        let Member { ring, tag } = slot.member.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        let silent = u32::from(core::mem::take(&mut slot.turn.silent));
        self.silent = self.silent.saturating_sub(silent);
        self.host.unwatch(&ring, token);
        // The turn that it had, or will not have.
        self.unasked = self.unasked.saturating_sub(1);
        self.len = self.len.saturating_sub(1);
        let members = self.slots.as_ref().iter().filter_map(|slot| slot.member.as_ref());
        let sizes = members.map(|member| member.ring.as_ref().memory().capacity().bytes());
        self.tally.smallest = sizes.min().unwrap_or(u64::MAX);
        self.state.set_capacity(self.tally.smallest);
        Some((ring, tag))
    }

    /// Returns a ring of the set and its tag.
    ///
    /// ```
    /// # use ringbuf_core::{WaitPolicy};
    /// # use ringbuf_sim::{SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// let token = set.insert(ring.consumer()?, "exec")?;
    /// let (consumer, name) = set.get(token).expect("it is in the set");
    /// assert_eq!((consumer.lag()?, *name), (0, "exec"));
    /// set.remove(token);
    /// assert!(set.get(token).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn get(&self, token: Token) -> Option<(&H::Ring, &T)> {
        let member = self.slot(token)?.member.as_ref()?;
        Some((&member.ring, &member.tag))
    }

    /// Returns the tag of a ring.
    ///
    /// ```
    /// # use ringbuf_core::{WaitPolicy};
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// let token = set.insert(ring.consumer()?, 0)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// set.wait(None)?;
    /// set.drain(|count, _| *count += 1)?;
    /// if let Some(count) = set.tag_mut(token) {
    ///     assert_eq!(std::mem::take(count), 1);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tag_mut(&mut self, token: Token) -> Option<&mut T> {
        self.slot(token)?;
        Some(&mut at_mut(self.slots.as_mut(), token.index)?.member.as_mut()?.tag)
    }

    /// Returns the tokens of all rings.
    ///
    /// ```
    /// # use ringbuf_core::{WaitPolicy};
    /// # use ringbuf_sim::{SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// for (ring, name) in set.tokens().filter_map(|token| set.get(token)) {
    ///     println!("{name}: {} bytes unread", ring.lag()?);
    /// }
    /// # assert_eq!(set.tokens().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        let slots = (0..).zip(self.slots.as_ref());
        slots
            .filter(|(_, slot)| slot.member.is_some())
            .map(|(index, slot)| Token { index, generation: slot.generation })
    }

    /// Returns the number of rings.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing, VirtualTime};
    /// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// # let mut set = time.ring_set(WaitPolicy::balanced());
    /// set.insert(ring.consumer()?, "exec")?;
    /// assert_eq!(set.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if the set has no rings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the policy of the set.
    ///
    /// ```
    /// # use ringbuf_core::WaitPolicy;
    /// # use ringbuf_sim::VirtualTime;
    /// let set = VirtualTime::new().ring_set::<()>(WaitPolicy::low_cost());
    /// assert!(set.is_empty());
    /// assert_eq!(set.policy(), &WaitPolicy::low_cost());
    /// ```
    #[must_use]
    pub fn policy(&self) -> &WaitPolicy {
        self.state.policy()
    }

    /// Returns the system below the set.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_core::{WaitHost, WaitPolicy};
    /// # use ringbuf_sim::VirtualTime;
    /// # let time = VirtualTime::new();
    /// # let set = time.ring_set::<()>(WaitPolicy::balanced());
    /// assert!(set.host().now() < Duration::from_millis(1)); // its clock
    /// ```
    #[must_use]
    pub fn host(&self) -> &H {
        &self.host
    }

    fn slot(&self, token: Token) -> Option<&Slot<H::Ring, T>> {
        let slot = at(self.slots.as_ref(), token.index)?;
        (slot.generation == token.generation && slot.member.is_some()).then_some(slot)
    }

    /// The first free place, or a new one.
    fn vacancy(&mut self) -> Option<u32> {
        let slots = self.slots.as_ref();
        let index = if self.len < slots.len() {
            slots.iter().position(|slot| slot.member.is_none())?
        } else {
            let before = slots.len();
            self.slots.extend([Slot::empty()]);
            (self.slots.as_ref().len() > before).then_some(before)?
        };
        u32::try_from(index).ok()
    }

    /// The consumer in a place.
    fn consumer(&mut self, index: u32) -> Option<&mut Consumer<H::Memory>> {
        Some(at_mut(self.slots.as_mut(), index)?.member.as_mut()?.ring.as_mut())
    }
}

/// A ring that was not added to a set, and why: `None` means that there is no room.
///
/// ```
/// # use ringbuf_core::{Refused, WaitPolicy};
/// # use ringbuf_sim::{SimRing, VirtualTime};
/// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
/// # let mut set = time.ring_set(WaitPolicy::balanced());
/// match set.insert(ring.consumer()?, "exec") {
///     Ok(token) => println!("added: {token:?}"),
///     Err(Refused { tag, error: None, .. }) => println!("no room for {tag}"),
///     Err(Refused { ring, tag, .. }) => println!("{tag} needs a wait of its own: {ring:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Refused<R, T, E> {
    /// The ring.
    pub ring: R,
    /// Its tag.
    pub tag: T,
    /// The error of the system.
    pub error: Option<E>,
}

impl<R, T, E: fmt::Display> fmt::Display for Refused<R, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => error.fmt(f),
            None => f.write_str("the set has no room for another ring"),
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints it.
impl<R, T, E: fmt::Display> fmt::Debug for Refused<R, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<R, T, E: fmt::Display> core::error::Error for Refused<R, T, E> {}

/// One ring of a set is corrupt. It gets no more turns. The others go on: read again, or
/// remove this one first.
///
/// ```
/// # use std::time::Duration;
/// # use ringbuf_core::{RingFailed, WaitPolicy};
/// # use ringbuf_sim::{SimRing, VirtualTime};
/// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
/// # let mut set = time.ring_set(WaitPolicy::balanced());
/// set.insert(ring.consumer()?, "exec")?;
/// set.wait(Some(Duration::ZERO))?;
/// if let Err(RingFailed { token, corrupt, .. }) = set.drain(|_, _| ()) {
///     let (_ring, name) = set.remove(token).expect("it is in the set");
///     eprintln!("{name}: {corrupt}"); // the others go on
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingFailed {
    /// The ring.
    pub token: Token,
    /// What is wrong with it.
    pub corrupt: Corrupt,
}

impl fmt::Display for RingFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ring {} of the set: {}", self.token.index, self.corrupt)
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints it.
impl fmt::Debug for RingFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for RingFailed {}
