//! `ringbuf replay` of captures that are made here. Needs no kernel support.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ringbuf_core::{Capacity, Observed, Position, Width};
use ringbuf_record::{NewRing, Session, Writer, monotonic_ns};

/// A capture of one record, of a ring whose name would clear the screen.
fn capture(whole: bool) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64)).expect("memory");
    let start = Position::new(4096, Width::Bits64);
    let capacity = Capacity::new(1 << 16, 4096).expect("sound");
    let ring = writer.add_ring(&NewRing::new(57, "ev\x1b[2J", capacity, start)).expect("memory");
    writer.put(ring, &Observed::Record { position: start, sample: b"hello" }).expect("memory");
    writer.flush(monotonic_ns()).expect("memory");
    if whole { writer.finish().expect("memory") } else { writer.into_inner() }
}

fn replay(path: &Path, options: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringbuf"));
    let Output { status, stdout, stderr } =
        command.arg("replay").arg(path).args(options).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_capture_that_was_cut_off_ends_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.rbcap");
    for (whole, expected) in [(true, 0), (false, 1)] {
        fs::write(&path, capture(whole)).expect("written");
        let (code, out, error) = replay(&path, &["--to", "json"]);
        assert_eq!(code, Some(expected), "{error}");
        assert!(out.contains("68656c6c6f"), "what there is was replayed: {out}");
        assert_eq!(error.contains("the capture has no end"), !whole, "{error}");
    }
}

#[test]
fn the_output_destroys_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let [path, link, other] = ["a", "link", "other"].map(|name| folder.path().join(name));
    fs::write(&path, capture(true)).expect("written");
    std::os::unix::fs::symlink(&path, &link).expect("linked");
    fs::write(&other, "precious").expect("written");
    for (output, force, why) in [
        (&path, true, "is the file that is read"),
        (&link, true, "is the file that is read"),
        (&path, false, "is the file that is read"),
        (&other, false, "exists: give another name"),
    ] {
        let output = output.to_str().expect("UTF-8");
        let options = ["--output", output, "--force"];
        let (code, _, error) = replay(&path, &options[..if force { 3 } else { 2 }]);
        assert!(code == Some(1) && error.contains(why), "{code:?}: {error}");
    }
    assert_eq!(fs::read(&path).expect("there").len(), capture(true).len());
    assert_eq!(fs::read(&other).expect("there"), b"precious");
    let output = other.to_str().expect("UTF-8");
    let (code, _, error) = replay(&path, &["--output", output, "--force"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(fs::read_to_string(&other).expect("text").contains("0x1000"));
}

#[test]
fn names_do_not_control_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.rbcap");
    fs::write(&path, capture(true)).expect("written");
    for options in [&[][..], &["--to", "sim"], &["--type", "nope"]] {
        let (_, out, error) = replay(&path, options);
        let all = out + &error;
        assert!(all.contains("ev\\x1b[2J") && !all.contains('\x1b'), "{options:?}: {all:?}");
    }
    let (code, _, error) = replay(Path::new("no\x1b[2J"), &[]);
    assert!(code == Some(1) && !error.contains('\x1b'), "{error:?}");
}
