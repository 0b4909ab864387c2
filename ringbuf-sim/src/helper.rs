//! What a program says to the helpers, and what they answer.

use std::fmt;

/// Wakeup flags of a commit, with the kernel's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u64);

impl Flags {
    /// Notify if the consumer has caught up exactly to this record.
    pub const ADAPTIVE: Self = Self(0);
    /// `BPF_RB_NO_WAKEUP`: do not notify.
    pub const NO_WAKEUP: Self = Self(1);
    /// `BPF_RB_FORCE_WAKEUP`: notify in any case; wins over the other.
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
    /// Bytes produced and not consumed.
    pub const AVAIL_DATA: u64 = 0;
    /// Capacity in bytes.
    pub const RING_SIZE: u64 = 1;
    /// Consumer position.
    pub const CONS_POS: u64 = 2;
    /// Producer position.
    pub const PROD_POS: u64 = 3;
}

/// Why a reservation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The record can never fit.
    TooLarge,
    /// The consumer has not released enough space.
    Full,
    /// The pending position is in the way (6.10): the oldest uncommitted record,
    /// or, for a record as large as the ring and on 32-bit kernels with the defect
    /// ([`PendingPos::Compared`](crate::PendingPos::Compared)), without end.
    PendingInTheWay,
    /// A child of `fork` asks: the simulated kernel is its parent's.
    Forked,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the record is larger than the ring can hold",
            Self::Full => "the ring is full: the consumer has not released enough space",
            Self::Forked => "the ring is simulated by the parent of this process",
            Self::PendingInTheWay => {
                "the pending position, of the oldest uncommitted record, is in the way"
            }
        })
    }
}

impl std::error::Error for Refused {}

/// Why [`KernelRing::output`](crate::KernelRing::output) failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputError {
    /// A flag that does not exist: `-EINVAL`.
    UnknownFlags,
    /// No space: `-EAGAIN`.
    Refused(Refused),
}

impl OutputError {
    /// What the helper returns for it.
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
            Self::UnknownFlags => f.write_str("only the two wakeup flags exist"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for OutputError {}

/// Why [`KernelRing::reserve_dynptr`](crate::KernelRing::reserve_dynptr) failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DynptrError {
    /// There are no flags yet: `-EINVAL`.
    UnknownFlags,
    /// More than a dynptr can hold, 2^24 - 1 bytes: `-E2BIG`.
    TooLarge,
    /// No space: `-EINVAL`.
    Refused(Refused),
}

impl DynptrError {
    /// The most that a dynptr can hold, in bytes (`DYNPTR_MAX_SIZE`).
    pub(crate) const MAX_LEN: u32 = (1 << 24) - 1;

    /// What the helper returns for it.
    #[must_use]
    pub const fn errno(self) -> i64 {
        match self {
            Self::UnknownFlags | Self::Refused(_) => -22,
            Self::TooLarge => -7,
        }
    }
}

impl fmt::Display for DynptrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFlags => f.write_str("a reservation takes no flags"),
            Self::TooLarge => f.write_str("more than the 2^24 - 1 bytes of a dynptr"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for DynptrError {}
