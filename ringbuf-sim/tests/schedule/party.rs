//! What a producer and a consumer do: core's `Consumer` and the simulator's
//! `KernelRing`, as they are, driven by a script or by chance.

use std::rc::Rc;

use corosensei::Yielder;
use ringbuf_core::{Armed, Consumer, Next};
use ringbuf_sim::{Flags, KernelReservation, KernelRing, Refused};

use crate::check::Record;
use crate::memory::{ConsumerView, KernelView, Words};
use crate::plan::{Act, Plan, Random};
use crate::ring::{Access, Seat, Shared, Surroundings};

type Kernel<'s> = KernelRing<KernelView<'s>, Surroundings<'s>>;
type Reservation<'r, 's> = KernelReservation<'r, KernelView<'s>, Surroundings<'s>>;

/// A producer: its script, then a commit of all that is still open.
pub(crate) fn produce(
    shared: Rc<Shared>,
    yielder: &Yielder<(), Access>,
    party: usize,
    script: &[Act],
) {
    let seat = Seat::new(shared, yielder, party);
    // SAFETY: P1: the producers of a run share the memory and the positions in
    // the host, so that together they are the one ring that produces.
    let kernel: Kernel<'_> = unsafe { KernelRing::new(KernelView(&seat), Surroundings(&seat)) };
    let mut open = Vec::new();
    let mut number = 0;
    for act in script {
        match *act {
            Act::Reserve { len } => {
                if let Some(reservation) = reserve(&seat, &kernel, len, party, number) {
                    open.push((number, reservation));
                    number += 1;
                }
            }
            Act::Submit { which, flags } => {
                take(&mut open, which).into_iter().for_each(|it| commit(&seat, it, flags, true));
            }
            Act::Discard { which, flags } => {
                take(&mut open, which).into_iter().for_each(|it| commit(&seat, it, flags, false));
            }
            Act::Forget { which } => {
                take(&mut open, which).into_iter().for_each(std::mem::forget);
            }
            Act::Stall { steps } => {
                seat.step(Access::Stall(steps));
            }
            Act::Query { kind } => {
                kernel.query(kind);
            }
        }
    }
    open.into_iter().for_each(|it| commit(&seat, it, Flags::ADAPTIVE, true));
}

fn reserve<'r, 's>(
    seat: &Seat<'_>,
    kernel: &'r Kernel<'s>,
    len: u64,
    party: usize,
    number: u64,
) -> Option<Reservation<'r, 's>> {
    seat.asking.set(len);
    let tally = &seat.shared.tally;
    let mut reservation = match kernel.reserve(len) {
        Ok(reservation) => reservation,
        Err(Refused::Full) => return tally.full.more(),
        Err(Refused::PendingInTheWay) => return tally.pending_in_the_way.more(),
        Err(_) => return tally.too_large.more(),
    };
    for word in 0..reservation.len().div_ceil(8) {
        reservation.set(word, pattern(party, number, word));
    }
    Some(reservation)
}

fn take<T>(open: &mut Vec<T>, which: usize) -> Option<T> {
    (!open.is_empty()).then(|| open.swap_remove(which % open.len()))
}

fn commit(
    seat: &Seat<'_>,
    (number, reservation): (u64, Reservation<'_, '_>),
    flags: Flags,
    submit: bool,
) {
    seat.committing.set(Some(flags));
    seat.notified.set(false);
    if submit {
        reservation.submit(flags);
    } else {
        reservation.discard(flags);
    }
    seat.committing.set(None);
    seat.check(|check| check.told(seat.party, number, seat.notified.get()));
}

/// A consumer: it reads, waits as an edge-triggered waiter does, and never ends
/// by itself.
pub(crate) fn consume(shared: Rc<Shared>, yielder: &Yielder<(), Access>, plan: &Plan, seed: u64) {
    let seat = Seat::new(shared, yielder, usize::MAX);
    let mut random = Random::new(seed);
    loop {
        seat.loads.set(0);
        // SAFETY: C1: the scheduler lets one consumer live at a time, and the
        // last one in this loop is gone.
        let found = match unsafe { Consumer::new(ConsumerView(&seat)) } {
            Ok(mut consumer) => {
                consumer.release_after(plan.release_after);
                live(&seat, &mut consumer, plan, &mut random)
            }
            Err(corrupt) => corrupt,
        };
        seat.check(|check| check.corrupt(&found));
        seat.shared.tally.corrupt.more::<()>();
        // Looks again at what it cannot read, now and then.
        seat.step(Access::Stall(10));
    }
}

