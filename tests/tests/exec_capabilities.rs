//! `ringbuf exec` with few privileges, and in a namespace.

use std::ffi::CStr;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdout, Command, Stdio};
use std::ptr;

use libc::c_int;
use ringbuf_tests::{as_nobody, capability, live_since, ringbuf, skip, watchdog};
use tempfile::TempDir;

/// Where tracefs may be mounted.
const TRACING: [&CStr; 2] = [c"/sys/kernel/tracing", c"/sys/kernel/debug"];

/// `ringbuf exec --wide` that is attached. Dropping kills it.
struct Attached {
    child: Child,
    lines: io::Lines<BufReader<ChildStdout>>,
}

impl Attached {
    fn start(mut command: Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let Some(header) = lines.next() else {
            let output = child.wait_with_output().expect("it ends");
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        };
        assert!(header.expect("UTF-8").starts_with("TIME "));
        Self { child, lines }
    }

    /// Sends SIGTERM to `pid`. Returns PID, PPID and UID of the events of `program`.
    fn end(mut self, pid: u32, program: &Path) -> Vec<[String; 3]> {
        assert_eq!(kill(pid), 0);
        let name = program.to_str().expect("UTF-8");
        let all: Vec<_> = self.lines.by_ref().map(|line| line.expect("UTF-8")).collect();
        let status = self.child.wait().expect("it is ours");
        assert_eq!(status.code(), Some(0), "{all:?}");
        let rows = all.iter().filter(|line| line.ends_with(name));
        let words = rows.map(|row| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        words.map(|row| [row[1].clone(), row[2].clone(), row[3].clone()]).collect()
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn kill(pid: u32) -> c_int {
    // SAFETY: two numbers.
    unsafe { libc::kill(pid as c_int, libc::SIGTERM) }
}

/// A program that prints its process number, under a path that nobody else starts.
fn marker(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("marker");
    fs::write(&path, "#!/bin/sh\necho $$\n").expect("written");
    open_to_all(&path);
    open_to_all(folder.path());
    path
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("it is ours");
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
}

#[test]
fn two_capabilities_suffice_without_tracefs() {
    let test = "exec_capabilities::two_capabilities";
    if !live_since(test, (5, 8)) {
        return;
    }
    let _hangs = watchdog(test);
    let folder = tempfile::tempdir().expect("a directory");
    let Some(command) = ringbuf(test, &[]) else { return };
    // Its directory may be closed to others. By `cp`: no other test holds the copy open.
    let copy = folder.path().join("ringbuf");
    run(Command::new("cp").arg(command.get_program()).arg(&copy));
    let marker = marker(&folder);
    let mut command = Command::new(&copy);
    command.args(["exec", "--wide", "--verbose"]);
    // SAFETY: it makes system calls only.
    unsafe { command.pre_exec(cover_tracefs) };
    as_nobody(&mut command, &[capability::BPF, capability::PERFMON]);
    let attached = Attached::start(command);
    let pid = attached.child.id();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let effective = format!("{:016x}", 1_u64 << capability::BPF | 1 << capability::PERFMON);
    assert!(status.contains(&format!("\nCapEff:\t{effective}\n")), "{status}");
    assert!(status.contains("\nUid:\t65534\t"), "{status}");
    let tracefs = format!("/proc/{pid}/root/sys/kernel/tracing/events");
    assert!(!Path::new(&tracefs).exists(), "it is covered");

    let started = run(&mut Command::new(&marker));
    let events = attached.end(pid, &marker);
    assert_eq!(events, [[started, process::id().to_string(), user()]]);
}

fn user() -> String {
    // SAFETY: it has no arguments, and cannot fail.
    unsafe { libc::getuid() }.to_string()
}

/// In a mount namespace of its own.
fn cover_tracefs() -> io::Result<()> {
    // SAFETY: a number.
    done(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let (none, private) = (c"none".as_ptr(), libc::MS_REC | libc::MS_PRIVATE);
    // SAFETY: C strings and null.
    done(unsafe { libc::mount(none, c"/".as_ptr(), ptr::null(), private, ptr::null()) })?;
    for folder in TRACING {
        let (at, kind) = (folder.as_ptr(), c"tmpfs".as_ptr());
        // Not every machine has both.
        // SAFETY: C strings and null.
        let _missing = unsafe { libc::mount(none, at, kind, 0, ptr::null()) };
    }
    Ok(())
}

fn done(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[test]
fn numbers_are_those_of_the_namespace_unless_the_hosts_are_asked_for() {
    let test = "exec_capabilities::numbers";
    if !live_since(test, (5, 8)) {
        return;
    }
    let _hangs = watchdog(test);
    let Some(command) = ringbuf(test, &[]) else { return };
    let mut unshare = Command::new("unshare");
    if !unshare.args(["-p", "-f", "-m", "true"]).status().is_ok_and(|status| status.success()) {
        return skip(test, "no new PID namespace is possible here: unshare(1) fails");
    }
    let folder = tempfile::tempdir().expect("a directory");
    let marker = marker(&folder);
    for host in [false, true] {
        let script = "mount -t proc proc /proc && exec \"$@\"";
        let mut namespace = Command::new("unshare");
        namespace.args(["-p", "-f", "-m", "sh", "-c", script, "sh"]);
        namespace.arg(command.get_program()).args(["exec", "--wide"]);
        namespace.args(host.then_some("--host-pid"));
        let attached = Attached::start(namespace);
        // The first process in the namespace, as it is numbered here.
        let parent = attached.child.id();
        let children = format!("/proc/{parent}/task/{parent}/children");
        let first = fs::read_to_string(children).expect("CONFIG_PROC_CHILDREN");
        let first: u32 = first.trim().parse().expect("one child");

        let outside = run(&mut Command::new(&marker));
        let mut enter = Command::new("nsenter");
        let inside = run(enter.args(["-t", &first.to_string(), "-p", "-m"]).arg(&marker));
        let events = attached.end(first, &marker);
        let [[outer, outer_parent, _], [inner, inner_parent, _]] = &events[..] else {
            panic!("two events: {events:?}");
        };
        if host {
            assert_eq!((outer, outer_parent), (&outside, &process::id().to_string()));
            assert_ne!((inner, &inner_parent[..]), (&inside, "-"));
        } else {
            assert_eq!((&outer[..], &outer_parent[..]), ("-", "-"), "not in the namespace");
            // nsenter(1) itself is outside.
            assert_eq!((inner, &inner_parent[..]), (&inside, "-"));
        }
    }
}
