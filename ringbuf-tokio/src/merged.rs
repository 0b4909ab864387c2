//! [`AsyncMergedRings`]: rings that one task reads in the order of a key.

use std::ops::ControlFlow;

use ringbuf_core::{Merged, Record, Round};
use ringbuf_kernel::{Mapping, MergedBatch, MergedRings, RingError};

use crate::AsyncRing;

/// Rings of the kernel that one task reads as one stream, in the order of a key.
///
/// While records are held, [`ready`](AsyncRing::ready) waits until the next one is due.
///
/// ```
/// use std::time::Duration;
/// use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy, Wakeup};
/// use ringbuf_tokio::{AsyncMergedRings, AsyncRing};
///
/// fn stamp(record: &Record<'_, Mapping>) -> Option<u64> {
///     record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lateness = Duration::from_millis(1);
/// let merged = MergedRings::<&str, _>::new(WaitPolicy::balanced(), lateness, stamp)?;
/// # merged.waker().close();
/// let mut rings: AsyncMergedRings<&str, _> = AsyncRing::new(merged)?; // each ring has a name
/// while rings.ready().await? == Wakeup::Ready {
///     rings.drain(|name, record| println!("{}: {name}", record.key))?;
/// }
/// # Ok(())
/// # }
/// ```
pub type AsyncMergedRings<T, K, const W: usize = 8> = AsyncRing<MergedRings<T, K, W>>;

impl<T, K, const W: usize> AsyncRing<MergedRings<T, K, W>>
where
    K: Fn(&Record<'_, Mapping>) -> Option<u64>,
{
    /// Delivers all records that are in order now, and says what is left: see
    /// [`MergedRings::drain`]. It does not wait.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy};
    /// # use ringbuf_tokio::AsyncRing;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let merged =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// # merged.waker().wake();
    /// let mut rings = AsyncRing::new(merged)?;
    /// rings.ready().await?;
    /// rings.drain(|name, record| println!("{}: {name}", record.key))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// One ring is corrupt. It gets no more turns; call this again for the others.
    #[inline(always)]
    pub fn drain(
        &mut self,
        each: impl FnMut(&mut T, Merged<'_, Mapping>),
    ) -> Result<Round, RingError> {
        self.get_mut().drain(each)
    }

    /// As [`drain`](Self::drain), until the callback breaks: see [`MergedRings::for_each`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy};
    /// # use ringbuf_tokio::AsyncRing;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let merged =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// # merged.waker().wake();
    /// let mut rings = AsyncRing::new(merged)?;
    /// rings.ready().await?;
    /// use std::ops::ControlFlow;
    ///
    /// let end = rings.for_each(|name, record| match &record[8..] {
    ///     b"end" => ControlFlow::Break(*name),
    ///     _ => ControlFlow::Continue(()),
    /// })?;
    /// assert!(end.is_continue());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    #[inline(always)]
    pub fn for_each<B>(
        &mut self,
        each: impl FnMut(&mut T, Merged<'_, Mapping>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, Round>, RingError> {
        self.get_mut().for_each(each)
    }

    /// Begins a batch: the records that are in order now, held at once. See
    /// [`MergedRings::batch`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ringbuf_kernel::{Mapping, MergedRings, Record, WaitPolicy};
    /// # use ringbuf_tokio::AsyncRing;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let stamp = |_: &Record<'_, Mapping>| None;
    /// # let merged =
    /// #     MergedRings::<&str, _>::new(WaitPolicy::balanced(), Duration::from_millis(1), stamp)?;
    /// # merged.waker().wake();
    /// let mut rings = AsyncRing::new(merged)?;
    /// rings.ready().await?;
    /// let batch = rings.batch()?;
    /// let records: Vec<_> = batch.records().collect(); // may be held across an await
    /// # assert!(records.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn batch(&mut self) -> Result<MergedBatch<'_, T, K, W>, RingError> {
        self.get_mut().batch()
    }
}
