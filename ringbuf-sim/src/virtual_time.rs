//! [`VirtualTime`]: waits that take no time, and go the same way each time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use ringbuf_core::{Consumer, Producer, WaitHost, WakeCause};

use crate::mirror::{ConsumerSide, Mirror, ProducerSide};
use crate::{Claim, SimError, SimRing, SimUserRing, UserClaim};

/// A clock that only moves when somebody waits, and a list of what happens when.
/// Clones share both.
///
/// A reader whose ring is in virtual time runs the same wait loop as live, by the
/// same policy, against the same algorithm of the kernel. But its naps and blocks
/// move the clock and do at each moment what falls due then: so a test of a
/// second of traffic takes milliseconds, and two runs of it are equal.
///
/// All is on one thread: what happens, happens while the reader rests. Reading
/// takes no time; reading the clock does ([`tick`](Self::tick)), since a reader
/// that spins lets time pass by nothing else.
///
/// ```
/// use std::time::Duration;
/// use ringbuf_core::Wakeup;
/// use ringbuf_sim::{Flags, SimRing, VirtualTime};
///
/// let us = Duration::from_micros;
/// let ring = SimRing::new(64 << 10)?;
/// let program = ring.producer();
/// let time = VirtualTime::new();
/// time.tick(Duration::ZERO);
/// let mut consumer = ring.consumer_in(&time)?;
///
/// time.at(us(300), |_| program.output(b"hello", Flags::ADAPTIVE).unwrap());
/// // Reserved now, committed later:
/// time.at(us(400), |time| {
///     let record = program.reserve(8).unwrap();
///     time.at(us(900), |_| record.submit(Flags::ADAPTIVE));
/// });
/// for wanted in [us(300), us(900)] {
///     assert_eq!(consumer.wait(Some(Duration::from_secs(1)))?, Wakeup::Ready);
///     assert_eq!(time.now(), wanted);
///     consumer.drain(|_| ())?;
/// }
/// assert_eq!(consumer.wait(Some(us(1500)))?, Wakeup::TimedOut);
/// assert_eq!(time.now(), us(2900)); // it blocks for whole milliseconds
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct VirtualTime<'t> {
    shared: Rc<Shared<'t>>,
}

/// What happens at some time. It may arrange more.
type Event<'t> = Box<dyn FnOnce(&VirtualTime<'t>) + 't>;

struct Shared<'t> {
    now: Cell<Duration>,
    /// By time, then in the order in which they were arranged.
    events: RefCell<BTreeMap<(Duration, u64), Event<'t>>>,
    arranged: Cell<u64>,
    tick: Cell<Duration>,
    lateness: Cell<Duration>,
    wakeup: Cell<Duration>,
    end: Cell<Duration>,
    signals: Cell<u64>,
    rests: Cell<Rests>,
    /// When the clock was read last, and how often it was the same time.
    standstill: Cell<(Duration, u32)>,
}

impl Default for Shared<'_> {
    fn default() -> Self {
        Self {
            now: Cell::default(),
            events: RefCell::default(),
            arranged: Cell::default(),
            tick: Cell::new(Duration::from_micros(1)),
            lateness: Cell::default(),
            wakeup: Cell::default(),
            end: Cell::new(Duration::from_secs(24 * 60 * 60)),
            signals: Cell::default(),
            rests: Cell::default(),
            standstill: Cell::default(),
        }
    }
}

impl Shared<'_> {
    fn count_standstill(&self, before: Duration) {
        let (time, count) = self.standstill.get();
        let count = if time == before && time == self.now.get() { count + 1 } else { 0 };
        assert!(count < 1_000_000, "a reader spins, and its clock stands still: give it a tick");
        self.standstill.set((self.now.get(), count));
    }
}

/// How often a reader in virtual time has rested, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rests {
    /// Pauses between two looks of a reader that spins.
    pub pauses: u64,
    /// Sleeps by a timer.
    pub naps: u64,
    /// Blocks that a notification ended.
    pub woken: u64,
    /// Blocks that ended in any other way.
    pub blocks: u64,
    /// Readings of the clock.
    pub readings: u64,
}

