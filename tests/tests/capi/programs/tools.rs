//! Programs of others: the article's, BCC's and bpftrace's. `cargo xtask capi` prepares what
//! they need.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ringbuf_tests::{has_tracepoint, skip};

use super::calls::Traced;
use super::compile::{Binding, Compiler, Program, sources, succeed};

/// A program of somebody else.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) traced: Traced,
    /// It prints its numbers at its end, and "ready" at its beginning.
    pub(crate) prints_at_the_end: bool,
    find: fn(&Compiler, &Path, Binding) -> Result<Program, String>,
}

pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        name: "the article's loader.c",
        traced: Traced::Starts,
        prints_at_the_end: false,
        find: loader,
    },
    Tool {
        name: "the article's BCC program",
        traced: Traced::Starts,
        prints_at_the_end: false,
        find: |compiler, tools, binding| python(compiler, tools, binding, "article.py"),
    },
    Tool {
        name: "a BCC tool",
        traced: Traced::Calls,
        prints_at_the_end: true,
        find: |compiler, tools, binding| python(compiler, tools, binding, "calls.py"),
    },
    Tool {
        name: "bpftrace, execve",
        traced: Traced::Starts,
        prints_at_the_end: false,
        find: |compiler, tools, binding| {
            let script = "tracepoint:syscalls:sys_enter_execve \
                          { printf(\"%d %s\\n\", pid, str(args.filename)); }";
            bpftrace(compiler, tools, binding, script)
        },
    },
    Tool {
        name: "bpftrace, getpgid",
        traced: Traced::Calls,
        prints_at_the_end: false,
        find: |compiler, tools, binding| {
            let script = "tracepoint:syscalls:sys_enter_getpgid \
                          /args.pid >= 0x40000000/ { printf(\"%d\\n\", args.pid); }";
            bpftrace(compiler, tools, binding, script)
        },
    },
];

/// The folder that `cargo xtask capi` has prepared.
pub(crate) fn prepared() -> Option<PathBuf> {
    env::var_os("RINGBUF_PROGRAMS").map(PathBuf::from)
}

impl Tool {
    /// The program; if it cannot be had, `test` is recorded as skipped.
    pub(crate) fn find(
        &self,
        test: &str,
        compiler: &Compiler,
        tools: &Path,
        binding: Binding,
    ) -> Option<Program> {
        let test = format!("{test}: {}", self.name);
        if !has_tracepoint(&test, "syscalls/sys_enter_getpgid") {
            return None;
        }
        let found = (self.find)(compiler, tools, binding);
        found.map_err(|reason| skip(&test, &reason)).ok()
    }
}

/// With Debian's clang and libbpf-dev.
fn loader(compiler: &Compiler, _: &Path, binding: Binding) -> Result<Program, String> {
    if !Path::new("/usr/include/bpf/libbpf.h").exists() {
        return Err("not installed: libbpf-dev".to_owned());
    }
    let [object, loader] = ["program.o", "loader"].map(|name| compiler.folder().join(name));
    let mut clang = Command::new("clang");
    clang.args(["-O2", "-target", "bpf", "-g"]);
    clang.arg(format!("-I/usr/include/{}-linux-gnu", env::consts::ARCH));
    succeed(clang.arg("-c").arg(sources().join("program.bpf.c")).arg("-o").arg(&object));
    let mut clang = Command::new("clang");
    clang.args(["-g", "-O2"]).arg(sources().join("loader.c"));
    succeed(clang.arg("-lbpf").arg("-o").arg(&loader));
    Ok(compiler.program(&[&loader, &object], binding))
}

fn python(
    compiler: &Compiler,
    tools: &Path,
    binding: Binding,
    script: &str,
) -> Result<Program, String> {
    if !Path::new("/usr/lib/python3/dist-packages/bcc/__init__.py").exists() {
        return Err("not installed: python3-bpfcc".to_owned());
    }
    let headers = tools.join("headers");
    let program =
        compiler.program(&[Path::new("/usr/bin/python3"), &sources().join(script)], binding);
    Ok(if headers.exists() { program.env("BCC_KERNEL_SOURCE", &headers) } else { program })
}

/// Its own loader starts it: it wants a newer C library.
fn bpftrace(
    compiler: &Compiler,
    tools: &Path,
    binding: Binding,
    script: &str,
) -> Result<Program, String> {
    let root = tools.join("bpftrace");
    let program = root.join("usr/bin/bpftrace");
    let none = || format!("no bpftrace in {}: `cargo xtask capi` fetches it", tools.display());
    let libraries = root.join("usr/lib").join(format!("{}-linux-gnu", env::consts::ARCH));
    let entries = fs::read_dir(&libraries).map_err(|_| none())?;
    let mut loaders = entries.flatten().map(|entry| entry.path()).filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))
    });
    let (Some(loader), true) = (loaders.next(), program.exists()) else { return Err(none()) };
    let line = [&loader, Path::new("--library-path"), &libraries, &program];
    Ok(compiler.program(&line, binding).with("-e").with(script))
}
