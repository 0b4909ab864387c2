//! The command line: the arguments and the help text.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::exec::Options;
use crate::format::Format;
use crate::size;

/// Show events from BPF ring buffers
#[derive(Debug, Parser)]
#[command(name = "ringbuf", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "\
Start with `sudo ringbuf exec`. Without privilege, use `ringbuf exec --sim`.
`ringbuf exec --help` explains all options.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Exec(Exec),
}

/// Show each program that starts on this machine
///
/// A BPF program on the tracepoint syscalls/sys_enter_execve writes one record into
/// a ring buffer for each call of execve(2), successful or not. This command reads
/// the ring and prints one line for each record, in the order of reservation. PID
/// is the calling process. FILENAME is the file that it requests. Characters that
/// could fake a line or control the terminal are escaped (\n, \x1b). So is the
/// backslash (\\).
///
/// The line `PID FILENAME` means that the BPF program is attached: you see every
/// program that starts after it. Ctrl-C detaches the BPF program, prints the
/// remaining records, and ends with a summary.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf exec --help` shows examples and more.")]
#[command(after_long_help = AFTER)]
pub(crate) struct Exec {
    /// Show more columns: TIME (seconds since boot, without time asleep), PPID, UID, COMM
    #[arg(long)]
    wide: bool,
    /// Print one JSON object per line, without a header; the summary is JSON, too
    ///
    /// {"time_ns":…,"pid":…,"ppid":…,"uid":…,"comm":"…","filename":"…"}
    ///
    /// If the file name cannot be read, it is null, and "error" holds the errno. If it is not
    /// UTF-8, it has replacement characters, and "filename_hex" holds its bytes.
    #[arg(long, conflicts_with = "wide")]
    json: bool,
    /// Stop after N lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after TIME: 5s, 300ms, 1min
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Show invented processes from a simulated ring; needs no privilege
    #[arg(long)]
    pub(crate) sim: bool,
    /// Choose the processes that --sim invents; the same seed gives the same processes
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "sim")]
    pub(crate) seed: u64,
    /// Size of the ring in bytes, KiB, MiB or GiB: a power of two, at least one page
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = size::parse)]
    pub(crate) ring_size: u32,
    /// Print the debug messages of libbpf (also if RINGBUF_DEBUG is set)
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
  sudo ringbuf exec                              all programs that start, until Ctrl-C
  sudo ringbuf exec --wide --duration 5s         for five seconds, with time, parent and user
  sudo ringbuf exec --json --count 100 >log      100 events, for another program
  ringbuf exec --sim                             the same output, without privilege

Privilege:
  You need root, or CAP_BPF and CAP_PERFMON with read access to tracefs. The kernel must be
  Linux 5.8 or later, with type information (/sys/kernel/btf/vmlinux), and tracefs mounted.
  If anything is missing, the error names it.

Summary, on standard error at the end:
  events delivered      printed lines, and the bytes of their records
  records discarded     records that their producer discarded (here only with --sim)
  reservations failed   events lost because the ring was full: try a larger --ring-size
  lag at the end        bytes produced but not read: can be above 0 after --count, or if the
                        output was closed
  malformed records     records that are not an event, and are not printed (only if any)
  With --json, the fields are \"delivered\", \"bytes\", \"malformed\", \"discarded\",
  \"failed_reservations\", \"lag_bytes\" (null if the ring is corrupt), \"seconds\".

Exit code:
  0    success, or the reader of the output closed it (| head)
  1    error while running, for example a corrupt ring
  2    wrong usage
  3    not possible on this machine or with this build; the message says what is missing
  130  ended by a second Ctrl-C, without waiting for the reader of the output";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_definition_is_valid() {
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
