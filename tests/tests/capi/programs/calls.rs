//! What the programs of others trace: numbered calls of getpgid(2), and numbered programs
//! that are started.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ringbuf_tests::{online_cpus, pin_to_cpu};

use tempfile::TempDir;

use super::process::Started;
use crate::producer::paced;

/// Numbers that no process has. The first one only shows that the program traces.
const BASE: u32 = 0x4000_0000;
const LAST: u32 = 0x7fff_ffff;
const LINKS: u32 = 2_000;

/// What a program traces, and prints the numbers of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traced {
    /// Calls of getpgid(2).
    Calls,
    /// Programs that are started.
    Starts,
}

/// A load for one of them.
pub(crate) struct Load {
    traced: Traced,
    /// Links to a program, by number. Their paths have 14 bytes at most: the article's
    /// programs keep 15.
    links: TempDir,
    /// The next number.
    next: u32,
}

impl Load {
    /// # Panics
    /// If there is no /bin/true.
    pub(crate) fn new(traced: Traced) -> Self {
        let links = tempfile::Builder::new().prefix("r").rand_bytes(3).tempdir_in("/tmp");
        let links = links.expect("a folder");
        if traced == Traced::Starts {
            for number in 0..LINKS {
                symlink("/bin/true", links.path().join(format!("{number:04}"))).expect("a link");
            }
        }
        Self { traced, links, next: 1 }
    }

    /// Waits until the program traces.
    pub(crate) fn until_traced(&self, started: &mut Started) {
        started.wait_with(&self.text(0), || self.one(0));
    }

    /// `count` calls, with a pause now and then.
    pub(crate) fn fixed(&mut self, count: u32) {
        for number in 0..count {
            self.step();
            if number % 64 == 63 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Calls as fast as possible; the time of one, in nanoseconds.
    pub(crate) fn saturate(&mut self, time: Duration) -> f64 {
        let _there = pin_to_cpu(*online_cpus().last().expect("a CPU"));
        let (begin, before) = (Instant::now(), self.next);
        // budget: of the measurement.
        while begin.elapsed() < time && !self.is_used_up() {
            self.step();
        }
        // printed only:
        begin.elapsed().as_nanos() as f64 / f64::from(self.next - before)
    }

    /// A call every 10 us; the time of one, in nanoseconds. Programs are not started so fast.
    pub(crate) fn pace(&mut self, time: Duration) -> f64 {
        let _there = pin_to_cpu(*online_cpus().last().expect("a CPU"));
        paced(time, |_| self.step())
    }

    /// Waits until the program has printed everything.
    pub(crate) fn until_printed(&self, started: &mut Started) {
        started.wait_with(&self.text(self.last()), || self.end());
    }

    /// A call that means the end.
    pub(crate) fn end(&self) {
        self.one(self.last());
    }

    /// The calls so far.
    pub(crate) fn count(&self) -> u32 {
        self.next - 1
    }

    /// The numbers that the program printed, without those of the waits.
    pub(crate) fn numbers(&self, out: &str) -> Vec<u32> {
        let dir = format!("{}/", self.links.path().display());
        let number = |word: &str| match self.traced {
            Traced::Calls => word.parse().ok().and_then(|number: u32| number.checked_sub(BASE)),
            Traced::Starts => word.strip_prefix(&dir)?.parse().ok(),
        };
        let words = out.split_whitespace().filter_map(number);
        words.filter(|number| (1..self.next).contains(number)).collect()
    }

    fn step(&mut self) {
        self.one(self.next);
        self.next += 1;
    }

    fn is_used_up(&self) -> bool {
        self.next >= self.last()
    }

    fn last(&self) -> u32 {
        match self.traced {
            Traced::Calls => LAST - BASE,
            Traced::Starts => LINKS - 1,
        }
    }

    fn one(&self, number: u32) {
        match self.traced {
            Traced::Calls => {
                // SAFETY: takes a plain number, of no process.
                unsafe { libc::getpgid((BASE + number) as libc::pid_t) };
            }
            Traced::Starts => start(&self.links.path().join(format!("{number:04}"))),
        }
    }

    fn text(&self, number: u32) -> String {
        match self.traced {
            Traced::Calls => (BASE + number).to_string(),
            Traced::Starts => self.links.path().join(format!("{number:04}")).display().to_string(),
        }
    }
}

fn start(program: &Path) {
    Command::new(program).status().expect("it runs");
}
