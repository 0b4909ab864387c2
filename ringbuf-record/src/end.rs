//! The last block of a whole capture: totals.

use ringbuf_core::{Position, Width};

use crate::Clocks;
use crate::format::{Put, Take};

/// The end of a whole capture.
///
/// ```
/// # use ringbuf_core::{Capacity, Observed, Position, Width};
/// # use ringbuf_record::{Block, GapReason, NewRing, Reader, Session, Writer};
/// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
/// # let start = Position::new(4096, Width::Bits64);
/// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
/// # writer.put(ring, &Observed::Record { position: start, sample: b"hello" })?;
/// # writer.gap(ring, 64, GapReason::Lapped, 7)?;
/// # let file = writer.finish()?;
/// let mut reader = Reader::new(&file[..])?;
/// while let Some(block) = reader.next()? {
///     if let Block::End(end) = block {
///         println!("ended {} ns after 1970", end.clocks.realtime_ns);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// The clocks at the end.
    pub clocks: Clocks,
    /// What the capture has of each ring.
    pub rings: Vec<RingTotals>,
    /// Where the last index block begins. 0 if there is none.
    pub(crate) index: u64,
}

/// What a capture has of one ring.
///
/// ```
/// # use ringbuf_core::{Capacity, Observed, Position, Width};
/// # use ringbuf_record::{Block, GapReason, NewRing, Reader, Session, Writer};
/// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
/// # let start = Position::new(4096, Width::Bits64);
/// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
/// # writer.put(ring, &Observed::Record { position: start, sample: b"hello" })?;
/// # writer.gap(ring, 64, GapReason::Lapped, 7)?;
/// # let file = writer.finish()?;
/// let mut reader = Reader::new(&file[..])?;
/// while let Some(block) = reader.next()? {
///     if let Block::End(end) = block {
///         assert_eq!((end.rings[0].records, end.rings[0].missed), (1, 64));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingTotals {
    /// The number of the ring in this file.
    pub ring: u32,
    /// Submitted records.
    pub records: u64,
    /// Records that their producers have discarded.
    pub discarded: u64,
    /// Bytes of the samples of the submitted records.
    pub sample_bytes: u64,
    /// Bytes of ring space that are missing, with headers, because producers came round or the
    /// ring was corrupt.
    pub missed: u64,
    /// Bytes of ring space, with headers, that were behind a busy record at the end.
    pub left: u64,
    /// The position where the capture ends.
    pub end: Position,
}

impl End {
    /// Appends the body. It ends with `offset`, where its own block begins.
    pub(crate) fn write(&self, offset: u64, body: &mut Vec<u8>) {
        let Clocks { monotonic_ns, boottime_ns, realtime_ns } = self.clocks;
        for value in [monotonic_ns, boottime_ns, realtime_ns, self.index] {
            body.u64(value);
        }
        body.u32(self.rings.len() as u32);
        body.u32(0);
        for totals in &self.rings {
            let RingTotals { ring, records, discarded, sample_bytes, missed, left, end } = *totals;
            body.u32(ring);
            body.u32(0);
            for value in [records, discarded, sample_bytes, missed, left, end.get()] {
                body.u64(value);
            }
        }
        body.u64(offset);
    }

    pub(crate) fn read(mut body: Take<'_>, width: Width) -> Option<Self> {
        let (monotonic_ns, boottime_ns) = (body.u64()?, body.u64()?);
        let clocks = Clocks { monotonic_ns, boottime_ns, realtime_ns: body.u64()? };
        let index = body.u64()?;
        let (count, _) = (body.u32()?, body.u32()?);
        let mut rings = Vec::new();
        for _ in 0..count {
            let (ring, _) = (body.u32()?, body.u32()?);
            let (records, discarded, sample_bytes) = (body.u64()?, body.u64()?, body.u64()?);
            let (missed, left) = (body.u64()?, body.u64()?);
            let end = Position::new(body.u64()?, width);
            rings.push(RingTotals { ring, records, discarded, sample_bytes, missed, left, end });
        }
        Some(Self { clocks, rings, index })
    }
}
