//! Compiles each `NAME.bpf.c` of `src/bpf`, and the one that ringbuf-cli ships, into a skeleton,
//! `OUT_DIR/NAME.skel.rs`.

#[path = "../ringbuf-cli/build/programs.rs"]
mod programs;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../ringbuf-cli/build/programs.rs");
    println!("cargo::rerun-if-changed=include");
    programs::build(
        &["src/bpf", "../ringbuf-cli/src/bpf"],
        "It compiles the BPF programs in bpf/src/bpf, which the live tests and the benchmarks load \
         into the kernel; `cargo xtask test` installs it.",
    );
}
