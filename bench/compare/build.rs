//! Compiles the reader that is written in C. It is optimised like the peers, also for tests.

fn main() {
    println!("cargo::rerun-if-changed=c/reader.c");
    cc::Build::new().file("c/reader.c").opt_level(3).compile("reader");
}
