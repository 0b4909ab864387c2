//! A silent machine: an emulator that never gets going, or a kernel that is stuck. We start it once
//! more, instead of waiting until its time is up.

use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::console::Console;
use super::initramfs::SUITE_LIMIT;
use crate::results::Skip;

/// How long a machine may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From start to end.
    pub(crate) whole: Duration,
    /// Without a byte on its console, while no suite runs.
    pub(crate) silence: Duration,
}

impl Limits {
    /// The limits of the matrix.
    pub(crate) fn of_kernels(seconds: u64) -> Self {
        Self { whole: Duration::from_secs(seconds), silence: Duration::from_secs(120) }
    }

    /// How long it may be silent now. A suite may be silent for as long as it may run: the guest
    /// then ends it, and prints that.
    pub(crate) fn silence(self, console: &Console) -> Duration {
        let suite = Duration::from_secs(SUITE_LIMIT.into());
        if console.runs_a_suite() { self.silence + suite } else { self.silence }
    }
}

/// The output so far, and the time of its last byte.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    bytes: u64,
    /// The end of it.
    last: Vec<u8>,
}

impl Heard {
    /// From a machine that was started now.
    pub(crate) fn nothing(now: Instant) -> Self {
        Self { at: now, bytes: 0, last: Vec::new() }
    }

    fn hear(&mut self, bytes: &[u8], now: Instant) {
        const LAST: usize = 80;
        self.at = now;
        self.bytes += bytes.len() as u64;
        self.last.extend_from_slice(bytes);
        self.last.drain(..self.last.len().saturating_sub(LAST));
    }

    /// Returns true if it has been silent for this long.
    pub(crate) fn is_over(&self, silence: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= silence
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bytes == 0 {
            return write!(f, "not a byte came since the start");
        }
        let last = String::from_utf8_lossy(&self.last);
        write!(f, "{} bytes came, the last of them {:?}", self.bytes, last.trim())
    }
}

/// Reads a console byte by byte.
pub(crate) struct Hearing<R> {
    from: R,
    heard: Arc<Mutex<Heard>>,
}

impl<R> Hearing<R> {
    pub(crate) fn new(from: R, heard: &Arc<Mutex<Heard>>) -> Self {
        Self { from, heard: Arc::clone(heard) }
    }
}

impl<R: Read> Read for Hearing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        let mut heard = self.heard.lock().unwrap_or_else(|broken| broken.into_inner());
        heard.hear(&buffer[..count], Instant::now());
        Ok(count)
    }
}

/// Boots a silent machine once more. The report mentions it. If it is silent again, it failed.
pub(crate) fn twice_if_silent(
    first: Console,
    boot: impl FnOnce() -> Result<Console>,
) -> Result<Console> {
    let Some(silence) = first.silent else { return Ok(first) };
    let mut second = boot()?;
    if let Some(again) = &second.silent {
        let why = format!("started twice, and silent twice: first {silence}; then {again}");
        second.complaints.push(why);
    }
    let why = format!("started twice: {silence}");
    second.notes.push(Skip { what: "boot".to_owned(), why });
    Ok(second)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;
    use crate::matrix::boot::{self, Accelerator, Emulator, System};

    const LONG: Duration = Duration::from_secs(15 * 60);

    /// A script that stands for an emulator.
    fn run(script: &str, silence: Duration) -> Console {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qemu");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let program = Box::leak(path.display().to_string().into_boxed_str());
        let emulator = Emulator { program, args: &[], append: "" };
        let (kernel, initramfs) = (Path::new("kernel"), Path::new("initramfs"));
        let accelerator = Accelerator::Tcg;
        let system = System { emulator, accelerator, kernel, initramfs, environment: "" };
        let limits = Limits { whole: LONG, silence };
        let suites = ["a".to_owned()];
        boot::boot(system, &folder.path().join("log"), limits, &suites, |_| ()).unwrap()
    }

    const STUCK: &str = "exec sleep 10000";
    const GOOD: &str = "echo '@@ begin 7.3.4'; echo '@@ suite a 1'; echo 'test result: ok. 1 passed; \
        0 failed; 0 ignored'; echo '@@ end a 0 2'; echo '@@ done'";

    #[test]
    fn what_says_nothing_is_started_once_more() {
        let silent = run(STUCK, Duration::from_millis(50));
        let what = "no output for 0 s: not a byte came since the start";
        assert_eq!(silent.silent.as_deref(), Some(what));
        assert_eq!(silent.suites[0].problems, [format!("not reached: {what}{}", IMAGE)]);
        let second = twice_if_silent(silent, || Ok(run(GOOD, LONG))).unwrap();
        assert!(second.suites.iter().all(|suite| !suite.failed()) && second.complaints.is_empty());
        assert_eq!(second.notes[0].why, format!("started twice: {what}"));
    }

    const IMAGE: &str = "; if kernel is broken, delete it: it is fetched again";

    #[test]
    fn a_second_silence_fails_and_says_what_was_seen() {
        let silent = || run(STUCK, Duration::ZERO);
        let mut boots = 0;
        let second = twice_if_silent(silent(), || {
            boots += 1;
            Ok(silent())
        });
        let second = second.unwrap();
        assert_eq!(boots, 1);
        assert!(second.suites[0].failed());
        assert!(
            second.complaints[0].starts_with("started twice, and silent twice: first no output")
        );
    }

    #[test]
    fn what_ends_by_itself_is_not_started_again() {
        let good = run(GOOD, LONG);
        assert_eq!((good.silent.as_deref(), good.suites[0].failed()), (None, false));
        assert!(twice_if_silent(good, || unreachable!()).unwrap().notes.is_empty());
        let died = run("echo '@@ begin 7.3.4'; echo '@@ suite a 1'", LONG);
        assert!(died.silent.is_none() && died.suites[0].failed());
    }

    #[test]
    fn every_byte_ends_a_silence() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let silence = Duration::from_secs(120);
        let mut heard = Heard::nothing(start);
        assert!(!heard.is_over(silence, at(119)) && heard.is_over(silence, at(120)));
        heard.hear(b"SeaBIOS", at(100));
        assert!(!heard.is_over(silence, at(219)) && heard.is_over(silence, at(220)));
        assert_eq!(heard.to_string(), "7 bytes came, the last of them \"SeaBIOS\"");
    }

    #[test]
    fn a_suite_that_runs_may_be_silent_until_it_is_ended() {
        let limits = Limits::of_kernels(900);
        let mut console = Console::default();
        let mut after = |line: &str| {
            console.line(line);
            limits.silence(&console).as_secs()
        };
        assert_eq!(after("@@ begin 7.3.4"), 120);
        assert_eq!(after("@@ suite a 1"), 120 + u64::from(SUITE_LIMIT));
        assert_eq!(after("@@ end a 0 2"), 120);
    }
}
