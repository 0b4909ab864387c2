//! [`ShardPlan`]: which CPUs write which ring.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use super::topology::{Cpu, Topology};

/// How many rings there are: one for each of these.
///
/// One ring is one lock, for all CPUs that write it. A cache line that goes between two
/// last-level caches is the largest part of its price. So share no ring across clusters.
///
/// ```
/// use ringbuf_kernel::{ShardBy, ShardPlan, Topology};
///
/// let machine = Topology::here()?;
/// let of_cpus = ShardPlan::new(&machine, ShardBy::Cpu);
/// let of_caches = ShardPlan::new(&machine, ShardBy::LastLevelCache);
/// assert_eq!(of_cpus.shards().len(), machine.online().len());
/// assert!(of_caches.shards().len() <= of_cpus.shards().len());
/// # Ok::<(), ringbuf_kernel::TopologyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardBy {
    /// Each CPU that is online. No two producers ever wait for each other. Costs the most
    /// memory.
    Cpu,
    /// Each last-level cache, within a memory node.
    LastLevelCache,
    /// Each memory node. If a node has more than one last-level cache, its caches share a
    /// ring, which costs the producers much time: then
    /// [`LastLevelCache`](Self::LastLevelCache) is better.
    Node,
    /// So many rings, but no more than CPUs. CPUs that share one are neighbours: of one
    /// core first, then of one cluster, then of one node. They are in one cluster unless
    /// there are fewer rings than clusters.
    Count(NonZeroU32),
}

/// Which CPUs write which ring: made from a [`Topology`], without a look at the kernel.
///
/// Every CPU has a ring, also one that may come online later. Sysfs does not tell where
/// such a CPU will be. It has the ring of the nearest CPU below it that was online.
///
/// ```
/// use std::num::NonZeroU32;
/// use ringbuf_kernel::{ShardBy, ShardPlan, Topology};
///
/// let two = ShardBy::Count(NonZeroU32::new(2).unwrap());
/// let plan = ShardPlan::new(&Topology::flat(4), two);
/// assert_eq!(plan.shards()[0].cpus, [0, 1]);
/// assert_eq!(plan.of_cpu(), [0, 0, 1, 1]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPlan {
    shards: Vec<PlannedShard>,
    of_cpu: Vec<u32>,
    crosses: bool,
}

/// One ring of a [`ShardPlan`].
///
/// ```
/// use ringbuf_kernel::{ShardBy, ShardPlan, Topology};
///
/// let plan = ShardPlan::new(&Topology::flat(2), ShardBy::Node);
/// let [shard] = plan.shards() else { panic!("one node") };
/// assert_eq!((&shard.cpus[..], shard.node), (&[0, 1][..], None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedShard {
    /// The CPUs that write it, of those that are online.
    pub cpus: Vec<u32>,
    /// The memory node of all of them, if it is one.
    pub node: Option<u32>,
}

