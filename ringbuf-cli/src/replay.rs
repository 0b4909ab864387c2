//! `ringbuf replay`: reads a capture again.

mod args;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
mod pcapng;
mod print;
mod sim;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};
use std::ops::ControlFlow::{self, Break, Continue};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use ringbuf_kernel::Observed;
use ringbuf_record::{Block, Data, Gap, GapReason, Reader, RingHeader, RingTotals, Session};

pub(crate) use self::args::Replay;
use self::args::{Export, Speed, To};
use self::jsonl::JsonLines;
use self::pcapng::Pcapng;
use self::print::Print;
use self::sim::Simulated;
use crate::cli::DumpFormat;
use crate::format::escape;
use crate::new_file::create;
use crate::record::counts;
use crate::{Failure, tell};

/// A record of a ring has 1 GiB at most.
const LIMIT: u64 = (1 << 30) + (1 << 16);

/// Where the content of a capture goes.
pub(crate) trait Target {
    /// Types of rings that begin after it: raw type information (BTF), and its number.
    fn types(&mut self, _number: u32, _bytes: &[u8]) {}

    /// A ring begins.
    fn ring(&mut self, session: &Session, ring: &RingHeader) -> Result<(), Failure>;

    /// Records. `Break` ends the replay: nobody reads the output any more.
    fn data(&mut self, ring: &RingHeader, data: &Data<'_>) -> Result<ControlFlow<()>, Failure>;

    /// What is missing.
    fn gap(&mut self, ring: &RingHeader, gap: &Gap) -> Result<ControlFlow<()>, Failure>;

    /// All is replayed.
    fn end(&mut self) -> Result<(), Failure>;
}

/// Where it writes.
pub(crate) type Out = Box<dyn Write + Send>;

/// Replays the capture.
pub(crate) fn run(arguments: &Replay) -> Result<(), Failure> {
    let (file, asked) = (&arguments.file, arguments.types.clone());
    match (arguments.export, arguments.to) {
        (None, To::Text) => into(arguments, |out| Ok(Print::new(out, DumpFormat::Text, asked))),
        (None, To::Json) => into(arguments, |out| Ok(Print::new(out, DumpFormat::Json, asked))),
        (None, To::Sim) => into(arguments, |out| Ok(Simulated::new(out))),
        (None, To::Top) => crate::top::replay(file, arguments.speed_of_screen()),
        (Some(Export::Jsonl), _) => into(arguments, |out| Ok(JsonLines::new(out))),
        (Some(Export::Pcapng), _) => into(arguments, |out| Ok(Pcapng::new(out))),
        #[cfg(feature = "parquet")]
        (Some(Export::Parquet), _) => into(arguments, parquet::Parquet::new),
    }
}

fn into<T: Target>(
    arguments: &Replay,
    target: impl FnOnce(Out) -> Result<T, Failure>,
) -> Result<(), Failure> {
    let input = open_capture(&arguments.file)?;
    let reader = Reader::new(BufReader::with_capacity(1 << 20, input));
    let mut reader = reader.map_err(|error| failed(arguments, error))?.limit(LIMIT);
    let mut target = target(output(arguments)?)?;
    let mut replayed = Replayed::new(arguments.speed.unwrap_or(Speed::Max));
    let result = replay(&mut reader, &mut target, &mut replayed);
    // What came before the damage is complete in the output.
    let ended = if matches!(result, Err(Ended::Target(_))) { Ok(()) } else { target.end() };
    for (ring, totals) in replayed.rings.iter().zip(&replayed.totals) {
        let name = escape(ring.ring.name.as_bytes());
        tell(&format!("ringbuf: {name} ({}): {}", ring.ring.id, counts(totals)));
    }
    match result {
        Err(Ended::Read(error)) => return Err(failed(arguments, error)),
        Err(Ended::Target(failure)) => return Err(failure),
        Ok(Break(())) => return Ok(()),
        Ok(Continue(())) => ended?,
    }
    if !reader.is_complete() {
        return Err(Failure::Running(anyhow!(
            "{}: the capture has no end: its recording was cut off, or still goes on; what it has \
             was replayed",
            arguments.file.display()
        )));
    }
    Ok(())
}

/// A file, or standard input.
pub(crate) fn open_capture(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let what = || format!("cannot open the capture {}", path.display());
    Ok(Box::new(File::open(path).with_context(what).map_err(Failure::Running)?))
}

fn failed(arguments: &Replay, error: ringbuf_record::ReadError) -> Failure {
    Failure::Running(anyhow!(error).context(format!("{}", arguments.file.display())))
}

fn output(arguments: &Replay) -> Result<Out, Failure> {
    let Some(path) = &arguments.output else {
        let bytes = arguments.export.filter(|export| export.is_binary());
        if let Some(export) = bytes.filter(|_| io::stdout().is_terminal()) {
            return Err(Failure::Running(anyhow!(
                "{export:?} is not text, and standard output is a terminal: give a file with \
                 --output"
            )));
        }
        return Ok(Box::new(BufWriter::new(io::stdout())));
    };
    let file = create(path, arguments.force, Some(&arguments.file));
    Ok(Box::new(BufWriter::new(file.map_err(Failure::Running)?)))
}

/// Why a replay ends before the end.
enum Ended {
    Read(ringbuf_record::ReadError),
    Target(Failure),
}

/// What is replayed so far.
struct Replayed {
    speed: Speed,
    /// When it began, and the time of the capture then.
    begin: Option<(Instant, u64)>,
    rings: Vec<RingHeader>,
    totals: Vec<RingTotals>,
}

fn replay(
    reader: &mut Reader<impl Read>,
    target: &mut dyn Target,
    replayed: &mut Replayed,
) -> Result<ControlFlow<()>, Ended> {
    let mut session = None;
    while let Some(block) = reader.next().map_err(Ended::Read)? {
        let goes_on = match block {
            Block::Session(it) => {
                session = Some(it);
                Ok(Continue(()))
            }
            Block::Ring(header) => {
                let Some(session) = &session else { continue };
                let begun = target.ring(session, &header);
                replayed.rings.push(header);
                replayed.totals.push(RingTotals::default());
                begun.map(Continue)
            }
            Block::Btf { number, bytes } => {
                target.types(number, bytes);
                Ok(Continue(()))
            }
            Block::Data(data) => {
                replayed.pause(data.until);
                replayed.count(&data);
                let ring = &replayed.rings[data.ring as usize];
                target.data(ring, &data)
            }
            Block::Gap(gap) => {
                replayed.pause(gap.until);
                let totals = &mut replayed.totals[gap.ring as usize];
                match gap.reason {
                    GapReason::Busy => totals.left += gap.bytes,
                    _ => totals.missed += gap.bytes,
                }
                target.gap(&replayed.rings[gap.ring as usize], &gap)
            }
            _ => Ok(Continue(())),
        };
        if goes_on.map_err(Ended::Target)?.is_break() {
            return Ok(Break(()));
        }
    }
    Ok(Continue(()))
}

impl Replayed {
    fn new(speed: Speed) -> Self {
        Self { speed, begin: None, rings: Vec::new(), totals: Vec::new() }
    }

    /// Sleeps until what came at this time of the capture is due.
    fn pause(&mut self, time: u64) {
        let Speed::Times(times) = self.speed else { return };
        if time == u64::MAX {
            return;
        }
        let (begin, first) = *self.begin.get_or_insert_with(|| (Instant::now(), time));
        let due = time.saturating_sub(first) as f64 / 1e9 / times;
        let due = Duration::try_from_secs_f64(due).unwrap_or(Duration::MAX);
        thread::sleep(due.saturating_sub(begin.elapsed()));
    }

    fn count(&mut self, data: &Data<'_>) {
        let totals = &mut self.totals[data.ring as usize];
        for (_, entry) in data.entries() {
            match entry {
                Observed::Record { sample, .. } => {
                    totals.records += 1;
                    totals.sample_bytes += sample.len() as u64;
                }
                _ => totals.discarded += 1,
            }
        }
    }
}

/// A pipe that nobody reads any more is not an error.
pub(crate) fn written(result: io::Result<()>) -> Result<ControlFlow<()>, Failure> {
    match result {
        Ok(()) => Ok(Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Break(())),
        Err(error) => Err(error).context("cannot write the output").map_err(Failure::Running),
    }
}
