//! What the kernel's side asks of its memory, beyond what any producer does.

use std::sync::atomic::Ordering;

use ringbuf_core::{Header, MappedProducer, Offset, Position, ProducerMemory};

/// The kernel's view of a ring.
///
/// # Safety
/// M1 to M5 of [`ConsumerMemory`](ringbuf_core::ConsumerMemory).
pub unsafe trait KernelMemory: ProducerMemory {
    /// Bytes of a page, for the page offset in each header.
    fn page_size(&self) -> u64;

    /// Stores `pending_pos`, which shares the producer page.
    fn store_pending_pos(&self, position: Position, order: Ordering);

    /// Exchanges the length word at `at`: commits the record.
    ///
    /// # Safety
    /// The record at `at` is reserved by the caller and not yet committed.
    unsafe fn swap_header(&self, at: Offset, header: Header, order: Ordering);

    /// A memory fence.
    fn fence(&self, order: Ordering);
}

/// What keeps a mapping alive, and knows its page size.
pub trait Keep {
    /// Bytes of a page.
    fn page_size(&self) -> u64;
}

// SAFETY: M1 to M5 hold by the contract of `MappedProducer::new`; each method
// is one access, as named.
unsafe impl<K: Keep> KernelMemory for MappedProducer<K> {
    fn page_size(&self) -> u64 {
        self.keep().page_size()
    }

    fn store_pending_pos(&self, position: Position, order: Ordering) {
        MappedProducer::store_pending_pos(self, position, order);
    }

    unsafe fn swap_header(&self, at: Offset, header: Header, order: Ordering) {
        // SAFETY: as above; the record is the caller's own.
        unsafe { self.header_word(at) }.swap(header.to_bits(), order);
    }

    fn fence(&self, order: Ordering) {
        std::sync::atomic::fence(order);
    }
}
