//! Compiles the C loop that the Rust one is compared with.

fn main() {
    for file in ["c/c_loop.c", "c/on_sample.c"] {
        println!("cargo::rerun-if-changed={file}");
    }
    cc::Build::new().files(["c/c_loop.c", "c/on_sample.c"]).opt_level(3).compile("c_loop");
}
