//! [`LeftOpen`]: a user ring whose last producer did not finish.

use std::fmt;
use std::os::fd::OwnedFd;

use crate::maps::Claiming;
use crate::{OpenError, UserMapping, UserRingBuf, door};

/// A user ring in which an earlier producer left reservations open when its process
/// ended. Every drain stops at the first of them until you recover the ring.
///
/// ```no_run
/// use ringbuf_kernel::{OpenError, UserRingBuf};
///
/// let ring = match UserRingBuf::from_pin("/sys/fs/bpf/commands") {
///     Err(OpenError::LeftOpen(left)) => {
///         eprintln!("the last run left {} samples unfinished", left.reservations());
///         left.recover()?
///     }
///     other => other?,
/// };
/// # Ok::<(), OpenError>(())
/// ```
#[derive(Debug)]
pub struct LeftOpen {
    map: OwnedFd,
    id: u32,
    reservations: u64,
}

impl LeftOpen {
    pub(crate) fn new(ring: &UserRingBuf, reservations: u64) -> Result<Self, OpenError> {
        Ok(Self { map: door::duplicate(ring)?, id: ring.id(), reservations })
    }

    /// How many reservations are open.
    #[must_use]
    pub fn reservations(&self) -> u64 {
        self.reservations
    }

    /// The id of the map.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Discards the open reservations and opens the ring. Later drains reach the samples
    /// behind them.
    ///
    /// Make sure that the earlier producer is gone: a sample that it still commits
    /// would be drained half written, or not at all.
    ///
    /// # Errors
    /// The same as for [`UserRingBuf::open`].
    pub fn recover(self) -> Result<UserRingBuf, OpenError> {
        let mut ring = UserRingBuf::over(UserMapping::take(self.map, Claiming::Once)?)?;
        ring.producer_mut().discard_open().map_err(OpenError::Corrupt)?;
        Ok(ring)
    }
}

impl fmt::Display for LeftOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, reservations, .. } = self;
        let (noun, them) = if *reservations == 1 { ("", "it") } else { ("s", "them") };
        write!(
            f,
            "another producer of user ring buffer map {id} has left {reservations} \
             reservation{noun} open, and every drain stops there: if that producer is gone, call \
             recover() on this error to discard {them}"
        )
    }
}
