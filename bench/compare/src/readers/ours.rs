//! Our reader, with each named way of waiting.

use std::marker::PhantomData;
use std::mem;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use libbpf_rs::MapHandle;
use ringbuf_kernel::{RingBuf, WaitPolicy as Policy};

use super::{Contender, TIMEOUT, Waiting};
use crate::seen::{Look, Seen};
use crate::work::{Round, Work};

/// `for_each`, then `wait` with a preset.
pub(super) struct Ours<P>(PhantomData<P>);

/// `for_each` in a loop, without a policy.
pub(super) struct Busy;

/// A preset of [`Policy`].
pub(super) trait Preset {
    const NAME: &'static str;
    const WAITING: Waiting;
    fn policy() -> Policy;
}

/// Blocks as soon as the ring is empty.
pub(super) struct Immediate;

/// Naps while records flow, blocks when they stop.
pub(super) struct Balanced;

/// Spins, and blocks only after 10 ms without a record: longer than any gap of a load.
pub(super) struct LowLatency;

/// The same with longer naps.
pub(super) struct LowCost;

impl Preset for Immediate {
    const NAME: &'static str = "ours-immediate";
    const WAITING: Waiting = Waiting::Blocks;

    fn policy() -> Policy {
        Policy::immediate()
    }
}

impl Preset for Balanced {
    const NAME: &'static str = "ours-balanced";
    const WAITING: Waiting = Waiting::Blocks;

    fn policy() -> Policy {
        Policy::balanced()
    }
}

impl Preset for LowLatency {
    const NAME: &'static str = "ours-low-latency";
    const WAITING: Waiting = Waiting::Spins;

    fn policy() -> Policy {
        Policy::low_latency()
    }
}

impl Preset for LowCost {
    const NAME: &'static str = "ours-low-cost";
    const WAITING: Waiting = Waiting::Blocks;

    fn policy() -> Policy {
        Policy::low_cost()
    }
}

impl<P: Preset> Contender for Ours<P> {
    const NAME: &'static str = P::NAME;
    const WAITING: Waiting = P::WAITING;
    const DRAINS: bool = false;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let mut ring = RingBuf::open(map)?.with_policy(P::policy());
        let timeout = Duration::from_millis(TIMEOUT.unsigned_abs().into());
        work.drive(|round| {
            drain::<L>(&mut ring, seen)?;
            if let Round::Step = round {
                ring.wait(Some(timeout))?;
            }
            Ok(())
        })
    }
}

impl Contender for Busy {
    const NAME: &'static str = "ours-busy";
    const WAITING: Waiting = Waiting::Spins;
    const DRAINS: bool = true;

    fn run<L: Look>(map: &MapHandle, seen: &mut Seen, work: &mut Work<'_>) -> Result<()> {
        let mut ring = RingBuf::open(map)?;
        work.drive(|_| drain::<L>(&mut ring, seen))
    }
}

#[inline(always)]
fn drain<L: Look>(ring: &mut RingBuf, seen: &mut Seen) -> Result<()> {
    // A local count may live in registers while the loop runs.
    let mut local = mem::take(seen);
    let end = ring.for_each(|record| {
        L::look(&mut local, &record);
        ControlFlow::<()>::Continue(())
    });
    *seen = local;
    let _nobody_breaks = end?;
    Ok(())
}
