//! [`SimWaker`]: ends a wait of a simulated ring.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringbuf_core::{WakeFlag, Wakes};

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
    asked: AtomicU32,
    /// Nanoseconds since the start; the largest number means none.
    deadline: AtomicU64,
    start: Instant,
    /// An eventfd. Readable: a sleep must end.
    event: OwnedFd,
}

impl SimWaker {
    /// `start` is the zero of the clock of the waits.
    pub(crate) fn new(start: Instant) -> io::Result<Self> {
        let (asked, deadline, event) = (AtomicU32::new(0), AtomicU64::new(u64::MAX), eventfd()?);
        Ok(Self { shared: Arc::new(Shared { asked, deadline, start, event }) })
    }

    /// Ends the wait that is under way, or else the next one.
    ///
    /// ```
    /// use ringbuf_sim::SimRing;
    ///
    /// use ringbuf_core::Wakeup;
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.waker().wake();
    /// assert_eq!(ring.consumer()?.wait(None)?, Wakeup::Woken);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wake(&self) {
        self.shared.raise(Wakes::WAKE);
    }

    /// Asks for all that is committed now. The wait that has nothing more of it to deliver
    /// returns [`Wakeup::Flushed`](ringbuf_core::Wakeup::Flushed).
    ///
    /// ```
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"hello", Flags::NO_WAKEUP)?;
    /// ring.waker().flush();
    /// assert_eq!(consumer.wait(None)?, Wakeup::Ready);
    /// consumer.drain(|record| assert_eq!(&record[..], b"hello"))?;
    /// assert_eq!(consumer.wait(None)?, Wakeup::Flushed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self) {
        self.shared.raise(Wakes::FLUSH);
    }

    /// Ends the wait that is under way and all later ones of this ring, also those of its
    /// next consumer.
    ///
    /// ```
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::SimRing;
    ///
    /// let ring = SimRing::new(4096)?;
    /// let mut consumer = ring.consumer()?;
    /// ring.waker().close();
    /// assert_eq!(consumer.wait(None)?, Wakeup::Closed);
    /// assert_eq!(consumer.wait(None)?, Wakeup::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) {
        self.shared.raise(Wakes::CLOSE);
    }

    /// Ends the wait that is under way and later ones at this time, or never. Replaces
    /// the deadline before.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::{Duration, Instant};
    /// use ringbuf_core::Wakeup;
    /// use ringbuf_sim::SimRing;
    ///
    /// let ring = SimRing::new(4096)?;
    /// let mut consumer = ring.consumer()?;
    /// let waker = ring.waker();
    /// thread::spawn(move || waker.set_deadline(Some(Instant::now())));
    /// assert_eq!(consumer.wait(None)?, Wakeup::TimedOut);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        let since = |deadline: Instant| deadline.saturating_duration_since(self.shared.start);
        let nanos = deadline.and_then(|deadline| u64::try_from(since(deadline).as_nanos()).ok());
        self.shared.deadline.store(nanos.unwrap_or(u64::MAX), Ordering::Relaxed);
        self.shared.raise(Wakes::DEADLINE);
    }

    pub(crate) fn deadline(&self) -> Duration {
        match self.shared.deadline.load(Ordering::Relaxed) {
            u64::MAX => Duration::MAX,
            nanos => Duration::from_nanos(nanos),
        }
    }

    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.shared.event
    }

    /// A sleep has ended: makes the event unreadable.
    pub(crate) fn clear(&self) {
        make_unreadable(&self.shared.event);
    }

    /// What was asked for since the last call.
    pub(crate) fn take(&self) -> Wakes {
        self.shared.take()
    }
}

impl AsFd for SimWaker {
    /// An eventfd. Each request makes it readable.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.event.as_fd()
    }
}

impl WakeFlag for Shared {
    fn fetch_or(&self, bits: u32, order: Ordering) -> u32 {
        self.asked.fetch_or(bits, order)
    }

    fn fetch_and(&self, bits: u32, order: Ordering) -> u32 {
        self.asked.fetch_and(bits, order)
    }

    fn load(&self, order: Ordering) -> u32 {
        self.asked.load(order)
    }

    fn end_sleep(&self) {
        make_readable(&self.event);
    }
}
