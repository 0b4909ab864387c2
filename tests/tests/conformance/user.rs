//! The user ring: our producer over the kernel's pages and over the simulator's, and the drain of
//! each.

use std::cell::Cell;
use std::ops::{ControlFlow, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Release};

use ringbuf_core::{
    Header, PageOffset, Position, Producer, ProducerMemory, Reservation, ReserveError,
};
use ringbuf_kernel::UserRingBuf;
use ringbuf_sim::{DrainError, Flags, SimUserRing};
use ringbuf_tests::{Drained, RawRing, UserDrain, poll_now};

use crate::cases::Difference;
use crate::look::{data, unequal};
use crate::user_script::UserStep;

/// What poll(2) says of a user ring with room.
const WRITABLE: u32 = 0x104;

/// What is to be seen after one step.
#[derive(Debug)]
struct Moment {
    reserved: Result<(), ReserveError>,
    drained: Option<(Drained, Vec<Vec<u8>>)>,
    /// Consumer and producer position, and what the producer says is not drained.
    positions: [u64; 3],
    /// Whether edge-triggered epoll reports the ring, and whether poll(2) says it is writable.
    told: [bool; 2],
    data: Vec<u8>,
}

/// Runs the scripts on a ring of so many bytes in both worlds, up to the first difference.
/// `count` is told of each step.
pub(crate) fn compare(
    bytes: u32,
    scripts: &[Vec<UserStep>],
    payload: &[u8],
    mut count: impl FnMut(&UserStep, i64),
) -> Result<(), Difference> {
    let mut live = Live::new(bytes);
    let simulated = Simulated::new(bytes);
    let ring = UserRingBuf::open(live.drain.map()).expect("the user ring opens");
    let producer = simulated.ring.producer().expect("the only producer");
    for (number, script) in scripts.iter().enumerate() {
        let mut here = Open { producer: ring.producer(), open: Vec::new(), payload };
        let mut there = Open { producer: &producer, open: Vec::new(), payload };
        for (at, step) in script.iter().enumerate() {
            let (here, there) = (here.step(*step), there.step(*step));
            let (drained, simulated_drain) = (live.drain(*step), simulated.drain(*step));
            let live = live.look(here, drained, ring.lag());
            let simulated = simulated.look(there, simulated_drain, producer.lag());
            if let Some(what) = difference(&live, &simulated) {
                let what = format!("after step {at}: {what}");
                return Err(Difference { script: number, what });
            }
            let ret = simulated.drained.map_or(0, |(drained, _)| drained.ret);
            count(step, if simulated.reserved.is_ok() { ret } else { -1 });
        }
    }
    Ok(())
}

fn difference(live: &Moment, simulated: &Moment) -> Option<String> {
    unequal("reserve", &live.reserved, &simulated.reserved)
        .or_else(|| unequal("drain", &live.drained, &simulated.drained))
        .or_else(|| unequal("positions C P, lag", &live.positions, &simulated.positions))
        .or_else(|| unequal("edge, writable", &live.told, &simulated.told))
        .or_else(|| data(&live.data, &simulated.data))
}

/// A producer with its open reservations, on either side.
struct Open<'p, M: ProducerMemory> {
    producer: &'p Producer<M>,
    open: Vec<Reservation<'p, M>>,
    payload: &'p [u8],
}

