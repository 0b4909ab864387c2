//! `ringbuf dump`, with records by their types: all ways in which a type is known.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Output;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, MapType};
use ringbuf_bpf::typed::types::put;
use ringbuf_bpf::typed::{OBJECT, TypedSkel, TypedSkelBuilder};
use ringbuf_kernel::{Inspector, ProgramBtfError, btf_of_program};
use ringbuf_tests::{create_map, live, page_size, ringbuf, test_run};
use serde_json::{Value, json};

/// The rings of typed.bpf.c.
struct Typed(TypedSkel<'static>);

#[derive(Clone, Copy)]
enum Ring {
    Declared = 0,
    Gadgets = 1,
    Guessed = 2,
    Sharded = 3,
}

impl Typed {
    fn load() -> Self {
        // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let open = TypedSkelBuilder::default().open(object).expect("open of typed.bpf.c");
        Self(open.load().expect("load of typed.bpf.c"))
    }

    fn id(&self, ring: Ring) -> String {
        let map = match ring {
            Ring::Declared => &self.0.maps.declared_events_of_a_test,
            Ring::Gadgets => &self.0.maps.gadgets,
            Ring::Guessed => &self.0.maps.guessed,
            Ring::Sharded => &self.0.maps.sharded,
        };
        map.info().expect("info").info.id.to_string()
    }

    fn program(&self) -> u32 {
        id_of(self.0.progs.put.as_fd())
    }

    fn put(&mut self, ring: Ring, record: &[u8]) {
        let bss = self.0.maps.bss_data.as_deref_mut().expect("the program has global variables");
        bss.payload[..record.len()].copy_from_slice(record);
        let arguments = put { ring: ring as u32, size: record.len() as u32 };
        assert_eq!(test_run(&self.0.progs.put, &arguments).expect("run"), 0);
    }
}

/// The id of a program, as procfs tells.
fn id_of(program: impl AsFd) -> u32 {
    let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
    let text = fs::read_to_string(path).expect("fdinfo");
    let mut ids = text.lines().filter_map(|line| line.strip_prefix("prog_id:"));
    ids.next().expect("a program").trim().parse().expect("a number")
}

/// `struct event` of typed.bpf.c, with a name behind it.
fn event(name: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    record.extend(u64::MAX.to_ne_bytes());
    record.extend(4711_u32.to_ne_bytes());
    record.extend((-3_i32).to_ne_bytes());
    record.extend(b"sh\x1b\0bytes behind");
    record.extend(7_u32.to_ne_bytes());
    let bits = if cfg!(target_endian = "little") { 5 | 9 << 3 } else { 5 << 29 | 9 };
    record.extend(u32::to_ne_bytes(bits));
    record.extend([1_i16, -2, 3, -4].map(i16::to_ne_bytes).as_flattened());
    record.extend(80_u16.to_ne_bytes());
    record.extend([1, b'x', 0x0a, 0, 0xff, 1, 2, 3, 0xfe]);
    record.resize(64, 0);
    record.extend(0xffff_8880_u64.to_ne_bytes());
    record.extend([1_u32, 2, 3].map(u32::to_ne_bytes).as_flattened());
    record.resize(88, 0);
    record.extend(i64::MIN.to_ne_bytes());
    record.extend(1_u64.to_ne_bytes());
    assert_eq!(record.len(), 104);
    record.extend(name);
    record
}

const EVENT: &str = "time_ns=18446744073709551615 pid=4711 delta=-3 comm=\"sh\\u{1b}\" state=BUSY low=5 high=9 \
    points=[{x=1 y=-2}, {x=3 y=-4}] port=80 raw=80 ok=true letter='x' mac=0a:00:ff:01:02:03 level=-2 \
    pointer=0xffff8880 list=[1, 2, 3] big=-9223372036854775808 last=1";

fn run(test: &str, arguments: &[&str]) -> Option<Output> {
    Some(ringbuf(test, arguments)?.output().expect("it starts"))
}

fn text(output: &Output) -> (&str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).expect("UTF-8");
    (text(&output.stdout), text(&output.stderr))
}

