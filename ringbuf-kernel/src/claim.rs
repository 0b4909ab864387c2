//! One consumer of a ring, or one producer of a user ring, in this process.
//!
//! A ring has one consumer position. With two readers, each would let producers write
//! over records that the other is reading. Two producers of a user ring would hand out
//! the same space. The kernel does not prevent that, so the process remembers the ids of
//! the maps that it has open.
//!
//! A child of `fork` starts with the claims of its parent, as with its rings, because it
//! may still use records that those have lent.

mod list;
#[cfg(test)]
mod models;

use std::ptr;
use std::sync::atomic::{self, AtomicPtr, AtomicU32};
use std::thread;

use crate::OpenError;
use crate::door::Kind;
use crate::owner::Process;

use list::{List, Place};

/// The right to the map with this id; dropping it gives it back. The
/// mapping holds the map, so the id cannot come to mean another one meanwhile.
#[derive(Debug)]
pub(crate) struct Claim {
    place: &'static Place,
}

/// Those of this process, and of its ancestors.
static CLAIMS: List = List { lock: AtomicU32::new(0), first: AtomicPtr::new(ptr::null_mut()) };

impl Claim {
    pub(crate) fn new(id: u32, kind: Kind, process: Process) -> Result<Self, OpenError> {
        match CLAIMS.claim(id, process.number()) {
            Some(place) => Ok(Self { place }),
            None => Err(match kind {
                Kind::Ring | Kind::OverwriteRing => OpenError::SecondConsumer { id },
                Kind::UserRing => OpenError::SecondProducer { id },
            }),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.place.give_back();
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
        let locked = CLAIMS.lock(process.number());
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
