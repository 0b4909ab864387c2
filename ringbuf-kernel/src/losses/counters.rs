//! [`LossCounters`]: what the programs of a ring have counted.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use ringbuf_core::{Accounting, Counts, ProgramCounts, Unread};

use crate::losses::{LossesError, cpus};
use crate::sys::{self, MapInfo};
use crate::{OpenError, RingBuf, door, ids, programs};

/// The counters of the programs that write a ring with the header `ringbuf.bpf.h`: attempts, if
/// they are counted, and failures by reason, for each CPU.
///
/// The map of a ring `events` is `events_counts`. Open it as any map: by the descriptor that
/// your loader has, by its id or pin; or let [`find`](Self::find) look for it.
///
/// ```no_run
/// use std::time::Duration;
/// use ringbuf_kernel::{LossCounters, RingBuf};
///
/// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
/// let counters = LossCounters::find(&ring)?;
/// // ... read; at the end, after the programs are detached:
/// let finished = ring.finish(Duration::from_millis(100), |record| println!("{record:?}"))?;
/// println!("{finished}");
/// println!("{}", counters.account([&ring])?);
/// // 70 attempted = 60 delivered + 2 discarded + 0 unread + 8 failed (7 full, 1 too big)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LossCounters {
    map: OwnedFd,
    info: MapInfo,
    /// The possible CPUs, in the order of the values.
    cpus: Vec<u32>,
}

impl LossCounters {
    /// Opens the counters behind `fd`.
    ///
    /// ```no_run
    /// use std::os::fd::BorrowedFd;
    /// use ringbuf_kernel::{LossCounters, LossesError};
    ///
    /// /// `counts` is the descriptor that the loader has of the map `events_counts`.
    /// fn print_losses(counts: BorrowedFd<'_>) -> Result<(), LossesError> {
    ///     let counters = LossCounters::open(counts)?;
    ///     println!("{} records lost", counters.total()?.failed());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`LossesError::NotCounters`], [`LossesError::Open`], and [`LossesError::System`] if
    /// /sys is not mounted.
    pub fn open(fd: impl AsFd) -> Result<Self, LossesError> {
        Self::take(door::duplicate(fd)?)
    }

