//! What watching costs: the throughput of producers with `ringbuf top` and without, in turns, and
//! the CPU time of `ringbuf top` and `ringbuf export`.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use anyhow::{Context, Result, anyhow, ensure};
use libbpf_rs::{MapHandle, MapType, libbpf_sys};
use ringbuf_tests::{may_open, page_size, pin_to_cpu};

use crate::meter;
use crate::producer::{Producer, Rig};
use crate::statistics::median;
use crate::trial::Setup;

/// Rings that are written, half of them by each CPU.
const WRITTEN: usize = 50;
const RING: u32 = 256 << 10;
const SIZE: u32 = 64;
/// How long a ring is written before the next one has its turn.
const TURN: Duration = Duration::from_millis(2);
/// A part of a repetition, with `top` or without. It looks each second.
const PART: Duration = Duration::from_secs(3);
/// Idle rings for the exporter.
const IDLE: u32 = 1000;
/// A watcher loads its programs in this time, on a machine that is not too busy.
const BEGIN: Duration = Duration::from_secs(3);
/// How long the exporter is measured. It looks each second.
const EXPORT: Duration = Duration::from_secs(10);

/// Measures all, and returns the figures.
///
/// # Errors
/// If the kernel refuses something, or the command is not built.
pub fn run(setup: &Setup, repetitions: usize) -> Result<String> {
    let top = throughput(setup, repetitions)?;
    Ok(top + &export()?)
}

fn throughput(setup: &Setup, repetitions: usize) -> Result<String> {
    let mut rigs = (0..WRITTEN).map(|_| Rig::load(RING)).collect::<Result<Vec<_>>>()?;
    let mut producers: Vec<_> = rigs.iter_mut().map(|rig| &mut rig.producer).collect();
    let top = Watcher::start(&["top", "--json", "-i", "1s"])?;
    let (mut ratios, mut alone, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..repetitions.max(1) {
        let mut rates = [0.0; 2];
        // The first one takes the memory into use. Then the order alternates.
        for with in [number % 2, 1 - number % 2] {
            top.signal(if with == 1 { libc::SIGCONT } else { libc::SIGSTOP })?;
            let before = top.cpu()?;
            let (begin, records) = (Instant::now(), produce(&mut producers, setup)?);
            let time = begin.elapsed().as_secs_f64();
            rates[with] = records as f64 / time;
            if with == 1 {
                cpu.push((top.cpu()? - before).as_secs_f64() / time);
            }
        }
        ratios.push(rates[1] / rates[0]);
        alone.push(rates[0]);
    }
    let of = |figures: &[f64]| median(figures).unwrap_or(f64::NAN);
    let worst = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(format!(
        "ringbuf top -i 1s beside {WRITTEN} rings that two CPUs write as fast as they can \
         ({SIZE} B, rings of {} KiB, ordinary threads, no reader); parts of {PART:?} in turns, \
         medians over {repetitions} repetitions, ratios within one\n  \
         without top {:.2} Mrec/s; with top x {:.4} (the worst x {worst:.4}); top takes {:.2} % of \
         a CPU\n",
        RING >> 10,
        of(&alone) / 1e6,
        of(&ratios),
        of(&cpu) * 1e2,
    ))
}

/// Writes all rings for a part of a repetition, each CPU its half. Returns the records.
fn produce(producers: &mut [&mut Producer], setup: &Setup) -> Result<u64> {
    let (first, second) = producers.split_at_mut(WRITTEN / 2);
    let write = |cpu: usize, rings: &mut [&mut Producer]| -> Result<u64> {
        let _pinned = pin_to_cpu(cpu)?;
        meter::ordinary()?;
        let (end, mut records, mut turn) = (Instant::now() + PART, 0, 0);
        while Instant::now() < end {
            let count = rings.len();
            records += rings[turn % count].saturate_alone(SIZE, TURN)?.accepted;
            turn += 1;
        }
        Ok(records)
    };
    let [one, other] = setup.cpus;
    thread::scope(|scope| {
        let beside = scope.spawn(|| write(other, second));
        let records = write(one, first)?;
        Ok(records + beside.join().map_err(|_| anyhow!("a producer panicked"))??)
    })
}

fn export() -> Result<String> {
    may_open(IDLE + 200);
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    let bytes = u32::try_from(page_size())?;
    let ring = |_| MapHandle::create(MapType::RingBuf, Some("idle"), 0, 0, bytes, &options);
    let _rings = (0..IDLE).map(ring).collect::<libbpf_rs::Result<Vec<_>>>()?;
    let most = (2 * IDLE).to_string();
    let arguments = ["export", "--listen", "127.0.0.1:0", "--max-rings", &most];
    let export = Watcher::start(&arguments)?;
    let (before, begin) = (export.cpu()?, Instant::now());
    thread::sleep(EXPORT);
    let share = (export.cpu()? - before).as_secs_f64() / begin.elapsed().as_secs_f64();
    Ok(format!(
        "ringbuf export beside {IDLE} idle rings, a look each second, without scrapes, over \
         {EXPORT:?}\n  it takes {:.2} % of a CPU\n",
        share * 1e2
    ))
}

/// A command that watches, until this is dropped.
struct Watcher(Child);

impl Watcher {
    /// Starts the command that is built beside this program, and lets it begin.
    fn start(arguments: &[&str]) -> Result<Self> {
        let path = env::current_exe()?.with_file_name("ringbuf");
        let mut command = Command::new(&path);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| {
            format!("cannot start {}: `cargo build --release -p ringbuf-cli`", path.display())
        })?;
        let mut this = Self(child);
        thread::sleep(BEGIN);
        let ended = this.0.try_wait()?;
        ensure!(ended.is_none(), "ringbuf {} ends: {ended:?}", arguments.join(" "));
        Ok(this)
    }

    fn signal(&self, signal: libc::c_int) -> Result<()> {
        // SAFETY: a signal to our own child.
        let sent = unsafe { libc::kill(self.0.id() as libc::pid_t, signal) };
        ensure!(sent == 0, io::Error::last_os_error());
        Ok(())
    }

    /// The CPU time of all its threads.
    fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for entry in fs::read_dir(format!("/proc/{}/task", self.0.id()))? {
            let text = fs::read_to_string(entry?.path().join("schedstat"))?;
            let first = text.split_whitespace().next().context("schedstat is empty")?;
            nanos += first.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}
