//! Faults and releases of an exploration.

use super::{Explore, Plan};
use crate::{Faults, Profile};

/// The number of schedules to try without a fault.
const SCHEDULES: u64 = 100;

impl Explore {
    /// Injects faults, in addition to what the producers do by themselves. The seed of each
    /// run replaces that of the faults. Every run sees them, so take odds from about 20 for a
    /// fault of a reservation, a commit or a notification, and from about 1000 for one of a
    /// step: the clock, a stop of the reader, a forgery.
    ///
    /// A reader passes if it copes with them. After a
    /// [forgery](crate::Fault::Forgery) it must end with an error.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    /// use ringbuf_sim::{Fault, Faults};
    ///
    /// let faults = Faults::default()
    ///     .one_in(Fault::LostNotification, 20)
    ///     .one_in(Fault::LockFails, 20)
    ///     .one_in(Fault::Forgery, 1000);
    /// let seen = Explore::new().seeds(0..50).faults(faults).run(|ring| {
    ///     let mut consumer = ring.consumer()?;
    ///     loop {
    ///         consumer.drain(|record| ring.received(&record))?;
    ///         consumer.wait(None)?;
    ///     }
    /// });
    /// assert!(seen.faults.of(Fault::LostNotification) > 0);
    /// ```
    pub fn faults(mut self, faults: Faults) -> Self {
        self.settings.faults = faults;
        self
    }

    /// Lets the producers run the algorithm of this kernel, as
    /// [`Profile::of_release`](crate::Profile::of_release) knows it. The default is the newest.
    ///
    /// ```
    /// use ringbuf_sim::explore::Explore;
    ///
    /// let failure = Explore::new().release(5, 10, 223).find(|_| Ok(())).unwrap_err();
    /// assert!(failure.to_string().contains("Linux 5.10.223"));
    /// ```
    pub fn release(mut self, major: u32, minor: u32, patch: u32) -> Self {
        self.settings.profile = Profile::of_release(major, minor, patch);
        self.settings.release = format!("Linux {major}.{minor}.{patch}");
        self
    }
}

/// Leaves out the faults without which a plan fails, too. This comes before other ways to make
/// it smaller: they leave less that can go wrong.
pub(super) fn with_fewer_faults(plan: &Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    let fails_with = |faults: Faults| {
        let seeds = (0..SCHEDULES).map(|n| plan.seed.wrapping_add(n));
        seeds.map(|seed| Plan { seed, faults, ..plan.clone() }).find(&fails)
    };
    if plan.faults.kinds().next().is_none() {
        return plan.clone();
    }
    if let Some(without) = fails_with(Faults::default()) {
        return without;
    }
    let mut best = plan.clone();
    for fault in plan.faults.kinds() {
        best = fails_with(best.faults.one_in(fault, 0)).unwrap_or(best);
    }
    best
}
