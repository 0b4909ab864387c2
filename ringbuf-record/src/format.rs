//! Bytes of the file: magic, block headers, and numbers. docs/capture-format.md has all of it.

use crate::ReadError;

/// The first bytes of a file. The first is not text, and the last two change if somebody
/// converts line ends.
pub(crate) const MAGIC: [u8; 8] = *b"\x89RBCAP\r\n";
/// A reader refuses another major version. A newer minor version adds blocks, and fields at the
/// end of blocks.
pub(crate) const MAJOR: u16 = 1;
pub(crate) const MINOR: u16 = 0;
/// Bytes before the first block.
pub(crate) const FILE_HEADER: usize = 16;
/// Bytes before the body of a block.
pub(crate) const BLOCK_HEADER: usize = 16;

pub(crate) const SESSION: u32 = 1;
pub(crate) const RING: u32 = 2;
pub(crate) const BTF: u32 = 3;
pub(crate) const DATA: u32 = 4;
pub(crate) const GAP: u32 = 5;
pub(crate) const SAMPLES: u32 = 6;
pub(crate) const INDEX: u32 = 7;
pub(crate) const END: u32 = 8;

/// The header of a file.
pub(crate) fn file_header() -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&MAJOR.to_le_bytes());
    header[10..12].copy_from_slice(&MINOR.to_le_bytes());
    let crc = crc32fast::hash(&header[..12]);
    header[12..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Checks the header of a file.
pub(crate) fn check_file_header(header: &[u8; FILE_HEADER]) -> Result<(), ReadError> {
    let [.., a, b, c, d, e, f, g, h] = *header;
    if !header.starts_with(&MAGIC) {
        return Err(ReadError::NotACapture);
    }
    if crc32fast::hash(&header[..12]) != u32::from_le_bytes([e, f, g, h]) {
        return Err(ReadError::Checksum { offset: 0 });
    }
    let (major, minor) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    if major == MAJOR { Ok(()) } else { Err(ReadError::Version { major, minor }) }
}

/// Bytes of a block with a body of `len` bytes.
pub(crate) fn block_len(len: u32) -> u64 {
    BLOCK_HEADER as u64 + u64::from(len).next_multiple_of(8)
}

/// A block is built in `block`, which begins with room for its header. Completes it.
///
/// The caller keeps the body below 4 GiB.
pub(crate) fn seal(block: &mut Vec<u8>, kind: u32) {
    let len = u32::try_from(block.len().saturating_sub(BLOCK_HEADER)).unwrap_or(u32::MAX);
    block.resize(block.len().next_multiple_of(8), 0);
    block[..4].copy_from_slice(&kind.to_le_bytes());
    block[4..8].copy_from_slice(&len.to_le_bytes());
    block[8..12].fill(0);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&block[..12]);
    crc.update(&block[BLOCK_HEADER..]);
    let crc = crc.finalize();
    block[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// The type, the length of the body, and the checksum in the header of a block.
pub(crate) fn open(header: &[u8; BLOCK_HEADER]) -> (u32, u32, u32) {
    let word = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&header[at..at + 4]);
        u32::from_le_bytes(bytes)
    };
    (word(0), word(4), word(12))
}

/// The checksum of a block: its header without the checksum, then its body with the padding.
pub(crate) fn checksum(header: &[u8; BLOCK_HEADER], padded: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header[..12]);
    crc.update(padded);
    crc.finalize()
}

/// Appends little-endian numbers and texts.
pub(crate) trait Put {
    fn u8(&mut self, value: u8);
    fn u16(&mut self, value: u16);
    fn u32(&mut self, value: u32);
    fn u64(&mut self, value: u64);
    /// A length of two bytes, then UTF-8. What is longer is cut.
    fn text(&mut self, text: &str);
}

impl Put for Vec<u8> {
    fn u8(&mut self, value: u8) {
        self.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        let mut end = text.len().min(usize::from(u16::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.u16(end as u16);
        self.extend_from_slice(&text.as_bytes()[..end]);
    }
}

/// Takes numbers from the front of a body. Every method returns `None` at its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take<'b>(pub(crate) &'b [u8]);

impl<'b> Take<'b> {
    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn id(&mut self) -> Option<[u8; 16]> {
        self.array()
    }

    /// Bytes that are not UTF-8 become replacement characters.
    pub(crate) fn text(&mut self) -> Option<String> {
        let len = self.u16()?;
        self.bytes(len.into()).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_file_is_checked() {
        let header = file_header();
        assert!(check_file_header(&header).is_ok());
        for at in 0..FILE_HEADER {
            let mut other = header;
            other[at] ^= 1;
            assert!(check_file_header(&other).is_err(), "byte {at}");
        }
        let mut newer = header;
        newer[8] = 2;
        let crc = crc32fast::hash(&newer[..12]);
        newer[12..].copy_from_slice(&crc.to_le_bytes());
        let version = check_file_header(&newer);
        assert!(matches!(version, Err(ReadError::Version { major: 2, minor: 0 })));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut block = Vec::new();
        block.text(&"é".repeat(40_000));
        let text = Take(&block).text().unwrap();
        assert_eq!(text.len(), 65_534);
        assert!(text.chars().all(|c| c == 'é'));
    }
}
