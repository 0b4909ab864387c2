//! Commands and threads that are not root, and have some capabilities or none.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use libc::{c_long, c_ulong};

/// Linux's number of each capability.
pub mod capability {
    /// Almost everything.
    pub const SYS_ADMIN: u32 = 21;
    /// Tracing.
    pub const PERFMON: u32 = 38;
    /// Maps and programs.
    pub const BPF: u32 = 39;
}

/// A user without rights.
pub const NOBODY: u32 = 65534;

/// Lets `command` run as [`NOBODY`], with these capabilities alone. Its program must be one that
/// all users may run. Needs root.
pub fn as_nobody(command: &mut Command, capabilities: &'static [u32]) {
    // SAFETY: it makes system calls only.
    unsafe {
        command.pre_exec(move || {
            lock_any_memory();
            become_nobody(capabilities)
        })
    };
}

/// Runs `body` on a thread of its own that is [`NOBODY`] and has these capabilities alone. The
/// programs that it starts have them, too. Needs root.
///
/// # Panics
/// If `body` does, or this process is not root.
pub fn with_only<T: Send>(capabilities: &[u32], body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            become_nobody(capabilities).expect("root");
            body()
        });
        thread.join().expect("the thread without privilege")
    })
}

/// Before Linux 5.11, maps count against the limit. A container may refuse.
fn lock_any_memory() {
    let most = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: it reads the limits.
    let _refused = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const most) };
}

/// Changes this thread alone: by system calls, because those of the C library change all threads.
fn become_nobody(capabilities: &[u32]) -> io::Result<()> {
    let nobody = c_long::from(NOBODY);
    // SAFETY: numbers.
    done(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) }.into())?;
    // SAFETY: no groups.
    done(unsafe { libc::syscall(libc::SYS_setgroups, 0, 0) })?;
    // SAFETY: numbers.
    done(unsafe { libc::syscall(libc::SYS_setresgid, nobody, nobody, nobody) })?;
    // SAFETY: numbers.
    done(unsafe { libc::syscall(libc::SYS_setresuid, nobody, nobody, nobody) })?;
    let all = capabilities.iter().fold(0_u64, |all, capability| all | 1 << capability);
    let (low, high) = (all as u32, (all >> 32) as u32);
    // `struct __user_cap_header_struct` of version 3, for this thread.
    let header = [0x2008_0522_u32, 0];
    // Two times effective, permitted and inheritable.
    let set = [low, low, low, high, high, high];
    // SAFETY: the kernel reads a header and six words.
    done(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), set.as_ptr()) })?;
    // Otherwise a program that is not set up for it loses its capabilities.
    for capability in capabilities {
        let (raise, one) = (libc::PR_CAP_AMBIENT_RAISE as c_ulong, c_ulong::from(*capability));
        // SAFETY: numbers.
        done(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, raise, one, 0, 0) }.into())?;
    }
    Ok(())
}

fn done(result: c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
