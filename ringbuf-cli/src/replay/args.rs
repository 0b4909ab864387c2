//! The arguments of `ringbuf replay`, and its help.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::typed::Asked;

/// Print what `ringbuf record` wrote, convert it, or play it into a simulated ring
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf replay --help` shows examples and more.")]
#[command(after_long_help = AFTER)]
pub(crate) struct Replay {
    /// The capture; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What to do with it
    #[arg(long, value_enum, value_name = "WHAT", default_value = "text")]
    pub(crate) to: To,
    /// Convert it for other programs instead
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with_all = ["to", "speed"])]
    pub(crate) export: Option<Export>,
    /// How fast: 1 is as fast as it was recorded, 10 is ten times as fast; or max
    /// [default: max; 1 with --to top]
    #[arg(long, value_name = "X", value_parser = speed)]
    pub(crate) speed: Option<Speed>,
    /// The type of the records, out of the types in the capture: `struct event`, or a name alone;
    /// with TAG=, of those whose first member is TAG. Can be given several times, with tags
    /// [default: as for `ringbuf dump`]
    #[arg(long = "type", value_name = "[TAG=]TYPE", conflicts_with = "export")]
    pub(crate) types: Vec<Asked>,
    /// Write to OUT instead of standard output
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Write over OUT if it exists, unless it is FILE
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum To {
    /// As `ringbuf dump` prints records
    Text,
    /// As `ringbuf dump --format json` prints records
    Json,
    /// Into simulated rings, which are read and compared with the capture
    Sim,
    /// On the screen of `ringbuf top`: the positions, without the records
    Top,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Export {
    /// One JSON object per line, with times
    Jsonl,
    /// For Wireshark and others: an interface for each ring, link type USER0
    Pcapng,
    /// For DuckDB, Spark, ClickHouse and others: a table with a row for each record
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Export {
    /// A terminal cannot show it.
    pub(crate) fn is_binary(self) -> bool {
        self != Self::Jsonl
    }
}

/// How fast it is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// Without pauses.
    Max,
    Times(f64),
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let times = crate::top::speed(text).map(Speed::Times);
    times.map_err(|_| "use max, or a number from 0.001 to 1000000".to_owned())
}

impl Replay {
    /// A screen that somebody is to read has no highest speed.
    pub(crate) fn speed_of_screen(&self) -> f64 {
        match self.speed {
            None => 1.0,
            Some(Speed::Times(times)) => times,
            Some(Speed::Max) => 1e6,
        }
    }
}

const AFTER: &str = "\
Examples:
  ringbuf replay events.rbcap                               all records, as text
  ringbuf replay events.rbcap --to json --speed 1 | jq .len   as fast as they came
  ringbuf replay events.rbcap --to sim                      check it in a simulated ring
  ringbuf replay events.rbcap --to top --speed 10           how full the rings were
  ringbuf replay events.rbcap --export pcapng -o events.pcapng

What is printed:
  record     a submitted record
  discarded  its producer has discarded it
  missed     bytes that are not in the capture
  docs/recording.md has the fields of --export jsonl.

--to sim makes a ring of the same size for each ring of the capture, with positions that begin
where they began. It produces the same records, and discarded ones in place of gaps, reads them
back, and compares: positions, records and gaps. Tests can do the same with the crate
ringbuf-record.

--to top is `ringbuf top --replay`: it shows the positions, also of rings in overwrite mode.

A capture that is cut off or damaged, or still being recorded, is replayed up to there, and the
exit code is 1; --to top shows what there is, and says so. At the end, a summary on standard
error counts what each ring had.

No privilege is needed.

Exit code:
  0  success, or the reader of the output closed it (| head)
  1  the capture is cut off or damaged, or cannot be read; with --to sim, it does not agree
  2  wrong usage";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds() {
        assert_eq!(speed("max"), Ok(Speed::Max));
        assert_eq!(speed("2.5"), Ok(Speed::Times(2.5)));
        for wrong in ["", "0", "-1", "fast", "NaN", "inf"] {
            assert!(speed(wrong).unwrap_err().starts_with("use max"), "{wrong}");
        }
    }
}
