//! The arguments of `ringbuf sim` and `ringbuf size`, and their help.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use ringbuf_model::{Arrivals, Faults, Machine, Reader, Setup, Sharing, Sizes, UnitError, units};

use super::recording;

/// Simulate ring buffers on another machine, in virtual time
///
/// It runs this library's consumer and wait loop against the kernel's algorithm. A machine file
/// says what each access to memory costs. The same options give the same result on any machine,
/// without privilege. docs/simulating.md says how well it agrees with measurements.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf sim --help` shows examples and more.")]
#[command(after_long_help = AFTER_SIM)]
pub(crate) struct Sim {
    #[command(flatten)]
    pub(crate) load: Load,
    /// Bytes of each ring: a power of two, for example 64K or 16M
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = units::bytes)]
    pub(crate) ring: u64,
    /// Number of rings that the CPUs share
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) rings: usize,
    /// Number of reading threads, each with an equal part of the rings
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) readers: usize,
    /// Confine the readers to N CPUs, where they take turns [default: each has its own]
    #[arg(long, value_name = "N", value_parser = reader_cpus)]
    pub(crate) reader_cpus: Option<usize>,
    /// Which CPUs share a ring: neighbours, or striped (CPU modulo rings)
    #[arg(long, value_name = "WHICH", default_value = "neighbours")]
    pub(crate) sharing: Sharing,
    /// The kernel, for example 6.12 or 6.12.110 [default: the newest]
    #[arg(long, value_name = "RELEASE", value_parser = ringbuf_model::release)]
    pub(crate) release: Option<ringbuf_sim::Profile>,
    /// What goes wrong; can be given several times
    #[arg(long = "fault", value_name = "FAULT", value_parser = fault)]
    pub(crate) faults: Vec<String>,
    /// Virtual seconds to measure, after a warm-up of a tenth of it, or of 0.1 s if that is less
    #[arg(long, value_name = "N", default_value = "1", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Print one JSON object; docs/simulating.md has the fields
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw fill, losses and latency over time into this SVG file
    #[arg(long, value_name = "FILE", conflicts_with = "sweep", group = "written")]
    pub(crate) plot: Option<PathBuf>,
    /// Measure this machine instead, for some seconds, and write a machine file
    ///
    /// Pinned threads measure cache lines, wakeups, naps and clocks. With privilege, BPF programs
    /// measure a record and a notification; without, they come from user space, and the file says
    /// so. It also has its own error, on throughputs that nothing was fitted to.
    #[arg(long, value_name = "FILE", group = "written", conflicts_with_all = SIMULATES)]
    pub(crate) calibrate: Option<PathBuf>,
    /// Write over the FILE of --plot or --calibrate if it is a regular file that exists
    #[arg(long, requires = "written")]
    pub(crate) force: bool,
    /// Compare several values in one table: ring=64K..64M,rings=1..192
    ///
    /// The keys are cpus, rate, ring, rings, readers and policy. A range grows by doubling; values
    /// can also be listed: policy=balanced|libbpf. At most 200 combinations.
    #[arg(long, value_name = "LIST", value_parser = super::sweep::parse)]
    pub(crate) sweep: Option<super::sweep::Sweep>,
}

/// What has no sense for a measurement of this machine.
const SIMULATES: [&str; 19] = [
    "cpus",
    "rate",
    "sizes",
    "arrivals",
    "policy",
    "handler",
    "machine",
    "seed",
    "progress",
    "ring",
    "rings",
    "readers",
    "reader_cpus",
    "sharing",
    "release",
    "faults",
    "seconds",
    "sweep",
    "json",
];

/// What both commands simulate.
#[derive(Args, Debug)]
pub(crate) struct Load {
    /// CPUs that produce, each all the time
    #[arg(long, value_name = "N")]
    pub(crate) cpus: Option<usize>,
    /// Records a second of all CPUs together: 1500/s, 200k/s, 2M/s
    #[arg(long, value_name = "RATE", value_parser = units::rate)]
    pub(crate) rate: Option<u64>,
    /// Bytes of a sample: 64, or evenly distributed as in 64..512 [default: 64]
    #[arg(long, value_name = "SIZES")]
    sizes: Option<Sizes>,
    /// When records arrive
    ///
    /// constant, poisson, burst:PEAK:LENGTH:EVERY, on-off:ON:OFF, closed:BATCH:GAP, or trace:FILE,
    /// which takes times and sizes from a capture of `ringbuf record`.
    #[arg(long, value_name = "HOW", default_value = "poisson")]
    pub(crate) arrivals: String,
    /// How the rings are read
    ///
    /// This library's balanced, low-latency, low-cost or immediate; libbpf (blocks when the ring is
    /// empty) or busy (never blocks), both as libbpf; spin:TIME or nap:TIME; none.
    #[arg(long, value_name = "POLICY", default_value = "balanced")]
    pub(crate) policy: Reader,
    /// What the reader does with a record takes this time
    #[arg(long, value_name = "TIME", default_value = "0ns", value_parser = units::time)]
    pub(crate) handler: Duration,
    /// A machine by its name, or a file with a slash in its path [default: xeon-e5-2680v4, or
    /// epyc-9654 for more than its 56 CPUs]
    #[arg(long, value_name = "MACHINE", value_parser = machine)]
    machine: Option<Machine>,
    /// Decides everything that is random
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Show on standard error how far it is, also where no terminal is
    ///
    /// The virtual time that is done, how fast it passes, and the time that is left.
    #[arg(long)]
    pub(crate) progress: bool,
}

