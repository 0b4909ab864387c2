//! [`Record`]: one record, read in place.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use crate::walk::Area;
use crate::{ConsumerMemory, Position, SampleLen};

/// One committed record, read in place. It dereferences to its sample.
///
/// To use samples in other threads of a scope, send
/// [`into_sample`](Self::into_sample). The record itself stays in its thread.
///
/// The bytes do not change while the record lives. The kernel overwrites them only
/// after the batch is dropped.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// # let mut consumer = ring.consumer()?;
/// ring.producer().output(b"one", Flags::ADAPTIVE)?;
/// let batch = consumer.batch();
/// if let Next::Record(record) = batch.next()? {
///     assert_eq!((record.len(), &record[..]), (3, &b"one"[..]));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Alignment
/// Over mapped memory the sample is an [`AlignedBytes`](crate::AlignedBytes): it begins
/// at a multiple of 8, whatever came before it in the ring. The kernel promises this:
/// the data area begins at a page, a header has 8 bytes, and each record is rounded up
/// to a multiple of 8 (`__bpf_ringbuf_reserve`, kernel/bpf/ringbuf.c, 5.8 to 7.3). This
/// library checks it: a position that is not a multiple of 8 is
/// [`Corrupt`](crate::Corrupt). So a view of the sample as a type of alignment 8 or less
/// cannot fail for its alignment. `ringbuf-typed` has such views.
pub struct Record<'b, M: ConsumerMemory + 'b> {
    sample: M::Sample<'b>,
    position: Position,
    len: SampleLen,
    batch: PhantomData<&'b M>,
}

impl<'b, M: ConsumerMemory> Record<'b, M> {
    /// # Safety
    /// The conditions of [`ConsumerMemory::sample`] hold for `'b`. The area belongs
    /// to this memory.
    #[inline(always)]
    pub(crate) unsafe fn lend(
        memory: &'b M,
        Area { data, capacity }: Area<M>,
        position: Position,
        len: SampleLen,
    ) -> Self {
        // SAFETY: the caller guarantees it.
        let sample = unsafe { memory.sample(data, position.offset(capacity), len) };
        Self { sample, position: position.wrap(memory.width()), len, batch: PhantomData }
    }

    /// Returns the position of the record's header in the stream.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let mut positions = Vec::new();
    /// consumer.drain(|record| positions.push(record.position().get()))?;
    /// assert_eq!(positions, [0, 16]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns the length of the sample in bytes. It can be 0.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// consumer.drain(|record| assert_eq!(record.sample_len().get(), 3))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sample_len(&self) -> SampleLen {
        self.len
    }

    /// Returns the sample, which stays valid while the batch lives.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let batch = consumer.batch();
    /// let samples: Vec<_> = batch.records().flatten().map(Record::into_sample).collect();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert_eq!(&samples[0][..], b"one")); // a record stays in its thread
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
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