fn objects(output: &Output) -> Vec<Value> {
    let lines = text(output).0.lines();
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_declared_type_prints_all_kinds_of_members() {
    let test = "dump_typed::declared";
    if !live(test) {
        return;
    }
    let mut typed = Typed::load();
    let id = typed.id(Ring::Declared);
    typed.put(Ring::Declared, &event(b"/bin/sh\0xx"));
    typed.put(Ring::Declared, &event(b"")[..14]);
    let Some(output) = run(test, &["dump", &id]) else { return };
    let (out, said) = text(&output);
    let want = format!(
        "0x0 event: {EVENT} name=\"/bin/sh\"\n\
         0x80 event: time_ns=18446744073709551615 pid=4711 (90 bytes missing)\n"
    );
    assert_eq!(out, want, "{said}");
    assert_eq!(said, "ringbuf: 2 records, 0 discarded, 0 busy, 0 bytes missed\n");
    let lines = objects(&run(test, &["dump", &id, "--format", "json"]).expect("built"));
    let value = json!({
        "time_ns": u64::MAX, "pid": 4711, "delta": -3, "comm": "sh\u{1b}", "state": "BUSY", "low": 5,
        "high": 9, "points": [{"x": 1, "y": -2}, {"x": 3, "y": -4}], "port": 80, "raw": 80, "ok": true,
        "letter": "x", "mac": [10, 0, 255, 1, 2, 3], "level": -2, "pointer": "0xffff8880",
        "list": [1, 2, 3], "big": i64::MIN, "last": 1, "name": "/bin/sh",
    });
    assert_eq!(lines[0]["value"], value);
    let known = |line: &Value| ["type", "how", "missing", "rest"].map(|field| line[field].clone());
    assert_eq!(known(&lines[0]), [json!("event"), json!("declared"), json!(0), json!("")]);
    assert_eq!(lines[1]["value"], json!({"time_ns": u64::MAX, "pid": 4711}));
    assert_eq!(known(&lines[1]), [json!("event"), json!("declared"), json!(90), json!("")]);
    let wide = run(test, &["dump", &id, "--format", "json", "--json-strings"]).expect("built");
    let value = objects(&wide)[0]["value"].clone();
    assert_eq!((&value["time_ns"], &value["pid"]), (&json!("18446744073709551615"), &json!(4711)));
    let pretty = run(test, &["dump", &id, "--pretty", "--count", "1"]).expect("built");
    let (out, _) = text(&pretty);
    assert!(out.starts_with("0x0 event:\n  time_ns=18446744073709551615\n  pid=4711\n"), "{out}");
    assert!(out.ends_with("  name=\"/bin/sh\"\n"), "{out}");
}

#[test]
fn a_type_of_a_gadget_and_a_guess_are_marked() {
    let test = "dump_typed::gadget_and_guess";
    if !live(test) {
        return;
    }
    let mut typed = Typed::load();
    let words = [7_u32, 1000, 9].map(u32::to_ne_bytes);
    let words = words.as_flattened();
    typed.put(Ring::Gadgets, words);
    let id = typed.id(Ring::Gadgets);
    let Some(output) = run(test, &["dump", &id]) else { return };
    assert_eq!(text(&output).0, format!("0x0 gadget_event: pid=7 uid=1000 rest={}\n", colons(9)));
    let line = &objects(&run(test, &["dump", &id, "--format", "json"]).expect("built"))[0];
    assert_eq!((&line["how"], &line["value"]), (&json!("gadget"), &json!({"pid": 7, "uid": 1000})));
    // Four bytes are a `small`; eight a `gadget_event`; of other lengths there is none.
    for len in [4, 8, 5, 12] {
        typed.put(Ring::Guessed, &words[..len]);
    }
    let id = typed.id(Ring::Guessed);
    let output = run(test, &["dump", &id]).expect("built");
    let lines: Vec<_> = text(&output).0.lines().collect();
    assert_eq!(
        lines[..2],
        ["0x0 small (guessed): number=7", "0x10 gadget_event (guessed): pid=7 uid=1000"]
    );
    assert_eq!((lines[2], lines[4]), ("0x20 record, 5 bytes", "0x30 record, 12 bytes"));
    let lines = objects(&run(test, &["dump", &id, "--format", "json"]).expect("built"));
    let known = |line: &Value| ["type", "how", "value"].map(|field| line[field].clone());
    assert_eq!(known(&lines[0]), [json!("small"), json!("guessed"), json!({"number": 7})]);
    assert_eq!(known(&lines[2]), [Value::Null, Value::Null, Value::Null]);
}

/// A capture has the types of its rings, so that it is printed on another machine.
#[test]
fn a_capture_is_replayed_by_its_types() {
    let test = "dump_typed::capture";
    if !live(test) {
        return;
    }
    let mut typed = Typed::load();
    typed.put(Ring::Declared, &event(b"/bin/sh"));
    typed.put(Ring::Gadgets, &[7; 8]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.rbcap");
    let (file, gadgets) = (path.to_str().expect("UTF-8"), typed.id(Ring::Gadgets));
    let id = typed.id(Ring::Declared);
    let Some(output) = run(test, &["record", &id, &gadgets, "-o", file, "--count", "2"]) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output).1);
    // The capture has to suffice: the programs go.
    drop(typed);
    let output = run(test, &["replay", file]).expect("built");
    let want = format!("0x0 event: {EVENT} name=\"/bin/sh\"\n");
    assert!(text(&output).0.contains(&want), "{} {}", text(&output).0, text(&output).1);
    assert!(text(&output).0.contains("0x0 gadget_event: pid=117901063 uid=117901063\n"));
    let lines = objects(&run(test, &["replay", file, "--to", "json"]).expect("built"));
    let how: Vec<_> = lines.iter().map(|line| line["how"].as_str()).collect();
    assert_eq!(how, [Some("declared"), Some("gadget")]);
    let output = run(test, &["replay", file, "--type", "small"]).expect("built");
    assert!(text(&output).0.contains("0x0 small: number=117901063 rest="), "{}", text(&output).0);
    let output = run(test, &["replay", file, "--type", "gadget_evnt"]).expect("built");
    assert!(
        text(&output).1.contains("did you mean \"struct gadget_event\""),
        "{}",
        text(&output).1
    );
}

