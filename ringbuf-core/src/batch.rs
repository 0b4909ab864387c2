//! [`Batch`] and [`Record`]: reading in place.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;

use crate::walk::{Cursor, Step};
use crate::{Capacity, Consumer, ConsumerMemory, Corrupt, Position, SampleLen};

/// A run of records held at once: read in place, given back together.
///
/// Any number of its [`Record`]s may live at the same time; none outlives it.
/// Dropping it consumes what was read and gives the space back with one store
/// (or later, see [`Consumer::release_after`]). Space that a batch holds is
/// space that producers lack, so do not keep one while waiting for something.
/// Forgetting one (`mem::forget`) is safe: its records are delivered again.
///
/// To stop after `n` records, stop calling [`next`](Self::next), or say
/// [`at_most`](Self::at_most).
pub struct Batch<'c, M: ConsumerMemory> {
    consumer: &'c mut Consumer<M>,
    cursor: Cell<Cursor>,
    delivered: Cell<u64>,
    /// A copy: the loop keeps it in a register.
    capacity: Capacity,
}

/// What [`Batch::next`] found.
#[derive(Debug)]
pub enum Next<'b, M: ConsumerMemory + 'b> {
    /// A committed record.
    Record(Record<'b, M>),
    /// The next record is reserved and not yet committed: its commit will
    /// notify an armed consumer. Records behind it wait, committed or not.
    Busy,
    /// Everything produced has been read.
    Empty,
    /// The batch's own bound is reached; there may be more in the next batch.
    Limit,
}

impl<'c, M: ConsumerMemory> Batch<'c, M> {
    #[inline]
    pub(crate) fn new(consumer: &'c mut Consumer<M>) -> Self {
        consumer.walk.begin(consumer.available, consumer.passed, consumer.max_window);
        Self {
            cursor: Cell::new(Cursor { position: consumer.consumed, window: 0 }),
            delivered: Cell::new(0),
            capacity: consumer.memory.capacity(),
            consumer,
        }
    }

    /// Bounds the batch to `records` records; discarded ones do not count.
    #[must_use]
    pub fn at_most(self, records: u64) -> Self {
        self.consumer.walk.max_records.set(records);
        self.close_window();
        self
    }

    /// Bounds the batch to `bytes` of ring space: the record that reaches the
    /// bound is the last, however long it is, delivered or skipped.
    #[must_use]
    pub fn within(self, bytes: u64) -> Self {
        self.consumer.walk.max_bytes.set(bytes);
        self.close_window();
        self
    }

    /// The next record, in order; discarded ones are skipped.
    ///
    /// Takes `&self`, so that records can be held together. Ends after a whole
    /// ring at most: what a batch holds cannot be produced again.
    ///
    /// # Errors
    /// [`Corrupt`], now and at each later call. Records before it were good.
    #[inline]
    pub fn next(&self) -> Result<Next<'_, M>, Corrupt> {
        let (cursor, plain) = self.consumer.plain(self.cursor.get(), self.capacity);
        if let Some((position, len)) = plain {
            self.cursor.set(cursor);
            return Ok(Next::Record(self.lend(position, len)));
        }
        let (after, position, step) = self.consumer.step(cursor, self.delivered.get());
        self.cursor.set(after);
        match step {
            Step::Record(len) => Ok(Next::Record(self.lend(position, len))),
            Step::Busy => Ok(Next::Busy),
            Step::Empty => Ok(Next::Empty),
            Step::Limit => Ok(Next::Limit),
            Step::Corrupt(corrupt) => Err(corrupt),
        }
    }

    /// No window of this batch is wider than `bytes`.
    #[inline]
    pub(crate) fn narrow(&self, bytes: u64) {
        let max_window = &self.consumer.walk.max_window;
        max_window.set(max_window.get().min(bytes));
    }

    /// The next plain record of the window that the last careful step opened;
    /// `None` where another careful step is due.
    #[inline]
    pub(crate) fn plain(&self) -> Option<(Position, SampleLen)> {
        let (cursor, plain) = self.consumer.plain(self.cursor.get(), self.capacity);
        self.cursor.set(cursor);
        plain
    }

    /// The next record of the window, if it is plain and of exactly this
    /// length.
    #[inline]
    pub(crate) fn alike(&self, len: SampleLen) -> Option<Position> {
        let cursor = self.cursor.get();
        let after = self.consumer.alike(cursor, self.capacity, len)?;
        self.cursor.set(after);
        Some(cursor.position)
    }

    /// Lends the record at `position`, which the walk has just passed.
    #[inline]
    pub(crate) fn lend(&self, position: Position, len: SampleLen) -> Record<'_, M> {
        self.delivered.set(self.delivered.get() + 1);
        let memory = &self.consumer.memory;
        // SAFETY: the walk saw the record committed with this length by an
        // acquire load and checked that it lies in what is produced; this
        // batch, which the sample borrows, releases it only when dropped.
        let sample = unsafe { memory.sample(position.offset(self.capacity), len) };
        let position = position.wrap(memory.width());
        Record { sample, position, len, batch: PhantomData }
    }

    /// Bytes of ring space that this batch holds.
    pub fn held(&self) -> u64 {
        self.cursor.get().position.distance(self.consumer.consumed, self.consumer.memory.width())
    }

    /// Records delivered by this batch.
    #[inline]
    pub fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// Ends the batch without consuming: its records are delivered again,
    /// unless the ring turns out corrupt in between.
    pub fn keep(self) {
        // The consumer is as it was; nothing else is owned.
        let _ = ManuallyDrop::new(self);
    }

    /// Sends every record through the careful step, which knows the bounds.
    fn close_window(&self) {
        let Cursor { position, window } = self.cursor.get();
        self.consumer.walk.beyond.set(self.consumer.walk.beyond.get() + window);
        self.cursor.set(Cursor { position, window: 0 });
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
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

/// One committed record, read in place: it derefs to its sample.
///
/// The bytes do not change while it lives: the kernel writes over them only
/// after the batch is dropped. Over mapped memory the sample is an
/// [`AlignedBytes`](crate::AlignedBytes): 8-aligned, always.
pub struct Record<'b, M: ConsumerMemory + 'b> {
    sample: M::Sample<'b>,
    position: Position,
    len: SampleLen,
    batch: PhantomData<&'b M>,
}

impl<'b, M: ConsumerMemory> Record<'b, M> {
    /// Where the record's header stands in the stream.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Length of the sample in bytes; 0 is possible.
    pub fn sample_len(&self) -> SampleLen {
        self.len
    }

    /// The sample, for as long as the batch lives.
    pub fn into_sample(self) -> M::Sample<'b> {
        self.sample
    }
}

impl<'b, M: ConsumerMemory> Deref for Record<'b, M> {
    type Target = M::Sample<'b>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.sample
    }
}

impl<M: ConsumerMemory> fmt::Debug for Record<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("position", &self.position)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
