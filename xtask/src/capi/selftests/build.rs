//! Builds the tests out of the kernel's tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::compile;
use super::fetch::Source;
use crate::capi::LIBRARY;
use crate::run;
use crate::suites::Step;
use crate::workspace::Workspace;

/// The BPF programs, and whether their tests load them by a light skeleton.
const PROGRAMS: [(&str, bool); 7] = [
    ("test_ringbuf", true),
    ("test_ringbuf_n", true),
    ("test_ringbuf_map_key", true),
    ("test_ringbuf_write", true),
    ("test_ringbuf_overwrite", true),
    ("test_ringbuf_multi", false),
    ("user_ringbuf_success", false),
];
const TESTS: [&str; 3] = ["ringbuf", "ringbuf_multi", "user_ringbuf"];
/// No library takes part in these: the verifier must refuse them.
const REFUSED: &str = "user_ringbuf_fail.skel.h";

/// The programs that run all tests.
#[derive(Debug)]
pub(super) struct Built {
    /// Linked to libbpf alone.
    pub(super) runner: PathBuf,
    /// Linked to the C library before libbpf.
    pub(super) linked: PathBuf,
    /// The folder of both libraries.
    pub(super) libraries: PathBuf,
}

/// Builds them below `folder`.
pub(super) fn build(folder: &Path, source: &Source, workspace: &Workspace) -> Result<Built> {
    let libbpf = libbpf(workspace)?;
    eprintln!("selftests: building the tests of {}", source.release);
    let work = folder.join("build");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    for part in ["progs", "prog_tests", "lib"] {
        fs::create_dir_all(work.join(part))?;
    }
    let (frame, tools) =
        (workspace.root.join("tests/selftests"), source.tree.join("tools/include"));
    let bpf = source.tree.join("tools/testing/selftests/bpf");
    let header = "progs/test_user_ringbuf.h";
    fs::copy(bpf.join(header), work.join(header)).context(header)?;
    fs::write(work.join(REFUSED), "")?;
    let place = |path: PathBuf| path.display().to_string();
    let uapi = place(tools.join("uapi"));
    let (frame_c, libbpf_h) = (place(frame.join("runner.c")), place(libbpf.join("include")));
    let include = ["-I", &place(frame), "-I", &libbpf_h];
    for (name, light) in PROGRAMS {
        let text = fs::read_to_string(bpf.join(format!("progs/{name}.c"))).context(name)?;
        let (c, object) =
            (work.join(format!("progs/{name}.c")), work.join(format!("{name}.bpf.o")));
        fs::write(&c, traced(&text))?;
        let (c, object) = (place(c), place(object));
        let flags = ["-g", "-O2", "-w", "-target", "bpf", "-D__x86_64__", "-I", &uapi];
        let system = ["-I", "/usr/include/x86_64-linux-gnu", "-c", &c, "-o", &object];
        compile(Path::new("clang"), &[&flags, &include[..], &system].concat())?;
        skeleton(source, name, light, &object, &work)?;
    }
    let (tools, work_i) = (place(tools), place(work.clone()));
    let mut objects = Vec::new();
    for name in TESTS.into_iter().chain(["runner"]) {
        let (test, object) =
            (format!("prog_tests/{name}.c"), place(work.join(format!("{name}.o"))));
        let c = if name == "runner" {
            frame_c.clone()
        } else {
            fs::copy(bpf.join(&test), work.join(&test)).context(name)?;
            place(work.join(&test))
        };
        let flags = ["-g", "-O1", "-w", "-D_GNU_SOURCE", "-I", &work_i];
        let rest = ["-I", &tools, "-I", &uapi, "-c", &c, "-o", &object];
        compile(Path::new("gcc"), &[&flags, &include[..], &rest].concat())?;
        objects.push(object);
    }
    link(&work, &objects, &libbpf, workspace)
}

