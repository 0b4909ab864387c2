//! The run of a setup: its parties and their bodies.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ringbuf_core::{Capacity, Consumer, Drained, RingSet, WaitHost, WaitPolicy};
use ringbuf_sim::{Flags, KernelRing};

use crate::costs::Costs;
use crate::cpu::Cpu;
use crate::engine::{self, Party, Queue, Switch};
use crate::kernel_side::{KernelSide, PAGE};
use crate::reader::Loop;
use crate::reader_side::{ReaderOfMany, ReaderSide};
use crate::ring::Ring;
use crate::seat::{Seat, picos};
use crate::workload::Plan;
use crate::world::World;
use crate::{Report, Setup, SetupError, Wakeups};

impl Setup {
    /// Runs it in virtual time.
    ///
    /// # Errors
    /// [`SetupError`]: it cannot be run.
    pub fn run(&self) -> Result<Report, SetupError> {
        self.run_watched(&mut |_| ())
    }

    /// Runs it in virtual time, and tells the watcher now and then how far it is. It changes
    /// nothing in the report.
    ///
    /// ```
    /// use ringbuf_model::{Machine, Setup};
    ///
    /// let mut setup = Setup::new(Machine::named("vm-2cpu")?);
    /// setup.arrivals = ringbuf_model::Arrivals::Poisson { rate: 1_000_000 };
    /// let mut looks = 0;
    /// let report = setup.run_watched(&mut |progress| {
    ///     assert!(progress.done <= progress.all);
    ///     looks += 1;
    /// })?;
    /// assert!(looks > 0 && report.accepted > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_watched(&self, watch: &mut dyn FnMut(Progress)) -> Result<Report, SetupError> {
        self.check()?;
        let capacity = Capacity::new(self.ring, PAGE).map_err(SetupError::Ring)?;
        let (readers, producers) = (self.reading_threads(), self.producers);
        let sampler = usize::from(self.samples > 0);
        let reader_of = |ring: usize| (readers > 0).then(|| (ring * readers / self.rings) as u32);
        let rings =
            (0..self.rings).map(|ring| Ring::new(capacity, self.release.width, reader_of(ring)));
        let queue = Queue::new(readers + producers + sampler);
        let warm = picos(self.warm_up);
        let mut world =
            World::new(queue, Costs::new(&self.machine), rings.collect(), self.seed, warm);
        world.lost_notifications = self.faults.lose_notifications;
        world.shared.resize_with(self.shared_cpus(), Cpu::default);
        let world = Rc::new(world);

        let mut parties = Vec::new();
        if let Some(way) = self.reader.to_loop() {
            for reader in 0..readers {
                parties.push(self.reader(&world, reader, way.clone())?);
            }
        }
        for producer in 0..producers {
            parties.push(self.producer(&world, readers, producer)?);
        }
        if sampler == 1 {
            parties.push(self.sampler(&world, parties.len())?);
        }
        let all = self.warm_up + self.duration;
        let progress = |now: u64| Progress { done: Duration::from_nanos(now / 1000).min(all), all };
        watch(progress(0));
        engine::run(&world.queue, parties, picos(all), |now| watch(progress(now)));
        watch(Progress { done: all, all });
        Ok(Report::new(self, world.totals()))
    }

    fn reader(&self, world: &Rc<World>, number: usize, way: Loop) -> Result<Party, SetupError> {
        let mine: Vec<_> = (0..self.rings)
            .filter(|ring| world.rings[*ring].reader == Some(number as u32))
            .collect();
        let (world, cpu) = (world.clone(), self.cpu_of_reader(number));
        let work = Work { handler: picos(self.handler), pause: self.faults.pause };
        let body = move |switch: &Switch| {
            let mut seat = Seat::new(&world, switch, number as u32, cpu);
            seat.start_on(world.shared.get(cpu));
            match *mine {
                [ring] => work.read_one(&seat, &world.rings[ring], &way),
                _ => work.read_many(&seat, mine.iter().map(|ring| &world.rings[*ring]), &way),
            }
        };
        engine::party(body).map_err(SetupError::Stacks)
    }

    fn producer(
        &self,
        world: &Rc<World>,
        readers: usize,
        number: usize,
    ) -> Result<Party, SetupError> {
        let (world, setup) = (world.clone(), self.clone());
        let body = move |switch: &Switch| {
            let seat =
                Seat::new(&world, switch, (readers + number) as u32, setup.cpu_of_producer(number));
            produce(&seat, &world.rings[setup.ring_of(number)], &setup, number);
        };
        engine::party(body).map_err(SetupError::Stacks)
    }

    fn sampler(&self, world: &Rc<World>, who: usize) -> Result<Party, SetupError> {
        let every = (picos(self.duration) / u64::from(self.samples)).max(1);
        let world = world.clone();
        let body = move |switch: &Switch| {
            let seat = Seat::new(&world, switch, who as u32, 0);
            seat.sleep_until(world.warm);
            loop {
                world.sample(seat.now());
                seat.sleep_until(seat.now() + every);
            }
        };
        engine::party(body).map_err(SetupError::Stacks)
    }
}

