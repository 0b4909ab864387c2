//! [`SimError`]: why a simulated ring could not be created or taken.

use std::fmt;
use std::io;

use ringbuf_core::{CapacityError, Corrupt};

/// Why a simulated ring could not be created or taken.
///
/// ```
/// use ringbuf_sim::{SimError, SimRing};
///
/// let refused = SimRing::new(1000).unwrap_err();
/// assert!(matches!(refused, SimError::Capacity(_)), "{refused}");
/// ```
#[non_exhaustive]
pub enum SimError {
    /// The size is not possible for a ring buffer map.
    Capacity(CapacityError),
    /// A 32-bit process cannot split 64-bit positions in the other byte order.
    ByteOrder,
    /// The ring already has a consumer. Only one is allowed.
    SecondConsumer,
    /// This kernel has no ring buffers: `EINVAL`.
    NoRingBuffer,
    /// This kernel has no user rings: `EINVAL`.
    NoUserRing,
    /// This kernel has no overwrite mode: `EINVAL`.
    NoOverwriteMode,
    /// A consumer was asked for and the ring is in overwrite mode, or the reverse.
    #[non_exhaustive]
    WrongMode {
        /// The ring is in overwrite mode.
        overwriting: bool,
    },
    /// The simulated machine does not keep stores in order, so the reader of a ring in
    /// overwrite mode needs a [`Validator`](ringbuf_core::Validator).
    NeedsValidator,
    /// The user ring already has a producer. Only one is allowed.
    SecondProducer,
    /// An earlier producer of this user ring left reservations open: every drain stops
    /// there. [`SimUserRing::recover`](crate::SimUserRing::recover) discards them.
    #[non_exhaustive]
    LeftOpen {
        /// The number of open reservations.
        reservations: u64,
    },
    /// The caller is a child of `fork`, but its parent simulates the ring.
    Forked,
    /// The positions are out of range.
    Corrupt(Corrupt),
    /// The system refused memory or a file descriptor.
    Io(io::Error),
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity(error) => error.fmt(f),
            Self::ByteOrder => f.write_str(
                "a 32-bit process cannot simulate 64-bit positions in the other byte order: \
                 simulate a 32-bit kernel, or use a 64-bit process",
            ),
            Self::SecondConsumer => {
                f.write_str("this ring already has a consumer: drop that one, or share it")
            }
            Self::Forked => f.write_str(
                "the parent of this process simulates this ring: create a ring after the fork",
            ),
            Self::NoRingBuffer => f.write_str(
                "this kernel has no ring buffer maps (EINVAL): simulate Linux 5.8 or later",
            ),
            Self::NoUserRing => f.write_str(
                "this kernel has no user ring buffer maps (EINVAL): simulate Linux 6.1 or later",
            ),
            Self::NoOverwriteMode => f.write_str(
                "this kernel refuses BPF_F_RB_OVERWRITE (EINVAL): simulate Linux 6.19 or later",
            ),
            Self::WrongMode { overwriting: true } => f.write_str(
                "this ring is in overwrite mode, so it cannot be read in place: read it with \
                 overwrite_reader()",
            ),
            Self::WrongMode { overwriting: false } => f.write_str(
                "this ring is not in overwrite mode: read it with consumer(), or create it with \
                 SimRing::overwriting()",
            ),
            Self::NeedsValidator => f.write_str(
                "this machine does not keep stores in order: read the ring with \
                 OverwriteReader::new(ring.overwrite_memory()?, validator)",
            ),
            Self::SecondProducer => {
                f.write_str("this user ring already has a producer: drop that one, or share it")
            }
            Self::LeftOpen { reservations } => write!(
                f,
                "an earlier producer of this user ring left {reservations} reservation{} open, \
                 and every drain stops there: call SimUserRing::recover() to discard {}",
                if *reservations == 1 { "" } else { "s" },
                if *reservations == 1 { "it" } else { "them" },
            ),
            Self::Corrupt(corrupt) => corrupt.fmt(f),
            Self::Io(error) => {
                write!(f, "cannot create the simulated ring: {error}")?;
                match error.raw_os_error() {
                    Some(libc::EMFILE | libc::ENFILE) => {
                        f.write_str("; raise the limit of open files (`ulimit -n`)")
                    }
                    Some(libc::ENOMEM) => f.write_str("; simulate a smaller ring"),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl fmt::Debug for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds the cause, so `source` has nothing to add.
impl std::error::Error for SimError {}

impl From<io::Error> for SimError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
