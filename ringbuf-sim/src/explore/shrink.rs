//! Makes a failing plan smaller while it still fails.

use super::Plan;

/// The number of schedules to try with a smaller plan.
const SCHEDULES: u64 = 100;

/// Returns the smallest failing plan after dropping producers, actions and faults, within
/// `runs` runs. The same plan always shrinks to the same one.
///
/// ```
/// use ringbuf_sim::explore::{Plan, shrink};
///
/// let large = |plan: &Plan| plan.producers.iter().any(|acts| acts.len() > 2);
/// let plan = (0..).map(Plan::new).find(large).unwrap();
/// assert_eq!(shrink(&plan, 20_000, large).size(), 4); // one producer with three actions
/// ```
#[must_use]
pub fn shrink(plan: &Plan, runs: u64, fails: impl Fn(&Plan) -> bool) -> Plan {
    let (mut best, mut left) = (plan.clone(), runs);
    while let Some(smaller) = best.smaller().into_iter().find_map(|plan| {
        let seeds = (0..SCHEDULES.min(left)).map(|n| plan.seed.wrapping_add(n));
        seeds.map(|seed| Plan { seed, ..plan.clone() }).find(|plan| {
            left -= 1;
            fails(plan)
        })
    }) {
        best = smaller;
    }
    best
}
