//! [`ShardedRings`]: a ring for each CPU, cache or node.

mod array;
mod error;
mod losses;
mod options;
mod plan;
mod size;
mod topology;

use std::collections::HashMap;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::time::Duration;

pub use error::ShardError;
pub use options::ShardOptions;
pub use plan::{PlannedShard, ShardBy, ShardPlan};
pub use size::{ShardLoad, ShardSize};
pub use topology::{Topology, TopologyError};

use crate::{Mapping, MergedRings, Record, RingBuf, RingSet, WaitError, WaitPolicy, door};
use array::Array;

/// Rings that programs find in an array of maps (`BPF_MAP_TYPE_ARRAY_OF_MAPS`) by the number
/// of their CPU: slot c holds the ring of CPU c. CPUs may share a ring; then it is in
/// several slots.
///
/// One ring is one lock, so its programs wait for each other. With a ring for each CPU none
/// waits. `bpf/include/ringbuf.bpf.h` has the side of the programs (`RINGBUF_SHARDS`).
///
/// - [`ShardOptions::create`] makes the rings and the array.
/// - [`ShardOptions::fill`] makes the rings for an array that a loader has made.
/// - [`open`](Self::open) takes an array that is filled.
///
/// Read them as [a set](Self::into_set), or [merged](Self::into_merged) in the order of a key.
///
/// # What others may do meanwhile
/// Programs may produce at any time. Another process may put another ring into a slot; this
/// value goes on to read the ring that was there.
///
/// ```no_run
/// use ringbuf_kernel::{ShardedRings, WaitPolicy};
///
/// let rings = ShardedRings::from_pin("/sys/fs/bpf/events")?;
/// let mut set = rings.into_set(WaitPolicy::balanced())?;
/// loop {
///     set.wait(None)?;
///     set.drain(|shard, record| println!("{shard}: {} bytes", record.len()))?;
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ShardedRings {
    array: Array,
    rings: Vec<(RingBuf, Shard)>,
}

/// One of [`ShardedRings`]: the tag of its ring. Its text is as in `shard 2 (CPU 4-7)`.
///
/// ```no_run
/// # let rings = ringbuf_kernel::ShardedRings::from_pin("/sys/fs/bpf/events")?;
/// for (_, shard) in rings.iter().filter(|(_, shard)| shard.node == Some(0)) {
///     println!("node 0: {shard}, {} CPUs", shard.cpus.len());
/// }
/// # Ok::<(), ringbuf_kernel::ShardError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shard {
    /// Its number, from 0.
    pub index: usize,
    /// The CPUs whose programs write it, ascending, with those that may come online later.
    pub cpus: Vec<u32>,
    /// The memory node of these CPUs, if it is known and one.
    pub node: Option<u32>,
}

