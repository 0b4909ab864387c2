//! What this library adds to libbpf's functions. It is reached through the second word of a
//! manager, so that nothing more is exported: see `include/ringbuf_capi.h`.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use libc::{c_char, c_int, c_uint, size_t};

use crate::c;
use crate::drain::{End, drain_and_arm};
use crate::foreign::{Whose, whose};
use crate::manager::{self, RingBuffer};
use crate::settings::Policy;

/// `struct ringbuf_capi`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Added {
    /// Bytes of this struct: later versions may have more.
    size: size_t,
    version: Text,
    set_policy: unsafe extern "C-unwind" fn(*mut RingBuffer, c_int) -> c_int,
    stats: unsafe extern "C-unwind" fn(*const RingBuffer, c_uint, *mut Stats) -> c_int,
    waker: unsafe extern "C-unwind" fn(*const RingBuffer) -> c_int,
    consume_until: unsafe extern "C-unwind" fn(*mut RingBuffer, size_t, u64) -> c_int,
}

/// A C string that is never freed.
#[derive(Debug)]
#[repr(transparent)]
struct Text(*const c_char);

// SAFETY: it points to bytes that nobody changes.
unsafe impl Sync for Text {}

pub(crate) static ADDED: Added = Added {
    size: size_of::<Added>(),
    version: Text(concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()),
    set_policy,
    stats,
    waker,
    consume_until,
};

/// `struct ringbuf_capi_stats`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Stats {
    /// Bytes that the caller's struct has. At least those are written which both know.
    size: size_t,
    delivered: u64,
    discarded: u64,
    lag: u64,
    capacity: u64,
    busy_ns: u64,
}

unsafe extern "C-unwind" fn set_policy(manager: *mut RingBuffer, policy: c_int) -> c_int {
    // SAFETY: the caller passes NULL or a live handle.
    match (unsafe { whose(manager, manager::MAGIC) }, Policy::numbered(policy)) {
        (Whose::Ours(manager), Some(policy)) => {
            manager.set_policy(policy);
            0
        }
        _ => c::fail(libc::EINVAL),
    }
}

unsafe extern "C-unwind" fn stats(
    manager: *const RingBuffer,
    index: c_uint,
    stats: *mut Stats,
) -> c_int {
    // SAFETY: the caller passes NULL or a live handle.
    let Whose::Ours(manager) = (unsafe { whose(manager, manager::MAGIC) }) else {
        return c::fail(libc::EINVAL);
    };
    let Some(ring) = manager.ring(index as usize) else { return c::fail(libc::ERANGE) };
    // SAFETY: the caller passes NULL, or a struct that begins with its size.
    if stats.is_null() || unsafe { (*stats).size } < size_of::<Stats>() {
        return c::fail(libc::EINVAL);
    }
    let busy = ring.stall.get().map(|(_, since)| manager.now().saturating_sub(since));
    let found = Stats {
        size: size_of::<Stats>(),
        delivered: ring.delivered.get(),
        discarded: ring.discarded.get(),
        lag: ring.reader.lag(),
        capacity: ring.capacity(),
        busy_ns: nanos(busy.unwrap_or_default()),
    };
    // SAFETY: it has room for this, as its size says.
    unsafe { stats.write(found) };
    0
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The eventfd that ends polls. It is made once, and closed with the manager.
unsafe extern "C-unwind" fn waker(manager: *const RingBuffer) -> c_int {
    // SAFETY: the caller passes NULL or a live handle.
    let Whose::Ours(manager) = (unsafe { whose(manager, manager::MAGIC) }) else {
        return c::fail(libc::EINVAL);
    };
    let fd = manager.waker.load(Relaxed);
    if fd >= 0 {
        return fd;
    }
    // SAFETY: takes plain numbers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return c::fail(c::errno());
    }
    match manager.waker.compare_exchange(-1, fd, Relaxed, Relaxed) {
        Ok(_) => fd,
        Err(other) => {
            c::close(fd);
            other
        }
    }
}

/// Samples between two readings of the clock.
const PORTION: u64 = 64;

/// As `ring_buffer__consume_n`, and ends after `deadline`, in nanoseconds of
/// CLOCK_MONOTONIC. Each ring gets a turn of 64 samples at least.
unsafe extern "C-unwind" fn consume_until(
    manager: *mut RingBuffer,
    most: size_t,
    deadline: u64,
) -> c_int {
    // SAFETY: the caller passes NULL or a live handle.
    let Whose::Ours(manager) = (unsafe { whose(manager, manager::MAGIC) }) else {
        return c::fail(libc::EINVAL);
    };
    let (most, mut total, mut index) = (most as u64, 0_u64, 0_usize);
    while let Some(ring) = manager.ring(index) {
        let portion = most.saturating_sub(total).min(PORTION);
        if portion == 0 {
            break;
        }
        let drained = drain_and_arm(ring, portion);
        total = total.saturating_add(drained.samples);
        match drained.end {
            End::Failed(error) => return c::fail(error.wrapping_neg()),
            End::Limit if monotonic() < deadline => {}
            _ => index = index.wrapping_add(1),
        }
    }
    c_int::try_from(total).unwrap_or(c_int::MAX)
}

fn monotonic() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one timespec, alive for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec.try_into().unwrap_or(0))
}
