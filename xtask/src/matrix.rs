//! `cargo xtask matrix`: the live tests on every kernel from 5.10 to the newest, and on other
//! architectures, in virtual machines.

mod apt;
mod arch;
mod boot;
mod console;
mod foreign;
mod initramfs;
mod kernels;
mod programs;
mod progress;
mod report;
mod sources;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::packages;
use crate::results::Skip;
use crate::run;
use crate::workspace::Workspace;

use apt::{AMD64, Apt};
use arch::{Case, Which};
use boot::{Accelerator, Emulator, System};
use console::Console;
use foreign::Toolchain;
use kernels::{Flavours, Offer};
use progress::Progress;
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
    /// Boot kernels of this machine, with the tests that need no libbpf; give it again for more
    #[arg(long = "arch", value_name = "ARCH", value_parser = PossibleValuesParser::new(arch::names()),
          default_value = arch::NATIVE)]
    machines: Vec<String>,
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
    let groups = match choose(options, &folders) {
        Err(error) if options.or_skip => return Ok(cannot(&format!("{error:#}"))),
        chosen => chosen?,
    };
    if options.list {
        for (group, kernel) in groups.iter().flat_map(|g| g.kernels.iter().map(move |k| (g, k))) {
            let here = if group.apt.cached(kernel).is_some() { "here" } else { "to fetch" };
            let Offer { package, revision, version } = kernel;
            let machine = group.case.map_or(arch::NATIVE, |case| case.name);
            let version = version.to_string();
            let line = format!("{machine:<19} {version:<9} {here:<9} {package} {revision}\n");
            run::echo(line.as_bytes());
        }
        return Ok(0);
    }
    let mut systems = Vec::new();
    for group in groups {
        let kernels: Vec<_> = group.kernels.iter().cloned().map(|k| fetch(&group, k)).collect();
        let failed = kernels.iter().find_map(|(k, f)| Some((k, f.as_ref().err()?)));
        if let Some((kernel, error)) = failed.filter(|_| options.or_skip) {
            return Ok(cannot(&format!("{} cannot be fetched: {error:#}", kernel.version)));
        }
        let (initramfs, suites) = prepare(&group, workspace, &folders)?;
        systems.push(Prepared { case: group.case, kernels, initramfs, suites });
    }
    let report = boot_all(systems, options, &folders)?;
    let text = if options.json { format!("{}\n", report.json()) } else { report.table() };
    run::echo(text.as_bytes());
    Ok(u8::from(report.failed()))
}

/// The kernels of one machine; `None` is x86-64, for which there are more tests.
#[derive(Debug)]
struct Group {
    case: Option<&'static Case>,
    apt: Apt,
    flavours: Flavours,
    kernels: Vec<Offer>,
}

/// All that one machine needs.
#[derive(Debug)]
struct Prepared {
    case: Option<&'static Case>,
    kernels: Vec<(Offer, Result<PathBuf>)>,
    initramfs: PathBuf,
    suites: Vec<String>,
}

