//! `ringbuf sim --calibrate`: measures the prices of this machine, and writes a machine file.

#[cfg(feature = "bpf")]
mod bpf;
mod cpus;
mod prices;
mod rings;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use ringbuf_model::{
    Arrivals, Bound, Machine, Prices, Reader, Row, Setup, Sizes, Table, Topology, Wakeups,
};

use self::cpus::Pairs;
use self::rings::{RING, SAMPLE, Simulated, Source};
use crate::new_file;

/// The machine whose prices stand for what cannot be measured here.
const DEFAULT: &str = "vm-2cpu";
/// The readers whose throughput is compared with the model.
const READERS: [&str; 3] = ["spin:300ns", "spin:1us", "busy"];

/// Measures this machine, and writes its file. Returns what a person reads.
pub(crate) fn run(file: &Path, force: bool) -> Result<String> {
    new_file::may_be_written(file, force)?;
    let (topology, pairs) = cpus::find()?;
    let mut machine = Machine::named(DEFAULT)?;
    (machine.tables, machine.bounds) = (Vec::new(), Vec::new());
    machine.topology = topology;
    machine.name = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    let mut told = Vec::new();
    if cfg!(debug_assertions) {
        told.push(
            "Measured by a debug build, whose prices are too high: use --release.".to_owned(),
        );
    }
    without_privilege(&mut machine.prices, pairs, &mut told)?;
    with_rings(&mut machine, pairs, &mut told)?;
    round(&mut machine.prices);
    machine.about = about(&machine.topology, &told);
    new_file::write(file, force, &machine.to_toml())?;
    Ok(text(&machine, file, &told))
}

/// What any process can measure.
fn without_privilege(prices: &mut Prices, pairs: Pairs, told: &mut Vec<String>) -> Result<()> {
    (prices.hit, prices.atomic) = prices::own();
    prices.clock = prices::clock();
    (prices.nap, prices.late) = prices::nap();
    let mut missing = Vec::new();
    let transfers = [
        ("core", pairs.core, &mut prices.core),
        ("cluster", pairs.cluster, &mut prices.cluster),
        ("across", pairs.across, &mut prices.across),
    ];
    for (name, pair, price) in transfers {
        match pair {
            Some(pair) => *price = prices::transfer(pair)?,
            None => missing.push(name),
        }
    }
    if !missing.is_empty() {
        told.push(format!(
            "This machine has no two CPUs at the distance {}: from {DEFAULT}, and not used.",
            missing.join(", ")
        ));
    }
    let Some(pair) = pairs.apart() else {
        told.push(format!("One CPU only: stream, wakeup, block and notify are from {DEFAULT}."));
        return Ok(());
    };
    let transfer = prices::transfer(pair)?;
    prices.stream = prices::stream(pair, transfer)?;
    let wake = prices::wake(pair)?;
    (prices.wakeup, prices.block, prices.notify) = (wake.wakeup, wake.block, wake.notify);
    told.push("wakeup and block are those of eventfd and epoll.".to_owned());
    Ok(())
}

/// What a record and a notification cost: of a BPF program, or of the simulator without privilege.
fn with_rings(machine: &mut Machine, pairs: Pairs, told: &mut Vec<String>) -> Result<()> {
    #[cfg(feature = "bpf")]
    {
        let mut object = std::mem::MaybeUninit::uninit();
        match bpf::Programs::load(&mut object) {
            Ok(programs) => {
                told.push("program and notify are those of a BPF program.".to_owned());
                if let Some(pair) = pairs.apart() {
                    machine.prices.notify = programs.notify(pair)?;
                }
                return compared(machine, pairs, &programs, "a BPF program");
            }
            Err(error) => told.push(format!("No BPF program can be measured: {error:#}.")),
        }
    }
    told.push(
        "program is that of the simulator in user space, notify that of eventfd: a BPF program may \
         cost more. A build with BPF, run as root, measures that."
            .to_owned(),
    );
    compared(machine, pairs, &Simulated::new()?, "the simulator in user space")
}

