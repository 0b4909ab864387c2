//! The ways to a map's descriptor, with an error for each way to miss it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ringbuf_core::Capacity;

use crate::OpenError;
use crate::sys::{self, Creation};

/// What a map is to user space: its type, and for a ring buffer its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `BPF_MAP_TYPE_RINGBUF`: user space consumes.
    Ring,
    /// The same with `BPF_F_RB_OVERWRITE`: user space reads what producers keep.
    OverwriteRing,
    /// `BPF_MAP_TYPE_USER_RINGBUF`: user space produces.
    UserRing,
}

impl Kind {
    /// The type, as a number of `enum bpf_map_type`.
    pub(crate) const fn map_type(self) -> u32 {
        match self {
            Self::Ring | Self::OverwriteRing => sys::MAP_TYPE_RINGBUF,
            Self::UserRing => sys::MAP_TYPE_USER_RINGBUF,
        }
    }

    /// How people call a map of this type.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring buffer map",
            Self::OverwriteRing => "ring buffer map in overwrite mode",
            Self::UserRing => "user ring buffer map",
        }
    }

    /// The flags that it is created with.
    pub(crate) const fn flags(self) -> u32 {
        match self {
            Self::OverwriteRing => sys::F_RB_OVERWRITE,
            Self::Ring | Self::UserRing => 0,
        }
    }

    /// The release of Linux that brought the type or the mode.
    pub(crate) const fn since(self) -> (u32, u32) {
        match self {
            Self::Ring => (5, 8),
            Self::OverwriteRing => (6, 19),
            Self::UserRing => (6, 1),
        }
    }
}

/// A descriptor of the same map, which is ours.
pub(crate) fn duplicate(fd: impl AsFd) -> Result<OwnedFd, OpenError> {
    let fd = fd.as_fd().try_clone_to_owned();
    fd.map_err(|error| match error.raw_os_error() {
        // The limit of open files leaves no number at all.
        Some(libc::EINVAL) => OpenError::system(
            "duplicate the descriptor".to_owned(),
            io::Error::from_raw_os_error(libc::EMFILE),
        ),
        _ => OpenError::system("duplicate the descriptor".to_owned(), error),
    })
}

/// The map with this id.
pub(crate) fn by_id(id: u32) -> Result<OwnedFd, OpenError> {
    let operation = || format!("open the BPF map with the id {id}");
    sys::get_by_id(id).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT) => OpenError::NoSuchId { id },
        Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
            operation: operation(),
            advice: "run as root or with CAP_SYS_ADMIN, or open the map by a pinned path; in a \
                     container, let the seccomp filter permit bpf()",
        },
        _ => OpenError::system(operation(), error),
    })
}

/// The map that is pinned at `path`.
pub(crate) fn by_pin(path: &Path) -> Result<OwnedFd, OpenError> {
    let no_pin = || OpenError::NoSuchPin { path: path.to_owned() };
    let operation = || format!("open what is pinned at \"{}\"", path.display());
    let bad_path = |problem| OpenError::PinPath { path: path.to_owned(), problem };
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() {
        return Err(bad_path("is empty"));
    }
    let name = CString::new(bytes).map_err(|_| bad_path("has a NUL byte in it"))?;
    let dotted = path.file_name().is_some_and(|name| name.as_bytes().contains(&b'.'));
    let closed = |error: io::Error| error.raw_os_error() == Some(libc::EACCES);
    sys::get_pinned(&name).map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => bad_path("has too many symbolic links, or a loop of them"),
        Some(libc::ENAMETOOLONG) => bad_path("is too long"),
        Some(libc::ENOENT | libc::ENOTDIR) => no_pin(),
        Some(libc::EPERM) if dotted && folder_is_in_bpffs(path) == Some(true) => {
            bad_path("ends with a name with a dot, and bpffs has none")
        }
        // The kernel answers EACCES for a directory, and for a file outside bpffs.
        Some(libc::EACCES) if path.is_dir() => {
            OpenError::NotAMapPin { path: path.to_owned(), found: "a directory" }
        }
        Some(libc::EACCES) if sys::is_in_bpffs(&name).is_ok_and(|within| !within) => no_pin(),
        Some(libc::EACCES) if sys::is_in_bpffs(&name).is_err_and(closed) => OpenError::Privilege {
            operation: operation(),
            advice: "this user may not enter a folder on the way (it needs the permission x of \
                     each one): change the folder's mode, or run as its owner or as root",
        },
        Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
            operation: operation(),
            advice: "this user needs read and write permission on the pin, and CAP_BPF where \
                     unprivileged BPF is disabled; in a container, let the seccomp filter permit \
                     bpf()",
        },
        _ => OpenError::system(operation(), error),
    })
}

