//! BPF programs, from C to skeletons: a part of the build scripts of ringbuf-cli and ringbuf-bpf.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

use anyhow::{Context, Result};
use libbpf_cargo::SkeletonBuilder;

/// Compiles each `NAME.bpf.c` in `folders` into `OUT_DIR/NAME.skel.rs`. `purpose` tells a person
/// without clang what needs it.
pub(crate) fn build(folders: &[&str], purpose: &str) {
    // On standard error, and before anything else is printed: cargo then shows it once, alone.
    if let Err(error) = build_all(folders, purpose) {
        eprintln!("{error:#}");
        exit(1);
    }
}

fn build_all(folders: &[&str], purpose: &str) -> Result<()> {
    let clang = PathBuf::from(env::var_os("CLANG").unwrap_or_else(|| "clang".into()));
    require_clang(&clang, purpose)?;
    println!("cargo::rerun-if-env-changed=CLANG");
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    let headers = kernel_header_arguments();
    // For the test that compiles for both byte orders.
    let words: Vec<_> = headers.iter().map(|word| word.to_string_lossy()).collect();
    println!("cargo::rustc-env=KERNEL_HEADERS={}", words.join(" "));
    let arguments = [byte_order_arguments(), headers].concat();
    for folder in folders {
        println!("cargo::rerun-if-changed={folder}");
        for entry in fs::read_dir(folder).with_context(|| (*folder).to_owned())? {
            let source = entry?.path();
            println!("cargo::rerun-if-changed={}", source.display());
            let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(stem) = name.strip_suffix(".bpf.c") {
                compile(&source, &clang, &arguments, &out.join(stem))?;
            }
        }
    }
    Ok(())
}

/// Makes `out`.bpf.o and `out`.skel.rs.
fn compile(source: &Path, clang: &Path, arguments: &[OsString], out: &Path) -> Result<()> {
    SkeletonBuilder::new()
        .source(source)
        .obj(out.with_extension("bpf.o"))
        .clang(clang)
        .clang_args(["-Wall", "-Werror"].map(OsString::from).iter().chain(arguments))
        // By path, not as text: the template of load.bpf.c alone is 128 KiB.
        .reference_obj(true)
        .build_and_generate(out.with_extension("skel.rs"))
}

/// A missing compiler is the one thing that most people meet here: one message for it.
fn require_clang(clang: &Path, purpose: &str) -> Result<()> {
    match Command::new(clang).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => anyhow::bail!("`{} --version` failed: {}", clang.display(), output.status),
        Err(error) => anyhow::bail!(
            "`{}` cannot be run ({error}). {purpose} On Debian and Ubuntu: \
             `apt install clang libelf-dev zlib1g-dev pkg-config make gcc`. Another compiler: \
             environment variable CLANG.",
            clang.display()
        ),
    }
}

/// The skeleton builder asks for target `bpf`, which is the byte order of the machine that
/// compiles: for another machine it has to be named.
fn byte_order_arguments() -> Vec<OsString> {
    let triple = match env::var("CARGO_CFG_TARGET_ENDIAN").as_deref() {
        Ok("big") => "bpfeb",
        _ => "bpfel",
    };
    ["-Xclang", "-triple", "-Xclang", triple].map(OsString::from).to_vec()
}

/// Where `asm/types.h` of the machine's headers is. Debian keeps it under the name of the
/// architecture, where a compiler for target `bpf` does not look; elsewhere nothing is needed.
fn kernel_header_arguments() -> Vec<OsString> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/include")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|directory| directory.join("asm/types.h").is_file())
        .collect();
    // With headers of several architectures installed: those of the target first.
    found.sort_by_key(|directory| {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (!name.starts_with(&arch), name)
    });
    found
        .into_iter()
        .take(1)
        .flat_map(|directory| ["-idirafter".into(), directory.into()])
        .collect()
}
