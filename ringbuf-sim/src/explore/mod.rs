//! Schedules for a reader of your own, without threads: every order of accesses that a seed
//! can draw.
//!
//! [`SimRing`](crate::SimRing) runs on real threads, so a test meets the schedules that the
//! machine happens to make: a reader that forgets to arm may pass for hours. Here one
//! thread runs the reader and several producers, and may switch between them at each access
//! to shared memory. A seed decides, so each run can be repeated. The reader is yours,
//! written against [`Consumer`](ringbuf_core::Consumer); the producers run the kernel's
//! algorithm.
//!
//! ```
//! use ringbuf_sim::explore;
//!
//! let seen = explore::explore(0..100, |ring| {
//!     let mut consumer = ring.consumer()?;
//!     loop {
//!         consumer.drain(|record| ring.received(&record))?;
//!         consumer.wait(None)?;
//!     }
//! });
//! println!("{seen}");
//! ```
//!
//! A run goes wrong if
//! - the reader sleeps, a record is committed, and no notification comes: a lost wakeup;
//! - a record is lost, or received twice or out of order or with other bytes
//!   ([`ExploredRing::received`]);
//! - after a death, a record is lost, or more come again than
//!   [`again_at_most`](Explore::again_at_most) allows;
//! - the reader loops without end, ends too early, fails or panics.
//!
//! The failing plan is made smaller, and printed with its last steps, its seed, and the command
//! that runs this seed alone: `RINGBUF_SEED` selects it.
//!
//! What the producers do: they reserve, submit and discard, several records at once and out
//! of order; leave records busy for a long time, as a program does that an interrupt stops;
//! notify, always or never or as the kernel decides; and lose records while the ring is
//! full. Notifications may be late. The reader dies at any access, and the closure is called
//! again. [`Explore::faults`] adds what seldom happens, and [`Explore::release`] takes another
//! kernel.
//!
//! The closure must do the same each time it runs: no clock, no random numbers, no threads. A
//! death unwinds it, so it must not catch panics around its loop.
//! Some seeds run twice to check this. Everything runs on one thread, so this finds wrong
//! orders of accesses, not missing memory barriers; those are in
//! [`Consumer`](ringbuf_core::Consumer), and the loom models check them.
//!
//! This module needs the feature `explore`. It works on x86, Arm, RISC-V, LoongArch and
//! little-endian POWER, but not on s390x.

mod access;
mod check;
mod engine;
mod environment;
mod faulty;
mod memory;
mod panics;
mod party;
mod plan;
mod queue;
mod report;
mod requests;
mod ring;
mod set;
mod settings;
mod shrink;
mod world;

use std::error::Error;
use std::ops::{Bound, Range, RangeBounds};
use std::rc::Rc;

pub use self::access::Access;
pub use self::engine::{Scheduler, step};
pub use self::environment::World;
pub use self::memory::ExploredMemory;
pub use self::party::{Observer, produce};
pub use self::plan::{Act, Plan};
pub use self::queue::WaitQueue;
pub use self::report::{Explored, Failure};
pub use self::ring::{ExploredRing, Guard};
pub use self::set::{ExploredMerge, ExploredSet, ExploredSetHost};
pub use self::shrink::shrink;
pub use crate::Random;

use self::report::Seen;
use self::settings::Settings;
use self::world::Violation;
use crate::replay;

/// The result of a reader. Most never end.
pub type Ended = Result<(), Box<dyn Error>>;

type Reader = dyn Fn(&[ExploredRing]) -> Ended;

/// Runs a reader under the schedules of these seeds, as [`Explore`] does by default.
///
/// ```
/// use ringbuf_sim::explore::explore;
///
/// let seen = explore(0..20, |ring| {
///     let mut consumer = ring.consumer()?;
///     loop {
///         while let Some(record) = consumer.next_record()? {
///             ring.received(&record);
///         }
///         consumer.wait(None)?;
///     }
/// });
/// assert_eq!(seen.seeds, 20);
/// ```
///
/// # Panics
/// If a run goes wrong, with the report.
pub fn explore(seeds: Range<u64>, reader: impl Fn(&ExploredRing) -> Ended + 'static) -> Explored {
    Explore::new().seeds(seeds).run(reader)
}

/// An exploration: its seeds, and what its producers may do.
///
/// ```
/// use ringbuf_core::Wakeup;
/// use ringbuf_sim::explore::Explore;
///
/// let seen = Explore::new().seeds(0..200).producers(2).stops().run(|ring| {
///     let mut consumer = ring.consumer()?;
///     let mut last = false;
///     loop {
///         consumer.drain(|record| ring.received(&record))?;
///         if last {
///             return Ok(());
///         }
///         last = consumer.wait(None)? == Wakeup::Woken;
///     }
/// });
/// assert!(seen.records > 0);
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing runs before `run`"]
pub struct Explore {
    first: u64,
    last: u64,
    settings: Settings,
}

