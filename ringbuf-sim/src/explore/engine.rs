//! [`Scheduler`]: it steps the parties of a run, one at a time, as a seed decides.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::thread::panicking;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::{Access, Random, World};

/// The length of the stored trace.
const TRACE: usize = 48;

/// Runs parties on one thread, each on a stack of its own, and switches between them at
/// any [`step`]. A seed makes each decision, so that a run can be repeated.
///
/// [`Explore`](super::Explore) is built on it. Use it for schedules of something else
/// than the reader of a ring buffer.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use ringbuf_sim::explore::{Access, Scheduler, World, step};
///
/// /// Two parties add one to a number, each with a load and a store.
/// struct Number(Rc<Cell<u64>>);
///
/// impl World for Number {
///     fn may_go_on(&self, _: usize, _: Access) -> bool {
///         true
///     }
///
///     fn at_rest(&mut self, _: &mut Scheduler) -> Result<bool, String> {
///         Ok(true) // both have ended
///     }
/// }
///
/// let ends_at = |seed| {
///     let number = Rc::new(Cell::new(0));
///     let mut scheduler = Scheduler::new(seed, 1);
///     for name in ["first", "second"] {
///         let number = number.clone();
///         scheduler.add(name, move || {
///             let loaded = number.get();
///             step(Access::Fence); // here the other one may run
///             number.set(loaded + 1);
///         });
///     }
///     scheduler.run(&mut Number(number.clone()), 100).unwrap();
///     number.get()
/// };
/// assert!((0..20).any(|seed| ends_at(seed) == 1)); // one addition is lost
/// assert!((0..20).any(|seed| ends_at(seed) == 2));
/// ```
pub struct Scheduler {
    parties: Vec<Party>,
    random: Random,
    switch: u64,
    clock: Rc<Cell<u64>>,
    steps: u64,
    order: u64,
    trace: Option<VecDeque<(usize, Access)>>,
}

impl Scheduler {
    /// Creates a scheduler without parties. It switches to another party about once in
    /// `switch` steps.
    #[must_use]
    pub fn new(seed: u64, switch: u64) -> Self {
        let (random, clock) = (Random::new(!seed), Rc::default());
        let (parties, steps, order, trace) = (Vec::new(), 0, 0, None);
        Self { parties, random, switch, clock, steps, order, trace }
    }

    /// Adds a party, and returns its number. Its body calls [`step`] before each access.
    pub fn add(&mut self, name: impl Into<String>, body: impl FnOnce() + 'static) -> usize {
        self.parties.push(Party::new(name.into(), 0, body));
        self.parties.len() - 1
    }

    /// Kills a party at its current step, whatever that is, and starts another one in its
    /// place at the time `from`. The drops of the dying one run, but its steps return
    /// false.
    pub fn replace(&mut self, party: usize, from: u64, body: impl FnOnce() + 'static) {
        let name = self.parties[party].name.clone();
        self.parties[party] = Party::new(name, from, body);
    }

    /// Lets a party rest until this time, whatever it is doing.
    ///
    /// ```
    /// # use ringbuf_sim::explore::{Access, Scheduler, World, step};
    /// # struct Rest;
    /// # impl World for Rest {
    /// #     fn may_go_on(&self, _: usize, _: Access) -> bool { true }
    /// #     fn at_rest(&mut self, scheduler: &mut Scheduler) -> Result<bool, String> {
    /// #         let Some(next) = scheduler.next_time() else { return Ok(true) };
    /// #         scheduler.clock().set(next);
    /// #         Ok(false)
    /// #     }
    /// # }
    /// let mut scheduler = Scheduler::new(1, 1);
    /// let party = scheduler.add("late", || ());
    /// scheduler.rest(party, 500);
    /// scheduler.run(&mut Rest, 100).unwrap(); // `Rest`: if all rest, time passes
    /// assert!(scheduler.now() >= 500);
    /// ```
    pub fn rest(&mut self, party: usize, until: u64) {
        self.parties[party].until = until;
    }

