//! The loads and the readers.

use std::time::Duration;

use ringbuf_kernel::WaitPolicy;

/// A load, and who reads it.
pub(super) struct Scene {
    pub(super) title: &'static str,
    pub(super) load: Load,
    pub(super) readers: &'static [Reader],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// As fast as it goes, `TURN` records for each ring in turn.
    Saturating,
    /// The same, and each record has its time.
    Stamped,
    /// One record each `GAP`, for each ring in turn.
    Paced,
    /// The first ring is always full, a record each `GAP` for the others in turn.
    Flooded,
}

/// How many rings have records, how many have none, and who reads them.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    pub(super) name: &'static str,
    pub(super) busy: usize,
    pub(super) idle: usize,
    pub(super) how: How,
    pub(super) policy: fn() -> WaitPolicy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// A thread that blocks.
    Ring,
    Set,
    /// A set in the order of the times.
    Merged,
    /// A tokio task.
    Task,
}

pub(super) const ALONE: Reader = Reader {
    name: "one ring, no set",
    busy: 1,
    idle: 0,
    how: How::Ring,
    policy: WaitPolicy::balanced,
};
pub(super) const ONE: Reader = Reader { name: "set of 1", how: How::Set, ..ALONE };
pub(super) const BUSY_64: Reader = Reader { name: "set of 64", busy: 64, ..ONE };
pub(super) const IDLE_999: Reader = Reader { name: "set of 1000, 1 busy", idle: 999, ..ONE };

/// Naps of a fixed length, the same for a thread and a task.
pub(super) fn naps(micros: u64) -> WaitPolicy {
    let nap = Duration::from_micros(micros);
    WaitPolicy::balanced().hold_off(nap).min_nap(nap)
}

pub(super) const THREAD: Reader = Reader { name: "thread, balanced", ..ALONE };
pub(super) const TASK: Reader = Reader { name: "tokio task, balanced", how: How::Task, ..ALONE };
pub(super) const THREAD_50: Reader =
    Reader { name: "thread, naps of 50 us", policy: || naps(50), ..THREAD };
pub(super) const TASK_50: Reader =
    Reader { name: "tokio task, naps of 50 us", policy: || naps(50), ..TASK };
pub(super) const THREAD_16: Reader =
    Reader { name: "thread, naps of 16 us", policy: || naps(16), ..THREAD };
pub(super) const TASK_16: Reader =
    Reader { name: "tokio task, naps of 16 us", policy: || naps(16), ..TASK };

const SET_2: Reader = Reader { name: "set of 2", busy: 2, ..ONE };
const SET_8: Reader = Reader { name: "set of 8", busy: 8, ..ONE };
const MERGED_2: Reader = Reader { name: "2 rings, merged", how: How::Merged, ..SET_2 };
const MERGED_8: Reader = Reader { name: "8 rings, merged", how: How::Merged, ..SET_8 };
const MERGED_64: Reader = Reader { name: "64 rings, merged", how: How::Merged, ..BUSY_64 };

/// The same rings as a set and merged, in turns.
pub(super) const MERGES: [Scene; 3] = [
    Scene { title: STAMPED, load: Load::Stamped, readers: &[SET_2, MERGED_2] },
    Scene { title: STAMPED, load: Load::Stamped, readers: &[SET_8, MERGED_8] },
    Scene { title: STAMPED, load: Load::Stamped, readers: &[BUSY_64, MERGED_64] },
];
const STAMPED: &str = "saturating, 32 records of a ring in turn, each with its time";

/// Tasks beside threads that block, in turns.
pub(super) const TASKS: [Scene; 3] = [
    Scene { title: "a record each 10 us", load: Load::Paced, readers: &[THREAD_50, TASK_50] },
    Scene { title: "a record each 10 us", load: Load::Paced, readers: &[THREAD_16, TASK_16] },
    Scene { title: "a record each 10 us", load: Load::Paced, readers: &[THREAD, TASK] },
];

pub(super) const SCENES: [Scene; 4] = [
    Scene {
        title: "saturating, 32 records of a ring in turn",
        load: Load::Saturating,
        readers: &[ALONE, ONE, IDLE_999, BUSY_64],
    },
    Scene {
        title: "a record each 10 us in all",
        load: Load::Paced,
        readers: &[ALONE, ONE, IDLE_999, BUSY_64],
    },
    Scene {
        title: "as before, and one ring of the 64 always full; callback 200 ns, turns of 200 us; \
                latency of the others",
        load: Load::Flooded,
        readers: &[BUSY_64],
    },
    Scene {
        title: "a record each 10 us in all, again",
        load: Load::Paced,
        readers: &[ALONE, BUSY_64],
    },
];
