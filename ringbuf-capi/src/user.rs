//! [`UserRingBuffer`]: `struct user_ring_buffer`, the producer of a user ring.

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use libc::{c_int, c_void};
use ringbuf_core::{MappedProducer, Producer, Reservation, ReserveError, RingMemory};
use ringbuf_kernel::{BareMaps, bare_producer};

use crate::c::{self, Slept};
use crate::planted::planted;
use crate::settings;

/// The first word of a user ring of ours. libbpf's struct begins with an epoll event, whose
/// first 4 bytes are a small number.
pub(crate) const MAGIC: u64 = 0xb1f0_5eed_05e2_4e67;

/// The producer of a user ring.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct UserRingBuffer {
    magic: Cell<u64>,
    producer: Producer<MappedProducer<BareMaps>>,
    data: Cell<*mut c_void>,
    epoll: c_int,
}

impl UserRingBuffer {
    /// `user_ring_buffer__new`.
    ///
    /// # Errors
    /// An errno.
    pub(crate) fn new(fd: c_int) -> Result<*mut Self, c_int> {
        if fd < 0 {
            return Err(libc::EBADFD);
        }
        let epoll = c::epoll_create()?;
        match Self::open(fd, epoll) {
            Ok(this) => {
                settings::say_once();
                Ok(Box::into_raw(Box::new(this)))
            }
            Err(error) => {
                c::close(epoll);
                Err(error)
            }
        }
    }

    fn open(fd: c_int, epoll: c_int) -> Result<Self, c_int> {
        // SAFETY: not -1. That nothing is open there, the kernel tells (EBADFD).
        let map = unsafe { BorrowedFd::borrow_raw(fd) };
        // SAFETY: the program has its producers of one map take turns, as libbpf wants it.
        let producer = unsafe { bare_producer(map) }.map_err(|error| c::number(&error))?;
        c::epoll_add(epoll, fd, libc::EPOLLOUT, 0)?;
        let data = producer.memory().data_address().cast::<c_void>();
        Ok(Self { magic: Cell::new(MAGIC), producer, data: Cell::new(data), epoll })
    }

    /// `user_ring_buffer__free`.
    ///
    /// # Safety
    /// `this` is from [`new`](Self::new), and nobody uses it after this.
    pub(crate) unsafe fn free(this: *mut Self) {
        // SAFETY: as the caller guarantees.
        let this = unsafe { Box::from_raw(this) };
        this.magic.set(0);
        c::close(this.epoll);
    }

    /// `user_ring_buffer__reserve`.
    ///
    /// # Errors
    /// E2BIG if the sample never fits, ENOSPC if it does not fit now.
    pub(crate) fn reserve(&self, size: u32) -> Result<*mut c_void, Refused> {
        self.producer.reread();
        let raw = match self.producer.reserve(size) {
            Ok(reservation) => reservation.into_raw(),
            Err(ReserveError::TooLarge { .. }) if planted(20) => {
                return Err(Refused { error: libc::ENOSPC, free: 0 });
            }
            Err(ReserveError::TooLarge { .. }) => {
                return Err(Refused { error: libc::E2BIG, free: 0 });
            }
            Err(ReserveError::Full { free, .. }) => {
                return Err(Refused { error: libc::ENOSPC, free });
            }
            Err(_) => return Err(Refused { error: libc::EBADMSG, free: 0 }),
        };
        let capacity = self.producer.memory().capacity().bytes();
        // A sample after the last header is at the start of the data: the two copies are the
        // same bytes.
        let offset = if raw.sample_offset() < capacity { raw.sample_offset() } else { 0 };
        Ok(self.data.get().wrapping_byte_add(usize::try_from(offset).unwrap_or(0)))
    }

    /// `user_ring_buffer__reserve_blocking`: until the timeout in milliseconds; -1 means no
    /// timeout.
    ///
    /// # Errors
    /// As for [`reserve`](Self::reserve); EINVAL for another negative timeout; EINTR at a
    /// signal.
    pub(crate) fn reserve_blocking(&self, size: u32, timeout: c_int) -> Result<*mut c_void, c_int> {
        if timeout < -1 && !planted(23) {
            return Err(libc::EINVAL);
        }
        let begin = Instant::now();
        let limit = u64::try_from(timeout).map_or(Duration::MAX, Duration::from_millis);
        let mut nap = SHORTEST;
        loop {
            let refused = match self.reserve(size) {
                Ok(sample) => return Ok(sample),
                Err(refused) => refused,
            };
            let left = limit.saturating_sub(begin.elapsed());
            if refused.error != libc::ENOSPC || left.is_zero() {
                return Err(refused.error);
            }
            // A level-triggered wait returns at once if there is some space, but too little.
            let (epoll, time) = if refused.free == 0 { (self.epoll, LONGEST) } else { (-1, nap) };
            nap = nap.saturating_mul(2).min(LONGEST_NAP);
            match c::sleep(epoll, -1, time.min(left)) {
                Slept::Interrupted => return Err(libc::EINTR),
                Slept::Failed(error) => return Err(error),
                Slept::TimeUp | Slept::Readable | Slept::Woken => {}
            }
        }
    }

    /// `user_ring_buffer__submit` and `__discard`. Does nothing if no reservation is open
    /// there.
    ///
    /// # Safety
    /// `sample` is from [`reserve`](Self::reserve) of this map, and nobody uses it after
    /// this.
    pub(crate) unsafe fn commit(&self, sample: *mut c_void, discard: bool) {
        let offset = (sample.addr() as u64).wrapping_sub(self.data.get().addr() as u64);
        // SAFETY: a header is before each sample.
        let Some(raw) = (unsafe { self.producer.reserved_at(offset) }) else { return };
        if planted(21) {
            return;
        }
        // SAFETY: it is busy, so nobody committed it; the caller no longer uses its bytes.
        let reservation = unsafe { Reservation::from_raw(&self.producer, raw) };
        if discard && !planted(22) {
            reservation.discard();
        } else {
            reservation.submit();
        }
    }
}

/// Why a sample was not reserved, and the bytes that are free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) error: c_int,
    free: u64,
}

/// Naps while there is some space, but too little.
const SHORTEST: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_millis(1);

/// The longest sleep between two looks: a drain may not notify.
const LONGEST: Duration = Duration::from_millis(100);
