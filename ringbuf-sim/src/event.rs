//! An eventfd instead of the kernel's wait queue.

use std::hint;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringbuf_core::{WaitHost, WakeCause, Wakes};

use crate::SimWaker;
use crate::mirror::check;

/// Readable from a notification until it is cleared. It acts like the map's
/// descriptor under edge-triggered epoll.
#[derive(Debug)]
pub(crate) struct Event {
    fd: OwnedFd,
    waker: SimWaker,
    notifications: AtomicU64,
    start: Instant,
    /// Nanoseconds by which the clock has jumped.
    jumped: AtomicU64,
}

impl Event {
    pub(crate) fn new() -> io::Result<Self> {
        let start = Instant::now();
        let (fd, waker) = (eventfd()?, SimWaker::new(start)?);
        let (notifications, jumped) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { fd, waker, notifications, start, jumped })
    }

    /// A waker of these sleeps.
    pub(crate) fn waker(&self) -> SimWaker {
        self.waker.clone()
    }

    /// Wakes all waiters.
    pub(crate) fn notify(&self) {
        self.notifications.fetch_add(1, Ordering::Relaxed);
        make_readable(&self.fd);
    }

    /// Blocks until a notification arrives, but no longer than `time`, rounded up
    /// to a millisecond. A notification since the last call ends it at once. The
    /// call uses up all notifications, so the caller must then look at the ring.
    pub(crate) fn block(&self, time: Duration) -> io::Result<WakeCause> {
        let millis = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let timeout = Duration::from_millis(millis);
        interrupted(poll([&self.fd, self.waker.fd()], timeout).map(|[notified, woken]| {
            // Nothing to read (EAGAIN) is fine.
            make_unreadable(&self.fd);
            if woken {
                self.waker.clear();
            }
            match (notified, woken) {
                (true, _) => WakeCause::Notified,
                (false, true) => WakeCause::Woken,
                (false, false) => WakeCause::TimeUp,
            }
        }))
    }

    /// Moves the clock forward.
    pub(crate) fn jump(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.jumped.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Returns the number of notifications so far.
    pub(crate) fn notifications(&self) -> u64 {
        self.notifications.load(Ordering::Relaxed)
    }
}

/// The clock and the sleeps of a simulated ring, in real time.
impl WaitHost for Event {
    type Error = io::Error;

    fn now(&self) -> Duration {
        self.start.elapsed() + Duration::from_nanos(self.jumped.load(Ordering::Relaxed))
    }

    fn pause(&self, time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {
            hint::spin_loop();
        }
    }

    fn nap(&self, time: Duration) -> io::Result<WakeCause> {
        interrupted(poll([self.waker.fd()], time).map(|[woken]| {
            if woken {
                self.waker.clear();
                WakeCause::Woken
            } else {
                WakeCause::TimeUp
            }
        }))
    }

    fn block(&self, time: Duration) -> io::Result<WakeCause> {
        Event::block(self, time)
    }

    fn take_wakes(&self) -> Wakes {
        self.waker.take()
    }

    fn deadline(&self) -> Duration {
        self.waker.deadline()
    }
}

pub(crate) fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no memory of ours is touched.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: just created, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(crate) fn make_readable(eventfd: &OwnedFd) {
    let one = 1_u64.to_ne_bytes();
    // SAFETY: 8 readable bytes. A full counter (EAGAIN) is readable already.
    unsafe { libc::write(eventfd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
}

pub(crate) fn make_unreadable(eventfd: &OwnedFd) {
    let mut count = [0_u8; 8];
    // SAFETY: an eventfd returns 8 bytes, which fit into the buffer. It is fine if
    // there is nothing to read (EAGAIN).
    unsafe { libc::read(eventfd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
}

/// Waits until one of these is readable, for `time` at most, and says which are.
fn poll<const N: usize>(fds: [&OwnedFd; N], time: Duration) -> io::Result<[bool; N]> {
    let mut polled =
        fds.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    let seconds = libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX);
    let time = libc::timespec { tv_sec: seconds, tv_nsec: time.subsec_nanos() as libc::c_long };
    // SAFETY: N descriptors and one timespec, alive for the call; no signal mask.
    check(unsafe {
        libc::ppoll(polled.as_mut_ptr(), N as libc::nfds_t, &raw const time, ptr::null())
    })?;
    Ok(polled.map(|polled| polled.revents != 0))
}

/// A signal is not an error.
fn interrupted(result: io::Result<WakeCause>) -> io::Result<WakeCause> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(WakeCause::Interrupted),
        other => other,
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
