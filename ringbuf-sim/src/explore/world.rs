//! One run of a plan: its producers, the user's reader, and what is checked after each step.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ringbuf_core::Wakes;

use super::check::{Check, Record};
use super::memory::Seat;
use super::report::Seen;
use super::ring::{Bench, State};
use super::{Access, Act, ExploredRing, Plan, Reader, Scheduler, Settings, World, produce};
use crate::{Fault, Faults, Flags, Forged, Injected, KernelRing, Profile};

/// More steps than any plan needs. A run with more is in an endless loop.
const MOST_STEPS: u64 = 1_000_000;
/// A reader that makes so many steps in front of a record, and does not get on, is in an
/// endless loop. So is one that does not end after a wake.
const IDLE: u64 = 2000;
/// The steps that a reader makes after it has read everything, to show what it does then.
const SPARE: u64 = 500;

/// A run that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) what: String,
    pub(super) steps: u64,
    pub(super) trace: Vec<(String, Access)>,
}

/// The end of a reader.
type End = Rc<RefCell<Option<Result<(), String>>>>;

/// Runs one plan to its end.
pub(super) fn run(
    plan: &Plan,
    settings: &Settings,
    reader: &Rc<Reader>,
    trace: bool,
) -> Result<Seen, Violation> {
    let mut scheduler = Scheduler::new(plan.seed, plan.switch);
    if trace {
        scheduler.keep_trace();
    }
    let bench = Rc::new(Bench {
        clock: scheduler.clock(),
        rings: (0..settings.rings).map(|_| State::new(plan)).collect(),
        sleeps_on: Cell::new(0),
        timed_out: Cell::new(false),
        asked: Cell::default(),
        deadline: Cell::new(u64::MAX),
        stopping: Cell::new(false),
        sleeps: Cell::new(0),
        refused: Cell::new(0),
        faults: Injected::default(),
        forged: Cell::new(None),
        has_seen_it: Cell::new(false),
    });
    inject(plan.faults.seed(plan.seed), &bench);
    let rings: Vec<_> =
        (0..settings.rings).map(|number| ExploredRing { bench: bench.clone(), number }).collect();
    for (party, script) in plan.producers.iter().enumerate() {
        let (script, samples) = settings.filled(party, script);
        let ring = rings[party % rings.len()].clone();
        let (tried, flags) = (Cell::new(0), Cell::new(Flags::ADAPTIVE));
        let seat = Seat { ring, party, samples, tried, flags };
        let profile = settings.profile.width(plan.width);
        scheduler.add(format!("producer {party}"), move || run_producer(&seat, profile, &script));
    }
    let end = End::default();
    let me = scheduler.add("reader", body(reader, &rings, &end));
    let (deaths, idle, spare, progress) = (0, 0, 0, 0);
    let mut run =
        Run { plan, settings, reader, bench, rings, end, me, deaths, idle, spare, progress };
    let result = scheduler.run(&mut run, MOST_STEPS);
    let wrong = run.wrong();
    match wrong.map_or(result, Err) {
        Ok(()) => Ok(run.seen(&scheduler)),
        Err(what) => Err(Violation { what, steps: scheduler.steps(), trace: scheduler.trace() }),
    }
}

/// The kernel draws the faults of a reservation, and a commit that never comes.
fn inject(faults: Faults, bench: &Bench) {
    let kernels = [Fault::Full, Fault::LockFails, Fault::StallsForEver];
    bench.rings.iter().for_each(|ring| ring.injected.set(faults.only(&kernels)));
    bench.faults.set(kernels.into_iter().fold(faults, |faults, fault| faults.one_in(fault, 0)));
}

fn run_producer(seat: &Seat, profile: Profile, script: &[Act]) {
    // SAFETY: P1: the producers of a run share the memory, and the positions in the state
    // of the ring. Together they are the one ring that produces.
    let kernel = unsafe { KernelRing::new(seat.memory(), seat.ring.clone()) };
    // SAFETY: the ring is new; the others of the run are on the same kernel.
    let kernel = unsafe { kernel.on(profile) };
    produce(&kernel, script, seat);
}

fn body(reader: &Rc<Reader>, rings: &[ExploredRing], end: &End) -> impl FnOnce() + 'static {
    let (reader, rings, end) = (reader.clone(), rings.to_vec(), end.clone());
    move || {
        let result = reader(&rings).map_err(|error| error.to_string());
        *end.borrow_mut() = Some(result);
    }
}

struct Run<'r> {
    plan: &'r Plan,
    settings: &'r Settings,
    reader: &'r Rc<Reader>,
    bench: Rc<Bench>,
    rings: Vec<ExploredRing>,
    end: End,
    /// The number of the reader. The producers come before it.
    me: usize,
    deaths: u64,
    /// The steps of the reader since it last got on.
    idle: u64,
    spare: u64,
    progress: u64,
}

