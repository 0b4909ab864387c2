//! The BTF of this kernel, and of objects that clang made.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Write;
use std::process::Command;

use ringbuf_btf::{Btf, BtfError, Kind};
use serde_json::Value;

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The raw BTF of this kernel, unless it has none.
fn vmlinux(test: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(VMLINUX).ok();
    if bytes.is_none() {
        skip(test, "no /sys/kernel/btf/vmlinux");
    }
    bytes
}

/// As `ringbuf_tests::skip`, which this crate cannot have: it is tested without the workspace.
fn skip(test: &str, reason: &str) {
    eprintln!("SKIP {test}: {reason}");
    if let Some(path) = env::var_os("RINGBUF_SKIP_LOG") {
        let log = fs::OpenOptions::new().create(true).append(true).open(path);
        let line = format!("ringbuf-btf::{test}\t{reason}\n");
        log.and_then(|mut log| log.write_all(line.as_bytes())).expect("RINGBUF_SKIP_LOG");
    }
}

/// As bpftool names them.
fn kind(kind: &Kind<'_>) -> &'static str {
    match kind {
        Kind::Int(_) => "INT",
        Kind::Pointer(_) => "PTR",
        Kind::Array(_) => "ARRAY",
        Kind::Struct(_) => "STRUCT",
        Kind::Union(_) => "UNION",
        Kind::Enum(values) if values.wide => "ENUM64",
        Kind::Enum(_) => "ENUM",
        Kind::Forward { .. } => "FWD",
        Kind::Typedef(_) => "TYPEDEF",
        Kind::Volatile(_) => "VOLATILE",
        Kind::Const(_) => "CONST",
        Kind::Restrict(_) => "RESTRICT",
        Kind::Function(_) => "FUNC",
        Kind::Prototype(_) => "FUNC_PROTO",
        Kind::Variable(_) => "VAR",
        Kind::Section(_) => "DATASEC",
        Kind::Float(_) => "FLOAT",
        Kind::DeclTag(_) => "DECL_TAG",
        Kind::TypeTag(_) => "TYPE_TAG",
        _ => "UNKN",
    }
}

/// All types and members of the kernel, as bpftool (libbpf) reads them.
#[test]
fn the_kernel_is_read_as_bpftool_reads_it() {
    let test = "the_kernel_is_read_as_bpftool_reads_it";
    let Some(bytes) = vmlinux(test) else { return };
    let btf = Btf::parse(&bytes).expect("the BTF of the kernel");
    let dump = Command::new("bpftool").args(["btf", "dump", "-j", "file", VMLINUX]).output();
    let Some(dump) = dump.ok().filter(|dump| dump.status.success()) else {
        return skip(test, "bpftool is not installed, or too old for this kernel");
    };
    let dump: Value = serde_json::from_slice(&dump.stdout).expect("JSON");
    let theirs = dump["types"].as_array().expect("an array");
    assert_eq!(theirs.len() as u32 + 1, btf.count());
    let (mut kinds, mut members) = (BTreeMap::<_, u32>::new(), 0);
    for (ours, theirs) in btf.types().zip(theirs) {
        let id = ours.id();
        assert_eq!(theirs["id"], id);
        // Each of them takes a walk from the last one that is kept.
        if id % 61 == 0 {
            assert_eq!(btf.get(id).expect("by id").name(), ours.name(), "{id}");
        }
        let name = theirs["name"].as_str().expect("a name");
        assert_eq!(if name == "(anon)" { "" } else { name }, ours.name(), "{id}");
        assert_eq!(theirs["kind"], kind(&ours.kind()), "{id}");
        *kinds.entry(kind(&ours.kind())).or_default() += 1;
        match ours.kind() {
            Kind::Int(int) => {
                let bits = [int.size, int.bits, int.offset];
                assert_eq!(
                    bits.map(Value::from),
                    ["size", "nr_bits", "bits_offset"].map(|of| theirs[of].clone())
                );
            }
            Kind::Struct(composite) | Kind::Union(composite) => {
                assert_eq!(theirs["size"], composite.size, "{id}");
                let all = theirs["members"].as_array().expect("members");
                assert_eq!(all.len(), composite.members.len());
                for (ours, theirs) in composite.members.zip(all) {
                    let offset = &theirs["bits_offset"];
                    assert_eq!(
                        (&theirs["type_id"], offset),
                        (&ours.type_id.into(), &ours.bit_offset.into())
                    );
                    let bits = theirs
                        .get("bitfield_size")
                        .and_then(Value::as_u64)
                        .filter(|bits| *bits > 0);
                    assert_eq!(bits, ours.bit_size.map(u64::from), "{id}");
                    members += 1;
                }
            }
            Kind::Enum(values) => {
                for (ours, theirs) in
                    values.values.zip(theirs["values"].as_array().expect("values"))
                {
                    // bpftool 7.1 prints unsigned 32 bits with the sign of signed ones.
                    let mask = if values.wide { u64::MAX } else { u32::MAX.into() };
                    let bits = |value: i128| value as u64 & mask;
                    let value = &theirs["val"];
                    let value = value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
                    assert_eq!(
                        (theirs["name"].as_str(), value.map(bits)),
                        (Some(ours.name), Some(bits(ours.value))),
                        "{id}"
                    );
                }
            }
            Kind::Array(array) => {
                assert_eq!(
                    (&theirs["type_id"], &theirs["nr_elems"]),
                    (&array.element.into(), &array.count.into())
                );
            }
            Kind::Pointer(of) | Kind::Typedef(of) | Kind::Const(of) | Kind::Function(of) => {
                assert_eq!(theirs["type_id"], of);
            }
            _ => {}
        }
    }
    // printed only: what was compared.
    println!("{} types and {members} members: {kinds:?}", btf.count());
}

/// Each type of the kernel prints any bytes, whole or cut.
#[test]
fn each_type_of_the_kernel_prints_bytes() {
    let Some(bytes) = vmlinux("each_type_of_the_kernel_prints_bytes") else { return };
    let btf = Btf::parse(&bytes).expect("the BTF of the kernel");
    let record: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let (mut printed, mut cut) = (0, 0);
    for (number, one) in btf.types().enumerate() {
        let sized = match one.kind() {
            Kind::Struct(composite) => composite.size,
            Kind::Union(composite) => composite.size,
            _ => continue,
        };
        let size = (sized as usize).min(record.len());
        // All of them takes a minute in an unoptimised build.
        if number % 128 != 0 && one.name() != "task_struct" {
            continue;
        }
        let value = btf.value(one.id(), &record[..size]).expect("a value");
        let text = value.json().to_string();
        serde_json::from_str::<Value>(&text)
            .unwrap_or_else(|error| panic!("{}: {error}: {text}", one.name()));
        assert!(size < sized as usize || value.missing() == 0);
        cut += u32::from(value.text().to_string().contains('…'));
        printed += 1;
    }
    println!("{printed} types, {cut} of them cut");
    assert!(printed > 50 && cut == 0);
}

/// Found by name, as a user would.
#[test]
fn types_of_the_kernel_are_found() {
    let Some(bytes) = vmlinux("types_of_the_kernel_are_found") else { return };
    let btf = Btf::parse(&bytes).expect("the BTF of the kernel");
    let name =
        |name: &str| btf.name_of(btf.find(name).expect(name).id()).expect("a name").to_string();
    assert_eq!(name("task_struct"), "struct task_struct");
    assert_eq!(name(" enum  bpf_map_type "), "enum bpf_map_type");
    assert_eq!(name("pid_t"), "pid_t");
    let list = btf.find("struct list_head").expect("list_head");
    let Kind::Struct(members) = list.kind() else { panic!("{list:?}") };
    let next = members.members.clone().next().expect("a member");
    assert_eq!(btf.name_of(next.type_id).expect("a name").to_string(), "struct list_head *");
    assert_eq!(btf.size_of(list.id()), Ok(2 * u64::from(btf.pointer_size())));
    assert!(btf.find("").is_none() && btf.find("struct pid_t").is_none());
    assert_eq!(btf.get(btf.count()).expect_err("none"), BtfError::NoType { id: btf.count() });
}
