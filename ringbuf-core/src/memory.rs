//! The traits that a memory backing implements.
//!
//! There is one trait for each role, because the kernel gives each role other
//! permissions. A consumer can store only the consumer position. A producer can
//! store the producer position, headers and samples. Each method makes one access,
//! and takes the [`Ordering`] as an argument. The protocol chooses the ordering;
//! the backing passes it on.

use core::sync::atomic::Ordering;

use crate::{
    AlignedBytes, Capacity, Counts, Header, Offset, PageOffset, Position, SampleLen, WaitHost,
    Width,
};

/// What every role needs to know about a ring: its shape and its owner.
///
/// # Safety
/// While the backing lives, it guarantees these invariants (SAFETY.md cites their
/// numbers):
/// - **M1** The words and the data area are readable. The words of the own role are
///   writable.
/// - **M2** The data area has `capacity` bytes and starts at a multiple of 8. A
///   second copy of it follows. So a record that begins anywhere in the first copy
///   is contiguous.
/// - **M3** A method makes exactly the access that it names, at least as strongly
///   ordered as requested. Rust promises only `Relaxed` loads on memory mapped
///   read-only. There, an acquire is a relaxed load followed by `fence(Acquire)`.
/// - **M4** Positions are as wide as the kernel's `unsigned long`
///   ([`Width`]), in native byte order.
/// - **M5** Only the owner of the other role and the kernel store into this memory.
/// - **M6** [`capacity`](Self::capacity), [`width`](Self::width) and the address of
///   the data never change. Callers keep copies of them.
pub unsafe trait RingMemory {
    /// Returns the size of the data area.
    fn capacity(&self) -> Capacity;

    /// Returns the width of the positions.
    fn width(&self) -> Width;

    /// Returns true if this process may use the ring. Returns false in a child of
    /// `fork`: the parent continues to use the ring, so the child must store
    /// nothing.
    ///
    /// A consumer or producer calls this before each store, and before each look
    /// that may lend bytes. It must be fast, without a system call if possible.
    fn is_owned(&self) -> bool {
        true
    }
}

/// The memory that a consumer may access. The consumer position is writable; the
/// producer position and the data are read-only.
///
/// # Safety
/// M1 to M6 of [`RingMemory`] hold.
pub unsafe trait ConsumerMemory: RingMemory {
    /// The bytes of a committed record. Over mapped memory this is `&[u8]` or a
    /// wrapper of it; under a model checker it is tracked cells.
    type Sample<'a>
    where
        Self: 'a;

    /// The address of the data area. A loop over records keeps a copy in a
    /// register. The address never changes (M6).
    type Data: Copy;

    /// Returns the address of the data area.
    fn data(&self) -> Self::Data;

    /// Returns the stored consumer position. A consumer calls this once, when it
    /// starts. Then it keeps its own copy.
    fn initial_consumer_pos(&self) -> Position;

    /// Returns the consumer position in shared memory. Only the caller stores it.
    /// So a value that the caller did not store last shows a second consumer, which
    /// breaks C1.
    fn stored_consumer_pos(&self) -> Position;

    /// Loads the producer position. The producer may move it at any time.
    fn load_producer_pos(&self, order: Ordering) -> Position;

    /// The consumer calls this just before each store of the consumer position. It has
    /// passed `counts` records, up to the consumed `position`, which is at or after the one
    /// that it is going to store. A backing can save both for the next reader
    /// ([`CountSaver`](crate::CountSaver)). The default does nothing.
    #[inline(always)]
    fn before_publish(&self, position: Position, counts: Counts) {
        let _ = (position, counts);
    }

