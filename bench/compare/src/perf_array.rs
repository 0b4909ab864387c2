//! The perf event array beside the ring buffer: the same program and load, in one run.
//! docs/perf-event-array.md explains the tables.

mod memory;
mod perf_buffer;
mod readers;
mod rig;
mod seen;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{hint, thread};

use anyhow::{Context, Result, anyhow};
use ringbuf_tests::{online_cpus, pin_to_cpu};

use crate::meter::{self, Thread, Usage};
use crate::plan::turns;
use crate::report::aligned;
use crate::seen::now;
use crate::statistics::{median, percentile};
use crate::trial::Setup;
use readers::{READERS, Reader, Round};
use rig::{Rig, Target};
use seen::Seen;

/// Bytes of all buffers of a kind together.
const MEMORY: u32 = 2 << 20;
/// Records a run when saturating.
const RUN: u32 = 1000;
/// The gap between paced records.
const GAP: u64 = 10_000;
/// Records of a burst, and the time from one to the next.
const BURST: u32 = 10;
const EACH: Duration = Duration::from_micros(100);
/// The last records may wait for the reader's timeout, because no later one wakes it.
const LAST: usize = 500;

/// How records come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    /// Programs write as fast as they can on this number of CPUs. With two, the reader shares them.
    Saturating(u32),
    /// `BURST` records a run, each `EACH`, on two CPUs, which sleep meanwhile.
    Bursts,
    /// One record a run, each `GAP`, on one CPU, which spins meanwhile.
    Paced,
}

impl Load {
    fn producers(self) -> u32 {
        match self {
            Self::Saturating(count) => count,
            Self::Bursts => 2,
            Self::Paced => 1,
        }
    }
}

const LOADS: [(Load, &str); 4] = [
    (Load::Saturating(2), "saturating, two CPUs produce, and the reader shares them"),
    (Load::Saturating(1), "saturating, one CPU produces, the reader has the other"),
    (Load::Bursts, "10 records each 100 us on each of two CPUs, which the reader shares"),
    (Load::Paced, "a record each 10 us on one CPU, the reader has the other"),
];

/// What one run came to. Times are in nanoseconds.
#[derive(Debug)]
struct Outcome {
    records: u64,
    rate: f64,
    call: f64,
    cpu: f64,
    notified: f64,
    late: f64,
    lost: f64,
    reported: f64,
    p50: f64,
    p99: f64,
}

/// Runs all loads with all readers, then looks for the memory that each needs. Returns the tables.
///
/// # Errors
/// If the kernel refuses a program or a map, and if a record is lost that no count shows.
pub fn run(setup: &Setup, repetitions: usize) -> Result<String> {
    let cpus = online_cpus().last().map_or(1, |last| last + 1) as u32;
    // A power of two, so that it is a size of a ring.
    let share = 1 << (MEMORY / cpus).ilog2();
    let rig = Rig::load(MEMORY, share, cpus)?;
    let mut text = format!(
        "64 B; {} KiB for all CPUs together, {} KiB for each of {cpus} if they are separate\n",
        MEMORY >> 10,
        share >> 10,
    );
    for (load, title) in LOADS {
        let mut all: Vec<Vec<Outcome>> = READERS.iter().map(|_| Vec::new()).collect();
        let order: Vec<usize> = (0..READERS.len()).collect();
        for repetition in 0..repetitions {
            for at in turns(&order, repetition) {
                let reader = &READERS[at];
                all[at].push(trial(&rig, load, reader, setup).context(reader.name)?);
            }
        }
        text += &format!("\n{title}\n{}", table(load, &all));
    }
    Ok(text + &memory::run(setup)?)
}

fn table(load: Load, all: &[Vec<Outcome>]) -> String {
    type Figure = fn(&Outcome) -> f64;
    let mut rows = vec![titles(load)];
    for (reader, runs) in READERS.iter().zip(all) {
        let of = |figure: Figure| {
            median(&runs.iter().map(figure).collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        let times = |figure: Figure| {
            let ratios = runs.iter().zip(&all[0]).map(|(run, first)| figure(run) / figure(first));
            median(&ratios.collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        let records: u64 = runs.iter().map(|run| run.records).sum();
        let mut row = vec![reader.name.to_owned(), records.to_string()];
        match load {
            Load::Saturating(_) => row.extend([
                format!("{:.2}", of(|run| run.rate) * 1e-6),
                format!("{:.2}", times(|run| run.rate)),
                format!("{:.0}", of(|run| run.call)),
            ]),
            Load::Bursts | Load::Paced => row.extend([
                format!("{:.0}", of(|run| run.call)),
                format!("{:.2}", times(|run| run.call)),
            ]),
        }
        row.extend([
            format!("{:.1}", of(|run| run.cpu)),
            format!("{:.2}", times(|run| run.cpu)),
            format!("{:.3}", of(|run| run.notified)),
        ]);
        row.push(format!("{:.2}", of(|run| run.late) * 100.0));
        match load {
            Load::Saturating(_) => row.extend([
                format!("{:.1}", of(|run| run.lost) * 100.0),
                match reader.target {
                    Target::PerfArray => format!("{:.1}", of(|run| run.reported) * 100.0),
                    _ => "-".to_owned(),
                },
            ]),
            Load::Bursts | Load::Paced => row.extend([
                format!("{:.1}", of(|run| run.p50) * 1e-3),
                format!("{:.1}", of(|run| run.p99) * 1e-3),
            ]),
        }
        rows.push(row);
    }
    aligned(&rows, 1)
}

fn titles(load: Load) -> Vec<String> {
    let titles: &[&str] = match load {
        Load::Saturating(_) => &[
            "reader",
            "records",
            "Mrec/s",
            "x first",
            "ns a try",
            "CPU ns/rec",
            "x first",
            "notif/rec",
            "late %",
            "lost %",
            "told %",
        ],
        Load::Bursts | Load::Paced => &[
            "reader",
            "records",
            "call ns",
            "x first",
            "CPU ns/rec",
            "x first",
            "notif/rec",
            "late %",
            "p50 us",
            "p99 us",
        ],
    };
    titles.iter().map(|&title| title.to_owned()).collect()
}

fn trial(rig: &Rig, load: Load, reader: &Reader, setup: &Setup) -> Result<Outcome> {
    let before = rig.counts();
    let done = AtomicBool::new(false);
    let (tell, ready) = channel();
    let (usage, seen, produced, notified) = thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let alone = load.producers() == 1;
            let _pinned = alone.then(|| pin_to_cpu(setup.cpus[1])).transpose()?;
            meter::ordinary()?;
            let mut seen = Seen::new(&before, !matches!(load, Load::Saturating(_)));
            let usage = reader.run(rig, &mut seen, |round| drive(tell, &done, round))?;
            anyhow::Ok((usage, seen))
        });
        let irq = meter::irq_work();
        let produced = produce_all(rig, load, reader.target, setup, &ready);
        let notified = meter::irq_work().zip(irq).map_or(0, |(after, before)| after - before);
        done.store(true, Ordering::Release);
        let read: Result<(Usage, Seen)> =
            reading.join().map_err(|_| anyhow!("the reader panicked"))?;
        let (usage, seen) = read?;
        anyhow::Ok((usage, seen, produced?, notified))
    })?;
    let after = rig.counts();
    seen.check(&before, &after)?;
    Ok(outcome(load, &produced, &usage, seen, notified, [before, after]))
}

