//! One consumer of a ring, or one producer of a user ring, in this process.
//!
//! A ring has one consumer position. With two readers, each would let producers write
//! over records that the other is reading. Two producers of a user ring would hand out
//! the same space. The kernel does not prevent that, so the process remembers the ids of
//! the maps that it has open.
//!
//! A child of `fork` starts with the claims of its parent, as with its rings, because it
//! may still use records that those have lent.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::thread;

use crate::OpenError;
use crate::door::Kind;
use crate::owner::Process;

/// The right to the map with this id; dropping it gives it back. The
/// mapping holds the map, so the id cannot come to mean another one meanwhile.
#[derive(Debug)]
pub(crate) struct Claim {
    place: &'static Place,
}

impl Claim {
    pub(crate) fn new(id: u32, kind: Kind, process: Process) -> Result<Self, OpenError> {
        let _locked = Locked::by(process);
        if places().any(|place| place.id.load(Ordering::Relaxed) == id) {
            return Err(match kind {
                Kind::Ring => OpenError::SecondConsumer { id },
                Kind::UserRing => OpenError::SecondProducer { id },
            });
        }
        let free = places().find(|place| place.id.load(Ordering::Relaxed) == FREE);
        let place = free.unwrap_or_else(Place::new);
        place.id.store(id, Ordering::Relaxed);
        Ok(Self { place })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.place.id.store(FREE, Ordering::Relaxed);
    }
}

/// What no map has as its id.
const FREE: u32 = 0;

/// Room for one id, in a list that only grows: whole whenever a fork comes.
#[derive(Debug)]
struct Place {
    id: AtomicU32,
    next: Option<&'static Place>,
}

static FIRST: AtomicPtr<Place> = AtomicPtr::new(ptr::null_mut());

impl Place {
    /// One more. The caller has the lock.
    fn new() -> &'static Self {
        let next = first();
        let place = Box::leak(Box::new(Self { id: AtomicU32::new(FREE), next }));
        FIRST.store(place, Ordering::Release);
        place
    }
}

fn places() -> impl Iterator<Item = &'static Place> {
    std::iter::successors(first(), |place| place.next)
}

fn first() -> Option<&'static Place> {
    // SAFETY: null, or leaked by `Place::new`: it lives as long as the process.
    unsafe { FIRST.load(Ordering::Acquire).as_ref() }
}

/// The lock, which knows who has it: one that a thread of the parent had when
/// this process was forked is nobody's here.
struct Locked;

/// The number of the process that has the lock, or 0.
static LOCK: AtomicU32 = AtomicU32::new(0);

impl Locked {
    fn by(process: Process) -> Self {
        let take = |from| {
            LOCK.compare_exchange(from, process.number(), Ordering::Acquire, Ordering::Relaxed)
        };
        while let Err(found) = take(0) {
            if found != process.number() && take(found).is_ok() {
                break;
            }
            thread::yield_now();
        }
        Self
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        LOCK.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_one_claim_at_a_time() {
        let (id, process) = (u32::MAX, Process::current().unwrap());
        let [consume, produce] =
            [Kind::Ring, Kind::UserRing].map(|kind| move || Claim::new(id, kind, process));
        let claim = consume().unwrap();
        assert!(matches!(consume(), Err(OpenError::SecondConsumer { id: u32::MAX })));
        assert!(matches!(produce(), Err(OpenError::SecondProducer { id: u32::MAX })));
        drop(claim);
        assert!(produce().is_ok());
    }

    #[test]
    fn a_lock_that_the_parent_had_at_the_fork_is_nobodys_in_the_child() {
        let process = Process::current().unwrap();
        let locked = Locked::by(process);
        // SAFETY: the child calls no function that takes a lock but this one's.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let claimed = Process::current().is_ok_and(|it| Claim::new(7, Kind::Ring, it).is_ok());
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(i32::from(!claimed)) };
        }
        let mut status = -1;
        // SAFETY: one number to write to, alive for the call.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
        drop(locked);
    }

    #[test]
    fn many_threads_claim_and_give_back() {
        let process = Process::current().unwrap();
        let threads = [1, 2, 3, 4].map(|id: u32| {
            thread::spawn(move || {
                for round in 0..1000 {
                    let own = Claim::new(1_000_000 + id, Kind::Ring, process).unwrap();
                    let shared = Claim::new(2_000_000 + round % 3, Kind::Ring, process);
                    drop((own, shared.ok()));
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(Claim::new(2_000_000, Kind::Ring, process).is_ok());
    }
}
