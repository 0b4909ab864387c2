//! [`Faults`]: what goes wrong in a simulated ring, and how often.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Flags, Random};

/// A fault that can be injected into a [`SimRing`](crate::SimRing), and into the rings of an
/// exploration.
///
/// ```
/// use ringbuf_sim::Fault;
///
/// assert_eq!(Fault::Full.to_string(), "a reservation finds the ring full");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A reservation finds the ring full, although it is not.
    Full,
    /// A reservation does not get the lock. Only where the kernel's lock can fail: up to 6.14
    /// in an NMI, from 6.15 on everywhere.
    LockFails,
    /// A program stalls inside a reservation, just before its commit. It continues at
    /// [`SimRing::go_on`](crate::SimRing::go_on), or after up to 1000 steps of an exploration.
    Stalls,
    /// A program stalls inside a reservation for ever. The record stays busy, and nothing
    /// behind it can be read.
    StallsForEver,
    /// A commit notifies, whatever its flags say (`BPF_RB_FORCE_WAKEUP`).
    Notifies,
    /// A commit does not notify, whatever its flags say (`BPF_RB_NO_WAKEUP`).
    KeepsSilent,
    /// A notification is late. It arrives with the next one, merged; or at
    /// [`SimRing::deliver`](crate::SimRing::deliver); or some steps later.
    LateNotification,
    /// A notification never arrives. So a reader must not sleep without a limit.
    LostNotification,
    /// The clock of the waits jumps forward, by up to an hour, as when a virtual machine was
    /// paused.
    ClockJumps,
    /// The reader stands still for up to 1000 steps. Only in an exploration; a test on threads
    /// does not call it.
    ReaderStops,
    /// The ring is corrupt from now on: [`Forged`](crate::Forged). The reader must end with an
    /// error. Only in an exploration, once in a run; see also
    /// [`SimRing::forge`](crate::SimRing::forge).
    Forgery,
}

impl Fault {
    /// All faults.
    ///
    /// ```
    /// use ringbuf_sim::{Fault, Faults};
    ///
    /// let rarely = Fault::ALL.into_iter().fold(Faults::new(7), |faults, it| faults.one_in(it, 500));
    /// assert_eq!(rarely.odds(Fault::Stalls), 500);
    /// ```
    pub const ALL: [Self; 11] = [
        Self::Full,
        Self::LockFails,
        Self::Stalls,
        Self::StallsForEver,
        Self::Notifies,
        Self::KeepsSilent,
        Self::LateNotification,
        Self::LostNotification,
        Self::ClockJumps,
        Self::ReaderStops,
        Self::Forgery,
    ];

    const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "a reservation finds the ring full",
            Self::LockFails => "a reservation does not get the lock",
            Self::Stalls => "a program stalls before its commit",
            Self::StallsForEver => "a program never commits",
            Self::Notifies => "a commit notifies in any case",
            Self::KeepsSilent => "a commit does not notify",
            Self::LateNotification => "a notification is late",
            Self::LostNotification => "a notification is lost",
            Self::ClockJumps => "the clock jumps",
            Self::ReaderStops => "the reader stands still",
            Self::Forgery => "the ring becomes corrupt",
        })
    }
}

/// Faults, each once in so many chances. A seed decides which chances.
///
/// ```
/// use ringbuf_sim::{Fault, Faults, Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// ring.inject(Faults::new(17).one_in(Fault::Full, 4).one_in(Fault::Stalls, 10));
/// let refused = (0..20).filter(|_| ring.producer().output(b"event", Flags::ADAPTIVE).is_err());
/// assert_eq!(refused.count() as u64, ring.faulted().of(Fault::Full));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In an exploration, the chances are: each reservation for [`Full`](Fault::Full) and
/// [`LockFails`](Fault::LockFails), each commit for the stalls and the flags, each notification,
/// and each step for the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    seed: u64,
    one_in: [u32; Fault::ALL.len()],
}