/// How far a run is, in virtual time, with its warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The virtual time so far.
    pub done: Duration,
    /// The virtual time of the whole run.
    pub all: Duration,
}

/// The program on one CPU.
fn produce(seat: &Seat<'_>, ring: &Ring, setup: &Setup, number: usize) {
    let side = KernelSide { seat, ring };
    // SAFETY: P1: all producers of this ring share its lock and its positions, and only they
    // store them.
    let kernel = unsafe { KernelRing::new(side, side) };
    // SAFETY: nothing is reserved yet.
    let mut kernel = unsafe { kernel.on(setup.release) };
    if setup.overwrite {
        // SAFETY: nothing is reserved yet, and no consumer exists.
        kernel = unsafe { kernel.overwriting() };
    }
    let flags = match setup.faults.wakeups {
        Wakeups::Adaptive => Flags::ADAPTIVE,
        Wakeups::Never => Flags::NO_WAKEUP,
        Wakeups::Always => Flags::FORCE_WAKEUP,
    };
    let mut plan = Plan::new(&setup.arrivals, setup.sizes, number, setup.producers);
    let (world, costs) = (seat.world, seat.costs());
    loop {
        let (time, size) = plan.next(seat.now(), &mut seat.random());
        seat.sleep_until(time);
        let began = seat.now();
        seat.spend(seat.random().around(costs.program, 10));
        let Ok(reservation) = kernel.reserve(size) else {
            world.count(seat.now(), |totals| {
                totals.refused += 1;
                totals.call.saturating_record((seat.now() - began) / 1000);
            });
            continue;
        };
        if let Some((stall, share)) = setup.faults.stall {
            if seat.random().happens(share) {
                seat.spend(picos(stall));
            }
        }
        if seat.random().happens(setup.faults.discard) {
            world.count(seat.now(), |totals| totals.discarded += 1);
            reservation.discard(flags);
        } else {
            reservation.submit(flags);
        }
        world.count(seat.now(), |totals| {
            totals.accepted += 1;
            totals.call.saturating_record((seat.now() - began) / 1000);
        });
    }
}

/// The usual timeout of `ring_buffer__poll`.
const POLL: Duration = Duration::from_millis(100);

/// What a reader does beside reading.
#[derive(Clone, Copy, Debug)]
struct Work {
    handler: u64,
    pause: Option<(Duration, Duration)>,
}

