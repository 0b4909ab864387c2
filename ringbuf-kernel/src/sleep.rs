//! The clock and the sleeps of a map: a timer without the thread's timer slack, and
//! edge-triggered epoll.

use std::error::Error;
use std::fmt;
use std::hint;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ringbuf_core::{WaitHost, WakeCause, Wakes};

use crate::Waker;

/// Waits for events of one map. Every sleep is in the calling thread.
///
/// Epoll is edge-triggered, because level-triggered epoll reports a ring with a busy
/// head as readable without end. Edges are enough because the wait loop arms before it
/// blocks: it publishes, fences, looks again, and only then blocks.
#[derive(Debug)]
pub(crate) struct Sleeper {
    map: OwnedFd,
    events: libc::c_int,
    /// Made by the first block. An event from before then ends that block at once.
    epoll: OnceLock<OwnedFd>,
    /// Made when somebody asks for it.
    waker: OnceLock<Waker>,
    start: Instant,
}

impl Sleeper {
    /// A sleeper that wakes at `events` of `map`. It registers nothing before the first
    /// [`block`](WaitHost::block).
    pub(crate) fn new(map: OwnedFd, events: libc::c_int) -> Self {
        Self { map, events, epoll: OnceLock::new(), waker: OnceLock::new(), start: Instant::now() }
    }

    /// Another sleeper of the same map, for another thread, with the same clock and
    /// waker.
    pub(crate) fn another(&self) -> Result<Self, WaitError> {
        let operation = "duplicate the descriptor of the ring to wait for space";
        let map = self.map.try_clone().map_err(|source| WaitError { operation, source })?;
        let (epoll, waker) = (OnceLock::new(), OnceLock::from(self.waker()?));
        Ok(Self { map, events: self.events, epoll, waker, start: self.start })
    }

    /// The descriptor of the map.
    pub(crate) fn map(&self) -> &OwnedFd {
        &self.map
    }

    /// A waker of these sleeps.
    pub(crate) fn waker(&self) -> Result<Waker, WaitError> {
        if let Some(waker) = self.waker.get() {
            return Ok(waker.clone());
        }
        let waker = Waker::new(self.start)?;
        if let Some(epoll) = self.epoll.get() {
            watch_waker(epoll, &waker)?;
        }
        Ok(self.waker.get_or_init(|| waker).clone())
    }

    fn epoll(&self) -> Result<&OwnedFd, WaitError> {
        if let Some(epoll) = self.epoll.get() {
            return Ok(epoll);
        }
        let epoll = epoll()?;
        watch(&epoll, self.map.as_raw_fd(), self.events | libc::EPOLLET, MAP)?;
        if let Some(waker) = self.waker.get() {
            watch_waker(&epoll, waker)?;
        }
        Ok(self.epoll.get_or_init(|| epoll))
    }
}

/// How the events of the map are marked in the epoll set.
const MAP: u64 = 0;

/// And those of the waker, which is level-triggered: a sleep that it ends clears it.
const WAKER: u64 = 1;

fn watch_waker(epoll: &OwnedFd, waker: &Waker) -> Result<(), WaitError> {
    watch(epoll, waker.event(), libc::EPOLLIN, WAKER)
}

/// An empty epoll set.
pub(crate) fn epoll() -> Result<OwnedFd, WaitError> {
    // SAFETY: no memory of ours is touched.
    let fd = check("make an epoll set to wait for the ring", unsafe {
        libc::epoll_create1(libc::EPOLL_CLOEXEC)
    })?;
    // SAFETY: just created, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(crate) fn watch(
    epoll: &OwnedFd,
    fd: RawFd,
    events: libc::c_int,
    mark: u64,
) -> Result<(), WaitError> {
    let mut event = libc::epoll_event { events: events as u32, u64: mark };
    let mut control = |operation| {
        // SAFETY: one event, alive for the call.
        unsafe { libc::epoll_ctl(epoll.as_raw_fd(), operation, fd, &raw mut event) }
    };
    let mut done = control(libc::EPOLL_CTL_ADD);
    if done < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EEXIST) {
        done = control(libc::EPOLL_CTL_MOD);
    }
    check("watch the map for notifications", done).map(drop)
}

impl WaitHost for Sleeper {
    type Error = WaitError;

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn pause(&self, time: Duration) {
        pause(time);
    }

    fn nap(&self, time: Duration) -> Result<WakeCause, WaitError> {
        match self.waker.get() {
            Some(waker) => nap([waker], time),
            None => nap([], time),
        }
    }

