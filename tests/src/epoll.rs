//! Waiting for notifications, with the kernel's own words for what happened.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// How an epoll set reports a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// As long as it is readable.
    Level,
    /// Once per notification.
    Edge,
}

/// An epoll set with one file in it, watched for EPOLLIN.
#[derive(Debug)]
pub struct Epoll {
    set: OwnedFd,
}

impl Epoll {
    /// Watches `file`. A file that is readable now is reported by the first wait.
    ///
    /// # Errors
    /// As epoll_create1(2) and epoll_ctl(2).
    pub fn new(file: impl AsFd, trigger: Trigger) -> io::Result<Self> {
        // SAFETY: epoll_create1 takes no pointer.
        let raw = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the descriptor was just made, and nobody else has it.
        let set = unsafe { OwnedFd::from_raw_fd(raw) };
        let epoll = Self { set };
        epoll.control(libc::EPOLL_CTL_ADD, file.as_fd(), trigger)?;
        Ok(epoll)
    }

    /// Registers `file` again (EPOLL_CTL_MOD), which looks at it anew.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub fn modify(&self, file: impl AsFd, trigger: Trigger) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, file.as_fd(), trigger)
    }

    /// Waits for at most `limit`, and returns the events of the file, 0 for none.
    ///
    /// # Errors
    /// As epoll_wait(2).
    pub fn wait(&self, limit: Duration) -> io::Result<u32> {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        let limit = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the kernel writes at most one event into `event`.
        let count = check(unsafe { libc::epoll_wait(self.set.as_raw_fd(), &mut event, 1, limit) })?;
        Ok(if count == 0 { 0 } else { event.events })
    }

    fn control(&self, what: i32, file: BorrowedFd<'_>, trigger: Trigger) -> io::Result<()> {
        let edge = if trigger == Trigger::Edge { libc::EPOLLET } else { 0 };
        let mut event = libc::epoll_event { events: (libc::EPOLLIN | edge) as u32, u64: 0 };
        let (set, file) = (self.set.as_raw_fd(), file.as_raw_fd());
        // SAFETY: the kernel reads one event from `event`.
        check(unsafe { libc::epoll_ctl(set, what, file, &mut event) }).map(drop)
    }
}

/// What poll(2) says about `file` now, asked for all events that a ring can have: EPOLLIN and
/// EPOLLRDNORM, EPOLLOUT and EPOLLWRNORM.
///
/// # Errors
/// As poll(2).
pub fn poll_now(file: impl AsFd) -> io::Result<u32> {
    let events = libc::POLLIN | libc::POLLRDNORM | libc::POLLOUT | libc::POLLWRNORM;
    let mut entry = libc::pollfd { fd: file.as_fd().as_raw_fd(), events, revents: 0 };
    // SAFETY: `entry` is one valid entry.
    check(unsafe { libc::poll(&mut entry, 1, 0) })?;
    Ok(u32::from(entry.revents as u16))
}

fn check(ret: i32) -> io::Result<i32> {
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(ret) }
}
