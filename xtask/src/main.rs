//! `cargo xtask`: the chores of the project, each one command.
//!
//! `demo` shows it, `test` proves it; the rest runs one part of the proof longer than the gate does.

mod demo;
mod gate;
mod house;
mod mounts;
mod packages;
mod results;
mod run;
mod suites;
mod table;
mod verdict;
mod workspace;

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use crate::suites::Step;
use crate::workspace::Workspace;

/// See it run, prove that it works.
///
/// New here? `cargo xtask demo` shows execve events of the running kernel. Before you hand in a
/// change: `cargo xtask test`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Show execve events of the running kernel, read through our own reader
    ///
    /// Builds the command `ringbuf`, runs `ringbuf exec` for a few seconds, starts a few programs
    /// meanwhile, and checks that each of them was seen exactly once and in order. Missing system
    /// packages are installed first (asks on a terminal). Reading the kernel's events needs root;
    /// where BPF cannot be used, the demo says so and shows the same from the simulator.
    Demo {
        /// Install nothing; without clang and libelf the demo shows the simulator
        #[arg(long)]
        no_install: bool,
        /// How long to watch
        #[arg(long, value_name = "N", default_value_t = 5,
              value_parser = clap::value_parser!(u32).range(1..=3600))]
        seconds: u32,
    },
    /// Run every check that a change must pass, and end with one table
    ///
    /// Installs missing system packages first (asks on a terminal). Suites run one after the
    /// other, all of them even if one fails. As root the live suites read the running kernel;
    /// what cannot run on this machine is listed as skipped, with the reason. Exits with 1 if
    /// anything failed.
    Test {
        /// Install nothing; what needs a missing package is reduced or skipped, and listed
        #[arg(long)]
        no_install: bool,
        /// Run this suite only; give it again for more
        #[arg(long, value_name = "SUITE", value_parser = PossibleValuesParser::new(suites::names()))]
        only: Vec<String>,
        /// List the suites and what each shows, run nothing
        #[arg(long)]
        list: bool,
    },
    /// Run the loom models: every interleaving of small configurations
    ///
    /// Use it after touching an ordering, a fence or the order of two steps in ringbuf-core.
    Loom {
        /// Preemption bound 3 instead of 2: much longer, for a change to the protocol itself
        #[arg(long)]
        deep: bool,
    },
    /// Print instructions per record of our reader and of the C loop, side by side
    ///
    /// Needs valgrind. Use it after touching the reader's hot path; `cargo xtask test --only
    /// icount` also fails if we need more than C.
    Icount,
    /// Push many records through a small ring on the running kernel, and account for each
    ///
    /// Every accepted record must arrive exactly once, in order per producer, with its checksum.
    /// Needs root and clang. The suite `live` runs it shorter; use this before a release or after
    /// touching the mapping or the waiting.
    ExactlyOnce {
        /// How many records the BPF programs try to write
        #[arg(long, value_name = "N", default_value_t = 10_000_000,
              value_parser = clap::value_parser!(u64).range(1..))]
        records: u64,
    },
    /// Try to lose a wakeup on the running kernel
    ///
    /// Provokes the race between going to sleep and the last commit. Needs root and clang. Use it
    /// after touching `arm` or the poller; longer finds rarer losses.
    LostWakeups {
        /// How long to try; without it, as long as the suite `live` does
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        seconds: Option<u64>,
    },
}

fn main() -> ExitCode {
    match start(Cli::parse().task) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one task; the answer is the exit code.
fn start(task: Task) -> anyhow::Result<u8> {
    let workspace = Workspace::load()?;
    match task {
        Task::Demo { no_install, seconds } => demo::demo(&workspace, no_install, seconds),
        Task::Test { list: true, .. } => {
            suites::list();
            Ok(0)
        }
        Task::Test { no_install, only, .. } => gate::test(&workspace, no_install, &only),
        Task::Loom { deep } => {
            let step = Step::cargo(suites::LOOM);
            let step = if deep { step.env("RINGBUF_LOOM_BOUND", 3) } else { step };
            step.run_alone(&workspace.root)
        }
        Task::Icount => Step::cargo(suites::ICOUNT).run_alone(&workspace.root),
        Task::ExactlyOnce { records } => {
            live("exactly_once").env("RINGBUF_RECORDS", records).run_alone(&workspace.root)
        }
        Task::LostWakeups { seconds } => {
            let step = live("lost_wakeups");
            let step = seconds.into_iter().fold(step, |step, n| step.env("RINGBUF_SECONDS", n));
            step.run_alone(&workspace.root)
        }
    }
}

/// One test target of the live tests, with its output shown.
fn live(target: &str) -> Step {
    Step::cargo(&format!("test --release -p ringbuf-tests --test {target} --locked -- --nocapture"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
