//! [`Machine`]: the file that describes a machine.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::line::Set;
use crate::{Bound, Table};

/// A machine: where its CPUs are, what each step costs there, and how well this model
/// agrees with what was measured.
///
/// ```
/// use ringbuf_model::Machine;
///
/// let xeon = Machine::named("xeon-e5-2680v4")?;
/// assert_eq!(xeon.topology.cpus, 56);
///
/// // Write the file, change it, and read it again:
/// let mine = xeon.to_toml().replace("across = ", "across = 2");
/// assert!(Machine::from_toml(&mine)?.prices.across > xeon.prices.across);
/// # Ok::<(), ringbuf_model::MachineError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// A short name.
    pub name: String,
    /// What the machine is, and where its prices come from.
    pub about: String,
    /// Where its CPUs are.
    pub topology: Topology,
    /// What each step costs.
    pub prices: Prices,
    /// Situations in which this file is known to be wrong.
    #[serde(default)]
    pub bounds: Vec<Bound>,
    /// What was published or measured, and how well this file agrees with it.
    #[serde(default)]
    pub tables: Vec<Table>,
}

/// Where the CPUs of a machine are. CPUs are numbered as Linux mostly does: first one
/// thread of each core, cluster by cluster, then the second threads in the same order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// The number of CPUs.
    pub cpus: usize,
    /// The number of CPUs of a core.
    pub threads_per_core: usize,
    /// The cores that share a cache: a socket or a core complex.
    pub cores_per_cluster: usize,
}

impl Topology {
    /// Returns the core of a CPU.
    ///
    /// ```
    /// # let xeon = ringbuf_model::Machine::named("xeon-e5-2680v4")?;
    /// // The sibling of CPU 0:
    /// assert_eq!(xeon.topology.core_of(28), xeon.topology.core_of(0));
    /// assert_eq!(xeon.topology.cluster_of(14), 1);
    /// # Ok::<(), ringbuf_model::MachineError>(())
    /// ```
    #[must_use]
    pub fn core_of(&self, cpu: usize) -> usize {
        cpu % (self.cpus / self.threads_per_core).max(1)
    }

    /// Returns the cluster of a CPU.
    #[must_use]
    pub fn cluster_of(&self, cpu: usize) -> usize {
        self.core_of(cpu) / self.cores_per_cluster
    }
}

/// What each step costs, in nanoseconds if nothing else is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// An access to a line that this CPU has.
    pub hit: f64,
    /// An atomic exchange, beyond the access.
    pub atomic: f64,
    /// A line from another CPU of this core.
    pub core: f64,
    /// A line from another core of this cluster.
    pub cluster: f64,
    /// A line from another cluster.
    pub across: f64,
    /// The program around the record: entry, context, helper calls.
    pub program: f64,
    /// The instructions while the lock is held.
    pub locked: f64,
    /// A notification, for the CPU that commits.
    pub notify: f64,
    /// From a notification until a sleeping reader runs.
    pub wakeup: f64,
    /// A system call that blocks, without the sleep.
    pub block: f64,
    /// A sleep by a timer, without the sleep: the system call, the interrupt, the switches.
    pub nap: f64,
    /// The reader's instructions for a record.
    pub walk: f64,
    /// The reader's instructions for a look at the producer position.
    pub look: f64,
    /// A reading of the clock.
    pub clock: f64,
    /// How late a timer is at most. Each is late by a random part of it.
    pub late: f64,
    /// The part of a transfer that a sequential access has to wait for; the rest is
    /// prefetched.
    pub stream: f64,
    /// The part of a transfer for which a load keeps the line busy.
    pub occupancy: f64,
}

impl Prices {
    fn all(&self) -> [(&'static str, f64); 17] {
        [
            ("hit", self.hit),
            ("atomic", self.atomic),
            ("core", self.core),
            ("cluster", self.cluster),
            ("across", self.across),
            ("program", self.program),
            ("locked", self.locked),
            ("notify", self.notify),
            ("wakeup", self.wakeup),
            ("block", self.block),
            ("nap", self.nap),
            ("walk", self.walk),
            ("look", self.look),
            ("clock", self.clock),
            ("late", self.late),
            ("stream", self.stream),
            ("occupancy", self.occupancy),
        ]
    }
}

/// A machine file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MachineError {
    /// No machine of this name is shipped.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The text is not a machine file.
    Syntax {
        /// What is wrong, with its line.
        message: String,
    },
    /// A number is out of range.
    Number {
        /// The name of the number.
        name: &'static str,
        /// The numbers that are possible.
        wanted: &'static str,
    },
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                write!(
                    f,
                    "no machine is named {name:?}: use the path of a file with a slash in it, or "
                )?;
                let names: Vec<_> = Machine::shipped().collect();
                write!(f, "{}", names.join(", "))
            }
            Self::Syntax { message } => write!(f, "this is not a machine file: {message}"),
            Self::Number { name, wanted } => {
                write!(f, "{name} is out of range in the machine file: use {wanted}")
            }
        }
    }
}

