//! `--sweep`: several values in one table.

use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};
use ringbuf_model::{Arrivals, Reader, Setup, units};

use super::args::{CLOSED, Sim};
use super::print;
use super::progress::Meter;

/// The most combinations of a table.
const MOST: usize = 200;

/// The values of each key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sweep(Vec<(Key, Vec<Choice>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Cpus,
    Rate,
    Ring,
    Rings,
    Readers,
    Policy,
}

#[derive(Clone, Debug, PartialEq)]
enum Choice {
    Number(u64),
    Policy(Reader),
}

/// Reads `ring=64K..64M,rings=1..192`.
pub(crate) fn parse(text: &str) -> Result<Sweep, String> {
    let mut keys = Vec::new();
    for part in text.split(',') {
        let wrong =
            || format!("use KEY=FROM..TO or KEY=A|B, for example rings=1..64, not {part:?}");
        let (name, values) = part.split_once('=').ok_or_else(wrong)?;
        let key = match name {
            "cpus" => Key::Cpus,
            "rate" => Key::Rate,
            "ring" => Key::Ring,
            "rings" => Key::Rings,
            "readers" => Key::Readers,
            "policy" => Key::Policy,
            _ => return Err("the keys are cpus, rate, ring, rings, readers and policy".to_owned()),
        };
        if keys.iter().any(|(other, _)| *other == key) {
            return Err(format!("{name} is given twice: list its values, as in rings=1|2"));
        }
        keys.push((key, key.choices(values)?));
    }
    let all = keys.iter().map(|(_, choices)| choices.len()).product::<usize>();
    if all == 0 || all > MOST {
        return Err(format!("{all} combinations: use 1 to {MOST}"));
    }
    Ok(Sweep(keys))
}

impl Key {
    fn choices(self, text: &str) -> Result<Vec<Choice>, String> {
        let Some((from, to)) = text.split_once("..") else {
            return text.split('|').map(|value| self.choice(value)).collect();
        };
        let (Choice::Number(from), Choice::Number(to)) = (self.choice(from)?, self.choice(to)?)
        else {
            return Err("list policies as in policy=balanced|libbpf".to_owned());
        };
        if from == 0 || from > to {
            return Err(format!(
                "the range {text} is empty: the first value must be above zero, and not larger"
            ));
        }
        let doubled =
            |value: &u64| Some(value.saturating_mul(2).min(to)).filter(|next| next > value);
        Ok(std::iter::successors(Some(from), doubled).map(Choice::Number).collect())
    }

    fn choice(self, text: &str) -> Result<Choice, String> {
        let number = match self {
            Self::Policy => {
                return text.parse().map(Choice::Policy).map_err(|error| format!("{error}"));
            }
            Self::Ring => units::bytes(text).map_err(|error| error.to_string())?,
            Self::Rate => units::rate(text).map_err(|error| error.to_string())?,
            _ => text.parse().map_err(|_| format!("{text:?} is not a number"))?,
        };
        Ok(Choice::Number(number))
    }

    fn set(self, setup: &mut Setup, arguments: &Sim, choice: &Choice) -> Result<()> {
        match (self, choice) {
            (Self::Policy, Choice::Policy(reader)) => setup.reader = reader.clone(),
            (Self::Rate, Choice::Number(rate)) => {
                ensure!(!arguments.load.is_closed(), "{CLOSED}: rate= cannot change them");
                setup.arrivals = Arrivals::parse(&arguments.load.arrivals, *rate)
                    .context("rate= cannot change these arrivals")?;
            }
            (Self::Ring, Choice::Number(bytes)) => setup.ring = *bytes,
            (key, Choice::Number(number)) => {
                let number = usize::try_from(*number)?;
                match key {
                    Self::Cpus => setup.producers = number,
                    Self::Rings => setup.rings = number,
                    _ => setup.readers = number,
                }
            }
            _ => bail!("list policies as in policy=balanced|libbpf"),
        }
        Ok(())
    }