impl<'t> VirtualTime<'t> {
    /// A clock at zero, and nothing that will happen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now.get()
    }

    /// Arranges that `event` happens at `time`, or as soon as time passes if that
    /// is over. Events of the same time happen in the order of these calls.
    pub fn at(&self, time: Duration, event: impl FnOnce(&Self) + 't) {
        let number = self.shared.arranged.get();
        self.shared.arranged.set(number + 1);
        self.shared.events.borrow_mut().insert((time, number), Box::new(event));
    }

    /// A signal arrives: it ends the sleep that goes on, if one does. To be called
    /// by an event.
    pub fn signal(&self) {
        self.shared.signals.set(self.shared.signals.get() + 1);
    }

    /// How long each reading of the clock takes: 1 us unless said otherwise, which is
    /// about what the looks of a reader that spins take between two of them. Not zero
    /// for one that does.
    pub fn tick(&self, time: Duration) {
        self.shared.tick.set(time);
    }

    /// How late timers are: not at all unless said otherwise.
    pub fn lateness(&self, time: Duration) {
        self.shared.lateness.set(time);
    }

    /// How long it takes from a notification until a blocked reader runs: no time
    /// unless said otherwise.
    pub fn wakeup(&self, time: Duration) {
        self.shared.wakeup.set(time);
    }

    /// When to give up, with a panic: after a day unless said otherwise. A reader
    /// that looks a million times while no time passes is given up as well.
    pub fn end(&self, time: Duration) {
        self.shared.end.set(time);
    }

    /// Lets time pass, and what falls due happen.
    ///
    /// # Panics
    /// After the [end](Self::end).
    pub fn pass(&self, time: Duration) {
        self.pass_until(self.now().saturating_add(time), || false);
    }

    /// How often readers have rested so far.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::{SimRing, VirtualTime};
    ///
    /// let ring = SimRing::new(4096)?;
    /// let time = VirtualTime::new();
    /// let mut consumer = ring.consumer_in(&time)?;
    /// assert_eq!(consumer.wait(Some(Duration::from_millis(20)))?, Wakeup::TimedOut);
    /// let rests = time.rests();
    /// assert_eq!((rests.naps, rests.woken, rests.blocks), (0, 0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn rests(&self) -> Rests {
        self.shared.rests.get()
    }

    /// Lets time pass up to `deadline`, or until `over` after an event: whether it
    /// was.
    fn pass_until(&self, deadline: Duration, over: impl Fn() -> bool) -> bool {
        while let Some((time, event)) = self.next(deadline) {
            self.shared.now.set(time.max(self.now()));
            event(self);
            if over() {
                return true;
            }
        }
        self.shared.now.set(deadline.max(self.now()));
        let end = self.shared.end.get();
        assert!(deadline <= end, "virtual time went beyond {end:?}: nothing ends this wait");
        false
    }

    /// Takes out the next event, if it falls due by then.
    fn next(&self, deadline: Duration) -> Option<(Duration, Event<'t>)> {
        let mut events = self.shared.events.borrow_mut();
        let first = events.first_entry().filter(|first| first.key().0 <= deadline)?;
        let ((time, _), event) = first.remove_entry();
        Some((time, event))
    }

    fn rested(&self, count: impl FnOnce(&mut Rests)) {
        let mut rests = self.rests();
        count(&mut rests);
        self.shared.rests.set(rests);
    }
}

impl fmt::Debug for VirtualTime<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.shared.events.borrow().len();
        f.debug_struct("VirtualTime")
            .field("now", &self.now())
            .field("pending", &pending)
            .field("rests", &self.rests())
            .finish_non_exhaustive()
    }
}

/// The right to use a ring, in virtual time: what waits for it.
#[derive(Debug)]
pub struct InVirtualTime<'t, C> {
    claim: C,
    /// So far.
    notifications: fn(&C) -> u64,
    time: VirtualTime<'t>,
    /// Notifications that a block has used up.
    seen: Cell<u64>,
}

