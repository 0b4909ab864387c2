//! A type as its bytes have it, and the check of all of them.

use crate::BtfError;
use crate::words::{Words, length};

/// The kinds, with the kernel's numbers (include/uapi/linux/btf.h).
pub(crate) const INT: u8 = 1;
pub(crate) const POINTER: u8 = 2;
pub(crate) const ARRAY: u8 = 3;
pub(crate) const STRUCT: u8 = 4;
pub(crate) const UNION: u8 = 5;
pub(crate) const ENUM: u8 = 6;
pub(crate) const FORWARD: u8 = 7;
pub(crate) const TYPEDEF: u8 = 8;
pub(crate) const VOLATILE: u8 = 9;
pub(crate) const CONST: u8 = 10;
pub(crate) const RESTRICT: u8 = 11;
pub(crate) const FUNCTION: u8 = 12;
pub(crate) const PROTOTYPE: u8 = 13;
pub(crate) const VARIABLE: u8 = 14;
pub(crate) const SECTION: u8 = 15;
pub(crate) const FLOAT: u8 = 16;
pub(crate) const DECL_TAG: u8 = 17;
pub(crate) const TYPE_TAG: u8 = 18;
pub(crate) const ENUM64: u8 = 19;

/// Bytes before what a kind adds.
const COMMON: usize = 12;

/// A type: `struct btf_type` and what follows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a> {
    pub(crate) name: u32,
    pub(crate) kind: u8,
    pub(crate) flag: bool,
    /// The size, or the id of another type.
    pub(crate) word: u32,
    /// What its kind adds.
    pub(crate) rest: Words<'a>,
}

impl<'a> Raw<'a> {
    /// The type at `offset` of the section, and where the next one begins.
    pub(crate) fn read(
        types: Words<'a>,
        offset: usize,
        id: u32,
    ) -> Result<(Self, usize), BtfError> {
        let at = u64::try_from(offset).unwrap_or(u64::MAX);
        let cut = BtfError::Cut { id, offset: at };
        let head = types.part(offset, COMMON).ok_or(cut)?;
        let word = |place| head.u32_at(place).ok_or(cut);
        let (name, info, size) = (word(0)?, word(4)?, word(8)?);
        let kind = u8::try_from(info >> 24 & 0x1f).unwrap_or(0);
        let count = length(info & 0xffff);
        let len = match kind {
            INT | VARIABLE | DECL_TAG => 4,
            ARRAY => 12,
            STRUCT | UNION | SECTION | ENUM64 => 12 * count,
            ENUM | PROTOTYPE => 8 * count,
            POINTER | FORWARD | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNCTION | FLOAT
            | TYPE_TAG => 0,
            _ => return Err(BtfError::Unknown { id, offset: at, kind }),
        };
        let rest = types.part(offset + COMMON, len).ok_or(cut)?;
        let raw = Self { name, kind, flag: info >> 31 == 1, word: size, rest };
        Ok((raw, offset + COMMON + len))
    }

    /// Calls `each` with each name and each id in it.
    pub(crate) fn check<E>(&self, mut each: impl FnMut(Part) -> Result<(), E>) -> Result<(), E> {
        each(Part::Name(self.name))?;
        match self.kind {
            POINTER | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNCTION | VARIABLE | DECL_TAG
            | TYPE_TAG | PROTOTYPE => each(Part::Id(self.word))?,
            _ => {}
        }
        // Of each entry: its length, where it has a name, and where it has an id.
        let (len, name, id) = match self.kind {
            ARRAY => {
                each(Part::Id(self.rest.u32_at(0).unwrap_or(0)))?;
                return each(Part::Id(self.rest.u32_at(4).unwrap_or(0)));
            }
            STRUCT | UNION => (12, Some(0), Some(4)),
            SECTION => (12, None, Some(0)),
            PROTOTYPE => (8, Some(0), Some(4)),
            ENUM => (8, Some(0), None),
            ENUM64 => (12, Some(0), None),
            _ => return Ok(()),
        };
        for bytes in self.rest.bytes.chunks_exact(len) {
            let entry = Words { bytes, order: self.rest.order };
            if let Some(name) = name.and_then(|place| entry.u32_at(place)) {
                each(Part::Name(name))?;
            }
            if let Some(id) = id.and_then(|place| entry.u32_at(place)) {
                each(Part::Id(id))?;
            }
        }
        Ok(())
    }
}

/// What a type refers to.
pub(crate) enum Part {
    /// The offset of a string.
    Name(u32),
    /// Another type.
    Id(u32),
}
