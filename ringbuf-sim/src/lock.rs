//! The lock of the producers: who asks for it, and why it fails.

use std::error::Error;
use std::fmt;

use crate::SimRing;

/// Where a program runs when it asks for space.
///
/// ```
/// use ringbuf_sim::{Context, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// let sampler = ring.producer().in_context(Context::Nmi);
/// sampler.output(b"stack", Default::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Context {
    /// In a task or an interrupt.
    #[default]
    Task,
    /// In a non-maskable interrupt, as programs of perf events may be.
    Nmi,
}

/// Why the lock of the producers could not be had. A BPF program gets NULL, as for a full
/// ring, and the record is lost.
///
/// ```
/// use ringbuf_sim::{Lock, LockError, Profile, Refused, SimRing};
///
/// // A program interrupts another one of its CPU, which holds the lock.
/// let refused = |profile: Profile| {
///     let ring = SimRing::with_profile(64 << 10, profile).unwrap();
///     let _interrupted = ring.producer().hold_lock().unwrap();
///     ring.producer().reserve(8).unwrap_err()
/// };
/// assert_eq!(refused(Profile::NEWEST), Refused::Lock(LockError::Deadlock));
/// assert_eq!(refused(Profile::of_release(6, 12, 0)), Refused::Lock(LockError::Hangs));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody holds it, and a program in an NMI does not wait (up to 6.14).
    Contended,
    /// The own CPU holds it: `-EDEADLK` (6.15).
    Deadlock,
    /// Another CPU has held it for a quarter of a second: `-ETIMEDOUT` (6.15).
    TimedOut,
    /// The own CPU holds it, and this kernel waits for ever (up to 6.14). The simulator does
    /// not.
    Hangs,
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contended => {
                "another program holds the lock of the ring, and in an NMI nobody waits for it: \
                 count the record as lost"
            }
            Self::Deadlock => {
                "this CPU holds the lock of the ring already (-EDEADLK): count the record as lost"
            }
            Self::TimedOut => {
                "another CPU has held the lock of the ring for too long (-ETIMEDOUT): count the \
                 record as lost"
            }
            Self::Hangs => {
                "this CPU holds the lock of the ring already, and a kernel before 6.15 hangs \
                 here: attach no program where a reservation may interrupt one"
            }
        })
    }
}

impl Error for LockError {}

/// The lock of a simulated ring, held by a program that does not get on, for example because
/// another one interrupts it. The thread that took it stands for its CPU.
///
/// ```
/// use ringbuf_sim::{Context, LockError, Profile, Refused, SimRing};
///
/// // Up to 6.14, a program in an NMI only tries.
/// let ring = SimRing::with_profile(64 << 10, Profile::of_release(6, 12, 0))?;
/// let held = ring.producer().hold_lock()?;
/// let sampler = ring.producer().in_context(Context::Nmi);
/// assert_eq!(sampler.reserve(8).unwrap_err(), Refused::Lock(LockError::Contended));
/// drop(held);
/// assert!(sampler.reserve(8).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is free again at the end of the value"]
pub struct HeldLock {
    pub(crate) ring: SimRing,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.ring.threads().release();
    }
}
