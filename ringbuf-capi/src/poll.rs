//! `ring_buffer__poll`.

use std::hint;
use std::time::Duration;

use libc::c_int;
use ringbuf_core::{Armed, Position, TurnStep, WakeCause};

use crate::c::{self, Slept};
use crate::drain::{End, drain, drain_and_arm};
use crate::manager::RingBuffer;
use crate::planted::planted;
use crate::ring::Ring;
use crate::settings::Policy;

/// The most that a call returns.
const MOST: u64 = c_int::MAX as u64;

/// Waits and reads as the manager's policy says. Returns the number of samples, or a negative
/// error.
pub(crate) fn poll(manager: &RingBuffer, timeout: c_int) -> c_int {
    let timeout = if planted(10) { timeout.max(0) } else { timeout };
    if manager.policy() == Policy::Immediate {
        return immediate(manager, timeout);
    }
    let millis = u64::try_from(timeout).ok();
    let timeout = millis.map(Duration::from_millis);
    // A callback may add rings: the next call reads them.
    let rings = manager.len();
    let Some(mut turn) = manager.turns(|turns| turns.begin(manager.now(), timeout)) else {
        return 0;
    };
    let mut total = 0_u64;
    let mut cause = None;
    loop {
        let read = match read_all(manager, rings) {
            Ok(read) => read,
            Err(error) => {
                publish_all(manager, rings);
                return error;
            }
        };
        total = total.saturating_add(read.samples);
        let now = manager.now();
        let step = manager.turns(|turns| {
            if let Some(cause) = cause {
                turns.rested(&turn, cause, read.records > 0);
            }
            if read.samples > 0 {
                turns.delivered(&mut turn, now);
            }
            turns.step(&mut turn, now, read.records, read.bytes, read.busy)
        });
        let slept = match step {
            Some(TurnStep::Nap(time)) => c::sleep(-1, waker(manager), time),
            Some(TurnStep::Spin(time)) => {
                spin(manager, now, time);
                Slept::TimeUp
            }
            Some(TurnStep::Block(_)) if total >= MOST => return finish(manager, rings, total),
            Some(TurnStep::Block(time)) => match arm_all(manager, rings) {
                Armed::Ready => {
                    cause = Some(WakeCause::Found);
                    continue;
                }
                Armed::Sleep => block(manager, time),
            },
            _ => match arm_all(manager, rings) {
                Armed::Ready if total < MOST => {
                    cause = None;
                    continue;
                }
                _ => return answer(total),
            },
        };
        cause = match slept {
            Slept::TimeUp => Some(WakeCause::TimeUp),
            Slept::Readable => Some(WakeCause::Notified),
            Slept::Woken => {
                clear(waker(manager));
                return finish(manager, rings, total);
            }
            Slept::Interrupted if planted(9) => Some(WakeCause::TimeUp),
            Slept::Interrupted => return interrupted(manager, rings, total, libc::EINTR),
            Slept::Failed(error) => return interrupted(manager, rings, total, error),
        };
    }
}

/// What one read of all rings did.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    samples: u64,
    /// With discarded ones.
    records: u64,
    bytes: u64,
    busy: bool,
}

/// Reads each ring until it is empty, and holds its last record back.
fn read_all(manager: &RingBuffer, rings: usize) -> Result<Read, c_int> {
    let mut read = Read::default();
    let mut index = 0_usize;
    while let Some(ring) = (index < rings).then(|| manager.ring(index)).flatten() {
        index = index.wrapping_add(1);
        let mut visit = ring.reader.visit();
        let before = visit.position();
        let drained = drain(ring, &mut visit, MOST);
        let (after, counts) = (visit.position(), visit.counts());
        match drained.end {
            End::Failed(_) => visit.publish(),
            _ => visit.hold_back(),
        }
        ring.count(counts);
        note_stall(manager, ring, drained.end, after);
        if let End::Failed(error) = drained.end {
            return Err(if planted(6) { c::fail(1) } else { c::fail(error.wrapping_neg()) });
        }
        read.samples = read.samples.saturating_add(drained.samples);
        read.records =
            read.records.saturating_add(counts.delivered).saturating_add(counts.discarded);
        read.bytes = read.bytes.saturating_add(after.get().wrapping_sub(before.get()));
        read.busy |= drained.end == End::Busy && !planted(41);
    }
    Ok(read)
}

