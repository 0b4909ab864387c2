//! The functions under test, from libbpf and from our library, and the row that calls them.

use std::ffi::{CStr, CString};
use std::os::raw::{c_int, c_ulong, c_void};
use std::path::Path;

/// A manager, a ring or a user ring: an address that only its library understands.
pub(crate) type Handle = *mut c_void;

/// A callback that may unwind.
pub(crate) type SampleFn = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize) -> c_int;

macro_rules! api {
    ($($field:ident = $symbol:ident($($arg:ident: $type:ty),*) $(-> $ret:ty)?;)*) => {
        /// One library's functions.
        #[derive(Clone, Copy)]
        pub(crate) struct Api {
            linked: bool,
            $($field: unsafe extern "C-unwind" fn($($type),*) $(-> $ret)?,)*
        }

        mod linked {
            use super::*;
            unsafe extern "C-unwind" {
                $(pub(crate) fn $symbol($($arg: $type),*) $(-> $ret)?;)*
            }
        }

        impl Api {
            /// The names of all functions.
            pub(crate) const NAMES: &[&str] = &[$(stringify!($symbol)),*];

            $(
                /// Calls it. Rows run in children, with live handles; a crash is an answer.
                pub(crate) fn $field(&self, $($arg: $type),*) $(-> $ret)? {
                    // SAFETY: the row passes what the function wants.
                    unsafe { (self.$field)($($arg),*) }
                }
            )*

            /// libbpf 1.7, which is linked into this program.
            pub(crate) fn linked() -> Self {
                Self { linked: true, $($field: linked::$symbol,)* }
            }

            /// Those of a shared library. A function that it lacks is `missing`.
            pub(crate) fn load(path: &CStr) -> Option<Self> {
                // SAFETY: a C string; the library has no constructor that does harm.
                let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
                if library.is_null() {
                    return None;
                }
                Some(Self { linked: false, $($field: {
                    let name = concat!(stringify!($symbol), "\0");
                    // SAFETY: an open library and a C string.
                    let found = unsafe { libc::dlsym(library, name.as_ptr().cast()) };
                    if found.is_null() {
                        // SAFETY: only its address is used; calling it ends the process.
                        unsafe { function(missing as *const ()) }
                    } else {
                        // SAFETY: libbpf declares the function with this type.
                        unsafe { function(found.cast_const().cast()) }
                    }
                },)* })
            }
        }
    };
}

/// The function at an address.
///
/// # Safety
/// `F` is a type of function pointers, and that of the function.
unsafe fn function<F: Copy>(address: *const ()) -> F {
    const { assert!(size_of::<F>() == size_of::<*const ()>()) };
    // SAFETY: as the caller guarantees.
    unsafe { std::mem::transmute_copy::<*const (), F>(&address) }
}

extern "C-unwind" fn missing() {
    // SAFETY: ends the process, which is a child of the test.
    unsafe { libc::_exit(99) };
}

api! {
    make = ring_buffer__new(
        fd: c_int, callback: Option<SampleFn>, context: *mut c_void, options: *const c_void
    ) -> Handle;
    add = ring_buffer__add(
        manager: Handle, fd: c_int, callback: Option<SampleFn>, context: *mut c_void
    ) -> c_int;
    free = ring_buffer__free(manager: Handle);
    poll = ring_buffer__poll(manager: Handle, timeout: c_int) -> c_int;
    consume = ring_buffer__consume(manager: Handle) -> c_int;
    consume_n = ring_buffer__consume_n(manager: Handle, most: usize) -> c_int;
    epoll_fd = ring_buffer__epoll_fd(manager: Handle) -> c_int;
    ring = ring_buffer__ring(manager: Handle, index: u32) -> Handle;
    producer_pos = ring__producer_pos(ring: Handle) -> c_ulong;
    consumer_pos = ring__consumer_pos(ring: Handle) -> c_ulong;
    avail = ring__avail_data_size(ring: Handle) -> usize;
    size = ring__size(ring: Handle) -> usize;
    map_fd = ring__map_fd(ring: Handle) -> c_int;
    ring_consume = ring__consume(ring: Handle) -> c_int;
    ring_consume_n = ring__consume_n(ring: Handle, most: usize) -> c_int;
    user_new = user_ring_buffer__new(fd: c_int, options: *const c_void) -> Handle;
    user_free = user_ring_buffer__free(ring: Handle);
    reserve = user_ring_buffer__reserve(ring: Handle, len: u32) -> *mut c_void;
    reserve_blocking = user_ring_buffer__reserve_blocking(
        ring: Handle, len: u32, timeout: c_int
    ) -> *mut c_void;
    submit = user_ring_buffer__submit(ring: Handle, sample: *mut c_void);
    discard = user_ring_buffer__discard(ring: Handle, sample: *mut c_void);
}

impl Api {
    /// Whether it is the libbpf of this program.
    pub(crate) fn is_linked(&self) -> bool {
        self.linked
    }

    /// Our library at this path.
    ///
    /// # Panics
    /// If it cannot be loaded.
    pub(crate) fn ours(path: &Path) -> Self {
        let name = CString::new(path.to_str().expect("UTF-8")).expect("no NUL");
        Self::load(&name).expect("our library loads")
    }
}

pub(crate) fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

pub(crate) fn set_errno(number: c_int) {
    // SAFETY: takes nothing.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the thread's own errno.
    unsafe { *place = number };
}
