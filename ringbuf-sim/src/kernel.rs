//! The producers' algorithm of kernel/bpf/ringbuf.c, step by step (7.3).
//!
//! Orderings are those of the kernel, or weaker where the proof needs less. So
//! whatever holds in this model also holds in the kernel.

use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::{Mutex, PoisonError};

use ringbuf_core::{Header, Offset, PageOffset, Position, SampleLen};

use crate::{
    Context, DynptrError, Fault, Flags, Host, KernelMemory, Lock, LockError, OutputError,
    Overwrite, PendingPos, Positions, Profile, Query, Refused, StoreOrder,
};

/// One ring buffer as the kernel sees it. Any number of threads may reserve and
/// commit through a shared reference, as BPF programs do on many CPUs.
#[derive(Debug)]
pub struct KernelRing<M, H> {
    memory: M,
    host: H,
    profile: Profile,
    mode: Mode,
    /// The commits of programs that stall before them.
    stalled: Mutex<Vec<(Offset, Header, Flags)>>,
}

/// What producers do when the ring is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They fail, until the consumer releases space.
    Waiting,
    /// They write over the oldest records (`BPF_F_RB_OVERWRITE`).
    Overwriting,
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
        let (profile, mode) = (Profile::NEWEST, Mode::Waiting);
        Self { memory, host, profile, mode, stalled: Mutex::default() }
    }

    /// Returns the same ring on another kernel. The width, the pages and the byte order of the
    /// profile do not count; they belong to the memory.
    ///
    /// # Safety
    /// Nothing is reserved yet. Otherwise a pending position that stays behind no
    /// longer points at a record.
    #[must_use]
    pub unsafe fn on(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// Returns the same ring in overwrite mode (`BPF_F_RB_OVERWRITE`, 6.19). A reservation
    /// then fails only if the oldest busy record is in the way.
    ///
    /// # Safety
    /// Nothing is reserved yet. No consumer lends samples of this ring, because producers
    /// write over them (M9).
    #[must_use]
    pub unsafe fn overwriting(self) -> Self {
        Self { mode: Mode::Overwriting, ..self }
    }

    /// `bpf_ringbuf_reserve`: reserves `len` bytes. Never waits for the consumer.
    ///
    /// # Errors
    /// [`Refused`]. A BPF program gets NULL for every reason.
    pub fn reserve(&self, len: u64) -> Result<KernelReservation<'_, M, H>, Refused> {
        self.reserve_in(Context::Task, len)
    }

    /// The same, by a program in this context.
    pub(crate) fn reserve_in(
        &self,
        context: Context,
        len: u64,
    ) -> Result<KernelReservation<'_, M, H>, Refused> {
        if !self.memory.is_owned() {
            return Err(Refused::Forked);
        }
        let (capacity, width) = (self.memory.capacity(), self.memory.width());
        let mask = capacity.bytes() - 1;
        let len = SampleLen::new(len).ok_or(Refused::TooLarge)?;
        let fits = len.footprint() <= capacity.bytes();
        if !fits && self.profile.checks_size {
            return Err(Refused::TooLarge);
        }
        // Before the lock, as in the kernel. Acquire pairs with the consumer's
        // release store, so the old bytes were read before they are overwritten.
        // Models: `wrap`, `reuse`.
        let consumed = self.memory.load_consumer_pos(Acquire);

        let mut locked = self.lock(context).map_err(Refused::Lock)?;
        let new = locked.produced.advance(len.footprint(), width);
        if self.profile.pending_pos != PendingPos::Absent {
            self.pass_committed(&mut locked);
            if new.distance(locked.pending, width) > mask {
                return Err(Refused::PendingInTheWay);
            }
        }
        if self.mode == Mode::Overwriting {
            self.give_up_for(new, &mut locked);
        } else if new.distance(consumed, width) > mask || self.strikes(Fault::Full) {
            return Err(Refused::Full);
        }
        if !fits {
            return Err(Refused::WouldOverrun);
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
        self.reserve_dynptr_in(Context::Task, len, flags)
    }

    pub(crate) fn reserve_dynptr_in(
        &self,
        context: Context,
        len: u32,
        flags: u64,
    ) -> Result<KernelReservation<'_, M, H>, DynptrError> {
        if !self.profile.dynptr {
            return Err(DynptrError::NoHelper);
        }
        if flags != 0 {
            return Err(DynptrError::UnknownFlags);
        }
        if len > DynptrError::MAX_LEN {
            return Err(DynptrError::TooLarge);
        }
        self.reserve_in(context, len.into()).map_err(DynptrError::Refused)
    }

    /// `bpf_ringbuf_query`: returns a snapshot, which may be out of date at once.
    /// Returns 0 for unknown kinds, and for the overwrite position of a ring
    /// that is not in overwrite mode.
    pub fn query(&self, kind: u64) -> u64 {
        match kind {
            Query::AVAIL_DATA => {
                let consumed = self.memory.load_consumer_pos(Acquire);
                self.available(consumed, *self.host.lock())
            }
            Query::RING_SIZE => self.memory.capacity().bytes(),
            Query::CONS_POS => self.memory.load_consumer_pos(Acquire).get(),
            Query::PROD_POS => self.host.lock().produced.get(),
            Query::OVERWRITE_POS if self.mode == Mode::Overwriting => {
                self.host.lock().overwrite.get()
            }
            _ => 0,
        }
    }

    /// Returns the environment.
    pub fn host(&self) -> &H {
        &self.host
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Commits what stalls, in order. Returns the number of records.
    pub(crate) fn go_on(&self) -> usize {
        let stalled = mem::take(&mut *self.stalled.lock().unwrap_or_else(PoisonError::into_inner));
        stalled.iter().for_each(|&(at, header, flags)| self.exchange(at, header, flags));
        stalled.len()
    }

    fn strikes(&self, fault: Fault) -> bool {
        self.host.injected().is_some_and(|injected| injected.strikes(fault))
    }

    fn lock(&self, context: Context) -> Result<H::Guard<'_>, LockError> {
        let failure = match (self.profile.lock, context) {
            (Lock::Spin, Context::Task) => None,
            (Lock::Spin, Context::Nmi) => Some(LockError::Contended),
            (Lock::Resilient, _) => Some(LockError::TimedOut),
        };
        match failure.filter(|_| self.strikes(Fault::LockFails)) {
            Some(failure) => Err(failure),
            None => self.host.lock_in(self.profile.lock, context),
        }
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

    /// Moves the overwrite position past the oldest records, until the ring has space up to
    /// `new`. The pending position has been checked, so all of them are committed.
    fn give_up_for(&self, new: Position, locked: &mut Positions) {
        let (capacity, width) = (self.memory.capacity(), self.memory.width());
        let mut oldest = locked.overwrite;
        while new.distance(oldest, width) >= capacity.bytes() {
            // Relaxed: under the lock, and its own lap wrote it.
            //
            // SAFETY: a record starts at the overwrite position. It is before `pending`, and
            // nobody has written over it yet.
            let header = unsafe { self.memory.load_header(oldest.offset(capacity), Relaxed) };
            oldest = oldest.advance(header.footprint(), width);
        }
        locked.overwrite = oldest;
        self.memory.store_overwrite_pos(oldest, Relaxed);
        if self.profile.store_order == StoreOrder::Program {
            // The processor keeps the stores in order: a reader that sees a byte of the new
            // record sees this position, too.
            self.memory.fence(Release);
        }
    }

    /// A program calls submit or discard. A fault may stop it before it gets there.
    fn commit(&self, at: Offset, header: Header, flags: Flags) {
        if !self.memory.is_owned() {
            return; // In a child of `fork` the record belongs to the parent.
        }
        let Some(injected) = self.host.injected() else {
            return self.exchange(at, header, flags);
        };
        if injected.strikes(Fault::StallsForEver) {
            return;
        }
        let (stalls, flags) = (injected.strikes(Fault::Stalls), injected.flags(flags));
        if stalls {
            let mut stalled = self.stalled.lock().unwrap_or_else(PoisonError::into_inner);
            stalled.push((at, header, flags));
        } else {
            self.exchange(at, header, flags);
        }
    }

    /// `ringbuf_avail_data_sz`.
    fn available(&self, consumed: Position, positions: Positions) -> u64 {
        let (width, produced) = (self.memory.width(), positions.produced);
        let [unread, kept] =
            [consumed, positions.overwrite].map(|since| produced.distance(since, width));
        match self.profile.overwrite {
            _ if self.mode == Mode::Waiting => unread,
            // The larger of the two positions as plain numbers, wrapped or not.
            Overwrite::Compared if consumed.get() >= positions.overwrite.get() => unread,
            Overwrite::Compared => kept,
            _ => unread.min(kept),
        }
    }

    /// `bpf_ringbuf_commit`: exchanges the header, then decides whether to notify.
    fn exchange(&self, at: Offset, header: Header, flags: Flags) {
        // The kernel's xchg is a full barrier on both sides. Release publishes the
        // sample (models: `hand_over`, `two_producers`). The fence keeps the load
        // below from passing the exchange (models: `wakeup`, `wakeup_busy`).
        //
        // SAFETY: a reservation commits only once, now or when its program goes on.
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
        self.output_in(Context::Task, data, flags)
    }

    pub(crate) fn output_in(
        &self,
        context: Context,
        data: &[u8],
        flags: Flags,
    ) -> Result<(), OutputError> {
        if flags.0 & !Flags::KNOWN != 0 {
            return Err(OutputError::UnknownFlags);
        }
        let reserved = self.reserve_in(context, data.len() as u64);
        let mut reservation = reserved.map_err(OutputError::Refused)?;
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
