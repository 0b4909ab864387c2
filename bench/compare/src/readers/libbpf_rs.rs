//! libbpf-rs, with a closure as its callback.

use anyhow::Result;
use libbpf_rs::{MapHandle, RingBuffer, RingBufferBuilder};
use std::time::Duration;

use super::{Contender, TIMEOUT, Waiting};
use crate::seen::{Look, Seen};
use crate::work::{Round, Work};

/// `RingBuffer::poll`.
pub(super) struct Poll;

/// `RingBuffer::consume` in a loop.
pub(super) struct Busy;

impl Contender for Poll {
    const NAME: &'static str = "libbpf-rs-poll";
    const WAITING: Waiting = Waiting::Blocks;
    const DRAINS: bool = false;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let ring = ring::<L>(map, seen)?;
        let timeout = Duration::from_millis(TIMEOUT.unsigned_abs().into());
        work.drive(|round| {
            match round {
                Round::Step => ring.poll(timeout)?,
                Round::Drain => ring.consume()?,
            }
            Ok(())
        })
    }
}

impl Contender for Busy {
    const NAME: &'static str = "libbpf-rs-busy";
    const WAITING: Waiting = Waiting::Spins;
    const DRAINS: bool = true;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let ring = ring::<L>(map, seen)?;
        work.drive(|_| Ok(ring.consume()?))
    }
}

fn ring<'a, L: Look>(map: &MapHandle, seen: &'a mut Seen) -> Result<RingBuffer<'a>> {
    let mut builder = RingBufferBuilder::new();
    builder.add(map, |sample| {
        L::look(seen, sample);
        0
    })?;
    Ok(builder.build()?)
}
