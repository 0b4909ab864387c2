//! The scheduler: it steps the parties of one plan until nothing is left to do.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::defect::Defect;
use crate::party;
use crate::plan::{Plan, Random};
use crate::reader;
use crate::ring::{Access, Shared};
use crate::tally::Seen;

/// More steps than any plan needs. A run with more is in an endless loop.
const MOST_STEPS: u64 = 1_000_000;
/// The length of the stored trace.
const TRACE: usize = 48;

/// A failed run.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) what: String,
    pub(crate) step: u64,
    /// The last steps, each with its party.
    pub(crate) trace: VecDeque<(String, Access)>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (who, access) in &self.trace {
            writeln!(f, "  {who:<12} {access:?}")?;
        }
        write!(f, "after {} steps: {}", self.step, self.what)
    }
}

/// Runs one plan to its end; the same plan always runs the same way.
pub(crate) fn run(plan: &Plan, defect: Option<Defect>, trace: bool) -> Result<Seen, Violation> {
    let mut run = Run::new(plan, defect);
    let result = run.go_on(trace);
    let wrong = run.shared.check.borrow_mut().wrong.take();
    match wrong.or(result.err()) {
        None => Ok(run.seen()),
        Some(what) => Err(Violation { what, step: run.steps, trace: run.trace }),
    }
}

/// One that takes steps.
struct Party {
    /// `None` after its end.
    coroutine: Option<Coroutine<(), Access, ()>>,
    /// Its next action.
    next: Access,
    /// The end of a stall.
    until: u64,
}

impl Party {
    fn new(body: impl FnOnce(&Yielder<(), Access>) + 'static, until: u64) -> Self {
        let stack = STACKS.with_borrow_mut(Vec::pop).unwrap_or_default();
        let coroutine = Some(Coroutine::with_stack(stack, |yielder, ()| body(yielder)));
        Self { coroutine, next: Access::Stall(0), until }
    }

    /// Unwinds the party at its current step. It takes no more steps.
    fn end(&mut self) {
        if let Some(mut coroutine) = self.coroutine.take() {
            coroutine.force_unwind();
            STACKS.with_borrow_mut(|stacks| stacks.push(coroutine.into_stack()));
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        self.end();
    }
}

thread_local! {
    /// Stacks to use again: a run is too short to map new ones.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

struct Run<'p> {
    plan: &'p Plan,
    shared: Rc<Shared>,
    /// The producers, then the consumer.
    parties: Vec<Party>,
    random: Random,
    steps: u64,
    deaths: u64,
    timeouts: u64,
    order: u64,
    trace: VecDeque<(String, Access)>,
}

impl<'p> Run<'p> {
    fn new(plan: &'p Plan, defect: Option<Defect>) -> Self {
        let shared = Shared::new(plan, defect);
        let producers = plan.producers.iter().cloned().enumerate().map(|(number, script)| {
            let shared = shared.clone();
            Party::new(move |yielder| party::produce(shared, yielder, number, &script), 0)
        });
        let mut parties: Vec<_> = producers.collect();
        parties.push(consumer(plan, &shared, plan.seed, 0));
        let random = Random::new(!plan.seed);
        let (steps, deaths, timeouts, order) = (0, 0, 0, 0);
        let trace = VecDeque::new();
        Self { plan, shared, parties, random, steps, deaths, timeouts, order, trace }
    }

    fn go_on(&mut self, trace: bool) -> Result<(), String> {
        let mut current = 0;
        loop {
            let stay = self.random.below(self.plan.switch) != 0 && self.may_go_on(current);
            if !stay {
                match self.choose() {
                    Some(next) => current = next,
                    None if self.passes_time() => continue,
                    None => return self.ends(),
                }
            }
            if trace {
                self.note(current);
            }
            self.steps += 1;
            self.shared.clock.set(self.clock() + 1);
            self.order = self.order.wrapping_mul(31).wrapping_add(current as u64);
            if current == self.parties.len() {
                self.shared.deliver();
            } else {
                self.resume(current)?;
            }
            self.look()?;
            if self.steps > MOST_STEPS {
                return Err("it does not end".into());
            }
            self.meddle();
        }
    }

    /// Returns true if a party, or a delayed notification, can take a step.
    fn may_go_on(&self, who: usize) -> bool {
        let Some(party) = self.parties.get(who) else { return self.shared.announced.get() };
        party.coroutine.is_some()
            && party.until <= self.clock()
            && match party.next {
                Access::Lock => !self.shared.is_locked(),
                Access::Sleep(until) => {
                    let shared = &self.shared;
                    shared.edge.get() || shared.timed_out.get() || until <= self.clock()
                }
                _ => true,
            }
    }

    /// Returns any party that can take a step, with equal chances.
    fn choose(&mut self) -> Option<usize> {
        let able: u64 =
            (0..=self.parties.len()).map(|who| u64::from(self.may_go_on(who)) << who).sum();
        if able == 0 {
            return None;
        }
        let skip = self.random.below(able.count_ones().into());
        let left = (0..skip).fold(able, |able, _| able & (able - 1));
        Some(left.trailing_zeros() as usize)
    }

