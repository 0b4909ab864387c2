//! The kernel's side of a user ring: `bpf_user_ringbuf_drain` of
//! kernel/bpf/ringbuf.c, step by step. Releases 6.1 to 7.3 differ only in the
//! barrier around the busy flag.
//!
//! Positions and lengths are in bytes. Orderings are those of the kernel, or weaker
//! where the proof needs less. So whatever holds in this model also holds in the
//! kernel.

use std::error::Error;
use std::fmt;
use std::ops::{ControlFlow, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Release};

use ringbuf_core::{ConsumerMemory, Offset, Position, SampleLen};

use crate::Flags;

/// The environment of a [`KernelConsumer`]: threads, or a model checker.
pub trait DrainHost {
    /// The busy flag while it is set.
    type Guard<'a>: DerefMut<Target = Position>
    where
        Self: 'a;

    /// Sets the flag that allows only one drain at a time (`rb->busy`). Returns the
    /// value that the flag guards: the kernel's own copy of the consumer position.
    /// With this copy, nobody loads a shared word that it also stores. Returns
    /// `None` at once if the flag is already set, even by the caller's own thread.
    fn try_busy(&self) -> Option<Self::Guard<'_>>;

    /// Wakes the waiters for space (`irq_work_queue`), as an edge for epoll. A
    /// woken thread sees everything that this thread did before.
    fn notify(&self);
}

/// A user ring as the kernel sees it. Any number of threads may try to drain it
/// through a shared reference, as BPF programs do on many CPUs.
#[derive(Debug)]
pub struct KernelConsumer<M, H> {
    memory: M,
    host: H,
}

impl<M: ConsumerMemory, H: DrainHost> KernelConsumer<M, H> {
    /// The number of samples that one drain looks at, including discarded ones
    /// (`BPF_MAX_USER_RINGBUF_SAMPLES`).
    pub const MAX_SAMPLES: u64 = 128 * 1024;

    /// Creates the consumer of `memory`. `host` provides its busy flag and its
    /// notifications.
    ///
    /// # Safety
    /// **C1** Nothing else consumes this memory while the consumer lives. The
    /// position in `host` equals the position in the memory, and is a multiple of
    /// 8.
    pub unsafe fn new(memory: M, host: H) -> Self {
        Self { memory, host }
    }

    /// `bpf_user_ringbuf_drain`: calls `callback` for each committed sample, in the
    /// order of reservation. Stops if the callback breaks, or at the first record
    /// that is not committed. Returns the number of calls.
    ///
    /// Releases the space of a sample after the callback returns. Notifies waiters
    /// at the end, if `flags` force it. Also notifies if any record was consumed,
    /// unless `flags` forbid it.
    ///
    /// # Errors
    /// [`DrainError`], with the errno that the helper returns. If the shared memory
    /// caused the error, the samples before it are consumed and the count is lost.
    /// Every later drain then fails in the same way until user space repairs the
    /// memory.
    ///
    /// # Ordering
    /// The producer position and the length word are loaded with Acquire; the
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
                    // within the produced bytes. It is released below.
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
            // SAFETY: C1 by the contract of `new`. The callback has returned, so
            // its sample is no longer lent.
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

    /// Returns the environment.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// `__bpf_user_ringbuf_peek`: inspects the record at the consumer position,
    /// with all checks in the kernel's order.
    fn peek(&self, consumed: Position) -> Result<Peek, DrainError> {
        let capacity = self.memory.capacity();
        let producer = self.memory.load_producer_pos(Acquire);
        if !producer.is_aligned() {
            return Err(DrainError::ProducerMisaligned { producer });
        }
        // A plain comparison of 64 bits, not a modular one. With 32-bit positions,
        // a drain finds nothing after the producer position has wrapped.
        if consumed.get() >= producer.get() {
            return Ok(Peek::NoData);
        }
        let available = producer.get() - consumed.get();
        let at = consumed.offset(capacity);
        // SAFETY: both positions are multiples of 8 (C1), and the producer position
        // is ahead. So 8 bytes are produced here.
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

/// The largest sample that a dynptr can hold (`bpf_dynptr_check_size`).
const MAX_SAMPLE: u32 = (1 << 24) - 1;

/// The state of the record at the consumer position.
enum Peek {
    /// No record, or a record that is not committed: `-ENODATA`.
    NoData,
    /// A record to skip: `-EAGAIN`.
    Discarded(SampleLen),
    Sample(Offset, SampleLen),
}

/// Why a drain failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrainError {
    /// The flag does not exist: `-EINVAL`.
    UnknownFlags,
    /// Another drain is running, or the caller is inside one: `-EBUSY`.
    Busy,
    /// The producer position is not a multiple of 8: `-EINVAL`.
    ProducerMisaligned {
        /// The producer position.
        producer: Position,
    },
    /// The record is longer than the produced bytes: `-EINVAL`.
    BeyondProduced {
        /// Bytes that the record takes, with header and rounding.
        footprint: u64,
        /// Bytes produced from the consumer position on.
        available: u64,
    },
    /// The record is longer than the ring, or its sample is longer than 2^24 - 1
    /// bytes: `-E2BIG`.
    TooLarge {
        /// The length of the sample in bytes.
        len: u32,
    },
}

impl DrainError {
    /// Returns the errno that the helper returns for this error.
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
            Self::UnknownFlags => f.write_str("unknown flag: use only the two wakeup flags"),
            Self::Busy => f.write_str("another drain of this ring is running: try again later"),
            Self::ProducerMisaligned { producer } => {
                let producer = producer.get();
                write!(f, "the producer position {producer:#x} is not a multiple of 8: repair it")
            }
            Self::BeyondProduced { footprint, available } => {
                write!(
                    f,
                    "the record claims {footprint} bytes, but only {available} were produced: \
                     repair its length"
                )
            }
            Self::TooLarge { len } => write!(
                f,
                "a sample of {len} bytes is too large: it must fit into the ring, and a drain \
                 takes at most {MAX_SAMPLE} bytes"
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

    /// Checks at each notification if the ring can be drained.
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
        // SAFETY: C1: fresh pages with consumer position 0.
        let kernel = unsafe { KernelConsumer::new(mirror.drain_memory(), host) };
        let count = kernel.drain(Flags::ADAPTIVE, |_| ControlFlow::Continue(()));
        assert_eq!((count, kernel.host().drainable.get()), (Ok(1), Some(true)));
    }

    #[test]
    fn errors_name_the_problem_and_the_errno_of_the_kernel() {
        let producer = Position::new(12, Width::Bits64);
        let cases = [
            (DrainError::UnknownFlags, -22, "wakeup flags"),
            (DrainError::Busy, -16, "another drain"),
            (DrainError::ProducerMisaligned { producer }, -22, "0xc is not a multiple of 8"),
            (DrainError::BeyondProduced { footprint: 112, available: 16 }, -22, "claims 112 bytes"),
            (DrainError::TooLarge { len: 5000 }, -7, "5000 bytes"),
        ];
        for (error, errno, text) in cases {
            assert_eq!(error.errno(), errno);
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