impl ShardPlan {
    /// Plans the rings of a machine.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{ShardBy, ShardPlan, Topology};
    /// let plan = ShardPlan::new(&Topology::here()?, ShardBy::Cpu);
    /// println!("{} rings", plan.shards().len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(topology: &Topology, by: ShardBy) -> Self {
        let groups = match by {
            ShardBy::Cpu => topology.cpus().iter().map(|cpu| vec![cpu.number]).collect(),
            ShardBy::LastLevelCache => topology.clusters(),
            ShardBy::Node => topology.nodes(),
            ShardBy::Count(count) => {
                let count = usize::try_from(count.get()).unwrap_or(usize::MAX);
                let mut groups = Vec::new();
                divide(count.min(topology.cpus().len()), &tree(topology.cpus()), &mut groups);
                groups
            }
        };
        Self::of(topology, groups)
    }

    /// Returns the rings.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{ShardBy, ShardPlan, Topology};
    /// let plan = ShardPlan::new(&Topology::here()?, ShardBy::Node);
    /// for shard in plan.shards() {
    ///     println!("{:?}", shard.cpus);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn shards(&self) -> &[PlannedShard] {
        &self.shards
    }

    /// Returns the index of the ring of each CPU, for all [possible](Topology::possible)
    /// ones.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{ShardBy, ShardPlan, Topology};
    /// let plan = ShardPlan::new(&Topology::here()?, ShardBy::LastLevelCache);
    /// println!("{:?}", plan.of_cpu());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of_cpu(&self) -> &[u32] {
        &self.of_cpu
    }

    /// Returns true if CPUs of two clusters write one ring: it would be faster with more
    /// rings.
    ///
    /// ```
    /// # use ringbuf_kernel::{ShardBy, ShardPlan, Topology};
    /// let plan = ShardPlan::new(&Topology::here()?, ShardBy::LastLevelCache);
    /// assert!(!plan.crosses_clusters());
    /// # Ok::<(), ringbuf_kernel::TopologyError>(())
    /// ```
    #[must_use]
    pub fn crosses_clusters(&self) -> bool {
        self.crosses
    }

    fn of(topology: &Topology, groups: Vec<Vec<u32>>) -> Self {
        let places = |cpus: &[u32]| -> Vec<Cpu> {
            let cpus = topology.cpus().iter().filter(|cpu| cpus.contains(&cpu.number));
            cpus.copied().collect()
        };
        let same = |cpus: &[Cpu], key: fn(&Cpu) -> (Option<u32>, u32)| {
            cpus.windows(2).all(|pair| key(&pair[0]) == key(&pair[1]))
        };
        let mut crosses = false;
        let mut known = Vec::new();
        let mut shards = Vec::with_capacity(groups.len());
        for (index, mut cpus) in (0_u32..).zip(groups) {
            cpus.sort_unstable();
            let places = places(&cpus);
            crosses |= !same(&places, |cpu| (cpu.node, cpu.cluster));
            let one_node = same(&places, |cpu| (cpu.node, 0));
            let node = places.first().filter(|_| one_node).and_then(|cpu| cpu.node);
            known.extend(cpus.iter().map(|&cpu| (cpu, index)));
            shards.push(PlannedShard { cpus, node });
        }
        known.sort_unstable();
        let nearest = |cpu: u32| {
            let below = known.iter().rev().find(|(known, _)| *known <= cpu);
            below.or(known.first()).map_or(0, |(_, index)| *index)
        };
        Self { shards, of_cpu: (0..topology.possible()).map(nearest).collect(), crosses }
    }
}

/// CPUs and the groups that they form: nodes of clusters of cores.
enum Group {
    Cpu(u32),
    Many(Vec<Group>),
}

impl Group {
    fn cpus(&self) -> Vec<u32> {
        match self {
            Self::Cpu(number) => vec![*number],
            Self::Many(groups) => groups.iter().flat_map(Self::cpus).collect(),
        }
    }
}

fn tree(cpus: &[Cpu]) -> Vec<Group> {
    let leaf = |core: &[Cpu]| core.iter().map(|cpu| Group::Cpu(cpu.number)).collect();
    let cores = |cluster: &[Cpu]| many(cluster, |cpu| cpu.core, leaf);
    let clusters = |node: &[Cpu]| many(node, |cpu| cpu.cluster, cores);
    many(cpus, |cpu| cpu.node, clusters)
}

fn many<K: PartialEq>(
    cpus: &[Cpu],
    key: impl Fn(&Cpu) -> K,
    inner: impl Fn(&[Cpu]) -> Vec<Group>,
) -> Vec<Group> {
    cpus.chunk_by(|a, b| key(a) == key(b)).map(|group| Group::Many(inner(group))).collect()
}

/// Divides the groups into `count` parts, at least one and no more than CPUs: whole groups if
/// there are more groups than parts, and otherwise parts within groups.
fn divide(count: usize, groups: &[Group], parts: &mut Vec<Vec<u32>>) {
    if count < groups.len() {
        let begin = |part: usize| part * groups.len() / count;
        let part = |part| groups[begin(part)..begin(part + 1)].iter().flat_map(Group::cpus);
        parts.extend((0..count).map(|number| part(number).collect()));
        return;
    }
    for (group, count) in groups.iter().zip(shares(count, groups)) {
        match group {
            Group::Cpu(number) => parts.push(vec![*number]),
            Group::Many(inner) => divide(count, inner, parts),
        }
    }
}

/// How many of `count` parts each group gets: at least one, by the number of its CPUs.
fn shares(count: usize, groups: &[Group]) -> Vec<usize> {
    let cpus: Vec<_> = groups.iter().map(|group| group.cpus().len()).collect();
    let mut shares = vec![1; groups.len()];
    for _ in groups.len()..count {
        // The group with the most CPUs for each of its parts; the first of several.
        let crowded = (0..groups.len()).rev().max_by(|&a, &b| {
            let (left, right) = (cpus[a] * shares[b], cpus[b] * shares[a]);
            left.cmp(&right)
        });
        if let Some(share) = crowded.and_then(|index| shares.get_mut(index)) {
            *share += 1;
        }
    }
    shares
}
