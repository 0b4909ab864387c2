//! What a thread does now, as proc(5) shows it.

use std::fs;
use std::mem::MaybeUninit;

/// The system calls that a C library may make for `epoll_wait`. Only some machines have the older
/// one.
pub(crate) const EPOLL_WAIT: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
];

/// Whether a thread sleeps in epoll_wait(2). `task` is its folder in /proc.
pub fn is_blocked(task: &str) -> bool {
    let call = fs::read_to_string(format!("{task}/syscall")).unwrap_or_default();
    let number = call.split(' ').next().and_then(|number| number.parse().ok());
    number.is_some_and(|number| EPOLL_WAIT.contains(&number)) && task_state(task) == Some('S')
}

/// The state of a thread, as a letter of proc(5). `task` is its folder in /proc.
pub fn task_state(task: &str) -> Option<char> {
    let stat = fs::read_to_string(format!("{task}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// How often this thread has gone to sleep.
pub fn times_slept() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: room for one rusage.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    // SAFETY: zeroed, then filled: plain numbers.
    unsafe { usage.assume_init() }.ru_nvcsw
}