    fn text(self, choice: &Choice) -> String {
        match (self, choice) {
            (_, Choice::Policy(reader)) => reader.to_string(),
            (Self::Ring, Choice::Number(bytes)) => units::bytes_text(*bytes),
            (Self::Rate, Choice::Number(rate)) => format!("{}/s", print::number(*rate as f64)),
            (_, Choice::Number(number)) => number.to_string(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cpus => "CPUS",
            Self::Rate => "RATE",
            Self::Ring => "RING",
            Self::Rings => "RINGS",
            Self::Readers => "READERS",
            Self::Policy => "POLICY",
        }
    }
}

impl Sweep {
    /// Returns the most producing CPUs of a row, 0 if they do not change.
    pub(crate) fn most_cpus(&self) -> usize {
        let choices = self.0.iter().filter(|(key, _)| *key == Key::Cpus);
        let numbers = choices.flat_map(|(_, choices)| choices).map(|choice| match choice {
            Choice::Number(number) => usize::try_from(*number).unwrap_or(usize::MAX),
            Choice::Policy(_) => 0,
        });
        numbers.max().unwrap_or(0)
    }

    /// Runs each combination. A combination that is not possible has a row that says why.
    pub(crate) fn run(&self, setup: &Setup, arguments: &Sim) -> Result<String> {
        let mut text = String::new();
        if !arguments.json {
            for (key, _) in &self.0 {
                let _infallible = write!(text, "{:>12} ", key.name());
            }
            text +=
                "   ACCEPTED/s    LOSS %  LATENCY p50       p99   PROGRAM  NOTIFIED  READER %\n";
        }
        let all: usize = self.0.iter().map(|(_, choices)| choices.len()).product();
        let mut warnings = Vec::new();
        let mut meter = Meter::new(arguments.load.progress, Some(all));
        for number in 0..all {
            let mut setup = setup.clone();
            let mut rest = number;
            let mut begin = String::new();
            // The last key changes fastest.
            let mut places = vec![0; self.0.len()];
            for (place, (_, choices)) in places.iter_mut().zip(&self.0).rev() {
                (*place, rest) = (rest % choices.len(), rest / choices.len());
            }
            for (place, (key, choices)) in places.iter().zip(&self.0) {
                key.set(&mut setup, arguments, &choices[*place])?;
                let _infallible = write!(begin, "{:>12} ", key.text(&choices[*place]));
            }
            match setup.run_watched(&mut |progress| meter.show(progress)) {
                Ok(report) if arguments.json => text += &print::json(&setup, &report),
                Ok(report) => {
                    let _infallible = writeln!(
                        text,
                        "{begin}{:>13} {:>9.3} {:>12} {:>9} {:>9} {:>9.4} {:>9.1}",
                        print::number(report.throughput()),
                        report.loss() * 100.0,
                        print::time(report.latency.p50),
                        print::time(report.latency.p99),
                        print::time(report.call.mean),
                        report.notifications_per_record(),
                        print::share(&report, &setup) * 100.0,
                    );
                    for warning in report.out_of_bounds {
                        if !warnings.contains(&warning) {
                            warnings.push(warning);
                        }
                    }
                }
                Err(error) if arguments.json => return Err(error.into()),
                Err(error) => {
                    let _infallible = writeln!(text, "{begin}  {error}");
                }
            }
        }
        for warning in warnings {
            let _infallible = writeln!(text, "out of bounds for some rows: {warning}");
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_by_doubling_and_end_where_they_should() {
        let Sweep(keys) = parse("rings=1..192,policy=balanced|libbpf").unwrap();
        let numbers: Vec<_> = keys[0].1.iter().map(|choice| Key::Rings.text(choice)).collect();
        assert_eq!(numbers, ["1", "2", "4", "8", "16", "32", "64", "128", "192"]);
        assert_eq!(keys[1].1.len(), 2);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "",
            "rings",
            "rings=0..4",
            "rings=4..1",
            "hats=1..2",
            "policy=balanced..busy",
            "ring=1..4G,rings=1..192",
            "rings=1,rings=2",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