    fn clock(&self) -> u64 {
        self.shared.clock.get()
    }

    fn resume(&mut self, who: usize) -> Result<(), String> {
        let clock = self.clock();
        let party = &mut self.parties[who];
        let Some(coroutine) = &mut party.coroutine else { return Ok(()) };
        match catch_unwind(AssertUnwindSafe(|| coroutine.resume(()))) {
            Ok(CoroutineResult::Yield(next)) => {
                party.next = next;
                if let Access::Stall(steps) = next {
                    party.until = clock.saturating_add(steps);
                }
            }
            Ok(CoroutineResult::Return(())) => party.end(),
            Err(panic) => return Err(format!("panic: {}", message(&*panic))),
        }
        Ok(())
    }

    /// Runs after each step.
    fn look(&self) -> Result<(), String> {
        let shared = &self.shared;
        let mut check = shared.check.borrow_mut();
        check.step(shared.consumer_pos.get(), shared.producer_pos.get());
        if let Some(wrong) = check.wrong.take() {
            return Err(wrong);
        }
        let waits = self.sleeps() && !shared.edge.get() && !shared.announced.get();
        if waits && !self.plan.hostile {
            if let Some(record) = check.waiting().filter(|record| !record.is_silent()) {
                return Err(format!("lost wakeup: the consumer sleeps in front of {record:?}"));
            }
        }
        Ok(())
    }

    fn sleeps(&self) -> bool {
        self.parties.last().is_some_and(|consumer| matches!(consumer.next, Access::Sleep(_)))
    }

    /// Faults that come from outside: the consumer dies, a wait times out.
    fn meddle(&mut self) {
        if self.deaths < self.plan.deaths && self.random.below(100) == 0 {
            self.deaths += 1;
            let absent = self.random.pick(&[0, 30, 300]);
            let seed = self.plan.seed.wrapping_add(self.deaths);
            let born = consumer(self.plan, &self.shared, seed, self.clock() + absent);
            // Actions of the dying party have no effect while it is unwound.
            let last = self.parties.len() - 1;
            self.parties[last] = born;
            self.shared.timed_out.set(false);
        }
        if self.sleeps() && self.random.below(64) == 0 && self.hears_nothing() {
            self.time_out();
        }
    }

    /// Returns true if it sleeps although a record without notification exists.
    /// This is why every wait needs a timeout.
    fn hears_nothing(&self) -> bool {
        let shared = &self.shared;
        let idle = !shared.edge.get() && !shared.announced.get() && !shared.timed_out.get();
        idle && self.shared.check.borrow().waiting().is_some_and(|record| record.is_silent())
    }

    fn time_out(&mut self) {
        self.timeouts += 1;
        self.shared.timed_out.set(true);
    }

    /// Lets time pass if no party can take a step and time helps.
    fn passes_time(&mut self) -> bool {
        let stalled = self.parties.iter().filter(|party| party.coroutine.is_some());
        let until = |party: &Party| match party.next {
            Access::Sleep(until) if until < u64::MAX => until,
            _ => party.until,
        };
        let stalled = stalled.map(until).filter(|until| *until > self.clock()).min();
        if self.plan.hostile && self.parties.iter().rev().skip(1).all(|p| p.coroutine.is_none()) {
            return false;
        }
        if let Some(until) = stalled {
            self.shared.clock.set(until);
        } else if self.sleeps() && self.hears_nothing() {
            self.time_out();
        } else {
            return false;
        }
        true
    }

    /// Returns true if nothing more can happen.
    fn ends(&self) -> Result<(), String> {
        let producers = &self.parties[..self.parties.len() - 1];
        if producers.iter().any(|party| party.coroutine.is_some()) {
            return Err("a producer waits for ever".into());
        }
        if !self.plan.hostile && !self.shared.check.borrow().all_delivered() {
            return Err("lost: the consumer sleeps, and not all is delivered".into());
        }
        Ok(())
    }

    fn seen(&self) -> Seen {
        let check = self.shared.check.borrow();
        let tally = &self.shared.tally;
        Seen {
            runs: 1,
            steps: self.steps,
            order: self.order,
            hostile_steps: if self.plan.hostile { self.steps } else { 0 },
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

    fn note(&mut self, who: usize) {
        let (name, access) = match self.parties.get(who) {
            None => ("wait queue".to_owned(), Access::Notify),
            Some(party) if who + 1 == self.parties.len() => ("consumer".to_owned(), party.next),
            Some(party) => (format!("producer {who}"), party.next),
        };
        self.trace.push_back((name, access));
        if self.trace.len() > TRACE {
            self.trace.pop_front();
        }
    }
}

fn consumer(plan: &Plan, shared: &Rc<Shared>, seed: u64, until: u64) -> Party {
    let (plan, shared) = (plan.clone(), shared.clone());
    Party::new(move |yielder| reader::consume(shared, yielder, &plan, seed), until)
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
