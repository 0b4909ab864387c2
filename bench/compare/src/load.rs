//! The loads, and the cells of the tables: which load on which ring.

use std::fmt;
use std::time::Duration;

use ringbuf_tests::NO_WAKEUP;
use serde::Serialize;

use crate::seen::Kind;

/// One line of readers in a table: a load on a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The load.
    pub load: Load,
    /// Bytes of the sample; 0 is mixed.
    pub size: u32,
    /// Bytes of the ring.
    pub ring: u32,
    /// Whether commits notify.
    pub wakeups: Wakeups,
    /// The scheduling class of the producer's and the reader's threads.
    pub threads: Threads,
}

/// The scheduling class of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Threads {
    /// SCHED_OTHER, the default: timers are 50 us late, and other threads take turns.
    Ordinary,
    /// SCHED_FIFO: only interrupts disturb, and the kernel does not delay timers.
    RealTime,
}

/// How records come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// As fast as the kernel writes them. Samples are touched.
    Saturating,
    /// One per system call, this many microseconds apart on average. Sequence and time are read.
    Paced(u32),
    /// A full ring, drained without a writer.
    Prefilled {
        /// Whether samples are touched, or only counted.
        touched: bool,
    },
}

/// The flags of each commit about wakeups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Wakeups {
    /// Nothing: the kernel wakes if the reader has caught up.
    Adaptive,
    /// `BPF_RB_NO_WAKEUP`.
    None,
}

impl Wakeups {
    /// The flags of the submit.
    pub fn flags(self) -> u64 {
        match self {
            Self::Adaptive => 0,
            Self::None => NO_WAKEUP,
        }
    }
}

impl Load {
    /// The use of a sample by the readers.
    pub fn look(self) -> Kind {
        match self {
            Self::Saturating | Self::Prefilled { touched: true } => Kind::Touched,
            Self::Paced(_) => Kind::Stamped,
            Self::Prefilled { touched: false } => Kind::Untouched,
        }
    }

    /// Microseconds between two records on average, if it is paced.
    pub fn gap(self) -> Option<u32> {
        if let Self::Paced(gap) = self { Some(gap) } else { None }
    }

    /// The word for the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Saturating => "saturating",
            Self::Paced(_) => "paced",
            Self::Prefilled { .. } => "prefilled",
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size {
            0 => write!(f, "{}, mixed sizes", self.load)?,
            size => write!(f, "{}, {size} B", self.load)?,
        }
        write!(f, ", ring {}", ring_name(self.ring))?;
        match (self.load, self.wakeups) {
            (Load::Prefilled { .. }, _) => Ok(()),
            (_, Wakeups::Adaptive) => write!(f, ", adaptive wakeups, {} threads", self.threads),
            (_, Wakeups::None) => write!(f, ", no wakeups, {} threads", self.threads),
        }
    }
}

impl fmt::Display for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordinary => "ordinary",
            Self::RealTime => "real-time",
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Saturating => f.write_str("saturating"),
            Self::Paced(gap) => {
                let (least, most) = Pace::bounds(*gap);
                write!(f, "paced, {gap} us apart (uniform {least:.1} to {most:.1})")
            }
            Self::Prefilled { touched: true } => f.write_str("prefilled, samples touched"),
            Self::Prefilled { touched: false } => f.write_str("prefilled, samples untouched"),
        }
    }
}

/// 262144 is `256K`.
pub fn ring_name(bytes: u32) -> String {
    match bytes {
        bytes if bytes % (1 << 20) == 0 => format!("{}M", bytes >> 20),
        bytes => format!("{}K", bytes >> 10),
    }
}

/// Random gaps around a mean, the same for every reader.
#[derive(Clone, Debug)]
pub struct Pace {
    mean: u64,
    random: u64,
}

impl Pace {
    /// Gaps of `microseconds` on average, chosen by `seed`.
    pub fn new(microseconds: u32, seed: u64) -> Self {
        Self { mean: u64::from(microseconds) * 1000, random: seed }
    }

