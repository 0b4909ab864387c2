//! [`Holder`]: which processes hold a ring, read it, and wait for it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

use super::proc::{Fds, MapFd, Mapped, Process};
use super::{RingInfo, RingKind};
use crate::sys;

/// A process that holds a descriptor of a ring's map.
///
/// ```no_run
/// let ring = ringbuf_kernel::Inspector::from_id(57)?.describe()?;
/// let owners = ringbuf_kernel::owners(&[ring]);
/// for holder in owners.holders.get(&57).into_iter().flatten() {
///     println!("{} {}: reads it: {:?}", holder.pid, holder.comm, holder.writes);
/// }
/// # Ok::<(), ringbuf_kernel::OpenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// Its process id, in the PID namespace of the mounted procfs.
    pub pid: u32,
    /// The name of its main thread.
    pub comm: String,
    /// True if it maps the page that user space writes: then it is the reader of a ring, or
    /// the producer of a user ring. `None` if that is not known: procfs says that it maps
    /// rings, but not which of those that it holds.
    pub writes: Option<bool>,
    /// True if one of its threads waits in epoll for this ring now. `None` if that is not
    /// known: not permitted, or it waits in another way (poll(2), io_uring).
    pub waiting: Option<bool>,
}

/// The processes that use some rings.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) holders: HashMap<u32, Vec<Holder>>,
    /// Rings that a process may have mapped without a descriptor of them: one of this size.
    pub(super) perhaps: HashSet<u32>,
    /// How many processes could not be searched.
    pub(super) hidden: usize,
}

/// Searches these processes.
pub(super) fn find(processes: &[Process], rings: &[RingInfo]) -> Found {
    let (mut found, page) = (Found::default(), sys::page_size() as u64);
    for &process in processes {
        let (fds, mapped) = match search(process) {
            Ok(both) => both,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                found.hidden += 1;
                continue;
            }
            // It has ended.
            Err(_) => continue,
        };
        for ring in rings {
            if fds.maps.iter().any(|map| map.map_id == ring.id) {
                let holder = holder(process, &fds, &mapped, ring.id);
                found.holders.entry(ring.id).or_default().push(holder);
            } else if has_unnamed(&fds, &mapped, ring.kind, ring.capacity.bytes(), page) {
                found.perhaps.insert(ring.id);
            }
        }
    }
    found.holders.values_mut().for_each(|holders| holders.sort_by_key(|holder| holder.pid));
    found
}

/// The descriptors and mappings of a process. If only its mappings are secret, and it holds no
/// map, it is taken for one that maps none.
fn search(process: Process) -> io::Result<(Fds, Vec<Mapped>)> {
    let fds = process.fds()?;
    match process.mappings() {
        Ok(mapped) => Ok((fds, mapped)),
        Err(_) if fds.maps.is_empty() => Ok((fds, Vec::new())),
        Err(error) => Err(error),
    }
}

/// Whether a process has mapped more rings of a size than it has descriptors for. A mapping
/// stays when its descriptor is closed, and procfs does not say of which map it is.
fn has_unnamed(fds: &Fds, mapped: &[Mapped], kind: RingKind, size: u64, page: u64) -> bool {
    let writable = kind == RingKind::UserRing;
    let of_size = |map: &&Mapped| {
        map.offset == page && map.len == page + 2 * size && map.writable == writable
    };
    let named = |map: &&MapFd| map.map_type == kind.map_type() && map.max_entries == size;
    let named: BTreeSet<u32> = fds.maps.iter().filter(named).map(|map| map.map_id).collect();
    mapped.iter().filter(of_size).count() > named.len()
}

fn holder(process: Process, fds: &Fds, mapped: &[Mapped], id: u32) -> Holder {
    let of_map: BTreeSet<u32> =
        fds.maps.iter().filter(|map| map.map_id == id).map(|map| map.fd).collect();
    let watches = |(_, watched): &&(u32, Vec<u32>)| watched.iter().any(|fd| of_map.contains(fd));
    let epolls: Vec<u32> = fds.epolls.iter().filter(watches).map(|(epoll, _)| *epoll).collect();
    let page = sys::page_size() as u64;
    let writes = writes(fds, mapped, id, &epolls, page);
    let waiting = process.system_calls().ok().and_then(|calls| waiting(&calls, &epolls));
    Holder { pid: process.pid, comm: process.comm(), writes, waiting }
}

/// Whether a process with these mappings writes the position that user space owns.
///
/// Without a mapping of all data, nobody reads or produces. A mapping of the producer page
/// and the data has a length that only rings of one size have. If there are as many of them
/// as rings of this size, each is mapped. If there are fewer, a ring that an epoll set
/// watches is one of them.
fn writes(fds: &Fds, mapped: &[Mapped], id: u32, epolls: &[u32], page: u64) -> Option<bool> {
    let this = fds.maps.iter().find(|map| map.map_id == id)?;
    let is_user_ring = this.map_type == sys::MAP_TYPE_USER_RINGBUF;
    let rest = |map: &&Mapped| map.offset == page && map.len == page + 2 * this.max_entries;
    let first = |map: &&Mapped| map.offset == 0 && map.len == page;
    let end = 2 * page + 2 * this.max_entries;
    let covers = |map: &Mapped| map.offset <= 2 * page && map.offset.saturating_add(map.len) == end;
    let rests = mapped.iter().filter(rest).filter(|map| map.writable == is_user_ring).count();
    let firsts = mapped.iter().filter(first).filter(|map| map.writable != is_user_ring).count();
    // Without a writable page nothing is written.
    let writable = if is_user_ring { rests } else { firsts };
    if writable == 0 || !mapped.iter().any(covers) {
        return Some(false);
    }
    let alike = |map: &&MapFd| map.map_type == this.map_type && map.max_entries == this.max_entries;
    let rings: BTreeSet<u32> = fds.maps.iter().filter(alike).map(|map| map.map_id).collect();
    let all_mapped = rests >= rings.len() && firsts >= rings.len();
    let watched = rests > 0 && !epolls.is_empty();
    (all_mapped || watched).then_some(true)
}

