//! The functions of user rings, which BPF programs drain: `user_ring_buffer__*`.
//!
//! The contract of each is libbpf's (`src/libbpf.h`, 1.7): handles are live, and no two
//! threads reserve at a time.

use libc::{c_int, c_void, size_t};

use crate::c;
use crate::exports::forward;
use crate::foreign::{Whose, function, whose};
use crate::user::{self, UserRingBuffer};

/// Makes the producer of a user ring. NULL and errno if that fails.
///
/// # Safety
/// `options` is NULL or begins with its size, which is mapped.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn user_ring_buffer__new(
    fd: c_int,
    options: *const c_void,
) -> *mut UserRingBuffer {
    let before = c::errno();
    // SAFETY: as the caller guarantees.
    if !unsafe { c::options_valid(options, size_of::<size_t>()) } {
        return c::null(libc::EINVAL);
    }
    match UserRingBuffer::new(fd) {
        Ok(ring) => {
            c::set_errno(before);
            ring
        }
        Err(error) => c::null(error),
    }
}

/// Frees it. NULL is fine. Samples that are reserved stay busy, and block every drain.
///
/// # Safety
/// `ring` is NULL or a live handle, which nobody uses after this, nor its samples.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn user_ring_buffer__free(ring: *mut UserRingBuffer) {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(ring.cast_const(), user::MAGIC) } {
        // SAFETY: made by `new`, and freed once.
        Whose::Ours(_) => unsafe { UserRingBuffer::free(ring) },
        Whose::Foreign => forward!(user_ring_buffer__free: fn(ring: *mut UserRingBuffer), ()),
        Whose::Nobodys => {}
    }
}

/// Reserves `size` bytes. NULL with E2BIG if they never fit, with ENOSPC if they do not fit
/// now.
///
/// # Safety
/// `ring` is NULL or a live handle; no other thread reserves in this map now.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn user_ring_buffer__reserve(
    ring: *mut UserRingBuffer,
    size: u32,
) -> *mut c_void {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(ring, user::MAGIC) } {
        Whose::Ours(ring) => ring.reserve(size).unwrap_or_else(|refused| c::null(refused.error)),
        Whose::Foreign => forward!(
            user_ring_buffer__reserve: fn(ring: *mut UserRingBuffer, size: u32) -> *mut c_void,
            c::null(libc::EINVAL)
        ),
        Whose::Nobodys => c::null(libc::EINVAL),
    }
}

/// As [`user_ring_buffer__reserve`], but waits for space, up to `timeout` milliseconds; -1
/// means without end.
///
/// # Safety
/// As for [`user_ring_buffer__reserve`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn user_ring_buffer__reserve_blocking(
    ring: *mut UserRingBuffer,
    size: u32,
    timeout: c_int,
) -> *mut c_void {
    // SAFETY: as the caller guarantees.
    match unsafe { whose(ring, user::MAGIC) } {
        Whose::Ours(ring) => ring.reserve_blocking(size, timeout).unwrap_or_else(c::null),
        Whose::Foreign => forward!(
            user_ring_buffer__reserve_blocking: fn(
                ring: *mut UserRingBuffer, size: u32, timeout: c_int
            ) -> *mut c_void,
            c::null(libc::EINVAL)
        ),
        Whose::Nobodys => c::null(libc::EINVAL),
    }
}

macro_rules! commit {
    ($(#[$doc:meta])* $name:ident, $discard:literal) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// `ring` is NULL or a live handle. `sample` was reserved in its map and not yet
        /// committed, and nobody uses it after this.
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C-unwind" fn $name(ring: *mut UserRingBuffer, sample: *mut c_void) {
            // SAFETY: as the caller guarantees.
            match unsafe { whose(ring, user::MAGIC) } {
                // SAFETY: as the caller guarantees.
                Whose::Ours(ring) => unsafe { ring.commit(sample, $discard) },
                Whose::Foreign => {
                    forward!($name: fn(ring: *mut UserRingBuffer, sample: *mut c_void), ())
                }
                Whose::Nobodys => {}
            }
        }
    };
}
commit! {
    /// Commits a sample: the next drain gets it.
    user_ring_buffer__submit, false
}
commit! {
    /// Gives a sample up: the next drain skips it.
    user_ring_buffer__discard, true
}
