//! Typed records of a BPF ring buffer: structs and tagged enums, read in place.
//!
//! A record is bytes that a BPF program wrote. This crate lends them as a struct of
//! yours: without a copy, without `unsafe`, and with a typed error if the length does
//! not fit. The struct derives three traits of [`zerocopy`]: `FromBytes`, `KnownLayout`
//! and `Immutable`. They say that every byte pattern is a value of it.
//!
//! | you have | use |
//! |---|---|
//! | one record | [`Cast`]: `record.cast::<T>()`, `read`, `split` |
//! | a ring of one struct | [`Reader<T>`](Reader): checks and counts lengths |
//! | a ring of several structs | [`records!`]: an enum by a tag, and a `Reader` of it |
//!
//! ```
//! use ringbuf_sim::{Flags, SimRing};
//! use ringbuf_typed::{Reader, records};
//! use zerocopy::{FromBytes, Immutable, KnownLayout};
//!
//! #[derive(Debug, FromBytes, KnownLayout, Immutable)]
//! #[repr(C)]
//! struct Exec {
//!     tag: u32,
//!     pid: u32,
//! }
//!
//! #[derive(Debug, FromBytes, KnownLayout, Immutable)]
//! #[repr(C)]
//! struct Exit {
//!     tag: u32,
//!     code: i32,
//! }
//!
//! records! {
//!     enum Event: u32 {
//!         1 => Exec(Exec),
//!         2 => Exit(Exit),
//!     }
//! }
//!
//! let ring = SimRing::new(4096)?;
//! for words in [[1_u32, 4711], [2, 3], [9, 9]] {
//!     ring.producer().output(words.map(u32::to_ne_bytes).as_flattened(), Flags::ADAPTIVE)?;
//! }
//!
//! let mut seen = Vec::new();
//! let mut events = Reader::<Event>::new();
//! ring.consumer()?.drain(|record| match events.take(&record) {
//!     Ok(Event::Exec(exec)) => seen.push(format!("{} began", exec.pid)),
//!     Ok(Event::Exit(exit)) => seen.push(format!("ended with {}", exit.code)),
//!     Err(misfit) => seen.push(misfit.to_string()),
//! })?;
//! assert_eq!(seen[..2], ["4711 began", "ended with 3"]);
//! assert!(seen[2].starts_with("unknown tag 9"));
//! assert_eq!((events.tally().good, events.tally().unknown), (2, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Alignment
//! Each sample begins at a multiple of 8 (see [`ringbuf_core::Record`]). So a type of
//! alignment 8 or less is always lent in place. A type with a larger alignment does not
//! compile:
//! ```compile_fail
//! # use ringbuf_typed::Cast;
//! # use zerocopy::{FromBytes, Immutable, KnownLayout};
//! #[derive(FromBytes, KnownLayout, Immutable)]
//! #[repr(C, align(16))] // with align(8) it compiles
//! struct Wide([u8; 16]);
//!
//! # let ring = ringbuf_sim::SimRing::new(4096).unwrap();
//! ring.consumer().unwrap().drain(|record| drop(record.cast::<Wide>().is_ok()));
//! ```
//! ```
//! # use ringbuf_typed::Cast;
//! # use zerocopy::{FromBytes, Immutable, KnownLayout};
//! # #[derive(FromBytes, KnownLayout, Immutable)]
//! # #[repr(C, align(8))]
//! # struct Wide([u8; 16]);
//! # let ring = ringbuf_sim::SimRing::new(4096).unwrap();
//! # ring.consumer().unwrap().drain(|record| drop(record.cast::<Wide>().is_ok()));
//! ```
//!
//! Numbers are in native byte order, as BPF programs write them. A type with a pointer,
//! a `bool`, a `char` or an enum is refused by zerocopy's derive, because not every byte
//! pattern is a value of it. Use an integer.
#![no_std]
#![warn(clippy::must_use_candidate)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )
)]

mod cast;
mod misfit;
mod reader;
mod records;
mod view;

pub use cast::Cast;
pub use misfit::Misfit;
pub use reader::{Reader, Tally};
pub use records::Shape;
pub use view::{Fit, Lengths, Typed};
pub use zerocopy;

/// For the code that [`records!`] writes.
#[doc(hidden)]
pub mod macros {
    pub use crate::records::{tag_of, unknown};
    pub use crate::view::view;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
