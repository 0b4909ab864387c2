//! Two CPUs that write one ring, or a ring each, beside one CPU. Nobody reads: a reader on the
//! same CPUs would thin the contention.

use std::io;
use std::sync::{Barrier, OnceLock};
use std::thread;

use anyhow::{Context, Result, anyhow};
use libbpf_rs::{MapHandle, MapType, libbpf_sys};
use ringbuf_bpf::shards::types::produce;
use ringbuf_tests::{NO_WAKEUP, RawRing, Shards, pin_to_cpu};

use crate::meter::{self, Thread};
use crate::report::aligned;
use crate::seen::now;
use crate::statistics::median;
use crate::trial::Setup;

/// Room for 50,000 of the small records: milliseconds, so that most runs are not interrupted.
const RING: u32 = 2 << 20;
/// More than any ring holds.
const MANY: u32 = 1 << 22;
const SIZES: [u32; 2] = [32, 152];
/// From the start of the last thread to the first record, in nanoseconds.
const BEFORE: u64 = 300_000;
/// A producer that begins so much later does not run beside the other, in nanoseconds.
const LATE: u64 = 20_000;

/// Who writes where: the ring of each CPU.
const CASES: [(&str, &[usize]); 3] = [
    ("one CPU, one ring", &[0]),
    ("two CPUs, one ring", &[0, 0]),
    ("two CPUs, a ring each", &[0, 1]),
];

/// How often a run is repeated if it was disturbed.
const TRIES: usize = 30;

/// One filling of the rings.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Records a second, of all CPUs.
    rate: f64,
    /// Time a record of one CPU, in nanoseconds.
    record: f64,
    /// The CPU was taken from a producer, or one began late.
    disturbed: bool,
}

/// Measures all, and returns the table.
///
/// # Errors
/// If the kernel refuses something.
pub fn run(setup: &Setup, repetitions: usize) -> Result<String> {
    let rig = Rig::new(setup)?;
    let mut rows = vec![
        ["sample", "producers", "Mrec/s", "ns/rec of a CPU", "x one CPU"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut disturbed = 0;
    for size in SIZES {
        // The first round takes the memory into use.
        rig.round(size, 0)?;
        let rounds = (0..repetitions.max(1)).map(|number| rig.round(size, number));
        let rounds = rounds.collect::<Result<Vec<_>>>()?;
        disturbed += rounds.iter().flatten().filter(|run| run.disturbed).count();
        for (case, (name, _)) in CASES.iter().enumerate() {
            let of = |figure: &dyn Fn(&[Run; 3]) -> f64| {
                median(&rounds.iter().map(figure).collect::<Vec<_>>()).unwrap_or(f64::NAN)
            };
            rows.push(vec![
                format!("{size} B"),
                (*name).to_owned(),
                format!("{:.2}", of(&|round| round[case].rate) / 1e6),
                format!("{:.1}", of(&|round| round[case].record)),
                format!("{:.2}", of(&|round| round[case].rate / round[0].rate)),
            ]);
        }
    }
    let [first, second] = setup.cpus;
    let title = format!(
        "producers alone on CPU {first} and {second}, ordinary threads: no reader, no wakeups, \
         rings of {} MiB until full; medians over {repetitions} repetitions, ratios within one; \
         a run in which a producer lost its CPU is repeated, and {disturbed} were not quiet in \
         {TRIES} tries",
        RING >> 20
    );
    Ok(format!("{title}\n{}", aligned(&rows, 2)))
}

/// The programs, and two rings.
struct Rig {
    shards: Shards,
    rings: [MapHandle; 2],
    pages: [RawRing; 2],
    cpus: [usize; 2],
}

impl Rig {
    fn new(setup: &Setup) -> Result<Self> {
        let shards = Shards::load().context("shards.bpf.c needs Linux 5.17")?;
        let options = libbpf_sys::bpf_map_create_opts {
            sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
            ..Default::default()
        };
        let ring = || MapHandle::create(MapType::RingBuf, Some("shard"), 0, 0, RING, &options);
        let rings = [ring()?, ring()?];
        let pages = [RawRing::of(&rings[0])?, RawRing::of(&rings[1])?];
        Ok(Self { shards, rings, pages, cpus: setup.cpus })
    }

    /// Each case once, in an order that rotates.
    fn round(&self, size: u32, number: usize) -> Result<[Run; 3]> {
        let mut runs = [Run { rate: 0.0, record: 0.0, disturbed: true }; 3];
        for step in 0..CASES.len() {
            let case = (step + number) % CASES.len();
            for _ in 0..TRIES {
                runs[case] = self.fill(size, CASES[case].1)?;
                if !runs[case].disturbed {
                    break;
                }
            }
        }
        Ok(runs)
    }

    /// Each CPU writes its ring until that is full.
    fn fill(&self, size: u32, rings: &[usize]) -> Result<Run> {
        for pages in &self.pages {
            pages.catch_up();
        }
        for (&cpu, &ring) in self.cpus.iter().zip(rings) {
            self.shards.put(u32::try_from(cpu)?, &self.rings[ring])?;
        }
        let ready = Barrier::new(rings.len());
        let begin = OnceLock::new();
        let runs = thread::scope(|scope| {
            let (ready, begin) = (&ready, &begin);
            let write = move |cpu: usize| -> Result<(produce, bool)> {
                let _pinned = pin_to_cpu(cpu)?;
                meter::ordinary()?;
                ready.wait();
                let begin = *begin.get_or_init(|| now() + BEFORE);
                let (flags, until_full) = (NO_WAKEUP, 1);
                let wanted =
                    produce { count: MANY, size, flags, begin, until_full, ..Default::default() };
                let before = Thread::now()?;
                let run = self.shards.produce(wanted)?;
                let late = run.begun - begin > LATE;
                Ok((run, late || before.until_now()?.preempted > 0))
            };
            let threads: Vec<_> = self.cpus[..rings.len()]
                .iter()
                .map(|&cpu| scope.spawn(move || write(cpu)))
                .collect();
            let joined = threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("a producer panicked"))?);
            joined.collect::<Result<Vec<_>>>()
        })?;
        let records: u64 = runs.iter().map(|(run, _)| run.accepted).sum();
        let begun = runs.iter().map(|(run, _)| run.begun).min();
        let ended = runs.iter().map(|(run, _)| run.ended).max();
        let time = ended.zip(begun).map(|(ended, begun)| ended - begun);
        let time = time.ok_or_else(|| io::Error::other("nobody ran"))? as f64;
        let rate = records as f64 / time * 1e9;
        let disturbed = runs.iter().any(|(_, disturbed)| *disturbed);
        Ok(Run { rate, record: runs.len() as f64 / rate * 1e9, disturbed })
    }
}
