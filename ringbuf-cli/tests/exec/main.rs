//! `ringbuf exec`, run as a user would run it. These tests need no kernel support.

mod common;
#[cfg(feature = "bpf")]
mod live;
mod signals;

use std::io::BufRead;
use std::time::{Duration, Instant};

use common::{Running, output, text};
use serde_json::Value;

const HEADER: &str = "PID      FILENAME";
const SIMULATED: &str = "ringbuf: simulated (--sim)";

#[test]
fn sim_prints_the_requested_number_of_lines() {
    let output = output(&["--sim", "--count", "5"]);
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!((lines[0], lines.len()), (HEADER, 6));
    for line in &lines[1..] {
        let (pid, name) = line.split_at(9);
        assert!(pid.trim_end().parse::<u32>().is_ok(), "{line}");
        assert!(name.starts_with("/usr/"), "{line}");
    }
    let error: Vec<_> = text(&output.stderr).lines().collect();
    assert_eq!(error.len(), 2, "{error:?}");
    assert!(error[0].starts_with(SIMULATED), "{error:?}");
    assert!(error[1].starts_with("ringbuf: 5 events delivered ("), "{error:?}");
}

#[test]
fn sim_json_is_json() {
    let output = output(&["--sim", "--json", "--count", "3"]);
    assert_eq!(output.status.code(), Some(0));
    let events = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap());
    let events: Vec<Value> = events.collect();
    assert_eq!(events.len(), 3);
    for event in &events {
        let object = event.as_object().unwrap();
        let keys: Vec<_> = object.keys().map(String::as_str).collect();
        assert_eq!(keys, ["comm", "filename", "pid", "ppid", "time_ns", "uid"]);
        assert!(event["pid"].is_u64() && event["filename"].is_string());
    }
    let summary: Value =
        serde_json::from_str(text(&output.stderr).lines().last().unwrap()).unwrap();
    assert_eq!((&summary["delivered"], &summary["malformed"]), (&3.into(), &0.into()));
    for number in ["bytes", "discarded", "failed_reservations", "lag_bytes", "unprinted"] {
        assert!(summary[number].is_u64(), "{number} in {summary}");
    }
    assert!(summary["seconds"].is_f64());
}

#[test]
fn sim_wide_has_six_columns() {
    let output = output(&["--sim", "--wide", "--count", "4"]);
    assert_eq!(output.status.code(), Some(0));
    let rows = text(&output.stdout).lines().map(|line| line.split_whitespace().collect());
    let rows: Vec<Vec<_>> = rows.collect();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0], ["TIME", "PID", "PPID", "UID", "COMM", "FILENAME"]);
    assert!(rows.iter().all(|row| row.len() == 6), "{rows:?}");
}

#[test]
fn json_strings_make_the_time_a_string() {
    let output = output(&["--sim", "--json", "--json-strings", "--count", "1"]);
    let event: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(event["time_ns"].as_str().unwrap().parse::<u64>().is_ok(), "{event}");
    assert!(event["pid"].is_u64(), "{event}");
}

#[test]
fn the_same_seed_gives_the_same_processes() {
    let pids = |seed| {
        let output = output(&["--sim", "--json", "--count", "6", "--seed", seed]);
        let mut lines: Vec<_> = text(&output.stdout).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(pids("7"), pids("7"));
    assert_ne!(pids("7"), pids("8"));
}

#[test]
fn sim_ends_after_its_duration() {
    let started = Instant::now();
    let output = output(&["--sim", "--duration", "300ms"]);
    assert_eq!(output.status.code(), Some(0));
    // lower bound:
    assert!(started.elapsed() >= Duration::from_millis(300));
    let error = text(&output.stderr);
    assert!(error.contains(" delivered (") && error.contains("of lag at the end"), "{error}");
}

#[test]
fn a_signal_ends_the_command_cleanly() {
    for signal in ["INT", "TERM"] {
        let running = Running::start(&["--sim"]);
        assert_eq!(running.line(), HEADER);
        running.line();
        // Like `timeout`, which signals the command and its group. The command sees both at once,
        // also if this test is slow to send them.
        running.stop();
        for signal in [signal, "INT", "TERM"] {
            running.signal(signal);
        }
        running.signal("CONT");
        let (status, _, error) = running.end();
        assert_eq!(status.code(), Some(0), "SIG{signal}: {error}");
        assert!(error.contains(", 0 bytes of lag at the end"), "SIG{signal}: {error}");
    }
}

#[test]
fn a_closed_output_ends_the_command_quietly() {
    let (running, mut out) = Running::with_pipe(&["--sim"]);
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), HEADER);
    drop(out);
    let (status, _, error) = running.end();
    assert_eq!(status.code(), Some(0), "{error}");
    assert_eq!(error.lines().count(), 2, "{error}");
    assert!(error.contains(" delivered ("), "{error}");
}

#[test]
fn wrong_usage_is_explained() {
    let cases = [
        (["--sim", "--ring-size", "12288"], "not a power of two: use 16384 instead"),
        (["--sim", "--ring-size", "2KiB"], "less than a page"),
        (["--sim", "--ring-size", "256KB"], "use bytes, KiB, MiB or GiB"),
        (["--sim", "--count", "none"], "invalid digit"),
        (["--sim", "--duration", "5"], "time unit needed"),
        (["--sim", "--wide", "--json"], "cannot be used with"),
        (["--sim", "--wide", "--json-strings"], "cannot be used with"),
    ];
    for (arguments, words) in cases {
        let output = output(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_help_explains_the_command() {
    let output = output(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for words in ["Examples:", "CAP_BPF and CAP_PERFMON", "Exit code:", "Summary,", "--sim"] {
        assert!(help.contains(words), "{words}");
    }
    assert!(help.matches("ringbuf exec").count() >= 3);
}

#[test]
fn the_lines_of_the_readme_run() {
    let lines = include_str!("../../README.md").lines();
    let lines: Vec<Vec<_>> = lines
        .filter_map(|line| line.strip_prefix("ringbuf exec"))
        .map(|arguments| arguments.split_whitespace().collect())
        .collect();
    assert!(lines.len() >= 5, "{lines:?}");
    for mut arguments in lines {
        if !arguments.contains(&"--sim") {
            // It needs root: whether it would be understood is told after what comes before this.
            arguments.push("--help");
        }
        let output = output(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[cfg(feature = "bpf")]
#[test]
fn without_privilege_the_error_names_what_is_missing() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    // Only root can become nobody. Other users run it as they are.
    let root = fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t0\t");
    // Other users may have no access to the build directory.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ringbuf");
    // Use `cp` for the copy. If another test forks while this process copies, the
    // file stays open for writing there, and the kernel does not run it ("Text file
    // busy").
    let copied = std::process::Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_ringbuf"))
        .arg(&program)
        .status()
        .unwrap();
    assert!(copied.success());
    for path in [folder.path(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = std::process::Command::new(&program);
    if root {
        command.uid(65534).gid(65534);
    }
    let output = command.args(["exec", "--duration", "1ms"]).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    for words in ["CAP_BPF and CAP_PERFMON", "`sudo ringbuf exec`", "`ringbuf exec --sim`"] {
        assert!(error.contains(words), "{error}");
    }
    assert!(output.stdout.is_empty());
}

#[cfg(not(feature = "bpf"))]
#[test]
fn without_bpf_programs_the_error_says_how_to_build_them() {
    let output = output(&["--duration", "1ms"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    for words in ["cargo build -p ringbuf-cli", "clang", "`ringbuf exec --sim`"] {
        assert!(error.contains(words), "{error}");
    }
    assert!(output.stdout.is_empty());
}
