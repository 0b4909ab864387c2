//! [`Simulated`]: plays a capture into simulated rings, reads them, and compares.

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::ops::ControlFlow::{self, Continue};

use anyhow::anyhow;
use ringbuf_kernel::{Consumer, Observed, Position};
use ringbuf_record::{Data, Gap, RingHeader, Session, SimReplay};
use ringbuf_sim::SimMemory;

use super::{Out, Target, written};
use crate::Failure;
use crate::format::escape;

/// A simulated ring for each ring of the capture.
pub(crate) struct Simulated {
    out: Out,
    rings: HashMap<u32, One>,
}

/// One simulated ring, its reader, and what the reader must find.
struct One {
    name: String,
    replay: SimReplay,
    consumer: Consumer<SimMemory>,
    /// Records that are in the ring: position and bytes.
    expected: VecDeque<(Position, Vec<u8>)>,
    records: u64,
    discarded: u64,
    /// Discarded records that stand for gaps are not counted.
    gaps: u64,
    missed: u64,
}

impl Simulated {
    pub(crate) fn new(out: Out) -> Self {
        Self { out, rings: HashMap::new() }
    }

    fn one(&mut self, number: u32) -> Result<&mut One, Failure> {
        let none = || Failure::Running(anyhow!("the capture has no ring {number}"));
        self.rings.get_mut(&number).ok_or_else(none)
    }
}

impl One {
    /// Reads all, and compares.
    fn read(&mut self) -> Result<(), Failure> {
        while let Some(record) = self.consumer.next_record().map_err(|e| wrong(&self.name, &e))? {
            let place = record.position();
            match self.expected.pop_front() {
                Some((position, sample)) if position == place && sample == record[..] => {}
                Some((position, _)) => {
                    let what = format!("a record at {place}, and not that of {position}");
                    return Err(wrong(&self.name, &what));
                }
                None => return Err(wrong(&self.name, &format!("one more record, at {place}"))),
            }
        }
        if let Some((position, _)) = self.expected.front() {
            return Err(wrong(&self.name, &format!("no record at {position}")));
        }
        let (read, end) = (self.consumer.position(), self.replay.position());
        if read != end {
            return Err(wrong(&self.name, &format!("read to {read}, and not to {end}")));
        }
        self.consumer.publish();
        Ok(())
    }
}

fn wrong(name: &str, what: &dyn std::fmt::Display) -> Failure {
    Failure::Running(anyhow!("the simulated ring {name} does not agree with the capture: {what}"))
}

impl Target for Simulated {
    fn ring(&mut self, session: &Session, ring: &RingHeader) -> Result<(), Failure> {
        let name = format!("{} ({})", escape(ring.ring.name.as_bytes()), ring.ring.id);
        let made = SimReplay::new(session, &ring.ring);
        let cannot = |error: &dyn std::fmt::Display| {
            Failure::Running(anyhow!("cannot simulate the ring {name}: {error}"))
        };
        let replay = made.map_err(|error| cannot(&error))?;
        let consumer = replay.ring().consumer().map_err(|error| cannot(&error))?;
        let (expected, [records, discarded, gaps, missed]) = (VecDeque::new(), [0; 4]);
        let one = One { name, replay, consumer, expected, records, discarded, gaps, missed };
        self.rings.insert(ring.number, one);
        Ok(())
    }

    fn data(&mut self, ring: &RingHeader, data: &Data<'_>) -> Result<ControlFlow<()>, Failure> {
        let one = self.one(ring.number)?;
        for (position, entry) in data.entries() {
            while !one.replay.put(&entry).map_err(|error| wrong(&one.name, &error))? {
                one.read()?;
            }
            match entry {
                Observed::Record { sample, .. } => {
                    one.records += 1;
                    one.expected.push_back((position, sample.to_vec()));
                }
                _ => one.discarded += 1,
            }
        }
        one.read()?;
        Ok(Continue(()))
    }

    fn gap(&mut self, ring: &RingHeader, gap: &Gap) -> Result<ControlFlow<()>, Failure> {
        let one = self.one(ring.number)?;
        while !one.replay.pass(gap).map_err(|error| wrong(&one.name, &error))? {
            one.read()?;
        }
        one.read()?;
        one.gaps += 1;
        one.missed += gap.bytes;
        Ok(Continue(()))
    }

    fn end(&mut self) -> Result<(), Failure> {
        let mut numbers: Vec<_> = self.rings.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let one = &self.rings[&number];
            let One { name, records, discarded, gaps, missed, .. } = one;
            let delivered = one.consumer.counts().delivered;
            if delivered != *records {
                return Err(wrong(name, &format!("{delivered} records of {records}")));
            }
            let end = one.replay.position();
            let line = format!(
                "{name}: {records} records, {discarded} discarded, {gaps} gaps of {missed} bytes: \
                 all agree, up to position {end}"
            );
            if written(writeln!(self.out, "{line}"))?.is_break() {
                break;
            }
        }
        written(self.out.flush()).map(drop)
    }
}
