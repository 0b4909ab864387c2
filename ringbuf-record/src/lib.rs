//! Captures of BPF ring buffers, as files: a [`Writer`], a [`Reader`], and replay into a
//! simulated ring ([`SimReplay`], feature `sim`).
//!
//! A capture holds what an observer has copied from one ring or several: each record with its
//! position, each record that its producer has discarded, each gap with its bytes and its
//! reason, and the positions over time. `ringbuf record` writes such files; any program can.
//!
//! The file is a row of blocks, each with a checksum. It is only appended to, so a crash or a
//! full disk costs the last block. Every byte of it is described in `docs/capture-format.md`.
//!
//! ```
//! use ringbuf_core::{Capacity, Observed, Tap, Width};
//! use ringbuf_record::{Block, NewRing, Reader, Session, Writer, monotonic_ns};
//! use ringbuf_sim::{Flags, SimRing};
//!
//! let ring = SimRing::new(65536)?;
//! let inspector = ring.inspector();
//! let mut tap = Tap::at_producer(&inspector);
//! let mut writer = Writer::new(Vec::new(), &Session::here(Width::Bits64))?;
//! let number = writer.add_ring(&NewRing::new(57, "events", ring.capacity(), tap.position()))?;
//!
//! ring.producer().output(b"hello", Flags::ADAPTIVE)?;
//! let mut buffer = [0; 64];
//! loop {
//!     match tap.next(&inspector, &mut buffer)? {
//!         Observed::End => break,
//!         step => writer.put(number, &step)?,
//!     }
//! }
//! writer.caught_up(number, monotonic_ns())?;
//! let file = writer.finish()?;
//!
//! let mut reader = Reader::new(&file[..])?;
//! while let Some(block) = reader.next()? {
//!     if let Block::Data(data) = block {
//!         for (position, entry) in data.entries() {
//!             println!("{position}: {entry:?}");
//!         }
//!     }
//! }
//! assert!(reader.is_complete());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod codec;
mod end;
mod error;
mod format;
mod index;
mod meta;
mod parse;
mod reader;
#[cfg(feature = "sim")]
mod sim;
mod state;
mod writer;

pub use codec::Compression;
pub use end::{End, RingTotals};
pub use error::{ReadError, WriteError};
pub use index::{Index, IndexEntry};
pub use meta::{
    ByteOrder, Clocks, Gap, GapReason, Kind, Mode, NewRing, PositionSample, RingHeader, Session,
    monotonic_ns,
};
pub use parse::{Block, Data, Entries, Samples};
pub use reader::Reader;
#[cfg(feature = "sim")]
pub use sim::{ReplayError, SimReplay};
pub use writer::Writer;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
