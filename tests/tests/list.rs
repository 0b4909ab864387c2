//! `ringbuf list`, run as a user would run it, over rings in every state.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapType, RingBufferBuilder, libbpf_sys};
use memmap2::MmapOptions;
use ringbuf_bpf::stall::types::stall;
use ringbuf_bpf::stall::{StallSkel, StallSkelBuilder};
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_host::Host;
use ringbuf_kernel::{RingBuf, UserRingBuf};
use ringbuf_tests::{
    AtEnd, BpfFs, Call, LatePage, Operations, Pty, capability, create_map, live, live_since,
    page_size, ringbuf, skip, test_run, watchdog, with_failing, with_only,
};
use serde_json::Value;

fn output(test: &str, arguments: &[&str]) -> Option<Output> {
    ringbuf(test, arguments).map(|mut command| command.output().expect("it starts"))
}

/// What `--json` says of one ring.
fn object(test: &str, id: u32) -> Option<Value> {
    let output = output(test, &["list", "--json", &id.to_string()])?;
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines = text.lines();
    let object = serde_json::from_str(lines.next().expect("a line")).expect("JSON");
    assert_eq!(lines.next(), None, "one ring, one line");
    Some(object)
}

fn id_of(map: &impl MapCore) -> u32 {
    map.info().expect("info").info.id
}

/// Readers, as pid and whether it waits.
fn readers(object: &Value) -> Vec<(u64, Option<bool>)> {
    let all = object["readers"].as_array().expect("known");
    all.iter().map(|one| (one["pid"].as_u64().expect("a pid"), one["waiting"].as_bool())).collect()
}

#[test]
fn a_full_ring_and_a_reader_are_told() {
    let test = "list::a_full_ring";
    if !live(test) {
        return;
    }
    let operations = Operations::load(page_size() as u32).expect("load of vectors.bpf.c");
    let (id, me) = (id_of(operations.map()), u64::from(std::process::id()));
    let Some(empty) = object(test, id) else { return };
    assert_eq!((empty["schema"].as_u64(), empty["id"].as_u64()), (Some(1), Some(id.into())));
    assert_eq!((&empty["name"], &empty["kind"]), (&"ring".into(), &"ringbuf".into()));
    assert_eq!((&empty["mode"], &empty["capacity"]), (&"normal".into(), &page_size().into()));
    assert_eq!((&empty["state"], &empty["fill_bytes"]), (&"ok".into(), &0.into()));
    // Whether it waits is not clear: a thread of this test polls for the output of the command.
    assert!(matches!(readers(&empty)[..], [(pid, _)] if pid == me), "{empty}");
    let programs: Vec<_> = empty["programs"].as_array().expect("root").iter().collect();
    assert_eq!(
        programs.iter().map(|one| one["name"].as_str()).collect::<Option<Vec<_>>>(),
        Some(vec!["op", "hold", "hold_forged"])
    );
    // What is not known is null.
    for unknown in ["discard_ratio", "pending_pos", "producers"] {
        assert!(empty[unknown].is_null(), "{unknown} in {empty}");
    }
    assert!(empty["loss"]["records"].is_null());
    assert_eq!(empty["records"], serde_json::json!({ "per_s": 0.0, "how": "exact" }));
    assert_eq!(empty["head"]["busy"], false);
    let most = page_size() as u64 / 10 * 8;
    while operations.ring().producer_pos() <= most {
        assert_eq!(operations.run(op_kind::OUTPUT, 100, 0), 0);
    }
    let near = object(test, id).expect("built");
    assert_eq!(near["state"], "near_full");
    while operations.run(op_kind::OUTPUT, 100, 0) == 0 {}
    let full = object(test, id).expect("built");
    assert_eq!(full["states"], serde_json::json!(["full"]));
    let produced = operations.ring().producer_pos();
    assert_eq!((&full["fill_bytes"], &full["producer_pos"]), (&produced.into(), &produced.into()));
    assert_eq!(
        full["pending_pos"].as_u64(),
        Some(operations.ring().pending_pos()).filter(|p| *p > 0)
    );
    assert_eq!(operations.ring().consumer_pos(), 0, "the command stored nothing");
    // A position that no reader stores.
    operations.ring().set_consumer_pos(produced + 8);
    let corrupt = object(test, id).expect("built");
    assert_eq!((&corrupt["state"], &corrupt["fill_bytes"]), (&"corrupt".into(), &Value::Null));
    assert!(corrupt["head"]["busy"].is_null());
    operations.ring().catch_up();
}

