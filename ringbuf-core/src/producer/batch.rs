//! [`SubmitBatch`]: many samples, published by one store.

use core::ops::DerefMut;
use core::sync::atomic::Ordering::Release;

use super::{Produced, Producer};
use crate::{Header, Offset, PageOffset, Position, ProducerMemory, ReserveError, SampleLen};

/// Samples that a drain sees all at once, when they are submitted. Dropping it publishes
/// nothing, as [`discard`](Self::discard) does.
///
/// Submitting stores the producer position once, for all samples. A single
/// [`reserve`](Producer::reserve) stores it for each sample, and each commit stores a
/// header. Nothing of a batch is reserved before it is submitted: a process that dies
/// earlier leaves nothing open.
///
/// It borrows the producer mutably, because the samples lie where the next reservation
/// would. From many threads, use [`Producer::submit_all`].
///
/// ```
/// # use ringbuf_sim::SimUserRing;
/// # let ring = SimUserRing::new(4096)?;
/// let mut producer = ring.producer()?;
/// let mut batch = producer.batch();
/// assert!(batch.is_empty());
/// for sample in [b"one", b"two"] {
///     batch.push(3)?.copy_from_slice(sample);
/// }
/// assert_eq!(batch.len(), 2);
/// assert_eq!(batch.submit(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SubmitBatch<'p, M: ProducerMemory, P: Produced> {
    producer: &'p mut Producer<M, P>,
    draft: Draft,
    samples: u64,
}

impl<M: ProducerMemory, P: Produced> Producer<M, P> {
    /// Begins a batch. Every reservation must have ended.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use ringbuf_sim::{Flags, SimUserRing};
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let mut producer = ring.producer()?;
    /// let mut batch = producer.batch();
    /// for number in 0..3_u8 {
    ///     batch.push(1)?.fill(number);
    /// }
    /// // Nobody is notified: if there are samples, let a BPF program drain, once.
    /// if batch.submit() > 0 {
    ///     let drained = ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()))?;
    ///     assert_eq!(drained, 3);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch(&mut self) -> SubmitBatch<'_, M, P> {
        // In a child of fork every push fails, whatever the position.
        let draft = Draft { next: self.position(), free: 0 };
        SubmitBatch { producer: self, draft, samples: 0 }
    }

    /// Copies samples into the ring, and publishes them by one store of the producer
    /// position. Takes as many from the front as fit, and returns their number. Never
    /// waits for space.
    ///
    /// Submitting notifies nobody. Afterwards let a BPF program drain, once for all.
    /// If some did not fit, submit the others after that drain.
    ///
    /// No other reservation comes between the samples. With a producer for many
    /// threads, the others wait while the bytes are copied.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use ringbuf_sim::{Flags, SimUserRing};
    ///
    /// let ring = SimUserRing::new(4096)?;
    /// let producer = ring.producer()?;
    /// let mut samples: &[&[u8]] = &[b"first", &[7; 4000], b"third", &[8; 200]];
    /// while !samples.is_empty() {
    ///     let submitted = producer.submit_all(samples)?;
    ///     samples = &samples[submitted..];
    ///     let drained = ring.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()))?;
    ///     assert_eq!(drained, submitted as u64);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReserveError::TooLarge`] if any of the samples is too large: nothing is
    /// written then. [`ReserveError::Full`] if there is no space for the first. And
    /// [`ReserveError::Corrupt`], as for [`reserve`](Self::reserve).
    pub fn submit_all<'p>(&'p self, samples: &[&[u8]]) -> Result<usize, ReserveError>
    where
        M::SampleMut<'p>: DerefMut<Target = [u8]>,
    {
        let len = |sample: &[u8]| u32::try_from(sample.len()).unwrap_or(u32::MAX);
        for sample in samples {
            self.fitting(len(sample))?;
        }
        self.owned()?;
        self.produced.step(|produced| {
            let mut draft = Draft { next: *produced, free: 0 };
            let mut count = 0;
            for sample in samples {
                let len = self.fitting(len(sample))?;
                let at = match draft.push(self, len) {
                    Err(ReserveError::Full { .. }) if count > 0 => break,
                    placed => placed?,
                };
                // SAFETY: placed above with this length; published below, after this
                // borrow has ended.
                let mut bytes: M::SampleMut<'p> = unsafe { self.memory.sample_mut(at, len) };
                bytes.copy_from_slice(sample);
                count += 1;
            }
            if count > 0 {
                *produced = draft.next;
                // SAFETY: P1 and P2: this step hands out this space; each record has
                // its header.
                unsafe { draft.publish(&self.memory) };
            }
            Ok(count)
        })
    }
}

