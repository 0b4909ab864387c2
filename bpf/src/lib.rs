//! The BPF programs of this project as libbpf-rs skeletons, one module per source file in
//! `src/bpf/`. The first comment of each source file gives the layout of its records and the oldest
//! kernel that loads it.
//!
//! A module holds what libbpf-cargo generates: `XxxSkelBuilder`, `OpenXxxSkel` (before loading:
//! the size of a ring can still be changed), `XxxSkel` (maps, programs), and `types` (the global
//! variables as `types::bss` and `types::data`, the arguments of programs that are run on demand
//! under the names that they have in C).
//!
//! The global variables are memory shared with the kernel, which writes while a program runs:
//! read them after the run, or through atomics.

#[path = "../../ringbuf-cli/src/everywhere.rs"]
mod everywhere;

pub use everywhere::Everywhere;

/// Includes the skeleton `$file` from the build script's directory, and re-exports its items.
macro_rules! skeleton {
    ($file:literal) => {
        #[expect(
            missing_debug_implementations,
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::multiple_unsafe_ops_per_block,
            clippy::undocumented_unsafe_blocks,
            reason = "libbpf-cargo generates this module"
        )]
        mod skeleton {
            include!(concat!(env!("OUT_DIR"), "/", $file));
        }
        pub use skeleton::*;
    };
}

/// Includes the compiled object `$file`, for other loaders than a skeleton.
macro_rules! object {
    ($file:literal) => {
        /// The compiled object, for other loaders than a skeleton.
        pub static OBJECT: &[u8] = &ALIGNED.0;

        /// A loader reads words of it in place.
        #[repr(C, align(8))]
        struct Aligned<T>(T);

        static ALIGNED: Aligned<[u8; include_bytes!(concat!(env!("OUT_DIR"), "/", $file)).len()]> =
            Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/", $file)));
    };
}

/// The arguments of a program that is run on demand (`SEC("raw_tp")`, `SEC("syscall")`): plain
/// bytes, at most 96, which the kernel copies in and the program reads.
///
/// # Safety
/// The type has no padding, and every pattern of bits is a value of it.
pub unsafe trait Arguments: Copy {}

/// The agent of docs/use.md. `agent.bpf.c`, Linux 5.10.
///
/// Maps `events` (256 KiB) and `events_counts`, program `on_execve`, which `attach()` attaches.
pub mod agent {
    skeleton!("agent.skel.rs");
}

/// The load of the benchmark: records of one size, or of mixed ones. `bench.bpf.c`, Linux 5.17.
///
/// Map `ring` (1 MiB), program `produce`, of type syscall, with arguments `types::produce`
/// (`options` of `types::option`), which the kernel copies back after the run.
pub mod bench {
    skeleton!("bench.skel.rs");

    // SAFETY: u32, u32, and u64s in C layout: 72 bytes, no padding, no invalid value.
    unsafe impl super::Arguments for types::produce {}
}

/// A script of operations in one run, with a pause after each in which user space looks at the
/// ring. `conformance.bpf.c`, Linux 5.10.
///
/// Map `ring` (4 KiB), programs `script` and, on Linux 5.19, `script_dynptr` with arguments
/// `types::run`. `types::rodata`, to set before loading: `size0`, `size1`, `size2`,
/// `slots`, `steps_max`.
/// `types::bss`: `asked`, `answered`, `late`, `unsettled`, `steps`, `results`, `payload`.
pub mod conformance {
    skeleton!("conformance.skel.rs");

    // SAFETY: one u64 in C layout: no padding, no invalid value.
    unsafe impl super::Arguments for types::run {}
}

/// Programs that take their time, to be detached meanwhile. `detach.bpf.c`, Linux 5.17.
///
/// Map `ring` (64 KiB), programs `raw_tracepoint`, `btf_tracepoint`, `perf_tracepoint`, `iterator`
/// and `on_demand`. `types::bss`: `task`, `duration`, `begun`, `ended`, `failed`.
pub mod detach {
    skeleton!("detach.skel.rs");
}

