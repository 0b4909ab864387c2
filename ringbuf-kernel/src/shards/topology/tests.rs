//! Copies of the sysfs of several machines.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Topology, TopologyError};

/// A folder like `/sys/devices/system`, gone with the test.
pub(crate) struct Machine(PathBuf);

impl Machine {
    pub(crate) fn new(possible: &str, online: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringbuf-topology-{}-{number}", std::process::id());
        let machine = Self(std::env::temp_dir().join(name));
        machine.file("cpu/possible", possible).file("cpu/online", online);
        machine
    }

    pub(crate) fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
        self
    }

    /// The caches of a CPU: L1, L2 with the threads of its core, L3 with `shared`.
    pub(crate) fn caches(&self, cpu: u32, core: &str, shared: &str) -> &Self {
        let caches = [
            ("Data", 1, core),
            ("Instruction", 1, core),
            ("Unified", 2, core),
            ("Unified", 3, shared),
        ];
        for (number, (kind, level, cpus)) in caches.into_iter().enumerate() {
            let folder = format!("cpu/cpu{cpu}/cache/index{number}");
            self.file(&format!("{folder}/type"), kind)
                .file(&format!("{folder}/level"), &format!("{level}"))
                .file(&format!("{folder}/shared_cpu_list"), cpus);
        }
        self.file(&format!("cpu/cpu{cpu}/topology/thread_siblings_list"), core)
    }

    pub(crate) fn node(&self, number: u32, cpus: &str) -> &Self {
        self.file(&format!("node/node{number}/cpulist"), cpus)
    }

    pub(crate) fn read(&self) -> Result<Topology, TopologyError> {
        Topology::read(&self.0)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Two sockets of 14 cores, two threads each: CPU 0 and 28 are one core.
pub(crate) fn xeon() -> Topology {
    let machine = Machine::new("0-55", "0-55");
    for cpu in 0..56 {
        let (core, socket) = (cpu % 28, cpu % 28 / 14);
        let shared = ["0-13,28-41", "14-27,42-55"][socket as usize];
        machine.caches(cpu, &format!("{core},{}", core + 28), shared);
    }
    machine.node(0, "0-13,28-41").node(1, "14-27,42-55");
    machine.read().unwrap()
}

/// One socket with four caches of eight cores, one thread each, in one node.
pub(crate) fn epyc() -> Topology {
    let machine = Machine::new("0-31", "0-31");
    for cpu in 0..32 {
        let first = cpu / 8 * 8;
        machine.caches(cpu, &cpu.to_string(), &format!("{first}-{}", first + 7));
    }
    machine.node(0, "0-31");
    machine.read().unwrap()
}

#[test]
fn a_small_virtual_machine_is_one_cluster() {
    let machine = Machine::new("0-1", "0-1");
    machine.caches(0, "0", "0-1").caches(1, "1", "0-1").node(0, "0-1");
    let topology = machine.read().unwrap();
    assert_eq!((topology.possible(), topology.online()), (2, vec![0, 1]));
    assert_eq!((topology.clusters(), topology.nodes()), (vec![vec![0, 1]], vec![vec![0, 1]]));
    assert!(!topology.has_nodes());
}

#[test]
fn sockets_are_clusters_and_nodes() {
    let topology = xeon();
    assert_eq!(topology.clusters(), topology.nodes());
    assert_eq!(topology.clusters().len(), 2);
    assert_eq!(topology.clusters()[1].len(), 28);
    assert!(topology.clusters()[1].contains(&42) && topology.has_nodes());
}

#[test]
fn caches_of_one_socket_are_clusters() {
    let topology = epyc();
    assert_eq!(topology.clusters().len(), 4);
    assert_eq!(topology.clusters()[3], (24..32).collect::<Vec<_>>());
    assert_eq!(topology.nodes().len(), 1);
}

/// With sub-NUMA clustering the cache is of the socket, and a node is half of it.
#[test]
fn a_cluster_is_not_larger_than_a_node() {
    let machine = Machine::new("0-3", "0-3");
    for cpu in 0..4 {
        machine.caches(cpu, &cpu.to_string(), "0-3");
    }
    machine.node(0, "0-1").node(1, "2-3");
    assert_eq!(machine.read().unwrap().clusters(), [[0, 1], [2, 3]]);
}

/// Some ARM machines have no shared cache that sysfs knows: packages count, then nodes, then
/// all.
#[test]
fn without_caches_the_next_larger_group_counts() {
    let machine = Machine::new("0-3", "0-3");
    assert_eq!(machine.read().unwrap().clusters(), [[0, 1, 2, 3]]);
    machine.node(0, "0,2").node(1, "1,3");
    assert_eq!(machine.read().unwrap().clusters(), [[0, 2], [1, 3]]);
    for cpu in 0..4 {
        machine.file(&format!("cpu/cpu{cpu}/topology/core_siblings_list"), &cpu.to_string());
    }
    assert_eq!(machine.read().unwrap().clusters(), [[0], [2], [1], [3]]);
}

/// A node with memory and no CPU, CPUs that are offline, and numbers that nobody has.
#[test]
fn holes_offline_cpus_and_nodes_without_cpus_do_no_harm() {
    let machine = Machine::new("0-7,16-23", "0,2,16-17");
    for (cpu, shared) in [(0, "0,2"), (2, "0,2"), (16, "16-17"), (17, "16-17")] {
        machine.caches(cpu, &cpu.to_string(), shared);
    }
    machine.node(0, "0,2").node(3, "").node(5, "16-17").file("node/online", "0,3,5");
    let topology = machine.read().unwrap();
    assert_eq!((topology.possible(), topology.online()), (24, vec![0, 2, 16, 17]));
    assert_eq!(topology.clusters(), [[0, 2], [16, 17]]);
}

#[test]
fn bad_files_are_named_with_what_they_hold() {
    let machine = Machine::new("0-1", "0-1");
    machine.caches(0, "0", "0-1").caches(1, "1", "0-1").node(0, "0-1");
    for (file, text, good) in [
        ("cpu/possible", "zero", "0-1"),
        ("cpu/online", "1-0", "0-1"),
        ("cpu/cpu1/cache/index3/level", "three", "3"),
        ("cpu/cpu1/cache/index3/shared_cpu_list", "0", "0-1"),
        ("cpu/cpu0/topology/thread_siblings_list", "", "0"),
        ("node/node0/cpulist", "0-99999", "0-1"),
    ] {
        machine.file(file, text);
        match machine.read() {
            Err(TopologyError::Malformed { path, text: found }) => {
                assert_eq!((path, found.trim()), (machine.path().join(file), text));
            }
            other => panic!("{file}: {other:?}"),
        }
        machine.file(file, good);
    }
    assert!(machine.read().is_ok());
}

#[test]
fn a_system_without_cpus_or_files_is_an_error_that_says_what_to_do() {
    let error = Machine::new("0-1", "").read().unwrap_err();
    assert!(matches!(error, TopologyError::NoCpus), "{error}");
    let machine = Machine::new("0-1", "0-1");
    fs::remove_file(machine.path().join("cpu/online")).unwrap();
    let error = machine.read().unwrap_err();
    assert!(error.to_string().contains("cpu/online") && error.to_string().contains("flat"));
    assert!(matches!(error, TopologyError::Read { .. }));
}
