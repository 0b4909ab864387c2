//! Decodes BTF, the type information of BPF programs and of the kernel, and prints the bytes
//! of a record by it.
//!
//! The format is that of the kernel's Documentation/bpf/btf.rst and include/uapi/linux/btf.h
//! (Linux 6.18): all kinds up to `ENUM64`, both byte orders, and split BTF (a module's types
//! beside those of the kernel).
//!
//! | you want | call |
//! |---|---|
//! | to read raw BTF | [`Btf::parse`], [`Btf::parse_split`] |
//! | a type | [`Btf::find`] (by name), [`Btf::get`] (by id), [`Btf::types`] |
//! | its size, its name as in C | [`Btf::size_of`], [`Btf::name_of`] |
//! | a record as text or JSON | [`Btf::value`], then [`Value::text`], [`Value::json`] |
//! | each field of a record | [`Value::visit`] with a [`Visitor`] of yours |
//!
//! ```no_run
//! let bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
//! let btf = ringbuf_btf::Btf::parse(&bytes)?;
//! let timespec = btf.find("struct timespec64").ok_or("the kernel has no such type")?;
//! let record = [7_u64, 5].map(u64::to_ne_bytes);
//! let value = btf.value(timespec.id(), record.as_flattened())?;
//! assert_eq!(value.text().to_string(), "tv_sec=7 tv_nsec=5");
//! assert_eq!(value.json().to_string(), r#"{"tv_sec":7,"tv_nsec":5}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Any bytes
//! BTF and records may come from anybody. Nothing here panics, recurses without a bound, or
//! works longer than in proportion to its input. What is wrong in the BTF as a whole is an
//! error of [`Btf::parse`], with its offset. A record that is shorter or longer than its type
//! is not an error: what is there is printed, and [`Value::missing`] and [`Value::rest`] tell
//! the difference.
//!
//! # No allocation
//! The crate is `no_std` and allocates nothing. [`Btf`] borrows the bytes, and has an index
//! of 4 KiB: types are found by id at once in the BTF of a program (up to 1024 types), and
//! after some hundred steps in that of a kernel. By name they are found by a search through
//! all types.
#![no_std]
#![forbid(unsafe_code)]
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

mod btf;
mod error;
mod extent;
mod json;
mod kind;
mod leaf;
mod lists;
mod name;
mod raw;
mod search;
mod text;
mod value;
mod walk;
mod words;

pub use btf::{Btf, Type, Types};
pub use error::BtfError;
pub use json::Json;
pub use kind::{Array, Composite, Enumeration, Int, Kind, Prototype, Section};
pub use lists::{
    EnumValue, EnumValues, Member, Members, Parameter, Parameters, Variable, Variables,
};
pub use name::TypeName;
pub use search::Named;
pub use text::Text;
pub use value::Value;
pub use walk::{Field, Group, Leaf, Visitor, Walked};
pub use words::ByteOrder;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
