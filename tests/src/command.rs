//! The command `ringbuf`, as it is built beside the tests.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::skip;

/// `ringbuf` with these arguments, if it is built here; if not, `test` is recorded as skipped.
///
/// # Panics
/// As [`crate::live`].
pub fn ringbuf(test: &str, arguments: &[&str]) -> Option<Command> {
    let here = env::current_exe().expect("a test has a path");
    let path = here.parent().and_then(|deps| deps.parent()).expect("target").join("ringbuf");
    if !path.exists() {
        skip(test, "the command is not built here: `cargo build -p ringbuf-cli`");
        return None;
    }
    let mut command = Command::new(path);
    command.args(arguments);
    // SAFETY: signal(2) alone, which is safe between fork and exec. If the tests were started by
    // nohup, the command would ignore SIGHUP, as it should, and they would wait for ever.
    unsafe { command.pre_exec(default_hangup) };
    Some(command)
}

fn default_hangup() -> std::io::Result<()> {
    // SAFETY: the default action is no function of ours.
    let before = unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
    if before == libc::SIG_ERR { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}