/// Reads and sleeps until the ring is corrupt.
fn live(
    seat: &Seat<'_>,
    consumer: &mut Consumer<ConsumerView<'_>>,
    plan: &Plan,
    random: &mut Random,
) -> ringbuf_core::Corrupt {
    loop {
        match read(seat, consumer, plan, random) {
            Ok(End::More) if random.below(8) != 0 => continue,
            Ok(_) => {}
            Err(corrupt) => {
                let again = consumer.batch().next().err();
                seat.check(|check| check.must(again == Some(corrupt), || "not for ever".into()));
                return corrupt;
            }
        }
        seat.loads.set(0);
        match random.below(16) {
            0 => consumer.publish(),
            1 => match consumer.lag() {
                Ok(lag) => seat.check(|check| check.lag(lag)),
                Err(corrupt) => return corrupt,
            },
            _ => {}
        }
        seat.shared.edge.set(false);
        seat.loads.set(0);
        if consumer.arm() == Armed::Ready {
            seat.check(|check| check.ready());
        } else {
            seat.shared.tally.sleeps.more::<()>();
            seat.step(Access::Sleep);
        }
    }
}

/// How a batch ended.
#[derive(PartialEq, Eq)]
enum End {
    /// At nothing, or at something busy.
    Nothing,
    More,
}

/// One batch, bounded or not, consumed or not; its records are read one by one
/// or all at the end.
fn read(
    seat: &Seat<'_>,
    consumer: &mut Consumer<ConsumerView<'_>>,
    plan: &Plan,
    random: &mut Random,
) -> Result<End, ringbuf_core::Corrupt> {
    let (few, keep, late) = (1 + random.below(3), random.below(8) == 0, random.below(3) == 0);
    let (batch, most) = match random.below(6) {
        0 => (consumer.batch().at_most(few), u64::MAX),
        1 => (consumer.batch().within(24 * few), u64::MAX),
        2 => (consumer.batch(), few),
        _ => (consumer.batch(), u64::MAX),
    };
    let mut held = Vec::new();
    let end = loop {
        if batch.delivered() >= most {
            break Ok(End::More);
        }
        seat.loads.set(0);
        let record = match batch.next() {
            Ok(Next::Record(record)) => record,
            Ok(Next::Busy | Next::Empty) => break Ok(End::Nothing),
            Ok(Next::Limit) => break Ok(End::More),
            Err(corrupt) => break Err(corrupt),
        };
        if plan.hostile {
            for word in 0..record.len().div_ceil(8) {
                record.get(word);
            }
            continue;
        }
        let (at, len) = (record.position(), record.sample_len().get().into());
        let expected = seat.check(|check| check.delivered(at, len));
        held.extend(expected.map(|expected| (record, expected)));
        if let Some((record, expected)) = held.last().filter(|_| !late) {
            compare(seat, record, expected);
        }
    };
    // What was read once must stand until the batch ends.
    held.iter().filter(|_| late).for_each(|(record, expected)| compare(seat, record, expected));
    drop(held);
    if keep {
        batch.keep();
        seat.check(|check| check.kept());
        return end;
    }
    let held = batch.held();
    let counts = seat.check(|check| check.consumed(held));
    drop(batch);
    let (position, found) = (consumer.position(), consumer.counts());
    seat.check(|check| check.batch_ended(position, found == counts));
    end
}

fn compare(seat: &Seat<'_>, sample: &Words<'_>, expected: &Record) {
    for word in 0..sample.len().div_ceil(8) {
        let found = sample.get(word);
        let right = pattern(expected.producer, expected.number, word);
        seat.check(|check| {
            check.must(found == right, || format!("torn: word {word} is {found:#x}: {expected:?}"));
        });
    }
}

/// The words of a sample: no two are alike, nor those of two records.
fn pattern(producer: usize, number: u64, word: usize) -> u64 {
    ((producer as u64 + 1) << 56) | (number << 24) | word as u64
}
