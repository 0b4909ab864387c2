//! Errors: a disk that is full, wrong calls, files from elsewhere.

use std::io::{self, Write};

use ringbuf_core::Observed;
use ringbuf_record::{Block, GapReason, PositionSample, ReadError, Reader, WriteError, Writer};

use crate::made::{at, blocks, put, ring, session};

/// A disk with so many bytes left.
#[derive(Debug)]
struct Disk {
    file: Vec<u8>,
    left: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.left);
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.left -= taken;
        self.file.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_with_what_was_kept() {
    let mut kept_some = false;
    for left in (300..5000).step_by(7) {
        let disk = Disk { file: Vec::new(), left };
        let mut writer = Writer::new(disk, &session()).unwrap();
        let number = match writer.add_ring(&ring(0)) {
            Ok(number) => number,
            Err(error) => {
                assert!(matches!(error, WriteError::Full { .. }));
                continue;
            }
        };
        let (mut place, mut error) = (0, None);
        for time in 0.. {
            put(&mut writer, number, &mut place, &[7; 100]);
            if let Err(full) = writer.caught_up(number, time * 20_000_000) {
                error = Some(full);
                break;
            }
        }
        let error = error.unwrap();
        let WriteError::Full { kept, .. } = error else { panic!("{error}") };
        assert_eq!(error.kept(), Some(kept));
        assert!(error.to_string().contains(&format!("first {kept} bytes are whole")));
        assert_eq!(writer.written(), kept);
        // Nothing is written behind it, even if there is room again.
        let again = writer.flush(u64::MAX);
        assert!(matches!(again, Ok(()) | Err(WriteError::Failed { .. })));
        put(&mut writer, number, &mut place, b"more");
        assert!(matches!(writer.flush(u64::MAX), Err(WriteError::Failed { .. })));
        let file = writer.into_inner().file;
        assert_eq!(file.len(), left);
        let (got, end) = blocks(&file[..kept as usize]);
        assert!(!end.unwrap(), "whole blocks, without an end");
        kept_some |= got.len() > 5;
        assert_eq!(blocks(&file).0, got);
    }
    assert!(kept_some);
}

#[test]
fn wrong_calls_are_refused() {
    let mut writer = Writer::new(Vec::new(), &session()).unwrap();
    let wrong = writer.add_ring(&ring(4));
    assert!(matches!(wrong, Err(WriteError::Misaligned { value: 4, .. })));
    let mut typed = ring(0);
    typed.btf = Some(1);
    assert!(matches!(writer.add_ring(&typed), Err(WriteError::UnknownBtf { btf: 1 })));
    let number = writer.add_ring(&ring(4096)).unwrap();
    let record = Observed::Record { position: at(4104), sample: b"" };
    let error = writer.put(number, &record).unwrap_err();
    assert!(matches!(error, WriteError::Misplaced { .. }) && error.kept().is_none());
    assert!(error.to_string().contains("begins at 0x1000, and this one at 0x1008"), "{error}");
    assert!(matches!(writer.put(1, &record), Err(WriteError::UnknownRing { ring: 1 })));
    assert!(matches!(writer.caught_up(1, 0), Err(WriteError::UnknownRing { ring: 1 })));
    let gap = writer.gap(number, 9, GapReason::Lapped, 0);
    assert!(matches!(gap, Err(WriteError::Misaligned { value: 9, .. })));
    // None of these ends it.
    writer.gap(number, 8, GapReason::Lapped, 0).unwrap();
    writer.put(number, &record).unwrap();
    let (all, end) = blocks(&writer.finish().unwrap());
    assert!(end.unwrap() && all.len() == 5, "{all:#?}");
}

/// A block as a newer version may write it.
pub(crate) fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut block = [kind, body.len() as u32, 0].map(u32::to_le_bytes).concat();
    let mut padded = body.to_vec();
    padded.resize(body.len().next_multiple_of(8), 0);
    let crc = crc32fast::hash(&[&block[..], &padded].concat());
    block.extend_from_slice(&crc.to_le_bytes());
    block.extend_from_slice(&padded);
    block
}

fn begin() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &session()).unwrap();
    writer.add_ring(&ring(0)).unwrap();
    writer.into_inner()
}

#[test]
fn unknown_blocks_are_skipped() {
    let file = [begin(), block(77, b"new"), block(u32::MAX, b"")].concat();
    let mut reader = Reader::new(&file[..]).unwrap();
    let mut count = 0;
    while reader.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!((count, reader.skipped()), (2, 2));
}

