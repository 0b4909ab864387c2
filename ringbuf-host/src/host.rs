//! [`Host`]: the rings of this machine.

use std::fmt;

use ringbuf_kernel::RingInfo;

use crate::HostError;
use crate::iterators::{self, Iterators};
use crate::owners::{self, HostOwners};

/// All rings of this machine, looked at as often as you like.
///
/// Making one loads and attaches BPF programs. Each look then costs a few system calls, whatever
/// the number of rings. It needs no descriptor of a map, and keeps no map alive.
///
/// ```no_run
/// use ringbuf_host::{Host, Source};
///
/// let host = Host::open();
/// if host.source() == Source::ById {
///     eprintln!("no iterators here: {}", host.why_by_id().map_or_else(String::new, |e| e.to_string()));
/// }
/// for ring in host.rings()? {
///     println!("{} {}: {:?} bytes", ring.info.id, ring.info.name, ring.info.fill());
/// }
/// # Ok::<(), ringbuf_host::HostError>(())
/// ```
#[derive(Debug)]
pub struct Host(By);

#[derive(Debug)]
enum By {
    Iterators(Box<Iterators>),
    Id(Option<HostError>),
}

/// How a [`Host`] looks at rings.
///
/// ```no_run
/// println!("by {}", ringbuf_host::Host::open().source()); // by iterators
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// By BPF iterators: `CAP_BPF` and `CAP_PERFMON` suffice.
    Iterators,
    /// By the ids of the maps: it needs `CAP_SYS_ADMIN`.
    ById,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iterators => "iterators",
            Self::ById => "ids",
        })
    }
}

/// A ring at one moment. What is not known is `None`.
///
/// ```no_run
/// for ring in ringbuf_host::Host::open().rings()? {
///     if ring.watched == Some(false) {
///         println!("{}: nobody can be notified", ring.info.name);
///     }
/// }
/// # Ok::<(), ringbuf_host::HostError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostRing {
    /// What a look tells, the same from either source.
    pub info: RingInfo,
    /// True if an epoll set has the ring, or somebody waits for it in another way: commits
    /// notify them.
    pub watched: Option<bool>,
    /// True if somebody sleeps until this ring is notified: in epoll_wait(2) on a set that has
    /// it, in poll(2), select(2) or io_uring. `None` also if it is not clear: epoll sets in epoll
    /// sets, or more than 16 waiters.
    pub waiting: Option<bool>,
    /// All references of the map: by programs, maps of maps, links, and those of user space.
    pub references: Option<u64>,
    /// Those of user space: open files, which descriptors and mappings keep open, and pins.
    pub user_references: Option<u64>,
}

impl From<RingInfo> for HostRing {
    /// A look that tells no more than this.
    fn from(info: RingInfo) -> Self {
        Self { info, watched: None, waiting: None, references: None, user_references: None }
    }
}

impl Host {
    /// Loads iterators. If that fails, it will look by ids. This itself cannot fail.
    ///
    /// See [`Host`] for an example.
    #[must_use]
    pub fn open() -> Self {
        Self::iterators().unwrap_or_else(|error| Self(By::Id(Some(error))))
    }

    /// Loads iterators. It took some 60 ms: libbpf reads the kernel's type information. libbpf
    /// prints nothing meanwhile, for other threads, too.
    ///
    /// See [`HostError`] for an example.
    ///
    /// # Errors
    /// [`HostError`]: without `CAP_BPF` and `CAP_PERFMON`, without type information, on kernels
    /// before 5.8, and on 32-bit kernels.
    pub fn iterators() -> Result<Self, HostError> {
        Ok(Self(By::Iterators(Box::new(Iterators::load()?))))
    }

    /// Looks by the ids of the maps. Loads nothing.
    ///
    /// ```no_run
    /// let rings = ringbuf_host::Host::by_id().rings()?;
    /// # Ok::<(), ringbuf_host::HostError>(())
    /// ```
    #[must_use]
    pub fn by_id() -> Self {
        Self(By::Id(None))
    }

    /// Returns how it looks.
    #[must_use]
    pub fn source(&self) -> Source {
        match self.0 {
            By::Iterators(_) => Source::Iterators,
            By::Id(_) => Source::ById,
        }
    }

    /// Returns why [`open`](Self::open) could not load iterators.
    #[must_use]
    pub fn why_by_id(&self) -> Option<&HostError> {
        match &self.0 {
            By::Iterators(_) => None,
            By::Id(why) => why.as_ref(),
        }
    }

    /// Looks at each ring, of both types, in the order of the ids.
    ///
    /// Programs and readers go on meanwhile. The positions of one ring belong together, as those
    /// of an [`Inspector`](ringbuf_kernel::Inspector) do. Two rings are looked at one after the
    /// other.
    ///
    /// See [`HostRing`] for an example.
    ///
    /// # Errors
    /// [`HostError::Read`] and [`HostError::Bpf`]; by ids [`HostError::ById`].
    pub fn rings(&self) -> Result<Vec<HostRing>, HostError> {
        match &self.0 {
            By::Iterators(iterators) => iterators::read(&iterators.rings),
            By::Id(_) => {
                let rings = ringbuf_kernel::rings().map_err(HostError::ById)?;
                Ok(rings.into_iter().map(HostRing::from).collect())
            }
        }
    }

    /// Finds who uses these rings: programs, processes, readers. It took 0.3 ms by iterators, and
    /// 20 to 30 ms by ids, for 100 processes.
    ///
    /// See [`HostOwners`] for an example.
    ///
    /// # Errors
    /// [`HostError::Read`] and [`HostError::Bpf`]. By ids, what cannot be found is not known.
    pub fn owners(&self, rings: &[HostRing]) -> Result<HostOwners, HostError> {
        match &self.0 {
            By::Iterators(iterators) => owners::by_iterators(iterators, rings),
            By::Id(_) => Ok(owners::by_id(rings)),
        }
    }
}
