//! Snapshots from the newest record to the oldest.

use ringbuf_core::{NextCopy, Position};
use ringbuf_sim::{Flags, Profile, SimRing};

fn ring(numbers: std::ops::Range<u64>) -> SimRing {
    let ring = SimRing::overwriting(4096, Profile::NEWEST.page_size(4096)).unwrap();
    write(&ring, numbers);
    ring
}

fn write(ring: &SimRing, numbers: std::ops::Range<u64>) {
    for number in numbers {
        ring.producer().output(&number.to_ne_bytes(), Flags::ADAPTIVE).unwrap();
    }
}

fn number(next: NextCopy<'_>) -> u64 {
    let NextCopy::Record(record) = next else { panic!("a record, not {next:?}") };
    u64::from_ne_bytes(record.sample.try_into().unwrap())
}

/// An index of any length, from nothing to more than there is.
#[test]
fn the_index_decides_how_many_records_there_are() {
    let ring = ring(0..1000);
    let reader = ring.overwrite_reader().unwrap();
    let mut buffer = [0; 8];
    for len in [0, 1, 2, 3, 254, 255, 256, 1000] {
        let mut index = vec![Position::default(); len];
        let mut newest = reader.snapshot().unwrap().newest_first(&mut index).unwrap();
        let there = len.min(255);
        assert_eq!((newest.left(), newest.left_out()), (there, 255 - there as u64), "{len}");
        for back in 1..=there as u64 {
            assert_eq!(number(newest.next_copy(&mut buffer).unwrap()), 1000 - back, "{len}");
        }
        assert_eq!(newest.next_copy(&mut buffer), Ok(NextCopy::Empty));
        assert_eq!(newest.counts().delivered_bytes, there as u64 * 16);
    }
}

/// Busy and discarded records are skipped; a busy one that is committed meanwhile is not.
#[test]
fn what_is_not_a_record_is_skipped() {
    let ring = ring(0..2);
    let program = ring.producer();
    let held = program.reserve(8).unwrap();
    let mut other = program.reserve(8).unwrap();
    other.copy_from_slice(&3_u64.to_ne_bytes());
    program.reserve(9).unwrap().discard(Flags::ADAPTIVE);
    program.output(&[], Flags::ADAPTIVE).unwrap();
    write(&ring, 6..7);
    let reader = ring.overwrite_reader().unwrap();
    let (mut index, mut buffer) = ([Position::default(); 16], [0; 8]);
    let mut newest = reader.snapshot().unwrap().newest_first(&mut index).unwrap();
    assert_eq!(newest.left(), 7);
    assert!(matches!(newest.next_copy(&mut [0; 7]), Ok(NextCopy::TooSmall { needs: 8, .. })));
    assert_eq!(number(newest.next_copy(&mut buffer).unwrap()), 6);
    let NextCopy::Record(empty) = newest.next_copy(&mut buffer).unwrap() else { panic!() };
    assert!(empty.is_empty());
    other.submit(Flags::ADAPTIVE);
    for want in [3, 1, 0] {
        assert_eq!(number(newest.next_copy(&mut buffer).unwrap()), want);
    }
    assert_eq!(newest.next_copy(&mut buffer), Ok(NextCopy::Empty));
    let counts = newest.counts();
    assert_eq!((counts.delivered, counts.discarded, counts.busy), (5, 1, 1));
    let bytes = counts.delivered_bytes + counts.discarded_bytes + counts.busy_bytes;
    assert_eq!(bytes, ring.pages().producer);
    drop(held);
}

/// The oldest records go first: one that is lost is the last step.
#[test]
fn a_writer_cuts_the_old_end_off() {
    let ring = ring(0..255);
    let reader = ring.overwrite_reader().unwrap();
    for (len, written) in [(255, 200), (100, 250), (100, 256), (3, 10_000)] {
        let mut index = vec![Position::default(); len];
        let mut newest = reader.snapshot().unwrap().newest_first(&mut index).unwrap();
        let last = ring.pages().producer / 16;
        let mut buffer = [0; 8];
        assert_eq!(number(newest.next_copy(&mut buffer).unwrap()), last - 1);
        write(&ring, last..last + written);
        let kept = 255_u64.saturating_sub(written).saturating_sub(1).min(len as u64 - 1);
        for back in 0..kept {
            assert_eq!(number(newest.next_copy(&mut buffer).unwrap()), last - 2 - back);
        }
        let NextCopy::Lost(lost) = newest.next_copy(&mut buffer).unwrap() else { panic!() };
        assert_eq!(lost.records, Some(len as u64 - 1 - kept));
        assert_eq!(lost.bytes, (len as u64 - 1 - kept) * 16);
        assert_eq!(lost.position.get(), (last - len as u64) * 16);
        assert_eq!(newest.next_copy(&mut buffer), Ok(NextCopy::Empty));
        assert_eq!(newest.counts().lost_bytes, lost.bytes);
    }
}
