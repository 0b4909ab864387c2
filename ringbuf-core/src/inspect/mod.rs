//! [`Inspector`]: looks at a ring that belongs to somebody else.

mod look;
mod memory;
mod pending;
mod tap;

pub use self::look::{Head, HeadRecord, Look};
pub use self::memory::InspectMemory;
pub use self::pending::Pending;
pub use self::tap::Tap;
use crate::{Position, SampleLen};

/// An observer of a ring that others produce and consume. It has no claim and stores
/// nothing, so any number of them may look at the same ring, beside its consumer.
///
/// It answers where the ring stands ([`look`](Self::look), [`head`](Self::head)), copies
/// the records that are not given back yet ([`pending`](Self::pending)), and follows the
/// ring while its reader consumes it ([`Tap`]).
///
/// Every copy is whole or is not delivered. This holds while the consumer position only
/// grows, and not in overwrite mode. What it loads is never trusted: bad lengths and
/// positions are reported as [`Corrupt`](crate::Corrupt). No call blocks, allocates or
/// loops for longer than its documentation says.
///
/// ```
/// use ringbuf_core::Observed;
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// ring.producer().output(b"hello", Flags::ADAPTIVE)?;
///
/// let inspector = ring.inspector();
/// let mut buffer = [0; 256];
/// let mut pending = inspector.pending()?;
/// let Observed::Record { sample, .. } = pending.next(&mut buffer)? else { panic!("one is there") };
/// assert_eq!(sample, b"hello");
///
/// // Its consumer finds everything as it was.
/// assert_eq!(&ring.consumer()?.next_record()?.unwrap()[..], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Inspector<M> {
    memory: M,
}

impl<M: InspectMemory> Inspector<M> {
    /// Creates an inspector. Loads nothing.
    pub const fn new(memory: M) -> Self {
        Self { memory }
    }

    /// Returns the memory that it loads from.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// Returns the memory, and ends the inspector.
    #[must_use]
    pub fn into_memory(self) -> M {
        self.memory
    }
}

/// One step of [`Pending::next`] or [`Tap::next`].
///
/// ```
/// use ringbuf_core::Observed;
///
/// fn print(step: &Observed<'_>) {
///     match step {
///         Observed::Record { position, sample } => println!("{position}: {sample:02x?}"),
///         Observed::Busy { position, len } => println!("{position}: {} bytes, busy", len.get()),
///         Observed::Discarded { position, .. } => println!("{position}: discarded"),
///         Observed::Missed { bytes } => println!("{bytes} bytes missed"),
///         Observed::End => println!("no more now"),
///         _ => {}
///     }
/// }
/// # print(&Observed::End);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed<'b> {
    /// A submitted record, whole.
    Record {
        /// Its position.
        position: Position,
        /// Its sample: the first part of the caller's buffer.
        sample: &'b [u8],
    },
    /// A record that is reserved and not committed. Its bytes are not complete.
    Busy {
        /// Its position.
        position: Position,
        /// The length of its sample, in bytes.
        len: SampleLen,
    },
    /// A record that its producer has discarded.
    Discarded {
        /// Its position.
        position: Position,
        /// The length of its sample, in bytes.
        len: SampleLen,
    },
    /// These bytes could not be copied in time. The next step continues after them.
    Missed {
        /// Bytes of ring space, with headers.
        bytes: u64,
    },
    /// Nothing more now.
    End,
}
