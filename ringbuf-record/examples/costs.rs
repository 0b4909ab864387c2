//! What a record costs to write into a capture, and to read again, as it is and compressed.
//! `cargo run --release -p ringbuf-record --example costs`.

use std::error::Error;
use std::time::Instant;

use ringbuf_core::{Capacity, Observed, Position, Width};
use ringbuf_record::{Block, Compression, NewRing, Reader, Session, Writer};

const RECORDS: u64 = 1_000_000;
const RUNS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    println!("{RECORDS} records, medians of {RUNS} runs: ns to write, ns to read, bytes each");
    for compression in [Compression::None, Compression::Zstd] {
        for len in [64, 256] {
            let (mut written, mut read, mut bytes) = (Vec::new(), Vec::new(), 0);
            for _ in 0..RUNS {
                let begin = Instant::now();
                let file = write(len, compression)?;
                written.push(begin.elapsed().as_nanos() / u128::from(RECORDS));
                let begin = Instant::now();
                assert_eq!(count(&file)?, RECORDS);
                read.push(begin.elapsed().as_nanos() / u128::from(RECORDS));
                bytes = file.len() as u64 / RECORDS;
            }
            written.sort_unstable();
            read.sort_unstable();
            let [write, read] = [written[RUNS / 2], read[RUNS / 2]];
            println!("{compression:?}, samples of {len} bytes: {write} {read} {bytes}");
        }
    }
    Ok(())
}

/// As `ringbuf record` writes: it says every 1024 records when it has copied them.
fn write(len: usize, compression: Compression) -> Result<Vec<u8>, Box<dyn Error>> {
    let session = Session::here(Width::Bits64);
    let mut writer = Writer::with_compression(Vec::new(), &session, compression)?;
    let (mut position, mut sample) = (Position::new(0, Width::Bits64), vec![0; len]);
    let ring =
        writer.add_ring(&NewRing::new(57, "events", Capacity::new(1 << 20, 8)?, position))?;
    for number in 0..RECORDS {
        sample[..8].copy_from_slice(&(number * 3333).to_le_bytes());
        writer.put(ring, &Observed::Record { position, sample: &sample })?;
        position = position.advance((len as u64 + 15) & !7, Width::Bits64);
        if number % 1024 == 1023 {
            writer.copied(ring, number * 3333)?;
        }
    }
    Ok(writer.finish()?)
}

fn count(file: &[u8]) -> Result<u64, Box<dyn Error>> {
    let (mut reader, mut records) = (Reader::new(file)?, 0);
    while let Some(block) = reader.next()? {
        records += if let Block::Data(data) = block { data.entries().count() as u64 } else { 0 };
    }
    Ok(records)
}
