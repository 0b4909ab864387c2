//! [`Program`]: who uses the map of a ring.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use crate::ids::{self, Object, ProgramInfo};
use crate::{RingBuf, UserRingBuf, sys};

/// A loaded BPF program that uses the map of a ring.
///
/// ```no_run
/// # let ring = ringbuf_kernel::RingBuf::from_pin("/sys/fs/bpf/events")?;
/// for program in ring.programs()? {
///     println!("program {} ({}), {} links", program.id, program.name, program.links);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// Its id, as `bpftool prog list` shows it.
    pub id: u32,
    /// Its name, as far as the kernel keeps it (15 bytes).
    pub name: String,
    /// Its type, as a number of `enum bpf_prog_type`.
    pub program_type: u32,
    /// How many BPF links attach it. With 0 it may still be attached, in a way that makes
    /// no link: to a perf event by ioctl, to a cgroup by `BPF_PROG_ATTACH`, to tc or XDP by
    /// netlink, to a socket, or as the target of a tail call.
    pub links: u32,
    /// How often it ran while `kernel.bpf_stats_enabled` was 1. If that never was, it is 0.
    /// An estimate of attempts can begin here: see
    /// [`Accounting::estimated`](crate::Accounting::estimated).
    pub runs: u64,
}

impl RingBuf {
    /// Lists the loaded programs that use this map, by id. Only they can write it. So if a
    /// ring is silent and this list is empty, nothing will come any more, until somebody
    /// loads a program for this map.
    ///
    /// A program uses a map if its code names it, or if it names a map of maps that holds
    /// it. That it is loaded does not mean that it runs: see [`Program::links`].
    ///
    /// A program goes when its last descriptor, pin and attachment is gone. Programs of
    /// links may be listed a moment longer. A run that was under way then may still write,
    /// until the kernel has waited for all runs (`bpf_prog_put`, `bpf_link_free`,
    /// kernel/bpf/syscall.c). So after an empty list, drain once more.
    ///
    /// Each call asks the kernel about each program of the machine, each map that one of
    /// them uses, and each link, with three or four system calls each. That took 10 us of CPU
    /// time for each program (x86-64 virtual machine, Linux 6.18), so 1 ms for 100. Nothing
    /// else of this library calls it. Needs `CAP_SYS_ADMIN`.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use ringbuf_kernel::{RingBuf, Wakeup};
    ///
    /// let mut ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
    /// loop {
    ///     ring.drain(|record| println!("{} bytes", record.len()))?;
    ///     if ring.wait(Some(Duration::from_secs(10)))? != Wakeup::TimedOut {
    ///         continue;
    ///     }
    ///     // Why is it silent?
    ///     if let Some(head) = ring.busy_head()? {
    ///         println!("stuck: {head}");
    ///     } else if ring.programs()?.is_empty() {
    ///         println!("no program writes this ring any more");
    ///         break;
    ///     }
    /// }
    /// ring.drain(|record| println!("{} bytes", record.len()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ProgramsError`]: then it is not known which programs there are.
    pub fn programs(&self) -> Result<Vec<Program>, ProgramsError> {
        using(self.id())
    }
}

impl UserRingBuf {
    /// Lists the loaded programs that use this map, by id: only they can drain it. As
    /// [`RingBuf::programs`].
    ///
    /// ```no_run
    /// # let ring = ringbuf_kernel::UserRingBuf::from_pin("/sys/fs/bpf/commands")?;
    /// if ring.programs()?.is_empty() {
    ///     println!("no program drains this ring any more");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ProgramsError`]: then it is not known which programs there are.
    pub fn programs(&self) -> Result<Vec<Program>, ProgramsError> {
        using(self.id())
    }
}

/// Why it is not known which programs use a map.
///
/// ```no_run
/// # use ringbuf_kernel::ProgramsError;
/// # let ring = ringbuf_kernel::RingBuf::from_pin("/sys/fs/bpf/events")?;
/// match ring.programs() {
///     Ok(programs) => println!("{} programs", programs.len()),
///     Err(ProgramsError::Privilege { .. }) => println!("unknown number of programs"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum ProgramsError {
    /// Not permitted.
    #[non_exhaustive]
    Privilege {
        /// What was tried.
        operation: &'static str,
    },
    /// The system refused something for another reason.
    #[non_exhaustive]
    System {
        /// What was tried.
        operation: &'static str,
        /// What the system reported.
        source: io::Error,
    },
}

