//! [`SimWaker`]: ends a wait of a simulated ring.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringbuf_core::WakeFlag;

use crate::event::{eventfd, make_readable, make_unreadable};

/// Ends the wait of one simulated ring from any thread, as `ringbuf_kernel::Waker` does
/// for a real one. Clones wake the same ring.
///
/// ```
/// use std::thread;
/// use ringbuf_core::Wakeup;
/// use ringbuf_sim::SimRing;
///
/// let ring = SimRing::new(4096)?;
/// let mut consumer = ring.consumer()?;
/// let waker = ring.waker();
/// thread::spawn(move || waker.wake());
/// assert_eq!(consumer.wait(None)?, Wakeup::Woken);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimWaker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    raised: AtomicBool,
    /// An eventfd. Readable: a sleep must end.
    event: OwnedFd,
}

impl SimWaker {
    pub(crate) fn new() -> io::Result<Self> {
        let (raised, event) = (AtomicBool::new(false), eventfd()?);
        Ok(Self { shared: Arc::new(Shared { raised, event }) })
    }

    /// Ends the wait that is under way, or else the next one.
    pub fn wake(&self) {
        self.shared.raise();
    }

    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.shared.event
    }

    /// A sleep has ended: makes the event unreadable.
    pub(crate) fn clear(&self) {
        make_unreadable(&self.shared.event);
    }

    /// Returns true if somebody has called [`wake`](Self::wake) since the last call.
    pub(crate) fn take(&self) -> bool {
        self.shared.take()
    }
}

impl WakeFlag for Shared {
    fn swap(&self, raised: bool, order: Ordering) -> bool {
        self.raised.swap(raised, order)
    }

    fn load(&self, order: Ordering) -> bool {
        self.raised.load(order)
    }

    fn end_sleep(&self) {
        make_readable(&self.event);
    }
}
