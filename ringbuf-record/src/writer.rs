//! [`Writer`]: writes a capture.

mod blocks;
mod finish;

use std::io::Write;

use ringbuf_core::{Header, Observed, Width};

use crate::codec::Packer;
use crate::format::{self, Put};
use crate::index::IndexEntry;
use crate::state::{self, RingState, UNKNOWN};
use crate::{
    Compression, Gap, GapReason, Kind, Mode, NewRing, PositionSample, Session, WriteError,
};

/// The largest body that a block may have, with room for its header.
const LARGEST: u64 = u32::MAX as u64 - 64;

/// Writes a capture into a file, a pipe, or memory.
///
/// Each block is one call of `write_all`, so no buffer is needed between. It keeps at most one
/// open block for each ring in memory: 64 KiB and a record, if the caller says often enough
/// when it has copied ([`copied`](Self::copied)).
///
/// A failed write leaves whole blocks, and then perhaps a torn one. Later calls fail, too
/// ([`WriteError::Failed`]). Dropping a writer loses the open blocks: call
/// [`finish`](Self::finish), or at least [`flush`](Self::flush).
///
/// See the [crate] for an example.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// Bytes of whole blocks.
    kept: u64,
    failed: bool,
    width: Width,
    rings: Vec<RingState>,
    btfs: u32,
    packer: Packer,
    block: Vec<u8>,
    index: Vec<IndexEntry>,
    last_index: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a capture at the present place of `out`. Writes what the session says.
    ///
    /// # Errors
    /// [`WriteError::Full`] or [`WriteError::Io`].
    pub fn new(out: W, session: &Session) -> Result<Self, WriteError> {
        Self::with_compression(out, session, Compression::None)
    }

    /// Begins a capture with compressed records.
    ///
    /// ```
    /// # use ringbuf_core::Width;
    /// use ringbuf_record::{Compression, Session, Writer};
    ///
    /// let session = Session::here(Width::Bits64);
    /// # #[cfg(feature = "zstd")]
    /// let writer = Writer::with_compression(Vec::new(), &session, Compression::Zstd)?;
    /// # Ok::<(), ringbuf_record::WriteError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_compression(
        out: W,
        session: &Session,
        compression: Compression,
    ) -> Result<Self, WriteError> {
        let packer = Packer::new(compression).map_err(|error| WriteError::of(error, 0))?;
        let mut writer = Self {
            out,
            kept: 0,
            failed: false,
            width: session.width,
            rings: Vec::new(),
            btfs: 0,
            packer,
            block: Vec::new(),
            index: Vec::new(),
            last_index: 0,
        };
        writer.block.extend_from_slice(&format::file_header());
        writer.append()?;
        blocks::session_body(session, writer.body());
        writer.seal(format::SESSION)?;
        Ok(writer)
    }

    /// Adds a ring, and returns its number in this file. Add it before its records; others may
    /// follow at any time.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// let second = writer.add_ring(&NewRing::new(58, "exits", Capacity::new(65536, 8)?, start))?;
    /// assert_eq!((ring, second), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WriteError::Misaligned`] if its start is not a multiple of 8;
    /// [`WriteError::UnknownBtf`]; and if writing fails.
    pub fn add_ring(&mut self, ring: &NewRing) -> Result<u32, WriteError> {
        let number = u32::try_from(self.rings.len()).unwrap_or(u32::MAX);
        if !ring.start.is_aligned() {
            return Err(WriteError::Misaligned { ring: number, value: ring.start.get() });
        }
        if let Some(btf) = ring.btf.filter(|btf| !(1..=self.btfs).contains(btf)) {
            return Err(WriteError::UnknownBtf { btf });
        }
        let body = self.body();
        body.u32(number);
        body.u32(ring.id);
        body.u64(ring.capacity.bytes());
        body.u64(ring.start.get());
        body.u8(if ring.kind == Kind::Ring { 1 } else { 2 });
        body.u8(if ring.mode == Mode::Normal { 1 } else { 2 });
        body.u16(0);
        body.u32(ring.btf.unwrap_or(0));
        body.text(&ring.name);
        self.seal(format::RING)?;
        self.rings.push(RingState::new(number, ring.start, self.width));
        Ok(number)
    }

    /// Adds types: the bytes of a `.BTF` section, as the kernel gives them. Returns their number,
    /// for [`NewRing::btf`]. They are not looked into.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// let types = writer.add_btf(b"\x9f\xeb...")?;
    /// let mut typed = NewRing::new(58, "exits", Capacity::new(65536, 8)?, start);
    /// typed.btf = Some(types);
    /// writer.add_ring(&typed)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WriteError::TooLong`], and if writing fails.
    pub fn add_btf(&mut self, bytes: &[u8]) -> Result<u32, WriteError> {
        let len = bytes.len() as u64;
        if len > LARGEST {
            return Err(WriteError::TooLong { bytes: len });
        }
        let number = self.btfs + 1;
        let body = self.body();
        body.u32(number);
        body.u32(0);
        body.extend_from_slice(bytes);
        self.seal(format::BTF)?;
        self.btfs = number;
        Ok(number)
    }

    /// Adds a step of an observer: a record, a discarded record, or missed bytes
    /// ([`GapReason::Lapped`]). A busy record and the end are not part of a capture, and are
    /// ignored.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// writer.put(ring, &Observed::Record { position: start, sample: b"hello" })?;
    /// writer.put(ring, &Observed::Missed { bytes: 64 })?;
    /// assert_eq!(writer.totals()[0].end.get(), 4096 + 16 + 64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WriteError::Misplaced`] if it does not begin where the last step ended;
    /// [`WriteError::UnknownRing`]; and if writing fails.
    pub fn put(&mut self, ring: u32, step: &Observed<'_>) -> Result<(), WriteError> {
        let (position, header, sample) = match *step {
            Observed::Record { position, sample } => {
                (position, state::header(sample.len())?, sample)
            }
            Observed::Discarded { position, len } => {
                (position, Header::busy(len).discarded(), &[][..])
            }
            Observed::Missed { bytes } => {
                return self.gap(ring, bytes, GapReason::Lapped, UNKNOWN);
            }
            _ => return Ok(()),
        };
        let state = self.state(ring)?;
        state.add(position, header, sample)?;
        if state.is_overfull() {
            self.close(ring, UNKNOWN)?;
        }
        Ok(())
    }

    /// Says that everything so far was copied before `now` (monotonic nanoseconds), and that
    /// there may be more. Closes the block of the ring if it is large or old enough.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// writer.put(ring, &Observed::Record { position: start, sample: b"hello" })?;
    /// writer.copied(ring, ringbuf_record::monotonic_ns())?; // and goes on copying
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WriteError::UnknownRing`], and if writing fails.
    pub fn copied(&mut self, ring: u32, now: u64) -> Result<(), WriteError> {
        let state = self.state(ring)?;
        if state.is_due(now) { self.close(ring, now) } else { Ok(()) }
    }

    /// As [`copied`](Self::copied), and there was nothing more to read at `now`. So what follows
    /// came after `now`.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// writer.caught_up(ring, ringbuf_record::monotonic_ns())?; // sleeps, and looks again
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`copied`](Self::copied).
    pub fn caught_up(&mut self, ring: u32, now: u64) -> Result<(), WriteError> {
        self.copied(ring, now)?;
        self.state(ring)?.since = now;
        Ok(())
    }

    /// Adds a gap of `bytes` bytes of ring space, seen at `now` (monotonic nanoseconds;
    /// `u64::MAX` if not known). The next record begins behind it.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// writer.gap(ring, 64, GapReason::Busy, ringbuf_record::monotonic_ns())?;
    /// assert_eq!(writer.totals()[0].left, 64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WriteError::Misaligned`], [`WriteError::UnknownRing`], and if writing fails.
    pub fn gap(
        &mut self,
        ring: u32,
        bytes: u64,
        reason: GapReason,
        now: u64,
    ) -> Result<(), WriteError> {
        self.state(ring)?;
        if bytes % 8 != 0 {
            return Err(WriteError::Misaligned { ring, value: bytes });
        }
        if bytes == 0 {
            return Ok(());
        }
        self.close(ring, now)?;
        let width = self.width;
        let state = self.state(ring)?;
        let (from, since) = (state.next, state.since);
        let to = from.advance(bytes, width);
        let gap = Gap { ring, from, to, bytes, reason, since, until: now };
        let body = self.body();
        body.u32(ring);
        body.u32(reason.to_bits());
        for value in [from.get(), to.get(), since, now] {
            body.u64(value);
        }
        let offset = self.kept;
        self.seal(format::GAP)?;
        let state = self.state(ring)?;
        state.pass(&gap);
        state.written = state.totals;
        self.indexed(IndexEntry { offset, first: from, until: now, ring, is_gap: true })
    }

    /// Adds the positions of a ring at one moment. Some are kept and written together.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// let (time_ns, consumer, producer, pending_word) = (7, start, start, start);
    /// writer.sample(ring, PositionSample { time_ns, consumer, producer, pending_word })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WriteError::UnknownRing`], and if writing fails.
    pub fn sample(&mut self, ring: u32, sample: PositionSample) -> Result<(), WriteError> {
        let state = self.state(ring)?;
        state.samples.push(sample);
        if state.has_samples() { self.close_samples(ring) } else { Ok(()) }
    }
}
