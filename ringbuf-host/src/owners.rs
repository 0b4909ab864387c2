//! [`HostOwners`]: who uses the rings of a host.

use std::collections::{BTreeMap, HashMap, HashSet};

use ringbuf_kernel::{Holder, Owners, RingInfo, RingKind};

use crate::elements::{Held, InProcess, Use};
use crate::iterators::{self, Iterators};
use crate::{HostError, HostRing};

/// Who uses some rings, by the id of the map. What is not known is told apart from what is not
/// there.
///
/// ```no_run
/// let host = ringbuf_host::Host::open();
/// let rings = host.rings()?;
/// let owners = host.owners(&rings)?;
/// for ring in &rings {
///     match owners.readers(ring.info.id) {
///         Some([]) => println!("{}: nobody reads it", ring.info.name),
///         Some([one]) => println!("{}: read by {} {}", ring.info.name, one.pid, one.comm),
///         Some(_) => println!("{}: two readers take each other's records", ring.info.name),
///         None => println!("{}: not known", ring.info.name),
///     }
/// }
/// # Ok::<(), ringbuf_host::HostError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct HostOwners {
    programs: Known<HostProgram>,
    holders: Known<HostProcess>,
    readers: Known<HostProcess>,
}

/// A process that uses a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostProcess {
    /// Its process id, in the PID namespace of this process.
    pub pid: u32,
    /// The name of its main thread.
    pub comm: String,
    /// True if it sleeps until this ring is notified. `None` if that is not known.
    pub waiting: Option<bool>,
}

/// A program that uses a ring, itself or through a map of maps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostProgram {
    /// Its id, as `bpftool prog list` shows it.
    pub id: u32,
    /// Its name, as far as the kernel keeps it (15 bytes).
    pub name: String,
    /// Its type, as a number of `enum bpf_prog_type`.
    pub program_type: u32,
}

/// Lists by map, and the maps for which an empty list means that it is not known.
#[derive(Clone, Debug)]
struct Known<T> {
    lists: HashMap<u32, Vec<T>>,
    unclear: Unclear,
}

#[derive(Clone, Debug)]
enum Unclear {
    None,
    These(HashSet<u32>),
    All,
}

impl<T> Known<T> {
    fn all(lists: HashMap<u32, Vec<T>>) -> Self {
        Self { lists, unclear: Unclear::None }
    }

    fn get(&self, id: u32) -> Option<&[T]> {
        let unclear = match &self.unclear {
            Unclear::None => false,
            Unclear::These(ids) => ids.contains(&id),
            Unclear::All => true,
        };
        match self.lists.get(&id) {
            Some(list) => Some(list),
            None => (!unclear).then_some(&[]),
        }
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { lists: HashMap::new(), unclear: Unclear::All }
    }
}

impl HostOwners {
    /// Returns the programs that use this map, by id. `None` if none was found, and a program
    /// uses a hash of rings, or an array of more than 1024: this ring may be in it.
    #[must_use]
    pub fn programs(&self, id: u32) -> Option<&[HostProgram]> {
        self.programs.get(id)
    }

    /// Returns the processes that have a descriptor of this map, by pid. `None` if none was
    /// found, and this process does not see all processes: it is in a PID namespace, or (by ids)
    /// may not search them.
    #[must_use]
    pub fn holders(&self, id: u32) -> Option<&[HostProcess]> {
        self.holders.get(id)
    }

    /// Returns the processes that map the page that user space writes, by pid: the readers of a
    /// ring, the producers of a user ring. `None` as for [`holders`](Self::holders).
    ///
    /// With iterators (Linux 5.12) it is exact, also for a process that has closed its
    /// descriptor. A child of `fork` has the mappings of its parent until it calls `exec`. On
    /// older kernels, and by ids, it is what [`ringbuf_kernel::owners`] makes of procfs.
    #[must_use]
    pub fn readers(&self, id: u32) -> Option<&[HostProcess]> {
        self.readers.get(id)
    }
}

