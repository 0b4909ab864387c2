//! Who reads, and how it waits.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use ringbuf_kernel::{Mapping, MergedRings, Record, RingBuf, RingSet, WaitPolicy, Wakeup};

use super::perf_buffer::{PerfBuffer, RingBuffer};
use super::rig::{Rig, Target};
use super::seen::Seen;

/// The longest wait. It also ends the last one, because not every record wakes.
const TIMEOUT: Duration = Duration::from_millis(20);
/// What a reader sleeps that nobody wakes, and ours beside it.
const NAP: Duration = Duration::from_micros(50);
/// How long merged records are held.
const LATENESS: Duration = Duration::from_micros(200);
/// More records than a buffer holds.
const NEVER: u32 = 1 << 30;

/// A reader: its name, where its records go, and how it waits for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    pub(super) name: &'static str,
    pub(super) target: Target,
    pub(super) how: How,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// Reads by `perf_buffer__poll`. One record in this number wakes the reader.
    PerfPoll(u32),
    /// `perf_buffer__consume`, then a nap. No record wakes.
    PerfNap,
    /// `ring_buffer__poll`.
    Libbpf,
    /// Ours.
    Ring(fn() -> WaitPolicy),
    /// All rings as our set.
    Set(fn() -> WaitPolicy),
    /// All rings as one stream, in the order of the stamps.
    Merged,
}

/// All readers; figures are compared with the first.
pub(super) const READERS: [Reader; 10] = [
    Reader {
        name: "perf array, each record wakes",
        target: Target::PerfArray,
        how: How::PerfPoll(1),
    },
    Reader {
        name: "perf array, each 500th wakes",
        target: Target::PerfArray,
        how: How::PerfPoll(500),
    },
    Reader { name: "perf array, naps of 50 us", target: Target::PerfArray, how: How::PerfNap },
    Reader { name: "one ring, libbpf", target: Target::Ring, how: How::Libbpf },
    Reader {
        name: "one ring, output",
        target: Target::RingOutput,
        how: How::Ring(WaitPolicy::balanced),
    },
    Reader { name: "one ring", target: Target::Ring, how: How::Ring(WaitPolicy::balanced) },
    Reader { name: "one ring, naps of 50 us", target: Target::Ring, how: How::Ring(naps) },
    Reader {
        name: "a ring for each CPU",
        target: Target::CpuRing,
        how: How::Set(WaitPolicy::balanced),
    },
    Reader {
        name: "a ring for each CPU, naps of 50 us",
        target: Target::CpuRing,
        how: How::Set(naps),
    },
    Reader { name: "a ring for each CPU, merged", target: Target::CpuRing, how: How::Merged },
];

fn naps() -> WaitPolicy {
    WaitPolicy::balanced().hold_off(NAP).min_nap(NAP)
}

/// One call of a reader's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// Wait as this reader does, and read.
    Step,
    /// Read what is there, without waiting.
    Drain,
}

impl Reader {
    /// Opens its maps, and calls `drive` with its code, and with what it has seen.
    pub(super) fn run<T>(
        &self,
        rig: &Rig,
        seen: &mut Seen,
        drive: impl FnOnce(&mut dyn FnMut(Round) -> Result<()>) -> Result<T>,
    ) -> Result<T> {
        match self.how {
            How::PerfPoll(wakeup_events) => {
                let buffer = PerfBuffer::new(&rig.events, rig.share, wakeup_events, seen)?;
                drive(&mut |round| match round {
                    Round::Step => buffer.poll(TIMEOUT),
                    Round::Drain => buffer.consume(),
                })
            }
            How::PerfNap => {
                let buffer = PerfBuffer::new(&rig.events, rig.share, NEVER, seen)?;
                punctual()?;
                drive(&mut |round| {
                    buffer.consume()?;
                    if round == Round::Step {
                        thread::sleep(NAP);
                    }
                    Ok(())
                })
            }
            How::Libbpf => {
                let ring = RingBuffer::new(&rig.ring, seen)?;
                drive(&mut |round| match round {
                    Round::Step => ring.poll(TIMEOUT),
                    Round::Drain => ring.consume(),
                })
            }
            How::Ring(policy) => {
                let mut ring = RingBuf::open(&rig.ring)?.with_policy(policy());
                drive(&mut |round| {
                    ring.drain(|record| seen.look(&record))?;
                    if round == Round::Step {
                        ring.wait(Some(TIMEOUT))?;
                    }
                    Ok(())
                })
            }
            How::Set(policy) => {
                let mut set = RingSet::new(policy())?;
                for ring in &rig.rings {
                    set.insert(RingBuf::open(ring)?, ())?;
                }
                drive(&mut |round| {
                    let timeout = if round == Round::Step { TIMEOUT } else { Duration::ZERO };
                    // Without a wait, each ring has one turn: a turn may end before the ring does.
                    while set.wait(Some(timeout))? == Wakeup::Ready {
                        set.drain(|(), record| seen.look(&record))?;
                        if round == Round::Step {
                            break;
                        }
                    }
                    Ok(())
                })
            }
            How::Merged => {
                let mut rings = MergedRings::new(WaitPolicy::balanced(), LATENESS, stamp)?;
                for ring in &rig.rings {
                    rings.insert(RingBuf::open(ring)?, ())?;
                }
                drive(&mut |round| {
                    let mut timeout = if round == Round::Step { TIMEOUT } else { Duration::ZERO };
                    loop {
                        rings.wait(Some(timeout))?;
                        let end = rings.drain(|(), record| seen.look(&record))?;
                        if round == Round::Step || end == ringbuf_kernel::Round::Empty {
                            return Ok(());
                        }
                        // Records are held.
                        timeout = TIMEOUT;
                    }
                })
            }
        }
    }
}

/// The key of a merge.
fn stamp(record: &Record<'_, Mapping>) -> Option<u64> {
    record.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

/// Gives the calling thread timers without slack, as our naps have them.
fn punctual() -> Result<()> {
    // SAFETY: no pointer is passed; the calling thread is meant.
    let ret = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
    ensure!(ret == 0, std::io::Error::last_os_error());
    Ok(())
}
