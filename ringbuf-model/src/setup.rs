//! [`Setup`]: everything that a run depends on.

use std::fmt;
use std::time::Duration;

use ringbuf_core::CapacityError;
use ringbuf_sim::Profile;

use crate::{Arrivals, Faults, Machine, MachineError, Reader, Sizes, units};

/// Everything that a run depends on. The same setup gives the same report on any machine.
///
/// ```
/// use ringbuf_model::{Arrivals, Machine, Setup};
///
/// let mut setup = Setup::new(Machine::named("xeon-e5-2680v4")?);
/// setup.producers = 4;
/// setup.arrivals = Arrivals::Poisson { rate: 500_000 };
/// let report = setup.run()?;
/// assert_eq!(report.refused, 0);
/// assert_eq!(setup.run()?, report);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// The machine.
    pub machine: Machine,
    /// The number of CPUs that produce.
    pub producers: usize,
    /// What they produce, and when.
    pub arrivals: Arrivals,
    /// The sizes of samples.
    pub sizes: Sizes,
    /// The bytes of each ring: a power of two, 4096 at least.
    pub ring: u64,
    /// The number of rings.
    pub rings: usize,
    /// Which CPUs share a ring.
    pub sharing: Sharing,
    /// How the rings are read.
    pub reader: Reader,
    /// The number of reading threads, each with an equal part of the rings.
    pub readers: usize,
    /// The readers are confined to so many CPUs, and take turns there. 0: each has its own, if the
    /// machine has enough.
    pub reader_cpus: usize,
    /// What a reader does with a record takes this time.
    pub handler: Duration,
    /// The kernel.
    pub release: Profile,
    /// Producers write over old records (`BPF_F_RB_OVERWRITE`). Then nobody can read.
    pub overwrite: bool,
    /// What goes wrong.
    pub faults: Faults,
    /// The virtual time before the measurement.
    pub warm_up: Duration,
    /// The virtual time of the measurement.
    pub duration: Duration,
    /// The number of [samples](crate::Report::samples) over the run.
    pub samples: u32,
    /// Decides everything that is random.
    pub seed: u64,
}

/// Which CPUs share a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sharing {
    /// Neighbours share: CPU times rings, divided by CPUs.
    Neighbours,
    /// CPUs take the rings in turns: CPU modulo rings. Each ring then has CPUs of many clusters.
    Striped,
}

impl Setup {
    /// Returns a setup with one ring of 1 MiB, one producing CPU with 100,000 records of 64 bytes
    /// a second, and the `balanced` policy.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            producers: 1,
            arrivals: Arrivals::Poisson { rate: 100_000 },
            sizes: Sizes::fixed(64),
            ring: 1 << 20,
            rings: 1,
            sharing: Sharing::Neighbours,
            reader: Reader::Balanced,
            readers: 1,
            reader_cpus: 0,
            handler: Duration::ZERO,
            release: Profile::NEWEST,
            overwrite: false,
            faults: Faults::default(),
            warm_up: Duration::from_millis(10),
            duration: Duration::from_millis(100),
            samples: 0,
            seed: 1,
        }
    }

    /// Returns the number of reading threads, 0 if nobody reads.
    pub(crate) fn reading_threads(&self) -> usize {
        if self.reader == Reader::None { 0 } else { self.readers }
    }

    /// Returns the ring of a producer, counted from 0.
    pub(crate) fn ring_of(&self, producer: usize) -> usize {
        match self.sharing {
            Sharing::Neighbours => producer * self.rings / self.producers,
            Sharing::Striped => producer % self.rings,
        }
    }

    /// Returns the CPU of a producer. If there are enough CPUs, readers have their own.
    pub(crate) fn cpu_of_producer(&self, producer: usize) -> usize {
        let (cpus, readers) = (self.machine.topology.cpus, self.cpus_of_readers());
        if readers + self.producers <= cpus { readers + producer } else { producer }
    }

    /// Returns the number of CPUs that readers share, 0 if each has its own.
    pub(crate) fn shared_cpus(&self) -> usize {
        if self.reader_cpus < self.reading_threads() { self.reader_cpus } else { 0 }
    }

    fn cpus_of_readers(&self) -> usize {
        match self.shared_cpus() {
            0 => self.reading_threads(),
            shared => shared,
        }
    }

    /// Returns the CPU of a reader.
    pub(crate) fn cpu_of_reader(&self, reader: usize) -> usize {
        let (cpus, threads) = (self.machine.topology.cpus, self.reading_threads());
        if self.shared_cpus() > 0 {
            return reader % self.shared_cpus();
        }
        if threads + self.producers <= cpus {
            reader
        } else {
            reader * cpus / threads.max(1) % cpus
        }
    }

    pub(crate) fn check(&self) -> Result<(), SetupError> {
        self.machine.check().map_err(SetupError::Machine)?;
        let cpus = self.machine.topology.cpus;
        let numbers = [
            ("producers", self.producers, cpus),
            ("rings", self.rings, self.producers),
            ("readers", self.readers, self.rings),
        ];
        for (name, value, most) in numbers {
            if value == 0 || value > most {
                return Err(SetupError::Number { name, value, most });
            }
        }
        if self.reader_cpus > cpus {
            return Err(SetupError::Number {
                name: "reader CPUs",
                value: self.reader_cpus,
                most: cpus,
            });
        }
        let Sizes { least, most } = self.sizes;
        if least > most {
            return Err(SetupError::Sizes { least, most });
        }
        let bytes = self.ring.saturating_mul(self.rings as u64);
        if bytes > MOST_MEMORY {
            return Err(SetupError::Memory { bytes });
        }
        if self.overwrite && self.reader != Reader::None {
            return Err(SetupError::OverwriteWithReader);
        }
        let time = self.warm_up.saturating_add(self.duration);
        if self.duration.is_zero() || time > LONGEST {
            return Err(SetupError::Time);
        }
        if let Some((_, every)) = self.faults.pause.filter(|(_, every)| *every >= time) {
            return Err(SetupError::NoStop { every, time });
        }
        Ok(())
    }
}