impl<'p, M: ProducerMemory> Open<'p, M>
where
    for<'a> M::SampleMut<'a>: DerefMut<Target = [u8]>,
{
    fn step(&mut self, step: UserStep) -> Result<(), ReserveError> {
        match step {
            UserStep::Reserve { size, fill } => {
                let mut reservation = self.producer.reserve(size)?;
                if let Some(from) = fill {
                    let len = reservation.len();
                    reservation.copy_from_slice(&self.payload[from as usize..][..len]);
                }
                self.open.push(reservation);
            }
            UserStep::Submit { which } => {
                self.take(which).into_iter().for_each(Reservation::submit)
            }
            UserStep::Discard { which } => {
                self.take(which).into_iter().for_each(Reservation::discard);
            }
            UserStep::Forge { header, ahead } => self.forge(header, ahead),
            UserStep::Drain { .. } => {}
        }
        Ok(())
    }

    fn take(&mut self, which: usize) -> Option<Reservation<'p, M>> {
        (!self.open.is_empty()).then(|| self.open.swap_remove(which % self.open.len()))
    }

    /// Writes what no producer would. Nothing is open then, nor is anything reserved later.
    fn forge(&self, header: u32, ahead: i64) {
        assert!(self.open.is_empty(), "a forger holds no reservation");
        let memory = self.producer.memory();
        let consumed = memory.load_consumer_pos(Acquire);
        let at = consumed.offset(memory.capacity());
        // SAFETY: no sample is lent out, and the drain checks what it finds.
        unsafe { memory.write_header(at, Header::from_bits(header), PageOffset::NONE) };
        let produced = consumed.get().saturating_add_signed(ahead);
        // SAFETY: as above.
        unsafe { memory.store_producer_pos(Position::new(produced, memory.width()), Release) };
    }
}

struct Live {
    drain: UserDrain,
    pages: RawRing,
}

impl Live {
    fn new(bytes: u32) -> Self {
        let drain = UserDrain::load(bytes).expect("load of user_drain.bpf.c");
        let pages = RawRing::read_only(drain.map()).expect("mmap");
        // A ring that is writable at registration is reported by the first wait.
        assert!(drain.woken().expect("epoll_wait"), "a fresh ring is writable");
        Self { drain, pages }
    }

    fn drain(&mut self, step: UserStep) -> Option<(Drained, Vec<Vec<u8>>)> {
        let UserStep::Drain { flags, stop_at, nest } = step else { return None };
        let drained = self.drain.run(flags, stop_at, nest);
        Some((drained, self.drain.samples()))
    }

    fn look(
        &self,
        reserved: Result<(), ReserveError>,
        drained: Option<(Drained, Vec<Vec<u8>>)>,
        lag: u64,
    ) -> Moment {
        let edge = self.drain.woken().expect("epoll_wait");
        let writable = match poll_now(self.drain.map()).expect("poll") {
            WRITABLE => true,
            0 => false,
            other => panic!("poll says {other:#x}"),
        };
        Moment {
            reserved,
            drained,
            positions: [self.pages.consumer_pos(), self.pages.producer_pos(), lag],
            told: [edge, writable],
            data: self.pages.data(),
        }
    }
}

struct Simulated {
    ring: SimUserRing,
    notified: Cell<u64>,
}

impl Simulated {
    fn new(bytes: u32) -> Self {
        let ring = SimUserRing::new(bytes.into()).expect("a user ring");
        Self { ring, notified: Cell::new(0) }
    }

    fn drain(&self, step: UserStep) -> Option<(Drained, Vec<Vec<u8>>)> {
        let UserStep::Drain { flags, stop_at, nest } = step else { return None };
        let (mut calls, mut nested, mut nested_calls) = (0_u64, 0, 0);
        let mut samples = Vec::new();
        let result = |result: Result<u64, DrainError>| {
            result.map_or_else(|error| error.errno(), |count| count as i64)
        };
        let ret = self.ring.drain(Flags(flags), |sample| {
            samples.push(sample.to_vec());
            calls += 1;
            if nest {
                nested = result(self.ring.drain(Flags::ADAPTIVE, |_| {
                    nested_calls += 1;
                    ControlFlow::Continue(())
                }));
            }
            if calls == stop_at.into() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        Some((Drained { ret: result(ret), calls, nested: (nested, nested_calls) }, samples))
    }

    fn look(
        &self,
        reserved: Result<(), ReserveError>,
        drained: Option<(Drained, Vec<Vec<u8>>)>,
        lag: u64,
    ) -> Moment {
        let pages = self.ring.pages();
        let writable = self.ring.is_writable();
        let now = self.ring.notifications();
        // Epoll asks the ring itself once it was notified.
        let edge = self.notified.replace(now) != now && writable;
        Moment {
            reserved,
            drained,
            positions: [pages.consumer, pages.producer, lag],
            told: [edge, writable],
            data: pages.data,
        }
    }
}
