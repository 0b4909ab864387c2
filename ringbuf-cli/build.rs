//! Compiles the BPF program that the command loads into a skeleton, `OUT_DIR/exec.skel.rs`.

#[cfg(feature = "bpf")]
#[path = "build/programs.rs"]
mod programs;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "bpf")]
    programs::build(
        &["src/bpf"],
        "It compiles the BPF program that `ringbuf exec` loads into the kernel. Without it, \
         `--no-default-features` builds a command that can simulate only.",
    );
}
