//! What was seen, and what went wrong.

use std::fmt;

use super::{Access, Plan};
use crate::{FaultCounts, replay};

/// The events of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// A hash of the party of each step.
    pub(super) order: u64,
    pub(super) steps: u64,
    pub(super) records: u64,
    pub(super) received: u64,
    pub(super) again: u64,
    pub(super) deaths: u64,
    pub(super) sleeps: u64,
    pub(super) refused: u64,
    pub(super) faults: FaultCounts,
}

/// What the runs of an exploration have seen. A run that saw nothing shows nothing, so
/// look at these numbers once.
///
/// ```
/// use ringbuf_sim::explore;
///
/// let seen = explore::explore(0..100, |ring| {
///     let mut consumer = ring.consumer()?;
///     loop {
///         consumer.drain(|record| ring.received(&record))?;
///         consumer.wait(None)?;
///     }
/// });
/// assert_eq!(seen.seeds, 100);
/// assert!(seen.records > 0 && seen.sleeps > 0 && seen.deaths > 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// Runs.
    pub seeds: u64,
    /// Steps of all parties.
    pub steps: u64,
    /// Records that the reader read.
    pub records: u64,
    /// Calls of [`ExploredRing::received`](super::ExploredRing::received). Without them,
    /// nothing checks what the reader does with its records.
    pub received: u64,
    /// Records that came again after a death.
    pub again: u64,
    /// Deaths of the reader.
    pub deaths: u64,
    /// Sleeps of the reader until a notification.
    pub sleeps: u64,
    /// Reservations that were refused, because the ring was full or by a fault.
    pub refused: u64,
    /// The faults that [`Explore::faults`](super::Explore::faults) injected.
    pub faults: FaultCounts,
}

impl Explored {
    pub(super) fn add(&mut self, seen: Seen) {
        self.seeds += 1;
        self.steps += seen.steps;
        self.records += seen.records;
        self.received += seen.received;
        self.again += seen.again;
        self.deaths += seen.deaths;
        self.sleeps += seen.sleeps;
        self.refused += seen.refused;
        self.faults = self.faults.plus(seen.faults);
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, steps, records, received, again, deaths, sleeps, refused, faults } = self;
        write!(
            f,
            "{seeds} seeds, {steps} steps: {records} records read, {received} said to be \
             received, {again} again after {deaths} deaths, {sleeps} sleeps, {refused} \
             reservations refused"
        )?;
        if *faults != FaultCounts::default() {
            write!(f, "; faults: {faults}")?;
        }
        Ok(())
    }
}

/// A seed whose run goes wrong: what is wrong, and the shortest way there.
///
/// ```
/// use ringbuf_core::Next;
/// use ringbuf_sim::explore::Explore;
///
/// // This reader does not arm before it sleeps.
/// let failure = Explore::new().find(|ring| {
///     let mut consumer = ring.consumer()?;
///     loop {
///         let batch = consumer.batch();
///         while let Next::Record(record) = batch.next()? {
///             ring.received(&record);
///         }
///         drop(batch);
///         ring.block(None);
///     }
/// });
/// let failure = failure.expect_err("the scheduler finds it");
/// assert!(failure.what.starts_with("lost wakeup"));
/// assert_eq!(failure.smallest.producers.len(), 1);
/// println!("{failure}");
/// ```
#[non_exhaustive]
pub struct Failure {
    /// The seed: [`Explore::seeds`](super::Explore::seeds) with this one alone repeats it.
    pub seed: u64,
    /// The version of this crate, and the release that was simulated. Another version may draw
    /// other plans.
    pub version: String,
    /// What went wrong.
    pub what: String,
    /// The number of steps until then.
    pub steps: u64,
    /// The number of actions of the plan of this seed.
    pub size: usize,
    /// The smallest plan that fails.
    pub smallest: Plan,
    /// What goes wrong with it.
    pub smallest_what: String,
    /// The last steps of the smallest plan, each with its party.
    pub last_steps: Vec<(String, Access)>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, version, what, steps, size, smallest, smallest_what, last_steps } = self;
        writeln!(f, "seed {seed}, step {steps}: {what}")?;
        writeln!(f, "to replay it: {}", replay::command(*seed))?;
        writeln!(f, "({version}; or the same settings, and `.seeds({seed}..={seed})`)")?;
        let (small, capacity) = (smallest.size(), smallest.capacity);
        writeln!(f, "\nmade smaller, from size {size} to {small}, on a ring of {capacity} bytes:")?;
        for (number, script) in smallest.producers.iter().enumerate() {
            let acts: Vec<_> = script.iter().map(ToString::to_string).collect();
            writeln!(f, "  producer {number}: {}; then submit the rest", acts.join(", "))?;
        }
        if smallest.deaths != 0 {
            writeln!(f, "  the reader dies, {} times at most", smallest.deaths)?;
        }
        if smallest.faults.kinds().next().is_some() {
            writeln!(f, "  faults: {}", smallest.faults)?;
        }
        writeln!(f, "\nthe last steps:")?;
        for (who, access) in last_steps {
            writeln!(f, "  {who:<12} {access}")?;
        }
        write!(f, "{smallest_what}")
    }
}

/// The same text as `Display`, so that a test that unwraps prints it.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}
