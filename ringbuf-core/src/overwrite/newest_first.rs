//! [`NewestFirst`]: a snapshot from its end to its beginning.

use super::walk::{Found, Walk};
use super::{
    Lost, NextCopy, OverwriteCounts, OverwriteMemory, OverwriteReader, Validator, lost, record,
};
use crate::{Corrupt, Position};

/// A snapshot, newest record first. [`Snapshot::newest_first`](crate::Snapshot::newest_first)
/// makes it, and [`OverwriteReader`] has an example.
///
/// Producers write over the oldest records first. So if one record is lost, all older ones
/// are, and the next step is the end.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, Profile, SimRing};
/// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// # let mut reader = ring.overwrite_reader()?;
/// # let mut buffer = [0; 64];
/// let mut index = [Position::default(); 10];
/// let mut last: NewestFirst<'_, '_, _, _> = reader.snapshot()?.newest_first(&mut index)?;
/// assert!(matches!(last.next_copy(&mut buffer)?, NextCopy::Record(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NewestFirst<'r, 'i, M: OverwriteMemory, V: Validator> {
    reader: &'r OverwriteReader<M, V>,
    /// A ring of its own: the newest record is before `next`.
    index: &'i mut [Position],
    next: usize,
    /// The positions in the index that are not read yet.
    indexed: usize,
    /// The end of the record that is read next.
    until: Position,
    left_out: u64,
    counts: OverwriteCounts,
}

impl<'r, 'i, M: OverwriteMemory, V: Validator> NewestFirst<'r, 'i, M, V> {
    pub(super) fn new(
        reader: &'r OverwriteReader<M, V>,
        walk: Walk,
        index: &'i mut [Position],
    ) -> Result<Self, Corrupt> {
        let (next, indexed, left_out) = (0, 0, 0);
        let counts = OverwriteCounts::default();
        let mut found = Self { reader, index, next, indexed, until: walk.end, left_out, counts };
        found.fill(walk)?;
        Ok(found)
    }

    /// Copies the next older record into `buffer`. Never returns [`NextCopy::Busy`].
    /// [`NextCopy::Empty`] is the end.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// let mut index = [Position::default(); 10];
    /// let mut last = reader.snapshot()?.newest_first(&mut index)?;
    /// while let NextCopy::Record(record) = last.next_copy(&mut buffer)? {
    ///     assert_eq!(&record[..], b"hello");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`], which each later call reports again.
    pub fn next_copy<'b>(&mut self, buffer: &'b mut [u8]) -> Result<NextCopy<'b>, Corrupt> {
        let reader = self.reader;
        reader.check()?;
        while let Some(position) = self.newest() {
            let mut walk = Walk { position, end: self.until, counts: self.counts };
            let found = reader.remember(walk.here(&reader.memory, &reader.validator, buffer))?;
            match found {
                Found::TooSmall(len) => return Ok(NextCopy::TooSmall { needs: len.index() }),
                Found::Overtaken => return Ok(NextCopy::Lost(self.lose_the_rest())),
                Found::Busy(len) => walk.pass_busy(len.footprint(), &reader.memory),
                Found::Discarded(len) => walk.pass_discarded(len.footprint(), &reader.memory),
                Found::Astray => {
                    walk.give_up(&reader.memory);
                }
                Found::Record(..) | Found::Rejected(..) | Found::Empty => {}
            }
            let bytes = self.until.distance(position, reader.memory.width());
            self.counts = walk.counts;
            self.until = position;
            self.indexed -= 1;
            self.next = self.before(self.next);
            match found {
                Found::Record(position, len) => {
                    return Ok(record(position, buffer, len.index()));
                }
                Found::Rejected(..) | Found::Astray => return Ok(lost(position, bytes)),
                _ => {}
            }
        }
        Ok(NextCopy::Empty)
    }

    /// The records that are still to be read, busy and discarded ones included.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// let mut index = [Position::default(); 10];
    /// let mut last = reader.snapshot()?.newest_first(&mut index)?;
    /// assert_eq!(last.left(), 1);
    /// last.next_copy(&mut buffer)?;
    /// assert_eq!(last.left(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn left(&self) -> usize {
        self.indexed
    }

    /// The older records that had no place in the index.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// # ring.producer().output(b"more", Flags::ADAPTIVE)?;
    /// let mut index = [Position::default(); 1]; // room for the newest one
    /// let last = reader.snapshot()?.newest_first(&mut index)?;
    /// assert!(last.left_out() > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What this reading has passed so far. What producers had written over before it
    /// began is not part of it.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// let mut index = [Position::default(); 10];
    /// let mut last = reader.snapshot()?.newest_first(&mut index)?;
    /// while let NextCopy::Record(_) = last.next_copy(&mut buffer)? {}
    /// assert_eq!(last.counts().delivered, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> OverwriteCounts {
        self.counts
    }

    /// Collects the positions of all records.
    fn fill(&mut self, mut walk: Walk) -> Result<(), Corrupt> {
        let memory = &self.reader.memory;
        while walk.position != walk.end {
            let position = walk.position;
            // The walk finds the next position, by the same checks as for a copy.
            let found = walk.here(memory, &self.reader.validator, &mut []);
            match self.reader.remember(found)? {
                Found::Overtaken => {
                    self.reader.remember(walk.overtaken_within(memory))?;
                    // What was collected so far is older: it is lost, too.
                    (self.indexed, self.left_out) = (0, 0);
                    continue;
                }
                Found::Astray => {
                    walk.give_up(memory);
                    continue;
                }
                Found::Busy(len) | Found::Discarded(len) | Found::TooSmall(len) => {
                    walk.pass(len.footprint(), memory);
                }
                // Without a byte: the walk has passed it.
                Found::Record(..) | Found::Rejected(..) | Found::Empty => {}
            }
            self.push(position);
        }
        Ok(())
    }

    fn push(&mut self, position: Position) {
        let Some(place) = self.index.get_mut(self.next) else {
            self.left_out += 1;
            return;
        };
        *place = position;
        self.next = if self.next + 1 < self.index.len() { self.next + 1 } else { 0 };
        if self.indexed < self.index.len() {
            self.indexed += 1;
        } else {
            self.left_out += 1;
        }
    }

    fn newest(&self) -> Option<Position> {
        if self.indexed == 0 {
            return None;
        }
        self.index.get(self.before(self.next)).copied()
    }

    /// The place before this one in the index.
    fn before(&self, place: usize) -> usize {
        place.checked_sub(1).unwrap_or(self.index.len().saturating_sub(1))
    }

    /// Producers have passed the newest record that is left, and so all of them.
    fn lose_the_rest(&mut self) -> Lost {
        let records = u64::try_from(self.indexed).unwrap_or(u64::MAX);
        let mut oldest = self.next;
        if self.indexed < self.index.len() {
            oldest = self.index.len() + self.next - self.indexed;
            oldest %= self.index.len();
        }
        let position = self.index.get(oldest).copied().unwrap_or(self.until);
        let bytes = self.until.distance(position, self.reader.memory.width());
        self.counts.lose(bytes);
        self.counts.overtaken += 1;
        self.until = position;
        self.indexed = 0;
        Lost { position, bytes, records: Some(records) }
    }
}
