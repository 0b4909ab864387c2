//! `cargo xtask`: the chores of the project, each one command.
//!
//! `demo` shows it, `test` proves it; the rest runs one part of the proof longer than the gate does.

mod bench;
mod coverage;
mod demo;
mod fuzz;
mod gate;
mod golden;
mod house;
mod litmus;
mod matrix;
mod mounts;
mod mutants;
mod packages;
mod results;
mod run;
mod suites;
mod table;
mod verdict;
mod weaken;
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
    /// Installs missing system packages first (asks on a terminal), and, with a notice, what two
    /// suites need besides: cargo-fuzz through cargo, herd7 into target/litmus. Suites run one
    /// after the other, all of them even if one fails. As root the live suites read the running kernel;
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
    /// Step producers, consumers and faults through seeded schedules
    ///
    /// Core's consumer and the simulator's kernel, switched between any two accesses; what must
    /// hold is checked after each step. Without a bound, --seed replays that one seed, and what
    /// fails is shrunk and shown. The gate takes some millions of steps; this takes more.
    Schedules {
        /// How long
        #[arg(long, value_name = "H", conflicts_with = "steps",
              value_parser = clap::value_parser!(u64).range(1..=1000))]
        hours: Option<u64>,
        /// How many steps at least
        #[arg(long, value_name = "N")]
        steps: Option<u64>,
        /// The first seed; without it a bounded run starts at one that depends on the time
        #[arg(long, value_name = "S")]
        seed: Option<u64>,
    },
    /// Fuzz what is read from shared memory, the oracle, and the drain of the user ring
    ///
    /// Needs a nightly compiler, and installs cargo-fuzz if it is missing. Runs as many targets at
    /// a time as there are processors, prints a line for each that ends and says now and then how
    /// far the others are; logs are in target/fuzz-logs. What is found is kept below
    /// target/fuzz-corpus; a crash is in fuzz/artifacts, ends its target, and is shown. Exits with
    /// 1 if there was one.
    Fuzz(fuzz::Options),
    /// Print what of ringbuf-core the fuzz corpora reach, file by file
    ///
    /// Replays fuzz/corpus with counters compiled in, on the stable compiler, and lists the lines
    /// that no input reaches. Reads the counters with LLVM's own tools: those of the toolchain if
    /// it has them, else those of the system package llvm-N, which is installed if it is missing
    /// (asks on a terminal). Use it after touching core or a corpus. Exits with 1 if less than a
    /// floor is reached.
    Coverage(coverage::Options),
    /// Change ringbuf-core in many small ways: each change must make a test fail
    ///
    /// Installs cargo-mutants if it is missing. .cargo/mutants.toml says which tests are run and
    /// which changes cannot be seen, each with its reason. Logs are in target/mutants. Takes a
    /// quarter of an hour or more; exits with 1 if a change survived that is not listed there.
    Mutants(mutants::Options),
    /// Break ringbuf-core on purpose: each ordering, fence, check, and the order of two stores
    ///
    /// Each break is made in a copy below target/weaken, one after the other, and the tests that
    /// are named for it must fail (--list shows them). Exits with 1 if a break is not seen by all
    /// of its tests. Some minutes; use it after touching core, with `cargo xtask mutants`, which
    /// knows nothing of orderings.
    Weaken(weaken::Options),
    /// Print instructions per record of our reader and of the C loop, side by side
    ///
    /// Needs valgrind. Use it after touching the reader's hot path; `cargo xtask test --only
    /// icount` also fails if we need more than C.
    Icount,
    /// Compare our reader with libbpf, libbpf-rs, aya and a loop written in C
    ///
    /// Throughput, what the traced side pays, CPU, latency, on the running kernel: some minutes,
    /// or about one with --quick. Needs root. Options are the benchmark's: --help prints them.
    #[command(disable_help_flag = true)]
    Bench(bench::Options),
    /// Compare the optimised code of the hot functions with what bench/golden holds
    ///
    /// The drain, its careful step, `arm` and the producer, as intermediate code and x86-64
    /// assembly. For any compiler it also checks each access to shared memory with its ordering,
    /// and that nothing can panic. Exits with 77 if all is well but another compiler wrote the
    /// text.
    Golden {
        /// Write what is emitted now over what is kept
        #[arg(long)]
        bless: bool,
    },
    /// Run the litmus tests of the protocol under the Linux kernel's memory model, and others
    ///
    /// Needs herd7 and the model: both are fetched once from Debian's unstable suite, from the
    /// mirror that this machine's apt uses, through a configuration of its own that changes
    /// nothing here, into target/litmus. Use it after touching the protocol. Exits with 1 if a
    /// verdict is not the expected one, with 77 if herd7 cannot be had.
    Litmus {
        /// Fetch nothing
        #[arg(long)]
        no_install: bool,
    },
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
    /// Run the live tests on every kernel from 5.10 to the newest, in virtual machines
    ///
    /// Fetches Debian's kernels for x86-64 (the newest of each minor release, and the oldest 5.10)
    /// from the mirror that this machine's apt uses, through a configuration of its own that
    /// changes nothing here, and checks the archive's signatures. Boots each in QEMU, by KVM
    /// where that works, with one set of statically linked programs, and ends with one table.
    /// Lists are kept for a day and kernels for ever, below target/matrix or where
    /// RINGBUF_MATRIX_CACHE says; RINGBUF_MATRIX_MIRROR names a mirror where apt has none.
    /// With --arch, kernels of other architectures and page sizes (big-endian, 16 and 64 KiB, 32
    /// bits) and 32-bit processes on 64-bit kernels: docs/architectures.md. Several machines run
    /// at once.
    /// Needs no root once the packages are there. Exits with 1 if anything failed.
    Matrix(matrix::Options),
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
        Task::Schedules { hours, steps, seed } => {
            let bounded = hours.is_some() || steps.is_some();
            let seed = seed.or_else(|| bounded.then(suites::any_seed));
            let step = Step::cargo(&format!("{} nothing_goes_wrong", suites::SCHEDULES));
            let seconds = hours.map(|hours| 3600 * hours);
            [("RINGBUF_SECONDS", seconds), ("RINGBUF_STEPS", steps), ("RINGBUF_SEED", seed)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .fold(step, |step, (name, value)| step.env(name, value))
                .run_alone(&workspace.root)
        }
        Task::Fuzz(options) => fuzz::fuzz(&workspace, &options),
        Task::Coverage(options) => coverage::coverage(&workspace, &options),
        Task::Mutants(options) => mutants::mutants(&workspace, &options),
        Task::Weaken(options) => weaken::weaken(&workspace, &options),
        Task::Icount => Step::cargo(suites::ICOUNT).run_alone(&workspace.root),
        Task::Bench(options) => bench::bench(&workspace, &options),
        Task::Golden { bless } => golden::golden(&workspace, bless),
        Task::Litmus { no_install } => litmus::litmus(&workspace, no_install),
        Task::ExactlyOnce { records } => {
            live("exactly_once").env("RINGBUF_RECORDS", records).run_alone(&workspace.root)
        }
        Task::Matrix(options) => matrix::matrix(&workspace, &options),
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