impl ShardedRings {
    /// Opens the rings in the array of maps behind a descriptor, from any loader. The
    /// descriptor is duplicated.
    ///
    /// A ring that is in several slots is opened once. Slots beyond the highest CPU may be
    /// empty. The rings may have different sizes. Needs `CAP_SYS_ADMIN`, because the kernel
    /// tells the ids of the rings only.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::ShardedRings;
    /// use std::os::fd::BorrowedFd;
    ///
    /// /// `array` is the descriptor that the loader has of the array of maps.
    /// fn shards(array: BorrowedFd<'_>) -> Result<ShardedRings, ringbuf_kernel::ShardError> {
    ///     ShardedRings::open(array)
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ShardError::NotAnArrayOfMaps`], [`ShardError::EmptySlot`],
    /// [`ShardError::TooFewSlots`]; [`ShardError::Slot`] if a map in it is not a ring, is
    /// read by this process already, or is not permitted.
    pub fn open(fd: impl AsFd) -> Result<Self, ShardError> {
        Self::filled(Array::open(door::duplicate(fd)?)?)
    }

    /// Opens the rings in the array of maps with this id. Needs `CAP_SYS_ADMIN`.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::ShardedRings;
    /// println!("{} rings", ShardedRings::from_id(17)?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`RingBuf::from_id`].
    pub fn from_id(id: u32) -> Result<Self, ShardError> {
        Self::filled(Array::open(door::by_id(id)?)?)
    }

    /// Opens the rings in the array of maps that is pinned at `path` in bpffs.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::ShardedRings;
    /// println!("{} rings", ShardedRings::from_pin("/sys/fs/bpf/events")?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`RingBuf::from_pin`].
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, ShardError> {
        let path = path.as_ref();
        let array = Array::open(door::by_pin(path)?).map_err(|error| match error {
            ShardError::Open(error) => ShardError::Open(door::pinned(path, error)),
            other => other,
        })?;
        Self::filled(array)
    }

    /// Opens what is in the slots of the CPUs that there may be: of all slots, if sysfs does
    /// not tell.
    fn filled(array: Array) -> Result<Self, ShardError> {
        let topology = Topology::here().ok();
        let needed = topology.as_ref().map_or(array.slots(), Topology::possible);
        let (id, slots) = (array.id(), array.slots());
        if slots < needed {
            return Err(ShardError::TooFewSlots { id, slots, needed });
        }
        let mut places = HashMap::new();
        let mut rings: Vec<(RingBuf, Shard)> = Vec::new();
        for slot in 0..needed {
            let of = |error| ShardError::Slot { id, slot, error };
            let map = array.get(slot).map_err(of)?;
            let map = map.ok_or(ShardError::EmptySlot { id, slot })?;
            let index = *places.entry(map).or_insert(rings.len());
            match rings.get_mut(index) {
                Some((_, shard)) => shard.cpus.push(slot),
                None => {
                    let ring = RingBuf::from_id(map).map_err(of)?;
                    rings.push((ring, Shard { index, cpus: vec![slot], node: None }));
                }
            }
        }
        for (_, shard) in &mut rings {
            shard.node = topology.as_ref().and_then(|topology| topology.node_of(&shard.cpus));
        }
        Ok(Self { array, rings })
    }

    fn new(array: Array, rings: Vec<(RingBuf, Shard)>) -> Self {
        Self { array, rings }
    }

    /// Returns the number of rings.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::ShardedRings;
    /// println!("{} rings", ShardedRings::from_pin("/sys/fs/bpf/events")?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.rings.len()
    }

    /// Returns true if there is no ring. There always is one.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::ShardedRings;
    /// assert!(!ShardedRings::from_pin("/sys/fs/bpf/events")?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// Returns the rings and what is known of them.
    ///
    /// ```no_run
    /// # let rings = ringbuf_kernel::ShardedRings::from_pin("/sys/fs/bpf/events")?;
    /// for (ring, shard) in rings.iter() {
    ///     println!("{shard}: map {}, {}", ring.id(), ring.capacity());
    /// }
    /// # Ok::<(), ringbuf_kernel::ShardError>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&RingBuf, &Shard)> {
        self.rings.iter().map(|(ring, shard)| (ring, shard))
    }

    /// Returns the id of the array of maps.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::ShardedRings;
    /// println!("map {}", ShardedRings::from_pin("/sys/fs/bpf/events")?.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> u32 {
        self.array.id()
    }

    /// Returns the name of the array of maps, as far as the kernel keeps it.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::ShardedRings;
    /// println!("{}", ShardedRings::from_pin("/sys/fs/bpf/events")?.name());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.array.name()
    }

    /// Moves the rings into a set, which one thread reads: each ring in its order, and the
    /// rings in turns. The tags are the [`Shard`]s.
    ///
    /// This closes the array. Programs that use it, pins and other descriptors keep it and
    /// the rings alive; give the array to the loader before.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::ShardedRings;
    /// let rings = ShardedRings::from_pin("/sys/fs/bpf/events")?;
    /// let mut set = rings.into_set(ringbuf_kernel::WaitPolicy::balanced())?;
    /// set.wait(None)?;
    /// set.drain(|shard, record| println!("{shard}: {} bytes", record.len()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WaitError`] if no file descriptor is left: a set needs three, and a ring three.
    pub fn into_set(self, policy: WaitPolicy) -> Result<RingSet<Shard>, WaitError> {
        let mut set = RingSet::new(policy)?;
        for (ring, shard) in self.rings {
            set.insert(ring, shard)?;
        }
        Ok(set)
    }

    /// Moves the rings into a merge, which one thread reads in the order of a key: the time that
    /// the programs wrote into their records. The tags are the [`Shard`]s.
    ///
    /// A record is held until its key is `lateness` old; see [`MergedRings`]. So the rings must
    /// be large enough: [`ShardLoad::lateness`]. For another look-ahead than eight records,
    /// insert [`into_rings`](Self::into_rings) into
    /// [`MergedRings::with_look_ahead`].
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use ringbuf_kernel::{Mapping, Record, ShardedRings, WaitPolicy};
    ///
    /// fn stamp(record: &Record<'_, Mapping>) -> Option<u64> {
    ///     record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
    /// }
    ///
    /// let rings = ShardedRings::from_pin("/sys/fs/bpf/events")?;
    /// let mut merged = rings.into_merged(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// loop {
    ///     merged.wait(None)?;
    ///     merged.drain(|shard, record| println!("{}: {shard}, {} bytes", record.key, record.len()))?;
    /// }
    /// # #[allow(unreachable_code)]
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`into_set`](Self::into_set), and it closes the array as well.
    pub fn into_merged<K>(
        self,
        policy: WaitPolicy,
        lateness: Duration,
        key: K,
    ) -> Result<MergedRings<Shard, K>, WaitError>
    where
        K: Fn(&Record<'_, Mapping>) -> Option<u64>,
    {
        let mut merged = MergedRings::new(policy, lateness, key)?;
        for (ring, shard) in self.rings {
            merged.insert(ring, shard)?;
        }
        Ok(merged)
    }

    /// Returns the rings themselves, for readers of your own: a thread for each node, say.
    ///
    /// ```no_run
    /// # let rings = ringbuf_kernel::ShardedRings::from_pin("/sys/fs/bpf/events")?;
    /// for (mut ring, shard) in rings.into_rings() {
    ///     std::thread::spawn(move || ring.drain(|record| println!("{shard}: {}", record.len())));
    /// }
    /// # Ok::<(), ringbuf_kernel::ShardError>(())
    /// ```
    #[must_use]
    pub fn into_rings(self) -> Vec<(RingBuf, Shard)> {
        self.rings
    }
}

impl AsFd for ShardedRings {
    /// The descriptor of the array of maps.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.array.fd().as_fd()
    }
}

impl AsRawFd for ShardedRings {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} (CPU ", self.index)?;
        let ranges = self.cpus.chunk_by(|a, b| a + 1 == *b);
        for (number, range) in ranges.enumerate() {
            let comma = if number > 0 { "," } else { "" };
            match range {
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                _ => range.iter().try_for_each(|cpu| write!(f, "{comma}{cpu}"))?,
            }
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn a_shard_names_its_cpus() {
        let text = |cpus: &[u32]| Shard { index: 2, cpus: cpus.to_vec(), node: None }.to_string();
        assert_eq!(text(&[4, 5, 6, 7]), "shard 2 (CPU 4-7)");
        assert_eq!(text(&[0, 2, 3, 8]), "shard 2 (CPU 0,2-3,8)");
    }
}
