//! [`Reader`]: how the reader of the rings waits and gives space back.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ringbuf_core::WaitPolicy;
use serde::{Deserialize, Serialize};

use crate::units::{self, UnitError};

/// How the reader of the rings waits and gives space back.
///
/// ```
/// use ringbuf_model::Reader;
///
/// let reader: Reader = "nap:50us".parse()?;
/// assert_eq!(reader.to_string(), "nap:50us");
/// # Ok::<(), ringbuf_model::UnitError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Reader {
    /// Nobody reads: `none`. Useful for rings in overwrite mode.
    None,
    /// This library's `balanced` policy.
    Balanced,
    /// This library's `low-latency` policy.
    LowLatency,
    /// This library's `low-cost` policy.
    LowCost,
    /// This library's `immediate` policy.
    Immediate,
    /// As libbpf's `ring_buffer__poll`: gives space back after each record, blocks when the ring is
    /// empty: `libbpf`.
    Libbpf,
    /// As libbpf's `ring_buffer__consume` in a loop: never blocks: `busy`.
    Busy,
    /// Never blocks, stays two records behind, and pauses after each look: `spin:1us`.
    Spin(Duration),
    /// Naps of one length, whatever the traffic is: `nap:50us`.
    Nap(Duration),
}

/// What the parties need to know of a reader.
#[derive(Clone, Debug)]
pub(crate) enum Loop {
    /// Drains, then waits by the policy.
    Wait(WaitPolicy),
    /// Takes one record at a time, then blocks until the ring is not empty. A set of rings waits by
    /// the policy instead.
    OneByOne(WaitPolicy),
    /// Takes one record at a time, and looks again at once.
    Busy,
    /// Drains, pauses, and looks again.
    Spin(Duration),
}

impl Reader {
    pub(crate) fn to_loop(&self) -> Option<Loop> {
        Some(match *self {
            Self::None => return None,
            Self::Balanced => Loop::Wait(WaitPolicy::balanced()),
            Self::LowLatency => Loop::Wait(WaitPolicy::low_latency()),
            Self::LowCost => Loop::Wait(WaitPolicy::low_cost()),
            Self::Immediate => Loop::Wait(WaitPolicy::immediate()),
            Self::Libbpf => Loop::OneByOne(WaitPolicy::immediate()),
            Self::Busy => Loop::Busy,
            Self::Spin(pause) => Loop::Spin(pause),
            Self::Nap(nap) => Loop::Wait(WaitPolicy::balanced().hold_off(nap).min_nap(nap)),
        })
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Balanced => f.write_str("balanced"),
            Self::LowLatency => f.write_str("low-latency"),
            Self::LowCost => f.write_str("low-cost"),
            Self::Immediate => f.write_str("immediate"),
            Self::Libbpf => f.write_str("libbpf"),
            Self::Busy => f.write_str("busy"),
            Self::Spin(pause) => write!(f, "spin:{}", units::time_text(*pause)),
            Self::Nap(nap) => write!(f, "nap:{}", units::time_text(*nap)),
        }
    }
}

impl FromStr for Reader {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        Ok(match text {
            "none" => Self::None,
            "balanced" => Self::Balanced,
            "low-latency" => Self::LowLatency,
            "low-cost" => Self::LowCost,
            "immediate" => Self::Immediate,
            "libbpf" => Self::Libbpf,
            "busy" => Self::Busy,
            _ => match text.split_once(':') {
                Some(("spin", pause)) => Self::Spin(units::time(pause)?),
                Some(("nap", nap)) => match units::time(nap)? {
                    nap if nap <= LONGEST_NAP => Self::Nap(nap),
                    _ => return Err(UnitError::new(text, "a nap of 100ms at most")),
                },
                _ => return Err(UnitError::new(text, READERS)),
            },
        })
    }
}

/// A wait looks at the ring after that time, whatever the nap.
const LONGEST_NAP: Duration = Duration::from_millis(100);

const READERS: &str = "balanced, low-latency, low-cost, immediate, libbpf, busy, none, or a time \
                       as in spin:1us and nap:50us";

impl TryFrom<String> for Reader {
    type Error = UnitError;

    fn try_from(text: String) -> Result<Self, UnitError> {
        text.parse()
    }
}

impl From<Reader> for String {
    fn from(reader: Reader) -> Self {
        reader.to_string()
    }
}