/// The most bytes of all rings. The model needs about two and a half times as much.
const MOST_MEMORY: u64 = 4 << 30;

/// The longest run.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A setup that cannot be run.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// The machine has numbers that are out of range.
    Machine(MachineError),
    /// A number is zero or too large.
    Number {
        /// Its name.
        name: &'static str,
        /// The number.
        value: usize,
        /// The largest that is possible.
        most: usize,
    },
    /// The smallest sample is larger than the largest.
    Sizes {
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// No kernel has such a ring.
    Ring(CapacityError),
    /// The rings together are too large for this model.
    Memory {
        /// Their bytes.
        bytes: u64,
    },
    /// Consumers do not read rings in overwrite mode.
    OverwriteWithReader,
    /// The time is zero, or more than a day.
    Time,
    /// The readers are to stop, but the run is over before they do.
    NoStop {
        /// From the start of the run to the first stop.
        every: Duration,
        /// The time of the run.
        time: Duration,
    },
    /// The system gave no memory for the stacks.
    Stacks(std::io::Error),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(error) => error.fmt(f),
            Self::Number { name, value, most } => {
                write!(f, "{value} {name} are not possible here: use 1 to {most}")?;
                match *name {
                    "producers" | "reader CPUs" => write!(f, ", the CPUs of this machine"),
                    "rings" => write!(f, ", one for each producing CPU at most"),
                    _ => write!(f, ", one for each ring at most"),
                }
            }
            Self::Sizes { least, most } => {
                write!(f, "samples of {least} to {most} bytes: the first size must not be larger")
            }
            Self::Ring(error) => error.fmt(f),
            Self::Memory { bytes } => {
                write!(f, "all rings together have {bytes} bytes: use at most {MOST_MEMORY}")
            }
            Self::OverwriteWithReader => f.write_str(
                "the model has no reader of rings in overwrite mode: use the reader `none`",
            ),
            Self::Time => f.write_str("the time must be above zero, and a day at most"),
            Self::NoStop { every, time } => write!(
                f,
                "the first pause of the readers begins after {}, and the run takes {}: let it take \
                 longer, or let them pause sooner",
                units::time_text(*every),
                units::time_text(*time)
            ),
            Self::Stacks(error) => write!(f, "no memory for the parties: {error}"),
        }
    }
}

impl std::error::Error for SetupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Their texts are in this one.
            Self::Machine(error) => error.source(),
            Self::Ring(error) => error.source(),
            Self::Stacks(error) => error.source(),
            _ => None,
        }
    }
}
