//! What people read of core's types: each text says what is wrong and with
//! which figures.

use std::error::Error;

use ringbuf_core::{
    Capacity, CapacityError, Corrupt, CorruptReason, Next, Position, Producer, ReserveError, Width,
};
use ringbuf_sim::{Flags, SimRing};

#[test]
fn errors_name_their_figures() {
    let position = |value| Position::new(value, Width::Bits64);
    let corrupt = |reason| Corrupt { position: position(0x40), reason };
    let producer = position(0x1234);
    let misaligned = corrupt(CorruptReason::ProducerMisaligned { producer });
    let cases: [(&dyn Error, &[&str]); 12] = [
        (&CapacityError::Zero, &["0 bytes"]),
        (&CapacityError::NotPowerOfTwo { bytes: 12288 }, &["12288", "16384"]),
        (&CapacityError::NotPowerOfTwo { bytes: u64::MAX }, &["give a power of two"]),
        (&CapacityError::BelowPage { bytes: 2048, page_size: 4096 }, &["2048", "4096"]),
        (&CapacityError::TooLarge { bytes: 1 << 40 }, &["1099511627776", "2 GiB"]),
        (&CapacityError::PageSize { page_size: 3 }, &["3 is no page size"]),
        (&corrupt(CorruptReason::ConsumerMisaligned), &["position 0x40", "multiple of 8"]),
        (&misaligned, &["position 0x40", "0x1234", "multiple of 8"]),
        (&corrupt(CorruptReason::ProducerOutOfRange { producer }), &["0x1234", "a lap ahead"]),
        (
            &corrupt(CorruptReason::RecordTooLong { footprint: 24, available: 16 }),
            &["24 bytes where 16", "somebody else"],
        ),
        (&ReserveError::TooLarge { len: 99, max: 88 }, &["99", "at most 88"]),
        (&ReserveError::Full { footprint: 24, free: 16 }, &["24 bytes needed, 16 free"]),
    ];
    for (error, parts) in cases {
        let text = error.to_string();
        for part in parts {
            assert!(text.contains(part), "{part:?} expected: {text}");
        }
        assert!(error.source().is_none(), "{text}");
    }
    let nested = ReserveError::Corrupt(misaligned);
    assert_eq!(nested.to_string(), misaligned.to_string());
    assert_eq!(nested.source().map(ToString::to_string), Some(misaligned.to_string()));
    assert!(Capacity::new(0, 4096).is_err_and(|error| error == CapacityError::Zero));
}

#[test]
fn what_is_printed_says_where_it_stands() {
    let ring = SimRing::new(4096).unwrap();
    let kernel = ring.producer();
    kernel.output(b"first", Flags::ADAPTIVE).unwrap();
    kernel.output(b"second", Flags::ADAPTIVE).unwrap();
    let mut consumer = ring.consumer().unwrap();
    let batch = consumer.batch();
    let Ok(Next::Record(_)) = batch.next() else { panic!("two records are there") };
    let Ok(Next::Record(second)) = batch.next() else { panic!("two records are there") };
    let text = format!("{second:?}");
    assert!(
        text.contains("Record") && text.contains("16") && text.contains("SampleLen(6)"),
        "{text}"
    );
    let text = format!("{batch:?}");
    for part in ["Batch", "Position(32)", "delivered: 2", "held: 32"] {
        assert!(text.contains(part), "{part} expected: {text}");
    }
    drop(batch);
    assert_eq!(consumer.counts().to_string(), "2 delivered, 0 discarded");
}

#[test]
fn a_reservation_prints_its_header() {
    let ring = SimRing::new(4096).unwrap();
    // SAFETY: P1: nothing else produces into this ring.
    let producer = unsafe { Producer::new(ring.producer_memory()) };
    producer.reserve(5).unwrap().submit();
    let text = format!("{:?}", producer.reserve(5).unwrap());
    for part in ["Reservation", "Offset(16)", &format!("Header({})", 0x8000_0005_u32)] {
        assert!(text.contains(part), "{part} expected: {text}");
    }
}
