//! One simulated ring in virtual time.

use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;

use ringbuf_core::{Consumer, Producer, WaitHost, WakeCause, Wakes};

use crate::kernel::Mode;
use crate::mirror::{ConsumerSide, Mirror, ProducerSide};
use crate::user_ring::without_open;
use crate::virtual_time::whole_millis;
use crate::{Claim, SimError, SimRing, SimUserRing, UserClaim, VirtualTime};

/// The right to use a ring in virtual time. It performs the waits.
#[derive(Debug)]
pub struct InVirtualTime<'t, C> {
    claim: C,
    /// Returns the number of notifications so far.
    notifications: fn(&C) -> u64,
    time: VirtualTime<'t>,
    /// The number of notifications that blocks have used up.
    seen: Cell<u64>,
}

impl<'t, C> InVirtualTime<'t, C> {
    fn new(claim: C, notifications: fn(&C) -> u64, time: &VirtualTime<'t>) -> Self {
        let seen = Cell::new(notifications(&claim));
        Self { claim, notifications, time: time.clone(), seen }
    }

    pub(crate) fn claim(&self) -> &C {
        &self.claim
    }

    fn sleep(&self, time: Duration, notified: bool) -> WakeCause {
        let so_far = || (self.notifications)(&self.claim);
        let cause = self.time.sleep(time, || notified && so_far() != self.seen.get());
        if cause == WakeCause::Notified {
            // It uses up those that arrived before the reader runs, too.
            self.seen.set(so_far());
        }
        cause
    }
}

impl<'t> InVirtualTime<'t, Claim> {
    pub(crate) fn of_ring(claim: Claim, time: &VirtualTime<'t>) -> Self {
        Self::new(claim, Claim::notifications, time)
    }
}

impl<C: AsRef<Mirror>> AsRef<Mirror> for InVirtualTime<'_, C> {
    fn as_ref(&self) -> &Mirror {
        self.claim.as_ref()
    }
}

impl<C> WaitHost for InVirtualTime<'_, C> {
    type Error = Infallible;

    fn now(&self) -> Duration {
        self.time.read()
    }

    fn pause(&self, time: Duration) {
        self.time.pause(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, Infallible> {
        self.time.count_nap();
        Ok(self.sleep(time, false))
    }

    fn block(&self, time: Duration) -> Result<WakeCause, Infallible> {
        let cause = self.sleep(whole_millis(time), true);
        self.time.count_block(cause);
        Ok(cause)
    }

    fn take_wakes(&self) -> Wakes {
        self.time.take_wakes()
    }

    fn deadline(&self) -> Duration {
        self.time.deadline()
    }
}

/// The memory of a consumer in virtual time.
pub type VirtualMemory<'t> = ConsumerSide<InVirtualTime<'t, Claim>>;

/// The memory of the producer of a user ring in virtual time.
pub type VirtualUserMemory<'t> = ProducerSide<InVirtualTime<'t, UserClaim>>;

impl SimRing {
    /// Like [`consumer`](Self::consumer), but its waits are in virtual time.
    ///
    /// # Errors
    /// As for [`consumer`](Self::consumer).
    pub fn consumer_in<'t>(
        &self,
        time: &VirtualTime<'t>,
    ) -> Result<Consumer<VirtualMemory<'t>>, SimError> {
        let claim = InVirtualTime::of_ring(self.claim(Mode::Waiting)?, time);
        let memory = Mirror::consumer_memory(claim);
        // SAFETY: C1: the claim allows one at a time, and this ring owns the pages.
        unsafe { Consumer::new(memory) }.map_err(SimError::Corrupt)
    }
}

impl SimUserRing {
    /// Like [`producer`](Self::producer), but its waits are in virtual time.
    ///
    /// # Errors
    /// As for [`producer`](Self::producer).
    pub fn producer_in<'t>(
        &self,
        time: &VirtualTime<'t>,
    ) -> Result<Producer<VirtualUserMemory<'t>>, SimError> {
        let claim = InVirtualTime::new(self.claim()?, UserClaim::notifications, time);
        let memory = Mirror::producer_memory(claim);
        // SAFETY: P1: the claim allows one at a time, and this ring owns the pages.
        without_open(unsafe { Producer::new(memory) }.map_err(SimError::Corrupt)?)
    }
}