    /// Least and greatest gap, in microseconds: two and four thirds of the mean.
    fn bounds(mean: u32) -> (f64, f64) {
        (f64::from(mean) * 2.0 / 3.0, f64::from(mean) * 4.0 / 3.0)
    }

    /// The next gap, in nanoseconds.
    #[inline(always)]
    pub fn gap(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (least, width) = (self.mean * 2 / 3, self.mean * 2 / 3);
        least + (self.random >> 33) % (width + 1)
    }
}

/// The cells of a whole run, or of a quick one. Cells with waiting come with ordinary threads
/// first, then with real-time threads.
pub fn grid(quick: bool) -> Vec<Cell> {
    const K: u32 = 1 << 10;
    const M: u32 = 1 << 20;
    const KINDS: [Threads; 2] = [Threads::Ordinary, Threads::RealTime];
    let mut cells = Vec::new();
    for wakeups in [Wakeups::Adaptive, Wakeups::None] {
        let saturating: &[(u32, u32)] = if quick {
            &[(64, M)]
        } else {
            &[(8, M), (64, M), (256, M), (4096, M), (64, 256 * K), (64, 16 * M)]
        };
        let load = Load::Saturating;
        let cell = |&(size, ring)| KINDS.map(|threads| Cell { load, size, ring, wakeups, threads });
        cells.extend(saturating.iter().flat_map(cell));
    }
    for wakeups in [Wakeups::Adaptive, Wakeups::None] {
        let gaps: &[u32] = match (quick, wakeups) {
            (false, _) => &[2, 10, 20, 50, 300],
            (true, Wakeups::Adaptive) => &[10, 20, 300],
            (true, Wakeups::None) => &[],
        };
        let cell = |&gap| {
            let load = Load::Paced(gap);
            KINDS.map(|threads| Cell { load, size: 64, ring: M, wakeups, threads })
        };
        cells.extend(gaps.iter().flat_map(cell));
    }
    for touched in [false, true] {
        let sizes: &[u32] = if quick { &[8, 64, 256, 0] } else { &[8, 64, 256, 4096, 0] };
        let load = Load::Prefilled { touched };
        // Nobody waits: ordinary threads would be the same, with more noise.
        let (wakeups, threads) = (Wakeups::None, Threads::RealTime);
        let cell = |&size| Cell { load, size, ring: 256 * K, wakeups, threads };
        cells.extend(sizes.iter().map(cell));
    }
    cells
}

/// How long each run is, and how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Of a saturating load.
    pub saturating: Duration,
    /// Of a paced load, unless its gaps are so long that it would have too few records.
    pub paced: Duration,
    /// How many records are enough.
    pub records: u32,
    /// Full rings that are drained.
    pub fills: u32,
}

impl Effort {
    /// The length of a load with records that are `gap` microseconds apart.
    pub fn pacing(&self, gap: u32) -> Duration {
        self.paced.max(Duration::from_micros(gap.into()) * self.records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_within_their_bounds_and_around_their_mean() {
        let mut pace = Pace::new(300, 1);
        let gaps: Vec<u64> = (0..10_000).map(|_| pace.gap()).collect();
        assert!(gaps.iter().all(|gap| (200_000..=400_000).contains(gap)));
        let mean = gaps.iter().sum::<u64>() / 10_000;
        assert!((298_000..=302_000).contains(&mean), "{mean}");
    }

    #[test]
    fn where_somebody_waits_ordinary_threads_come_first_and_real_time_ones_next() {
        for quick in [false, true] {
            let waits = |cell: &Cell| !matches!(cell.load, Load::Prefilled { .. });
            let waiting: Vec<Cell> = grid(quick).into_iter().filter(waits).collect();
            for pair in waiting.chunks(2) {
                let [ordinary, real_time] = [Threads::Ordinary, Threads::RealTime]
                    .map(|threads| Cell { threads, ..pair[0] });
                assert_eq!(pair, [ordinary, real_time]);
            }
        }
    }
}
