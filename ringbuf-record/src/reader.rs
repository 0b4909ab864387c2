//! [`Reader`]: reads a capture.

use std::io::{ErrorKind, Read};

use ringbuf_core::{Position, Width};

use crate::ReadError;
use crate::end::End;
use crate::format::{self, BLOCK_HEADER, FILE_HEADER, Take};
use crate::parse::{self, Block, Data, Samples};

/// The longest block that is read if nothing else is said.
const LIMIT: u64 = 64 << 20;

/// Reads a capture, block by block. No input makes it panic, loop, or keep more memory than the
/// input has bytes and [`limit`](Self::limit) permits.
///
/// Give it a file behind a `BufReader`, or bytes. See the [crate] for an example.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    limit: u64,
    /// Where the next block begins.
    offset: u64,
    width: Option<Width>,
    /// Where the next record of each ring begins.
    next: Vec<Position>,
    btfs: u32,
    ended: bool,
    complete: bool,
    skipped: u64,
    body: Vec<u8>,
    plain: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Begins to read: the header of the file.
    ///
    /// # Errors
    /// [`ReadError::NotACapture`], [`ReadError::Version`], [`ReadError::Truncated`],
    /// [`ReadError::Checksum`], [`ReadError::Io`].
    pub fn new(mut input: R) -> Result<Self, ReadError> {
        let mut header = [0; FILE_HEADER];
        let got = read_full(&mut input, &mut header)?;
        if got < FILE_HEADER {
            let prefix = got.min(format::MAGIC.len());
            let is_one = got > 0 && header[..prefix] == format::MAGIC[..prefix];
            let truncated = ReadError::Truncated { offset: 0 };
            return Err(if is_one { truncated } else { ReadError::NotACapture });
        }
        format::check_file_header(&header)?;
        Ok(Self {
            input,
            limit: LIMIT,
            offset: FILE_HEADER as u64,
            width: None,
            next: Vec::new(),
            btfs: 0,
            ended: false,
            complete: false,
            skipped: 0,
            body: Vec::new(),
            plain: Vec::new(),
        })
    }

    /// Permits blocks of at most `bytes` bytes, compressed or not. Without this it is 64 MiB. A
    /// record may have 1 GiB.
    ///
    /// ```
    /// # use ringbuf_core::Width;
    /// # use ringbuf_record::{Reader, Session, Writer};
    /// # let file = Writer::new(Vec::new(), &Session::here(Width::Bits64))?.finish()?;
    /// let reader = Reader::new(&file[..])?.limit(1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn limit(self, bytes: u64) -> Self {
        Self { limit: bytes, ..self }
    }

    /// Returns the next block, or `None` at the end. Blocks of unknown types are skipped. After
    /// an error it returns `None`.
    ///
    /// The positions of each ring are checked: data and gaps follow each other without a hole.
    ///
    /// # Errors
    /// [`ReadError`]. All blocks that were returned are whole.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    pub fn next(&mut self) -> Result<Option<Block<'_>>, ReadError> {
        if self.ended {
            return Ok(None);
        }
        // An error ends it.
        self.ended = true;
        let Some((kind, offset)) = self.next_known()? else { return Ok(None) };
        self.ended = kind == format::END;
        let wrong = |what| ReadError::Malformed { offset, what };
        let body = Take(&self.body);
        let width = match (kind, self.width) {
            (format::SESSION, None) => {
                let session = parse::session(body).ok_or(wrong("it is not a session"));
                let session = session.inspect_err(|_| self.ended = true)?;
                self.width = Some(session.width);
                return Ok(Some(Block::Session(session)));
            }
            (_, Some(width)) if kind != format::SESSION => width,
            (..) => {
                self.ended = true;
                return Err(wrong("the session is not the first block, once"));
            }
        };
        let Self { limit, plain, next, btfs, ended, complete, .. } = self;
        let block = match kind {
            format::RING => known_ring(body, width, next, *btfs).map(Block::Ring),
            format::BTF => btf(body, btfs),
            format::DATA => {
                let data = Data::read(body, width, offset, *limit, plain);
                let data = data.inspect_err(|_| *ended = true)?;
                follows(next, data.ring, data.first, data.end).map(|()| Block::Data(data))
            }
            format::GAP => parse::gap(body, width).ok_or("it is not a gap").and_then(|gap| {
                follows(next, gap.ring, gap.from, gap.to).map(|()| Block::Gap(gap))
            }),
            format::SAMPLES => Samples::read(body, width)
                .filter(|samples| (samples.ring() as usize) < next.len())
                .ok_or("it has no positions of a ring")
                .map(Block::Samples),
            _ => {
                *complete = true;
                End::read(body, width).map(Block::End).ok_or("it is not an end")
            }
        };
        block.map(Some).map_err(|what| {
            *ended = true;
            *complete = false;
            wrong(what)
        })
    }

    /// Returns true if the end of a whole capture was read. False after all blocks means that the
    /// recording was cut off, exactly between two blocks.
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
    /// while reader.next()?.is_some() {}
    /// assert!(reader.is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns how many blocks of unknown types were skipped.
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
    /// while reader.next()?.is_some() {}
    /// assert_eq!(reader.skipped(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns where the next block begins, in bytes from the start of the file.
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
    /// while reader.next()?.is_some() {}
    /// assert_eq!(reader.offset(), file.len() as u64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads blocks until the type of one is known. Returns its type and where it begins.
    fn next_known(&mut self) -> Result<Option<(u32, u64)>, ReadError> {
        loop {
            let offset = self.offset;
            let Some(kind) = self.read_block()? else { return Ok(None) };
            match kind {
                format::INDEX => {}
                format::SESSION..=format::END => return Ok(Some((kind, offset))),
                _ => self.skipped += 1,
            }
        }
    }

    /// Reads a block, and checks it.
    fn read_block(&mut self) -> Result<Option<u32>, ReadError> {
        let offset = self.offset;
        let mut header = [0; BLOCK_HEADER];
        match read_full(&mut self.input, &mut header)? {
            0 => return Ok(None),
            BLOCK_HEADER => {}
            _ => return Err(ReadError::Truncated { offset }),
        }
        let (kind, len, crc) = format::open(&header);
        let padded = format::block_len(len) - BLOCK_HEADER as u64;
        if padded > self.limit {
            return Err(ReadError::TooLong { offset, bytes: len.into(), limit: self.limit });
        }
        self.body.clear();
        // The buffer grows by what is really there.
        let got = self.input.by_ref().take(padded).read_to_end(&mut self.body)?;
        if (got as u64) < padded {
            return Err(ReadError::Truncated { offset });
        }
        if format::checksum(&header, &self.body) != crc {
            return Err(ReadError::Checksum { offset });
        }
        self.body.truncate(len as usize);
        self.offset += format::block_len(len);
        Ok(Some(kind))
    }
}

