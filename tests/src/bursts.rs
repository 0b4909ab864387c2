//! Many numbered records in one run, through `bench.bpf.c`.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::libbpf_sys;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::bench::types::produce;
use ringbuf_bpf::bench::{BenchSkel, BenchSkelBuilder};

/// A fresh ring, and the program that writes it.
pub struct Bursts {
    skeleton: BenchSkel<'static>,
    state: produce,
}

impl std::fmt::Debug for Bursts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bursts").field("sequence", &self.state.sequence).finish_non_exhaustive()
    }
}

impl Bursts {
    /// Loads the program with a ring of `bytes`. Needs Linux 5.17.
    ///
    /// # Errors
    /// If the kernel refuses the program or the map.
    pub fn load(bytes: u32) -> libbpf_rs::Result<Self> {
        // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = BenchSkelBuilder::default().open(object)?;
        open.maps.ring.set_max_entries(bytes)?;
        let skeleton = open.load()?;
        Ok(Self { skeleton, state: produce { random: 1, ..produce::default() } })
    }

    /// The ring's map.
    pub fn map(&self) -> &libbpf_rs::MapMut<'static> {
        &self.skeleton.maps.ring
    }

    /// Tries `count` records of `size` bytes: 8, 64, 256 or 4096, or 0 for mixed sizes with
    /// discarded ones. Returns how many records were submitted, and how many refused, so far.
    ///
    /// # Panics
    /// If the program cannot be run.
    pub fn run(&mut self, count: u32, size: u32) -> (u64, u64) {
        (self.state.count, self.state.size) = (count, size);
        let mut options = libbpf_sys::bpf_test_run_opts {
            sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
            ctx_in: (&raw mut self.state).cast(),
            ctx_size_in: size_of::<produce>() as u32,
            ..Default::default()
        };
        let program = self.skeleton.progs.produce.as_fd().as_raw_fd();
        // SAFETY: `options` states its size, and points to a context with its size, which is
        // exclusively borrowed: for a syscall program the kernel reads and writes that.
        let ret = unsafe { libbpf_sys::bpf_prog_test_run_opts(program, &raw mut options) };
        assert_eq!(ret, 0, "run of program produce: {}", io::Error::from_raw_os_error(-ret));
        assert_eq!(options.retval, 0, "no records of {size} bytes");
        (self.state.sequence, self.state.refused)
    }
}
