//! [`Accounting`]: what became of the records that programs attempted.

use core::fmt;

use crate::{Counts, Resumed, Unread};

/// What programs counted that use the header `ringbuf.bpf.h`: the sum over CPUs of what is
/// in the counter map of a ring.
///
/// ```
/// # use ringbuf_core::*;
/// let value = [10_u64, 3, 1, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat(); // of one CPU
/// let counts = ProgramCounts::from_value(&value).expect("64 bytes");
/// assert_eq!((counts.attempted, counts.full, counts.too_big), (10, 3, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgramCounts {
    /// Calls of reserve and output. 0 if the programs count failures only.
    pub attempted: u64,
    /// Failed: there was no room.
    pub full: u64,
    /// Failed: the record does not fit into an empty ring.
    pub too_big: u64,
    /// Failed: no ring is in the place of the CPU (shards only).
    pub no_ring: u64,
    /// Failed for another reason: bad flags, or a lock that was not free. Also if there was
    /// no room, but there was when the program asked for the reason.
    pub other: u64,
}

impl ProgramCounts {
    /// The bytes of the value of one CPU, in layout 1 of the header.
    pub const BYTES: usize = 64;

    /// Reads the value of one CPU: words in native byte order. `None` if it is shorter than
    /// [`BYTES`](Self::BYTES). Words of a later layout are left out.
    ///
    /// ```
    /// # use ringbuf_core::ProgramCounts;
    /// let value = [10_u64, 3, 0, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat();
    /// let counts = ProgramCounts::from_value(&value).unwrap();
    /// assert_eq!((counts.attempted, counts.full, counts.failed()), (10, 3, 3));
    /// assert!(ProgramCounts::from_value(&value[1..]).is_none());
    /// ```
    #[must_use]
    pub fn from_value(value: &[u8]) -> Option<Self> {
        let mut words = value.get(..Self::BYTES)?.chunks_exact(8).map(|word| {
            let word = word.first_chunk().copied();
            word.map_or(0, u64::from_ne_bytes)
        });
        Some(Self {
            attempted: words.next()?,
            full: words.next()?,
            too_big: words.next()?,
            no_ring: words.next()?,
            other: words.next()?,
        })
    }

    /// All failed attempts.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let value = [10_u64, 3, 1, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat(); // of one CPU
    /// let counts = ProgramCounts::from_value(&value).expect("64 bytes");
    /// assert_eq!(counts.failed(), 3 + 1);
    /// ```
    #[must_use]
    pub const fn failed(&self) -> u64 {
        let room = self.full.wrapping_add(self.too_big);
        room.wrapping_add(self.no_ring).wrapping_add(self.other)
    }

    /// The sum of two CPUs, or of two rings.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let value = [10_u64, 3, 1, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat(); // of one CPU
    /// let counts = ProgramCounts::from_value(&value).expect("64 bytes");
    /// let both = counts.plus(counts); // of two CPUs
    /// assert_eq!((both.attempted, both.failed()), (20, 8));
    /// ```
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            attempted: self.attempted.wrapping_add(other.attempted),
            full: self.full.wrapping_add(other.full),
            too_big: self.too_big.wrapping_add(other.too_big),
            no_ring: self.no_ring.wrapping_add(other.no_ring),
            other: self.other.wrapping_add(other.other),
        }
    }
}

/// Where the number of attempts comes from.
///
/// ```
/// # use ringbuf_core::*;
/// let value = [10_u64, 3, 1, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat(); // of one CPU
/// let counts = ProgramCounts::from_value(&value).expect("64 bytes");
/// let reader = Accounting::new(Counts::default(), Unread::default());
/// assert_eq!(reader.attempts, Attempts::Unknown);
/// assert_eq!(reader.programs(counts).attempts, Attempts::Counted(10));
/// assert_eq!(reader.estimated(100, 2).attempts, Attempts::Estimated(200));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attempts {
    /// The programs count them.
    Counted(u64),
    /// An estimate, from how often the programs ran.
    Estimated(u64),
    /// Nobody knows.
    Unknown,
}

/// What became of the records that programs attempted, of one ring or of many:
///
/// attempted = delivered + discarded + unread (some of them in flight) + failed
///
/// The sum holds to the record if all programs of the ring use the header and count
/// attempts, if the reader has counted from the beginning, and if no program is between its
/// attempt and its reservation. After the programs are detached and their runs are over, none
/// is. If it does not hold, [`gap`](Self::gap) says by how much.
///
/// ```
/// use ringbuf_core::{Accounting, Attempts, Gap, ProgramCounts};
/// use ringbuf_sim::{Flags, SimRing};
///
/// let ring = SimRing::new(4096)?;
/// // What programs have counted: 3 attempts, none refused for want of room, 1 too big.
/// let value = [3_u64, 0, 1, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat();
/// let programs = ProgramCounts::from_value(&value).unwrap();
/// let program = ring.producer();
/// program.output(b"one", Flags::ADAPTIVE)?;
/// let stopped = program.reserve(8)?;
///
/// let mut consumer = ring.consumer()?;
/// consumer.drain(|record| println!("{} bytes", record.len()))?;
/// let accounting = Accounting::new(consumer.counts(), consumer.unread()?).programs(programs);
/// assert_eq!(accounting.gap(), Gap::None);
/// assert_eq!(
///     accounting.to_string(),
///     "3 attempted = 1 delivered + 0 discarded + 1 unread (1 in flight) + 1 failed (1 too big)"
/// );
/// # drop(stopped);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accounting {
    /// The attempts.
    pub attempts: Attempts,
    /// The failed attempts, if a program counts them.
    pub failed: Option<ProgramCounts>,
    /// The records that readers have passed.
    pub passed: Counts,
    /// The records in the ring.
    pub unread: Unread,
    /// Bytes of ring space whose records no reader counted: see [`Resumed`].
    pub uncounted_bytes: u64,
}