pub(crate) fn by_iterators(
    iterators: &Iterators,
    rings: &[HostRing],
) -> Result<HostOwners, HostError> {
    let uses = iterators::read(&iterators.uses)?;
    let programs = programs(&uses, &iterators::read(&iterators.inner)?);
    let by_id: HashMap<u32, &HostRing> = rings.iter().map(|ring| (ring.info.id, ring)).collect();
    let known = |lists| match iterators.all_processes {
        true => Known::all(lists),
        false => Known { lists, unclear: Unclear::All },
    };
    let holders = known(processes(&iterators::read(&iterators.holders)?, |_| true));
    let readers = match &iterators.mapped {
        Some(mapped) => {
            let mapped = iterators::read(mapped)?;
            let mut readers = processes(&mapped, |one: &InProcess| {
                by_id.get(&one.map).is_some_and(|ring| writes(one, ring.info.kind))
            });
            for (id, list) in &mut readers {
                tell_waiting(list, by_id.get(id).and_then(|ring| ring.waiting));
            }
            known(readers)
        }
        None => by_id_readers(&infos(rings), &ringbuf_kernel::owners(&infos(rings))),
    };
    Ok(HostOwners { programs, holders, readers })
}

/// The page that user space writes is the first one of a ring, and the second one of a user ring.
fn writes(one: &InProcess, kind: RingKind) -> bool {
    one.writable && one.offset == u64::from(kind == RingKind::UserRing)
}

/// If nobody waits, none of them does. If somebody does, it is known of a single one.
fn tell_waiting(list: &mut [HostProcess], waiting: Option<bool>) {
    let single = list.len() == 1;
    let told = waiting.filter(|waits| single || !waits);
    list.iter_mut().for_each(|process| process.waiting = told);
}

/// Each process once for each ring.
fn processes(
    found: &[InProcess],
    wanted: impl Fn(&InProcess) -> bool,
) -> HashMap<u32, Vec<HostProcess>> {
    let mut lists: HashMap<u32, Vec<HostProcess>> = HashMap::new();
    for one in found.iter().filter(|one| wanted(one)) {
        let list = lists.entry(one.map).or_default();
        if list.iter().all(|process| process.pid != one.pid) {
            list.push(HostProcess { pid: one.pid, comm: one.comm.clone(), waiting: None });
        }
    }
    lists.values_mut().for_each(|list| list.sort_by_key(|process| process.pid));
    lists
}

fn programs(uses: &[Use], held: &[Held]) -> Known<HostProgram> {
    let mut inner: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut unclear = HashSet::new();
    for one in held {
        match one.ring {
            Some(ring) => inner.entry(one.outer).or_default().push(ring),
            None => drop(unclear.insert(one.outer)),
        }
    }
    let mut lists: HashMap<u32, BTreeMap<u32, HostProgram>> = HashMap::new();
    let mut all_unclear = false;
    for one in uses {
        let direct = [one.map];
        let rings = match one.is_outer {
            true => inner.get(&one.map).map(Vec::as_slice).unwrap_or_default(),
            false => &direct[..],
        };
        all_unclear |= unclear.contains(&one.map);
        for ring in rings {
            lists.entry(*ring).or_default().entry(one.program).or_insert_with(|| HostProgram {
                id: one.program,
                name: one.name.clone(),
                program_type: one.program_type,
            });
        }
    }
    let lists = lists.into_iter().map(|(id, list)| (id, list.into_values().collect())).collect();
    Known { lists, unclear: if all_unclear { Unclear::All } else { Unclear::None } }
}

fn infos(rings: &[HostRing]) -> Vec<RingInfo> {
    rings.iter().map(|ring| ring.info.clone()).collect()
}

pub(crate) fn by_id(rings: &[HostRing]) -> HostOwners {
    let infos = infos(rings);
    let owners = ringbuf_kernel::owners(&infos);
    let programs = match &owners.programs {
        Err(_) => Known::default(),
        Ok(all) => Known::all(
            all.iter()
                .map(|(id, list)| (*id, list.iter().map(HostProgram::of).collect()))
                .collect(),
        ),
    };
    let of = |list: &Vec<Holder>| list.iter().map(HostProcess::of).collect();
    let lists = owners.holders.iter().map(|(id, list)| (*id, of(list))).collect();
    let hidden = owners.hidden_processes > 0;
    let holders = Known { lists, unclear: if hidden { Unclear::All } else { Unclear::None } };
    HostOwners { programs, holders, readers: by_id_readers(&infos, &owners) }
}

