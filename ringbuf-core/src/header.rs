//! The eight bytes before each sample.
//!
//! ```text
//! byte   0                   4                   8
//!        +-------------------+-------------------+----------------
//!        | length word (u32) | page offset (u32) | sample ...
//!        +-------------------+-------------------+----------------
//! bit     31 busy | 30 discard | 29..0 length of the sample in bytes
//! ```
//! Native byte order. The record takes `8 + length` bytes rounded up to a
//! multiple of 8. Unchanged from Linux 5.8 to 7.3 (`struct bpf_ringbuf_hdr`,
//! kernel/bpf/ringbuf.c; `BPF_RINGBUF_BUSY_BIT`, `BPF_RINGBUF_DISCARD_BIT`,
//! include/uapi/linux/bpf.h).

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
    /// Set from reserve to commit: the sample may be half written.
    pub const BUSY_BIT: u32 = 1 << 31;
    /// Set by a discard: the record is skipped.
    pub const DISCARD_BIT: u32 = 1 << 30;
    /// Bytes of a record header.
    pub const SIZE: u64 = 8;

    /// The header of a record that has just been reserved.
    #[inline]
    #[must_use]
    pub const fn busy(len: SampleLen) -> Self {
        Self(len.0 | Self::BUSY_BIT)
    }

    /// The header with these bits, as loaded from shared memory: every value
    /// is possible there, none is trusted.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The word as it stands in memory.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// This header once its record is submitted.
    #[inline]
    #[must_use]
    pub const fn submitted(self) -> Self {
        Self(self.0 & !Self::BUSY_BIT)
    }

    /// This header once its record is discarded. The length stays, so that the
    /// record can be skipped.
    #[inline]
    #[must_use]
    pub const fn discarded(self) -> Self {
        Self(self.submitted().0 | Self::DISCARD_BIT)
    }

    /// Whether the record is reserved and not yet committed.
    #[inline]
    #[must_use]
    pub const fn is_busy(self) -> bool {
        self.0 & Self::BUSY_BIT != 0
    }

    /// Whether the record is to be skipped.
    #[inline]
    #[must_use]
    pub const fn is_discarded(self) -> bool {
        self.0 & Self::DISCARD_BIT != 0
    }

    /// Length of the sample in bytes.
    #[inline]
    #[must_use]
    pub const fn len(self) -> SampleLen {
        SampleLen(self.0 & SampleLen::MAX)
    }

    /// Length of the sample, of a header whose flags are known to be clear:
    /// one instruction less.
    #[inline]
    pub(crate) const fn plain_len(self) -> SampleLen {
        debug_assert!(self.0 <= SampleLen::MAX);
        SampleLen(self.0)
    }

    /// Bytes that the record takes in the ring, header and rounding included.
    #[inline]
    #[must_use]
    pub const fn footprint(self) -> u64 {
        self.len().footprint()
    }
}

/// The length of a sample in bytes, at most [`SampleLen::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct SampleLen(u32);

impl SampleLen {
    /// The 30 bits that the length word has for it
    /// (`RINGBUF_MAX_RECORD_SZ`, kernel/bpf/ringbuf.c).
    pub const MAX: u32 = u32::MAX / 4;

    /// The length `bytes`; `None` if the length word cannot hold it.
    #[inline]
    #[expect(clippy::as_conversions, reason = "checked to fit; try_from is not const")]
    #[must_use]
    pub const fn new(bytes: u64) -> Option<Self> {
        if bytes > Self::MAX as u64 { None } else { Some(Self(bytes as u32)) }
    }

    /// Length in bytes.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Length in bytes, for slices.
    #[inline]
    #[expect(clippy::as_conversions, reason = "30 bits fit every usize that Linux runs on")]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Bytes that a record with such a sample takes in the ring: header and
    /// sample, rounded up to a multiple of 8.
    #[inline]
    #[expect(clippy::as_conversions, reason = "a widening; u64::from is not const")]
    #[must_use]
    pub const fn footprint(self) -> u64 {
        // Below 2^30 + 15: the sum cannot overflow in 32 bits either.
        ((self.0 + 15) & !7) as u64
    }
}

/// The second word of a header: how many pages the header lies behind the
/// start of the kernel's `struct bpf_ringbuf`.
///
/// The kernel finds the ring from a sample's address with it. Consumers ignore
/// it; a faithful producer writes it; a user ring's producer writes 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct PageOffset(u32);

impl PageOffset {
    /// What a user ring's producer writes: the kernel ignores the word there.
    pub const NONE: Self = Self(0);

    /// The page offset of a record at `at` where pages have `page_size` bytes:
    /// one page of kernel-private fields, the consumer page and the producer
    /// page come before the data (`bpf_ringbuf_rec_pg_off`, 5.8 to 7.3).
    /// `page_size` is a power of two.
    #[inline]
    #[expect(clippy::as_conversions, reason = "an offset is below 2^31")]
    #[must_use]
    pub const fn of(at: Offset, page_size: u64) -> Self {
        Self(3 + (at.get() >> (page_size.trailing_zeros() & 63)) as u32)
    }

    /// The word as it stands in memory.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// The word that stands in memory, whatever it is.
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
    fn a_commit_changes_the_flags_only() {
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