#[test]
fn readers_of_ours_and_of_libbpf_are_told_and_their_absence() {
    let test = "list::readers";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let me = u64::from(std::process::id());
    let page = page_size() as u64;
    let mut ours = RingBuf::create(4 * page).expect("ring");
    let libbpf = create_map(MapType::RingBuf, 0, 0, 8 * page as u32, 0).expect("ring");
    // A size that no other process is likely to have mapped.
    let alone = create_map(MapType::RingBuf, 0, 0, 2048 * page as u32, 0).expect("ring");
    let (ours_id, waker) = (ours.id(), ours.waker().expect("a waker"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || ours.wait(None).expect("wait"));
        scope.spawn(|| {
            let mut builder = RingBufferBuilder::new();
            builder.add(&libbpf, |_| 0).expect("added");
            let reader = builder.build().expect("built");
            while !done.load(SeqCst) {
                reader.poll(Duration::from_millis(50)).expect("poll");
            }
        });
        let _ends = AtEnd(|| {
            done.store(true, SeqCst);
            waker.wake();
        });
        for id in [ours_id, id_of(&libbpf)] {
            // It may not wait yet, or not at this moment.
            loop {
                let Some(object) = object(test, id) else { return };
                let readers = readers(&object);
                if readers == [(me, Some(true))] {
                    assert_eq!(object["state"], "no_program");
                    break;
                }
                assert!(readers.iter().all(|(pid, _)| *pid == me), "{object}");
            }
        }
        let object = object(test, id_of(&alone)).expect("built");
        assert_eq!(object["readers"], serde_json::json!([]));
        assert_eq!(object["states"], serde_json::json!(["no_reader", "no_program"]));
        assert_eq!(object["holders"][0]["pid"], me);
        // A table of all, and of one by its pin.
        let table = output(test, &["list", "--wide"]).expect("built");
        let text = String::from_utf8(table.stdout).expect("UTF-8");
        let line =
            |id: u32| text.lines().find(|line| line.trim_start().starts_with(&format!("{id} ")));
        let (ours, alone_line) =
            (line(ours_id).expect("listed"), line(id_of(&alone)).expect("listed"));
        assert!(ours.contains(&format!(" {me}")) && ours.ends_with("NO PROGRAM"), "{text}");
        assert!(alone_line.ends_with("NO READER, NO PROGRAM"), "{text}");
        let pins = BpfFs::mount();
        let path = pins.path().join("ring").to_str().expect("UTF-8").to_owned();
        let name = std::ffi::CString::new(path.clone()).expect("no NUL");
        // SAFETY: a descriptor and a C string.
        let pinned = unsafe { libbpf_sys::bpf_obj_pin(alone.as_fd().as_raw_fd(), name.as_ptr()) };
        assert_eq!(pinned, 0);
        let by_pin = output(test, &["list", "--json", &path]).expect("built");
        let object: Value = serde_json::from_slice(&by_pin.stdout).expect("JSON");
        assert_eq!((&object["id"], &object["pins"][0]), (&id_of(&alone).into(), &path.into()));
    });
}