impl Accounting {
    /// The reader's half: what it has passed, and what is still there.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// # use ringbuf_sim::{Flags, SimRing};
    /// # let ring = SimRing::new(4096)?;
    /// let consumer = ring.consumer()?;
    /// let reader = Accounting::new(consumer.counts(), consumer.unread()?);
    /// assert_eq!(reader.gap(), Gap::Unknown); // nobody has counted attempts
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn new(passed: Counts, unread: Unread) -> Self {
        let (attempts, failed) = (Attempts::Unknown, None);
        Self { attempts, failed, passed, unread, uncounted_bytes: 0 }
    }

    /// The programs' half. Read it before the reader's half if programs run meanwhile: then
    /// each failure and attempt that is in it has come to its end, but for a moment.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let value = [10_u64, 3, 1, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat(); // of one CPU
    /// let counts = ProgramCounts::from_value(&value).expect("64 bytes");
    /// let accounting = Accounting::new(Counts::default(), Unread::default()).programs(counts);
    /// assert_eq!(accounting.gap(), Gap::Attempts(10 - 4)); // six attempts have no end
    /// ```
    #[must_use]
    pub const fn programs(self, counts: ProgramCounts) -> Self {
        let attempts = match counts.attempted {
            // Each record and each failure would be one.
            0 if self.records() != 0 || counts.failed() != 0 => self.attempts,
            attempted => Attempts::Counted(attempted),
        };
        Self { attempts, failed: Some(counts), ..self }
    }

    /// What earlier readers passed.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let value = [10_u64, 3, 1, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat(); // of one CPU
    /// let counts = ProgramCounts::from_value(&value).expect("64 bytes");
    /// // An earlier reader passed 6 records; see `CountSaver`.
    /// # let mut resumed = Resumed::default();
    /// # resumed.counts.delivered = 6;
    /// let accounting = Accounting::new(Counts::default(), Unread::default());
    /// let accounting = accounting.programs(counts).resumed(resumed);
    /// assert_eq!(accounting.gap(), Gap::None);
    /// ```
    #[must_use]
    pub const fn resumed(self, resumed: Resumed) -> Self {
        let uncounted_bytes = self.uncounted_bytes.wrapping_add(resumed.uncounted_bytes);
        Self { passed: self.passed.plus(resumed.counts), uncounted_bytes, ..self }
    }

    /// For programs that count no attempts: an estimate, from `runs` of a program that
    /// makes `attempts` in each run. Does nothing if attempts are counted.
    ///
    /// It is exact only if each run makes exactly as many. Runs are counted by the kernel
    /// while `kernel.bpf_stats_enabled` is 1, from then on.
    ///
    /// ```
    /// use ringbuf_core::{Accounting, Counts, Gap, Unread};
    ///
    /// // 100 runs with one attempt each, and no record at all.
    /// let accounting = Accounting::new(Counts::default(), Unread::default()).estimated(100, 1);
    /// assert_eq!(accounting.gap(), Gap::Estimated(100));
    /// assert!(accounting.to_string().starts_with("about 100 attempted"));
    /// ```
    #[must_use]
    pub const fn estimated(self, runs: u64, attempts: u64) -> Self {
        match self.attempts {
            Attempts::Counted(_) => self,
            _ => Self { attempts: Attempts::Estimated(runs.saturating_mul(attempts)), ..self },
        }
    }