    /// Blocks until an edge, a wake, or until the time is up, rounded up to a
    /// millisecond.
    fn block(&self, time: Duration) -> Result<WakeCause, WaitError> {
        let millis = time.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(i32::MAX);
        let epoll = self.epoll()?.as_raw_fd();
        let mut events = [libc::epoll_event { events: 0, u64: MAP }; 2];
        // SAFETY: room for two events, alive for the call.
        let count = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), 2, millis) };
        interrupted(check("wait for a notification", count).map(|count| {
            let events = events.iter().take(usize::try_from(count).unwrap_or(0));
            let (mut cause, marks) = (WakeCause::TimeUp, events.map(|event| event.u64));
            for mark in marks {
                match (mark, self.waker.get()) {
                    (WAKER, Some(waker)) => {
                        waker.clear();
                        if cause == WakeCause::TimeUp {
                            cause = WakeCause::Woken;
                        }
                    }
                    _ => cause = WakeCause::Notified,
                }
            }
            cause
        }))
    }

    fn take_wakes(&self) -> Wakes {
        self.waker.get().map_or(Wakes::NONE, Waker::take)
    }

    fn deadline(&self) -> Duration {
        self.waker.get().map_or(Duration::MAX, Waker::deadline)
    }
}

pub(crate) fn pause(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        hint::spin_loop();
    }
}

/// Sleeps by a timer that one of these wakers ends.
///
/// The thread's timer slack (50 us by default) would double a short nap, so it is
/// 1 ns during this sleep.
pub(crate) fn nap<const N: usize>(
    wakers: [&Waker; N],
    time: Duration,
) -> Result<WakeCause, WaitError> {
    let nanos = time.subsec_nanos() as libc::c_long;
    let seconds = libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX);
    let time = libc::timespec { tv_sec: seconds, tv_nsec: nanos };
    let _slack = SlackOfOne::begin();
    let mut polled =
        wakers.map(|waker| libc::pollfd { fd: waker.event(), events: libc::POLLIN, revents: 0 });
    let ready = if polled.is_empty() {
        // SAFETY: one timespec, alive for the call; the rest is not asked for.
        unsafe { libc::nanosleep(&raw const time, ptr::null_mut()) }
    } else {
        let count = N as libc::nfds_t;
        // SAFETY: N descriptors and one timespec, alive for the call; no signal mask.
        unsafe { libc::ppoll(polled.as_mut_ptr(), count, &raw const time, ptr::null()) }
    };
    interrupted(check("sleep before the next look at the ring", ready).map(|ready| {
        if ready == 0 {
            return WakeCause::TimeUp;
        }
        for (waker, _) in wakers.iter().zip(polled).filter(|(_, polled)| polled.revents != 0) {
            waker.clear();
        }
        WakeCause::Woken
    }))
}

/// The timer slack of this thread, until it is dropped: 1 ns.
struct SlackOfOne {
    before: libc::c_int,
}

impl SlackOfOne {
    /// Real-time threads have no timer slack: nothing is changed.
    fn begin() -> Option<Self> {
        // SAFETY: takes and gives plain numbers.
        let before = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) };
        (before > 1).then(|| {
            set_slack(1);
            Self { before }
        })
    }
}

impl Drop for SlackOfOne {
    fn drop(&mut self) {
        set_slack(self.before);
    }
}

fn set_slack(nanos: libc::c_int) {
    // SAFETY: takes plain numbers, and changes this thread's timers alone.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanos as libc::c_ulong) };
}

/// The system did not let the thread wait for a ring.
#[non_exhaustive]
pub struct WaitError {
    /// What was tried.
    pub operation: &'static str,
    /// The system's error.
    pub source: io::Error,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.operation, self.source)?;
        match self.source.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE) => {
                f.write_str("; raise the limit of open files (`ulimit -n`)")
            }
            Some(libc::ENOSPC) => f.write_str("; raise fs.epoll.max_user_watches"),
            Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => {
                f.write_str("; let the sandbox of this process (a seccomp filter) permit it")
            }
            Some(libc::ENOMEM) => f.write_str("; the limit of memory is reached (memory.max)"),
            _ => Ok(()),
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds the cause, so `source` has nothing to add.
impl Error for WaitError {}

pub(crate) fn check(
    operation: &'static str,
    result: libc::c_int,
) -> Result<libc::c_int, WaitError> {
    if result < 0 {
        Err(WaitError { operation, source: io::Error::last_os_error() })
    } else {
        Ok(result)
    }
}

