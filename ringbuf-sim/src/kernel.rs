//! The producers' algorithm of kernel/bpf/ringbuf.c, step by step (7.3).
//!
//! Orderings are those of the kernel, or weaker where the proof needs less. So
//! whatever holds in this model also holds in the kernel.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use ringbuf_core::{Header, Offset, PageOffset, SampleLen};

use crate::{
    DynptrError, Flags, Host, KernelMemory, OutputError, PendingPos, Positions, Profile, Query,
    Refused,
};

/// One ring buffer as the kernel sees it. Any number of threads may reserve and
/// commit through a shared reference, as BPF programs do on many CPUs.
#[derive(Debug)]
pub struct KernelRing<M, H> {
    memory: M,
    host: H,
    profile: Profile,
}

impl<M: KernelMemory, H: Host> KernelRing<M, H> {
    /// Creates the ring over `memory`. `host` provides its lock and its
    /// notifications.
    ///
    /// # Safety
    /// **P1** Nothing else produces into this memory while the ring lives. The
    /// positions in `host` equal the positions in the memory. The lock gives out
    /// one guard at a time, and only this ring writes the positions through it.
    pub unsafe fn new(memory: M, host: H) -> Self {
        Self { memory, host, profile: Profile::NEWEST }
    }

    /// Returns the same ring on another kernel. Only the pending position of the
    /// profile counts; the rest belongs to the memory.
    ///
    /// # Safety
    /// Nothing is reserved yet. Otherwise a pending position that stays behind no
    /// longer points at a record.
    #[must_use]
    pub unsafe fn on(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// `bpf_ringbuf_reserve`: reserves `len` bytes. Never waits for the consumer.
    ///
    /// # Errors
    /// [`Refused`]. A BPF program gets NULL for every reason.
    pub fn reserve(&self, len: u64) -> Result<KernelReservation<'_, M, H>, Refused> {
        if !self.memory.is_owned() {
            return Err(Refused::Forked);
        }
        let (capacity, width) = (self.memory.capacity(), self.memory.width());
        let mask = capacity.bytes() - 1;
        let len = SampleLen::new(len).ok_or(Refused::TooLarge)?;
        if len.footprint() > capacity.bytes() {
            return Err(Refused::TooLarge);
        }
        // Before the lock, as in the kernel. Acquire pairs with the consumer's
        // release store, so the old bytes were read before they are overwritten.
        // Models: `wrap`, `reuse`.
        let consumed = self.memory.load_consumer_pos(Acquire);

        let mut locked = self.host.lock();
        let new = locked.produced.advance(len.footprint(), width);
        if self.profile.pending_pos != PendingPos::Absent {
            self.pass_committed(&mut locked);
            if new.distance(locked.pending, width) > mask {
                return Err(Refused::PendingInTheWay);
            }
        }
        if new.distance(consumed, width) > mask {
            return Err(Refused::Full);
        }

        let at = locked.produced.offset(capacity);
        let header = Header::busy(len);
        // SAFETY: the space is free (checked above) and belongs to this call under
        // the lock. The store of the position below publishes it.
        unsafe {
            self.memory.write_header(at, header, PageOffset::of(at, self.memory.page_size()))
        };
        locked.produced = new;
        // Release: a thread that sees the position also sees the header. Models:
        // `hand_over`, `reuse`.
        // SAFETY: P1 by the contract of `new`, under the lock. The header was
        // written above.
        unsafe { self.memory.store_producer_pos(new, Release) };
        drop(locked);
        // SAFETY: reserved above with this length. Only this reservation uses the
        // sample.
        let sample = unsafe { self.memory.sample_mut(at, len) };
        Ok(KernelReservation { ring: self, at, header, sample })
    }

