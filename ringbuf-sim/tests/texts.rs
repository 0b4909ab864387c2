//! The debug texts of core's types show positions and numbers.

use ringbuf_core::{Next, Producer};
use ringbuf_sim::{Flags, SimRing};

#[test]
fn debug_output_shows_positions_and_counts() {
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
    for part in ["Batch", "Position(32)", "delivered: 2", "held_bytes: 32"] {
        assert!(text.contains(part), "{part} expected: {text}");
    }
    drop(batch);
    assert_eq!(consumer.counts().to_string(), "2 delivered, 0 discarded");
}

#[test]
fn a_reservation_prints_its_header() {
    let ring = SimRing::new(4096).unwrap();
    // SAFETY: P1: nothing else produces into this ring.
    let producer = unsafe { Producer::new(ring.producer_memory()) }.unwrap();
    producer.reserve(5).unwrap().submit();
    let text = format!("{:?}", producer.reserve(5).unwrap());
    for part in ["Reservation", "Offset(16)", &format!("Header({})", 0x8000_0005_u32)] {
        assert!(text.contains(part), "{part} expected: {text}");
    }
}
