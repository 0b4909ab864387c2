//! The parties, and the scheduler that steps them.

use std::cell::{Cell, RefCell};
use std::ops::AddAssign;
use std::ops::ControlFlow::{Break, Continue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use corosensei::{Coroutine, CoroutineResult, Yielder};
use ringbuf_core::{Position, Producer, Reservation, ReserveError, Width};
use ringbuf_sim::{Flags, KernelConsumer};

use crate::ring::{Kernel, Locked, RING, Shared, Sleeper, View, Wait};
use crate::{Defect, PRODUCERS};

/// More steps than any seed needs. A run with more is in an endless loop.
const MOST_STEPS: u64 = 200_000;

/// What happened, in one run or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) runs: u64,
    pub(crate) steps: u64,
    pub(crate) order: u64,
    deaths: u64,
    recovered: u64,
    full: u64,
    sleeps: u64,
    timeouts: u64,
    batches: u64,
    batches_dropped: u64,
    two_open: u64,
    delivered: u64,
    discarded: u64,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.steps += other.steps;
        self.order ^= other.order;
        self.deaths += other.deaths;
        self.recovered += other.recovered;
        self.full += other.full;
        self.sleeps += other.sleeps;
        self.timeouts += other.timeouts;
        self.batches += other.batches;
        self.batches_dropped += other.batches_dropped;
        self.two_open += other.two_open;
        self.delivered += other.delivered;
        self.discarded += other.discarded;
    }
}

impl Seen {
    pub(crate) fn has_all(&self) -> bool {
        let Self { deaths, recovered, full, sleeps, timeouts, batches, batches_dropped, .. } = self;
        let counts = [deaths, recovered, full, sleeps, timeouts, batches, batches_dropped];
        let more = [&self.two_open, &self.delivered, &self.discarded];
        counts.into_iter().chain(more).all(|count| *count > 0)
    }
}

/// Numbers from a seed.
#[derive(Clone)]
struct Random(Rc<Cell<u64>>);

impl Random {
    fn new(seed: u64) -> Self {
        let random = Self(Rc::new(Cell::new(seed.wrapping_mul(2).wrapping_add(1))));
        for _ in 0..4 {
            random.below(2);
        }
        random
    }

    fn below(&self, bound: u64) -> u64 {
        let mut state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (state ^ (state >> 31)) % bound
    }
}

/// What the parties of a run share beside the ring.
struct World {
    ring: Rc<Shared>,
    random: Random,
    seen: RefCell<Seen>,
    value: Cell<u64>,
    /// Each drain notifies, as far as it may. So a sleeper needs no timeout.
    loud: bool,
    producer: RefCell<Option<Rc<Producer<View, Locked>>>>,
}

struct Party {
    coroutine: Option<Coroutine<(), Wait, ()>>,
    wait: Wait,
}

impl Party {
    fn new(world: &Rc<World>, number: usize, body: impl FnOnce(&World) + 'static) -> Self {
        let world = world.clone();
        let coroutine = Coroutine::new(move |yielder: &Yielder<(), Wait>, ()| {
            world.ring.enter(number, yielder);
            body(&world);
        });
        Self { coroutine: Some(coroutine), wait: Wait::Nothing }
    }
}

/// Runs one seed to its end. The same seed always runs the same way.
pub(crate) fn run(seed: u64, defect: Option<Defect>) -> Result<Seen, String> {
    let random = Random::new(seed);
    let bytes = [32, 64, 128][random.below(3) as usize];
    let start = [0, (1 << 32) - 64, 4096 + 8 * random.below(64)][random.below(3) as usize];
    let ring = Shared::new(bytes, start, defect);
    RING.set(Some(ring.clone()));
    let world = Rc::new(World {
        ring,
        loud: random.below(2) == 0,
        random,
        seen: RefCell::default(),
        value: Cell::new(1),
        producer: RefCell::new(None),
    });
    let result = schedule(&world, start);
    let wrong = world.ring.check.borrow_mut().wrong.take();
    RING.set(None);
    wrong.map_or(result, Err)?;
    let check = world.ring.check.borrow();
    let mut seen = *world.seen.borrow();
    (seen.runs, seen.delivered, seen.discarded) = (1, check.delivered, check.discarded);
    Ok(seen)
}

