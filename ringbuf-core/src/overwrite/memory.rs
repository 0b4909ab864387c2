//! The memory that a reader of an overwriting ring may access.

use core::sync::atomic::Ordering;

use crate::{Header, Offset, Position, RingMemory};

/// The memory of a reader of a ring in overwrite mode (`BPF_F_RB_OVERWRITE`, Linux 6.19).
/// The consumer position is writable; all else is read-only.
///
/// Producers write over the oldest records at any time, also while this memory is read. So
/// it never lends bytes: it copies them, with accesses that tolerate concurrent writes.
///
/// ```
/// use ringbuf_core::{OverwriteMemory, Position};
/// use std::sync::atomic::Ordering;
///
/// /// The bytes that the producers keep.
/// fn kept<M: OverwriteMemory>(memory: &M) -> u64 {
///     let end = memory.load_producer_pos(Ordering::Acquire);
///     end.distance(memory.load_overwrite_pos(Ordering::Acquire), memory.width())
/// }
/// ```
///
/// # Safety
/// M1 to M6 of [`RingMemory`] hold, and:
/// - **M9** The ring is in overwrite mode. So nobody lends its bytes, and storing the
///   consumer position gives no space away.
pub unsafe trait OverwriteMemory: RingMemory {
    /// Returns the stored consumer position. A reader calls this once, when it starts.
    fn initial_consumer_pos(&self) -> Position;

    /// Stores the consumer position. It only decides which commits notify, and what poll(2)
    /// and `bpf_ringbuf_query` report.
    fn store_consumer_pos(&self, position: Position, order: Ordering);

    /// Loads the producer position. Producers may move it at any time.
    fn load_producer_pos(&self, order: Ordering) -> Position;

    /// Loads the overwrite position: the oldest record that producers have not given up.
    /// Producers may move it at any time, and write before it.
    fn load_overwrite_pos(&self, order: Ordering) -> Position;

    /// Loads the length word of a header. A producer may write over it at any time.
    ///
    /// # Safety
    /// `at` was made with the [`capacity`](RingMemory::capacity) of this memory.
    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header;

    /// Copies the bytes after the header at `at` into all of `buffer`, by relaxed atomic or
    /// volatile loads. Producers may write over them meanwhile.
    ///
    /// # Safety
    /// `at` was made with the capacity of this memory. `buffer`, with a header and rounded
    /// up to a multiple of 8, is not longer than the capacity.
    unsafe fn copy_sample(&self, at: Offset, buffer: &mut [u8]);

    /// Makes a memory fence.
    fn fence(&self, order: Ordering);

    /// Returns true if other processors see the stores of a processor in program order: x86
    /// and s390x. See [`Tso`](crate::Tso).
    fn is_tso(&self) -> bool;
}

/// What keeps a mapping alive, and knows its machine.
///
/// ```
/// use ringbuf_core::StoreOrder;
///
/// /// The owner of a mapping of this machine.
/// struct Map;
///
/// impl StoreOrder for Map {
///     fn is_tso(&self) -> bool {
///         cfg!(any(target_arch = "x86", target_arch = "x86_64", target_arch = "s390x"))
///     }
/// }
/// ```
pub trait StoreOrder {
    /// See [`OverwriteMemory::is_tso`].
    fn is_tso(&self) -> bool;
}
