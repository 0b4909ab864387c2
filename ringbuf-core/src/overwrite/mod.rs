//! Rings in overwrite mode: [`OverwriteReader`].

mod memory;
mod newest_first;
mod results;
mod snapshot;
mod validator;
mod wait;
mod walk;

use core::cell::Cell;
use core::sync::atomic::Ordering::{Release, SeqCst};

pub use self::memory::{OverwriteMemory, StoreOrder};
pub use self::newest_first::NewestFirst;
pub use self::results::{Lost, NextCopy, OverwriteCounts, RecordCopy};
pub use self::snapshot::Snapshot;
pub use self::validator::{ProducersStopped, Tso, Validator};
use self::wait::Asking;
use self::walk::{Found, Kept, Walk};

use crate::{Armed, Corrupt, CorruptReason, Position};

/// A reader of a ring in overwrite mode (`BPF_F_RB_OVERWRITE`, Linux 6.19): a flight
/// recorder. Producers never wait for it. When the ring is full, they write over the oldest
/// committed records.
///
/// It copies each record into a buffer of yours, and then checks that producers have not
/// written over it meanwhile. A record is delivered whole or not at all. How that is known
/// depends on the machine, so [`new`](Self::new) wants a [`Validator`].
///
/// - [`snapshot`](Self::snapshot) reads what is there now, oldest or newest first, and
///   leaves it there.
/// - [`next_copy`](Self::next_copy) follows the records as they come, and counts what was
///   lost in between.
///
/// No call waits, and each does bounded work, also while producers lap the reader for ever.
/// Nothing is allocated.
///
/// ```
/// use ringbuf_core::{NextCopy, OverwriteReader, Tso};
/// use ringbuf_sim::{Flags, Profile, SimRing};
///
/// let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
/// for number in 0..1000_u64 {
///     ring.producer().output(&number.to_ne_bytes(), Flags::ADAPTIVE)?;
/// }
/// let memory = ring.overwrite_memory()?;
/// let tso = Tso::of(&memory).ok_or("give a validator")?;
/// let reader = OverwriteReader::new(memory, tso)?;
///
/// // What were the last three? Their positions need some space.
/// let mut index = [Default::default(); 3];
/// let mut last = reader.snapshot()?.newest_first(&mut index)?;
/// let mut buffer = [0; 64];
/// for number in [999_u64, 998, 997] {
///     let NextCopy::Record(record) = last.next_copy(&mut buffer)? else { panic!("no writer") };
///     assert_eq!(record[..], number.to_ne_bytes());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct OverwriteReader<M: OverwriteMemory, V: Validator> {
    memory: M,
    validator: V,
    walk: Walk,
    published: Position,
    corrupt: Cell<Option<Corrupt>>,
    asking: Asking,
}

impl<M: OverwriteMemory, V: Validator> OverwriteReader<M, V> {
    /// Creates a reader that starts at the stored consumer position. If producers have
    /// passed that already, the first step reports the bytes in between as lost. If the
    /// stored position is impossible, the reader starts at the oldest record, and reports
    /// nothing.
    ///
    /// `validator` is [`Tso`] on x86 and s390x, [`ProducersStopped`], or a closure that
    /// checks a sample.
    ///
    /// On a 32-bit kernel lost bytes from before the start are counted modulo 2^32.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// # drop(reader);
    /// let memory = ring.overwrite_memory()?;
    /// // The first and the last byte of each sample are equal.
    /// let reader = OverwriteReader::new(memory, |sample: &[u8]| sample.first() == sample.last())?;
    /// assert_eq!(reader.counts(), OverwriteCounts::default());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`] if the positions of the producers are impossible.
    pub fn new(memory: M, validator: V) -> Result<Self, Corrupt> {
        let published = memory.initial_consumer_pos();
        let kept = Kept::load(&memory, published)?;
        // No 64-bit position gets so far that half of them are behind it.
        let behind = kept.end.distance(published, memory.width()) <= u64::MAX / 2;
        let start = if behind && published.is_aligned() { published } else { kept.oldest };
        let walk = Walk::new(start);
        let (corrupt, asking) = (Cell::new(None), Asking::default());
        Ok(Self { memory, validator, walk, published, corrupt, asking })
    }