impl Default for Explore {
    fn default() -> Self {
        Self::new()
    }
}

impl Explore {
    /// Creates an exploration of 1,000 seeds, with one ring, up to six producers, and deaths.
    pub fn new() -> Self {
        Self { first: 0, last: 999, settings: Settings::default() }
    }

    /// Sets the seeds. One seed alone is a replay: `seeds(17..=17)`.
    ///
    /// ```
    /// use ringbuf_sim::explore::{Explore, ExploredRing};
    ///
    /// let reader = |_: &ExploredRing| Ok(()); // ends too early
    /// let failure = Explore::new().find(reader).unwrap_err();
    /// let again = Explore::new().seeds(failure.seed..=failure.seed).find(reader).unwrap_err();
    /// assert_eq!(again.what, failure.what);
    /// ```
    ///
    /// # Panics
    /// If there is none.
    pub fn seeds(mut self, seeds: impl RangeBounds<u64>) -> Self {
        self.first = match seeds.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        self.last = match seeds.end_bound() {
            Bound::Included(last) => *last,
            Bound::Excluded(end) => end.saturating_sub(1),
            Bound::Unbounded => u64::MAX,
        };
        let none = matches!(seeds.end_bound(), Bound::Excluded(0)) || self.first > self.last;
        assert!(!none, "no seeds: an empty range shows nothing");
        self
    }

    /// Sets the largest number of producers.
    pub fn producers(mut self, most: usize) -> Self {
        self.settings.producers = most;
        self
    }

    /// Sets the largest number of actions of each producer; about half of them reserve a
    /// record.
    pub fn actions(mut self, most: usize) -> Self {
        self.settings.actions = most;
        self
    }

    /// Sets the size of each ring in bytes, a power of two from 32 on. By default each seed
    /// draws a small one. Each run allocates it.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// let seen = Explore::new().seeds(0..20).capacity(32).actions(100).run(|ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     loop {
    ///         consumer.drain(|record| ring.received(&record))?;
    ///         consumer.wait(None)?;
    ///     }
    /// });
    /// assert!(seen.refused > 0); // a full ring
    /// ```
    ///
    /// # Panics
    /// If it is no power of two, or not from 32 bytes to 1 GiB.
    pub fn capacity(mut self, bytes: u64) -> Self {
        let fits = bytes.is_power_of_two() && (32..=1 << 30).contains(&bytes);
        assert!(fits, "{bytes} bytes: a ring has a power of two, from 32 to 1 GiB");
        self.settings.capacity = Some(bytes);
        self
    }

    /// Sets the number of rings. The producers are spread over them; use
    /// [`run_set`](Self::run_set) or [`find_set`](Self::find_set).
    ///
    /// # Panics
    /// If it is not from 1 to 32.
    pub fn rings(mut self, number: usize) -> Self {
        assert!((1..=32).contains(&number), "{number} rings: a run has 1 to 32");
        self.settings.rings = number;
        self
    }

    /// Sets the samples: `sample(producer, n)` is that of the n-th reservation of a
    /// producer. By default they have any length and no meaning. The ring is made large
    /// enough for two of them.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// let pids = |producer: usize, n: u64| (1000 * producer as u32 + n as u32).to_ne_bytes().to_vec();
    /// Explore::new().seeds(0..50).samples(pids).run(|ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     loop {
    ///         consumer.drain(|record| {
    ///             let _pid = u32::from_ne_bytes(record[..].try_into().unwrap());
    ///             ring.received(&record);
    ///         })?;
    ///         consumer.wait(None)?;
    ///     }
    /// });
    /// ```
    pub fn samples(mut self, sample: impl Fn(usize, u64) -> Vec<u8> + 'static) -> Self {
        self.settings.samples = Some(Rc::new(sample));
        self
    }

    /// Sets the largest number of deaths in a run. Without deaths, the closure is called
    /// once.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// let seen = Explore::new().seeds(0..20).deaths(0).all_notify().run(|ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     loop {
    ///         consumer.drain(|record| ring.received(&record))?;
    ///         consumer.wait(None)?;
    ///     }
    /// });
    /// assert_eq!((seen.deaths, seen.again), (0, 0));
    /// ```
    pub fn deaths(mut self, most: u64) -> Self {
        self.settings.deaths = most;
        self
    }

    /// Sets how many records may come again after a death: those that the reader has
    /// received and not given back. By default any number.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// let one_by_one = |again| {
    ///     Explore::new().again_at_most(again).find(|ring| {
    ///         let mut consumer = ring.consumer()?;
    ///         loop {
    ///             while let Some(record) = consumer.next_record()? {
    ///                 ring.received(&record);
    ///                 consumer.publish();
    ///             }
    ///             ring.block(None);
    ///         }
    ///     })
    /// };
    /// assert!(one_by_one(1).is_ok());
    /// assert!(one_by_one(0).is_err());
    /// ```
    pub fn again_at_most(mut self, records: u64) -> Self {
        self.settings.again_at_most = records;
        self
    }

