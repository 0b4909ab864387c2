//! What the header for BPF programs costs: a traced system call with its counters and without, in
//! turns, in one run.

use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use libbpf_rs::query::{ProgInfoQueryOptions, ProgramInfo};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags, ProgramMut};
use ringbuf_bpf::header_cost::types::bss;
use ringbuf_bpf::header_cost::{HeaderCostSkel, HeaderCostSkelBuilder};
use ringbuf_kernel::LossCounters;
use ringbuf_tests::{Globals, RawRing, pin_to_cpu};

use crate::meter;
use crate::report::aligned;
use crate::statistics::median;
use crate::trial::Setup;

/// Calls of one turn: few, so that most turns are not interrupted.
const CALLS: u32 = 1_000;
/// Before them, so that caches and branches know the program.
const WARM: u32 = 100;

/// One way to write the record.
struct Variant {
    title: &'static str,
    program: &'static str,
    attempts: bool,
}

const VARIANTS: [Variant; 6] = [
    Variant { title: "bare helpers", program: "bare", attempts: false },
    Variant { title: "bare helpers, again", program: "bare", attempts: true },
    Variant { title: "failures", program: "counted", attempts: false },
    Variant { title: "failures and attempts", program: "counted", attempts: true },
    Variant { title: "failures, a shard", program: "counted_shards", attempts: false },
    Variant { title: "both, a shard", program: "counted_shards", attempts: true },
];

/// Measures all, and returns the table.
///
/// # Errors
/// If the kernel refuses a program, or a record was refused.
pub fn run(setup: &Setup, quick: bool) -> Result<String> {
    let turns = if quick { 100 } else { 600 };
    let _pinned = pin_to_cpu(setup.cpus[0])?;
    meter::ordinary()?;
    let mut objects = [Object::load(false)?, Object::load(true)?];
    let mut times = vec![[0.0; VARIANTS.len()]; turns];
    for (turn, times) in times.iter_mut().enumerate() {
        for place in 0..VARIANTS.len() {
            // Another one begins each time, and every second turn goes backwards.
            let place = if turn % 2 == 0 { place } else { VARIANTS.len() - 1 - place };
            let index = (place + turn) % VARIANTS.len();
            let variant = &VARIANTS[index];
            times[index] = objects[usize::from(variant.attempts)].turn(variant.program)?;
        }
    }
    objects[0].check(false)?;
    objects[1].check(true)?;
    let mut rows = vec![
        ["counters", "call ns", "x bare", "fast tenth ns", "BPF insns", "JIT bytes"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (index, variant) in VARIANTS.iter().enumerate() {
        let of = |figure: &dyn Fn(&[f64; VARIANTS.len()]) -> f64| {
            median(&times.iter().map(figure).collect::<Vec<_>>()).unwrap_or(0.0)
        };
        let object = &mut objects[usize::from(variant.attempts)];
        let (insns, bytes) = object.size(variant.program)?;
        rows.push(vec![
            variant.title.to_owned(),
            format!("{:.1}", of(&|times| times[index])),
            format!("{:.3}", of(&|times| times[index] / times[0])),
            format!("{:.1}", fast_tenth(times.iter().map(|times| times[index]))),
            insns.to_string(),
            bytes.to_string(),
        ]);
    }
    Ok(format!(
        "a getppid(2) call, traced by a program that writes 64 B; {turns} turns of {CALLS} calls, \
         medians; x bare: within a turn\n{}",
        aligned(&rows, 1)
    ))
}

/// The time that a tenth of all turns did not exceed.
fn fast_tenth(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 10).copied().unwrap_or(0.0)
}

struct Object {
    skeleton: HeaderCostSkel<'static>,
    rings: [RawRing; 2],
    /// Of the program `counted`, and as many of `counted_shards`.
    calls: u64,
}

impl Object {
    fn load(attempts: bool) -> Result<Self> {
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = HeaderCostSkelBuilder::default().open(object)?;
        open.maps.rodata_data.as_deref_mut().context("a constant")?.count_attempts =
            attempts.into();
        let skeleton = open.load()?;
        let shard = ringbuf_tests::create_map(
            libbpf_rs::MapType::RingBuf,
            0,
            0,
            skeleton.maps.ring.max_entries(),
            0,
        )?;
        for cpu in ringbuf_tests::online_cpus() {
            let key = u32::try_from(cpu)?.to_ne_bytes();
            let value = shard.as_fd().as_raw_fd().to_ne_bytes();
            skeleton.maps.shards.update(&key, &value, MapFlags::ANY)?;
        }
        let globals = Globals::of(&skeleton.maps.bss)?;
        // SAFETY: asks for the number of this thread.
        let thread = unsafe { libc::gettid() };
        globals.u32_at(offset_of!(bss, task)).store(thread.cast_unsigned(), Ordering::Release);
        let rings = [RawRing::of(&skeleton.maps.ring)?, RawRing::of(&shard)?];
        Ok(Self { skeleton, rings, calls: 0 })
    }

    fn program(&mut self, name: &str) -> &mut ProgramMut<'static> {
        match name {
            "bare" => &mut self.skeleton.progs.bare,
            "counted" => &mut self.skeleton.progs.counted,
            _ => &mut self.skeleton.progs.counted_shards,
        }
    }

    /// Returns the nanoseconds of a call.
    fn turn(&mut self, name: &str) -> Result<f64> {
        let before = self.produced();
        let link = self.program(name).attach()?;
        call(WARM);
        let begin = Instant::now();
        call(CALLS);
        let time = begin.elapsed();
        drop(link);
        if name == "counted" {
            self.calls += u64::from(WARM + CALLS);
        }
        let bytes = self.produced() - before;
        ensure!(bytes >= u64::from(WARM + CALLS) * 72, "records were refused: {bytes} bytes");
        for ring in &self.rings {
            ring.catch_up();
        }
        Ok(time.as_nanos() as f64 / f64::from(CALLS))
    }

    /// Checks that the counters counted what ran.
    fn check(&self, attempts: bool) -> Result<()> {
        for map in [&self.skeleton.maps.ring_counts, &self.skeleton.maps.shards_counts] {
            let counted = LossCounters::open(map.as_fd())?.total()?;
            // The calls around a turn are traced, too.
            let right =
                if attempts { counted.attempted >= self.calls } else { counted.attempted == 0 };
            ensure!(right && counted.failed() == 0, "{} calls, but {counted:?}", self.calls);
        }
        Ok(())
    }

    fn produced(&self) -> u64 {
        self.rings.iter().map(RawRing::producer_pos).sum()
    }

    /// Returns the instructions after the verifier, and the bytes of machine code.
    fn size(&mut self, name: &str) -> Result<(usize, usize)> {
        let options = ProgInfoQueryOptions::default();
        let options = options.include_xlated_prog_insns(true).include_jited_prog_insns(true);
        let id = libbpf_rs::Program::id_from_fd(self.program(name).as_fd())?;
        let mut all = libbpf_rs::query::ProgInfoIter::with_query_opts(options);
        let info: ProgramInfo = all.find(|info| info.id == id).context("a loaded program")?;
        Ok((info.xlated_prog_insns.len() / 8, info.jited_prog_insns.len()))
    }
}

fn call(count: u32) {
    for _ in 0..count {
        // SAFETY: asks for a number.
        unsafe { libc::syscall(libc::SYS_getppid) };
    }
}
