//! The suites of `cargo xtask test`: what each one shows, needs and runs.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::packages::{self, Package};
use crate::run;

pub(crate) const LOOM: &str =
    "test --release -p ringbuf-sim --test loom --locked --no-fail-fast -- --nocapture";
pub(crate) const SCHEDULES: &str =
    "test --release -p ringbuf-sim --test schedule --locked --no-fail-fast -- --nocapture";
pub(crate) const SIMULATIONS: &str =
    "test --release -p ringbuf-model --test nightly --locked -- --nocapture";
const FUZZ: &str = "xtask fuzz --seconds 20 --or-skip";
const PACKAGE: &str = "xtask package";
const HYGIENE: &str = "xtask hygiene";
const LITMUS: &str = "xtask litmus";
pub(crate) const ICOUNT: &str = "run --release -p ringbuf-bench --bin icount --locked";
/// A fair comparison: the profile inlines across crates.
pub(crate) const COMPARE: &str = "run --profile compare -p ringbuf-compare --locked";
const MATRIX: &str = "xtask matrix --kernel oldest --kernel newest --no-install --or-skip";
/// The C library that can be broken, for the differential test.
const PLANTED: &str =
    "build -p ringbuf-capi --features planted --target-dir target/planted --locked";
/// These variables of the caller must not change `cargo xtask test`.
const KNOBS: [&str; 17] = [
    "RINGBUF_BLESS",
    "RINGBUF_CANCELLED",
    "RINGBUF_DISPOSABLE_KERNEL",
    "RINGBUF_FENCE_ONLY",
    "RINGBUF_LOOM_BOUND",
    "RINGBUF_MILLISECONDS",
    "RINGBUF_PLANTED",
    "RINGBUF_POLICY",
    "RINGBUF_PROGRAMS",
    "RINGBUF_RECORDS",
    "RINGBUF_RESTARTS",
    "RINGBUF_ROUNDS",
    "RINGBUF_SCRIPTS",
    "RINGBUF_SECONDS",
    "RINGBUF_SEED",
    "RINGBUF_SOAK",
    "RINGBUF_STEPS",
];

/// One row of the table at the end.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) shows: &'static str,
    pub(crate) needs: Needs,
    pub(crate) work: Work,
}

/// The requirements of a suite besides Rust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// The BPF packages; without them it checks the default members only.
    BpfOrLess,
    /// The BPF packages and the kernel file systems that the live tests use.
    Live,
    /// The BPF packages and valgrind.
    Valgrind,
    /// The BPF packages, and those that boot other kernels.
    Matrix,
}

#[derive(Debug)]
pub(crate) enum Work {
    /// Commands whose exit status is the result.
    Check(fn(&Scope) -> Vec<Step>),
    /// Commands that print the results of cargo test.
    Tests(fn(&Scope) -> Vec<Step>),
    /// A command that exits with 77 if it cannot run on this machine, with the reason on standard
    /// error.
    Measure(fn(&Scope) -> Vec<Step>),
    House,
}

