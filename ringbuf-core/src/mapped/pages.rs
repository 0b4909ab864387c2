//! Pointers into mapped pages, and the accesses through them.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::{Capacity, Offset, Position, Width};

/// The addresses of the words and the data.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) consumer_pos: NonNull<u64>,
    pub(super) producer_pos: NonNull<u64>,
    pub(super) data: DataStart,
    pub(super) capacity: Capacity,
    pub(super) width: Width,
}

// SAFETY: the pointers point to shared memory. Any thread may access it, with
// atomic operations or under the contracts of the role traits. Nothing here is
// bound to a thread.
unsafe impl Send for Pages {}

// SAFETY: as above; the safe methods are single atomic operations.
unsafe impl Sync for Pages {}

impl Pages {
    /// Loads the position of the own role. Its page is writable, so an atomic load
    /// of any width is allowed.
    #[inline]
    pub(super) fn load_own(&self, word: NonNull<u64>) -> Position {
        let value = match self.position_word(word) {
            PositionWord::Bits64(word) => word.load(Ordering::Relaxed),
            PositionWord::Bits32(word) => u64::from(word.load(Ordering::Relaxed)),
        };
        Position::new(value, self.width)
    }

    /// Loads the position of the other role. Its page is mapped read-only, and
    /// there Rust promises atomic loads only of the process's word width. So a
    /// 32-bit process on a 64-bit kernel loads the low word. It takes the high word
    /// from its own position, which is at most one ring away.
    #[inline]
    pub(super) fn load_foreign(
        &self,
        word: NonNull<u64>,
        own: NonNull<u64>,
        order: Ordering,
    ) -> Position {
        let value = match self.position_word(word) {
            PositionWord::Bits32(word) => u64::from(word.load(Ordering::Relaxed)),
            PositionWord::Bits64(word) if WIDE => word.load(Ordering::Relaxed),
            PositionWord::Bits64(_) => {
                near(self.load_own(own).get(), low_word(word).load(Ordering::Relaxed))
            }
        };
        Position::new(acquired(value, order), self.width)
    }

    /// Loads a position of which no page is writable here, and none is known to be near. A
    /// 32-bit process on a 64-bit kernel loads both halves, and the high one again: positions
    /// only grow, so the low half belongs to the high one if that has not changed. It tries
    /// this 16 times. Only somebody who moves a position by 4 GiB each time defeats that.
    pub(super) fn load_read_only(&self, word: NonNull<u64>, order: Ordering) -> Position {
        let value = match self.position_word(word) {
            PositionWord::Bits32(word) => u64::from(word.load(Ordering::Relaxed)),
            PositionWord::Bits64(word) if WIDE => word.load(Ordering::Relaxed),
            PositionWord::Bits64(_) => joined(|half| match half {
                Half::Low => acquired(low_word(word).load(Ordering::Relaxed), Ordering::Acquire),
                Half::High => acquired(high_word(word).load(Ordering::Relaxed), Ordering::Acquire),
            }),
        };
        Position::new(acquired(value, order), self.width)
    }

    /// Stores a position with one store, even if the process is narrower than the
    /// kernel.
    #[inline]
    #[expect(clippy::as_conversions, reason = "a position of a 32-bit kernel has 32 bits")]
    pub(super) fn store_position(&self, word: NonNull<u64>, position: Position, order: Ordering) {
        match self.position_word(word) {
            PositionWord::Bits64(word) => word.store(position.get(), order),
            PositionWord::Bits32(word) => word.store(position.get() as u32, order),
        }
    }

    /// Returns the word in the kernel's width. A wider load would read the next
    /// word, too.
    #[inline]
    pub(super) fn position_word(&self, word: NonNull<u64>) -> PositionWord<'_> {
        match self.width {
            // SAFETY: M1; aligned: the first or second word of a page.
            Width::Bits64 => PositionWord::Bits64(unsafe { word.cast().as_ref() }),
            // SAFETY: as above.
            Width::Bits32 => PositionWord::Bits32(unsafe { word.cast().as_ref() }),
        }
    }

    /// Returns the offset of the second position of a page, in bytes.
    pub(super) fn second_position(&self) -> usize {
        match self.width {
            Width::Bits32 => 4,
            Width::Bits64 => 8,
        }
    }

    /// Returns the length word of the header at `at`.
    #[inline]
    pub(super) fn word(&self, at: Offset) -> &AtomicU32 {
        // SAFETY: M2 of these pages, by the contract of the view's `new`.
        unsafe { self.data.word(at) }
    }

    /// Returns the page-offset word of the header at `at`.
    #[inline]
    pub(super) fn second_word(&self, at: Offset) -> &AtomicU32 {
        // SAFETY: a header has 8 bytes and never crosses the end.
        let word = unsafe { self.data.0.add(at.index() + 4) };
        // SAFETY: M1; 4-aligned, since the header is 8-aligned.
        unsafe { word.cast().as_ref() }
    }

    /// Returns the first byte after the header at `at`.
    #[inline]
    pub(super) fn sample_ptr(&self, at: Offset) -> *mut u8 {
        // SAFETY: M2 of these pages, by the contract of the view's `new`.
        unsafe { self.data.sample_ptr(at) }
    }
}

