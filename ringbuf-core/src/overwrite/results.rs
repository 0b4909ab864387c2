//! What a reader of an overwriting ring returns, and what it counts.

use core::fmt;
use core::ops::Deref;

use crate::{Position, SampleLen};

/// The result of one step of an [`OverwriteReader`](crate::OverwriteReader), a
/// [`Snapshot`](crate::Snapshot) or a [`NewestFirst`](crate::NewestFirst).
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, Profile, SimRing};
/// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// # let mut reader = ring.overwrite_reader()?;
/// # let mut buffer = [0; 64];
/// match reader.next_copy(&mut buffer)? {
///     NextCopy::Record(record) => println!("{} bytes", record.len()),
///     NextCopy::Lost(lost) => println!("{} bytes lost", lost.bytes),
///     NextCopy::TooSmall { needs, .. } => println!("give it {needs} bytes"),
///     NextCopy::Busy | NextCopy::Empty => println!("later"),
///     _ => {}
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextCopy<'b> {
    /// A record, whole, in the buffer.
    Record(RecordCopy<'b>),
    /// Records are lost: producers have written over them. Go on with the next call.
    Lost(Lost),
    /// The next record is reserved and not committed. Only
    /// [`OverwriteReader::next_copy`](crate::OverwriteReader::next_copy) stops there; the
    /// others skip busy records and count them.
    Busy,
    /// The next record does not fit into the buffer. Nothing was passed. Call again with a
    /// longer buffer; the record may be lost by then. A buffer as long as the capacity is
    /// always enough.
    #[non_exhaustive]
    TooSmall {
        /// Bytes of its sample.
        needs: usize,
    },
    /// There is nothing more.
    Empty,
}

/// A record that was copied out of the ring. It dereferences to its sample.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, Profile, SimRing};
/// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// # let mut reader = ring.overwrite_reader()?;
/// # let mut buffer = [0; 64];
/// let NextCopy::Record(record) = reader.next_copy(&mut buffer)? else { panic!("one is there") };
/// assert_eq!((record.position.get(), record.sample, record.len()), (0, &b"hello"[..], 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordCopy<'b> {
    /// Its position in the ring. Later records have later positions, so it orders the
    /// records of one ring, and names a record in two snapshots.
    pub position: Position,
    /// Its bytes: the first part of the buffer.
    pub sample: &'b [u8],
}

impl Deref for RecordCopy<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.sample
    }
}

/// Bytes of the ring that a reader did not get.
///
/// The ring does not say how many records they were. A sequence number in each record does;
/// and if all samples have one length, [`records_of`](Self::records_of) does.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, Profile, SimRing};
/// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// # let mut reader = ring.overwrite_reader()?;
/// # let mut buffer = [0; 64];
/// for _ in 0..300 {
///     ring.producer().output(b"more", Flags::ADAPTIVE)?;
/// }
/// let NextCopy::Lost(lost) = reader.next_copy(&mut buffer)? else { panic!("it was overtaken") };
/// assert_eq!((lost.position.get(), lost.records), (0, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// The position of the first lost record.
    pub position: Position,
    /// The lost bytes, with headers and rounding.
    pub bytes: u64,
    /// The number of lost records, where it is known: [`NewestFirst`](crate::NewestFirst)
    /// has seen their headers. Discarded records are among them.
    pub records: Option<u64>,
}

impl Lost {
    /// The number of lost records, if each had a sample of `len` bytes. `None` if that
    /// cannot be.
    ///
    /// ```
    /// use ringbuf_core::{NextCopy, OverwriteReader, SampleLen, Tso};
    /// use ringbuf_sim::{Flags, Profile, SimRing};
    ///
    /// let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
    /// for number in 0..1000_u64 {
    ///     ring.producer().output(&number.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// }
    /// let memory = ring.overwrite_memory()?;
    /// let tso = Tso::of(&memory).ok_or("give a validator")?;
    /// let mut reader = OverwriteReader::new(memory, tso)?;
    /// let NextCopy::Lost(lost) = reader.next_copy(&mut [0; 8])? else { panic!("full twice") };
    /// assert_eq!(lost.records_of(SampleLen::new(8).unwrap()), Some(1000 - 255));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn records_of(&self, len: SampleLen) -> Option<u64> {
        let footprint = len.footprint();
        (self.bytes % footprint == 0).then(|| self.bytes / footprint)
    }
}

/// What a reader of an overwriting ring has passed. The bytes add up to the distance that it
/// moved: delivered + discarded + busy + lost.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, Profile, SimRing};
/// # let ring = SimRing::overwriting(4096, Profile::NEWEST)?;
/// # ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// # let mut reader = ring.overwrite_reader()?;
/// # let mut buffer = [0; 64];
/// while let NextCopy::Record(_) = reader.next_copy(&mut buffer)? {}
/// let counts = reader.counts();
/// assert_eq!((counts.delivered, counts.delivered_bytes), (1, 16));
/// println!("{counts}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OverwriteCounts {
    /// Records delivered.
    pub delivered: u64,
    /// Discarded records skipped.
    pub discarded: u64,
    /// Busy records skipped, by a snapshot.
    pub busy: u64,
    /// Copies that the [`Validator`](crate::Validator) refused. Their bytes count as lost.
    pub rejected: u64,
    /// How often producers had overtaken the reader.
    pub overtaken: u64,
    /// Bytes of the delivered records, with headers and rounding.
    pub delivered_bytes: u64,
    /// Bytes of the discarded records.
    pub discarded_bytes: u64,
    /// Bytes of the busy records.
    pub busy_bytes: u64,
    /// Bytes that were lost.
    pub lost_bytes: u64,
}

impl OverwriteCounts {
    /// Forged positions may lose any number of bytes, again and again: the sum wraps.
    pub(super) fn lose(&mut self, bytes: u64) {
        self.lost_bytes = self.lost_bytes.wrapping_add(bytes);
    }
}

impl fmt::Display for OverwriteCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delivered, discarded, busy, rejected, overtaken, lost_bytes, .. } = self;
        write!(
            f,
            "{delivered} delivered, {discarded} discarded, {busy} busy, {rejected} rejected; \
             {lost_bytes} bytes lost in {overtaken} places"
        )
    }
}
