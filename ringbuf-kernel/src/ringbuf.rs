//! [`RingBuf`]: the reader that others embed.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ringbuf_core::{Armed, Batch, Capacity, Consumer, ConsumerMemory, Corrupt, Counts, Position};

use crate::{Mapping, OpenError, sys};

/// The consumer of a `BPF_MAP_TYPE_RINGBUF` map.
///
/// Reading starts at the stored consumer position, which outlives processes: a
/// map that was pinned goes on where the last reader stopped, and a record that
/// was read but not published is delivered again. Dropping it publishes, and
/// leaves the map as it is.
#[derive(Debug)]
pub struct RingBuf {
    consumer: Consumer<Mapping>,
    fd: OwnedFd,
}

impl RingBuf {
    /// The ring behind a map's file descriptor, from whatever loader. The
    /// descriptor is duplicated: the caller's may be closed afterwards.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the map or the descriptor.
    pub fn open(fd: impl AsFd) -> Result<Self, OpenError> {
        let fd = fd.as_fd().try_clone_to_owned();
        Self::take(fd.map_err(|error| OpenError::system("duplicate the descriptor", error))?)
    }

    /// The ring with this map id, as `bpftool map list` shows it. Needs
    /// `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchId`].
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::take(sys::get_by_id(id).map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT) => OpenError::NoSuchId { id },
            Some(libc::EPERM) => OpenError::Privilege {
                operation: "open a BPF map by its id",
                needs: "CAP_SYS_ADMIN: run as root, or open the map by a pinned path",
            },
            _ => OpenError::system("open the map by its id", error),
        })?)
    }

    /// The ring that is pinned at `path` in bpffs.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::NoSuchPin`].
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let no_pin = || OpenError::NoSuchPin { path: path.to_owned() };
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| no_pin())?;
        Self::take(sys::get_pinned(&name).map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => no_pin(),
            Some(libc::EPERM | libc::EACCES) => OpenError::Privilege {
                operation: "open what is pinned at this path",
                needs: "a path in bpffs with read and write permission for this user, and CAP_BPF \
                        where unprivileged BPF is disabled",
            },
            _ => OpenError::system("open the pinned map", error),
        })?)
    }

    /// A new ring of `bytes`: a power of two, a multiple of the page size. Give
    /// its descriptor to a loader (`bpf_map__reuse_fd` and its likes).
    ///
    /// # Errors
    /// [`OpenError::Capacity`], [`OpenError::Privilege`],
    /// [`OpenError::UnsupportedKernel`], and what memory shortage brings.
    pub fn create(bytes: u64) -> Result<Self, OpenError> {
        let capacity =
            Capacity::new(bytes, sys::page_size() as u64).map_err(OpenError::Capacity)?;
        let max_entries = u32::try_from(capacity.bytes()).unwrap_or(u32::MAX);
        Self::take(sys::create_ring(max_entries, c"ringbuf").map_err(|error| {
            match error.raw_os_error() {
                Some(libc::EPERM) => OpenError::Privilege {
                    operation: "create a BPF map",
                    needs: "CAP_BPF (or root); before Linux 5.11 also a large enough \
                            RLIMIT_MEMLOCK (`ulimit -l unlimited`)",
                },
                // The size is sound, so it is the type that is unknown.
                Some(libc::EINVAL) => OpenError::UnsupportedKernel,
                _ => OpenError::system("create a ring buffer map", error),
            }
        })?)
    }

    fn take(fd: OwnedFd) -> Result<Self, OpenError> {
        let mapping = Mapping::new(&fd)?;
        // SAFETY: C1: the mapping's claim admits no other in this process;
        // other processes: SAFETY.md, assumption A1.
        let consumer = unsafe { Consumer::new(mapping) }.map_err(OpenError::Corrupt)?;
        Ok(Self { consumer, fd })
    }

    /// A run of records, read in place and given back together when dropped.
    /// See [`Consumer::batch`].
    #[inline]
    pub fn batch(&mut self) -> Batch<'_, Mapping> {
        self.consumer.batch()
    }

    /// The last step before blocking: whether it is safe to. See
    /// [`Consumer::arm`]; [`Poller::wait`](crate::Poller::wait) calls it.
    #[inline]
    pub fn arm(&mut self) -> Armed {
        self.consumer.arm()
    }

    /// Bytes produced and not yet consumed, as of now.
    ///
    /// # Errors
    /// [`Corrupt`] if the producer position is out of range.
    pub fn lag(&mut self) -> Result<u64, Corrupt> {
        self.consumer.lag()
    }

    /// Holds back the release of space. See [`Consumer::release_after`].
    pub fn release_after(&mut self, bytes: u64) {
        self.consumer.release_after(bytes);
    }

    /// Gives all consumed space back to the producers now.
    #[inline]
    pub fn publish(&mut self) {
        self.consumer.publish();
    }

    /// Records delivered and skipped so far.
    pub fn counts(&self) -> Counts {
        self.consumer.counts()
    }

    /// The consumed position.
    pub fn position(&self) -> Position {
        self.consumer.position()
    }

    /// Size of the data area (`max_entries` of the map).
    pub fn capacity(&self) -> Capacity {
        self.consumer.memory().capacity()
    }

    /// The consumer itself, for code that is generic over the memory: it reads
    /// this ring or a simulated one.
    pub fn consumer(&mut self) -> &mut Consumer<Mapping> {
        &mut self.consumer
    }

    /// The id of the map.
    pub fn id(&self) -> u32 {
        self.consumer.memory().id()
    }

    /// The name of the map.
    pub fn name(&self) -> &str {
        self.consumer.memory().name()
    }
}

impl AsFd for RingBuf {
    /// The map's descriptor. It becomes readable (`EPOLLIN`) when a commit
    /// finds the consumer caught up; it says so level-triggered even while the
    /// head is busy, so wait edge-triggered.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
