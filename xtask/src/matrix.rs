//! `cargo xtask matrix`: the live tests on every kernel from 5.10 to the newest, in virtual
//! machines.

mod apt;
mod boot;
mod console;
mod initramfs;
mod kernels;
mod programs;
mod report;
mod sources;

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::packages;
use crate::results::Skip;
use crate::run;
use crate::workspace::Workspace;

use apt::Apt;
use boot::Accelerator;
use console::Console;
use kernels::Offer;
use report::{End, Report, Row};

pub(crate) use apt::KEYRINGS;
pub(crate) use programs::is_static;

/// The first kernel: what Debian has, and what every distribution that is still in use has.
const FROM: (u32, u32) = (5, 10);
/// Fewer minor releases than this are no range.
const SERIES: usize = 8;
/// Where downloads are kept, if not below cargo's target folder.
const CACHE: &str = "RINGBUF_MATRIX_CACHE";
/// The exit code by which the gate is told that the matrix cannot be had here.
const CANNOT: u8 = 77;

/// What to run.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Boot this kernel only: a minor release (6.19), a release (6.12.100), oldest or newest; give
    /// it again for more
    #[arg(long = "kernel", value_name = "KERNEL")]
    kernels: Vec<String>,
    /// Print the result as one JSON object on standard output, and no table
    #[arg(long)]
    json: bool,
    /// A kernel that cannot be fetched or does not come up is listed as absent, not as failed
    #[arg(long)]
    allow_missing: bool,
    /// List the kernels that would be booted, and whether each is here already; run nothing
    #[arg(long, conflicts_with = "json")]
    list: bool,
    /// Install nothing; without QEMU and what the programs are built with, nothing can be run
    #[arg(long)]
    no_install: bool,
    /// Switch a virtual machine off after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(10..))]
    timeout: u64,
    /// For the gate: where QEMU or the kernels cannot be had, say why on standard error and exit
    /// with 77
    #[arg(long, hide = true)]
    or_skip: bool,
}

/// Runs the matrix; the answer is the exit code.
pub(crate) fn matrix(workspace: &Workspace, options: &Options) -> Result<u8> {
    let folders = Folders::new(workspace)?;
    let (apt, kernels) = match choose(options, &folders) {
        Err(error) if options.or_skip => return Ok(cannot(&format!("{error:#}"))),
        chosen => chosen?,
    };
    if options.list {
        for kernel in &kernels {
            let here = if apt.cached(kernel).is_some() { "here" } else { "to fetch" };
            let Offer { package, revision, version } = kernel;
            let line = format!("{:<9} {here:<9} {package} {revision}\n", version.to_string());
            run::echo(line.as_bytes());
        }
        return Ok(0);
    }
    let fetched: Vec<_> = kernels.into_iter().map(|k| fetch(&apt, k)).collect();
    if options.or_skip {
        if let Some((kernel, error)) =
            fetched.iter().find_map(|(k, f)| Some((k, f.as_ref().err()?)))
        {
            return Ok(cannot(&format!("{} cannot be fetched: {error:#}", kernel.version)));
        }
    }
    let programs = programs::build(&workspace.root, &folders.build)?;
    let initramfs = initramfs::pack(&folders.work, &programs)?;
    let report = boot_all(fetched, &initramfs, initramfs::suites(&programs), options, &folders)?;
    let text = if options.json { format!("{}\n", report.json()) } else { report.table() };
    run::echo(text.as_bytes());
    Ok(u8::from(report.failed()))
}

/// Says why nothing was run, as the last line on standard error, which the gate's table shows.
fn cannot(why: &str) -> u8 {
    eprintln!("NO KERNEL WAS BOOTED, only the running one is tested: {}", why.replace('\n', "; "));
    CANNOT
}

/// Where things are.
#[derive(Debug)]
struct Folders {
    cache: PathBuf,
    build: PathBuf,
    work: PathBuf,
    logs: PathBuf,
}

