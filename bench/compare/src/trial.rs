//! One run: one reader, one load, and the figures.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use crate::load::{Cell, Effort, Load, Pace, Threads};
use crate::meter::{self, Usage};
use crate::producer::{Produced, Producer, Rig};
use crate::readers::Reader;
use crate::seen::Seen;
use crate::statistics::{median, percentile};
use crate::work::{Phase, Work};

/// The name of the run without a reader.
pub const ALONE: &str = "alone";

/// Where threads run, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The producer's CPU, and the reader's.
    pub cpus: [usize; 2],
    /// How long runs are.
    pub effort: Effort,
}

/// The outcome of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The reader, or [`ALONE`].
    pub reader: &'static str,
    /// Records that the kernel accepted, and the reader saw.
    pub accepted: u64,
    /// Records that it refused.
    pub lost: u64,
    /// The figures, by name; none if a figure does not apply.
    pub values: Values,
    /// How often the CPU was taken from the reader.
    pub preempted: u64,
    /// Clock ticks that the hypervisor gave to others meanwhile, on all CPUs.
    pub steal: u64,
    /// Every latency, ascending, in nanoseconds.
    #[serde(skip)]
    pub latencies: Arc<[u32]>,
}

/// The figures of one run. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Values {
    /// Accepted records per second.
    pub rate: Option<f64>,
    /// The producer's time per record that it tried (saturating), or per call (paced).
    pub producer: Option<f64>,
    /// irq_work per million records.
    pub irq_work: Option<f64>,
    /// How often the reader blocked or slept, per second.
    pub blocks: Option<f64>,
    /// Reader's share of a CPU.
    pub cpu: Option<f64>,
    /// The reader's CPU time per record.
    pub cpu_record: Option<f64>,
    /// Refused records, as a share of those tried.
    pub losses: Option<f64>,
    /// Percentiles of the latency.
    pub p50: Option<f64>,
    /// 90 %.
    pub p90: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// 99.9 %.
    pub p999: Option<f64>,
    /// Time per record of a drain.
    pub drain: Option<f64>,
}

/// Runs `reader`, or no reader, under the load of `cell`; `seed` decides the gaps.
///
/// # Errors
/// If anything fails, and if the reader saw anything but what was accepted.
pub fn run(
    rig: &mut Rig,
    cell: &Cell,
    reader: Option<&Reader>,
    setup: &Setup,
    seed: u64,
) -> Result<Outcome> {
    let (irq, steal) = (meter::irq_work(), meter::steal());
    let measured = match (reader, cell.load) {
        (Some(reader), Load::Prefilled { .. }) => drained(rig, cell, reader, setup),
        (Some(reader), _) => parallel(rig, cell, reader, setup, seed),
        (None, _) => alone(rig, cell, setup, seed),
    };
    let name = reader.map_or(ALONE, |reader| reader.name);
    let Measured { produced, usage, seen, drains } =
        measured.with_context(|| format!("{name}: {cell}"))?;
    if let Some(seen) = &seen {
        check(cell, &produced, seen).with_context(|| format!("{name}: {cell}"))?;
    }
    let latencies = seen.map(|seen| seen.latencies()).unwrap_or_default();
    let irq_work = meter::irq_work().zip(irq).map(|(after, before)| after - before);
    let values = values(cell, &produced, usage, irq_work, &latencies, &drains);
    Ok(Outcome {
        reader: name,
        accepted: produced.accepted,
        lost: if drains.is_empty() { produced.refused } else { 0 },
        values,
        preempted: usage.map_or(0, |usage| usage.preempted),
        steal: meter::steal().saturating_sub(steal),
        latencies,
    })
}

#[derive(Debug, Default)]
struct Measured {
    produced: Produced,
    usage: Option<Usage>,
    seen: Option<Seen>,
    drains: Vec<f64>,
}

/// The reader and the producer at the same time, each on its CPU.
fn parallel(
    rig: &mut Rig,
    cell: &Cell,
    reader: &Reader,
    setup: &Setup,
    seed: u64,
) -> Result<Measured> {
    let Rig { map, producer, .. } = rig;
    let map = &*map;
    let phase = Phase::default();
    let first = producer.sequence();
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut seen = Seen::new(first);
            let mut work = Work::parallel(&phase);
            let result = settle(setup, cell, 1)
                .and_then(|_pinned| reader.run(cell.load.look(), map, &mut seen, &mut work));
            if result.is_err() {
                phase.set(Phase::FAILED);
            }
            result.map(|()| (seen, work.usage))
        });
        let producing = scope.spawn(|| {
            let result = settle(setup, cell, 0).and_then(|_pinned| {
                phase.set(Phase::SETTLED);
                phase.wait(Phase::READY);
                let before = producer.total();
                // The first record wakes the reader, like the last one. If commits do not notify, a
                // reader may be asleep now, although it would not be in the middle of its work.
                producer.wake(cell.size)?;
                let load = match phase.get() {
                    Phase::READY => load(producer, cell, setup, seed, false)?,
                    _ => Produced::default(),
                };
                phase.set(Phase::LAST);
                producer.wake(cell.size)?;
                let produced = producer.total().since(before);
                Ok(Produced { calls: load.calls, time: load.time, ..produced })
            });
            phase.set(Phase::DONE);
            result
        });
        let read = reading.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?;
        let produced = producing.join().map_err(|_| anyhow::anyhow!("the producer panicked"))??;
        let (seen, usage) = read?;
        Ok(Measured { produced, usage: Some(usage), seen: Some(seen), drains: Vec::new() })
    })
}

