//! [`VirtualTime`]: waits that take no real time, and are the same in each run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use ringbuf_core::{Consumer, Producer, WaitHost, WakeCause};

use crate::mirror::{ConsumerSide, Mirror, ProducerSide};
use crate::{Claim, SimError, SimRing, SimUserRing, UserClaim};

/// A clock that moves only while somebody waits, and a list of timed events. Clones
/// share both.
///
/// With virtual time, a reader runs the same wait loop as live, with the same
/// policy, against the same algorithm of the kernel. But its naps and blocks move
/// the clock, and run each event when its time comes. So a test of a second of
/// traffic takes milliseconds, and two runs are equal.
///
/// Everything runs on one thread: events run while the reader waits. Reading takes
/// no time. Reading the clock takes time ([`tick`](Self::tick)), because a spinning
/// reader moves the clock in no other way.
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
/// // Reserved at 400 us, committed at 900 us:
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

/// A timed event. It may schedule more events.
type Event<'t> = Box<dyn FnOnce(&VirtualTime<'t>) + 't>;

struct Shared<'t> {
    now: Cell<Duration>,
    /// Ordered by time, then by the order of scheduling.
    events: RefCell<BTreeMap<(Duration, u64), Event<'t>>>,
    arranged: Cell<u64>,
    tick: Cell<Duration>,
    lateness: Cell<Duration>,
    wakeup: Cell<Duration>,
    end: Cell<Duration>,
    signals: Cell<u64>,
    /// A wake that no wait has reported yet.
    woken: Cell<bool>,
    rests: Cell<Rests>,
    /// The time of the last reading of the clock, and how many readings in a row
    /// gave it.
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
            woken: Cell::default(),
            rests: Cell::default(),
            standstill: Cell::default(),
        }
    }
}

impl Shared<'_> {
    fn count_standstill(&self, before: Duration) {
        let (time, count) = self.standstill.get();
        let count = if time == before && time == self.now.get() { count + 1 } else { 0 };
        assert!(
            count < 1_000_000,
            "a reader spins, but its clock does not move: set a tick above zero"
        );
        self.standstill.set((self.now.get(), count));
    }
}

/// The number of waits of a reader in virtual time, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rests {
    /// Pauses between two looks of a spinning reader.
    pub pauses: u64,
    /// Sleeps by a timer.
    pub naps: u64,
    /// Blocks that a notification ended.
    pub woken: u64,
    /// Blocks that ended without a notification.
    pub blocks: u64,
    /// Readings of the clock.
    pub readings: u64,
}

impl<'t> VirtualTime<'t> {
    /// Creates a clock at zero, without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now.get()
    }

    /// Schedules `event` at `time`. If that time is over, the event runs as soon as
    /// time passes. Events of the same time run in the order of these calls.
    pub fn at(&self, time: Duration, event: impl FnOnce(&Self) + 't) {
        let number = self.shared.arranged.get();
        self.shared.arranged.set(number + 1);
        self.shared.events.borrow_mut().insert((time, number), Box::new(event));
    }

    /// Ends the wait that is under way, or else the next one, as a waker does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::{SimRing, VirtualTime};
    ///
    /// let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// let mut consumer = ring.consumer_in(&time)?;
    /// time.at(Duration::from_secs(5), |time| time.wake());
    /// assert_eq!(consumer.wait(None)?, Wakeup::Woken);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wake(&self) {
        self.shared.woken.set(true);
    }

    /// Delivers a signal, which ends the current sleep, if there is one. Call it
    /// from an event.
    pub fn signal(&self) {
        self.shared.signals.set(self.shared.signals.get() + 1);
    }

    /// Sets the time that each reading of the clock takes. The default is 1 us,
    /// about the time between two readings of a spinning reader. It must not be
    /// zero for a reader that spins.
    pub fn tick(&self, time: Duration) {
        self.shared.tick.set(time);
    }

    /// Sets the lateness of timers. The default is zero.
    pub fn lateness(&self, time: Duration) {
        self.shared.lateness.set(time);
    }

    /// Sets the time from a notification until a blocked reader runs. The default
    /// is zero.
    pub fn wakeup(&self, time: Duration) {
        self.shared.wakeup.set(time);
    }

    /// Sets the time after which the test panics. The default is one day. It also
    /// panics if a reader looks a million times while no time passes.
    pub fn end(&self, time: Duration) {
        self.shared.end.set(time);
    }

    /// Lets time pass, and runs the events that fall into it.
    ///
    /// # Panics
    /// If the time goes beyond the [end](Self::end).
    pub fn pass(&self, time: Duration) {
        self.pass_until(self.now().saturating_add(time), || false);
    }

    /// Returns the number of waits so far, by kind.
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

    /// Lets time pass up to `deadline`, or until `over` is true after an event.
    /// Returns true in the second case.
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
        assert!(
            deadline <= end,
            "virtual time went beyond {end:?}, and nothing ends this wait: schedule an event"
        );
        false
    }

    /// Removes the next event, if it is due by `deadline`.
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

