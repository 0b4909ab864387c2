//! Prints a failing plan, and the smallest one that it shrinks to.

use ringbuf_sim::explore::{self, Plan};

use crate::defect::Defect;
use crate::run::run;

/// The largest number of runs.
const RUNS: u64 = 20_000;

/// Returns the smallest failing plan.
pub(crate) fn shrink(plan: &Plan, defect: Option<Defect>) -> Plan {
    explore::shrink(plan, RUNS, |plan| run(plan, defect, false).is_err())
}

/// Returns the violation, the command to repeat it, and the shortest way there.
pub(crate) fn report(plan: &Plan, defect: Option<Defect>) -> String {
    let Err(violation) = run(plan, defect, false) else { return "nothing goes wrong".into() };
    let smaller = shrink(plan, defect);
    let shown = match run(&smaller, defect, true) {
        Err(violation) => violation.to_string(),
        Ok(_) => String::new(),
    };
    let (what, seed) = (&violation.what, plan.seed);
    let (size, small) = (plan.size(), smaller.size());
    format!(
        "{what}\n\nreplay: cargo xtask schedules --seed {seed}\n\n\
         shrunk from size {size} to {small}: {smaller:#?}\n\nits last steps:\n{shown}\n"
    )
}
