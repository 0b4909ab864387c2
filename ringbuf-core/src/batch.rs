//! [`Batch`]: many records, read in place.

use core::cell::Cell;
use core::fmt;
use core::iter;
use core::mem::ManuallyDrop;

use crate::walk::{Area, Cursor, Step};
use crate::{Armed, Consumer, ConsumerMemory, Corrupt, Position, Record, SampleLen};

/// Several records held at once: read in place, given back together.
///
/// Any number of its [`Record`]s may live at the same time, but not longer than the
/// batch. Dropping the batch consumes its records and gives their space back with
/// one store. [`Consumer::hold_back`] may keep a part of it.
///
/// Producers cannot use the space that a batch holds. So do not keep a batch while
/// you wait. Forgetting a batch (`mem::forget`) is safe: its records are delivered
/// again.
///
/// To stop after `n` records, stop calling [`next`](Self::next), or set
/// [`max_records`](Self::max_records).
///
/// Before you block in your own event loop, call [`finish`](Self::finish). A batch
/// lends its records until it ends, so it cannot arm earlier.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// # let mut consumer = ring.consumer()?;
/// ring.producer().output(b"one", Flags::ADAPTIVE)?;
/// ring.producer().output(b"two", Flags::ADAPTIVE)?;
/// let batch = consumer.batch();
/// let held: Vec<_> = batch.records().collect::<Result<_, _>>()?; // both at once
/// assert_eq!((&held[0][..], &held[1][..]), (&b"one"[..], &b"two"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Batch<'c, M: ConsumerMemory> {
    pub(crate) consumer: &'c mut Consumer<M>,
    pub(crate) cursor: Cell<Cursor>,
    pub(crate) delivered: Cell<u64>,
    /// The start of the last record, if it can be put back.
    pub(crate) last: Cell<Option<Position>>,
    /// A copy, so that the loop keeps it in registers.
    pub(crate) area: Area<M>,
}

/// What [`Batch::next`] found.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// # let mut consumer = ring.consumer()?;
/// let program = ring.producer();
/// let open = program.reserve(8)?;
/// assert!(matches!(consumer.batch().next()?, Next::Busy)); // reserved, not committed
/// open.submit(Flags::ADAPTIVE);
/// assert!(matches!(consumer.batch().next()?, Next::Record(_)));
/// assert!(matches!(consumer.batch().next()?, Next::Empty));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Next<'b, M: ConsumerMemory + 'b> {
    /// A committed record.
    Record(Record<'b, M>),
    /// The next record is reserved but not committed. Its commit will notify an
    /// armed consumer. Later records wait for it, even if they are committed.
    Busy,
    /// Everything produced has been read.
    Empty,
    /// The batch has reached its limit. The next batch may find more.
    Limit,
}

impl<'c, M: ConsumerMemory> Batch<'c, M> {
    #[inline]
    pub(crate) fn new(consumer: &'c mut Consumer<M>, portion: u64) -> Self {
        consumer.begin_batch(portion);
        Self {
            cursor: Cell::new(Cursor { position: consumer.consumed, window: 0 }),
            delivered: Cell::new(0),
            last: Cell::new(None),
            area: Area::of(&consumer.memory),
            consumer,
        }
    }

