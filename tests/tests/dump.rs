//! `ringbuf dump`, run as a user would run it, beside the readers of live rings.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};

use libbpf_rs::{MapCore, MapHandle, MapType};
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_tests::{
    BpfFs, Operations, capability, create_map, live, live_since, page_size, ringbuf, skip,
    watchdog, with_only,
};
use serde_json::Value;

fn id_of(map: &impl MapCore) -> String {
    map.info().expect("info").info.id.to_string()
}

/// What the programs write: byte i is i mod 256.
fn payload(len: u32) -> String {
    (0..len).map(|byte| format!("{:02x}", byte as u8)).collect()
}

fn object(line: &str) -> Value {
    serde_json::from_str(line).expect("JSON")
}

#[test]
fn pending_records_are_printed_and_stay() {
    let test = "dump::pending";
    if !live(test) {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = id_of(operations.map());
    assert_eq!(operations.run(op_kind::OUTPUT, 13, 0), 0);
    operations.run(op_kind::RESERVE_DISCARD, 8, 0);
    assert_eq!(operations.run(op_kind::OUTPUT, 200, 0), 0);
    let positions = || (operations.ring().consumer_pos(), operations.ring().producer_pos());
    let before = positions();
    let Some(mut json) = ringbuf(test, &["dump", &id, "--format", "json"]) else { return };
    let output = json.output().expect("it starts");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<_> = text.lines().map(object).collect();
    let told: Vec<_> =
        lines.iter().map(|line| (line["position"].as_u64(), line["state"].as_str())).collect();
    let expected = [(0, "record"), (24, "discarded"), (40, "record")];
    assert_eq!(told, expected.map(|(position, state)| (Some(position), Some(state))));
    assert_eq!(
        (&lines[0]["bytes"], &lines[2]["bytes"]),
        (&payload(13).into(), &payload(200).into())
    );
    assert!(lines[1]["bytes"].is_null());
    let summary = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(summary, "ringbuf: 2 records, 1 discarded, 0 busy, 0 bytes missed\n");
    let hex =
        ringbuf(test, &["dump", &id, "--count", "1"]).expect("built").output().expect("it starts");
    let text = String::from_utf8(hex.stdout).expect("UTF-8");
    assert_eq!(
        text,
        "0x0 record, 13 bytes\n  0000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c           .............\n"
    );
    assert_eq!(positions(), before, "nothing is consumed");
}

#[test]
fn following_copies_what_the_reader_reads() {
    let test = "dump::follow";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = id_of(operations.map());
    assert_eq!(operations.run(op_kind::OUTPUT, 1, 0), 0);
    let arguments = ["dump", &*id, "--follow", "--format", "json", "--count", "50"];
    let Some(mut command) = ringbuf(test, &arguments) else { return };
    let mut child = Running(command.stdout(Stdio::piped()).spawn().expect("it starts"));
    let mut lines = BufReader::new(child.0.stdout.take().expect("a pipe")).lines();
    for len in 1..=50 {
        let line = object(&lines.next().expect("a line").expect("text"));
        assert_eq!((&line["state"], &line["bytes"]), (&"record".into(), &payload(len).into()));
        // Its reader takes it, and another one comes.
        operations.ring().catch_up();
        assert_eq!(operations.run(op_kind::OUTPUT, len + 1, 0), 0);
    }
    assert!(lines.next().is_none() && child.0.wait().expect("ours").success());
}

/// `ringbuf dump --follow | true`: an idle ring brings no record whose printing would fail.
#[test]
fn following_ends_with_the_reader_of_the_output() {
    let test = "dump::nobody_reads";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = id_of(operations.map());
    // A `top` that shows no ring prints nothing, either.
    let nothing = ["top", "--json", "-i", "1h", "-f", "id=0"];
    for arguments in [&["dump", &*id, "--follow"][..], &nothing] {
        let Some(mut command) = ringbuf(test, arguments) else { return };
        let mut child = Running(command.stdout(Stdio::piped()).spawn().expect("it starts"));
        drop(child.0.stdout.take());
        let status = child.0.wait().expect("ours");
        assert!(status.success(), "{arguments:?}: {status}");
    }
}

/// Dropping kills it: a test that fails leaves nothing behind.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended, which is the goal.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Opening a map by its id takes CAP_SYS_ADMIN, whatever the list shows with less. A pin takes
/// the permissions of a file.
#[test]
fn a_pin_that_all_may_open_needs_no_capability() {
    let test = "dump::privilege";
    // Before, bpf(2) itself takes CAP_BPF where unprivileged BPF is disabled.
    if !live_since(test, (5, 19)) {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let id = id_of(operations.map());
    assert_eq!(operations.run(op_kind::OUTPUT, 13, 0), 0);
    let pins = BpfFs::mount();
    let open_to_all = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    };
    open_to_all(pins.path(), 0o755);
    let pin = pins.path().join("ring");
    let map = MapHandle::from_map_id(id.parse().expect("a number")).expect("root");
    { map }.pin(&pin).expect("pinned");
    let pin_text = pin.to_str().expect("UTF-8");
    let run = |capabilities: &[u32], map: &str| {
        let command = ringbuf(test, &["dump", map, "--format", "json"]);
        with_only(capabilities, || { command }.as_mut().map(|command| command.output()))
    };
    for (mode, capabilities, map, code) in [
        (0o600, &[][..], pin_text, 3),
        (0o600, &[capability::BPF, capability::PERFMON], pin_text, 3),
        (0o666, &[], pin_text, 0),
        (0o666, &[capability::BPF, capability::PERFMON], &id, 3),
        (0o666, &[capability::BPF, capability::PERFMON], "ring", 3),
        (0o600, &[capability::SYS_ADMIN], &id, 0),
    ] {
        open_to_all(&pin, mode);
        let output = match run(capabilities, map) {
            None => return,
            Some(Err(error)) => {
                return skip(test, &format!("the command cannot be run by others: {error}"));
            }
            Some(Ok(output)) => output,
        };
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(code), "{mode:o} {capabilities:?} {map}: {said}");
        if code == 0 {
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            let records: Vec<_> = text.lines().map(object).collect();
            assert_eq!(records[0]["bytes"], payload(13), "{text}");
        } else {
            assert!(said.contains("not permitted"), "{said}");
        }
    }
}

#[test]
fn a_wrong_map_is_told() {
    let test = "dump::errors";
    if !live(test) {
        return;
    }
    let array = id_of(&create_map(MapType::Array, 4, 4, 1, 0).expect("array"));
    let _two =
        [(); 2].map(|()| create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("ring"));
    for (map, text) in [
        ("no-such-name", "no ring has the name"),
        ("ringbuf_tests", "several rings have the name"),
        ("/nowhere", "nothing is pinned at"),
        (&array, "no BPF map has the id"),
    ] {
        let Some(mut command) = ringbuf(test, &["dump", map]) else { return };
        let output = command.output().expect("it starts");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        assert!(said.contains(text), "{said}");
    }
}
