//! [`Poller`]: blocking until there is something to read.

use std::error::Error;
use std::fmt;
use std::hint;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::{Duration, Instant};

use ringbuf_core::{Armed, Counts, Ended, Position, Rest, Waiter, Waiting};

use crate::RingBuf;

/// Waits until a ring has something to read, as its [`Waiting`] says: naps,
/// spins, or blocks in epoll.
///
/// Edge-triggered: level-triggered epoll reports a ring with a busy head as
/// readable, at once and for ever. That is sound because it arms before it
/// blocks ([`RingBuf::arm`]): publish, full fence, look again, only then block.
#[derive(Debug)]
pub struct Poller {
    edge: Edge,
    ring: u32,
    waiter: Waiter,
    started: Instant,
    /// Which opening of the ring the rest is of.
    opening: u64,
    /// As the ring stood when the last wait began.
    counts: Counts,
    position: Position,
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
    /// A poller for `ring` that waits as [`Waiting::balanced`] says.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn new(ring: &mut RingBuf) -> io::Result<Self> {
        Self::with(ring, Waiting::default())
    }

    /// A poller for `ring` that waits as `waiting` says. The ring gives space
    /// back as it says, too ([`RingBuf::release_after`]), from now on.
    ///
    /// # Errors
    /// What `epoll_create1(2)` and `epoll_ctl(2)` report.
    pub fn with(ring: &mut RingBuf, waiting: Waiting) -> io::Result<Self> {
        let edge = Edge::new(&*ring, libc::EPOLLIN)?;
        let mut poller = Self {
            edge,
            ring: ring.id(),
            waiter: Waiter::new(waiting, ring.capacity()),
            started: Instant::now(),
            opening: ring.opening(),
            counts: ring.counts(),
            position: ring.position(),
        };
        poller.adopt(ring);
        Ok(poller)
    }

    /// Gets to know a ring that was just opened.
    fn adopt(&mut self, ring: &mut RingBuf) {
        ring.release_after(self.waiter.waiting().release_after(ring.capacity()));
        self.opening = ring.opening();
        (self.counts, self.position) = (ring.counts(), ring.position());
    }

    /// Waits until `ring` has something to read or to skip, for `timeout` at most
    /// (`None`: for ever; zero: only looks; where it blocks, rounded up to a
    /// millisecond). Drain to [`Next::Empty`](crate::Next::Empty)
    /// or [`Next::Busy`](crate::Next::Busy) first.
    ///
    /// Returns at once if the last batch stopped before a record. Otherwise it
    /// may hold off before it looks, so that the next look finds more. Before
    /// it blocks it publishes what is consumed, and after a millisecond of
    /// nothing as well. It never sleeps longer than the policy's bounds without
    /// looking at the ring. A signal ends a sleep, but no spin, and is missed
    /// between two sleeps: who watches a flag gives a timeout.
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
        if ring.opening() != self.opening {
            self.adopt(ring);
        }
        if ring.consumer().has_unread() {
            return Ok(Wakeup::Ready);
        }
        let mut now = self.started.elapsed();
        self.account(ring, now);
        // A time too far to represent is for ever.
        let deadline = timeout.map_or(Duration::MAX, |timeout| now.saturating_add(timeout));
        loop {
            let left = deadline.saturating_sub(now);
            if left.is_zero() {
                let found = ring.consumer().peek();
                self.give_back_if_quiet(ring, now, found);
                return Ok(if found { Wakeup::Ready } else { Wakeup::TimedOut });
            }
            let rest = self.waiter.rest(now);
            let ended = match rest {
                Rest::Spin { pause, looks } => spin(ring, pause.min(left), looks),
                Rest::Nap(time) => nap(time.min(left)),
                Rest::Block(time) => self.block(ring, time.min(left)),
            };
            let ended = match ended {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    return Ok(Wakeup::Interrupted);
                }
                ended => ended.map_err(WaitError::Epoll)?,
            };
            // An event is a hint (a busy head makes one as well): look.
            let found = ring.consumer().peek();
            self.waiter.looked(rest, ended, found);
            if found {
                return Ok(Wakeup::Ready);
            }
            now = self.started.elapsed();
            self.give_back_if_quiet(ring, now, found);
        }
    }

    /// If nothing came for long, the space may be what the producers wait for.
    fn give_back_if_quiet(&self, ring: &mut RingBuf, now: Duration, found: bool) {
        if !found && self.waiter.is_quiet(now) {
            ring.publish();
        }
    }

    /// Tells the waiter what was consumed since the last wait.
    fn account(&mut self, ring: &RingBuf, now: Duration) {
        let (counts, position) = (ring.counts(), ring.position());
        let records = counts.delivered - self.counts.delivered;
        let discarded = counts.discarded - self.counts.discarded;
        let bytes = position.distance(self.position, ring.width());
        self.waiter.drained(now, records + discarded, bytes);
        (self.counts, self.position) = (counts, position);
    }

    fn block(&self, ring: &mut RingBuf, time: Duration) -> io::Result<Ended> {
        match ring.arm() {
            Armed::Ready => Ok(Ended::Found),
            Armed::Sleep => self.edge.sleep(time),
        }
    }
}

/// Looks, up to `looks` times, once `pause` is over; the clock is no shared
/// memory.
fn spin(ring: &mut RingBuf, pause: Duration, looks: u32) -> io::Result<Ended> {
    if !pause.is_zero() {
        let begin = Instant::now();
        while begin.elapsed() < pause {
            hint::spin_loop();
        }
    }
    for _ in 1..looks {
        if ring.consumer().peek() {
            break;
        }
        hint::spin_loop();
    }
    Ok(Ended::Over)
}

/// Sleeps by a timer. Zero is no nap.
fn nap(time: Duration) -> io::Result<Ended> {
    let nanos = time.subsec_nanos() as libc::c_long;
    let seconds = libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX);
    let time = libc::timespec { tv_sec: seconds, tv_nsec: nanos };
    // SAFETY: one timespec, alive for the call; the rest is not asked for.
    check(unsafe { libc::nanosleep(&raw const time, ptr::null_mut()) }).map(|_| Ended::Over)
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
    pub(crate) fn sleep(&self, time: Duration) -> io::Result<Ended> {
        let millis = time.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(i32::MAX);
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        let epoll = self.epoll.as_raw_fd();
        // SAFETY: room for one event, alive for the call.
        let events = check(unsafe { libc::epoll_wait(epoll, &raw mut event, 1, millis) })?;
        Ok(if events == 0 { Ended::Over } else { Ended::Notified })
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
