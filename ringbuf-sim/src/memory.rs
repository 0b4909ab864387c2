//! The memory trait of the kernel's side, beyond that of any producer.

use std::sync::atomic::Ordering;

use ringbuf_core::{Header, MappedProducer, Offset, Position, ProducerMemory};

/// The kernel's view of a ring.
///
/// # Safety
/// M1 to M5 of [`ConsumerMemory`](ringbuf_core::ConsumerMemory).
pub unsafe trait KernelMemory: ProducerMemory {
    /// Returns the bytes of a page, for the page offset in each header.
    fn page_size(&self) -> u64;

    /// Stores `pending_pos`, which shares the producer page.
    fn store_pending_pos(&self, position: Position, order: Ordering);

    /// Stores `overwrite_pos`, which shares the producer page. Only kernels with overwrite
    /// mode (6.19) call it.
    fn store_overwrite_pos(&self, position: Position, order: Ordering);

    /// Exchanges the length word at `at`. This commits the record.
    ///
    /// # Safety
    /// The caller has reserved the record at `at` and not yet committed it.
    unsafe fn swap_header(&self, at: Offset, header: Header, order: Ordering);

    /// Makes a memory fence.
    fn fence(&self, order: Ordering);
}

/// A value that keeps a mapping alive and knows its page size.
pub trait Keep {
    /// Returns the bytes of a page.
    fn page_size(&self) -> u64;
}

// SAFETY: M1 to M5 hold by the contract of `MappedProducer::new`. Each method makes
// the one access that it names.
unsafe impl<K: Keep> KernelMemory for MappedProducer<K> {
    fn page_size(&self) -> u64 {
        self.keep().page_size()
    }

    fn store_pending_pos(&self, position: Position, order: Ordering) {
        MappedProducer::store_pending_pos(self, position, order);
    }

    fn store_overwrite_pos(&self, position: Position, order: Ordering) {
        MappedProducer::store_overwrite_pos(self, position, order);
    }

    unsafe fn swap_header(&self, at: Offset, header: Header, order: Ordering) {
        // SAFETY: as above; the record belongs to the caller.
        unsafe { self.header_word(at) }.swap(header.to_bits(), order);
    }

    fn fence(&self, order: Ordering) {
        std::sync::atomic::fence(order);
    }
}