impl ProgramsError {
    fn new(operation: &'static str, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Privilege { operation },
            _ => Self::System { operation, source },
        }
    }
}

impl fmt::Display for ProgramsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Privilege { operation } => write!(
                f,
                "it is not known which programs use the map, because this process is not \
                 permitted to {operation}: run as root or with CAP_SYS_ADMIN; in a container, let \
                 the seccomp filter permit bpf()"
            ),
            Self::System { operation, source } => {
                write!(
                    f,
                    "it is not known which programs use the map: could not {operation}: {source}"
                )?;
                match source.raw_os_error() {
                    Some(libc::EMFILE | libc::ENFILE) => {
                        f.write_str("; raise the limit of open files (`ulimit -n`)")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for ProgramsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for ProgramsError {}

/// The programs that use the map with this id.
pub(crate) fn using(map: u32) -> Result<Vec<Program>, ProgramsError> {
    let mut programs = Vec::new();
    each_user(map, |info, _| programs.push(Program::of(info)))?;
    if programs.is_empty() {
        return Ok(programs);
    }
    each(Object::Link, |fd| {
        // Of some links the kernel does not say it. Then this one is not counted.
        let attached = ids::program_of_link(fd).unwrap_or(0);
        let found = programs.iter_mut().find(|program: &&mut Program| program.id == attached);
        if let Some(program) = found {
            program.links += 1;
        }
        Ok(())
    })?;
    Ok(programs)
}

/// The ids of all maps of the programs that use the map with this id.
pub(crate) fn maps_beside(map: u32) -> Result<BTreeSet<u32>, ProgramsError> {
    let mut all = BTreeSet::new();
    each_user(map, |_, maps| all.extend(maps))?;
    Ok(all)
}

/// The names of the maps of maps that hold the map with this id, of the programs that use it.
pub(crate) fn names_of_holding(map: u32) -> Result<Vec<String>, ProgramsError> {
    let mut names = Vec::new();
    for outer in maps_beside(map)? {
        if all_held(outer)?.contains(&map) {
            let info = sys::get_by_id(outer).and_then(sys::info);
            // It may have gone.
            names.extend(info.map(|info| info.name().to_owned()));
        }
    }
    Ok(names)
}

/// Calls `found` with each program that uses the map with this id, and the program's maps.
fn each_user(map: u32, mut found: impl FnMut(&ProgramInfo, Vec<u32>)) -> Result<(), ProgramsError> {
    let mut through = Through { map, known: HashMap::new() };
    each(Object::Program, |fd| {
        let (info, maps) = ids::program(fd).map_err(|error| ProgramsError::new(ASK, error))?;
        let mut uses = maps.contains(&map);
        for &outer in &maps {
            uses = uses || through.leads(outer)?;
        }
        if uses {
            found(&info, maps);
        }
        Ok(())
    })
}

/// Lists the loaded programs that use each of these maps, also through maps of maps. One pass
/// over all programs and links of the machine, as [`RingBuf::programs`] makes for one map. A
/// map that no program uses is not in the answer. Needs `CAP_SYS_ADMIN`.
///
/// ```no_run
/// let programs = ringbuf_kernel::programs_of_each(&ringbuf_kernel::ring_ids()?)?;
/// for (map, programs) in programs {
///     println!("{map}: {} programs", programs.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ProgramsError`]: then it is not known which programs there are.
pub fn programs_of_each(maps: &[u32]) -> Result<HashMap<u32, Vec<Program>>, ProgramsError> {
    let mut found: HashMap<u32, Vec<Program>> = HashMap::new();
    each_use(maps, |map, info, _| found.entry(map).or_default().push(Program::of(info)))?;
    each(Object::Link, |fd| {
        let attached = ids::program_of_link(fd).unwrap_or(0);
        let programs = found.values_mut().flatten().filter(|program| program.id == attached);
        programs.for_each(|program| program.links += 1);
        Ok(())
    })?;
    Ok(found)
}

/// The ids of all maps of the programs that use each of these maps, but not through a map of maps.
pub(crate) fn maps_beside_each(maps: &[u32]) -> Result<HashMap<u32, BTreeSet<u32>>, ProgramsError> {
    let mut all: HashMap<u32, BTreeSet<u32>> = HashMap::new();
    each_use(maps, |map, _, beside| {
        if beside.contains(&map) {
            all.entry(map).or_default().extend(beside);
        }
    })?;
    Ok(all)
}

/// Calls `found` with each of these maps, each program that uses it, and the program's maps.
fn each_use(
    maps: &[u32],
    mut found: impl FnMut(u32, &ProgramInfo, &[u32]),
) -> Result<(), ProgramsError> {
    let wanted: HashSet<u32> = maps.iter().copied().collect();
    let mut inner: HashMap<u32, Vec<u32>> = HashMap::new();
    each(Object::Program, |fd| {
        let (info, outer) = ids::program(fd).map_err(|error| ProgramsError::new(ASK, error))?;
        let mut used = outer.clone();
        for id in &outer {
            let held = match inner.get(id) {
                Some(held) => held,
                None => inner.entry(*id).or_insert(all_held(*id)?),
            };
            used.extend(held);
        }
        used.sort_unstable();
        used.dedup();
        used.into_iter().filter(|id| wanted.contains(id)).for_each(|id| found(id, &info, &outer));
        Ok(())
    })
}

const ASK: &str = "ask the kernel about a BPF program (BPF_OBJ_GET_INFO_BY_FD)";

impl Program {
    fn of(info: &ProgramInfo) -> Self {
        let name = info.name.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        Self { id: info.id, name, program_type: info.program_type, links: 0, runs: info.runs }
    }
}

/// Calls `found` with each object. Those that go meanwhile are left out. New objects have higher
/// ids, so this ends.
fn each(
    object: Object,
    mut found: impl FnMut(&OwnedFd) -> Result<(), ProgramsError>,
) -> Result<(), ProgramsError> {
    let (list, open) = match object {
        Object::Map => (
            "list BPF maps (BPF_MAP_GET_NEXT_ID)",
            "open a BPF map by its id (BPF_MAP_GET_FD_BY_ID)",
        ),
        Object::Program => (
            "list BPF programs (BPF_PROG_GET_NEXT_ID)",
            "open a BPF program by its id (BPF_PROG_GET_FD_BY_ID)",
        ),
        Object::Btf => (
            "list type information (BPF_BTF_GET_NEXT_ID)",
            "open type information by its id (BPF_BTF_GET_FD_BY_ID)",
        ),
        Object::Link => (
            "list BPF links (BPF_LINK_GET_NEXT_ID)",
            "open a BPF link by its id (BPF_LINK_GET_FD_BY_ID)",
        ),
    };
    let mut id = 0;
    while let Some(next) = ids::next(object, id).map_err(|error| ProgramsError::new(list, error))? {
        id = next;
        match ids::get(object, id) {
            Ok(fd) => found(&fd)?,
            // EAGAIN: a link that is being made.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EAGAIN)) => {}
            Err(error) => return Err(ProgramsError::new(open, error)),
        }
    }
    Ok(())
}

/// Whether maps of maps hold a map.
struct Through {
    map: u32,
    /// The answer for each map that was asked about.
    known: HashMap<u32, bool>,
}

impl Through {
    fn leads(&mut self, outer: u32) -> Result<bool, ProgramsError> {
        if let Some(known) = self.known.get(&outer) {
            return Ok(*known);
        }
        let holds = all_held(outer)?.contains(&self.map);
        self.known.insert(outer, holds);
        Ok(holds)
    }
}

/// The ids of the maps that the map `outer` holds: none unless it is a map of maps, or if it
/// has gone.
fn all_held(outer: u32) -> Result<Vec<u32>, ProgramsError> {
    match held(outer) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(Vec::new()),
        other => other
            .map_err(|error| ProgramsError::new("look into a map that a BPF program uses", error)),
    }
}

fn held(outer: u32) -> io::Result<Vec<u32>> {
    let fd = sys::get_by_id(outer)?;
    let info = sys::info(&fd)?;
    if !matches!(info.map_type, sys::MAP_TYPE_ARRAY_OF_MAPS | sys::MAP_TYPE_HASH_OF_MAPS) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut key = vec![0; info.key_size as usize];
    // An entry that is deleted meanwhile makes a hash begin again: not for ever.
    for number in 0..info.max_entries {
        if !ids::next_key(&fd, &mut key, number == 0)? {
            break;
        }
        found.extend(ids::inner_map(&fd, &key)?);
    }
    Ok(found)
}
