//! [`State`]: what is wrong with a ring, decided from what was seen.

use std::time::Duration;

use ringbuf_kernel::{RingKind, SampleLen};
use serde::Serialize;

use super::look::{Head, Process, Seen};

/// A head that was busy for so long is stuck.
pub(crate) const STUCK: Duration = Duration::from_millis(100);
/// A reader that left a committed record alone for so long hangs, if more has come.
pub(crate) const HUNG: Duration = Duration::from_secs(1);

/// In order of severity: the most severe one is shown first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Corrupt,
    StuckHead,
    NoReader,
    TwoReaders,
    ReaderHung,
    Full,
    NoProgram,
    NearFull,
    Ok,
}

/// For how long things have not moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ages {
    /// The head was seen busy.
    pub(crate) busy: Option<Duration>,
    /// The head was seen committed, and the reader did not pass it.
    pub(crate) unread: Option<Duration>,
    /// More has come meanwhile, so the reader was woken.
    pub(crate) came: bool,
}

impl State {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Corrupt,
        Self::StuckHead,
        Self::NoReader,
        Self::TwoReaders,
        Self::ReaderHung,
        Self::Full,
        Self::NoProgram,
        Self::NearFull,
        Self::Ok,
    ];

    /// What an operator has to look at.
    pub(crate) const ALARMS: [Self; 7] = [
        Self::Corrupt,
        Self::StuckHead,
        Self::NoReader,
        Self::TwoReaders,
        Self::ReaderHung,
        Self::Full,
        Self::NoProgram,
    ];

    /// As tables show it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Corrupt => "CORRUPT",
            Self::StuckHead => "STUCK HEAD",
            Self::NoReader => "NO READER",
            Self::TwoReaders => "TWO READERS",
            Self::ReaderHung => "READER HUNG",
            Self::Full => "FULL",
            Self::NoProgram => "NO PROGRAM",
            Self::NearFull => "near full",
            Self::Ok => "ok",
        }
    }
}

/// All states of a ring, the most severe first. Never empty.
pub(crate) fn states(
    now: &Seen,
    ages: Ages,
    readers: Option<&[Process]>,
    programs: Option<usize>,
) -> Vec<State> {
    let (full, near) = fullness(now);
    let is_ring = now.kind == RingKind::Ring;
    let readers = readers.filter(|_| is_ring);
    let stuck = ages.busy.is_some_and(|age| age >= STUCK);
    let facts = [
        (now.corrupt, State::Corrupt),
        (stuck, State::StuckHead),
        (readers.is_some_and(<[_]>::is_empty), State::NoReader),
        (readers.is_some_and(|readers| readers.len() > 1), State::TwoReaders),
        (readers.is_some_and(|readers| is_hung(readers, ages, near || full)), State::ReaderHung),
        (full, State::Full),
        (programs == Some(0), State::NoProgram),
        (near && !full, State::NearFull),
    ];
    let mut states: Vec<_> =
        facts.into_iter().filter(|(is, _)| *is).map(|(_, state)| state).collect();
    if states.is_empty() {
        states.push(State::Ok);
    }
    states
}

/// A stopped process cannot read, so no time has to pass. Another one may hold back what it
/// has read while nothing comes: it hangs if more comes, or if the ring is nearly full.
fn is_hung(readers: &[Process], ages: Ages, near_full: bool) -> bool {
    let Some(unread) = ages.unread.filter(|_| !readers.is_empty()) else { return false };
    let left_alone = unread >= HUNG && (ages.came || near_full);
    left_alone || unread > Duration::ZERO && readers.iter().all(Process::is_stopped)
}

/// Full: a record like the one at the head finds no room, or less than a 64th is free. Nearly
/// full: above 80 %.
fn fullness(now: &Seen) -> (bool, bool) {
    let Some(fill) = now.fill else { return (false, false) };
    // The kernel leaves a header free.
    let free = now.capacity.saturating_sub(8).saturating_sub(fill);
    let like_head = match now.head {
        Some(Head::Busy(record) | Head::Committed(record)) => {
            SampleLen::new(record.len.into()).map_or(0, SampleLen::footprint)
        }
        _ => 0,
    };
    (free < like_head.max(now.capacity / 64), is_near_full(now))
}

/// Above 80 %. Not known: no.
pub(crate) fn is_near_full(now: &Seen) -> bool {
    now.fill.is_some_and(|fill| fill > now.capacity / 10 * 8)
}
