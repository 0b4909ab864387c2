//! The task of a reader: read until the producer is done, or drain full rings against the clock.

use std::hint;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::Result;

use crate::meter::{Thread, Usage};
use crate::producer::Producer;

/// One call of a reader's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Wait as this reader does, and read.
    Step,
    /// Read what is there, without waiting.
    Drain,
}

/// The phase of a run, which the producer and the reader tell each other.
#[derive(Debug, Default)]
pub struct Phase(AtomicU32);

impl Phase {
    /// The producer is on its CPU.
    pub const SETTLED: u32 = 1;
    /// The reader has opened the map, and reads.
    pub const READY: u32 = 2;
    /// The reader could not go on.
    pub const FAILED: u32 = 3;
    /// The producer is about to write its last record, which wakes.
    pub const LAST: u32 = 4;
    /// Every record is in the ring.
    pub const DONE: u32 = 5;

    /// Tells the other side. An earlier phase does not replace a later one.
    pub fn set(&self, phase: u32) {
        self.0.fetch_max(phase, Ordering::AcqRel);
    }

    /// Waits for `phase`, or a later one.
    pub fn wait(&self, phase: u32) {
        while self.get() < phase {
            hint::spin_loop();
        }
    }

    /// The latest phase.
    #[inline(always)]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// A reader's task, and the measured figures.
#[derive(Debug)]
pub struct Work<'a> {
    task: Task<'a>,
    /// The use of the reading thread meanwhile.
    pub usage: Usage,
}

#[derive(Debug)]
enum Task<'a> {
    Parallel(&'a Phase),
    Prefilled { producer: &'a mut Producer, size: u32, fills: u32, nanoseconds: Vec<f64> },
}

impl<'a> Work<'a> {
    /// The number of full rings that are drained before the first one that counts.
    const WARM_UP: u32 = 2;

    /// Reads until the producer is done.
    pub fn parallel(phase: &'a Phase) -> Self {
        Self { task: Task::Parallel(phase), usage: Usage::default() }
    }

    /// Fills the ring with samples of `size` bytes and drains it, `fills` times.
    pub fn prefilled(producer: &'a mut Producer, size: u32, fills: u32) -> Self {
        let task = Task::Prefilled { producer, size, fills, nanoseconds: Vec::new() };
        Self { task, usage: Usage::default() }
    }

    /// Nanoseconds per record of each drain.
    pub fn nanoseconds(&self) -> &[f64] {
        match &self.task {
            Task::Parallel(_) => &[],
            Task::Prefilled { nanoseconds, .. } => nanoseconds,
        }
    }

    /// Calls `round` until all is read.
    #[inline(always)]
    pub fn drive(&mut self, mut round: impl FnMut(Round) -> Result<()>) -> Result<()> {
        match &mut self.task {
            Task::Parallel(phase) => {
                phase.wait(Phase::SETTLED);
                let before = Thread::now()?;
                phase.set(Phase::READY);
                while phase.get() < Phase::LAST {
                    round(Round::Step)?;
                }
                phase.wait(Phase::DONE);
                round(Round::Drain)?;
                self.usage = before.until_now()?;
            }
            Task::Prefilled { producer, size, fills, nanoseconds } => {
                for fill in 0..*fills + Self::WARM_UP {
                    let records = producer.fill(*size)?;
                    let begun = Instant::now();
                    round(Round::Drain)?;
                    let elapsed = begun.elapsed();
                    if fill >= Self::WARM_UP {
                        nanoseconds.push(elapsed.as_nanos() as f64 / records as f64);
                    }
                }
            }
        }
        Ok(())
    }
}