/// Procfs does not say of which map a mapping is. If the kernel does not, either, nothing is
/// claimed.
#[test]
fn a_reader_that_has_closed_its_descriptor_is_not_called_none() {
    let test = "list::closed";
    if !live(test) {
        return;
    }
    let page = page_size();
    let size = 512 * page;
    let map = create_map(MapType::RingBuf, 0, 0, size as u32, 0).expect("ring");
    let (id, file) = (id_of(&map), map.as_fd().as_raw_fd());
    let _consumer = MmapOptions::new().len(page).map_raw(file).expect("mapped");
    let mut rest = MmapOptions::new();
    rest.offset(page as u64).len(page + 2 * size);
    let _rest = rest.map_raw_read_only(file).expect("mapped");
    drop(map);
    let Some(told) = object(test, id) else { return };
    assert_eq!(told["states"], serde_json::json!(["no_program"]), "{told}");
    // By procfs alone.
    let procfs = with_failing(Call::Bpf(5), libc::EPERM, || object(test, id)).expect("built");
    assert!(procfs["readers"].is_null(), "{procfs}");
    assert_eq!(procfs["states"], serde_json::json!(["no_program"]), "{procfs}");
    let object = told;
    if object["readers"].is_null() {
        println!("not known: no BPF iterators here");
        return;
    }
    let me = u64::from(std::process::id());
    assert!(matches!(readers(&object)[..], [(pid, Some(false))] if pid == me), "{object}");
}

#[test]
fn a_stuck_head_is_told() {
    let test = "list::a_stuck_head";
    if !live_since(test, (5, 14)) {
        return;
    }
    if page_size() != 4096 {
        skip(test, "its ring has 4 KiB, less than a page here");
        return;
    }
    let page = match LatePage::new(&[0x5a; 64]) {
        Ok(page) => page,
        Err(error) => {
            let reason = "no faults of the kernel can be held here (userfaultfd)";
            skip(test, &format!("{reason}: {error}"));
            return;
        }
    };
    let _hangs = watchdog(test);
    let programs = stall_programs();
    let _reader = RingBuf::open(&programs.maps.ring).expect("ring");
    let (id, program) = (id_of(&programs.maps.ring), programs.progs.stall.as_fd());
    thread::scope(|scope| {
        let run = scope.spawn(|| test_run(program, &stall { from: page.address() }));
        let accessed = page.until_accessed(|| run.is_finished()).expect("it sleeps");
        if let Some(stuck) = object(test, id) {
            assert_eq!(
                (&stuck["state"], &stuck["head"]["busy"]),
                (&"stuck_head".into(), &true.into())
            );
            assert!(stuck["head"]["age_s"].as_f64() >= Some(0.1), "lower bound: {stuck}");
            let table = output(test, &["list", &id.to_string()]).expect("built");
            let text = String::from_utf8(table.stdout).expect("UTF-8");
            assert!(text.ends_with("STUCK HEAD\n"), "{text}");
        }
        drop(accessed);
        run.join().expect("no panic").expect("the program runs");
    });
    if let Some(free) = object(test, id) {
        assert_eq!((&free["state"], &free["head"]["busy"]), (&"ok".into(), &false.into()));
    }
}

fn stall_programs() -> StallSkel<'static> {
    // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
    let object = Box::leak(Box::new(MaybeUninit::uninit()));
    let open = StallSkelBuilder::default().open(object).expect("a sound object");
    open.load().expect("load of stall.bpf.c")
}

/// It is cut for a terminal alone: its own.
#[test]
fn a_file_gets_whole_names_also_in_a_narrow_terminal() {
    let test = "list::narrow";
    if !live(test) {
        return;
    }
    let ring = RingBuf::create(page_size() as u64).expect("ring");
    let id = ring.id().to_string();
    let Some(command) = ringbuf(test, &[]) else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let (program, pid) = (command.get_program(), std::process::id());
    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).expect("procfs");
    let reader = format!("{} {pid}", comm.trim_end());
    for arguments in [&["list"][..], &["top", "--once", "-i", "10ms"]] {
        let file = folder.path().join(arguments[0]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "out=$1; shift; exec \"$@\" >\"$out\"", "sh"]).arg(&file);
        shell.arg(program).args(arguments).arg(&id);
        assert!(Pty::start(shell, 24, 30).wait().success());
        let text = std::fs::read_to_string(&file).expect("written");
        let row = text.lines().find(|line| line.trim_start().starts_with(&id)).expect("the ring");
        assert!(row.contains(&reader) && row.ends_with("NO PROGRAM"), "{text}");
    }
}