/// Reads until the producers are done, and once more.
fn drive(
    ready: Sender<()>,
    done: &AtomicBool,
    round: &mut dyn FnMut(Round) -> Result<()>,
) -> Result<Usage> {
    let before = Thread::now()?;
    let _the_other_side_may_have_failed = ready.send(());
    while !done.load(Ordering::Acquire) {
        round(Round::Step)?;
    }
    round(Round::Drain)?;
    Ok(before.until_now()?)
}

/// The time of each call, and of all of them on the clock.
#[derive(Debug, Default)]
struct Produced {
    calls: Vec<u32>,
    time: Duration,
}

fn produce_all(
    rig: &Rig,
    load: Load,
    target: Target,
    setup: &Setup,
    ready: &Receiver<()>,
) -> Result<Vec<Produced>> {
    if ready.recv().is_err() {
        // The reader's error tells why.
        return Ok(Vec::new());
    }
    thread::scope(|scope| {
        let producers: Vec<_> = (0..load.producers())
            .zip(setup.cpus)
            .map(|(number, cpu)| {
                scope.spawn(move || produce(rig, load, number, cpu, target, setup))
            })
            .collect();
        let joined = producers
            .into_iter()
            .map(|producer| producer.join().map_err(|_| anyhow!("a producer panicked"))?);
        joined.collect()
    })
}

fn produce(
    rig: &Rig,
    load: Load,
    number: u32,
    cpu: usize,
    target: Target,
    setup: &Setup,
) -> Result<Produced> {
    let _pinned = pin_to_cpu(cpu)?;
    meter::ordinary()?;
    let begun = Instant::now();
    let mut calls = Vec::with_capacity(1 << 16);
    let mut due = now();
    while begun.elapsed() < setup.effort.saturating {
        let records = match load {
            Load::Saturating(_) => RUN,
            Load::Bursts => {
                thread::sleep(EACH);
                BURST
            }
            Load::Paced => {
                while now() < due {
                    hint::spin_loop();
                }
                due = now() + GAP;
                1
            }
        };
        let took = rig.produce(number, target, records)?;
        calls.push(u32::try_from(took.as_nanos()).unwrap_or(u32::MAX));
    }
    Ok(Produced { calls, time: begun.elapsed() })
}

fn outcome(
    load: Load,
    produced: &[Produced],
    usage: &Usage,
    mut seen: Seen,
    notified: u64,
    [before, after]: [[rig::Counts; 2]; 2],
) -> Outcome {
    let between = |count: fn(&rig::Counts) -> u64| {
        after.iter().map(count).sum::<u64>() - before.iter().map(count).sum::<u64>()
    };
    let (tried, refused) = (between(|c| c.tried) as f64, between(|c| c.refused) as f64);
    let records = seen.records as f64;
    let mut calls: Vec<u32> = produced.iter().flat_map(|p| p.calls.iter().copied()).collect();
    calls.sort_unstable();
    seen.latencies.truncate(seen.latencies.len().saturating_sub(LAST));
    seen.latencies.sort_unstable();
    let latency = |share| percentile(&seen.latencies, share).unwrap_or(f64::NAN);
    let wall = produced.iter().map(|producer| producer.time).max().unwrap_or_default();
    Outcome {
        records: seen.records,
        rate: records / wall.as_secs_f64(),
        call: match load {
            Load::Saturating(_) => calls.iter().map(|&call| f64::from(call)).sum::<f64>() / tried,
            Load::Bursts | Load::Paced => percentile(&calls, 0.5).unwrap_or(f64::NAN),
        },
        cpu: usage.cpu.as_nanos() as f64 / records,
        notified: notified as f64 / records,
        late: seen.late as f64 / records,
        lost: refused / tried,
        reported: seen.reported as f64 / tried,
        p50: latency(0.5),
        p99: latency(0.99),
    }
}