fn schedule(world: &Rc<World>, start: u64) -> Result<(), String> {
    let ring = &world.ring;
    let mut parties = life(world);
    parties.push(Party::new(world, PRODUCERS, move |world| drain(world, start)));
    let mut lives = world.random.below(3);
    let switch = 1 + world.random.below(8);
    let mut current = 0;
    for step in 0..MOST_STEPS {
        let may_run = |party: &Party| {
            party.coroutine.is_some()
                && match party.wait {
                    Wait::Nothing => true,
                    Wait::Notified(heard) => ring.notified.get() != heard,
                    Wait::Produced(stored) => ring.stored.get() != stored,
                    Wait::Unlocked => !ring.locked.get(),
                }
        };
        let ready: Vec<usize> = (0..parties.len()).filter(|at| may_run(&parties[*at])).collect();
        let over = parties[..PRODUCERS].iter().all(|party| party.coroutine.is_none());
        if lives > 0 && (over || world.random.below(60) == 0) {
            lives -= 1;
            die(world, &mut parties);
            for (party, new) in parties.iter_mut().zip(life(world)) {
                *party = new;
            }
            continue;
        }
        if ready.is_empty() {
            if over {
                ring.check.borrow_mut().ends();
                return Ok(());
            }
            if world.loud {
                return Err("lost wakeup: all sleep".into());
            }
            // The longest sleep is over.
            world.seen.borrow_mut().timeouts += 1;
            parties[..PRODUCERS].iter_mut().for_each(|party| party.wait = Wait::Nothing);
            continue;
        }
        if !ready.contains(&current) || world.random.below(switch) == 0 {
            current = ready[world.random.below(ready.len() as u64) as usize];
        }
        {
            let mut seen = world.seen.borrow_mut();
            seen.steps += 1;
            seen.order = seen.order.wrapping_mul(31).wrapping_add(current as u64 + 1);
        }
        resume(ring, &mut parties[current], current)?;
        if ring.check.borrow().wrong.is_some() {
            die(world, &mut parties);
            return Err(format!("after {step} steps"));
        }
    }
    Err("it does not end".into())
}

fn resume(ring: &Shared, party: &mut Party, number: usize) -> Result<(), String> {
    ring.running.set(number);
    let Some(coroutine) = &mut party.coroutine else { return Ok(()) };
    match catch_unwind(AssertUnwindSafe(|| coroutine.resume(()))) {
        Ok(CoroutineResult::Yield(wait)) => party.wait = wait,
        Ok(CoroutineResult::Return(())) => party.coroutine = None,
        Err(panic) => {
            party.coroutine = None;
            let text = panic.downcast_ref::<String>().cloned();
            return Err(text.unwrap_or_else(|| "a party panics".into()));
        }
    }
    Ok(())
}

/// The process of the producers dies, wherever its threads are.
fn die(world: &World, parties: &mut [Party]) {
    let ring = &world.ring;
    ring.dead.set(true);
    for (number, party) in parties[..PRODUCERS].iter_mut().enumerate() {
        ring.running.set(number);
        if let Some(mut coroutine) = party.coroutine.take() {
            coroutine.force_unwind();
        }
    }
    world.producer.replace(None);
    ring.locked.set(false);
    ring.dead.set(false);
    world.seen.borrow_mut().deaths += 1;
}

/// The threads of a new process. The first one opens the ring.
fn life(world: &Rc<World>) -> Vec<Party> {
    let first = Party::new(world, 0, |world| {
        open(world);
        produce(world);
    });
    let second = Party::new(world, 1, |world| {
        while world.producer.borrow().is_none() {
            world.ring.step(Wait::Nothing);
        }
        produce(world);
    });
    vec![first, second]
}

