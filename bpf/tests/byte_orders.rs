//! Every BPF program of this project compiles for both byte orders, whichever this machine has.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use libbpf_cargo::SkeletonBuilder;

/// `EM_BPF`.
const MACHINE: u16 = 247;

#[test]
fn every_program_compiles_for_both() {
    let folders = ["src/bpf", "../ringbuf-cli/src/bpf", "../ringbuf-host/src/bpf"];
    let folders = folders.map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let out = tempfile::tempdir().unwrap();
    let clang = std::env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    let mut compiled = 0;
    for entry in folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let source = entry.unwrap().path();
        let name = source.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".bpf.c") {
            continue;
        }
        for (triple, order) in [("bpfel", 1), ("bpfeb", 2)] {
            let object = out.path().join(format!("{name}.{triple}.o"));
            let mut arguments: Vec<OsString> =
                ["-Wall", "-Werror", "-Xclang", "-triple", "-Xclang", triple]
                    .map(Into::into)
                    .into();
            arguments.extend(env!("KERNEL_HEADERS").split_whitespace().map(Into::into));
            SkeletonBuilder::new()
                .source(&source)
                .obj(&object)
                .clang(&clang)
                .clang_args(arguments)
                .build()
                .unwrap_or_else(|error| panic!("{name}, {triple}: {error:#}"));
            let bytes = fs::read(&object).unwrap();
            let machine = [bytes[18], bytes[19]];
            let machine =
                if order == 1 { u16::from_le_bytes(machine) } else { u16::from_be_bytes(machine) };
            assert_eq!(
                (&bytes[..4], bytes[5], machine),
                (&b"\x7fELF"[..], order, MACHINE),
                "{name}"
            );
            compiled += 1;
        }
    }
    assert!(compiled >= 17, "{compiled} objects");
}
