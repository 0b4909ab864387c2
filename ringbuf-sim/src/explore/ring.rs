//! [`ExploredRing`]: a ring in the memory of one run, and the sleeps of its reader.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ringbuf_core::{Capacity, Consumer, Position, WakeCause, Wakes, Width};

use super::check::Check;
use super::memory::{Claim, ExploredMemory};
use super::{Access, Plan, WaitQueue, step};
use crate::{Fault, Forged, Host, Injected, Positions, SimError};

/// A ring of one run of [`Explore`](super::Explore). Clones share it.
///
/// Each access of its consumer to shared memory is a step. Between any two steps the
/// producers may run, and the reader may die.
///
/// ```
/// use ringbuf_sim::explore;
///
/// explore::explore(0..50, |ring| {
///     let mut consumer = ring.consumer()?;
///     loop {
///         consumer.drain(|record| ring.received(&record))?;
///         consumer.wait(None)?;
///     }
/// });
/// ```
#[derive(Clone)]
pub struct ExploredRing {
    pub(super) bench: Rc<Bench>,
    pub(super) number: usize,
}

/// What all parties of a run share.
pub(super) struct Bench {
    pub(super) clock: Rc<Cell<u64>>,
    pub(super) rings: Vec<State>,
    /// The rings whose notification ends the current sleep, as bits.
    pub(super) sleeps_on: Cell<u64>,
    /// The scheduler ended a sleep before its time.
    pub(super) timed_out: Cell<bool>,
    /// What other threads have asked, and no wait has taken yet. A close stays.
    pub(super) asked: Cell<Wakes>,
    /// The deadline of all waits, in steps.
    pub(super) deadline: Cell<u64>,
    /// The producers have ended, and so must the reader.
    pub(super) stopping: Cell<bool>,
    pub(super) sleeps: Cell<u64>,
    pub(super) refused: Cell<u64>,
    /// The faults of the run, but for those of the kernel, which each ring has.
    pub(super) faults: Injected,
    /// The rings are corrupt.
    pub(super) forged: Cell<Option<Forged>>,
    /// The reader has loaded something corrupt.
    pub(super) has_seen_it: Cell<bool>,
}

/// The memory of one ring, its lock and its wait queue.
pub(super) struct State {
    /// The consumer page, the producer page, and the data, which nobody maps twice: each
    /// record is read where it was written, also if that is beyond the end.
    words: Box<[AtomicU64]>,
    capacity: Capacity,
    width: Width,
    pub(super) locked: Cell<bool>,
    positions: Cell<Positions>,
    pub(super) queue: WaitQueue,
    /// The notification of the commit that is under way is lost.
    pub(super) lost: Cell<bool>,
    pub(super) injected: Injected,
    pub(super) check: RefCell<Check>,
    pub(super) claimed: Cell<bool>,
}

/// The words of the consumer page, and of the producer page.
const PAGE_WORDS: usize = 2;

impl State {
    pub(super) fn new(plan: &Plan) -> Self {
        let (capacity, start) = (plan.capacity(), Position::new(plan.start, plan.width));
        let data = 2 * plan.capacity as usize / 8;
        let page = [first_word(start, plan.width), 0];
        let words = page.into_iter().chain(page).chain((0..data).map(|_| 0)).map(AtomicU64::new);
        Self {
            words: words.collect(),
            capacity,
            width: plan.width,
            locked: Cell::new(false),
            positions: Cell::new(Positions::starting_at(start)),
            queue: WaitQueue::new(plan.late),
            lost: Cell::new(false),
            injected: Injected::default(),
            check: RefCell::new(Check::new(plan)),
            claimed: Cell::new(false),
        }
    }

    pub(super) fn shape(&self) -> (Capacity, Width) {
        (self.capacity, self.width)
    }

    /// Returns the consumer page, the producer page and the data.
    pub(super) fn places(&self) -> [NonNull<u8>; 3] {
        let all = NonNull::from(&*self.words).cast::<u64>();
        [0, PAGE_WORDS, 2 * PAGE_WORDS].map(|word| {
            // SAFETY: the allocation has two pages and the data.
            unsafe { all.add(word) }.cast()
        })
    }
}