/// Builds the programs and packs them; what several machines share is built once, by cargo.
fn prepare(
    group: &Group,
    workspace: &Workspace,
    folders: &Folders,
) -> Result<(PathBuf, Vec<String>)> {
    let (name, busybox, programs) = match group.case {
        None => {
            let busybox = run::find("busybox").context("there is no busybox")?;
            let programs = programs::build(&workspace.root, &folders.build)?;
            ("initramfs".to_owned(), busybox, programs)
        }
        Some(Case { target, .. }) => {
            let apt = |debian| Apt::new(&folders.cache, debian, arch::flavours(debian));
            let source = apt(AMD64)?;
            source.offers(false)?;
            let toolchain = Toolchain::new(&source, &folders.cache)?;
            let programs = toolchain.build(target, &workspace.root, &folders.build)?;
            let shells = apt(target.debian)?;
            shells.offers(false)?;
            let busybox = foreign::busybox(&shells, target, &folders.cache)?;
            (format!("initramfs-{}", target.debian), busybox, programs)
        }
    };
    let initramfs = initramfs::pack(&folders.work, &name, &busybox, &programs)?;
    Ok((initramfs, initramfs::suites(&programs)))
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
fn choose(options: &Options, folders: &Folders) -> Result<Vec<Group>> {
    ensure!(cfg!(all(target_os = "linux", target_arch = "x86_64")), "this needs Linux on x86-64");
    let wanted = |name: &str| options.machines.iter().any(|m| m == name || m == arch::ALL);
    let cases: Vec<_> = arch::CASES.iter().filter(|case| wanted(case.name)).collect();
    let native = wanted(arch::NATIVE);
    let mut needed: Vec<_> = packages::MATRIX.iter().collect();
    needed.extend(packages::BPF.iter().filter(|_| native));
    needed.extend(cases.iter().flat_map(|case| case.packages()));
    needed.sort_by_key(|package| package.name);
    needed.dedup();
    let missing = packages::ensure(&needed, options.no_install)?;
    ensure!(missing.is_empty(), "not installed: {}", missing.join(" "));
    let mut groups = Vec::new();
    if native {
        groups.push(native_kernels(options, folders)?);
    }
    for case in cases {
        let all = arch::flavours(case.debian);
        let apt = Apt::new(&folders.cache, case.debian, all)?;
        let listed = apt.offers(false);
        let offers = listed.with_context(|| format!("the kernels for {}", case.name))?;
        let kernels = kernels::select(&offers, case.flavours, FROM);
        let chosen: Vec<_> = match case.which {
            _ if !options.kernels.is_empty() => {
                let named = |name: &String| kernels::named(&offers, case.flavours, &kernels, name);
                options.kernels.iter().flat_map(named).collect()
            }
            Which::Each => kernels,
            Which::Ends => {
                let newest = kernels.iter().skip(1).last();
                kernels.iter().take(1).chain(newest).cloned().collect()
            }
        };
        ensure!(
            !chosen.is_empty() || !options.kernels.is_empty() || options.allow_missing,
            "the mirror has no kernel for {} (--allow-missing goes on)",
            case.name
        );
        if !chosen.is_empty() {
            groups.push(Group { case: Some(case), apt, flavours: case.flavours, kernels: chosen });
        }
    }
    ensure!(!groups.is_empty(), "no machine has such a kernel: {}", options.kernels.join(" "));
    Ok(groups)
}

fn native_kernels(options: &Options, folders: &Folders) -> Result<Group> {
    let flavours = kernels::AMD64;
    let apt = Apt::new(&folders.cache, AMD64, flavours)?;
    let offers = apt.offers(false).context("the kernels that Debian has cannot be listed")?;
    let group = |apt, kernels| Group { case: None, apt, flavours, kernels };
    let all = kernels::select(&offers, flavours, FROM);
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
        return Ok(group(apt, all));
    }
    let mut chosen: Vec<Offer> = Vec::new();
    for name in &options.kernels {
        let found = kernels::named(&offers, flavours, &all, name);
        let known = || all.iter().map(|k| k.version.to_string()).collect::<Vec<_>>().join(" ");
        ensure!(!found.is_empty(), "no kernel {name}; there are: {}", known());
        chosen.extend(
            found.into_iter().filter(|kernel| !chosen.contains(kernel)).collect::<Vec<_>>(),
        );
    }
    chosen.sort_by_key(|kernel| kernel.version);
    Ok(group(apt, chosen))
}

/// One kernel's image. Where the list is of yesterday and the package has been replaced since, the
/// newest of the same minor release.
fn fetch(group: &Group, kernel: Offer) -> (Offer, Result<PathBuf>) {
    let Group { apt, flavours, .. } = group;
    if let Some(image) = apt.cached(&kernel) {
        return (kernel, Ok(image));
    }
    eprintln!("matrix: fetching {} {}", kernel.package, kernel.revision);
    let first = apt.fetch(&kernel);
    let Err(error) = first else { return (kernel, first) };
    if group.case.is_some() {
        return next_best(group, kernel, error);
    }
    let again = || -> Option<Offer> {
        let offers = apt.offers(true).ok()?;
        if offers.contains(&kernel) {
            return None;
        }
        kernels::newest_of(&offers, flavours, kernel.version.series())
    };
    match again() {
        Some(other) => {
            let image = apt.fetch(&other);
            (other, image)
        }
        None => (kernel, Err(error)),
    }
}

