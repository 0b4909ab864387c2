//! Running a program on demand.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use libbpf_rs::libbpf_sys;
use ringbuf_bpf::Arguments;

/// Runs a `SEC("raw_tp")` (Linux 5.10) or `SEC("syscall")` program (5.14) once, on the calling
/// thread's CPU, and returns what it returns.
///
/// A descriptor is enough, so that threads can run programs of one skeleton at the same time.
///
/// # Errors
/// As bpf(2) with BPF_PROG_TEST_RUN.
pub fn test_run<A: Arguments>(program: impl AsFd, arguments: &A) -> io::Result<u32> {
    let mut arguments = *arguments;
    let mut options = libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
        ctx_in: ptr::from_mut(&mut arguments).cast(),
        ctx_size_in: u32::try_from(size_of::<A>()).expect("arguments are small"),
        ..Default::default()
    };
    let program = program.as_fd().as_raw_fd();
    // SAFETY: `options` points to an exclusively borrowed value of the size that it states, and in
    // it a copy of the arguments with theirs. The kernel reads and writes both (it copies the
    // arguments of a syscall program back); `Arguments` promises that any bytes are a value.
    let ret = unsafe { libbpf_sys::bpf_prog_test_run_opts(program, &mut options) };
    if ret == 0 { Ok(options.retval) } else { Err(io::Error::from_raw_os_error(-ret)) }
}
