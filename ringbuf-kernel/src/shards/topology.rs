//! [`Topology`]: which CPUs there are, and which of them share a cache or a memory node.

mod error;
mod sysfs;
#[cfg(test)]
pub(super) mod tests;

use std::path::Path;

pub use error::TopologyError;

use sysfs::Sysfs;

/// The CPUs of a machine, and which of them share a last-level cache and a memory node.
///
/// A lock or a cache line that goes between two caches costs several times as much as one
/// that stays within a cache. So a ring is best written from one *cluster* only: the CPUs
/// of one node that share the last-level cache.
///
/// What sysfs does not say is replaced by a guess:
/// - Without caches, the CPUs of one package are a cluster; without packages, those of one
///   node; without nodes, all.
/// - Of a CPU that is offline, sysfs tells nothing. It counts to no cluster, and
///   [`ShardPlan`](super::ShardPlan) gives it the ring of a neighbour.
///
/// ```
/// use ringbuf_kernel::Topology;
///
/// let machine = Topology::here()?;
/// println!("{} CPUs in {} clusters", machine.online().len(), machine.clusters().len());
/// # Ok::<(), ringbuf_kernel::TopologyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// One more than the highest number that a CPU of this machine may ever have.
    possible: u32,
    /// The CPUs that are online, neighbours next to each other.
    cpus: Vec<Cpu>,
}

/// A CPU that is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cpu {
    /// In the order in which CPUs are neighbours: node, cluster, core, number.
    pub(super) node: Option<u32>,
    /// The lowest CPU with the same last-level cache, in whatever node.
    pub(super) cluster: u32,
    /// The lowest CPU of the core.
    pub(super) core: u32,
    pub(super) number: u32,
}

impl Topology {
    /// Reads the topology of this machine from `/sys/devices/system`.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Topology;
    /// let machine = Topology::here()?;
    /// println!("{:?}", machine.online());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TopologyError`] if sysfs is not mounted there, or says something that no kernel
    /// writes.
    pub fn here() -> Result<Self, TopologyError> {
        Self::read("/sys/devices/system")
    }

    /// Reads the topology from the folder `root`, which is laid out as
    /// `/sys/devices/system`: sysfs at another place, or a copy.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Topology;
    /// let host = Topology::read("/host/sys/devices/system")?; // in a container
    /// # Ok::<(), ringbuf_kernel::TopologyError>(())
    /// ```
    ///
    /// # Errors
    /// As [`here`](Self::here).
    pub fn read(root: impl AsRef<Path>) -> Result<Self, TopologyError> {
        let sysfs = Sysfs::new(root.as_ref());
        let possible = sysfs.cpus("cpu/possible")?;
        let online = sysfs.cpus("cpu/online")?;
        let nodes = sysfs.nodes()?;
        let mut cpus = Vec::with_capacity(online.len());
        for &number in &online {
            let node = nodes.iter().find(|(_, cpus)| cpus.contains(&number)).map(|(node, _)| *node);
            let shared = match sysfs.last_level_cache(number)? {
                Some(shared) => Some(shared),
                None => sysfs.package(number)?,
            };
            let near = |other: &&u32| shared.as_ref().is_none_or(|shared| shared.contains(other));
            cpus.push(Cpu {
                node,
                cluster: online.iter().filter(near).min().copied().unwrap_or(number),
                core: sysfs.core(number)?.into_iter().min().unwrap_or(number),
                number,
            });
        }
        Self::of(possible.into_iter().max(), cpus)
    }

    /// Returns a machine of `cpus` CPUs in one cluster, for a system without sysfs.
    ///
    /// ```
    /// use ringbuf_kernel::Topology;
    ///
    /// let machine = Topology::here().unwrap_or_else(|_| Topology::flat(4));
    /// assert_eq!(Topology::flat(4).clusters(), [[0, 1, 2, 3]]);
    /// # drop(machine);
    /// ```
    #[must_use]
    pub fn flat(cpus: u32) -> Self {
        let cpu = |number| Cpu { node: None, cluster: 0, core: number, number };
        Self { possible: cpus.max(1), cpus: (0..cpus.max(1)).map(cpu).collect() }
    }

    fn of(highest: Option<u32>, mut cpus: Vec<Cpu>) -> Result<Self, TopologyError> {
        cpus.sort_unstable();
        let online = cpus.iter().map(|cpu| cpu.number).max();
        match (highest.max(online), cpus.is_empty()) {
            (Some(highest), false) => Ok(Self { possible: highest + 1, cpus }),
            _ => Err(TopologyError::NoCpus),
        }
    }

    /// Returns one more than the highest number that a CPU may ever have: what
    /// `bpf_get_smp_processor_id` returns is below it. Numbers may have holes.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Topology;
    /// println!("{:?}", Topology::here()?.possible());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn possible(&self) -> u32 {
        self.possible
    }

    /// Returns the CPUs that are online, ascending.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Topology;
    /// println!("{:?}", Topology::here()?.online());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn online(&self) -> Vec<u32> {
        let mut online: Vec<_> = self.cpus.iter().map(|cpu| cpu.number).collect();
        online.sort_unstable();
        online
    }

    /// Returns the CPUs of each cluster: of one node, with one last-level cache.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Topology;
    /// println!("{:?}", Topology::here()?.clusters());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn clusters(&self) -> Vec<Vec<u32>> {
        // A cache may be larger than a node (sub-NUMA clustering).
        grouped(&self.cpus, |cpu| (cpu.node, cpu.cluster))
    }

    /// Returns the CPUs of each memory node, or all of them if there are no nodes.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Topology;
    /// println!("{:?}", Topology::here()?.nodes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn nodes(&self) -> Vec<Vec<u32>> {
        grouped(&self.cpus, |cpu| cpu.node)
    }

    pub(super) fn cpus(&self) -> &[Cpu] {
        &self.cpus
    }

    /// The node of these CPUs, if those that are online are of one.
    pub(super) fn node_of(&self, cpus: &[u32]) -> Option<u32> {
        let mut nodes =
            self.cpus.iter().filter(|cpu| cpus.contains(&cpu.number)).map(|cpu| cpu.node);
        let first = nodes.next()?;
        first.filter(|_| nodes.all(|node| node == first))
    }

    /// Whether there is more than one memory node.
    pub(super) fn has_nodes(&self) -> bool {
        self.nodes().len() > 1
    }
}

/// The numbers of CPUs that are next to each other and have the same key, each ascending.
fn grouped<K: PartialEq>(cpus: &[Cpu], key: impl Fn(&Cpu) -> K) -> Vec<Vec<u32>> {
    let groups = cpus.chunk_by(|a, b| key(a) == key(b));
    let numbers = groups.map(|group| {
        let mut numbers: Vec<_> = group.iter().map(|cpu| cpu.number).collect();
        numbers.sort_unstable();
        numbers
    });
    numbers.collect()
}
