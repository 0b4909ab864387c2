//! [`Inspector`]: looks at a ring buffer map that belongs to somebody else.

mod holders;
mod list;
mod pages;
mod pins;
mod proc;

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use ringbuf_core::{Capacity, Head, Look, Position, Width};

pub use self::holders::Holder;
pub use self::list::{Owners, RingInfo, holders_among, owners, ring_ids, rings};
pub use self::pages::{InspectMapping, InspectPages};
pub use self::pins::pins_of;
use crate::sys::{self, MapInfo, NotReadable};
use crate::{OpenError, Program, ProgramsError, door, programs, width};

/// The type of a ring buffer map.
///
/// ```no_run
/// use ringbuf_kernel::{Inspector, RingKind};
/// assert_eq!(Inspector::from_id(57)?.kind(), RingKind::Ring);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RingKind {
    /// `BPF_MAP_TYPE_RINGBUF`: BPF programs produce, user space consumes.
    Ring,
    /// `BPF_MAP_TYPE_USER_RINGBUF`: user space produces, a BPF program drains.
    UserRing,
}

/// An observer of any ring buffer map, of either type, whoever made it and reads it.
///
/// It maps the pages read-only, and makes loads only. It has no claim, so the ring's own
/// reader does not notice it, in this process or another. The owner can freeze the map
/// meanwhile (`BPF_MAP_FREEZE`), and a frozen map can be observed.
///
/// # What it holds
/// While it lives, it holds a descriptor of the map and maps two pages of it, so the map
/// stays even if its owner ends. To hold nothing between two looks, drop it and open it
/// again by its id, which costs some 20 us.
///
/// Data are mapped only by a call that needs them: a page for [`head`](Self::head), the
/// pages between the positions for [`map_pending`](Self::map_pending), all for
/// [`map_all`](Self::map_all). Mapping costs time by size: 5 us for 64 KiB, 0.6 ms for
/// 16 MiB (x86-64 virtual machine, Linux 6.18).
///
/// ```no_run
/// use ringbuf_kernel::{Inspector, Observed};
///
/// let inspector = Inspector::from_id(57)?;
/// println!("{}: {} bytes are not read yet", inspector.name(), inspector.look().fill()?);
///
/// let window = inspector.map_pending()?;
/// let (mut pending, mut buffer) = (window.pending()?, vec![0; 65536]);
/// while let Observed::Record { position, sample } = pending.next(&mut buffer)? {
///     println!("{position}: {sample:02x?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Inspector {
    fd: OwnedFd,
    info: MapInfo,
    kind: RingKind,
    capacity: Capacity,
    width: Width,
    positions: ringbuf_core::Inspector<InspectMapping>,
}

impl Inspector {
    /// Opens the map with this id, as `bpftool map list` shows it. Needs `CAP_SYS_ADMIN`.
    ///
    /// ```no_run
    /// let inspector = ringbuf_kernel::Inspector::from_id(57)?;
    /// # Ok::<(), ringbuf_kernel::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`]: no such map, not permitted, or not a ring.
    pub fn from_id(id: u32) -> Result<Self, OpenError> {
        Self::take(door::by_id(id)?)
    }

    /// Opens the map that is pinned at `path`.
    ///
    /// ```no_run
    /// let inspector = ringbuf_kernel::Inspector::from_pin("/sys/fs/bpf/events")?;
    /// # Ok::<(), ringbuf_kernel::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`]: no such pin, not permitted, or not a ring.
    pub fn from_pin(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        Self::take(door::by_pin(path)?).map_err(|error| door::pinned(path, error))
    }

    /// Opens the map behind a descriptor, which is duplicated.
    ///
    /// ```no_run
    /// # let map = std::fs::File::open("/dev/null")?;
    /// let inspector = ringbuf_kernel::Inspector::from_fd(&map)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`]: not a map, not a ring, or [`OpenError::UnmappableFd`]: the kernel maps
    /// no page of a map whose descriptor was opened with `BPF_F_RDONLY` or `BPF_F_WRONLY`.
    pub fn from_fd(fd: impl AsFd) -> Result<Self, OpenError> {
        Self::take(door::duplicate(fd)?)
    }

