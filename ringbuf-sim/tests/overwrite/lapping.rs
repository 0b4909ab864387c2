//! A writer that laps the reader at any access, and in the middle of its copies. Nothing
//! torn is delivered, and what is lost is counted to the record.

use ringbuf_core::{NextCopy, OverwriteReader, Tso, Width};
use ringbuf_sim::{Profile, SimRing};

use crate::lapped::{Lapped, produced};
use crate::records::{Passed, Place};

/// Reads of one run by snapshots, and of one run by other readers.
const READS: u64 = 250_000;
const LESS: u64 = 50_000;

/// How the writer runs: of 64 accesses so many let it run, up to so many records. A ring of
/// one page holds some 60 of these records.
const WRITERS: [(u64, u64); 4] = [(2, 20), (8, 4), (1, 120), (20, 10)];

fn rings() -> impl Iterator<Item = (SimRing, Width, u64, u64)> {
    let narrow = Profile::from(Width::Bits32);
    let widths = [(Profile::NEWEST, 0), (narrow, 0xfff0_0000)];
    WRITERS.into_iter().zip([0, 1, 0, 1]).map(move |((often, most), width)| {
        let (profile, start) = widths[width];
        let ring = SimRing::overwriting_at(4096, profile, start).unwrap();
        (ring, profile.width, often, most)
    })
}

/// Each record once at most, whole, in order; lost + delivered + discarded
/// + left = produced, in records and in bytes.
#[test]
fn a_reader_that_follows_delivers_nothing_torn_and_counts_what_it_lost() {
    let (mut sum, mut sum_paused) = (0, 0);
    for (ring, width, often, most) in rings() {
        let mut place = Place::new(produced(&ring), width);
        let start = place.position;
        let lapped = Lapped::new(&ring, often, often, most);
        let tso = Tso::of(&lapped).unwrap();
        let mut reader = OverwriteReader::new(lapped, tso).unwrap();
        let (mut buffer, mut reads, mut lost, mut discarded) = ([0; 256], 0, 0, 0);
        let mut losses = 0;
        while reads < LESS {
            match reader.next_copy(&mut buffer).unwrap() {
                NextCopy::Record(record) => {
                    let skipped = place.go_to(record.position);
                    assert_eq!(skipped.all, skipped.discarded, "a record was left out");
                    discarded += skipped.discarded;
                    place.deliver(&record);
                    reads += 1;
                }
                NextCopy::Lost(gap) => {
                    let skipped = place.go_to(gap.position);
                    assert_eq!(skipped.all, skipped.discarded, "a record was left out");
                    discarded += skipped.discarded;
                    let passed = place.go_to(gap.position.advance(gap.bytes, width));
                    assert!(passed.all > 0, "an empty loss");
                    lost += passed.all;
                    losses += 1;
                    reads += 1;
                }
                NextCopy::Empty => reader.memory().write(1),
                NextCopy::Busy | NextCopy::TooSmall { .. } | _ => panic!("no such record"),
            }
        }
        reader.memory().stopped.set(true);
        let skipped = place.go_to(reader.position());
        assert_eq!(skipped.all, skipped.discarded, "a record was left out");
        discarded += skipped.discarded;
        let counts = reader.counts();
        assert_eq!((counts.discarded, counts.overtaken), (discarded, losses));
        let Passed { all: left, .. } = place.go_to(produced(&ring));
        let produced = reader.memory().written.get();
        assert_eq!(lost + counts.delivered + discarded + left, produced, "records");
        let bytes = counts.delivered_bytes + counts.discarded_bytes + counts.lost_bytes;
        assert_eq!(bytes & mask(width), reader.position().distance(start, width), "bytes");
        let paused = reader.memory().paused.get();
        println!(
            "{often} of 64, up to {most}: {produced} produced = {counts}; {lost} records lost, \
             {left} left; {paused} copies paused"
        );
        assert!(losses > 1000 && counts.delivered > 1000 && paused > 1000, "{counts}");
        (sum, sum_paused) = (sum + reads, sum_paused + paused);
    }
    println!("{sum} reads, {sum_paused} of them with a pause in the copy");
}

/// Several laps between any two accesses: then the positions never fit together. It is no
/// error, each call ends, and the records add up.
#[test]
fn a_writer_that_is_always_faster_is_no_error() {
    let ring = SimRing::overwriting(4096, Profile::NEWEST).unwrap();
    let mut place = Place::new(produced(&ring), Width::Bits64);
    let lapped = Lapped::new(&ring, 1, 64, 300);
    let tso = Tso::of(&lapped).unwrap();
    let mut reader = OverwriteReader::new(lapped, tso).unwrap();
    let (mut buffer, mut lost) = ([0; 256], 0);
    for _ in 0..300 {
        match reader.next_copy(&mut buffer).unwrap() {
            NextCopy::Lost(gap) => {
                place.go_to(gap.position);
                lost += place.go_to(gap.position.advance(gap.bytes, Width::Bits64)).all;
            }
            NextCopy::Empty => {}
            next => panic!("{next:?}"),
        }
        let first = reader.snapshot().unwrap().next_copy(&mut buffer).map(drop);
        assert_eq!(first, Ok(()));
    }
    reader.memory().stopped.set(true);
    let left = place.go_to(produced(&ring)).all;
    assert_eq!(lost + left, reader.memory().written.get());
    println!("{lost} records lost, {left} left");
}

