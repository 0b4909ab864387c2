//! [`Waker`]: ends a wait from another thread.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringbuf_core::WakeFlag;

use crate::WaitError;
use crate::sleep::check;

/// Ends the wait of one ring, or of one [`RingSet`](crate::RingSet), from any thread or from
/// a signal handler. Clones end the same wait.
///
/// [`wake`](Self::wake) ends a nap and a block at once, and a spin after its current
/// pause. The wait returns [`Wakeup::Woken`](crate::Wakeup::Woken). If no wait is under way, the next one returns
/// it at once. So no wake is lost. Wakes count as one until a wait reports them.
///
/// A child of `fork` has a flag of its own: a wake there does not reach the parent.
///
/// ```no_run
/// use std::thread;
/// use ringbuf_kernel::{RingBuf, Wakeup};
///
/// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
/// let waker = ring.waker()?;
/// thread::spawn(move || {
///     // Wait for the end of the program here.
///     waker.wake();
/// });
/// while ring.wait(None)? != Wakeup::Woken {
///     ring.drain(|record| println!("{} bytes", record.len()))?;
/// }
/// ring.drain(|record| println!("{} bytes", record.len()))?; // the last ones
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Waker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    raised: AtomicBool,
    /// An eventfd. Readable: a sleep must end.
    event: OwnedFd,
}

impl Waker {
    pub(crate) fn new() -> Result<Self, WaitError> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: no memory of ours is touched.
        let fd =
            check("make an eventfd for a waker of the ring", unsafe { libc::eventfd(0, flags) })?;
        // SAFETY: just created, owned by nobody else.
        let event = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { shared: Arc::new(Shared { raised: AtomicBool::new(false), event }) })
    }

    /// Ends the wait that is under way, or else the next one. Does not block, takes no
    /// lock and allocates nothing: a signal handler may call it.
    pub fn wake(&self) {
        self.shared.raise();
    }

    pub(crate) fn take(&self) -> bool {
        self.shared.take()
    }

    /// Whether a wake waits to be reported.
    pub(crate) fn is_raised(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }

    /// What a sleep watches.
    pub(crate) fn event(&self) -> RawFd {
        self.shared.event.as_raw_fd()
    }

    /// A sleep has ended: makes the event unreadable.
    pub(crate) fn clear(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: an eventfd returns 8 bytes, which fit. Nothing to read (EAGAIN) is fine.
        unsafe { libc::read(self.event(), count.as_mut_ptr().cast(), count.len()) };
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
        let one = 1_u64.to_ne_bytes();
        // SAFETY: 8 readable bytes. A full counter (EAGAIN) is readable already.
        unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}
