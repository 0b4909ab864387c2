//! [`TopologyError`]: why it is not known which CPUs there are.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the topology of the machine is not known.
///
/// ```
/// use ringbuf_kernel::{Topology, TopologyError};
///
/// match Topology::read("/no/such/folder") {
///     Err(TopologyError::Read { path, .. }) => assert!(path.ends_with("cpu/possible")),
///     other => panic!("{other:?}"),
/// }
/// ```
#[non_exhaustive]
pub enum TopologyError {
    /// A file of sysfs cannot be read.
    #[non_exhaustive]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
    /// A file of sysfs holds something that no kernel writes there.
    #[non_exhaustive]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it holds.
        text: String,
    },
    /// No CPU is online, by what sysfs says.
    NoCpus,
}

/// What to do about each of them.
const ADVICE: &str = "mount sysfs at /sys, or give the topology by Topology::read or \
                      Topology::flat";

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("could not find out which CPUs share a cache: ")?;
        match self {
            Self::Read { path, source } => write!(f, "{}: {source}", path.display())?,
            Self::Malformed { path, text } => {
                write!(f, "{} holds {text:?}", path.display())?;
            }
            Self::NoCpus => f.write_str("no CPU is online")?,
        }
        let errno = match self {
            Self::Read { source, .. } => source.raw_os_error(),
            _ => None,
        };
        match errno {
            Some(libc::EMFILE | libc::ENFILE) => {
                f.write_str("; raise the limit of open files (`ulimit -n`)")
            }
            _ => write!(f, "; {ADVICE}"),
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for TopologyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_fits_the_cause() {
        for (errno, advice) in [(libc::EMFILE, "ulimit -n"), (libc::ENOENT, "mount sysfs")] {
            let path = PathBuf::from("/sys/devices/system/cpu/possible");
            let error = TopologyError::Read { path, source: io::Error::from_raw_os_error(errno) };
            assert!(error.to_string().contains(advice), "{error}");
            assert_eq!(error.to_string().matches("; ").count(), 1, "one advice: {error}");
        }
    }
}
