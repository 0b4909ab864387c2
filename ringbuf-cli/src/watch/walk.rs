//! [`Walker`]: counts the records that came since the look before, by their headers.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use ringbuf_kernel::{
    InspectMapping, Inspector, Observed, Position, ReadError, RingKind, SampleLen, Tap, Width,
};

use super::look::{Passed, Seen};
use super::tally::Sizes;

/// Headers in a look at all rings, and in one at a ring. A header costs some 50 ns.
const MOST: u64 = 32_768;
const MOST_OF_RING: u64 = 8_192;
/// Headers of a ring when the others have used up the rest.
const LEAST: u64 = 64;
/// Bytes that are mapped for that: mapping costs time by size.
const WINDOW: u64 = 1 << 20;
/// Bytes that are mapped for a sample.
const SAMPLE: u64 = 8 << 10;

/// A ring that went round between two looks shows no record that is known to begin where it does.
/// So it is looked at again after these times, in microseconds. What comes between two samples is
/// walked: at once, for rings that go round soon, and later, for producers that rest. A sample after
/// a wait may find that the ring went round again, so another one follows at once.
const WAITS: [u64; 11] = [0, 0, 0, 50, 0, 1_000, 0, 3_000, 0, 6_000, 0];
/// Smaller rings are mapped once for all samples, because mapping takes longer than they take to go
/// round.
const SMALL: u64 = 64 << 10;

/// Remembers where each ring stood.
#[derive(Debug, Default)]
pub(super) struct Walker {
    before: HashMap<u32, Position>,
    /// The latest records of each ring that were walked, to estimate by.
    latest: HashMap<u32, Passed>,
    /// Of all headers that were walked in the rings of the latest look.
    sizes: HashMap<u32, Sizes>,
}

impl Walker {
    pub(super) fn sizes(&self, id: u32) -> Option<&Sizes> {
        self.sizes.get(&id)
    }

    /// Counts the new records of each ring. Rings that cannot be opened by their id keep
    /// `None`.
    pub(super) fn walk(&mut self, rings: &mut [Seen]) {
        let before = std::mem::take(&mut self.before);
        let mut sizes = std::mem::take(&mut self.sizes);
        let mut latest = std::mem::take(&mut self.latest);
        let mut left = MOST;
        let mut lapped = Vec::new();
        for ring in &mut *rings {
            self.before.insert(ring.id, ring.producer);
            if let Some(known) = latest.remove(&ring.id).filter(|_| before.contains_key(&ring.id)) {
                self.latest.insert(ring.id, known);
            }
            let sizes =
                self.sizes.entry(ring.id).or_insert(sizes.remove(&ring.id).unwrap_or_default());
            let content = ring.kind == RingKind::Ring && !ring.overwrite && !ring.corrupt;
            let from = before.get(&ring.id).filter(|from| **from != ring.producer && content);
            let Some(&from) = from else { continue };
            let most = left.clamp(LEAST, MOST_OF_RING);
            ring.passed = since(ring, from, most, sizes);
            match ring.passed {
                None => lapped.push(ring),
                Some(passed) => {
                    left = left.saturating_sub(passed.records);
                    self.latest.insert(ring.id, passed);
                }
            }
        }
        self.sample(lapped);
    }

    /// What came while the other rings were looked at, or comes in some milliseconds, is a sample,
    /// too. If nothing comes, the latest records stand for those that are gone.
    fn sample(&mut self, lapped: Vec<&mut Seen>) {
        let mut lapped: Vec<_> = lapped.into_iter().filter_map(Lapped::open).collect();
        for wait in WAITS {
            if lapped.is_empty() {
                return;
            }
            if wait > 0 {
                thread::sleep(Duration::from_micros(wait));
            }
            lapped.retain_mut(|one| {
                let sizes = self.sizes.entry(one.ring.id).or_default();
                one.ring.passed = one.sample(sizes);
                if let Some(passed) = one.ring.passed {
                    self.latest.insert(one.ring.id, passed);
                }
                one.ring.passed.is_none()
            });
        }
        for Lapped { ring, .. } in lapped {
            ring.passed = self.latest.get(&ring.id).copied();
        }
    }
}

/// A ring that went round between two looks.
struct Lapped<'r> {
    ring: &'r mut Seen,
    inspector: Inspector,
    /// Its data, if it is small.
    all: Option<ringbuf_core::Inspector<InspectMapping>>,
    /// Where the sample before ended, and the next one begins.
    from: Position,
}

