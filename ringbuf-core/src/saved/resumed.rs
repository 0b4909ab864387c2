//! [`Resumed`]: what a reader goes on with, and [`ResumeError`]: why it cannot.

use core::fmt;

use crate::{Corrupt, Counts};

/// What a reader continues from.
///
/// ```
/// # use std::cell::Cell;
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # #[derive(Default)]
/// # struct Words([Cell<u64>; 16]);
/// # impl SavedWords for &Words {
/// #     fn load(&self, word: usize) -> u64 {
/// #         self.0[word].get()
/// #     }
/// #     fn store(&self, word: usize, value: u64) {
/// #         self.0[word].set(value);
/// #     }
/// # }
/// # let (ring, words) = (SimRing::new(4096)?, Words::default());
/// let Resumed { counts, again, uncounted_bytes, .. } =
///     CountSaver::resume(&words, 7, &ring.consumer()?)?.resumed();
/// println!("{counts} so far, {} come again, {uncounted_bytes} bytes not counted", again.delivered);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resumed {
    /// The records before the position at which this reader begins. Add its own
    /// [`counts`](crate::Consumer::counts).
    pub counts: Counts,
    /// Of the records at which this reader begins, those that an earlier reader has passed
    /// already. They come again, and are counted once.
    pub again: Counts,
    /// Bytes of ring space before this reader's beginning whose records nobody counted:
    /// they were passed by a reader that saves no counts, or before the first one that
    /// does. 0 if all are counted.
    pub uncounted_bytes: u64,
}

/// Why a reader cannot go on with saved counts.
///
/// ```
/// # use std::cell::Cell;
/// # use ringbuf_core::{CountSaver, ResumeError, SavedWords};
/// # use ringbuf_sim::SimRing;
/// # #[derive(Default)]
/// # struct Words([Cell<u64>; 16]);
/// # impl SavedWords for &Words {
/// #     fn load(&self, word: usize) -> u64 {
/// #         self.0[word].get()
/// #     }
/// #     fn store(&self, word: usize, value: u64) {
/// #         self.0[word].set(value);
/// #     }
/// # }
/// let (one, other, words) = (SimRing::new(4096)?, SimRing::new(4096)?, Words::default());
/// CountSaver::resume(&words, 7, &one.consumer()?)?;
/// let error = CountSaver::resume(&words, 8, &other.consumer()?).err();
/// assert_eq!(error, Some(ResumeError::AnotherRing { ring: 7 }));
/// CountSaver::clear(&words); // ring 7 is gone
/// CountSaver::resume(&words, 8, &other.consumer()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResumeError {
    /// The words have the counts of another ring. Take other words; or, if that ring is gone,
    /// [clear](super::CountSaver::clear) them.
    AnotherRing {
        /// The number of that ring.
        ring: u64,
    },
    /// The consumer has read already, so its own counts are not those of a new reader.
    TooLate,
    /// The positions of the ring are impossible.
    Corrupt(Corrupt),
}

impl fmt::Display for ResumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnotherRing { ring } => write!(
                f,
                "ring {ring} has saved its counts there: give each ring words of its own, or \
                 clear these if that ring is gone"
            ),
            Self::TooLate => f.write_str(
                "the consumer has read already: resume its counts right after creating it",
            ),
            Self::Corrupt(corrupt) => corrupt.fmt(f),
        }
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl core::error::Error for ResumeError {}

impl From<Corrupt> for ResumeError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}
