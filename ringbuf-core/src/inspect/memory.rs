//! [`InspectMemory`]: the memory that an inspector may load from.

use core::sync::atomic::Ordering;

use crate::{Capacity, Header, Offset, Position, Width};

/// The memory of a ring that belongs to somebody else. It has loads only.
///
/// The kernel, the producers and the consumer may store into any of it at any time. So
/// nothing here lends bytes: [`copy_sample`](Self::copy_sample) copies them by atomic
/// loads, and the caller checks afterwards that they were whole.
///
/// A memory may show a part of the data. Then the methods that read data say that the
/// rest is not there.
///
/// # Safety
/// While the backing lives, it guarantees these invariants (SAFETY.md cites their numbers):
/// - **M1** The words, and the part of the data that it shows, are readable.
/// - **M2** A record that begins anywhere in the first copy of the data is contiguous.
/// - **M3** Each method makes the accesses that it names, at least as strongly ordered as
///   requested. An acquire is a relaxed load followed by `fence(Acquire)`, because Rust
///   promises only `Relaxed` loads on memory mapped read-only.
/// - **M4** Positions are as wide as the kernel's `unsigned long`, in native byte order.
/// - **M6** The capacity, the width and the addresses never change.
/// - **M8** Nothing stores through it.
pub unsafe trait InspectMemory {
    /// Returns the size of the data area.
    fn capacity(&self) -> Capacity;

    /// Returns the width of the positions.
    fn width(&self) -> Width;

    /// Loads the consumer position. Its owner may move it at any time.
    fn load_consumer_pos(&self, order: Ordering) -> Position;

    /// Loads the producer position. Its owner may move it at any time.
    fn load_producer_pos(&self, order: Ordering) -> Position;

    /// Loads the second word of the producer page. A kernel that has a pending position
    /// (6.10 and stable backports) keeps it there; on others the word is 0.
    fn load_pending_pos(&self, order: Ordering) -> Position;

    /// Loads the length word of the header at `at`. Returns `None` if this memory does not
    /// show it. Every value is possible.
    fn load_header(&self, at: Offset, order: Ordering) -> Option<Header>;

    /// Copies the bytes after the header at `at`, by relaxed loads, until `to` is full.
    /// Returns false if this memory does not show all of them, or if they are longer than
    /// the ring. Then `to` is unspecified.
    #[must_use]
    fn copy_sample(&self, at: Offset, to: &mut [u8]) -> bool;

    /// Makes a memory fence.
    fn fence(&self, order: Ordering);
}
