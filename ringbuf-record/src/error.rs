//! Why a capture cannot be read or written.

use std::error::Error;
use std::fmt;
use std::io;

use ringbuf_core::Position;

/// Why a capture cannot be read any further. The blocks before are whole, and were delivered.
///
/// ```
/// use ringbuf_record::{ReadError, Reader};
///
/// let error = Reader::new(&b"a text"[..]).unwrap_err();
/// assert!(matches!(error, ReadError::NotACapture));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file does not begin as a capture.
    NotACapture,
    /// A version of the format that this library does not know.
    Version {
        /// Incompatible changes.
        major: u16,
        /// Compatible additions.
        minor: u16,
    },
    /// The file ends inside a block: the recording was cut off, or still goes on.
    Truncated {
        /// Where the block begins, in bytes from the start of the file.
        offset: u64,
    },
    /// The bytes of a block are not those that were written.
    Checksum {
        /// Where the block begins.
        offset: u64,
    },
    /// A block is longer than the reader permits. See [`Reader::limit`](crate::Reader::limit).
    TooLong {
        /// Where the block begins.
        offset: u64,
        /// Its bytes, when they are not compressed.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A block is whole, and says what no writer writes.
    Malformed {
        /// Where the block begins.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A block is compressed, and this build cannot read it (feature `zstd`).
    Compressed {
        /// Where the block begins.
        offset: u64,
        /// The number of the compression.
        codec: u8,
    },
    /// The file cannot be read.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture => {
                write!(f, "this is not a capture: give a file that `ringbuf record` wrote")
            }
            Self::Version { major, minor } => write!(
                f,
                "the capture has version {major}.{minor}, and this program reads version 1: use a \
                 newer program"
            ),
            Self::Truncated { offset } => write!(
                f,
                "the capture ends inside the block at byte {offset}: what came before it was read"
            ),
            Self::Checksum { offset } => write!(
                f,
                "the block at byte {offset} of the capture is damaged (its checksum is wrong): \
                 what came before it was read"
            ),
            Self::TooLong { offset, bytes, limit } => write!(
                f,
                "the block at byte {offset} of the capture has {bytes} bytes, and the limit is \
                 {limit}: raise the limit if the file is to be trusted"
            ),
            Self::Malformed { offset, what } => {
                write!(f, "the block at byte {offset} of the capture is impossible: {what}")
            }
            Self::Compressed { offset, codec } => write!(
                f,
                "the block at byte {offset} of the capture has compression {codec}, which this \
                 build cannot read: build it with the feature `zstd`"
            ),
            Self::Io(error) => write!(f, "the capture cannot be read: {error}"),
        }
    }
}

impl Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Why something cannot be added to a capture.
///
/// ```
/// use ringbuf_record::{Session, WriteError, Writer};
///
/// let mut room = [0; 64]; // a file that cannot grow
/// let session = Session::here(ringbuf_core::Width::Bits64);
/// let error: WriteError = Writer::new(&mut room[..], &session).unwrap_err();
/// assert_eq!(error.kept(), Some(16), "{error}");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// No space is left for the file, or it is at its quota or largest size. Nothing more can
    /// be written.
    Full {
        /// The bytes of the file that are whole blocks: they can be read.
        kept: u64,
        /// What the system said.
        error: io::Error,
    },
    /// The file cannot be written. Nothing more can be written.
    Io {
        /// The bytes of the file that are whole blocks: they can be read.
        kept: u64,
        /// What the system said.
        error: io::Error,
    },
    /// An earlier call failed. Nothing more can be written.
    Failed {
        /// The bytes of the file that are whole blocks: they can be read.
        kept: u64,
    },
    /// No ring of this file has the number.
    UnknownRing {
        /// The number.
        ring: u32,
    },
    /// No types of this file have the number.
    UnknownBtf {
        /// The number.
        btf: u32,
    },
    /// A record does not begin where the last one ended. Put a gap between them.
    Misplaced {
        /// The number of the ring.
        ring: u32,
        /// Where the next record begins.
        expected: Position,
        /// Where this one begins.
        found: Position,
    },
    /// A position or a gap is not a multiple of 8.
    Misaligned {
        /// The number of the ring.
        ring: u32,
        /// The position, or the bytes.
        value: u64,
    },
    /// The bytes are more than a record or a block can hold.
    TooLong {
        /// How many.
        bytes: u64,
    },
}

impl WriteError {
    pub(crate) fn of(error: io::Error, kept: u64) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | FileTooLarge | QuotaExceeded => Self::Full { kept, error },
            _ => Self::Io { kept, error },
        }
    }

    /// Returns how many bytes of the file are whole blocks, if nothing more can be written.
    #[must_use]
    pub fn kept(&self) -> Option<u64> {
        match self {
            Self::Full { kept, .. } | Self::Io { kept, .. } | Self::Failed { kept } => Some(*kept),
            _ => None,
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { kept, error } => write!(
                f,
                "no space is left for the capture ({error}): its first {kept} bytes are whole, \
                 and can be replayed"
            ),
            Self::Io { kept, error } => write!(
                f,
                "the capture cannot be written ({error}): its first {kept} bytes are whole, and \
                 can be replayed"
            ),
            Self::Failed { kept } => write!(
                f,
                "writing the capture has failed before: its first {kept} bytes are whole; begin \
                 another one"
            ),
            Self::UnknownRing { ring } => {
                write!(f, "the capture has no ring {ring}: call add_ring first")
            }
            Self::UnknownBtf { btf } => {
                write!(f, "the capture has no types {btf}: call add_btf first")
            }
            Self::Misplaced { ring, expected, found } => write!(
                f,
                "the next record of ring {ring} begins at {expected}, and this one at {found}: \
                 put a gap between them"
            ),
            Self::Misaligned { ring, value } => {
                write!(f, "{value} is not a multiple of 8, as all positions of ring {ring} are")
            }
            Self::TooLong { bytes } => {
                write!(f, "{bytes} bytes are more than a record or a block can hold")
            }
        }
    }
}

impl Error for WriteError {}
