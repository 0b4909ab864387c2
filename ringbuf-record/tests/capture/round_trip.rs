//! What is written is read, and the index finds it.

use std::io::Cursor;

use proptest::prelude::*;
use ringbuf_core::{Observed, SampleLen};
use ringbuf_record::{Block, Compression, GapReason, Index, Reader, Writer};

use crate::made::{at, blocks, every_type, put, ring, session};

/// A step, without its position.
#[derive(Clone, Debug)]
enum Step {
    Record(Vec<u8>),
    Discarded(u32),
    Gap(u64),
    CaughtUp(u64),
    Copied(u64),
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Step::Record),
        1 => (0..10_000_u32).prop_map(Step::Discarded),
        1 => (0..10_000_u64).prop_map(|words| Step::Gap(8 * words)),
        2 => (0..30_000_000_u64).prop_map(Step::CaughtUp),
        2 => (0..30_000_000_u64).prop_map(Step::Copied),
        1 => Just(Step::Flush),
    ]
}

proptest! {
    #[test]
    fn every_step_is_read_as_it_was_written(
        steps in prop::collection::vec((0..2_u32, step()), 0..60),
        compressed in any::<bool>(),
    ) {
        let compression = if compressed { Compression::Zstd } else { Compression::None };
        let mut writer = Writer::with_compression(Vec::new(), &session(), compression).unwrap();
        let mut places = [0, u64::MAX - 1023];
        for place in places {
            writer.add_ring(&ring(place)).unwrap();
        }
        let (mut written, mut now) = ([Vec::new(), Vec::new()], 1);
        for (number, step) in &steps {
            let place = &mut places[*number as usize];
            let list = &mut written[*number as usize];
            let position = at(*place);
            match step {
                Step::Record(sample) => {
                    writer.put(*number, &Observed::Record { position, sample }).unwrap();
                    list.push((*place, format!("record {sample:?}")));
                    *place = place.wrapping_add((sample.len() as u64 + 15) & !7);
                }
                Step::Discarded(len) => {
                    let len = SampleLen::new(u64::from(*len)).unwrap();
                    writer.put(*number, &Observed::Discarded { position, len }).unwrap();
                    list.push((*place, format!("discarded {}", len.get())));
                    *place = place.wrapping_add(len.footprint());
                }
                Step::Gap(0) => writer.gap(*number, 0, GapReason::Lapped, now).unwrap(),
                Step::Gap(bytes) => {
                    writer.gap(*number, *bytes, GapReason::Lapped, now).unwrap();
                    list.push((*place, format!("gap {bytes}")));
                    *place = place.wrapping_add(*bytes);
                }
                Step::CaughtUp(time) => {
                    now += time;
                    writer.caught_up(*number, now).unwrap();
                }
                Step::Copied(time) => {
                    now += time;
                    writer.copied(*number, now).unwrap();
                }
                Step::Flush => writer.flush(now).unwrap(),
            }
        }
        let totals = writer.totals();
        let file = writer.finish().unwrap();
        let mut read = [Vec::new(), Vec::new()];
        let mut reader = Reader::new(&file[..]).unwrap();
        while let Some(block) = reader.next().unwrap() {
            match block {
                Block::Data(data) => {
                    prop_assert!(data.since <= data.until);
                    for (position, entry) in data.entries() {
                        let text = match entry {
                            Observed::Record { sample, .. } => format!("record {sample:?}"),
                            Observed::Discarded { len, .. } => format!("discarded {}", len.get()),
                            other => panic!("{other:?}"),
                        };
                        read[data.ring as usize].push((position.get(), text));
                    }
                }
                Block::Gap(gap) => {
                    prop_assert_eq!(gap.to.get().wrapping_sub(gap.from.get()), gap.bytes);
                    read[gap.ring as usize].push((gap.from.get(), format!("gap {}", gap.bytes)));
                }
                Block::End(end) => prop_assert_eq!(&end.rings, &totals),
                _ => {}
            }
        }
        prop_assert!(reader.is_complete());
        prop_assert_eq!(&read, &written);
        for (totals, list) in totals.iter().zip(&written) {
            let count = |what| list.iter().filter(|(_, text)| text.starts_with(what)).count() as u64;
            prop_assert_eq!((totals.records, totals.discarded), (count("record"), count("disc")));
        }
    }
}

