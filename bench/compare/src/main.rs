//! The command behind `cargo xtask bench`.

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use ringbuf_compare::load::{Cell, Effort, Threads, Wakeups, grid, ring_name};
use ringbuf_compare::machine::Machine;
use ringbuf_compare::plan::{Measured, Plan};
use ringbuf_compare::readers::READERS;
use ringbuf_compare::trial::{ALONE, Setup};
use ringbuf_compare::{
    frontier, header, merge, perf_array, plot, report, sets, shards, top, wakes,
};
use ringbuf_tests::{online_cpus, refusal};

/// Compare our reader with libbpf, libbpf-rs, aya and a loop written in C
///
/// All read the same kernel map under the same BPF load, in turns. A figure is a median over
/// repetitions, a ratio the median of the ratios within a repetition. Every reader must see
/// exactly what the kernel accepted. Needs root and Linux 5.17. Keep the machine quiet: for a
/// quarter of an hour two CPUs do nothing else.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Options {
    /// About a minute: fewer cells, fewer and shorter runs
    #[arg(long)]
    quick: bool,
    /// Not the tables for each load, but this one
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// This load only; give it again for more, and so for the other filters
    #[arg(long, value_parser = PossibleValuesParser::new(["saturating", "paced", "prefilled"]))]
    load: Vec<String>,
    /// Samples of so many bytes only: 8, 64, 256, 4096, or mixed
    #[arg(long, value_parser = PossibleValuesParser::new(["8", "64", "256", "4096", "mixed"]))]
    size: Vec<String>,
    /// Rings of this size only
    #[arg(long, value_parser = PossibleValuesParser::new(["256K", "1M", "16M"]))]
    ring: Vec<String>,
    /// Records so many microseconds apart only
    #[arg(long, value_name = "MICROSECONDS",
          value_parser = PossibleValuesParser::new(["2", "10", "20", "50", "100", "300", "5000"]))]
    gap: Vec<String>,
    /// Commits with this kind of notification only
    #[arg(long, value_enum)]
    wakeups: Vec<Wakeups>,
    /// Threads of this kind only [default: both, ordinary ones first; real-time if prefilled]
    #[arg(long, value_enum)]
    threads: Vec<Threads>,
    /// This reader only; name the reader that it is compared with as well
    #[arg(long, value_parser = PossibleValuesParser::new(names()))]
    reader: Vec<String>,
    /// How often each reader runs in each cell [default: 7, or 3 if quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    repetitions: Option<u16>,
    /// How long a saturating run is; a paced one is half as long again, or as long as its records
    /// take if they come singly [default: 200, or 100 if quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
    milliseconds: Option<u16>,
    /// The producer's CPU and the reader's [default: the first two]
    #[arg(long, value_name = "CPU", num_args = 2)]
    cpus: Vec<usize>,
    /// Write every run's figures here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a plot of each cell into this folder
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,
}

/// Runs that do not print a table for each load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// How late records are, against the cost of waiting.
    Frontier,
    /// The perf event array beside the ring buffer: about a minute.
    Perf,
    /// A traced call with the header for BPF programs and without: some seconds.
    Header,
    /// Ordered merge of filled and of live rings, beside reading them as they come: some seconds.
    Merge,
    /// Sets of up to 1000 rings beside one ring: about a minute.
    Sets,
    /// Two CPUs that write one ring, or a ring each, beside one CPU: some seconds.
    Shards,
    /// A tokio task beside a thread that blocks: some seconds.
    Tokio,
    /// Producers of 50 rings with `ringbuf top` and without, and what `ringbuf export` costs: a
    /// minute. Needs `cargo build --release -p ringbuf-cli`.
    Top,
    /// How soon a wake ends a wait: some seconds.
    Wakes,
}

fn names() -> Vec<&'static str> {
    std::iter::once(ALONE).chain(READERS.iter().map(|reader| reader.name)).collect()
}

