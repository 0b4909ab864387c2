//! Runs a model, and rejects a model that saw too little.

use std::env;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::backing::Variant;

/// A small configuration of the protocol, and the outcomes that its exploration
/// must show.
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// Each of these must happen in at least one execution. A model that passes
    /// with only one outcome explored nothing.
    pub(crate) outcomes: &'static [&'static str],
    /// With fewer executions than this, loom explored nothing.
    pub(crate) floor: u64,
    /// Runs one execution: asserts the invariants, and returns the outcome.
    pub(crate) execution: fn(Variant) -> &'static str,
}

/// The number of times that loom may stop a running thread. `cargo test` uses 2;
/// `RINGBUF_LOOM_BOUND=3` takes minutes.
pub(crate) fn bound() -> usize {
    match env::var("RINGBUF_LOOM_BOUND") {
        Ok(bound) => bound.parse().expect("RINGBUF_LOOM_BOUND is a number"),
        Err(_) => 2,
    }
}

impl Model {
    /// Explores the model in this variant.
    ///
    /// # Panics
    /// Shows the error of the first execution that fails.
    pub(crate) fn explore(&self, variant: Variant) -> Report {
        let start = Instant::now();
        let counts: Arc<[AtomicU64]> = self.outcomes.iter().map(|_| AtomicU64::new(0)).collect();
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(bound());
        let (outcomes, execution, counted) = (self.outcomes, self.execution, counts.clone());
        builder.check(move || {
            let outcome = execution(variant);
            let known = outcomes.iter().position(|known| *known == outcome);
            let known = known.unwrap_or_else(|| panic!("outcome that no model has: {outcome}"));
            counted[known].fetch_add(1, Relaxed);
        });
        let counts = counts.iter().map(|count| count.load(Relaxed));
        let outcomes = self.outcomes.iter().copied().zip(counts).collect();
        // printed only:
        Report { name: self.name, outcomes, took: start.elapsed() }
    }

    /// Explores the model of the unchanged code in both forms, and checks that it
    /// saw enough.
    pub(crate) fn holds(&self) {
        for fenced in [false, true] {
            let variant = Variant { weak: None, fenced };
            let report = self.explore(variant);
            println!("{report}{variant}");
            let unseen = report.outcomes.iter().filter(|(_, count)| *count == 0);
            let unseen: Vec<_> = unseen.map(|(outcome, _)| *outcome).collect();
            assert!(unseen.is_empty(), "never seen: {unseen:?}");
            let executions = report.executions();
            assert!(executions >= self.floor, "{executions} executions, {} expected", self.floor);
        }
    }
}

/// The result of exploring a model.
pub(crate) struct Report {
    name: &'static str,
    outcomes: Vec<(&'static str, u64)>,
    took: Duration,
}

impl Report {
    fn executions(&self) -> u64 {
        self.outcomes.iter().map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} executions in {:.1?}", self.name, self.executions(), self.took)?;
        for (outcome, count) in &self.outcomes {
            write!(f, "; {outcome}: {count}")?;
        }
        Ok(())
    }
}
