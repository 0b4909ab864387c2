//! [`Look`]: what the model is told. Sources make it from the kernel, tests by hand.

use std::time::Duration;

use ringbuf_kernel::{HeadRecord, Position, RingInfo, RingKind, Width};
use serde::Serialize;

/// All rings at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// The time since a fixed moment, by a clock that does not move back.
    pub(crate) at: Duration,
    /// Nanoseconds since 1970.
    pub(crate) time_ns: u64,
    pub(crate) rings: Vec<Seen>,
}

/// One ring at one moment. `None` is what is not known.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) kind: RingKind,
    pub(crate) overwrite: bool,
    /// In bytes.
    pub(crate) capacity: u64,
    pub(crate) width: Width,
    pub(crate) consumer: Position,
    pub(crate) producer: Position,
    pub(crate) pending: Option<Position>,
    /// Bytes between the two positions.
    pub(crate) fill: Option<u64>,
    pub(crate) head: Option<Head>,
    pub(crate) corrupt: bool,
    /// The records that came since the look before this.
    pub(crate) passed: Option<Passed>,
    /// What was lost since somebody began to count.
    pub(crate) lost: Option<Lost>,
    pub(crate) users: Users,
    pub(crate) looked_by: LookedBy,
    /// For the search in procfs. A source that does not open maps has none.
    pub(crate) info: Option<RingInfo>,
}

/// The record at the consumer position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// There is none, or it moves.
    Free,
    /// It is reserved.
    Busy(AtHead),
    /// It is submitted or discarded, and not given back.
    Committed(AtHead),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtHead {
    pub(crate) position: Position,
    /// Of its sample.
    pub(crate) len: u32,
    /// Bytes of ring space behind it.
    pub(crate) behind: u64,
}

/// Headers that were walked, from the producer position of the look before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Headers, of busy and discarded records, too.
    pub(crate) records: u64,
    pub(crate) discarded: u64,
    /// Ring space of these records. If it is all that was produced, the count is exact.
    pub(crate) bytes: u64,
}

/// Failed reservations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) records: u64,
    pub(crate) bytes: Option<u64>,
    pub(crate) source: LossSource,
}

/// Who says that records were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LossSource {
    /// A program of ours on the kernel's reservation.
    Attach,
    /// The counters of the program that writes the ring.
    Program,
    /// Nobody counts. Only the fill level hints at losses.
    Inferred,
    /// Nothing is known.
    None,
}

/// How the positions were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LookedBy {
    /// By BPF iterators.
    #[cfg_attr(not(feature = "bpf"), expect(dead_code, reason = "this build has none"))]
    Iterators,
    /// From mapped pages.
    Ids,
    /// From a file.
    Recording,
}

/// Who uses a ring.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users {
    /// Those that map the page that user space writes: the readers of a ring, the producers of
    /// a user ring.
    pub(crate) writers: Option<Vec<Process>>,
    pub(crate) programs: Option<Vec<ProgramName>>,
    pub(crate) pins: Option<Vec<String>>,
    /// Those with a descriptor of the map.
    pub(crate) holders: Option<Vec<Process>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) comm: String,
    /// In epoll, for this ring.
    pub(crate) waiting: Option<bool>,
    pub(crate) state: Option<ProcessState>,
}

/// What the scheduler does with the main thread of a process (`proc_pid_stat(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProcessState {
    Running,
    Sleeping,
    Blocked,
    Stopped,
    Traced,
    Zombie,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProgramName {
    pub(crate) id: u32,
    pub(crate) name: String,
}

impl Seen {
    /// Bytes produced since an earlier look at the same ring. `None` if the position has moved
    /// back: then it is another ring.
    pub(crate) fn produced_since(&self, earlier: &Self) -> Option<u64> {
        forward(self.producer, earlier.producer, self.width)
    }

    /// Bytes given back since an earlier look.
    pub(crate) fn consumed_since(&self, earlier: &Self) -> Option<u64> {
        forward(self.consumer, earlier.consumer, self.width)
    }
}

/// The distance, unless it is more than half of all positions: then it is a way back.
fn forward(now: Position, earlier: Position, width: Width) -> Option<u64> {
    let half = match width {
        Width::Bits32 => 1 << 31,
        Width::Bits64 => 1 << 63,
    };
    Some(now.distance(earlier, width)).filter(|way| *way < half)
}

impl From<RingInfo> for Seen {
    fn from(ring: RingInfo) -> Self {
        let look = ring.look;
        Self {
            id: ring.id,
            name: ring.name.clone(),
            kind: ring.kind,
            overwrite: ring.overwrite,
            capacity: ring.capacity.bytes(),
            width: look.width,
            consumer: look.consumer,
            producer: look.producer,
            pending: look.pending().filter(|_| ring.kind == RingKind::Ring),
            fill: ring.fill(),
            head: ring.head.map(Head::from),
            corrupt: ring.corrupt.is_some(),
            passed: None,
            lost: None,
            users: Users::default(),
            looked_by: LookedBy::Ids,
            info: Some(ring),
        }
    }
}

impl From<ringbuf_kernel::Head> for Head {
    fn from(head: ringbuf_kernel::Head) -> Self {
        use ringbuf_kernel::Head::{Busy, Committed, Discarded};
        let at =
            |HeadRecord { position, len, behind, .. }| AtHead { position, len: len.get(), behind };
        match head {
            Busy(record) => Self::Busy(at(record)),
            Committed(record) | Discarded(record) => Self::Committed(at(record)),
            _ => Self::Free,
        }
    }
}

impl Process {
    /// True if it cannot do anything until somebody lets it.
    pub(crate) fn is_stopped(&self) -> bool {
        use ProcessState::{Stopped, Traced, Zombie};
        matches!(self.state, Some(Stopped | Traced | Zombie))
    }
}