/// The start of the data area in mapped memory.
#[derive(Clone, Copy, Debug)]
pub struct DataStart(NonNull<u8>);

// SAFETY: an address. Its users follow the contracts of the role traits.
unsafe impl Send for DataStart {}
// SAFETY: as above.
unsafe impl Sync for DataStart {}

impl DataStart {
    pub(super) fn new(data: NonNull<u8>) -> Self {
        Self(data)
    }

    /// Returns the address of the header at `at`, for a
    /// [hint to the processor](crate::ConsumerMemory::prefetch). Nothing is read.
    #[inline(always)]
    #[must_use]
    pub fn address(self, at: Offset) -> *const u8 {
        self.0.as_ptr().wrapping_add(at.index())
    }

    /// The address of the first byte.
    pub(super) fn address_mut(self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// Returns the address that is `bytes` further on.
    ///
    /// # Safety
    /// It is not beyond what is mapped there.
    pub(super) unsafe fn at(self, bytes: usize) -> NonNull<u8> {
        // SAFETY: the caller guarantees it.
        unsafe { self.0.add(bytes) }
    }

    /// Returns the length word of the header at `at`.
    ///
    /// # Safety
    /// M1 and M2 hold for the data here while the word is in use, with the capacity
    /// that made `at`.
    #[inline]
    pub(super) unsafe fn word<'a>(self, at: Offset) -> &'a AtomicU32 {
        // SAFETY: an offset is below the capacity, so in bounds (M2).
        let word = unsafe { self.0.add(at.index()) };
        // SAFETY: M1; 8-aligned, as data (M2) and offset are.
        unsafe { word.cast().as_ref() }
    }

    /// Returns the first byte after the header at `at`.
    ///
    /// # Safety
    /// The conditions of [`word`](Self::word) hold.
    #[inline]
    pub(super) unsafe fn sample_ptr(self, at: Offset) -> *mut u8 {
        // SAFETY: at most the capacity, so inside the two copies (M2).
        unsafe { self.0.add(at.index() + 8) }.as_ptr()
    }
}

/// True if this process may load 64 bits with one load from read-only memory.
pub(super) const WIDE: bool = usize::BITS >= 64;

/// Returns the low half of a 64-bit position.
pub(super) fn low_word<'a>(word: NonNull<u64>) -> &'a AtomicU32 {
    let [low, _] = halves(word);
    low
}

/// Returns the low and the high half of a 64-bit position.
pub(super) fn halves<'a>(word: NonNull<u64>) -> [&'a AtomicU32; 2] {
    let order = if u32::from_be(1) == 1 { [4, 0] } else { [0, 4] };
    order.map(|half| {
        // SAFETY: a position has eight bytes, so its halves are inside (M1).
        let half = unsafe { word.byte_add(half) };
        // SAFETY: M1; 4-aligned, as half of an 8-aligned word.
        unsafe { half.cast().as_ref() }
    })
}

/// Returns the high half of a 64-bit position.
fn high_word<'a>(word: NonNull<u64>) -> &'a AtomicU32 {
    let half = if u32::from_be(1) == 1 { 0 } else { 4 };
    // SAFETY: a position has eight bytes, so its high half is inside (M1).
    let high = unsafe { word.byte_add(half) };
    // SAFETY: M1; 4-aligned, as half of an 8-aligned word.
    unsafe { high.cast().as_ref() }
}

/// A half of a 64-bit position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Low,
    High,
}

/// Returns a position that is loaded in halves, in order.
pub(super) fn joined(load: impl Fn(Half) -> u32) -> u64 {
    let mut high = load(Half::High);
    for _ in 0..16 {
        let low = load(Half::Low);
        let again = load(Half::High);
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
        high = again;
    }
    u64::from(high) << 32
}

/// Returns the position nearest to `own` that has this low word. It is the right
/// one: this function runs only in 32-bit processes. Their address space has to
/// hold two copies of the ring, so the ring is much smaller than 2^31 bytes.
#[expect(clippy::as_conversions, reason = "the low word is what is compared")]
pub(super) fn near(own: u64, low: u32) -> u64 {
    let ahead = low.wrapping_sub(own as u32) as i32;
    own.wrapping_add_signed(ahead.into())
}

/// A position in shared memory, in the kernel's width.
pub(super) enum PositionWord<'a> {
    Bits32(&'a AtomicU32),
    Bits64(&'a AtomicU64),
}

/// Gives a relaxed load the requested ordering. On memory mapped read-only Rust
/// promises only `Relaxed` loads, and says to add a fence (std 1.95,
/// `core::sync::atomic`, "Atomic accesses to read-only memory"). On x86-64 the
/// fence costs no instruction.
#[inline]
pub(super) fn acquired<T>(value: T, order: Ordering) -> T {
    if !matches!(order, Ordering::Relaxed) {
        fence(order);
    }
    value
}
