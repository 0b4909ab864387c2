//! The kernel's side of a user ring: `bpf_user_ringbuf_drain` of
//! kernel/bpf/ringbuf.c, step by step (6.1 to 7.3, which differ in the barrier
//! around the busy flag only).
//!
//! Positions and lengths are in bytes. Orderings are the kernel's or weaker:
//! where the proof needs less than the kernel gives, the model takes less, so
//! what holds here holds there.

use std::error::Error;
use std::fmt;
use std::ops::{ControlFlow, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Release};

use ringbuf_core::{ConsumerMemory, Offset, Position, SampleLen};

use crate::Flags;

/// The surroundings of a [`KernelConsumer`]: threads, or a model checker.
pub trait DrainHost {
    /// The busy flag while it is set.
    type Guard<'a>: DerefMut<Target = Position>
    where
        Self: 'a;

    /// Sets the flag that admits one drain at a time (`rb->busy`), and gives
    /// what it guards: the kernel's own copy of the consumer position, so that
    /// nobody loads a shared word that it also stores. `None`, at once, if the
    /// flag is set already, be it by the caller's own thread.
    fn try_busy(&self) -> Option<Self::Guard<'_>>;

    /// Wakes whoever waits for space (`irq_work_queue`): an edge, as epoll sees
    /// it. What happened before it in this thread is seen by who is woken.
    fn notify(&self);
}

/// A user ring as the kernel holds it: any number of threads may try to drain
/// it through a shared reference, as BPF programs do on many CPUs.
#[derive(Debug)]
pub struct KernelConsumer<M, H> {
    memory: M,
    host: H,
}

impl<M: ConsumerMemory, H: DrainHost> KernelConsumer<M, H> {
    /// Samples that one drain looks at, discarded ones included
    /// (`BPF_MAX_USER_RINGBUF_SAMPLES`).
    pub const MAX_SAMPLES: u64 = 128 * 1024;

    /// The consumer of `memory`, whose busy flag and notifications `host`
    /// provides.
    ///
    /// # Safety
    /// **C1** Nothing else consumes this memory while it lives, and the
    /// position in `host` is that in the memory, a multiple of 8.
    pub unsafe fn new(memory: M, host: H) -> Self {
        Self { memory, host }
    }

    /// `bpf_user_ringbuf_drain`: calls `callback` for each committed sample, in
    /// the order of reservation, until it breaks, or at the first record that
    /// is not committed. The count is of samples that it was called for.
    ///
    /// The space of a sample is released when the callback has returned. Waiters
    /// are notified at the end, if any record was consumed and `flags` do not
    /// forbid it, or if they force it.
    ///
    /// # Errors
    /// [`DrainError`], with the errno that the helper returns. What the shared
    /// memory caused stays there: samples before it are consumed, the count is
    /// lost, and every later drain fails alike until user space repairs it.
    ///
    /// # Ordering
    /// The producer position and the length word are loaded with Acquire, the
    /// consumer position is stored with Release. Models: `user_hand_over`,
    /// `user_reuse`. The notification comes after all releases (model:
    /// `user_space`), and after the flag is cleared.
    pub fn drain(
        &self,
        flags: Flags,
        mut callback: impl FnMut(M::Sample<'_>) -> ControlFlow<()>,
    ) -> Result<u64, DrainError> {
        if flags.0 & !(Flags::NO_WAKEUP.0 | Flags::FORCE_WAKEUP.0) != 0 {
            return Err(DrainError::UnknownFlags);
        }
        let mut consumed = self.host.try_busy().ok_or(DrainError::Busy)?;
        let (mut seen, mut discarded) = (0, 0);
        let mut failed = None;
        while seen < Self::MAX_SAMPLES {
            let (len, flow) = match self.peek(*consumed) {
                Ok(Peek::Sample(at, len)) => {
                    // SAFETY: the peek saw it committed by an acquire load, and
                    // within what is produced; it is released below.
                    (len, callback(unsafe { self.memory.sample(self.memory.data(), at, len) }))
                }
                Ok(Peek::Discarded(len)) => {
                    discarded += 1;
                    (len, ControlFlow::Continue(()))
                }
                Ok(Peek::NoData) => break,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            *consumed = consumed.advance(len.footprint(), self.memory.width());
            // SAFETY: C1 by the contract of `new`; the callback has returned,
            // so its sample is lent no more.
            unsafe { self.memory.store_consumer_pos(*consumed, Release) };
            seen += 1;
            if flow.is_break() {
                break;
            }
        }
        drop(consumed);
        let forced = flags.0 & Flags::FORCE_WAKEUP.0 != 0;
        let silent = flags.0 & Flags::NO_WAKEUP.0 != 0;
        if forced || (!silent && seen > 0) {
            self.host.notify();
        }
        failed.map_or(Ok(seen - discarded), Err)
    }

    /// The surroundings.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// `__bpf_user_ringbuf_peek`: what stands at the consumer position, each
    /// check in the kernel's order.
    fn peek(&self, consumed: Position) -> Result<Peek, DrainError> {
        let capacity = self.memory.capacity();
        let producer = self.memory.load_producer_pos(Acquire);
        if !producer.is_aligned() {
            return Err(DrainError::ProducerMisaligned { producer });
        }
        // A plain comparison of 64 bits, not a modular one: where positions
        // have 32 bits, a drain finds nothing any more once the producer
        // position has wrapped.
        if consumed.get() >= producer.get() {
            return Ok(Peek::NoData);
        }
        let available = producer.get() - consumed.get();
        let at = consumed.offset(capacity);
        // SAFETY: both positions are multiples of 8 (C1), and the producer's is
        // ahead: 8 bytes are produced here.
        let header = unsafe { self.memory.load_header(self.memory.data(), at, Acquire) };
        let (len, footprint) = (header.len(), header.footprint());
        if footprint > available {
            return Err(DrainError::BeyondProduced { footprint, available });
        }
        if footprint > capacity.bytes() || len.get() > MAX_SAMPLE {
            return Err(DrainError::TooLarge { len: len.get() });
        }
        if header.is_discarded() {
            return Ok(Peek::Discarded(len));
        }
        Ok(if header.is_busy() { Peek::NoData } else { Peek::Sample(at, len) })
    }
}

/// The largest sample of which a dynptr can be made (`bpf_dynptr_check_size`).
const MAX_SAMPLE: u32 = (1 << 24) - 1;

/// What stands at the consumer position.
enum Peek {
    /// Nothing, or a record that is not committed: `-ENODATA`.
    NoData,
    /// A record to skip: `-EAGAIN`.
    Discarded(SampleLen),
    Sample(Offset, SampleLen),
}

/// Why a drain failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrainError {
    /// A flag that does not exist: `-EINVAL`.
    UnknownFlags,
    /// Another drain is under way, or the caller is inside one: `-EBUSY`.
    Busy,
    /// The producer position is no multiple of 8: `-EINVAL`.
    ProducerMisaligned {
        /// The producer position.
        producer: Position,
    },
    /// The record is longer than what is produced: `-EINVAL`.
    BeyondProduced {
        /// Bytes that the record takes, header and rounding included.
        footprint: u64,
        /// Bytes produced from the consumer position on.
        available: u64,
    },
    /// The record is longer than the ring, or its sample than 2^24 - 1 bytes:
    /// `-E2BIG`.
    TooLarge {
        /// Bytes of the sample.
        len: u32,
    },
}

impl DrainError {
    /// What the helper returns for it.
    #[must_use]
    pub const fn errno(self) -> i64 {
        match self {
            Self::UnknownFlags | Self::ProducerMisaligned { .. } | Self::BeyondProduced { .. } => {
                -22
            }
            Self::Busy => -16,
            Self::TooLarge { .. } => -7,
        }
    }
}

impl fmt::Display for DrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnknownFlags => f.write_str("only the two wakeup flags exist"),
            Self::Busy => f.write_str("the ring is being drained already"),
            Self::ProducerMisaligned { producer } => {
                write!(f, "the producer position {:#x} is no multiple of 8", producer.get())
            }
            Self::BeyondProduced { footprint, available } => {
                write!(f, "a record of {footprint} bytes where {available} were produced")
            }
            Self::TooLarge { len } => write!(
                f,
                "a sample of {len} bytes: more than the ring holds, or than the {MAX_SAMPLE} \
                 bytes that a drain can hand over"
            ),
        }
    }
}