    fn take(fd: OwnedFd) -> Result<Self, OpenError> {
        let info = sys::info(&fd).map_err(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => OpenError::NotAMap,
            _ => OpenError::system("ask the kernel about this map".to_owned(), error),
        })?;
        match sys::is_map(&fd) {
            Err(NotReadable::NotAMap) => return Err(OpenError::NotAMap),
            Err(NotReadable::WriteOnly) => return Err(OpenError::UnmappableFd { id: info.id }),
            Ok(()) => {}
        }
        let kind = RingKind::of(&info)
            .ok_or(OpenError::NotARing { map_type: info.map_type, id: info.id })?;
        let capacity = Capacity::new(info.max_entries.into(), sys::page_size() as u64)
            .map_err(OpenError::Capacity)?;
        let width = width::kernel_width()?;
        let positions = pages::map(&fd, info.id, capacity, width, 0, 0)?;
        Ok(Self { fd, info, kind, capacity, width, positions })
    }

    /// Returns the id of the map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Inspector;
    /// let inspector = Inspector::from_id(57)?;
    /// println!("{}", inspector.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> u32 {
        self.info.id
    }

    /// Returns the name of the map, as far as the kernel keeps it (15 bytes).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Inspector;
    /// let inspector = Inspector::from_id(57)?;
    /// println!("{}", inspector.name());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.info.name()
    }

    /// Returns the type of the map.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Inspector;
    /// let inspector = Inspector::from_id(57)?;
    /// println!("{:?}", inspector.kind());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn kind(&self) -> RingKind {
        self.kind
    }

    /// Returns true if producers write over unread records (`BPF_F_RB_OVERWRITE`, 6.19).
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Inspector;
    /// let inspector = Inspector::from_id(57)?;
    /// assert!(!inspector.is_overwrite());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_overwrite(&self) -> bool {
        self.info.map_flags & sys::F_RB_OVERWRITE != 0
    }

    /// Returns the size of the data area.
    ///
    /// ```no_run
    /// # use ringbuf_kernel::Inspector;
    /// let inspector = Inspector::from_id(57)?;
    /// println!("{} bytes", inspector.capacity().bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Returns the positions now. Makes loads only, and no system call.
    ///
    /// ```no_run
    /// # let inspector = ringbuf_kernel::Inspector::from_id(57)?;
    /// let look = inspector.look();
    /// println!("consumer {}, producer {}", look.consumer, look.producer);
    /// # Ok::<(), ringbuf_kernel::OpenError>(())
    /// ```
    #[must_use]
    pub fn look(&self) -> Look {
        self.positions.look()
    }

    /// Returns the state of the record at the consumer position. Maps one page of data for
    /// this call, unless the ring is empty.
    ///
    /// ```no_run
    /// use ringbuf_kernel::Head;
    /// # let inspector = ringbuf_kernel::Inspector::from_id(57)?;
    /// if let Head::Busy(record) = inspector.head()? {
    ///     println!("the record at {} is busy, and {} bytes wait", record.position, record.behind);
    /// }
    /// # Ok::<(), ringbuf_kernel::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::OnlyPositions`] in overwrite mode; [`OpenError::Corrupt`] if the
    /// positions or the header are impossible; [`OpenError::System`] if mapping fails.
    pub fn head(&self) -> Result<Head, OpenError> {
        let look = self.content()?;
        match look.fill().map_err(OpenError::Corrupt)? {
            0 => Ok(Head::Empty),
            _ => self.window(look.consumer, 8)?.head().map_err(OpenError::Corrupt),
        }
    }

    /// Maps what is produced and not given back now, read-only, to copy it with
    /// [`pending`](ringbuf_core::Inspector::pending). A walk ends where this window ends.
    ///
    /// See [`Inspector`] for an example.
    ///
    /// # Errors
    /// As for [`head`](Self::head).
    pub fn map_pending(&self) -> Result<ringbuf_core::Inspector<InspectMapping>, OpenError> {
        let look = self.content()?;
        let fill = look.fill().map_err(OpenError::Corrupt)?;
        self.window(look.consumer, fill)
    }

    /// Maps `bytes` bytes of data from the position `from` on, read-only, or the size of the
    /// ring if that is less: to look at a few records of a large ring with a
    /// [`Tap`](ringbuf_core::Tap). Mapping only what is needed is quicker than
    /// [`map_all`](Self::map_all). What lies beyond looks like the end.
    ///
    /// ```no_run
    /// use ringbuf_kernel::{Inspector, Observed, Tap};
    ///
    /// let inspector = Inspector::from_id(57)?;
    /// let from = inspector.look().producer;
    /// std::thread::sleep(std::time::Duration::from_millis(100));
    /// // The first of the records that came meanwhile.
    /// let window = inspector.map_from(from, 8192)?;
    /// let mut buffer = vec![0; 8192];
    /// if let Observed::Record { sample, .. } = Tap::at(from).next(&window, &mut buffer)? {
    ///     println!("{sample:02x?}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`map_all`](Self::map_all).
    pub fn map_from(
        &self,
        from: Position,
        bytes: u64,
    ) -> Result<ringbuf_core::Inspector<InspectMapping>, OpenError> {
        self.content()?;
        self.window(from, bytes.min(self.capacity.bytes()))
    }

    /// Maps all data, read-only, to follow the ring with a [`Tap`](ringbuf_core::Tap).
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use ringbuf_kernel::{Inspector, Observed, Tap};
    ///
    /// let ring = Inspector::from_id(57)?.map_all()?;
    /// let (mut tap, mut buffer) = (Tap::at_producer(&ring), vec![0; 65536]);
    /// loop {
    ///     match tap.next(&ring, &mut buffer)? {
    ///         Observed::Record { position, sample } => println!("{position}: {sample:02x?}"),
    ///         Observed::Missed { bytes } => println!("{bytes} bytes missed"),
    ///         Observed::End | Observed::Busy { .. } => {
    ///             std::thread::sleep(Duration::from_millis(1));
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::OnlyPositions`] in overwrite mode; [`OpenError::System`] if mapping
    /// fails.
    pub fn map_all(&self) -> Result<ringbuf_core::Inspector<InspectMapping>, OpenError> {
        self.content()?;
        let all = 2 * self.capacity.bytes();
        pages::map(&self.fd, self.info.id, self.capacity, self.width, 0, all)
    }

    /// Lists the loaded programs that use this map, as
    /// [`RingBuf::programs`](crate::RingBuf::programs).
    ///
    /// ```no_run
    /// # let inspector = ringbuf_kernel::Inspector::from_id(57)?;
    /// for program in inspector.programs()? {
    ///     println!("program {} ({})", program.id, program.name);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ProgramsError`]: then it is not known which programs there are.
    pub fn programs(&self) -> Result<Vec<Program>, ProgramsError> {
        programs::using(self.id())
    }

    /// Returns the names of the maps of maps that hold this ring, as far as the kernel keeps
    /// them (15 bytes): programs find a shard ([`ShardedRings`](crate::ShardedRings)) in an
    /// array, and declare the type of its records by the name of the array. Only those that
    /// a loaded program uses are found. Costs as much as [`programs`](Self::programs).
    ///
    /// ```no_run
    /// # let inspector = ringbuf_kernel::Inspector::from_id(57)?;
    /// println!("{} is a shard of {:?}", inspector.id(), inspector.arrays()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ProgramsError`]: then it is not known which maps there are.
    pub fn arrays(&self) -> Result<Vec<String>, ProgramsError> {
        programs::names_of_holding(self.id())
    }

    /// Returns everything that one look tells.
    ///
    /// ```no_run
    /// let ring = ringbuf_kernel::Inspector::from_pin("/sys/fs/bpf/events")?.describe()?;
    /// println!("{} {}: {:?} of {} bytes", ring.id, ring.name, ring.fill(), ring.capacity);
    /// # Ok::<(), ringbuf_kernel::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError::System`] if mapping fails. Impossible positions are a part of the
    /// answer.
    pub fn describe(&self) -> Result<RingInfo, OpenError> {
        RingInfo::of(self)
    }

    /// Returns the positions, if the content can be observed, too.
    fn content(&self) -> Result<Look, OpenError> {
        if self.is_overwrite() {
            return Err(OpenError::OnlyPositions { id: self.id() });
        }
        Ok(self.look())
    }

    /// Maps the pages of `bytes` bytes from a position on.
    fn window(
        &self,
        from: Position,
        bytes: u64,
    ) -> Result<ringbuf_core::Inspector<InspectMapping>, OpenError> {
        let page = sys::page_size() as u64;
        let from = from.offset(self.capacity).get();
        let first = from & !(page - 1);
        let end = (from + bytes).next_multiple_of(page);
        pages::map(&self.fd, self.info.id, self.capacity, self.width, first, end - first)
    }
}

impl RingKind {
    fn map_type(self) -> u32 {
        match self {
            Self::Ring => sys::MAP_TYPE_RINGBUF,
            Self::UserRing => sys::MAP_TYPE_USER_RINGBUF,
        }
    }

    fn of(info: &MapInfo) -> Option<Self> {
        match info.map_type {
            sys::MAP_TYPE_RINGBUF => Some(Self::Ring),
            sys::MAP_TYPE_USER_RINGBUF => Some(Self::UserRing),
            _ => None,
        }
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut this = f.debug_struct("Inspector");
        this.field("id", &self.id()).field("name", &self.name()).field("kind", &self.kind);
        this.field("look", &self.look()).finish_non_exhaustive()
    }
}
