//! [`Wanted`]: how large a ring must be, how many rings, and how it got there.

use std::time::Duration;

use ringbuf_core::{Capacity, SampleLen, WaitPolicy};

use crate::kernel_side::PAGE;
use crate::size_error::{LARGEST, LONGEST_RUN, SizeError};
use crate::{Arrivals, Machine, Progress, Reader, Report, Setup, Sharing, Sizes, spec};

/// What the rings must bear.
///
/// ```no_run
/// use std::time::Duration;
/// use ringbuf_model::{Arrivals, Machine, Wanted};
///
/// let mut wanted = Wanted::new(Machine::named("vm-2cpu")?);
/// wanted.arrivals = Arrivals::parse("burst:1M/s:100ms:1s", 200_000)?;
/// wanted.stall = Duration::from_millis(50);
/// let answer = wanted.answer()?;
/// println!("{} rings of {} bytes", answer.rings, answer.ring);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Wanted {
    /// The machine.
    pub machine: Machine,
    /// The number of CPUs that produce.
    pub producers: usize,
    /// What they produce, and when.
    pub arrivals: Arrivals,
    /// The sizes of samples.
    pub sizes: Sizes,
    /// The reader stops for this time about once a second: scheduling, a slow disk, a page fault.
    pub stall: Duration,
    /// Millionths of the records that may be lost.
    pub loss: u32,
    /// What the reader does with a record takes this time.
    pub handler: Duration,
    /// How the rings are read.
    pub reader: Reader,
    /// Decides everything that is random.
    pub seed: u64,
}

/// The answer, and how it was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The number of rings.
    pub rings: usize,
    /// The number of reading threads.
    pub readers: usize,
    /// The bytes of each ring.
    pub ring: u64,
    /// The policy of the reader.
    pub reader: Reader,
    /// How it got there, one sentence for each step.
    pub steps: Vec<String>,
    /// The run that confirms it, with another seed than the search.
    pub confirmed: Report,
    /// Why the answer may be wrong. If there is anything here, do not rely on it.
    pub doubts: Vec<String>,
}

type Watch<'a> = &'a mut dyn FnMut(Progress);

/// The time between two stalls of the reader.
const STALLS: Duration = Duration::from_secs(1);
/// The most records of a run.
const RECORDS: u64 = 8_000_000;
/// CPUs that produce less than this share of a rate cannot produce it.
const OFFERED: f64 = 0.8;
/// A reader with less reserve than this share of its time is too slow.
const RESERVE: f64 = 0.8;

