//! [`Waker`]: ends a wait from another thread.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringbuf_core::{WakeFlag, Wakes};

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
    asked: AtomicU32,
    /// Nanoseconds since the start; the largest number means none.
    deadline: AtomicU64,
    start: Instant,
    /// An eventfd. Readable: a sleep must end.
    event: OwnedFd,
}

impl Waker {
    /// `start` is the zero of the clock of the waits.
    pub(crate) fn new(start: Instant) -> Result<Self, WaitError> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: no memory of ours is touched.
        let fd =
            check("make an eventfd for a waker of the ring", unsafe { libc::eventfd(0, flags) })?;
        // SAFETY: just created, owned by nobody else.
        let event = unsafe { OwnedFd::from_raw_fd(fd) };
        let (asked, deadline) = (AtomicU32::new(0), AtomicU64::new(u64::MAX));
        Ok(Self { shared: Arc::new(Shared { asked, deadline, start, event }) })
    }

    /// Ends the wait that is under way, or else the next one. Does not block, takes no
    /// lock and allocates nothing: a signal handler may call it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{RingSet, WaitPolicy, Wakeup};
    /// let mut set = RingSet::<()>::new(WaitPolicy::balanced())?;
    /// let waker = set.waker();
    /// waker.wake();
    /// waker.wake(); // counts as one
    /// assert_eq!(set.wait(Some(Duration::from_secs(60)))?, Wakeup::Woken);
    /// assert_eq!(set.wait(Some(Duration::ZERO))?, Wakeup::TimedOut);
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    pub fn wake(&self) {
        self.shared.raise(Wakes::WAKE);
    }

    /// Asks for all that is committed now. It is delivered up to the first busy record,
    /// also if its program did not notify (`BPF_RB_NO_WAKEUP`). Then a wait returns
    /// [`Wakeup::Flushed`](crate::Wakeup::Flushed), even if later records are there, unless
    /// the waits are [closed](Self::close).
    /// A signal handler may call this.
    ///
    /// Of a user ring, it only ends the wait ([`Wakeup::Woken`](crate::Wakeup::Woken)).
    ///
    /// ```no_run
    /// use ringbuf_kernel::{RingBuf, Wakeup};
    ///
    /// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// ring.waker()?.flush();
    /// while ring.wait(None)? == Wakeup::Ready {
    ///     ring.drain(|record| println!("{} bytes", record.len()))?;
    /// }
    /// println!("nothing older is left");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self) {
        self.shared.raise(Wakes::FLUSH);
    }

    /// Ends the wait that is under way and all later ones, at once
    /// ([`Wakeup::Closed`](crate::Wakeup::Closed)). It cannot be undone. You may still
    /// read. A signal handler may call this.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{RingSet, WaitPolicy, Wakeup};
    /// let mut set = RingSet::<()>::new(WaitPolicy::balanced())?;
    /// set.waker().close();
    /// for _ in 0..2 {
    ///     assert_eq!(set.wait(Some(Duration::from_secs(60)))?, Wakeup::Closed);
    /// }
    /// # Ok::<(), ringbuf_kernel::WaitError>(())
    /// ```
    pub fn close(&self) {
        self.shared.raise(Wakes::CLOSE);
    }

    /// Ends the wait that is under way and later ones at this time
    /// ([`Wakeup::TimedOut`](crate::Wakeup::TimedOut)). It replaces the deadline before;
    /// `None` means no deadline. A wait has a timeout of its own as well; the earlier one
    /// counts. If the time is over, a wait only looks.
    ///
    /// A block ends up to a millisecond after the deadline.
    ///
    /// ```no_run
    /// use std::time::{Duration, Instant};
    /// use ringbuf_kernel::RingBuf;
    ///
    /// let ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// ring.waker()?.set_deadline(Some(Instant::now() + Duration::from_secs(10)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        let since = |deadline: Instant| deadline.saturating_duration_since(self.shared.start);
        let nanos = deadline.and_then(|deadline| u64::try_from(since(deadline).as_nanos()).ok());
        self.shared.deadline.store(nanos.unwrap_or(u64::MAX), Ordering::Relaxed);
        self.shared.raise(Wakes::DEADLINE);
    }

    /// The deadline, on the clock of the waits.
    pub(crate) fn deadline(&self) -> Duration {
        match self.shared.deadline.load(Ordering::Relaxed) {
            u64::MAX => Duration::MAX,
            nanos => Duration::from_nanos(nanos),
        }
    }

    pub(crate) fn take(&self) -> Wakes {
        self.shared.take()
    }

    /// Whether something was asked for that nobody has taken.
    pub(crate) fn is_raised(&self) -> bool {
        self.shared.load(Ordering::Relaxed) != 0
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

impl AsFd for Waker {
    /// An eventfd, for event loops that take a wait [step by step](crate::WaitSteps). Each
    /// request makes it readable. Register it edge-triggered.
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
        let one = 1_u64.to_ne_bytes();
        // SAFETY: 8 readable bytes. A full counter (EAGAIN) is readable already.
        unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}