/// A million reads by snapshots, which end however fast the writer is.
#[test]
fn snapshots_deliver_nothing_torn_and_end() {
    let (mut sum, mut snapshots) = (0, 0);
    for (ring, width, often, most) in rings() {
        let mut start = Place::new(produced(&ring), width);
        let lapped = Lapped::new(&ring, 100 + often, often, most);
        let tso = Tso::of(&lapped).unwrap();
        let reader = OverwriteReader::new(lapped, tso).unwrap();
        let (mut buffer, mut reads, mut whole) = ([0; 256], 0, 0);
        while reads < READS {
            reader.memory().write(3);
            let mut snapshot = reader.snapshot().unwrap();
            start.go_to(snapshot.position());
            let (mut place, all) = (start, snapshot.left());
            let before = snapshot.counts().lost_bytes;
            let (mut delivered, mut lost, mut passed) = (0, 0, Passed::default());
            loop {
                match snapshot.next_copy(&mut buffer).unwrap() {
                    NextCopy::Record(record) => {
                        passed.discarded += place.go_to(record.position).discarded;
                        place.deliver(&record);
                        delivered += 1;
                    }
                    NextCopy::Lost(gap) => {
                        passed.discarded += place.go_to(gap.position).discarded;
                        lost += place.go_to(gap.position.advance(gap.bytes, width)).all;
                    }
                    NextCopy::Empty => break,
                    NextCopy::Busy | NextCopy::TooSmall { .. } | _ => panic!("no such record"),
                }
                reads += 1;
            }
            passed.discarded += place.go_to(snapshot.position()).discarded;
            let counts = snapshot.counts();
            assert_eq!((counts.delivered, counts.discarded), (delivered, passed.discarded));
            assert_eq!(place.number - start.number, delivered + passed.discarded + lost);
            let bytes = counts.delivered_bytes + counts.discarded_bytes + counts.lost_bytes;
            assert_eq!(bytes - before, all, "bytes of one snapshot");
            whole += u64::from(lost == 0);
            snapshots += 1;
        }
        println!("{often} of 64, up to {most}: {reads} reads, {whole} snapshots without a loss");
        sum += reads;
    }
    println!("{sum} reads in {snapshots} snapshots");
}

/// The same, newest first: here even the number of lost records is known.
#[test]
fn snapshots_from_the_end_deliver_nothing_torn() {
    let (mut sum, mut snapshots, mut cut) = (0, 0, 0);
    for (ring, width, often, most) in rings() {
        let mut start = Place::new(produced(&ring), width);
        let lapped = Lapped::new(&ring, 200 + often, often, most);
        let tso = Tso::of(&lapped).unwrap();
        let reader = OverwriteReader::new(lapped, tso).unwrap();
        let mut index = [Default::default(); 40];
        let (mut buffer, mut reads) = ([0; 256], 0);
        while reads < LESS / 5 {
            reader.memory().write(3);
            let snapshot = reader.snapshot().unwrap();
            start.go_to(snapshot.position());
            let mut newest = snapshot.newest_first(&mut index).unwrap();
            let (indexed, left_out) = (newest.left() as u64, newest.left_out());
            let mut places = vec![start];
            while places[places.len() - 1].position != produced(&ring) {
                let next = places[places.len() - 1].next();
                places.push(next);
            }
            let place_of = |position| *places.iter().find(|p| p.position == position).unwrap();
            assert!(indexed <= 40 && (left_out == 0 || indexed == 40));
            let (mut last, mut lost) = (None, 0);
            loop {
                match newest.next_copy(&mut buffer).unwrap() {
                    NextCopy::Record(record) => {
                        let mut place = place_of(record.position);
                        assert!(last.is_none_or(|last| place.number < last), "the wrong order");
                        last = Some(place.number);
                        place.deliver(&record);
                    }
                    NextCopy::Lost(gap) => {
                        let mut place = place_of(gap.position);
                        let passed = place.go_to(gap.position.advance(gap.bytes, width));
                        assert_eq!(gap.records, Some(passed.all));
                        lost += passed.all;
                        cut += 1;
                    }
                    NextCopy::Empty => break,
                    NextCopy::Busy | NextCopy::TooSmall { .. } | _ => panic!("no such record"),
                }
                reads += 1;
            }
            let counts = newest.counts();
            assert_eq!(counts.delivered + counts.discarded + lost, indexed, "records");
            snapshots += 1;
        }
        sum += reads;
    }
    println!("{sum} reads in {snapshots} snapshots, {cut} cut short by the writer");
    assert!(cut > 100);
}

fn mask(width: Width) -> u64 {
    match width {
        Width::Bits32 => u32::MAX.into(),
        Width::Bits64 => u64::MAX,
    }
}
