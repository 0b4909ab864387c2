//! Counts that outlive their reader: [`CountSaver`] and [`SavedWords`].
//!
//! A reader that is killed knows nothing any more. The next one finds the published
//! position: bytes, not records. So a reader saves what it has counted in a memory that
//! outlives it, just before each store of the consumer position. It has two slots, and
//! writes them in turns:
//!
//! ```text
//! slot A   position 4096   delivered 100  discarded 3
//! slot B   position 6144   delivered 150  discarded 4
//!                 published              saved            produced
//! ring   ------------|---------------------|-----------------|--->
//!                    |<- read again by the ->|
//!                    |   next reader       |
//! ```
//! A slot is of a *consumed* position, which is at or after the position that is published
//! next. What is between the two is still in the ring, so the next reader counts it there,
//! by its headers, and takes it off: it reads these records again.
//!
//! Whenever the reader is killed, one slot is whole, and its position is at or after the
//! published one: a slot is written before the store that goes up to it, and while it is
//! written, the other one is of the store before.
//!
//! The words belong to one ring. They carry its number, and so does each slot: the reader of
//! another ring is refused, and one that takes them all the same is noticed.

mod resumed;

use core::cell::Cell;

pub use resumed::{ResumeError, Resumed};

use crate::{Consumer, ConsumerMemory, Counts, Position, Width};

/// Memory of 16 words of 64 bits that outlives its reader: pages of a map, or a file.
///
/// All words are 0 in the beginning. One reader at a time stores into them: that of the
/// ring. Others may load them.
///
/// The stores of a reader reach this memory in their order: each is a `Release` store, and
/// each load an `Acquire` load. So whoever comes after a kill finds the stores up to some
/// point of that order, and the store of the consumer position only with all before it.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use ringbuf_core::SavedWords;
///
/// /// 128 bytes that are mapped from a file.
/// struct Mapped<'p>(&'p [AtomicU64; 16]);
///
/// impl SavedWords for Mapped<'_> {
///     fn load(&self, word: usize) -> u64 {
///         self.0[word].load(Ordering::Acquire)
///     }
///
///     fn store(&self, word: usize, value: u64) {
///         self.0[word].store(value, Ordering::Release);
///     }
/// }
/// ```
pub trait SavedWords {
    /// Loads a word, from 0 to 15.
    fn load(&self, word: usize) -> u64;

    /// Stores a word, from 0 to 15.
    fn store(&self, word: usize, value: u64);
}

/// Saves the counts of one reader for the next one.
///
/// [`resume`](Self::resume) continues what the last reader saved. Then call
/// [`save`](Self::save) just before each store of the consumer position; a memory does so
/// in [`before_publish`](ConsumerMemory::before_publish).
///
/// ```
/// use std::cell::Cell;
/// use ringbuf_core::{CountSaver, SavedWords};
/// use ringbuf_sim::{Flags, SimRing};
///
/// #[derive(Default)]
/// struct Words([Cell<u64>; 16]); // in earnest: mapped pages, and atomics
///
/// impl SavedWords for &Words {
///     fn load(&self, word: usize) -> u64 {
///         self.0[word].get()
///     }
///     fn store(&self, word: usize, value: u64) {
///         self.0[word].set(value);
///     }
/// }
///
/// let (ring, words) = (SimRing::new(4096)?, Words::default());
/// let mut first = ring.consumer()?;
/// let saver = CountSaver::resume(&words, 7, &first)?;
/// ring.producer().output(b"one", Flags::ADAPTIVE)?;
/// first.drain(|_| ())?;
/// saver.save(first.position(), first.counts());
/// drop(first);
///
/// let second = ring.consumer()?;
/// let saver = CountSaver::resume(&words, 7, &second)?;
/// assert_eq!(saver.resumed().counts.delivered, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CountSaver<S> {
    words: S,
    ring: u64,
    resumed: Resumed,
    sequence: Cell<u64>,
    /// The ring whose reader has taken the words.
    taken: Cell<Option<u64>>,
}

