//! The backings over mapped memory: every raw pointer of the protocol.
//!
//! The kernel's map and the simulator's memfd have the same pages, so both use
//! these: one set of forwarders to trust and to test. `K` is whatever keeps the
//! mapping alive.

use core::ops::Deref;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::{
    Capacity, ConsumerMemory, Header, Offset, PageOffset, Position, ProducerMemory, SampleLen,
    Width,
};

/// A consumer's view of mapped memory: consumer page writable, the rest
/// read-only.
#[derive(Debug)]
pub struct MappedConsumer<K> {
    pages: Pages,
    keep: K,
}

/// A producer's view of mapped memory: producer page and data writable, the
/// consumer page read-only.
#[derive(Debug)]
pub struct MappedProducer<K> {
    pages: Pages,
    keep: K,
}

macro_rules! new_view {
    ($view:ident, $writable:literal) => {
        impl<K> $view<K> {
            /// A view of three places in mapped memory; `keep` keeps the
            /// mappings alive.
            ///
            /// # Safety
            /// M1 to M5 of [`ConsumerMemory`]: both positions are the first
            /// word of their page; `data` is followed by its mirror, so
            /// `2 * capacity` bytes are mapped there;
            #[doc = $writable]
            /// is mapped writable; all of it lives as long as `keep`.
            pub unsafe fn new(
                consumer_page: NonNull<u8>,
                producer_page: NonNull<u8>,
                data: NonNull<u8>,
                capacity: Capacity,
                width: Width,
                keep: K,
            ) -> Self {
                let pages = Pages {
                    consumer_pos: consumer_page.cast(),
                    producer_pos: producer_page.cast(),
                    data,
                    capacity,
                    width,
                };
                Self { pages, keep }
            }

            /// What keeps the mappings alive.
            pub fn keep(&self) -> &K {
                &self.keep
            }
        }
    };
}
new_view!(MappedConsumer, "the consumer page");
new_view!(MappedProducer, "the producer page and the data");

// SAFETY: M1 to M5 hold by the contract of `MappedConsumer::new`; the methods
// of `Pages` do one access each, as named, with the ordering given (M3).
unsafe impl<K> ConsumerMemory for MappedConsumer<K> {
    type Sample<'a>
        = AlignedBytes<'a>
    where
        Self: 'a;

    #[inline]
    fn capacity(&self) -> Capacity {
        self.pages.capacity
    }

    #[inline]
    fn width(&self) -> Width {
        self.pages.width
    }

    fn initial_consumer_pos(&self) -> Position {
        self.pages.load_own(self.pages.consumer_pos)
    }

    #[inline]
    fn load_producer_pos(&self, order: Ordering) -> Position {
        let Pages { consumer_pos, producer_pos, .. } = self.pages;
        self.pages.load_foreign(producer_pos, consumer_pos, order)
    }

    #[inline]
    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering) {
        self.pages.store_position(self.pages.consumer_pos, position, order);
    }

    #[inline]
    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        Header::from_bits(acquired(self.pages.word(at).load(Ordering::Relaxed), order))
    }

    #[inline]
    unsafe fn sample(&self, at: Offset, len: SampleLen) -> AlignedBytes<'_> {
        let start = self.pages.sample_ptr(at);
        // SAFETY: M1 and M2 make the bytes readable and contiguous; the caller
        // vouches that the record is committed and unreleased, so nobody
        // writes them meanwhile (M5).
        AlignedBytes(unsafe { slice::from_raw_parts(start, len.index()) })
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

// SAFETY: as for the consumer, with the contract of `MappedProducer::new`.
unsafe impl<K> ProducerMemory for MappedProducer<K> {
    type SampleMut<'a>
        = &'a mut [u8]
    where
        Self: 'a;

    fn capacity(&self) -> Capacity {
        self.pages.capacity
    }

    fn width(&self) -> Width {
        self.pages.width
    }

    fn initial_producer_pos(&self) -> Position {
        self.pages.load_own(self.pages.producer_pos)
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        let Pages { consumer_pos, producer_pos, .. } = self.pages;
        self.pages.load_foreign(consumer_pos, producer_pos, order)
    }

    unsafe fn store_producer_pos(&self, position: Position, order: Ordering) {
        self.pages.store_position(self.pages.producer_pos, position, order);
    }

