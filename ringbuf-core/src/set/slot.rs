//! [`Slot`]: the place of one ring in a set, and [`Token`], its name.

use core::fmt;
use core::time::Duration;

use crate::finish::Goal;
use crate::watch::Stall;
use crate::{Corrupt, Position};

/// The name of a ring in a set. It stays unique: a ring that is added later never has
/// the token of one that was removed.
///
/// ```
/// # use ringbuf_core::{Token, WaitPolicy};
/// # use ringbuf_sim::{SimRing, VirtualTime};
/// # let (ring, time) = (SimRing::new(4096)?, VirtualTime::new());
/// # let mut set = time.ring_set(WaitPolicy::balanced());
/// let token = set.insert(ring.consumer()?, "exec")?;
/// let data = token.to_bits(); // through epoll
/// assert_eq!(Token::from_bits(data), token);
///
/// set.remove(token);
/// let again = set.insert(ring.consumer()?, "exec")?;
/// assert_ne!(again, token);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    pub(crate) index: u32,
    pub(super) generation: u32,
}

impl Token {
    /// The token as a number, for the user data of an epoll set.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The token from its number.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        let low = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        Self { index: low(bits), generation: low(bits >> 32) }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}.{})", self.index, self.generation)
    }
}

/// The place of one ring in a set. A [`SetHost`](super::SetHost) stores a list of them.
#[derive(Debug)]
pub struct Slot<R, T> {
    pub(crate) member: Option<Member<R, T>>,
    pub(super) generation: u32,
    pub(super) turn: Turn,
    /// What the last call of `finish` had to read.
    pub(crate) goal: Option<Result<Goal, Corrupt>>,
}

/// A ring and its tag.
#[derive(Debug)]
pub(crate) struct Member<R, T> {
    pub(crate) ring: R,
    pub(crate) tag: T,
}

/// What a set knows about one of its rings.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn {
    pub(super) state: State,
    /// The neighbours in the circle of active rings.
    pub(super) before: u32,
    pub(super) after: u32,
    /// Looks in a row that found nothing, and when something was found last.
    pub(super) empty: u32,
    pub(super) found: Duration,
    /// A sweep found a record that had not notified.
    pub(super) silent: bool,
    /// It is corrupt, and that was reported.
    pub(super) failed: bool,
    /// A flush is not over before this position.
    pub(super) flush: Option<Position>,
    pub(super) stall: Stall,
}

/// What a set does with a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Armed: its next commit notifies. It costs nothing until then.
    #[default]
    Idle,
    /// Looked at after each rest, not armed, held back: its commits do not notify.
    Active,
    /// Corrupt. It is left alone until somebody removes it.
    Failed,
}

impl<R, T> Slot<R, T> {
    /// An empty place.
    #[must_use]
    pub const fn empty() -> Self {
        let turn = Turn {
            state: State::Idle,
            before: 0,
            after: 0,
            empty: 0,
            found: Duration::ZERO,
            silent: false,
            failed: false,
            flush: None,
            stall: Stall::new(),
        };
        Self { member: None, generation: 0, turn, goal: None }
    }
}

impl<R, T> Default for Slot<R, T> {
    fn default() -> Self {
        Self::empty()
    }
}

/// A list of places, for example a `Vec`. It may refuse to grow.
pub trait Slots<R, T>: AsRef<[Slot<R, T>]> + AsMut<[Slot<R, T>]> + Extend<Slot<R, T>> {}

impl<R, T, S> Slots<R, T> for S where
    S: AsRef<[Slot<R, T>]> + AsMut<[Slot<R, T>]> + Extend<Slot<R, T>>
{
}
