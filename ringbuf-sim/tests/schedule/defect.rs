//! Planted defects: the backing misbehaves in one way, and a run must notice it.

/// The wrong behaviour of the memory or the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// After its fence the consumer sees the state from before, as if `arm` did not
    /// look again.
    NoSecondLook,
    /// A commit loads the consumer position from before its exchange.
    CommitLoadsFirst,
    /// A commit at the consumer's position notifies nobody.
    SilentCommit,
    /// The consumer gives a record back before it has read it.
    PublishBeforeReading,
    /// The same, but only while it reads with a callback.
    PublishBeforeCallback,
    /// The consumer gives back the record after those that it has read.
    ReleaseTheNext,
    /// The consumer sees a busy record as submitted.
    IgnoreBusy,
    /// The consumer sees a discarded record as submitted.
    IgnoreDiscard,
    /// After a callback, the consumer sees a discarded record of the same length as
    /// submitted.
    AlikeIgnoresDiscard,
    /// A new consumer starts at the producer position.
    RestartAtTheEnd,
    /// A new consumer starts at the start position of the first one.
    RestartAtTheStart,
    /// The producer position is stored before the header is written.
    PositionBeforeHeader,
    /// A record is committed before its last word is written.
    CommitBeforeSample,
    /// A sleep begins by forgetting the notifications since the last one.
    BlockForgets,
    /// Another process moves the stored consumer position.
    SecondConsumer,
    /// Producers do not exclude each other.
    NoLock,
    /// Producers treat everything as consumed. Without a pending position they also
    /// overwrite uncommitted records.
    IgnoreConsumer,
    /// Producers treat every record as committed. Only a forged consumer position
    /// shows it.
    IgnorePending,
}

impl Defect {
    /// All defects, each with a word of the report that it must cause.
    pub(crate) const ALL: [(Self, &'static str); 18] = [
        (Self::NoSecondLook, "lost wakeup"),
        (Self::CommitLoadsFirst, "lost wakeup"),
        (Self::SilentCommit, "wakeup"),
        (Self::PublishBeforeReading, "released"),
        (Self::PublishBeforeCallback, "released"),
        (Self::ReleaseTheNext, "released"),
        (Self::IgnoreBusy, "Busy"),
        (Self::IgnoreDiscard, "Discarded"),
        (Self::AlikeIgnoresDiscard, "Discarded"),
        (Self::RestartAtTheEnd, "starts at"),
        (Self::RestartAtTheStart, "starts at"),
        (Self::PositionBeforeHeader, "header"),
        (Self::CommitBeforeSample, "torn"),
        (Self::BlockForgets, "lost wakeup"),
        (Self::SecondConsumer, "another process reads"),
        (Self::NoLock, "reserved"),
        (Self::IgnoreConsumer, "runs over"),
        (Self::IgnorePending, "uncommitted"),
    ];
}
