//! [`BtfError`]: what is wrong in BTF.

use core::error::Error;
use core::fmt;

/// Why bytes are not BTF, or why a type cannot be used. Offsets are in bytes from the
/// beginning of the BTF.
///
/// ```
/// use ringbuf_btf::{Btf, BtfError};
/// let error = Btf::parse(b"\x7fELF").unwrap_err();
/// assert_eq!(error, BtfError::Magic { found: [0x7f, b'E'] });
/// assert!(error.to_string().contains("an ELF file"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BtfError {
    /// The first two bytes are not 0xeb9f in either byte order.
    Magic {
        /// The first two bytes; 0 where there is none.
        found: [u8; 2],
    },
    /// The header has another version than 1.
    Version {
        /// The version.
        found: u8,
    },
    /// The header, or a section that it names, is not within the bytes.
    Outside {
        /// The header, the types or the strings.
        part: &'static str,
        /// Where it begins.
        offset: u64,
        /// Its length.
        len: u64,
        /// The bytes that there are.
        available: u64,
    },
    /// The strings do not begin and end with a NUL, or are not UTF-8.
    Strings {
        /// Of the first byte that is wrong.
        offset: u64,
    },
    /// A type is of a kind that this crate does not know.
    Unknown {
        /// The id of the type.
        id: u32,
        /// Where it begins.
        offset: u64,
        /// Its kind.
        kind: u8,
    },
    /// The section ends within a type.
    Cut {
        /// The id of the type.
        id: u32,
        /// Where it begins.
        offset: u64,
    },
    /// A name is outside the strings.
    Name {
        /// The id of the type that has the name, or a member or value with it.
        id: u32,
        /// Where the type begins.
        offset: u64,
        /// The offset of the name within the strings.
        name: u32,
    },
    /// A type refers to a type that does not exist.
    Reference {
        /// The id of the type.
        id: u32,
        /// Where it begins.
        offset: u64,
        /// The id that it refers to.
        to: u32,
    },
    /// The base of split BTF has another byte order, or is split itself.
    Base,
    /// No type has this id.
    NoType {
        /// The id.
        id: u32,
    },
    /// The type has no size: for example a function, or a struct that is only declared.
    NoSize {
        /// The id of the type.
        id: u32,
    },
    /// A type leads to itself, or through more types than a compiler makes.
    TooDeep {
        /// The id of the type.
        id: u32,
    },
}

impl BtfError {
    /// With an offset that counts from `from` bytes further on.
    pub(crate) fn moved(mut self, from: u64) -> Self {
        match &mut self {
            Self::Unknown { offset, .. }
            | Self::Cut { offset, .. }
            | Self::Name { offset, .. }
            | Self::Reference { offset, .. } => *offset = offset.saturating_add(from),
            _ => {}
        }
        self
    }
}

impl fmt::Display for BtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Magic { found: [0x7f, b'E'] } => {
                f.write_str("this is an ELF file, not raw BTF: give the bytes of its section .BTF")
            }
            Self::Magic { found: [first, second] } => write!(
                f,
                "this is not BTF: it begins with {first:02x} {second:02x}, not with 9f eb or eb 9f"
            ),
            Self::Version { found } => {
                write!(f, "this BTF has version {found}; only version 1 is known")
            }
            Self::Outside { part, offset, len, available } => write!(
                f,
                "the BTF is cut: its {part} at offset {offset} needs {len} bytes, and there are \
                 {available} bytes in all"
            ),
            Self::Strings { offset } => write!(
                f,
                "the strings of the BTF are wrong at offset {offset}: they must be UTF-8, and \
                 begin and end with a NUL"
            ),
            Self::Unknown { id, offset, kind } => write!(
                f,
                "type {id} of the BTF, at offset {offset}, is of the unknown kind {kind}: it may \
                 come from a newer compiler"
            ),
            Self::Cut { id, offset } => {
                write!(f, "the BTF ends within type {id}, which begins at offset {offset}")
            }
            Self::Name { id, offset, name } => write!(
                f,
                "type {id} of the BTF, at offset {offset}, has a name at {name}, which is outside \
                 the strings"
            ),
            Self::Reference { id, offset, to } => write!(
                f,
                "type {id} of the BTF, at offset {offset}, refers to type {to}, which does not \
                 exist"
            ),
            Self::Base => f.write_str(
                "the base of this BTF does not fit: it must have the same byte order, and must \
                 not be split itself",
            ),
            Self::NoType { id } => write!(f, "the BTF has no type with the id {id}"),
            Self::NoSize { id } => write!(
                f,
                "type {id} of the BTF has no size: choose a struct, union, enum, number or array"
            ),
            Self::TooDeep { id } => {
                write!(f, "type {id} of the BTF leads to itself, or through too many types")
            }
        }
    }
}

impl Error for BtfError {}
