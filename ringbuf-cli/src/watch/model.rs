//! [`Watch`]: makes rows from looks. It has no clock and asks nobody.

use std::collections::HashMap;
use std::time::Duration;

use ringbuf_kernel::{Position, RingKind};

use super::look::{Head, Look, LossSource, Passed, Process, Seen};
use super::row::{HeadState, How, Loss, Records, Row, SCHEMA};
use super::state::{Ages, State, is_near_full, states};

/// What is remembered of the rings between looks.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    rings: HashMap<u32, Track>,
}

impl Watch {
    /// Takes the next look, and returns a row for each of its rings, in its order. Rings that
    /// it does not have are forgotten.
    pub(crate) fn take(&mut self, look: &Look) -> Vec<Row> {
        let mut before = std::mem::take(&mut self.rings);
        let mut rows = Vec::with_capacity(look.rings.len());
        for seen in &look.rings {
            let track = before.remove(&seen.id).filter(|track| track.is_of(seen));
            let mut track = track.unwrap_or_else(|| Track::new(seen, look.at));
            rows.push(track.take(seen, look));
            self.rings.insert(seen.id, track);
        }
        rows
    }
}

/// A head that does not move.
#[derive(Clone, Copy, Debug)]
struct Stands {
    at: Position,
    since: Duration,
    producer: Position,
}

/// What is remembered of one ring.
#[derive(Debug)]
struct Track {
    /// The latest look at it, and its time.
    seen: Seen,
    at: Duration,
    /// The first look at it.
    first: Duration,
    fill_max: Option<u64>,
    near_full: Duration,
    /// Where the head stands busy or committed, since when, and what was produced then.
    busy: Option<Stands>,
    unread: Option<Stands>,
    /// All records that were walked.
    passed: Passed,
}

impl Track {
    fn new(seen: &Seen, at: Duration) -> Self {
        Self {
            seen: Seen { passed: None, info: None, ..seen.clone() },
            at,
            first: at,
            fill_max: None,
            near_full: Duration::ZERO,
            busy: None,
            unread: None,
            passed: Passed::default(),
        }
    }

    /// False if another ring has this id now.
    fn is_of(&self, now: &Seen) -> bool {
        let fixed = |seen: &Seen| (seen.kind, seen.overwrite, seen.capacity, seen.width);
        fixed(&self.seen) == fixed(now)
            && self.seen.name == now.name
            && now.produced_since(&self.seen).is_some()
    }

    /// Goes on to a look, and tells what is known then.
    fn take(&mut self, now: &Seen, look: &Look) -> Row {
        let (before, between) = (&self.seen, look.at.saturating_sub(self.at));
        let produced = now.produced_since(before);
        let consumed = now.consumed_since(before);
        let seconds = between.as_secs_f64();
        let per_second = |amount: f64| (seconds > 0.0).then(|| amount / seconds);
        let bytes_per_second = |bytes: Option<u64>| Some(per_second(bytes? as f64)?.round() as u64);
        let records = records(now.passed, produced, &per_second);
        let loss = loss(before, now, &per_second);
        if is_near_full(before) && is_near_full(now) {
            self.near_full += between;
        }
        self.fill_max = self.fill_max.into_iter().chain(now.fill).max();
        if let Some(passed) = now.passed {
            self.passed.records += passed.records;
            self.passed.discarded += passed.discarded;
        }
        let ages = self.ages(now, look.at);
        let moved = match now.kind {
            RingKind::Ring => now.consumer != self.seen.consumer,
            RingKind::UserRing => now.producer != self.seen.producer,
        };
        self.seen = Seen { passed: None, info: None, ..now.clone() };
        self.at = self.at.max(look.at);
        let row = Numbers {
            fill_max: self.fill_max,
            near_full: self.near_full,
            watched: self.at.saturating_sub(self.first),
            in_bps: bytes_per_second(produced),
            out_bps: bytes_per_second(consumed),
            records,
            discard_ratio: ratio(self.passed),
            loss,
        };
        row.row(now, look.time_ns, ages, moved)
    }

    /// For how long the head has been as it is. If the position is the same in two looks, the
    /// record is the same: positions only grow.
    fn ages(&mut self, now: &Seen, at: Duration) -> Ages {
        let stands = |known: Option<Stands>, position| {
            let new = Stands { at: position, since: at, producer: now.producer };
            Some(known.filter(|known| known.at == position).unwrap_or(new))
        };
        (self.busy, self.unread) = match now.head {
            Some(Head::Busy(record)) => (stands(self.busy, record.position), None),
            Some(Head::Committed(record)) => (None, stands(self.unread, record.position)),
            _ => (None, None),
        };
        let age = |stands: Option<Stands>| Some(at.saturating_sub(stands?.since));
        Ages {
            busy: age(self.busy),
            unread: age(self.unread),
            came: self.unread.is_some_and(|unread| unread.producer != now.producer),
        }
    }
}

