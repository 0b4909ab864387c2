//! [`Snapshot`]: what is in the ring now, oldest first.

use super::walk::{Found, Walk};
use super::{
    NewestFirst, NextCopy, OverwriteCounts, OverwriteMemory, OverwriteReader, Validator, lost,
    record,
};
use crate::{Corrupt, Position};

/// What was in the ring when this was made, oldest first. Newer records are not part of it,
/// so reading ends, however fast producers are. They may overtake it: then the next step
/// says how much is lost.
///
/// Busy records are skipped and counted, since those behind them may be committed.
///
/// ```
/// use ringbuf_core::{NextCopy, OverwriteReader, Tso};
/// use ringbuf_sim::{Flags, Profile, SimRing};
///
/// let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
/// let producer = ring.producer();
/// producer.output(b"before", Flags::ADAPTIVE)?;
/// let open = producer.reserve(8)?;
/// producer.output(b"after", Flags::ADAPTIVE)?;
///
/// let memory = ring.overwrite_memory()?;
/// let tso = Tso::of(&memory).ok_or("give a validator")?;
/// let reader = OverwriteReader::new(memory, tso)?;
/// let (mut snapshot, mut buffer) = (reader.snapshot()?, [0; 64]);
/// let mut texts = Vec::new();
/// while let NextCopy::Record(record) = snapshot.next_copy(&mut buffer)? {
///     texts.push(record.to_vec());
/// }
/// assert_eq!(texts, [&b"before"[..], b"after"]);
/// assert_eq!(snapshot.counts().busy, 1);
/// # drop(open);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Snapshot<'r, M: OverwriteMemory, V: Validator> {
    reader: &'r OverwriteReader<M, V>,
    walk: Walk,
}

impl<'r, M: OverwriteMemory, V: Validator> Snapshot<'r, M, V> {
    pub(super) fn new(reader: &'r OverwriteReader<M, V>, walk: Walk) -> Self {
        Self { reader, walk }
    }

    /// Copies the next record into `buffer`. Never returns [`NextCopy::Busy`].
    /// [`NextCopy::Empty`] is the end.
    ///
    /// What producers had written over before the snapshot began is not reported here, but
    /// counted in [`counts`](Self::counts).
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// let mut snapshot = reader.snapshot()?;
    /// while let NextCopy::Record(record) = snapshot.next_copy(&mut buffer)? {
    ///     assert_eq!(&record[..], b"hello");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`], which each later call reports again.
    pub fn next_copy<'b>(&mut self, buffer: &'b mut [u8]) -> Result<NextCopy<'b>, Corrupt> {
        let Self { reader, walk } = self;
        let memory = &reader.memory;
        reader.check()?;
        loop {
            return Ok(match reader.remember(walk.next(memory, &reader.validator, buffer))? {
                Found::Busy(len) => {
                    walk.pass_busy(len.footprint(), memory);
                    continue;
                }
                Found::Record(position, len) => record(position, buffer, len.index()),
                Found::Rejected(position, bytes) => lost(position, bytes),
                Found::Overtaken => {
                    let position = walk.position;
                    lost(position, reader.remember(walk.overtaken_within(memory))?)
                }
                Found::Astray => {
                    let position = walk.position;
                    lost(position, walk.give_up(memory))
                }
                Found::TooSmall(len) => NextCopy::TooSmall { needs: len.index() },
                Found::Discarded(_) | Found::Empty => NextCopy::Empty,
            });
        }
    }

    /// Turns the snapshot round: the newest record comes first. `index` holds the positions
    /// of the newest records, so its length is the largest number of records, busy and
    /// discarded ones included. A ring holds at most one for each 8 bytes.
    ///
    /// Loads each header of the snapshot once, and copies no sample. If producers overtake
    /// it meanwhile, it goes on with the records that they keep.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// ring.producer().output(b"newer", Flags::ADAPTIVE)?;
    /// let mut index = [Position::default(); 10];
    /// let mut last = reader.snapshot()?.newest_first(&mut index)?;
    /// let NextCopy::Record(record) = last.next_copy(&mut buffer)? else { panic!("two are there") };
    /// assert_eq!(&record[..], b"newer");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`], which each later call reports again.
    pub fn newest_first<'i>(
        self,
        index: &'i mut [Position],
    ) -> Result<NewestFirst<'r, 'i, M, V>, Corrupt> {
        self.reader.check()?;
        NewestFirst::new(self.reader, self.walk, index)
    }

    /// What this snapshot has passed so far. Bytes that producers had written over before
    /// it began count as lost.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// let mut snapshot = reader.snapshot()?;
    /// while let NextCopy::Record(_) = snapshot.next_copy(&mut buffer)? {}
    /// assert_eq!(snapshot.counts().delivered, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> OverwriteCounts {
        self.walk.counts
    }

    /// The position of the next record.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// assert_eq!(reader.snapshot()?.position().get(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> Position {
        self.walk.position
    }

    /// The bytes that are not read yet.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// assert_eq!(reader.snapshot()?.left(), 16); // a header, and five bytes
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn left(&self) -> u64 {
        self.walk.end.distance(self.walk.position, self.reader.memory.width())
    }
}