/// One record per execve(2): who, when, which file. `exec.bpf.c`, Linux 5.8.
///
/// Map `events` (256 KiB), program `on_execve`, which `attach()` attaches. On Linux 7.1 it takes
/// [`Everywhere::open`] with `syscalls/sys_enter_execve` as well to see all CPUs.
/// `types::bss`: `seen`, `failed`.
pub mod exec {
    skeleton!("exec.skel.rs");
}

/// The first program of docs/use.md. `first.bpf.c`, Linux 5.8.
///
/// Map `events` (256 KiB), program `on_execve`, which `attach()` attaches.
pub mod first {
    skeleton!("first.skel.rs");
}

/// One record for each system call, with `ringbuf.bpf.h` and without. `header_cost.bpf.c`,
/// Linux 5.8.
///
/// Maps `ring` (1 MiB) and `shards`, programs `bare`, `counted` and `counted_shards`, attached to
/// raw tracepoints. `types::rodata`, to set before loading: `count_attempts`.
/// `types::bss`: `task`, `runs`.
pub mod header_cost {
    skeleton!("header_cost.skel.rs");
}

/// Two producers of random records, for the exactly-once test. `load.bpf.c`, Linux 5.10.
///
/// Map `ring` (64 KiB), program `produce` with arguments `types::produce`. `types::rodata`, to set
/// before loading: `with_dynptr` (Linux 5.19).
/// `types::bss`: `producers`, two of `types::producer`. `types::data`: `template_bytes`.
pub mod load {
    skeleton!("load.skel.rs");

    // SAFETY: u32, u32, u64 in C layout: 16 bytes, no padding, no invalid value.
    unsafe impl super::Arguments for types::produce {}

    /// The `check` word of a record is `mix(word0 ^ size)`.
    pub fn mix(word: u64) -> u64 {
        let mut x = word;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    /// Where in `template_bytes` the rest of a record begins, given its producer's `seq`.
    pub fn template_offset(seq: u64) -> usize {
        (seq as usize & 0x1fff) * 8
    }
}

/// The same record into a perf event array, one ring, or a ring for each CPU. `perf_array.bpf.c`,
/// Linux 5.17.
///
/// Maps `events`, `ring` (1 MiB) and `rings` (1024 places, one for each CPU), program `produce`
/// with arguments `types::produce` (`target` is a `types::target`). `types::bss`: `producers`, two
/// of `types::producer`.
pub mod perf_array {
    skeleton!("perf_array.skel.rs");

    // SAFETY: u32, u32, a transparent u32, u32, u64 in C layout: 24 bytes, no padding, no invalid value.
    unsafe impl super::Arguments for types::produce {}
}

/// Attempts of all kinds, counted by `ringbuf.bpf.h`. `losses.bpf.c`, Linux 5.10.
///
/// Maps `events` (64 KiB) with `events_counts` and `events_saved`, `shards` (512 places) with
/// `shards_counts`; programs `attempts` with arguments `types::attempts`, `hold`, and `nested`,
/// of type perf event. `types::rodata`, to set before loading: `count_attempts`.
/// `types::bss`: `truth`, `inside`, `go`, `holding`, `released`, `sharded`, `payload`.
pub mod losses {
    skeleton!("losses.skel.rs");

    // SAFETY: one u64 in C layout: no padding, no invalid value.
    unsafe impl super::Arguments for types::attempts {}

    object!("losses.bpf.o");
}

/// `losses` with plain increments: a planted defect. `losses_plain.bpf.c`, Linux 5.10.
pub mod losses_plain {
    object!("losses_plain.bpf.o");
}

/// Stamped records through the rings of an array of maps, and a program that interrupts.
/// `shards.bpf.c`, Linux 5.17.
///
/// Map `shards` (64 slots, empty), program `produce`, of type syscall, with arguments
/// `types::produce`, which the kernel copies back, and `tick` for a perf event.
/// `types::rodata`, to set before loading: `per_cpu`, `stamp_before`, `stall_ns`, `timed`.
/// `types::bss`: `streams`.
pub mod shards {
    skeleton!("shards.skel.rs");

