//! `ringbuf record`: writes what passes through rings into a file.

mod args;
mod file;
mod pace;
mod tapped;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use ringbuf_record::{RingTotals, WriteError};

pub(crate) use self::args::Record;
use self::file::{Captures, Room};
use self::pace::Pace;
use self::tapped::Tapped;
use crate::{Failure, dump, stop_on_signals, tell};

/// A sleep is cut in such pieces, so that a signal ends it.
const PIECE: Duration = Duration::from_millis(50);
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_millis(500);

/// Records until it is told to stop.
pub(crate) fn run(arguments: &Record) -> Result<(), Failure> {
    let stop = stop_on_signals().context("cannot watch for signals").map_err(Failure::Running)?;
    let mut rings = open(arguments)?;
    let mut captures = Captures::create(arguments, &mut rings)?;
    let begin = Instant::now();
    let result = record(arguments, &mut rings, &mut captures, &stop, begin);
    let result = result.and_then(|()| {
        rings.iter_mut().try_for_each(|ring| ring.end(&mut captures.writer)).map_err(End::Write)
    });
    match result {
        Ok(()) => {}
        // What it has is told, too.
        Err(End::Write(error)) => {
            let totals = captures.totals();
            summary(&rings, &totals, captures.written(), begin.elapsed());
            return Err(captures.cut(error));
        }
        Err(End::Other(failure)) => return Err(failure),
    }
    let (bytes, totals) = captures.finish()?;
    summary(&rings, &totals, bytes, begin.elapsed());
    match rings.iter().find_map(|ring| Some((ring, ring.corrupt?))) {
        None => Ok(()),
        Some((ring, corrupt)) => Err(Failure::Running(anyhow!(
            "the ring {} ({}) was not recorded to the end: {corrupt}",
            ring.name(),
            ring.id()
        ))),
    }
}

/// Why a recording ends before it should.
enum End {
    Write(WriteError),
    Other(Failure),
}

fn open(arguments: &Record) -> Result<Vec<Tapped>, Failure> {
    let (mut rings, mut ids) = (Vec::new(), BTreeSet::new());
    for map in &arguments.maps {
        let inspector = dump::open(map)?;
        // A ring may be named twice.
        if ids.insert(inspector.id()) {
            rings.push(Tapped::open(inspector, arguments.consume)?);
        }
    }
    Ok(rings)
}

fn record(
    arguments: &Record,
    rings: &mut [Tapped],
    captures: &mut Captures,
    stop: &AtomicBool,
    begin: Instant,
) -> Result<(), End> {
    let mut left = arguments.count.unwrap_or(u64::MAX);
    let mut pace = Pace::new(arguments.interval);
    let (mut before, mut progress) = (begin, Progress::new(begin));
    loop {
        // What came before the end was asked for is a part of the recording.
        let stopping = stop.load(Ordering::Relaxed);
        let now = Instant::now();
        let over = arguments.duration.is_some_and(|time| begin.elapsed() >= time);
        let (mut part, mut more) = (0_f64, false);
        for ring in &mut *rings {
            let brought = ring.look(&mut captures.writer, left).map_err(End::Write)?;
            left = left.saturating_sub(brought.records);
            part = part.max(ring.part(brought.bytes));
            more |= brought.more;
        }
        let room = captures.look(rings).map_err(End::Other)?;
        let all_corrupt = rings.iter().all(|ring| ring.corrupt.is_some());
        if stopping || over || left == 0 || room == Room::Full || all_corrupt {
            progress.clear();
            return Ok(());
        }
        progress.show(now, captures);
        let time = pace.next(part, now.duration_since(before));
        before = now;
        // Without a pause if a ring has more: it may be about to come round.
        if !more {
            let until = arguments.duration.map(|time| begin + time);
            sleep(time, until, stop);
        }
    }
}

/// Sleeps until the time is over, or `until`, or the end is asked for.
fn sleep(time: Duration, until: Option<Instant>, stop: &AtomicBool) {
    let end = Instant::now() + time;
    let end = until.map_or(end, |until| end.min(until));
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stop.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(left.min(PIECE));
    }
}

/// A line that is written over, if standard error is a terminal.
struct Progress {
    begin: Instant,
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    fn new(begin: Instant) -> Self {
        let next = io::stderr().is_terminal().then_some(begin + PROGRESS);
        Self { begin, next, shown: false }
    }

    fn show(&mut self, now: Instant, captures: &Captures) {
        let Some(next) = self.next.filter(|next| now >= *next) else { return };
        self.next = Some(next.max(now) + PROGRESS);
        let totals = captures.totals();
        let sum = |field: fn(&RingTotals) -> u64| totals.iter().map(field).sum::<u64>();
        let (seconds, written) = (now.duration_since(self.begin).as_secs(), captures.written());
        let text = format!(
            "\r\x1b[Kringbuf: {seconds} s, {} records, {}, {} bytes missed",
            sum(|one| one.records),
            size(written),
            sum(|one| one.missed),
        );
        let _closed = io::stderr().write_all(text.as_bytes());
        self.shown = true;
    }

    fn clear(&mut self) {
        if self.shown {
            let _closed = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

fn summary(rings: &[Tapped], totals: &[RingTotals], bytes: u64, time: Duration) {
    for (ring, totals) in rings.iter().zip(totals) {
        tell(&format!("ringbuf: {} ({}): {}", ring.name(), ring.id(), counts(totals)));
    }
    tell(&format!("ringbuf: {} written in {:.1} s", size(bytes), time.as_secs_f64()));
}

/// What a capture has of a ring.
pub(crate) fn counts(totals: &RingTotals) -> String {
    let RingTotals { records, discarded, sample_bytes, missed, left, .. } = *totals;
    let mut text = format!(
        "{records} records of {sample_bytes} bytes, {discarded} discarded, {missed} bytes missed"
    );
    if left > 0 {
        text += &format!(", {left} bytes not committed or behind such a record");
    }
    text
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
