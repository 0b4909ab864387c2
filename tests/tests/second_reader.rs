//! Another reader of the same map, which this library cannot refuse: libbpf's, in this process. It
//! is reported where the shared position shows it, and nothing is stored over its position.

use std::cell::Cell;

use libbpf_rs::RingBufferBuilder;
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_kernel::{Armed, CorruptReason, Drained, RingBuf};
use ringbuf_tests::{Operations, RawRing, live_since, page_size};

#[test]
fn arming_notices_another_reader() {
    let Some(operations) = operations("second_reader::arming") else { return };
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
    assert_eq!(read_by_libbpf(&operations, 2), 2);
    let position = RawRing::of(operations.map()).expect("mmap").consumer_pos();
    assert_eq!(ring.arm(), Armed::Ready, "there is something to report");
    reported(&mut ring, position);
}

#[test]
fn publishing_notices_another_reader_and_leaves_its_position() {
    let Some(operations) = operations("second_reader::publishing") else { return };
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
    ring.hold_back(1024);
    produce(&operations, 3);
    assert_eq!(ring.drain(|_| ()).expect("nothing to be seen yet"), Drained::Empty);
    // It reads one that ours holds back, and more.
    assert_ne!(read_by_libbpf(&operations, 2), 0);
    let raw = RawRing::of(operations.map()).expect("mmap");
    let position = raw.consumer_pos();
    ring.publish();
    reported(&mut ring, position);
    drop(ring);
    assert_eq!(raw.consumer_pos(), position, "what the other reader stored");
}

#[test]
fn a_producer_that_is_too_far_ahead_shows_another_reader() {
    let Some(operations) = operations("second_reader::far_ahead") else { return };
    let mut ring = RingBuf::open(operations.map()).expect("the ring opens");
    // More than a ring goes by.
    let records = page_size() as u64 / 16 - 1;
    for _ in 0..2 {
        assert_eq!(read_by_libbpf(&operations, records), records);
    }
    let position = RawRing::of(operations.map()).expect("mmap").consumer_pos();
    reported(&mut ring, position);
}

/// Every further use reports what was found.
fn reported(ring: &mut RingBuf, position: u64) {
    for corrupt in [ring.drain(|_| ()).err(), ring.next_record().err(), ring.lag().err()] {
        let corrupt = corrupt.expect("the position has moved");
        match corrupt.reason {
            CorruptReason::ConsumerMoved { found, .. } => assert_eq!(found.get(), position),
            other => panic!("{other:?}"),
        }
        assert!(corrupt.to_string().starts_with("another process reads this ring"), "{corrupt}");
    }
}

/// Produces `records` records, and lets libbpf's own reader take them: how many it read.
fn read_by_libbpf(operations: &Operations, records: u64) -> u64 {
    produce(operations, records);
    let read = Cell::new(0);
    let mut builder = RingBufferBuilder::new();
    let count = |_: &[u8]| {
        read.set(read.get() + 1);
        0
    };
    builder.add(operations.map(), count).expect("libbpf adds the ring");
    builder.build().expect("libbpf opens the ring").consume().expect("libbpf reads");
    read.get()
}

fn operations(test: &str) -> Option<Operations> {
    live_since(test, (5, 10))
        .then(|| Operations::load(page_size() as u32).expect("load of vectors.bpf.c"))
}

fn produce(operations: &Operations, records: u64) {
    for _ in 0..records {
        assert_eq!(operations.run(op_kind::RESERVE_SUBMIT, 8, 0), 1, "there is room");
    }
}
