//! Numbers in bytes of either order.

/// The order of the bytes in a number.
///
/// ```no_run
/// # let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
/// let btf = ringbuf_btf::Btf::parse(&bytes)?;
/// assert_eq!(btf.byte_order() == ringbuf_btf::ByteOrder::Big, cfg!(target_endian = "big"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// The first byte is the lowest.
    Little,
    /// The first byte is the highest.
    Big,
}

impl ByteOrder {
    /// The number in at most 16 bytes; further bytes are left out.
    pub(crate) fn number(self, bytes: &[u8]) -> u128 {
        let join = |number: u128, byte: &u8| (number << 8) | u128::from(*byte);
        match self {
            Self::Big => bytes.iter().take(16).fold(0, join),
            Self::Little => bytes.iter().take(16).rev().fold(0, join),
        }
    }

    /// The number in `count` bits (at most 128) from bit `from` on. Bit 0 is the lowest bit of
    /// the first byte in little endian, and the highest in big endian, as compilers place
    /// bitfields. `None` if a bit is outside the bytes.
    pub(crate) fn bits(self, bytes: &[u8], from: u64, count: u32) -> Option<u128> {
        let mut number = 0_u128;
        for index in 0..count.min(128) {
            let bit = from.checked_add(index.into())?;
            let byte = bytes.get(usize::try_from(bit / 8).ok()?)?;
            let within = bit % 8;
            match self {
                Self::Little => number |= u128::from(byte >> within & 1) << index,
                Self::Big => number = number << 1 | u128::from(byte >> (7 - within) & 1),
            }
        }
        Some(number)
    }
}

/// Bytes with numbers in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) order: ByteOrder,
}

impl<'a> Words<'a> {
    pub(crate) fn u32_at(&self, offset: usize) -> Option<u32> {
        let bytes = self.bytes.get(offset..offset.checked_add(4)?)?;
        u32::try_from(self.order.number(bytes)).ok()
    }

    /// The bytes from `offset` on, `len` of them.
    pub(crate) fn part(&self, offset: usize, len: usize) -> Option<Self> {
        let bytes: &'a [u8] = self.bytes.get(offset..offset.checked_add(len)?)?;
        Some(Self { bytes, order: self.order })
    }
}

/// As a length in memory. On machines with small addresses, more than there can be.
pub(crate) fn length(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The lowest `bits` bits of a number with a sign.
pub(crate) fn signed(number: u128, bits: u32) -> i128 {
    let unused = 128_u32.saturating_sub(bits).min(127);
    i128::from_ne_bytes((number << unused).to_ne_bytes()) >> unused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_both_orders() {
        assert_eq!(ByteOrder::Little.number(&[1, 2, 3]), 0x03_0201);
        assert_eq!(ByteOrder::Big.number(&[1, 2, 3]), 0x01_0203);
        assert_eq!((signed(0xff, 8), signed(0x7f, 8), signed(1, 1)), (-1, 127, -1));
        assert_eq!(signed(u128::MAX, 128), -1);
    }

    /// `struct { u32 a:3, b:7, c:22; }` with a = 5, b = 0x55, c = 0x2abcde.
    #[test]
    fn bitfields_in_both_orders() {
        let word = 5_u32 | 0x55 << 3 | 0x2a_bcde << 10;
        let little = |from, count| ByteOrder::Little.bits(&word.to_le_bytes(), from, count);
        assert_eq!([little(0, 3), little(3, 7), little(10, 22)], [5, 0x55, 0x2a_bcde].map(Some));
        let word = 5_u32 << 29 | 0x55 << 22 | 0x2a_bcde;
        let big = |from, count| ByteOrder::Big.bits(&word.to_be_bytes(), from, count);
        assert_eq!([big(0, 3), big(3, 7), big(10, 22)], [5, 0x55, 0x2a_bcde].map(Some));
        assert_eq!(ByteOrder::Big.bits(&[0; 4], 30, 3), None);
        assert_eq!(ByteOrder::Little.bits(&[0; 4], u64::MAX, 3), None);
    }
}