    /// Runs the parties until the world ends the run.
    ///
    /// # Errors
    /// What the world found wrong; a panic of a party; or more than `most` steps.
    pub fn run(&mut self, world: &mut impl World, most: u64) -> Result<(), String> {
        let mut current = 0;
        loop {
            let stay = self.random.below(self.switch) != 0 && self.may_go_on(world, current);
            if !stay {
                match self.choose(world) {
                    Some(next) => current = next,
                    None if world.at_rest(self)? => return Ok(()),
                    None => continue,
                }
            }
            self.note(current);
            self.steps += 1;
            self.clock.set(self.now() + 1);
            self.order = self.order.wrapping_mul(31).wrapping_add(current as u64);
            match current.checked_sub(self.parties.len()) {
                Some(queue) => world.deliver(queue),
                None => self.resume(current)?,
            }
            if world.stepped(self, current)? {
                return Ok(());
            }
            if self.steps > most {
                return Err("it does not end".into());
            }
        }
    }

    /// Returns the next step of a party, or `None` after its end.
    #[inline]
    #[must_use]
    pub fn next_step(&self, party: usize) -> Option<Access> {
        let party = &self.parties[party];
        party.coroutine.as_ref().map(|_| party.next)
    }

    /// Returns true if this party has ended.
    #[inline]
    #[must_use]
    pub fn has_ended(&self, party: usize) -> bool {
        self.parties[party].coroutine.is_none()
    }

    /// Returns the next time at which a party that rests or sleeps goes on by itself.
    #[must_use]
    pub fn next_time(&self) -> Option<u64> {
        let live = self.parties.iter().filter(|party| party.coroutine.is_some());
        let until = |party: &Party| match party.next {
            Access::Sleep(until) if until < u64::MAX => until.max(party.until),
            _ => party.until,
        };
        live.map(until).filter(|until| *until > self.now()).min()
    }

    /// Returns the time in steps.
    #[inline]
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.get()
    }

    /// Returns the clock. It may be moved forward.
    #[must_use]
    pub fn clock(&self) -> Rc<Cell<u64>> {
        self.clock.clone()
    }

    /// Returns the source of all decisions of this run.
    #[inline]
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Returns the number of steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns a hash of the party of each step.
    #[must_use]
    pub fn order(&self) -> u64 {
        self.order
    }

    /// Keeps the last steps from now on.
    pub fn keep_trace(&mut self) {
        self.trace = Some(VecDeque::new());
    }

    /// Returns the last steps, each with the name of its party.
    ///
    /// ```
    /// # use ringbuf_sim::explore::{Access, Scheduler, World, step};
    /// # struct Rest;
    /// # impl World for Rest {
    /// #     fn may_go_on(&self, _: usize, _: Access) -> bool { true }
    /// #     fn at_rest(&mut self, _: &mut Scheduler) -> Result<bool, String> { Ok(true) }
    /// # }
    /// let mut scheduler = Scheduler::new(1, 1);
    /// let party = scheduler.add("only", || unreachable!("it is replaced before it begins"));
    /// scheduler.replace(party, 0, || _ = step(Access::Fence));
    /// scheduler.keep_trace();
    /// scheduler.run(&mut Rest, 100).unwrap();
    /// assert_eq!(scheduler.trace().last(), Some(&("only".into(), Access::Fence)));
    /// assert_eq!(scheduler.steps(), 2); // it begins, and makes the fence
    /// ```
    #[must_use]
    pub fn trace(&self) -> Vec<(String, Access)> {
        let name = |who: usize| match self.parties.get(who) {
            Some(party) => party.name.clone(),
            None => "wait queue".into(),
        };
        self.trace.iter().flatten().map(|&(who, access)| (name(who), access)).collect()
    }

    fn may_go_on(&self, world: &impl World, who: usize) -> bool {
        let Some(party) = self.parties.get(who) else {
            return world.is_announced(who - self.parties.len());
        };
        party.coroutine.is_some()
            && party.until <= self.now()
            && match party.next {
                Access::Lock | Access::Sleep(_) => world.may_go_on(who, party.next),
                _ => true,
            }
    }

    /// Returns any party that can take a step, with equal chances.
    fn choose(&mut self, world: &impl World) -> Option<usize> {
        let able: u64 = (0..self.parties.len() + world.queues())
            .map(|who| u64::from(self.may_go_on(world, who)) << who)
            .sum();
        if able == 0 {
            return None;
        }
        let skip = self.random.below(able.count_ones().into());
        let left = (0..skip).fold(able, |able, _| able & (able - 1));
        Some(left.trailing_zeros() as usize)
    }

    #[inline]
    fn resume(&mut self, who: usize) -> Result<(), String> {
        let now = self.now();
        let party = &mut self.parties[who];
        let Some(coroutine) = &mut party.coroutine else { return Ok(()) };
        let before = YIELDER.replace(party.yielder.get());
        let result = catch_unwind(AssertUnwindSafe(|| coroutine.resume(())));
        YIELDER.set(before);
        match result {
            Ok(CoroutineResult::Yield(next)) => {
                party.next = next;
                if let Access::Stall(steps) = next {
                    party.until = now.saturating_add(steps);
                }
            }
            Ok(CoroutineResult::Return(())) => party.end(),
            Err(panic) => return Err(format!("{} panics: {}", party.name, message(&*panic))),
        }
        Ok(())
    }

    #[inline]
    fn note(&mut self, who: usize) {
        if let Some(trace) = &mut self.trace {
            let access = self.parties.get(who).map_or(Access::Notify, |party| party.next);
            trace.push_back((who, access));
            if trace.len() > TRACE {
                trace.pop_front();
            }
        }
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next: Vec<_> = self.parties.iter().map(|party| (&party.name, party.next)).collect();
        f.debug_struct("Scheduler").field("steps", &self.steps).field("next", &next).finish()
    }
}

