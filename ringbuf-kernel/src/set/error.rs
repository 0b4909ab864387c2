//! The errors of a set.

use std::error::Error;
use std::fmt;

use ringbuf_core::RingFailed;

use super::Rings;
use crate::{Corrupt, OpenError, RingBuf, WaitError};

/// One ring of a set is corrupt. It gets no more turns. The others go on: read again, or
/// remove this one first.
///
/// ```no_run
/// # use ringbuf_kernel::{RingSet, WaitPolicy};
/// # let mut set = RingSet::<&str>::new(WaitPolicy::balanced())?;
/// if let Err(error) = set.drain(|name, record| println!("{name}: {} bytes", record.len())) {
///     eprintln!("{error}");
///     set.remove(error.id); // the others go on
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingError {
    /// The id of the map.
    pub id: u32,
    /// The name of the map.
    pub name: String,
    /// What is wrong with it.
    pub corrupt: Corrupt,
}

impl RingError {
    #[cold]
    pub(super) fn new(ring: &RingBuf, corrupt: Corrupt) -> Self {
        Self { id: ring.id(), name: ring.name().to_owned(), corrupt }
    }

    #[cold]
    pub(super) fn of<T>(rings: &Rings<T>, RingFailed { token, corrupt, .. }: RingFailed) -> Self {
        match rings.get(token) {
            Some((ring, _)) => Self::new(ring, corrupt),
            None => Self { id: 0, name: String::new(), corrupt },
        }
    }
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ring of map {} ({}): {}", self.id, self.name, self.corrupt)
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds the cause, so `source` has nothing to add.
impl Error for RingError {}

/// Why a set could not be changed, or a set of [callbacks](super::Callback) not polled.
#[non_exhaustive]
pub enum SetError {
    /// The map is not a ring that can be read.
    Open(OpenError),
    /// The system does not let the thread wait for the ring, or for the set.
    Wait(WaitError),
    /// One ring is corrupt. The others go on.
    Ring(RingError),
    /// A callback asked to stop.
    Stopped,
    /// The set was dropped.
    Closed,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::Wait(error) => error.fmt(f),
            Self::Ring(error) => error.fmt(f),
            Self::Stopped => f.write_str("a callback asked to stop"),
            Self::Closed => f.write_str("the set of rings was dropped: add the ring to a new one"),
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds the cause, so `source` has nothing to add.
impl Error for SetError {}

impl From<OpenError> for SetError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<WaitError> for SetError {
    fn from(error: WaitError) -> Self {
        Self::Wait(error)
    }
}

impl From<RingError> for SetError {
    fn from(error: RingError) -> Self {
        Self::Ring(error)
    }
}