/// What the track of a ring has computed for a row.
struct Numbers {
    fill_max: Option<u64>,
    near_full: Duration,
    watched: Duration,
    in_bps: Option<u64>,
    out_bps: Option<u64>,
    records: Records,
    discard_ratio: Option<f64>,
    loss: Loss,
}

impl Numbers {
    fn row(self, now: &Seen, t_ns: u64, ages: Ages, moved: bool) -> Row {
        // If the position moves, somebody moves it.
        let writers = now.users.writers.clone();
        let writers = writers.filter(|all: &Vec<Process>| !(all.is_empty() && moved));
        let (readers, producers) = match now.kind {
            RingKind::Ring => (writers, None),
            RingKind::UserRing => (None, writers),
        };
        let programs = now.users.programs.clone();
        let states = states(now, ages, readers.as_deref(), programs.as_ref().map(Vec::len));
        Row {
            schema: SCHEMA,
            t_ns,
            id: now.id,
            name: now.name.clone(),
            kind: match now.kind {
                RingKind::Ring => "ringbuf",
                RingKind::UserRing => "user_ringbuf",
            },
            mode: if now.overwrite { "overwrite" } else { "normal" },
            capacity: now.capacity,
            consumer_pos: now.consumer.get(),
            producer_pos: now.producer.get(),
            pending_pos: now.pending.map(Position::get),
            fill_bytes: now.fill,
            fill_max_bytes: self.fill_max,
            near_full_s: now.fill.map(|_| rounded(self.near_full)),
            in_bps: self.in_bps,
            out_bps: self.out_bps,
            records: self.records,
            discard_ratio: self.discard_ratio,
            loss: self.loss,
            head: head(now, ages),
            unread_s: ages.unread.map(rounded),
            readers,
            producers,
            programs,
            pins: now.users.pins.clone(),
            holders: now.users.holders.clone(),
            watched_s: rounded(self.watched),
            looked_by: now.looked_by,
            state: states.first().copied().unwrap_or(State::Ok),
            states,
        }
    }
}

fn records(
    passed: Option<Passed>,
    produced: Option<u64>,
    per_second: &impl Fn(f64) -> Option<f64>,
) -> Records {
    let Some(produced) = produced else { return Records::default() };
    let (count, how) = match passed {
        _ if produced == 0 => (0.0, How::Exact),
        Some(passed) if passed.bytes == produced => (passed.records as f64, How::Exact),
        Some(Passed { records, bytes, .. }) if bytes > 0 => {
            (records as f64 / bytes as f64 * produced as f64, How::Sampled)
        }
        _ => return Records::default(),
    };
    let per_s = per_second(count).map(|rate| (rate * 10.0).round() / 10.0);
    Records { per_s, how: per_s.map(|_| how) }
}

fn loss(before: &Seen, now: &Seen, per_second: &impl Fn(f64) -> Option<f64>) -> Loss {
    let Some(lost) = now.lost else {
        // The fill level says nothing in overwrite mode, and of a user ring.
        let hints = now.fill.is_some() && now.kind == RingKind::Ring;
        let source = if hints { LossSource::Inferred } else { LossSource::None };
        return Loss { records: None, bytes: None, per_s: None, source };
    };
    let earlier = before.lost.filter(|earlier| earlier.source == lost.source);
    let new = earlier.and_then(|earlier| lost.records.checked_sub(earlier.records));
    Loss {
        records: Some(lost.records),
        bytes: lost.bytes,
        per_s: new.and_then(|new| per_second(new as f64)).map(|rate| (rate * 10.0).round() / 10.0),
        source: lost.source,
    }
}

fn ratio(passed: Passed) -> Option<f64> {
    let ratio = passed.discarded as f64 / passed.records as f64;
    (passed.records > 0).then(|| (ratio * 1e4).round() / 1e4)
}

fn head(now: &Seen, ages: Ages) -> HeadState {
    let (busy, record) = match now.head {
        None => return HeadState::default(),
        Some(Head::Busy(record)) => (true, Some(record)),
        Some(Head::Committed(record)) => (false, Some(record)),
        Some(_) => (false, None),
    };
    HeadState {
        busy: Some(busy),
        age_s: ages.busy.map(rounded),
        len: record.map(|record| record.len),
        behind_bytes: record.map(|record| record.behind),
    }
}

/// Seconds with three decimals.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}
