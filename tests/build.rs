//! Tells the tests where libbpf's headers are, which come with libbpf-sys.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let include = env::var("DEP_BPF_INCLUDE").unwrap_or_else(|_| "/usr/include".to_owned());
    println!("cargo::rustc-env=LIBBPF_INCLUDE={include}");
}
