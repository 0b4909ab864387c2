//! The header for BPF programs compiles alone, without a warning, for each version of the
//! instruction set, optimised or hardly, and in both byte orders. Its counters are atomic adds
//! that every kernel has: none returns the old value, which needs Linux 5.12.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use libbpf_cargo::SkeletonBuilder;

const PROGRAM: &str = r#"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define RINGBUF_ATTEMPTS 1
#define RINGBUF_SHARD_FLAGS BPF_F_NUMA_NODE
#include "ringbuf.bpf.h"

struct event {
	__u64 time;
	__u32 value;
};

RINGBUF(events, 64 * 1024);
RINGBUF_RECORD(events, struct event);
RINGBUF_SAVED(events);
RINGBUF_SHARDS(shards, 64 * 1024);
RINGBUF(unused, 64 * 1024);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} own SEC(".maps");
RINGBUF_COUNTED(own);

SEC("raw_tp")
int all(void *ctx)
{
	struct event on_stack = { .time = bpf_ktime_get_ns() };
	struct event *event = ringbuf_reserve_stamped(events, struct event, time);

	if (event) {
		event->value = 1;
		ringbuf_submit(events, event, 0);
	}
	event = ringbuf_reserve(shards, sizeof(*event));
	if (event)
		ringbuf_discard(shards, event, BPF_RB_NO_WAKEUP);
	return ringbuf_output(own, &on_stack, sizeof(on_stack), 0);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
"#;

/// `BPF_STX | BPF_ATOMIC | BPF_DW`; the last four bytes of an instruction say which operation.
const ATOMIC: u8 = 0xdb;

#[test]
fn the_header_compiles_everywhere() {
    let out = tempfile::tempdir().unwrap();
    let source = out.path().join("all.bpf.c");
    fs::write(&source, PROGRAM).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let clang = std::env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    for (triple, little) in [("bpfel", true), ("bpfeb", false)] {
        for version in ["v1", "v2", "v3"] {
            for level in ["-O1", "-O2", "-Os"] {
                let case = format!("{triple} {version} {level}");
                let object = out.path().join(case.replace(' ', "."));
                let mut arguments: Vec<OsString> = ["-Wall", "-Wextra", "-Wno-unused-parameter"]
                    .into_iter()
                    .chain(["-Werror", level, "-Xclang", "-triple", "-Xclang", triple, "-I"])
                    .map(Into::into)
                    .collect();
                arguments.push(include.clone().into());
                arguments.push(format!("-mcpu={version}").into());
                arguments.extend(env!("KERNEL_HEADERS").split_whitespace().map(Into::into));
                SkeletonBuilder::new()
                    .source(&source)
                    .obj(&object)
                    .clang(&clang)
                    .clang_args(arguments)
                    .build()
                    .unwrap_or_else(|error| panic!("{case}: {error:#}"));
                let operations = atomics(&fs::read(&object).unwrap(), little);
                assert!(operations.len() > 3, "{case}: {operations:?}");
                assert!(
                    operations.iter().all(|operation| *operation == 0),
                    "{case}: {operations:?}"
                );
            }
        }
    }
}

/// The operations of all atomic instructions: 0 is an add without a result, 1 one with it.
fn atomics(object: &[u8], little: bool) -> Vec<u32> {
    let words = object.chunks_exact(8).filter(|word| word[0] == ATOMIC);
    words
        .filter_map(|word| {
            let number = word[4..].first_chunk().copied()?;
            let operation =
                if little { u32::from_le_bytes(number) } else { u32::from_be_bytes(number) };
            (operation < 0x100).then_some(operation)
        })
        .collect()
}
