//! [`Feed`]: looks at this machine now, or at positions that `ringbuf record` has kept.

use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use ringbuf_kernel::{Capacity, OpenError, Position, RingKind, Width};
use ringbuf_record::{Block, Kind, Mode, PositionSample, Reader, RingHeader, Session};

use super::attach;
use crate::Failure;
use crate::replay::open_capture;
use crate::watch::{Look, LookedBy, Row, Seen, Users, Watch, Watcher};

/// Where rows come from.
pub(super) enum Feed {
    Live(Box<Watcher>),
    /// A recording, and how many times as fast it is shown.
    File(Replay, f64),
}

impl Feed {
    /// The rows after this time. `None` at the end of a file.
    pub(super) fn look(&mut self, step: Duration) -> Result<Option<Vec<Row>>, OpenError> {
        match self {
            Self::Live(watcher) => watcher.look().map(Some),
            Self::File(replay, speed) => {
                let step = Duration::try_from_secs_f64(step.as_secs_f64() * *speed);
                Ok(replay.look(step.unwrap_or(Duration::MAX)))
            }
        }
    }

    /// Begins or ends to count losses in the kernel, and says which.
    pub(super) fn attach_or_detach(&mut self) -> String {
        let Self::Live(watcher) = self else {
            return "a recording has no losses to count".to_owned();
        };
        if watcher.is_attached() {
            watcher.detach();
            return "losses are no longer counted in the kernel".to_owned();
        }
        let counted = || "losses of all rings are counted in the kernel from now on".to_owned();
        attach(watcher).map_or_else(|refused| refused, |()| counted())
    }
}

/// The positions in a capture, looked at again. It has neither heads nor users.
#[derive(Debug, Default)]
pub(super) struct Replay {
    rings: Vec<Kept>,
    watch: Watch,
    /// The next look, and the last one, in monotonic nanoseconds.
    next: u64,
    end: u64,
    /// From there to nanoseconds since 1970.
    epoch: i128,
}

#[derive(Debug)]
struct Kept {
    id: u32,
    name: String,
    kind: RingKind,
    overwrite: bool,
    capacity: Capacity,
    width: Width,
    /// In the order of their times.
    samples: Vec<PositionSample>,
}

