use std::num::NonZeroU32;

use super::super::topology::tests::{Machine, epyc, xeon};
use super::{ShardBy, ShardPlan};
use crate::Topology;

fn count(count: u32) -> ShardBy {
    ShardBy::Count(NonZeroU32::new(count).unwrap())
}

fn cpus(plan: &ShardPlan) -> Vec<Vec<u32>> {
    plan.shards().iter().map(|shard| shard.cpus.clone()).collect()
}

/// Each CPU is in one shard, and the table says the same.
fn check(topology: &Topology, by: ShardBy) -> ShardPlan {
    let plan = ShardPlan::new(topology, by);
    let mut all: Vec<_> = cpus(&plan).concat();
    all.sort_unstable();
    assert_eq!(all, topology.online(), "{by:?}");
    assert_eq!(plan.of_cpu().len(), topology.possible() as usize);
    for (index, shard) in (0_u32..).zip(plan.shards()) {
        assert!(!shard.cpus.is_empty(), "{by:?}");
        for &cpu in &shard.cpus {
            assert_eq!(plan.of_cpu()[cpu as usize], index);
        }
    }
    assert!(plan.of_cpu().iter().all(|&index| (index as usize) < plan.shards().len()));
    plan
}

#[test]
fn caches_and_nodes_of_large_machines() {
    let plan = check(&xeon(), ShardBy::LastLevelCache);
    assert_eq!(
        plan.shards().iter().map(|shard| shard.node).collect::<Vec<_>>(),
        [Some(0), Some(1)]
    );
    assert_eq!(plan, check(&xeon(), ShardBy::Node));
    assert!(!plan.crosses_clusters());
    let plan = check(&epyc(), ShardBy::LastLevelCache);
    assert_eq!((plan.shards().len(), plan.crosses_clusters()), (4, false));
    let plan = check(&epyc(), ShardBy::Node);
    assert_eq!((plan.shards().len(), plan.crosses_clusters()), (1, true));
    assert_eq!(check(&xeon(), ShardBy::Cpu).shards().len(), 56);
}

/// With as many rings as clusters or more, no ring is in two clusters; and as even as can be.
#[test]
fn a_count_of_rings_stays_within_clusters() {
    for topology in [xeon(), epyc(), Topology::flat(7)] {
        let (clusters, all) = (topology.clusters().len(), topology.online().len());
        for wanted in 1..=all + 3 {
            let plan = check(&topology, count(wanted as u32));
            assert_eq!(plan.shards().len(), wanted.min(all));
            assert_eq!(plan.crosses_clusters(), wanted < clusters, "{wanted}");
            let sizes = plan.shards().iter().map(|shard| shard.cpus.len());
            let (most, least) = (sizes.clone().max().unwrap(), sizes.min().unwrap());
            assert!(most <= 4 * least, "{wanted}: {most} and {least}");
        }
    }
}

/// Threads of one core share a ring before cores do, and cores before clusters do.
#[test]
fn neighbours_share() {
    let plan = check(&xeon(), count(28));
    assert!(cpus(&plan).iter().all(|shard| shard[1] == shard[0] + 28), "{plan:?}");
    let plan = check(&epyc(), count(8));
    assert_eq!(cpus(&plan)[..2], [[0, 1, 2, 3], [4, 5, 6, 7]]);
    let plan = check(&epyc(), count(2));
    assert_eq!(cpus(&plan)[1], (16..32).collect::<Vec<_>>());
    // Three clusters, of 2, 4 and 2 CPUs: the largest gets the fourth ring.
    let machine = Machine::new("0-7", "0-7");
    for (cpu, shared) in (0..8).zip(["0-1"; 2].into_iter().chain(["2-5"; 4]).chain(["6-7"; 2])) {
        machine.caches(cpu, &cpu.to_string(), shared);
    }
    let plan = check(&machine.read().unwrap(), count(4));
    assert_eq!(cpus(&plan), [[0, 1], [2, 3], [4, 5], [6, 7]]);
}

/// A ring on two nodes is on none.
#[test]
fn a_ring_of_two_nodes_has_no_node() {
    let plan = check(&xeon(), count(1));
    assert_eq!((plan.shards()[0].node, plan.crosses_clusters()), (None, true));
    assert_eq!(check(&Topology::flat(2), ShardBy::Cpu).shards()[0].node, None);
}

/// CPUs that may come later have a ring, too.
#[test]
fn cpus_that_are_offline_have_the_ring_of_a_neighbour() {
    let machine = Machine::new("0-9", "1,4-5");
    for (cpu, shared) in [(1, "1"), (4, "4-5"), (5, "4-5")] {
        machine.caches(cpu, &cpu.to_string(), shared);
    }
    let topology = machine.read().unwrap();
    let plan = check(&topology, ShardBy::LastLevelCache);
    assert_eq!(plan.of_cpu(), [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    let plan = check(&topology, ShardBy::Cpu);
    assert_eq!(plan.of_cpu(), [0, 0, 0, 0, 1, 2, 2, 2, 2, 2]);
}