    // SAFETY: u32, u32, and u64s in C layout: 56 bytes, no padding, no invalid value.
    unsafe impl super::Arguments for types::produce {}
}

/// A record that stays busy while its program sleeps. `stall.bpf.c`, Linux 5.14.
///
/// Map `ring` (4 KiB), programs `stall` with arguments `types::stall` and `emit` with arguments
/// `types::emit`, of type syscall.
pub mod stall {
    skeleton!("stall.skel.rs");

    // SAFETY: one u64 in C layout: no padding, no invalid value.
    unsafe impl super::Arguments for types::stall {}
    // SAFETY: u64, u64 in C layout: no padding, no invalid value.
    unsafe impl super::Arguments for types::emit {}
}

/// System calls of all CPUs, in the shards of `ringbuf.bpf.h`. `syscalls.bpf.c`, Linux 5.10.
///
/// Map `events` (512 slots, empty) with `events_counts`, programs `on_enter` and `on_exit`,
/// attached to raw tracepoints. `types::rodata`, to set before loading: `only`, `except`.
pub mod syscalls {
    skeleton!("syscalls.skel.rs");
}

/// Programs that begin and tasks that end. `tasks.bpf.c`, Linux 5.8.
///
/// Maps `execs` and `exits` (256 KiB each), programs `on_exec` and `on_exit`, attached to raw
/// tracepoints.
pub mod tasks {
    skeleton!("tasks.skel.rs");

    object!("tasks.bpf.o");
}

/// A ring in a map of maps. `through.bpf.c`, Linux 5.10.
///
/// Map `rings` (4 places), program `through`, which writes the ring in place 2.
pub mod through {
    skeleton!("through.skel.rs");
}

/// Records of any bytes, in rings whose types are known in different ways. `typed.bpf.c`, Linux
/// 5.10.
///
/// Maps `declared_events_of_a_test`, `gadgets` and `guessed` (4 KiB each), and `sharded` (512
/// places); program `put` with arguments `types::put`. `types::bss`: `payload`.
pub mod typed {
    skeleton!("typed.skel.rs");

    // SAFETY: u32, u32 in C layout: 8 bytes, no padding, no invalid value.
    unsafe impl super::Arguments for types::put {}

    object!("typed.bpf.o");
}

/// Drains a user ring and keeps what it saw. `user_drain.bpf.c`, Linux 6.1.
///
/// Map `user_ring` (4 KiB), program `drain` with arguments `types::drain`.
/// `types::bss`: `result`, `nested_result`, `calls`, `nested_calls`, `copied`, `sizes`, `bytes`.
pub mod user_drain {
    skeleton!("user_drain.skel.rs");

    // SAFETY: u64, u32, u32 in C layout: 16 bytes, no padding, no invalid value.
    unsafe impl super::Arguments for types::drain {}
}

/// One operation per run, chosen by the caller, and records held busy. `vectors.bpf.c`, Linux 5.10.
///
/// Map `ring` (4 KiB), programs `op` with arguments `types::op` (`kind` is a `types::op_kind`),
/// `hold` and `hold_forged` with arguments `types::hold`. `types::rodata`, to set before loading:
/// `with_dynptr` (Linux 5.19).
/// `types::bss`: `payload`, `go`, `holding`, `released`, `result`, `forged_4072`, `forged_4064`.
pub mod vectors {
    skeleton!("vectors.skel.rs");

    // SAFETY: a transparent u32, u32, u64 in C layout: 16 bytes, no padding, no invalid value.
    unsafe impl super::Arguments for types::op {}
    // SAFETY: u64, u64 in C layout: 16 bytes, no padding, no invalid value.
    unsafe impl super::Arguments for types::hold {}
}

/// Numbered records at a chosen pace. `wakeup.bpf.c`, Linux 5.10.
///
/// Map `ring` (4 KiB), program `emit` with arguments `types::emit`.
/// `types::bss`: `emitted`, `failed`.
pub mod wakeup {
    skeleton!("wakeup.skel.rs");

    // SAFETY: u32, u32, u64 in C layout: 16 bytes, no padding, no invalid value.
    unsafe impl super::Arguments for types::emit {}
}
