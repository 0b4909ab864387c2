//! A producer: the simulator's `KernelRing`, unchanged, driven by a script.

use std::rc::Rc;

use corosensei::Yielder;
use ringbuf_sim::{Flags, KernelReservation, KernelRing, Profile, Refused};

use crate::memory::KernelView;
use crate::plan::Act;
use crate::ring::{Access, Seat, Shared, Surroundings};

type Kernel<'s> = KernelRing<KernelView<'s>, Surroundings<'s>>;
type Reservation<'r, 's> = KernelReservation<'r, KernelView<'s>, Surroundings<'s>>;

/// Runs a producer: its script, then a commit of all open reservations.
pub(crate) fn produce(
    shared: Rc<Shared>,
    yielder: &Yielder<(), Access>,
    party: usize,
    script: &[Act],
) {
    let seat = Seat::new(shared, yielder, party);
    // SAFETY: P1: the producers of a run share the memory and the positions in the
    // host. Together they are the one ring that produces.
    let kernel: Kernel<'_> = unsafe { KernelRing::new(KernelView(&seat), Surroundings(&seat)) };
    let profile = Profile::from(seat.shared.width).pending_pos(seat.shared.pending_pos);
    // SAFETY: the ring is new; the others of the run are on the same kernel.
    let kernel = unsafe { kernel.on(profile) };
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
    let reservation = match kernel.reserve(len) {
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

/// Returns the words of a sample. No two words are equal, in one record or in two.
pub(crate) fn pattern(producer: usize, number: u64, word: usize) -> u64 {
    ((producer as u64 + 1) << 56) | (number << 24) | word as u64
}