/// The word at the start of a page that has this position at its start.
fn first_word(position: Position, width: Width) -> u64 {
    match width {
        Width::Bits64 => position.get(),
        Width::Bits32 => {
            let [a, b, c, d] = (position.get() as u32).to_ne_bytes();
            u64::from_ne_bytes([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

impl ExploredRing {
    /// Returns the consumer of this ring.
    ///
    /// ```
    /// use ringbuf_sim::SimError;
    /// use ringbuf_sim::explore::explore;
    ///
    /// explore(0..20, |ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     assert!(matches!(ring.consumer(), Err(SimError::SecondConsumer)));
    ///     loop {
    ///         consumer.drain(|record| ring.received(&record))?;
    ///         consumer.wait(None)?;
    ///     }
    /// });
    /// ```
    ///
    /// # Errors
    /// [`SimError::SecondConsumer`] while another one lives; [`SimError::Corrupt`] never.
    pub fn consumer(&self) -> Result<Consumer<ExploredMemory>, SimError> {
        let memory = ExploredMemory::new(Claim::take(self)?);
        // A descriptor that is registered while there is something unread is ready.
        if self.state().check.borrow().has_something() {
            self.state().queue.deliver();
        }
        // SAFETY: C1: the claim allows one at a time, and only this ring has the memory.
        unsafe { Consumer::new(memory) }.map_err(SimError::Corrupt)
    }

    /// Says that the reader has received a sample, and has done with it what it has to do:
    /// call it where your program has handled a record. It checks that the samples are
    /// those that were submitted, in their order, and each once. A reader that never calls
    /// it is only checked for what core lends to it: see [`Explored::received`](super::Explored).
    ///
    /// After a death, everything from the stored consumer position on comes again, and
    /// nothing before it.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// // This reader leaves out empty samples.
    /// let result = Explore::new().find(|ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     loop {
    ///         consumer.drain(|record| {
    ///             if !record.is_empty() {
    ///                 ring.received(&record);
    ///             }
    ///         })?;
    ///         consumer.wait(None)?;
    ///     }
    /// });
    /// println!("{}", result.unwrap_err());
    /// ```
    pub fn received(&self, sample: &[u8]) {
        if step(Access::Receive) {
            self.state().check.borrow_mut().received(sample);
        }
    }

    /// Sleeps until the ring notifies, like an edge-triggered epoll: a notification since
    /// the last call ends it at once, and each call uses up all notifications. For readers
    /// with an event loop of their own; [`Consumer::wait`] does not need it.
    ///
    /// A step takes a microsecond. Without a limit, it still ends if only a record without
    /// notification (`BPF_RB_NO_WAKEUP`) is there.
    ///
    /// ```
    /// use ringbuf_core::{Armed, Next};
    /// use ringbuf_sim::explore;
    ///
    /// explore::explore(0..50, |ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     loop {
    ///         let batch = consumer.batch();
    ///         while let Next::Record(record) = batch.next()? {
    ///             ring.received(&record);
    ///         }
    ///         drop(batch);
    ///         if consumer.arm() == Armed::Sleep {
    ///             ring.block(None);
    ///         }
    ///     }
    /// });
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most readers look again, whatever it was")]
    pub fn block(&self, timeout: Option<Duration>) -> WakeCause {
        let cause = self.bench.sleep(1 << self.number, timeout.unwrap_or(Duration::MAX));
        self.state().queue.take();
        cause
    }

    /// Returns true if the reader has to end, because all producers have ended; see
    /// [`Explore::stops`](super::Explore::stops).
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// Explore::new().seeds(0..20).stops().run(|ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     loop {
    ///         let last = ring.is_stopping(); // before the drain, which then reads the rest
    ///         consumer.drain(|record| ring.received(&record))?;
    ///         if last {
    ///             return Ok(());
    ///         }
    ///         consumer.wait(None)?;
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.bench.stopping.get()
    }

    /// Returns the size of the data area.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// Explore::new().seeds(0..20).capacity(256).run(|ring| {
    ///     assert_eq!(ring.capacity().bytes(), 256);
    ///     let mut consumer = ring.consumer()?;
    ///     loop {
    ///         consumer.drain(|record| ring.received(&record))?;
    ///         consumer.wait(None)?;
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.state().capacity
    }

    pub(super) fn state(&self) -> &State {
        &self.bench.rings[self.number]
    }
}

impl fmt::Debug for ExploredRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, capacity) = (self.number, self.capacity());
        f.debug_struct("ExploredRing")
            .field("number", &number)
            .field("capacity", &capacity)
            .finish()
    }
}

