//! The built command, as a test starts and watches it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// A command that takes this long hangs.
pub(crate) const LONG: Duration = Duration::from_secs(15 * 60);

/// The command `ringbuf exec` with `arguments`.
pub(crate) fn exec(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringbuf"));
    command.arg("exec").args(arguments).stdin(Stdio::null()).env_remove("RINGBUF_DEBUG");
    command
}

/// Runs the command to its end and returns its output.
pub(crate) fn output(arguments: &[&str]) -> Output {
    exec(arguments).output().expect("ringbuf can be started")
}

/// Returns the bytes as text.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the command prints UTF-8")
}

/// A running `ringbuf exec`. Its lines arrive as it prints them. Dropping kills it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// Its lines, without their ends.
    pub(crate) lines: Receiver<String>,
}

impl Running {
    /// Starts the command.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = exec(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let out = child.stdout.take().expect("a pipe");
        let (send, lines) = channel();
        thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        Self { child, lines }
    }

    /// Starts the command. The test reads or closes its output itself.
    pub(crate) fn with_pipe(arguments: &[&str]) -> (Self, BufReader<ChildStdout>) {
        let mut command = exec(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let (_, lines) = channel();
        (Self { child, lines }, out)
    }

    /// Returns the next line.
    pub(crate) fn line(&self) -> String {
        // watchdog:
        self.lines.recv_timeout(LONG).expect("a line, and no hang")
    }

    /// Sends a signal by its name, as in `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// Stops the command, and returns when it is stopped.
    pub(crate) fn stop(&self) {
        self.signal("STOP");
        let state = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
            stat.expect("it has not been waited for")
                .rsplit(") ")
                .next()
                .map(|s| s.starts_with('T'))
        };
        while state() != Some(true) {
            thread::yield_now();
        }
    }

    /// Returns true if the command has ended.
    #[cfg(feature = "bpf")]
    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_some()
    }

    /// Waits for the end. Returns the exit status, the remaining lines, and
    /// standard error.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>, String) {
        let mut error = String::new();
        let pipe = self.child.stderr.as_mut().expect("a pipe");
        pipe.read_to_string(&mut error).expect("UTF-8");
        let status = self.child.wait().expect("it is ours");
        (status, self.lines.iter().collect(), error)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if the command has ended, which is the goal.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
