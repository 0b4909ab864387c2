//! [`Consumer::read_into`]: a record is copied into a buffer of the caller.

use core::error::Error;
use core::fmt;

use crate::{AlignedBytes, Consumer, ConsumerMemory, Corrupt, Next};

impl<M> Consumer<M>
where
    M: for<'a> ConsumerMemory<Sample<'a> = AlignedBytes<'a>>,
{
    /// Copies the next record into `buffer`, consumes it, and returns its sample: the
    /// first part of `buffer`. Returns `None` if no committed record is left. Never
    /// blocks, and never allocates.
    ///
    /// Nothing is cut off. If the buffer is too small, the record stays unread, and
    /// [`ReadError::TooSmall`] says how many bytes it needs. Call this again with
    /// that many. A buffer as large as the longest sample of your programs is always
    /// enough.
    ///
    /// The space of the record goes back to the producers at once (see
    /// [`hold_back`](Self::hold_back)). So if the process is killed before it has handled
    /// the copy, this record is lost; with [`next_record`](Self::next_record) it comes
    /// again. At the end of the ring this call
    /// [arms](Self::arm), as [`for_each`](Self::for_each) does, so you may block after
    /// `None`. One call skips any number of discarded records.
    ///
    /// ```
    /// use ringbuf_core::ReadError;
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
    /// let mut consumer = ring.consumer()?;
    /// let mut buffer = vec![0; 2];
    /// loop {
    ///     match consumer.read_into(&mut buffer) {
    ///         Ok(Some(sample)) => assert_eq!(sample, b"hello"),
    ///         Ok(None) => break,
    ///         Err(ReadError::TooSmall { needs, .. }) => buffer.resize(needs, 0),
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ReadError::TooSmall`], and [`ReadError::Corrupt`], which each later call
    /// reports again. All earlier records were good.
    pub fn read_into<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, ReadError> {
        let mut armed_at = None;
        loop {
            let batch = self.batch();
            match batch.next().map_err(ReadError::Corrupt)? {
                Next::Record(record) => {
                    let sample = record.into_sample().bytes();
                    let has = buffer.len();
                    let Some(target) = buffer.get_mut(..sample.len()) else {
                        let needs = sample.len();
                        batch.rewind();
                        return Err(ReadError::TooSmall { needs, has });
                    };
                    target.copy_from_slice(sample);
                    return Ok(Some(target));
                }
                Next::Busy | Next::Empty | Next::Limit => {}
            }
            drop(batch);
            if !self.finds_more(&mut armed_at) {
                return Ok(None);
            }
        }
    }
}

/// Why [`Consumer::read_into`] copied nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// The next record is longer than the buffer. It stays unread.
    #[non_exhaustive]
    TooSmall {
        /// Bytes of its sample, at most [`SampleLen::MAX`](crate::SampleLen::MAX).
        needs: usize,
        /// Bytes of the buffer.
        has: usize,
    },
    /// The ring cannot be read on.
    Corrupt(Corrupt),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { needs, has } => write!(
                f,
                "the next record has {needs} bytes, but the buffer has only {has}: read it again \
                 into a buffer of {needs} bytes; the record stays in the ring"
            ),
            Self::Corrupt(corrupt) => corrupt.fmt(f),
        }
    }
}

/// The text, so that a `main` that returns the error prints what to do.
impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for ReadError {}
