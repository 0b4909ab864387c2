//! How many bytes a value has.

use crate::search::DEEPEST;
use crate::{Btf, Kind};

/// The flexible array at the end of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flexible {
    /// Bytes before it.
    pub(crate) offset: u64,
    /// Bytes of an element, not 0.
    pub(crate) element: u64,
}

impl Flexible {
    /// The flexible array that is the last member of the type, or of its last member.
    pub(crate) fn of(btf: &Btf<'_>, id: u32) -> Option<Self> {
        let (mut id, mut offset) = (id, 0_u64);
        for _ in 0..DEEPEST {
            match btf.resolve(id).ok()?.kind() {
                Kind::Struct(composite) | Kind::Union(composite) => {
                    let last = composite.members.last()?;
                    offset = offset.checked_add(u64::from(last.bit_offset / 8))?;
                    id = last.type_id;
                }
                Kind::Array(array) if array.count == 0 => {
                    let element = btf.size_of(array.element).ok().filter(|size| *size > 0)?;
                    return Some(Self { offset, element });
                }
                _ => return None,
            }
        }
        None
    }

    /// The bytes of a value in `len` bytes: whole elements only.
    pub(crate) fn end(self, len: u64) -> u64 {
        let room = len.saturating_sub(self.offset);
        self.offset.saturating_add(room - room % self.element)
    }
}
