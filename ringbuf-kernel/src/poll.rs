//! [`Poller`]: blocking until there is something to read.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use ringbuf_core::Armed;

use crate::RingBuf;

/// Blocks in epoll until a ring has something to read.
///
/// Edge-triggered: level-triggered epoll reports a ring with a busy head as
/// readable, at once and for ever. That is sound because a wait always arms
/// first ([`RingBuf::arm`]): publish, full fence, look again, only then block.
#[derive(Debug)]
pub struct Poller {
    edge: Edge,
    ring: u32,
    bound: Duration,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// There is something to read, or room to write.
    Ready,
    /// The time is up, and there was nothing to read, or no room to write.
    TimedOut,
    /// A signal arrived (`EINTR`).
    Interrupted,
}

impl Poller {
    /// How long a record that announces nothing (`BPF_RB_NO_WAKEUP`, or any
    /// record behind an unread one of that kind) may wait to be noticed.
    pub const DEFAULT_BOUND: Duration = Duration::from_millis(100);

    /// A poller for `ring`.
    ///
    /// # Errors
    /// What `epoll_create1(2)` and `epoll_ctl(2)` report.
    pub fn new(ring: &RingBuf) -> io::Result<Self> {
        let edge = Edge::new(ring, libc::EPOLLIN)?;
        Ok(Self { edge, ring: ring.id(), bound: Self::DEFAULT_BOUND })
    }

    /// Changes the longest sleep between two looks; 1 ms at least.
    pub fn bound(&mut self, bound: Duration) {
        self.bound = bound.max(Duration::from_millis(1));
    }

    /// Waits until `ring` has something to read, for `timeout` at most (`None`:
    /// for ever). Drain to [`Next::Empty`](crate::Next::Empty) or
    /// [`Next::Busy`](crate::Next::Busy) first.
    ///
    /// Returns at once if there is something to read already. Publishes what
    /// is consumed. Never sleeps longer than the [bound](Self::bound) without
    /// looking at the ring.
    ///
    /// # Errors
    /// [`WaitError::OtherRing`] if the poller was made for another ring, and
    /// what `epoll_wait(2)` reports.
    pub fn wait(
        &mut self,
        ring: &mut RingBuf,
        timeout: Option<Duration>,
    ) -> Result<Wakeup, WaitError> {
        if ring.id() != self.ring {
            return Err(WaitError::OtherRing { expected: self.ring, found: ring.id() });
        }
        // A time too far to represent is for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if ring.arm() == Armed::Ready {
                return Ok(Wakeup::Ready);
            }
            let sleep = match deadline {
                Some(deadline) => {
                    self.bound.min(deadline.saturating_duration_since(Instant::now()))
                }
                None => self.bound,
            };
            if sleep.is_zero() {
                return Ok(Wakeup::TimedOut);
            }
            match self.edge.sleep(sleep) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    return Ok(Wakeup::Interrupted);
                }
                Err(error) => return Err(WaitError::Epoll(error)),
                // An event is a hint (a busy head makes one as well): look.
                Ok(()) => {}
            }
        }
    }
}

/// An edge-triggered epoll set with one map in it.
#[derive(Debug)]
pub(crate) struct Edge {
    epoll: OwnedFd,
    /// The registration lives as long as this file: a ring that is opened anew
    /// by path or id has another one, and may be waited for all the same.
    _map: OwnedFd,
}

impl Edge {
    /// Watches `map` for `events`. If they are there now, the first sleep ends
    /// at once.
    pub(crate) fn new(map: impl AsFd, events: libc::c_int) -> io::Result<Self> {
        // SAFETY: no memory of ours is touched.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: just created, owned by nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut event = libc::epoll_event { events: (events | libc::EPOLLET) as u32, u64: 0 };
        let map = map.as_fd().try_clone_to_owned()?;
        let (of, file) = (epoll.as_raw_fd(), map.as_raw_fd());
        // SAFETY: one event, alive for the call.
        check(unsafe { libc::epoll_ctl(of, libc::EPOLL_CTL_ADD, file, &raw mut event) })?;
        Ok(Self { epoll, _map: map })
    }

    /// Blocks until an edge or until the time is up, rounded up to a
    /// millisecond.
    pub(crate) fn sleep(&self, time: Duration) -> io::Result<()> {
        let millis = time.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(i32::MAX);
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        let epoll = self.epoll.as_raw_fd();
        // SAFETY: room for one event, alive for the call.
        check(unsafe { libc::epoll_wait(epoll, &raw mut event, 1, millis) }).map(drop)
    }
}

/// Why a wait failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// The poller was made for another ring: sleeping would wait for that one.
    OtherRing {
        /// The map id that the poller was made for.
        expected: u32,
        /// The map id of the ring given.
        found: u32,
    },
    /// What `epoll_wait(2)` reports.
    Epoll(io::Error),
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherRing { expected, found } => write!(
                f,
                "this poller waits for map {expected}, not for map {found}: \
                 make one with Poller::new for each ring"
            ),
            Self::Epoll(error) => write!(f, "could not wait for the ring: {error}"),
        }
    }
}

impl Error for WaitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::OtherRing { .. } => None,
            Self::Epoll(error) => Some(error),
        }
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
