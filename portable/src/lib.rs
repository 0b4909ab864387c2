//! The means of live tests that run on every architecture: raw bpf(2), BPF
//! programs assembled here, and a ring's pages as the kernel shows them.
//!
//! They need no C library, no type information of the kernel and no JIT.

mod btf;
mod gate;
mod insn;
mod programs;
mod raw;
mod sys;
// One watchdog for all tests that wait. The simulator's tests do not use this crate.
#[path = "../../ringbuf-sim/tests/watchdog/mod.rs"]
mod watchdog;

pub use gate::{
    disposable_kernel, expected, has_jit, kernel_release, kernel_version, live, note, page_size,
    skip,
};
pub use insn::{Assembler, Register, Size};
pub use programs::{End, drain, hold, output, query, reserve};
pub use raw::RawRing;
pub use sys::{LoadError, MapType, Program, create_map};
pub use watchdog::{Watchdog, watchdog};

/// `BPF_RB_NO_WAKEUP`: the commit notifies nobody.
pub const NO_WAKEUP: u32 = 1;
