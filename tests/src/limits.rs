//! Limits of this process.

/// Raises the limit of open files, if it is below `files`.
pub fn may_open(files: u32) {
    let limit = libc::rlimit { rlim_cur: files.into(), rlim_max: files.into() };
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: room for one rlimit.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut now) };
    if now.rlim_cur < limit.rlim_cur {
        // SAFETY: reads one rlimit.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}