fn by_id_readers(rings: &[RingInfo], owners: &Owners) -> Known<HostProcess> {
    let (mut lists, mut unclear) = (HashMap::new(), HashSet::new());
    for ring in rings {
        match owners.readers(ring.id) {
            Some(list) if list.is_empty() => {}
            Some(list) => {
                lists.insert(ring.id, list.into_iter().map(HostProcess::of).collect());
            }
            None => drop(unclear.insert(ring.id)),
        }
    }
    Known { lists, unclear: Unclear::These(unclear) }
}

impl HostProcess {
    fn of(holder: &Holder) -> Self {
        Self { pid: holder.pid, comm: holder.comm.clone(), waiting: holder.waiting }
    }
}

impl HostProgram {
    fn of(program: &ringbuf_kernel::Program) -> Self {
        Self { id: program.id, name: program.name.clone(), program_type: program.program_type }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(program: u32, map: u32, is_outer: bool) -> Use {
        Use { program, program_type: 26, map, is_outer, name: format!("p{program}") }
    }

    fn ids(known: &Known<HostProgram>, ring: u32) -> Option<Vec<u32>> {
        known.get(ring).map(|list| list.iter().map(|program| program.id).collect())
    }

    #[test]
    fn programs_use_rings_through_arrays() {
        let held = |outer, ring| Held { outer, ring };
        let array = [held(5, Some(57)), held(5, Some(58)), held(5, Some(57))];
        let uses = [used(3, 5, true), used(2, 58, false), used(3, 58, false), used(4, 6, true)];
        let known = programs(&uses, &array);
        assert_eq!(ids(&known, 57), Some(vec![3]));
        assert_eq!(ids(&known, 58), Some(vec![2, 3]), "by id, each once");
        assert_eq!(ids(&known, 59), Some(vec![]), "in no array that was seen");
        // A hash that is used may hold any ring; one that is not used does not matter.
        let hash = [array.as_slice(), &[held(6, None)]].concat();
        let unclear = programs(&uses, &hash);
        assert_eq!((ids(&unclear, 57), ids(&unclear, 59)), (Some(vec![3]), None));
        assert_eq!(ids(&programs(&uses[..3], &hash), 59), Some(vec![]));
    }

    #[test]
    fn readers_map_the_page_that_user_space_writes() {
        let one = |pid, map, offset, writable| InProcess {
            offset,
            map,
            pid,
            writable,
            comm: format!("c{pid}"),
        };
        assert!(writes(&one(1, 57, 0, true), RingKind::Ring));
        assert!(!writes(&one(1, 57, 0, false), RingKind::Ring), "an inspector");
        assert!(!writes(&one(1, 57, 1, true), RingKind::Ring));
        assert!(writes(&one(1, 57, 1, true), RingKind::UserRing));
        let found = [one(9, 57, 0, true), one(8, 57, 0, true), one(9, 57, 0, true)];
        let lists = processes(&found, |_| true);
        assert_eq!(lists[&57].iter().map(|process| process.pid).collect::<Vec<_>>(), [8, 9]);
    }

    #[test]
    fn one_of_several_that_waits_is_not_named() {
        let process = |pid| HostProcess { pid, comm: String::new(), waiting: None };
        let told = |count: u32, waiting| {
            let mut list: Vec<_> = (0..count).map(process).collect();
            tell_waiting(&mut list, waiting);
            list.into_iter().map(|process| process.waiting).collect::<Vec<_>>()
        };
        assert_eq!(told(1, Some(true)), [Some(true)]);
        assert_eq!(told(2, Some(true)), [None, None]);
        assert_eq!(told(2, Some(false)), [Some(false); 2]);
        assert_eq!(told(1, None), [None]);
    }

    #[test]
    fn what_is_not_known_is_not_empty() {
        let known = Known::<HostProgram>::default();
        assert_eq!(known.get(57), None);
        let these = Known::<HostProgram> {
            lists: HashMap::new(),
            unclear: Unclear::These(HashSet::from([57])),
        };
        assert_eq!((these.get(57), these.get(58)), (None, Some(&[][..])));
    }
}