#[test]
fn impossible_blocks_are_refused() {
    let gap = |ring: u32, from: u64, to: u64| {
        let words = [ring, 1].map(u32::to_le_bytes).concat();
        [words, [from, to, 0, 0].map(u64::to_le_bytes).concat()].concat()
    };
    let data = |records: u32, end: u64, codec: u32, len: u32, entries: &[u8]| {
        let words = [0, records].map(u32::to_le_bytes).concat();
        let places = [0, end, 0, 0].map(u64::to_le_bytes).concat();
        [words, places, [codec, len].map(u32::to_le_bytes).concat(), entries.to_vec()].concat()
    };
    let record = [[8, 0, 0, 0, 0, 0, 0, 0], [7; 8]].concat();
    let busy = [[8, 0, 0, 0x80, 0, 0, 0, 0], [7; 8]].concat();
    let good = [begin(), block(4, &data(1, 16, 0, 16, &record)), block(5, &gap(0, 16, 32))];
    assert!(blocks(&good.concat()).1.is_ok());
    for (kind, body, text) in [
        (1, vec![], "the session is not the first block"),
        (2, vec![0; 4], "it is not a ring"),
        (3, vec![0; 8], "the number of types does not follow"),
        (4, vec![0; 47], "too short"),
        (4, data(1, 16, 0, 17, &record), "plain length"),
        (4, data(1, 24, 0, 16, &record), "records are not as stated"),
        (4, data(2, 16, 0, 16, &record), "records are not as stated"),
        (4, data(1, 16, 0, 12, &record[..12]), "a record is not complete"),
        (4, data(1, 16, 0, 16, &busy), "a record is not complete"),
        (4, data(1, 16, 9, 16, &record), "compression is unknown"),
        (4, data(1, 16, 256, 16, &record), "compression is unknown"),
        (4, data(1, 16, 1, 16, &record), "compressed bytes are damaged"),
        (5, gap(1, 0, 8), "of a ring that is not before it"),
        (5, gap(0, 8, 16), "does not begin where the last block of its ring ended"),
        (5, gap(0, 0, 9), "it is not a gap"),
        (6, vec![0, 0, 0, 0, 2, 0, 0, 0], "no positions of a ring"),
        (8, vec![0; 8], "it is not an end"),
    ] {
        let file = [begin(), block(kind, &body)].concat();
        let (got, end) = blocks(&file);
        let error = end.unwrap_err();
        assert!(matches!(error, ReadError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}, not {text}");
        assert_eq!(got.len(), 2);
    }
    let empty = [&begin()[..16], &block(2, b"")].concat();
    assert!(matches!(blocks(&empty).1, Err(ReadError::Malformed { offset: 16, .. })));
}

#[test]
fn a_block_above_the_limit_is_refused_before_it_is_read() {
    let long = block(99, &[0; 1000]);
    let file = [begin(), long].concat();
    let read = |limit| {
        let mut reader = Reader::new(&file[..]).unwrap().limit(limit);
        loop {
            match reader.next() {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };
    assert!(read(1000).is_ok());
    assert!(matches!(read(999), Err(ReadError::TooLong { bytes: 1000, limit: 999, .. })));
    // It says 4 GiB, and has nothing: no memory is taken for that.
    let mut header = block(4, b"");
    header[4..8].fill(0xff);
    let file = [begin(), header].concat();
    let mut reader = Reader::new(&file[..]).unwrap().limit(u64::MAX);
    while let Ok(Some(Block::Session(_) | Block::Ring(_))) = reader.next() {}
    let mut reader = Reader::new(&file[..]).unwrap();
    let error = loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it is not whole"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::TooLong { .. }), "{error}");
}

/// A compressed block that would become larger than it says.
#[test]
fn compressed_bytes_are_as_long_as_stated() {
    let entries = [8_u32, 0, 7, 7].map(u32::to_le_bytes).concat();
    for (plain, good) in [(entries.clone(), true), (vec![0; 10 << 20], false), (vec![0; 8], false)]
    {
        let packed = zstd::bulk::compress(&plain, 1).unwrap();
        let words = [0, 1].map(u32::to_le_bytes).concat();
        let places = [0, 16, 0, 0].map(u64::to_le_bytes).concat();
        let body = [words, places, [1, 16].map(u32::to_le_bytes).concat(), packed].concat();
        let (_, end) = blocks(&[begin(), block(4, &body)].concat());
        assert_eq!(end.is_ok(), good, "{end:?}");
    }
}

#[test]
fn other_files_are_not_captures() {
    for text in ["", "hello", "\u{89}RBCAP\r\n 12345678", "a text of more than sixteen bytes"] {
        let error = Reader::new(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ReadError::NotACapture), "{error}");
    }
}

#[test]
fn totals_after_an_error_are_those_of_the_file() {
    let disk = Disk { file: Vec::new(), left: 4096 };
    let mut writer = Writer::new(disk, &session()).unwrap();
    let ring = writer.add_ring(&ring(0)).unwrap();
    let mut place = 0;
    put(&mut writer, ring, &mut place, &[1; 1024]);
    writer.flush(7).unwrap();
    put(&mut writer, ring, &mut place, &[1; 8192]);
    assert_eq!(writer.totals()[0].records, 2, "it is not written yet");
    writer.flush(8).unwrap_err();
    let totals = writer.totals()[0];
    assert_eq!((totals.records, totals.sample_bytes, totals.end.get()), (1, 1024, 1032));
}

#[test]
fn a_crash_costs_a_second_of_positions() {
    let mut writer = Writer::new(Vec::new(), &session()).unwrap();
    let ring = writer.add_ring(&ring(0)).unwrap();
    let mut blocks = Vec::new();
    for tenth in 0..21 {
        let time_ns = 1_000_000_000 + tenth * 100_000_000;
        let before = writer.written();
        let (consumer, producer, pending_word) = (at(0), at(0), at(0));
        let sample = PositionSample { time_ns, consumer, producer, pending_word };
        writer.sample(ring, sample).unwrap();
        if writer.written() > before {
            blocks.push(tenth);
        }
    }
    assert_eq!(blocks, [0, 9, 18]);
}
