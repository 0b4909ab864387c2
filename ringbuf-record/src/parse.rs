//! The blocks of a capture, as a reader gives them.

use ringbuf_core::{Capacity, Header, Observed, Position, Width};

use crate::codec;
use crate::end::End;
use crate::format::Take;
use crate::{
    ByteOrder, Clocks, Gap, GapReason, Kind, Mode, NewRing, PositionSample, RingHeader, Session,
};

/// A whole block. The order of the file is the order of time.
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
///     match block {
///         Block::Ring(header) => println!("{} bytes", header.ring.capacity.bytes()),
///         Block::Data(data) => println!("{} records", data.records),
///         Block::Gap(gap) => println!("{} bytes are missing: {:?}", gap.bytes, gap.reason),
///         Block::End(end) => println!("{:?}", end.rings),
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Block<'b> {
    /// The machine. The first block of every file.
    Session(Session),
    /// A ring, before its records.
    Ring(RingHeader),
    /// Types, before the rings that name them.
    Btf {
        /// Their number in this file, from 1.
        number: u32,
        /// The bytes of a `.BTF` section, in the byte order of the machine.
        bytes: &'b [u8],
    },
    /// Records of one ring.
    Data(Data<'b>),
    /// Bytes of a ring that are not in the capture.
    Gap(Gap),
    /// Positions of one ring over time.
    Samples(Samples<'b>),
    /// The end of a whole capture.
    End(End),
}

/// Records of one ring, in its order.
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
///     let Block::Data(data) = block else { continue };
///     assert_eq!((data.first.get(), data.end.get()), (4096, 4112));
///     for (position, entry) in data.entries() {
///         assert_eq!(entry, Observed::Record { position, sample: b"hello" });
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Data<'b> {
    /// The number of the ring in this file.
    pub ring: u32,
    /// The position of the first record.
    pub first: Position,
    /// The position behind the last record.
    pub end: Position,
    /// How many records, with discarded ones.
    pub records: u32,
    /// None of these records could be read at this time yet, in monotonic nanoseconds. 0 if
    /// that is not known.
    pub since: u64,
    /// All of them could be read at this time. `u64::MAX` if that is not known.
    pub until: u64,
    width: Width,
    entries: Take<'b>,
}

impl<'b> Data<'b> {
    /// Returns the records with their positions: [`Observed::Record`] or
    /// [`Observed::Discarded`], nothing else.
    #[must_use]
    pub fn entries(&self) -> Entries<'b> {
        Entries { position: self.first, width: self.width, entries: self.entries }
    }

    /// Reads the body of a block, and checks all of it. `plain` keeps unpacked bytes.
    pub(crate) fn read(
        mut body: Take<'b>,
        width: Width,
        offset: u64,
        limit: u64,
        plain: &'b mut Vec<u8>,
    ) -> Result<Self, crate::ReadError> {
        let wrong = |what| crate::ReadError::Malformed { offset, what };
        let short = || wrong("it is too short");
        let (ring, records) = (body.u32().ok_or_else(short)?, body.u32().ok_or_else(short)?);
        let mut number = || body.u64().ok_or_else(short);
        let (first, end) = (Position::new(number()?, width), Position::new(number()?, width));
        let (since, until) = (number()?, number()?);
        let (codec, len) = (body.u32().ok_or_else(short)?, body.u32().ok_or_else(short)?);
        if u64::from(len) > limit {
            return Err(crate::ReadError::TooLong { offset, bytes: len.into(), limit });
        }
        let entries = match u8::try_from(codec) {
            Ok(codec::NONE) => body,
            Ok(codec::ZSTD) => {
                codec::unpack(body.0, len, offset, plain)?;
                Take(plain)
            }
            _ => return Err(wrong("its compression is unknown")),
        };
        if entries.0.len() != len as usize {
            return Err(wrong("its plain length is not as stated"));
        }
        let data = Self { ring, first, end, records, since, until, width, entries };
        if !first.is_aligned() {
            return Err(wrong("a position is not a multiple of 8"));
        }
        let (mut count, mut walk) = (0, data.entries());
        while walk.next().is_some() {
            count += 1;
        }
        if !walk.entries.0.is_empty() {
            return Err(wrong("a record is not complete"));
        }
        if walk.position != end || count != records {
            return Err(wrong("its records are not as stated"));
        }
        Ok(data)
    }
}

