//! Schedules of a user ring: two threads that reserve from core's `Producer`, submit
//! batches and wait for space; a process that dies and is recovered; and a drain. The
//! scheduler stops and switches them between any two of their accesses.
//!
//! Core's `Producer` and the simulator's `KernelConsumer` run unchanged, over a memory in
//! which every access is a step (`ring`). A seed makes every decision. `check` verifies
//! the invariants at each access.
//!
//! `RINGBUF_STEPS` is the minimum number of steps. `RINGBUF_SEED` alone replays one seed.

mod check;
mod ring;
mod run;

use std::env;

use crate::run::{Seen, run};

/// Threads that reserve.
pub(crate) const PRODUCERS: usize = 2;
/// Unoptimised it is several times slower.
const STEPS: u64 = if cfg!(debug_assertions) { 300_000 } else { 5_000_000 };
/// If this many seeds do not show a planted defect, the check cannot fail.
const SEEDS: u64 = 2000;

/// A mistake that the check must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Two threads reserve at the same time.
    NoLock,
    /// The producer position is stored before the header.
    PositionBeforeHeader,
    /// A reservation does not look where the drain is.
    IgnoreConsumer,
    /// A drain does not notify.
    SilentDrain,
    /// A sleep ignores what was notified between the look and the sleep.
    BlockForgets,
    /// What a dead producer left open is not discarded.
    RecoverNothing,
}

/// Each, and a part of what is reported.
const DEFECTS: [(Defect, &str); 6] = [
    (Defect::NoLock, ""),
    (Defect::PositionBeforeHeader, "without its header"),
    (Defect::IgnoreConsumer, "a header at"),
    (Defect::SilentDrain, "lost wakeup"),
    (Defect::BlockForgets, "lost wakeup"),
    (Defect::RecoverNothing, "left open"),
];

#[test]
fn nothing_goes_wrong() {
    let [steps, seed] = ["RINGBUF_STEPS", "RINGBUF_SEED"].map(|name| {
        let value = env::var(name).ok()?;
        Some(value.parse::<u64>().unwrap_or_else(|_| panic!("{name}: `{value}` is no number")))
    });
    let mut seen = Seen::default();
    let first = seed.unwrap_or(0);
    let steps = steps.unwrap_or(if seed.is_some() { 1 } else { STEPS });
    while seen.steps < steps {
        seen += check(first.wrapping_add(seen.runs));
    }
    eprintln!("{seen:?}");
    if seed.is_none() {
        assert!(seen.has_all(), "something never happened: {seen:?}");
    }
}

fn check(seed: u64) -> Seen {
    run(seed, None).unwrap_or_else(|what| {
        panic!(
            "{what}\nreplay: RINGBUF_SEED={seed} cargo test -p ringbuf-sim --test user_schedule \
             nothing"
        )
    })
}

#[test]
fn a_seed_always_runs_the_same_way() {
    for seed in 0..50 {
        assert_eq!(check(seed), check(seed));
    }
    assert_ne!(check(0).order, check(1).order);
}

#[test]
fn planted_defects_are_found() {
    for (defect, says) in DEFECTS {
        let found = (0..SEEDS).find_map(|seed| Some((seed, run(seed, Some(defect)).err()?)));
        let Some((seed, what)) = found else { panic!("{defect:?} is never found") };
        assert!(what.contains(says), "{defect:?} gives `{what}`, not `{says}`");
        eprintln!("{defect:?}: seed {seed}: {what}");
    }
}
