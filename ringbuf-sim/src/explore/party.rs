//! A producer: the simulator's [`KernelRing`], driven by a script.

use std::mem;

use super::{Access, Act, step};
use crate::{Flags, Host, KernelMemory, KernelReservation, KernelRing, Refused};

/// Sees what a producer does, and fills its records.
pub trait Observer<M: KernelMemory, H: Host> {
    /// The producer is about to reserve `len` bytes.
    fn reserves(&self, len: u64);

    /// The reservation was refused, so the record is dropped, as in a BPF program.
    fn was_refused(&self, why: Refused);

    /// Fills the record with this number, counted from 0.
    fn fill(&self, number: u64, reservation: &mut KernelReservation<'_, M, H>);

    /// The producer is about to commit the record with this number.
    fn commits(&self, number: u64, flags: Flags);

    /// The commit has returned, and so has its notification.
    fn has_committed(&self, number: u64);
}

/// Runs a script, then commits all open reservations.
pub fn produce<M: KernelMemory, H: Host>(
    kernel: &KernelRing<M, H>,
    script: &[Act],
    observer: &impl Observer<M, H>,
) {
    let mut open = Vec::new();
    let mut number = 0;
    let commit = |(number, reservation): (u64, KernelReservation<'_, M, H>), flags, submit| {
        observer.commits(number, flags);
        if submit {
            reservation.submit(flags);
        } else {
            reservation.discard(flags);
        }
        observer.has_committed(number);
    };
    for act in script {
        match *act {
            Act::Reserve { len } => {
                observer.reserves(len);
                match kernel.reserve(len) {
                    Ok(mut reservation) => {
                        observer.fill(number, &mut reservation);
                        open.push((number, reservation));
                        number += 1;
                    }
                    Err(why) => observer.was_refused(why),
                }
            }
            Act::Submit { which, flags } => {
                take(&mut open, which).into_iter().for_each(|it| commit(it, flags, true));
            }
            Act::Discard { which, flags } => {
                take(&mut open, which).into_iter().for_each(|it| commit(it, flags, false));
            }
            Act::Forget { which } => take(&mut open, which).into_iter().for_each(mem::forget),
            Act::Stall { steps } => {
                step(Access::Stall(steps));
            }
            Act::Query { kind } => {
                kernel.query(kind);
            }
        }
    }
    open.into_iter().for_each(|it| commit(it, Flags::ADAPTIVE, true));
}

fn take<T>(open: &mut Vec<T>, which: usize) -> Option<T> {
    (!open.is_empty()).then(|| open.swap_remove(which % open.len()))
}
