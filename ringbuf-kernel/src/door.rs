//! The ways to a map's descriptor, with an error for each way to miss it.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ringbuf_core::Capacity;

use crate::{OpenError, sys};

/// The two map types, and so the two roles of user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `BPF_MAP_TYPE_RINGBUF`: user space consumes.
    Ring,
    /// `BPF_MAP_TYPE_USER_RINGBUF`: user space produces.
    UserRing,
}

impl Kind {
    /// The type, as a number of `enum bpf_map_type`.
    pub(crate) const fn map_type(self) -> u32 {
        match self {
            Self::Ring => sys::MAP_TYPE_RINGBUF,
            Self::UserRing => sys::MAP_TYPE_USER_RINGBUF,
        }
    }

    /// The release of Linux that brought the type.
    pub(crate) const fn since(self) -> (u32, u32) {
        match self {
            Self::Ring => (5, 8),
            Self::UserRing => (6, 1),
        }
    }
}

/// A descriptor of the same map, which is ours.
pub(crate) fn duplicate(fd: impl AsFd) -> Result<OwnedFd, OpenError> {
    let fd = fd.as_fd().try_clone_to_owned();
    fd.map_err(|error| OpenError::system("duplicate the descriptor", error))
}

/// The map with this id.
pub(crate) fn by_id(id: u32) -> Result<OwnedFd, OpenError> {
    sys::get_by_id(id).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT) => OpenError::NoSuchId { id },
        Some(libc::EPERM) => OpenError::Privilege {
            operation: "open a BPF map by its id",
            needs: "CAP_SYS_ADMIN: run as root, or open the map by a pinned path",
        },
        _ => OpenError::system("open the map by its id", error),
    })
}

/// The map that is pinned at `path`.
pub(crate) fn by_pin(path: &Path) -> Result<OwnedFd, OpenError> {
    let no_pin = || OpenError::NoSuchPin { path: path.to_owned() };
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| no_pin())?;
    sys::get_pinned(&name).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => no_pin(),
        // The kernel says EACCES of a file that is no pin at all.
        Some(libc::EACCES) if !sys::is_in_bpffs(&name) => no_pin(),
        Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
            operation: "open what is pinned at this path",
            needs: "a path in bpffs with read and write permission for this user, and CAP_BPF \
                    where unprivileged BPF is disabled",
        },
        _ => OpenError::system("open the pinned map", error),
    })
}

/// A new map of `bytes`.
pub(crate) fn create(kind: Kind, bytes: u64) -> Result<OwnedFd, OpenError> {
    let capacity = Capacity::new(bytes, sys::page_size() as u64).map_err(OpenError::Capacity)?;
    let max_entries = u32::try_from(capacity.bytes()).unwrap_or(u32::MAX);
    let created = sys::create_ring(kind.map_type(), max_entries, c"ringbuf");
    created.map_err(|error| creation_error(kind, error))
}

fn creation_error(kind: Kind, error: std::io::Error) -> OpenError {
    match error.raw_os_error() {
        Some(libc::EPERM) => OpenError::Privilege {
            operation: "create a BPF map",
            needs: "CAP_BPF (or root); before Linux 5.11 also a large enough \
                    RLIMIT_MEMLOCK (`ulimit -l unlimited`)",
        },
        // The size is sound, so it is the type that is unknown.
        Some(libc::EINVAL | libc::ENOSYS) => OpenError::UnsupportedKernel { since: kind.since() },
        _ => OpenError::system("create a ring buffer map", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_type_names_the_release_that_brought_it() {
        for (kind, text) in [
            (Kind::Ring, "no ring buffer maps: they need Linux 5.8"),
            (Kind::UserRing, "no user ring buffer maps: they need Linux 6.1"),
        ] {
            for errno in [libc::EINVAL, libc::ENOSYS] {
                let error = creation_error(kind, std::io::Error::from_raw_os_error(errno));
                assert!(matches!(error, OpenError::UnsupportedKernel { .. }), "{error:?}");
                assert!(error.to_string().contains(text), "{error}");
            }
        }
    }
}
