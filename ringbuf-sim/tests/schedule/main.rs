//! Schedules: several producers, and a consumer that dies and restarts. The
//! scheduler stops and switches them between any two of their accesses.
//!
//! The tests run core's `Consumer` and the simulator's `KernelRing`, unchanged,
//! over a memory in which every access is a step (`ring`, `memory`). A seed makes a
//! [`Plan`] and every decision of the scheduler. `check` verifies the invariants
//! after each step. A plan that fails is made smaller before it is printed.
//!
//! | variable | meaning |
//! |---|---|
//! | `RINGBUF_STEPS` | the minimum number of steps; `cargo xtask test` runs 40 million |
//! | `RINGBUF_SECONDS` | the time instead |
//! | `RINGBUF_SEED` | the first seed; without the other variables, the only one: a replay |

mod check;
mod defect;
mod memory;
mod party;
mod reader;
mod ring;
mod run;
mod shrink;
mod tally;

use std::env;
use std::time::{Duration, Instant};

use ringbuf_sim::explore::Plan;

use crate::defect::Defect;
use crate::run::run;
use crate::tally::Seen;

/// Unoptimised it is several times slower.
const STEPS: u64 = if cfg!(debug_assertions) { 500_000 } else { 40_000_000 };
/// If this many seeds do not show a planted defect, the check cannot fail.
const SEEDS: u64 = 2000;

#[test]
fn nothing_goes_wrong() {
    let [steps, seconds, seed] = ["RINGBUF_STEPS", "RINGBUF_SECONDS", "RINGBUF_SEED"].map(number);
    let bounded = steps.is_some() || seconds.is_some();
    if let Some(seed) = seed.filter(|_| !bounded) {
        eprintln!("seed {seed}: {}", check(seed));
        return;
    }
    // budget: who asks for a time counts no steps.
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let steps = steps.unwrap_or(if end.is_some() { u64::MAX } else { STEPS });
    let seen = explore(seed.unwrap_or(0), steps, end);
    if !bounded {
        assert_eq!(seen.never(), [""; 0], "never happened: {seen}");
    }
}

/// Runs seed after seed, until there are enough steps or the time is over.
fn explore(first: u64, steps: u64, end: Option<Instant>) -> Seen {
    let (start, mut shown) = (Instant::now(), Instant::now());
    let mut seen = Seen::default();
    // budget: as above.
    while seen.steps < steps && end.is_none_or(|end| Instant::now() < end) {
        seen += check(first.wrapping_add(seen.runs));
        // printed only:
        if shown.elapsed() >= Duration::from_secs(5) {
            shown = Instant::now();
            progress(first, &seen, start);
        }
    }
    progress(first, &seen, start);
    eprintln!("{seen}");
    seen
}

fn progress(first: u64, seen: &Seen, start: Instant) {
    // printed only:
    let (millions, seconds) = (seen.steps as f64 / 1e6, start.elapsed().as_secs_f64());
    let (next, speed) = (first.wrapping_add(seen.runs), millions / seconds);
    eprintln!("schedules: {millions:.1} M steps, {speed:.1} M/s, {seconds:.0} s, seed {next}");
}

/// Runs one seed. Makes a failing plan small, and prints it.
fn check(seed: u64) -> Seen {
    let plan = Plan::new(seed);
    run(&plan, None, false).unwrap_or_else(|_| panic!("{}", shrink::report(&plan, None)))
}

fn number(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}: `{value}` is no number")))
}

#[test]
fn a_seed_always_runs_the_same_way() {
    for seed in 0..50 {
        assert_eq!(check(seed), check(seed));
    }
    assert_ne!(check(0).order, check(1).order);
}

/// Checks that cannot fail prove nothing. Each defect must be found, with the right
/// report.
#[test]
fn planted_defects_are_found() {
    for (defect, says) in Defect::ALL {
        let start = Instant::now();
        let mut steps = 0;
        let failing =
            (0..SEEDS).map(Plan::new).find_map(|plan| match run(&plan, Some(defect), false) {
                Ok(seen) => {
                    steps += seen.steps;
                    None
                }
                Err(violation) => Some((plan, violation)),
            });
        let Some((plan, violation)) = failing else { panic!("{defect:?} is never found") };
        steps += violation.step;
        let what = &violation.what;
        assert!(what.contains(says), "{defect:?} gives `{what}`, not `{says}`");
        let smaller = shrink::shrink(&plan, Some(defect));
        let (size, small) = (plan.size(), smaller.size());
        assert!(small <= size && run(&smaller, Some(defect), false).is_err(), "{defect:?}");
        // printed only:
        let millis = start.elapsed().as_millis();
        let seed = plan.seed;
        eprintln!("{defect:?}: seed {seed}, {steps} steps, size {size} -> {small}, {millis} ms");
        eprintln!("    {what}");
    }
}

#[test]
fn a_failing_seed_is_printed_with_its_replay() {
    let failing = |plan: &Plan| run(plan, Some(Defect::SilentCommit), false).is_err();
    let plan = (0..SEEDS).map(Plan::new).find(failing).unwrap();
    let report = shrink::report(&plan, Some(Defect::SilentCommit));
    let replay = format!("cargo xtask schedules --seed {}", plan.seed);
    for says in [&replay, "wakeup", "exchanges the header", "producers: ["] {
        assert!(report.contains(says), "no `{says}` in:\n{report}");
    }
}
