//! The producing side: one BPF program, run on demand.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapHandle, libbpf_sys};
use ringbuf_bpf::bench::types::produce;
use ringbuf_bpf::bench::{BenchSkel, BenchSkelBuilder};
use ringbuf_tests::{FORCE_WAKEUP, NO_WAKEUP, RawRing};

use crate::load::{Pace, Wakeups};
use crate::seen::now;

/// `enum option` of bench.bpf.c.
const STAMP: u64 = 1;
const UNTIL_FULL: u64 = 2;
/// Records a run when saturating: long enough to hide the system call, short enough to stop soon.
const RUN: u32 = 1000;
/// More than any ring holds.
const MANY: u32 = 1 << 22;

/// A loaded program and its ring.
pub struct Rig {
    /// The ring.
    pub map: MapHandle,
    /// What writes to it.
    pub producer: Producer,
    _skeleton: BenchSkel<'static>,
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rig").field("producer", &self.producer).finish_non_exhaustive()
    }
}

impl Rig {
    /// Loads the program with a ring of `bytes`.
    ///
    /// # Errors
    /// If the kernel refuses the program or the map.
    pub fn load(bytes: u32) -> Result<Self> {
        // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = BenchSkelBuilder::default().open(object)?;
        open.maps.ring.set_max_entries(bytes)?;
        let skeleton = open.load().context(
            "the kernel does not load the program of the benchmark, which needs Linux 5.17",
        )?;
        let map = MapHandle::try_from(&skeleton.maps.ring)?;
        let program = skeleton.progs.produce.as_fd().try_clone_to_owned()?;
        let state = produce { random: 1, ..Default::default() };
        let raw = RawRing::of(&map)?;
        let capacity = map.max_entries();
        let producer = Producer { program, raw, capacity, state };
        Ok(Self { map, producer, _skeleton: skeleton })
    }
}

/// Runs the program and counts its records.
#[derive(Debug)]
pub struct Producer {
    program: OwnedFd,
    raw: RawRing,
    capacity: u32,
    state: produce,
}

/// The totals of a load.
#[derive(Clone, Copy, Debug, Default)]
pub struct Produced {
    /// Records that were submitted.
    pub accepted: u64,
    /// Refused reservations: the losses of a program that cannot wait.
    pub refused: u64,
    /// Bytes of the samples.
    pub bytes: u64,
    /// Sum of the first word of each 64 bytes of them.
    pub sum: u64,
    /// Runs of the program.
    pub calls: u64,
    /// Time spent in them.
    pub time: Duration,
}

impl Producer {
    /// The sequence of the next record.
    pub fn sequence(&self) -> u64 {
        self.state.sequence
    }

    /// Samples of `size` bytes as fast as possible, until `duration` is over.
    ///
    /// # Errors
    /// As bpf(2) with BPF_PROG_TEST_RUN; so all that follow.
    pub fn saturate(
        &mut self,
        size: u32,
        wakeups: Wakeups,
        duration: Duration,
    ) -> Result<Produced> {
        self.state.size = size;
        self.state.options = 0;
        self.measure(|producer, produced| {
            let end = Instant::now() + duration;
            while Instant::now() < end {
                produced.time += producer.run(RUN, wakeups.flags())?;
                produced.calls += 1;
            }
            Ok(())
        })
    }

    /// The same without a reader, which no reader can exceed.
    ///
    /// # Errors
    /// As for [`saturate`](Self::saturate).
    pub fn saturate_alone(&mut self, size: u32, duration: Duration) -> Result<Produced> {
        let run = RUN.min(self.capacity / (size + 8) / 2);
        self.state.size = size;
        self.state.options = 0;
        self.measure(|producer, produced| {
            let end = Instant::now() + duration;
            while Instant::now() < end {
                // No wakeups: the first record of each run would find a reader caught up.
                produced.time += producer.run(run, NO_WAKEUP)?;
                produced.calls += 1;
                producer.raw.catch_up();
            }
            Ok(())
        })
    }

