//! What can go wrong, one small type for each operation.

use core::error::Error;
use core::fmt;

use crate::Position;

/// A size that no ring buffer map can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// A page size that is no power of two, or below 8.
    PageSize {
        /// The page size given.
        page_size: u64,
    },
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Zero => f.write_str(
                "a ring buffer of 0 bytes cannot exist: give a power of two, one page at least",
            ),
            Self::NotPowerOfTwo { bytes } => {
                write!(f, "{bytes} bytes is no power of two: ")?;
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
            Self::PageSize { page_size } => write!(f, "{page_size} is no page size"),
        }
    }
}

impl Error for CapacityError {}

/// The ring holds something that no kernel writes there. Terminal: the
/// consumer reports it again at every later call and delivers nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The stored consumer position is no multiple of 8.
    ConsumerMisaligned,
    /// The producer position is no multiple of 8.
    ProducerMisaligned {
        /// The producer position.
        producer: Position,
    },
    /// The producer position is behind the consumer's, or more than the
    /// capacity ahead.
    ProducerOutOfRange {
        /// The producer position.
        producer: Position,
    },
    /// A record is longer than what has been produced.
    RecordTooLong {
        /// Bytes that the record claims, header and rounding included.
        footprint: u64,
        /// Bytes produced from its position on.
        available: u64,
    },
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "corrupt ring buffer at consumer position {:#x}: ", self.position.get())?;
        match self.reason {
            CorruptReason::ConsumerMisaligned => {
                f.write_str("that is no multiple of 8; ")?;
            }
            CorruptReason::ProducerMisaligned { producer } => {
                write!(f, "the producer position {:#x} is no multiple of 8; ", producer.get())?;
            }
            CorruptReason::ProducerOutOfRange { producer } => {
                let producer = producer.get();
                write!(
                    f,
                    "the producer position {producer:#x} is behind it or over a lap ahead; "
                )?;
            }
            CorruptReason::RecordTooLong { footprint, available } => {
                write!(f, "a record of {footprint} bytes where {available} were produced; ")?;
            }
        }
        f.write_str("does somebody else write a position of this map?")
    }
}

impl Error for Corrupt {}

/// Why [`Producer::reserve`](crate::Producer::reserve) gave no space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// No ring of this size can ever take the sample, or the kernel would
    /// refuse it for ever (`E2BIG`).
    TooLarge {
        /// Bytes asked for.
        len: u32,
        /// The largest sample that this ring takes, in bytes.
        max: u32,
    },
    /// No room now (`ENOSPC`): try again once the consumer has released some.
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

impl Error for ReserveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Corrupt(corrupt) => Some(corrupt),
            _ => None,
        }
    }
}
