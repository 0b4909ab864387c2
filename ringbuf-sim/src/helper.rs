//! The arguments and results of the BPF helpers.

use std::fmt;

use crate::LockError;

/// Wakeup flags of a commit, with the kernel's values.
///
/// ```
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// ring.producer().output(b"silent", Flags::NO_WAKEUP)?;
/// assert_eq!(ring.notifications(), 0);
/// ring.producer().output(b"loud", Flags::FORCE_WAKEUP)?;
/// assert_eq!(ring.notifications(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u64);

impl Flags {
    /// Notify if the consumer has caught up to exactly this record.
    pub const ADAPTIVE: Self = Self(0);
    /// `BPF_RB_NO_WAKEUP`: do not notify.
    pub const NO_WAKEUP: Self = Self(1);
    /// `BPF_RB_FORCE_WAKEUP`: always notify; overrides `NO_WAKEUP`.
    pub const FORCE_WAKEUP: Self = Self(2);
    pub(crate) const KNOWN: u64 = 3;

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Kinds of [`KernelRing::query`](crate::KernelRing::query), with the kernel's values.
#[derive(Debug)]
pub struct Query;

impl Query {
    /// Bytes produced and not consumed. In overwrite mode, those that are still there.
    pub const AVAIL_DATA: u64 = 0;
    /// Capacity in bytes.
    pub const RING_SIZE: u64 = 1;
    /// Consumer position.
    pub const CONS_POS: u64 = 2;
    /// Producer position.
    pub const PROD_POS: u64 = 3;
    /// Overwrite position (6.19).
    pub const OVERWRITE_POS: u64 = 4;
}

/// Why a reservation was refused.
///
/// ```
/// use ringbuf_sim::{Refused, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// assert_eq!(ring.producer().reserve(5000).unwrap_err(), Refused::TooLarge);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The record can never fit.
    TooLarge,
    /// The consumer has not released enough space.
    Full,
    /// The pending position prevents it (6.10), because the oldest uncommitted
    /// record is still there. A record as large as the ring is always refused. On
    /// 32-bit kernels with the defect
    /// ([`PendingPos::Compared`](crate::PendingPos::Compared)) all later records
    /// are refused, too.
    PendingInTheWay,
    /// The lock could not be had.
    Lock(LockError),
    /// This kernel grants the record, although it is larger than the ring, and the program
    /// then writes outside the memory of the ring (before 5.13, CVE-2021-3489). The simulator
    /// has no such memory.
    WouldOverrun,
    /// The caller is a child of `fork`, but the simulated kernel belongs to its
    /// parent.
    Forked,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lock(error) => return error.fmt(f),
            Self::WouldOverrun => {
                "this kernel grants a record larger than the ring, which overruns its memory \
                 (CVE-2021-3489): simulate Linux 5.13 or later"
            }
            Self::TooLarge => "the record is larger than the ring: use a larger ring",
            Self::Full => "the ring is full: try again after the consumer has released space",
            Self::Forked => {
                "the parent of this process simulates this ring: create a ring after the fork"
            }
            Self::PendingInTheWay => {
                "the pending position (the oldest uncommitted record) prevents it: commit that \
                 record, or use a larger ring"
            }
        })
    }
}

impl std::error::Error for Refused {}

/// Why [`KernelRing::output`](crate::KernelRing::output) failed.
///
/// ```
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// let refused = ring.producer().output(&[0; 5000], Flags::ADAPTIVE).unwrap_err();
/// assert_eq!(refused.errno(), -11); // EAGAIN, as the helper says
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputError {
    /// The flag does not exist: `-EINVAL`.
    UnknownFlags,
    /// No space: `-EAGAIN`.
    Refused(Refused),
}

impl OutputError {
    /// Returns the errno that the helper returns for this error.
    #[must_use]
    pub const fn errno(self) -> i64 {
        match self {
            Self::UnknownFlags => -22,
            Self::Refused(_) => -11,
        }
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFlags => f.write_str("unknown flag: use only the two wakeup flags"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for OutputError {}

/// Why [`KernelRing::reserve_dynptr`](crate::KernelRing::reserve_dynptr) failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DynptrError {
    /// This kernel does not have the helper, so the program does not load: `-EINVAL`.
    NoHelper,
    /// A flag is set, but no flags exist yet: `-EINVAL`.
    UnknownFlags,
    /// The length is above the limit of a dynptr, 2^24 - 1 bytes: `-E2BIG`.
    TooLarge,
    /// No space: `-EINVAL`.
    Refused(Refused),
}

impl DynptrError {
    /// The largest length of a dynptr, in bytes (`DYNPTR_MAX_SIZE`).
    pub(crate) const MAX_LEN: u32 = (1 << 24) - 1;

    /// Returns the errno that the helper returns for this error.
    #[must_use]
    pub const fn errno(self) -> i64 {
        match self {
            Self::NoHelper | Self::UnknownFlags | Self::Refused(_) => -22,
            Self::TooLarge => -7,
        }
    }
}

impl fmt::Display for DynptrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHelper => f.write_str(
                "this kernel has no bpf_ringbuf_reserve_dynptr: simulate Linux 5.19 or later",
            ),
            Self::UnknownFlags => f.write_str("a reservation takes no flags: pass 0"),
            Self::TooLarge => {
                f.write_str("the length is too large: a dynptr holds at most 2^24 - 1 bytes")
            }
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for DynptrError {}
