//! The Rust that the pages of the book show, as documentation tests:
//! `cargo test -p ringbuf-snippets`.
//!
//! In a page, a comment just above a block of Rust changes how it is compiled. Readers see none
//! of these comments.
//!
//! | comment | effect |
//! |---|---|
//! | `<!-- setup`, lines, `-->` | compiles these lines before those of the block |
//! | `<!-- program: PATH -->` | not compiled here: the house rules compare the block with this file |
//! | `<!-- not compiled: REASON -->` | not compiled |

#[cfg(doctest)]
include!(concat!(env!("OUT_DIR"), "/pages.rs"));