    /// `bpf_ringbuf_reserve_dynptr` (5.19): reserves through a helper that returns
    /// an errno and takes a variable length.
    ///
    /// # Errors
    /// [`DynptrError`], with the errno that the helper returns.
    pub fn reserve_dynptr(
        &self,
        len: u32,
        flags: u64,
    ) -> Result<KernelReservation<'_, M, H>, DynptrError> {
        if flags != 0 {
            return Err(DynptrError::UnknownFlags);
        }
        if len > DynptrError::MAX_LEN {
            return Err(DynptrError::TooLarge);
        }
        self.reserve(len.into()).map_err(DynptrError::Refused)
    }

    /// `bpf_ringbuf_query`: returns a snapshot, which may be out of date at once.
    /// Returns 0 for unknown kinds, and for the overwrite position of a ring
    /// without overwrite mode.
    pub fn query(&self, kind: u64) -> u64 {
        match kind {
            Query::AVAIL_DATA => {
                let consumed = self.memory.load_consumer_pos(Acquire);
                self.host.lock().produced.distance(consumed, self.memory.width())
            }
            Query::RING_SIZE => self.memory.capacity().bytes(),
            Query::CONS_POS => self.memory.load_consumer_pos(Acquire).get(),
            Query::PROD_POS => self.host.lock().produced.get(),
            _ => 0,
        }
    }

    /// Returns the environment.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Moves the pending position past committed records, up to the first busy
    /// record (6.10). Stores it even if the reservation then fails.
    fn pass_committed(&self, locked: &mut Positions) {
        let (capacity, width) = (self.memory.capacity(), self.memory.width());
        // Kernels that compare positions stop for ever after the producer position
        // has wrapped: PendingPos::Compared.
        let is_behind = |positions: &Positions| match self.profile.pending_pos {
            PendingPos::Compared => positions.pending.get() < positions.produced.get(),
            _ => positions.produced.distance(positions.pending, width) != 0,
        };
        while is_behind(locked) {
            // Relaxed: later writes here depend on this value.
            //
            // SAFETY: a record starts at `pending`. It is before `produced`, and
            // nothing at or after `pending` is ever overwritten.
            let header =
                unsafe { self.memory.load_header(locked.pending.offset(capacity), Relaxed) };
            if header.is_busy() {
                break;
            }
            locked.pending = locked.pending.advance(header.footprint(), width);
        }
        self.memory.store_pending_pos(locked.pending, Relaxed);
    }

    /// `bpf_ringbuf_commit`: exchanges the header, then decides whether to notify.
    fn commit(&self, at: Offset, header: Header, flags: Flags) {
        if !self.memory.is_owned() {
            return; // In a child of `fork` the record belongs to the parent.
        }
        // The kernel's xchg is a full barrier on both sides. Release publishes the
        // sample (models: `hand_over`, `two_producers`). The fence keeps the load
        // below from passing the exchange (models: `wakeup`, `wakeup_busy`).
        //
        // SAFETY: the reservation commits only once.
        unsafe { self.memory.swap_header(at, header, Release) };
        self.memory.fence(SeqCst);
        // The protocol does not need the Acquire that the kernel uses here.
        let consumed = self.memory.load_consumer_pos(Relaxed).get();
        let caught_up = consumed & (self.memory.capacity().bytes() - 1) == at.get();
        if flags.has(Flags::FORCE_WAKEUP) || (caught_up && !flags.has(Flags::NO_WAKEUP)) {
            self.host.notify();
        }
    }
}

impl<M, H> KernelRing<M, H>
where
    M: KernelMemory,
    H: Host,
    for<'a> M::SampleMut<'a>: DerefMut<Target = [u8]>,
{
    /// `bpf_ringbuf_output`: reserve, copy, commit.
    ///
    /// # Errors
    /// [`OutputError`], with the errno that the helper returns.
    pub fn output(&self, data: &[u8], flags: Flags) -> Result<(), OutputError> {
        if flags.0 & !Flags::KNOWN != 0 {
            return Err(OutputError::UnknownFlags);
        }
        let mut reservation = self.reserve(data.len() as u64).map_err(OutputError::Refused)?;
        reservation.sample.copy_from_slice(data);
        reservation.submit(flags);
        Ok(())
    }
}

/// Space that a simulated BPF program has reserved. Dropping it discards the
/// record.
///
/// It dereferences to its bytes. You cannot take them out:
/// ```compile_fail,E0277
/// # let ring = ringbuf_sim::SimRing::new(4096).unwrap();
/// # let producer = ring.producer();
/// let mut reservation = producer.reserve(8).unwrap();
/// let stolen = std::mem::take(&mut *reservation);
/// ```
/// ```compile_fail,E0277
/// # let ring = ringbuf_sim::SimRing::new(4096).unwrap();
/// # let producer = ring.producer();
/// let (mut a, mut b) = (producer.reserve(8).unwrap(), producer.reserve(8).unwrap());
/// std::mem::swap(&mut *a, &mut *b);
/// ```
pub struct KernelReservation<'r, M: KernelMemory, H: Host> {
    ring: &'r KernelRing<M, H>,
    at: Offset,
    header: Header,
    sample: M::SampleMut<'r>,
}

impl<M: KernelMemory, H: Host> KernelReservation<'_, M, H> {
    /// `bpf_ringbuf_submit`.
    pub fn submit(self, flags: Flags) {
        let this = ManuallyDrop::new(self);
        this.ring.commit(this.at, this.header.submitted(), flags);
    }

    /// `bpf_ringbuf_discard`.
    pub fn discard(self, flags: Flags) {
        let this = ManuallyDrop::new(self);
        this.ring.commit(this.at, this.header.discarded(), flags);
    }
}

impl<M: KernelMemory, H: Host> Drop for KernelReservation<'_, M, H> {
    fn drop(&mut self) {
        self.ring.commit(self.at, self.header.discarded(), Flags::ADAPTIVE);
    }
}

impl<'r, M: KernelMemory, H: Host> Deref for KernelReservation<'r, M, H>
where
    M::SampleMut<'r>: Deref,
{
    type Target = <M::SampleMut<'r> as Deref>::Target;

    fn deref(&self) -> &Self::Target {
        &self.sample
    }
}

impl<'r, M: KernelMemory, H: Host> DerefMut for KernelReservation<'r, M, H>
where
    M::SampleMut<'r>: DerefMut,
{
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.sample
    }
}

impl<M: KernelMemory, H: Host> fmt::Debug for KernelReservation<'_, M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, header) = (self.at, self.header);
        f.debug_struct("KernelReservation").field("at", &at).field("header", &header).finish()
    }
}