impl Replay {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let running = |error: anyhow::Error| Failure::Running(error);
        let file = open_capture(path)?;
        let mut reader =
            Reader::new(BufReader::new(file)).map_err(|error| running(anyhow!(error)))?;
        let (mut replay, mut width) = (Self::default(), Width::Bits64);
        loop {
            match reader.next() {
                Ok(Some(Block::Session(session))) => {
                    width = session.width;
                    replay.begin(&session);
                }
                Ok(Some(Block::Ring(ring))) => replay.rings.push(Kept::of(ring, width)),
                Ok(Some(Block::Samples(samples))) => {
                    let number = samples.ring() as usize;
                    if let Some(ring) = replay.rings.get_mut(number) {
                        ring.samples.extend(samples);
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                // What is torn off at the end is missing; the rest is whole.
                Err(error) if replay.rings.iter().any(|ring| !ring.samples.is_empty()) => {
                    crate::tell(&format!("ringbuf: {}: {error}", path.display()));
                    break;
                }
                Err(error) => return Err(running(anyhow!(error))),
            }
        }
        replay.set_times();
        if replay.end == 0 {
            return Err(running(anyhow!(
                "{} has no positions: its recording was cut off before it wrote the first ones, or \
                 another program made it; `ringbuf replay` prints the records that it has",
                path.display()
            )));
        }
        Ok(replay)
    }

    fn begin(&mut self, session: &Session) {
        let clocks = session.clocks;
        self.epoch = i128::from(clocks.realtime_ns) - i128::from(clocks.monotonic_ns);
    }

    fn set_times(&mut self) {
        self.rings.iter_mut().for_each(|ring| ring.samples.sort_by_key(|sample| sample.time_ns));
        let times = || self.rings.iter().flat_map(|ring| &ring.samples).map(|one| one.time_ns);
        let (first, end) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        (self.next, self.end) = (first, end);
    }

    /// The rows at the next time. Rings that nobody had looked at then are not there yet.
    fn look(&mut self, step: Duration) -> Option<Vec<Row>> {
        let now = self.next.min(self.end);
        if self.next >= self.end.saturating_add(nanoseconds(step)) {
            return None;
        }
        self.next = self.next.saturating_add(nanoseconds(step).max(1));
        let mut rings: Vec<Seen> = self.rings.iter().filter_map(|ring| ring.at(now)).collect();
        rings.sort_by_key(|ring| ring.id);
        rings.dedup_by_key(|ring| ring.id);
        let time_ns = u64::try_from(i128::from(now) + self.epoch).unwrap_or(now);
        Some(self.watch.take(&Look { at: Duration::from_nanos(now), time_ns, rings }))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Kept {
    fn of(ring: RingHeader, width: Width) -> Self {
        let ring = ring.ring;
        Self {
            id: ring.id,
            name: ring.name,
            kind: if ring.kind == Kind::UserRing { RingKind::UserRing } else { RingKind::Ring },
            overwrite: ring.mode == Mode::Overwrite,
            capacity: ring.capacity,
            width,
            samples: Vec::new(),
        }
    }

    /// The latest sample until then.
    fn at(&self, time_ns: u64) -> Option<Seen> {
        let count = self.samples.partition_point(|sample| sample.time_ns <= time_ns);
        let sample = self.samples.get(count.checked_sub(1)?)?;
        let capacity = self.capacity.bytes();
        let fill = sample.producer.distance(sample.consumer, self.width);
        let sound = fill <= capacity && !self.overwrite;
        Some(Seen {
            id: self.id,
            name: self.name.clone(),
            kind: self.kind,
            overwrite: self.overwrite,
            capacity,
            width: self.width,
            consumer: sample.consumer,
            producer: sample.producer,
            pending: Some(sample.pending_word).filter(|at: &Position| at.get() != 0),
            fill: sound.then_some(fill),
            head: None,
            corrupt: fill > capacity && !self.overwrite,
            passed: None,
            lost: None,
            users: Users::default(),
            looked_by: LookedBy::Recording,
            info: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::State;

    #[test]
    fn positions_are_looked_at_again() {
        let sample = |ms: u64, consumer, producer| PositionSample {
            time_ns: ms * 1_000_000,
            consumer: Position::new(consumer, Width::Bits64),
            producer: Position::new(producer, Width::Bits64),
            pending_word: Position::new(0, Width::Bits64),
        };
        let kept = |id, samples| Kept {
            id,
            name: "events".to_owned(),
            kind: RingKind::Ring,
            overwrite: false,
            capacity: Capacity::new(4096, 4096).expect("sound"),
            width: Width::Bits64,
            samples,
        };
        let first = kept(57, vec![sample(2500, 0, 3600), sample(1000, 0, 0), sample(1900, 0, 800)]);
        let later = kept(58, vec![sample(2000, 8, 8)]);
        let mut replay =
            Replay { rings: vec![first, later], epoch: 1_000_000, ..Replay::default() };
        replay.set_times();
        let mut looks = Vec::new();
        while let Some(rows) = replay.look(Duration::from_secs(1)) {
            looks.push(rows);
        }
        let ids: Vec<Vec<u32>> =
            looks.iter().map(|rows| rows.iter().map(|row| row.id).collect()).collect();
        assert_eq!(ids, [vec![57], vec![57, 58], vec![57, 58]]);
        assert_eq!((looks[1][0].in_bps, looks[1][0].t_ns), (Some(800), 2_001_000_000));
        assert_eq!((looks[2][0].fill_bytes, looks[2][0].state), (Some(3600), State::NearFull));
        assert!(looks[2][0].readers.is_none() && looks[2][0].head.busy.is_none());
    }
}
