//! `cargo xtask matrix`: the live tests on every kernel from 5.10 to the newest, and on other
//! architectures, in virtual machines.

mod apt;
mod arch;
mod boot;
mod builder;
mod console;
mod fetch;
mod foreign;
mod initramfs;
mod kernels;
mod programs;
mod progress;
mod report;
mod row;
mod schedule;
mod silence;
mod sources;
mod suite;
mod targets;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use clap::builder::PossibleValuesParser;
use tempfile::TempDir;

use crate::run;
use crate::workspace::Workspace;

use boot::Emulator;
use fetch::Group;
use kernels::Offer;
use report::Report;
use schedule::Outcome;

pub(crate) use apt::KEYRINGS;
pub(crate) use programs::is_static;

/// Where downloads are kept, if not below cargo's target folder.
const CACHE: &str = "RINGBUF_MATRIX_CACHE";
/// The exit code that tells the gate: the matrix cannot run here.
const CANNOT: u8 = 77;
/// More virtual machines at once would only fill the memory.
const MOST_JOBS: usize = 8;

/// What to run.
#[derive(Args, Debug, Default)]
pub(crate) struct Options {
    /// Boot only this kernel: a minor release (6.19), a release (6.12.100), oldest or newest; repeat
    /// the option for more kernels
    #[arg(long = "kernel", value_name = "KERNEL")]
    kernels: Vec<String>,
    /// Boot kernels of this machine, with the tests that need no libbpf; or run these tests as
    /// 32-bit processes on a 64-bit machine (A-on-B); repeat the option for more. Entries for the
    /// same machine share its boots
    #[arg(long = "arch", value_name = "ARCH", value_parser = PossibleValuesParser::new(arch::names()),
          default_value = arch::NATIVE)]
    words: Vec<String>,
    /// Print the result as one JSON object on standard output, instead of the table
    #[arg(long)]
    json: bool,
    /// List a kernel as absent, not as failed, if it cannot be fetched or does not boot
    #[arg(long)]
    allow_missing: bool,
    /// List the kernels that would boot, and if each is already stored; fetch the package lists, but
    /// run nothing
    #[arg(long, conflicts_with = "json")]
    list: bool,
    /// Install nothing; without QEMU and the packages to build the programs, nothing runs
    #[arg(long)]
    no_install: bool,
    /// Switch a virtual machine off after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 900,
          value_parser = clap::value_parser!(u64).range(10..=86_400))]
    timeout: u64,
    /// Run N virtual machines at once, with two processors and one or two GiB each; the default is
    /// one for each processor, at most 8
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    jobs: Option<u8>,
    /// For `cargo xtask test`: if QEMU or the kernels are not available, print the reason and exit
    /// with 77
    #[arg(long, hide = true)]
    or_skip: bool,
}

impl Options {
    fn jobs(&self) -> usize {
        let here = || thread::available_parallelism().map_or(1, |n| n.get().min(MOST_JOBS));
        self.jobs.map_or_else(here, usize::from)
    }
}

/// Runs the matrix. Returns the exit code.
pub(crate) fn matrix(workspace: &Workspace, options: &Options) -> Result<u8> {
    let started = Instant::now();
    let folders = Folders::new(workspace)?;
    let groups = match fetch::choose(options, &folders) {
        Err(error) if options.or_skip => return Ok(cannot(&format!("{error:#}"))),
        chosen => chosen?,
    };
    if options.list {
        groups.iter().for_each(list);
        return Ok(0);
    }
    let mut emulators = Vec::new();
    let (mut tasks, mut remarks) = (Vec::new(), Vec::new());
    for group in groups {
        let kernels: Vec<_> =
            group.kernels.iter().cloned().map(|kernel| fetch::fetch(&group, kernel)).collect();
        let failed = kernels.iter().find_map(|f| Some((&f.kernel, f.image.as_ref().err()?)));
        if let Some((kernel, error)) = failed.filter(|_| options.or_skip) {
            return Ok(cannot(&format!("{} cannot be fetched: {error:#}", kernel.version)));
        }
        emulators.push(qemu_version(group.machine.emulator)?);
        let left_out = group.apt.left_out();
        remarks.extend(left_out.map(|what| {
            format!("{}: {what}: the mirror has no lists of it today", group.machine.name)
        }));
        tasks.push((group, kernels));
    }
    let Outcome { rows, suites, accelerators } = schedule::run(tasks, options, &folders, workspace);
    emulators.sort();
    emulators.dedup();
    emulators.extend(accelerators.into_iter().map(str::to_owned));
    let emulator = emulators.join(", ");
    let date = run::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?.trim().to_owned();
    let report = Report { date, emulator, suites, rows, remarks, time: started.elapsed() };
    let text = if options.json { format!("{}\n", report.json()) } else { report.table() };
    run::echo(text.as_bytes());
    Ok(u8::from(report.failed()))
}

/// Debian's packages for x86-64, as the matrix fetches them, with the lists of today.
pub(crate) fn debian(workspace: &Workspace) -> Result<apt::Apt> {
    let folders = Folders::new(workspace)?;
    let apt = apt::Apt::new(&folders.cache, apt::AMD64, arch::flavours(apt::AMD64))?;
    apt.offers(false)?;
    Ok(apt)
}

/// Prints why nothing ran, as the last line on standard error, which the gate's table shows.
fn cannot(why: &str) -> u8 {
    eprintln!(
        "NO KERNEL WAS BOOTED, so only the running kernel is tested: {}",
        why.replace('\n', "; ")
    );
    CANNOT
}

fn list(group: &Group) {
    let Group { machine, targets, apt, kernels, without } = group;
    let processes: Vec<_> = targets.iter().map(|target| target.processor()).collect();
    let (machine, processes) = (machine.name, processes.join(" "));
    for kernel in kernels {
        let here = match apt.cached(kernel) {
            Some(_) => "here",
            None if apt.is_gone(kernel) => "not on the mirror today: another of its minor release",
            None => "to fetch",
        };
        let Offer { package, revision, version } = kernel;
        let version = version.to_string();
        let line =
            format!("{machine:<12} {version:<9} {processes:<14} {package} {revision}: {here}\n");
        run::echo(line.as_bytes());
    }
    if let Some(why) = without {
        run::echo(format!("{machine:<12} none: {}\n", why.replace('\n', "; ")).as_bytes());
    }
}

/// The folders of a run.
#[derive(Debug)]
struct Folders {
    cache: PathBuf,
    build: PathBuf,
    /// Of this run alone: another run may use the same clone at the same time.
    work: TempDir,
    logs: PathBuf,
}

impl Folders {
    fn new(workspace: &Workspace) -> Result<Self> {
        let base = workspace.target.join("matrix");
        let cache = std::env::var_os(CACHE).map_or_else(|| base.clone(), PathBuf::from);
        let logs = base.join("logs");
        for folder in [&cache, &logs] {
            let what = || format!("cannot make the folder {:?} ({CACHE} may name another)", folder);
            fs::create_dir_all(folder).with_context(what)?;
        }
        // apt and QEMU run elsewhere.
        let cache = cache.canonicalize()?;
        Ok(Self { cache, build: base.join("build"), work: tempfile::tempdir_in(base)?, logs })
    }
}

fn qemu_version(emulator: Emulator) -> Result<String> {
    let text = run::output(Command::new(emulator.program).arg("--version"))?;
    let number = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    Ok(format!("QEMU {}", number.unwrap_or("?")))
}