    /// Opens the counters with this id of a map. Needs `CAP_SYS_ADMIN`.
    ///
    /// ```no_run
    /// let counters = ringbuf_kernel::LossCounters::from_id(7)?;
    /// # Ok::<(), ringbuf_kernel::LossesError>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_id(id: u32) -> Result<Self, LossesError> {
        Self::take(door::by_id(id)?)
    }

    /// Opens the counters that are pinned at `path`.
    ///
    /// ```no_run
    /// let counters = ringbuf_kernel::LossCounters::from_pin("/sys/fs/bpf/events_counts")?;
    /// # Ok::<(), ringbuf_kernel::LossesError>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, LossesError> {
        let path = path.as_ref();
        Self::take(door::by_pin(path)?).map_err(|error| match error {
            LossesError::Open(error) => LossesError::Open(door::pinned(path, error)),
            other => other,
        })
    }

    /// Finds the counters of a ring, or of an array of shards: among the maps of the programs
    /// that use it, the one with its name and `_counts`. The kernel keeps 15 bytes of a name,
    /// and both are cut to that.
    ///
    /// It costs as much as [`RingBuf::programs`], and needs `CAP_SYS_ADMIN`.
    ///
    /// ```no_run
    /// # let ring = ringbuf_kernel::RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// let counters = ringbuf_kernel::LossCounters::find(&ring)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LossesError::NoCounters`], [`LossesError::ManyCounters`],
    /// [`LossesError::Programs`], and as [`open`](Self::open).
    pub fn find(map: impl AsFd) -> Result<Self, LossesError> {
        let info = info(&map)?;
        let name = counts_name(info.name());
        let mut found = Vec::new();
        for id in programs::maps_beside(info.id).map_err(LossesError::Programs)? {
            // A map that has gone meanwhile is none of the right ones.
            let Ok(map) = sys::get_by_id(id) else { continue };
            let Ok(info) = sys::info(&map) else { continue };
            if info.name() == name && has_counters(&info) {
                found.push((map, id));
            }
        }
        match found.len() {
            0 => Err(LossesError::NoCounters { name }),
            1 => Self::take(found.remove(0).0),
            _ => {
                let ids = found.into_iter().map(|(_, id)| id).collect();
                Err(LossesError::ManyCounters { name, ids })
            }
        }
    }

    /// Finds the counters of each of these rings, given as the id and the name of the map, as
    /// [`find`](Self::find) does for one. It looks at the programs of the machine once. A ring
    /// without counters, or with several, is not in the answer. Nor is a shard: those of an
    /// array have counters together. Needs `CAP_SYS_ADMIN`.
    ///
    /// ```no_run
    /// use ringbuf_kernel::{LossCounters, rings};
    ///
    /// let rings = rings()?;
    /// let names: Vec<_> = rings.iter().map(|ring| (ring.id, ring.name.as_str())).collect();
    /// for (id, counters) in LossCounters::find_each(&names)? {
    ///     println!("{id}: {} records lost", counters.total()?.failed());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LossesError::Programs`], and [`LossesError::System`] if /sys is not mounted.
    pub fn find_each(rings: &[(u32, &str)]) -> Result<HashMap<u32, Self>, LossesError> {
        let ids: Vec<u32> = rings.iter().map(|(id, _)| *id).collect();
        let beside = programs::maps_beside_each(&ids).map_err(LossesError::Programs)?;
        let mut names: HashMap<u32, Option<String>> = HashMap::new();
        let mut found = HashMap::new();
        for (ring, name) in rings {
            let wanted = counts_name(name);
            let is_one = |id: &&u32| {
                let name = names.entry(**id).or_insert_with(|| name_of_counters(**id));
                name.as_ref() == Some(&wanted)
            };
            let maps: Vec<&u32> = beside.get(ring).into_iter().flatten().filter(is_one).collect();
            let [map] = maps[..] else { continue };
            // A map that has gone meanwhile is none of the right ones.
            let Ok(map) = sys::get_by_id(*map) else { continue };
            found.insert(*ring, Self::take(map)?);
        }
        Ok(found)
    }

    fn take(map: OwnedFd) -> Result<Self, LossesError> {
        let info = info(&map)?;
        if !has_counters(&info) {
            let MapInfo { id, map_type, value_size, .. } = info;
            return Err(LossesError::NotCounters { id, map_type, value_size });
        }
        let cpus = cpus::possible()
            .map_err(|error| LossesError::system("read which CPUs are possible", error))?;
        Ok(Self { map, info, cpus })
    }

    /// Reads the counters of each possible CPU, with its number. One system call; programs may
    /// count meanwhile. The counters of a shard are the sum over the CPUs that write it.
    ///
    /// ```no_run
    /// # let counters = ringbuf_kernel::LossCounters::from_id(7)?;
    /// for (cpu, counts) in counters.per_cpu()? {
    ///     println!("CPU {cpu}: {} records lost", counts.failed());
    /// }
    /// # Ok::<(), ringbuf_kernel::LossesError>(())
    /// ```
    ///
    /// # Errors
    /// [`LossesError::System`].
    pub fn per_cpu(&self) -> Result<Vec<(u32, ProgramCounts)>, LossesError> {
        // The kernel rounds each value up to 8 bytes (bpf_percpu_array_copy).
        let stride = (self.info.value_size as usize).next_multiple_of(8);
        let listed = stride * self.cpus.len();
        // It writes a value for each possible CPU, whatever a list in /sys says that somebody
        // has mounted there. Pages that it does not write cost nothing.
        let mut values = vec![0; (stride * MOST_CPUS).max(listed) + stride];
        let (last, beyond) = (listed - stride..listed, listed..listed + stride);
        values[last.start..beyond.end].fill(UNWRITTEN);
        ids::look_up(&self.map, &[0; 4], &mut values)
            .map_err(|error| LossesError::system("read the loss counters", error))?;
        let is_written = |at: Range<usize>| values[at].iter().any(|byte| *byte != UNWRITTEN);
        if !is_written(last) || is_written(beyond) {
            return Err(LossesError::system(
                "read the loss counters",
                io::Error::new(io::ErrorKind::InvalidData, cpus::WRONG),
            ));
        }
        let counts = values[..listed].chunks_exact(stride).map(ProgramCounts::from_value);
        Ok(self.cpus.iter().copied().zip(counts.map(Option::unwrap_or_default)).collect())
    }

    /// Reads the sum over all CPUs.
    ///
    /// ```no_run
    /// # let counters = ringbuf_kernel::LossCounters::from_id(7)?;
    /// let counts = counters.total()?;
    /// println!("{} lost because the ring was full", counts.full);
    /// # Ok::<(), ringbuf_kernel::LossesError>(())
    /// ```
    ///
    /// # Errors
    /// As [`per_cpu`](Self::per_cpu).
    pub fn total(&self) -> Result<ProgramCounts, LossesError> {
        let all = self.per_cpu()?;
        Ok(all.into_iter().fold(ProgramCounts::default(), |sum, (_, counts)| sum.plus(counts)))
    }

    /// Sums up what became of all attempts, over the rings of these counters: one ring, or all
    /// shards. Reads the counters first, and then each ring.
    ///
    /// The sum is exact when the programs are detached and their runs are over. While they run,
    /// what they do between the two looks shows as a small [`Gap`](crate::Gap).
    ///
    /// ```no_run
    /// # let ring = ringbuf_kernel::RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// # let counters = ringbuf_kernel::LossCounters::find(&ring)?;
    /// let accounting = counters.account([&ring])?;
    /// if accounting.gap() != ringbuf_kernel::Gap::None {
    ///     eprintln!("{accounting}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`per_cpu`](Self::per_cpu), and [`LossesError::Corrupt`].
    pub fn account<'r>(
        &self,
        rings: impl IntoIterator<Item = &'r RingBuf>,
    ) -> Result<Accounting, LossesError> {
        let programs = self.total()?;
        let mut sum = Accounting::new(Counts::default(), Unread::default());
        for ring in rings {
            sum = sum.plus(ring.accounting()?);
        }
        Ok(sum.programs(programs))
    }
}