    /// One stamped sample of `size` bytes per run, at `pace`.
    ///
    /// # Errors
    /// As for [`saturate`](Self::saturate).
    pub fn pace(
        &mut self,
        size: u32,
        pace: &mut Pace,
        wakeups: Wakeups,
        duration: Duration,
        alone: bool,
    ) -> Result<Produced> {
        self.state.size = size;
        self.state.options = STAMP;
        let flags = if alone { NO_WAKEUP } else { wakeups.flags() };
        self.measure(|producer, produced| {
            let end = now() + duration.as_nanos() as u64;
            let mut due = now();
            while due < end {
                while now() < due {
                    std::hint::spin_loop();
                }
                due = now() + pace.gap();
                produced.time += producer.run(1, flags)?;
                produced.calls += 1;
                if alone {
                    producer.raw.catch_up();
                }
            }
            Ok(())
        })
    }

    /// `count` samples of `size` bytes, as fast as possible.
    ///
    /// # Errors
    /// As for [`saturate`](Self::saturate).
    pub fn burst(&mut self, size: u32, count: u32) -> Result<Produced> {
        self.state.size = size;
        self.state.options = 0;
        self.measure(|producer, produced| {
            produced.time = producer.run(count, 0)?;
            Ok(())
        })
    }

    /// `count` stamped samples of `size` bytes, as fast as possible.
    ///
    /// # Errors
    /// As for [`saturate`](Self::saturate).
    pub fn stamped(&mut self, size: u32, count: u32) -> Result<Produced> {
        self.state.size = size;
        self.state.options = STAMP;
        self.measure(|producer, produced| {
            produced.time = producer.run(count, 0)?;
            Ok(())
        })
    }

    /// One record of `size` bytes, which wakes a reader that waits.
    ///
    /// # Errors
    /// As for [`saturate`](Self::saturate).
    pub fn wake(&mut self, size: u32) -> Result<()> {
        self.state.size = size;
        self.state.options = STAMP;
        self.run(1, FORCE_WAKEUP).map(drop)
    }

    /// Fills the ring with samples of `size` bytes, or of mixed sizes if that is 0; returns how
    /// many.
    ///
    /// # Errors
    /// As for [`saturate`](Self::saturate).
    pub fn fill(&mut self, size: u32) -> Result<u64> {
        self.state.size = size;
        self.state.options = UNTIL_FULL;
        let produced = self.measure(|producer, _| producer.run(MANY, NO_WAKEUP).map(drop))?;
        Ok(produced.accepted)
    }

    /// The program's counts so far, as if all of it were one load.
    pub fn total(&self) -> Produced {
        let state = &self.state;
        Produced {
            accepted: state.sequence,
            refused: state.refused,
            bytes: state.bytes,
            sum: state.sum,
            ..Default::default()
        }
    }

    fn measure(
        &mut self,
        load: impl FnOnce(&mut Self, &mut Produced) -> Result<()>,
    ) -> Result<Produced> {
        let before = self.total();
        let mut produced = Produced::default();
        load(self, &mut produced)?;
        let delta = self.total().since(before);
        Ok(Produced { calls: produced.calls, time: produced.time, ..delta })
    }

    /// Runs the program once, for `count` records; returns how long that took.
    fn run(&mut self, count: u32, flags: u64) -> Result<Duration> {
        self.state.count = count;
        self.state.flags = flags;
        let mut options = libbpf_sys::bpf_test_run_opts {
            sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
            ctx_in: (&raw mut self.state).cast(),
            ctx_size_in: size_of::<produce>() as u32,
            ..Default::default()
        };
        let program = self.program.as_raw_fd();
        let begun = Instant::now();
        // SAFETY: `options` states its size, and points to a context with its size, which is
        // exclusively borrowed: for a syscall program the kernel reads and writes that.
        let ret = unsafe { libbpf_sys::bpf_prog_test_run_opts(program, &raw mut options) };
        let elapsed = begun.elapsed();
        if ret < 0 {
            return Err(io::Error::from_raw_os_error(-ret)).context("running the BPF program");
        }
        ensure!(options.retval == 0, "the BPF program knows no size of {}", self.state.size);
        Ok(elapsed)
    }
}

impl Produced {
    /// The counts since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            accepted: self.accepted - before.accepted,
            refused: self.refused - before.refused,
            bytes: self.bytes - before.bytes,
            sum: self.sum.wrapping_sub(before.sum),
            ..self
        }
    }
}
