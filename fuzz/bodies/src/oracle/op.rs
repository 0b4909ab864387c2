//! [`Op`]: the operations on a ring.

/// One operation on a ring. Every list of operations is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reserves `len` bytes and fills them.
    Reserve {
        /// Length of the sample in bytes.
        len: u64,
    },
    /// Submits an open reservation, if there is one.
    Submit {
        /// Its index, modulo the number of open reservations.
        which: usize,
        /// Wakeup flags; unknown ones are ignored.
        flags: u64,
    },
    /// Discards an open reservation, if there is one.
    Discard {
        /// Its index, modulo the number of open reservations.
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
        /// The number of records after which the read stops.
        records: u64,
    },
    /// Reads a batch with this limit of records until it ends.
    AtMost {
        /// The limit.
        records: u64,
    },
    /// Reads a batch with this limit of bytes until it ends.
    ReadBytes {
        /// The limit.
        bytes: u64,
    },
    /// Like `Read`, but ends the batch with `Batch::finish`.
    Finish {
        /// The number of records after which the read stops.
        records: u64,
    },
    /// Reads with a callback, which breaks after this many records (at least one).
    ForEach {
        /// The number of records after which the callback breaks.
        records: u64,
    },
    /// Reads with a callback within this budget.
    Within {
        /// The limit of records.
        records: u64,
        /// The limit of bytes.
        bytes: u64,
    },
    /// Reads one record at a time, until none is left or this many were read.
    NextRecord {
        /// The number of records after which the read stops.
        records: u64,
    },
    /// Like `Read`, but rewinds, so that the records come again.
    Keep {
        /// The number of records after which the read stops.
        records: u64,
    },
    /// Reads a batch with this limit of records, and puts its last record back. If
    /// `records` is odd, reads on.
    PutBack {
        /// The number of records after which the read stops.
        records: u64,
        /// The limit.
        limit: u64,
    },
    /// Copies one record at a time into a buffer, which grows if it is too small.
    ReadInto {
        /// The first length of the buffer.
        len: u64,
        /// The number of calls.
        records: u64,
    },
    /// Holds back the last records, and about this many bytes during a drain.
    HoldBack {
        /// The number of bytes.
        portion: u64,
    },
    /// Stops holding back.
    ReleaseAtOnce,
    /// Releases all consumed space.
    Publish,
    /// Arms the consumer.
    Arm,
    /// Calls `is_ready`, at most a hundred times.
    IsReady {
        /// The number of calls.
        looks: u64,
    },
    /// Reads the lag of the consumer.
    Lag,
    /// Makes every kind of kernel query.
    Query,
    /// Drops the consumer and takes a new one.
    Restart,
}