#[test]
fn times_bound_when_records_came() {
    let mut writer = Writer::new(Vec::new(), &session()).unwrap();
    let number = writer.add_ring(&ring(0)).unwrap();
    let mut place = 0;
    put(&mut writer, number, &mut place, b"before the first look");
    writer.caught_up(number, 100_000_000).unwrap();
    put(&mut writer, number, &mut place, b"a");
    writer.caught_up(number, 101_000_000).unwrap();
    put(&mut writer, number, &mut place, b"b, in the same block");
    // Nothing comes, and the block is closed.
    writer.caught_up(number, 112_000_000).unwrap();
    put(&mut writer, number, &mut place, b"c");
    writer.copied(number, 150_000_000).unwrap();
    put(&mut writer, number, &mut place, b"d, may be as old as c");
    writer.caught_up(number, 151_000_000).unwrap();
    writer.flush(160_000_000).unwrap();
    let file = writer.into_inner();
    let mut reader = Reader::new(&file[..]).unwrap();
    let mut times = Vec::new();
    while let Some(block) = reader.next().unwrap() {
        if let Block::Data(data) = block {
            times.push((data.since / 1_000_000, data.until / 1_000_000, data.records));
        }
    }
    assert_eq!(times, [(0, 100, 1), (100, 112, 2), (112, 150, 1), (112, 151, 1)]);
    assert!(!reader.is_complete());
}

#[test]
fn the_index_says_where_each_block_is() {
    for compression in [Compression::None, Compression::Zstd] {
        let file = every_type(compression);
        check_index(&file);
    }
    // More than one index block.
    let mut writer = Writer::new(Vec::new(), &session()).unwrap();
    let number = writer.add_ring(&ring(0)).unwrap();
    let mut place = 0;
    for time in 0..10_000 {
        put(&mut writer, number, &mut place, b"x");
        writer.caught_up(number, time * 20_000_000).unwrap();
    }
    assert!(check_index(&writer.finish().unwrap()) >= 9_999);
}

fn check_index(file: &[u8]) -> usize {
    let index = Index::load(&mut Cursor::new(file)).unwrap().expect("it is whole");
    let mut reader = Reader::new(file).unwrap();
    let (mut before, mut found) = (reader.offset(), Vec::new());
    while let Some(block) = reader.next().unwrap() {
        match block {
            Block::Data(data) => found.push((data.first, data.until, data.ring, false)),
            Block::Gap(gap) => found.push((gap.from, gap.until, gap.ring, true)),
            Block::End(end) => assert_eq!(end, index.end),
            _ => {}
        }
        before = before.max(reader.offset());
    }
    let entries: Vec<_> =
        index.entries.iter().map(|e| (e.first, e.until, e.ring, e.is_gap)).collect();
    assert_eq!(entries, found);
    // Each offset is that of a block of its type.
    for entry in &index.entries {
        let kind = &file[entry.offset as usize..][..4];
        assert_eq!(kind, if entry.is_gap { [5, 0, 0, 0] } else { [4, 0, 0, 0] });
    }
    // Without its end there is none.
    for cut in [1, 8, 100, file.len() - 30, file.len() - 1] {
        let rest = &file[..file.len() - cut];
        assert!(!matches!(Index::load(&mut Cursor::new(rest)), Ok(Some(_))), "{cut}");
    }
    found.len()
}

#[test]
fn compression_makes_it_smaller_and_changes_nothing() {
    let [plain, packed] = [Compression::None, Compression::Zstd].map(|compression| {
        let mut writer = Writer::with_compression(Vec::new(), &session(), compression).unwrap();
        let number = writer.add_ring(&ring(0)).unwrap();
        let mut place = 0;
        for byte in 0..200 {
            put(&mut writer, number, &mut place, &[byte; 100]);
        }
        writer.flush(7).unwrap();
        writer.into_inner()
    });
    assert!(packed.len() < plain.len() / 4, "{} of {}", packed.len(), plain.len());
    let data = |file| blocks(file).0.pop().unwrap().1;
    assert_eq!(data(&plain).split_once(" [").unwrap().1, data(&packed).split_once(" [").unwrap().1);
}