    /// Limits the batch to `records` records. Discarded records do not count.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// for _ in 0..9 {
    ///     ring.producer().output(&[0; 8], Flags::ADAPTIVE)?;
    /// }
    /// let batch = consumer.batch().max_records(5);
    /// assert_eq!(batch.records().count(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn max_records(self, records: u64) -> Self {
        self.consumer.walk.max_records.set(records);
        self.close_window();
        self
    }

    /// Limits the batch to `bytes` of ring space. The record that reaches the limit
    /// is the last one, whatever its length, delivered or skipped.
    ///
    /// ```
    /// use ringbuf_core::Next;
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// for _ in 0..9 {
    ///     ring.producer().output(&[0; 8], Flags::ADAPTIVE)?; // 16 bytes each
    /// }
    /// let mut consumer = ring.consumer()?;
    /// let batch = consumer.batch().max_records(5).max_bytes(40);
    /// assert_eq!(batch.records().count(), 3);
    /// assert!(matches!(batch.next(), Ok(Next::Limit)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn max_bytes(self, bytes: u64) -> Self {
        self.cut(bytes);
        self.close_window();
        self
    }

    /// Limits a batch that has not begun.
    #[inline]
    pub(crate) fn cut(&self, bytes: u64) {
        self.consumer.walk.max_bytes.set(bytes);
    }

    /// Returns the next record in order. Skips discarded records.
    ///
    /// Takes `&self`, so you can hold several records. A batch ends after at most
    /// one whole ring, because producers cannot reuse the space that it holds.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let batch = consumer.batch();
    /// while let Next::Record(record) = batch.next()? {
    ///     assert_eq!(&record[..], b"one");
    /// }
    /// assert!(matches!(batch.next()?, Next::Empty));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`]; each later call reports it again. All earlier records were
    /// good.
    #[inline(always)]
    pub fn next(&self) -> Result<Next<'_, M>, Corrupt> {
        if let Some((position, len)) = self.plain() {
            return Ok(Next::Record(self.lend(position, len)));
        }
        let (after, position, step) = self.consumer.step(self.cursor.get(), self.delivered.get());
        self.cursor.set(after);
        match step {
            Step::Record(len) => Ok(Next::Record(self.lend(position, len))),
            Step::Busy => Ok(Next::Busy),
            Step::Empty => Ok(Next::Empty),
            Step::Limit => Ok(Next::Limit),
            Step::Corrupt(corrupt) => Err(corrupt),
        }
    }

    /// Iterates over the records up to the end of the batch. The next call of
    /// [`next`](Self::next) tells why it ended: [`Next::Empty`], [`Next::Busy`] or
    /// [`Next::Limit`].
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.producer().output(b"three", Flags::ADAPTIVE)?;
    /// let mut consumer = ring.consumer()?;
    /// let lens: Result<Vec<_>, _> =
    ///     consumer.batch().records().map(|record| Ok(record?.len())).collect();
    /// assert_eq!(lens, Ok::<_, ringbuf_core::Corrupt>(vec![3, 5]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'_, M>, Corrupt>> {
        let mut over = false;
        iter::from_fn(move || match self.next() {
            _ if over => None,
            Ok(Next::Record(record)) => Some(Ok(record)),
            Ok(Next::Busy | Next::Empty | Next::Limit) => None,
            Err(corrupt) => {
                over = true;
                Some(Err(corrupt))
            }
        })
    }

    /// Ends the batch as dropping does, then [arms](Consumer::arm). The result says
    /// whether you may block. After [`Armed::Ready`], read another batch first.
    ///
    /// ```
    /// use ringbuf_core::{Armed, Next};
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let mut consumer = ring.consumer()?;
    /// loop {
    ///     let batch = consumer.batch();
    ///     while let Next::Record(record) = batch.next()? {
    ///         assert_eq!(&record[..], b"one");
    ///     }
    ///     if batch.finish() == Armed::Sleep {
    ///         break; // here your event loop blocks
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(self) -> Armed {
        let consumer = &mut *self.consumer;
        consumer.end_batch(self.cursor.get(), self.delivered.get());
        let armed = consumer.arm();
        // The drop that follows sees a batch that has not begun.
        consumer.begin_batch(0);
        self.cursor.set(Cursor { position: consumer.consumed, window: 0 });
        self.delivered.set(0);
        armed
    }

    /// Returns the next plain record of the window that the slow path opened.
    /// Returns `None` if the slow path has to run again.
    #[inline(always)]
    pub(crate) fn plain(&self) -> Option<(Position, SampleLen)> {
        let (cursor, plain) = self.consumer.plain(self.cursor.get(), self.area);
        self.cursor.set(cursor);
        plain
    }

    /// Returns the next record of the window if it is plain and has exactly this
    /// length.
    #[inline(always)]
    pub(crate) fn alike(&self, len: SampleLen) -> Option<Position> {
        let cursor = self.cursor.get();
        let after = self.consumer.alike(cursor, self.area, len)?;
        self.cursor.set(after);
        Some(cursor.position)
    }

    /// Lends the record at `position`, which the walk has just passed.
    #[inline(always)]
    pub(crate) fn lend(&self, position: Position, len: SampleLen) -> Record<'_, M> {
        self.delivered.set(self.delivered.get() + 1);
        self.last.set(Some(position));
        // SAFETY: the walk saw the record committed with this length by an acquire
        // load, and checked that it lies within the produced bytes. The sample
        // borrows this batch, which releases the space only when dropped.
        unsafe { Record::lend(&self.consumer.memory, self.area, position, len) }
    }

    /// Returns the bytes of ring space that this batch holds.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let batch = consumer.batch();
    /// assert_eq!(batch.records().count(), 1);
    /// assert_eq!(batch.held_bytes(), 16); // a header, and the sample rounded up to 8
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.cursor.get().position.distance(self.consumer.consumed, self.consumer.memory.width())
    }

    /// Returns the number of records that this batch delivered.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let batch = consumer.batch();
    /// assert_eq!(batch.records().count() as u64, batch.delivered());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// Ends the batch without consuming it. Its records are delivered again, unless
    /// the ring becomes corrupt first. To leave only the last one, use
    /// [`put_back`](Self::put_back).
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let mut consumer = ring.consumer()?;
    /// let batch = consumer.batch();
    /// assert_eq!(batch.records().count(), 1);
    /// batch.rewind(); // you could not handle them now
    /// assert_eq!(consumer.batch().records().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rewind(self) {
        // The consumer has not changed, and the batch owns nothing else.
        let _ = ManuallyDrop::new(self);
    }

    /// Sends every record through the slow path, which checks the limits.
    fn close_window(&self) {
        self.cut_window(0);
    }

    /// Returns true if the batch may have more records than `most` at the end of its
    /// window. A record has 8 bytes at least.
    #[inline]
    pub(crate) fn may_exceed(&self, most: u64) -> bool {
        self.delivered.get() + self.cursor.get().window / 8 > most
    }

    /// Leaves this much of the window, at most.
    #[inline]
    pub(crate) fn cut_window(&self, most: u64) {
        let Cursor { position, window } = self.cursor.get();
        let left = window.min(most);
        self.consumer.walk.beyond.set(self.consumer.walk.beyond.get() + (window - left));
        self.cursor.set(Cursor { position, window: left });
    }
}

impl<M: ConsumerMemory> Drop for Batch<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        self.consumer.end_batch(self.cursor.get(), self.delivered.get());
    }
}

impl<M: ConsumerMemory> fmt::Debug for Batch<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("position", &self.cursor.get().position)
            .field("delivered", &self.delivered())
            .field("held_bytes", &self.held_bytes())
            .finish_non_exhaustive()
    }
}
