//! [`ShardError`]: why there are no rings to read.

use std::error::Error;
use std::fmt;
use std::io;

use super::TopologyError;
use crate::{CapacityError, OpenError};

/// Why sharded rings could not be created, filled in or opened. The text says what to do.
///
/// ```no_run
/// use ringbuf_kernel::{ShardError, ShardedRings};
///
/// match ShardedRings::from_pin("/sys/fs/bpf/events") {
///     Err(ShardError::EmptySlot { slot, .. }) => println!("nobody has filled slot {slot}"),
///     Err(error) => return Err(error.into()),
///     Ok(rings) => println!("{} rings", rings.len()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum ShardError {
    /// The array of maps, or a ring, could not be opened or created.
    Open(OpenError),
    /// It is not known which CPUs share a cache.
    Topology(TopologyError),
    /// The map's type is not `BPF_MAP_TYPE_ARRAY_OF_MAPS`.
    #[non_exhaustive]
    NotAnArrayOfMaps {
        /// The type, as a number of `enum bpf_map_type`.
        map_type: u32,
        /// The id of the map.
        id: u32,
    },
    /// A slot of the array has no ring. What programs write there is lost.
    #[non_exhaustive]
    EmptySlot {
        /// The id of the array.
        id: u32,
        /// The slot.
        slot: u32,
    },
    /// What is in a slot cannot be read: it is not a ring, or it is not permitted.
    #[non_exhaustive]
    Slot {
        /// The id of the array.
        id: u32,
        /// The slot.
        slot: u32,
        /// What is wrong with the map in it.
        error: OpenError,
    },
    /// The kernel does not put the ring into the array.
    #[non_exhaustive]
    Refused {
        /// The id of the array.
        id: u32,
        /// The slot.
        slot: u32,
        /// What the system reported.
        source: io::Error,
    },
    /// The array has fewer slots than there are CPUs or rings.
    #[non_exhaustive]
    TooFewSlots {
        /// The id of the array.
        id: u32,
        /// The slots that it has.
        slots: u32,
        /// The slots that it needs.
        needed: u32,
    },
}

impl fmt::Display for ShardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::Topology(error) => error.fmt(f),
            Self::NotAnArrayOfMaps { map_type, id } => write!(
                f,
                "map {id} is not an array of maps, but of type {map_type}: give the map of type \
                 BPF_MAP_TYPE_ARRAY_OF_MAPS in which programs look up their ring; open a single \
                 ring with RingBuf"
            ),
            Self::EmptySlot { id, slot } => write!(
                f,
                "slot {slot} of the array of maps {id} is empty, so records for it are lost: put \
                 a ring into each slot (ShardOptions::fill), or declare fewer slots"
            ),
            Self::Slot { id, slot, error } => {
                write!(f, "slot {slot} of the array of maps {id}: {error}")
            }
            Self::Refused { id, slot, source } => {
                write!(f, "could not put a ring into slot {slot} of the array of maps {id}: ")?;
                match source.raw_os_error() {
                    Some(libc::EINVAL) => write!(
                        f,
                        "{source}; it takes maps with the type and flags of its template only: \
                         declare its inner map as BPF_MAP_TYPE_RINGBUF without flags, or with \
                         BPF_F_NUMA_NODE if the rings are bound to nodes"
                    ),
                    Some(libc::EPERM | libc::EACCES) => write!(
                        f,
                        "{source}; pass a descriptor that is not read-only (BPF_F_RDONLY), fill \
                         the array before it is frozen, and in a container let the seccomp filter \
                         permit bpf()"
                    ),
                    _ => source.fmt(f),
                }
            }
            Self::TooFewSlots { id, slots, needed } => write!(
                f,
                "the array of maps {id} has {slots} slots, and {needed} are needed: set its \
                 max_entries to {needed} before it is loaded"
            ),
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for ShardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for ShardError {}

impl From<OpenError> for ShardError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<TopologyError> for ShardError {
    fn from(error: TopologyError) -> Self {
        Self::Topology(error)
    }
}

impl From<CapacityError> for ShardError {
    fn from(error: CapacityError) -> Self {
        Self::Open(OpenError::Capacity(error))
    }
}
