//! What became of the records that programs attempted: the counters of the programs, and counts
//! of readers that outlive them.

mod counters;
mod cpus;
mod error;
mod saved;

pub use counters::LossCounters;
pub use error::LossesError;
pub use saved::SavedCounts;
pub(crate) use saved::SavedPage;
