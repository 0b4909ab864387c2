//! A bound against hanging, for tests that wait without end. Nothing is asserted about speed: what
//! is only slow is far from it.

#![allow(unreachable_pub, reason = "reachable where a library has it, and not in a test")]

use std::io::{self, Write};
use std::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Longer than the slowest machine takes for any one test.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Ends the process, saying which test hangs, unless it is dropped in time.
#[must_use = "it watches for as long as it lives"]
#[derive(Debug)]
pub struct Watchdog {
    /// Dropping it tells the thread.
    _alive: Sender<()>,
}

/// Watches over `test` until the result is dropped.
///
/// # Panics
/// If no thread can be had.
pub fn watchdog(test: &'static str) -> Watchdog {
    watch(test, LIMIT, || process::abort())
}

/// `end` is not called with a panic: the test that hangs would not see it.
fn watch(test: &'static str, limit: Duration, end: impl FnOnce() + Send + 'static) -> Watchdog {
    let (alive, gone) = channel();
    let watch = move || {
        // watchdog:
        if gone.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let seconds = limit.as_secs();
            let text = format!("watchdog: {test} hangs: not over after {seconds} s: aborting\n");
            // Past the harness, which keeps back what a test prints with `eprintln!`.
            let _said = io::stderr().write_all(text.as_bytes());
            end();
        }
    };
    thread::Builder::new().name("watchdog".to_owned()).spawn(watch).expect("a thread");
    Watchdog { _alive: alive }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_bites_who_hangs_and_nobody_else() {
        let (bites, bitten) = channel();
        let (other, also) = (bites.clone(), bites);
        let hangs = watch("hangs", Duration::from_millis(1), move || other.send("hangs").unwrap());
        assert_eq!(bitten.recv(), Ok("hangs"));
        drop(hangs);
        drop(watch("ends", LIMIT, move || also.send("ends").unwrap()));
        // Both senders are gone without a word.
        assert!(bitten.recv().is_err());
    }
}
