//! [`Op`]: what can be done to a ring.

/// One operation on a ring. Any list of any of them is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reserves `len` bytes and fills them.
    Reserve {
        /// Length of the sample in bytes.
        len: u64,
    },
    /// Submits an open reservation, if there is one.
    Submit {
        /// Which, modulo their number.
        which: usize,
        /// Wakeup flags; unknown ones are ignored.
        flags: u64,
    },
    /// Discards an open reservation, if there is one.
    Discard {
        /// Which, modulo their number.
        which: usize,
        /// Wakeup flags; unknown ones are ignored.
        flags: u64,
    },
    /// Reserves, copies and submits at once.
    Output {
        /// Length of the sample in bytes.
        len: u64,
        /// Wakeup flags; unknown ones are refused.
        flags: u64,
    },
    /// Reads up to this many records in an unbounded batch.
    Read {
        /// When to stop asking.
        records: u64,
    },
    /// Reads a batch bounded to this many records until it ends.
    AtMost {
        /// The bound.
        records: u64,
    },
    /// Reads a batch bounded to this many bytes until it ends.
    ReadBytes {
        /// The bound.
        bytes: u64,
    },
    /// As `Read`, and ends the batch by `Batch::finish`.
    Finish {
        /// When to stop asking.
        records: u64,
    },
    /// Reads by callback, which breaks after this many records (at least one).
    ForEach {
        /// When to break.
        records: u64,
    },
    /// Reads one by one, until nothing is left or this many were read.
    NextRecord {
        /// When to stop asking.
        records: u64,
    },
    /// As `Read`, and rewinds, so that the records come again.
    Keep {
        /// When to stop asking.
        records: u64,
    },
    /// Holds back the last records, and in one drain about this much.
    HoldBack {
        /// How much, in bytes.
        portion: u64,
    },
    /// Holds nothing back any more.
    ReleaseAtOnce,
    /// Releases all consumed space.
    Publish,
    /// Asks whether sleeping is safe.
    Arm,
    /// Asks whether something is there, a hundred times at most.
    IsReady {
        /// How often.
        looks: u64,
    },
    /// Asks how far behind the consumer is.
    Lag,
    /// Queries all that the kernel answers.
    Query,
    /// Drops the consumer and takes a new one.
    Restart,
}