impl AsFd for LossCounters {
    /// The map's descriptor.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

/// The kernel has no more CPUs (CONFIG_NR_CPUS).
const MOST_CPUS: usize = 8192;
/// What no counter says: it would have to count for centuries.
const UNWRITTEN: u8 = 0xff;

/// What the kernel says of a map.
pub(super) fn info(fd: impl AsFd) -> Result<MapInfo, LossesError> {
    let not_a_map = |_| OpenError::NotAMap;
    let info = sys::info(&fd).map_err(not_a_map)?;
    sys::is_map(&fd).map_err(|_| OpenError::NotAMap)?;
    Ok(info)
}

/// The name of a map that can be one of counters.
fn name_of_counters(id: u32) -> Option<String> {
    let info = sys::info(sys::get_by_id(id).ok()?).ok()?;
    has_counters(&info).then(|| info.name().to_owned())
}

fn has_counters(info: &MapInfo) -> bool {
    info.map_type == sys::MAP_TYPE_PERCPU_ARRAY
        && info.max_entries == 1
        && info.value_size as usize >= ProgramCounts::BYTES
}

/// The name of the counters of the map `name`, as the kernel keeps both.
fn counts_name(name: &str) -> String {
    let mut name = format!("{name}_counts");
    name.truncate(15);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map of counters, if the kernel lets this process make one.
    fn counters(cpus: Vec<u32>) -> Option<LossCounters> {
        let creation = sys::Creation {
            map_type: sys::MAP_TYPE_PERCPU_ARRAY,
            key_size: 4,
            value_size: 64,
            max_entries: 1,
            name: c"counts".to_owned(),
            ..sys::Creation::default()
        };
        match sys::create(&creation) {
            Ok(map) => Some(LossCounters { info: info(&map).expect("a map"), map, cpus }),
            Err(error) => {
                crate::width::tests::skip("losses::a_wrong_list_of_cpus", &error);
                None
            }
        }
    }

    /// Somebody has mounted another list over that of sysfs. The kernel writes as it would.
    #[test]
    fn a_wrong_list_of_cpus_is_an_error() {
        let possible = cpus::possible().expect("sysfs");
        let Some(right) = counters(possible.clone()) else { return };
        assert_eq!(right.per_cpu().expect("counts").len(), possible.len());
        let more: Vec<u32> = (0..possible.len() as u32 + 1).collect();
        let less = possible[1..].to_vec();
        for wrong in [more, less] {
            if wrong.is_empty() {
                continue; // a machine of one CPU
            }
            let wrong = counters(wrong).expect("one was made before");
            let error = wrong.per_cpu().expect_err("not this kernel's list").to_string();
            assert!(error.contains("/sys"), "{error}");
        }
    }

    #[test]
    fn names_are_cut_as_the_kernel_cuts_them() {
        assert_eq!(counts_name("events"), "events_counts");
        assert_eq!(counts_name("many_events"), "many_events_cou");
        assert_eq!(counts_name("fifteen_letters"), "fifteen_letters");
    }
}