/// Mirrors list kernels of rarer architectures that they do not have: then the next older one of
/// the same minor release.
fn next_best(group: &Group, kernel: Offer, error: anyhow::Error) -> (Offer, Result<PathBuf>) {
    let series = kernel.version.series();
    let mut offers = group.apt.offers(false).unwrap_or_default();
    offers.retain(|offer| *offer != kernel && offer.version <= kernel.version);
    while let Some(other) = kernels::newest_of(&offers, group.flavours, series) {
        if let Ok(image) = group.apt.fetch(&other) {
            eprintln!("matrix: taking {} {} instead", other.package, other.revision);
            return (other, Ok(image));
        }
        offers.retain(|offer| *offer != other);
    }
    (kernel, Err(error))
}

fn boot_all(systems: Vec<Prepared>, options: &Options, folders: &Folders) -> Result<Report> {
    let native = systems.iter().find(|system| system.case.is_none());
    let first = native.and_then(|system| {
        let image = system.kernels.iter().rev().find_map(|(_, image)| image.as_ref().ok())?;
        Some((image, &system.initramfs))
    });
    let fastest =
        first.map_or(Accelerator::Tcg, |(image, initramfs)| Accelerator::choose(image, initramfs));
    let count = systems.iter().map(|system| system.kernels.len()).sum::<usize>();
    let limit = Duration::from_secs(options.timeout);
    let (mut rows, mut suites, mut emulators) = (Vec::new(), Vec::new(), Vec::new());
    for Prepared { case, kernels, initramfs, suites: expected } in systems {
        let accelerator = if case.is_none() { fastest } else { Accelerator::Tcg };
        let emulator = case.map_or(boot::X86_64, |case| case.emulator);
        let environment = case.map(Case::expectations).unwrap_or_default();
        note_new(&mut suites, expected.iter().cloned());
        note_new(&mut emulators, [format!("{}, {}", qemu_version(emulator)?, accelerator.name())]);
        for (kernel, image) in kernels {
            let started = Instant::now();
            let absent = |why: String| End::Absent { why, allowed: options.allow_missing };
            let mut row = Row {
                case: case.map(|case| case.name),
                kernel,
                end: absent(String::new()),
                time: Duration::ZERO,
            };
            let name = row.name();
            let mut progress = Progress::new(format!("{}/{count} {name}", rows.len() + 1));
            let log = folders.logs.join(format!("{}.log", name.replace(' ', "-")));
            row.end = match image {
                Err(error) => absent(format!("cannot be fetched: {error:#}")),
                Ok(kernel) => {
                    let (initramfs, environment) = (&*initramfs, &*environment);
                    let kernel = &*kernel;
                    let system = System { emulator, accelerator, kernel, initramfs, environment };
                    let mut boot = || {
                        let show = |console: &Console| progress.show(console);
                        boot::boot(system, &log, limit, &expected, show)
                    };
                    match boot().and_then(|console| twice_if_dead(console, boot)) {
                        Ok(console) => End::Ran { console, log },
                        Err(error) => absent(format!("cannot be started: {error:#}")),
                    }
                }
            };
            row.time = started.elapsed();
            if row.is_dead() && options.allow_missing {
                row.end = absent(format!("does not come up: {}", row.troubles().join("; ")));
            }
            progress.end(&row);
            rows.push(row);
        }
    }
    let date = run::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?.trim().to_owned();
    Ok(Report { date, emulator: emulators.join("; "), suites, rows })
}

/// Adds what is not there yet.
fn note_new(all: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for what in more {
        if !all.contains(&what) {
            all.push(what);
        }
    }
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

fn qemu_version(emulator: Emulator) -> Result<String> {
    let text = run::output(Command::new(emulator.program).arg("--version"))?;
    let number = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    Ok(format!("QEMU {}", number.unwrap_or("?")))
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