/// Remembers since when a head is busy, for the statistics.
fn note_stall(manager: &RingBuffer, ring: &Ring, end: End, position: Position) {
    let stall = match ring.stall.get() {
        _ if end != End::Busy => None,
        Some((at, since)) if at == position => Some((at, since)),
        _ => Some((position, manager.now())),
    };
    ring.stall.set(stall);
}

/// Publishes what is held back.
fn publish_all(manager: &RingBuffer, rings: usize) {
    for ring in (0..rings).filter_map(|index| manager.ring(index)) {
        ring.reader.visit().publish();
    }
}

/// Publishes all, then looks at each ring once more.
fn arm_all(manager: &RingBuffer, rings: usize) -> Armed {
    let mut armed = Armed::Sleep;
    for ring in (0..rings).filter_map(|index| manager.ring(index)) {
        let mut visit = ring.reader.visit();
        if planted(13) {
            visit.hold_back();
        } else if visit.arm() == Armed::Ready {
            armed = Armed::Ready;
        }
    }
    armed
}

/// Sleeps until a notification, rounded up to a millisecond.
fn block(manager: &RingBuffer, time: Duration) -> Slept {
    let waker = waker(manager);
    if waker >= 0 {
        return c::sleep(manager.epoll, waker, time);
    }
    let millis = time.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(c_int::MAX);
    match manager.wait_events(millis) {
        Ok(0) => Slept::TimeUp,
        Ok(_) => Slept::Readable,
        Err(libc::EINTR) => Slept::Interrupted,
        Err(error) => Slept::Failed(error),
    }
}

fn spin(manager: &RingBuffer, begin: Duration, time: Duration) {
    let end = begin.saturating_add(time);
    while manager.now() < end {
        hint::spin_loop();
    }
}

fn waker(manager: &RingBuffer) -> c_int {
    manager.waker.load(std::sync::atomic::Ordering::Relaxed)
}

fn clear(waker: c_int) {
    let mut count = 0_u64;
    // SAFETY: an eventfd, which does not block, gives 8 bytes.
    unsafe { libc::read(waker, (&raw mut count).cast(), 8) };
}

fn finish(manager: &RingBuffer, rings: usize, total: u64) -> c_int {
    publish_all(manager, rings);
    answer(total)
}

/// A sleep failed, or a signal ended it. What was delivered is not lost.
fn interrupted(manager: &RingBuffer, rings: usize, total: u64, error: c_int) -> c_int {
    publish_all(manager, rings);
    if total > 0 { answer(total) } else { c::fail(error) }
}

fn answer(total: u64) -> c_int {
    c_int::try_from(total).unwrap_or(c_int::MAX)
}

/// As libbpf: waits for the epoll set first, then reads the rings that it names, in its
/// order.
fn immediate(manager: &RingBuffer, timeout: c_int) -> c_int {
    let count = match manager.wait_events(timeout) {
        Ok(count) => count,
        Err(libc::EINTR) if planted(9) => 0,
        Err(error) => return c::fail(error),
    };
    let mut total = 0_u64;
    for event in 0..count {
        let Some(ring) = manager.ring_of_event(event) else { continue };
        let drained = drain_and_arm(ring, MOST);
        if let End::Failed(error) = drained.end {
            return if planted(6) { c::fail(1) } else { c::fail(error.wrapping_neg()) };
        }
        total = total.saturating_add(drained.samples);
    }
    answer(total)
}
