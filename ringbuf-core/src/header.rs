//! The eight bytes before each sample.
//!
//! ```text
//! byte   0                   4                   8
//!        +-------------------+-------------------+----------------
//!        | length word (u32) | page offset (u32) | sample ...
//!        +-------------------+-------------------+----------------
//! bit     31 busy | 30 discard | 29..0 length of the sample in bytes
//! ```
//! Both words are in native byte order. The record takes `8 + length` bytes,
//! rounded up to a multiple of 8. The format has not changed from Linux 5.8 to 7.3
//! (`struct bpf_ringbuf_hdr`, kernel/bpf/ringbuf.c; `BPF_RINGBUF_BUSY_BIT`,
//! `BPF_RINGBUF_DISCARD_BIT`, include/uapi/linux/bpf.h).

use crate::Offset;

/// The length word of a record header: busy bit, discard bit, sample length.
///
/// ```
/// use ringbuf_core::{Header, SampleLen};
/// let open = Header::busy(SampleLen::new(13).unwrap());
/// assert_eq!(open.to_bits(), 0x8000_000d);
/// assert_eq!(open.submitted().to_bits(), 0x0000_000d);
/// assert_eq!(open.discarded().to_bits(), 0x4000_000d);
/// assert_eq!(open.footprint(), 24);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Header(u32);

impl Header {
    /// Set from reserve to commit. The sample may be incomplete.
    pub const BUSY_BIT: u32 = 1 << 31;
    /// Set by a discard. The consumer skips the record.
    pub const DISCARD_BIT: u32 = 1 << 30;
    /// Bytes of a record header.
    pub const SIZE: u64 = 8;

    /// Returns the header of a newly reserved record.
    #[inline]
    #[must_use]
    pub const fn busy(len: SampleLen) -> Self {
        Self(len.0 | Self::BUSY_BIT)
    }

    /// Returns the header with these bits, as loaded from shared memory. Every
    /// value is possible there, and none is trusted.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// assert!(Header::from_bits(1 << 31).is_busy());
    /// ```
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Returns the word as it is in memory.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// Returns this header after its record is submitted.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let busy = Header::busy(SampleLen::new(3).unwrap());
    /// assert!(busy.is_busy() && !busy.submitted().is_busy());
    /// ```
    #[inline]
    #[must_use]
    pub const fn submitted(self) -> Self {
        Self(self.0 & !Self::BUSY_BIT)
    }

    /// Returns this header after its record is discarded. The length stays, so that
    /// the consumer can skip the record.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let gone = Header::busy(SampleLen::new(3).unwrap()).discarded();
    /// assert!(gone.is_discarded() && !gone.is_busy());
    /// assert_eq!(gone.footprint(), 16); // to skip it
    /// ```
    #[inline]
    #[must_use]
    pub const fn discarded(self) -> Self {
        Self(self.submitted().0 | Self::DISCARD_BIT)
    }

    /// Returns true if the record is reserved but not committed.
    #[inline]
    #[must_use]
    pub const fn is_busy(self) -> bool {
        self.0 & Self::BUSY_BIT != 0
    }

    /// Returns true if the consumer must skip the record.
    #[inline]
    #[must_use]
    pub const fn is_discarded(self) -> bool {
        self.0 & Self::DISCARD_BIT != 0
    }

    /// Returns the length of the sample in bytes.
    #[inline]
    #[must_use]
    pub const fn len(self) -> SampleLen {
        SampleLen(self.0 & SampleLen::MAX)
    }

    /// Returns the length of the sample if both flags are known to be clear. This
    /// saves one instruction.
    #[inline]
    pub(crate) const fn plain_len(self) -> SampleLen {
        debug_assert!(self.0 <= SampleLen::MAX);
        SampleLen(self.0)
    }

    /// Returns the bytes that the record takes in the ring, with header and
    /// rounding.
    #[inline]
    #[must_use]
    pub const fn footprint(self) -> u64 {
        self.len().footprint()
    }
}

/// The length of a sample in bytes, at most [`SampleLen::MAX`].
///
/// ```
/// # use ringbuf_core::*;
/// let len = SampleLen::new(13).unwrap();
/// assert_eq!((len.get(), len.footprint()), (13, 24)); // with header, rounded up to 8
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct SampleLen(u32);

