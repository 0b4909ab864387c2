//! The backings over mapped memory. They contain every raw pointer of the protocol.
//!
//! The kernel's map and the simulator's memfd have the same pages, so both use
//! these backings. `K` keeps the mapping alive.

mod inspect;
mod overwrite;
mod pages;

use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU32, Ordering, fence};
use core::time::Duration;

pub use self::inspect::{DataWindow, MappedInspector};
pub use self::pages::DataStart;
use self::pages::{Pages, acquired};

use crate::{
    AlignedBytes, Capacity, ConsumerMemory, Header, Offset, PageOffset, Position, ProducerMemory,
    RingMemory, SampleLen, WaitHost, WakeCause, Wakes, Width,
};

/// A consumer's view of mapped memory. The consumer page is writable, the rest
/// read-only.
#[derive(Debug)]
pub struct MappedConsumer<K> {
    pages: Pages,
    keep: K,
}

/// A producer's view of mapped memory. The producer page and the data are writable,
/// the consumer page read-only.
#[derive(Debug)]
pub struct MappedProducer<K> {
    pages: Pages,
    keep: K,
}

/// The view of a reader of a ring in overwrite mode. The consumer page is writable, the
/// rest read-only. It copies samples, because producers may write over them.
#[derive(Debug)]
pub struct MappedOverwrite<K> {
    pages: Pages,
    keep: K,
}

macro_rules! new_view {
    ($view:ident, $writable:literal) => {
        impl<K> $view<K> {
            /// Creates a view of three places in mapped memory. `keep` keeps the
            /// mappings alive.
            ///
            /// # Safety
            /// M1 to M6 of [`RingMemory`] hold. Both positions are the first word
            /// of their page. The mirror of `data` follows it, so `2 * capacity`
            /// bytes are mapped there. All of it lives as long as `keep`. This part
            /// is mapped writable:
            #[doc = $writable]
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
                    data: DataStart::new(data),
                    capacity,
                    width,
                };
                Self { pages, keep }
            }

            /// Returns the value that keeps the mappings alive.
            pub fn keep(&self) -> &K {
                &self.keep
            }
        }

        // SAFETY: M1 to M5 hold by the contract of `new`. M6: nothing changes these
        // plain fields.
        unsafe impl<K> RingMemory for $view<K> {
            #[inline]
            fn capacity(&self) -> Capacity {
                self.pages.capacity
            }

            #[inline]
            fn width(&self) -> Width {
                self.pages.width
            }
        }

        impl<K: WaitHost> WaitHost for $view<K> {
            type Error = K::Error;

            fn now(&self) -> Duration {
                self.keep.now()
            }

            fn pause(&self, time: Duration) {
                self.keep.pause(time);
            }

            fn nap(&self, time: Duration) -> Result<WakeCause, K::Error> {
                self.keep.nap(time)
            }

            fn take_wakes(&self) -> Wakes {
                self.keep.take_wakes()
            }

            fn deadline(&self) -> Duration {
                self.keep.deadline()
            }

            fn block(&self, time: Duration) -> Result<WakeCause, K::Error> {
                self.keep.block(time)
            }
        }
    };
}
new_view!(MappedConsumer, "the consumer page");
new_view!(MappedProducer, "the producer page and the data");
new_view!(
    MappedOverwrite,
    "the consumer page. M9 of [`OverwriteMemory`](crate::OverwriteMemory) holds, too."
);

// SAFETY: M1 to M5 hold by the contract of `MappedConsumer::new`. Each method of
// `Pages` makes the one access that it names, with the ordering given (M3).
unsafe impl<K> ConsumerMemory for MappedConsumer<K> {
    type Sample<'a>
        = AlignedBytes<'a>
    where
        Self: 'a;

    type Data = DataStart;

    #[inline]
    fn data(&self) -> DataStart {
        self.pages.data
    }

    fn initial_consumer_pos(&self) -> Position {
        self.pages.load_own(self.pages.consumer_pos)
    }

    #[inline]
    fn stored_consumer_pos(&self) -> Position {
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
    unsafe fn load_header(&self, data: DataStart, at: Offset, order: Ordering) -> Header {
        // SAFETY: M2: the caller guarantees that the data belong to this memory.
        let word = unsafe { data.word(at) };
        Header::from_bits(acquired(word.load(Ordering::Relaxed), order))
    }

    #[inline]
    unsafe fn sample(&self, data: DataStart, at: Offset, len: SampleLen) -> AlignedBytes<'_> {
        // SAFETY: M2: the caller guarantees that the data belong to this memory.
        let start = unsafe { data.sample_ptr(at) };
        // SAFETY: M1 and M2 make the bytes readable and contiguous. The caller
        // guarantees that the record is committed and not released, so nobody
        // writes the bytes (M5).
        AlignedBytes::new(unsafe { slice::from_raw_parts(start, len.index()) })
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

    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header {
        Header::from_bits(self.pages.word(at).load(order))
    }

    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering) {
        self.pages.word(at).store(header.to_bits(), order);
    }

    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> &mut [u8] {
        let start = self.pages.sample_ptr(at);
        // SAFETY: M1 and M2 make the bytes writable and contiguous. The caller
        // guarantees that it owns the record, has not committed it, and lends the
        // sample once.
        unsafe { slice::from_raw_parts_mut(start, len.index()) }
    }
}

impl<K> MappedConsumer<K> {
    /// Returns the low word of the pending position. The kernel keeps there the
    /// position of its oldest uncommitted record. The pending position is the
    /// second word of the producer page on kernels that have it (6.10 and stable
    /// backports). On other kernels this word is 0.
    pub fn pending_pos_low(&self) -> u32 {
        // SAFETY: the producer page is a whole page, mapped readable (M1).
        let word = unsafe { self.pages.producer_pos.byte_add(self.pages.second_position()) };
        match self.pages.width {
            // SAFETY: M1; 4-aligned: the second word of a page.
            Width::Bits32 => unsafe { word.cast::<AtomicU32>().as_ref() }.load(Ordering::Relaxed),
            Width::Bits64 => pages::low_word(word).load(Ordering::Relaxed),
        }
    }
}

impl<K> MappedProducer<K> {
    /// Returns the address of the first byte of the data. Nothing is read.
    pub fn data_address(&self) -> *mut u8 {
        self.pages.data.address_mut()
    }

    /// Returns the length word at `at`, for a simulated kernel. It reads the
    /// headers of other records (`pending_pos`) and exchanges its own.
    ///
    /// # Safety
    /// `at` is an offset of this ring, made with its capacity. No sample that
    /// covers this word is lent while the reference lives.
    pub unsafe fn header_word(&self, at: Offset) -> &AtomicU32 {
        self.pages.word(at)
    }

    /// Stores a position into the second word of the producer page. Kernels with
    /// `pending_pos` keep it there (6.10 and stable backports).
    pub fn store_pending_pos(&self, position: Position, order: Ordering) {
        self.store_in_producer_page(1, position, order);
    }

    /// Stores a position into the third word of the producer page. Kernels with overwrite
    /// mode keep the overwrite position there (6.19).
    pub fn store_overwrite_pos(&self, position: Position, order: Ordering) {
        self.store_in_producer_page(2, position, order);
    }

    fn store_in_producer_page(&self, index: usize, position: Position, order: Ordering) {
        let at = index * self.pages.second_position();
        // SAFETY: the producer page is a whole page, mapped writable (M1).
        let word = unsafe { self.pages.producer_pos.byte_add(at) };
        self.pages.store_position(word, position, order);
    }
}

#[cfg(test)]
mod tests;
