//! Live rings whose records have a stamp, and a merge of them.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use libbpf_rs::libbpf_sys;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::bench::types::produce;
use ringbuf_bpf::bench::{BenchSkel, BenchSkelBuilder};
use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, WaitPolicy};

/// `enum option` of bench.bpf.c: the second word of a record is the time of its submit.
pub(crate) const STAMP: u64 = 1;
pub(crate) fn stamp(record: &Record<'_, Mapping>) -> Option<u64> {
    record.get(8..16)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

pub(crate) fn sequence(record: &Record<'_, Mapping>) -> u64 {
    u64::from_ne_bytes(*record.first_chunk().expect("64 bytes"))
}

/// Rings, and the program that writes each.
pub(crate) struct Load {
    pub(crate) skeletons: Vec<BenchSkel<'static>>,
}

impl Load {
    pub(crate) fn new(rings: usize) -> Self {
        let load = |_| {
            // The skeleton borrows this for as long as it lives; a few bytes stay behind.
            let object = Box::leak(Box::new(MaybeUninit::uninit()));
            BenchSkelBuilder::default().open(object).expect("open").load().expect("load")
        };
        Self { skeletons: (0..rings).map(load).collect() }
    }

    pub(crate) fn merge(
        &self,
        lateness: Duration,
    ) -> MergedRings<usize, impl Fn(&Record<'_, Mapping>) -> Option<u64> + use<>> {
        let mut rings = MergedRings::new(WaitPolicy::balanced(), lateness, stamp).expect("a set");
        for (number, skeleton) in self.skeletons.iter().enumerate() {
            let ring = RingBuf::open(skeleton.maps.ring.as_fd()).expect("ring");
            rings.insert(ring, number).expect("added");
        }
        rings
    }
}

/// Runs the program once, for `count` records. `state` counts on.
pub(crate) fn run(program: &OwnedFd, state: &mut produce, count: u32) {
    state.count = count;
    let mut options = libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
        ctx_in: (&raw mut *state).cast(),
        ctx_size_in: size_of::<produce>() as u32,
        ..Default::default()
    };
    // SAFETY: `options` states its size, and points to a context with its size, which is
    // exclusively borrowed: for a syscall program the kernel reads and writes that.
    let ret = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &raw mut options) };
    assert_eq!((ret, options.retval), (0, 0), "running the BPF program");
}
