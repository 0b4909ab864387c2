//! `ringbuf sim` and `ringbuf size`: rings on other machines, in virtual time.

mod args;
mod calibrate;
mod print;
mod progress;
mod recording;
mod sweep;

use std::io::{self, Write};

use anyhow::{Context, Result};
use ringbuf_model::units;

pub(crate) use self::args::{Sim, Size};
use self::progress::Meter;
use crate::pages::unless_closed;
use crate::{Failure, new_file};

/// Runs `ringbuf sim`.
pub(crate) fn sim(arguments: &Sim) -> Result<(), Failure> {
    simulate(arguments).map_err(Failure::Running)
}

fn simulate(arguments: &Sim) -> Result<()> {
    if let Some(file) = &arguments.calibrate {
        return write(&calibrate::run(file, arguments.force)?);
    }
    let setup = arguments.setup()?;
    if let Some(file) = &arguments.plot {
        new_file::may_be_written(file, arguments.force)?;
    }
    if let Some(sweep) = &arguments.sweep {
        return write(&sweep.run(&setup, arguments)?);
    }
    let mut meter = Meter::new(arguments.load.progress, Some(1));
    let report = setup.run_watched(&mut |progress| meter.show(progress))?;
    if let Some(file) = &arguments.plot {
        let (cpus, ring) = (setup.producers, units::bytes_text(setup.ring));
        let title = format!(
            "{cpus} CPUs, {}, {} rings of {ring}, {}",
            arguments.load.rate.map_or_else(|| setup_text(arguments), rate_text),
            setup.rings,
            setup.reader
        );
        new_file::write(file, arguments.force, &report.to_svg(&setup, &title)?)?;
    }
    write(&if arguments.json { print::json(&setup, &report) } else { print::text(&setup, &report) })
}

fn setup_text(arguments: &Sim) -> String {
    arguments.load.arrivals.clone()
}

fn rate_text(rate: u64) -> String {
    format!("{} records/s", print::number(rate as f64))
}

/// Runs `ringbuf size`. Returns true if the answer is sure.
pub(crate) fn size(arguments: &Size) -> Result<bool, Failure> {
    let find = || -> Result<bool> {
        let mut meter = Meter::new(arguments.load.progress, None);
        let wanted = arguments.wanted()?;
        let answer = wanted.answer_watched(&mut |progress| meter.show(progress))?;
        write(&if arguments.json { print::answer_json(&answer) } else { print::answer(&answer) })?;
        Ok(answer.doubts.is_empty())
    };
    find().map_err(Failure::Running)
}

fn write(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    unless_closed(written).context("cannot write the result")
}
