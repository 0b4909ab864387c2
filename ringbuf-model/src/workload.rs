//! [`Arrivals`] and [`Sizes`]: what the traced CPUs produce, and when.

use std::rc::Rc;
use std::time::Duration;

use crate::random::Random;
use crate::seat::picos;

/// When records arrive. Rates are records a second, of all producing CPUs together.
///
/// In an open loop (all but [`Closed`](Self::Closed)) records come at their times, whatever
/// the last one cost. A CPU that is late catches up without a pause.
///
/// ```
/// use ringbuf_model::Arrivals;
///
/// let peak = Arrivals::Bursts {
///     rate: 200_000,
///     peak: 1_000_000,
///     length: std::time::Duration::from_millis(100),
///     every: std::time::Duration::from_secs(1),
/// };
/// assert_eq!(peak.mean_rate(), Some(280_000));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arrivals {
    /// At equal distances on each CPU, each CPU with a random phase.
    Constant {
        /// Records a second.
        rate: u64,
    },
    /// At random times, independent of each other.
    Poisson {
        /// Records a second, on average.
        rate: u64,
    },
    /// Poisson, with a higher rate at regular times, on all CPUs at once.
    Bursts {
        /// Records a second between the bursts.
        rate: u64,
        /// Records a second in a burst.
        peak: u64,
        /// How long a burst lasts.
        length: Duration,
        /// From the start of a burst to the start of the next one.
        every: Duration,
    },
    /// Poisson for a while, then nothing, on all CPUs at once.
    OnOff {
        /// Records a second while there are any.
        rate: u64,
        /// How long records arrive.
        on: Duration,
        /// How long none arrives.
        off: Duration,
    },
    /// Each CPU makes `batch` records one after the other, then works for `gap` and begins
    /// again. This is the shape of most benchmarks.
    Closed {
        /// Records in a row.
        batch: u32,
        /// The work between two batches.
        gap: Duration,
    },
    /// As recorded: times from the start, ordered, and sizes of samples. The CPUs take turns.
    /// At its end the recording begins again.
    Recorded(Rc<[(Duration, u32)]>),
}

impl Arrivals {
    /// Returns the records a second of all CPUs together, if the arrivals define it.
    #[must_use]
    pub fn mean_rate(&self) -> Option<u64> {
        let shared = |rate: u64, time: Duration, all: Duration| {
            let all = all.as_nanos().max(1);
            u64::try_from(u128::from(rate) * time.as_nanos() / all).unwrap_or(u64::MAX)
        };
        match self {
            Self::Constant { rate } | Self::Poisson { rate } => Some(*rate),
            Self::Bursts { rate, peak, length, every } => {
                let rest = every.saturating_sub(*length);
                Some(shared(*rate, rest, *every) + shared(*peak, *length, *every))
            }
            Self::OnOff { rate, on, off } => Some(shared(*rate, *on, on.saturating_add(*off))),
            Self::Closed { .. } => None,
            Self::Recorded(records) => {
                let time = records.last()?.0.as_nanos().max(1);
                u64::try_from(records.len() as u128 * 1_000_000_000 / time).ok()
            }
        }
    }

    /// Returns the most records a second that arrive at any time, if that is defined.
    #[must_use]
    pub fn peak_rate(&self) -> Option<u64> {
        match self {
            Self::Bursts { rate, peak, .. } => Some(*rate.max(peak)),
            Self::OnOff { rate, .. } => Some(*rate),
            Self::Recorded(records) => self.mean_rate().map(|mean| mean.max(densest(records))),
            other => other.mean_rate(),
        }
    }
}

/// The most records a second in any ten milliseconds of a recording.
fn densest(records: &[(Duration, u32)]) -> u64 {
    const WINDOW: Duration = Duration::from_millis(10);
    let mut first = 0;
    let counts = records.iter().enumerate().map(|(number, (time, _))| {
        while records[first].0 + WINDOW <= *time {
            first += 1;
        }
        (number - first + 1) as u64
    });
    counts.max().unwrap_or(0) * (1000 / WINDOW.as_millis() as u64)
}

/// The sizes of samples in bytes, evenly distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The smallest.
    pub least: u32,
    /// The largest.
    pub most: u32,
}

impl Sizes {
    /// All samples have this size.
    #[must_use]
    pub const fn fixed(bytes: u32) -> Self {
        Self { least: bytes, most: bytes }
    }

    /// Returns the mean size.
    #[must_use]
    pub const fn mean(self) -> u32 {
        self.least + (self.most - self.least) / 2
    }
}

/// The arrivals on one CPU.
#[derive(Debug)]
pub(crate) struct Plan {
    arrivals: Arrivals,
    sizes: Sizes,
    cpu: usize,
    cpus: usize,
    /// The time of the last record that was planned.
    last: u64,
    /// Records so far.
    made: u64,
}

impl Plan {
    pub(crate) fn new(arrivals: &Arrivals, sizes: Sizes, cpu: usize, cpus: usize) -> Self {
        Self { arrivals: arrivals.clone(), sizes, cpu, cpus, last: 0, made: 0 }
    }

