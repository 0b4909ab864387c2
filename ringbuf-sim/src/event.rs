//! An eventfd in the place of the kernel's wait queue.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::mirror::check;

/// Readable from a notification until it is cleared: an edge, as edge-triggered
/// epoll sees the map's descriptor.
#[derive(Debug)]
pub(crate) struct Event {
    fd: OwnedFd,
    notifications: AtomicU64,
}

impl Event {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no memory of ours is touched.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: just created, owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, notifications: AtomicU64::new(0) })
    }

    /// Wakes whoever waits.
    pub(crate) fn notify(&self) {
        self.notifications.fetch_add(1, Ordering::Relaxed);
        let one = 1_u64.to_ne_bytes();
        // SAFETY: 8 readable bytes. A full counter (EAGAIN) is readable already.
        unsafe { libc::write(self.fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Forgets what was announced so far.
    pub(crate) fn clear(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: an eventfd gives 8 bytes, which the buffer has. That nothing
        // was there to read (EAGAIN) is fine.
        unsafe { libc::read(self.fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    /// Blocks until there is something announced, at most `timeout`.
    pub(crate) fn poll(&self, timeout: Duration) -> io::Result<()> {
        let millis = timeout.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(i32::MAX);
        let mut poll = libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, alive for the call.
        match check(unsafe { libc::poll(&raw mut poll, 1, millis) }) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Notifications so far.
    pub(crate) fn notifications(&self) -> u64 {
        self.notifications.load(Ordering::Relaxed)
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
