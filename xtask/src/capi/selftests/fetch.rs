//! The kernel's source and bpftool, from Debian's packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{matrix, run};

/// What the tests consist of, below the kernel's source.
const PARTS: [&str; 4] = [
    "tools/testing/selftests/bpf/prog_tests/*ringbuf*",
    "tools/testing/selftests/bpf/progs/*ringbuf*",
    "tools/include/*",
    "tools/arch/x86/include/*",
];

/// The files of the kernel, and what makes skeletons of BPF programs.
#[derive(Debug)]
pub(super) struct Source {
    /// The name of the package.
    pub(super) release: String,
    pub(super) tree: PathBuf,
    pub(super) bpftool: PathBuf,
}

/// Fetches what is missing below `folder`.
pub(super) fn fetch(folder: &Path, workspace: &Workspace) -> Result<Source> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let bpftool = bpftool(folder)?;
    let mut kept: Vec<_> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    kept.retain(|path| name(path).starts_with("linux-source-"));
    let tree = match kept.pop() {
        Some(tree) => tree,
        None => source(folder, workspace)?,
    };
    Ok(Source { release: name(&tree), tree, bpftool })
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The newest kernel's. It gets its name last.
fn source(folder: &Path, workspace: &Workspace) -> Result<PathBuf> {
    let apt = matrix::debian(workspace)?;
    let package = apt.newest("linux-source-")?;
    eprintln!("selftests: fetching Debian's package {package} (about 170 MB)");
    let work = tempfile::tempdir_in(folder)?;
    let (whole, tree) = (work.path().join("package"), work.path().join("tree"));
    apt.unpack(&package, "", &whole)?;
    fs::create_dir(&tree)?;
    let archive = whole.join(format!("usr/src/{package}.tar.xz"));
    ensure!(archive.is_file(), "{package} has no {}", archive.display());
    let mut tar = Command::new("tar");
    tar.arg("-xJf").arg(&archive).arg("-C").arg(&tree);
    tar.args(["--strip-components=1", "--wildcards"]);
    run::output(tar.args(PARTS.map(|part| format!("*/{part}"))))?;
    let kept = folder.join(package);
    fs::rename(tree, &kept)?;
    Ok(kept)
}

/// bpftool from the path, or from Debian's package, unpacked and not installed.
fn bpftool(folder: &Path) -> Result<PathBuf> {
    let ours = folder.join("bpftool/usr/sbin/bpftool");
    if let Some(found) = run::find("bpftool").or_else(|| ours.is_file().then(|| ours.clone())) {
        return Ok(found);
    }
    eprintln!("selftests: fetching Debian's package bpftool (about 1 MB)");
    let work = tempfile::tempdir_in(folder)?;
    run::output(Command::new("apt-get").current_dir(work.path()).args(["download", "bpftool"]))?;
    let package = fs::read_dir(work.path())?.flatten().map(|entry| entry.path()).next();
    let package = package.context("apt-get downloaded nothing")?;
    let root = folder.join("bpftool");
    run::output(Command::new("dpkg-deb").arg("-x").arg(package).arg(&root))?;
    ensure!(ours.is_file(), "the package has no /usr/sbin/bpftool");
    Ok(ours)
}
