//! A bound against hanging, for tests that wait without end. Nothing is asserted about speed: what
//! is only slow is far from it.

#![allow(unreachable_pub, reason = "reachable where a library has it, and not in a test")]

use std::fs;
use std::io::{self, Write};
use std::process::{self, Command};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Longer than the slowest machine takes for any one test.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Ends the process and all that it has started, saying which test hangs, unless it is dropped in
/// time.
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
    watch(test, LIMIT, || {
        end_programs_of(process::id());
        process::abort()
    })
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

/// Kills the programs that a process has started, and theirs. They have its output, so whoever
/// reads that until its end (`cargo xtask test` does) would wait for them when it is gone.
fn end_programs_of(process: u32) {
    let mut all = started_by(process);
    let mut next = 0;
    while let Some(one) = all.get(next) {
        all.extend(started_by(*one));
        next += 1;
    }
    if !all.is_empty() {
        let numbers: String = all.iter().map(|one| format!(" {one}")).collect();
        // The shell has it, where no program of this name is installed.
        let _ended = Command::new("sh").args(["-c", &format!("kill -KILL{numbers}")]).status();
    }
}

/// Nobody, where the kernel does not tell (CONFIG_PROC_CHILDREN).
fn started_by(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let numbers = |text: String| text.split_whitespace().flat_map(str::parse).collect::<Vec<_>>();
    texts.flat_map(numbers).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;
    use std::process::Stdio;

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

    #[test]
    fn what_a_test_has_started_does_not_outlive_it() {
        if !Path::new("/proc/thread-self/children").exists() {
            println!("this kernel does not tell who has started whom");
            return;
        }
        // A program of a program. It is there when the line comes.
        let script = "sh -c 'sleep 100000 & echo; wait' & wait; exit 7";
        let mut shell = Command::new("sh");
        let mut shell = shell.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = shell.stdout.take().unwrap();
        output.read_exact(&mut [0]).unwrap();
        end_programs_of(shell.id());
        assert_eq!(shell.wait().unwrap().code(), Some(7), "it saw its program end");
        assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}