#[test]
fn a_user_ring_has_producers() {
    let test = "list::a_user_ring";
    if !live_since(test, (6, 1)) {
        return;
    }
    let map = create_map(MapType::UserRingBuf, 0, 0, page_size() as u32, 0).expect("user ring");
    let producer = UserRingBuf::open(&map).expect("user ring");
    let held = producer.reserve(8).expect("space");
    let Some(object) = object(test, id_of(&map)) else { return };
    assert_eq!((&object["kind"], &object["readers"]), (&"user_ringbuf".into(), &Value::Null));
    assert_eq!(object["producers"][0]["pid"], std::process::id());
    assert_eq!(object["states"], serde_json::json!(["stuck_head", "no_program"]));
    held.discard();
}

#[test]
fn what_is_wrong_is_told_with_its_exit_code() {
    let test = "list::errors";
    if !live(test) {
        return;
    }
    let array = id_of(&create_map(MapType::Array, 4, 4, 1, 0).expect("array"));
    for (map, text) in [
        ("no such name", "no ring has the name \"no such name\""),
        ("4294967295", "no BPF map has the id 4294967295"),
        ("/nowhere", "nothing is pinned at"),
    ] {
        let Some(output) = output(test, &["list", map]) else { return };
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        assert!(said.starts_with("ringbuf: ") && said.contains(text), "{said}");
    }
    assert!(array > 0);
    // Neither iterators (BPF_PROG_LOAD) nor ids (BPF_MAP_GET_NEXT_ID).
    let list = || output(test, &["list"]).expect("built");
    let without_iterators = || with_failing(Call::Bpf(5), libc::EPERM, list);
    let refused = with_failing(Call::Bpf(12), libc::EPERM, without_iterators);
    let said = String::from_utf8(refused.stderr).expect("UTF-8");
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("CAP_SYS_ADMIN"), "{said}");
}

/// As somebody who is not root.
#[test]
fn two_capabilities_suffice_and_none_are_asked_for() {
    let test = "list::two_capabilities";
    if !live_since(test, (5, 11)) {
        return;
    }
    let ring = RingBuf::create(64 * page_size() as u64).expect("ring");
    let id = ring.id().to_string();
    if let Err(why) = Host::iterators() {
        skip(test, &why.to_string());
        return;
    }
    let Some(as_root) = object(test, ring.id()) else { return };
    assert_eq!(as_root["looked_by"], "iterators");
    let run = |capabilities: &[u32], arguments: &[&str]| {
        with_only(capabilities, || ringbuf(test, arguments).expect("built").output())
    };
    let told = match run(&[capability::BPF, capability::PERFMON], &["list", "--json", &id]) {
        Err(error) => {
            skip(test, &format!("the command cannot be run by others: {error}"));
            return;
        }
        Ok(output) => output,
    };
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{said}");
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    for same in ["looked_by", "capacity", "consumer_pos", "producer_pos", "programs", "states"] {
        assert_eq!(told[same], as_root[same], "{same}");
    }
    assert_eq!(told["readers"][0]["pid"], std::process::id());
    for arguments in [&["list"][..], &["list", &id], &["top", "--once"]] {
        let refused = run(&[], arguments).expect("it starts");
        let said = String::from_utf8(refused.stderr).expect("UTF-8");
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(3), 0), "{said}");
        for words in ["CAP_BPF and CAP_PERFMON", "CAP_SYS_ADMIN", "setcap"] {
            assert!(said.contains(words), "{said}");
        }
    }
}
