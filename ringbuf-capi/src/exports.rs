//! The functions of ring buffers that BPF programs write: `ring_buffer__*` and `ring__*`.
//!
//! The contract of each is libbpf's (`src/libbpf.h`, 1.7): handles are live, options begin
//! with their size, and no two threads use one ring at a time, apart from the getters.
//! Handles that libbpf made go to libbpf.

use std::ptr;

use libc::{c_int, c_uint, c_ulong, c_void, size_t};

use crate::c::{self, SampleFn};
use crate::drain::{End, drain_and_arm};
use crate::foreign::{Whose, function, whose};
use crate::manager::{self, RingBuffer};
use crate::planted::planted;
use crate::poll;
use crate::ring::{self, Ring};

/// Calls libbpf's function of this name and type, or answers `$else`.
macro_rules! forward {
    ($name:ident: fn($($arg:ident: $type:ty),*) $(-> $ret:ty)?, $else:expr) => {{
        type Function = unsafe extern "C-unwind" fn($($type),*) $(-> $ret)?;
        let (name, ours) = (concat!(stringify!($name), "\0"), $name as *const c_void);
        let name = std::ffi::CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or_default();
        // SAFETY: libbpf declares the function with this type.
        match unsafe { function::<Function>(name, ours) } {
            // SAFETY: the caller's own arguments.
            Some(function) => unsafe { function($($arg),*) },
            None => $else,
        }
    }};
}
pub(crate) use forward;

/// Makes a manager with one ring. NULL and errno if that fails.
///
/// # Safety
/// `options` is NULL or begins with its size, which is mapped. `callback` may be called with
/// `context` until the manager is freed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring_buffer__new(
    fd: c_int,
    callback: SampleFn,
    context: *mut c_void,
    options: *const c_void,
) -> *mut RingBuffer {
    let before = c::errno();
    // SAFETY: as the caller guarantees.
    if !unsafe { c::options_valid(options, size_of::<size_t>()) } {
        return c::null(libc::EINVAL);
    }
    match RingBuffer::new(fd, callback, context) {
        Ok(manager) => {
            c::set_errno(if planted(24) { libc::ENOENT } else { before });
            manager
        }
        Err(error) => c::null(error),
    }
}

/// Adds a ring. 0, or a negative error with errno.
///
/// # Safety
/// `manager` is NULL or a live handle. The rest is as for [`ring_buffer__new`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring_buffer__add(
    manager: *mut RingBuffer,
    fd: c_int,
    callback: SampleFn,
    context: *mut c_void,
) -> c_int {
    let before = c::errno();
    // SAFETY: as the caller guarantees.
    match unsafe { whose(manager, manager::MAGIC) } {
        Whose::Ours(manager) => match manager.add(fd, callback, context) {
            Ok(()) => {
                c::set_errno(before);
                0
            }
            Err(error) => c::fail(error),
        },
        Whose::Foreign => forward!(
            ring_buffer__add: fn(
                manager: *mut RingBuffer, fd: c_int, callback: SampleFn, context: *mut c_void
            ) -> c_int,
            c::fail(libc::EINVAL)
        ),
        Whose::Nobodys => c::fail(libc::EINVAL),
    }
}

/// Frees a manager and its rings. NULL is fine.
///
/// # Safety
/// `manager` is NULL or a live handle, which nobody uses after this. No callback of it runs.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring_buffer__free(manager: *mut RingBuffer) {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(manager.cast_const(), manager::MAGIC) } {
        // SAFETY: made by `new`, and freed once.
        Whose::Ours(_) => unsafe { RingBuffer::free(manager) },
        Whose::Foreign => forward!(ring_buffer__free: fn(manager: *mut RingBuffer), ()),
        Whose::Nobodys => {}
    }
}

/// Waits up to `timeout` milliseconds, without end if it is negative, and delivers what is
/// there. The number of samples, or a negative error.
///
/// # Safety
/// `manager` is NULL or a live handle, which no other thread uses now.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring_buffer__poll(
    manager: *mut RingBuffer,
    timeout: c_int,
) -> c_int {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(manager, manager::MAGIC) } {
        Whose::Ours(manager) => poll::poll(manager, timeout),
        Whose::Foreign => forward!(
            ring_buffer__poll: fn(manager: *mut RingBuffer, timeout: c_int) -> c_int,
            c::fail(libc::EINVAL)
        ),
        Whose::Nobodys => c::fail(libc::EINVAL),
    }
}

/// Delivers what is there in all rings. The number of samples, or a negative error.
///
/// # Safety
/// As for [`ring_buffer__poll`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring_buffer__consume(manager: *mut RingBuffer) -> c_int {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(manager, manager::MAGIC) } {
        Whose::Ours(manager) => consume(manager, c_int::MAX as u64),
        Whose::Foreign => forward!(
            ring_buffer__consume: fn(manager: *mut RingBuffer) -> c_int,
            c::fail(libc::EINVAL)
        ),
        Whose::Nobodys => c::fail(libc::EINVAL),
    }
}

/// Delivers up to `most` samples over all rings. The number, or a negative error.
///
/// # Safety
/// As for [`ring_buffer__poll`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring_buffer__consume_n(
    manager: *mut RingBuffer,
    most: size_t,
) -> c_int {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(manager, manager::MAGIC) } {
        Whose::Ours(manager) => consume(manager, most as u64),
        Whose::Foreign => forward!(
            ring_buffer__consume_n: fn(manager: *mut RingBuffer, most: size_t) -> c_int,
            c::fail(libc::EINVAL)
        ),
        Whose::Nobodys => c::fail(libc::EINVAL),
    }
}

