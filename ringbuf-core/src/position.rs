//! Places in the ring: [`Position`], [`Offset`], and the [`Capacity`] that connects
//! them.

use core::fmt;

use crate::CapacityError;

/// The width of the kernel's `unsigned long`. Positions have this width.
///
/// This is the width of the *kernel*, not of the process. A 32-bit process on a
/// 64-bit kernel sees 64-bit positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// A 32-bit kernel: positions wrap at 2^32.
    Bits32,
    /// A 64-bit kernel: positions wrap at 2^64.
    Bits64,
}

impl Width {
    /// The bits that a position of this width uses.
    #[inline]
    const fn mask(self) -> u64 {
        match self {
            Width::Bits32 => 0xffff_ffff,
            Width::Bits64 => u64::MAX,
        }
    }
}

/// A place in the endless stream of bytes. It grows while the map lives, and wraps
/// at the word width of the kernel.
///
/// Never compare positions with `<`. [`Position::distance`] is the only
/// subtraction, and it is modular.
///
/// ```
/// # use ringbuf_core::*;
/// let (start, end) = (Position::new(u64::MAX - 7, Width::Bits64), Position::new(8, Width::Bits64));
/// assert_eq!(end.distance(start, Width::Bits64), 16); // across the wrap
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Position(u64);

impl Position {
    pub(crate) const ZERO: Self = Self(0);

    /// Returns the position `value`, reduced to `width`.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// assert_eq!(Position::new(1 << 32, Width::Bits32).get(), 0);
    /// ```
    #[inline]
    #[must_use]
    pub const fn new(value: u64, width: Width) -> Self {
        Self(value & width.mask())
    }

    /// Returns the value as it is in shared memory, zero-extended to 64 bits.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the position that is `bytes` ahead.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let last = Position::new(u32::MAX.into(), Width::Bits32);
    /// assert_eq!(last.advance(1, Width::Bits32).get(), 0);
    /// ```
    #[inline]
    #[must_use]
    pub const fn advance(self, bytes: u64, width: Width) -> Self {
        self.advance_unwrapped(bytes).wrap(width)
    }

