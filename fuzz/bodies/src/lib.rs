//! The bodies of the fuzz targets. Each takes any bytes, and panics if something is
//! wrong. The targets in `fuzz/` call them. The test `corpus` calls them, too, on
//! any compiler. One target and a property test use the [`oracle`].

mod btf;
mod capture;
mod header;
mod hostile;
mod inspect;
mod memory;
mod merge;
mod ops;
pub mod oracle;
mod overwrite;
mod page_reader;
mod user;
mod user_ops;

pub use btf::btf;
pub use capture::capture;
pub use header::header;
pub use hostile::hostile;
pub use inspect::inspect;
pub use merge::merge;
pub use ops::ops;
pub use overwrite::overwrite;
pub use page_reader::page_reader;
pub use user::user_sample;
pub use user_ops::user_ops;

/// A target: its name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 11] = [
    ("btf", btf),
    ("capture", capture),
    ("header", header),
    ("hostile", hostile),
    ("inspect", inspect),
    ("merge", merge),
    ("ops", ops),
    ("overwrite", overwrite),
    ("page_reader", page_reader),
    ("user_ops", user_ops),
    ("user_sample", user_sample),
];

fn page_size() -> u64 {
    // SAFETY: asks for a constant of the system.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}
