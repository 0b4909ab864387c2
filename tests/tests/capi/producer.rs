//! A ring, and the program that fills it (bench.bpf.c).

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::raw::c_int;
use std::thread;
use std::time::{Duration, Instant};

use libbpf_rs::libbpf_sys;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use ringbuf_bpf::bench::BenchSkelBuilder;
use ringbuf_bpf::bench::types::produce;

pub(crate) const RING: u32 = 1 << 20;
pub(crate) const SIZE: u32 = 64;
const PACE: Duration = Duration::from_micros(10);

/// Writes records of [`SIZE`] bytes, numbered from 0.
pub(crate) struct Producer {
    map: OwnedFd,
    program: OwnedFd,
    state: produce,
}

impl Producer {
    /// A fresh ring of [`RING`] bytes.
    pub(crate) fn load() -> Self {
        let mut object = MaybeUninit::uninit();
        let mut open = BenchSkelBuilder::default().open(&mut object).expect("open");
        open.maps.ring.set_max_entries(RING).expect("a size");
        let skeleton = open.load().expect("bench.bpf.c loads");
        let own = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().expect("a descriptor");
        let state = produce { size: SIZE, random: 1, ..Default::default() };
        Self {
            map: own(skeleton.maps.ring.as_fd()),
            program: own(skeleton.progs.produce.as_fd()),
            state,
        }
    }

    /// The ring.
    pub(crate) fn map(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }

    /// The records that the ring took.
    pub(crate) fn submitted(&self) -> u64 {
        self.state.sequence
    }

    /// Tries records as fast as possible; the time of one, in nanoseconds.
    pub(crate) fn saturate(&mut self, time: Duration) -> f64 {
        let (begin, mut runs) = (Instant::now(), 0);
        // budget: of the measurement.
        while begin.elapsed() < time {
            self.run(1000);
            runs += 1;
        }
        // printed only:
        begin.elapsed().as_nanos() as f64 / f64::from(runs) / 1000.0
    }

    /// Tries a record every 10 us; the time of one, with its system call, in nanoseconds.
    pub(crate) fn pace(&mut self, time: Duration) -> f64 {
        paced(time, |_| self.run(1))
    }

    /// Submits `count` records, in bursts of 1 to 64. Waits where there is no room, while
    /// `alive`.
    pub(crate) fn submit(&mut self, count: u64, mut alive: impl FnMut() -> bool) {
        let goal = self.submitted() + count;
        let mut burst = 0;
        while self.submitted() < goal {
            burst = burst % 64 + 1;
            let before = self.state.refused;
            self.run(burst.min(u32::try_from(goal - self.submitted()).unwrap_or(burst)));
            if self.state.refused > before {
                if !alive() {
                    return;
                }
                thread::sleep(Duration::from_micros(50));
            }
        }
    }

    /// Submits a record of 8 bytes: the end, for programs that read.
    pub(crate) fn submit_last(&mut self, alive: impl FnMut() -> bool) {
        self.state.size = 8;
        self.submit(1, alive);
    }

    fn run(&mut self, count: u32) {
        self.state.count = count;
        let mut options = libbpf_sys::bpf_test_run_opts {
            sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
            ctx_in: (&raw mut self.state).cast(),
            ctx_size_in: size_of::<produce>() as u32,
            ..Default::default()
        };
        let program = self.program.as_raw_fd();
        // SAFETY: the options are a valid struct of the size that they state. Their context is
        // exclusively borrowed, and plain numbers, which the kernel reads and writes.
        let done: c_int = unsafe { libbpf_sys::bpf_prog_test_run_opts(program, &raw mut options) };
        assert_eq!(done, 0, "a test run");
    }
}

/// Calls `one` every 10 us, with how often it was called before; the time of one call, in
/// nanoseconds.
pub(crate) fn paced(time: Duration, mut one: impl FnMut(u32)) -> f64 {
    let (begin, mut next, mut calls, mut inside) = (Instant::now(), PACE, 0, Duration::ZERO);
    // budget: of the measurement.
    while begin.elapsed() < time {
        // budget: of a pause.
        while begin.elapsed() < next {
            std::hint::spin_loop();
        }
        // budget: of the next pause.
        next = begin.elapsed() + PACE;
        let start = Instant::now();
        one(calls);
        // printed only:
        inside += start.elapsed();
        calls += 1;
    }
    inside.as_nanos() as f64 / f64::from(calls)
}