    /// Copies the next record into `buffer`, and moves past it. Skips discarded records
    /// before it. Stops at a busy record, so records come in order.
    ///
    /// Call it until [`NextCopy::Empty`] or [`NextCopy::Busy`]. A loop that ends only there
    /// may run as long as producers are faster: stop it by a count or a time. Each call
    /// copies one record at most, and loads at most one header for each 8 bytes of the ring.
    ///
    /// ```
    /// # use ringbuf_core::{NextCopy, OverwriteReader, Tso};
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let memory = ring.overwrite_memory()?;
    /// # let tso = Tso::of(&memory).ok_or("give a validator")?;
    /// let mut reader = OverwriteReader::new(memory, tso)?;
    /// let mut buffer = vec![0; 4096];
    /// loop {
    ///     match reader.next_copy(&mut buffer)? {
    ///         NextCopy::Record(record) => assert_eq!(&record[..], b"hello"),
    ///         NextCopy::Lost(lost) => eprintln!("lost {} bytes", lost.bytes),
    ///         _ => break,
    ///     }
    /// }
    /// reader.publish(); // poll(2) no longer reports these records
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`], which each later call reports again.
    pub fn next_copy<'b>(&mut self, buffer: &'b mut [u8]) -> Result<NextCopy<'b>, Corrupt> {
        self.check()?;
        if self.walk.position == self.walk.end {
            if let Some(lost) = self.look_again()? {
                return Ok(NextCopy::Lost(lost));
            }
        }
        let found = self.walk.next(&self.memory, &self.validator, buffer);
        Ok(match self.remember(found)? {
            Found::Record(position, len) => record(position, buffer, len.index()),
            Found::Rejected(position, bytes) => lost(position, bytes),
            Found::Overtaken => {
                let position = self.walk.position;
                let bytes = self.walk.overtaken(&self.memory);
                lost(position, self.remember(bytes)?)
            }
            Found::Astray => {
                let position = self.walk.position;
                lost(position, self.walk.give_up(&self.memory))
            }
            Found::TooSmall(len) => NextCopy::TooSmall { needs: len.index() },
            Found::Busy(_) => NextCopy::Busy,
            Found::Discarded(_) | Found::Empty => NextCopy::Empty,
        })
    }

    /// Begins to read what is there now: from the position of this reader, or from the
    /// oldest record if producers have passed that position, up to the newest record. It
    /// does not move this reader. So a reader that never moves always sees all of the ring.
    ///
    /// On a 32-bit kernel, call [`rewind`](Self::rewind) before: a position there is known
    /// only until 4 GiB more are written.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// for _ in 0..2 {
    ///     let mut snapshot = reader.snapshot()?; // it leaves the records where they are
    ///     assert!(matches!(snapshot.next_copy(&mut buffer)?, NextCopy::Record(_)));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`] if the positions of the producers are impossible.
    pub fn snapshot(&self) -> Result<Snapshot<'_, M, V>, Corrupt> {
        self.check()?;
        let mut walk = Walk::new(self.walk.position);
        self.remember(walk.look_again(&self.memory))?;
        Ok(Snapshot::new(self, walk))
    }

    /// Moves past everything that is produced now, unread. The bytes count as lost.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// reader.skip_all()?;
    /// assert_eq!(reader.next_copy(&mut buffer)?, NextCopy::Empty);
    /// assert_eq!(reader.counts().lost_bytes, 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`] if the positions of the producers are impossible.
    pub fn skip_all(&mut self) -> Result<(), Corrupt> {
        self.check()?;
        self.look_again()?;
        if self.walk.position != self.walk.end {
            self.walk.give_up(&self.memory);
        }
        Ok(())
    }

    /// Moves the reader back to the oldest record that producers still keep, or forward to
    /// it. Counts nothing.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// while let NextCopy::Record(_) = reader.next_copy(&mut buffer)? {}
    /// reader.rewind()?;
    /// assert!(matches!(reader.next_copy(&mut buffer)?, NextCopy::Record(_))); // once more
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`] if the positions of the producers are impossible.
    pub fn rewind(&mut self) -> Result<(), Corrupt> {
        self.check()?;
        let kept = self.remember(Kept::load(&self.memory, self.position()))?;
        self.walk = Walk { position: kept.oldest, end: kept.end, ..self.walk };
        Ok(())
    }

    /// Stores the position of this reader as the consumer position. It decides which commit
    /// notifies, what poll(2) reports, and where the next reader starts. It gives no space
    /// back: producers never wait for it.
    ///
    /// Stores nothing in a child of `fork`.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// while let NextCopy::Record(_) = reader.next_copy(&mut buffer)? {}
    /// reader.publish(); // the next reader starts here
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish(&mut self) {
        if self.published != self.walk.position && self.memory.is_owned() {
            self.memory.store_consumer_pos(self.walk.position, Release);
            self.published = self.walk.position;
        }
    }

    /// Call this last before you block. It publishes, then looks once more. After
    /// [`Armed::Sleep`] the next commit at this position notifies, unless its program forbids
    /// that. The ordering is that of [`Consumer::arm`](crate::Consumer::arm).
    ///
    /// Producers that have overtaken the reader notify only by chance, since the consumer
    /// position is not at their records. This call notices that, and returns
    /// [`Armed::Ready`].
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// assert_eq!(reader.arm(), Armed::Ready);
    /// while let NextCopy::Record(_) = reader.next_copy(&mut buffer)? {}
    /// assert_eq!(reader.arm(), Armed::Sleep); // now you may block
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn arm(&mut self) -> Armed {
        self.publish();
        self.memory.fence(SeqCst);
        if self.is_ready() { Armed::Ready } else { Armed::Sleep }
    }

    /// Returns true if the next [`next_copy`](Self::next_copy) has something to say: a
    /// record, a loss or an error. Discarded records count as records.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// assert!(reader.is_ready());
    /// while let NextCopy::Record(_) = reader.next_copy(&mut buffer)? {}
    /// assert!(!reader.is_ready());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if self.check().is_err() {
            return true;
        }
        let mut walk = self.walk;
        if !matches!(walk.look_again(&self.memory), Ok(0)) {
            return true;
        }
        !matches!(
            walk.here(&self.memory, &self.validator, &mut []),
            Ok(Found::Empty | Found::Busy(_))
        )
    }

    /// The position of this reader: everything before it was delivered or lost.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// while let NextCopy::Record(_) = reader.next_copy(&mut buffer)? {}
    /// assert_eq!(reader.position().get(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> Position {
        self.walk.position
    }

    /// What this reader has passed. Snapshots count for themselves.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// while let NextCopy::Record(_) = reader.next_copy(&mut buffer)? {}
    /// assert_eq!((reader.counts().delivered, reader.counts().lost_bytes), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> OverwriteCounts {
        self.walk.counts
    }

    /// What it checks samples with.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// assert!(reader.validator().is_whole(b"any sample")); // `Tso` trusts the order of stores
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn validator(&self) -> &V {
        &self.validator
    }

    /// The memory that it reads.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, Profile, SimRing};
    /// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// # let mut reader = ring.overwrite_reader()?;
    /// # let mut buffer = [0; 64];
    /// assert_eq!(reader.memory().capacity().bytes(), 4096);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Returns an error if the ring is not to be read.
    fn check(&self) -> Result<(), Corrupt> {
        if let Some(corrupt) = self.corrupt.get() {
            return Err(corrupt);
        }
        if !self.memory.is_owned() {
            return Err(Corrupt { position: self.position(), reason: CorruptReason::Forked });
        }
        Ok(())
    }

    /// Remembers an error, so that each later call reports it again.
    fn remember<T>(&self, result: Result<T, Corrupt>) -> Result<T, Corrupt> {
        if let Err(corrupt) = result {
            self.corrupt.set(Some(corrupt));
        }
        result
    }

    fn look_again(&mut self) -> Result<Option<Lost>, Corrupt> {
        let position = self.walk.position;
        let looked = self.walk.look_again(&self.memory);
        let bytes = self.remember(looked)?;
        Ok((bytes != 0).then_some(Lost { position, bytes, records: None }))
    }
}

fn record(position: Position, buffer: &[u8], len: usize) -> NextCopy<'_> {
    NextCopy::Record(RecordCopy { position, sample: buffer.get(..len).unwrap_or_default() })
}

fn lost<'b>(position: Position, bytes: u64) -> NextCopy<'b> {
    NextCopy::Lost(Lost { position, bytes, records: None })
}
