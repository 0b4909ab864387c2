//! A ring buffer map of either type, checked once at the door, mapped and
//! claimed.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use memmap2::{MmapOptions, MmapRaw};
use ringbuf_core::{Capacity, Width};

use crate::claim::Claim;
use crate::door::Kind;
use crate::owner::{Owner, Process};
use crate::sleep::Sleeper;
use crate::sys::{self, MapInfo, NotReadable};
use crate::{OpenError, width};

/// A map that passed the door, mapped and claimed.
pub(crate) struct Opened {
    pub(crate) maps: Maps,
    pub(crate) info: MapInfo,
    pub(crate) capacity: Capacity,
    pub(crate) width: Width,
}

/// Whether this process is to be refused a second consumer or producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claiming {
    /// As safe code must.
    Once,
    /// As an unsafe opening may: its caller vouches for C1 or P1.
    Never,
}

impl Opened {
    /// Checks and maps what is behind `fd`, which is ours: what is checked is
    /// what is mapped.
    pub(crate) fn new(fd: OwnedFd, kind: Kind, claiming: Claiming) -> Result<Self, OpenError> {
        let info = sys::info(&fd).map_err(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => OpenError::NotAMap,
            Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
                operation: "ask the kernel about this map".to_owned(),
                advice: "before Linux 5.19 this needs CAP_BPF, or \
                         kernel.unprivileged_bpf_disabled=0; in a container, let the seccomp \
                         filter permit bpf()",
            },
            _ => OpenError::system("ask the kernel about this map".to_owned(), error),
        })?;
        sys::is_map(&fd).map_err(|why| match why {
            NotReadable::NotAMap => OpenError::NotAMap,
            NotReadable::WriteOnly => OpenError::WriteOnlyFd { id: info.id },
        })?;
        let page = sys::page_size();
        let capacity = geometry(&info, page, kind)?;
        let width = width::kernel_width()?;
        let owner = Owner::current().map_err(no_owner)?;
        let claim = match claiming {
            Claiming::Once => {
                let process = Process::current().map_err(no_owner)?;
                Some(Claim::new(info.id, kind, process)?)
            }
            Claiming::Never => None,
        };
        let maps = Maps::new(fd, info.id, capacity, page, kind, owner, claim)?;
        Ok(Self { maps, info, capacity, width })
    }
}

/// Whether a map can be opened as this kind, and how large it is.
fn geometry(info: &MapInfo, page: usize, kind: Kind) -> Result<Capacity, OpenError> {
    let map_type = info.map_type;
    if map_type != kind.map_type() {
        return Err(match kind {
            Kind::Ring | Kind::OverwriteRing => OpenError::WrongType { map_type, id: info.id },
            Kind::UserRing => OpenError::NotAUserRing { map_type, id: info.id },
        });
    }
    match (kind, info.map_flags & sys::F_RB_OVERWRITE != 0) {
        (Kind::Ring | Kind::UserRing, true) => return Err(OpenError::Overwrite { id: info.id }),
        (Kind::OverwriteRing, false) => return Err(OpenError::NotOverwriting { id: info.id }),
        _ => {}
    }
    Capacity::new(info.max_entries.into(), page as u64).map_err(OpenError::Capacity)
}

/// The two mappings, the descriptor behind them, and the claim that they are the
/// only ones here.
///
/// A child of `fork` inherits the mappings: it may unmap its own copies, and reading
/// cannot fault. [`Owner`] says whether it may do more.
#[derive(Debug)]
pub(crate) struct Maps {
    consumer: MmapRaw,
    rest: MmapRaw,
    page: usize,
    pub(crate) owner: Owner,
    pub(crate) sleeper: Sleeper,
    claim: Mutex<Option<Claim>>,
}

impl Maps {
    /// Maps the pages that user space writes first: if that fails, the kernel's answer
    /// tells what is wrong with the descriptor.
    fn new(
        fd: OwnedFd,
        id: u32,
        capacity: Capacity,
        page: usize,
        kind: Kind,
        owner: Owner,
        claim: Option<Claim>,
    ) -> Result<Self, OpenError> {
        let file = fd.as_raw_fd();
        let rest_len = usize::try_from(capacity.bytes())
            .ok()
            .and_then(|size| size.checked_mul(2)?.checked_add(page))
            .ok_or_else(|| {
                let source = io::Error::other("it is larger than the address space");
                OpenError::refused(format!("map a ring of {capacity}"), source, "")
            })?;
        let not_mapped = |error| not_mapped(capacity, error);
        let not_writable = |error: io::Error| match error.raw_os_error() {
            Some(libc::EACCES) if !sys::is_writable(&fd) => OpenError::ReadOnlyFd { id },
            Some(libc::EPERM) if sys::is_frozen(&fd) => OpenError::Frozen { id },
            _ => not_mapped(error),
        };
        let (mut first, mut rest) = (MmapOptions::new(), MmapOptions::new());
        first.len(page);
        rest.offset(page as u64).len(rest_len);
        let (consumer, rest, events) = match kind {
            Kind::Ring | Kind::OverwriteRing => {
                let consumer = first.map_raw(file).map_err(not_writable)?;
                let rest = rest.map_raw_read_only(file).map_err(not_mapped)?;
                (consumer, rest, libc::EPOLLIN)
            }
            Kind::UserRing => {
                let rest = rest.map_raw(file).map_err(not_writable)?;
                let consumer = first.map_raw_read_only(file).map_err(not_mapped)?;
                (consumer, rest, libc::EPOLLOUT)
            }
        };
        Ok(Self {
            consumer,
            rest,
            page,
            owner,
            sleeper: Sleeper::new(fd, events),
            claim: Mutex::new(claim),
        })
    }

