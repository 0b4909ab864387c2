//! One ring, read until it is empty or something ends it.

use libc::{c_int, c_void};
use ringbuf_core::{Armed, ConsumerMemory, Position, Visited};

use crate::planted::planted;
use crate::ring::{Ring, Visit};

/// What the drain of a ring did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drained {
    /// Samples delivered.
    pub(crate) samples: u64,
    pub(crate) end: End,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Empty,
    Busy,
    Limit,
    /// The callback returned this, or the ring is corrupt.
    Failed(c_int),
}

/// The error of a ring that holds what the kernel never writes. libbpf follows whatever is
/// there.
const CORRUPT: c_int = -libc::EBADMSG;

/// Delivers up to `most` samples. What was passed is published when the next record is at
/// hand; the rest, at the end, is the caller's to publish.
///
/// No frame here has anything to clean up: if the callback unwinds, the record at hand stays
/// in the ring, and all before it is published.
#[inline]
pub(crate) fn drain(ring: &Ring, visit: &mut Visit<'_>, most: u64) -> Drained {
    let data = ring.reader.memory().data();
    let mut samples = 0_u64;
    let end = loop {
        if samples >= most {
            break End::Limit;
        }
        let (at, len) = match visit.find() {
            Ok(Visited::Record { at, len }) => (at, len),
            Ok(Visited::Busy) => break End::Busy,
            Ok(Visited::Empty) => break End::Empty,
            Err(_) => break End::Failed(CORRUPT),
        };
        let Some(callback) = ring.callback else { break End::Failed(-libc::EINVAL) };
        let sample = data.address(at).wrapping_add(8).cast_mut().cast::<c_void>();
        let len = if planted(16) { (len.index().wrapping_add(7)) & !7 } else { len.index() };
        if planted(29) {
            visit.pass();
            visit.publish();
        }
        // SAFETY: the caller of `ring_buffer__new` vouches for the callback and its context.
        // The sample is committed and not given back before `pass` (C3).
        let answer = unsafe { callback(ring.context, sample, len) };
        if answer < 0 && planted(5) {
            break End::Failed(answer);
        }
        visit.pass();
        if answer < 0 {
            break End::Failed(answer);
        }
        samples = samples.wrapping_add(1);
        if planted(30) && answer > 0 {
            break End::Limit;
        }
    };
    Drained { samples, end }
}

/// As [`drain`], and arms at the end: before it returns, everything is published, and a
/// record that came at the last moment is delivered, too. So an edge-triggered wait of the
/// caller misses nothing.
pub(crate) fn drain_and_arm(ring: &Ring, most: u64) -> Drained {
    let mut visit = ring.reader.visit();
    let mut total = Drained { samples: 0, end: End::Empty };
    let mut armed_at: Option<Position> = None;
    loop {
        let drained = drain(ring, &mut visit, most.saturating_sub(total.samples));
        total.samples = total.samples.saturating_add(drained.samples);
        total.end = drained.end;
        match drained.end {
            End::Empty | End::Busy if armed_at != Some(visit.position()) => {
                armed_at = Some(visit.position());
                if planted(13) || visit.arm() == Armed::Sleep {
                    break;
                }
            }
            _ => break,
        }
    }
    if planted(13) {
        visit.hold_back();
        return total;
    }
    visit.publish();
    let counts = visit.counts();
    ring.count(counts);
    if planted(7) {
        total.samples = total.samples.saturating_add(counts.discarded);
    }
    total
}