    /// Like [`advance`](Self::advance), but without the reduction to a width. This
    /// saves one instruction for each record. Offsets and distances are the same.
    /// Call [`wrap`](Self::wrap) before the position leaves this crate.
    #[inline]
    pub(crate) const fn advance_unwrapped(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// Returns the position that is `bytes` before this one.
    #[inline]
    pub(crate) const fn retreat(self, bytes: u64, width: Width) -> Self {
        self.retreat_unwrapped(bytes).wrap(width)
    }

    /// Like [`retreat`](Self::retreat), but without the reduction to a width.
    #[inline]
    pub(crate) const fn retreat_unwrapped(self, bytes: u64) -> Self {
        Self(self.0.wrapping_sub(bytes))
    }

    /// Returns the position as a kernel of this width would store it.
    #[inline]
    pub(crate) const fn wrap(self, width: Width) -> Self {
        Self::new(self.0, width)
    }

    /// Returns by how many bytes this position is ahead of `earlier`, modulo the
    /// width. If it is behind, the result is a very large number.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let at = |value| Position::new(value, Width::Bits64);
    /// assert_eq!(at(24).distance(at(8), Width::Bits64), 16);
    /// ```
    #[inline]
    #[must_use]
    pub const fn distance(self, earlier: Position, width: Width) -> u64 {
        self.0.wrapping_sub(earlier.0) & width.mask()
    }

    /// Returns true if a record may start here. Each record starts at a multiple of
    /// 8.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// assert!(!Position::new(4, Width::Bits64).is_aligned());
    /// ```
    #[inline]
    #[must_use]
    pub const fn is_aligned(self) -> bool {
        self.0 & 7 == 0
    }

    /// Returns the offset of the header of a record at this position.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let capacity = Capacity::new(4096, 4096)?;
    /// assert_eq!(Position::new(4096 + 16, Width::Bits64).offset(capacity).get(), 16);
    /// # Ok::<(), CapacityError>(())
    /// ```
    #[inline]
    #[must_use]
    pub const fn offset(self, capacity: Capacity) -> Offset {
        Offset(self.0 & capacity.offset_mask())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A place in the data area, in bytes from its start. It is below the capacity and
/// a multiple of 8, so a header never crosses the end.
///
/// Only [`Position::offset`] creates an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Offset(u64);

impl Offset {
    /// Returns the bytes from the start of the data area.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the bytes from the start of the data area, for pointer arithmetic.
    #[inline]
    #[expect(clippy::as_conversions, reason = "an offset is below 2^31: it fits every usize")]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The size of the data area in bytes (`max_entries` of the map). It is a power of
/// two, a multiple of the page size, and at most 2 GiB.
///
/// ```
/// use ringbuf_core::{Capacity, CapacityError};
/// assert_eq!(Capacity::new(65536, 4096)?.bytes(), 65536);
/// assert_eq!(Capacity::new(12288, 4096), Err(CapacityError::NotPowerOfTwo { bytes: 12288 }));
/// # Ok::<(), CapacityError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capacity(u32);

impl Capacity {
    /// The largest capacity of any kernel. It is the largest power of two that the
    /// 32-bit `max_entries` can hold.
    pub const MAX: u64 = 1 << 31;

    /// Returns a capacity of `bytes`, for pages of `page_size` bytes.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// assert_eq!(Capacity::new(8192, 4096)?.bytes(), 8192);
    /// assert!(matches!(Capacity::new(12_288, 4096), Err(CapacityError::NotPowerOfTwo { .. })));
    /// # Ok::<(), CapacityError>(())
    /// ```
    ///
    /// # Errors
    /// Rejects the sizes for which the kernel returns `EINVAL`
    /// (`ringbuf_map_alloc`, kernel/bpf/ringbuf.c, 5.8 to 7.3): zero, not a power
    /// of two, or not a multiple of the page size. Also rejects a size that
    /// `max_entries` cannot hold.
    pub const fn new(bytes: u64, page_size: u64) -> Result<Self, CapacityError> {
        if !page_size.is_power_of_two() || page_size < 8 {
            return Err(CapacityError::PageSize { page_size });
        }
        if bytes == 0 {
            return Err(CapacityError::Zero);
        }
        if bytes > Self::MAX {
            return Err(CapacityError::TooLarge { bytes });
        }
        if bytes < page_size {
            return Err(CapacityError::BelowPage { bytes, page_size });
        }
        if !bytes.is_power_of_two() {
            return Err(CapacityError::NotPowerOfTwo { bytes });
        }
        #[expect(clippy::as_conversions, reason = "at most 2^31, checked above")]
        Ok(Self(bytes as u32))
    }

    /// The smallest capacity that holds `bytes`, where pages have `page_size`
    /// bytes: `bytes` rounded up to a power of two, one page at least.
    ///
    /// ```
    /// use ringbuf_core::Capacity;
    /// assert_eq!(Capacity::at_least(100_000, 4096)?.bytes(), 131_072);
    /// assert_eq!(Capacity::at_least(100, 65_536)?.bytes(), 65_536);
    /// # Ok::<(), ringbuf_core::CapacityError>(())
    /// ```
    ///
    /// # Errors
    /// [`CapacityError::TooLarge`] above [`MAX`](Self::MAX), and
    /// [`CapacityError::PageSize`].
    pub const fn at_least(bytes: u64, page_size: u64) -> Result<Self, CapacityError> {
        if bytes > Self::MAX || !page_size.is_power_of_two() {
            return Self::new(bytes, page_size); // an error in either case
        }
        let bytes = if bytes < page_size { page_size } else { bytes };
        Self::new(bytes.next_power_of_two(), page_size)
    }

    /// Returns the size of the data area in bytes.
    #[inline]
    #[expect(clippy::as_conversions, reason = "u64::from is not const; a widening")]
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0 as u64
    }

    /// The bits of a position that form its offset. They are below the capacity,
    /// without the lowest three, which are zero in the position of every record.
    #[inline]
    const fn offset_mask(self) -> u64 {
        self.bytes() - 8
    }
}

impl fmt::Display for Capacity {
    /// Prints the capacity in the largest unit that divides it: `64 KiB`, `2 GiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        match bytes.trailing_zeros() {
            30.. => write!(f, "{} GiB", bytes >> 30),
            20.. => write!(f, "{} MiB", bytes >> 20),
            10.. => write!(f, "{} KiB", bytes >> 10),
            _ => write!(f, "{bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn distance_wraps_at_the_width() {
        for (width, top) in [(Width::Bits32, u64::from(u32::MAX)), (Width::Bits64, u64::MAX)] {
            let before = Position::new(top - 7, width);
            let after = before.advance(24, width);
            assert_eq!(after.get(), 16);
            assert_eq!(after.distance(before, width), 24);
            assert_eq!(before.distance(after, width), top - 23);
        }
    }

    #[test]
    fn an_offset_is_masked_and_aligned_for_every_position() {
        let capacity = Capacity::new(4096, 4096).unwrap();
        for value in [0, 1, 7, 8, 4095, 4096, 4097, u64::MAX] {
            let offset = Position::new(value, Width::Bits64).offset(capacity).get();
            assert!(offset < 4096 && offset % 8 == 0, "{value} -> {offset}");
        }
        assert_eq!(Position::new(8192 + 24, Width::Bits64).offset(capacity).get(), 24);
    }

    #[test]
    fn capacities_are_printed_in_their_unit() {
        let print = |bytes| std::format!("{}", Capacity::new(bytes, 8).unwrap());
        let printed =
            [512, 4096, 1 << 20, 96 << 24, 1 << 31].map(|bytes: u64| bytes.next_power_of_two());
        assert_eq!(printed.map(print), ["512 bytes", "4 KiB", "1 MiB", "2 GiB", "2 GiB"]);
        assert_eq!(std::format!("{}", Position::new(4096, Width::Bits64)), "0x1000");
    }

    /// The size in the text of each refusal is one that works, at any page size.
    #[test]
    fn the_size_that_an_error_suggests_works() {
        for page in [4096, 16 << 10, 64 << 10] {
            for bytes in [1, 100, 4095, 4097, 12288, page + 8, 3 * page, (1 << 31) - 1] {
                let Err(error) = Capacity::new(bytes, page) else { continue };
                let text = std::format!("{error}");
                let last = text.rsplit(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty());
                let hint = last.unwrap().parse().unwrap();
                let works = Capacity::new(hint, page);
                assert!(works.is_ok(), "{bytes} bytes, pages of {page}: {text}");
                assert_eq!(works, Capacity::at_least(bytes, page), "{text}");
            }
        }
    }

    #[test]
    fn the_smallest_capacity_that_is_large_enough() {
        let at_least = |bytes| Capacity::at_least(bytes, 4096).map(Capacity::bytes);
        for (bytes, want) in [(0, 4096), (4096, 4096), (4097, 8192), (1 << 31, 1 << 31)] {
            assert_eq!(at_least(bytes), Ok(want));
        }
        for bytes in [(1 << 31) + 1, u64::MAX] {
            assert_eq!(at_least(bytes), Err(CapacityError::TooLarge { bytes }));
        }
        for page_size in [0, 4, 6, 12288, u64::MAX] {
            assert_eq!(
                Capacity::at_least(1, page_size),
                Err(CapacityError::PageSize { page_size })
            );
        }
    }

    #[test]
    fn capacity_errors_name_the_problem() {
        use CapacityError::*;
        assert_eq!(Capacity::new(0, 4096), Err(Zero));
        assert_eq!(Capacity::new(4095, 4096), Err(BelowPage { bytes: 4095, page_size: 4096 }));
        assert_eq!(Capacity::new(4097, 4096), Err(NotPowerOfTwo { bytes: 4097 }));
        assert_eq!(Capacity::new(2048, 4096), Err(BelowPage { bytes: 2048, page_size: 4096 }));
        assert_eq!(Capacity::new(1 << 32, 4096), Err(TooLarge { bytes: 1 << 32 }));
        assert_eq!(Capacity::new(4096, 0), Err(PageSize { page_size: 0 }));
        assert_eq!(Capacity::new(1 << 31, 4096).unwrap().bytes(), 1 << 31);
    }
}