    /// Leaves out records without notification (`BPF_RB_NO_WAKEUP`). Use it if your programs
    /// never pass this flag.
    pub fn all_notify(mut self) -> Self {
        self.settings.all_notify = true;
        self
    }

    /// Runs a reader of one ring under all schedules.
    ///
    /// # Panics
    /// If a run goes wrong, with the report.
    pub fn run(&self, reader: impl Fn(&ExploredRing) -> Ended + 'static) -> Explored {
        self.find(reader).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Runs a reader of one ring, and returns the first failure.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// // This reader reads nothing.
    /// let failure = Explore::new().find(|ring| Ok(drop(ring.consumer()?))).unwrap_err();
    /// assert!(failure.what.starts_with("lost"));
    /// ```
    ///
    /// # Errors
    /// [`Failure`].
    pub fn find(
        &self,
        reader: impl Fn(&ExploredRing) -> Ended + 'static,
    ) -> Result<Explored, Box<Failure>> {
        self.find_set(move |rings| match rings {
            [ring] => reader(ring),
            _ => panic!("for several rings, call run_set or find_set"),
        })
    }

    /// Runs a reader of several rings under all schedules; see
    /// [`ring_set`](ExploredRing::ring_set).
    ///
    /// # Panics
    /// If a run goes wrong, with the report.
    pub fn run_set(&self, reader: impl Fn(&[ExploredRing]) -> Ended + 'static) -> Explored {
        self.find_set(reader).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Runs a reader of several rings, and returns the first failure.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// // This reader leaves out the second ring.
    /// let result = Explore::new().seeds(0..20).rings(2).find_set(|rings| {
    ///     let mut consumer = rings[0].consumer()?;
    ///     loop {
    ///         consumer.drain(|record| rings[0].received(&record))?;
    ///         consumer.wait(None)?;
    ///     }
    /// });
    /// assert!(result.unwrap_err().what.contains("not read"));
    /// ```
    ///
    /// # Errors
    /// [`Failure`].
    pub fn find_set(
        &self,
        reader: impl Fn(&[ExploredRing]) -> Ended + 'static,
    ) -> Result<Explored, Box<Failure>> {
        let reader: Rc<Reader> = Rc::new(reader);
        // Not in `quietly`, which would hide that it is no number.
        let (first, last) = replay::chosen().map_or((self.first, self.last), |one| (one, one));
        panics::quietly(|| {
            let mut explored = Explored::default();
            for seed in first..=last {
                let plan = self.settings.plan(seed);
                let result = world::run(&plan, &self.settings, &reader, false);
                let twice = result.is_err() || explored.seeds % TWICE == 0;
                if twice {
                    self.must_be_the_same(&plan, &reader, &result)?;
                }
                match result {
                    Ok(seen) => explored.add(seen),
                    Err(violation) => {
                        return Err(Box::new(self.report(&plan, &reader, violation)));
                    }
                }
            }
            Ok(explored)
        })
    }

    /// A reader must do the same in each run of one seed.
    fn must_be_the_same(
        &self,
        plan: &Plan,
        reader: &Rc<Reader>,
        first: &Result<Seen, Violation>,
    ) -> Result<(), Box<Failure>> {
        let second = world::run(plan, &self.settings, reader, false);
        if second == *first {
            return Ok(());
        }
        let end = |result: &Result<Seen, Violation>| match result {
            Ok(seen) => format!("ended well after {} steps", seen.steps),
            Err(violation) => format!("after {} steps: {}", violation.steps, violation.what),
        };
        let what = format!(
            "the reader is not deterministic. Two runs of one seed differ:\n  {}\n  {}\n\
             Take clocks, random numbers, threads and state that outlives a run out of it",
            end(first),
            end(&second)
        );
        Err(Box::new(Failure {
            seed: plan.seed,
            version: self.version(),
            what: what.clone(),
            steps: 0,
            size: plan.size(),
            smallest: plan.clone(),
            smallest_what: what,
            last_steps: Vec::new(),
        }))
    }

    fn report(&self, plan: &Plan, reader: &Rc<Reader>, violation: Violation) -> Failure {
        let fails = |plan: &Plan| world::run(plan, &self.settings, reader, false).is_err();
        let smallest = shrink(&faulty::with_fewer_faults(plan, fails), RUNS, fails);
        let again = world::run(&smallest, &self.settings, reader, true);
        let Violation { what: smallest_what, trace: last_steps, .. } =
            again.err().unwrap_or_else(|| violation.clone());
        let Violation { what, steps, .. } = violation;
        let (seed, version, size) = (plan.seed, self.version(), plan.size());
        Failure { seed, version, what, steps, size, smallest, smallest_what, last_steps }
    }

    fn version(&self) -> String {
        format!("{}, {}", replay::version(), self.settings.release)
    }
}

/// One in so many seeds runs twice.
const TWICE: u64 = 16;
/// The largest number of runs that make a failing plan smaller.
const RUNS: u64 = 2000;
