//! libbpf itself, as a C program calls it.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};
use std::slice;

use anyhow::{Context, Result};
use libbpf_rs::{MapHandle, libbpf_sys};

use super::{Contender, TIMEOUT, Waiting};
use crate::seen::{Look, Seen};
use crate::work::{Round, Work};

/// `ring_buffer__poll`.
pub(super) struct Poll;

/// `ring_buffer__consume` in a loop.
pub(super) struct Busy;

impl Contender for Poll {
    const NAME: &'static str = "libbpf-poll";
    const WAITING: Waiting = Waiting::Blocks;
    const DRAINS: bool = false;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let ring = Ring::new::<L>(map, seen)?;
        work.drive(|round| match round {
            Round::Step => ring.poll(),
            Round::Drain => ring.consume(),
        })
    }
}

impl Contender for Busy {
    const NAME: &'static str = "libbpf-busy";
    const WAITING: Waiting = Waiting::Spins;
    const DRAINS: bool = true;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let ring = Ring::new::<L>(map, seen)?;
        work.drive(|_| ring.consume())
    }
}

/// A `struct ring_buffer` whose callback has `Seen` as its context.
struct Ring<'a> {
    ring: NonNull<libbpf_sys::ring_buffer>,
    _seen: &'a mut Seen,
}

impl<'a> Ring<'a> {
    fn new<L: Look>(map: &MapHandle, seen: &'a mut Seen) -> Result<Self> {
        let context = ptr::from_mut(seen).cast();
        let file = map.as_fd().as_raw_fd();
        // SAFETY: the callback takes what `context` points to, which is borrowed for as long as
        // the result lives; no options.
        let ring = unsafe {
            libbpf_sys::ring_buffer__new(file, Some(on_sample::<L>), context, ptr::null())
        };
        let ring = NonNull::new(ring).ok_or_else(io::Error::last_os_error);
        Ok(Self { ring: ring.context("ring_buffer__new")?, _seen: seen })
    }

    #[inline(always)]
    fn poll(&self) -> Result<()> {
        // SAFETY: the ring lives as long as `self`, and one thread has it.
        check(unsafe { libbpf_sys::ring_buffer__poll(self.ring.as_ptr(), TIMEOUT) })
    }

    #[inline(always)]
    fn consume(&self) -> Result<()> {
        // SAFETY: as in `poll`.
        check(unsafe { libbpf_sys::ring_buffer__consume(self.ring.as_ptr()) })
    }
}

impl Drop for Ring<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `ring_buffer__new`, and not used after this.
        unsafe { libbpf_sys::ring_buffer__free(self.ring.as_ptr()) };
    }
}

unsafe extern "C" fn on_sample<L: Look>(
    context: *mut c_void,
    data: *mut c_void,
    len: libbpf_sys::size_t,
) -> c_int {
    // SAFETY: the context that `Ring::new` gave, which nobody else uses meanwhile.
    let seen = unsafe { &mut *context.cast::<Seen>() };
    // SAFETY: libbpf hands over a committed sample, which stays until this returns.
    let sample = unsafe { slice::from_raw_parts(data.cast::<u8>(), len as usize) };
    L::look(seen, sample);
    0
}

#[inline(always)]
fn check(ret: c_int) -> Result<()> {
    if ret < 0 { Err(io::Error::from_raw_os_error(-ret).into()) } else { Ok(()) }
}