/// Records of two types in one ring, told apart by what they begin with.
#[test]
fn records_of_several_types_have_tags() {
    let test = "dump_typed::tags";
    if !live(test) {
        return;
    }
    let mut typed = Typed::load();
    for words in [[7, 1000], [8, 9], [9, 0]] {
        typed.put(Ring::Gadgets, words.map(u32::to_ne_bytes).as_flattened());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.rbcap");
    let (file, id) = (path.to_str().expect("UTF-8"), typed.id(Ring::Gadgets));
    let types = ["--type", "7=gadget_event", "--type", "0x8=struct small"];
    let want = format!(
        "0x0 gadget_event: pid=7 uid=1000\n0x10 small: number=8 rest={}\n0x20 record, 8 bytes\n",
        colons(9)
    );
    let begins = |arguments: &[&str]| {
        let output = run(test, &[arguments, &types].concat())?;
        assert!(text(&output).0.starts_with(&want), "{} {}", text(&output).0, text(&output).1);
        Some(())
    };
    if begins(&["dump", &id]).is_none() {
        return;
    }
    let arguments = ["record", &id, "-o", file, "--count", "3"];
    let recorded = run(test, &arguments).expect("built");
    assert!(recorded.status.success(), "{}", text(&recorded).1);
    begins(&["replay", file]).expect("built");
    let json = [&["dump", &id, "--format", "json"], &types[..]].concat();
    let lines = objects(&run(test, &json).expect("built"));
    let known: Vec<_> = lines.iter().map(|line| (&line["type"], &line["how"])).collect();
    let (asked, null) = (json!("asked"), Value::Null);
    let [first, second] = [json!("gadget_event"), json!("small")];
    assert_eq!(known, [(&first, &asked), (&second, &asked), (&null, &null)]);
    let wrong = run(test, &["dump", &id, "--type", "7=small", "--type", "small"]).expect("built");
    assert!(text(&wrong).1.contains("several types need tags"), "{}", text(&wrong).1);
}

/// A shard has a name of its own; what is declared for the array holds for it.
#[test]
fn a_shard_has_the_type_of_its_array() {
    let test = "dump_typed::shard";
    if !live(test) {
        return;
    }
    let mut typed = Typed::load();
    let ring = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("a ring");
    let fd = ring.as_fd().as_raw_fd().to_ne_bytes();
    let cpus = libbpf_rs::num_possible_cpus().expect("they are known");
    for cpu in 0..cpus as u32 {
        let array = &typed.0.maps.sharded;
        array.update(&cpu.to_ne_bytes(), &fd, MapFlags::ANY).expect("a place");
    }
    typed.put(Ring::Sharded, &7_u32.to_ne_bytes());
    let id = ring.info().expect("info").info.id;
    let inspector = Inspector::from_id(id).expect("the ring");
    assert_eq!(inspector.arrays().expect("they are known"), ["sharded"]);
    let Some(output) = run(test, &["dump", &id.to_string()]) else { return };
    assert_eq!(text(&output).0, "0x0 small: number=7\n", "{}", text(&output).1);
}

/// The bytes of a word, with colons.
fn colons(word: u32) -> String {
    word.to_ne_bytes().map(|byte| format!("{byte:02x}")).join(":")
}

#[test]
fn types_come_from_objects_programs_and_the_kernel() {
    let test = "dump_typed::sources";
    if !live(test) {
        return;
    }
    let mut typed = Typed::load();
    let id = typed.id(Ring::Gadgets);
    typed.put(Ring::Gadgets, &event(b"x"));
    let folder = tempfile::tempdir().expect("a folder");
    let object = folder.path().join("typed.o");
    fs::write(&object, OBJECT).expect("the object");
    let raw = folder.path().join("typed.btf");
    fs::write(&raw, btf_of_program(typed.program()).expect("the kernel's copy")).expect("raw BTF");
    let program = format!("prog:{}", typed.program());
    let from = [object.to_str().expect("UTF-8"), raw.to_str().expect("UTF-8"), &program];
    let want = format!("0x0 event: {EVENT} name=\"x\"\n");
    for from in from {
        let arguments = ["dump", &id, "--type", "struct event", "--btf", from];
        let Some(output) = run(test, &arguments) else { return };
        assert_eq!(text(&output).0, want, "{from}: {}", text(&output).1);
    }
    // Without --btf, in the program; a declaration counts less.
    let output = run(test, &["dump", &id, "--type", "event"]).expect("built");
    assert_eq!(text(&output).0, want);
    let json = ["dump", &id, "--type", "small", "--format", "json"];
    let line = &objects(&run(test, &json).expect("built"))[0];
    assert_eq!((&line["how"], line["rest"].as_str().map(str::len)), (&json!("asked"), Some(202)));
    // The object says by itself which one the ring has.
    let output = run(test, &["dump", &id, "--btf", from[0]]).expect("built");
    assert!(text(&output).0.starts_with("0x0 gadget_event: pid="), "{}", text(&output).0);
    if fs::exists("/sys/kernel/btf/vmlinux").unwrap_or(false) {
        let arguments = ["dump", &id, "--type", "struct list_head", "--btf", "vmlinux"];
        let output = run(test, &arguments).expect("built");
        assert!(text(&output).0.starts_with("0x0 list_head: next=0x"), "{}", text(&output).1);
        let output = run(test, &["dump", &id, "--btf", "vmlinux"]).expect("built");
        assert!(text(&output).1.contains("name it with --type"), "{}", text(&output).1);
    }
}

#[test]
fn bytes_are_printed_where_no_type_is_known_or_wanted() {
    let test = "dump_typed::bytes";
    if !live(test) {
        return;
    }
    let mut typed = Typed::load();
    let id = typed.id(Ring::Declared);
    typed.put(Ring::Declared, b"0123456789abcdef");
    typed.put(Ring::Declared, b"\0\xff");
    let hex = "0x0 record, 16 bytes\n  0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n";
    let Some(output) = run(test, &["dump", &id, "--format", "hex", "--count", "1"]) else { return };
    assert_eq!(text(&output).0, hex);
    let raw = run(test, &["dump", &id, "--format", "raw"]).expect("built");
    assert_eq!(raw.stdout, b"0123456789abcdef\0\xff");
    // No program uses this ring.
    let lonely = create_map(MapType::RingBuf, 0, 0, page_size() as u32, 0).expect("a ring");
    let lonely = lonely.info().expect("info").info.id.to_string();
    let output = run(test, &["dump", &lonely]).expect("built");
    let said = text(&output).1;
    assert!(output.status.success(), "{said}");
    assert!(said.contains("is not known (no loaded program uses the map)"), "{said}");
    let output = run(test, &["dump", &lonely, "--list-types"]).expect("built");
    assert!(text(&output).1.contains("there are no types to list"), "{}", text(&output).1);
}

#[test]
fn wrong_types_are_told_with_what_was_meant() {
    let test = "dump_typed::wrong";
    if !live(test) {
        return;
    }
    let typed = Typed::load();
    let id = typed.id(Ring::Declared);
    for (arguments, want) in [
        (vec!["--type", "evnt"], "did you mean \"struct event\""),
        (vec!["--type", "struct gadget_evnt"], "\"struct gadget_event\""),
        (vec!["--type", "qqqqq"], "--list-types shows all"),
        (vec!["--type", "put_", "--btf", "/nowhere"], "cannot read /nowhere"),
        (vec!["--type", "event", "--btf", "/proc/self/exe"], "has no section .BTF"),
        (vec!["--type", "event", "--btf", "/etc/passwd"], "this is not BTF"),
        (vec!["--btf", "prog:4294967295"], "no loaded BPF program has the id 4294967295"),
    ] {
        let all = [&["dump", &id], &arguments[..]].concat();
        let Some(output) = run(test, &all) else { return };
        let said = text(&output).1;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        assert!(said.contains(want), "{said}");
    }
    let output = run(test, &["dump", &id, "--list-types"]).expect("built");
    let listed = text(&output).0;
    assert!(listed.contains("     104  struct event  (declared for the records)\n"), "{listed}");
    assert!(listed.contains("       4  struct small\n"), "{listed}");
}

#[test]
fn a_program_without_type_information_says_so() {
    let test = "dump_typed::no_btf";
    if !live(test) {
        return;
    }
    let error = btf_of_program(u32::MAX).expect_err("no such program");
    assert!(matches!(error, ProgramBtfError::NoSuchProgram { program: u32::MAX, .. }), "{error}");
    let bytes = btf_of_program(Typed::load().program()).expect("the kernel's copy");
    assert_eq!(&bytes[..2], &0xeb9f_u16.to_ne_bytes());
}
