//! The bodies of the fuzz targets. Each takes any bytes, and panics if something is
//! wrong. The targets in `fuzz/` call them. The test `corpus` calls them, too, on
//! any compiler. One target and a property test use the [`oracle`].

mod header;
mod hostile;
mod memory;
mod ops;
pub mod oracle;
mod user;
mod user_ops;

pub use header::header;
pub use hostile::hostile;
pub use ops::ops;
pub use user::user_sample;
pub use user_ops::user_ops;

/// A target: its name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 5] = [
    ("header", header),
    ("hostile", hostile),
    ("ops", ops),
    ("user_ops", user_ops),
    ("user_sample", user_sample),
];

fn page_size() -> u64 {
    // SAFETY: asks for a constant of the system.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}
