//! [`ShardOptions`]: new rings for the CPUs of this machine.

use std::os::fd::AsFd;

use super::array::Array;
use super::plan::PlannedShard;
use super::{Shard, ShardBy, ShardError, ShardPlan, ShardSize, ShardedRings, Topology};
use crate::{MapOptions, OpenError, RingBuf, door};

/// How to create sharded rings: how many, their size, and what else matters.
///
/// ```no_run
/// use std::time::Duration;
/// use ringbuf_kernel::{ShardBy, ShardLoad, ShardOptions};
///
/// let load = ShardLoad::of_records(100_000, 56).pause(Duration::from_millis(20));
/// let options = ShardOptions::new(ShardBy::LastLevelCache, load).name("events");
/// let rings = options.create()?; // a new array of maps, for any loader
/// println!("{} rings, array {}", rings.len(), rings.id());
/// # Ok::<(), ringbuf_kernel::ShardError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ShardOptions {
    by: ShardBy,
    size: ShardSize,
    name: Option<String>,
    numa: Option<bool>,
    topology: Option<Topology>,
}

impl ShardOptions {
    /// One ring for each of `by`, of so many bytes or for such a load.
    ///
    /// ```
    /// # use ringbuf_kernel::{ShardBy, ShardLoad, ShardOptions, Topology};
    /// let megabyte = ShardOptions::new(ShardBy::Cpu, 1 << 20);
    /// let by_load = ShardOptions::new(ShardBy::Node, ShardLoad::of_records(100_000, 56));
    /// # drop((megabyte, by_load));
    /// ```
    #[must_use]
    pub fn new(by: ShardBy, size: impl Into<ShardSize>) -> Self {
        Self { by, size: size.into(), name: None, numa: None, topology: None }
    }

