//! [`MapOptions`]: a new map, with more than a size.

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use ringbuf_core::Capacity;

use crate::door::{self, Kind};
use crate::maps::Claiming;
use crate::sys::{self, Creation};
use crate::{OpenError, OverwriteMapping, OverwriteRing, RingBuf, UserRingBuf};

/// How to create a map: its size, its name, and what else the kernel takes.
///
/// If you pass the map to `bpf_map__reuse_fd` (libbpf, libbpf-rs), give it the name that
/// it has in the BPF object. Otherwise libbpf renames the map of the object, and
/// programs no longer find it by name.
///
/// The descriptor is closed on `exec`, as all descriptors of maps are.
///
/// ```no_run
/// use ringbuf_kernel::MapOptions;
///
/// let events = MapOptions::new(1 << 20).name("events").numa_node(0).create()?;
/// let commands = MapOptions::new(64 << 10).name("commands").create_user()?;
/// # Ok::<(), ringbuf_kernel::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MapOptions<'fd> {
    bytes: u64,
    name: String,
    numa_node: Option<u32>,
    flags: u32,
    token: Option<BorrowedFd<'fd>>,
}

impl<'fd> MapOptions<'fd> {
    /// A map of `bytes` named `ringbuf`. The size must be a power of two and a
    /// multiple of the page size; [`Capacity::at_least`] rounds up.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::MapOptions;
    /// let ring = MapOptions::new(1 << 20).create()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self { bytes, name: "ringbuf".to_owned(), numa_node: None, flags: 0, token: None }
    }

    /// The name: ASCII letters, digits, `_` and `.`. The kernel keeps the first 15 bytes.
    /// If these match the longer name in a BPF object, libbpf keeps the longer name.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::MapOptions;
    /// let ring = MapOptions::new(1 << 20).name("events").create()?;
    /// assert_eq!(ring.name(), "events");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The NUMA node whose memory the ring takes (`BPF_F_NUMA_NODE`). [`u32::MAX`] means
    /// any node, as in the kernel.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::MapOptions;
    /// let ring = MapOptions::new(1 << 20).numa_node(1).create()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn numa_node(self, node: u32) -> Self {
        Self { numa_node: Some(node), ..self }
    }

    /// More flags of `BPF_MAP_CREATE`, as include/uapi/linux/bpf.h numbers them, for
    /// kernels to come. Up to Linux 7.3 rings take `BPF_F_NUMA_NODE`, which
    /// [`numa_node`](Self::numa_node) sets, and from 6.19 on `BPF_F_RB_OVERWRITE`, which
    /// [`create_overwriting`](Self::create_overwriting) sets.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::MapOptions;
    /// let flag_of_a_later_kernel = 1 << 30;
    /// let ring = MapOptions::new(1 << 20).flags(flag_of_a_later_kernel).create()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn flags(self, flags: u32) -> Self {
        Self { flags, ..self }
    }

    /// A BPF token (`BPF_TOKEN_CREATE`, Linux 6.9): its privilege instead of this
    /// process's.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::MapOptions;
    /// use std::os::fd::AsFd;
    ///
    /// # fn example(token: std::os::fd::OwnedFd) -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = MapOptions::new(1 << 20).token(token.as_fd()).create()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn token(self, token: BorrowedFd<'fd>) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Creates a ring buffer map and opens it.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::MapOptions;
    /// let ring = MapOptions::new(1 << 20).name("events").create()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::Capacity`], [`OpenError::MapName`], [`OpenError::Privilege`],
    /// [`OpenError::UnsupportedKernel`], [`OpenError::System`] with
    /// `EINVAL` for an option that this kernel refuses, and with `ENOMEM`.
    pub fn create(&self) -> Result<RingBuf, OpenError> {
        RingBuf::created(self.map(Kind::Ring)?)
    }

    /// Creates a ring buffer map in overwrite mode (`BPF_F_RB_OVERWRITE`) and opens it.
    ///
    /// ```no_run
    /// use ringbuf_kernel::MapOptions;
    ///
    /// let recorder = MapOptions::new(1 << 20).name("recorder").create_overwriting()?;
    /// # Ok::<(), ringbuf_kernel::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`create`](Self::create); overwrite mode needs Linux 6.19. And
    /// [`OpenError::NeedsValidator`].
    pub fn create_overwriting(&self) -> Result<OverwriteRing, OpenError> {
        let kind = Kind::OverwriteRing;
        OverwriteRing::trusting(OverwriteMapping::take(self.map(kind)?, Claiming::Once)?)
    }

    /// Creates a user ring buffer map and opens it.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::MapOptions;
    /// let ring = MapOptions::new(1 << 16).name("commands").create_user()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The same as for [`create`](Self::create); user rings need Linux 6.1.
    pub fn create_user(&self) -> Result<UserRingBuf, OpenError> {
        UserRingBuf::created(self.map(Kind::UserRing)?)
    }

    fn map(&self, kind: Kind) -> Result<OwnedFd, OpenError> {
        let page = sys::page_size() as u64;
        let capacity = Capacity::new(self.bytes, page).map_err(OpenError::Capacity)?;
        let creation = Creation {
            map_flags: self.flags | kind.flags(),
            numa_node: self.numa_node,
            token: self.token.map(|token| token.as_raw_fd()),
            name: self.map_name()?,
            ..Creation::plain(kind, capacity)
        };
        door::create(kind, capacity, &creation)
    }

    /// The name as the kernel takes it (kernel/bpf/syscall.c).
    fn map_name(&self) -> Result<CString, OpenError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
        let refused = || OpenError::MapName { name: self.name.clone() };
        if !self.name.bytes().all(good) {
            return Err(refused());
        }
        CString::new(self.name.as_str()).map_err(|_| refused())
    }
}