/// The producer, without a reader.
fn alone(rig: &mut Rig, cell: &Cell, setup: &Setup, seed: u64) -> Result<Measured> {
    if let Load::Prefilled { .. } = cell.load {
        bail!("nobody cannot drain a ring");
    }
    let producer = &mut rig.producer;
    let produced = on_its_cpu(|| {
        let _pinned = settle(setup, cell, 0)?;
        load(producer, cell, setup, seed, true)
    })?;
    Ok(Measured { produced, ..Default::default() })
}

/// Full rings, written and read on the reader's CPU.
fn drained(rig: &mut Rig, cell: &Cell, reader: &Reader, setup: &Setup) -> Result<Measured> {
    let Rig { map, producer, .. } = rig;
    let map = &*map;
    let before = producer.total();
    let mut seen = Seen::new(producer.sequence());
    let drains = on_its_cpu(|| {
        let _pinned = settle(setup, cell, 1)?;
        let mut work = Work::prefilled(producer, cell.size, setup.effort.fills);
        reader.run(cell.load.look(), map, &mut seen, &mut work)?;
        Ok(work.nanoseconds().to_vec())
    })?;
    let produced = producer.total().since(before);
    Ok(Measured { produced, usage: None, seen: Some(seen), drains })
}

/// Runs `work` on its own thread, so that its priority ends with it.
fn on_its_cpu<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        scope.spawn(work).join().map_err(|_| anyhow::anyhow!("a thread panicked"))?
    })
}

fn settle(setup: &Setup, cell: &Cell, which: usize) -> Result<ringbuf_tests::Pinned> {
    let cpu = setup.cpus[which];
    let pinned = ringbuf_tests::pin_to_cpu(cpu).with_context(|| format!("CPU {cpu}"))?;
    match cell.threads {
        Threads::Ordinary => meter::ordinary().context("SCHED_OTHER")?,
        Threads::RealTime => meter::real_time().context("SCHED_FIFO, which needs CAP_SYS_NICE")?,
    }
    Ok(pinned)
}

fn load(
    producer: &mut Producer,
    cell: &Cell,
    setup: &Setup,
    seed: u64,
    alone: bool,
) -> Result<Produced> {
    let (size, wakeups, effort) = (cell.size, cell.wakeups, setup.effort);
    match cell.load {
        Load::Saturating if alone => producer.saturate_alone(size, effort.saturating),
        Load::Saturating => producer.saturate(size, wakeups, effort.saturating),
        Load::Paced(gap) => {
            producer.pace(size, &mut Pace::new(gap, seed), wakeups, effort.pacing(gap), alone)
        }
        Load::Prefilled { .. } => Ok(Produced::default()),
    }
}

/// Checks that the reader saw exactly the accepted records.
fn check(cell: &Cell, produced: &Produced, seen: &Seen) -> Result<()> {
    ensure!(
        seen.count == produced.accepted && seen.bytes == produced.bytes,
        "accepted were {} records of {} bytes, the reader saw {} of {}",
        produced.accepted,
        produced.bytes,
        seen.count,
        seen.bytes,
    );
    ensure!(seen.disorder == 0, "{} records came out of order", seen.disorder);
    let touched = matches!(cell.load, Load::Saturating | Load::Prefilled { touched: true });
    ensure!(
        !touched || seen.sum == produced.sum,
        "the words of the samples add up to {}, the reader's sum is {}",
        produced.sum,
        seen.sum,
    );
    Ok(())
}

fn values(
    cell: &Cell,
    produced: &Produced,
    usage: Option<Usage>,
    irq_work: Option<u64>,
    latencies: &[u32],
    drains: &[f64],
) -> Values {
    if !drains.is_empty() {
        return Values { drain: median(drains), ..Default::default() };
    }
    let accepted = produced.accepted as f64;
    let tried = accepted + produced.refused as f64;
    let nanoseconds = produced.time.as_nanos() as f64;
    let saturating = cell.load == Load::Saturating;
    let per_second = |count: u64, wall: Duration| count as f64 / wall.as_secs_f64();
    let latency = |share| percentile(latencies, share);
    Values {
        rate: saturating.then(|| accepted / nanoseconds * 1e9),
        producer: Some(nanoseconds / if saturating { tried } else { produced.calls as f64 }),
        irq_work: irq_work.filter(|_| usage.is_some()).map(|count| count as f64 / accepted * 1e6),
        blocks: usage.map(|usage| per_second(usage.blocks, usage.wall)),
        cpu: usage.map(|usage| usage.cpu.as_secs_f64() / usage.wall.as_secs_f64()),
        cpu_record: usage.map(|usage| usage.cpu.as_nanos() as f64 / accepted),
        losses: usage.map(|_| produced.refused as f64 / tried),
        p50: latency(0.5),
        p90: latency(0.9),
        p99: latency(0.99),
        p999: latency(0.999),
        drain: None,
    }
}
