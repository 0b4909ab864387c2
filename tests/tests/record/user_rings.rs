//! User rings are recorded, too, and a producer that stores nonsense ends the recording in order.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use libbpf_rs::MapType;
use memmap2::MmapOptions;
use ringbuf_kernel::UserRingBuf;
use ringbuf_record::{Block, Kind, Reader};
use ringbuf_tests::{create_map, live_since, page_size, watchdog};

use crate::recorder::{Recorder, captured, id_of};

#[test]
fn a_user_ring_is_recorded_until_its_positions_are_impossible() {
    let test = "record::user_ring";
    if !live_since(test, (6, 1)) {
        return;
    }
    let _hangs = watchdog(test);
    let page = page_size();
    let map = create_map(MapType::UserRingBuf, 0, 0, page as u32, 0).expect("user ring");
    let ring = UserRingBuf::open(&map).expect("ring");
    let options = ["--interval", "1ms", "--count", "1000000"];
    let Some(mut recorder) = Recorder::start(test, id_of(&map), &options) else { return };
    for sample in [&b"hello"[..], b"", b"world, and more"] {
        let mut room = ring.reserve(sample.len() as u32).expect("room");
        room.copy_from_slice(sample);
        room.submit();
    }
    drop(ring);
    // Its owner stores what no producer stores.
    let producer =
        MmapOptions::new().offset(page as u64).len(page).map_raw(map.as_fd().as_raw_fd());
    let producer = producer.expect("the producer page");
    // SAFETY: the first word of a page that is mapped for writing while `producer` lives.
    let word = unsafe { AtomicU64::from_ptr(producer.as_mut_ptr().cast()) };
    while recorder.records() < 3 {
        std::thread::yield_now();
    }
    word.store(word.load(Ordering::Acquire) + 4, Ordering::Release);
    let output = recorder.wait();
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("was not recorded to the end") && said.contains("3 records"), "{said}");
    let captured = captured(&recorder.path);
    let samples: Vec<_> = captured.records.values().map(Vec::as_slice).collect();
    assert_eq!(samples, [&b"hello"[..], b"", b"world, and more"]);
    assert!(captured.end.is_some(), "a whole file");
    let file = std::fs::read(&recorder.path).expect("the file");
    let mut reader = Reader::new(&file[..]).expect("a capture");
    while let Some(block) = reader.next().expect("whole blocks") {
        if let Block::Ring(header) = block {
            assert_eq!(header.ring.kind, Kind::UserRing);
        }
    }
}
