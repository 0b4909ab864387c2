//! The command line: the arguments and the help text.

mod dump;

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::exec::Options;
use crate::export::Export;
use crate::format::Format;
use crate::pages::{Completions, Pages};
use crate::record::Record;
use crate::replay::Replay;
use crate::size;

pub(crate) use self::dump::{Dump, DumpFormat};

/// Show events from BPF ring buffers, and the rings of this machine
#[derive(Debug, Parser)]
#[command(name = "ringbuf", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "\
Start with `sudo ringbuf exec`. Without privilege, use `ringbuf exec --sim`.
`sudo ringbuf list` shows the rings of this machine.
`ringbuf exec --help` and `ringbuf list --help` explain all options.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Exec(Exec),
    List(List),
    Dump(Dump),
    Export(Export),
    Top(crate::top::Top),
    Completions(Completions),
    Man(Pages),
    Record(Record),
    Replay(Replay),
    Sim(crate::model::Sim),
    Size(crate::model::Size),
}

/// Show the rings of this machine: how full they are, who reads them, what is wrong
///
/// It looks at each ring buffer map twice, 100 ms apart, whoever made it, and stores nothing:
/// neither the readers nor the programs notice it.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf list --help` explains the columns and states.")]
#[command(after_long_help = AFTER_LIST)]
pub(crate) struct List {
    /// Show only these maps: an id (a number always is one), a name, or the path of a pin (with a
    /// slash in it)
    #[arg(value_name = "MAP")]
    pub(crate) maps: Vec<String>,
    /// Show more columns: LOST, KIND, BYTES, CONSUMER, PRODUCER (positions), HEAD, PINS
    #[arg(long)]
    pub(crate) wide: bool,
    /// Print one JSON object per line, for each ring; docs/inspecting.md has the fields
    ///
    /// What is not known is null, never 0.
    #[arg(long, conflicts_with = "wide")]
    pub(crate) json: bool,
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
/// program that starts after it. Ctrl-C (or SIGTERM, SIGHUP) detaches the BPF program, prints the
/// remaining records, and ends with a summary.
#[derive(Args, Debug)]
#[command(after_help = "`ringbuf exec --help` shows examples and more.")]
#[command(after_long_help = AFTER)]
pub(crate) struct Exec {
    /// Show more columns: TIME (seconds since boot, without time asleep), PPID, UID, COMM
    ///
    /// On a terminal, rows fit its width: a long file name loses its beginning.
    #[arg(long)]
    wide: bool,
    /// Print one JSON object per line, without a header; the summary is JSON, too
    ///
    /// {"time_ns":…,"pid":…,"ppid":…,"uid":…,"comm":"…","filename":"…"}
    ///
    /// If the file name cannot be read, it is null, and "error" holds the errno. If it is not
    /// UTF-8, it has replacement characters, and "filename_hex" holds its bytes. A process
    /// without a number in this PID namespace has null (see --host-pid).
    #[arg(long, conflicts_with = "wide")]
    json: bool,
    /// With --json, print time_ns as a string
    ///
    /// Programs that keep numbers as floating point, as jq before 1.7 and JavaScript do, round
    /// times above 2^53 ns (104 days).
    #[arg(long, requires = "json", conflicts_with = "wide")]
    json_strings: bool,
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
    /// Show process ids as the host numbers them, not as this PID namespace does
    ///
    /// In a container, only its own processes have numbers there. The others are shown as `-`, or
    /// as null with --json.
    #[arg(long)]
    pub(crate) host_pid: bool,
    /// Print the debug messages of libbpf (also if RINGBUF_DEBUG is set)
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl Exec {
    pub(crate) fn options(&self) -> Options {
        let format = match (self.wide, self.json) {
            (_, true) => Format::Json { time_as_string: self.json_strings },
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
  You need root, or CAP_BPF and CAP_PERFMON (before Linux 5.11 also a large `ulimit -l`). The
  kernel must be Linux 5.8 or later, with type information (/sys/kernel/btf/vmlinux). If
  anything is missing, the error names it.
  Where tracefs can be read, the program runs for execve alone. Elsewhere it runs for each
  system call of the machine, which then takes about 50 ns longer, and leaves 32-bit ones out.

Summary, on standard error at the end:
  events delivered      printed lines, and the bytes of their records
  records discarded     records that their producer discarded (here only with --sim)
  reservations failed   events lost because the ring was full: try a larger --ring-size
  lag at the end        bytes produced but not read: can be above 0 after --count, or if the
                        output was closed
  not printed           events whose lines the reader of the output did not take (only if any)
  malformed records     records that are not an event, and are not printed (only if any)
  With --json, the fields are \"delivered\", \"bytes\", \"malformed\", \"discarded\",
  \"failed_reservations\", \"lag_bytes\" (null if the ring is corrupt), \"unprinted\", \"seconds\".

Signals:
  The first SIGINT (Ctrl-C), SIGTERM or SIGHUP ends the command in order, with a summary and exit
  code 0. If the output is a pipe that nobody reads, it is given up after one second.

Exit code:
  0    success, or the reader of the output closed it (| head)
  1    error while running, for example a corrupt ring
  2    wrong usage
  3    not possible on this machine or with this build; the message says what is missing
  130  ended by a second Ctrl-C, without waiting for the reader of the output";

const AFTER_LIST: &str = "\
Examples:
  sudo ringbuf list                    all rings
  sudo ringbuf list --wide events 57   the rings named events, and the one with the id 57
  sudo ringbuf list --json | jq 'select(.state != \"ok\")'

Columns:
  SIZE      size of the ring
  FILL      produced and not given back by the reader. A reader that gives space back late
            has read more than it shows.
  IN/s      bytes produced per second, between the two looks
  OUT/s     bytes given back per second
  READER    the process that maps the consumer page writable; `epoll`: it waits for the ring.
            For a user ring, the process that produces.
  PROGRAMS  loaded BPF programs that use the map, attached or not
  LOST      with --wide: failed reservations, if the programs count them (docs/losses.md)
  n/a       not known: for example a process that may not be searched

States, the most severe first:
  CORRUPT     positions that no owner stores
  STUCK HEAD  the first record was reserved and not committed, for 100 ms: nothing behind it
              can be read
  NO READER   no process maps the consumer page writable
  TWO READERS several do: they take each other's records
  READER HUNG a committed record is at the head, and the only readers are stopped (SIGSTOP).
              `ringbuf top` also sees readers that leave records alone for a second.
  FULL        another record like the first one finds no room, or less than 1/64 is free
  NO PROGRAM  no loaded program uses the map
  near full   above 80 %
  ok          none of these

Privilege:
  You need root, or CAP_BPF and CAP_PERFMON where the kernel has BPF iterators (Linux 5.8 with type
  information; 5.12 for exact readers). Otherwise you need CAP_SYS_ADMIN, because only it lists
  maps and opens them by id; procfs then tells the readers as far as it can, for processes of
  other users with CAP_SYS_PTRACE. For a pin, permission to open it is enough. Records and the
  counters of programs need CAP_SYS_ADMIN, and are n/a without it.

Exit code:
  0  success, whatever the states
  1  error while running, for example no such map
  2  wrong usage
  3  not possible here; the message says what is missing";

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
            Cli::try_parse_from(all).map(|cli| match cli.command {
                Command::Exec(exec) => exec.options(),
                _ => panic!("not asked for"),
            })
        };
        assert_eq!(parse(&[]).unwrap().format, Format::Columns);
        assert_eq!(parse(&["--wide"]).unwrap().format, Format::Wide);
        let json = |time_as_string| Format::Json { time_as_string };
        assert_eq!(parse(&["--json"]).unwrap().format, json(false));
        assert_eq!(parse(&["--json", "--json-strings"]).unwrap().format, json(true));
        assert!(parse(&["--json-strings"]).is_err());
        assert!(parse(&["--json", "--wide"]).is_err());
        assert!(parse(&["--count", "0"]).is_err());
        assert!(parse(&["--seed", "2"]).is_err());
    }
}