impl Folders {
    fn new(workspace: &Workspace) -> Result<Self> {
        let base = workspace.target.join("matrix");
        let cache = std::env::var_os(CACHE).map_or_else(|| base.clone(), PathBuf::from);
        let logs = base.join("logs");
        for folder in [&cache, &logs] {
            fs::create_dir_all(folder)?;
        }
        // apt and QEMU run elsewhere.
        let cache = cache.canonicalize()?;
        Ok(Self { cache, build: base.join("build"), work: base, logs })
    }
}

/// Which kernels to boot, after a look at what this machine has.
fn choose(options: &Options, folders: &Folders) -> Result<(Apt, Vec<Offer>)> {
    ensure!(cfg!(all(target_os = "linux", target_arch = "x86_64")), "this needs Linux on x86-64");
    let needed = packages::BPF.iter().chain(packages::MATRIX).collect::<Vec<_>>();
    let missing = packages::ensure(&needed, options.no_install)?;
    ensure!(missing.is_empty(), "not installed: {}", missing.join(" "));
    let apt = Apt::new(&folders.cache)?;
    let offers = apt.offers(false).context("the kernels that Debian has cannot be listed")?;
    let all = kernels::select(&offers, FROM);
    let first = all.first().context("Debian's mirror has no kernel that can be booted")?;
    let oldest = options.kernels.is_empty() || options.kernels.iter().any(|name| name == "oldest");
    if oldest && first.version.series() != FROM && !options.allow_missing {
        bail!(
            "the oldest kernel that the mirror has is {}, not one of {}.{} (--allow-missing goes on)",
            first.version,
            FROM.0,
            FROM.1
        );
    }
    if options.kernels.is_empty() {
        let mut series: Vec<_> = all.iter().map(|kernel| kernel.version.series()).collect();
        series.dedup();
        ensure!(
            series.len() >= SERIES || options.allow_missing,
            "the mirror has kernels of {} minor releases only, not {SERIES} (--allow-missing goes on)",
            series.len()
        );
        return Ok((apt, all));
    }
    let mut chosen: Vec<Offer> = Vec::new();
    for name in &options.kernels {
        let found = kernels::named(&offers, &all, name);
        let known = || all.iter().map(|k| k.version.to_string()).collect::<Vec<_>>().join(" ");
        ensure!(!found.is_empty(), "no kernel {name}; there are: {}", known());
        chosen.extend(
            found.into_iter().filter(|kernel| !chosen.contains(kernel)).collect::<Vec<_>>(),
        );
    }
    chosen.sort_by_key(|kernel| kernel.version);
    Ok((apt, chosen))
}

/// One kernel's image. Where the list is of yesterday and the package has been replaced since, the
/// newest of the same minor release.
fn fetch(apt: &Apt, kernel: Offer) -> (Offer, Result<PathBuf>) {
    if let Some(image) = apt.cached(&kernel) {
        return (kernel, Ok(image));
    }
    eprintln!("matrix: fetching {} {}", kernel.package, kernel.revision);
    let first = apt.fetch(&kernel);
    let Err(error) = first else { return (kernel, first) };
    let again = || -> Option<Offer> {
        let offers = apt.offers(true).ok()?;
        if offers.contains(&kernel) {
            return None;
        }
        let (major, minor) = kernel.version.series();
        kernels::named(&offers, &kernels::select(&offers, FROM), &format!("{major}.{minor}")).pop()
    };
    match again() {
        Some(other) => {
            let image = apt.fetch(&other);
            (other, image)
        }
        None => (kernel, Err(error)),
    }
}

