//! [`rings`]: all rings of this machine, and [`owners`]: who uses them.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use ringbuf_core::{Capacity, Corrupt, Head, Header, Look};

use super::holders::{self, Found, Holder};
use super::{Inspector, RingKind, pins, proc};
use crate::ids::{self, Object};
use crate::{OpenError, Program, ProgramsError, programs, sys};

/// What one look at a ring tells: [`rings`], [`Inspector::describe`].
///
/// ```no_run
/// use ringbuf_kernel::Head;
///
/// for ring in ringbuf_kernel::rings()? {
///     let stuck = matches!(ring.head, Some(Head::Busy(_)));
///     println!("{} {}: {:?} bytes, busy head: {stuck}", ring.id, ring.name, ring.look.fill());
/// }
/// # Ok::<(), ringbuf_kernel::OpenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingInfo {
    /// The id of the map.
    pub id: u32,
    /// Its name, as far as the kernel keeps it (15 bytes).
    pub name: String,
    /// Its type.
    pub kind: RingKind,
    /// True if producers write over unread records (`BPF_F_RB_OVERWRITE`, 6.19).
    pub overwrite: bool,
    /// The size of the data area.
    pub capacity: Capacity,
    /// The positions.
    pub look: Look,
    /// The record at the consumer position. `None` if it is not known: in overwrite mode,
    /// and in a corrupt ring.
    pub head: Option<Head>,
    /// What is impossible in this ring.
    pub corrupt: Option<Corrupt>,
}

impl RingInfo {
    pub(super) fn of(inspector: &Inspector) -> Result<Self, OpenError> {
        let (head, corrupt) = match inspector.head() {
            Ok(head) => (Some(head), None),
            Err(OpenError::OnlyPositions { .. }) => (None, None),
            Err(OpenError::Corrupt(corrupt)) => (None, Some(corrupt)),
            Err(error) => return Err(error),
        };
        Ok(Self {
            id: inspector.id(),
            name: inspector.name().to_owned(),
            kind: inspector.kind(),
            overwrite: inspector.is_overwrite(),
            capacity: inspector.capacity(),
            look: inspector.look(),
            head,
            corrupt,
        })
    }

    /// Describes a ring that was looked at in another way than by an [`Inspector`], for
    /// example by a BPF iterator (crate `ringbuf-host`). `header` is as for [`Look::head`].
    ///
    /// ```
    /// use ringbuf_kernel::{Capacity, Look, Position, RingInfo, RingKind, Width, page_size};
    ///
    /// let at = |bytes| Position::new(bytes, Width::Bits64);
    /// let capacity = Capacity::new(1 << 20, page_size() as u64)?;
    /// let look = Look::new(at(16), at(16), at(0), capacity, Width::Bits64);
    /// let ring = RingInfo::from_look(57, "events".to_owned(), RingKind::Ring, false, look, None);
    /// assert_eq!(ring.fill(), Some(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_look(
        id: u32,
        name: String,
        kind: RingKind,
        overwrite: bool,
        look: Look,
        header: Option<Header>,
    ) -> Self {
        let (head, corrupt) = match look.head(header) {
            _ if overwrite => (None, None),
            Ok(head) => (Some(head), None),
            Err(corrupt) => (None, Some(corrupt)),
        };
        Self { id, name, kind, overwrite, capacity: look.capacity, look, head, corrupt }
    }

    /// Returns the bytes produced and not given back. `None` if they are not known: in
    /// overwrite mode, and in a corrupt ring.
    #[must_use]
    pub fn fill(&self) -> Option<u64> {
        if self.overwrite { None } else { self.look.fill().ok() }
    }
}

/// Returns the ids of all ring buffer maps of this machine, of both types, in order. Opens
/// each map for a moment. Needs `CAP_SYS_ADMIN`.
///
/// ```no_run
/// println!("{} rings", ringbuf_kernel::ring_ids()?.len());
/// # Ok::<(), ringbuf_kernel::OpenError>(())
/// ```
///
/// # Errors
/// [`OpenError::Privilege`], or [`OpenError::System`].
pub fn ring_ids() -> Result<Vec<u32>, OpenError> {
    let mut found = Vec::new();
    each_ring(|id, _| {
        found.push(id);
        Ok(())
    })?;
    Ok(found)
}

/// Looks at each ring buffer map of this machine, in the order of the ids, and holds none
/// of them afterwards. Maps that go meanwhile are left out. It took some 20 us for each ring
/// (x86-64 virtual machine under load, Linux 6.18). Needs `CAP_SYS_ADMIN`.
///
/// See [`RingInfo`] for an example.
///
/// ```no_run
/// # use ringbuf_kernel::rings;
/// let found = rings()?;
/// println!("{found:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`OpenError::Privilege`], or [`OpenError::System`].
pub fn rings() -> Result<Vec<RingInfo>, OpenError> {
    let mut found = Vec::new();
    each_ring(|_, fd| {
        found.push(Inspector::take(fd)?.describe()?);
        Ok(())
    })?;
    Ok(found)
}