impl Faults {
    /// Creates a set without faults.
    ///
    /// ```
    /// use ringbuf_sim::{Fault, Faults};
    ///
    /// assert_eq!(Faults::new(17).odds(Fault::Full), 0);
    /// ```
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, one_in: [0; Fault::ALL.len()] }
    }

    /// Returns the same with this fault, once in `chances`: 1 means each time, 0 never.
    ///
    /// ```
    /// use ringbuf_sim::{Fault, Faults};
    ///
    /// let often = Faults::new(17).one_in(Fault::Full, 4);
    /// assert_eq!(often.odds(Fault::Full), 4);
    /// ```
    #[must_use]
    pub const fn one_in(mut self, fault: Fault, chances: u32) -> Self {
        self.one_in[fault.index()] = chances;
        self
    }

    /// Returns the number of chances in which a fault happens once, or 0 if it never does.
    ///
    /// ```
    /// use ringbuf_sim::{Fault, Faults};
    ///
    /// let faults = Faults::new(1).one_in(Fault::Full, 8);
    /// assert_eq!((faults.odds(Fault::Full), faults.odds(Fault::Stalls)), (8, 0));
    /// ```
    #[must_use]
    pub const fn odds(&self, fault: Fault) -> u32 {
        self.one_in[fault.index()]
    }

    /// Returns the faults that happen at all.
    ///
    /// ```
    /// use ringbuf_sim::{Fault, Faults};
    ///
    /// assert!(Faults::new(1).one_in(Fault::Full, 8).kinds().eq([Fault::Full]));
    /// ```
    pub fn kinds(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |fault| self.odds(*fault) != 0)
    }

    #[cfg(feature = "explore")]
    pub(crate) fn only(self, kept: &[Fault]) -> Self {
        let gone = Fault::ALL.into_iter().filter(|fault| !kept.contains(fault));
        gone.fold(self, |faults, fault| faults.one_in(fault, 0))
    }

    #[cfg(feature = "explore")]
    pub(crate) const fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Draws whether a fault happens now.
    pub(crate) fn strikes(&self, random: &mut Random, fault: Fault) -> bool {
        match self.odds(fault) {
            0 => false,
            odds => random.below(odds.into()) == 0,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.kinds().enumerate() {
            let comma = if number == 0 { "" } else { "; " };
            write!(f, "{comma}{fault}, once in {}", self.odds(fault))?;
        }
        Ok(())
    }
}

/// How often each fault has happened.
///
/// ```
/// use ringbuf_sim::{Fault, Faults, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// ring.inject(Faults::new(1).one_in(Fault::Full, 1));
/// assert!(ring.producer().reserve(8).is_err());
/// assert_eq!(ring.faulted().of(Fault::Full), 1);
/// assert_eq!(ring.faulted().to_string(), "a reservation finds the ring full: 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts([u64; Fault::ALL.len()]);

impl FaultCounts {
    /// Returns how often this fault has happened.
    ///
    /// ```
    /// use ringbuf_sim::{Fault, Faults, Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.inject(Faults::new(1).one_in(Fault::Full, 1));
    /// let _ = ring.producer().output(b"one", Flags::ADAPTIVE);
    /// assert_eq!(ring.faulted().of(Fault::Full), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn of(&self, fault: Fault) -> u64 {
        self.0[fault.index()]
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.0[fault.index()] += 1;
    }

    #[cfg(feature = "explore")]
    pub(crate) fn plus(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
        self
    }
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let happened = Fault::ALL.into_iter().filter(|fault| self.of(*fault) != 0);
        for (number, fault) in happened.enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{fault}: {}", self.of(fault))?;
        }
        Ok(())
    }
}

/// The faults of one ring, and what has happened so far. A [`Host`](crate::Host) of your own
/// may have one.
///
/// ```
/// use ringbuf_sim::{Fault, Faults, Injected};
///
/// let injected = Injected::default();
/// assert!(!injected.strikes(Fault::Full));
/// injected.set(Faults::new(1).one_in(Fault::Full, 1));
/// assert!(injected.strikes(Fault::Full));
/// ```
#[derive(Debug, Default)]
pub struct Injected {
    any: AtomicBool,
    dice: Mutex<Dice>,
}

#[derive(Debug)]
struct Dice {
    faults: Faults,
    random: Random,
    counts: FaultCounts,
}

impl Default for Dice {
    fn default() -> Self {
        Self { faults: Faults::default(), random: Random::new(0), counts: FaultCounts::default() }
    }
}

impl Injected {
    /// Replaces the faults. The counts stay.
    pub fn set(&self, faults: Faults) {
        let mut dice = self.dice();
        (dice.faults, dice.random) = (faults, Random::new(faults.seed ^ SALT));
        self.any.store(faults.kinds().next().is_some(), Ordering::Release);
    }

    /// Draws whether a fault happens now, and counts it.
    pub fn strikes(&self, fault: Fault) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let mut dice = self.dice();
        let Dice { faults, random, counts } = &mut *dice;
        let strikes = faults.strikes(random, fault);
        if strikes {
            counts.add(fault);
        }
        strikes
    }

    /// Returns how often each fault has happened.
    ///
    /// ```
    /// use ringbuf_sim::{Fault, Faults, Injected};
    ///
    /// let injected = Injected::default();
    /// injected.set(Faults::new(1).one_in(Fault::Full, 1));
    /// injected.strikes(Fault::Full);
    /// assert_eq!(injected.counts().of(Fault::Full), 1);
    /// ```
    #[must_use]
    pub fn counts(&self) -> FaultCounts {
        self.dice().counts
    }

    /// The flags of a commit that asks for these.
    pub(crate) fn flags(&self, asked: Flags) -> Flags {
        if self.strikes(Fault::Notifies) {
            Flags::FORCE_WAKEUP
        } else if self.strikes(Fault::KeepsSilent) {
            Flags::NO_WAKEUP
        } else {
            asked
        }
    }

    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the draws apart from others of the same seed.
const SALT: u64 = 0xfa17;
