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
    /// Reads by callback, which breaks after this many records (at least one).
    ForEach {
        /// When to break.
        records: u64,
    },
    /// As `Read`, and keeps the records for later.
    Keep {
        /// When to stop asking.
        records: u64,
    },
    /// Holds back the release of space.
    ReleaseAfter {
        /// How much.
        bytes: u64,
    },
    /// Releases all consumed space.
    Publish,
    /// Asks whether sleeping is safe.
    Arm,
    /// Asks how far behind the consumer is.
    Lag,
    /// Queries all that the kernel answers.
    Query,
    /// Drops the consumer and takes a new one.
    Restart,
}