fn boot_all(
    kernels: Vec<(Offer, Result<PathBuf>)>,
    initramfs: &Path,
    suites: Vec<String>,
    options: &Options,
    folders: &Folders,
) -> Result<Report> {
    let first = kernels.iter().rev().find_map(|(_, image)| image.as_ref().ok());
    let accelerator = first.map_or(Accelerator::Tcg, |image| Accelerator::choose(image, initramfs));
    let (count, limit) = (kernels.len(), Duration::from_secs(options.timeout));
    let mut rows = Vec::new();
    for (index, (kernel, image)) in kernels.into_iter().enumerate() {
        let started = Instant::now();
        let absent = |why: String| End::Absent { why, allowed: options.allow_missing };
        let mut progress = Progress::new(format!("{}/{count} {}", index + 1, kernel.version));
        let log = folders.logs.join(format!("{}.log", kernel.version));
        let end = match image {
            Err(error) => absent(format!("cannot be fetched: {error:#}")),
            Ok(image) => {
                let pair = (image.as_path(), initramfs);
                let mut boot = || {
                    let show = |console: &Console| progress.show(console);
                    boot::boot(pair, accelerator, &log, limit, &suites, show)
                };
                match boot().and_then(|console| twice_if_dead(console, boot)) {
                    Ok(console) => End::Ran { console, log },
                    Err(error) => absent(format!("cannot be started: {error:#}")),
                }
            }
        };
        let mut row = Row { kernel, end, time: started.elapsed() };
        if row.is_dead() && options.allow_missing {
            row.end = absent(format!("does not come up: {}", row.troubles().join("; ")));
        }
        progress.end(&row);
        rows.push(row);
    }
    let date = run::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?.trim().to_owned();
    let emulator = format!("{}, {}", qemu_version()?, accelerator.name());
    Ok(Report { date, emulator, suites, rows })
}

/// Boots once more if the kernel died before it ran anything of ours, as it does now and then in an
/// emulator on a busy machine. The report says so.
fn twice_if_dead(first: Console, boot: impl FnOnce() -> Result<Console>) -> Result<Console> {
    if first.release.is_some() {
        return Ok(first);
    }
    let mut second = boot()?;
    let said = first.complaints.first().map_or("it said nothing", String::as_str);
    let why = format!("the kernel died before our programs ran, so it was booted again: {said}");
    second.notes.push(Skip { what: "boot".to_owned(), why });
    Ok(second)
}

fn qemu_version() -> Result<String> {
    let text = run::output(Command::new(boot::QEMU).arg("--version"))?;
    let number = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    Ok(format!("QEMU {}", number.unwrap_or("?")))
}

/// One line on standard error that says where we are: rewritten on a terminal, once per kernel
/// elsewhere.
#[derive(Debug)]
struct Progress {
    what: String,
    started: Instant,
    shown: Option<String>,
}

impl Progress {
    fn new(what: String) -> Self {
        Self { what, started: Instant::now(), shown: None }
    }

    fn show(&mut self, console: &Console) {
        let suite = console.suites.last().map(|suite| suite.name.clone());
        if suite == self.shown || !std::io::stderr().is_terminal() {
            return;
        }
        let (what, seconds) = (&self.what, self.started.elapsed().as_secs());
        let name = suite.as_deref().unwrap_or("booting");
        eprint!("\rmatrix: {what}: {name}, {seconds} s\x1b[K");
        let _shown = std::io::stderr().flush();
        self.shown = suite;
    }

    fn end(self, row: &Row) {
        let clear = if self.shown.is_some() { "\r\x1b[K" } else { "" };
        let word = if row.failed() { "FAILED" } else { "ok" };
        let seconds = row.time.as_secs_f64();
        eprintln!("{clear}matrix: {}: {word}, {seconds:.1} s", self.what);
        // The table has the rest.
        if let Some(trouble) = row.troubles().first() {
            eprintln!("matrix:   {trouble}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kernel_that_died_early_is_booted_again() {
        let console = |lines: &[&str]| {
            let mut console = Console::default();
            lines.iter().for_each(|line| console.line(line));
            console
        };
        let good = || console(&["@@ begin 7.3.4", "@@ suite a 1"]);
        let once = twice_if_dead(good(), || bail!("not again")).unwrap();
        assert!(once.notes.is_empty());
        let dead = console(&["[ 0.1] Kernel panic - not syncing: timer"]);
        let twice = twice_if_dead(dead, || Ok(good())).unwrap();
        assert_eq!(twice.release.as_deref(), Some("7.3.4"));
        assert!(twice.notes[0].why.ends_with("Kernel panic - not syncing: timer"));
        assert!(twice.complaints.is_empty());
    }
}
