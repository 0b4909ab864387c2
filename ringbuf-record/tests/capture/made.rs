//! Captures that tests make, and blocks as text.

use std::io::Cursor;

use ringbuf_core::{Capacity, Observed, Position, Width};
use ringbuf_record::{
    Block, Compression, GapReason, Kind, NewRing, PositionSample, ReadError, Reader, Session,
    Writer,
};

pub(crate) fn at(value: u64) -> Position {
    Position::new(value, Width::Bits64)
}

pub(crate) fn ring(start: u64) -> NewRing {
    NewRing::new(57, "events", Capacity::new(65536, 4096).unwrap(), at(start))
}

pub(crate) fn session() -> Session {
    Session::here(Width::Bits64)
}

pub(crate) fn put(
    writer: &mut Writer<impl std::io::Write>,
    ring: u32,
    at: &mut u64,
    sample: &[u8],
) {
    let position = Position::new(*at, Width::Bits64);
    writer.put(ring, &Observed::Record { position, sample }).unwrap();
    *at += (sample.len() as u64 + 15) & !7;
}

/// A capture with blocks of every type: two rings, types, records, discarded ones, gaps,
/// positions.
pub(crate) fn every_type(compression: Compression) -> Vec<u8> {
    let mut writer = Writer::with_compression(Vec::new(), &session(), compression).unwrap();
    let btf = writer.add_btf(b"\x9f\xeb\x01types").unwrap();
    let mut second = ring(1 << 40);
    (second.btf, second.kind) = (Some(btf), Kind::UserRing);
    let rings = [writer.add_ring(&ring(0)).unwrap(), writer.add_ring(&second).unwrap()];
    let mut places = [0, 1 << 40];
    for number in 0..7_u64 {
        let now = number * 20_000_000;
        for (ring, place) in rings.into_iter().zip(&mut places) {
            put(&mut writer, ring, place, &[number as u8; 40]);
            put(&mut writer, ring, place, &vec![7; number as usize]);
            let (position, len) = (at(*place), ringbuf_core::SampleLen::new(number * 100).unwrap());
            writer.put(ring, &Observed::Discarded { position, len }).unwrap();
            *place += len.footprint();
            writer.caught_up(ring, now).unwrap();
            let (consumer, producer, pending_word) = (at(0), position, at(8));
            let sample = PositionSample { time_ns: now, consumer, producer, pending_word };
            writer.sample(ring, sample).unwrap();
        }
        if number % 3 == 2 {
            writer.gap(rings[0], 8 * number, GapReason::Lapped, now).unwrap();
            places[0] += 8 * number;
        }
    }
    writer.gap(rings[1], 64, GapReason::Busy, 1 << 40).unwrap();
    writer.finish().unwrap()
}

/// All blocks, as text with where each ends, and how the reading ended.
pub(crate) fn blocks(file: &[u8]) -> (Vec<(u64, String)>, Result<bool, ReadError>) {
    let mut found = Vec::new();
    let mut reader = match Reader::new(Cursor::new(file)) {
        Ok(reader) => reader,
        Err(error) => return (found, Err(error)),
    };
    loop {
        let text = match reader.next() {
            Ok(Some(Block::Data(data))) => {
                let entries: Vec<_> = data.entries().collect();
                format!("{data:?} {entries:?}")
            }
            Ok(Some(Block::Samples(samples))) => {
                format!("{} {:?}", samples.ring(), samples.collect::<Vec<_>>())
            }
            Ok(Some(block)) => format!("{block:?}"),
            Ok(None) => return (found, Ok(reader.is_complete())),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(None)), "after an error there is no more");
                return (found, Err(error));
            }
        };
        found.push((reader.offset(), text));
    }
}