/// Fits the price of the program to the time of a record, then compares the model with throughputs.
fn compared(
    machine: &mut Machine,
    pairs: Pairs,
    source: &impl Source,
    producer: &str,
) -> Result<()> {
    let record = source.record()?;
    let (walk, look) = rings::reading(source)?;
    let prices = &mut machine.prices;
    (prices.walk, prices.look) = ((walk - 2.0 * prices.hit).max(0.0), (look - prices.hit).max(0.0));
    prices.program = 0.0;
    let without = alone(machine)?;
    machine.prices.program = (record - without).max(0.0);
    let row = |reader: Reader, mrec: f64, fitted| Row {
        producers: 1,
        reader: Some(reader),
        silent: true,
        mrec: (mrec * 100.0).round() / 100.0,
        fitted,
    };
    let mut rows = vec![row(Reader::None, 1e3 / record, true)];
    if let Some(pair) = pairs.apart() {
        for name in READERS {
            let reader: Reader = name.parse()?;
            let mrec = rings::throughput(source, &reader, pair)?;
            rows.push(row(reader, mrec, false));
        }
    }
    let mut table = Table {
        title: "ways to read, without notifications".to_owned(),
        source: format!("Measured by ringbuf sim --calibrate, with {producer} on one CPU"),
        ring: ringbuf_model::units::bytes_text(RING),
        size: SAMPLE as u32,
        batch: rings::AT_ONCE * rings::BATCH as u32,
        gap: source.gap()?,
        reader: Reader::None,
        overwrite: false,
        rms: 0.0,
        worst: 0.0,
        rows,
    };
    let errors = Table::error(&table.compare(machine)?);
    // Up, so that the file never promises more than was measured.
    (table.rms, table.worst) = (up(errors.0), up(errors.1));
    if table.rows.iter().all(|row| row.fitted) {
        let text = "nothing was compared: readers need a second CPU that this process may use";
        machine.bounds.push(bound(1, text.to_owned()));
    } else if table.rms > 0.25 {
        machine
            .bounds
            .push(bound(1, format!("its own table is off by {:.0} %", table.rms * 100.0)));
    } else {
        let text = "only rings of one CPU were compared with measurements on this machine";
        machine.bounds.push(bound(2, text.to_owned()));
    }
    machine.tables.push(table);
    Ok(())
}

fn bound(producers_per_ring: usize, text: String) -> Bound {
    Bound { with_reader: false, producers_per_ring, text }
}

/// The model's time of a record of one CPU that has the ring for itself.
fn alone(machine: &Machine) -> Result<f64> {
    let mut setup = Setup::new(machine.clone());
    setup.arrivals = Arrivals::Closed { batch: 1000, gap: Duration::ZERO };
    (setup.sizes, setup.ring) = (Sizes::fixed(SAMPLE as u32), RING);
    (setup.reader, setup.overwrite) = (Reader::None, true);
    setup.faults.wakeups = Wakeups::Never;
    (setup.warm_up, setup.duration) = (Duration::from_millis(2), Duration::from_millis(2));
    let report = setup.run()?;
    Ok(report.time.as_secs_f64() * 1e9 / report.accepted.max(1) as f64)
}

fn round(prices: &mut Prices) {
    let all = [
        &mut prices.hit,
        &mut prices.atomic,
        &mut prices.core,
        &mut prices.cluster,
        &mut prices.across,
        &mut prices.program,
        &mut prices.notify,
        &mut prices.wakeup,
        &mut prices.block,
        &mut prices.nap,
        &mut prices.walk,
        &mut prices.look,
        &mut prices.clock,
        &mut prices.late,
        &mut prices.stream,
    ];
    for price in all {
        *price = (*price * 100.0).round() / 100.0;
    }
}

fn up(error: f64) -> f64 {
    (error * 100.0).ceil() / 100.0
}

fn about(topology: &Topology, told: &[String]) -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!(
        "Measured by ringbuf sim --calibrate on {} CPUs of {}, Linux {}. locked and occupancy are \
         from {DEFAULT}. {}",
        topology.cpus,
        model.map_or("an unnamed processor", |(_, model)| model),
        release.trim(),
        told.join(" ")
    )
}

fn text(machine: &Machine, file: &Path, told: &[String]) -> String {
    let Prices { core, cluster, across, program, notify, wakeup, block, nap, .. } = machine.prices;
    let mut text = format!(
        "wrote {}\nlines     core {core} ns, cluster {cluster} ns, across {across} ns\n\
         program   {program} ns, notification {notify} ns\n\
         reader    wakeup {wakeup} ns, block {block} ns, nap {nap} ns\n",
        file.display()
    );
    for table in &machine.tables {
        if table.rows.iter().all(|row| row.fitted) {
            text += "error     not known: readers need a second CPU that this process may use\n";
            continue;
        }
        text += &format!(
            "error     rms {:.0} %, worst {:.0} % on {} rows that were not fitted\n",
            table.rms * 100.0,
            table.worst * 100.0,
            table.rows.iter().filter(|row| !row.fitted).count()
        );
    }
    for line in told {
        text += &format!("note      {line}\n");
    }
    text
}