impl Work {
    /// Reads one ring for ever.
    fn read_one(self, seat: &Seat<'_>, ring: &Ring, way: &Loop) {
        let side = ReaderSide { seat, ring, is_level: matches!(way, Loop::OneByOne(_)) };
        // SAFETY: C1: each ring has one reader.
        let Ok(mut consumer) = (unsafe { Consumer::new(side) }) else { return };
        match way {
            Loop::Wait(policy) | Loop::OneByOne(policy) => consumer.set_policy(policy.clone()),
            Loop::Spin(_) => consumer.hold_back(ring.capacity.bytes() / 4),
            Loop::Busy => {}
        }
        let shift = Shift::begin(seat);
        loop {
            match way {
                Loop::Wait(_) | Loop::Spin(_) => {
                    let end = consumer.drain(|record| {
                        self.handle(&shift, ring, record.position());
                    });
                    debug_assert!(end.is_ok(), "{end:?}");
                }
                Loop::OneByOne(_) | Loop::Busy => {
                    while let Ok(Some(record)) = consumer.next_record() {
                        self.handle(&shift, ring, record.position());
                    }
                }
            }
            shift.account();
            seat.let_others_run();
            shift.stop(self.pause);
            match way {
                Loop::Wait(_) => {
                    let Ok(_) = consumer.wait(None);
                }
                Loop::OneByOne(_) => {
                    let Ok(_) = side.block(POLL);
                }
                Loop::Spin(pause) => seat.spend(picos(*pause)),
                Loop::Busy => {}
            }
        }
    }

    /// Reads many rings for ever.
    fn read_many<'w>(self, seat: &Seat<'w>, rings: impl Iterator<Item = &'w Ring>, way: &Loop) {
        let policy = match way {
            Loop::Wait(policy) | Loop::OneByOne(policy) => policy.clone(),
            Loop::Spin(pause) => WaitPolicy::low_latency().spin_for(Duration::MAX).pause(*pause),
            Loop::Busy => WaitPolicy::low_latency().spin_for(Duration::MAX).release_fraction(0),
        };
        let mut set = RingSet::new(ReaderOfMany::new(seat), Vec::new(), policy);
        for ring in rings {
            let side = ReaderSide { seat, ring, is_level: false };
            // SAFETY: C1: each ring has one reader.
            let Ok(consumer) = (unsafe { Consumer::new(side) }) else { return };
            if set.insert(consumer, ring).is_err() {
                return;
            }
        }
        let shift = Shift::begin(seat);
        loop {
            let end = set.drain(|ring, record| self.handle(&shift, ring, record.position()));
            debug_assert!(matches!(end, Ok(Drained::Empty | Drained::Limit)), "{end:?}");
            shift.account();
            shift.stop(self.pause);
            let Ok(_) = set.wait(None);
        }
    }

    fn handle(self, shift: &Shift<'_, '_>, ring: &Ring, position: ringbuf_core::Position) {
        let seat = shift.seat;
        let latency = seat.now().saturating_sub(ring.commit_of(position)) / 1000;
        seat.spend(self.handler);
        seat.world.count(seat.now(), |totals| {
            totals.delivered += 1;
            totals.slowest = totals.slowest.max(latency);
            totals.latency.saturating_record(latency);
        });
        shift.account();
        seat.let_others_run();
    }
}

/// The working time of a reader, and its stops.
struct Shift<'s, 'y> {
    seat: &'s Seat<'y>,
    /// Its clock and its sleep at the last account.
    since: Cell<(u64, u64)>,
    /// The number of stops so far.
    stops: Cell<u64>,
}

impl<'s, 'y> Shift<'s, 'y> {
    fn begin(seat: &'s Seat<'y>) -> Self {
        Self { seat, since: Cell::new((seat.now(), seat.asleep())), stops: Cell::new(0) }
    }

    /// Adds the time since the last call. A drain can go on for ever, so this is called for each
    /// record.
    fn account(&self) {
        let (now, asleep) = (self.seat.now(), self.seat.asleep());
        let since = self.since.replace((now, asleep));
        let worked = (now - since.0).saturating_sub(asleep - since.1);
        self.seat.world.count(now, |totals| totals.worked += worked);
    }

    /// Stops if it is time to.
    fn stop(&self, pause: Option<(Duration, Duration)>) {
        let Some((length, every)) = pause else { return };
        let now = self.seat.now();
        let stops = now / picos(every).max(1);
        if stops > self.stops.replace(stops) {
            self.seat.sleep_until(now + picos(length));
        }
    }
}