    /// Consumer page, producer page, data.
    pub(crate) fn places(&self) -> [NonNull<u8>; 3] {
        let rest = self.rest.as_mut_ptr();
        [self.consumer.as_mut_ptr(), rest, rest.wrapping_add(self.page)].map(|place| {
            // SAFETY: a mapping is never at address 0, and the data begins a
            // page into one of a page and more.
            unsafe { NonNull::new_unchecked(place) }
        })
    }

    /// Takes the place of `others`, mappings of the same map from another process. They
    /// no longer own it, in any process.
    pub(crate) fn succeed(&self, others: &Self) {
        others.owner.resign();
        let taken = others.claim.lock().unwrap_or_else(PoisonError::into_inner).take();
        *self.claim.lock().unwrap_or_else(PoisonError::into_inner) = taken;
    }
}

impl ringbuf_core::StoreOrder for Maps {
    /// x86 and s390x. Others show stores in another order.
    fn is_tso(&self) -> bool {
        cfg!(any(target_arch = "x86_64", target_arch = "x86", target_arch = "s390x"))
    }
}

fn no_owner(error: io::Error) -> OpenError {
    let operation = "map the page that tells a child of fork from its parent (mmap)".to_owned();
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
            operation,
            advice: "a sandbox refuses it: let its seccomp filter permit mmap() of shared memory, \
                     and madvise()",
        },
        Some(libc::ENOMEM) => OpenError::refused(
            operation,
            error,
            "free memory, or raise the limits of this process (`ulimit -v`, \
             vm.max_map_count) and of its cgroup (memory.max)",
        ),
        _ => OpenError::system(operation, error),
    }
}

pub(crate) fn not_mapped(capacity: Capacity, error: io::Error) -> OpenError {
    let operation = format!("map a ring of {capacity} (mmap)");
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
            operation,
            advice: "a sandbox refuses it: let its seccomp filter, or SELinux, permit mmap() of \
                     BPF maps",
        },
        Some(libc::ENOMEM) => OpenError::refused(
            operation,
            error,
            "it takes two times its size of addresses: raise the limits of this process \
             (`ulimit -v`, vm.max_map_count)",
        ),
        Some(libc::EAGAIN) => OpenError::refused(
            operation,
            error,
            "this process locks its memory (mlockall): raise RLIMIT_MEMLOCK (`ulimit -l`)",
        ),
        _ => OpenError::system(operation, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringbuf_core::CapacityError;

    fn info(map_type: u32, max_entries: u32, map_flags: u32) -> MapInfo {
        MapInfo { map_type, id: 7, max_entries, map_flags, ..MapInfo::default() }
    }

    #[test]
    fn only_plain_rings_of_sound_size_pass_the_door() {
        let ring = sys::MAP_TYPE_RINGBUF;
        assert_eq!(geometry(&info(ring, 8192, 0), 4096, Kind::Ring).unwrap().bytes(), 8192);
        // BPF_F_NUMA_NODE does no harm.
        assert!(geometry(&info(ring, 8192, 1 << 2), 4096, Kind::Ring).is_ok());
        assert!(matches!(
            geometry(&info(ring, 8192, sys::F_RB_OVERWRITE), 4096, Kind::Ring),
            Err(OpenError::Overwrite { id: 7 })
        ));
        assert!(matches!(
            geometry(&info(sys::MAP_TYPE_USER_RINGBUF, 8192, 0), 4096, Kind::Ring),
            Err(OpenError::WrongType { map_type: sys::MAP_TYPE_USER_RINGBUF, .. })
        ));
        assert!(matches!(
            geometry(&info(ring, 4096, 0), 65536, Kind::Ring),
            Err(OpenError::Capacity(CapacityError::BelowPage { .. }))
        ));
        assert!(matches!(
            geometry(&info(ring, 12288, 0), 4096, Kind::Ring),
            Err(OpenError::Capacity(CapacityError::NotPowerOfTwo { .. }))
        ));
    }

    #[test]
    fn only_overwriting_rings_pass_their_door() {
        let ring = sys::MAP_TYPE_RINGBUF;
        let geometry = |info| geometry(&info, 4096, Kind::OverwriteRing);
        assert_eq!(geometry(info(ring, 8192, sys::F_RB_OVERWRITE)).unwrap().bytes(), 8192);
        let error = geometry(info(ring, 8192, 0)).unwrap_err();
        assert!(matches!(error, OpenError::NotOverwriting { id: 7 }), "{error:?}");
        assert!(error.to_string().contains("open it with RingBuf"), "{error}");
        let error = geometry(info(2, 8192, 0)).unwrap_err();
        assert!(matches!(error, OpenError::WrongType { map_type: 2, .. }), "{error:?}");
    }

    #[test]
    fn only_user_rings_of_sound_size_pass_the_other_door() {
        let user = sys::MAP_TYPE_USER_RINGBUF;
        let geometry = |info, page| geometry(&info, page, Kind::UserRing);
        assert_eq!(geometry(info(user, 8192, 0), 4096).unwrap().bytes(), 8192);
        for (map_type, hint) in [(sys::MAP_TYPE_RINGBUF, "with RingBuf"), (2, "of type 2 (array)")]
        {
            let error = geometry(info(map_type, 8192, 0), 4096).unwrap_err();
            assert!(matches!(error, OpenError::NotAUserRing { .. }), "{error:?}");
            assert!(error.to_string().contains(hint), "{error}");
        }
        assert!(matches!(geometry(info(user, 4096, 0), 65536), Err(OpenError::Capacity(_))));
    }
}
