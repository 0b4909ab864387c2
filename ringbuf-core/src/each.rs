//! Reading by callback: [`Consumer::for_each`].

use core::convert::Infallible;
use core::ops::ControlFlow;

use crate::{Batch, Consumer, ConsumerMemory, Corrupt, Next, Record};

/// What ended a [`Consumer::for_each`] that nobody broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything produced has been read.
    Empty,
    /// The next record is reserved and not yet committed: its commit will
    /// notify an armed consumer. Records behind it wait, committed or not.
    Busy,
    /// As much as a whole ring has been read: there may be more.
    Limit,
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Reads what there is, record by record, and gives the space back as it
    /// goes ([`release_after`](Self::release_after)).
    ///
    /// Ends when nothing committed is left, when `each` breaks (the record that
    /// it was given is consumed), or after one capacity (the last window may go
    /// beyond it, not beyond two), so that a producer that never rests cannot
    /// keep it for ever. Never blocks. If `each` panics, the record that it was
    /// given is consumed.
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
        while self.consumed.distance(start, self.memory.width()) < self.memory.capacity().bytes() {
            // A batch for each window: it is given back before the next look.
            let batch = self.batch();
            batch.narrow(WINDOW);
            let first = match batch.next()? {
                Next::Record(record) => record,
                Next::Busy => return Ok(ControlFlow::Continue(Drained::Busy)),
                Next::Empty | Next::Limit => return Ok(ControlFlow::Continue(Drained::Empty)),
            };
            if let ControlFlow::Break(value) = window(&batch, first, &mut each) {
                return Ok(ControlFlow::Break(value));
            }
        }
        Ok(ControlFlow::Continue(Drained::Limit))
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
}

/// Bytes of a window: each begins with another guess of the common length.
const WINDOW: u64 = 64 << 10;

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