impl Error for DrainError {}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell, RefMut};
    use std::sync::Arc;

    use ringbuf_core::{Header, PageOffset, ProducerMemory, Width};

    use super::*;
    use crate::Profile;
    use crate::mirror::{Mirror, UserSpace, page_size};

    /// Looks, at each notification, whether the ring could be drained.
    struct Watching {
        consumed: RefCell<Position>,
        drainable: Cell<Option<bool>>,
    }

    impl DrainHost for Watching {
        type Guard<'a> = RefMut<'a, Position>;

        fn try_busy(&self) -> Option<RefMut<'_, Position>> {
            self.consumed.try_borrow_mut().ok()
        }

        fn notify(&self) {
            self.drainable.set(Some(self.try_busy().is_some()));
        }
    }

    #[test]
    fn the_flag_is_clear_before_the_notification() {
        let bytes = page_size().unwrap() as u64;
        let mirror = Mirror::new(bytes, Profile::NEWEST, UserSpace::Produces).unwrap();
        let mirror = Arc::new(mirror);
        let memory = mirror.kernel_memory();
        let capacity = mirror.capacity();
        let header = Header::busy(SampleLen::new(8).unwrap()).submitted();
        let start = Position::default();
        // SAFETY: nothing else uses these pages yet.
        unsafe { memory.write_header(start.offset(capacity), header, PageOffset::NONE) };
        // SAFETY: P1 as above, and the header was written there.
        unsafe { memory.store_producer_pos(start.advance(16, Width::Bits64), Release) };
        let host = Watching { consumed: RefCell::new(start), drainable: Cell::new(None) };
        // SAFETY: C1: fresh pages, whose consumer position is 0.
        let kernel = unsafe { KernelConsumer::new(mirror.drain_memory(), host) };
        let count = kernel.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()));
        assert_eq!((count, kernel.host().drainable.get()), (Ok(1), Some(true)));
    }

    #[test]
    fn errors_say_what_is_wrong_and_have_the_errno_of_the_kernel() {
        let producer = Position::new(12, Width::Bits64);
        let cases = [
            (DrainError::UnknownFlags, -22, "wakeup flags"),
            (DrainError::Busy, -16, "being drained already"),
            (DrainError::ProducerMisaligned { producer }, -22, "0xc is no multiple of 8"),
            (DrainError::BeyondProduced { footprint: 112, available: 16 }, -22, "of 112 bytes"),
            (DrainError::TooLarge { len: 5000 }, -7, "5000 bytes"),
        ];
        for (error, errno, text) in cases {
            assert_eq!(error.errno(), errno);
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
