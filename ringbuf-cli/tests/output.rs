//! What the command does if its output cannot be written. Needs no kernel support.

use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};

/// Each prints something without privilege.
const PRINTS: [&[&str]; 7] = [
    &["--help"],
    &["--version"],
    &["exec", "--help"],
    &["list", "-h"],
    &["completions", "bash"],
    &["completions", "elvish"],
    &["exec", "--sim", "--count", "1"],
];

fn run(arguments: &[&str], out: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringbuf"));
    command.args(arguments).stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
    command.spawn().and_then(std::process::Child::wait_with_output).expect("it runs")
}

#[test]
fn a_full_disk_is_an_error() {
    for arguments in PRINTS {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = run(arguments, full.into());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("ringbuf: cannot write the "), "{arguments:?}: {error}");
        assert!(error.contains("No space left on device"), "{arguments:?}: {error}");
    }
}

#[test]
fn a_reader_that_has_gone_is_not() {
    for arguments in PRINTS {
        let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().expect("it starts");
        let writer = reader.stdin.take().expect("a pipe");
        reader.wait().expect("it ends");
        let output = run(arguments, writer.into());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
        assert!(!error.contains("cannot"), "{arguments:?}: {error}");
    }
}

#[test]
fn without_arguments_the_help_is_wrong_usage() {
    let output = run(&[], Stdio::piped());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: ringbuf"));
}

#[test]
fn pages_go_into_a_directory_or_the_error_names_it() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("share/man1");
    let path = path.to_str().expect("UTF-8");
    let output = run(&["man", path], Stdio::piped());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for page in ["ringbuf.1", "ringbuf-exec.1", "ringbuf-list.1", "ringbuf-man.1"] {
        assert!(folder.path().join("share/man1").join(page).is_file(), "{page}");
    }
    let output = run(&["man", "/dev/null/there"], Stdio::piped());
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot write the man pages to /dev/null/there"), "{error}");
}
