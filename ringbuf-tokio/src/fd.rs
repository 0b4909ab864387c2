//! Descriptors that the runtime watches.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;

/// A descriptor, watched edge-triggered.
#[derive(Debug)]
pub(crate) struct Fd {
    watched: AsyncFd<OwnedFd>,
    interest: Interest,
}

impl Fd {
    /// # Errors
    /// There is no runtime, or the system refuses.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        Self::with(fd, Interest::READABLE)
    }

    /// Watched until it is writable: a drain has made space.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn for_space(fd: OwnedFd) -> io::Result<Self> {
        Self::with(fd, Interest::WRITABLE)
    }

    fn with(fd: OwnedFd, interest: Interest) -> io::Result<Self> {
        Handle::try_current().map_err(|_| {
            io::Error::other("no tokio runtime here: create the ring inside one (`Runtime::enter`)")
        })?;
        // SAFETY: T6: `Fd` owns the descriptor and gives it to nobody.
        let watched = unsafe { AsyncFd::register_with_interest(fd, interest) };
        Ok(Self { watched: watched.map_err(|error| error.into_parts().1)?, interest })
    }

    /// Ready if the descriptor has become readable or writable since this was ready last.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.interest.is_writable() {
            ready!(self.watched.poll_write_ready(cx))?.clear_ready();
        } else {
            ready!(self.watched.poll_read_ready(cx))?.clear_ready();
        }
        Poll::Ready(Ok(()))
    }
}

/// A timer of the kernel. Those of tokio have a resolution of a millisecond.
#[derive(Debug)]
pub(crate) struct Timer {
    fd: Fd,
    due: Option<Instant>,
}

impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let fd = Fd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?;
        Ok(Self { fd, due: None })
    }

    /// Sets the timer. A time that is too far to represent never comes.
    pub(crate) fn set(&mut self, time: Duration) -> io::Result<()> {
        // Read before the timer is set, so that it is never early.
        self.due = Instant::now().checked_add(time);
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec::try_from(time).unwrap_or(zero);
        let timer = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(&self.fd.watched, TimerfdTimerFlags::empty(), &timer)?;
        Ok(())
    }

    pub(crate) fn is_set(&self) -> bool {
        self.due.is_some()
    }

    /// Forgets the time.
    pub(crate) fn clear(&mut self) {
        self.due = None;
    }

    /// Ready if the time is over. An edge of an earlier time is ignored.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.due.is_none_or(|due| Instant::now() < due) {
            ready!(self.fd.poll(cx))?;
        }
        Poll::Ready(Ok(()))
    }
}
