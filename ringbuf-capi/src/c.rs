//! What C gives us and wants from us: errno, options, variables, sleeps.

use std::ffi::CStr;
use std::io;
use std::ptr;
use std::time::Duration;

use libc::{c_int, c_void, size_t};

/// `ring_buffer_sample_fn`. It may unwind.
pub(crate) type SampleFn =
    Option<unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, size_t) -> c_int>;

// These sleeps are cancellation points: a thread that is cancelled there unwinds through our
// frames. libc declares them as functions that never unwind.
unsafe extern "C-unwind" {
    fn epoll_wait(
        epoll: c_int,
        events: *mut libc::epoll_event,
        most: c_int,
        millis: c_int,
    ) -> c_int;
    fn ppoll(
        fds: *mut libc::pollfd,
        count: libc::nfds_t,
        time: *const libc::timespec,
        mask: *const libc::sigset_t,
    ) -> c_int;
}

pub(crate) fn errno() -> c_int {
    // SAFETY: takes nothing.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the thread's own errno, which lives as long as the thread.
    unsafe { *place }
}

pub(crate) fn set_errno(number: c_int) {
    // SAFETY: takes nothing.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { *place = number };
}

/// Sets errno and returns its negative, as libbpf does.
pub(crate) fn fail(number: c_int) -> c_int {
    set_errno(number);
    number.wrapping_neg()
}

/// Sets errno and returns NULL.
pub(crate) fn null<T>(number: c_int) -> *mut T {
    set_errno(number);
    ptr::null_mut()
}

/// The number of a system error.
pub(crate) fn number(error: &io::Error) -> c_int {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// An environment variable, as C sees it: no lock.
pub(crate) fn variable(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: a C string, alive for the call.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    // SAFETY: getenv returns NULL or a C string. Nobody changes it at this moment, as for
    // every caller of getenv.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
}

/// Whether libbpf would accept these options (`OPTS_VALID`): it knows the first `known`
/// bytes of the struct, and every further one must be 0.
///
/// # Safety
/// `options` is NULL, or points to a struct that begins with its size.
pub(crate) unsafe fn options_valid(options: *const c_void, known: size_t) -> bool {
    if options.is_null() || crate::planted::planted(18) {
        return true;
    }
    // SAFETY: as the caller guarantees.
    let size = unsafe { options.cast::<size_t>().read_unaligned() };
    let mut further = known..size;
    size >= known
        && further.all(|at| {
            // SAFETY: the caller says that the struct has `size` bytes.
            let byte = unsafe { options.cast::<u8>().wrapping_add(at).read() };
            byte == 0
        })
}

/// A new epoll set.
pub(crate) fn epoll_create() -> Result<c_int, c_int> {
    let flags = if crate::planted::planted(2) { 0 } else { libc::EPOLL_CLOEXEC };
    // SAFETY: takes a plain number.
    let epoll = unsafe { libc::epoll_create1(flags) };
    if epoll < 0 { Err(errno()) } else { Ok(epoll) }
}

/// Watches `fd`, level-triggered.
pub(crate) fn epoll_add(epoll: c_int, fd: c_int, events: c_int, mark: u64) -> Result<(), c_int> {
    let mut event = libc::epoll_event { events: events as u32, u64: mark };
    // SAFETY: one event, alive for the call.
    let done = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) };
    if done < 0 { Err(errno()) } else { Ok(()) }
}

pub(crate) fn close(fd: c_int) {
    if fd >= 0 {
        // SAFETY: a descriptor of ours, which nobody uses after this.
        unsafe { libc::close(fd) };
    }
}

/// Waits for events of an epoll set. Returns their number, or the error.
///
/// # Safety
/// There is room for `most` events.
pub(crate) unsafe fn wait_events(
    epoll: c_int,
    events: *mut libc::epoll_event,
    most: c_int,
    millis: c_int,
) -> Result<c_int, c_int> {
    // SAFETY: as the caller guarantees.
    let count = unsafe { epoll_wait(epoll, events, most, millis) };
    if count < 0 { Err(errno()) } else { Ok(count) }
}

/// What ended a sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slept {
    TimeUp,
    Readable,
    Woken,
    Interrupted,
    Failed(c_int),
}

/// Sleeps until `epoll` or `waker` is readable; a negative descriptor counts as none. With a
/// short time, the timer slack of the thread is 1 ns meanwhile: the usual 50 us would double
/// a nap.
pub(crate) fn sleep(epoll: c_int, waker: c_int, time: Duration) -> Slept {
    let seconds = libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX);
    let mut spec = libc::timespec { tv_sec: seconds, tv_nsec: 0 };
    // Below 2^30, so it fits on 32-bit machines, too.
    spec.tv_nsec = time.subsec_nanos() as libc::c_long;
    let mut fds = [epoll, waker].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    let slack = if epoll < 0 { slack() } else { 0 };
    if slack > 1 {
        set_slack(1);
    }
    // SAFETY: two descriptors and one timespec, alive for the call; no signal mask.
    let ready = unsafe { ppoll(fds.as_mut_ptr(), 2, &raw const spec, ptr::null()) };
    let error = errno();
    if slack > 1 {
        set_slack(slack);
    }
    let [map, waker] = fds;
    match ready {
        0 => Slept::TimeUp,
        1.. if waker.revents != 0 => Slept::Woken,
        1.. if map.revents != 0 => Slept::Readable,
        1.. => Slept::TimeUp,
        _ if error == libc::EINTR => Slept::Interrupted,
        _ => Slept::Failed(error),
    }
}

fn slack() -> c_int {
    // SAFETY: takes and gives plain numbers.
    unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) }
}

fn set_slack(nanos: c_int) {
    // SAFETY: takes plain numbers, and changes this thread's timers alone.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanos.unsigned_abs() as libc::c_ulong) };
}
