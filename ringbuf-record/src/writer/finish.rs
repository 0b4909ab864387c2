//! The end of a capture, and what it has so far.

use std::io::Write;

use super::Writer;
use crate::end::End;
use crate::state::RingState;
use crate::{Clocks, RingTotals, WriteError, format};

impl<W: Write> Writer<W> {
    /// Writes what is kept in memory: open blocks, with a time that ends at `now`, and
    /// positions. Flushes `out`. A capture that is cut off here reads without an error.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// writer.flush(ringbuf_record::monotonic_ns())?; // before a long pause
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If writing fails.
    pub fn flush(&mut self, now: u64) -> Result<(), WriteError> {
        for ring in 0..self.rings.len() as u32 {
            self.close(ring, now)?;
            self.close_samples(ring)?;
        }
        self.out.flush().map_err(|error| {
            self.failed = true;
            WriteError::of(error, self.kept)
        })
    }

    /// Ends the capture: writes what is kept in memory, the index and the totals, and returns
    /// `out`.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// let file: Vec<u8> = writer.finish()?;
    /// assert!(ringbuf_record::Reader::new(&file[..]).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.end()?;
        Ok(self.out)
    }

    /// As [`finish`](Self::finish), if `out` or the totals are still needed. Add nothing
    /// afterwards: readers stop at the end.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// writer.end()?;
    /// println!("{} bytes: {:?}", writer.written(), writer.totals());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If writing fails.
    pub fn end(&mut self) -> Result<(), WriteError> {
        let clocks = Clocks::now();
        self.flush(clocks.monotonic_ns)?;
        self.write_index()?;
        let end = End { clocks, rings: self.totals(), index: self.last_index };
        let offset = self.kept;
        end.write(offset, self.body());
        self.seal(format::END)?;
        self.out.flush().map_err(|error| WriteError::of(error, self.kept))
    }

    /// Returns what the capture has of each ring so far. After an error of writing, this is what the
    /// whole blocks have.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// for totals in writer.totals() {
    ///     println!("{} records, {} bytes missed", totals.records, totals.missed);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn totals(&self) -> Vec<RingTotals> {
        let totals = |ring: &RingState| if self.failed { ring.written } else { ring.totals };
        self.rings.iter().map(totals).collect()
    }

    /// Returns the bytes of the file that are whole blocks.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// assert!(writer.written() > 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn written(&self) -> u64 {
        self.kept
    }

    /// Returns the file without ending the capture. Open blocks are lost.
    ///
    /// ```
    /// # use ringbuf_core::{Capacity, Observed, Position, Width};
    /// # use ringbuf_record::{GapReason, NewRing, PositionSample, Session, Writer};
    /// # let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
    /// # let start = Position::new(4096, Width::Bits64);
    /// # let ring = writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, start))?;
    /// let file = writer.into_inner(); // reads without an end
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_inner(self) -> W {
        self.out
    }
}
