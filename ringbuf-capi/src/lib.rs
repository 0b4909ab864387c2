//! libbpf's ring buffer functions, on the readers of the ringbuf crates: a shared library
//! for programs that call libbpf's, without a changed line. See docs/c-library.md.
//!
//! It exports the 21 functions of libbpf 1.7 and nothing else. `ringbuf_capi.h` reaches
//! what this library adds through the handles.
//!
//! # Rules of this crate
//! - A callback may unwind (an exception, `longjmp`, `pthread_exit`), and may call every
//!   function again. So while it runs, no value with a destructor, no lock and no `&mut`
//!   lives in any frame of ours.
//! - Nothing here panics: a panic of ours must not cross the border.
//! - Every decision about a ring is in ringbuf-core.

#![warn(clippy::must_use_candidate)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod added;
mod c;
mod drain;
mod exports;
mod exports_user;
mod foreign;
mod manager;
mod planted;
mod poll;
mod ring;
mod settings;
mod user;
