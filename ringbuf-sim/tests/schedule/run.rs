//! One run: the parties of a plan, and what is checked after each of their steps.

use std::fmt;
use std::rc::Rc;

use ringbuf_sim::explore::{Access, Plan, Scheduler, World};

use crate::defect::Defect;
use crate::party;
use crate::reader;
use crate::ring::Shared;
use crate::tally::Seen;

/// More steps than any plan needs. A run with more is in an endless loop.
const MOST_STEPS: u64 = 1_000_000;

/// A failed run.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) what: String,
    pub(crate) step: u64,
    /// The last steps, each with its party.
    pub(crate) trace: Vec<(String, Access)>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (who, access) in &self.trace {
            writeln!(f, "  {who:<12} {access}")?;
        }
        write!(f, "after {} steps: {}", self.step, self.what)
    }
}

/// Runs one plan to its end; the same plan always runs the same way.
pub(crate) fn run(plan: &Plan, defect: Option<Defect>, trace: bool) -> Result<Seen, Violation> {
    let mut scheduler = Scheduler::new(plan.seed, plan.switch);
    if trace {
        scheduler.keep_trace();
    }
    let shared = Shared::new(plan, defect, scheduler.clock());
    for (number, script) in plan.producers.iter().cloned().enumerate() {
        let shared = shared.clone();
        let name = format!("producer {number}");
        scheduler.add(name, move || party::run(shared, number, &script));
    }
    let consumer = scheduler.add("consumer", consumer(plan, &shared, plan.seed));
    let mut run = Run { plan, shared, consumer, deaths: 0, timeouts: 0 };
    let result = scheduler.run(&mut run, MOST_STEPS);
    let wrong = run.shared.check.borrow_mut().wrong.take();
    match wrong.or(result.err()) {
        None => Ok(run.seen(&scheduler)),
        Some(what) => Err(Violation { what, step: scheduler.steps(), trace: scheduler.trace() }),
    }
}

struct Run<'p> {
    plan: &'p Plan,
    shared: Rc<Shared>,
    /// The number of the consumer. The producers come before it.
    consumer: usize,
    deaths: u64,
    timeouts: u64,
}

impl World for Run<'_> {
    fn may_go_on(&self, _: usize, next: Access) -> bool {
        let shared = &self.shared;
        match next {
            Access::Lock => !shared.is_locked(),
            Access::Sleep(until) => {
                shared.queue.is_notified() || shared.timed_out.get() || until <= shared.clock.get()
            }
            _ => true,
        }
    }

    fn queues(&self) -> usize {
        1
    }

    fn is_announced(&self, _: usize) -> bool {
        self.shared.queue.is_announced()
    }

    fn deliver(&mut self, _: usize) {
        self.shared.queue.deliver();
    }

    fn stepped(&mut self, scheduler: &mut Scheduler, _: usize) -> Result<bool, String> {
        self.look(scheduler)?;
        self.meddle(scheduler);
        Ok(false)
    }

    /// Lets time pass if that helps. Otherwise nothing more can happen.
    fn at_rest(&mut self, scheduler: &mut Scheduler) -> Result<bool, String> {
        let over = (0..self.consumer).all(|producer| scheduler.has_ended(producer));
        let ends = self.plan.hostile && over;
        if let Some(until) = scheduler.next_time().filter(|_| !ends) {
            self.shared.clock.set(until);
            return Ok(false);
        }
        if !ends && self.sleeps(scheduler) && self.hears_nothing() {
            self.time_out();
            return Ok(false);
        }
        if !over {
            return Err("a producer waits for ever".into());
        }
        if !self.plan.hostile && !self.shared.check.borrow().all_delivered() {
            return Err("lost: the consumer sleeps, and not all is delivered".into());
        }
        Ok(true)
    }
}

impl Run<'_> {
    /// Runs after each step.
    fn look(&self, scheduler: &Scheduler) -> Result<(), String> {
        let shared = &self.shared;
        let mut check = shared.check.borrow_mut();
        check.step(shared.consumer_pos.get(), shared.producer_pos.get());
        if let Some(wrong) = check.wrong.take() {
            return Err(wrong);
        }
        let waits =
            self.sleeps(scheduler) && !shared.queue.is_notified() && !shared.queue.is_announced();
        if waits && !self.plan.hostile {
            if let Some(record) = check.waiting().filter(|record| !record.is_silent()) {
                return Err(format!("lost wakeup: the consumer sleeps in front of {record:?}"));
            }
        }
        Ok(())
    }

    fn sleeps(&self, scheduler: &Scheduler) -> bool {
        matches!(scheduler.next_step(self.consumer), Some(Access::Sleep(_)))
    }

    /// Faults that come from outside: the consumer dies, a wait times out.
    fn meddle(&mut self, scheduler: &mut Scheduler) {
        if self.deaths < self.plan.deaths && scheduler.random().below(100) == 0 {
            self.deaths += 1;
            let absent = scheduler.random().pick(&[0, 30, 300]);
            let seed = self.plan.seed.wrapping_add(self.deaths);
            let born = consumer(self.plan, &self.shared, seed);
            scheduler.replace(self.consumer, scheduler.now() + absent, born);
            self.shared.timed_out.set(false);
        }
        if self.sleeps(scheduler) && scheduler.random().below(64) == 0 && self.hears_nothing() {
            self.time_out();
        }
    }

    /// Returns true if it sleeps although a record without notification exists.
    /// This is why every wait needs a timeout.
    fn hears_nothing(&self) -> bool {
        let shared = &self.shared;
        let idle =
            !shared.queue.is_notified() && !shared.queue.is_announced() && !shared.timed_out.get();
        idle && self.shared.check.borrow().waiting().is_some_and(|record| record.is_silent())
    }

    fn time_out(&mut self) {
        self.timeouts += 1;
        self.shared.timed_out.set(true);
    }

    fn seen(&self, scheduler: &Scheduler) -> Seen {
        let check = self.shared.check.borrow();
        let tally = &self.shared.tally;
        Seen {
            runs: 1,
            steps: scheduler.steps(),
            order: scheduler.order(),
            hostile_steps: if self.plan.hostile { scheduler.steps() } else { 0 },
            reserved: check.reserved,
            delivered: check.counts.delivered,
            discarded: check.counts.discarded,
            redelivered: check.redelivered,
            full: tally.full.get(),
            pending_in_the_way: tally.pending_in_the_way.get(),
            too_large: tally.too_large.get(),
            corrupt: tally.corrupt.get(),
            sleeps: tally.sleeps.get(),
            waits_for_the_lock: tally.waits_for_the_lock.get(),
            by_callback: tally.by_callback.get(),
            broken_off: tally.broken_off.get(),
            one_by_one: tally.one_by_one.get(),
            released_meanwhile: tally.released_meanwhile.get(),
            looks: tally.looks.get(),
            naps: tally.naps.get(),
            found_after_a_nap: tally.found_after_a_nap.get(),
            timed_out: tally.timed_out.get(),
            interrupted: tally.interrupted.get(),
            held_back: tally.held_back.get(),
            armed_by_reading: tally.armed_by_reading.get(),
            deaths: self.deaths,
            timeouts: self.timeouts,
            stuck: u64::from(check.stuck()),
            wrapped: u64::from(check.wrapped()),
            exhausted: u64::from(check.exhausted()),
        }
    }
}

fn consumer(plan: &Plan, shared: &Rc<Shared>, seed: u64) -> impl FnOnce() + 'static {
    let (plan, shared) = (plan.clone(), shared.clone());
    move || reader::consume(shared, &plan, seed)
}
