//! Chooses the kernels to boot, and fetches them.

use std::path::PathBuf;

use anyhow::{Context, Error, Result, bail, ensure};

use super::apt::Apt;
use super::arch::{self, Machine, Which};
use super::kernels::{self, Offer};
use super::targets::Target;
use super::{Folders, Options};
use crate::packages;

/// The first minor release: Debian has it, and every distribution in use has it or a newer one.
const FROM: (u32, u32) = (5, 10);
/// With fewer minor releases, the list of kernels is incomplete.
const SERIES: usize = 8;

/// The kernels and programs that run on one machine.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) machine: &'static Machine,
    /// The kinds of processes, the kernel's own first.
    pub(crate) targets: Vec<&'static Target>,
    pub(crate) apt: Apt,
    pub(crate) kernels: Vec<Offer>,
    /// The reason if there are none.
    pub(crate) without: Option<String>,
}

/// Chooses what to run, after a check of this computer.
pub(crate) fn choose(options: &Options, folders: &Folders) -> Result<Vec<Group>> {
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "this command needs Linux on x86-64"
    );
    let machines = arch::MACHINES.iter().map(|m| (m, m.targets(&options.words)));
    let machines: Vec<_> = machines.filter(|(_, targets)| !targets.is_empty()).collect();
    let mut needed: Vec<_> = packages::MATRIX.iter().collect();
    needed.extend(machines.iter().flat_map(|(machine, targets)| machine.packages(targets)));
    needed.sort_by_key(|package| package.name);
    needed.dedup();
    // `--list` needs none of them.
    let missing = packages::ensure(&needed, options.no_install || options.list)?;
    ensure!(
        missing.is_empty() || options.list,
        "these packages are missing: {}",
        missing.join(" ")
    );
    let (mut groups, mut names) = (Vec::new(), Names::new(options));
    for (machine, targets) in machines {
        let apt = Apt::new(&folders.cache, machine.debian, arch::flavours(machine.debian))?;
        let listed = apt.offers(false).and_then(|offers| {
            names.look(machine, &offers);
            select(machine, &offers, options).with_context(|| format!("for {}", machine.name))
        });
        let (kernels, without) = match listed {
            Ok(kernels) => (kernels, None),
            Err(error) if machine.is_native() => return Err(error),
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        if !kernels.is_empty() || without.is_some() {
            groups.push(Group { machine, targets, apt, kernels, without });
        }
    }
    names.all_known()?;
    Ok(groups)
}

/// The names that were given to `--kernel`, and whether any machine knows them.
struct Names {
    unknown: Vec<String>,
    there: Vec<String>,
}

impl Names {
    fn new(options: &Options) -> Self {
        Self { unknown: options.kernels.clone(), there: Vec::new() }
    }

    fn look(&mut self, machine: &Machine, offers: &[Offer]) {
        let all = kernels::select(offers, machine.flavours, FROM);
        self.unknown.retain(|name| kernels::named(offers, machine.flavours, &all, name).is_empty());
        let versions: Vec<_> = all.iter().map(|kernel| kernel.version.to_string()).collect();
        self.there.push(format!("{} {}", machine.name, versions.join(" ")));
    }

    fn all_known(&self) -> Result<()> {
        let Self { unknown, there } = self;
        let names: Vec<_> = unknown.iter().map(|name| format!("{name:?}")).collect();
        ensure!(
            names.is_empty(),
            "no kernel {} on the mirror; choose from: {}",
            names.join(" "),
            there.join(", ")
        );
        Ok(())
    }
}

/// The kernels of one machine; none if it has none of those that `--kernel` names.
fn select(machine: &Machine, offers: &[Offer], options: &Options) -> Result<Vec<Offer>> {
    let all = kernels::select(offers, machine.flavours, FROM);
    let first = all.first().context("no kernel on the mirror can boot")?;
    let missing = options.allow_missing;
    let oldest = options.kernels.is_empty() || options.kernels.iter().any(|name| name == "oldest");
    if machine.is_native() && oldest && first.version.series() != FROM && !missing {
        bail!(
            "the oldest kernel on the mirror is {}, not one of {}.{} (--allow-missing continues)",
            first.version,
            FROM.0,
            FROM.1
        );
    }
    if options.kernels.is_empty() {
        let mut series: Vec<_> = all.iter().map(|kernel| kernel.version.series()).collect();
        series.dedup();
        ensure!(
            !machine.is_native() || series.len() >= SERIES || missing,
            "the mirror has kernels of only {} minor releases, not {SERIES} (--allow-missing continues)",
            series.len()
        );
        return Ok(match machine.which {
            Which::Each => all,
            Which::Ends => {
                let newest = all.iter().skip(1).last();
                all.iter().take(1).chain(newest).cloned().collect()
            }
        });
    }
    let mut chosen: Vec<Offer> = Vec::new();
    for name in &options.kernels {
        let found = kernels::named(offers, machine.flavours, &all, name);
        let new = found.into_iter().filter(|kernel| !chosen.contains(kernel));
        chosen.extend(new.collect::<Vec<_>>());
    }
    chosen.sort_by_key(|kernel| kernel.version);
    Ok(chosen)
}