impl SampleLen {
    /// The largest length. The length word has 30 bits for it
    /// (`RINGBUF_MAX_RECORD_SZ`, kernel/bpf/ringbuf.c).
    pub const MAX: u32 = u32::MAX / 4;

    pub(crate) const ZERO: Self = Self(0);

    /// Returns a length of `bytes`, or `None` if the length word cannot hold it.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// assert_eq!(SampleLen::new(1 << 30), None);
    /// ```
    #[inline]
    #[expect(clippy::as_conversions, reason = "checked to fit; try_from is not const")]
    #[must_use]
    pub const fn new(bytes: u64) -> Option<Self> {
        if bytes > Self::MAX as u64 { None } else { Some(Self(bytes as u32)) }
    }

    /// Returns the length in bytes.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the length in bytes, for slices.
    #[inline]
    #[expect(clippy::as_conversions, reason = "30 bits fit every usize that Linux runs on")]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns the bytes that a record with this sample takes in the ring: header
    /// and sample, rounded up to a multiple of 8.
    #[inline]
    #[expect(clippy::as_conversions, reason = "a widening; u64::from is not const")]
    #[must_use]
    pub const fn footprint(self) -> u64 {
        // Below 2^30 + 15: the sum cannot overflow in 32 bits either.
        ((self.0 + 15) & !7) as u64
    }
}

/// The second word of a header. It counts the pages from the start of the kernel's
/// `struct bpf_ringbuf` to the header.
///
/// The kernel uses it to find the ring of a sample. Consumers ignore it. A
/// simulated kernel writes it. The producer of a user ring writes 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct PageOffset(u32);

impl PageOffset {
    /// The value that the producer of a user ring writes. The kernel ignores it
    /// there.
    pub const NONE: Self = Self(0);

    /// Returns the page offset of a record at `at`, if a page has `page_size`
    /// bytes. Three pages come before the data: the kernel's private fields, the
    /// consumer page and the producer page (`bpf_ringbuf_rec_pg_off`, 5.8 to 7.3).
    /// `page_size` must be a power of two.
    #[inline]
    #[expect(clippy::as_conversions, reason = "an offset is below 2^31")]
    #[must_use]
    pub const fn of(at: Offset, page_size: u64) -> Self {
        Self(3 + (at.get() >> (page_size.trailing_zeros() & 63)) as u32)
    }

    /// Returns the word as it is in memory.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// Returns the page offset with these bits, as loaded from memory.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Capacity, Position, Width};

    #[test]
    fn footprints_round_up_to_eight() {
        for (len, footprint) in [(0, 8), (1, 16), (8, 16), (9, 24), (13, 24), (4080, 4088)] {
            assert_eq!(SampleLen::new(len).unwrap().footprint(), footprint, "len {len}");
        }
        assert_eq!(SampleLen::new(0x3fff_ffff).unwrap().footprint(), 0x4000_0008);
        assert_eq!(SampleLen::new(0x4000_0000), None);
    }

    #[test]
    fn any_word_has_a_bounded_footprint() {
        for bits in [0, 1, u32::MAX, 0x3fff_ffff, 0x7fff_ffff, 0xbfff_fff9] {
            let header = Header::from_bits(bits);
            assert!(header.footprint() >= 8 && header.footprint() % 8 == 0);
            assert!(header.footprint() <= 0x4000_0008);
        }
    }

    #[test]
    fn a_commit_changes_only_the_flags() {
        let committed = Header::from_bits(0x4000_000d);
        for flags in [0, Header::BUSY_BIT, Header::DISCARD_BIT, 3 << 30] {
            assert_eq!(Header::from_bits(flags | 0xd).discarded(), committed);
        }
        assert_eq!(Header::from_bits(0x8000_000d).submitted(), Header::from_bits(0xd));
    }

    #[test]
    fn page_offsets_count_from_the_third_page() {
        let capacity = Capacity::new(16384, 4096).unwrap();
        let page = |value| {
            PageOffset::of(Position::new(value, Width::Bits64).offset(capacity), 4096).to_bits()
        };
        assert_eq!([0, 4080, 8160, 12240, 16320, 16384].map(page), [3, 3, 4, 5, 6, 3]);
    }
}
