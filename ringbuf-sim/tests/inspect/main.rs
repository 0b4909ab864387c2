//! An observer of a ring that belongs to others. Its owners act between any two of its
//! accesses, and in the middle of its copies. What it delivers is whole, or it says so.

mod hostile;
mod looks;
mod world;

use std::cell::RefCell;

use ringbuf_core::{Observed, ReadError, Tap, Width};
use ringbuf_sim::SimRing;

use crate::world::{State, Stopped, World};

const SEEDS: u64 = 160;

/// Both widths, and positions that wrap.
fn worlds() -> impl Iterator<Item = RefCell<World>> {
    let starts = [(Width::Bits64, 0), (Width::Bits32, (1 << 32) - 2048)];
    (0..SEEDS).map(move |seed| {
        let (width, start) = starts[(seed % 2) as usize];
        RefCell::new(World::new(seed, width, start))
    })
}

/// How often each step was seen.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    records: u64,
    busy: u64,
    discarded: u64,
    missed: u64,
}

impl Seen {
    /// Checks a step that began at `position` against what the owners did. Returns how far
    /// it goes.
    fn step(&mut self, world: &World, at: u64, step: &Observed<'_>) -> u64 {
        let told = |state: State, len| {
            let (known, length) = world.truth.get(&at).expect("a record begins here");
            assert_eq!((known, *length), (&state, len), "at {at}");
            len.footprint()
        };
        match *step {
            Observed::Record { position, sample } => {
                assert_eq!(world.since_start(position), at);
                self.records += 1;
                let (_, len) = world.truth[&at];
                told(State::Submitted(sample.to_vec()), len)
            }
            // It may be committed since.
            Observed::Busy { position, len } => {
                assert_eq!(world.since_start(position), at);
                self.busy += 1;
                assert_eq!(world.truth.get(&at).expect("a record begins here").1, len);
                len.footprint()
            }
            Observed::Discarded { position, len } => {
                assert_eq!(world.since_start(position), at);
                self.discarded += 1;
                told(State::Discarded, len)
            }
            Observed::Missed { bytes } => {
                assert!(bytes > 0 && bytes % 8 == 0, "{bytes} missed");
                self.missed += 1;
                bytes
            }
            _ => panic!("not a step: {step:?}"),
        }
    }

    /// Each happened often.
    fn enough(&self, floor: u64) {
        let Self { records, busy, discarded, missed } = *self;
        println!("{self:?}");
        assert!([records, busy, discarded, missed].iter().all(|count| *count >= floor), "{self:?}");
    }
}

/// The rule for what is not given back: the consumer position is loaded again after the
/// header, and after the copy.
#[test]
fn pending_records_are_copied_whole_or_not_at_all() {
    let mut seen = Seen::default();
    for world in worlds() {
        (0..40).for_each(|_| world.borrow_mut().act());
        let inspector = Stopped::inspector(&world);
        let mut buffer = [0; 700];
        for _ in 0..10 {
            let mut pending = inspector.pending().unwrap();
            let mut at = world.borrow().since_start(pending.position());
            loop {
                let step = pending.next(&mut buffer).unwrap();
                if step == Observed::End {
                    break;
                }
                at += seen.step(&world.borrow(), at, &step);
                assert_eq!(at, world.borrow().since_start(pending.position()));
            }
        }
    }
    seen.enough(200);
}

/// The rule of the tap: the producer position is loaded again after the header, and after
/// the copy. Each byte is a record, or missed.
#[test]
fn the_tap_copies_whole_records_and_counts_the_rest() {
    let mut seen = Seen::default();
    for world in worlds() {
        let inspector = Stopped::inspector(&world);
        let mut tap = Tap::at_producer(&inspector);
        let mut buffer = [0; 700];
        let (mut at, mut missed) = (world.borrow().since_start(tap.position()), 0);
        for _ in 0..400 {
            let step = tap.next(&inspector, &mut buffer).unwrap();
            let is_busy = matches!(step, Observed::Busy { .. });
            if step == Observed::End {
                world.borrow_mut().act();
                continue;
            }
            let bytes = seen.step(&world.borrow(), at, &step);
            if matches!(step, Observed::Missed { .. }) {
                missed += bytes;
            }
            // It waits for a busy record.
            at += if is_busy { 0 } else { bytes };
            assert_eq!(at, world.borrow().since_start(tap.position()));
        }
        assert_eq!(tap.missed(), missed);
    }
    seen.enough(200);
}

/// A tap that is always in time sees exactly what the consumer sees, and the consumer does
/// not notice it.
#[test]
fn a_tap_in_time_misses_nothing() {
    let ring = SimRing::new(4096).unwrap();
    let (inspector, mut consumer) = (ring.inspector(), ring.consumer().unwrap());
    let mut tap = Tap::at_consumer(&inspector);
    let (mut read, mut tapped, mut buffer) = (Vec::new(), Vec::new(), [0; 64]);
    for number in 0..2000_u32 {
        let bytes = number.to_ne_bytes().repeat(1 + number as usize % 9);
        ring.producer().output(&bytes, ringbuf_sim::Flags::ADAPTIVE).unwrap();
        if number % 7 == 0 {
            consumer.drain(|record| read.push(record.to_vec())).unwrap();
        }
        if number % 11 == 0 {
            while let Observed::Record { sample, .. } = tap.next(&inspector, &mut buffer).unwrap() {
                tapped.push(sample.to_vec());
            }
        }
    }
    consumer.drain(|record| read.push(record.to_vec())).unwrap();
    while let Observed::Record { sample, .. } = tap.next(&inspector, &mut buffer).unwrap() {
        tapped.push(sample.to_vec());
    }
    assert_eq!((read.len(), tap.missed()), (2000, 0));
    assert!(read == tapped);
}

/// Nothing is cut off, and nothing is passed.
#[test]
fn a_small_buffer_says_what_is_needed() {
    let ring = SimRing::new(4096).unwrap();
    ring.producer().output(b"hello", ringbuf_sim::Flags::ADAPTIVE).unwrap();
    let inspector = ring.inspector();
    let (mut pending, mut tap) = (inspector.pending().unwrap(), Tap::at_consumer(&inspector));
    let mut small = [0; 4];
    assert!(matches!(pending.next(&mut small), Err(ReadError::TooSmall { needs: 5, has: 4, .. })));
    assert!(matches!(tap.next(&inspector, &mut small), Err(ReadError::TooSmall { needs: 5, .. })));
    let mut fits = [0; 5];
    assert!(matches!(pending.next(&mut fits).unwrap(), Observed::Record { sample: b"hello", .. }));
    assert_eq!(pending.next(&mut fits).unwrap(), Observed::End);
    assert!(matches!(tap.next(&inspector, &mut fits).unwrap(), Observed::Record { .. }));
}
