//! The seam: what the protocol asks of the memory that it runs on.
//!
//! Two traits by role, because the kernel gives two sets of permissions. A
//! consumer can store the consumer position and nothing else; a producer the
//! producer position, headers and samples. Each method means one access, and
//! the [`Ordering`] is an argument: the protocol chooses it, a backing forwards
//! it.

use core::sync::atomic::Ordering;

use crate::{
    AlignedBytes, Capacity, Header, Offset, PageOffset, Position, SampleLen, WaitHost, Width,
};

/// What all roles see of a ring: its shape, and whose it is.
///
/// # Safety
/// The backing keeps, for as long as it lives (SAFETY.md cites these numbers):
/// - **M1** The words and the data area are readable, and the own ones
///   writable.
/// - **M2** The data area has `capacity` bytes, starts on a multiple of 8, and
///   is followed by a second copy of itself: a record that begins anywhere in
///   the first copy is contiguous.
/// - **M3** A method does exactly the access that its name says, at least as
///   strongly ordered as asked. Where Rust promises only `Relaxed` loads
///   (memory mapped read-only), an acquire is a relaxed load followed by
///   `fence(Acquire)`.
/// - **M4** Positions are as wide as the kernel's `unsigned long`
///   ([`Width`]), in native byte order.
/// - **M5** Nobody but the owner of the other role, and the kernel, stores into
///   this memory.
/// - **M6** [`capacity`](Self::capacity), [`width`](Self::width) and the place of
///   the data never change: callers keep copies of them.
pub unsafe trait RingMemory {
    /// Size of the data area.
    fn capacity(&self) -> Capacity;

    /// Width of the positions.
    fn width(&self) -> Width;

    /// Whether this process may use the ring. False in a child of `fork`: the
    /// parent reads on, so the child must store nothing.
    ///
    /// A consumer or producer asks before each store, and before each look that
    /// may lend bytes. Answers at once, without a system call if it can.
    fn is_owned(&self) -> bool {
        true
    }
}

/// What a consumer may touch: the consumer position read and write, the
/// producer position and the data read-only.
///
/// # Safety
/// M1 to M6 of [`RingMemory`].
pub unsafe trait ConsumerMemory: RingMemory {
    /// The bytes of a committed record: `&[u8]` or a wrapper of it over mapped
    /// memory, tracked cells under a model checker.
    type Sample<'a>
    where
        Self: 'a;

    /// Where the data area is: a copy that a loop over records keeps in a
    /// register. It never changes (M6).
    type Data: Copy;

    /// Where the data area is.
    fn data(&self) -> Self::Data;

    /// The consumer position as the last consumer left it. Read once, when a
    /// consumer starts; from then on the consumer keeps its own copy.
    fn initial_consumer_pos(&self) -> Position;

    /// The consumer position as it stands in shared memory. The caller is the
    /// only one that stores it, so any other value than the one it stored last
    /// shows a second consumer (C1 is broken).
    fn stored_consumer_pos(&self) -> Position;

    /// Loads the producer position. The producer may move it at any time.
    fn load_producer_pos(&self, order: Ordering) -> Position;

    /// Stores the consumer position: the space before it goes back to the
    /// producers.
    ///
    /// # Safety
    /// The caller is the ring's only consumer (C1), and no sample before
    /// `position` is lent out: producers will write over it.
    unsafe fn store_consumer_pos(&self, position: Position, order: Ordering);

    /// Loads the length word of the header at `at`. Its producer may commit it
    /// at any time.
    ///
    /// # Safety
    /// `data` is this memory's own [`data`](Self::data). At least [`Header::SIZE`] bytes at `at` are produced and not released.
    unsafe fn load_header(&self, data: Self::Data, at: Offset, order: Ordering) -> Header;

    /// The sample behind the header at `at`.
    ///
    /// # Safety
    /// `data` is this memory's own [`data`](Self::data). The record at `at` is
    /// committed with the length `len`, was seen so by an
    /// acquire load of its header, lies wholly in what is produced, and is not
    /// released while the sample lives.
    unsafe fn sample(&self, data: Self::Data, at: Offset, len: SampleLen) -> Self::Sample<'_>;

    /// A memory fence.
    fn fence(&self, order: Ordering);
}

/// A ring that a reader is written for once: mapped pages that can also wait.
/// Real and simulated rings are both.
///
/// ```
/// use std::time::Duration;
/// use ringbuf_core::{Backend, Consumer};
/// use ringbuf_sim::{Flags, SimRing};
///
/// /// Over `&mut RingBuf` live, over `&mut SimRing::consumer` in a test.
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

/// What a producer may touch: the producer position, the headers and the
/// samples read and write, the consumer position read-only.
///
/// # Safety
/// M1 to M6 of [`RingMemory`], for the producer's words.
/// - **M7** What a [`SampleMut`](Self::SampleMut) dereferences to is the bytes
///   themselves, not a handle that can be taken out: it is reachable until the
///   record is committed and not longer.
pub unsafe trait ProducerMemory: RingMemory {
    /// The bytes of a reserved record.
    type SampleMut<'a>
    where
        Self: 'a;

    /// The producer position as the last producer left it. Read once, when a
    /// producer starts; from then on the producer keeps its own copy.
    fn initial_producer_pos(&self) -> Position;

    /// Loads the consumer position. The consumer may move it at any time.
    fn load_consumer_pos(&self, order: Ordering) -> Position;

    /// Stores the producer position: the records before it exist.
    ///
    /// # Safety
    /// The caller is the ring's only producer (P1), and a header stands at each
    /// record before `position`: the consumer will read there.
    unsafe fn store_producer_pos(&self, position: Position, order: Ordering);

    /// Writes both words of the header at `at`, unordered: the store of the
    /// producer position that follows publishes them.
    ///
    /// # Safety
    /// The record at `at` is reserved by the caller and not yet published.
    unsafe fn write_header(&self, at: Offset, header: Header, page: PageOffset);

    /// Loads the length word of the header at `at`. Where a ring has several
    /// producers, another may commit it meanwhile.
    ///
    /// # Safety
    /// A header stands at `at`: it was written and is not yet written over.
    unsafe fn load_header(&self, at: Offset, order: Ordering) -> Header;

    /// Stores the length word of the header at `at`: commits the record.
    ///
    /// # Safety
    /// The record at `at` is reserved by the caller and not yet committed.
    unsafe fn store_header(&self, at: Offset, header: Header, order: Ordering);

    /// The sample behind the header at `at`, to be filled.
    ///
    /// # Safety
    /// The record at `at` is reserved by the caller with the length `len`, is
    /// not committed while the sample lives, and no other sample of it lives.
    unsafe fn sample_mut(&self, at: Offset, len: SampleLen) -> Self::SampleMut<'_>;
}
