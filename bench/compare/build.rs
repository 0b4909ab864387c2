//! Compiles the reader that is written in C, optimised as the peers are, also for tests.

fn main() {
    println!("cargo::rerun-if-changed=c/reader.c");
    cc::Build::new().file("c/reader.c").opt_level(3).compile("reader");
}
