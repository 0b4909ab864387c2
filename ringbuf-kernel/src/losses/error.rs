//! [`LossesError`].

use std::error::Error;
use std::fmt;
use std::io;

use ringbuf_core::Corrupt;

use crate::{OpenError, ProgramsError};

/// Why losses cannot be counted, or counts not be saved. The text says what to do about it.
///
/// ```no_run
/// use ringbuf_kernel::{LossCounters, LossesError, RingBuf};
///
/// let ring = RingBuf::from_pin("/sys/fs/bpf/events")?;
/// match LossCounters::find(&ring) {
///     Ok(counters) => println!("{}", counters.account([&ring])?),
///     Err(LossesError::NoCounters { .. }) => println!("its programs count no losses"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum LossesError {
    /// The map cannot be opened.
    Open(OpenError),
    /// The map is not one of counters: not a per-CPU array of one entry with a value of 64
    /// bytes or more.
    #[non_exhaustive]
    NotCounters {
        /// The id of the map.
        id: u32,
        /// Its type, as a number of `enum bpf_map_type`.
        map_type: u32,
        /// The bytes of a value.
        value_size: u32,
    },
    /// Counts cannot be saved in this map: it is not an array with values of 128 bytes or
    /// more that can be mapped (`BPF_F_MMAPABLE`).
    #[non_exhaustive]
    NotSavedCounts {
        /// The id of the map.
        id: u32,
        /// Its type, as a number of `enum bpf_map_type`.
        map_type: u32,
        /// The bytes of a value.
        value_size: u32,
        /// The flags that it was created with.
        map_flags: u32,
    },
    /// No program that uses the map has counters for it.
    #[non_exhaustive]
    NoCounters {
        /// The name that was looked for.
        name: String,
    },
    /// Several maps have the name of its counters.
    #[non_exhaustive]
    ManyCounters {
        /// The name that was looked for.
        name: String,
        /// The ids of the maps.
        ids: Vec<u32>,
    },
    /// This ring has been read already, or saves its counts already.
    TooLate,
    /// Another ring has saved its counts there: a map of saved counts belongs to one ring. If
    /// that ring is gone, [clear](crate::SavedCounts::clear) the map.
    #[non_exhaustive]
    SavedByAnother {
        /// The id of the map of saved counts.
        id: u32,
        /// The id of that ring's map; `u64::MAX` if the map was cleared.
        ring: u64,
    },
    /// It is not known which programs use the map.
    Programs(ProgramsError),
    /// The ring is corrupt, or belongs to another process.
    Corrupt(Corrupt),
    /// The system refused something for another reason.
    #[non_exhaustive]
    System {
        /// What was tried.
        operation: &'static str,
        /// What the system reported.
        source: io::Error,
    },
}

impl LossesError {
    pub(crate) fn system(operation: &'static str, source: io::Error) -> Self {
        Self::System { operation, source }
    }
}

impl From<OpenError> for LossesError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<Corrupt> for LossesError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

impl fmt::Display for LossesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::NotCounters { id, map_type, value_size } => write!(
                f,
                "map {id} (type {map_type}, values of {value_size} bytes) has no loss counters: \
                 open the map `NAME_counts` that ringbuf.bpf.h declares for the ring `NAME`"
            ),
            Self::NotSavedCounts { id, map_type, value_size, map_flags } => write!(
                f,
                "counts cannot be saved in map {id} (type {map_type}, values of {value_size} \
                 bytes, flags {map_flags:#x}): use SavedCounts::create, or RINGBUF_SAVED of \
                 ringbuf.bpf.h"
            ),
            Self::NoCounters { name } => write!(
                f,
                "no program that uses this map has a map `{name}` of loss counters: declare the \
                 ring with RINGBUF of ringbuf.bpf.h, or open its counters by descriptor or pin"
            ),
            Self::ManyCounters { name, ids } => {
                write!(f, "several maps are named `{name}` ({ids:?}): open the right one by its id")
            }
            Self::TooLate => f.write_str(
                "this ring was read already, or saves its counts already: call save_counts once, \
                 right after opening it",
            ),
            Self::SavedByAnother { id, ring: u64::MAX } => write!(
                f,
                "map {id} was cleared while this ring saved its counts there: open the ring \
                 again to go on"
            ),
            Self::SavedByAnother { id, ring } => write!(
                f,
                "ring {ring} saves its counts in map {id}, which belongs to one ring: make a map \
                 for each ring, also for each shard (SavedCounts::create, or at_pin with a path of \
                 its own); if ring {ring} is gone, call SavedCounts::clear"
            ),
            Self::Programs(error) => error.fmt(f),
            Self::Corrupt(corrupt) => corrupt.fmt(f),
            Self::System { operation, source } => write!(f, "could not {operation}: {source}"),
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for LossesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for LossesError {}