    unsafe fn write_header(&self, at: Offset, header: Header, page: PageOffset) {
        self.pages.word(at).store(header.to_bits(), Ordering::Relaxed);
        self.pages.second_word(at).store(page.to_bits(), Ordering::Relaxed);
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        self.pages.word(at).store(header.to_bits(), order);
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> &mut [u8] {
        let start = self.pages.sample_ptr(at);
        // SAFETY: M1 and M2 make the bytes writable and contiguous; the caller
        // vouches that the record is its own, uncommitted, and lent once.
        unsafe { slice::from_raw_parts_mut(start, len.index()) }
    }
}

impl<K> MappedConsumer<K> {
    /// The low word of the pending position: where, in the kernel's view, the
    /// oldest record that is not committed begins. It is the second word of the
    /// producer page on kernels that keep one (6.10 and stable backports), and
    /// 0 on others.
    pub fn pending_pos_low(&self) -> u32 {
        // SAFETY: the producer page is a whole page, mapped readable (M1).
        let word = unsafe { self.pages.producer_pos.byte_add(self.pages.second_position()) };
        match self.pages.width {
            // SAFETY: M1; 4-aligned: the second word of a page.
            Width::Bits32 => unsafe { word.cast::<AtomicU32>().as_ref() }.load(Ordering::Relaxed),
            Width::Bits64 => low_word(word).load(Ordering::Relaxed),
        }
    }
}

impl<K> MappedProducer<K> {
    /// The length word at `at`, for those who play the kernel: it reads the
    /// headers of others (`pending_pos`) and exchanges its own.
    ///
    /// # Safety
    /// `at` is an offset of this ring (made with its capacity), and no sample
    /// that covers the place is lent out while the reference lives.
    pub unsafe fn header_word(&self, at: Offset) -> &AtomicU32 {
        self.pages.word(at)
    }

    /// Stores a position into the second word of the producer page, where
    /// kernels with `pending_pos` keep it (6.10 and stable backports).
    pub fn store_pending_pos(&self, position: Position, order: Ordering) {
        // SAFETY: the producer page is a whole page, mapped writable (M1).
        let word = unsafe { self.pages.producer_pos.byte_add(self.pages.second_position()) };
        self.pages.store_position(word, position, order);
    }
}

/// The bytes of a sample: a `[u8]` that begins on a multiple of 8, always.
///
/// So a view as any type of alignment 8 or less needs no copy, for example by
/// `zerocopy` or `bytemuck`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct AlignedBytes<'a>(&'a [u8]);

impl<'a> AlignedBytes<'a> {
    /// The bytes as aligned words in native byte order, and the up to seven
    /// bytes that do not fill another word.
    pub fn words(self) -> (&'a [u64], &'a [u8]) {
        // SAFETY: every bit pattern is a `u64`, and the slice is as live and
        // as immutable as the bytes that it views.
        let (unaligned, words, rest) = unsafe { self.0.align_to() };
        debug_assert!(unaligned.is_empty());
        (words, rest)
    }

    /// The bytes, for as long as the batch lives.
    #[inline]
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

/// Where the words and the data are.
#[derive(Debug)]
struct Pages {
    consumer_pos: NonNull<u64>,
    producer_pos: NonNull<u64>,
    data: NonNull<u8>,
    capacity: Capacity,
    width: Width,
}

// SAFETY: the pointers are to shared memory that any thread may access, by
// atomic operations or under the contracts of the role traits; nothing in here
// is bound to a thread.
unsafe impl Send for Pages {}

// SAFETY: as above: the safe methods are single atomic operations.
unsafe impl Sync for Pages {}

impl Pages {
    /// Loads this side's own position: that page is writable, so an atomic load
    /// of any width is allowed.
    #[inline]
    fn load_own(&self, word: NonNull<u64>) -> Position {
        let value = match self.position_word(word) {
            PositionWord::Bits64(word) => word.load(Ordering::Relaxed),
            PositionWord::Bits32(word) => u64::from(word.load(Ordering::Relaxed)),
        };
        Position::new(value, self.width)
    }