/// Programs that are attached to functions of the kernel run at each system call instead, and look
/// at its number: some machines refuse the former.
fn traced(text: &str) -> String {
    const BEGIN: &str = "SEC(\"fentry/\" SYS_PREFIX \"sys_";
    let mut parts = text.split(BEGIN);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (call, rest) = part.split_once("\")").unwrap_or((part, ""));
        let filter = format!("\n{{\n\tif (((__u64 *)ctx)[1] != __NR_{call})\n\t\treturn 0;\n");
        out += "SEC(\"tp_btf/sys_enter\")";
        out += &rest.replacen("\n{\n", &filter, 1);
    }
    out
}

/// The header by which the test loads a program.
fn skeleton(source: &Source, name: &str, light: bool, object: &str, work: &Path) -> Result<()> {
    let mut bpftool = Command::new(&source.bpftool);
    bpftool.args(["gen", "skeleton"]).args(light.then_some("-L")).args([object, "name"]);
    let (name, file) = match light {
        true => (format!("{name}_lskel"), format!("{name}.lskel.h")),
        false => (name.to_owned(), format!("{name}.skel.h")),
    };
    let text = run::output(bpftool.arg(name))?;
    fs::write(work.join(&file), text).context(file)
}

fn link(work: &Path, objects: &[String], libbpf: &Path, workspace: &Workspace) -> Result<Built> {
    let libraries = work.join("lib");
    let (shared, ours) = (libraries.join("libbpf.so.1"), libraries.join("libringbuf_capi.so.0"));
    fs::copy(workspace.target.join("release").join(LIBRARY), &ours)?;
    // libbpf-sys builds libbpf to be linked statically; preloading needs a shared one.
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-Wl,-soname,libbpf.so.1", "-o"]).arg(&shared);
    gcc.arg("-Wl,--whole-archive").arg(libbpf.join("libbpf.a")).arg("-Wl,--no-whole-archive");
    run::output(gcc.args(["-lelf", "-lz"]))?;
    let (runner, linked) = (work.join("runner"), work.join("linked"));
    for (program, first) in [(&runner, None), (&linked, Some(&ours))] {
        let mut gcc = Command::new("gcc");
        gcc.arg("-o").arg(program).args(objects).args(first).arg(&shared).arg("-lpthread");
        run::output(&mut gcc)?;
    }
    Ok(Built { runner, linked, libraries })
}

/// The folder of the libbpf that our own tests use. Builds it, and the C library.
fn libbpf(workspace: &Workspace) -> Result<PathBuf> {
    let ours = Step::cargo("build --release -p ringbuf-capi --locked");
    run::output(&mut ours.command(&workspace.root))?;
    // Cargo finds a dependency by its name from a package that has it.
    let line = "build --release -p libbpf-sys --locked --manifest-path tests/Cargo.toml \
                --message-format json-render-diagnostics";
    let text = run::output(&mut Step::cargo(line).command(&workspace.root))?;
    let lines = text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let of_libbpf = |message: &serde_json::Value| {
        let package = message["package_id"].as_str().unwrap_or_default();
        package.contains("#libbpf-sys@").then(|| message["out_dir"].as_str().map(PathBuf::from))?
    };
    let found = lines.filter_map(|message| of_libbpf(&message)).next_back();
    let found = found.context("cargo built no libbpf")?;
    ensure!(found.join("libbpf.a").is_file(), "{} has no libbpf.a", found.display());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_run_at_their_system_call() {
        let text = "a\nSEC(\"fentry/\" SYS_PREFIX \"sys_getpgid\")\nint f(void *ctx)\n{\n\tb;\n}\n\
                    SEC(\"fentry/\" SYS_PREFIX \"sys_prctl\")\nint g(void *ctx)\n{\n\tc;\n}\n";
        let found = traced(text);
        assert!(!found.contains("fentry"), "{found}");
        let first = "a\nSEC(\"tp_btf/sys_enter\")\nint f(void *ctx)\n{\n\tif (((__u64 *)ctx)[1] != \
                     __NR_getpgid)\n\t\treturn 0;\n\tb;\n}\n";
        assert!(found.starts_with(first), "{found}");
        assert!(found.contains("__NR_prctl)\n\t\treturn 0;\n\tc;"), "{found}");
        assert_eq!(traced("SEC(\"tp\")\n{\n"), "SEC(\"tp\")\n{\n");
    }
}