/// Opens the ring, discards what was left open, and submits a batch or drops it.
fn open(world: &World) {
    let ring = &world.ring;
    ring.check.borrow_mut().start(ring.producer_pos.get());
    // SAFETY: P1: the process before it is dead.
    let mut producer = unsafe { Producer::new(View::new(ring)) }.expect("sound positions");
    let found = producer.discard_open().expect("sound headers");
    ring.check.borrow_mut().recovered(found);
    world.seen.borrow_mut().recovered += found;
    let mut producer = producer.share::<Locked>();
    for _ in 0..world.random.below(3) {
        let mut batch = producer.batch();
        for _ in 0..1 + world.random.below(3) {
            match batch.push(len(world)) {
                Ok(sample) => sample.fill(value(world)),
                Err(ReserveError::Full { .. }) => world.seen.borrow_mut().full += 1,
                Err(error) => panic!("{error}"),
            }
        }
        let pushed = batch.len();
        if world.random.below(3) == 0 {
            batch.discard();
            world.seen.borrow_mut().batches_dropped += 1;
        } else {
            assert_eq!(batch.submit(), pushed);
            world.seen.borrow_mut().batches += u64::from(pushed > 1);
        }
    }
    world.producer.replace(Some(Rc::new(producer)));
}

fn produce(world: &World) {
    let producer = world.producer.borrow().clone().expect("the first thread has opened it");
    let heard = Cell::new(world.ring.notified.get());
    let sleeper = Sleeper { shared: &world.ring, heard };
    let mut open: Vec<Reservation<'_, View>> = Vec::new();
    for _ in 0..2 + world.random.below(6) {
        let len = len(world);
        let reservation = match producer.reserve(len) {
            Ok(reservation) => reservation,
            Err(ReserveError::Full { .. }) => {
                world.seen.borrow_mut().full += 1;
                // No drain gets past them.
                open.drain(..).for_each(|reservation| commit(world, reservation));
                let before = sleeper.heard.get();
                let reserved = producer.reserve_by(&sleeper, len, Duration::MAX);
                let slept = sleeper.heard.get() != before;
                world.seen.borrow_mut().sleeps += u64::from(slept);
                reserved.expect("no deadline")
            }
            Err(error) => panic!("{error}"),
        };
        reservation.fill(value(world));
        open.push(reservation);
        world.seen.borrow_mut().two_open += u64::from(open.len() > 1);
        while !open.is_empty() && world.random.below(2) == 0 {
            let which = world.random.below(open.len() as u64) as usize;
            commit(world, open.swap_remove(which));
        }
    }
    open.into_iter().for_each(|reservation| commit(world, reservation));
}

fn commit(world: &World, reservation: Reservation<'_, View>) {
    if world.random.below(5) == 0 { reservation.discard() } else { reservation.submit() }
}

/// Bytes of a sample, in whole words, which fit into the ring.
fn len(world: &World) -> u32 {
    let words = world.ring.capacity.bytes() / 8;
    8 * world.random.below((words - 1).min(5)) as u32
}

fn value(world: &World) -> u64 {
    world.value.replace(world.value.get() + 1)
}

/// Drains whenever something was produced or committed, for ever.
fn drain(world: &World, start: u64) {
    let ring = &world.ring;
    let consumed = RefCell::new(Position::new(start, Width::Bits64));
    let host = Kernel { shared: ring.clone(), consumed };
    // SAFETY: C1: the only consumer, which starts at the stored position.
    let kernel = unsafe { KernelConsumer::new(View::new(ring), host) };
    loop {
        let (stored, before) = (ring.stored.get(), ring.consumer_pos.get());
        let flags = if world.loud { 0 } else { world.random.below(3) };
        let stop = world.random.below(4) == 0;
        let drained = kernel.drain(Flags(flags), |sample| {
            let (at, words) = (sample.at(), sample.read());
            ring.check.borrow_mut().delivered(at, &words);
            if stop { Break(()) } else { Continue(()) }
        });
        if let Err(error) = drained {
            ring.check.borrow_mut().must(false, || error.to_string());
        }
        if ring.consumer_pos.get() == before {
            ring.step(Wait::Produced(stored));
        }
    }
}