impl<'r> Lapped<'r> {
    fn open(ring: &'r mut Seen) -> Option<Self> {
        let inspector = Inspector::from_id(ring.id).ok()?;
        let small = ring.capacity <= SMALL;
        let all = if small { inspector.map_all().ok() } else { None };
        Some(Self { from: ring.producer, ring, inspector, all })
    }

    /// What came since the sample before. `None` if nothing did, or if it is written over.
    fn sample(&mut self, sizes: &mut Sizes) -> Option<Passed> {
        let to = self.inspector.look().producer;
        let span = Span { from: std::mem::replace(&mut self.from, to), to, width: self.ring.width };
        match &self.all {
            Some(all) => walk_mapped(all, span, MOST_OF_RING, sizes),
            None => walk(&self.inspector, span, SAMPLE, MOST_OF_RING, sizes),
        }
    }
}

/// The part of a ring between two positions.
#[derive(Clone, Copy)]
struct Span {
    from: Position,
    to: Position,
    width: Width,
}

/// The records from `from` to the producer position of this look, or a sample of them.
fn since(ring: &Seen, from: Position, most: u64, sizes: &mut Sizes) -> Option<Passed> {
    let inspector = Inspector::from_id(ring.id).ok()?;
    let produced = ring.producer.distance(from, ring.width);
    let span = Span { from, to: ring.producer, width: ring.width };
    if produced < ring.capacity - margin(ring.capacity) {
        let passed = walk(&inspector, span, WINDOW, most, sizes);
        if passed.is_some() {
            return passed;
        }
    }
    // Producers have come round. The consumer position is where a record begins, too.
    walk(&inspector, Span { from: ring.consumer, ..span }, SAMPLE, most, sizes)
}

/// `None` if it cannot be mapped, or shows no record that is not written over.
fn walk(
    inspector: &Inspector,
    span: Span,
    window: u64,
    most: u64,
    sizes: &mut Sizes,
) -> Option<Passed> {
    let bytes = span.to.distance(span.from, span.width);
    let ring = inspector.map_from(span.from, bytes.min(window)).ok()?;
    walk_mapped(&ring, span, most, sizes)
}

fn walk_mapped(
    ring: &ringbuf_core::Inspector<InspectMapping>,
    span: Span,
    most: u64,
    sizes: &mut Sizes,
) -> Option<Passed> {
    let bytes = span.to.distance(span.from, span.width);
    let tap = Tap::at(span.from).margin(margin(inspected(ring)));
    let passed = count(ring, tap, bytes, span.width, most, sizes);
    (passed.records > 0).then_some(passed)
}

/// Elsewhere than on x86 new bytes may be seen before the position: no record is that long.
fn margin(capacity: u64) -> u64 {
    let x86 = cfg!(any(target_arch = "x86_64", target_arch = "x86"));
    if x86 { 0 } else { capacity / 4 }
}

/// Counts headers in `bytes` bytes.
fn count(
    ring: &ringbuf_core::Inspector<InspectMapping>,
    mut tap: Tap,
    bytes: u64,
    width: Width,
    most: u64,
    sizes: &mut Sizes,
) -> Passed {
    let mut passed = Passed::default();
    while passed.records < most && passed.bytes < bytes {
        let position = tap.position();
        // Nothing is copied: a sample that does not fit says how long it is.
        let (len, discarded) = match tap.next(ring, &mut []) {
            Err(ReadError::TooSmall { needs, .. }) => (SampleLen::new(needs as u64), false),
            Ok(Observed::Record { .. }) => (SampleLen::new(0), false),
            Ok(Observed::Busy { len, .. }) => (Some(len), false),
            Ok(Observed::Discarded { len, .. }) => (Some(len), true),
            _ => break,
        };
        let Some(len) = len else { break };
        let footprint = len.footprint();
        if footprint > bytes - passed.bytes {
            break;
        }
        passed.records += 1;
        passed.discarded += u64::from(discarded);
        passed.bytes += footprint;
        sizes.add(len.get());
        let next = position.advance(footprint, width);
        if tap.position() != next {
            tap = Tap::at(next).margin(margin(inspected(ring)));
        }
    }
    passed
}

fn inspected(ring: &ringbuf_core::Inspector<InspectMapping>) -> u64 {
    use ringbuf_core::InspectMemory;
    ring.memory().capacity().bytes()
}