    /// Returns the time and the size of the next record, for a CPU that is free at `now`.
    pub(crate) fn next(&mut self, now: u64, random: &mut Random) -> (u64, u64) {
        let (time, size) = match &self.arrivals {
            Arrivals::Recorded(records) => self.recorded(records),
            arrivals => {
                let more = u64::from(self.sizes.most - self.sizes.least) + 1;
                let size = u64::from(self.sizes.least) + random.below(more);
                (self.time(arrivals, now, random), size)
            }
        };
        (self.last, self.made) = (time, self.made + 1);
        (time, size)
    }

    fn time(&self, arrivals: &Arrivals, now: u64, random: &mut Random) -> u64 {
        let between = |rate| interval(rate, self.cpus);
        match *arrivals {
            Arrivals::Constant { rate } if self.made == 0 => random.below(between(rate)),
            Arrivals::Constant { rate } => self.last.saturating_add(between(rate)),
            Arrivals::Poisson { rate } => {
                self.last.saturating_add(random.exponential(between(rate)))
            }
            Arrivals::Bursts { rate, peak, length, every } => {
                let length = picos(length);
                self.switched([(length, peak), (picos(every).saturating_sub(length), rate)], random)
            }
            Arrivals::OnOff { rate, on, off } => {
                self.switched([(picos(on), rate), (picos(off), 0)], random)
            }
            Arrivals::Closed { .. } if self.made == 0 => random.below(500_000),
            Arrivals::Closed { batch, gap } => {
                let is_end = self.made % u64::from(batch.max(1)) == 0;
                now + if is_end { random.around(picos(gap), 3) } else { 0 }
            }
            Arrivals::Recorded(_) => now,
        }
    }

    /// Poisson arrivals whose rate alternates. Chance has no memory, so it begins anew at each
    /// change.
    fn switched(&self, phases: [(u64, u64); 2], random: &mut Random) -> u64 {
        let period = (phases[0].0 + phases[1].0).max(1);
        let mut at = self.last;
        loop {
            let within = at % period;
            let (left, rate) = match within.checked_sub(phases[0].0) {
                None => (phases[0].0 - within, phases[0].1),
                Some(_) => (period - within, phases[1].1),
            };
            let next =
                if rate == 0 { u64::MAX } else { random.exponential(interval(rate, self.cpus)) };
            if next < left {
                return at + next;
            }
            if phases.iter().all(|phase| phase.1 == 0) {
                return u64::MAX / 4;
            }
            at += left;
        }
    }

    fn recorded(&self, records: &[(Duration, u32)]) -> (u64, u64) {
        let Some((end, _)) = records.last() else { return (u64::MAX / 4, 0) };
        let number = self.made * self.cpus as u64 + self.cpu as u64;
        let (lap, index) = (number / records.len() as u64, number % records.len() as u64);
        let (time, size) = records[index as usize];
        ((lap * picos(*end)).saturating_add(picos(time)), size.into())
    }
}

/// Returns the picoseconds between two records of one CPU.
fn interval(rate: u64, cpus: usize) -> u64 {
    let second = 1_000_000_000_000u128 * cpus as u128;
    u64::try_from(second / u128::from(rate.max(1))).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of the records of one of four CPUs in a second.
    fn times(arrivals: &Arrivals) -> Vec<u64> {
        let (mut plan, mut random) =
            (Plan::new(arrivals, Sizes::fixed(8), 0, 4), Random::new(1, 1));
        let next = || Some(plan.next(0, &mut random).0);
        std::iter::from_fn(next).take_while(|time| *time < 1_000_000_000_000).collect()
    }

    #[test]
    fn rates_are_kept() {
        let ms = Duration::from_millis;
        let all = [
            (Arrivals::Constant { rate: 40_000 }, 10_000),
            (Arrivals::Poisson { rate: 40_000 }, 10_000),
            (Arrivals::OnOff { rate: 40_000, on: ms(10), off: ms(30) }, 2500),
            (Arrivals::Bursts { rate: 4000, peak: 40_000, length: ms(25), every: ms(100) }, 3250),
        ];
        for (arrivals, wanted) in all {
            let times = times(&arrivals);
            assert!(times.is_sorted());
            let off = times.len().abs_diff(wanted);
            assert!(off * 20 < wanted, "{arrivals:?}: {}", times.len());
            assert_eq!(arrivals.mean_rate(), Some(4 * wanted as u64));
        }
    }

    #[test]
    fn nothing_arrives_while_it_is_off() {
        let (on, off) = (Duration::from_millis(10), Duration::from_millis(30));
        let times = times(&Arrivals::OnOff { rate: 400_000, on, off });
        assert!(times.iter().all(|time| time % 40_000_000_000 < 10_000_000_000));
    }

    #[test]
    fn cpus_share_a_recording_and_begin_again() {
        let us = Duration::from_micros;
        let records: Rc<[_]> = [(us(1), 10), (us(2), 20), (us(5), 30)].into();
        let arrivals = Arrivals::Recorded(records);
        let mut random = Random::new(1, 1);
        let mut of = |cpu| {
            let mut plan = Plan::new(&arrivals, Sizes::fixed(0), cpu, 2);
            [(); 2].map(|()| plan.next(0, &mut random))
        };
        assert_eq!(of(0), [(1_000_000, 10), (5_000_000, 30)]);
        assert_eq!(of(1), [(2_000_000, 20), (6_000_000, 10)]);
    }
}