    /// The name of the array and of each ring: see [`MapOptions::name`]. Without this call it
    /// is "ringbuf", and in [`fill`](Self::fill) that of the array.
    ///
    /// ```
    /// # use ringbuf_kernel::{ShardBy, ShardLoad, ShardOptions, Topology};
    /// let options = ShardOptions::new(ShardBy::Cpu, 1 << 20).name("events");
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Whether each ring takes its memory from the node of its CPUs (`BPF_F_NUMA_NODE`).
    /// Otherwise the kernel takes it from the node of the CPU that creates the ring.
    ///
    /// Without this call, rings are bound on a machine with several nodes, and in
    /// [`fill`](Self::fill) only if the array takes such rings. An array takes rings with
    /// the flags of its template only: all are bound, or none.
    ///
    /// ```
    /// # use ringbuf_kernel::{ShardBy, ShardLoad, ShardOptions, Topology};
    /// let options = ShardOptions::new(ShardBy::Node, 1 << 20).numa(true);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn numa(self, bind: bool) -> Self {
        Self { numa: Some(bind), ..self }
    }

    /// The topology, if it is not that of `/sys`.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{ShardBy, ShardLoad, ShardOptions, Topology};
    /// let topology = Topology::here()?;
    /// let options = ShardOptions::new(ShardBy::LastLevelCache, 1 << 20).topology(topology);
    /// # drop(options);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn topology(self, topology: Topology) -> Self {
        Self { topology: Some(topology), ..self }
    }

    /// Creates the rings and an array of maps for them. Give the array to the loader of the
    /// programs instead of the one in its object (`bpf_map__reuse_fd` of libbpf).
    ///
    /// Slot c of the array holds the ring of CPU c, for each CPU that may ever come online.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::{ShardBy, ShardLoad, ShardOptions, Topology};
    /// let rings = ShardOptions::new(ShardBy::Cpu, 1 << 20).name("events").create()?;
    /// println!("{} rings", rings.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ShardError::Topology`]; [`ShardError::Open`] as [`MapOptions::create`].
    pub fn create(&self) -> Result<ShardedRings, ShardError> {
        let topology = self.machine()?;
        let plan = ShardPlan::new(&topology, self.by);
        let bind = self.numa.unwrap_or_else(|| topology.has_nodes());
        let name = self.name.as_deref().unwrap_or(NAME);
        let rings = self.rings(name, &plan, bind)?;
        let Some(template) = rings.first() else { return Err(super::TopologyError::NoCpus.into()) };
        let array = Array::create(name, topology.possible(), template)?;
        put(&array, &plan, &rings)?;
        Ok(ShardedRings::new(array, with_shards(&plan, rings)))
    }

    /// Creates the rings and puts them into the array of maps that a loader has made, as
    /// `RINGBUF_SHARDS` of ringbuf.bpf.h declares it: slot c gets the ring of CPU c. Call
    /// this after the load, and before the programs are attached.
    ///
    /// What is in the slots before goes. Slots beyond the last CPU stay as they are.
    ///
    /// ```no_run
    /// # use std::os::fd::AsFd;
    /// # use ringbuf_kernel::{ShardBy, ShardOptions};
    /// # fn example(events: impl AsFd) -> Result<(), Box<dyn std::error::Error>> {
    /// // `events` is the map of a libbpf-rs skeleton, or the descriptor of any loader.
    /// let rings = ShardOptions::new(ShardBy::Cpu, 1 << 20).fill(events)?;
    /// # drop(rings);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`create`](Self::create), and [`ShardError::NotAnArrayOfMaps`],
    /// [`ShardError::TooFewSlots`], [`ShardError::Refused`]. After an error, some slots may
    /// hold new rings that nobody reads.
    pub fn fill(&self, array: impl AsFd) -> Result<ShardedRings, ShardError> {
        let topology = self.machine()?;
        let plan = ShardPlan::new(&topology, self.by);
        let array = Array::open(door::duplicate(array)?)?;
        if array.slots() < topology.possible() {
            let (id, slots, needed) = (array.id(), array.slots(), topology.possible());
            return Err(ShardError::TooFewSlots { id, slots, needed });
        }
        let bind = self.numa.unwrap_or_else(|| topology.has_nodes());
        // With the name of the array, `LossCounters::find` works with each ring, too.
        let of_array = Some(array.name()).filter(|name| !name.is_empty());
        let name = self.name.as_deref().or(of_array).unwrap_or(NAME);
        let mut rings = self.rings(name, &plan, bind)?;
        match put(&array, &plan, &rings) {
            Err(ShardError::Refused { slot: 0, .. }) if bind && self.numa.is_none() => {
                drop(rings);
                rings = self.rings(name, &plan, false)?;
                put(&array, &plan, &rings)?;
            }
            put => put?,
        }
        Ok(ShardedRings::new(array, with_shards(&plan, rings)))
    }

    fn machine(&self) -> Result<Topology, ShardError> {
        match &self.topology {
            Some(topology) => Ok(topology.clone()),
            None => Ok(Topology::here()?),
        }
    }

    fn rings(&self, name: &str, plan: &ShardPlan, bind: bool) -> Result<Vec<RingBuf>, ShardError> {
        let ring = |shard: &PlannedShard| {
            let options = MapOptions::new(self.size.bytes(shard.cpus.len())?).name(name);
            // The flag must be that of the others, even without a node.
            let node = bind.then(|| shard.node.unwrap_or(u32::MAX));
            let options = node.into_iter().fold(options, MapOptions::numa_node);
            Ok(options.create()?)
        };
        plan.shards().iter().map(ring).collect()
    }
}

const NAME: &str = "ringbuf";

/// Puts the ring of each CPU into its slot.
fn put(array: &Array, plan: &ShardPlan, rings: &[RingBuf]) -> Result<(), ShardError> {
    let of_cpu =
        |(slot, &shard): (u32, &u32)| Some((slot, rings.get(usize::try_from(shard).ok()?)?));
    let slots: Vec<(u32, &RingBuf)> = (0_u32..).zip(plan.of_cpu()).filter_map(of_cpu).collect();
    // Some kernels cannot do it at once. And one by one, the error names the slot.
    if array.set_all(&slots).is_ok() {
        return Ok(());
    }
    for (slot, ring) in slots {
        array.set(slot, ring).map_err(|source| match source.raw_os_error() {
            Some(libc::ENOSYS) => ShardError::Open(OpenError::NoBpf),
            _ => ShardError::Refused { id: array.id(), slot, source },
        })?;
    }
    Ok(())
}

fn with_shards(plan: &ShardPlan, rings: Vec<RingBuf>) -> Vec<(RingBuf, Shard)> {
    let shard = |index: usize, planned: &PlannedShard| {
        let cpus = (0_u32..).zip(plan.of_cpu()).filter(|(_, of)| **of as usize == index);
        Shard { index, cpus: cpus.map(|(cpu, _)| cpu).collect(), node: planned.node }
    };
    let shards = plan.shards().iter().enumerate().map(|(index, planned)| shard(index, planned));
    rings.into_iter().zip(shards).collect()
}
