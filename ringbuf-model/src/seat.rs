//! [`Seat`]: a party's place at the machine, with its clock.

use std::cell::{Cell, RefCell, RefMut};
use std::time::Duration;

use crate::costs::Costs;
use crate::cpu::Cpu;
use crate::engine::{Switch, Turn};
use crate::line::Line;
use crate::random::Random;
use crate::world::World;

/// A party's place at the machine. Its clock is ahead of that of the party whose turn it
/// was before, and never behind.
pub(crate) struct Seat<'y> {
    pub(crate) world: &'y World,
    switch: &'y Switch,
    pub(crate) who: u32,
    pub(crate) cpu: usize,
    now: Cell<u64>,
    /// The time for which it slept.
    asleep: Cell<u64>,
    /// The CPU, if it is a reader that shares it.
    shared: Option<&'y Cpu>,
    random: RefCell<Random>,
}

impl<'y> Seat<'y> {
    pub(crate) fn new(world: &'y World, switch: &'y Switch, who: u32, cpu: usize) -> Self {
        let random = RefCell::new(Random::new(world.seed, u64::from(who) + 1));
        let (now, asleep) = (Cell::new(world.queue.now()), Cell::new(0));
        Self { world, switch, who, cpu, now, asleep, shared: None, random }
    }

    pub(crate) fn costs(&self) -> &'y Costs {
        &self.world.costs
    }

    pub(crate) fn random(&self) -> RefMut<'_, Random> {
        self.random.borrow_mut()
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    /// Returns the time for which it slept, up to now.
    pub(crate) fn asleep(&self) -> u64 {
        self.asleep.get()
    }

    /// Lets time pass, without an access to shared memory.
    #[inline]
    pub(crate) fn spend(&self, picos: u64) {
        self.now.set(self.now.get() + picos);
    }

    /// Lets all others run that are earlier. Comes before each access to shared memory.
    #[inline]
    pub(crate) fn turn(&self) {
        if self.world.queue.is_behind(self.now()) {
            self.switch.suspend(Turn::At(self.now()));
        }
    }

    /// Stores to a line.
    #[inline]
    pub(crate) fn write(&self, line: &RefCell<Line>) {
        self.now.set(line.borrow_mut().write(self.costs(), self.cpu, self.now()));
    }

    /// Loads from a line.
    #[inline]
    pub(crate) fn read(&self, line: &RefCell<Line>) {
        self.now.set(line.borrow_mut().read(self.costs(), self.cpu, self.now()));
    }

    /// Waits until another party [schedules](crate::engine::Queue::schedule) this one.
    pub(crate) fn park(&self) {
        if !self.world.queue.is_over() {
            self.switch.suspend(Turn::Parked);
            self.now.set(self.world.queue.now());
        }
    }

    /// Takes a CPU that others use, too.
    pub(crate) fn start_on(&mut self, shared: Option<&'y Cpu>) {
        self.shared = shared;
        self.take_cpu();
    }

    /// Lets the other readers of this CPU run, if it is their turn.
    #[inline]
    pub(crate) fn let_others_run(&self) {
        if self.shared.is_some_and(|cpu| cpu.is_due(self.now())) {
            self.give_cpu();
            self.take_cpu();
        }
    }

    /// The wait for the CPU counts as sleep.
    fn take_cpu(&self) {
        if let Some(cpu) = self.shared {
            self.asleep.set(self.asleep() + cpu.take(self));
        }
    }

    fn give_cpu(&self) {
        if let Some(cpu) = self.shared {
            cpu.give(self);
        }
    }

    /// Sleeps until this time.
    pub(crate) fn sleep_until(&self, time: u64) {
        let before = self.now();
        if time > before {
            self.give_cpu();
            let before = self.now();
            self.now.set(time.max(before));
            self.asleep.set(self.asleep() + (self.now() - before));
            self.turn();
            return self.take_cpu();
        }
        self.turn();
    }

    /// Sleeps until another party wakes this one, or until `deadline`. Returns true if it
    /// was woken.
    pub(crate) fn sleep_or_wake(&self, deadline: u64) -> bool {
        self.give_cpu();
        let (before, queue) = (self.now(), &self.world.queue);
        queue.fall_asleep(self.who, deadline.max(before));
        self.park();
        self.asleep.set(self.asleep() + self.now().saturating_sub(before));
        let was_woken = queue.was_woken(self.who);
        self.take_cpu();
        was_woken
    }

    /// Returns the time as the wait loop sees it.
    pub(crate) fn clock(&self) -> Duration {
        self.spend(self.costs().clock);
        Duration::from_nanos(self.now() / 1000)
    }
}

/// Returns a time in picoseconds. Very long times become half a year.
pub(crate) fn picos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).saturating_mul(1000).min(u64::MAX / 4)
}
