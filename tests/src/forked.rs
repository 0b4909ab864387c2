//! A child of `fork`.

use std::io;

/// A child that has not ended by then never will.
const SECONDS: u32 = 10 * 60;

/// What `body` returns in a child of `fork`.
///
/// The child has this thread alone: a lock that another one has holds for ever there. No watchdog
/// would see it, so an alarm ends it.
///
/// # Panics
/// If there is no child, or it does not return.
pub fn in_child(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child calls nothing that waits for another thread; glibc's allocator is usable
    // after fork.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", io::Error::last_os_error());
    if child == 0 {
        // SAFETY: a number.
        unsafe { libc::alarm(SECONDS) };
        let code = body();
        // SAFETY: ends the child, without destructors of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: our child, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFEXITED(status), "status {status}");
    libc::WEXITSTATUS(status)
}