impl Wanted {
    /// Returns the usual case: one CPU, 100,000 records of 64 bytes a second, a stall of 10 ms, a
    /// loss of 10 in a million.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            producers: 1,
            arrivals: Arrivals::Poisson { rate: 100_000 },
            sizes: Sizes::fixed(64),
            stall: Duration::from_millis(10),
            loss: 10,
            handler: Duration::ZERO,
            reader: Reader::Balanced,
            seed: 1,
        }
    }

    /// Finds the smallest rings that bear it.
    ///
    /// # Errors
    /// [`SizeError`]: there are none, or it cannot be run.
    pub fn answer(&self) -> Result<Answer, SizeError> {
        self.answer_watched(&mut |_| ())
    }

    /// As [`answer`](Self::answer), and tells the watcher how far each of its runs is.
    ///
    /// ```no_run
    /// use ringbuf_model::{Machine, Wanted};
    ///
    /// let wanted = Wanted::new(Machine::named("vm-2cpu")?);
    /// let answer = wanted.answer_watched(&mut |progress| {
    ///     eprintln!("{:?} of {:?}", progress.done, progress.all);
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_watched(&self, watch: Watch<'_>) -> Result<Answer, SizeError> {
        let peak = self.arrivals.peak_rate().ok_or(SizeError::NoRate)?;
        let mut steps = Vec::new();
        let (rings, readers) = self.rings(peak, &mut steps, watch)?;
        let bound = self.bound(peak, rings, &mut steps);
        let mean = self.mean();
        // A burst may end before the stall does.
        if self.arriving(mean, rings).1 > LARGEST {
            return Err(SizeError::TooLarge { steps });
        }
        let records = expected(mean, self.one_stall());
        if records > LONGEST_RUN {
            return Err(SizeError::TooLong { records });
        }
        let mut setup = self.full(rings, readers);
        setup.ring = bound;
        loop {
            let report = setup.run_watched(watch)?;
            let fits = report.loss() * 1e6 <= f64::from(self.loss);
            let verdict = if fits { "enough" } else { "not enough" };
            steps.push(format!(
                "Simulated {} s: rings of {} lose {:.4} %: {verdict}.",
                report.time.as_secs_f64(),
                crate::units::bytes_text(setup.ring),
                report.loss() * 100.0,
            ));
            if fits {
                break;
            }
            setup.ring *= 2;
            if setup.ring > LARGEST {
                return Err(SizeError::TooLarge { steps });
            }
        }
        self.confirm(setup, steps, watch)
    }

    /// Runs it with another seed. If that does not bear it, the answer was luck.
    fn confirm(
        &self,
        mut setup: Setup,
        mut steps: Vec<String>,
        watch: Watch<'_>,
    ) -> Result<Answer, SizeError> {
        setup.seed = self.seed.wrapping_add(0x5eed);
        let mut confirmed = setup.run_watched(watch)?;
        if confirmed.loss() * 1e6 > f64::from(self.loss) && setup.ring < LARGEST {
            steps.push("Another seed lost more, so the rings are twice as large.".to_owned());
            setup.ring *= 2;
            confirmed = setup.run_watched(watch)?;
        }
        let mut doubts = confirmed.out_of_bounds.clone();
        let records = confirmed.accepted + confirmed.refused;
        if confirmed.loss() * 1e6 > f64::from(self.loss) {
            doubts.push("A run with another seed loses more than is wanted.".to_owned());
        }
        if records.saturating_mul(self.loss.into()) < 10_000_000 {
            doubts.push(format!(
                "The run has {records} records: too few to see a loss of {} in a million.",
                self.loss
            ));
        }
        let (rings, readers, ring) = (setup.rings, setup.readers, setup.ring);
        Ok(Answer { rings, readers, ring, reader: setup.reader, steps, confirmed, doubts })
    }

    /// Finds the least number of rings whose lock and whose reader bear the peak.
    fn rings(
        &self,
        peak: u64,
        steps: &mut Vec<String>,
        watch: Watch<'_>,
    ) -> Result<(usize, usize), SizeError> {
        let alone = self.probe(peak, (self.producers, self.producers), watch)?;
        let offered = (alone.accepted + alone.refused) as f64 / alone.time.as_secs_f64();
        if offered < OFFERED * peak as f64 {
            return Err(SizeError::TooFast { rate: peak, offered: offered as u64 });
        }
        // Fewer readers could not even handle the records.
        let work = peak as f64 * self.handler.as_secs_f64() / RESERVE;
        let least = (work.ceil() as usize).clamp(1, self.producers).next_power_of_two();
        if least > 1 {
            steps.push(format!(
                "The work for {peak} records a second needs {work:.0} readers, each with a ring at \
                 least.",
            ));
        }
        let mut rings = least.min(self.producers);
        loop {
            let mut readers = least.min(rings);
            while readers <= rings {
                let report = self.probe(peak, (rings, readers), watch)?;
                let busy = report.worked.as_secs_f64() / report.time.as_secs_f64() / readers as f64;
                let reads = report.delivered as f64 >= 0.99 * report.accepted as f64;
                let keeps_up = report.loss() == 0.0 && reads && busy < RESERVE;
                let is_cheap = report.call.mean <= alone.call.mean * 2;
                steps.push(format!(
                    "At {peak} records a second, {rings} rings and {readers} readers lose {:.2} %; a \
                     reader works {:.0} % of its time; a record costs the program {:?} for {:?} with \
                     a ring for each CPU.",
                    report.loss() * 100.0,
                    busy * 100.0,
                    report.call.mean,
                    alone.call.mean,
                ));
                if keeps_up && is_cheap {
                    return Ok((rings, readers));
                }
                if !is_cheap && keeps_up {
                    break; // more readers do not help
                }
                readers *= 2;
            }
            if rings == self.producers {
                return Err(SizeError::TooMuch { rate: peak, steps: std::mem::take(steps) });
            }
            rings = (rings * 2).min(self.producers);
        }
    }

    /// A short run at the peak, with rings that are large enough.
    fn probe(
        &self,
        peak: u64,
        (rings, readers): (usize, usize),
        watch: Watch<'_>,
    ) -> Result<Report, SizeError> {
        let mut setup = self.base(rings, readers);
        setup.arrivals = Arrivals::Poisson { rate: peak };
        // Large, but not so large that many of them need too much memory.
        setup.ring = (4 << 20).min((256 << 20) / (rings as u64).next_power_of_two());
        setup.duration = enough(20_000, peak);
        setup.warm_up = setup.duration / 2;
        Ok(setup.run_watched(watch)?)
    }

    /// The bytes that arrive during a stall, and the longest nap, at the peak.
    fn bound(&self, peak: u64, rings: usize, steps: &mut Vec<String>) -> u64 {
        let (nap, footprint) = (self.nap(), self.footprint());
        let (records, bytes) = self.arriving(peak, rings);
        let smallest = Capacity::at_least(bytes.min(LARGEST), PAGE);
        let held = smallest.ok().and_then(|ring| WaitPolicy::balanced().portion(ring)).unwrap_or(0);
        let ring = Capacity::at_least((bytes.saturating_add(held)).min(LARGEST), PAGE);
        let ring = ring.map_or(LARGEST, Capacity::bytes);
        steps.push(format!(
            "During a stall of {:?} and a nap of {nap:?}, {records} records of {footprint} bytes \
             arrive at each ring: {}, with what the reader holds back.",
            self.stall,
            crate::units::bytes_text(ring),
        ));
        ring
    }

    /// The records, and their bytes, that arrive at a ring while its reader stalls and naps.
    fn arriving(&self, rate: u64, rings: usize) -> (u64, u64) {
        let records = expected(rate, self.stall.saturating_add(self.nap())) / rings as u64;
        (records, records.saturating_mul(self.footprint()))
    }

    /// The longest nap of the reader.
    fn nap(&self) -> Duration {
        match self.reader {
            Reader::LowCost => Duration::from_millis(1),
            Reader::Nap(nap) => nap,
            _ => Duration::from_micros(100),
        }
    }

    /// The bytes of a record in the ring, on average.
    fn footprint(&self) -> u64 {
        SampleLen::new(self.sizes().mean().into()).map_or(0, SampleLen::footprint)
    }

    /// A recording has its own sizes.
    fn sizes(&self) -> Sizes {
        let Arrivals::Recorded(records) = &self.arrivals else { return self.sizes };
        let all: u64 = records.iter().map(|record| u64::from(record.1)).sum();
        let mean = all.div_ceil(records.len().max(1) as u64);
        Sizes::fixed(u32::try_from(mean).unwrap_or(u32::MAX))
    }

    /// Records a second, on average.
    fn mean(&self) -> u64 {
        self.arrivals.mean_rate().unwrap_or(1).max(1)
    }

    /// A time in which the reader stalls once, and catches up.
    fn one_stall(&self) -> Duration {
        if self.stall.is_zero() {
            return Duration::ZERO;
        }
        self.between_stalls().saturating_add(self.stall.saturating_mul(2))
    }

    /// A run of everything, long enough to see the loss that is allowed.
    fn full(&self, rings: usize, readers: usize) -> Setup {
        let mut setup = self.base(rings, readers);
        setup.arrivals = self.arrivals.clone();
        let mean = self.mean();
        let records = (10_000_000 / u64::from(self.loss.max(1))).clamp(200_000, RECORDS);
        // Without stalls and bursts, every part of it is like every other.
        let stalls = if self.stall.is_zero() { Duration::ZERO } else { self.between_stalls() };
        let shown = spec::period(&self.arrivals).max(stalls).saturating_mul(4);
        let usual = enough(records, mean).max(shown).min(enough(RECORDS, mean));
        // A run without a stall would show nothing.
        setup.duration = usual.max(self.one_stall());
        setup.warm_up = Duration::from_millis(10);
        if !self.stall.is_zero() {
            setup.faults.pause = Some((self.stall, self.between_stalls()));
        }
        setup
    }

    /// The time between two stalls. Each of them begins with a burst, if there are any.
    fn between_stalls(&self) -> Duration {
        let period = match self.arrivals {
            Arrivals::Recorded(_) => Duration::ZERO,
            _ => spec::period(&self.arrivals),
        };
        let least = STALLS.max(self.stall.saturating_mul(4));
        if period.is_zero() {
            return least;
        }
        let times = least.as_nanos().div_ceil(period.as_nanos());
        period.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX))
    }

    fn base(&self, rings: usize, readers: usize) -> Setup {
        let mut setup = Setup::new(self.machine.clone());
        setup.producers = self.producers;
        setup.sizes = self.sizes();
        setup.sharing = Sharing::Neighbours;
        setup.reader = self.reader.clone();
        setup.handler = self.handler;
        setup.seed = self.seed;
        (setup.rings, setup.readers) = (rings, readers);
        setup
    }
}

/// Returns the records that arrive in this time.
fn expected(rate: u64, time: Duration) -> u64 {
    let records = u128::from(rate) * time.as_nanos() / 1_000_000_000;
    u64::try_from(records).unwrap_or(u64::MAX)
}

/// Returns a time in which this many records arrive.
fn enough(records: u64, rate: u64) -> Duration {
    let nanos = u128::from(records) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        .clamp(Duration::from_millis(5), Duration::from_secs(3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight million records would be over before the first stall.
    #[test]
    fn a_run_has_at_least_one_stall() {
        let mut wanted = Wanted::new(Machine::named("vm-2cpu").unwrap());
        wanted.arrivals = Arrivals::Poisson { rate: 1_000_000 };
        wanted.stall = Duration::from_secs(2);
        assert!(wanted.full(1, 1).duration >= wanted.between_stalls() + wanted.stall);
    }
}