impl Load {
    /// Returns the arrivals and the sizes.
    pub(crate) fn arrivals(&self) -> Result<Arrivals> {
        if let Some(file) = self.arrivals.strip_prefix("trace:") {
            ensure!(self.rate.is_none(), "a trace has its own rate: leave --rate away");
            ensure!(self.sizes.is_none(), "a trace has its own sizes: leave --sizes away");
            return recording::load(file.as_ref());
        }
        let rate = match self.rate {
            Some(_) if self.is_closed() => bail!("{CLOSED}: leave --rate away"),
            Some(rate) => rate,
            None if self.is_closed() => 1,
            None => bail!("give a rate with --rate, for example --rate 200k/s"),
        };
        Ok(Arrivals::parse(&self.arrivals, rate)?)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.arrivals.starts_with("closed:")
    }

    fn sizes(&self) -> Sizes {
        self.sizes.unwrap_or(Sizes::fixed(64))
    }

    /// Returns the machine, or the default for so many producing CPUs.
    pub(crate) fn machine(&self, cpus: usize) -> Result<Machine> {
        self.machine.clone().map_or_else(|| Ok(Machine::for_cpus(cpus)?), Ok)
    }

    pub(crate) fn cpus(&self) -> Result<usize> {
        self.cpus.context("give the number of producing CPUs with --cpus")
    }
}

impl Sim {
    pub(crate) fn setup(&self) -> Result<Setup> {
        let load = &self.load;
        let cpus = load.cpus()?;
        let most = self.sweep.as_ref().map_or(cpus, |sweep| sweep.most_cpus().max(cpus));
        let mut setup = Setup::new(load.machine(most)?);
        setup.producers = cpus;
        setup.arrivals = load.arrivals()?;
        setup.sizes = load.sizes();
        setup.reader = load.policy.clone();
        setup.handler = load.handler;
        setup.seed = load.seed;
        (setup.ring, setup.rings, setup.readers) = (self.ring, self.rings, self.readers);
        (setup.sharing, setup.reader_cpus) = (self.sharing, self.reader_cpus.unwrap_or(0));
        if let Some(release) = self.release {
            setup.release = release;
        }
        for fault in &self.faults {
            setup.faults.add(fault)?;
        }
        setup.duration = self.seconds;
        setup.warm_up = (self.seconds / 10).min(Duration::from_millis(100));
        setup.samples = if self.plot.is_some() { 400 } else { 0 };
        Ok(setup)
    }
}

/// Why closed arrivals and a rate do not go together.
pub(crate) const CLOSED: &str = "closed arrivals come as fast as their CPUs make them";

fn reader_cpus(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or("use 1 or more; without this option, each reader has a CPU of its own")
}

fn fault(text: &str) -> Result<String, UnitError> {
    Faults::default().add(text).map(|()| text.to_owned())
}

/// Far more than a machine file has.
const LARGEST_FILE: u64 = 1 << 20;

fn machine(text: &str) -> Result<Machine, String> {
    if !text.contains('/') {
        return Machine::named(text).map_err(|error| error.to_string());
    }
    let mut read = String::new();
    File::open(text)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_string(&mut read))
        .map_err(|error| format!("cannot read {text}: {error}"))?;
    if read.len() as u64 > LARGEST_FILE {
        return Err(format!("{text} has over {LARGEST_FILE} bytes: it is not a machine file"));
    }
    Machine::from_toml(&read).map_err(|error| error.to_string())
}

fn seconds(text: &str) -> Result<Duration, UnitError> {
    units::time(&format!("{text}s")).or_else(|_| units::time(text))
}