/// A signal is not an error.
pub(crate) fn interrupted(result: Result<WakeCause, WaitError>) -> Result<WakeCause, WaitError> {
    match result {
        Err(error) if error.source.kind() == io::ErrorKind::Interrupted => {
            Ok(WakeCause::Interrupted)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nap_leaves_the_timer_slack_as_it_was() {
        // SAFETY: takes and gives plain numbers.
        let slack = || unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) };
        set_slack(70_000);
        let (inside, before) = (SlackOfOne::begin(), slack());
        drop(inside);
        assert_eq!((before, slack()), (1, 70_000));
    }

    fn sleeper() -> Sleeper {
        // Any file that epoll takes and that nothing happens to.
        // SAFETY: takes plain numbers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        // SAFETY: just created, owned by nobody else.
        Sleeper::new(unsafe { OwnedFd::from_raw_fd(fd) }, libc::EPOLLIN)
    }

    #[test]
    fn a_block_is_no_shorter_than_asked() {
        let sleeper = sleeper();
        for micros in [1, 300, 999] {
            let (time, begin) = (Duration::from_micros(micros), Instant::now());
            assert_eq!(sleeper.block(time).unwrap(), WakeCause::TimeUp);
            assert!(begin.elapsed() >= time, "{time:?}");
        }
    }

    #[test]
    fn a_pause_is_no_shorter_than_asked_and_the_clock_goes_on() {
        let sleeper = sleeper();
        let (time, begin, before) = (Duration::from_millis(2), Instant::now(), sleeper.now());
        sleeper.pause(time);
        assert!(begin.elapsed() >= time);
        assert!(sleeper.now() >= before + time);
    }

    #[test]
    fn a_signal_is_no_error_and_all_else_is() {
        let failed = |errno| {
            let source = io::Error::from_raw_os_error(errno);
            interrupted(Err(WaitError { operation: "sleep", source }))
        };
        assert_eq!(failed(libc::EINTR).unwrap(), WakeCause::Interrupted);
        assert_eq!(failed(libc::EINVAL).unwrap_err().source.raw_os_error(), Some(libc::EINVAL));
    }

    /// And not the next one, even if nobody has asked for the wake in between.
    #[test]
    fn a_wake_ends_one_sleep() {
        let (sleeper, time) = (sleeper(), Duration::from_millis(1));
        let waker = sleeper.waker().unwrap();
        for _ in 0..2 {
            waker.wake();
            assert_eq!(sleeper.nap(Duration::MAX).unwrap(), WakeCause::Woken);
            assert_eq!(sleeper.nap(time).unwrap(), WakeCause::TimeUp);
            assert_eq!((sleeper.take_wakes(), sleeper.take_wakes()), (Wakes::WAKE, Wakes::NONE));
            waker.wake();
            assert_eq!(sleeper.block(Duration::MAX).unwrap(), WakeCause::Woken);
            assert_eq!(sleeper.block(time).unwrap(), WakeCause::TimeUp);
            assert_eq!((sleeper.take_wakes(), sleeper.take_wakes()), (Wakes::WAKE, Wakes::NONE));
        }
    }

    #[test]
    fn a_nap_has_a_slack_of_one_nanosecond() {
        let sleeper = sleeper();
        let (ids, id) = std::sync::mpsc::channel();
        let napping = std::thread::spawn(move || {
            // SAFETY: takes nothing.
            ids.send(unsafe { libc::gettid() }).unwrap();
            for _ in 0..100 {
                sleeper.nap(Duration::from_millis(2)).unwrap();
            }
        });
        let path = format!("/proc/{}/timerslack_ns", id.recv().unwrap());
        let mut seen = false;
        while !seen && !napping.is_finished() {
            seen = std::fs::read_to_string(&path).is_ok_and(|slack| slack.trim() == "1");
        }
        napping.join().unwrap();
        assert!(seen, "{path} was never 1");
    }

    #[test]
    fn an_error_says_what_was_tried_and_what_to_raise() {
        let error = |errno| WaitError {
            operation: "make an epoll set",
            source: io::Error::from_raw_os_error(errno),
        };
        let text = error(libc::EMFILE).to_string();
        assert!(text.starts_with("could not make an epoll set") && text.contains("ulimit -n"));
        assert!(error(libc::ENOSPC).to_string().contains("max_user_watches"));
        assert_eq!(format!("{:?}", error(libc::EBADF)), error(libc::EBADF).to_string());
    }
}
