//! Records are copied into a buffer of the caller.

use ringbuf_core::{
    Armed, CorruptReason, Header, PageOffset, ProducerMemory, ReadError, RingMemory,
};
use ringbuf_sim::{Flags, SimRing};

fn ring(samples: &[&[u8]]) -> SimRing {
    let ring = SimRing::new(64 * 1024).unwrap();
    for sample in samples {
        ring.producer().output(sample, Flags::ADAPTIVE).unwrap();
    }
    ring
}

#[test]
fn samples_are_copied_in_order_and_their_space_is_given_back() {
    let ring = ring(&[b"one", b"", b"three"]);
    let mut consumer = ring.consumer().unwrap();
    let mut buffer = *b"-------";
    assert_eq!(consumer.read_into(&mut buffer), Ok(Some(&b"one"[..])));
    assert_eq!(&buffer, b"one----", "nothing after the sample changes");
    assert_eq!(ring.producer().query(2), 16);
    assert_eq!(consumer.read_into(&mut []), Ok(Some(&b""[..])));
    assert_eq!(consumer.read_into(&mut buffer[..5]), Ok(Some(&b"three"[..])));
    assert_eq!(consumer.read_into(&mut buffer), Ok(None));
    assert_eq!((consumer.counts().delivered, ring.producer().query(2)), (3, 40));
}

#[test]
fn a_record_that_does_not_fit_stays_unread_and_its_length_is_told() {
    let ring = ring(&[b"hello", b"you"]);
    let mut consumer = ring.consumer().unwrap();
    let mut buffer = *b"----";
    for _ in 0..3 {
        let Err(ReadError::TooSmall { needs, has, .. }) = consumer.read_into(&mut buffer) else {
            panic!("five bytes in four");
        };
        assert_eq!((needs, has, &buffer), (5, 4, b"----"));
        assert_eq!((consumer.counts().delivered, ring.producer().query(2)), (0, 0));
    }
    assert_eq!(consumer.arm(), Armed::Ready, "it is still there");
    let text = consumer.read_into(&mut []).unwrap_err().to_string();
    assert!(text.contains("has 5 bytes, but the buffer has only 0"), "{text}");
    assert_eq!(consumer.read_into(&mut [0; 5]), Ok(Some(&b"hello"[..])));
    assert_eq!(consumer.read_into(&mut buffer), Ok(Some(&b"you"[..])));
}

#[test]
fn you_may_block_after_the_end() {
    let ring = ring(&[b"one"]);
    let traced = ring.producer();
    let mut consumer = ring.consumer().unwrap();
    let mut buffer = [0; 8];
    while consumer.read_into(&mut buffer).unwrap().is_some() {}
    let before = ring.notifications();
    traced.output(b"two", Flags::ADAPTIVE).unwrap();
    assert_eq!(ring.notifications(), before + 1, "it armed");
    // A busy record ends it, too, and its commit notifies.
    assert!(consumer.read_into(&mut buffer).unwrap().is_some());
    let open = traced.reserve(8).unwrap();
    assert_eq!(consumer.read_into(&mut buffer), Ok(None));
    open.submit(Flags::ADAPTIVE);
    assert_eq!(ring.notifications(), before + 2);
    assert_eq!(consumer.read_into(&mut buffer).map(|sample| sample.map(<[u8]>::len)), Ok(Some(8)));
    // Discarded records are skipped.
    traced.reserve(8).unwrap().discard(Flags::ADAPTIVE);
    assert_eq!(consumer.read_into(&mut buffer), Ok(None));
    assert_eq!(consumer.counts().discarded, 1);
}

#[test]
fn a_corrupt_ring_is_an_error_each_time() {
    let ring = ring(&[b"one"]);
    let mut consumer = ring.consumer().unwrap();
    let memory = ring.producer_memory();
    let start = consumer.position().offset(memory.capacity());
    // SAFETY: nobody reads while this stray producer writes.
    unsafe { memory.write_header(start, Header::from_bits(1 << 20), PageOffset::NONE) };
    for _ in 0..2 {
        let Err(ReadError::Corrupt(corrupt)) = consumer.read_into(&mut [0; 8]) else {
            panic!("the record is longer than the ring");
        };
        assert!(matches!(corrupt.reason, CorruptReason::RecordTooLong { .. }), "{corrupt}");
        assert_eq!(ReadError::Corrupt(corrupt).to_string(), corrupt.to_string());
    }
}