impl<'t, C> InVirtualTime<'t, C> {
    fn new(claim: C, notifications: fn(&C) -> u64, time: &VirtualTime<'t>) -> Self {
        let seen = Cell::new(notifications(&claim));
        Self { claim, notifications, time: time.clone(), seen }
    }

    /// Sleeps until the timer fires, late as it is, or a signal arrives; and if
    /// so asked until a notification.
    fn sleep(&self, time: Duration, notified: bool) -> WakeCause {
        let (seen, signals) = (&self.seen, &self.time.shared.signals);
        let so_far = || (self.notifications)(&self.claim);
        let is_notified = || notified && so_far() != seen.get();
        let before = signals.get();
        let timer = time.saturating_add(self.time.shared.lateness.get());
        let deadline = self.time.now().saturating_add(timer);
        let over = || is_notified() || signals.get() != before;
        let ended = over() || self.time.pass_until(deadline, over);
        if is_notified() {
            // More may come until it runs: what it then uses up.
            self.time.pass(self.time.shared.wakeup.get());
            seen.set(so_far());
            WakeCause::Notified
        } else if ended {
            WakeCause::Interrupted
        } else {
            WakeCause::TimeUp
        }
    }
}

impl<C: AsRef<Mirror>> AsRef<Mirror> for InVirtualTime<'_, C> {
    fn as_ref(&self) -> &Mirror {
        self.claim.as_ref()
    }
}

impl<C> WaitHost for InVirtualTime<'_, C> {
    type Error = Infallible;

    fn now(&self) -> Duration {
        self.time.rested(|rests| rests.readings += 1);
        let before = self.time.now();
        self.time.pass(self.time.shared.tick.get());
        self.time.shared.count_standstill(before);
        self.time.now()
    }

    fn pause(&self, time: Duration) {
        self.time.rested(|rests| rests.pauses += 1);
        self.time.pass(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        self.time.rested(|rests| rests.naps += 1);
        Ok(self.sleep(time, false))
    }

    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        let millis = u64::try_from(time.as_nanos().div_ceil(1_000_000));
        let time = Duration::from_millis(millis.unwrap_or(u64::MAX));
        let cause = self.sleep(time, true);
        self.time.rested(|rests| match cause {
            WakeCause::Notified => rests.woken += 1,
            _ => rests.blocks += 1,
        });
        Ok(cause)
    }
}

/// The memory of a consumer in virtual time.
pub type VirtualMemory<'t> = ConsumerSide<InVirtualTime<'t, Claim>>;

/// The memory of a user ring's producer in virtual time.
pub type VirtualUserMemory<'t> = ProducerSide<InVirtualTime<'t, UserClaim>>;

impl SimRing {
    /// As [`consumer`](Self::consumer), but its waits are in virtual time.
    ///
    /// # Errors
    /// As [`consumer`](Self::consumer).
    pub fn consumer_in<'t>(
        &self,
        time: &VirtualTime<'t>,
    ) -> Result<Consumer<VirtualMemory<'t>>, SimError> {
        let claim = InVirtualTime::new(self.claim()?, Claim::notifications, time);
        let memory = Mirror::consumer_memory(claim);
        // SAFETY: C1: the claim admits one at a time, and the pages are ours.
        unsafe { Consumer::new(memory) }.map_err(SimError::Corrupt)
    }
}

impl SimUserRing {
    /// As [`producer`](Self::producer), but its waits are in virtual time.
    ///
    /// # Errors
    /// As [`producer`](Self::producer).
    pub fn producer_in<'t>(
        &self,
        time: &VirtualTime<'t>,
    ) -> Result<Producer<VirtualUserMemory<'t>>, SimError> {
        let claim = InVirtualTime::new(self.claim()?, UserClaim::notifications, time);
        let memory = Mirror::producer_memory(claim);
        // SAFETY: P1: the claim admits one at a time, and the pages are ours.
        unsafe { Producer::new(memory) }.map_err(SimError::Corrupt)
    }
}