impl<S: SavedWords> CountSaver<S> {
    /// Continues the counts in `words`, for the reader `consumer` of the ring with the number
    /// `ring` (the id of its map). The consumer must be new.
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
    /// let consumer = ring.consumer()?;
    /// let saver = CountSaver::resume(&words, 7, &consumer)?;
    /// assert_eq!(saver.resumed(), Resumed::default()); // the first reader
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ResumeError`]. Then nothing is stored.
    pub fn resume<M: ConsumerMemory>(
        words: S,
        ring: u64,
        consumer: &Consumer<M>,
    ) -> Result<Self, ResumeError> {
        if consumer.counts != Counts::default() || consumer.unpublished() != 0 {
            return Err(ResumeError::TooLate);
        }
        let (produced, width) = (consumer.lag()?, consumer.memory.width());
        let begin = consumer.position();
        let known = words.load(LAYOUT_WORD) == LAYOUT;
        let owner = words.load(RING_WORD);
        if known && owner != ring {
            return Err(ResumeError::AnotherRing { ring: owner });
        }
        let newest = if known { Slot::newest(&words, ring) } else { Slot::default() };
        // Modulo the width: a slot behind the beginning is very far ahead of it.
        let ahead = newest.position.distance(begin, width);
        let again = (ahead <= produced).then(|| consumer.committed_within(ahead)).flatten();
        let resumed = match again {
            // Nothing was saved, or not of this ring's records.
            _ if newest.sequence == 0 || again.is_none() && ahead <= produced => {
                Resumed { uncounted_bytes: begin.get(), ..Resumed::default() }
            }
            Some(again) => Resumed {
                counts: Counts {
                    delivered: newest.counts.delivered.wrapping_sub(again.delivered),
                    discarded: newest.counts.discarded.wrapping_sub(again.discarded),
                },
                again,
                uncounted_bytes: newest.uncounted,
            },
            // Somebody else has read on from there.
            None => Resumed {
                counts: newest.counts,
                again: Counts::default(),
                uncounted_bytes: begin
                    .distance(newest.position, width)
                    .saturating_add(newest.uncounted),
            },
        };
        if !known {
            for slot in SLOTS {
                words.store(slot, 0);
            }
            words.store(RING_WORD, ring);
            words.store(LAYOUT_WORD, LAYOUT);
        }
        let (sequence, taken) = (Cell::new(newest.sequence), Cell::new(None));
        Ok(Self { words, ring, resumed, sequence, taken })
    }

    /// Forgets what is saved in `words`. They belong to no ring then. If a reader still saves
    /// its counts there, it stops: see [`taken_by`](Self::taken_by).
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
    /// CountSaver::resume(&words, 7, &ring.consumer()?)?;
    /// CountSaver::clear(&words);
    /// CountSaver::resume(&words, 8, &ring.consumer()?)?; // as another ring
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear(words: S) {
        words.store(LAYOUT_WORD, 0);
        for slot in SLOTS {
            words.store(slot, 0);
        }
        words.store(RING_WORD, NOBODY);
    }

    /// Returns the ring whose reader has taken the words since, or `u64::MAX` if they were
    /// [cleared](Self::clear). Then this reader saves nothing any more: its counts are gone
    /// with it. `None`: the words are its own.
    ///
    /// ```
    /// # use std::cell::Cell;
    /// # use ringbuf_core::{CountSaver, SavedWords};
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
    /// let first = CountSaver::resume(&words, 7, &one.consumer()?)?;
    /// assert_eq!(first.taken_by(), None);
    /// CountSaver::clear(&words); // a mistake: ring 7 has a reader
    /// CountSaver::resume(&words, 8, &other.consumer()?)?;
    /// assert_eq!(first.taken_by(), Some(8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn taken_by(&self) -> Option<u64> {
        if self.taken.get().is_none() {
            let owner = self.words.load(RING_WORD);
            self.taken.set((owner != self.ring).then_some(owner));
        }
        self.taken.get()
    }

    /// Returns the words.
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
    /// let saver = CountSaver::resume(&words, 7, &ring.consumer()?)?;
    /// assert!(saver.words().load(1) == 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn words(&self) -> &S {
        &self.words
    }

    /// What this reader continued from.
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
    /// let saver = CountSaver::resume(&words, 7, &ring.consumer()?)?;
    /// assert_eq!(saver.resumed().counts.delivered, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resumed(&self) -> Resumed {
        self.resumed
    }

    /// Saves that this reader has passed `counts` records before `position`. Call it just
    /// before the store of the consumer position, with the consumed position. Saves nothing
    /// if another ring's reader has [taken](Self::taken_by) the words.
    ///
    /// Writes the older slot, and its number last: until then the other one is the newest. So
    /// the next reader never takes a slot that a kill left half written. Test: `saved`.
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
    /// let mut consumer = ring.consumer()?;
    /// let saver = CountSaver::resume(&words, 7, &consumer)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// consumer.drain(|_| ())?;
    /// saver.save(consumer.position(), consumer.counts());
    /// consumer.publish();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, position: Position, counts: Counts) {
        if self.taken_by().is_some() {
            return;
        }
        let sequence = self.sequence.get().wrapping_add(1);
        let slot = if sequence % 2 == 0 { SLOTS[0] } else { SLOTS[1] };
        let Resumed { counts: before, uncounted_bytes, .. } = self.resumed;
        self.words.store(slot + 1, position.get());
        self.words.store(slot + 2, before.delivered.wrapping_add(counts.delivered));
        self.words.store(slot + 3, before.discarded.wrapping_add(counts.discarded));
        self.words.store(slot + 4, uncounted_bytes);
        self.words.store(slot + 5, self.ring);
        self.words.store(slot, sequence);
        self.sequence.set(sequence);
    }
}

const LAYOUT_WORD: usize = 0;
const RING_WORD: usize = 1;
/// No ring has this number.
const NOBODY: u64 = u64::MAX;
/// The first word of each slot: its number, the position, records delivered and discarded, the
/// bytes that nobody counted, and the ring. Number 0 means that the slot is not whole.
const SLOTS: [usize; 2] = [2, 9];
/// Layout 2.
const LAYOUT: u64 = u64::from_be_bytes(*b"ringcnt\x02");

/// What one slot holds.
#[derive(Clone, Copy, Default)]
struct Slot {
    sequence: u64,
    position: Position,
    counts: Counts,
    uncounted: u64,
}

impl Slot {
    /// The slot of this ring that was written last, of those that are whole.
    fn newest<S: SavedWords>(words: &S, ring: u64) -> Self {
        let [first, second] = SLOTS.map(|slot| {
            let own = words.load(slot + 5) == ring;
            if own { Self::load(words, slot) } else { Self::default() }
        });
        if second.sequence > first.sequence { second } else { first }
    }

    fn load<S: SavedWords>(words: &S, slot: usize) -> Self {
        let sequence = words.load(slot);
        let word = |index: usize| words.load(slot + index);
        Self {
            sequence,
            position: Position::new(word(1), Width::Bits64),
            counts: Counts { delivered: word(2), discarded: word(3) },
            uncounted: word(4),
        }
    }
}