    /// The sum of two rings.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let value = [10_u64, 3, 1, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat(); // of one CPU
    /// let counts = ProgramCounts::from_value(&value).expect("64 bytes");
    /// let ring = Accounting::new(Counts::default(), Unread::default()).programs(counts);
    /// assert_eq!(ring.plus(ring).attempts, Attempts::Counted(20));
    /// ```
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        let attempts = match (self.attempts, other.attempts) {
            (Attempts::Counted(one), Attempts::Counted(two)) => {
                Attempts::Counted(one.wrapping_add(two))
            }
            (Attempts::Unknown, _) | (_, Attempts::Unknown) => Attempts::Unknown,
            (
                Attempts::Counted(one) | Attempts::Estimated(one),
                Attempts::Counted(two) | Attempts::Estimated(two),
            ) => Attempts::Estimated(one.saturating_add(two)),
        };
        let failed = match (self.failed, other.failed) {
            (Some(one), Some(two)) => Some(one.plus(two)),
            _ => None,
        };
        Self {
            attempts,
            failed,
            passed: self.passed.plus(other.passed),
            unread: self.unread.plus(other.unread),
            uncounted_bytes: self.uncounted_bytes.wrapping_add(other.uncounted_bytes),
        }
    }

    /// By how much the sum does not hold.
    ///
    /// ```
    /// # use ringbuf_core::*;
    /// let value = [10_u64, 3, 1, 0, 0, 0, 0, 0].map(u64::to_ne_bytes).concat(); // of one CPU
    /// let counts = ProgramCounts::from_value(&value).expect("64 bytes");
    /// let ring = Accounting::new(Counts::default(), Unread::default()).programs(counts);
    /// match ring.gap() {
    ///     Gap::None => println!("nothing is missing"),
    ///     gap => println!("{gap:?} of {ring}"),
    /// }
    /// ```
    #[must_use]
    pub const fn gap(&self) -> Gap {
        let failed = match self.failed {
            Some(counts) => counts.failed(),
            None => 0,
        };
        let ends = self.records().wrapping_add(failed);
        match self.attempts {
            Attempts::Unknown => Gap::Unknown,
            Attempts::Estimated(attempts) => Gap::Estimated(attempts.saturating_sub(ends)),
            Attempts::Counted(attempts) if attempts > ends => Gap::Attempts(attempts - ends),
            Attempts::Counted(attempts) if attempts < ends => Gap::Records(ends - attempts),
            Attempts::Counted(_) => Gap::None,
        }
    }

    /// Records that were reserved.
    const fn records(&self) -> u64 {
        let Counts { delivered, discarded } = self.passed;
        delivered.wrapping_add(discarded).wrapping_add(self.unread.records)
    }
}

/// What [`Accounting`] cannot explain.
///
/// ```
/// use ringbuf_core::{Accounting, Gap};
///
/// fn report(accounting: &Accounting) {
///     match accounting.gap() {
///         Gap::None => println!("{accounting}"),
///         Gap::Unknown => println!("{accounting}; count attempts to know more"),
///         gap => eprintln!("{accounting}: {gap:?}"),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gap {
    /// Nothing: the sum holds.
    None,
    /// So many attempts more than ends. A program is between its attempt and its
    /// reservation; a reader that counts nothing has passed records; or programs disagree
    /// about what they count.
    Attempts(u64),
    /// So many records and failures more than attempts. A program writes the ring without
    /// the header, or counts by plain increments, or programs ran on between the looks at
    /// both sides.
    Records(u64),
    /// Attempts are estimated, so this many were lost about, in ways that nobody counts.
    Estimated(u64),
    /// Attempts are not known, so losses beyond the counted failures are not, either.
    Unknown,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("the sum holds"),
            Self::Attempts(count) => write!(f, "unexplained: +{count} attempts"),
            Self::Records(count) => write!(f, "unexplained: +{count} records and failures"),
            Self::Estimated(count) => write!(f, "estimate: {count} more lost"),
            Self::Unknown => f.write_str("attempts are not known"),
        }
    }
}

/// One line: the sum, and the gap if there is one.
impl fmt::Display for Accounting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts {
            Attempts::Counted(count) => write!(f, "{count} attempted = ")?,
            Attempts::Estimated(count) => write!(f, "about {count} attempted = ")?,
            Attempts::Unknown => f.write_str("unknown attempts = ")?,
        }
        let Counts { delivered, discarded } = self.passed;
        let Unread { records, in_flight, .. } = self.unread;
        write!(f, "{delivered} delivered + {discarded} discarded + {records} unread")?;
        if in_flight != 0 {
            write!(f, " ({in_flight} in flight)")?;
        }
        match self.failed {
            None => f.write_str(" + unknown failures")?,
            Some(counts) => write!(f, " + {} failed", counts.failed())?,
        }
        reasons(self.failed.unwrap_or_default(), f)?;
        if self.gap() != Gap::None {
            write!(f, "; {}", self.gap())?;
        }
        if self.uncounted_bytes != 0 {
            let bytes = self.uncounted_bytes;
            write!(f, "; {bytes} bytes were read by a reader that saved no counts")?;
        }
        Ok(())
    }
}

/// The reasons that occurred, in brackets.
fn reasons(counts: ProgramCounts, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ProgramCounts { full, too_big, no_ring, other, .. } = counts;
    let mut before = " (";
    for (count, reason) in
        [(full, "full"), (too_big, "too big"), (no_ring, "without a ring"), (other, "other")]
    {
        if count != 0 {
            write!(f, "{before}{count} {reason}")?;
            before = ", ";
        }
    }
    if before == ", " { f.write_str(")") } else { Ok(()) }
}
