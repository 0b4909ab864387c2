//! The command line: arguments, and the help that teaches.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::exec::Options;
use crate::format::Format;
use crate::size;

/// See what BPF ring buffers do.
#[derive(Debug, Parser)]
#[command(name = "ringbuf", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "\
Start with `sudo ringbuf exec`, or without privilege with `ringbuf exec --sim`.
`ringbuf exec --help` tells all about it.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Exec(Exec),
}

/// Show each program that is started on this machine.
///
/// A BPF program on the tracepoint syscalls/sys_enter_execve puts one record into
/// a ring buffer for each execve(2) entered, successful or not; this command reads
/// that ring and prints one line for each record, in the order in which they were
/// reserved. PID is the process that calls, FILENAME the file it asks for.
/// Characters in names that could forge a line or drive the terminal are escaped
/// (\n, \x1b), the backslash too (\\).
///
/// The line `PID FILENAME` says that the program is attached: what starts from then
/// on is shown. Ctrl-C ends it: detach, print what is still in the ring, summary.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf exec --help` has examples and more.")]
#[command(after_long_help = AFTER)]
pub(crate) struct Exec {
    /// More columns: TIME (seconds since boot, without time asleep), PPID, UID, COMM
    #[arg(long)]
    wide: bool,
    /// One JSON object a line, no header, and the summary as one too
    ///
    /// {"time_ns":…,"pid":…,"ppid":…,"uid":…,"comm":"…","filename":"…"}
    ///
    /// A file name that could not be read is null, with its errno in "error". One that is not
    /// UTF-8 has replacement characters, and its bytes in "filename_hex".
    #[arg(long, conflicts_with = "wide")]
    json: bool,
    /// Stop after N lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after this time: 5s, 300ms, 1min
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Show made-up processes, through a simulated ring: no privilege needed
    #[arg(long)]
    pub(crate) sim: bool,
    /// Which processes --sim makes up: the same for the same seed
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "sim")]
    pub(crate) seed: u64,
    /// Size of the ring: a power of two, a page at least; bytes, KiB, MiB or GiB
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = size::parse)]
    pub(crate) ring_size: u32,
    /// Print what libbpf does (also with RINGBUF_DEBUG set)
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl Exec {
    pub(crate) fn options(&self) -> Options {
        let format = match (self.wide, self.json) {
            (_, true) => Format::Json,
            (true, _) => Format::Wide,
            _ => Format::Columns,
        };
        Options { format, count: self.count, duration: self.duration }
    }
}

const AFTER: &str = "\
Examples:
  sudo ringbuf exec                              what starts, until Ctrl-C
  sudo ringbuf exec --wide --duration 5s         five seconds, who and when as well
  sudo ringbuf exec --json --count 100 >log      a hundred events for a program to read
  ringbuf exec --sim                             the same to look at, without privilege

Privilege:
  Root, or CAP_BPF and CAP_PERFMON with read access to tracefs. Linux 5.8 or later with type
  information (/sys/kernel/btf/vmlinux) and tracefs mounted. What is missing is named.

Summary, on standard error at the end:
  events delivered      lines printed, and the bytes of their records
  records discarded     given up by the program that reserved them (here only --sim does)
  reservations failed   events lost because the ring was full: try a larger --ring-size
  lag at the end        bytes produced and not read; more than 0 after --count, or if the
                        reader of the output left
  malformed records     only if there are any: not an event, not printed
  The object of --json has the same as \"delivered\", \"bytes\", \"malformed\", \"discarded\",
  \"failed_reservations\", \"lag_bytes\" (null if the ring is corrupt), \"seconds\".

Exit code:
  0    as asked, or the reader of the output left (| head)
  1    an error while running, such as a corrupt ring
  2    wrong usage
  3    this machine or this build cannot; the message says what is missing
  130  ended by a second Ctrl-C, which does not wait for the output to be taken";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn formats_exclude_each_other() {
        let parse = |arguments: &[&str]| {
            let all = ["ringbuf", "exec"].iter().chain(arguments);
            Cli::try_parse_from(all).map(|Cli { command: Command::Exec(exec) }| exec.options())
        };
        assert_eq!(parse(&[]).unwrap().format, Format::Columns);
        assert_eq!(parse(&["--wide"]).unwrap().format, Format::Wide);
        assert_eq!(parse(&["--json"]).unwrap().format, Format::Json);
        assert!(parse(&["--json", "--wide"]).is_err());
        assert!(parse(&["--count", "0"]).is_err());
        assert!(parse(&["--seed", "2"]).is_err());
    }
}
