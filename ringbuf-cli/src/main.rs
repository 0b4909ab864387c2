//! The command `ringbuf`: shows events from BPF ring buffers.
//!
//! This is a thin layer over the library crates. `exec.rs` is a typical read loop.
//! `live.rs` gets a ring from a BPF program.
#![cfg_attr(not(test), deny(unsafe_code))]

#[cfg(feature = "bpf")]
#[expect(
    unsafe_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    reason = "libbpf-cargo generates these modules, from src/bpf"
)]
mod calibration {
    include!(concat!(env!("OUT_DIR"), "/calibrate.skel.rs"));
}
mod cli;
mod dump;
mod event;
#[cfg(feature = "bpf")]
#[cfg_attr(not(test), expect(unsafe_code, reason = "perf_event_open(2) has no safe wrapper here"))]
#[expect(unreachable_pub, reason = "ringbuf-bpf has this file, too, for the live tests")]
mod everywhere;
mod exec;
mod export;
mod format;
mod list;
#[cfg(feature = "bpf")]
mod live;
mod model;
mod new_file;
mod output;
mod pages;
#[cfg(feature = "bpf")]
mod preflight;
#[cfg(feature = "bpf")]
#[expect(
    unsafe_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    reason = "libbpf-cargo generates these modules, from src/bpf"
)]
mod program {
    include!(concat!(env!("OUT_DIR"), "/exec.skel.rs"));
}
mod record;
mod replay;
mod sim;
mod size;
mod summary;
mod top;
mod typed;
mod watch;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::{Cli, Command, Dump, Exec};
use crate::exec::Source;
use crate::export::Export;
use crate::format::Format;
use crate::output::Output;
use crate::sim::Sim;

/// A second signal ends the command at once, if the first one could not.
const INTERRUPTED: i32 = 130;
/// `ringbuf size` has an answer, and reasons to doubt it.
const NOT_SURE: u8 = 4;
/// One Ctrl-C may arrive twice, because `timeout` signals the command and its
/// group.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return pages::help_or_usage(&error),
    };
    let result = match cli.command {
        Command::Exec(arguments) => exec(&arguments),
        Command::List(arguments) => list::run(&arguments, io::stdout().lock()),
        Command::Dump(arguments) => dump(&arguments),
        Command::Export(arguments) => export(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Completions(arguments) => pages::completions(&arguments, io::stdout().lock()),
        Command::Man(arguments) => pages::pages(&arguments),
        Command::Record(arguments) => record::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Sim(arguments) => model::sim(&arguments),
        Command::Size(arguments) => match model::size(&arguments) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::from(NOT_SURE),
            Err(failure) => Err(failure),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn exec(arguments: &Exec) -> Result<(), Failure> {
    let stop = stop_on_signals().context("cannot watch for signals").map_err(Failure::Running)?;
    if !arguments.sim {
        return live(arguments, &stop);
    }
    let notice = "ringbuf: simulated (--sim): these processes are invented and do not run";
    output::tell_in_time(notice.to_owned());
    let sim = Sim::start(arguments.ring_size.into(), arguments.seed)
        .context("cannot start the simulation")
        .map_err(Failure::Running)?;
    run(sim, arguments, &stop)
}

fn dump(arguments: &Dump) -> Result<(), Failure> {
    let stop = stop_on_signals().context("cannot watch for signals").map_err(Failure::Running)?;
    dump::run(arguments, &stop, BufWriter::new(io::stdout().lock()))
}

fn export(arguments: &Export) -> Result<(), Failure> {
    let stop = stop_on_signals().context("cannot watch for signals").map_err(Failure::Running)?;
    export::run(arguments, &stop)
}

#[cfg(feature = "bpf")]
fn live(arguments: &Exec, stop: &AtomicBool) -> Result<(), Failure> {
    let mut object = std::mem::MaybeUninit::uninit();
    let verbose = arguments.verbose || std::env::var_os("RINGBUF_DEBUG").is_some();
    let (bytes, host_pids) = (arguments.ring_size, arguments.host_pid);
    let live = live::Live::attach(&mut object, bytes, host_pids, verbose);
    run(live.map_err(Failure::Cannot)?, arguments, stop)
}

#[cfg(not(feature = "bpf"))]
fn live(_: &Exec, _: &AtomicBool) -> Result<(), Failure> {
    Err(Failure::Cannot(anyhow::anyhow!(
        "this build has no BPF programs, because it was built with --no-default-features. Build it \
         with `cargo build -p ringbuf-cli`. This needs clang, and for libbpf: libelf-dev \
         zlib1g-dev pkg-config make gcc (`cargo xtask demo` installs them)"
    )))
}

/// Prints the events, and always the summary.
fn run(source: impl Source, arguments: &Exec, stop: &AtomicBool) -> Result<(), Failure> {
    let options = arguments.options();
    let out = Output::stdout(stop).context("cannot write").map_err(Failure::Running)?;
    let (summary, result) = exec::run(source, options, stop, out);
    output::tell_in_time(match options.format {
        Format::Json { .. } => summary.to_json(),
        Format::Columns | Format::Wide => summary.to_string(),
    });
    result.map_err(Failure::Running)
}

/// Returns a flag that the first Ctrl-C, SIGTERM or SIGHUP sets.
fn stop_on_signals() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let ends = [SIGINT, SIGTERM, SIGHUP];
    // `nohup` ignores the last one.
    let number = if ignores_hangups() { 2 } else { 3 };
    let (flag, mut signals) = (Arc::clone(&stop), Signals::new(&ends[..number])?);
    thread::spawn(move || {
        let mut first: Option<Instant> = None;
        for _ in signals.forever() {
            flag.store(true, Ordering::Relaxed);
            if first.get_or_insert_with(Instant::now).elapsed() > SAME_SIGNAL {
                process::exit(INTERRUPTED);
            }
        }
    });
    Ok(stop)
}

fn ignores_hangups() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (SIGHUP - 1) & 1 == 1)
}

/// Why the command fails, with its exit code. clap handles wrong usage (2).
#[derive(Debug)]
enum Failure {
    /// An error while running: 1.
    Running(anyhow::Error),
    /// Something is missing on this machine, before the first line: 3.
    Cannot(anyhow::Error),
    /// Rings cannot be listed here: 3.
    NoRings(anyhow::Error),
}

impl Failure {
    fn tell(&self) -> ExitCode {
        match self {
            Self::Running(error) => {
                tell(&format!("ringbuf: {error:#}"));
                ExitCode::from(1)
            }
            Self::Cannot(error) => {
                tell(&format!(
                    "ringbuf: cannot read the events of this kernel: {error:#}\n\
                     ringbuf: `ringbuf exec --sim` works here: \
                     it shows simulated processes in the same format"
                ));
                ExitCode::from(3)
            }
            Self::NoRings(error) => {
                tell(&format!("ringbuf: cannot look at the rings of this machine: {error:#}"));
                ExitCode::from(3)
            }
        }
    }
}

/// Prints a line to standard error. If standard error is closed, nobody can read
/// it.
fn tell(text: &str) {
    let _closed = writeln!(io::stderr(), "{}", format::printable(text));
}
