//! A producer: the simulator's [`KernelRing`], driven by a script.

use std::mem;

use super::{Access, Act, step};
use crate::{Flags, Host, KernelMemory, KernelReservation, KernelRing, Refused};

/// Sees what a producer does, and fills its records.
///
/// ```
/// use std::cell::Cell;
/// use ringbuf_sim::explore::Observer;
/// use ringbuf_sim::{Flags, Host, KernelMemory, KernelReservation, Refused};
///
/// /// Counts what is committed, and leaves the records as they are.
/// #[derive(Default)]
/// struct Count(Cell<u64>);
///
/// impl<M: KernelMemory, H: Host> Observer<M, H> for Count {
///     fn reserves(&self, _: u64) {}
///     fn was_refused(&self, _: Refused) {}
///     fn fill(&self, _: u64, _: &mut KernelReservation<'_, M, H>) {}
///     fn commits(&self, _: u64, flags: Flags) -> Flags {
///         flags
///     }
///     fn has_committed(&self, _: u64) {
///         self.0.set(self.0.get() + 1);
///     }
/// }
/// ```
pub trait Observer<M: KernelMemory, H: Host> {
    /// The producer is about to reserve `len` bytes.
    fn reserves(&self, len: u64);

    /// The reservation was refused, so the record is dropped, as in a BPF program.
    fn was_refused(&self, why: Refused);

    /// Fills the record with this number, counted from 0.
    fn fill(&self, number: u64, reservation: &mut KernelReservation<'_, M, H>);

    /// The producer is about to commit the record with this number. Returns the flags to
    /// commit it with.
    fn commits(&self, number: u64, flags: Flags) -> Flags;

    /// The commit has returned, and so has its notification.
    fn has_committed(&self, number: u64);
}

/// Runs a script, then commits all open reservations.
///
/// ```
/// # use std::cell::{Cell, RefCell, RefMut};
/// use ringbuf_sim::explore::{Act, produce};
/// # use ringbuf_sim::explore::Observer;
/// # use ringbuf_sim::{Flags, Host, KernelMemory, KernelReservation, Positions, Refused};
/// use ringbuf_core::{Position, Width};
/// use ringbuf_sim::{KernelRing, SimRing};
/// # #[derive(Default)]
/// # struct Count(Cell<u64>); // as in the example of `Observer`
/// # impl<M: KernelMemory, H: Host> Observer<M, H> for Count {
/// #     fn reserves(&self, _: u64) {}
/// #     fn was_refused(&self, _: Refused) {}
/// #     fn fill(&self, _: u64, _: &mut KernelReservation<'_, M, H>) {}
/// #     fn commits(&self, _: u64, flags: Flags) -> Flags { flags }
/// #     fn has_committed(&self, _: u64) {
/// #         self.0.set(self.0.get() + 1);
/// #     }
/// # }
/// # struct OneThread(RefCell<Positions>);
/// # impl Host for OneThread {
/// #     type Guard<'a> = RefMut<'a, Positions>;
/// #     fn lock(&self) -> RefMut<'_, Positions> {
/// #         self.0.borrow_mut()
/// #     }
/// #     fn notify(&self) {}
/// # }
///
/// let ring = SimRing::new(4096)?;
/// let start = Position::new(0, Width::Bits64);
/// let host = OneThread(RefCell::new(Positions::starting_at(start))); // a `Host`
/// // SAFETY: P1: the ring is new, and has no other producer.
/// let kernel = unsafe { KernelRing::new(ring.producer_memory(), host) };
/// let count = Count::default(); // an `Observer`
/// produce(&kernel, &[Act::Reserve { len: 8 }, Act::Reserve { len: 4 }], &count);
/// assert_eq!(count.0.get(), 2); // open records are committed at the end
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn produce<M: KernelMemory, H: Host>(
    kernel: &KernelRing<M, H>,
    script: &[Act],
    observer: &impl Observer<M, H>,
) {
    let mut open = Vec::new();
    let mut number = 0;
    let commit = |(number, reservation): (u64, KernelReservation<'_, M, H>), flags, submit| {
        let flags = observer.commits(number, flags);
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
