//! [`SizeError`]: why there is no answer.

use crate::SetupError;

/// The largest ring that is tried.
pub(crate) const LARGEST: u64 = 256 << 20;
/// The most records of a run that has to wait for a stall.
pub(crate) const LONGEST_RUN: u64 = 64_000_000;

/// Why there is no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum SizeError {
    /// The arrivals define no rate.
    NoRate,
    /// No number of rings and readers keeps up.
    TooMuch {
        /// Records a second at the peak.
        rate: u64,
        /// What was tried, one sentence for each step.
        steps: Vec<String>,
    },
    /// The CPUs do not produce so many records, whatever the rings are.
    TooFast {
        /// Records a second at the peak.
        rate: u64,
        /// What the CPUs produce into a ring each.
        offered: u64,
    },
    /// A run with one stall of the reader would take too long.
    TooLong {
        /// The records that arrive until it is over.
        records: u64,
    },
    /// No ring is large enough.
    TooLarge {
        /// What was tried, one sentence for each step.
        steps: Vec<String>,
    },
    /// It cannot be run.
    Setup(SetupError),
}

impl std::fmt::Display for SizeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoRate => f.write_str("a closed loop has no rate: use other arrivals"),
            Self::TooMuch { rate, steps } => write!(
                f,
                "no number of rings and readers bears {rate} records a second: make records rarer, \
                 or the work for each of them shorter. {}",
                steps.join(" ")
            ),
            Self::TooLarge { steps } => write!(
                f,
                "no ring of {} or less is large enough: shorten the stalls, or accept losses. {}",
                crate::units::bytes_text(LARGEST),
                steps.join(" ")
            ),
            Self::TooFast { rate, offered } => write!(
                f,
                "these CPUs produce {offered} records a second at most, not {rate}: name more CPUs, \
                 or a lower rate"
            ),
            Self::TooLong { records } => write!(
                f,
                "{records} records arrive until one stall is over, and at most {LONGEST_RUN} are \
                 simulated: not known; shorten the stall, or lower the rate"
            ),
            Self::Setup(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SizeError {}

impl From<SetupError> for SizeError {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}
