//! `ringbuf exec` on the running kernel: it sees the programs that the test starts.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use ringbuf_kernel::{OpenError, RingBuf};
use serde_json::Value;
use tempfile::TempDir;

use crate::HEADER;
use crate::common::{LONG, Running};

#[test]
fn a_program_is_shown_once_with_all_fields() {
    if !live("a_program_is_shown_once_with_all_fields") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = program(&folder, &format!("{0}/{0}/program", "long".repeat(30)));
    assert!(path.as_os_str().len() > 200);
    let mut running = Running::start(&["--json"]);
    // Only an event shows that the program is attached.
    let marker = program(&folder, "marker");
    while !running.ended() {
        run(&marker);
        if running.lines.try_recv().is_ok() {
            break;
        }
    }
    let pid = run(&path);
    running.signal("INT");
    let (status, lines, error) = running.end();
    assert_eq!(status.code(), Some(0), "{error}");

    let events = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let seen: Vec<_> = events.filter(|event| event["filename"] == path.to_str().unwrap()).collect();
    assert_eq!(seen.len(), 1, "{lines:?}");
    assert_eq!((&seen[0]["pid"], &seen[0]["ppid"]), (&pid.into(), &process::id().into()));
    assert_eq!(seen[0]["uid"], user());
    // Before the exec, the child has the name of the thread that created it.
    let comm = fs::read_to_string("/proc/thread-self/comm").unwrap();
    assert_eq!(seen[0]["comm"], comm.trim_end());
    let summary: Value = serde_json::from_str(error.trim_end()).unwrap();
    assert_eq!(summary["lag_bytes"], 0);
    assert_eq!(summary["failed_reservations"], 0);
}

#[test]
fn programs_are_shown_in_order_and_cannot_fake_lines() {
    if !live("programs_are_shown_in_order_and_cannot_fake_lines") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (program(&folder, "one"), program(&folder, "other\n1        forged"));
    let running = Running::start(&[]);
    assert_eq!(running.line(), HEADER);
    let mut expected = Vec::new();
    for path in [&one, &other, &one] {
        let name = path.to_str().unwrap().replace('\n', "\\n");
        expected.push((run(path), name));
    }
    running.signal("INT");
    let (status, lines, error) = running.end();
    assert_eq!(status.code(), Some(0), "{error}");

    let ours = lines.iter().filter(|line| line.contains(folder.path().to_str().unwrap()));
    let seen: Vec<_> = ours
        .map(|line| (line[..9].trim_end().parse::<u32>().unwrap(), line[9..].to_owned()))
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_count_is_exact() {
    if !live("a_count_is_exact") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder, "program");
    let mut running = Running::start(&["--count", "2"]);
    assert_eq!(running.line(), HEADER);
    while !running.ended() {
        run(&program);
    }
    let (status, lines, error) = running.end();
    assert_eq!(status.code(), Some(0), "{error}");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(error.starts_with("ringbuf: 2 events delivered ("), "{error}");
}

#[test]
fn events_that_do_not_fit_are_counted() {
    const STARTED: u64 = 200;
    if !live("events_that_do_not_fit_are_counted") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder, "program");
    let running = Running::start(&["--ring-size", "4KiB"]);
    // watchdog:
    let Ok(header) = running.lines.recv_timeout(LONG) else {
        let (_, _, error) = running.end();
        assert!(error.contains("the smallest has"), "{error}");
        return skip("events_that_do_not_fit_are_counted", "pages of more than 4 KiB");
    };
    assert_eq!(header, HEADER);
    // A stopped process does not read.
    running.stop();
    for _ in 0..STARTED {
        run(&program);
    }
    running.signal("CONT");
    running.signal("INT");
    let (status, lines, error) = running.end();
    assert_eq!(status.code(), Some(0), "{error}");
    let seen = lines.len() as u64;
    let failed = error.split(" reservations failed").next().unwrap().rsplit(' ').next().unwrap();
    let failed: u64 = failed.parse().unwrap();
    // Other processes may have started programs, too, and filled the ring with their events.
    assert!(seen > 0 && failed > 0 && seen + failed >= STARTED, "{seen} seen; {error}");
    assert!(error.contains("were lost because the ring was full"), "{error}");
}

#[test]
fn a_list_that_cannot_be_written_is_an_error() {
    if !live("a_list_that_cannot_be_written_is_an_error") {
        return;
    }
    let _ring = RingBuf::create(1 << 20).unwrap();
    for arguments in [&["list", "--json"][..], &["list"], &["list", "--wide"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringbuf"));
        let output = command.args(arguments).stdout(full).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("cannot write the list"), "{arguments:?}: {error}");
    }
}

/// Creates a small program under its own path. Nobody else starts it.
fn program(folder: &TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let to = ["/bin/true", "/usr/bin/true"].into_iter().find(|path| Path::new(path).exists());
    std::os::unix::fs::symlink(to.expect("a program that does nothing"), &path).unwrap();
    path
}

/// Runs the program at `path` and returns its process id.
fn run(path: &Path) -> u32 {
    let mut child = Command::new(path).spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

fn user() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    ids.split_whitespace().next().unwrap().parse().unwrap()
}

/// Returns true if this machine can read the events of the running kernel.
/// Otherwise records `test` as skipped. Does not ask the command, which could be
/// wrong.
fn live(test: &str) -> bool {
    let reason = if user() != 0 {
        Some("not run as root".to_owned())
    } else if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        Some("this kernel has no type information".to_owned())
    } else {
        match RingBuf::create(1 << 20) {
            Ok(_) => None,
            Err(
                error @ (OpenError::Privilege { .. }
                | OpenError::NoBpf
                | OpenError::UnsupportedKernel { .. }),
            ) => Some(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    };
    if let Some(reason) = &reason {
        skip(test, reason);
    }
    reason.is_none()
}

/// Reports to the gate that `test` does not run, and why.
fn skip(test: &str, reason: &str) {
    eprintln!("SKIP {test}: {reason}");
    if let Some(path) = env::var_os("RINGBUF_SKIP_LOG") {
        let log = OpenOptions::new().create(true).append(true).open(path);
        log.and_then(|mut log| log.write_all(format!("{test}\t{reason}\n").as_bytes()))
            .expect("RINGBUF_SKIP_LOG can be written");
    }
    let required = env::var_os("RINGBUF_REQUIRE_LIVE").is_some_and(|value| value == "1");
    assert!(!required, "RINGBUF_REQUIRE_LIVE=1, but {test} cannot run: {reason}");
}
