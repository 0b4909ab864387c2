//! A timer in the epoll set, for event loops that block while a merge holds records.

use std::cell::OnceCell;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use crate::WaitError;
use crate::sleep::{check, watch};

/// A timerfd, made when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Timer(OnceCell<OwnedFd>);

impl Timer {
    /// Makes `epoll` readable after `time`, once; `None`: not any more. `mark` names it there.
    pub(super) fn set(
        &self,
        epoll: &OwnedFd,
        mark: u64,
        time: Option<Duration>,
    ) -> Result<(), WaitError> {
        let timer = match (self.0.get(), time) {
            (None, None) => return Ok(()),
            (Some(timer), _) => timer,
            (None, Some(_)) => {
                let timer = timerfd()?;
                watch(epoll, timer.as_raw_fd(), libc::EPOLLIN | libc::EPOLLET, mark)?;
                self.0.get_or_init(|| timer)
            }
        };
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // Zero means never.
        let time = time.unwrap_or_default();
        let it_value = libc::timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos() as libc::c_long,
        };
        let when = libc::itimerspec { it_interval: zero, it_value };
        let fd = timer.as_raw_fd();
        // SAFETY: `when` is alive for the call, and the time before is not asked for.
        let done = unsafe { libc::timerfd_settime(fd, 0, &raw const when, ptr::null_mut()) };
        check("set the timer of a merge", done).map(drop)
    }
}

fn timerfd() -> Result<OwnedFd, WaitError> {
    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
    // SAFETY: no memory of ours is touched.
    let fd = check("make a timer for a merge", unsafe {
        libc::timerfd_create(libc::CLOCK_MONOTONIC, flags)
    })?;
    // SAFETY: just created, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
