//! Where the CPUs of this machine are, and on which of them this process may run.

use std::fs;

use anyhow::{Context, Result};
use ringbuf_model::Topology;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two CPUs of each distance, if there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs {
    pub(crate) core: Option<(usize, usize)>,
    pub(crate) cluster: Option<(usize, usize)>,
    pub(crate) across: Option<(usize, usize)>,
}

impl Pairs {
    /// Two CPUs for a producer and a reader: as near as possible, but of two cores.
    pub(crate) fn apart(self) -> Option<(usize, usize)> {
        self.cluster.or(self.across).or(self.core)
    }
}

/// A CPU: the first CPU of its core, and the first that shares its last-level cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    cpu: usize,
    core: usize,
    cluster: usize,
}

/// Returns the topology of the CPUs that this process may use, and pairs of them.
pub(crate) fn find() -> Result<(Topology, Pairs)> {
    let may = sched_getaffinity(None).context("cannot ask on which CPUs this process may run")?;
    let cpus = (0..CpuSet::MAX_CPU).filter(|cpu| may.is_set(*cpu));
    let places: Vec<_> = cpus.map(place).collect();
    Ok((topology(&places), pairs(&places)))
}

/// Runs this thread on one CPU from now on.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).with_context(|| format!("cannot run on CPU {cpu}"))
}

fn place(cpu: usize) -> Place {
    let folder = format!("/sys/devices/system/cpu/cpu{cpu}");
    let first = |file: String| first_of(&fs::read_to_string(file).ok()?);
    let core = first(format!("{folder}/topology/thread_siblings_list")).unwrap_or(cpu);
    let last = (0..8).rev().find_map(|index| {
        let level = fs::read_to_string(format!("{folder}/cache/index{index}/level")).ok()?;
        let shared = first(format!("{folder}/cache/index{index}/shared_cpu_list"))?;
        (level.trim() == "3").then_some(shared)
    });
    // Without a third level, the socket.
    let socket = || fs::read_to_string(format!("{folder}/topology/core_cpus_list")).is_err();
    let cluster = last.unwrap_or_else(|| if socket() { core } else { package(&folder) });
    Place { cpu, core, cluster }
}

fn package(folder: &str) -> usize {
    let list = fs::read_to_string(format!("{folder}/topology/package_cpus_list"));
    list.ok().and_then(|list| first_of(&list)).unwrap_or(0)
}

/// The first number of a list as the kernel writes them: `0-3,8`.
fn first_of(list: &str) -> Option<usize> {
    list.trim().split(['-', ',']).next()?.parse().ok()
}

fn topology(places: &[Place]) -> Topology {
    let most = |of: fn(&Place) -> usize| {
        let count = |one: &Place| places.iter().filter(|other| of(other) == of(one)).count();
        places.iter().map(count).max().unwrap_or(1)
    };
    let cpus = places.len().max(1);
    let threads = most(|place| place.core);
    // The model's CPUs are all alike.
    let threads_per_core = if cpus.is_multiple_of(threads) { threads } else { 1 };
    let cores_per_cluster = (most(|place| place.cluster) / threads_per_core).max(1);
    Topology { cpus, threads_per_core, cores_per_cluster }
}

fn pairs(places: &[Place]) -> Pairs {
    let Some(one) = places.first() else { return Pairs::default() };
    let with = |is: fn(&Place, &Place) -> bool| {
        let other = places.iter().find(|other| other.cpu != one.cpu && is(one, other))?;
        Some((one.cpu, other.cpu))
    };
    Pairs {
        core: with(|one, other| one.core == other.core),
        cluster: with(|one, other| one.core != other.core && one.cluster == other.cluster),
        across: with(|one, other| one.cluster != other.cluster),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sockets_with_threads_are_a_topology_and_three_pairs() {
        // 2 sockets of 4 cores of 2 CPUs, numbered as Linux does.
        let place = |cpu: usize| Place { cpu, core: cpu % 8, cluster: cpu % 8 / 4 };
        let places: Vec<_> = (0..16).map(place).collect();
        let wanted = Topology { cpus: 16, threads_per_core: 2, cores_per_cluster: 4 };
        assert_eq!(topology(&places), wanted);
        let wanted = Pairs { core: Some((0, 8)), cluster: Some((0, 1)), across: Some((0, 4)) };
        assert_eq!(pairs(&places), wanted);
        assert_eq!(wanted.apart(), Some((0, 1)));
    }

    #[test]
    fn one_cpu_has_no_pair() {
        let places = [Place { cpu: 3, core: 3, cluster: 0 }];
        assert_eq!(pairs(&places), Pairs::default());
        let one = Topology { cpus: 1, threads_per_core: 1, cores_per_cluster: 1 };
        assert_eq!(topology(&places), one);
    }

    #[test]
    fn lists_begin_with_their_first_cpu() {
        assert_eq!([first_of("0-3,8\n"), first_of("7\n"), first_of("")], [Some(0), Some(7), None]);
    }
}
