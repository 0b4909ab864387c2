//! [`Index`]: where the blocks of a whole capture are.

use std::io::{Read, Seek, SeekFrom};

use ringbuf_core::{Position, Width};

use crate::end::End;
use crate::format::{self, BLOCK_HEADER, FILE_HEADER, Put, Take};
use crate::{Block, ReadError, Reader};

/// Entries of one index block. The writer keeps no more in memory.
pub(crate) const ENTRIES: usize = 4096;

/// Where the data and gap blocks of a whole capture begin, and its totals: without reading
/// what is between.
///
/// ```
/// use std::io::Cursor;
/// use ringbuf_core::Width;
/// use ringbuf_record::{Index, Session, Writer};
///
/// let file = Writer::new(Vec::new(), &Session::here(Width::Bits64))?.finish()?;
/// let index = Index::load(&mut Cursor::new(file))?.expect("it was finished");
/// assert!(index.entries.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index {
    /// The blocks, in the order of the file.
    pub entries: Vec<IndexEntry>,
    /// The totals.
    pub end: End,
}

/// A data block or a gap block.
///
/// ```
/// # use ringbuf_core::{Capacity, Observed, Position, Width};
/// # use ringbuf_record::{GapReason, NewRing, Session, Writer};
/// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
/// # let start = Position::new(4096, Width::Bits64);
/// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
/// # writer.put(ring, &Observed::Record { position: start, sample: b"hello" })?;
/// # writer.gap(ring, 64, GapReason::Lapped, 7)?;
/// # let file = writer.finish()?;
/// let index = ringbuf_record::Index::load(&mut std::io::Cursor::new(&file))?.unwrap();
/// assert!(!index.entries[0].is_gap && index.entries[1].is_gap);
/// assert_eq!(index.entries[1].first.get(), 4112);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexEntry {
    /// Where the block begins, in bytes from the start of the file.
    pub offset: u64,
    /// The position of its first record, or of the gap.
    pub first: Position,
    /// [`Data::until`](crate::Data) or [`Gap::until`](crate::Gap).
    pub until: u64,
    /// The number of the ring.
    pub ring: u32,
    /// True if it is a gap.
    pub is_gap: bool,
}

impl Index {
    /// Reads the index from the end of a capture. Returns `None` if the capture has no end: its
    /// recording was cut off. Then read it from the beginning.
    ///
    /// # Errors
    /// [`ReadError`]: as for [`Reader`], for the blocks that it reads.
    pub fn load<R: Read + Seek>(file: &mut R) -> Result<Option<Self>, ReadError> {
        file.rewind()?;
        let mut reader = Reader::new(&mut *file)?;
        let Some(Block::Session(session)) = reader.next()? else {
            return Ok(None);
        };
        let len = file.seek(SeekFrom::End(0))?;
        let Some(last) = len.checked_sub(8).filter(|at| *at >= FILE_HEADER as u64) else {
            return Ok(None);
        };
        file.seek(SeekFrom::Start(last))?;
        let mut offset = [0; 8];
        file.read_exact(&mut offset)?;
        let offset = u64::from_le_bytes(offset);
        // Anything may be here, if there is no end.
        let Ok((format::END, body)) = block_at(file, offset, len) else { return Ok(None) };
        let Some(end) = End::read(Take(&body), session.width) else {
            return Err(ReadError::Malformed { offset, what: "its end is too short" });
        };
        let mut blocks = Vec::new();
        let (mut at, mut before) = (end.index, offset);
        while at != 0 {
            let wrong = |what| ReadError::Malformed { offset: at, what };
            if at >= before {
                return Err(wrong("an index block is not before the one that names it"));
            }
            let (kind, body) = block_at(file, at, len)?;
            let parsed = (kind == format::INDEX).then(|| read(Take(&body), session.width));
            let Some((previous, entries)) = parsed.flatten() else {
                return Err(wrong("it is not an index"));
            };
            blocks.push(entries);
            (before, at) = (at, previous);
        }
        let entries = blocks.into_iter().rev().flatten().collect();
        Ok(Some(Self { entries, end }))
    }
}

/// The block that begins at `offset` in a file of `len` bytes, checked.
fn block_at<R: Read + Seek>(
    file: &mut R,
    offset: u64,
    len: u64,
) -> Result<(u32, Vec<u8>), ReadError> {
    file.seek(SeekFrom::Start(offset))?;
    let mut header = [0; BLOCK_HEADER];
    let truncated = || ReadError::Truncated { offset };
    if offset.checked_add(BLOCK_HEADER as u64).is_none_or(|end| end > len) {
        return Err(truncated());
    }
    file.read_exact(&mut header)?;
    let (kind, body_len, crc) = format::open(&header);
    let padded = format::block_len(body_len);
    if offset.checked_add(padded).is_none_or(|end| end > len) {
        return Err(truncated());
    }
    let mut body = Vec::new();
    file.take(padded - BLOCK_HEADER as u64).read_to_end(&mut body)?;
    if format::checksum(&header, &body) != crc {
        return Err(ReadError::Checksum { offset });
    }
    body.truncate(body_len as usize);
    Ok((kind, body))
}

/// Appends the body of an index block.
pub(crate) fn write(previous: u64, entries: &[IndexEntry], body: &mut Vec<u8>) {
    body.u64(previous);
    body.u32(entries.len() as u32);
    body.u32(0);
    for entry in entries {
        for value in [entry.offset, entry.first.get(), entry.until] {
            body.u64(value);
        }
        body.u32(entry.ring);
        body.u32(if entry.is_gap { format::GAP } else { format::DATA });
    }
}

fn read(mut body: Take<'_>, width: Width) -> Option<(u64, Vec<IndexEntry>)> {
    let previous = body.u64()?;
    let (count, _) = (body.u32()?, body.u32()?);
    let mut entries = Vec::new();
    for _ in 0..count {
        let (offset, first) = (body.u64()?, Position::new(body.u64()?, width));
        let (until, ring, kind) = (body.u64()?, body.u32()?, body.u32()?);
        entries.push(IndexEntry { offset, first, until, ring, is_gap: kind == format::GAP });
    }
    Some((previous, entries))
}
