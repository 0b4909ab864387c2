//! [`World`]: what the parties of a run share.

use super::{Access, Scheduler};

/// What a [`Scheduler`] must know of the things that its parties share.
///
/// ```
/// use ringbuf_sim::explore::{Access, Scheduler, World, step};
///
/// /// Nothing is shared. If all rest, time passes.
/// struct Rest;
///
/// impl World for Rest {
///     fn may_go_on(&self, _: usize, _: Access) -> bool {
///         true
///     }
///
///     fn at_rest(&mut self, scheduler: &mut Scheduler) -> Result<bool, String> {
///         let Some(next) = scheduler.next_time() else { return Ok(true) };
///         scheduler.clock().set(next);
///         Ok(false)
///     }
/// }
///
/// let mut scheduler = Scheduler::new(1, 1);
/// let party = scheduler.add("sleeper", || _ = step(Access::Stall(50)));
/// scheduler.run(&mut Rest, 100).unwrap();
/// assert!(scheduler.has_ended(party) && scheduler.now() > 50);
/// ```
pub trait World {
    /// Returns true if this party, whose next step is `next`, can take it. A scheduler
    /// asks for parties that have not ended and do not rest. Only
    /// [`Lock`](Access::Lock) and [`Sleep`](Access::Sleep) may be held up.
    fn may_go_on(&self, party: usize, next: Access) -> bool;

    /// Returns the number of wait queues. A notification may arrive later than it was
    /// sent: the scheduler decides when.
    fn queues(&self) -> usize {
        0
    }

    /// Returns true if a notification is on its way to this queue.
    fn is_announced(&self, _queue: usize) -> bool {
        false
    }

    /// Delivers the notification of this queue.
    fn deliver(&mut self, _queue: usize) {}

    /// Looks at everything after each step of `who`, a party or a queue behind the
    /// parties. May change what comes next: a death, a timeout. Returns true to end the
    /// run.
    ///
    /// # Errors
    /// What is wrong. It ends the run.
    fn stepped(&mut self, _scheduler: &mut Scheduler, _who: usize) -> Result<bool, String> {
        Ok(false)
    }

    /// Called when nobody can take a step. Lets time pass, or returns true to end the
    /// run.
    ///
    /// # Errors
    /// What is wrong. It ends the run.
    fn at_rest(&mut self, scheduler: &mut Scheduler) -> Result<bool, String>;
}
