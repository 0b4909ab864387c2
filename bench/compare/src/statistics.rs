//! Medians over repetitions, ratios within them.

use crate::trial::{Outcome, Values};

/// One figure of a run.
pub type Figure = fn(&Values) -> Option<f64>;

/// The middle value, or the mean of the two middle ones. `None` for an empty list.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        len if len % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// The least value that at least `share` of the ascending `values` do not exceed.
pub fn percentile(values: &[u32], share: f64) -> Option<f64> {
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().map(f64::from)
}

/// All outcomes of a cell: one list for each repetition.
pub type Repetitions = [Vec<Outcome>];

/// Median of a figure of `reader`.
pub fn of(repetitions: &Repetitions, reader: &str, figure: Figure) -> Option<f64> {
    let values: Vec<f64> =
        repetitions.iter().filter_map(|runs| value(runs, reader, figure)).collect();
    median(&values)
}

/// Median of the ratios of a figure of `reader` to that of `reference` in the same repetition.
pub fn ratio(
    repetitions: &Repetitions,
    reader: &str,
    reference: &str,
    figure: Figure,
) -> Option<f64> {
    let ratio = |runs: &Vec<Outcome>| {
        let of = value(runs, reader, figure)?;
        let to = value(runs, reference, figure)?;
        (to > 0.0).then_some(of / to)
    };
    median(&repetitions.iter().filter_map(ratio).collect::<Vec<_>>())
}

/// Records that `reader` saw in all repetitions together.
pub fn accepted(repetitions: &Repetitions, reader: &str) -> u64 {
    let runs = repetitions.iter().flatten().filter(|run| run.reader == reader);
    runs.map(|run| run.accepted).sum()
}

/// The 99.9th percentile of all repetitions together, if there are enough values.
pub fn p999(repetitions: &Repetitions, reader: &str) -> Option<f64> {
    let runs = repetitions.iter().flatten().filter(|run| run.reader == reader);
    let mut all: Vec<u32> = runs.flat_map(|run| run.latencies.iter().copied()).collect();
    all.sort_unstable();
    (all.len() >= 1000).then(|| percentile(&all, 0.999)).flatten()
}

fn value(runs: &[Outcome], reader: &str, figure: Figure) -> Option<f64> {
    runs.iter().find(|run| run.reader == reader).and_then(|run| figure(&run.values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u32> = (1..=1000).collect();
        assert_eq!(percentile(&values, 0.5), Some(500.0));
        assert_eq!(percentile(&values, 0.999), Some(999.0));
        assert_eq!(percentile(&values, 1.0), Some(1000.0));
        assert_eq!(percentile(&[7], 0.5), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn a_ratio_is_taken_within_its_repetition() {
        let run = |reader, drain| Outcome {
            reader,
            accepted: 1,
            lost: 0,
            values: Values { drain: Some(drain), ..Default::default() },
            preempted: 0,
            steal: 0,
            latencies: Default::default(),
        };
        // The machine is ten times slower in the second repetition, the ratio is not.
        let all = [
            vec![run("a", 2.0), run("b", 1.0)],
            vec![run("b", 10.0), run("a", 20.0)],
            vec![run("a", 2.0)],
        ];
        assert_eq!(ratio(&all, "a", "b", |values| values.drain), Some(2.0));
        assert_eq!(of(&all, "a", |values| values.drain), Some(2.0));
        assert_eq!(ratio(&all, "a", "c", |values| values.drain), None);
    }
}