/// Ends a step of this party and announces the next one. Call it before each access to
/// shared memory: until it returns, others may run.
///
/// Returns false if the party is dying: make no access then. It also returns at once, with
/// true, while a panic of the party unwinds.
///
/// # Panics
/// Outside the run of a [`Scheduler`]. It aborts the program if the party has caught the
/// unwinding that ends it.
#[inline]
#[expect(clippy::must_use_candidate, reason = "a dying party may still load")]
pub fn step(access: Access) -> bool {
    if panicking() {
        return !DYING.get();
    }
    if DYING.get() {
        // It cannot be ended in another way, and would run for ever.
        eprintln!(
            "explore: the reader has caught the unwinding that ends its life. Leave \
             `catch_unwind` out of it, or put it around the code that handles one record"
        );
        std::process::abort();
    }
    let yielder = YIELDER.get();
    assert!(!yielder.is_null(), "this ring exists only in the run that made it");
    // SAFETY: S1: it is not null, so the body of a party is running, and this is the
    // yielder of the innermost one.
    unsafe { &*yielder }.suspend(access);
    true
}

/// What the body of a party yields to.
type Body = Yielder<(), Access>;

thread_local! {
    /// The yielder of the party that is running, or null.
    static YIELDER: Cell<*const Body> = const { Cell::new(ptr::null()) };
    /// A party is being unwound.
    static DYING: Cell<bool> = const { Cell::new(false) };
    /// Stacks to use again: a run is too short to map new ones.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// One that takes steps.
struct Party {
    name: String,
    /// `None` after its end.
    coroutine: Option<Coroutine<(), Access, ()>>,
    /// The yielder of the coroutine, or null before its start.
    yielder: Rc<Cell<*const Body>>,
    /// Its next action.
    next: Access,
    /// The end of a stall.
    until: u64,
}

impl Party {
    fn new(name: String, until: u64, body: impl FnOnce() + 'static) -> Self {
        let stack = STACKS.with_borrow_mut(Vec::pop).unwrap_or_default();
        let yielder = Rc::new(Cell::new(ptr::null()));
        let mine = yielder.clone();
        let body = move |yielder: &Body, ()| {
            mine.set(yielder);
            YIELDER.set(yielder);
            body();
        };
        let coroutine = Some(Coroutine::with_stack(stack, body));
        Self { name, coroutine, yielder, next: Access::Stall(0), until }
    }

    /// Unwinds the party at its current step. It takes no more steps.
    fn end(&mut self) {
        if let Some(mut coroutine) = self.coroutine.take() {
            let (before, dying) = (YIELDER.replace(self.yielder.get()), DYING.replace(true));
            coroutine.force_unwind();
            YIELDER.set(before);
            DYING.set(dying);
            STACKS.with_borrow_mut(|stacks| stacks.push(coroutine.into_stack()));
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        self.end();
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("without a message");
    match super::panics::place() {
        Some(place) => format!("{text} ({place})"),
        None => text.to_owned(),
    }
}
