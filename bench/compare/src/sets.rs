//! What a set of rings costs, beside one ring without a set, in one run: the same records at the
//! same total rate.

mod scenes;

use std::time::{Duration, Instant};
use std::{hint, thread};

use anyhow::{Context, Result, anyhow, ensure};
use ringbuf_kernel::{Budget, MapOptions, Mapping, MergedRings, Record, RingBuf, RingSet, Round};
use ringbuf_tokio::AsyncRing;

use crate::meter::{self, Thread, Usage};
use crate::producer::{Produced, Rig};
use crate::report::aligned;
use crate::seen::now;
use crate::statistics::{median, percentile};
use crate::trial::Setup;
use crate::work::Phase;
use scenes::{How, Load, MERGES, Reader, SCENES, Scene, TASKS};

const RING: u32 = 256 << 10;
const SIZE: u32 = 64;
/// Records of a ring before the next has its turn.
const TURN: u32 = 32;
/// The gap between paced records.
const GAP: u64 = 10_000;
/// What the callback costs where one ring is flooded, and the budget there.
const CALLBACK: u64 = 200;
const BUDGET: Duration = Duration::from_micros(200);
const TIMEOUT: Duration = Duration::from_millis(100);
/// How long merged records are held.
const LATENESS: Duration = Duration::from_micros(200);

/// What one run came to, in nanoseconds.
struct Outcome {
    reader: &'static str,
    records: u64,
    call: f64,
    cpu: f64,
    notified: f64,
    p50: f64,
    p99: f64,
    max: f64,
}

/// Runs all scenes, and returns their tables.
///
/// # Errors
/// If the kernel refuses a program or a ring, and if a record is lost or out of order.
pub fn run(setup: &Setup, repetitions: usize) -> Result<String> {
    Ok(format!("sets of rings: {}", scenes(&SCENES, 64, setup, repetitions)?))
}

/// The same for tokio tasks: each is compared with a thread that blocks.
///
/// # Errors
/// As [`run`].
pub fn tasks(setup: &Setup, repetitions: usize) -> Result<String> {
    Ok(format!("tokio tasks: {}", scenes(&TASKS, 1, setup, repetitions)?))
}

/// The same for live rings that are merged: each is compared with the same rings as a set.
///
/// # Errors
/// As [`run`].
pub fn merges(setup: &Setup, repetitions: usize) -> Result<String> {
    Ok(format!("merged rings: {}", scenes(&MERGES, 64, setup, repetitions)?))
}

fn scenes(scenes: &[Scene], rings: usize, setup: &Setup, repetitions: usize) -> Result<String> {
    let mut rigs = (0..rings).map(|_| Rig::load(RING)).collect::<Result<Vec<_>>>()?;
    let mut text = String::from(
        "64 B, rings of 256K, adaptive wakeups, ordinary threads\n  \
         call ns: a run of the program, for 32 records if saturating, for one otherwise\n  \
         CPU ns: of the reader, a record; x first: to the first line in the same repetition\n",
    );
    for scene in scenes {
        let mut all = Vec::new();
        for _ in 0..repetitions {
            let runs =
                scene.readers.iter().map(|reader| trial(&mut rigs, scene.load, reader, setup));
            all.push(runs.collect::<Result<Vec<_>>>()?);
        }
        text += &format!("\n{}\n{}", scene.title, table(scene, &all));
    }
    Ok(text)
}

fn table(scene: &Scene, all: &[Vec<Outcome>]) -> String {
    let titles = [
        "reader",
        "records",
        "call ns",
        "CPU ns",
        "notif/rec",
        "p50 us",
        "p99 us",
        "max us",
        "rec x first",
        "call x first",
        "CPU x first",
    ];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for (at, reader) in scene.readers.iter().enumerate() {
        let of = |figure: fn(&Outcome) -> f64| {
            median(&all.iter().map(|runs| figure(&runs[at])).collect::<Vec<_>>()).unwrap_or(0.0)
        };
        let ratio = |figure: fn(&Outcome) -> f64| {
            median(&all.iter().map(|runs| figure(&runs[at]) / figure(&runs[0])).collect::<Vec<_>>())
                .unwrap_or(0.0)
        };
        debug_assert!(all.iter().all(|runs| runs[at].reader == reader.name));
        let records: u64 = all.iter().map(|runs| runs[at].records).sum();
        rows.push(vec![
            reader.name.to_owned(),
            records.to_string(),
            format!("{:.0}", of(|run| run.call)),
            format!("{:.1}", of(|run| run.cpu)),
            format!("{:.3}", of(|run| run.notified)),
            format!("{:.2}", of(|run| run.p50) / 1e3),
            format!("{:.2}", of(|run| run.p99) / 1e3),
            format!("{:.1}", of(|run| run.max) / 1e3),
            format!("{:.2}", ratio(|run| run.records as f64)),
            format!("{:.2}", ratio(|run| run.call)),
            format!("{:.2}", ratio(|run| run.cpu)),
        ]);
    }
    aligned(&rows, 1)
}

