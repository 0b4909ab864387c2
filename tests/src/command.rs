//! The command `ringbuf`, as it is built beside the tests.

use std::env;
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
    Some(command)
}
