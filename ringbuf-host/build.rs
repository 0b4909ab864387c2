//! Compiles the BPF programs of `src/bpf` into skeletons, `OUT_DIR/NAME.skel.rs`.

#[path = "build/programs.rs"]
mod programs;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    programs::build(
        &["src/bpf"],
        "It compiles the BPF programs that look at the rings of a host, and count their losses.",
    );
}