impl<M: ProducerMemory, P: Produced> SubmitBatch<'_, M, P> {
    /// Adds a sample of `len` bytes, and returns them to be filled. At first they are
    /// old content of the ring: write all of them.
    ///
    /// ```
    /// # use ringbuf_core::ReserveError;
    /// # use ringbuf_sim::SimUserRing;
    /// # let ring = SimUserRing::new(4096)?;
    /// # let mut producer = ring.producer()?;
    /// let mut batch = producer.batch();
    /// while let Ok(mut bytes) = batch.push(1000) {
    ///     bytes.fill(7);
    /// }
    /// assert!(matches!(batch.push(1000), Err(ReserveError::Full { free: 64, .. })));
    /// assert_eq!(batch.submit(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Producer::reserve`]. What was added before stays in the batch. If the
    /// ring is full, submit, let a program drain, and begin another batch.
    pub fn push(&mut self, len: u32) -> Result<M::SampleMut<'_>, ReserveError> {
        let len = self.producer.fitting(len)?;
        self.producer.owned()?;
        let at = self.draft.push(self.producer, len)?;
        self.samples += 1;
        // SAFETY: placed above with this length. It ends before the next call, so
        // before the batch is published.
        Ok(unsafe { self.producer.memory.sample_mut(at, len) })
    }

    /// Returns the number of samples so far.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let mut producer = ring.producer()?;
    /// let mut batch = producer.batch();
    /// batch.push(3)?;
    /// assert_eq!(batch.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> u64 {
        self.samples
    }

    /// Returns true if there is no sample.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let mut producer = ring.producer()?;
    /// assert!(producer.batch().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Publishes nothing. The space was not taken, so there is nothing to give back.
    ///
    /// ```
    /// # use ringbuf_sim::SimUserRing;
    /// # let ring = SimUserRing::new(4096)?;
    /// # let mut producer = ring.producer()?;
    /// let mut batch = producer.batch();
    /// batch.push(3)?.copy_from_slice(b"one");
    /// batch.discard();
    /// assert_eq!(producer.lag(), 0); // the ring is as before
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn discard(self) {}

    /// Publishes all samples by one store, and returns their number. The next drain
    /// delivers them in the order of the pushes. In a child of `fork` it publishes
    /// nothing and returns 0.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimUserRing};
    /// # let ring = SimUserRing::new(4096)?;
    /// # let mut producer = ring.producer()?;
    /// let mut batch = producer.batch();
    /// batch.push(3)?.copy_from_slice(b"one");
    /// assert_eq!(batch.submit(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Ordering
    /// The producer position is stored with Release. It pairs with the acquire load in
    /// `__bpf_user_ringbuf_peek`. Without it, the kernel could read a header or a
    /// sample before it is written. Model: `user_batch`.
    #[must_use = "nobody is notified: if there are samples, let a BPF program drain them"]
    pub fn submit(self) -> u64 {
        let Self { producer, draft, samples } = self;
        if samples == 0 || producer.owned().is_err() {
            return 0;
        }
        producer.produced.step(|produced| *produced = draft.next);
        // SAFETY: P1, and `&mut Producer`: nobody else has reserved since the batch
        // began; each record has its header.
        unsafe { draft.publish(&producer.memory) };
        samples
    }
}

/// Records that are written behind the producer position, but not published.
#[derive(Debug)]
struct Draft {
    /// The end of the records.
    next: Position,
    /// The bytes behind it that are known to be free.
    free: u64,
}

impl Draft {
    /// Writes the header of one more record. The header is a committed one, because no
    /// drain sees it before the position is stored.
    fn push<M: ProducerMemory, P: Produced>(
        &mut self,
        producer: &Producer<M, P>,
        len: SampleLen,
    ) -> Result<Offset, ReserveError> {
        let footprint = len.footprint();
        if footprint > self.free {
            self.free = producer.free(self.next)?;
        }
        let free = self.free.checked_sub(footprint);
        self.free = free.ok_or(ReserveError::Full { footprint, free: self.free })?;
        let at = self.next.offset(producer.memory.capacity());
        let header = Header::busy(len).submitted();
        // SAFETY: the record lies in free space (checked above), behind everything that
        // is reserved. The callers reserve nothing before it is published or dropped.
        unsafe { producer.memory.write_header(at, header, PageOffset::NONE) };
        self.next = self.next.advance(footprint, producer.memory.width());
        Ok(at)
    }

    /// # Safety
    /// The caller is the only producer, and everything up to here has headers.
    unsafe fn publish<M: ProducerMemory>(&self, memory: &M) {
        // SAFETY: as the caller guarantees.
        unsafe { memory.store_producer_pos(self.next, Release) };
    }
}