const AFTER_SIM: &str = "\
Examples:
  ringbuf sim --cpus 8 --rate 500k/s                     one ring of 1 MiB, this library's reader
  ringbuf sim --cpus 192 --rate 10M/s --rings 24         a ring for each 8 CPUs
  ringbuf sim --cpus 2 --rate 1M/s --machine vm-2cpu --fault pause:50ms@1s --plot out.svg
  ringbuf sim --cpus 192 --rate 9.6M/s --sweep rings=1..192
  ringbuf sim --cpus 4 --arrivals closed:50:200ns --machine xeon-e5-2680v4 --policy libbpf

Faults:
  stall:TIME@SHARE           producers stall inside this share of their reservations
  pause:TIME@EVERY           readers stop for TIME each EVERY
  discard@SHARE              producers discard this share of their records
  lose-notifications@SHARE   this share of the notifications gets lost
  no-wakeup, force-wakeup    producers never notify, or always

Machines:
  xeon-e5-2680v4, epyc-9654, vm-2cpu (two CPUs of a virtual machine), or a file of your own:
  docs/simulating.md explains it. If a machine file is known to be wrong for what you ask, the
  output says `out of bounds`.

Output:
  loss           reservations that failed: the ring was full
  latency        from the commit of a record to its arrival at the reader
  program        what the BPF program takes for a record in the traced CPU
  notifications  sent by the program, for each record
  reader         the share of its time that a reader works

Not modelled: readers and programs that compete for one CPU, the memory's bandwidth, and
interrupts. A reader has a CPU of its own if the machine has enough; with --reader-cpus, readers
take turns of 3 ms.

Exit code:
  0  success
  1  error while running, for example a setup that is not possible
  2  wrong usage";

/// Say how large a ring must be, how many rings there must be, and how to read them
///
/// It looks for the smallest number of rings whose lock and reader bear the peak, then for the
/// smallest size that loses no more than you allow, by simulation, and shows each step.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf size --help` shows examples and more.")]
#[command(after_long_help = AFTER_SIZE)]
pub(crate) struct Size {
    #[command(flatten)]
    pub(crate) load: Load,
    /// A burst once a second: RATE:TIME, for example 1M/s:100ms
    #[arg(long, value_name = "BURST", value_parser = burst, conflicts_with = "arrivals")]
    pub(crate) burst: Option<(u64, Duration)>,
    /// How long the reader can be kept from reading, about once a second
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = units::time)]
    pub(crate) stall: Duration,
    /// The share of records that may be lost
    #[arg(long, value_name = "SHARE", default_value = "0.001%", value_parser = units::millionths)]
    pub(crate) loss: u32,
    /// Take times and sizes from a capture of `ringbuf record`
    #[arg(long, value_name = "FILE",
          conflicts_with_all = ["rate", "sizes", "arrivals", "burst"])]
    pub(crate) from: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

impl Size {
    pub(crate) fn wanted(&self) -> Result<ringbuf_model::Wanted> {
        let load = &self.load;
        let cpus = load.cpus.unwrap_or(1);
        let mut wanted = ringbuf_model::Wanted::new(load.machine(cpus)?);
        wanted.producers = cpus;
        wanted.arrivals = match (&self.from, self.burst) {
            (Some(file), _) => recording::load(file)?,
            (None, None) => load.arrivals()?,
            (None, Some((peak, length))) => {
                let rate =
                    load.rate.context("give a rate with --rate, for example --rate 200k/s")?;
                Arrivals::Bursts { rate, peak, length, every: Duration::from_secs(1) }
            }
        };
        wanted.sizes = load.sizes();
        wanted.reader = load.policy.clone();
        wanted.handler = load.handler;
        wanted.seed = load.seed;
        (wanted.stall, wanted.loss) = (self.stall, self.loss);
        Ok(wanted)
    }
}

fn burst(text: &str) -> Result<(u64, Duration), String> {
    let wrong = "use a rate and a time below a second, for example 1M/s:100ms";
    let (rate, time) = text.split_once(':').ok_or(wrong)?;
    let rate = units::rate(rate).map_err(|error| error.to_string())?;
    let time = units::time(time).map_err(|error| error.to_string())?;
    let is_short = !time.is_zero() && time < Duration::from_secs(1);
    if is_short { Ok((rate, time)) } else { Err(wrong.to_owned()) }
}

const AFTER_SIZE: &str = "\
Examples:
  ringbuf size --rate 200k/s --burst 1M/s:100ms --stall 50ms --loss 0.001%
  ringbuf size --cpus 64 --rate 5M/s --handler 300ns --machine epyc-9654
  ringbuf size --from events.rbcap --stall 20ms

The answer holds for the machine that you name, without a competition for CPUs (see
`ringbuf sim --help`). If it is not sure, it says so, with the reason: do not rely on it then.

Exit code:
  0  an answer
  1  no answer, or an error; the message says what was tried
  2  wrong usage
  4  an answer with doubts";
