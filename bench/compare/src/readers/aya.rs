//! aya's `RingBuf`. Its user has to wait.

use std::mem;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use aya::maps::{Map, MapData, RingBuf};
use libbpf_rs::MapHandle;

use super::{Contender, Epoll, Waiting};
use crate::seen::{Look, Seen};
use crate::work::{Round, Work};

/// Level-triggered epoll, then `next` to the end.
pub(super) struct Poll;

/// `next` in a loop.
pub(super) struct Busy;

impl Contender for Poll {
    const NAME: &'static str = "aya-poll";
    const WAITING: Waiting = Waiting::Blocks;
    const DRAINS: bool = false;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let mut ring = open(map)?;
        let epoll = Epoll::new(map.as_fd())?;
        work.drive(|round| {
            if let Round::Step = round {
                epoll.wait()?;
            }
            drain::<L>(&mut ring, seen);
            Ok(())
        })
    }
}

impl Contender for Busy {
    const NAME: &'static str = "aya-busy";
    const WAITING: Waiting = Waiting::Spins;
    const DRAINS: bool = true;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let mut ring = open(map)?;
        work.drive(|_| {
            drain::<L>(&mut ring, seen);
            Ok(())
        })
    }
}

fn open(map: &MapHandle) -> Result<RingBuf<MapData>> {
    let data = MapData::from_fd(map.as_fd().try_clone_to_owned()?).context("aya: MapData")?;
    RingBuf::try_from(Map::RingBuf(data)).context("aya: RingBuf")
}

#[inline(always)]
fn drain<L: Look>(ring: &mut RingBuf<MapData>, seen: &mut Seen) {
    // A local count may live in registers while the loop runs.
    let mut local = mem::take(seen);
    while let Some(sample) = ring.next() {
        L::look(&mut local, &sample);
    }
    *seen = local;
}
