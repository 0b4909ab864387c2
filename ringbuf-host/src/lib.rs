//! Every BPF ring buffer of a host at a glance, and the records that it refused to programs that
//! nobody controls.
//!
//! ```no_run
//! use ringbuf_host::Host;
//!
//! let host = Host::open();
//! let rings = host.rings()?;
//! let owners = host.owners(&rings)?;
//! println!("{} rings, by {}", rings.len(), host.source());
//! for ring in &rings {
//!     let (info, readers) = (&ring.info, owners.readers(ring.info.id));
//!     println!("{} {}: {:?} bytes, read by {readers:?}", info.id, info.name, info.fill());
//! }
//! # Ok::<(), ringbuf_host::HostError>(())
//! ```
//!
//! [`Host`] reads BPF iterators, programs that the kernel runs once for each map, program, file
//! or mapping. They need `CAP_BPF` and `CAP_PERFMON`, and map nothing. Where the kernel does not
//! load them, it looks at maps by their ids, as [`ringbuf_kernel::rings`] does: that needs
//! `CAP_SYS_ADMIN`. [`Host::source`] says which of both it is.
//!
//! [`Losses`] counts refused reservations in the kernel, for programs without counters of their
//! own. Newer kernels do not permit it, and [`Refused`] says so.
//!
//! # What others may do meanwhile
//! Anything. Nothing here stores into a ring, maps one, or holds a map between two looks.

#![warn(clippy::must_use_candidate)]
#![deny(unsafe_code)]

mod elements;
mod error;
mod host;
mod iterators;
mod losses;
mod owners;
#[expect(
    unsafe_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    reason = "libbpf-cargo generates these modules, from src/bpf"
)]
mod programs {
    pub(crate) mod processes {
        include!(concat!(env!("OUT_DIR"), "/processes.skel.rs"));
    }
    pub(crate) mod refused {
        include!(concat!(env!("OUT_DIR"), "/refused.skel.rs"));
    }
    pub(crate) mod rings {
        include!(concat!(env!("OUT_DIR"), "/rings.skel.rs"));
    }
}

pub use error::HostError;
pub use host::{Host, HostRing, Source};
pub use losses::{Losses, Lost, Refused};
pub use owners::{HostOwners, HostProcess, HostProgram};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
