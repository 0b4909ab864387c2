//! The arguments of `ringbuf record`, and its help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::size;

/// Record what passes through rings into a file, beside their readers
///
/// It copies every record of these rings, whether their readers have read it or not, and stores
/// nothing in them: neither the readers nor the programs notice it. `ringbuf replay` prints the
/// file, and plays it into a simulated ring.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf record --help` shows examples and more.")]
#[command(after_long_help = AFTER)]
pub(crate) struct Record {
    /// The maps: ids (a number always is one), names, or paths of pins (with a slash in them)
    #[arg(value_name = "MAP", required = true)]
    pub(crate) maps: Vec<String>,
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Write over FILE if it exists, and with --rotate over FILE.1, FILE.2
    #[arg(long)]
    pub(crate) force: bool,
    /// Time between two looks: 5ms, 1s; or auto
    ///
    /// A ring that fills within this time is not seen whole: the missing bytes are counted. `auto`
    /// takes half of the time in which the ring would fill at the highest rate of the last
    /// seconds, from 1 ms to 1 s. After a silence, the first burst may be faster than it expects:
    /// if nothing may be missing, use --interval 1ms.
    #[arg(long, value_name = "TIME", default_value = "auto", value_parser = interval)]
    pub(crate) interval: Interval,
    /// Stop after TIME: 5s, 300ms, 1min
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Stop after N records of all rings together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Stop when the file has about SIZE bytes (KiB, MiB, GiB), or begin the next one (--rotate)
    #[arg(long, value_name = "SIZE", value_parser = size::bytes)]
    pub(crate) max_size: Option<u64>,
    /// Keep the last N files: FILE is the newest, FILE.1 the one before it
    ///
    /// When FILE reaches --max-size, it is renamed and another one begins. Each file is whole. If
    /// any of FILE.1, FILE.2.. is there at the start, it is refused without --force.
    #[arg(long, value_name = "N", requires = "max_size",
          value_parser = clap::value_parser!(u32).range(1..=9999))]
    pub(crate) rotate: Option<u32>,
    /// Read the rings as well: for rings that nobody reads
    ///
    /// The records that were copied are given back, so that programs find room. A ring with a
    /// reader is refused, because each of two readers would miss what the other one takes.
    #[arg(long)]
    pub(crate) consume: bool,
    /// Compress the records
    #[arg(long, value_enum, value_name = "HOW", default_value = "none")]
    pub(crate) compress: Compress,
}

/// The time between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interval {
    /// By the rate.
    Auto,
    Fixed(Duration),
}

fn interval(text: &str) -> Result<Interval, String> {
    if text == "auto" {
        return Ok(Interval::Auto);
    }
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}: use auto, or a time such as 1ms"))?;
    if time < Duration::from_micros(100) || time > Duration::from_secs(3600) {
        return Err("use auto, or a time from 100us to 1h".to_owned());
    }
    Ok(Interval::Fixed(time))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compress {
    /// As they are
    None,
    /// By zstd, at its fastest level: smaller, for more CPU time
    #[cfg(feature = "zstd")]
    Zstd,
}

const AFTER: &str = "\
Examples:
  sudo ringbuf record events -o events.rbcap                     until Ctrl-C
  sudo ringbuf record 57 63 -o both.rbcap --duration 10s         two rings, for ten seconds
  sudo ringbuf record events -o e.rbcap --max-size 1GiB --rotate 5   the last 5 GiB
  ringbuf replay events.rbcap                                    print it

What is in the file:
  all records and discarded records of the rings, from those that their readers have not given
  back when it begins, with their positions and bounds of their times;
  gaps: bytes that are missing, with the reason;
  the positions ten times a second, the kernel's release, and clocks.
  docs/capture-format.md describes it byte by byte.

Nothing is missing as long as no ring fills within the time between two looks. Otherwise the
missing bytes are counted exactly, in the file and in the summary.

A record that is not committed blocks those behind it. If one is not committed at the end, the
bytes from there on are a gap, too.

Ctrl-C, SIGTERM and SIGHUP end it in order. A crash or a full disk costs the records of the last
few milliseconds, and the positions of the last second: the rest of the file can be replayed.

The maps stay until it ends, even if their owners go.

Exit code:
  0  success, also if bytes are missing: the summary on standard error says so
  1  error while running: no such map, a full disk, a corrupt ring; the rest is in the file
  2  wrong usage
  3  not possible here; the message says what is missing

Privilege: as `ringbuf dump --help` says. Without CAP_SYS_ADMIN, the file has no types, and
--consume is refused.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        assert_eq!(interval("auto"), Ok(Interval::Auto));
        assert_eq!(interval("5ms"), Ok(Interval::Fixed(Duration::from_millis(5))));
        for wrong in ["", "fast", "1us", "2h"] {
            assert!(interval(wrong).unwrap_err().contains("use auto, or a time"), "{wrong}");
        }
    }
}
