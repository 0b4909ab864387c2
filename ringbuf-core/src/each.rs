//! Reading by callback, [`Consumer::for_each`], and one by one,
//! [`Consumer::next_record`].

use core::convert::Infallible;
use core::ops::ControlFlow;

use crate::walk::{Area, Cursor, Step};
use crate::{Armed, Batch, Consumer, ConsumerMemory, Corrupt, Next, Position, Record};

/// What ended a [`Consumer::for_each`] that did not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drained {
    /// Everything produced has been read.
    Empty,
    /// The next record is reserved and not yet committed: its commit will
    /// notify an armed consumer. Records behind it wait, committed or not.
    Busy,
    /// As much as a whole ring has been read: there may be more. Drain again
    /// before you block.
    Limit,
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Reads what there is, record by record, and gives the space back as it
    /// goes ([`hold_back`](Self::hold_back)).
    ///
    /// Ends when nothing committed is left, when `each` breaks (the record that
    /// it was given is consumed), or after one capacity (the last window may go
    /// beyond it, not beyond two), so that a producer that never rests cannot
    /// keep it for ever. Never blocks. If `each` panics, the record that it was
    /// given is consumed.
    ///
    /// A consumer without a policy that holds nothing back [arms](Self::arm) before
    /// it answers [`Drained::Empty`] or [`Drained::Busy`], and reads on if that
    /// finds more: so you may block then. It costs one fence for each call.
    ///
    /// It is the fastest way to read: runs of records of equal length take
    /// about a dozen instructions each. To hold several records at once, use
    /// [`batch`](Self::batch).
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use ringbuf_core::Drained;
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// ring.producer().output(b"two", Flags::ADAPTIVE)?;
    ///
    /// let mut bytes = 0;
    /// let end = ring.consumer()?.for_each(|record| {
    ///     bytes += record.len();
    ///     ControlFlow::<()>::Continue(())
    /// })?;
    /// assert_eq!((end, bytes), (ControlFlow::Continue(Drained::Empty), 6));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`], now and at each later call. Records before it were good.
    // Inlined always: what the callback captures can then stay in registers,
    // where a call would carry it through memory from record to record.
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        mut each: impl FnMut(Record<'_, M>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, Corrupt> {
        let start = self.consumed;
        let mut armed_at = None;
        let end = loop {
            if self.consumed.distance(start, self.memory.width()) >= self.memory.capacity().bytes()
            {
                break Ok(ControlFlow::Continue(Drained::Limit));
            }
            // A batch for each window: it is given back before the next look.
            let batch = Batch::new(self, self.hold.portion.unwrap_or(0));
            let end = match batch.next() {
                Ok(Next::Record(first)) => match window(&batch, first, &mut each) {
                    ControlFlow::Continue(()) => continue,
                    ControlFlow::Break(value) => Ok(ControlFlow::Break(value)),
                },
                Ok(Next::Busy) => Ok(ControlFlow::Continue(Drained::Busy)),
                Ok(Next::Empty | Next::Limit) => Ok(ControlFlow::Continue(Drained::Empty)),
                Err(corrupt) => Err(corrupt),
            };
            drop(batch);
            if matches!(end, Ok(ControlFlow::Continue(_))) && self.finds_more(&mut armed_at) {
                continue;
            }
            break end;
        };
        self.give_back();
        end
    }

    /// As [`for_each`](Self::for_each), with a callback that never breaks.
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each).
    #[inline(always)]
    pub fn drain(&mut self, mut each: impl FnMut(Record<'_, M>)) -> Result<Drained, Corrupt> {
        let end = self.for_each(|record| {
            each(record);
            ControlFlow::<Infallible>::Continue(())
        })?;
        match end {
            ControlFlow::Continue(drained) => Ok(drained),
            ControlFlow::Break(never) => match never {},
        }
    }

    /// The next record, lent until the next call; `None` if nothing committed is
    /// left. The space of the one before is given back now. Never blocks.
    ///
    /// The loop of aya's `RingBuf::next`, unchanged: at the end it
    /// [arms](Self::arm), as [`for_each`](Self::for_each) does, so you may block
    /// after a `None`. Discarded records are skipped in one call, however many: it
    /// ends at a record, or at the end. It stores a position for each record; a
    /// drain, a batch or a policy that holds back is faster.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// let mut consumer = ring.consumer()?;
    /// while let Some(record) = consumer.next_record()? {
    ///     assert_eq!(&record[..], b"hello");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    /// No two are lent at the same time:
    /// ```compile_fail,E0499
    /// # let ring = ringbuf_sim::SimRing::new(4096).unwrap();
    /// # let mut consumer = ring.consumer().unwrap();
    /// let first = consumer.next_record().unwrap();
    /// let second = consumer.next_record().unwrap();
    /// println!("{first:?} {second:?}");
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`], now and at each later call. Records before it were good.
    pub fn next_record(&mut self) -> Result<Option<Record<'_, M>>, Corrupt> {
        // What was lent is out of use: its borrow of `self` has ended.
        self.give_back();
        let mut armed_at = None;
        let (position, len) = loop {
            self.begin_batch(0);
            let cursor = Cursor { position: self.consumed, window: 0 };
            let (after, position, step) = self.step(cursor, 0);
            let record = matches!(step, Step::Record(_));
            self.consume(after, u64::from(record));
            match step {
                Step::Record(len) => break (position, len),
                Step::Corrupt(corrupt) => return Err(corrupt),
                Step::Busy | Step::Empty | Step::Limit => {
                    if !self.finds_more(&mut armed_at) {
                        self.give_back();
                        return Ok(None);
                    }
                }
            }
        };
        // SAFETY: the walk saw the record committed with this length by an
        // acquire load and checked that it lies in what is produced; it is
        // published by a later call that takes `&mut self` at the earliest, which
        // the record borrows until then.
        Ok(Some(unsafe { Record::lend(&self.memory, Area::of(&self.memory), position, len) }))
    }

    /// Whether arming finds more, where the known records end. A consumer that
    /// holds back or has a policy is armed before it blocks instead. Arms once at each position:
    /// a header that is committed at one look and busy at the next is no
    /// kernel's, and must not keep the reader here.
    #[inline]
    fn finds_more(&mut self, armed_at: &mut Option<Position>) -> bool {
        self.hold.portion.is_none()
            && self.waiting.is_none()
            && armed_at.replace(self.consumed) != Some(self.consumed)
            && self.arm() == Armed::Ready
    }
}

/// Records in a row of the guessed length that make it worth another try after
/// one of another length.
const RUN: u64 = 8;

/// `first`, and the plain records behind it in its window: as long as they are
/// of the same length by comparing headers with it, then one by one.
#[inline(always)]
fn window<'b, M: ConsumerMemory, B>(
    batch: &'b Batch<'_, M>,
    first: Record<'b, M>,
    each: &mut impl FnMut(Record<'_, M>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let len = first.sample_len();
    let mut record = first;
    loop {
        let before = batch.delivered();
        loop {
            each(record)?;
            let Some(position) = batch.alike(len) else { break };
            record = batch.lend(position, len);
        }
        let run = batch.delivered() - before;
        loop {
            let Some((position, len)) = batch.plain() else { return ControlFlow::Continue(()) };
            record = batch.lend(position, len);
            if run >= RUN {
                break;
            }
            each(record)?;
        }
    }
}
