//! Programs of others with the C library: prepares what they need, and runs the table of the test
//! `capi`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::debian::Apt;
use crate::mounts::TRACEFS;
use crate::packages::{self, Package};
use crate::run;
use crate::suites::Step;
use crate::workspace::Workspace;

/// The oldest suite whose bpftrace has ring buffers and a shared libbpf.
const BPFTRACE: &str = "trixie";
/// BCC compiles its programs with a kernel's headers. Tracepoints do not depend on the release.
const HEADERS: &str = "bookworm";
const NEEDED: &[Package] = &[
    Package::with("libbpf-dev", "the article's loader needs it", &["/usr/include/bpf/libbpf.h"]),
    Package::running("g++", "compiles the program that throws", "g++"),
    Package::running("valgrind", "sees wrong accesses, and what is not freed", "valgrind"),
    Package::with("python3-bpfcc", "is BCC", &["/usr/lib/python3/dist-packages/bcc/__init__.py"]),
];

/// Runs the table. What cannot be had is skipped there, with the reason.
pub(crate) fn table(seconds: u64, no_install: bool, workspace: &Workspace) -> Result<u8> {
    TRACEFS.ensure();
    let needed: Vec<_> = NEEDED.iter().collect();
    say(packages::ensure(&needed, no_install).map(drop));
    let folder = workspace.target.join("capi");
    fs::create_dir_all(&folder)?;
    let has_headers = Path::new("/lib/modules").join(release()?).join("build").exists();
    if !no_install {
        say(ensure_folder(&folder, "bpftrace", bpftrace));
        say(if has_headers { Ok(()) } else { ensure_folder(&folder, "headers", headers) });
    }
    let test = "test --release -p ringbuf-tests --test capi --locked \
                -- --nocapture --exact programs::table::table";
    let step = Step::cargo(test).env("RINGBUF_PROGRAMS", folder.display());
    step.env("RINGBUF_MILLISECONDS", 1000 * seconds).run_alone(&workspace.root)
}

fn release() -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("which kernel runs?")?;
    Ok(release.trim().to_owned())
}

/// What is missing is not fatal: its rows are skipped.
fn say(done: Result<()>) {
    if let Err(error) = done {
        eprintln!("capi: {error:#}");
    }
}

/// Makes a folder in ours, which appears only when it is complete.
fn ensure_folder(folder: &Path, name: &str, fill: fn(&Path, &Path) -> Result<()>) -> Result<()> {
    let made = folder.join(name);
    if made.exists() {
        return Ok(());
    }
    eprintln!("capi: fetching {name}");
    let work = tempfile::tempdir_in(folder)?;
    let (apt, new) = (work.path().join("apt"), work.path().join("new"));
    for folder in [&apt, &new] {
        fs::create_dir(folder)?;
    }
    fill(&apt, &new).with_context(|| format!("cannot fetch {name}"))?;
    Ok(fs::rename(new, made)?)
}

/// With its C library, through whose loader it is started.
fn bpftrace(apt: &Path, root: &Path) -> Result<()> {
    Apt::new(apt, BPFTRACE)?.unpack("bpftrace", root)
}

/// Debian splits a kernel's headers in two packages, which BCC wants in one folder.
fn headers(folder: &Path, to: &Path) -> Result<()> {
    let apt = Apt::new(folder, HEADERS)?;
    let mut architecture = Command::new("dpkg");
    let architecture = run::output(architecture.arg("--print-architecture"))?;
    let newest = format!("linux-headers-cloud-{}", architecture.trim());
    let own = apt.depends(&newest, "linux-headers-")?;
    let common = own.split("-cloud").next().context("a name without an end")?.to_owned();
    for package in [format!("{common}-common"), own] {
        let root = folder.join(&package);
        let deb = apt.download(&package)?;
        run::output(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&root))?;
        let tree: PathBuf = root.join("usr/src").join(&package);
        ensure!(tree.is_dir(), "{package} has no /usr/src/{package}");
        run::output(Command::new("cp").args(["-a", "-T"]).arg(tree).arg(to))?;
    }
    Ok(())
}
