//! libbpf's readers, as a C program calls them: `perf_buffer`, and `ring_buffer` beside it.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use anyhow::{Context, Result};
use libbpf_rs::{MapHandle, libbpf_sys};

use super::seen::Seen;

/// A `struct perf_buffer` whose callbacks have `Seen` as their context.
pub(super) struct PerfBuffer<'a> {
    buffer: NonNull<libbpf_sys::perf_buffer>,
    _seen: &'a mut Seen,
}

impl<'a> PerfBuffer<'a> {
    /// `bytes` for each CPU; each `wakeup_events`th record wakes (`sample_period` in libbpf).
    pub(super) fn new(
        map: &MapHandle,
        bytes: u32,
        wakeup_events: u32,
        seen: &'a mut Seen,
    ) -> Result<Self> {
        let context = ptr::from_mut(seen).cast();
        let pages = bytes as usize / ringbuf_kernel::page_size();
        let options = libbpf_sys::perf_buffer_opts {
            sz: size_of::<libbpf_sys::perf_buffer_opts>() as libbpf_sys::size_t,
            sample_period: wakeup_events,
            ..Default::default()
        };
        let file = map.as_fd().as_raw_fd();
        // SAFETY: the callbacks take what `context` points to, which is borrowed for as long as
        // the result lives; the options state their size.
        let buffer = unsafe {
            libbpf_sys::perf_buffer__new(
                file,
                pages as libbpf_sys::size_t,
                Some(on_record),
                Some(on_lost),
                context,
                &raw const options,
            )
        };
        let buffer = NonNull::new(buffer).ok_or_else(io::Error::last_os_error);
        Ok(Self { buffer: buffer.context("perf_buffer__new")?, _seen: seen })
    }

    /// Waits, and reads the buffers that woke it.
    #[inline(always)]
    pub(super) fn poll(&self, timeout: Duration) -> Result<()> {
        // SAFETY: the buffer lives as long as `self`, and one thread has it.
        check(unsafe { libbpf_sys::perf_buffer__poll(self.buffer.as_ptr(), millis(timeout)) })
    }

    /// Reads all buffers.
    #[inline(always)]
    pub(super) fn consume(&self) -> Result<()> {
        // SAFETY: as in `poll`.
        check(unsafe { libbpf_sys::perf_buffer__consume(self.buffer.as_ptr()) })
    }
}

impl Drop for PerfBuffer<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `perf_buffer__new`, and not used after this.
        unsafe { libbpf_sys::perf_buffer__free(self.buffer.as_ptr()) };
    }
}

/// A `struct ring_buffer` with the same context.
pub(super) struct RingBuffer<'a> {
    ring: NonNull<libbpf_sys::ring_buffer>,
    _seen: &'a mut Seen,
}

impl<'a> RingBuffer<'a> {
    pub(super) fn new(map: &MapHandle, seen: &'a mut Seen) -> Result<Self> {
        let context = ptr::from_mut(seen).cast();
        let file = map.as_fd().as_raw_fd();
        // SAFETY: the callback takes what `context` points to, which is borrowed for as long as
        // the result lives; no options.
        let ring =
            unsafe { libbpf_sys::ring_buffer__new(file, Some(on_sample), context, ptr::null()) };
        let ring = NonNull::new(ring).ok_or_else(io::Error::last_os_error);
        Ok(Self { ring: ring.context("ring_buffer__new")?, _seen: seen })
    }

    #[inline(always)]
    pub(super) fn poll(&self, timeout: Duration) -> Result<()> {
        // SAFETY: the ring lives as long as `self`, and one thread has it.
        check(unsafe { libbpf_sys::ring_buffer__poll(self.ring.as_ptr(), millis(timeout)) })
    }

    #[inline(always)]
    pub(super) fn consume(&self) -> Result<()> {
        // SAFETY: as in `poll`.
        check(unsafe { libbpf_sys::ring_buffer__consume(self.ring.as_ptr()) })
    }
}

impl Drop for RingBuffer<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `ring_buffer__new`, and not used after this.
        unsafe { libbpf_sys::ring_buffer__free(self.ring.as_ptr()) };
    }
}

unsafe extern "C" fn on_record(context: *mut c_void, _cpu: c_int, data: *mut c_void, size: u32) {
    // SAFETY: the context that `PerfBuffer::new` gave, which nobody else uses meanwhile.
    let seen = unsafe { &mut *context.cast::<Seen>() };
    // SAFETY: libbpf hands over a sample, which stays until this returns.
    let sample = unsafe { slice::from_raw_parts(data.cast::<u8>(), size as usize) };
    seen.look(sample);
}

unsafe extern "C" fn on_lost(context: *mut c_void, _cpu: c_int, count: u64) {
    // SAFETY: as in `on_record`.
    let seen = unsafe { &mut *context.cast::<Seen>() };
    seen.reported += count;
}

unsafe extern "C" fn on_sample(
    context: *mut c_void,
    data: *mut c_void,
    size: libbpf_sys::size_t,
) -> c_int {
    // SAFETY: the context that `RingBuffer::new` gave, which nobody else uses meanwhile.
    let seen = unsafe { &mut *context.cast::<Seen>() };
    // SAFETY: libbpf hands over a committed sample, which stays until this returns.
    let sample = unsafe { slice::from_raw_parts(data.cast::<u8>(), size as usize) };
    seen.look(sample);
    0
}

fn millis(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX)
}

#[inline(always)]
fn check(ret: c_int) -> Result<()> {
    if ret < 0 { Err(io::Error::from_raw_os_error(-ret).into()) } else { Ok(()) }
}