impl World for Run<'_> {
    fn may_go_on(&self, party: usize, next: Access) -> bool {
        match next {
            Access::Lock => !self.bench.rings[party % self.bench.rings.len()].locked.get(),
            Access::Sleep(until) => self.hears_something() || until <= self.bench.clock.get(),
            _ => true,
        }
    }

    fn queues(&self) -> usize {
        self.bench.rings.len()
    }

    fn is_announced(&self, queue: usize) -> bool {
        self.bench.rings[queue].queue.is_announced()
    }

    fn deliver(&mut self, queue: usize) {
        self.bench.rings[queue].queue.deliver();
    }

    fn stepped(&mut self, scheduler: &mut Scheduler, who: usize) -> Result<bool, String> {
        if let Some(wrong) = self.wrong() {
            return Err(wrong);
        }
        self.stop(scheduler);
        if scheduler.has_ended(self.me) && self.is_forged() {
            return Ok(true);
        }
        if scheduler.has_ended(self.me) {
            let failed = self.end.borrow().clone().and_then(Result::err);
            return failed.map_or(Ok(false), |error| Err(format!("the reader failed: {error}")));
        }
        self.find_lost_wakeup(scheduler)?;
        self.meddle(scheduler);
        if who == self.me { self.gets_on(scheduler) } else { Ok(false) }
    }

    fn at_rest(&mut self, scheduler: &mut Scheduler) -> Result<bool, String> {
        if self.bench.has_seen_it.get() && self.sleeps(scheduler) {
            return Err("the ring is corrupt, and the reader sleeps: end with the error".into());
        }
        let over = self.is_over(scheduler);
        let reads = !scheduler.has_ended(self.me);
        let stops = self.settings.stops.is_some() && reads;
        let unsaid = self.name(Check::unsaid).is_some();
        if over && !stops && !self.has_unread() && !unsaid {
            return Ok(true);
        }
        if let Some(until) = scheduler.next_time() {
            self.bench.clock.set(until);
        } else if reads && self.sleeps(scheduler) && self.hears_nothing() {
            self.bench.timed_out.set(true);
        } else if !over {
            return Err("a producer waits for ever".into());
        } else if self.is_forged() {
            return Ok(true);
        } else if stops {
            return Err("the reader was woken to end, and sleeps on".into());
        } else {
            self.must_have_read_all(reads)?;
            return Ok(true);
        }
        Ok(false)
    }
}