impl std::error::Error for MachineError {}

/// The files that this crate contains.
const SHIPPED: [(&str, &str); 3] = [
    ("xeon-e5-2680v4", include_str!("../machines/xeon-e5-2680v4.toml")),
    ("epyc-9654", include_str!("../machines/epyc-9654.toml")),
    ("vm-2cpu", include_str!("../machines/vm-2cpu.toml")),
];

impl Machine {
    /// Returns the names of the machines that come with this crate.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// Returns a machine that comes with this crate.
    ///
    /// # Errors
    /// [`MachineError::Unknown`], which lists the names.
    pub fn named(name: &str) -> Result<Self, MachineError> {
        match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            Some((_, text)) => Self::from_toml(text),
            None => Err(MachineError::Unknown { name: name.to_owned() }),
        }
    }

    /// Returns the machine that the command takes for so many producing CPUs if none is named: the
    /// Xeon, which agrees best with its table; for more CPUs than it has, the EPYC, which is out of
    /// bounds if somebody reads.
    ///
    /// ```
    /// use ringbuf_model::Machine;
    ///
    /// assert_eq!(Machine::for_cpus(8)?.name, "xeon-e5-2680v4");
    /// assert_eq!(Machine::for_cpus(192)?.name, "epyc-9654");
    /// # Ok::<(), ringbuf_model::MachineError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::from_toml`]; not for the files of this release.
    pub fn for_cpus(cpus: usize) -> Result<Self, MachineError> {
        let xeon = Self::named("xeon-e5-2680v4")?;
        if xeon.topology.cpus >= cpus { Ok(xeon) } else { Self::named("epyc-9654") }
    }

    /// Reads a machine file.
    ///
    /// # Errors
    /// [`MachineError::Syntax`] and [`MachineError::Number`].
    pub fn from_toml(text: &str) -> Result<Self, MachineError> {
        let machine: Self = toml::from_str(text)
            .map_err(|error| MachineError::Syntax { message: error.to_string() })?;
        machine.check()?;
        Ok(machine)
    }

    /// Returns the text of a machine file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_default()
    }

    /// Checks that all numbers can be used.
    ///
    /// # Errors
    /// [`MachineError::Number`].
    pub(crate) fn check(&self) -> Result<(), MachineError> {
        let Topology { cpus, threads_per_core, cores_per_cluster } = self.topology;
        if cpus == 0 || cpus > Set::MOST {
            return Err(MachineError::Number { name: "cpus", wanted: "1 to 256" });
        }
        if threads_per_core == 0 || cpus % threads_per_core != 0 {
            let name = "threads_per_core";
            return Err(MachineError::Number { name, wanted: "a divisor of cpus" });
        }
        if cores_per_cluster == 0 {
            return Err(MachineError::Number { name: "cores_per_cluster", wanted: "1 or more" });
        }
        for (name, price) in self.prices.all() {
            let (most, wanted) = match name {
                "stream" | "occupancy" => (1.0, "0 to 1"),
                _ => (1e9, "0 to 1e9 nanoseconds"),
            };
            if !(0.0..=most).contains(&price) {
                return Err(MachineError::Number { name, wanted });
            }
        }
        let wanted = "printable characters";
        if self.name.is_empty() || self.name.chars().any(char::is_control) {
            return Err(MachineError::Number { name: "name", wanted });
        }
        for table in &self.tables {
            if !table.rms.is_finite() || !table.worst.is_finite() {
                return Err(MachineError::Number { name: "rms", wanted: "a number" });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shipped_file_is_read_and_written() {
        for name in Machine::shipped() {
            let machine = Machine::named(name).unwrap();
            assert_eq!(machine.name, name);
            assert_eq!(Machine::from_toml(&machine.to_toml()).unwrap(), machine);
        }
    }

    #[test]
    fn files_that_cannot_be_used_are_refused() {
        let text = Machine::named("vm-2cpu").unwrap().to_toml();
        let refuses = |from: &str, to: &str| {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            Machine::from_toml(&changed).unwrap_err().to_string()
        };
        assert!(refuses("cpus = 2", "cpus = 257").contains("use 1 to 256"));
        assert!(refuses("cpus = 2", "cpus = 0").contains("use 1 to 256"));
        assert!(refuses("name = \"", "name = \"\\u001b[31m").contains("printable"));
        assert!(refuses("rms = ", "rms = nan # ").contains("use a number"));
        assert!(refuses("threads_per_core = 1", "threads_per_core = 0").contains("a divisor"));
        assert!(refuses("hit = ", "hit = -").contains("hit is out of range"));
        assert!(refuses("hit = ", "hit = nan # ").contains("hit is out of range"));
        assert!(refuses("hit = ", "hits = ").contains("hits"));
        let unknown = Machine::named("pentium").unwrap_err().to_string();
        assert!(unknown.contains("xeon-e5-2680v4"), "{unknown}");
    }
}
