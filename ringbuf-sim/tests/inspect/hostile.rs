//! Memory whose owners write anything: an inspector answers with errors.

use std::sync::atomic::Ordering::Relaxed;

use ringbuf_core::{
    ConsumerMemory, CorruptReason, Head, Header, InspectMemory, Observed, PageOffset, Position,
    ProducerMemory, ReadError, SampleLen, Tap, Width,
};
use ringbuf_sim::{Flags, SimRing};

fn at(value: u64) -> Position {
    Position::new(value, Width::Bits64)
}

/// Stores the producer position and the length word of the first header.
fn forge(ring: &SimRing, producer: u64, header: u32) {
    let memory = ring.producer_memory();
    let first = at(0).offset(ring.capacity());
    // SAFETY: nobody consumes this ring.
    unsafe { memory.write_header(first, Header::from_bits(header), PageOffset::NONE) };
    // SAFETY: as above.
    unsafe { memory.store_producer_pos(at(producer), Relaxed) };
}

#[test]
fn a_record_longer_than_what_is_produced_is_reported() {
    for len in [9, 100, 4096, 0x3fff_ffff, 0xbfff_ffff, 0x7fff_fff0] {
        let ring = SimRing::new(4096).unwrap();
        forge(&ring, 16, len);
        let (inspector, mut buffer) = (ring.inspector(), [0; 64]);
        let footprint = Header::from_bits(len).footprint();
        let is_it = |error: ReadError| match error {
            ReadError::Corrupt(corrupt) => match corrupt.reason {
                CorruptReason::RecordTooLong { footprint: claimed, available, .. } => {
                    assert_eq!((claimed, available), (footprint, 16));
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other}"),
        };
        assert_eq!(inspector.head().unwrap_err().position, at(0));
        is_it(inspector.pending().unwrap().next(&mut buffer).unwrap_err());
        let step = Tap::at_consumer(&inspector).next(&inspector, &mut buffer);
        if Header::from_bits(len).is_busy() {
            assert!(matches!(step, Ok(Observed::Busy { .. })));
        } else {
            is_it(step.unwrap_err());
        }
    }
}

#[test]
fn impossible_positions_are_reported() {
    for producer in [4, 4104, u64::MAX - 7, 1 << 63] {
        let ring = SimRing::new(4096).unwrap();
        let inspector = ring.inspector();
        let mut tap = Tap::at_consumer(&inspector);
        forge(&ring, producer, 0);
        assert!(inspector.look().fill().is_err(), "{producer:#x}");
        assert!(inspector.head().is_err() && inspector.pending().is_err());
        let step = tap.next(&inspector, &mut []);
        match producer {
            // It may have been there: more than a lap ahead.
            4104 => assert_eq!(step.unwrap(), Observed::Missed { bytes: 4104 }),
            0x8000_0000_0000_0000 => assert!(matches!(step, Ok(Observed::Missed { .. }))),
            _ => assert!(matches!(step, Err(ReadError::Corrupt(_))), "{producer:#x}"),
        }
    }
}

/// The header of the next record is written before the producer position moves. So a
/// record exactly one lap behind is not intact.
#[test]
fn a_record_one_lap_behind_is_not_intact() {
    let ring = SimRing::new(4096).unwrap();
    let (inspector, mut buffer) = (ring.inspector(), [0; 4096]);
    let mut consumer = ring.consumer().unwrap();
    let mut tap = Tap::at_producer(&inspector);
    ring.producer().output(&[], Flags::ADAPTIVE).unwrap();
    consumer.drain(|_| ()).unwrap();
    ring.producer().output(&[7; 4080], Flags::ADAPTIVE).unwrap();
    assert_eq!(inspector.look().producer, at(4096));
    assert_eq!(tap.next(&inspector, &mut buffer).unwrap(), Observed::Missed { bytes: 8 });
    let step = tap.next(&inspector, &mut buffer).unwrap();
    assert!(matches!(step, Observed::Record { sample, .. } if sample == [7; 4080]));
}

/// A consumer that moves back is not followed, so that a walk ends.
#[test]
fn a_walk_ends_if_the_consumer_moves_back() {
    let ring = SimRing::started_at(4096, Width::Bits64, 4096).unwrap();
    (0..3).for_each(|_| ring.producer().output(b"8 bytes!", Flags::ADAPTIVE).unwrap());
    let inspector = ring.inspector();
    let mut pending = inspector.pending().unwrap();
    let mut buffer = [0; 64];
    assert!(matches!(pending.next(&mut buffer).unwrap(), Observed::Record { .. }));
    let consumer = ring.consumer().unwrap();
    // SAFETY: nobody reads this ring.
    unsafe { consumer.memory().store_consumer_pos(at(4080), Relaxed) };
    assert_eq!(pending.next(&mut buffer).unwrap(), Observed::Missed { bytes: 32 });
    assert_eq!(pending.next(&mut buffer).unwrap(), Observed::End);
}

/// Lengths and offsets at both edges of the window, against the bytes that are there.
#[test]
fn every_record_that_fits_is_shown_and_no_other() {
    let ring = SimRing::new(4096).unwrap();
    let inspector = ring.inspector();
    let memory = inspector.memory();
    for from in (0..4096).step_by(8) {
        let offset = at(from).offset(memory.capacity());
        assert!(memory.load_header(offset, Relaxed).is_some());
        for len in [0, 1, 8, 4080, 4088] {
            assert!(memory.copy_sample(offset, &mut vec![0; len]), "{len} bytes at {from}");
        }
        for len in [4089, 4096, 8192] {
            assert!(!memory.copy_sample(offset, &mut vec![0; len]), "{len} bytes at {from}");
        }
    }
    assert_eq!(inspector.head().unwrap(), Head::Empty);
    assert_eq!(SampleLen::new(4088).unwrap().footprint(), 4096);
}
