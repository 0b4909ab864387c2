//! Gives the shared library a name of its own: never that of libbpf.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libringbuf_capi.so.0");
}
