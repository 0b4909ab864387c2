//! `cargo xtask`: the commands of the project.
//!
//! `demo` shows that it works, and `test` runs all checks. The other commands run one check for
//! longer than `test` does.

mod bench;
mod book;
mod capi;
mod coverage;
mod debian;
mod demo;
mod fuzz;
mod gate;
mod golden;
mod house;
mod hygiene;
mod litmus;
mod matrix;
mod mounts;
mod mutants;
mod packages;
mod promtool;
mod release;
mod results;
mod run;
mod suites;
mod table;
mod tools;
mod verdict;
mod weaken;
mod workspace;

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use crate::suites::Step;
use crate::workspace::Workspace;

/// Show and test the BPF ring buffer library
///
/// New here? `cargo xtask demo` shows the execve events of the running kernel. Before you hand in
/// a change, run `cargo xtask test`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Show execve events of the running kernel, read with this library
    ///
    /// Builds the command `ringbuf`, runs `ringbuf exec` for a few seconds, and starts a few
    /// programs. Checks that each of them appears exactly once and in order. First installs
    /// missing system packages (asks on a terminal). Reading the kernel's events needs root. If
    /// BPF does not work, the demo says so and shows simulated events instead.
    Demo {
        /// Install nothing; without clang and libelf the demo shows simulated events
        #[arg(long)]
        no_install: bool,
        /// Watch for N seconds
        #[arg(long, value_name = "N", default_value_t = 5,
              value_parser = clap::value_parser!(u32).range(1..=3600))]
        seconds: u32,
    },
    /// Run every check that a change must pass, then print one table
    ///
    /// First installs missing system packages (asks on a terminal). Two suites need more:
    /// cargo-fuzz is installed through cargo, and herd7 into target/litmus; a notice is printed.
    /// Suites run one after the other, even if one fails. As root, the live suites read the
    /// running kernel. Checks that cannot run on this machine are listed as skipped, with the
    /// reason. Exits with 1 if anything failed.
    Test {
        /// Install nothing; reduce or skip suites that need a missing package, and list them
        #[arg(long)]
        no_install: bool,
        /// Run only this suite; repeat the option for more suites
        #[arg(long, value_name = "SUITE", value_parser = PossibleValuesParser::new(suites::names()))]
        only: Vec<String>,
        /// List the suites and what each one checks; run nothing
        #[arg(long)]
        list: bool,
    },
    /// Run the loom models: every interleaving of small configurations
    ///
    /// Run this after a change of an ordering, a fence or the order of two steps in ringbuf-core.
    Loom {
        /// Use preemption bound 3 instead of 2; much slower, for changes of the protocol itself
        #[arg(long)]
        deep: bool,
    },
    /// Run producers, consumers and faults through seeded schedules
    ///
    /// Switches between core's consumer and the simulator's kernel at any access, and checks the
    /// invariants after each step. Without a limit, --seed replays only that seed. A failure is
    /// made smaller and printed. `cargo xtask test` runs some millions of steps; this command
    /// runs more.
    Schedules {
        /// Run for H hours
        #[arg(long, value_name = "H", conflicts_with = "steps",
              value_parser = clap::value_parser!(u64).range(1..=1000))]
        hours: Option<u64>,
        /// Run at least N steps
        #[arg(long, value_name = "N")]
        steps: Option<u64>,
        /// The first seed; without it, a run with a limit takes its seed from the time
        #[arg(long, value_name = "S")]
        seed: Option<u64>,
    },
    /// Simulate random rings on other machines, and check what holds for all of them
    ///
    /// The nightly form of `ringbuf sim`'s tests: random machines, arrivals, policies, releases and
    /// faults in virtual time. At the end it says how much virtual time it covered. A failure
    /// names its seed; `--seed` begins with it.
    Simulations {
        /// Run for H hours
        #[arg(long, value_name = "H", default_value_t = 8,
              value_parser = clap::value_parser!(u64).range(1..=1000))]
        hours: u64,
        /// The first seed; without it, it comes from the time
        #[arg(long, value_name = "S")]
        seed: Option<u64>,
    },
    /// Fuzz the reads of shared memory, the oracle, and the drain of the user ring
    ///
    /// Needs a nightly compiler, and installs cargo-fuzz if it is missing. Runs one target on
    /// each processor. Prints a line when a target ends, and the progress of the others from time
    /// to time. Logs are in target/fuzz-logs, new inputs below target/fuzz-corpus, and crashes in
    /// fuzz/artifacts. A crash ends its target and is printed. Exits with 1 if there was a crash.
    Fuzz(fuzz::Options),
    /// Print the coverage of ringbuf-core by the fuzz corpora, file by file
    ///
    /// Replays fuzz/corpus with coverage counters, on the stable compiler, and lists the lines
    /// that no input reaches. Reads the counters with LLVM's own tools: those of the toolchain if
    /// it has them, else those of the system package llvm-N, which is installed if it is missing
    /// (asks on a terminal). Run this after a change of core or of a corpus. Exits with 1 if the
    /// coverage is below the minimum.
    Coverage(coverage::Options),
    /// Change ringbuf-core in many small ways, and check that a test fails for each change
    ///
    /// Installs cargo-mutants if it is missing. .cargo/mutants.toml lists the tests to run, and
    /// the changes that no test can see, each with its reason. Logs are in target/mutants. Takes
    /// a quarter of an hour or more. Exits with 1 if a change survived that is not listed there.
    Mutants(mutants::Options),
    /// Break orderings, fences, checks and the order of stores in ringbuf-core, one at a time
    ///
    /// Makes each break in a copy below target/weaken. The tests that are named for the break
    /// must fail (--list shows them). Exits with 1 if any of them does not. Takes some minutes.
    /// Run this after a change of core, together with `cargo xtask mutants`, which does not break
    /// orderings.
    Weaken(weaken::Options),
    /// Print instructions per record of our reader next to those of a C loop
    ///
    /// Needs valgrind. Run this after a change of the reader's hot path. `cargo xtask test --only
    /// icount` also fails if our reader needs more than the C loop.
    Icount,
    /// Compare our reader with libbpf, libbpf-rs, aya and a loop written in C
    ///
    /// Measures throughput, the cost for the traced program, CPU and latency on the running
    /// kernel. Takes some minutes, or about one with --quick. Needs root. --help prints the
    /// options of the benchmark.
    #[command(disable_help_flag = true)]
    Bench(bench::Options),
    /// Compare the optimised code of the hot functions with bench/golden
    ///
    /// Covers the drain, its slow path, `arm` and the producer, as intermediate code and x86-64
    /// assembly. For any compiler it checks each access to shared memory with its ordering, and
    /// that nothing can panic. Exits with 77 if all these checks pass, but the stored text is
    /// from another compiler.
    Golden {
        /// Replace the stored code with the current code
        #[arg(long)]
        bless: bool,
    },
    /// Run the litmus tests of the protocol under the Linux kernel's memory model, and others
    ///
    /// Needs herd7 and the memory model. Both are fetched once into target/litmus, from Debian's
    /// unstable suite. The mirror is that of this machine's apt. The command uses its own apt
    /// configuration, which changes nothing on this machine. Run it after a change of the
    /// protocol. Exits with 1 if a result is not the expected one, and with 77 if herd7 is not
    /// available.
    Litmus {
        /// Fetch nothing
        #[arg(long)]
        no_install: bool,
    },
    /// Send many records through a small ring on the running kernel, and check each one
    ///
    /// Every accepted record must arrive exactly once, in order per producer, with its checksum.
    /// Needs root and clang. The suite `live` runs a shorter form. Run this before a release, or
    /// after a change of mapping or waiting.
    ExactlyOnce {
        /// The number of records that the BPF programs try to write
        #[arg(long, value_name = "N", default_value_t = 10_000_000,
              value_parser = clap::value_parser!(u64).range(1..))]
        records: u64,
    },
    /// Read many rings for a long time, in every way at once, on the running kernel
    ///
    /// A set, a tokio task and a thread read six rings, with records of every kind, wakers, changes
    /// of policy, and rings that come and go. Every record must arrive exactly once, and no file
    /// descriptor may be left. Prints a line each minute, with the memory in use. Needs root and
    /// clang. The suite `live` runs a shorter form.
    Soak {
        /// The time in minutes
        #[arg(long, value_name = "N", default_value_t = 60,
              value_parser = clap::value_parser!(u64).range(1..=10_000))]
        minutes: u64,
    },
    /// Run the live tests on every kernel from 5.10 to the newest, in virtual machines
    ///
    /// Fetches Debian's kernels for x86-64 (the newest of each minor release, and the oldest
    /// 5.10), and checks the archive's signatures. The mirror is that of this machine's apt. The
    /// command uses its own apt configuration, which changes nothing on this machine. Boots each
    /// kernel in QEMU, with KVM if it works, with one set of programs. Ends with one table. Several
    /// machines run at once.
    ///
    /// Package lists are kept for a day and kernels for ever, below target/matrix or
    /// RINGBUF_MATRIX_CACHE. RINGBUF_MATRIX_MIRROR names a mirror if apt has none. --arch adds
    /// other architectures and page sizes (big-endian, 16 and 64 KiB, 32 bits), and 32-bit
    /// processes on 64-bit kernels: see docs/architectures.md. Needs no root after the packages
    /// are installed. Exits with 1 if anything failed.
    Matrix(matrix::Options),
    /// Pack the published crates, and test the packages without the workspace
    ///
    /// Packs each, unpacks them below target/unpacked, and there runs their tests, builds each
    /// alone, builds their documentation and installs the command. Use it after touching a
    /// manifest, or a file that a test reads. Exits with 1 if anything failed.
    Package(release::Options),
    /// Check what `ringbuf export` prints, and its alerts, with the tools of Prometheus
    ///
    /// promtool reads the text format, checks docs/prometheus/alerts.yml and runs its unit tests.
    /// Prometheus' client for Python reads OpenMetrics. Both are fetched once, below
    /// target/promtool: Debian's package prometheus (about 20 MB) and the client, from this
    /// machine's mirrors. Run it after a change of metrics or alerts. Exits with 77 if they are
    /// not available.
    Promtool(promtool::Options),
    /// Check the spelling, and the licences, versions and advisories of the dependencies
    ///
    /// Installs typos and cargo-deny below target/tools if they are missing. Their exceptions are
    /// in _typos.toml and deny.toml. Advisories are fetched with git; if that fails, they are
    /// skipped with a notice. Exits with 1 if anything was found.
    Hygiene(hygiene::Options),
    /// Make web pages of docs/, the book, in target/book
    ///
    /// Installs mdBook below target/tools if it is missing, which takes some minutes once. The suite
    /// `house` checks the links and the contents without it; `cargo test -p ringbuf-snippets`
    /// compiles the Rust of the pages.
    Book {
        /// Install nothing
        #[arg(long)]
        no_install: bool,
    },
    /// Compare the public items of the crates with those in docs/api
    ///
    /// Prints each item that came or went. Needs a nightly compiler, and installs cargo-public-api
    /// below target/tools if it is missing. Run it before a release. Exits with 1 if anything
    /// changed.
    Api {
        /// Replace the stored lists with the current ones
        #[arg(long)]
        bless: bool,
        /// Install nothing
        #[arg(long)]
        no_install: bool,
    },
    /// Measure the C library beside libbpf, alone and in programs of others
    ///
    /// Throughput, the reader's CPU for a record, and the traced call's cost, for each policy, in
    /// one run. Then one table of programs with libbpf and with the library preloaded: event
    /// loops, exceptions and jumps out of callbacks, a user ring, the loader and the BCC program
    /// of "Using the BPF ring buffer", a BCC tool, and bpftrace. First installs missing system
    /// packages (asks on a terminal), and fetches Debian 13's bpftrace and kernel headers for BCC
    /// into target/capi. What cannot be had is skipped, with the reason. Needs root and clang.
    /// Leave two CPUs to it. Exits with 1 if a program prints something else than with libbpf.
    Capi {
        /// Run the kernel's selftests of ring buffers instead, with libbpf and with the library,
        /// preloaded and linked. Fetches Debian's newest linux-source (170 MB) and bpftool into
        /// target/selftests, once. Exits with 1 if one passes with libbpf alone
        #[arg(long)]
        selftests: bool,
        /// Install and fetch nothing
        #[arg(long)]
        no_install: bool,
        /// Seconds for each reader, load and round
        #[arg(long, value_name = "N", default_value_t = 1,
              value_parser = clap::value_parser!(u64).range(1..=60))]
        seconds: u64,
        /// Rounds, of which the median counts
        #[arg(long, value_name = "N", default_value_t = 5,
              value_parser = clap::value_parser!(u64).range(1..=100))]
        rounds: u64,
    },
    /// Build and install the C library with libbpf's ring buffer functions
    ///
    /// Installs libringbuf_capi.so and .a, ringbuf_capi.h and a pkg-config file. Load it into a
    /// program with LD_PRELOAD, or link it before libbpf: docs/c-library.md.
    InstallCapi(capi::Install),
    /// Kill readers of a pinned ring on the running kernel, and check that nothing is lost
    ///
    /// Each reader is a process that SIGKILL ends at a random point. The next one goes on. Every
    /// record must be delivered, and no more may come again than docs/shutdown.md states. Prints a
    /// line for each 2,500 kills. Needs root and clang. The suite `live` runs a shorter form. Run
    /// this before a release, or after a change of when space is given back.
    Restarts {
        /// The number of kills
        #[arg(long, value_name = "N", default_value_t = 100_000,
              value_parser = clap::value_parser!(u64).range(4..))]
        count: u64,
    },
    /// Try to lose a wakeup on the running kernel
    ///
    /// Provokes the race between going to sleep and the last commit. Needs root and clang. Run it
    /// after a change of `arm` or of waiting. A longer run finds rarer losses.
    LostWakeups {
        /// How many bursts to read in each way of reading; without it, as many as the suite `live`
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        rounds: Option<u64>,
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

/// Runs one task and returns the exit code.
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
        Task::Simulations { hours, seed } => Step::cargo(suites::SIMULATIONS)
            .env("RINGBUF_SECONDS", 3600 * hours)
            .env("RINGBUF_SEED", seed.unwrap_or_else(suites::any_seed))
            .run_alone(&workspace.root),
        Task::Fuzz(options) => fuzz::fuzz(&workspace, &options),
        Task::Coverage(options) => coverage::coverage(&workspace, &options),
        Task::Mutants(options) => mutants::mutants(&workspace, &options),
        Task::Weaken(options) => weaken::weaken(&workspace, &options),
        Task::Icount => Step::cargo(suites::ICOUNT).run_alone(&workspace.root),
        Task::Bench(options) => bench::bench(&workspace, &options),
        Task::Golden { bless } => golden::golden(&workspace, bless),
        Task::Litmus { no_install } => litmus::litmus(&workspace, no_install),
        Task::Book { no_install } => book::book(&workspace, no_install),
        Task::Api { bless, no_install } => book::api(&workspace, bless, no_install),
        Task::ExactlyOnce { records } => {
            live("exactly_once").env("RINGBUF_RECORDS", records).run_alone(&workspace.root)
        }
        Task::Soak { minutes } => {
            live("soak").env("RINGBUF_SOAK", minutes * 60).run_alone(&workspace.root)
        }
        Task::Capi { selftests: true, .. } => capi::selftests::run(&workspace),
        Task::Capi { no_install, seconds, rounds, .. } => {
            capi::measure(seconds, rounds, no_install, &workspace)
        }
        Task::InstallCapi(options) => capi::install(&options, &workspace),
        Task::Matrix(options) => matrix::matrix(&workspace, &options),
        Task::Restarts { count } => {
            live("restarts").env("RINGBUF_RESTARTS", count).run_alone(&workspace.root)
        }
        Task::Package(options) => release::package(&workspace, &options),
        Task::Promtool(options) => promtool::promtool(&workspace, &options),
        Task::Hygiene(options) => hygiene::hygiene(&workspace, &options),
        Task::LostWakeups { rounds } => {
            let step = live("lost_wakeups");
            let step = rounds.into_iter().fold(step, |step, n| step.env("RINGBUF_ROUNDS", n));
            step.run_alone(&workspace.root)
        }
    }
}

/// Returns one test target of the live tests, with visible output.
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
