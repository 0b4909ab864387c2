//! The run loop of `ringbuf exec`, over the kernel's ring or a simulated one.

use std::error::Error;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use ringbuf_core::{Backend, Consumer, Corrupt, Next};

use crate::event::Event;
use crate::format::Format;
use crate::summary::{Summary, Tally};

/// The most ring space that one batch reads, and holds while it formats the lines.
const CHUNK: u64 = 64 * 1024;
/// The longest wait before the next check of the clock and the signals.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// How long the last drain waits for busy records.
const PATIENCE: Duration = Duration::from_millis(200);

/// A ring with the records of `exec.bpf.c`.
pub(crate) trait Source {
    type Memory: Backend<Error: Error + Send + Sync>;

    fn ring(&mut self) -> &mut Consumer<Self::Memory>;
    /// Stops the producers. Their records stay in the ring.
    fn detach(&mut self);
    /// Returns the number of failed reservations. Call it after
    /// [`detach`](Self::detach).
    fn failed(&self) -> u64;
}

/// The output format and the limits of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) format: Format,
    /// Lines to print.
    pub(crate) count: Option<u64>,
    pub(crate) duration: Option<Duration>,
}

/// Prints the events of `source` to `out` until a limit is reached or `stop` is
/// set. Always returns a summary.
pub(crate) fn run<S: Source>(
    source: S,
    options: Options,
    stop: &AtomicBool,
    out: impl Write,
) -> (Summary, anyhow::Result<()>) {
    let started = Instant::now();
    let (text, tally) = (String::new(), Tally::default());
    let mut session = Session { source, options, out, text, tally, unprinted: 0 };
    let mut result = session.stream(started, stop);
    session.source.detach();
    if result.is_ok() {
        result = session.drain();
    }
    let summary = Summary {
        tally: session.tally,
        discarded: session.source.ring().counts().discarded,
        failed_reservations: session.source.failed(),
        lag_bytes: session.source.ring().lag().ok(),
        unprinted: session.unprinted,
        seconds: started.elapsed(),
    };
    let result = match result {
        // The reader of the output has seen enough: `| head`. Or it does not read, and a signal
        // has asked for the end: the summary says what it did not get.
        Ok(()) | Err(Halt::Closed | Halt::Blocked) => Ok(()),
        Err(Halt::Failed(error)) => Err(error),
    };
    (summary, result)
}

/// Why the output ends.
#[derive(Debug)]
enum Halt {
    /// The reader of the output has closed it.
    Closed,
    /// The reader of the output does not read, and the run is to end.
    Blocked,
    Failed(anyhow::Error),
}

impl From<Corrupt> for Halt {
    fn from(corrupt: Corrupt) -> Self {
        Self::Failed(corrupt.into())
    }
}

impl From<anyhow::Error> for Halt {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

#[derive(Debug)]
struct Session<S, W> {
    source: S,
    options: Options,
    out: W,
    /// The lines of one batch.
    text: String,
    tally: Tally,
    /// Events that were read, and could not be written.
    unprinted: u64,
}

/// The result of one batch.
#[derive(Debug)]
struct Read {
    /// The bytes of ring space read.
    held: u64,
    /// True if there was nothing more to read.
    dry: bool,
}

impl<S: Source, W: Write> Session<S, W> {
    /// Prints events until the count, the time or a signal ends the run.
    fn stream(&mut self, started: Instant, stop: &AtomicBool) -> Result<(), Halt> {
        // A deadline too far to represent means no limit.
        let deadline = self.options.duration.and_then(|time| started.checked_add(time));
        let left = || deadline.map(|at| at.saturating_duration_since(Instant::now()));
        self.options.format.header(self.width(), &mut self.text);
        self.write_out()?;
        while !self.complete() && !stop.load(Ordering::Relaxed) {
            let wait = left().map_or(LONGEST_WAIT, |left| left.min(LONGEST_WAIT));
            if wait.is_zero() {
                break;
            }
            if self.read(CHUNK)?.dry && !self.complete() {
                self.source.ring().wait(Some(wait)).context("cannot wait for the ring")?;
            }
        }
        Ok(())
    }

    /// Reads everything now in the ring, unless the count is complete. Waits a
    /// moment for busy records.
    fn drain(&mut self) -> Result<(), Halt> {
        let mut left = self.source.ring().lag()?;
        let deadline = Instant::now() + PATIENCE;
        while left > 0 && !self.complete() {
            let read = self.read(left.min(CHUNK))?;
            left = left.saturating_sub(read.held);
            if left > 0 && read.dry {
                let wait = deadline.saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    break;
                }
                self.source.ring().wait(Some(wait)).context("cannot wait for the ring")?;
            }
        }
        Ok(())
    }

    fn complete(&self) -> bool {
        self.wanted() == 0
    }

    /// Returns the number of lines still to print.
    fn wanted(&self) -> u64 {
        self.options.count.unwrap_or(u64::MAX).saturating_sub(self.tally.delivered)
    }

    /// Reads one batch of about `bytes`. Writing may block, so it comes after the
    /// space is given back.
    fn read(&mut self, bytes: u64) -> Result<Read, Halt> {
        let (wanted, format) = (self.wanted(), self.options.format);
        let width = self.width();
        let mut tally = Tally::default();
        let batch = self.source.ring().batch().max_records(wanted).max_bytes(bytes);
        let end = loop {
            match batch.next() {
                Ok(Next::Record(record)) => match Event::decode(&record) {
                    Ok(event) => {
                        format.line(&event, width, &mut self.text);
                        tally.delivered += 1;
                        tally.bytes += u64::from(record.sample_len().get());
                    }
                    Err(malformed) => {
                        tally.malformed += 1;
                        tally.first_malformed.get_or_insert(malformed);
                    }
                },
                Ok(Next::Empty | Next::Busy) => break Ok(true),
                Ok(_) => break Ok(false),
                Err(corrupt) => break Err(corrupt),
            }
        };
        let held = batch.held_bytes();
        drop(batch);
        if let Err(halt) = self.write_out() {
            if matches!(halt, Halt::Blocked) {
                self.unprinted = tally.delivered;
            }
            return Err(halt);
        }
        self.tally.add(&tally);
        Ok(Read { held, dry: end? })
    }

    /// The columns of the terminal that the rows are to fit into. It may have changed its size.
    fn width(&self) -> Option<usize> {
        let wide = self.options.format == Format::Wide;
        let size = wide.then(|| terminal_size::terminal_size_of(io::stdout())).flatten();
        size.map(|(width, _)| usize::from(width.0))
    }

    fn write_out(&mut self) -> Result<(), Halt> {
        let written = self.out.write_all(self.text.as_bytes()).and_then(|()| self.out.flush());
        self.text.clear();
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Halt::Closed),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Halt::Blocked),
            written => Ok(written.context("cannot write the events")?),
        }
    }
}

#[cfg(test)]
mod tests;