/// The records of a [`Data`], each with its position.
#[derive(Clone, Debug)]
pub struct Entries<'b> {
    position: Position,
    width: Width,
    entries: Take<'b>,
}

impl<'b> Iterator for Entries<'b> {
    type Item = (Position, Observed<'b>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.entries;
        let header = Header::from_bits(rest.u32()?);
        let _reserved = rest.u32()?;
        let (len, position) = (header.len(), self.position);
        let step = if header.is_busy() {
            return None;
        } else if header.is_discarded() {
            Observed::Discarded { position, len }
        } else {
            let sample = rest.bytes(len.index())?;
            rest.bytes(len.index().next_multiple_of(8) - len.index())?;
            Observed::Record { position, sample }
        };
        self.entries = rest;
        self.position = position.advance(header.footprint(), self.width);
        Some((position, step))
    }
}

/// Positions of one ring over time.
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
///     let Block::Samples(samples) = block else { continue };
///     for sample in samples {
///         println!("{} {}", sample.time_ns, sample.producer);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Samples<'b> {
    /// The number of the ring in this file.
    ring: u32,
    width: Width,
    body: Take<'b>,
}

impl<'b> Samples<'b> {
    /// Returns the number of the ring in this file.
    #[must_use]
    pub fn ring(&self) -> u32 {
        self.ring
    }

    pub(crate) fn read(mut body: Take<'b>, width: Width) -> Option<Self> {
        let (ring, count) = (body.u32()?, body.u32()?);
        let bytes = usize::try_from(count).ok()?.checked_mul(32)?;
        Some(Self { ring, width, body: Take(body.bytes(bytes)?) })
    }
}

impl Iterator for Samples<'_> {
    type Item = PositionSample;

    fn next(&mut self) -> Option<PositionSample> {
        let time_ns = self.body.u64()?;
        let mut position = || self.body.u64().map(|value| Position::new(value, self.width));
        let (consumer, producer, pending_word) = (position()?, position()?, position()?);
        Some(PositionSample { time_ns, consumer, producer, pending_word })
    }
}

pub(crate) fn session(mut body: Take<'_>) -> Option<Session> {
    let byte_order = match body.u8()? {
        1 => ByteOrder::Little,
        2 => ByteOrder::Big,
        _ => return None,
    };
    let width = match body.u8()? {
        32 => Width::Bits32,
        64 => Width::Bits64,
        _ => return None,
    };
    let (_, page_size) = (body.u16()?, body.u32()?);
    let (monotonic_ns, boottime_ns, realtime_ns) = (body.u64()?, body.u64()?, body.u64()?);
    let clocks = Clocks { monotonic_ns, boottime_ns, realtime_ns };
    let boot_id = body.id()?;
    let (release, tool) = (body.text()?, body.text()?);
    page_size.is_power_of_two().then_some(Session {
        byte_order,
        width,
        page_size,
        clocks,
        boot_id,
        release,
        tool,
    })
}

pub(crate) fn ring(mut body: Take<'_>, width: Width) -> Option<RingHeader> {
    let (number, id) = (body.u32()?, body.u32()?);
    // No page is smaller than 8 bytes, and the replay checks again.
    let capacity = Capacity::new(body.u64()?, 8).ok()?;
    let start = Position::new(body.u64()?, width);
    let kind = match body.u8()? {
        1 => Kind::Ring,
        2 => Kind::UserRing,
        _ => return None,
    };
    let mode = match body.u8()? {
        1 => Mode::Normal,
        2 => Mode::Overwrite,
        _ => return None,
    };
    let (_, btf) = (body.u16()?, body.u32()?);
    let (name, btf) = (body.text()?, (btf != 0).then_some(btf));
    let ring = NewRing { id, name, capacity, start, kind, mode, btf };
    start.is_aligned().then_some(RingHeader { number, ring })
}

pub(crate) fn gap(mut body: Take<'_>, width: Width) -> Option<Gap> {
    let (ring, reason) = (body.u32()?, GapReason::from_bits(body.u32()?));
    let from = Position::new(body.u64()?, width);
    let to = Position::new(body.u64()?, width);
    let (since, until) = (body.u64()?, body.u64()?);
    let bytes = to.distance(from, width);
    (from.is_aligned() && to.is_aligned()).then_some(Gap {
        ring,
        from,
        to,
        bytes,
        reason,
        since,
        until,
    })
}
