//! Handles that libbpf made itself. A program may have both libraries: it takes
//! `ring_buffer__new` from libbpf by `dlsym`, and libbpf then calls our `ring_buffer__add`
//! with its own handle.

use std::ffi::CStr;
use std::mem;

use libc::c_void;

use crate::planted::planted;

/// Whose handle it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose<'h, T> {
    Ours(&'h T),
    Foreign,
    /// It is NULL.
    Nobodys,
}

/// Looks at the first word of a handle.
///
/// # Safety
/// `handle` is NULL, or points to a live handle of ours or of libbpf's, which has 8 bytes at
/// least, at a multiple of 8. `magic` is the first word of each live `T`, and of nothing else.
pub(crate) unsafe fn whose<'h, T>(handle: *const T, magic: u64) -> Whose<'h, T> {
    if handle.is_null() {
        return Whose::Nobodys;
    }
    // SAFETY: as the caller guarantees.
    let found = unsafe { handle.cast::<u64>().read() };
    if found == magic || planted(27) {
        // SAFETY: as the caller guarantees.
        Whose::Ours(unsafe { &*handle })
    } else {
        Whose::Foreign
    }
}

/// libbpf's own function of this name, if the process has loaded libbpf. `ours` is the
/// address of the one that asks: it is never the answer.
///
/// # Safety
/// `F` is a type of function pointers, and that of the function.
pub(crate) unsafe fn function<F: Copy>(name: &CStr, ours: *const c_void) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*const c_void>()) };
    let flags = libc::RTLD_NOLOAD | libc::RTLD_LAZY;
    // SAFETY: a C string, alive for the call. Nothing is loaded.
    let libbpf = unsafe { libc::dlopen(c"libbpf.so.1".as_ptr(), flags) };
    if libbpf.is_null() {
        return None;
    }
    // SAFETY: an open handle, and a C string.
    let found = unsafe { libc::dlsym(libbpf, name.as_ptr()) };
    // SAFETY: opened above. The library stays: it was loaded before.
    unsafe { libc::dlclose(libbpf) };
    if found.is_null() || found.cast_const() == ours {
        return None;
    }
    // SAFETY: the caller says that the function of this name has this type.
    Some(unsafe { mem::transmute_copy::<*mut c_void, F>(&found) })
}
