//! [`AlignedBytes`]: the sample of a record in mapped memory.

use core::ops::Deref;

/// The bytes of a sample: a `[u8]` that always begins at a multiple of 8.
///
/// So you can view it as any type of alignment 8 or less without a copy, for
/// example with `ringbuf-typed`, `zerocopy` or `bytemuck`. See [`Record`](crate::Record)
/// for the reason.
///
/// ```
/// # use ringbuf_core::*;
/// # use ringbuf_sim::{Flags, SimRing};
/// # let ring = SimRing::new(4096)?;
/// # let mut consumer = ring.consumer()?;
/// ring.producer().output(b"one", Flags::ADAPTIVE)?;
/// fn show(sample: AlignedBytes<'_>) {
///     assert_eq!(&sample[..], b"one");
/// }
/// consumer.drain(|record| show(*record))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct AlignedBytes<'a>(&'a [u8]);

impl<'a> AlignedBytes<'a> {
    /// Bytes begin at a multiple of this address.
    pub const ALIGN: usize = 8;

    /// Returns `bytes` if they begin at a multiple of 8, as the bytes of each record do.
    /// A callback that gets a plain slice uses this.
    ///
    /// ```
    /// use ringbuf_core::AlignedBytes;
    ///
    /// #[repr(align(8))]
    /// struct Aligned([u8; 16]);
    ///
    /// let bytes = &Aligned([7; 16]).0;
    /// assert_eq!(AlignedBytes::from_slice(bytes).map(|aligned| aligned[15]), Some(7));
    /// assert_eq!(AlignedBytes::from_slice(&bytes[1..]), None);
    /// ```
    #[inline]
    #[must_use]
    pub fn from_slice(bytes: &'a [u8]) -> Option<Self> {
        (bytes.as_ptr().addr() % Self::ALIGN == 0).then_some(Self(bytes))
    }

    /// `bytes` must begin at a multiple of 8.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        debug_assert!(bytes.as_ptr().addr() % Self::ALIGN == 0);
        Self(bytes)
    }

    /// Returns the bytes as aligned words in native byte order, and the remaining
    /// bytes, up to seven.
    ///
    /// ```
    /// # use ringbuf_core::AlignedBytes;
    /// #[repr(align(8))]
    /// struct Aligned([u8; 10]);
    ///
    /// let bytes = Aligned([0; 10]);
    /// let (words, rest) = AlignedBytes::from_slice(&bytes.0).unwrap().words();
    /// assert_eq!((words, rest), (&[0_u64][..], &[0_u8, 0][..]));
    /// ```
    #[must_use]
    pub fn words(self) -> (&'a [u64], &'a [u8]) {
        // SAFETY: every bit pattern is a valid `u64`. The slice lives as long as
        // the bytes and is equally immutable.
        let (unaligned, words, rest) = unsafe { self.0.align_to() };
        debug_assert!(unaligned.is_empty());
        (words, rest)
    }

    /// Returns the bytes, which stay valid while the batch lives.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// # let mut consumer = ring.consumer()?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// let batch = consumer.batch();
    /// let samples: Vec<&[u8]> = batch.records().flatten().map(|it| it.bytes()).collect();
    /// assert_eq!(samples, [b"one"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl Deref for AlignedBytes<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl AsRef<[u8]> for AlignedBytes<'_> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}