/// What a reader keeps: the next sequence of each ring, and latencies.
struct Seen {
    load: Load,
    records: u64,
    latencies: Vec<u32>,
}

impl Seen {
    #[inline(always)]
    fn look(&mut self, ring: &mut Tag, sample: &[u8]) {
        let word = |at: usize| sample.get(at..).and_then(|rest| rest.first_chunk()).copied();
        let sequence = word(0).map(u64::from_ne_bytes);
        ring.disorder |= sequence != Some(ring.next);
        ring.next += 1;
        self.records += 1;
        match self.load {
            Load::Saturating | Load::Stamped => {}
            Load::Flooded if ring.first => {
                let end = now() + CALLBACK;
                while now() < end {
                    hint::spin_loop();
                }
            }
            _ => {
                let stamp = word(8).map_or(0, u64::from_ne_bytes);
                self.latencies.push(u32::try_from(now().saturating_sub(stamp)).unwrap_or(u32::MAX));
            }
        }
    }
}

/// One ring: what comes next, and if it is the first.
struct Tag {
    next: u64,
    disorder: bool,
    first: bool,
}

fn trial(rigs: &mut [Rig], load: Load, reader: &Reader, setup: &Setup) -> Result<Outcome> {
    let rigs = &mut rigs[..reader.busy];
    let phase = Phase::default();
    let tag = |(at, rig): (usize, &Rig)| Tag {
        next: rig.producer.sequence(),
        disorder: false,
        first: at == 0,
    };
    let before: u64 = rigs.iter().map(|rig| rig.producer.sequence()).sum();
    let tags: Vec<_> = rigs.iter().enumerate().map(tag).collect();
    let rings = rigs.iter().map(|rig| RingBuf::open(&rig.map)).collect::<Result<Vec<_>, _>>()?;
    let mut irq = meter::irq_work();
    let (usage, mut seen, produced) = thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let result = (|| {
                let _pinned = ringbuf_tests::pin_to_cpu(setup.cpus[1])?;
                meter::ordinary()?;
                let seen = Seen { load, records: 0, latencies: Vec::with_capacity(1 << 20) };
                match reader.how {
                    How::Ring => read_one(rings, tags, reader, &phase, seen),
                    How::Set => read_set(rings, tags, reader, &phase, seen),
                    How::Merged => read_merged(rings, tags, reader, &phase, seen),
                    How::Task => read_in_task(rings, tags, reader, &phase, seen),
                }
            })();
            if result.is_err() {
                phase.set(Phase::FAILED);
            }
            result
        });
        let produced = (|| {
            let _pinned = ringbuf_tests::pin_to_cpu(setup.cpus[0])?;
            meter::ordinary()?;
            phase.set(Phase::SETTLED);
            phase.wait(Phase::READY);
            irq = meter::irq_work();
            let produced = produce(rigs, load, setup);
            phase.set(Phase::LAST);
            rigs.iter_mut().try_for_each(|rig| rig.producer.wake(SIZE))?;
            produced
        })();
        phase.set(Phase::DONE);
        let read: Result<(Usage, Seen)> =
            reading.join().map_err(|_| anyhow!("the reader panicked"))?;
        let (usage, seen) = read?;
        anyhow::Ok((usage, seen, produced?))
    })
    .with_context(|| reader.name)?;
    let records: u64 = rigs.iter().map(|rig| rig.producer.sequence()).sum::<u64>() - before;
    ensure!(seen.records == records, "{}: {} of {records} records", reader.name, seen.records);
    let notified = meter::irq_work().zip(irq).map_or(0, |(after, before)| after - before);
    seen.latencies.sort_unstable();
    let latency = |share| percentile(&seen.latencies, share).unwrap_or(0.0);
    Ok(Outcome {
        reader: reader.name,
        records,
        call: produced.time.as_nanos() as f64 / produced.calls as f64,
        cpu: usage.cpu.as_nanos() as f64 / records as f64,
        notified: notified as f64 / records as f64,
        p50: latency(0.5),
        p99: latency(0.99),
        max: latency(1.0),
    })
}

fn produce(rigs: &mut [Rig], load: Load, setup: &Setup) -> Result<Produced> {
    let end = Instant::now() + setup.effort.saturating;
    let (mut all, mut due, mut turn) = (Produced::default(), now(), 0);
    while Instant::now() < end {
        let count = rigs.len();
        let produced = match load {
            Load::Saturating => rigs[turn % count].producer.burst(SIZE, TURN)?,
            Load::Stamped => rigs[turn % count].producer.stamped(SIZE, TURN)?,
            Load::Paced => {
                while now() < due {
                    hint::spin_loop();
                }
                due = now() + GAP;
                rigs[turn % count].producer.stamped(SIZE, 1)?
            }
            Load::Flooded if now() < due => {
                let flood = rigs[0].producer.burst(SIZE, TURN)?;
                all.accepted += flood.accepted;
                continue;
            }
            Load::Flooded => {
                due = now() + GAP;
                rigs[1 + turn % (count - 1)].producer.stamped(SIZE, 1)?
            }
        };
        turn += 1;
        all.accepted += produced.accepted;
        all.time += produced.time;
        all.calls += 1;
    }
    Ok(all)
}