/// A callback may add a ring, which is read in this call.
fn consume(manager: &RingBuffer, most: u64) -> c_int {
    let (mut total, mut index) = (0_u64, 0_usize);
    let rings = manager.len();
    while let Some(ring) = manager.ring(index) {
        let left = if planted(8) { most } else { most.saturating_sub(total) };
        if left == 0 || (planted(28) && index >= rings) {
            break;
        }
        let drained = drain_and_arm(ring, left);
        if let End::Failed(error) = drained.end {
            return if planted(6) { c::fail(1) } else { c::fail(error.wrapping_neg()) };
        }
        total = total.saturating_add(drained.samples);
        index = index.wrapping_add(1);
    }
    c_int::try_from(total).unwrap_or(c_int::MAX)
}

/// The epoll set, which is readable while a ring has something that notified.
///
/// # Safety
/// `manager` is NULL or a live handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring_buffer__epoll_fd(manager: *const RingBuffer) -> c_int {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(manager, manager::MAGIC) } {
        Whose::Ours(manager) => manager.epoll,
        Whose::Foreign => forward!(
            ring_buffer__epoll_fd: fn(manager: *const RingBuffer) -> c_int,
            c::fail(libc::EINVAL)
        ),
        Whose::Nobodys => c::fail(libc::EINVAL),
    }
}

/// The ring with this index, in order of add. NULL and ERANGE if there is none.
///
/// # Safety
/// `manager` is NULL or a live handle.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring_buffer__ring(
    manager: *mut RingBuffer,
    index: c_uint,
) -> *mut Ring {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(manager, manager::MAGIC) } {
        Whose::Ours(manager) => match manager.ring(index as usize) {
            Some(ring) => ptr::from_ref(ring).cast_mut(),
            None => c::null(if planted(14) { libc::EINVAL } else { libc::ERANGE }),
        },
        Whose::Foreign => forward!(
            ring_buffer__ring: fn(manager: *mut RingBuffer, index: c_uint) -> *mut Ring,
            c::null(libc::EINVAL)
        ),
        Whose::Nobodys => c::null(libc::EINVAL),
    }
}

macro_rules! getter {
    ($(#[$doc:meta])* $name:ident -> $type:ty, |$ring:ident| $value:expr, $else:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// `ring` is NULL or a ring of a live manager. Any thread may call it.
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C-unwind" fn $name(ring: *const Ring) -> $type {
            // SAFETY: as the caller guarantees.
            match unsafe { whose(ring, ring::MAGIC) } {
                Whose::Ours($ring) => $value,
                Whose::Foreign => forward!($name: fn(ring: *const Ring) -> $type, $else),
                Whose::Nobodys => $else,
            }
        }
    };
}
getter! {
    /// Where the next record is read, in bytes.
    ring__consumer_pos -> c_ulong, |ring| ring.reader.consumer_position().get() as c_ulong, 0
}
getter! {
    /// Where the next record is reserved, in bytes.
    ring__producer_pos -> c_ulong, |ring| ring.reader.producer_position().get() as c_ulong, 0
}
getter! {
    /// The bytes between the two, with headers, busy and discarded records.
    ring__avail_data_size -> size_t, |ring| ring.available() as size_t, 0
}
getter! {
    /// The size of the ring, in bytes.
    ring__size -> size_t, |ring| ring.capacity() as size_t, 0
}
getter! {
    /// The descriptor that the caller gave.
    ring__map_fd -> c_int,
    |ring| if planted(3) { ring.map_fd.wrapping_add(1) } else { ring.map_fd },
    c::fail(libc::EINVAL)
}

/// Delivers what is there in this ring. The number of samples, or a negative error.
///
/// # Safety
/// `ring` is NULL or a ring of a live manager, which no other thread reads now.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring__consume(ring: *mut Ring) -> c_int {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(ring, ring::MAGIC) } {
        Whose::Ours(ring) => consume_ring(ring, c_int::MAX as u64),
        Whose::Foreign => {
            forward!(ring__consume: fn(ring: *mut Ring) -> c_int, c::fail(libc::EINVAL))
        }
        Whose::Nobodys => c::fail(libc::EINVAL),
    }
}

/// Delivers up to `most` samples of this ring. The number, or a negative error.
///
/// # Safety
/// As for [`ring__consume`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn ring__consume_n(ring: *mut Ring, most: size_t) -> c_int {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(ring, ring::MAGIC) } {
        Whose::Ours(ring) => consume_ring(ring, most as u64),
        Whose::Foreign => forward!(
            ring__consume_n: fn(ring: *mut Ring, most: size_t) -> c_int,
            c::fail(libc::EINVAL)
        ),
        Whose::Nobodys => c::fail(libc::EINVAL),
    }
}

fn consume_ring(ring: &Ring, most: u64) -> c_int {
    let drained = drain_and_arm(ring, most);
    match drained.end {
        End::Failed(error) => c::fail(error.wrapping_neg()),
        _ => c_int::try_from(drained.samples).unwrap_or(c_int::MAX),
    }
}
