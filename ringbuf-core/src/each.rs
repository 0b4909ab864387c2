//! Reading with a callback ([`Consumer::for_each`]), and one record at a time
//! ([`Consumer::next_record`]).

use core::convert::Infallible;
use core::ops::ControlFlow;

use crate::walk::{Area, Cursor, Step};
use crate::{Armed, Batch, Consumer, ConsumerMemory, Corrupt, Next, Position, Record};

/// Why a [`Consumer::for_each`] ended, if the callback did not break.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// # let mut consumer = ring.consumer()?;
/// let program = ring.producer();
/// let open = program.reserve(8)?;
/// assert_eq!(consumer.drain(|_| ())?, Drained::Busy);
/// open.discard(Flags::ADAPTIVE);
/// assert_eq!(consumer.drain(|_| ())?, Drained::Empty);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drained {
    /// Everything produced has been read.
    Empty,
    /// The next record is reserved but not committed. Its commit will notify an
    /// armed consumer. Later records wait for it, even if they are committed.
    Busy,
    /// One whole ring has been read, and there may be more. Drain again before you
    /// block.
    Limit,
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Reads all available records, one by one. Gives their space back on the way
    /// (see [`hold_back`](Self::hold_back)).
    ///
    /// Ends in one of three cases: no committed record is left, `each` breaks, or
    /// one capacity of bytes is read. The last window may exceed one capacity, but
    /// never two. This limit ends the call even if a producer never stops. Never
    /// blocks. If `each` breaks or panics, its current record is consumed.
    ///
    /// A consumer without a policy that holds nothing back [arms](Self::arm) before
    /// it returns [`Drained::Empty`] or [`Drained::Busy`]. If that finds more
    /// records, it reads on. So you may block after either result. This costs one
    /// fence for each call.
    ///
    /// This is the fastest way to read. Runs of records of equal length take about
    /// a dozen instructions each. To hold several records at once, use
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
    /// [`Corrupt`]; each later call reports it again. All earlier records were
    /// good.
    // Always inlined, so that the variables of the callback stay in registers. A
    // call would move them through memory for each record.
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        each: impl FnMut(Record<'_, M>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, Corrupt> {
        let start = self.consumed;
        self.read(&mut WholeRing { start }, each)
    }

    /// Like [`for_each`](Self::for_each), but the callback never breaks.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// consumer.drain(|record| assert_eq!(&record[..], b"one"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Returns the next record, valid until the next call. Returns `None` if no
    /// committed record is left. Gives back the space of the previous record. Never
    /// blocks.
    ///
    /// A loop over aya's `RingBuf::next` works unchanged. At the end of the ring
    /// this call [arms](Self::arm), as [`for_each`](Self::for_each) does, so you
    /// may block after `None`. One call skips any number of discarded records. This
    /// call stores a position for each record; a drain, a batch or a policy that
    /// holds back is faster.
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
    /// You cannot hold two records at the same time:
    /// ```compile_fail,E0499
    /// # let ring = ringbuf_sim::SimRing::new(4096).unwrap();
    /// # let mut consumer = ring.consumer().unwrap();
    /// let first = consumer.next_record().unwrap();
    /// let second = consumer.next_record().unwrap();
    /// println!("{first:?} {second:?}");
    /// ```
    ///
    /// # Errors
    /// [`Corrupt`]; each later call reports it again. All earlier records were
    /// good.
    pub fn next_record(&mut self) -> Result<Option<Record<'_, M>>, Corrupt> {
        // The previous record is no longer in use: its borrow of `self` has ended.
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
        // SAFETY: the walk saw the record committed with this length by an acquire
        // load, and checked that it lies within the produced bytes. Only a later
        // call that takes `&mut self` publishes it, and the record borrows `self`
        // until then.
        Ok(Some(unsafe { Record::lend(&self.memory, Area::of(&self.memory), position, len) }))
    }

    /// Reads all available records up to a limit.
    #[inline(always)]
    pub(crate) fn read<B, L: Limit<M>>(
        &mut self,
        limit: &mut L,
        mut each: impl FnMut(Record<'_, M>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Drained>, Corrupt> {
        let mut armed_at = None;
        let end = loop {
            if limit.is_reached(self) {
                break Ok(ControlFlow::Continue(Drained::Limit));
            }
            // One batch for each window, given back before the next look.
            let batch = Batch::new(self, self.hold.portion.unwrap_or(0));
            limit.cut(&batch);
            let end = match batch.next() {
                Ok(Next::Record(first)) => {
                    let most = limit.records_left();
                    let end = if L::COUNTS && batch.may_exceed(most) {
                        window::<M, B, true>(&batch, first, most, &mut each)
                    } else {
                        window::<M, B, false>(&batch, first, most, &mut each)
                    };
                    match end {
                        ControlFlow::Continue(()) => {
                            limit.spend(batch.delivered());
                            continue;
                        }
                        ControlFlow::Break(value) => Ok(ControlFlow::Break(value)),
                    }
                }
                Ok(Next::Busy) => Ok(ControlFlow::Continue(Drained::Busy)),
                Ok(Next::Empty) => Ok(ControlFlow::Continue(Drained::Empty)),
                // Discarded records reached the end of this window.
                Ok(Next::Limit) => continue,
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

    /// Arms at the end of the known records, and returns true if that finds more. A
    /// consumer that holds back or has a policy arms before it blocks instead. Arms
    /// once at each position: no kernel turns a committed header busy again, so
    /// such memory must not keep the reader here.
    #[inline]
    pub(crate) fn finds_more(&mut self, armed_at: &mut Option<Position>) -> bool {
        self.hold.portion.is_none()
            && self.waiting.is_none()
            && armed_at.replace(self.consumed) != Some(self.consumed)
            && self.arm() == Armed::Ready
    }
}

/// What ends a read before the end of the ring. The methods are called once for each
/// window.
pub(crate) trait Limit<M: ConsumerMemory> {
    /// True if records are counted.
    const COUNTS: bool;

    /// Returns true if nothing more may be read.
    fn is_reached(&mut self, consumer: &Consumer<M>) -> bool;

    /// Cuts the window that `batch` is going to open.
    fn cut(&self, batch: &Batch<'_, M>);

    /// A window is over, which delivered this many records.
    fn spend(&mut self, records: u64);

    /// Returns the number of records after which the window must end.
    fn records_left(&self) -> u64;
}

/// One whole ring, so that a read ends even if a producer never stops.
struct WholeRing {
    start: Position,
}

impl<M: ConsumerMemory> Limit<M> for WholeRing {
    const COUNTS: bool = false;

    #[inline(always)]
    fn is_reached(&mut self, consumer: &Consumer<M>) -> bool {
        let memory = consumer.memory();
        consumer.consumed.distance(self.start, memory.width()) >= memory.capacity().bytes()
    }

    #[inline(always)]
    fn cut(&self, _: &Batch<'_, M>) {}

    #[inline(always)]
    fn spend(&mut self, _: u64) {}

    #[inline(always)]
    fn records_left(&self) -> u64 {
        u64::MAX
    }
}

/// After a run of at least this many records of one length, a single record of
/// another length does not change the guess.
const RUN: u64 = 8;

/// Reads `first` and the plain records after it in its window, up to `most` records if
/// it `COUNTS`. While records have
/// the same length, it only compares headers. Then it reads them one by one.
#[inline(always)]
fn window<'b, M: ConsumerMemory, B, const COUNTS: bool>(
    batch: &'b Batch<'_, M>,
    first: Record<'b, M>,
    most: u64,
    each: &mut impl FnMut(Record<'_, M>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let len = first.sample_len();
    let mut record = first;
    loop {
        let before = batch.delivered();
        if COUNTS {
            // In a run of equal records the window counts them.
            batch.cut_window((most - before).saturating_mul(len.footprint()));
        }
        loop {
            each(record)?;
            let Some(position) = batch.alike(len) else { break };
            record = batch.lend(position, len);
        }
        let run = batch.delivered() - before;
        loop {
            if COUNTS && batch.delivered() >= most {
                return ControlFlow::Continue(());
            }
            let Some((position, len)) = batch.plain() else { return ControlFlow::Continue(()) };
            record = batch.lend(position, len);
            if run >= RUN {
                break;
            }
            each(record)?;
        }
    }
}