fn main() -> ExitCode {
    match compare(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<()> {
    let plan = options.plan()?;
    let machine = Machine::here();
    say(&format!("{machine}\n"))?;
    for warning in machine.warnings() {
        say(&format!("note: {warning}\n"))?;
    }
    match options.only {
        Some(Part::Perf) => return say(&perf_array::run(&plan.setup, plan.repetitions)?),
        Some(Part::Header) => return say(&header::run(&plan.setup, options.quick)?),
        Some(Part::Sets) => return say(&sets::run(&plan.setup, plan.repetitions)?),
        Some(Part::Merge) => {
            say(&merge::run(plan.repetitions))?;
            return say(&sets::merges(&plan.setup, plan.repetitions)?);
        }
        Some(Part::Shards) => return say(&shards::run(&plan.setup, plan.repetitions)?),
        Some(Part::Tokio) => return say(&sets::tasks(&plan.setup, plan.repetitions)?),
        Some(Part::Top) => return say(&top::run(&plan.setup, plan.repetitions)?),
        Some(Part::Wakes) => return say(&wakes::run(&plan.setup)?),
        Some(Part::Frontier) | None => {}
    }
    say(&method(&plan))?;
    let mut shown = Ok(());
    let all = plan.run(|measured| {
        if shown.is_ok() && options.only.is_none() {
            shown = say(&report::tables(measured));
        }
    })?;
    shown?;
    if let Some(Part::Frontier) = options.only {
        say(&frontier::table(&all))?;
    }
    say(&report::disturbances(&all))?;
    if let Some(path) = &options.json {
        write_json(path, &machine, &all).with_context(|| path.display().to_string())?;
    }
    if let Some(folder) = &options.svg {
        plot::all(folder, &all).with_context(|| folder.display().to_string())?;
    }
    Ok(())
}

/// The CPUs and kinds of the threads, and the subject of the figures.
fn method(plan: &Plan) -> String {
    let Setup { cpus: [produces, reads], effort } = plan.setup;
    let Effort { saturating, paced, records, fills } = effort;
    let runs = plan.repetitions;
    format!(
        "producer on CPU {produces}, reader on CPU {reads}; ordinary threads are SCHED_OTHER with a \
         timer slack of 50 us, real-time ones SCHED_FIFO, as is who drains prefilled rings\n\
         medians over {runs} repetitions of {saturating:?} (saturating), {paced:?} or {records} \
         records (paced), {fills} drains (prefilled); ratios within a repetition: x poll is to \
         libbpf-poll, x busy to libbpf-busy\n"
    )
}

impl Options {
    fn plan(&self) -> Result<Plan> {
        if let Some(reason) = refusal() {
            bail!("{reason}");
        }
        let online = online_cpus();
        let cpus = match (&self.cpus[..], &online[..]) {
            (&[produces, reads], _) => [produces, reads],
            (_, &[first, second, ..]) => [first, second],
            _ => bail!("only one CPU is online; producer and reader need one each"),
        };
        ensure!(cpus[0] != cpus[1], "producer and reader need a CPU each");
        let milliseconds = self.milliseconds.unwrap_or(if self.quick { 100 } else { 200 });
        let saturating = Duration::from_millis(milliseconds.into());
        let effort = Effort {
            saturating,
            paced: saturating * 3 / 2,
            records: if self.quick { 50 } else { 200 },
            fills: if self.quick { 20 } else { 50 },
        };
        let repetitions = self.repetitions.unwrap_or(if self.quick { 3 } else { 7 });
        let (mut cells, readers) = match self.only {
            None => (grid(self.quick && !self.filters()), Vec::new()),
            Some(_) => (frontier::cells(), frontier::readers()),
        };
        cells.retain(|cell| self.wants(cell));
        ensure!(!cells.is_empty(), "no cell is left: there is none with all of these filters");
        Ok(Plan {
            cells,
            readers: if self.reader.is_empty() { readers } else { self.reader.clone() },
            repetitions: repetitions.into(),
            setup: Setup { cpus, effort },
        })
    }

    /// Returns true if loads are chosen by hand: then quick means short runs, not fewer cells.
    fn filters(&self) -> bool {
        let lists = [&self.load, &self.size, &self.ring, &self.gap];
        lists.iter().any(|list| !list.is_empty()) || !self.wakeups.is_empty()
    }

    fn wants(&self, cell: &Cell) -> bool {
        let size = if cell.size == 0 { "mixed".to_owned() } else { cell.size.to_string() };
        let gap = cell.load.gap().map(|gap| gap.to_string());
        any(&self.load, cell.load.word())
            && any(&self.size, &size)
            && any(&self.ring, &ring_name(cell.ring))
            && gap.map_or(self.gap.is_empty(), |gap| any(&self.gap, &gap))
            && (self.wakeups.is_empty() || self.wakeups.contains(&cell.wakeups))
            && (self.threads.is_empty() || self.threads.contains(&cell.threads))
    }
}

fn any(wanted: &[String], found: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| wanted == found)
}

fn say(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn write_json(path: &PathBuf, machine: &Machine, all: &[Measured]) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer_pretty(
        &mut file,
        &serde_json::json!({ "machine": machine, "cells": all }),
    )?;
    Ok(file.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn every_gap_can_be_chosen() {
        let cells = grid(false).into_iter().chain(frontier::cells());
        for gap in cells.filter_map(|cell| cell.load.gap()) {
            let gap = gap.to_string();
            let line = ["bench", "--only", "frontier", "--gap", gap.as_str()];
            let options = Options::try_parse_from(line).expect("a gap of a cell");
            assert_eq!((options.only, options.gap), (Some(Part::Frontier), vec![gap]));
        }
    }
}
