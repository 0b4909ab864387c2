//! One consumer of a ring, or one producer of a user ring, in this process.
//!
//! A ring has one consumer position, and two readers would each let producers
//! write over what the other is reading; two producers of a user ring would
//! hand out the same space. The kernel does not watch over that, so the process
//! remembers which maps it has: ids only, no rings.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::OpenError;
use crate::door::Kind;

static CLAIMED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// The right to the map with this id; dropping it gives it back. The
/// mapping holds the map, so the id cannot come to mean another one meanwhile.
#[derive(Debug)]
pub(crate) struct Claim {
    id: u32,
}

impl Claim {
    pub(crate) fn new(id: u32, kind: Kind) -> Result<Self, OpenError> {
        match (claimed().insert(id), kind) {
            (true, _) => Ok(Self { id }),
            (false, Kind::Ring) => Err(OpenError::SecondConsumer { id }),
            (false, Kind::UserRing) => Err(OpenError::SecondProducer { id }),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        claimed().remove(&self.id);
    }
}

fn claimed() -> MutexGuard<'static, BTreeSet<u32>> {
    CLAIMED.lock().unwrap_or_else(PoisonError::into_inner)
}
