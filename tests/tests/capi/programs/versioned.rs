//! The form with symbol versions, which is linked from the static library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ringbuf_tests::{skip, watchdog};

use super::compile::{Binding, Compiler, succeed};
use super::{RECORDS, compiler, fixed};

const TEST: &str = "capi::programs::versioned";
const NODES: [&str; 5] =
    ["LIBBPF_0.0.9", "LIBBPF_0.3.0", "LIBBPF_1.1.0", "LIBBPF_1.3.0", "LIBBPF_1.5.0"];

/// A program that wants libbpf's versions binds to it. With versions of other names nothing
/// binds, and nobody says so: which shows that a program that binds is worth a check.
#[test]
fn versioned_symbols_bind() {
    let _watchdog = watchdog(TEST);
    let Some(compiler) = compiler(TEST) else { return };
    if !compiler.has_libbpf(TEST) {
        return;
    }
    let Some(library) = static_library(&compiler) else { return };
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../ringbuf-capi/include/libringbuf_capi.map");
    let script = fs::read_to_string(script).expect("the version script");
    let agent = compiler.compile(TEST, "agent.c", Binding::Libbpf).expect("a C compiler");
    for (name, script, binds) in
        [("libbpf", &script, true), ("other", &script.replace("LIBBPF_", "OTHER_"), false)]
    {
        let made = link(&compiler, &library, name, script);
        let ended = fixed(&agent.with("level").preloading(&made));
        assert_eq!(ended.bound(), binds, "{name}: {}", ended.err);
        assert_eq!(ended.out, format!("ready\n{RECORDS} records, 0 wrong\n"), "{name}");
        if binds {
            check_nodes(&made);
        }
    }
}

fn static_library(compiler: &Compiler) -> Option<PathBuf> {
    let library = compiler.library().with_extension("a");
    if !library.exists() {
        skip(TEST, "the static library is not built here: `cargo build -p ringbuf-capi`");
        return None;
    }
    Some(library)
}

/// As docs/c-library.md tells it.
fn link(compiler: &Compiler, library: &Path, name: &str, script: &str) -> PathBuf {
    let [map, made] = ["map", "so"].map(|end| compiler.folder().join(format!("{name}.{end}")));
    fs::write(&map, script).expect("a file");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-Wl,--gc-sections", "-o"]).arg(&made).arg("-Wl,--whole-archive");
    cc.arg(library).arg("-Wl,--no-whole-archive");
    succeed(cc.arg(format!("-Wl,--version-script={}", map.display())));
    made
}

/// The versions that it defines are libbpf's, and each function has that of libbpf.
fn check_nodes(library: &Path) {
    let text = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let names: Vec<_> = text.lines().filter_map(|line| line.split(' ').next_back()).collect();
    let mut nodes: Vec<_> = names.iter().filter_map(|name| name.split("@@").nth(1)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    assert_eq!(nodes, NODES);
    let functions = names.iter().filter(|name| name.contains("@@"));
    assert_eq!(functions.count(), crate::api::Api::NAMES.len(), "{text}");
    for (name, node) in [
        ("ring_buffer__poll", NODES[0]),
        ("ring_buffer__epoll_fd", NODES[1]),
        ("user_ring_buffer__reserve_blocking", NODES[2]),
        ("ring__avail_data_size", NODES[3]),
        ("ring_buffer__consume_n", NODES[4]),
    ] {
        assert!(names.contains(&format!("{name}@@{node}").as_str()), "{name}: {text}");
    }
}