/// The result of fetching a kernel.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) kernel: Offer,
    pub(crate) image: Result<PathBuf>,
    /// The kernel that was wanted, if it could not be fetched and this is another one.
    pub(crate) instead_of: Option<(Offer, String)>,
}

/// One kernel's image.
pub(crate) fn fetch(group: &Group, kernel: Offer) -> Fetched {
    let Group { apt, machine, .. } = group;
    if let Some(image) = apt.cached(&kernel) {
        return Fetched { kernel, image: Ok(image), instead_of: None };
    }
    if !apt.is_gone(&kernel) {
        eprintln!("matrix: fetching {} {}", kernel.package, kernel.revision);
    }
    let error = match apt.fetch(&kernel) {
        Ok(image) => return Fetched { kernel, image: Ok(image), instead_of: None },
        Err(error) => error,
    };
    let other = if machine.is_native() { newer(group, &kernel) } else { older(group, &kernel) };
    let Some((other, image)) = other else {
        return Fetched { kernel, image: Err(error), instead_of: None };
    };
    eprintln!("matrix: using {} {} instead", other.package, other.revision);
    Fetched { kernel: other, image: Ok(image), instead_of: Some((kernel, short(&error))) }
}

/// The newest kernel of the same minor release, for a list of yesterday whose package has been
/// replaced since.
fn newer(group: &Group, kernel: &Offer) -> Option<(Offer, PathBuf)> {
    let offers = group.apt.offers(true).ok().filter(|offers| !offers.contains(kernel))?;
    let flavours = group.machine.flavours;
    let other = kernels::newest_of(&offers, flavours, kernel.version.series())?;
    let image = group.apt.fetch(&other).ok()?;
    Some((other, image))
}

/// The next older kernel of the same minor release: mirrors list kernels of rarer architectures
/// that they do not have.
fn older(group: &Group, kernel: &Offer) -> Option<(Offer, PathBuf)> {
    let series = kernel.version.series();
    let mut offers = group.apt.offers(false).unwrap_or_default();
    offers.retain(|offer| offer != kernel && offer.version <= kernel.version);
    while let Some(other) = kernels::newest_of(&offers, group.machine.flavours, series) {
        if let Ok(image) = group.apt.fetch(&other) {
            return Some((other, image));
        }
        offers.retain(|offer| *offer != other);
    }
    None
}

/// The error as one line.
fn short(error: &Error) -> String {
    format!("{error:#}").replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::kernels::Version;

    fn offers(flavour: &str, revisions: &[&str]) -> Vec<Offer> {
        let offer = |revision: &&str| Offer {
            package: format!("linux-image-{}{flavour}", revision.replace("-1", "")),
            revision: (*revision).to_owned(),
            version: Version::parse(revision).unwrap(),
        };
        revisions.iter().map(offer).collect()
    }

    fn named(kernels: &[&str]) -> Options {
        let kernels = kernels.iter().map(|name| (*name).to_owned()).collect();
        Options { kernels, ..Options::default() }
    }

    fn machine(name: &str) -> &'static Machine {
        arch::MACHINES.iter().find(|machine| machine.name == name).unwrap()
    }

    const THREE: [&str; 3] = ["6.1.170-1", "6.12.95-1", "7.2.13-1"];

    #[test]
    fn the_ends_or_each() {
        let versions = |name: &str, flavour, options: &Options| {
            let chosen = select(machine(name), &offers(flavour, &THREE), options).unwrap();
            chosen.iter().map(|kernel| kernel.version.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(versions("s390x", "-s390x", &named(&[])), ["6.1.170", "7.2.13"]);
        assert_eq!(versions("armhf", "-armmp", &named(&[])), ["6.1.170", "6.12.95", "7.2.13"]);
        let some = named(&["newest", "6.12", "7.2", "5.10"]);
        assert_eq!(versions("s390x", "-s390x", &some), ["6.12.95", "7.2.13"], "each once");
        assert_eq!(versions("armhf", "-armmp", &named(&["5.10"])), [""; 0]);
    }

    #[test]
    fn what_is_not_there_is_said() {
        let wrong = |name: &str, flavour, options: &Options| {
            format!("{:#}", select(machine(name), &offers(flavour, &THREE), options).unwrap_err())
        };
        assert!(wrong("riscv64", "-s390x", &named(&[])).contains("no kernel"));
        assert!(wrong(arch::NATIVE, "-cloud-amd64", &named(&[])).contains("oldest kernel"));
    }

    #[test]
    fn a_name_that_no_machine_knows_is_refused() {
        let names = |names: &[&str]| {
            let mut names = Names::new(&named(names));
            names.look(machine(arch::NATIVE), &offers("-cloud-amd64", &THREE[1..]));
            names.look(machine("s390x"), &offers("-s390x", &THREE[..1]));
            names.all_known().map_err(|error| error.to_string())
        };
        assert_eq!(names(&["6.1", "7.2", "newest"]), Ok(()));
        let error = names(&["6.1", "99", ""]).unwrap_err();
        let want = "no kernel \"99\" \"\" on the mirror; choose from: x86-64 6.12.95 7.2.13, s390x 6.1.170";
        assert_eq!(error, want);
    }
}