/// Calls `found` with each ring. New maps have higher ids, so this ends.
fn each_ring(
    mut found: impl FnMut(u32, std::os::fd::OwnedFd) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let failed = |operation: &str, error: std::io::Error| match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
            operation: operation.to_owned(),
            advice: "run as root or with CAP_SYS_ADMIN; in a container, let the seccomp filter \
                     permit bpf()",
        },
        _ => OpenError::system(operation.to_owned(), error),
    };
    let mut id = 0;
    while let Some(next) = ids::next(Object::Map, id)
        .map_err(|error| failed("list the BPF maps of this machine (BPF_MAP_GET_NEXT_ID)", error))?
    {
        id = next;
        let fd = match ids::get(Object::Map, id) {
            Ok(fd) => fd,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => continue,
            Err(error) => return Err(failed("open a BPF map by its id", error)),
        };
        let info = sys::info(&fd).map_err(|error| failed("ask the kernel about a map", error))?;
        if RingKind::of(&info).is_some() {
            found(id, fd)?;
        }
    }
    Ok(())
}

/// Who uses some rings, by the id of the map.
///
/// What is not known is told apart from what is not there.
///
/// ```no_run
/// let owners = ringbuf_kernel::owners(&ringbuf_kernel::rings()?);
/// match owners.readers(57) {
///     Some(readers) if readers.is_empty() => println!("nobody reads it"),
///     Some(readers) => println!("read by {}", readers[0].comm),
///     None => println!("not known"),
/// }
/// # Ok::<(), ringbuf_kernel::OpenError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Owners {
    /// The programs that use each map.
    pub programs: Result<HashMap<u32, Vec<Program>>, ProgramsError>,
    /// The paths in bpffs at which each map is pinned, as far as this process sees them.
    pub pins: HashMap<u32, Vec<PathBuf>>,
    /// The processes that hold a descriptor of each map.
    pub holders: HashMap<u32, Vec<Holder>>,
    /// How many processes could not be searched, because that is not permitted.
    pub hidden_processes: usize,
    /// Rings that somebody may have mapped without a descriptor.
    perhaps: HashSet<u32>,
}

impl Owners {
    /// Returns the processes that can act for user space: the readers of a ring, the
    /// producers of a user ring. They map the page that user space writes.
    ///
    /// Returns `None` if they are not known: none was found, but a process could not be
    /// searched, or it is not clear which rings a process has mapped: it holds several of one
    /// size, or has closed the descriptor.
    #[must_use]
    pub fn readers(&self, id: u32) -> Option<Vec<&Holder>> {
        let holders = self.holders.get(&id).map(Vec::as_slice).unwrap_or_default();
        let readers: Vec<_> = holders.iter().filter(|one| one.writes == Some(true)).collect();
        let unclear = self.hidden_processes > 0
            || self.perhaps.contains(&id)
            || holders.iter().any(|one| one.writes.is_none());
        (!readers.is_empty() || !unclear).then_some(readers)
    }
}

/// Finds who uses these rings: programs, pins, processes. Reads procfs and
/// bpffs, and changes nothing. It took 20 to 30 ms for 100 processes, so do not call it in a
/// busy loop.
///
/// See [`Owners`] for an example.
#[must_use]
pub fn owners(rings: &[RingInfo]) -> Owners {
    let ids: Vec<u32> = rings.iter().map(|ring| ring.id).collect();
    let Found { holders, perhaps, hidden } = holders::find(&proc::processes(), rings);
    let (programs, pins) = (programs::programs_of_each(&ids), pins::pins_of(&ids));
    Owners { programs, pins, holders, hidden_processes: hidden, perhaps }
}

/// Finds which of these processes hold these rings, as [`owners`] does for all processes. A
/// process that has ended, or that may not be searched, is left out.
///
/// It reads the procfs of these processes only, so it is quick enough for each second.
///
/// ```no_run
/// let ring = ringbuf_kernel::Inspector::from_id(57)?.describe()?;
/// for holder in ringbuf_kernel::holders_among(&[812], &[ring]).into_values().flatten() {
///     println!("{} waits: {:?}", holder.comm, holder.waiting);
/// }
/// # Ok::<(), ringbuf_kernel::OpenError>(())
/// ```
#[must_use]
pub fn holders_among(pids: &[u32], rings: &[RingInfo]) -> HashMap<u32, Vec<Holder>> {
    let processes: Vec<_> = pids.iter().map(|&pid| proc::Process { pid }).collect();
    holders::find(&processes, rings).holders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_none() {
        let holder = |writes| Holder { pid: 7, comm: String::new(), writes, waiting: None };
        let readers = |holders: Vec<Holder>, hidden_processes, perhaps: &[u32]| {
            let holders = HashMap::from([(57, holders)]);
            let (programs, pins) = (Ok(HashMap::new()), HashMap::new());
            let perhaps = perhaps.iter().copied().collect();
            let owners = Owners { programs, pins, holders, hidden_processes, perhaps };
            owners.readers(57).map(|readers| readers.len())
        };
        let [yes, no, unclear] = [Some(true), Some(false), None].map(holder);
        assert_eq!(readers(vec![], 0, &[]), Some(0));
        assert_eq!(readers(vec![no.clone()], 0, &[]), Some(0));
        assert_eq!(readers(vec![no.clone()], 1, &[]), None);
        assert_eq!(readers(vec![unclear.clone()], 0, &[]), None);
        assert_eq!(readers(vec![], 0, &[57]), None, "somebody has mapped a ring of this size");
        assert_eq!(readers(vec![unclear, yes.clone()], 0, &[]), Some(1));
        assert_eq!(readers(vec![yes, no], 9, &[]), Some(1));
    }
}