fn read_one(
    rings: Vec<RingBuf>,
    tags: Vec<Tag>,
    reader: &Reader,
    phase: &Phase,
    mut seen: Seen,
) -> Result<(Usage, Seen)> {
    let (mut ring, mut tag) = rings.into_iter().zip(tags).next().context("a ring")?;
    ring.set_policy((reader.policy)());
    let usage = drive(phase, |wait| {
        ring.drain(|record| seen.look(&mut tag, &record))?;
        if wait {
            ring.wait(Some(TIMEOUT))?;
        }
        Ok(())
    })?;
    ensure!(!tag.disorder, "records are out of order");
    Ok((usage, seen))
}

/// On a runtime of this thread alone. The last record notifies.
fn read_in_task(
    rings: Vec<RingBuf>,
    tags: Vec<Tag>,
    reader: &Reader,
    phase: &Phase,
    mut seen: Seen,
) -> Result<(Usage, Seen)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut ring, mut tag) = rings.into_iter().zip(tags).next().context("a ring")?;
    ring.set_policy((reader.policy)());
    let usage = runtime.block_on(async {
        let mut ring = AsyncRing::new(ring)?;
        phase.wait(Phase::SETTLED);
        let before = Thread::now()?;
        phase.set(Phase::READY);
        while phase.get() < Phase::LAST {
            ring.drain(|record| seen.look(&mut tag, &record))?;
            ring.ready().await?;
        }
        phase.wait(Phase::DONE);
        ring.drain(|record| seen.look(&mut tag, &record))?;
        anyhow::Ok(before.until_now()?)
    })?;
    ensure!(!tag.disorder, "records are out of order");
    Ok((usage, seen))
}

fn read_set(
    rings: Vec<RingBuf>,
    tags: Vec<Tag>,
    reader: &Reader,
    phase: &Phase,
    mut seen: Seen,
) -> Result<(Usage, Seen)> {
    let mut set = RingSet::new((reader.policy)())?;
    for (ring, tag) in rings.into_iter().zip(tags) {
        set.insert(ring, tag)?;
    }
    for _ in 0..reader.idle {
        let tag = Tag { next: 0, disorder: false, first: false };
        set.insert(MapOptions::new(RING.into()).create()?, tag)?;
    }
    if seen.load == Load::Flooded {
        set.set_budget(Budget::unlimited().time(BUDGET));
    }
    // They become idle.
    set.wait(Some(Duration::from_millis(1)))?;
    let usage = drive(phase, |wait| {
        set.drain(|tag, record| seen.look(tag, &record))?;
        if wait {
            set.wait(Some(TIMEOUT))?;
        }
        Ok(())
    })?;
    // Turns are short where one ring is flooded.
    while set.wait(Some(Duration::ZERO))? == ringbuf_kernel::Wakeup::Ready {
        set.drain(|tag, record| seen.look(tag, &record))?;
    }
    ensure!(set.iter().all(|(_, tag)| !tag.disorder), "records are out of order");
    Ok((usage, seen))
}

fn read_merged(
    rings: Vec<RingBuf>,
    tags: Vec<Tag>,
    reader: &Reader,
    phase: &Phase,
    mut seen: Seen,
) -> Result<(Usage, Seen)> {
    let stamp = |record: &Record<'_, Mapping>| {
        record.get(8..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
    };
    let mut merged = MergedRings::new((reader.policy)(), LATENESS, stamp)?;
    for (ring, tag) in rings.into_iter().zip(tags) {
        merged.insert(ring, tag)?;
    }
    let usage = drive(phase, |wait| {
        while merged.drain(|tag, merged| seen.look(tag, &merged.record))? != Round::Empty && !wait {
            merged.wait(Some(TIMEOUT))?;
        }
        if wait {
            merged.wait(Some(TIMEOUT))?;
        }
        Ok(())
    })?;
    ensure!(merged.iter().all(|(_, tag, _)| !tag.disorder), "records are out of order");
    Ok((usage, seen))
}

/// Reads until the producer is done, and once more.
#[inline(always)]
fn drive(phase: &Phase, mut round: impl FnMut(bool) -> Result<()>) -> Result<Usage> {
    phase.wait(Phase::SETTLED);
    let before = Thread::now()?;
    phase.set(Phase::READY);
    while phase.get() < Phase::LAST {
        round(true)?;
    }
    phase.wait(Phase::DONE);
    round(false)?;
    Ok(before.until_now()?)
}