impl Run<'_> {
    fn is_over(&self, scheduler: &Scheduler) -> bool {
        let announced = self.bench.rings.iter().any(|ring| ring.queue.is_announced());
        !announced && (0..self.me).all(|producer| scheduler.has_ended(producer))
    }

    /// Wakes the reader, once the producers have ended.
    fn stop(&self, scheduler: &Scheduler) {
        let stopping = &self.bench.stopping;
        if let Some(request) = self.settings.stops {
            if !stopping.get() && self.is_over(scheduler) {
                stopping.set(true);
                self.bench.ask(request);
            }
        }
    }

    fn wrong(&self) -> Option<String> {
        self.bench.rings.iter().find_map(|ring| ring.check.borrow_mut().wrong.take())
    }

    fn is_forged(&self) -> bool {
        self.bench.forged.get().is_some()
    }

    fn sleeps(&self, scheduler: &Scheduler) -> bool {
        matches!(scheduler.next_step(self.me), Some(Access::Sleep(_)))
    }

    fn hears_something(&self) -> bool {
        self.bench.is_notified() || self.bench.timed_out.get() || self.bench.is_asked()
    }

    fn find_lost_wakeup(&self, scheduler: &Scheduler) -> Result<(), String> {
        let bench = &self.bench;
        let coming = bench.slept_on().any(|ring| ring.queue.is_announced());
        if self.is_forged() || !self.sleeps(scheduler) || self.hears_something() || coming {
            return Ok(());
        }
        for ring in bench.slept_on() {
            if let Some(record) = ring.check.borrow().waiting().filter(|r| !r.is_silent()) {
                return Err(format!(
                    "lost wakeup: the reader sleeps, {record} is committed, and its \
                     notification is not to come: arm before you sleep"
                ));
            }
        }
        Ok(())
    }

    /// Returns true if it sleeps although a record without notification is there.
    /// This is why every wait needs a timeout.
    fn hears_nothing(&self) -> bool {
        let coming = self.bench.slept_on().any(|ring| ring.queue.is_announced());
        let silent = |ring: &State| ring.check.borrow().waiting().is_some_and(|r| r.is_silent());
        !self.hears_something() && !coming && self.bench.slept_on().any(silent)
    }

    /// Faults that come from outside: the reader dies, a sleep times out.
    fn meddle(&mut self, scheduler: &mut Scheduler) {
        if self.deaths < self.plan.deaths && scheduler.random().below(100) == 0 {
            self.deaths += 1;
            let absent = scheduler.random().pick(&[0, 30, 300]);
            let born = body(self.reader, &self.rings, &self.end);
            scheduler.replace(self.me, scheduler.now() + absent, born);
            self.bench.timed_out.set(false);
            let stop = self.settings.stops.filter(|_| self.bench.stopping.get());
            self.bench.asked.set(stop.unwrap_or_default());
            self.bench.deadline.set(u64::MAX);
            let most = self.settings.again_at_most;
            self.bench.rings.iter().for_each(|ring| ring.check.borrow_mut().died(most));
        }
        if self.sleeps(scheduler) && scheduler.random().below(64) == 0 && self.hears_nothing() {
            self.bench.timed_out.set(true);
        }
        if self.settings.requests && scheduler.random().below(50) == 0 {
            self.request(scheduler);
        }
        self.fault(scheduler);
    }

    /// The faults of a step.
    fn fault(&mut self, scheduler: &mut Scheduler) {
        let faults = &self.bench.faults;
        if faults.strikes(Fault::ReaderStops) {
            let until = scheduler.now() + scheduler.random().pick(&[30, 300, 1000]);
            scheduler.rest(self.me, until);
        }
        if faults.strikes(Fault::ClockJumps) {
            let jump = scheduler.random().pick(&[1000, 1_000_000, 3_600_000_000]);
            self.bench.clock.set(scheduler.now().saturating_add(jump));
        }
        if !self.is_forged() && faults.strikes(Fault::Forgery) {
            self.bench.forged.set(Some(scheduler.random().pick(&Forged::ALL)));
            self.idle = 0;
        }
    }

    /// Another thread asks for a flush, or moves the deadline.
    fn request(&self, scheduler: &mut Scheduler) {
        let soon = scheduler.now() + scheduler.random().pick(&[0, 30, 300]);
        let deadline = match scheduler.random().below(3) {
            0 => return self.bench.ask(Wakes::FLUSH),
            1 => soon,
            _ => u64::MAX,
        };
        self.bench.deadline.set(deadline);
        self.bench.ask(Wakes::DEADLINE);
    }

    /// Runs after each step of the reader. Returns true if the run may end.
    fn gets_on(&mut self, scheduler: &Scheduler) -> Result<bool, String> {
        let progress = self.bench.rings.iter().map(|ring| ring.check.borrow().progress).sum();
        if progress != self.progress {
            (self.progress, self.idle, self.spare) = (progress, 0, 0);
        }
        self.idle += 1;
        if self.is_forged() {
            let looks = self.idle > IDLE && self.bench.has_seen_it.get();
            return if looks {
                Err(format!(
                    "endless loop: the ring is corrupt, and after {IDLE} steps the reader goes on"
                ))
            } else {
                Ok(false)
            };
        }
        if self.idle > IDLE && self.bench.stopping.get() {
            return Err(format!("endless loop: {IDLE} steps after a wake, the reader goes on"));
        }
        if self.idle > IDLE {
            if let Some(record) = self.name(Check::unread) {
                return Err(format!(
                    "endless loop: in {IDLE} steps the reader has not read {record}"
                ));
            }
        }
        if self.settings.stops.is_some() || !self.is_over(scheduler) || self.has_unread() {
            return Ok(false);
        }
        self.spare += 1;
        if self.spare <= SPARE {
            return Ok(false);
        }
        self.must_have_read_all(true)?;
        Ok(true)
    }

    /// The next record of any ring that `find` names, in words.
    fn name(&self, find: fn(&Check) -> Option<&Record>) -> Option<String> {
        let name = |ring: &State| find(&ring.check.borrow()).map(ToString::to_string);
        self.bench.rings.iter().find_map(name)
    }

    fn has_unread(&self) -> bool {
        self.bench.rings.iter().any(|ring| ring.check.borrow().unread().is_some())
    }

    fn must_have_read_all(&self, reads: bool) -> Result<(), String> {
        let does = if reads { "waits" } else { "has ended" };
        if let Some(record) = self.name(Check::unread) {
            return Err(format!("lost: the reader {does}, and has not read {record}"));
        }
        match self.name(Check::unsaid) {
            Some(record) => Err(format!("lost: the reader has read, but not received, {record}")),
            None => Ok(()),
        }
    }

    fn seen(&self, scheduler: &Scheduler) -> Seen {
        let rings = &self.bench.rings;
        Seen {
            order: scheduler.order(),
            steps: scheduler.steps(),
            records: rings.iter().map(|ring| ring.check.borrow().read()).sum(),
            received: rings.iter().map(|ring| ring.check.borrow().said()).sum(),
            again: rings.iter().map(|ring| ring.check.borrow().again()).sum(),
            deaths: self.deaths,
            sleeps: self.bench.sleeps.get(),
            refused: self.bench.refused.get(),
            faults: rings
                .iter()
                .fold(self.bench.faults.counts(), |sum, ring| sum.plus(ring.injected.counts())),
        }
    }
}