impl Bench {
    pub(super) fn now(&self) -> Duration {
        step(Access::Clock);
        Duration::from_micros(self.clock.get())
    }

    pub(super) fn rest(&self, time: Duration) -> WakeCause {
        step(Access::Stall(1 + micros(time)));
        if self.is_asked() { WakeCause::Woken } else { WakeCause::TimeUp }
    }

    /// Sleeps until one of these rings notifies. Leaves the notifications.
    pub(super) fn sleep(&self, rings: u64, time: Duration) -> WakeCause {
        self.sleeps_on.set(rings);
        if !self.is_notified() && !self.is_asked() && !time.is_zero() {
            self.sleeps.set(self.sleeps.get() + 1);
            let end = self.clock.get().saturating_add(micros(time));
            step(Access::Sleep(end));
        }
        let timed_out = self.timed_out.take();
        if self.is_notified() {
            return WakeCause::Notified;
        }
        if self.is_asked() {
            return WakeCause::Woken;
        }
        if timed_out && time != Duration::MAX {
            self.clock.set(self.clock.get().saturating_add(micros(time)));
        }
        WakeCause::TimeUp
    }

    pub(super) fn take_wakes(&self) -> Wakes {
        self.must_end();
        let asked = self.asked.take();
        if asked.contains(Wakes::CLOSE) {
            self.asked.set(Wakes::CLOSE);
        }
        asked
    }

    /// A reader that has seen a corrupt ring makes no more accesses, and may call core for ever.
    /// So each call is a step.
    pub(super) fn must_end(&self) {
        if self.has_seen_it.get() {
            step(Access::Clock);
        }
    }

    pub(super) fn ask(&self, request: Wakes) {
        self.asked.set(self.asked.get() | request);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.get() != Wakes::NONE
    }

    pub(super) fn deadline(&self) -> Duration {
        match self.deadline.get() {
            u64::MAX => Duration::MAX,
            steps => Duration::from_micros(steps),
        }
    }

    /// Returns true if one of the rings that the reader sleeps on has notified.
    pub(super) fn is_notified(&self) -> bool {
        self.slept_on().any(|ring| ring.queue.is_notified())
    }

    pub(super) fn slept_on(&self) -> impl Iterator<Item = &State> {
        let on = self.sleeps_on.get();
        self.rings.iter().enumerate().filter(move |(ring, _)| on >> ring & 1 == 1).map(|(_, s)| s)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX - 1)
}

/// The lock and the notifications of the producers.
impl Host for ExploredRing {
    type Guard<'a> = Guard<'a>;

    fn lock(&self) -> Guard<'_> {
        step(Access::Lock);
        // The scheduler continues a party that waits here only when the lock is free.
        let state = self.state();
        state.locked.set(true);
        Guard { state, positions: state.positions.get() }
    }

    fn notify(&self) {
        if !step(Access::Notify) {
            return;
        }
        let (state, faults) = (self.state(), &self.bench.faults);
        if faults.strikes(Fault::LostNotification) {
            state.lost.set(true);
        } else if faults.strikes(Fault::LateNotification) {
            state.queue.announce();
        } else {
            state.queue.notify();
        }
    }

    fn injected(&self) -> Option<&Injected> {
        Some(&self.state().injected)
    }
}

/// The positions while the lock is held.
pub struct Guard<'r> {
    state: &'r State,
    positions: Positions,
}

impl fmt::Debug for Guard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.positions.fmt(f)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if step(Access::Unlock) {
            self.state.positions.set(self.positions);
            self.state.locked.set(false);
        }
    }
}

impl Deref for Guard<'_> {
    type Target = Positions;

    fn deref(&self) -> &Positions {
        &self.positions
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Positions {
        &mut self.positions
    }
}