pub(crate) const SUITES: &[Suite] = &[
    Suite {
        name: "fmt",
        shows: "the code is formatted",
        needs: Needs::Nothing,
        work: Work::Check(|_| vec![Step::cargo("fmt --all --check")]),
    },
    Suite {
        name: "clippy",
        shows: "the workspace has no lint errors",
        needs: Needs::BpfOrLess,
        work: Work::Check(|scope| {
            let all = scope.all();
            vec![Step::cargo(&format!("clippy {all} --all-targets --locked -- -D warnings"))]
        }),
    },
    Suite {
        name: "house",
        shows: "the project rules that no compiler checks",
        needs: Needs::Nothing,
        work: Work::House,
    },
    Suite {
        name: "xtask",
        shows: "the commands of cargo xtask work",
        needs: Needs::Nothing,
        work: Work::Tests(|_| vec![Step::cargo("test -p xtask --locked --no-fail-fast")]),
    },
    Suite {
        name: "units",
        shows: "unit, property, integration and documentation tests pass",
        needs: Needs::BpfOrLess,
        work: Work::Tests(units),
    },
    Suite {
        name: "loom",
        shows: "every interleaving of small configurations passes; each ordering is needed",
        needs: Needs::Nothing,
        work: Work::Tests(|_| vec![Step::cargo(LOOM)]),
    },
    Suite {
        name: "schedule",
        shows: "seeded schedules of producers, consumers and faults pass; planted defects are found",
        needs: Needs::Nothing,
        work: Work::Tests(|_| vec![Step::cargo(SCHEDULES)]),
    },
    Suite {
        name: "fuzz",
        shows: "20 seconds of each fuzz target find nothing",
        needs: Needs::Nothing,
        work: Work::Measure(|scope| vec![scope.installing(FUZZ)]),
    },
    Suite {
        name: "docs",
        shows: "the documentation builds, and every link works",
        needs: Needs::BpfOrLess,
        work: Work::Check(|scope| {
            let doc = Step::cargo(&format!("doc {} --no-deps --locked", scope.all()));
            vec![doc.env("RUSTDOCFLAGS", "-D warnings")]
        }),
    },
    Suite {
        name: "package",
        shows: "each published crate packs, and its package works without the workspace",
        needs: Needs::BpfOrLess,
        work: Work::Tests(|scope| {
            let less = if scope.bpf { "" } else { "--without-bpf" };
            vec![Step::cargo(&format!("{PACKAGE} {less}"))]
        }),
    },
    Suite {
        name: "hygiene",
        shows: "the spelling; licences, versions and advisories of the dependencies",
        needs: Needs::Nothing,
        work: Work::Tests(|scope| vec![scope.installing(HYGIENE)]),
    },
    Suite {
        name: "live",
        shows: "the reader works on the running kernel",
        needs: Needs::Live,
        work: Work::Tests(|_| {
            let all = "test --release -p ringbuf-tests -p ringbuf-portable --locked --no-fail-fast";
            // Some tests run the command, or load the C library, as it is built beside them.
            let beside = ["build --release -p ringbuf-cli -p ringbuf-capi --locked", PLANTED];
            let tests = format!("{all} -- --test-threads=1 --nocapture");
            beside.into_iter().chain([tests.as_str()]).map(Step::cargo).collect()
        }),
    },
    Suite {
        name: "matrix",
        shows: "the reader works on the oldest and the newest available kernel",
        needs: Needs::Matrix,
        work: Work::Measure(|_| vec![Step::cargo(MATRIX)]),
    },
    Suite {
        name: "golden",
        shows: "the hot functions have the listed accesses, no panic, and the same code",
        needs: Needs::Nothing,
        work: Work::Measure(|_| vec![Step::cargo("xtask golden")]),
    },
    Suite {
        name: "litmus",
        shows: "the litmus tests pass under the memory models of Linux, C and processors",
        needs: Needs::Nothing,
        work: Work::Measure(|scope| vec![scope.installing(LITMUS)]),
    },
    Suite {
        name: "icount",
        shows: "the reader needs no more instructions per record than the C loop",
        needs: Needs::Valgrind,
        work: Work::Measure(|_| vec![Step::cargo(&format!("{ICOUNT} -- --check"))]),
    },
];

/// The loom models have their own suite. They are in the test target `loom` of ringbuf-sim, so
/// the other targets of that crate are named one by one.
fn units(scope: &Scope) -> Vec<Step> {
    const OWN_SUITE: [&str; 2] = ["ringbuf-sim", "xtask"];
    let tests: String = scope.sim_tests.iter().map(|name| format!(" --test {name}")).collect();
    let others = if scope.bpf {
        let without = ["tests", "portable", "sim"].map(|name| format!(" --exclude ringbuf-{name}"));
        format!("--workspace{} --exclude xtask", without.concat())
    } else {
        let members = scope.default_members.iter().map(String::as_str);
        let members = members.filter(|name| !OWN_SUITE.contains(name));
        members.map(|name| format!("-p {name} ")).collect()
    };
    vec![
        Step::cargo(&format!("test {others} --locked --no-fail-fast")),
        Step::cargo(&format!(
            "test -p ringbuf-sim --lib --bins --examples{tests} --locked --no-fail-fast"
        )),
        Step::cargo("test -p ringbuf-sim --doc --locked"),
    ]
}

/// What the suites can cover on this machine.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) default_members: &'a [String],
    pub(crate) sim_tests: &'a [String],
    /// True if the BPF packages are installed.
    pub(crate) bpf: bool,
    /// Nothing may be installed or fetched.
    pub(crate) no_install: bool,
}

impl Scope<'_> {
    /// All crates, or those that need only Rust. Cargo takes the latter if none is named.
    fn all(&self) -> &'static str {
        if self.bpf { "--workspace" } else { "" }
    }

    /// Returns one of our tasks that installs what it needs, unless the user refuses.
    fn installing(&self, line: &str) -> Step {
        let refused = if self.no_install { "--no-install" } else { "" };
        Step::cargo(&format!("{line} {refused}"))
    }
}

/// One cargo command.
#[derive(Debug)]
pub(crate) struct Step {
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
}

