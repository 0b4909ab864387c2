//! Planted defects: the backing misbehaves in one way, and a run must notice.

/// What the memory or the host does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// What the consumer looks at after its fence is what it saw before it, as
    /// if `arm` did not look again.
    NoSecondLook,
    /// The consumer position that a commit loads is the one from before its
    /// exchange.
    CommitLoadsFirst,
    /// A commit at the consumer's position notifies nobody.
    SilentCommit,
    /// The consumer gives a record back before it has read it.
    PublishBeforeReading,
    /// The same, only while it reads by callback.
    PublishBeforeCallback,
    /// The consumer gives back the record behind those that it has read.
    ReleaseTheNext,
    /// The consumer takes a busy record for a submitted one.
    IgnoreBusy,
    /// The consumer takes a discarded record for a submitted one.
    IgnoreDiscard,
    /// Behind a callback, the consumer takes a discarded record of the same
    /// length for a submitted one.
    AlikeIgnoresDiscard,
    /// A new consumer starts at the producer position.
    RestartAtTheEnd,
    /// A new consumer starts where the first one did.
    RestartAtTheStart,
    /// The producer position is stored before the header is written.
    PositionBeforeHeader,
    /// A record is committed before its last word is written.
    CommitBeforeSample,
    /// A sleep begins by forgetting what was announced since the last one.
    BlockForgets,
    /// Somebody else moves the stored consumer position.
    SecondConsumer,
    /// Producers do not exclude each other.
    NoLock,
    /// Producers take everything for consumed: where there is no pending position
    /// they run over what is uncommitted, too.
    IgnoreConsumer,
    /// Producers take every record for committed: only a forged consumer
    /// position shows it.
    IgnorePending,
}

impl Defect {
    /// All, with a word of the report that each must cause.
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
