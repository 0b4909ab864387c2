//! What a reader has seen: the same code for all.

use anyhow::{Result, ensure};

use super::rig::Counts;
use crate::seen::now;

/// The counts of a reader.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) records: u64,
    /// Records with a stamp before that of an earlier one.
    pub(super) late: u64,
    /// Records that lost events of the stream report.
    pub(super) reported: u64,
    /// From stamp to callback, in nanoseconds, if it is asked for.
    pub(super) latencies: Vec<u32>,
    stamped: bool,
    newest: u64,
    /// Numbers that did not come, of each producer.
    missing: [u64; 2],
    next: [u64; 2],
    wrong: u64,
}

impl Seen {
    /// Nothing yet; `before` are the producers' counts. Latencies are kept if `stamped`.
    pub(super) fn new(before: &[Counts; 2], stamped: bool) -> Self {
        Self {
            records: 0,
            late: 0,
            reported: 0,
            latencies: if stamped { Vec::with_capacity(1 << 18) } else { Vec::new() },
            stamped,
            newest: 0,
            missing: [0; 2],
            next: before.map(|counts| counts.tried),
            wrong: 0,
        }
    }

    /// One sample. A perf buffer's ends with padding.
    #[inline(always)]
    pub(super) fn look(&mut self, sample: &[u8]) {
        let Some([stamp, number, producer, last]) = words(sample) else {
            self.wrong += 1;
            return;
        };
        let producer = usize::from(producer != 0);
        // A number that goes back wraps around, and is found at the end.
        self.missing[producer] =
            self.missing[producer].wrapping_add(number.wrapping_sub(self.next[producer]));
        self.next[producer] = number.wrapping_add(1);
        self.wrong += u64::from(last != number);
        self.late += u64::from(stamp < self.newest);
        self.newest = self.newest.max(stamp);
        self.records += 1;
        if self.stamped {
            self.latencies.push(u32::try_from(now().saturating_sub(stamp)).unwrap_or(u32::MAX));
        }
    }

    /// Checks that exactly the accepted records came, those of each producer in their order.
    ///
    /// # Errors
    /// If not.
    pub(super) fn check(&self, before: &[Counts; 2], after: &[Counts; 2]) -> Result<()> {
        ensure!(self.wrong == 0, "{} records are not as they were written", self.wrong);
        for producer in 0..2 {
            let (tried, next) = (after[producer].tried, self.next[producer]);
            let refused = after[producer].refused - before[producer].refused;
            let missing = self.missing[producer].wrapping_add(tried.wrapping_sub(next));
            ensure!(
                missing == refused,
                "producer {producer}: {refused} records were refused, {missing} are missing"
            );
        }
        let accepted = |all: &[Counts; 2]| all.iter().map(|c| c.tried - c.refused).sum::<u64>();
        let accepted = accepted(after) - accepted(before);
        ensure!(self.records == accepted, "{} of {accepted} records came", self.records);
        Ok(())
    }
}

/// Stamp, number, producer, and the last word.
#[inline(always)]
fn words(sample: &[u8]) -> Option<[u64; 4]> {
    let record: &[u8; 64] = sample.first_chunk()?;
    let word = |at: usize| {
        record.get(at..).and_then(|rest| rest.first_chunk()).copied().map(u64::from_ne_bytes)
    };
    Some([word(0)?, word(8)?, word(16)?, word(56)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(stamp: u64, number: u64, producer: u64) -> Vec<u8> {
        let mut words = [number; 8];
        words[0] = stamp;
        words[2] = producer;
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    fn seen(samples: &[[u64; 3]]) -> Seen {
        let mut seen = Seen::new(&[Counts::default(); 2], false);
        samples.iter().for_each(|&[stamp, number, producer]| {
            seen.look(&sample(stamp, number, producer));
        });
        seen
    }

    const NOTHING: [Counts; 2] = [Counts { tried: 0, refused: 0 }; 2];

    #[test]
    fn lost_records_are_missing_numbers_also_at_the_end() {
        let seen = seen(&[[1, 0, 0], [2, 2, 0], [3, 0, 1]]);
        let counts = |tried, refused| Counts { tried, refused };
        seen.check(&NOTHING, &[counts(4, 2), counts(1, 0)]).expect("all accounted for");
        seen.check(&NOTHING, &[counts(4, 1), counts(1, 0)]).expect_err("one more is missing");
        seen.check(&NOTHING, &[counts(4, 2), counts(2, 0)]).expect_err("one more is missing");
    }

    #[test]
    fn a_record_that_comes_twice_is_an_error() {
        let seen = seen(&[[1, 0, 0], [2, 0, 0]]);
        let one = Counts { tried: 1, refused: 0 };
        seen.check(&NOTHING, &[one, Counts::default()]).expect_err("it came twice");
    }

    #[test]
    fn a_stamp_before_the_newest_is_late() {
        assert_eq!(seen(&[[5, 0, 0], [3, 0, 1], [4, 1, 1], [6, 1, 0]]).late, 2);
    }

    #[test]
    fn other_bytes_are_an_error() {
        let mut short = Seen::new(&NOTHING, false);
        short.look(&sample(1, 0, 0)[..63]);
        short.check(&NOTHING, &NOTHING).expect_err("too short");
        let mut torn = Seen::new(&NOTHING, false);
        let mut bytes = sample(1, 0, 0);
        bytes[56] ^= 1;
        torn.look(&bytes);
        let one = Counts { tried: 1, refused: 0 };
        torn.check(&NOTHING, &[one, Counts::default()]).expect_err("another last word");
    }
}