fn known_ring(
    body: Take<'_>,
    width: Width,
    next: &mut Vec<Position>,
    btfs: u32,
) -> Result<crate::RingHeader, &'static str> {
    let header = parse::ring(body, width).ok_or("it is not a ring")?;
    if header.number as usize != next.len() {
        return Err("the number of a ring does not follow the one before");
    }
    if header.ring.btf.is_some_and(|btf| !(1..=btfs).contains(&btf)) {
        return Err("the types of a ring are not before it");
    }
    next.push(header.ring.start);
    Ok(header)
}

fn btf<'b>(mut body: Take<'b>, btfs: &mut u32) -> Result<Block<'b>, &'static str> {
    let (Some(number), Some(_)) = (body.u32(), body.u32()) else {
        return Err("it has no types");
    };
    if Some(number) != btfs.checked_add(1) {
        return Err("the number of types does not follow the one before");
    }
    *btfs = number;
    Ok(Block::Btf { number, bytes: body.0 })
}

/// Checks that a block begins where the last one of its ring ended.
fn follows(
    next: &mut [Position],
    ring: u32,
    from: Position,
    to: Position,
) -> Result<(), &'static str> {
    let place = next.get_mut(ring as usize).ok_or("it is of a ring that is not before it")?;
    if *place != from {
        return Err("it does not begin where the last block of its ring ended");
    }
    *place = to;
    Ok(())
}

/// Fills `buffer` as far as there is anything.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ReadError> {
    let mut got = 0;
    while got < buffer.len() {
        match input.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(bytes) => got += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(ReadError::Io(error)),
        }
    }
    Ok(got)
}
