//! Breaks of sharded rings: topology, plan, size, slots.

use super::list::{Break, Seen};

const SYSFS: &str = "ringbuf-kernel/src/shards/topology/sysfs.rs";
const TOPOLOGY: &str = "ringbuf-kernel/src/shards/topology.rs";
const PLAN: &str = "ringbuf-kernel/src/shards/plan.rs";
const SIZE: &str = "ringbuf-kernel/src/shards/size.rs";
const OPTIONS: &str = "ringbuf-kernel/src/shards/options.rs";
const LOSSES: &str = "ringbuf-kernel/src/shards/losses.rs";
const SHARDS: &str = "ringbuf-kernel/src/shards/mod.rs";

const fn unit(test: &'static str) -> Seen {
    Seen::Test("kernel", test)
}

const fn live(test: &'static str) -> Seen {
    Seen::Test("live/shards", test)
}

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "shards: the first cache counts, not that of the last level",
        file: SYSFS,
        edits: &[("is_some_and(|(highest, _)| *highest >= level)", "is_some()")],
        seen: &[unit("shards::topology::tests::caches_of_one_socket_are_clusters")],
    },
    Break {
        name: "shards: a list of CPUs without an end is read",
        file: SYSFS,
        edits: &[("first > last || last >= CPUS_MAX", "first > last")],
        seen: &[unit("shards::topology::sysfs::tests::lists_are_parsed_or_refused")],
    },
    Break {
        name: "shards: a cluster spans nodes",
        file: TOPOLOGY,
        edits: &[(
            "grouped(&self.cpus, |cpu| (cpu.node, cpu.cluster))",
            "grouped(&self.cpus, |cpu| cpu.cluster)",
        )],
        seen: &[unit("shards::topology::tests::a_cluster_is_not_larger_than_a_node")],
    },
    Break {
        name: "shards: without caches each CPU is alone",
        file: TOPOLOGY,
        edits: &[("None => sysfs.package(number)?,", "None => Some([number].into()),")],
        seen: &[unit("shards::topology::tests::without_caches_the_next_larger_group_counts")],
    },
    Break {
        name: "shards: clusters do not count when rings are divided",
        file: PLAN,
        edits: &[("many(node, |cpu| cpu.cluster, cores)", "many(node, |_| 0, cores)")],
        seen: &[unit("shards::plan::tests::a_count_of_rings_stays_within_clusters")],
    },
    Break {
        name: "shards: a large cluster gets no more rings than a small one",
        file: PLAN,
        edits: &[("(cpus[a] * shares[b], cpus[b] * shares[a])", "(shares[b], shares[a])")],
        seen: &[unit("shards::plan::tests::neighbours_share")],
    },
    Break {
        name: "shards: a CPU that comes later writes the first ring",
        file: PLAN,
        edits: &[("|(known, _)| *known <= cpu", "|(known, _)| *known == cpu")],
        seen: &[unit("shards::plan::tests::cpus_that_are_offline_have_the_ring_of_a_neighbour")],
    },
    Break {
        name: "shards: a ring holds the load once",
        file: SIZE,
        edits: &[("let rate = 2 * u128", "let rate = u128")],
        seen: &[unit("shards::size::tests::twice_the_rate_times_the_time_rounded_up")],
    },
    Break {
        name: "shards: all CPUs write the first ring",
        file: OPTIONS,
        edits: &[(
            "rings.get(usize::try_from(shard).ok()?)?",
            "rings.get(usize::try_from(shard).ok()? * 0)?",
        )],
        seen: &[live("a_ring_for_each_cpu")],
    },
    Break {
        name: "shards: rings that an array refuses are not made again without nodes",
        file: OPTIONS,
        edits: &[("if bind && self.numa.is_none() =>", "if bind && self.numa.is_some() =>")],
        seen: &[live("rings_are_bound_to_nodes_if_the_array_takes_them")],
    },
    Break {
        name: "shards: a ring in two slots is opened twice",
        file: SHARDS,
        edits: &[("places.entry(map)", "places.entry(slot)")],
        seen: &[live("what_another_loader_has_filled_is_opened")],
    },
    Break {
        name: "shards: an empty slot is passed over",
        file: SHARDS,
        edits: &[(
            "let map = map.ok_or(ShardError::EmptySlot { id, slot })?;",
            "let Some(map) = map else { continue };",
        )],
        seen: &[live("what_cannot_be_opened_is_named")],
    },
    Break {
        name: "shards: a shard has the attempts of all CPUs",
        file: LOSSES,
        edits: &[("shard.cpus.contains(cpu)", "shard.cpus.contains(cpu) || true")],
        seen: &[Seen::Test("live/shard_losses", "attempts_of_each_shard_add_up")],
    },
];
