//! Makes a failing plan smaller while it still fails, and prints it.

use crate::defect::Defect;
use crate::plan::Plan;
use crate::run::run;

/// The number of schedules to try with a smaller plan.
const SCHEDULES: u64 = 100;
/// The largest number of runs.
const RUNS: u64 = 20_000;

/// Returns the smallest failing plan after dropping producers, actions and faults.
/// The same plan always shrinks to the same one.
pub(crate) fn shrink(plan: &Plan, defect: Option<Defect>) -> Plan {
    let (mut best, mut left) = (plan.clone(), RUNS);
    while let Some(smaller) = best.smaller().into_iter().find_map(|plan| {
        let seeds = (0..SCHEDULES.min(left)).map(|n| plan.seed.wrapping_add(n));
        seeds.map(|seed| Plan { seed, ..plan.clone() }).find(|plan| {
            left -= 1;
            run(plan, defect, false).is_err()
        })
    }) {
        best = smaller;
    }
    best
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
