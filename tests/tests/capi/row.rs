//! A row of the semantics table, and what its children share: rings, callbacks, what was seen.

use std::fmt::Display;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::raw::{c_int, c_void};
use std::ptr;

use libbpf_rs::MapType;
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_tests::{Operations, create_map, page_size};

use crate::api::{Api, Handle, errno, set_errno};
use crate::child;

/// One check, named as in docs/c-library.md.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    pub(crate) run: fn(&Api, &Seen),
}

/// How much depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Callers rely on it: what is seen must be equal.
    Must,
    /// Equal, too: no line of the docs says why not.
    Should,
    /// Ours is better, or libbpf fails: the row checks itself, and runs with ours alone.
    Own,
}

macro_rules! rows {
    ($level:ident: $($name:ident),* $(,)?) => {
        [$($crate::row::Row {
            name: stringify!($name),
            level: $crate::row::Level::$level,
            run: $name,
        }),*]
    };
}
pub(crate) use rows;

/// What a row saw: lines that must be the same with both libraries.
pub(crate) struct Seen {
    pipe: File,
}

impl Seen {
    pub(crate) fn new(pipe: File) -> Self {
        Self { pipe }
    }

    pub(crate) fn say(&self, line: impl Display) {
        child::write(&self.pipe, &format!("{line}\n"));
    }

    /// The result of a call, with the errno that it left.
    pub(crate) fn call<R: Display>(&self, what: &str, call: impl FnOnce() -> R) -> R {
        set_errno(0);
        let result = call();
        let errno = errno();
        self.say(format_args!("{what} = {result}, errno {errno}"));
        result
    }

    /// Whether a call returned a handle, with the errno that it left.
    pub(crate) fn made(&self, what: &str, call: impl FnOnce() -> Handle) -> Handle {
        set_errno(0);
        let handle = call();
        let errno = errno();
        let result = if handle.is_null() { "NULL" } else { "a handle" };
        self.say(format_args!("{what} = {result}, errno {errno}"));
        handle
    }
}

/// A callback that is a closure: its context points to it.
pub(crate) type Callback<'c> = Box<dyn Fn(*mut u8, usize) -> c_int + 'c>;

/// Calls the closure.
pub(crate) unsafe extern "C-unwind" fn trampoline(
    context: *mut c_void,
    data: *mut c_void,
    len: usize,
) -> c_int {
    // SAFETY: the context is the closure that `context_of` was given, which is alive.
    let callback = unsafe { &*context.cast::<Callback<'_>>() };
    callback(data.cast(), len)
}

/// The context of a closure. It must outlive the manager.
pub(crate) fn context_of(callback: &Callback<'_>) -> *mut c_void {
    ptr::from_ref(callback).cast_mut().cast()
}

/// Writes down each length, and goes on.
pub(crate) fn lengths<'c>(seen: &'c Seen, ring: &'c str) -> Callback<'c> {
    Box::new(move |_, len| {
        seen.say(format_args!("{ring}: {len} bytes"));
        0
    })
}

/// A fresh ring of one page, and the programs that write it.
pub(crate) fn operations() -> Operations {
    Operations::load(page_size() as u32).expect("load of vectors.bpf.c")
}

/// Its descriptor.
pub(crate) fn fd_of(operations: &Operations) -> c_int {
    operations.map().as_fd().as_raw_fd()
}

/// An empty ring.
pub(crate) fn empty_ring() -> OwnedFd {
    empty(MapType::RingBuf)
}

/// An empty map of `kind`: a ring of one page.
pub(crate) fn empty(kind: MapType) -> OwnedFd {
    let map = create_map(kind, 0, 0, page_size() as u32, 0).expect("a map");
    map.as_fd().try_clone_to_owned().expect("a descriptor")
}

/// Submits a record of this length.
pub(crate) fn submit(operations: &Operations, len: u32) {
    submit_with(operations, len, 0);
}

pub(crate) fn submit_with(operations: &Operations, len: u32, flags: u64) {
    assert_eq!(operations.run(op_kind::OUTPUT, len, flags), 0, "there is room");
}

/// Discards a record of 8 bytes.
pub(crate) fn discard(operations: &Operations) {
    assert_eq!(operations.run(op_kind::RESERVE_DISCARD, 8, 0), 1, "there is room");
}

/// A manager of this ring.
pub(crate) fn manager(api: &Api, fd: c_int, callback: &Callback<'_>) -> Handle {
    let manager = api.make(fd, Some(trampoline), context_of(callback), ptr::null());
    assert!(!manager.is_null(), "new: errno {}", errno());
    manager
}

/// The descriptors that are open.
pub(crate) fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs").count() - 1
}

/// The number of mappings.
pub(crate) fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("procfs").lines().count()
}
