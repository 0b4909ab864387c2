//! [`Reader`]: reads the records of a ring as one type, and counts those that do not
//! fit.

use core::fmt;
use core::marker::PhantomData;

use ringbuf_core::{AlignedBytes, Batch, ConsumerMemory, Corrupt};

use crate::{Fit, Lengths, Misfit, Shape};

/// Reads records as `S`: a struct, or an enum of [`records!`](crate::records). It applies
/// one policy of [`Lengths`], by default [`Lengths::AtLeast`], and counts.
///
/// A record that does not fit is an error of that record only. It is consumed like any
/// other, and reading goes on.
///
/// ```
/// use ringbuf_sim::{Flags, SimRing};
/// use ringbuf_typed::{Lengths, Reader};
///
/// let ring = SimRing::new(4096)?;
/// for sample in [&[1; 8][..], &[2; 4], &[3; 9]] {
///     ring.producer().output(sample, Flags::ADAPTIVE)?;
/// }
/// let mut numbers = Reader::<u64>::new().with_lengths(Lengths::Exact);
/// let mut sum = 0;
/// ring.consumer()?.drain(|record| {
///     if let Ok(number) = numbers.take(&record) {
///         sum += *number;
///     }
/// })?;
/// assert_eq!(sum, 0x0101_0101_0101_0101);
/// assert_eq!(numbers.tally().to_string(), "1 good, 1 too short, 1 too long, 0 of unknown kind");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<S> {
    lengths: Lengths,
    tally: Tally,
    shape: PhantomData<fn() -> S>,
}

impl<S: Shape> Reader<S> {
    /// Creates a reader with [`Lengths::AtLeast`].
    ///
    /// ```
    /// use ringbuf_typed::{Lengths, Reader};
    ///
    /// let numbers = Reader::<u64>::new();
    /// assert_eq!(numbers.lengths(), Lengths::AtLeast);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { lengths: Lengths::default(), tally: Tally::default(), shape: PhantomData }
    }

    /// Returns this reader with another policy.
    ///
    /// ```
    /// use ringbuf_typed::{Lengths, Reader};
    ///
    /// let mut words = Reader::<u32>::new().with_lengths(Lengths::Exact);
    /// assert!(words.take(&[0; 4]).is_ok());
    /// assert!(words.take(&[0; 8]).is_err());
    /// ```
    #[must_use]
    pub fn with_lengths(mut self, lengths: Lengths) -> Self {
        self.lengths = lengths;
        self
    }

    /// Returns a record as `S`, and counts it. `sample` is a record (`&record`), its bytes,
    /// or what [`Consumer::read_into`](ringbuf_core::Consumer::read_into) copied.
    ///
    /// The event lives as long as the borrow of `sample`. To keep it for the whole batch,
    /// pass `record.into_sample().bytes()`, or use [`records`](Self::records).
    ///
    /// ```
    /// use ringbuf_typed::{Misfit, Reader};
    ///
    /// let mut numbers = Reader::<u64>::new();
    /// let number = numbers.take(&[1; 8]).unwrap();
    /// assert_eq!(*number, 0x0101_0101_0101_0101);
    /// assert!(matches!(numbers.take(&[1; 7]), Err(Misfit::TooShort { has: 7, needs: 8, .. })));
    /// ```
    ///
    /// # Errors
    /// [`Misfit`] says what is wrong with this record. It is counted, too.
    #[inline]
    pub fn take<'a>(&mut self, sample: &'a [u8]) -> Result<S::Event<'a>, Misfit> {
        match S::view(sample, self.lengths) {
            Ok((event, fit)) => {
                self.tally.good += 1;
                match fit {
                    Fit::Exact => {}
                    Fit::Longer => self.tally.longer += 1,
                    Fit::Extended => self.tally.extended += 1,
                }
                Ok(event)
            }
            Err(misfit) => {
                self.tally.refuse(misfit);
                Err(misfit)
            }
        }
    }

    /// Iterates over the records of a batch, up to its end. The outer error is that of
    /// the ring, and ends it. The inner one is that of a record.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    /// use ringbuf_typed::Reader;
    ///
    /// let ring = SimRing::new(4096)?;
    /// for number in [3_u64, 4] {
    ///     ring.producer().output(&number.to_ne_bytes(), Flags::ADAPTIVE)?;
    /// }
    /// ring.producer().output(b"short", Flags::ADAPTIVE)?;
    ///
    /// let mut numbers = Reader::<u64>::new();
    /// let mut consumer = ring.consumer()?;
    /// let batch = consumer.batch();
    /// let mut held = Vec::new();
    /// for number in numbers.records(&batch) {
    ///     match number? {
    ///         Ok(number) => held.push(number), // all of them live until the batch ends
    ///         Err(misfit) => eprintln!("{misfit}"),
    ///     }
    /// }
    /// assert_eq!(held.iter().map(|number| **number).sum::<u64>(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn records<'b, M>(
        &mut self,
        batch: &'b Batch<'_, M>,
    ) -> impl Iterator<Item = Result<Result<S::Event<'b>, Misfit>, Corrupt>>
    where
        M: for<'a> ConsumerMemory<Sample<'a> = AlignedBytes<'a>> + 'static,
    {
        batch.records().map(|record| Ok(self.take(record?.into_sample().bytes())))
    }

    /// Returns what was counted so far.
    ///
    /// ```
    /// use ringbuf_typed::Reader;
    ///
    /// let mut numbers = Reader::<u32>::new();
    /// for sample in [&[0; 4][..], &[0; 9], &[0; 3]] {
    ///     let _ = numbers.take(sample);
    /// }
    /// let tally = numbers.tally();
    /// assert_eq!((tally.good, tally.longer, tally.short), (2, 1, 1));
    /// ```
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Returns the policy.
    ///
    /// ```
    /// use ringbuf_typed::{Lengths, Reader};
    ///
    /// let exact = Reader::<u64>::new().with_lengths(Lengths::Exact);
    /// assert_eq!(exact.lengths(), Lengths::Exact);
    /// ```
    #[must_use]
    pub fn lengths(&self) -> Lengths {
        self.lengths
    }
}

impl<S: Shape> Default for Reader<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Reader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("lengths", &self.lengths)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

/// What a [`Reader`] counted. Each record is counted once as `good`, `short`, `long` or
/// `unknown`.
///
/// ```
/// use ringbuf_typed::{Reader, Tally};
///
/// let mut numbers = Reader::<u32>::new();
/// assert_eq!(numbers.tally(), Tally::default());
/// assert!(numbers.take(&[0; 3]).is_err());
/// assert_eq!(numbers.tally().to_string(), "0 good, 1 too short, 0 too long, 0 of unknown kind");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Records that were read.
    pub good: u64,
    /// Of the good ones: those that are longer than their type.
    pub longer: u64,
    /// Of the good ones: those that were shorter, and zero-extended.
    pub extended: u64,
    /// Records that were too short.
    pub short: u64,
    /// Records that were too long.
    pub long: u64,
    /// Records whose tag no type has.
    pub unknown: u64,
}

impl Tally {
    fn refuse(&mut self, misfit: Misfit) {
        match misfit {
            Misfit::TooShort { .. } => self.short += 1,
            Misfit::TooLong { .. } => self.long += 1,
            Misfit::UnknownTag { .. } => self.unknown += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { good, short, long, unknown, .. } = self;
        write!(f, "{good} good, {short} too short, {long} too long, {unknown} of unknown kind")
    }
}
