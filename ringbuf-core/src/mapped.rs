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
        self.pages.load_position(self.pages.consumer_pos, Ordering::Relaxed)
    }

    #[inline]
    fn load_producer_pos(&self, order: Ordering) -> Position {
        self.pages.load_position(self.pages.producer_pos, order)
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
        self.pages.load_position(self.pages.producer_pos, Ordering::Relaxed)
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        self.pages.load_position(self.pages.consumer_pos, order)
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
        let second = match self.pages.width {
            Width::Bits32 => 4,
            Width::Bits64 => 8,
        };
        // SAFETY: the producer page is a whole page, mapped writable (M1).
        let word = unsafe { self.pages.producer_pos.byte_add(second) };
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
    #[inline]
    fn load_position(&self, word: NonNull<u64>, order: Ordering) -> Position {
        let value = match self.position_word(word) {
            PositionWord::Bits64(word) => word.load(Ordering::Relaxed),
            PositionWord::Bits32(word) => u64::from(word.load(Ordering::Relaxed)),
        };
        Position::new(acquired(value, order), self.width)
    }

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
mod tests {
    use super::*;

    const CAPACITY: usize = 64;

    /// Both pages, and the data twice, in words that only one thread uses: the
    /// second copy is no mirror.
    type Memory = [u64; 4 + 2 * CAPACITY / 8];

    fn producer(memory: &mut Memory, width: Width) -> MappedProducer<()> {
        let start = NonNull::from(memory).cast::<u8>();
        // SAFETY: inside the memory, which has room for both pages and the data.
        let [producer, data] = [16, 32].map(|at| unsafe { start.byte_add(at) });
        let capacity = Capacity::new(64, 32).unwrap();
        // SAFETY: M1 and M2, but for the mirror; the memory outlives the view.
        unsafe { MappedProducer::new(start, producer, data, capacity, width, ()) }
    }

    /// Both halves of a word, in the order in which they lie in memory.
    fn halves(word: u64) -> [u32; 2] {
        let bytes = word.to_ne_bytes();
        [&bytes[..4], &bytes[4..]].map(|half| u32::from_ne_bytes(half.try_into().unwrap()))
    }

    #[test]
    fn each_store_goes_to_its_own_word() {
        for width in [Width::Bits64, Width::Bits32] {
            let mut memory: Memory = [0; 20];
            let view = producer(&mut memory, width);
            let position = |value| Position::new(value, width);
            // SAFETY: P1: nothing else uses this memory.
            unsafe { view.store_producer_pos(position(7), Ordering::Release) };
            view.store_pending_pos(position(9), Ordering::Release);
            assert_eq!(view.initial_producer_pos(), position(7));
            assert_eq!(view.load_consumer_pos(Ordering::Acquire), position(0));
            let at = position(24).offset(view.capacity());
            // SAFETY: P1 as above.
            unsafe { view.write_header(at, Header::from_bits(1), PageOffset::of(at, 32)) };
            // SAFETY: the only sample that is lent out.
            unsafe { view.sample_mut(at, SampleLen::new(8).unwrap()) }.fill(0xff);
            // SAFETY: no sample covers the header.
            let word = unsafe { view.header_word(at) }.load(Ordering::Relaxed);
            assert_eq!((word, view.capacity().bytes(), view.width()), (1, 64, width));
            match width {
                Width::Bits64 => assert_eq!(memory[2..4], [7, 9]),
                Width::Bits32 => assert_eq!((halves(memory[2]), memory[3]), ([7, 9], 0)),
            }
            assert_eq!((halves(memory[7]), memory[8]), ([1, 3], u64::MAX));
            for rest in [&memory[..2], &memory[4..7], &memory[9..]] {
                assert!(rest.iter().all(|word| *word == 0));
            }
        }
    }
}