/// Pins a map at `path`. `what` is its name in an error text.
///
/// # Errors
/// `None` if something is pinned there already.
pub(crate) fn pin(map: impl AsFd, path: &Path, what: &str) -> Result<(), Option<OpenError>> {
    let bytes = path.as_os_str().as_bytes();
    let bad_path = |problem| OpenError::PinPath { path: path.to_owned(), problem };
    let name = CString::new(bytes).map_err(|_| bad_path("has a NUL byte in it"))?;
    sys::pin(map, &name).map_err(|error| {
        if error.raw_os_error() == Some(libc::EEXIST) {
            return None;
        }
        let advice = match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => "make its folder first",
            Some(libc::EPERM | libc::EACCES) if folder_is_in_bpffs(path) == Some(false) => {
                "this is not in bpffs: choose a place below /sys/fs/bpf, or mount one \
                 (`mount -t bpf bpf FOLDER`)"
            }
            Some(libc::EPERM | libc::EACCES) => {
                "this user needs write permission on the folder, and CAP_BPF where unprivileged \
                 BPF is disabled; in a container, let the seccomp filter permit bpf()"
            }
            _ => "",
        };
        let operation = format!("pin {what} at \"{}\"", path.display());
        Some(match advice {
            "" => OpenError::system(operation, error),
            _ => OpenError::refused(operation, error, advice),
        })
    })
}

/// Whether the folder of `path` is in bpffs, if that is known.
fn folder_is_in_bpffs(path: &Path) -> Option<bool> {
    let folder = path.parent()?.as_os_str().as_bytes();
    let folder = CString::new(if folder.is_empty() { b".".as_slice() } else { folder });
    sys::is_in_bpffs(&folder.ok()?).ok()
}

/// Why what is pinned at `path` cannot be opened as a ring.
pub(crate) fn pinned(path: &Path, error: OpenError) -> OpenError {
    match error {
        OpenError::NotAMap => OpenError::NotAMapPin {
            path: path.to_owned(),
            found: "a BPF program, link or BTF object",
        },
        other => other,
    }
}

/// A new map, of the kind and capacity that `creation` says.
pub(crate) fn create(
    kind: Kind,
    capacity: Capacity,
    creation: &Creation,
) -> Result<OwnedFd, OpenError> {
    sys::create(creation).map_err(|error| {
        let invalid = |error: &io::Error| error.raw_os_error() == Some(libc::EINVAL);
        // The size is sound. Either the type is unknown, or an option is refused.
        let flags = kind.flags();
        let plain = Creation { map_flags: flags, numa_node: None, token: None, ..creation.clone() };
        let options = creation.options(flags);
        let refused = invalid(&error)
            && !options.is_empty()
            && !sys::create(&plain).is_err_and(|error| invalid(&error));
        creation_error(kind, &format!("{capacity}{options}"), refused, error)
    })
}

/// Why a map was not created. `what` is its size, and the options after it.
fn creation_error(kind: Kind, what: &str, refused: bool, error: io::Error) -> OpenError {
    let operation = format!("create a {} of {what}", kind.name());
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
            operation,
            advice: "run as root or with CAP_BPF; before Linux 5.11 raise RLIMIT_MEMLOCK, too \
                     (`ulimit -l unlimited`); in a container, let the seccomp filter permit bpf()",
        },
        Some(libc::EINVAL) if !refused => OpenError::UnsupportedKernel { since: kind.since() },
        Some(libc::EINVAL) => OpenError::refused(
            operation,
            error,
            "this kernel refuses one of these options: try without it",
        ),
        Some(libc::E2BIG) => OpenError::refused(
            operation,
            error,
            "this kernel does not know one of these options (BPF tokens need Linux 6.9)",
        ),
        Some(libc::ENOMEM) => OpenError::refused(
            operation,
            error,
            "the kernel allocates all of it at once: ask for a smaller ring, free memory, or \
             raise the memory limit of this cgroup (memory.max)",
        ),
        _ => OpenError::system(operation, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errno(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn an_unknown_type_names_the_release_that_brought_it() {
        for (kind, text) in [
            (Kind::Ring, "no ring buffer maps: they need Linux 5.8"),
            (Kind::UserRing, "no user ring buffer maps: they need Linux 6.1"),
            (Kind::OverwriteRing, "no ring buffer maps in overwrite mode (BPF_F_RB_OVERWRITE)"),
            (Kind::OverwriteRing, "they need Linux 6.19 or later"),
        ] {
            let error = creation_error(kind, "64 KiB", false, errno(libc::EINVAL));
            assert!(matches!(error, OpenError::UnsupportedKernel { .. }), "{error:?}");
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    /// Each names the size, what is wrong and what to do.
    #[test]
    fn refusals_to_create_name_the_size_and_the_causes() {
        for (number, refused, text) in [
            (libc::EPERM, false, "root or with CAP_BPF"),
            (libc::EACCES, false, "seccomp filter permit bpf()"),
            (libc::ENOMEM, false, "memory.max"),
            (libc::EINVAL, true, "try without it"),
            (libc::EMFILE, false, "ulimit -n"),
            (libc::E2BIG, false, "need Linux 6.9"),
        ] {
            let error = creation_error(Kind::UserRing, "64 KiB", refused, errno(number));
            let said = error.to_string();
            assert!(said.contains("create a user ring buffer map of 64 KiB"), "{said}");
            assert!(said.contains(text), "{said}");
        }
        let error = creation_error(Kind::Ring, "64 KiB", false, errno(libc::ENOSYS));
        assert!(matches!(error, OpenError::NoBpf), "{error}");
    }
}
