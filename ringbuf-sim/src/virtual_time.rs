//! [`VirtualTime`]: waits that take no real time, and are the same in each run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use ringbuf_core::{WakeCause, Wakes};

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
    /// What wakers have asked for, as in a flag.
    asked: Cell<Wakes>,
    deadline: Cell<Duration>,
    /// A request that no sleep has noticed yet.
    ends_sleep: Cell<bool>,
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
            asked: Cell::default(),
            deadline: Cell::new(Duration::MAX),
            ends_sleep: Cell::default(),
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
    pub notified: u64,
    /// Blocks that ended without a notification.
    pub blocks: u64,
    /// Readings of the clock.
    pub readings: u64,
}

impl<'t> VirtualTime<'t> {
    /// Creates a clock at zero, without events.
    ///
    /// ```
    /// use ringbuf_sim::VirtualTime;
    ///
    /// use std::time::Duration;
    ///
    /// let time = VirtualTime::new();
    /// assert_eq!(time.now(), Duration::ZERO);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the current time.
    ///
    /// ```
    /// use ringbuf_sim::VirtualTime;
    ///
    /// use std::time::Duration;
    ///
    /// let time = VirtualTime::new();
    /// time.pass(Duration::from_secs(3));
    /// assert_eq!(time.now().as_secs(), 3);
    /// ```
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.now.get()
    }

    /// Schedules `event` at `time`. If that time is over, the event runs as soon as
    /// time passes. Events of the same time run in the order of these calls.
    ///
    /// ```
    /// use ringbuf_sim::VirtualTime;
    ///
    /// use std::time::Duration;
    ///
    /// let time = VirtualTime::new();
    /// time.at(Duration::from_secs(1), |time| assert_eq!(time.now().as_secs(), 1));
    /// time.pass(Duration::from_secs(2));
    /// ```
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
        self.ask(Wakes::WAKE);
    }

    /// Asks the waits to deliver all that is committed now, and then to say
    /// [`Wakeup::Flushed`](ringbuf_core::Wakeup::Flushed), as a waker does.
    ///
    /// ```
    /// use ringbuf_sim::{SimRing, VirtualTime};
    ///
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    ///
    /// let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// let mut consumer = ring.consumer_in(&time)?;
    /// time.at(Duration::from_secs(5), |time| time.flush());
    /// assert_eq!(consumer.wait(None)?, Wakeup::Flushed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self) {
        self.ask(Wakes::FLUSH);
    }

    /// Ends all waits from now on, as a waker does.
    ///
    /// ```
    /// use ringbuf_sim::{SimRing, VirtualTime};
    ///
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    ///
    /// let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// let mut consumer = ring.consumer_in(&time)?;
    /// time.at(Duration::from_secs(5), |time| time.close());
    /// assert_eq!(consumer.wait(None)?, Wakeup::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) {
        self.ask(Wakes::CLOSE);
    }

    /// Sets the time at which waits end, as a waker does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::{SimRing, VirtualTime};
    ///
    /// let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// let mut consumer = ring.consumer_in(&time)?;
    /// time.set_deadline(Duration::from_secs(60));
    /// time.at(Duration::from_secs(5), |time| time.set_deadline(Duration::from_secs(10)));
    /// assert_eq!(consumer.wait(None)?, Wakeup::TimedOut);
    /// assert_eq!(time.now().as_secs(), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_deadline(&self, deadline: Duration) {
        self.shared.deadline.set(deadline);
        self.ask(Wakes::DEADLINE);
    }

    fn ask(&self, requests: Wakes) {
        let before = self.shared.asked.get();
        self.shared.asked.set(before | requests);
        if before == Wakes::NONE {
            self.shared.ends_sleep.set(true);
        }
        self.shared.ends_sleep.set(true);
    }

    /// Delivers a signal, which ends the current sleep, if there is one. Call it
    /// from an event.
    ///
    /// ```
    /// use ringbuf_sim::{SimRing, VirtualTime};
    ///
    /// use std::time::Duration;
    /// use ringbuf_core::Wakeup;
    ///
    /// let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
    /// let mut consumer = ring.consumer_in(&time)?;
    /// time.at(Duration::from_secs(5), |time| time.signal());
    /// assert_eq!(consumer.wait(None)?, Wakeup::Interrupted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// use ringbuf_sim::VirtualTime;
    ///
    /// use std::time::Duration;
    ///
    /// let time = VirtualTime::new();
    /// time.pass(Duration::from_millis(5));
    /// assert_eq!(time.now().as_millis(), 5);
    /// ```
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
    /// assert_eq!((rests.naps, rests.notified, rests.blocks), (0, 0, 1));
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

    /// Reads the clock, which takes a tick.
    pub(crate) fn read(&self) -> Duration {
        self.rested(|rests| rests.readings += 1);
        let before = self.now();
        self.pass(self.shared.tick.get());
        self.shared.count_standstill(before);
        self.now()
    }

    pub(crate) fn pause(&self, time: Duration) {
        self.rested(|rests| rests.pauses += 1);
        self.pass(time);
    }

    /// Sleeps until the timer fires, with its lateness, or until there is a
    /// notification, a wake or a signal.
    pub(crate) fn sleep(&self, time: Duration, is_notified: impl Fn() -> bool) -> WakeCause {
        let Shared { signals, ends_sleep, lateness, wakeup, .. } = &*self.shared;
        let before = signals.get();
        let timer = time.saturating_add(lateness.get());
        let deadline = self.now().saturating_add(timer);
        let over = || is_notified() || ends_sleep.get() || signals.get() != before;
        let ended = over() || self.pass_until(deadline, over);
        let woken = ends_sleep.take();
        if is_notified() {
            // More notifications may arrive before the reader runs.
            self.pass(wakeup.get());
            WakeCause::Notified
        } else if woken {
            WakeCause::Woken
        } else if ended {
            WakeCause::Interrupted
        } else {
            WakeCause::TimeUp
        }
    }

    pub(crate) fn count_nap(&self) {
        self.rested(|rests| rests.naps += 1);
    }

    pub(crate) fn count_block(&self, cause: WakeCause) {
        self.rested(|rests| match cause {
            WakeCause::Notified => rests.notified += 1,
            _ => rests.blocks += 1,
        });
    }

    pub(crate) fn take_wakes(&self) -> Wakes {
        let wakes = self.shared.asked.get();
        self.shared.asked.set(Wakes::from_bits(wakes.bits() & Wakes::CLOSE.bits()));
        wakes
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.shared.deadline.get()
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

/// Blocks are whole milliseconds long.
pub(crate) fn whole_millis(time: Duration) -> Duration {
    let millis = u64::try_from(time.as_nanos().div_ceil(1_000_000));
    Duration::from_millis(millis.unwrap_or(u64::MAX))
}
