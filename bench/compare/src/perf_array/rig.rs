//! The program, its maps, and the producers that run it.

use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType, libbpf_sys};
use ringbuf_bpf::perf_array::types::{self, bss, produce, producer};
use ringbuf_bpf::perf_array::{PerfArraySkel, PerfArraySkelBuilder};
use ringbuf_tests::{Globals, test_run};

/// Where the program writes to. `enum target` of perf_array.bpf.c.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The perf event array, by `bpf_perf_event_output`.
    PerfArray,
    /// One ring, by `bpf_ringbuf_output`.
    RingOutput,
    /// One ring, by reserve and submit.
    Ring,
    /// The ring of the CPU, by reserve and submit.
    CpuRing,
}

/// The loaded program and its maps: the same memory for each of the three.
pub(super) struct Rig {
    /// The perf event array, without buffers.
    pub(super) events: MapHandle,
    /// The ring that all CPUs share.
    pub(super) ring: MapHandle,
    /// A ring for each CPU.
    pub(super) rings: Vec<MapHandle>,
    /// Bytes of the buffer of each CPU.
    pub(super) share: u32,
    program: OwnedFd,
    counts: Globals,
    _skeleton: PerfArraySkel<'static>,
}

/// What a producer tried, and what was refused: of which it knows by the helper's return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Records.
    pub(super) tried: u64,
    /// Those without space.
    pub(super) refused: u64,
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rig").field("share", &self.share).finish_non_exhaustive()
    }
}

impl Rig {
    /// One ring of `shared` bytes, and a ring of `share` bytes for each of `cpus` CPUs.
    ///
    /// # Errors
    /// If the kernel refuses the program or a map.
    pub(super) fn load(shared: u32, share: u32, cpus: u32) -> Result<Self> {
        // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = PerfArraySkelBuilder::default().open(object)?;
        open.maps.ring.set_max_entries(shared)?;
        let skeleton = open.load().context(
            "the kernel does not load the program of the comparison, which needs Linux 5.17",
        )?;
        let rings = (0..cpus).map(|cpu| {
            let ring = cpu_ring(share)?;
            let file = ring.as_fd().as_raw_fd().to_ne_bytes();
            skeleton.maps.rings.update(&cpu.to_ne_bytes(), &file, MapFlags::ANY)?;
            Ok(ring)
        });
        Ok(Self {
            rings: rings.collect::<Result<_>>()?,
            events: MapHandle::try_from(&skeleton.maps.events)?,
            ring: MapHandle::try_from(&skeleton.maps.ring)?,
            share,
            program: skeleton.progs.produce.as_fd().try_clone_to_owned()?,
            counts: Globals::of(&skeleton.maps.bss)?,
            _skeleton: skeleton,
        })
    }

    /// Runs the program once on the calling thread's CPU, as producer `number` (0 or 1), for
    /// `count` records; returns how long that took.
    ///
    /// # Errors
    /// As bpf(2) with BPF_PROG_TEST_RUN.
    pub(super) fn produce(&self, number: u32, target: Target, count: u32) -> Result<Duration> {
        let arguments =
            produce { producer: number, count, target: target.word(), ..produce::default() };
        let begun = Instant::now();
        test_run(&self.program, &arguments).context("running the BPF program")?;
        Ok(begun.elapsed())
    }

    /// The counts of each producer so far.
    pub(super) fn counts(&self) -> [Counts; 2] {
        [0, 1].map(|number| {
            let at = offset_of!(bss, producers) + number * size_of::<producer>();
            let word = |offset| self.counts.u64_at(at + offset).load(Ordering::Acquire);
            Counts {
                tried: word(offset_of!(producer, tried)),
                refused: word(offset_of!(producer, refused)),
            }
        })
    }
}

impl Target {
    fn word(self) -> types::target {
        match self {
            Self::PerfArray => types::target::PERF_ARRAY,
            Self::RingOutput => types::target::RING_OUTPUT,
            Self::Ring => types::target::RING,
            Self::CpuRing => types::target::CPU_RING,
        }
    }
}

fn cpu_ring(bytes: u32) -> Result<MapHandle> {
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    Ok(MapHandle::create(MapType::RingBuf, Some("cpu_ring"), 0, 0, bytes, &options)?)
}
