//! The file system of each machine: programs are built once for each kind of process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Error, Result, anyhow};

use super::apt::{AMD64, Apt};
use super::arch::{self, Machine};
use super::boot::Accelerator;
use super::fetch::{Fetched, Group};
use super::foreign::{self, Compiler};
use super::programs::{self, Program};
use super::progress::Board;
use super::targets::{self, Target};
use super::{Folders, initramfs};
use crate::run;
use crate::workspace::Workspace;

/// Everything that one machine needs besides a kernel.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) machine: &'static Machine,
    pub(crate) accelerator: Accelerator,
    pub(crate) initramfs: PathBuf,
    pub(crate) suites: Vec<String>,
}

/// Builds what is not built yet.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    workspace: &'a Workspace,
    folders: &'a Folders,
    board: &'a Board,
    built: BTreeMap<&'static str, Result<Vec<Program>, String>>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(workspace: &'a Workspace, folders: &'a Folders, board: &'a Board) -> Self {
        Self { workspace, folders, board, built: BTreeMap::new() }
    }

    /// Packs the programs that the kernels of one machine run.
    pub(crate) fn prepare(&mut self, group: &Group, kernels: &[Fetched]) -> Result<Prepared> {
        let Group { machine, targets, .. } = group;
        let mut programs = Vec::new();
        for target in targets {
            let other = (target.rust != machine.native.rust).then(|| target.processor());
            programs.extend(named(self.programs(target)?, other));
        }
        let (cache, native) = (&self.folders.cache, machine.native);
        let busybox = if native.debian == AMD64 {
            run::find("busybox")
                .context("busybox is missing: install the package busybox-static")?
        } else {
            let apt = Apt::new(cache, native.debian, arch::flavours(native.debian))?;
            foreign::busybox(&apt, native, cache)?
        };
        let name = format!("initramfs-{}", machine.name);
        let initramfs = initramfs::pack(self.folders.work.path(), &name, &busybox, &programs)?;
        let suites = initramfs::suites(&programs);
        let newest = kernels.iter().rev().find_map(|fetched| fetched.image.as_ref().ok());
        let accelerator = match newest.filter(|_| machine.is_native()) {
            Some(image) => Accelerator::choose(image, &initramfs),
            None => Accelerator::Tcg,
        };
        Ok(Prepared { machine, accelerator, initramfs, suites })
    }

    /// The programs for one kind of process.
    fn programs(&mut self, target: &'static Target) -> Result<Vec<Program>> {
        if let Some(before) = self.built.get(target.rust) {
            return before.clone().map_err(Error::msg);
        }
        let built = self.build(target).map_err(|error| format!("{error:#}"));
        self.built.insert(target.rust, built.clone());
        built.map_err(|error| anyhow!("the programs for {}: {error}", target.rust))
    }

    fn build(&self, target: &'static Target) -> Result<Vec<Program>> {
        let Self { workspace, folders, board, .. } = self;
        let (name, started) = (format!("programs for {}", target.processor()), Instant::now());
        let end = |what: &str| {
            let seconds = started.elapsed().as_secs_f64();
            board.over(&name, &format!("matrix: {what} for {}, {seconds:.1} s\n", target.rust));
        };
        board.show(&name, "building");
        if target.rust == targets::X86_64.rust {
            let built = programs::build(&workspace.root);
            end("programs");
            return built;
        }
        let compiler = Compiler::new(&folders.cache)?;
        let apt = Apt::new(&folders.cache, AMD64, arch::flavours(AMD64))?;
        let library = compiler.library(&apt, target);
        end("standard library");
        let built = compiler.build(&library?, target, &workspace.root, &folders.build);
        end("programs");
        built
    }
}

/// The programs of another kind of process than the kernel's own are suites of their own.
fn named(mut programs: Vec<Program>, processor: Option<&str>) -> Vec<Program> {
    if let Some(processor) = processor {
        programs.iter_mut().for_each(|program| program.name += &format!("-{processor}"));
    }
    programs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_kinds_of_processes_have_other_names() {
        let one = || {
            let (name, file) = ("portable".to_owned(), PathBuf::from("x"));
            vec![Program { name, file, test: true }]
        };
        assert_eq!(named(one(), None), one());
        let other = named(one(), Some("i686"));
        assert_eq!((other[0].name.as_str(), &other[0].file), ("portable-i686", &one()[0].file));
    }
}
