//! The system below a set: one epoll set for all rings.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringbuf_core::{SetHost, Token, WaitHost, WakeCause, Wakes};

use super::timer::Timer;
use crate::owner::Process;
use crate::sleep::{self, check, interrupted};
use crate::{Mapping, RingBuf, WaitError, Waker};

/// A clock, an epoll set, and two wakers that end its sleeps.
#[derive(Debug)]
pub(crate) struct EpollHost {
    epoll: Arc<OwnedFd>,
    /// The user's.
    waker: Waker,
    /// Raised when another thread adds or removes a ring.
    changes: Waker,
    /// The user's waker asked for the end of a wait that was not reported yet.
    woken: Cell<bool>,
    /// For an event loop that blocks while a merge holds records.
    timer: Timer,
    /// A child of `fork` shares the epoll set, and must leave its events to the parent.
    process: Process,
    notified: RefCell<Notified>,
    start: Instant,
}

/// How the wakers are marked in the epoll set. No token is so large.
const WAKER: u64 = u64::MAX;
const CHANGES: u64 = u64::MAX - 1;

/// And a ring that another thread has added, until the set gives it a token.
pub(super) const NEW: u64 = u64::MAX - 2;
const TIMER: u64 = u64::MAX - 3;

const EVENTS: usize = 64;

/// The events of the last block that were not reported yet.
struct Notified {
    events: [libc::epoll_event; EVENTS],
    left: usize,
}

impl EpollHost {
    pub(super) fn new() -> Result<Self, WaitError> {
        let operation = "map the page that tells a child of fork";
        let process = Process::current().map_err(|source| WaitError { operation, source })?;
        let start = Instant::now();
        let (epoll, waker) = (Arc::new(sleep::epoll()?), Waker::new(start)?);
        let changes = Waker::new(start)?;
        sleep::watch(&epoll, waker.event(), libc::EPOLLIN, WAKER)?;
        sleep::watch(&epoll, changes.event(), libc::EPOLLIN, CHANGES)?;
        let notified =
            Notified { events: [libc::epoll_event { events: 0, u64: 0 }; EVENTS], left: 0 };
        let (notified, woken) = (RefCell::new(notified), Cell::new(false));
        let timer = Timer::default();
        Ok(Self { epoll, waker, changes, woken, timer, process, notified, start })
    }

    /// Makes the epoll set readable after `time`, once; `None`: not any more.
    pub(super) fn set_timer(&self, time: Option<Duration>) -> Result<(), WaitError> {
        self.timer.set(&self.epoll, TIMER, time)
    }

    pub(super) fn epoll(&self) -> &Arc<OwnedFd> {
        &self.epoll
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(super) fn changes(&self) -> &Waker {
        &self.changes
    }

    /// Whether the user's waker ended the wait that said so last.
    pub(super) fn take_woken(&self) -> bool {
        self.woken.take()
    }

    /// An error in a child of `fork`.
    pub(super) fn check_owner(&self) -> Result<(), WaitError> {
        check_owner(self.process)
    }

    pub(super) fn process(&self) -> Process {
        self.process
    }
}

/// The epoll set belongs to the process that made it: a child of `fork` must not change it.
pub(super) fn check_owner(process: Process) -> Result<(), WaitError> {
    if process.is_current() {
        return Ok(());
    }
    let source = io::Error::other(
        "the parent of this process opened the rings: open them again in this process",
    );
    Err(WaitError { operation: "use a set of rings", source })
}

impl WaitHost for EpollHost {
    type Error = WaitError;

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn pause(&self, time: Duration) {
        sleep::pause(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, WaitError> {
        sleep::nap([&self.waker, &self.changes], time)
    }

    /// Blocks until an edge, a wake, or until the time is up, rounded up to a
    /// millisecond.
    fn block(&self, time: Duration) -> Result<WakeCause, WaitError> {
        self.check_owner()?;
        let millis = time.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(i32::MAX);
        let mut notified = self.notified.borrow_mut();
        let (epoll, events) = (self.epoll.as_raw_fd(), notified.events.as_mut_ptr());
        // SAFETY: room for as many events, alive for the call.
        let count = unsafe { libc::epoll_wait(epoll, events, EVENTS as i32, millis) };
        interrupted(check("wait for a notification", count).map(|count| {
            notified.left = usize::try_from(count).unwrap_or(0);
            let mut cause = WakeCause::TimeUp;
            for event in notified.events.iter().take(notified.left) {
                match event.u64 {
                    WAKER => self.waker.clear(),
                    CHANGES => self.changes.clear(),
                    TIMER => {}
                    _ => cause = WakeCause::Notified,
                }
                if cause == WakeCause::TimeUp {
                    cause = WakeCause::Woken;
                }
            }
            cause
        }))
    }

    /// A change ends the wait as a wake does. The set then makes the change, and waits on
    /// unless the user's waker was raised, too.
    fn take_wakes(&self) -> Wakes {
        let wakes = self.waker.take();
        if wakes.contains(Wakes::WAKE) {
            self.woken.set(true);
        }
        if self.changes.is_raised() { wakes | Wakes::WAKE } else { wakes }
    }

    fn deadline(&self) -> Duration {
        self.waker.deadline()
    }
}

impl SetHost for EpollHost {
    type Memory = Mapping;
    type Ring = RingBuf;

    /// Edge-triggered, as for a single ring.
    fn watch(&self, ring: &RingBuf, token: Token) -> Result<(), WaitError> {
        self.check_owner()?;
        sleep::watch(&self.epoll, ring.as_raw_fd(), libc::EPOLLIN | libc::EPOLLET, token.to_bits())
    }

    fn unwatch(&self, ring: &RingBuf, _: Token) {
        if !self.process.is_current() {
            return;
        }
        let (epoll, ring) = (self.epoll.as_raw_fd(), ring.as_raw_fd());
        // SAFETY: this operation reads no event. It fails only if the ring is not watched.
        unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_DEL, ring, ptr::null_mut()) };
    }

    fn next_notified(&self) -> Option<Token> {
        let mut notified = self.notified.borrow_mut();
        notified.left = notified.left.checked_sub(1)?;
        // A mark that is not a token names no ring.
        notified.events.get(notified.left).map(|event| Token::from_bits(event.u64))
    }
}

impl std::fmt::Debug for Notified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} notified", self.left)
    }
}
