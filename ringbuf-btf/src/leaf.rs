//! Values without fields, out of their bytes.

use crate::kind::{Enumeration, Int};
use crate::words::signed;
use crate::{Btf, Kind, Leaf};

/// What is read: types, and the bytes of a value.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) btf: &'a Btf<'a>,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Source<'a> {
    /// `None` if it is not wholly within the bytes, or has no value.
    pub(crate) fn leaf(self, bit: u64, bits: Option<u32>, kind: Kind<'a>) -> Option<Leaf<'a>> {
        match kind {
            Kind::Int(int) => self.int(bit, bits, int),
            Kind::Enum(values) => self.enumeration(bit, bits, &values),
            Kind::Pointer(_) => {
                let size = self.btf.pointer_size();
                let bytes = self.part(bit / 8, size.into())?;
                let address = self.btf.byte_order().number(bytes);
                Some(Leaf::Pointer(u64::try_from(address).ok()?))
            }
            Kind::Float(size) => {
                let bytes = self.part(bit / 8, size.into())?;
                let number = self.btf.byte_order().number(bytes);
                Some(match (u32::try_from(number), u64::try_from(number), size) {
                    (Ok(bits), _, 4) => Leaf::Single(f32::from_bits(bits)),
                    (_, Ok(bits), 8) => Leaf::Double(f64::from_bits(bits)),
                    _ => Leaf::Bytes(bytes),
                })
            }
            _ => None,
        }
    }

    fn int(self, bit: u64, bits: Option<u32>, int: Int) -> Option<Leaf<'a>> {
        let whole = int.size.saturating_mul(8);
        // Old compilers: the type of a bitfield has fewer bits than bytes.
        let old = Some(int.bits).filter(|bits| *bits < whole && *bits > 0);
        let (number, bits) = match bits.or(old) {
            Some(bits) => {
                let from = bit.saturating_add(int.offset.into());
                (self.btf.byte_order().bits(self.bytes, from, bits)?, bits.min(128))
            }
            None => {
                let bytes = self.part(bit / 8, int.size.into())?;
                if int.size > 16 {
                    return Some(Leaf::Bytes(bytes));
                }
                (self.btf.byte_order().number(bytes), whole)
            }
        };
        Some(match int {
            Int { bool: true, .. } => Leaf::Bool(number != 0),
            Int { char: true, size: 1, .. } if bits == 8 => Leaf::Char(u8::try_from(number).ok()?),
            Int { signed: true, .. } => Leaf::Signed { value: signed(number, bits), bits },
            _ => Leaf::Unsigned { value: number, bits },
        })
    }

    fn enumeration(
        self,
        bit: u64,
        field: Option<u32>,
        values: &Enumeration<'a>,
    ) -> Option<Leaf<'a>> {
        let bits = field.unwrap_or(values.size.saturating_mul(8)).min(64);
        let number = match field {
            Some(bits) => self.btf.byte_order().bits(self.bytes, bit, bits.min(64))?,
            None => self.btf.byte_order().number(self.part(bit / 8, values.size.into())?),
        };
        let value = match values.signed {
            true => signed(number, bits),
            false => i128::try_from(number).ok()?,
        };
        let name = values.values.clone().find(|one| one.value == value).map(|one| one.name);
        Some(Leaf::Enum { name, value })
    }

    /// `len` bytes from `offset` on.
    pub(crate) fn part(self, offset: u64, len: u64) -> Option<&'a [u8]> {
        let (offset, len) = (usize::try_from(offset).ok()?, usize::try_from(len).ok()?);
        self.bytes.get(offset..offset.checked_add(len)?)
    }
}