/// Whether a thread waits in one of these epoll sets.
fn waiting(calls: &[(libc::c_long, u64)], epolls: &[u32]) -> Option<bool> {
    let here = |epoll: u64| epolls.iter().any(|one| u64::from(*one) == epoll);
    if calls.iter().any(|(call, first)| EPOLL.contains(call) && here(*first)) {
        return Some(true);
    }
    let other = calls.iter().any(|(call, _)| OTHERS.contains(call));
    (!other).then_some(false)
}

/// Waits whose first argument is an epoll set.
const EPOLL: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
];

/// Waits of which procfs does not tell for what.
const OTHERS: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
    libc::SYS_pselect6,
    libc::SYS_io_uring_enter,
];

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    fn ring(fd: u32, map_id: u32, max_entries: u64) -> MapFd {
        MapFd { fd, map_type: sys::MAP_TYPE_RINGBUF, map_id, max_entries }
    }

    /// The mappings of a reader.
    fn reader(max_entries: u64) -> [Mapped; 2] {
        [
            Mapped { len: PAGE, offset: 0, writable: true },
            Mapped { len: PAGE + 2 * max_entries, offset: PAGE, writable: false },
        ]
    }

    #[test]
    fn a_reader_is_known_by_its_mappings() {
        let fds = Fds { maps: vec![ring(5, 57, 8192), ring(6, 58, 4096)], epolls: vec![] };
        let mapped = reader(8192);
        assert_eq!(writes(&fds, &mapped, 57, &[], PAGE), Some(true));
        assert_eq!(writes(&fds, &mapped, 58, &[], PAGE), Some(false), "its data is not");
        // Another way to map: all of it to read, and the page to write.
        let whole = [mapped[0], Mapped { len: 2 * PAGE + 2 * 8192, offset: 0, writable: false }];
        assert_eq!(writes(&fds, &whole, 57, &[], PAGE), None, "of this ring, or of another");
        assert_eq!(writes(&fds, &whole, 57, &[4], PAGE), None);
        assert_eq!(writes(&fds, &mapped[1..], 57, &[], PAGE), Some(false));
        assert_eq!(writes(&fds, &[], 57, &[], PAGE), Some(false));
    }

    #[test]
    fn of_two_rings_of_one_size_the_watched_one_is_read() {
        let fds = Fds { maps: vec![ring(5, 57, 8192), ring(6, 58, 8192)], epolls: vec![] };
        let one = reader(8192);
        assert_eq!(writes(&fds, &one, 57, &[], PAGE), None);
        assert_eq!(writes(&fds, &one, 57, &[4], PAGE), Some(true));
        let both = [one, one].concat();
        assert_eq!(writes(&fds, &both, 58, &[], PAGE), Some(true));
    }

    /// A reader may close the descriptor.
    #[test]
    fn more_mappings_than_descriptors_are_of_other_rings() {
        let fds = Fds { maps: vec![ring(5, 57, 8192)], epolls: vec![] };
        let mapped = [reader(8192), reader(8192)].concat();
        let unnamed =
            |mapped: &[Mapped], size| has_unnamed(&fds, mapped, RingKind::Ring, size, PAGE);
        assert!(unnamed(&mapped, 8192));
        assert!(!unnamed(&mapped[..2], 8192), "the named one");
        assert!(!unnamed(&mapped, 4096), "another size");
        assert!(!has_unnamed(&fds, &mapped, RingKind::UserRing, 8192, PAGE), "not writable");
    }

    /// Global variables of a program are mapped writable, too.
    #[test]
    fn a_page_of_another_map_is_not_a_reader() {
        let fds = Fds { maps: vec![ring(5, 57, 8192)], epolls: vec![] };
        let globals = [Mapped { len: PAGE, offset: 0, writable: true }];
        assert_eq!(writes(&fds, &globals, 57, &[], PAGE), Some(false));
    }

    #[test]
    fn the_producer_of_a_user_ring_maps_the_rest_writable() {
        let user = MapFd { map_type: sys::MAP_TYPE_USER_RINGBUF, ..ring(5, 57, 8192) };
        let fds = Fds { maps: vec![user], epolls: vec![] };
        let mapped = reader(8192).map(|map| Mapped { writable: !map.writable, ..map });
        assert_eq!(writes(&fds, &mapped, 57, &[], PAGE), Some(true));
        assert_eq!(writes(&fds, &reader(8192), 57, &[], PAGE), Some(false));
    }

    #[test]
    fn a_wait_is_told_by_its_epoll_set() {
        let wait = libc::SYS_epoll_pwait;
        assert_eq!(waiting(&[(wait, 4)], &[4]), Some(true));
        assert_eq!(waiting(&[(wait, 9)], &[4]), Some(false));
        assert_eq!(waiting(&[(libc::SYS_ppoll, 9)], &[4]), None);
        assert_eq!(waiting(&[], &[]), Some(false));
    }
}