    /// Loads the other side's position, whose page is mapped read-only: there
    /// Rust promises atomic loads of the process's own word width only. So a
    /// 32-bit process on a 64-bit kernel loads the low word, and takes the rest
    /// from its own position, which is at most one ring away.
    #[inline]
    fn load_foreign(&self, word: NonNull<u64>, own: NonNull<u64>, order: Ordering) -> Position {
        let value = match self.position_word(word) {
            PositionWord::Bits32(word) => u64::from(word.load(Ordering::Relaxed)),
            PositionWord::Bits64(word) if WIDE => word.load(Ordering::Relaxed),
            PositionWord::Bits64(_) => {
                near(self.load_own(own).get(), low_word(word).load(Ordering::Relaxed))
            }
        };
        Position::new(acquired(value, order), self.width)
    }

    /// Stores a position, in one piece also where a process is narrower than
    /// its kernel.
    #[inline]
    #[expect(clippy::as_conversions, reason = "a position of a 32-bit kernel has 32 bits")]
    fn store_position(&self, word: NonNull<u64>, position: Position, order: Ordering) {
        match self.position_word(word) {
            PositionWord::Bits64(word) => word.store(position.get(), order),
            PositionWord::Bits32(word) => word.store(position.get() as u32, order),
        }
    }

    /// The word as wide as the kernel's: a wider load would read its neighbour.
    #[inline]
    fn position_word(&self, word: NonNull<u64>) -> PositionWord<'_> {
        match self.width {
            // SAFETY: M1; aligned: the first or second word of a page.
            Width::Bits64 => PositionWord::Bits64(unsafe { word.cast().as_ref() }),
            // SAFETY: as above.
            Width::Bits32 => PositionWord::Bits32(unsafe { word.cast().as_ref() }),
        }
    }

    /// Where the second position of a page is, in bytes.
    fn second_position(&self) -> usize {
        match self.width {
            Width::Bits32 => 4,
            Width::Bits64 => 8,
        }
    }

    /// The length word of the header at `at`.
    #[inline]
    fn word(&self, at: Offset) -> &AtomicU32 {
        // SAFETY: an offset is below the capacity, so in bounds (M2).
        let word = unsafe { self.data.add(at.index()) };
        // SAFETY: M1; 8-aligned, as data (M2) and offset are.
        unsafe { word.cast().as_ref() }
    }

    /// The page-offset word of the header at `at`.
    #[inline]
    fn second_word(&self, at: Offset) -> &AtomicU32 {
        // SAFETY: a header has 8 bytes and never straddles the end.
        let word = unsafe { self.data.add(at.index() + 4) };
        // SAFETY: M1; 4-aligned, since the header is 8-aligned.
        unsafe { word.cast().as_ref() }
    }

    /// The first byte behind the header at `at`.
    #[inline]
    fn sample_ptr(&self, at: Offset) -> *mut u8 {
        // SAFETY: at most the capacity, so inside the two copies (M2).
        unsafe { self.data.add(at.index() + 8) }.as_ptr()
    }
}

/// Whether this process may load 64 bits in one piece wherever it may read.
const WIDE: bool = usize::BITS >= 64;

/// The low half of a 64-bit position.
fn low_word<'a>(word: NonNull<u64>) -> &'a AtomicU32 {
    let half = if u32::from_be(1) == 1 { 4 } else { 0 };
    // SAFETY: a position has eight bytes, so its low half is inside (M1).
    let low = unsafe { word.byte_add(half) };
    // SAFETY: M1; 4-aligned, as half of an 8-aligned word.
    unsafe { low.cast().as_ref() }
}

/// The position with this low word that is nearest to `own`. Rings are so much
/// smaller than 2^31 bytes where this is needed, in a 32-bit address space that
/// has to hold two copies, that it is the right one.
#[expect(clippy::as_conversions, reason = "the low word is what is compared")]
fn near(own: u64, low: u32) -> u64 {
    let ahead = low.wrapping_sub(own as u32) as i32;
    own.wrapping_add_signed(ahead.into())
}

/// A position in shared memory, in the kernel's width.
enum PositionWord<'a> {
    Bits32(&'a AtomicU32),
    Bits64(&'a AtomicU64),
}

/// Gives a relaxed load the ordering asked for. Rust promises only `Relaxed`
/// loads on memory mapped read-only, and says to add a fence (std 1.95,
/// `core::sync::atomic`, "Atomic accesses to read-only memory"); on x86-64 it
/// costs no instruction.
#[inline]
fn acquired<T>(value: T, order: Ordering) -> T {
    if !matches!(order, Ordering::Relaxed) {
        fence(order);
    }
    value
}

#[cfg(test)]
mod tests;
