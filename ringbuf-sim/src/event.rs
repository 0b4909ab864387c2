//! An eventfd instead of the kernel's wait queue.

use std::hint;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringbuf_core::{WaitHost, WakeCause};

use crate::mirror::check;

/// Readable from a notification until it is cleared. It acts like the map's
/// descriptor under edge-triggered epoll.
#[derive(Debug)]
pub(crate) struct Event {
    fd: OwnedFd,
    notifications: AtomicU64,
    start: Instant,
}

impl Event {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no memory of ours is touched.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: just created, owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, notifications: AtomicU64::new(0), start: Instant::now() })
    }

    /// Wakes all waiters.
    pub(crate) fn notify(&self) {
        self.notifications.fetch_add(1, Ordering::Relaxed);
        let one = 1_u64.to_ne_bytes();
        // SAFETY: 8 readable bytes. A full counter (EAGAIN) is readable already.
        unsafe { libc::write(self.fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Blocks until a notification arrives, but no longer than `time`, rounded up
    /// to a millisecond. A notification since the last call ends it at once. The
    /// call uses up all notifications, so the caller must then look at the ring.
    pub(crate) fn block(&self, time: Duration) -> io::Result<WakeCause> {
        let millis = time.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(i32::MAX);
        let mut poll = libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, alive for the call.
        let ready = check(unsafe { libc::poll(&raw mut poll, 1, millis) });
        let mut count = [0_u8; 8];
        // SAFETY: an eventfd returns 8 bytes, which fit into the buffer. It is fine
        // if there is nothing to read (EAGAIN).
        unsafe { libc::read(self.fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
        interrupted(ready.map(|ready| match ready {
            0 => WakeCause::TimeUp,
            _ => WakeCause::Notified,
        }))
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
        self.start.elapsed()
    }

    fn pause(&self, time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {
            hint::spin_loop();
        }
    }

    fn nap(&self, time: Duration) -> io::Result<WakeCause> {
        let nanos = time.subsec_nanos() as libc::c_long;
        let seconds = libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX);
        let time = libc::timespec { tv_sec: seconds, tv_nsec: nanos };
        // SAFETY: one timespec, alive for the call; the remaining time is not
        // requested.
        let slept = check(unsafe { libc::nanosleep(&raw const time, ptr::null_mut()) });
        interrupted(slept.map(|_| WakeCause::TimeUp))
    }

    fn block(&self, time: Duration) -> io::Result<WakeCause> {
        Event::block(self, time)
    }
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
