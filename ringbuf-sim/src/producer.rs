//! [`KernelProducer`]: a program that writes a simulated ring.

use crate::{
    Context, DynptrError, Flags, KernelReservation, OutputError, Refused, SimKernelMemory, SimRing,
    Threads,
};

/// A producer that acts like a BPF program, on any thread.
///
/// ```
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// let program = ring.producer();
/// std::thread::spawn(move || program.output(b"one", Flags::ADAPTIVE)).join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KernelProducer {
    pub(crate) ring: SimRing,
    pub(crate) context: Context,
}

impl KernelProducer {
    /// `bpf_ringbuf_reserve`: reserves `len` bytes.
    ///
    /// The record is busy while you keep the reservation. Keep it to play a program that
    /// stands still ([`Consumer::busy_head`](ringbuf_core::Consumer::busy_head) then reports it), or until a
    /// [timed event](crate::VirtualTime::at). Dropping it discards the record. Forget it
    /// (`mem::forget`) to play one that never goes on.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// let program = ring.producer();
    /// let mut open = program.reserve(3)?;
    /// let mut consumer = ring.consumer()?;
    /// assert!(consumer.next_record()?.is_none()); // it is busy
    /// open.copy_from_slice(b"one");
    /// open.submit(Flags::ADAPTIVE);
    /// assert_eq!(consumer.next_record()?.as_deref().map(|sample| &sample[..]), Some(&b"one"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Refused`]. A BPF program gets NULL for every reason.
    pub fn reserve(
        &self,
        len: u64,
    ) -> Result<KernelReservation<'_, SimKernelMemory, Threads>, Refused> {
        self.ring.kernel().reserve_in(self.context, len)
    }

    /// `bpf_ringbuf_reserve_dynptr`.
    ///
    /// # Errors
    /// [`DynptrError`], with the errno that the helper returns.
    pub fn reserve_dynptr(
        &self,
        len: u32,
        flags: u64,
    ) -> Result<KernelReservation<'_, SimKernelMemory, Threads>, DynptrError> {
        self.ring.kernel().reserve_dynptr_in(self.context, len, flags)
    }

    /// `bpf_ringbuf_output`: reserve, copy, commit.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert!(ring.producer().output(&[0; 5000], Flags::ADAPTIVE).is_err()); // never fits
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutputError`], with the errno that the helper returns.
    pub fn output(&self, data: &[u8], flags: Flags) -> Result<(), OutputError> {
        self.ring.kernel().output_in(self.context, data, flags)
    }

    /// `bpf_ringbuf_query`; see [`Query`](crate::Query) for the kinds.
    ///
    /// ```
    /// use ringbuf_sim::{Flags, Query, SimRing};
    ///
    /// let ring = SimRing::new(4096)?;
    /// ring.producer().output(b"one", Flags::ADAPTIVE)?;
    /// assert_eq!(ring.producer().query(Query::AVAIL_DATA), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn query(&self, kind: u64) -> u64 {
        self.ring.kernel().query(kind)
    }
}
