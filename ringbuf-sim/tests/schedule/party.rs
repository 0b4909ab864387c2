//! A producer: the simulator's `KernelRing`, unchanged, driven by a script.

use std::rc::Rc;

use ringbuf_sim::explore::{Act, Observer, produce};
use ringbuf_sim::{Flags, KernelReservation, KernelRing, Profile, Refused};

use crate::memory::KernelView;
use crate::ring::{Seat, Shared, Surroundings};

/// Runs a producer: its script, then a commit of all open reservations.
pub(crate) fn run(shared: Rc<Shared>, party: usize, script: &[Act]) {
    let seat = Seat::new(shared, party);
    // SAFETY: P1: the producers of a run share the memory and the positions in the
    // host. Together they are the one ring that produces.
    let kernel = unsafe { KernelRing::new(KernelView(&seat), Surroundings(&seat)) };
    let profile = Profile::from(seat.shared.width).pending_pos(seat.shared.pending_pos);
    // SAFETY: the ring is new; the others of the run are on the same kernel.
    let kernel = unsafe { kernel.on(profile) };
    produce(&kernel, script, &seat);
}

impl<'s> Observer<KernelView<'s>, Surroundings<'s>> for Seat {
    fn reserves(&self, len: u64) {
        self.asking.set(len);
    }

    fn was_refused(&self, why: Refused) {
        let tally = &self.shared.tally;
        match why {
            Refused::Full => tally.full.more::<()>(),
            Refused::PendingInTheWay => tally.pending_in_the_way.more(),
            _ => tally.too_large.more(),
        };
    }

    fn fill(
        &self,
        number: u64,
        reservation: &mut KernelReservation<'_, KernelView<'s>, Surroundings<'s>>,
    ) {
        for word in 0..reservation.len().div_ceil(8) {
            reservation.set(word, pattern(self.party, number, word));
        }
    }

    fn commits(&self, _: u64, flags: Flags) -> Flags {
        self.committing.set(Some(flags));
        self.notified.set(false);
        flags
    }

    fn has_committed(&self, number: u64) {
        self.committing.set(None);
        self.check(|check| check.told(self.party, number, self.notified.get()));
    }
}

/// Returns the words of a sample. No two words are equal, in one record or in two.
pub(crate) fn pattern(producer: usize, number: u64, word: usize) -> u64 {
    ((producer as u64 + 1) << 56) | (number << 24) | word as u64
}
