//! How blocks get into the file.

use std::io::Write;

use ringbuf_core::Width;

use super::Writer;
use crate::format::{self, BLOCK_HEADER, Put};
use crate::index::{self, ENTRIES, IndexEntry};
use crate::state::RingState;
use crate::{ByteOrder, Clocks, Session, WriteError};

impl<W: Write> Writer<W> {
    pub(super) fn state(&mut self, ring: u32) -> Result<&mut RingState, WriteError> {
        self.rings.get_mut(ring as usize).ok_or(WriteError::UnknownRing { ring })
    }

    /// Writes the open block of a ring, if it has records.
    pub(super) fn close(&mut self, ring: u32, until: u64) -> Result<(), WriteError> {
        let Some(state) = self.rings.get_mut(ring as usize) else { return Ok(()) };
        self.block.clear();
        let Some(first) = state.close(until, &mut self.packer, &mut self.block) else {
            return Ok(());
        };
        let offset = self.kept;
        self.append()?;
        let state = self.state(ring)?;
        state.written = state.totals;
        self.indexed(IndexEntry { offset, first, until, ring, is_gap: false })
    }

    pub(super) fn close_samples(&mut self, ring: u32) -> Result<(), WriteError> {
        let Some(state) = self.rings.get_mut(ring as usize) else { return Ok(()) };
        self.block.clear();
        if state.close_samples(&mut self.block) { self.append() } else { Ok(()) }
    }

    pub(super) fn indexed(&mut self, entry: IndexEntry) -> Result<(), WriteError> {
        self.index.push(entry);
        if self.index.len() >= ENTRIES { self.write_index() } else { Ok(()) }
    }

    pub(super) fn write_index(&mut self) -> Result<(), WriteError> {
        if self.index.is_empty() {
            return Ok(());
        }
        let (offset, previous) = (self.kept, self.last_index);
        let entries = std::mem::take(&mut self.index);
        index::write(previous, &entries, self.body());
        self.seal(format::INDEX)?;
        self.last_index = offset;
        Ok(())
    }

    /// An empty body to fill.
    pub(super) fn body(&mut self) -> &mut Vec<u8> {
        self.block.clear();
        self.block.resize(BLOCK_HEADER, 0);
        &mut self.block
    }

    pub(super) fn seal(&mut self, kind: u32) -> Result<(), WriteError> {
        format::seal(&mut self.block, kind);
        self.append()
    }

    /// Writes the block.
    pub(super) fn append(&mut self) -> Result<(), WriteError> {
        if self.failed {
            return Err(WriteError::Failed { kept: self.kept });
        }
        if let Err(error) = self.out.write_all(&self.block) {
            self.failed = true;
            return Err(WriteError::of(error, self.kept));
        }
        self.kept += self.block.len() as u64;
        Ok(())
    }
}

pub(super) fn session_body(session: &Session, body: &mut Vec<u8>) {
    body.u8(if session.byte_order == ByteOrder::Little { 1 } else { 2 });
    body.u8(if session.width == Width::Bits32 { 32 } else { 64 });
    body.u16(0);
    body.u32(session.page_size);
    let Clocks { monotonic_ns, boottime_ns, realtime_ns } = session.clocks;
    for value in [monotonic_ns, boottime_ns, realtime_ns] {
        body.u64(value);
    }
    body.extend_from_slice(&session.boot_id);
    body.text(&session.release);
    body.text(&session.tool);
}