impl Step {
    /// Splits `line` at white space.
    pub(crate) fn cargo(line: &str) -> Self {
        Self { args: line.split_whitespace().map(str::to_owned).collect(), env: Vec::new() }
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl ToString) -> Self {
        self.env.push((name, value.to_string()));
        self
    }

    pub(crate) fn command(&self, root: &Path) -> Command {
        let mut command = run::cargo();
        command.current_dir(root).args(&self.args);
        for knob in KNOBS {
            command.env_remove(knob);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the command with our own input and output, and returns its exit code.
    pub(crate) fn run_alone(&self, root: &Path) -> Result<u8> {
        let mut command = self.command(root);
        let set: String = self.env.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        eprintln!("xtask: {set}{}", run::describe(&command));
        Ok(run::exit_code(command.status()?))
    }
}

/// Returns a new seed, for a run that tries something new.
pub(crate) fn any_seed() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    since.as_secs() << 20
}

/// Returns the names of the suites, in their order.
pub(crate) fn names() -> Vec<&'static str> {
    SUITES.iter().map(|suite| suite.name).collect()
}

pub(crate) fn list() {
    for Suite { name, shows, .. } in SUITES {
        run::echo(format!("{name:<8} {shows}\n").as_bytes());
    }
}

pub(crate) fn packages_for(suites: &[&Suite]) -> Vec<&'static Package> {
    let mut needed: Vec<&Package> = Vec::new();
    for package in suites.iter().flat_map(|suite| suite.needs.packages()) {
        if !needed.contains(&package) {
            needed.push(package);
        }
    }
    needed
}

impl Needs {
    pub(crate) fn packages(self) -> Vec<&'static Package> {
        let bpf = if self == Self::Nothing { &[] } else { packages::BPF };
        let more = match self {
            Self::Valgrind => packages::VALGRIND,
            Self::Matrix => packages::MATRIX,
            _ => &[],
        };
        bpf.iter().chain(more).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(steps: &[Step]) -> Vec<String> {
        steps.iter().map(|step| step.args.join(" ")).collect()
    }

    fn suite(name: &str) -> &'static Suite {
        SUITES.iter().find(|suite| suite.name == name).unwrap()
    }

    #[test]
    fn names_are_unique() {
        let mut all = names();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), SUITES.len());
    }

    #[test]
    fn units_run_everything_but_the_loom_models() {
        let default_members = ["ringbuf-core", "ringbuf-sim", "xtask"].map(str::to_owned);
        let sim_tests = ["consumer".to_owned()];
        let scope = Scope {
            default_members: &default_members,
            sim_tests: &sim_tests,
            bpf: false,
            no_install: false,
        };
        let got = lines(&units(&scope));
        assert_eq!(got[0], "test -p ringbuf-core --locked --no-fail-fast");
        let sim = "test -p ringbuf-sim --lib --bins --examples --test consumer --locked";
        assert_eq!(got[1], format!("{sim} --no-fail-fast"));
        let got = lines(&units(&Scope { bpf: true, ..scope }));
        assert!(got[0].starts_with("test --workspace --exclude ringbuf-tests "), "{}", got[0]);
    }

    #[test]
    fn what_a_suite_installs_itself_can_be_refused() {
        for name in ["fuzz", "hygiene", "litmus"] {
            let (Work::Measure(steps) | Work::Tests(steps)) = suite(name).work else {
                panic!("{name} runs commands")
            };
            let [refused, free] = [true, false].map(|no_install| {
                let scope = Scope { default_members: &[], sim_tests: &[], bpf: true, no_install };
                lines(&steps(&scope)).concat()
            });
            assert_eq!(refused, format!("{free} --no-install"));
        }
    }

    #[test]
    fn only_what_the_chosen_suites_need_is_asked_for() {
        assert!(packages_for(&[suite("fmt"), suite("house"), suite("loom")]).is_empty());
        let both = packages_for(&[suite("live"), suite("icount")]);
        assert_eq!(both.len(), packages::BPF.len() + packages::VALGRIND.len());
    }

    #[test]
    fn the_environment_of_the_caller_does_not_shrink_the_gate() {
        let command = Step::cargo(LOOM).command(Path::new("."));
        let unset: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        assert_eq!(unset.len(), KNOBS.len());
        let deep = Step::cargo(LOOM).env(KNOBS[0], 3);
        let deep = deep.command(Path::new("."));
        assert!(
            deep.get_envs().any(|(name, value)| name == KNOBS[0] && value == Some("3".as_ref()))
        );
    }
}
