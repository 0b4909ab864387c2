//! The errors of this crate: one small type for each operation.

use core::error::Error;
use core::fmt;

use crate::Position;

/// The requested size is not possible for a ring buffer map.
///
/// ```
/// # use ringbuf_core::*;
/// let error = Capacity::new(1000, 4096).unwrap_err();
/// assert_eq!(error, CapacityError::BelowPage { bytes: 1000, page_size: 4096 });
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapacityError {
    /// Zero bytes.
    Zero,
    /// Not a power of two.
    NotPowerOfTwo {
        /// The requested size.
        bytes: u64,
    },
    /// Smaller than a page.
    BelowPage {
        /// The requested size.
        bytes: u64,
        /// The size of a page on this machine.
        page_size: u64,
    },
    /// More than 2 GiB, the largest power of two that `max_entries` can hold.
    TooLarge {
        /// The requested size.
        bytes: u64,
    },
    /// The page size is not a power of two, or it is below 8.
    PageSize {
        /// The page size that was given.
        page_size: u64,
    },
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Zero => f.write_str(
                "a ring buffer cannot have 0 bytes: use a power of two, at least one page",
            ),
            Self::NotPowerOfTwo { bytes } => {
                write!(f, "{bytes} bytes is not a power of two: ")?;
                match bytes.checked_next_power_of_two() {
                    Some(next) => write!(f, "use {next} instead"),
                    None => f.write_str("use a power of two"),
                }
            }
            Self::BelowPage { bytes, page_size } => write!(
                f,
                "{bytes} bytes is less than a page: use at least {page_size} bytes on this machine"
            ),
            Self::TooLarge { bytes } => {
                write!(f, "{bytes} bytes is too large: use at most 2147483648 bytes (2 GiB)")
            }
            Self::PageSize { page_size } => {
                write!(f, "{page_size} is not a page size: use a power of two, at least 8")
            }
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

/// The consumer cannot continue to read the ring. Either the ring holds something
/// that the kernel never writes there, or it no longer belongs to this consumer.
///
/// This error is permanent: every later call reports it again and delivers nothing.
/// [`Forked`] is an exception: it occurs only in the child, and ends when the child
/// takes the ring over.
///
/// [`Forked`]: CorruptReason::Forked
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// # let mut consumer = ring.consumer()?;
/// fn read(ring: &mut Consumer<impl Backend>) -> Result<(), Corrupt> {
///     ring.drain(|_| ())?; // `Corrupt` says where and why; the ring stays so
///     Ok(())
/// }
/// read(&mut consumer)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Corrupt {
    /// The position of the consumer. Everything before it was delivered.
    pub position: Position,
    /// What is wrong there.
    pub reason: CorruptReason,
}

/// What is wrong in a [`Corrupt`] ring.
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
    /// The producer position is behind the consumer position, or too far ahead. The
    /// kernel allows at most the capacity less one header.
    #[non_exhaustive]
    ProducerOutOfRange {
        /// The producer position.
        producer: Position,
    },
    /// The overwrite position of a ring in overwrite mode is not a multiple of 8, or does
    /// not fit to the producer position. The kernel keeps it behind, by at most the
    /// capacity less one header.
    #[non_exhaustive]
    OverwriteOutOfRange {
        /// The overwrite position.
        overwrite: Position,
        /// The producer position.
        producer: Position,
    },
    /// A record is longer than what has been produced.
    #[non_exhaustive]
    RecordTooLong {
        /// Bytes that the record claims to take, with header and rounding.
        footprint: u64,
        /// Bytes produced from the start of this record on.
        available: u64,
    },
    /// The stored consumer position is not the position that this consumer stored.
    /// Another consumer reads the same ring, here or in another process. Each takes
    /// records from the other.
    #[non_exhaustive]
    ConsumerMoved {
        /// The stored consumer position.
        found: Position,
        /// The position that this consumer stored last.
        stored: Position,
    },
    /// The ring belongs to another process. Either this process is a child of
    /// `fork` and has not taken the ring over, or its own child has. Nothing is
    /// wrong with the ring.
    Forked,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.position;
        match self.reason {
            CorruptReason::ConsumerMisaligned => write!(
                f,
                "corrupt ring buffer: the consumer position {at} is not a multiple of 8; \
                 check whether another program writes this position, or create a new map"
            ),
            CorruptReason::ProducerMisaligned { producer } => write!(
                f,
                "corrupt ring buffer at consumer position {at}: the producer position {producer} \
                 is not a multiple of 8; check whether another program writes this position"
            ),
            CorruptReason::ProducerOutOfRange { producer } => write!(
                f,
                "corrupt ring buffer at consumer position {at}: the producer position {producer} \
                 is behind it, or ahead of it by more than the size of the ring; check whether \
                 another process reads this ring, or writes it if it is a user ring; then \
                 create a new map"
            ),
            CorruptReason::OverwriteOutOfRange { overwrite, producer } => write!(
                f,
                "corrupt ring buffer at consumer position {at}: the overwrite position \
                 {overwrite} does not fit to the producer position {producer}; check that the \
                 map is in overwrite mode (BPF_F_RB_OVERWRITE), or create a new map"
            ),
            CorruptReason::RecordTooLong { footprint, available } => write!(
                f,
                "corrupt ring buffer at consumer position {at}: the record there claims {footprint} \
                 bytes, but only {available} were produced; check whether another process reads \
                 this ring, or writes it if it is a user ring; then create a new map"
            ),
            CorruptReason::ConsumerMoved { found, stored } => write!(
                f,
                "another process reads this ring, or another library in this process: the consumer \
                 position is {found}, but this reader stored {stored} last; stop one of the two \
                 readers, then open the ring again"
            ),
            CorruptReason::Forked => f.write_str(
                "this ring was opened before fork() and belongs to another process: open the \
                 ring after the fork; or, if the other process no longer uses it, call take_over() \
                 (a simulated ring does not have this call)",
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

/// Why [`Producer::reserve`](crate::Producer::reserve) failed.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimUserRing};
/// # let ring = SimUserRing::new(4096)?;
/// # let producer = ring.producer()?;
/// assert!(matches!(producer.reserve(5000), Err(ReserveError::TooLarge { .. })));
/// let first = producer.reserve(4088)?;
/// assert!(matches!(producer.reserve(8), Err(ReserveError::Full { .. }))); // later, perhaps
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// The sample never fits into a ring of this size, or the kernel always refuses
    /// its length (`E2BIG`).
    #[non_exhaustive]
    TooLarge {
        /// Bytes requested.
        len: u32,
        /// The largest sample that this ring takes, in bytes.
        max: u32,
    },
    /// There is no space now (`ENOSPC`). Try again after the consumer has released
    /// some.
    #[non_exhaustive]
    Full {
        /// Bytes that the record takes, with header and rounding.
        footprint: u64,
        /// Bytes that are free now.
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
                "a sample of {len} bytes is too large: this ring takes at most {max} bytes; \
                 use a larger ring, or split the sample"
            ),
            Self::Full { footprint, free } => write!(
                f,
                "the ring is full: the record needs {footprint} bytes, but only {free} are free; \
                 try again after the consumer has read some records"
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
