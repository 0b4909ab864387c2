//! What can go wrong, one small type for each operation.

use core::error::Error;
use core::fmt;

use crate::Position;

/// A size that no ring buffer map can have.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapacityError {
    /// Zero bytes.
    Zero,
    /// Not a power of two.
    NotPowerOfTwo {
        /// The size asked for.
        bytes: u64,
    },
    /// Smaller than a page.
    BelowPage {
        /// The size asked for.
        bytes: u64,
        /// The size of a page on this machine.
        page_size: u64,
    },
    /// Above 2 GiB, the largest power of two that `max_entries` can hold.
    TooLarge {
        /// The size asked for.
        bytes: u64,
    },
    /// A page size that is not a power of two, or below 8.
    PageSize {
        /// The page size given.
        page_size: u64,
    },
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Zero => f.write_str(
                "a ring buffer cannot have 0 bytes: give a power of two, at least one page",
            ),
            Self::NotPowerOfTwo { bytes } => {
                write!(f, "{bytes} bytes is not a power of two: ")?;
                match bytes.checked_next_power_of_two() {
                    Some(next) => write!(f, "the next that works is {next}"),
                    None => f.write_str("give a power of two"),
                }
            }
            Self::BelowPage { bytes, page_size } => write!(
                f,
                "{bytes} bytes is less than a page: the smallest ring here has {page_size} bytes"
            ),
            Self::TooLarge { bytes } => {
                write!(f, "{bytes} bytes is too large: a ring has at most 2147483648 bytes (2 GiB)")
            }
            Self::PageSize { page_size } => write!(f, "{page_size} is not a page size"),
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl fmt::Debug for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for CapacityError {}

/// The ring cannot be read on: it holds something that the kernel never writes
/// there, or it is not this consumer's any more. Terminal: the consumer reports
/// it again at every later call and delivers nothing more. ([`Forked`] is so in the
/// child alone, until it takes the ring over.)
///
/// [`Forked`]: CorruptReason::Forked
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Corrupt {
    /// The consumer's position: everything before it was delivered.
    pub position: Position,
    /// What was found there.
    pub reason: CorruptReason,
}

/// What was wrong in a [`Corrupt`] ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CorruptReason {
    /// The stored consumer position is not a multiple of 8.
    ConsumerMisaligned,
    /// The producer position is not a multiple of 8.
    #[non_exhaustive]
    ProducerMisaligned {
        /// The producer position.
        producer: Position,
    },
    /// The producer position is behind the consumer's, or further ahead than
    /// the kernel lets it come: the capacity less one header.
    #[non_exhaustive]
    ProducerOutOfRange {
        /// The producer position.
        producer: Position,
    },
    /// A record is longer than what has been produced.
    #[non_exhaustive]
    RecordTooLong {
        /// Bytes that the record claims, header and rounding included.
        footprint: u64,
        /// Bytes produced from its position on.
        available: u64,
    },
    /// The stored consumer position is not the one that this consumer stored:
    /// another one reads the same ring, here or in another process, and each
    /// takes records from the other.
    #[non_exhaustive]
    ConsumerMoved {
        /// The stored consumer position.
        found: Position,
        /// The one that this consumer stored last.
        stored: Position,
    },
    /// The ring belongs to another process: this one is a child of `fork` that has
    /// not taken it over, or its child has. Nothing is wrong with the ring.
    Forked,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.position;
        match self.reason {
            CorruptReason::ConsumerMisaligned => write!(
                f,
                "corrupt ring buffer: the consumer position {at} is not a multiple of 8; \
                 check whether another program writes it, or create a new map"
            ),
            CorruptReason::ProducerMisaligned { producer } => write!(
                f,
                "corrupt ring buffer at consumer position {at}: the producer position {producer} \
                 is not a multiple of 8; check whether another program writes it"
            ),
            CorruptReason::ProducerOutOfRange { producer } => write!(
                f,
                "corrupt ring buffer at consumer position {at}: the producer position {producer} \
                 is behind it or further ahead than the ring is large; check whether another process reads \
                 this ring"
            ),
            CorruptReason::RecordTooLong { footprint, available } => write!(
                f,
                "corrupt ring buffer at consumer position {at}: a record of {footprint} bytes \
                 where {available} were produced; check whether another process reads this ring"
            ),
            CorruptReason::ConsumerMoved { found, stored } => write!(
                f,
                "another process reads this ring, or another library in this one: the consumer \
                 position is {found}, and this reader stored {stored} last; \
                 stop one of the two readers and open the ring again"
            ),
            CorruptReason::Forked => f.write_str(
                "this ring was opened before fork() and belongs to another process: open the \
                 ring after the fork, or call take_over() (not for a simulated ring) where the \
                 other process no longer uses it",
            ),
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl fmt::Debug for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Corrupt {}

/// Why [`Producer::reserve`](crate::Producer::reserve) gave no space.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// No ring of this size can ever take the sample, or the kernel would
    /// refuse it for ever (`E2BIG`).
    #[non_exhaustive]
    TooLarge {
        /// Bytes asked for.
        len: u32,
        /// The largest sample that this ring takes, in bytes.
        max: u32,
    },
    /// No room now (`ENOSPC`): try again once the consumer has released some.
    #[non_exhaustive]
    Full {
        /// Bytes that the record takes, header and rounding included.
        footprint: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The consumer position is out of range.
    Corrupt(Corrupt),
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { len, max } => write!(
                f,
                "a sample of {len} bytes is too large: this ring takes at most {max}; \
                 make the ring larger or split the sample"
            ),
            Self::Full { footprint, free } => write!(
                f,
                "the ring is full: {footprint} bytes needed, {free} free; \
                 try again once the consumer has made progress"
            ),
            Self::Corrupt(corrupt) => corrupt.fmt(f),
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl fmt::Debug for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for ReserveError {}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
