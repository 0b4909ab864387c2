//! A program that runs, with its output in files: nobody has to read along.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::Maps;

/// The descriptor of a program's first map.
const FIRST: RawFd = 100;
/// The end of the output where a program's latest words are looked for.
const TAIL: u64 = 1 << 16;

pub(crate) struct Started {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// How it ended, and all that it printed.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Whether our library said that it is bound.
    pub(crate) fn bound(&self) -> bool {
        self.err.contains("ringbuf-capi ") && self.err.contains(" is bound")
    }
}

pub(crate) fn start(mut command: Command, folder: &Path, maps: &Maps<'_>) -> Started {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let [out, err] = ["out", "err"].map(|end| folder.join(format!("{number}.{end}")));
    let file = |path: &Path| Stdio::from(File::create(path).expect("a file"));
    command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
    let maps: Vec<_> = maps.iter().map(AsRawFd::as_raw_fd).collect();
    let pass = move || {
        for (map, to) in maps.iter().zip(FIRST..) {
            // SAFETY: takes plain numbers; the copy is open in the new program.
            if unsafe { libc::dup2(*map, to) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes system calls alone.
    unsafe { command.pre_exec(pass) };
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Started { child, out, err }
}

impl Started {
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Whether the end of its output has this.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        let mut tail = String::new();
        let mut file = File::open(&self.out).expect("the output");
        let len = file.metadata().expect("a length").len();
        file.seek(SeekFrom::Start(len.saturating_sub(TAIL))).expect("a place");
        // Cut in the middle of a letter it is no text: then later.
        file.read_to_string(&mut tail).is_ok() && tail.contains(text)
    }

    /// Waits until the end of its output has this.
    ///
    /// # Panics
    /// If it ends before.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_with(text, || ());
    }

    /// The same, and calls `meanwhile` now and then.
    pub(crate) fn wait_with(&mut self, text: &str, mut meanwhile: impl FnMut()) {
        while !self.has_said(text) {
            if !self.is_alive() && !self.has_said(text) {
                let [out, err] = [&self.out, &self.err].map(|at| read(at));
                panic!("a program ended before it said {text:?}:\n{out}{err}");
            }
            meanwhile();
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end.
    pub(crate) fn told_to_end(mut self) -> Ended {
        if self.is_alive() {
            // SAFETY: our child, which was not waited for.
            unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
        }
        self.ended()
    }

    /// Calls `meanwhile` until it ends.
    pub(crate) fn ended_with(mut self, mut meanwhile: impl FnMut()) -> Ended {
        while self.is_alive() {
            meanwhile();
            thread::sleep(Duration::from_millis(10));
        }
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        let status = self.child.wait().expect("a child");
        Ended { status, out: read(&self.out), err: read(&self.err) }
    }
}

impl Drop for Started {
    /// It does not outlive a test that fails.
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
