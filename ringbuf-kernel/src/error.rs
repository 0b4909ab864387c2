//! [`OpenError`]: why a ring could not be opened, and what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use ringbuf_core::{CapacityError, Corrupt};

use crate::LeftOpen;
use crate::door::Kind;
use crate::sys;

/// Why a ring buffer map could not be opened or created. The text says what to
/// do about it.
#[non_exhaustive]
pub enum OpenError {
    /// The file descriptor is not open (`EBADF`).
    ClosedFd,
    /// The file descriptor is open, but not a BPF map.
    NotAMap,
    /// The map's type is not `BPF_MAP_TYPE_RINGBUF`, which
    /// [`RingBuf`](crate::RingBuf) reads.
    #[non_exhaustive]
    WrongType {
        /// The type, as a number of `enum bpf_map_type`.
        map_type: u32,
        /// The id of the map.
        id: u32,
    },
    /// The map's type is not `BPF_MAP_TYPE_USER_RINGBUF`, which
    /// [`UserRingBuf`](crate::UserRingBuf) writes.
    #[non_exhaustive]
    NotAUserRing {
        /// The type, as a number of `enum bpf_map_type`.
        map_type: u32,
        /// The id of the map.
        id: u32,
    },
    /// The ring is in overwrite mode (`BPF_F_RB_OVERWRITE`, 6.19): producers write over
    /// unread records, so a borrowed sample could change.
    /// [`OverwriteRing`](crate::OverwriteRing) reads it.
    #[non_exhaustive]
    Overwrite {
        /// The id of the map.
        id: u32,
    },
    /// The ring is not in overwrite mode, which [`OverwriteRing`](crate::OverwriteRing)
    /// reads.
    #[non_exhaustive]
    NotOverwriting {
        /// The id of the map.
        id: u32,
    },
    /// This processor does not show stores in program order, so the reader of a ring in
    /// overwrite mode needs a [`Validator`](crate::Validator).
    NeedsValidator,
    /// The file descriptor was opened with `BPF_F_RDONLY`.
    #[non_exhaustive]
    ReadOnlyFd {
        /// The id of the map.
        id: u32,
    },
    /// The file descriptor was opened with `BPF_F_WRONLY`.
    #[non_exhaustive]
    WriteOnlyFd {
        /// The id of the map.
        id: u32,
    },
    /// The file descriptor was opened with `BPF_F_RDONLY` or `BPF_F_WRONLY`. The kernel maps
    /// no page of such a map, not even to read it.
    #[non_exhaustive]
    UnmappableFd {
        /// The id of the map.
        id: u32,
    },
    /// The map is neither a ring buffer nor a user ring buffer.
    #[non_exhaustive]
    NotARing {
        /// The type, as a number of `enum bpf_map_type`.
        map_type: u32,
        /// The id of the map.
        id: u32,
    },
    /// The ring is in overwrite mode (`BPF_F_RB_OVERWRITE`, 6.19). An observer sees its
    /// positions only, because it cannot check whether a copy of its records is whole.
    #[non_exhaustive]
    OnlyPositions {
        /// The id of the map.
        id: u32,
    },
    /// The map is frozen (`BPF_MAP_FREEZE`): its pages can no longer be mapped
    /// writable.
    #[non_exhaustive]
    Frozen {
        /// The id of the map.
        id: u32,
    },
    /// No ring buffer map can have this size.
    Capacity(CapacityError),
    /// No map can have this name.
    #[non_exhaustive]
    MapName {
        /// The name asked for.
        name: String,
    },
    /// Not permitted.
    #[non_exhaustive]
    Privilege {
        /// What was tried.
        operation: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// No map has this id.
    #[non_exhaustive]
    NoSuchId {
        /// The id.
        id: u32,
    },
    /// Nothing is pinned at this path, or the path is not in bpffs.
    #[non_exhaustive]
    NoSuchPin {
        /// The path.
        path: PathBuf,
    },
    /// No pin can be opened by this path.
    #[non_exhaustive]
    PinPath {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The thing at this path is not a map.
    #[non_exhaustive]
    NotAMapPin {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// This process already has a consumer of this map.
    #[non_exhaustive]
    SecondConsumer {
        /// The id of the map.
        id: u32,
    },
    /// This process already has a producer of this user ring buffer map.
    #[non_exhaustive]
    SecondProducer {
        /// The id of the map.
        id: u32,
    },
    /// An earlier producer of this user ring ended with reservations open: every
    /// drain stops there. [`LeftOpen::recover`] discards them.
    LeftOpen(LeftOpen),
    /// The system call bpf(2) is not available (`ENOSYS`): the kernel was built without
    /// it, or a sandbox hides it.
    NoBpf,
    /// The kernel has no maps of this type, or of this mode.
    #[non_exhaustive]
    UnsupportedKernel {
        /// The release of Linux that brought them: `(5, 8)` for ring buffers,
        /// `(6, 1)` for user ring buffers, `(6, 19)` for overwrite mode.
        since: (u32, u32),
    },
    /// The positions in the map are out of range.
    Corrupt(Corrupt),
    /// The system refused something for another reason.
    #[non_exhaustive]
    System {
        /// What was tried.
        operation: String,
        /// What the system reported.
        source: io::Error,
        /// What to do about it; empty if that is not known.
        advice: &'static str,
    },
}

impl OpenError {
    /// An error of the system, by its errno where that has one meaning.
    pub(crate) fn system(operation: String, source: io::Error) -> Self {
        match source.raw_os_error() {
            // Some kernels answer EBADFD where others answer EBADF.
            Some(libc::EBADF | libc::EBADFD) => Self::ClosedFd,
            Some(libc::ENOSYS) => Self::NoBpf,
            Some(libc::EMFILE | libc::ENFILE) => {
                Self::refused(operation, source, "raise the limit of open files (`ulimit -n`)")
            }
            _ => Self::refused(operation, source, ""),
        }
    }

    /// An error of the system, with what to do about it.
    pub(crate) fn refused(operation: String, source: io::Error, advice: &'static str) -> Self {
        Self::System { operation, source, advice }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedFd => {
                f.write_str("the file descriptor is not open: keep the loader's object alive")
            }
            Self::NotAMap => f.write_str(
                "the file descriptor is not a BPF map: pass the map's own descriptor, \
                 not that of a program, link or file",
            ),
            Self::WrongType { map_type: sys::MAP_TYPE_USER_RINGBUF, id } => write!(
                f,
                "map {id} is a user ring buffer (BPF_MAP_TYPE_USER_RINGBUF): user space \
                 produces into it and a BPF program drains it: open it with UserRingBuf",
            ),
            Self::WrongType { map_type, id } => write!(
                f,
                "map {id} is not a ring buffer, but of type {map_type} ({}): \
                 open one of type BPF_MAP_TYPE_RINGBUF ({})",
                type_name(*map_type),
                sys::MAP_TYPE_RINGBUF
            ),
            Self::NotAUserRing { map_type: sys::MAP_TYPE_RINGBUF, id } => write!(
                f,
                "map {id} is a ring buffer (BPF_MAP_TYPE_RINGBUF): BPF programs produce into it \
                 and user space reads it: open it with RingBuf",
            ),
            Self::NotAUserRing { map_type, id } => write!(
                f,
                "map {id} is not a user ring buffer, but of type {map_type} ({}): \
                 open one of type BPF_MAP_TYPE_USER_RINGBUF ({})",
                type_name(*map_type),
                sys::MAP_TYPE_USER_RINGBUF
            ),
            Self::Overwrite { id } => write!(
                f,
                "ring buffer map {id} is in overwrite mode (BPF_F_RB_OVERWRITE): producers write \
                 over unread records, so it cannot be read in place; open it with OverwriteRing",
            ),
            Self::NotOverwriting { id } => write!(
                f,
                "ring buffer map {id} is not in overwrite mode (BPF_F_RB_OVERWRITE): open it with \
                 RingBuf",
            ),
            Self::NeedsValidator => f.write_str(
                "this processor does not show stores in program order, so a copy from a ring in \
                 overwrite mode may be torn: open it with OverwriteRing::over and a validator that \
                 checks each sample, or stop the programs before you read",
            ),
            Self::ReadOnlyFd { id } => write!(
                f,
                "the file descriptor of map {id} is read-only (BPF_F_RDONLY), and both a reader \
                 and a producer store a position; open the map without the flag",
            ),
            Self::WriteOnlyFd { id } => write!(
                f,
                "the file descriptor of map {id} is write-only (BPF_F_WRONLY): open the map \
                 without the flag",
            ),
            Self::UnmappableFd { id } => write!(
                f,
                "the file descriptor of map {id} is read-only or write-only (BPF_F_RDONLY, \
                 BPF_F_WRONLY), and the kernel maps no page of such a map: open the map without \
                 these flags, for example by its id or pin",
            ),
            Self::NotARing { map_type, id } => write!(
                f,
                "map {id} is neither a ring buffer nor a user ring buffer, but of type {map_type} \
                 ({}): `ringbuf list` shows the rings, and `bpftool map list` all maps",
                type_name(*map_type),
            ),
            Self::OnlyPositions { id } => write!(
                f,
                "ring buffer map {id} is in overwrite mode (BPF_F_RB_OVERWRITE): producers write \
                 over its records at any time, so only its positions can be observed",
            ),
            Self::Frozen { id } => write!(
                f,
                "map {id} is frozen (BPF_MAP_FREEZE): its pages can no longer be mapped writable; \
                 open the ring before freezing it, or do not freeze it",
            ),
            Self::Capacity(error) => error.fmt(f),
            Self::MapName { name } => {
                write!(f, "a map cannot be named {name:?}: use ASCII letters, digits, '_' and '.'")
            }
            Self::Privilege { operation, advice } => {
                write!(f, "not permitted to {operation}: {advice}")
            }
            Self::NoSuchId { id } => write!(
                f,
                "no BPF map has the id {id}: `ringbuf list` shows the rings, and `bpftool map list` \
                 all maps; the kernel frees a map when no descriptor, pin or program uses it"
            ),
            Self::NoSuchPin { path } => write!(
                f,
                "nothing is pinned at \"{}\": check the path, and that bpffs is mounted there \
                 (`mount -t bpf bpf /sys/fs/bpf`)",
                path.display()
            ),
            Self::PinPath { path, problem } => write!(
                f,
                "could not open what is pinned at {path:?}: the path {problem}; give the path of \
                 the map's own pin"
            ),
            Self::NotAMapPin { path, found } => write!(
                f,
                "\"{}\" is {found}, not a pinned map: give the path of the map's own pin",
                path.display()
            ),
            Self::SecondConsumer { id } => write!(
                f,
                "this process already reads ring buffer map {id}: a ring has one consumer; \
                 drop the other, or share it"
            ),
            Self::SecondProducer { id } => write!(
                f,
                "this process already produces into user ring buffer map {id}: a ring has one \
                 producer; drop the other, or share it"
            ),
            Self::LeftOpen(left) => left.fmt(f),
            Self::NoBpf => f.write_str(
                "the system call bpf() is not available: the kernel was built without \
                 CONFIG_BPF_SYSCALL, or a sandbox (seccomp) hides the call; let the sandbox \
                 permit bpf()",
            ),
            Self::UnsupportedKernel { since: since @ (major, minor) } => {
                let is = |kind: Kind| *since == kind.since();
                let maps = match () {
                    () if is(Kind::UserRing) => "user ring buffer maps",
                    () if is(Kind::OverwriteRing) => {
                        "ring buffer maps in overwrite mode (BPF_F_RB_OVERWRITE)"
                    }
                    () => "ring buffer maps",
                };
                write!(f, "this kernel has no {maps}: they need Linux {major}.{minor} or later")
            }
            Self::Corrupt(corrupt) => corrupt.fmt(f),
            Self::System { operation, source, advice } => {
                write!(f, "could not {operation}: {source}")?;
                if advice.is_empty() { Ok(()) } else { write!(f, "; {advice}") }
            }
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for OpenError {}

/// The name of a map type, as people know it.
fn type_name(map_type: u32) -> &'static str {
    const NAMES: [&str; 35] = [
        "map of no type",
        "hash map",
        "array",
        "program array",
        "perf event array",
        "per-CPU hash map",
        "per-CPU array",
        "stack trace map",
        "cgroup array",
        "LRU hash map",
        "LRU per-CPU hash map",
        "LPM trie",
        "array of maps",
        "hash of maps",
        "device map",
        "socket map",
        "CPU map",
        "XDP socket map",
        "socket hash",
        "cgroup storage",
        "reuseport socket array",
        "per-CPU cgroup storage",
        "queue",
        "stack",
        "socket storage",
        "device hash",
        "struct_ops map",
        "ring buffer",
        "inode storage",
        "task storage",
        "bloom filter",
        "user ring buffer",
        "cgroup local storage",
        "arena",
        "instruction array",
    ];
    usize::try_from(map_type).ok().and_then(|i| NAMES.get(i)).copied().unwrap_or("map")
}
