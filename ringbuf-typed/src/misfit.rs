//! [`Misfit`]: a record that is not what was asked for.

use core::error::Error;
use core::fmt;

/// Why a record could not be read as this type. The ring is sound, and the next record
/// can be read.
///
/// ```
/// use ringbuf_typed::{Misfit, Reader};
///
/// let misfit = Reader::<u64>::new().take(b"short").unwrap_err();
/// assert!(matches!(misfit, Misfit::TooShort { has: 5, needs: 8, .. }));
/// println!("{misfit}"); // what to do
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misfit {
    /// The sample is shorter than the type, or than its tag.
    #[non_exhaustive]
    TooShort {
        /// Bytes of the sample.
        has: usize,
        /// Bytes that it must have at least.
        needs: usize,
    },
    /// The sample is longer than the type, and the length must be exact.
    #[non_exhaustive]
    TooLong {
        /// Bytes of the sample.
        has: usize,
        /// Bytes that it must have.
        needs: usize,
    },
    /// No record has this tag.
    #[non_exhaustive]
    UnknownTag {
        /// The tag, zero-extended.
        tag: u64,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { has, needs } => write!(
                f,
                "the record has {has} bytes, but its type needs {needs}: check that the BPF \
                 program was built with the same struct; for records of older programs use \
                 Lengths::ZeroExtend"
            ),
            Self::TooLong { has, needs } => write!(
                f,
                "the record has {has} bytes, but its type has {needs}: check that the BPF program \
                 was built with the same struct; for records of newer programs use \
                 Lengths::AtLeast"
            ),
            Self::UnknownTag { tag } => write!(
                f,
                "unknown tag {tag}: add this record to `records!`, or skip it if a newer BPF \
                 program sends more kinds of records"
            ),
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl fmt::Debug for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Misfit {}
