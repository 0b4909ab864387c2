//! Target `capture`: reads any bytes as a capture, and any blocks with right checksums.

use std::io::Cursor;

use ringbuf_core::Observed;
use ringbuf_record::{Block, Index, Reader, SimReplay};

/// No block of the input is longer.
const LIMIT: u64 = 1 << 20;
/// Larger rings are not replayed: they would take long to make.
const LARGEST_RING: u64 = 1 << 16;
/// The header of a file of version 1.0.
const HEADER: [u8; 12] = *b"\x89RBCAP\r\n\x01\0\0\0";

/// Reads bytes as they are, or blocks of which only types and bodies are from the input: a
/// checksum would hide everything behind it from the fuzzer.
pub fn capture(data: &[u8]) {
    match data.split_first() {
        Some((0, file)) => read(file),
        Some((_, blocks)) => read(&sealed(blocks)),
        None => {}
    }
}

/// A file with right checksums. Each block of the input: a type, two bytes of length, a body.
fn sealed(mut input: &[u8]) -> Vec<u8> {
    let mut file = HEADER.to_vec();
    file.extend(crc32fast::hash(&HEADER).to_le_bytes());
    while let [kind, low, high, rest @ ..] = input {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (body, after) = rest.split_at(len);
        let mut block = [u32::from(*kind), len as u32, 0].map(u32::to_le_bytes).concat();
        let mut padded = body.to_vec();
        padded.resize(len.next_multiple_of(8), 0);
        let crc = crc32fast::hash(&[&block[..], &padded].concat());
        block.extend(crc.to_le_bytes());
        block.extend(padded);
        file.extend(block);
        input = after;
    }
    file
}

fn read(file: &[u8]) {
    let index = Index::load(&mut Cursor::new(file));
    let Ok(reader) = Reader::new(file) else {
        assert!(index.is_err(), "an index of what cannot be read");
        return;
    };
    let mut reader = reader.limit(LIMIT);
    let (mut session, mut rings) = (None, Vec::new());
    loop {
        let before = reader.offset();
        match reader.next() {
            Ok(Some(Block::Session(it))) => session = Some(it),
            Ok(Some(Block::Ring(header))) => {
                let session = session.as_ref().expect("the session is first");
                let small = header.ring.capacity.bytes() <= LARGEST_RING && rings.len() < 2;
                rings.push(small.then(|| SimReplay::new(session, &header.ring).ok()).flatten());
            }
            Ok(Some(Block::Data(data))) => {
                let mut count = 0;
                for (position, entry) in data.entries() {
                    count += 1;
                    if let Some(Some(replay)) = rings.get_mut(data.ring as usize) {
                        put(replay, &entry);
                    }
                    assert!(position.is_aligned());
                }
                assert_eq!(count, data.records);
            }
            Ok(Some(Block::Gap(gap))) => {
                if let Some(Some(replay)) = rings.get_mut(gap.ring as usize) {
                    // A gap of half of all positions would take for ever.
                    let far = gap.bytes > 16 * LARGEST_RING;
                    while !far && matches!(replay.pass(&gap), Ok(false)) {
                        drain(replay);
                    }
                }
            }
            Ok(Some(Block::Samples(samples))) => assert!(samples.count() <= file.len() / 32),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
        assert!(reader.offset() > before && reader.offset() <= file.len() as u64);
    }
    assert!(matches!(reader.next(), Ok(None)), "an end is an end");
}

/// As a user does it: if the ring is full, the consumer makes room.
fn put(replay: &mut SimReplay, entry: &Observed<'_>) {
    let before = replay.position();
    match replay.put(entry) {
        Ok(true) => {}
        Ok(false) => {
            drain(replay);
            assert_eq!(replay.put(entry), Ok(true), "an empty ring has room");
        }
        Err(_) => assert_eq!(replay.position(), before),
    }
}

fn drain(replay: &SimReplay) {
    let mut consumer = replay.ring().consumer().expect("the only one");
    consumer.drain(|_| ()).expect("a sound ring");
    consumer.publish();
}
