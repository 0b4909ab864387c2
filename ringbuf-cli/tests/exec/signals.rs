//! One signal ends the command in order, whatever the reader of its output does.

use std::fs;
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use crate::HEADER;
use crate::common::{Running, exec, text};

/// A pipe that is full, and that nobody reads. Dropping ends who holds it open.
struct FullPipe {
    writer: ChildStdin,
    holder: Child,
}

impl FullPipe {
    fn new() -> Self {
        let holder = Command::new("sleep").arg("10000").stdin(Stdio::piped()).spawn();
        let mut holder = holder.expect("it starts");
        let writer = holder.stdin.take().expect("a pipe");
        let end = copy(&writer);
        let mut fills = Command::new("cat").arg("/dev/zero").stdout(end).spawn().expect("cat");
        while state(fills.id()) != Some('S') {
            thread::yield_now();
        }
        fills.kill().expect("it blocks");
        fills.wait().expect("it is ours");
        Self { writer, holder }
    }

    fn end(&self) -> Stdio {
        copy(&self.writer)
    }
}

impl Drop for FullPipe {
    fn drop(&mut self) {
        let _ended = self.holder.kill().and_then(|()| self.holder.wait());
    }
}

fn copy(end: &ChildStdin) -> Stdio {
    end.as_fd().try_clone_to_owned().expect("a descriptor").into()
}

/// The state of a process, as a letter of proc(5).
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// A mask of signals in /proc/PID/status.
fn mask(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let mask = status.lines().find_map(|line| line.strip_prefix(name)).expect("a mask");
    u64::from_str_radix(mask.trim(), 16).expect("hexadecimal")
}

fn until_it_catches_signals(pid: u32) {
    const TERM: u64 = 1 << 14;
    while mask(pid, "SigCgt:") & TERM == 0 {
        thread::yield_now();
    }
}

fn send(name: &str, pid: u32) {
    let kill = format!("kill -{name} {pid}");
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
}

/// `nohup` is also how a whole test may run.
fn hangups_are_ignored() -> bool {
    mask(std::process::id(), "SigIgn:") & 1 == 1
}

#[test]
fn one_signal_ends_it_though_nobody_reads_its_output() {
    let signals = if hangups_are_ignored() { &["TERM"][..] } else { &["TERM", "HUP", "INT"] };
    for signal in signals {
        let pipe = FullPipe::new();
        let child = exec(&["--sim"]).stdout(pipe.end()).stderr(Stdio::piped()).spawn();
        let child = child.expect("it starts");
        until_it_catches_signals(child.id());
        send(signal, child.id());
        let output = child.wait_with_output().expect("it ends");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "SIG{signal}: {error}");
        let summary = error.lines().last().expect("a summary");
        assert!(summary.starts_with("ringbuf: 0 events delivered"), "SIG{signal}: {error}");
    }
}

#[test]
fn one_signal_ends_it_though_nobody_reads_anything() {
    let pipe = FullPipe::new();
    let child = exec(&["--sim"]).stdout(pipe.end()).stderr(pipe.end()).spawn();
    let mut child = child.expect("it starts");
    until_it_catches_signals(child.id());
    send("TERM", child.id());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_hangup_ends_it_unless_it_is_ignored() {
    if !hangups_are_ignored() {
        let running = Running::start(&["--sim"]);
        assert_eq!(running.line(), HEADER);
        running.signal("HUP");
        let (status, _, error) = running.end();
        assert_eq!(status.code(), Some(0), "{error}");
    }
    // As `nohup` starts it.
    let script = "trap '' HUP; exec \"$0\" exec --sim --count 8";
    let child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_ringbuf")])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let child = child.expect("it starts");
    until_it_catches_signals(child.id());
    send("HUP", child.id());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stdout).lines().count(), 1 + 8);
}