/// The right to use a ring in virtual time. It performs the waits.
#[derive(Debug)]
pub struct InVirtualTime<'t, C> {
    claim: C,
    /// Returns the number of notifications so far.
    notifications: fn(&C) -> u64,
    time: VirtualTime<'t>,
    /// The number of notifications that blocks have used up.
    seen: Cell<u64>,
}

impl<'t, C> InVirtualTime<'t, C> {
    fn new(claim: C, notifications: fn(&C) -> u64, time: &VirtualTime<'t>) -> Self {
        let seen = Cell::new(notifications(&claim));
        Self { claim, notifications, time: time.clone(), seen }
    }

    /// Sleeps until the timer fires, with its lateness, or until a signal arrives.
    /// If `notified` is set, a notification ends the sleep, too.
    fn sleep(&self, time: Duration, notified: bool) -> WakeCause {
        let (seen, signals) = (&self.seen, &self.time.shared.signals);
        let so_far = || (self.notifications)(&self.claim);
        let is_notified = || notified && so_far() != seen.get();
        let before = signals.get();
        let timer = time.saturating_add(self.time.shared.lateness.get());
        let deadline = self.time.now().saturating_add(timer);
        let woken = || self.time.shared.woken.get();
        let over = || is_notified() || woken() || signals.get() != before;
        let ended = over() || self.time.pass_until(deadline, over);
        if is_notified() {
            // More notifications may arrive before the reader runs. It uses them
            // up, too.
            self.time.pass(self.time.shared.wakeup.get());
            seen.set(so_far());
            WakeCause::Notified
        } else if woken() {
            WakeCause::Woken
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

    fn take_wake(&self) -> bool {
        self.time.shared.woken.replace(false)
    }
}

/// The memory of a consumer in virtual time.
pub type VirtualMemory<'t> = ConsumerSide<InVirtualTime<'t, Claim>>;

/// The memory of the producer of a user ring in virtual time.
pub type VirtualUserMemory<'t> = ProducerSide<InVirtualTime<'t, UserClaim>>;

impl SimRing {
    /// Like [`consumer`](Self::consumer), but its waits are in virtual time.
    ///
    /// # Errors
    /// As for [`consumer`](Self::consumer).
    pub fn consumer_in<'t>(
        &self,
        time: &VirtualTime<'t>,
    ) -> Result<Consumer<VirtualMemory<'t>>, SimError> {
        let claim = InVirtualTime::new(self.claim()?, Claim::notifications, time);
        let memory = Mirror::consumer_memory(claim);
        // SAFETY: C1: the claim allows one at a time, and this ring owns the pages.
        unsafe { Consumer::new(memory) }.map_err(SimError::Corrupt)
    }
}

impl SimUserRing {
    /// Like [`producer`](Self::producer), but its waits are in virtual time.
    ///
    /// # Errors
    /// As for [`producer`](Self::producer).
    pub fn producer_in<'t>(
        &self,
        time: &VirtualTime<'t>,
    ) -> Result<Producer<VirtualUserMemory<'t>>, SimError> {
        let claim = InVirtualTime::new(self.claim()?, UserClaim::notifications, time);
        let memory = Mirror::producer_memory(claim);
        // SAFETY: P1: the claim allows one at a time, and this ring owns the pages.
        unsafe { Producer::new(memory) }.map_err(SimError::Corrupt)
    }
}