    /// Stores the consumer position. This gives the space before it back to the
    /// producers.
    ///
    /// # Safety
    /// The caller is the only consumer of the ring (C1). No sample before
    /// `position` is lent, because producers will overwrite it.
    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering);

    /// Loads the length word of the header at `at`. Its producer may commit it at
    /// any time.
    ///
    /// # Safety
    /// `data` is the [`data`](Self::data) of this memory. At least [`Header::SIZE`]
    /// bytes at `at` are produced and not released.
    unsafe fn load_header(&self, data: Self::Data, at: Offset, order: Ordering) -> Header;

    /// Returns the sample after the header at `at`.
    ///
    /// # Safety
    /// `data` is the [`data`](Self::data) of this memory. The record at `at` is
    /// committed with the length `len`, and an acquire load of its header showed
    /// this. The record lies within the produced bytes, and is not released while
    /// the sample lives.
    unsafe fn sample(&self, data: Self::Data, at: Offset, len: SampleLen) -> Self::Sample<'_>;

    /// Makes a memory fence.
    fn fence(&self, order: Ordering);

    /// Tells the processor that the record at `at` will be read soon. A merge calls this, which
    /// reads many rings in turn.
    ///
    /// It is a hint, and no access: nothing may be produced at `at`, and the default does
    /// nothing. A backing over mapped pages gives the
    /// [address](crate::DataStart::address) to the instruction of its processor.
    #[inline(always)]
    fn prefetch(&self, data: Self::Data, at: Offset) {
        let _ = (data, at);
    }
}

/// A ring in mapped pages that can also wait. Real and simulated rings implement
/// it, so you write a reader once for both.
///
/// ```
/// use std::time::Duration;
/// use ringbuf_core::{Backend, Consumer};
/// use ringbuf_sim::{Flags, SimRing};
///
/// /// Takes `&mut RingBuf` in the program, `&mut sim.consumer()?` in a test.
/// fn first_byte<B: Backend>(
///     ring: &mut Consumer<B>,
/// ) -> Result<Option<u8>, Box<dyn std::error::Error>>
/// where
///     B::Error: std::error::Error + 'static,
/// {
///     ring.wait(Some(Duration::from_secs(1)))?;
///     let record = ring.next_record()?;
///     Ok(record.and_then(|record| record.first().copied()))
/// }
///
/// let ring = SimRing::new(4096)?;
/// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
/// assert_eq!(first_byte(&mut ring.consumer()?)?, Some(b'h'));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Backend:
    for<'a> ConsumerMemory<Sample<'a> = AlignedBytes<'a>> + WaitHost + 'static
{
}

impl<M> Backend for M where
    M: for<'a> ConsumerMemory<Sample<'a> = AlignedBytes<'a>> + WaitHost + 'static
{
}

/// The memory that a producer may access. The producer position, the headers and
/// the samples are writable; the consumer position is read-only.
///
/// # Safety
/// M1 to M6 of [`RingMemory`] hold for the producer's words.
/// - **M7** A [`SampleMut`](Self::SampleMut) dereferences to the bytes themselves,
///   not to a handle that a caller can take out. The bytes are reachable until the
///   record is committed, and no longer.
pub unsafe trait ProducerMemory: RingMemory {
    /// The bytes of a reserved record.
    type SampleMut<'a>
    where
        Self: 'a;

    /// Returns the stored producer position. A producer calls this once, when it
    /// starts. Then it keeps its own copy.
    fn initial_producer_pos(&self) -> Position;

    /// Loads the consumer position. The consumer may move it at any time.
    fn load_consumer_pos(&self, order: Ordering) -> Position;

    /// Stores the producer position. The records before it now exist.
    ///
    /// # Safety
    /// The caller is the only producer of the ring (P1). Each record before
    /// `position` has a header, because the consumer will read it.
    unsafe fn store_producer_pos(&self, position: Position, order: Ordering);

    /// Writes both words of the header at `at`, unordered. The store of the
    /// producer position that follows publishes them.
    ///
    /// # Safety
    /// The caller has reserved the record at `at` and not yet published it.
    unsafe fn write_header(&self, at: Offset, header: Header, page: PageOffset);

    /// Loads the length word of the header at `at`. Where a ring has several
    /// producers, another may commit it meanwhile.
    ///
    /// # Safety
    /// A header stands at `at`: it was written and is not yet written over.
    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header;

    /// Stores the length word of the header at `at`. This commits the record.
    ///
    /// # Safety
    /// The caller has reserved the record at `at` and not yet committed it.
    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering);

    /// Returns the sample after the header at `at`, for the caller to fill.
    ///
    /// # Safety
    /// The caller has reserved the record at `at` with the length `len`. The record
    /// is not committed while the sample lives, and no other sample of it lives.
    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> Self::SampleMut<'_>;
}
