//! Target `header`: reads any bytes as the content of a ring.

use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::Ordering::Relaxed;

use ringbuf_core::{
    Armed, Consumer, Drained, Header, Next, PageOffset, Position, ProducerMemory, Record,
    RingMemory, Width,
};
use ringbuf_sim::{SimMemory, SimRing};

use crate::memory::Input;
use crate::page_size;

/// Reads any bytes as the content of a ring, over mapped pages. Core reads them as
/// a batch, and with a callback or one by one. A few lines of plain code read them,
/// too. All must find the same records and the same end.
pub fn header(data: &[u8]) {
    let input = Input::new(data);
    let (start, produced) = (input.number(), input.number());
    let how = start % 4;
    let start = start.wrapping_mul(8);
    let capacity = page_size();
    let Ok(ring) = SimRing::started_at(capacity, Width::Bits64, start) else { return };
    let Ok(mut consumer) = ring.consumer() else { return };
    let memory = ring.producer_memory();
    let start = consumer.position();
    let mut words = vec![0_u32; (capacity / 8) as usize];
    for number in 0..capacity / 8 {
        if input.is_empty() {
            break;
        }
        // Length and flags. A short record needs only six bits of them.
        let (len, flags) = (input.number() as u32, u32::from(input.byte() >> 6) << 30);
        let at = start.advance(8 * number, Width::Bits64).offset(memory.capacity());
        let word = len & !Header::DISCARD_BIT & !Header::BUSY_BIT | flags;
        words[number as usize] = word;
        // SAFETY: nothing reads or reserves while this thread writes.
        unsafe { memory.write_header(at, Header::from_bits(word), PageOffset::NONE) };
    }
    // Most values are like those of a kernel.
    let produced = if produced % 8 == 5 { produced } else { produced.wrapping_mul(8) };
    // SAFETY: nothing else has this ring, and no sample is lent.
    unsafe { memory.store_producer_pos(start.advance(produced, Width::Bits64), Relaxed) };

    let expected = plain(&words, produced);
    assert_eq!(by_batch(&mut consumer), expected);
    let corrupt = expected.last() == Some(&Found::Corrupt);
    assert!(!corrupt || consumer.arm() == Armed::Ready);
    drop(consumer);
    // A new consumer, which has not seen an error yet.
    match ring.consumer() {
        Ok(mut consumer) => {
            let read = [by_callback, by_callback, by_drain, singly][how as usize];
            assert_eq!(read(&mut consumer), expected);
            assert!(corrupt || consumer.unpublished() == 0);
            assert_eq!(consumer.arm() == Armed::Ready, corrupt);
        }
        Err(_) => assert_eq!(expected, [Found::Corrupt]),
    }
}

/// Returns everything that one batch finds. Rewinds it, so that it can be read
/// again.
fn by_batch(consumer: &mut Consumer<SimMemory>) -> Vec<Found> {
    let start = consumer.position();
    let (batch, mut found) = (consumer.batch(), Vec::new());
    let end = loop {
        match batch.next() {
            Ok(Next::Record(record)) => found.push(record_at(start, &record)),
            Ok(Next::Busy) => break Found::Busy,
            Ok(Next::Empty) => break Found::Empty,
            Ok(other) => panic!("{other:?}, though no limit was set"),
            Err(_) => break Found::Corrupt,
        }
    };
    batch.rewind();
    // Reads the same with the iterator, unless the ring is corrupt.
    let batch = consumer.batch();
    let mut records = batch.records();
    let mut again = Vec::new();
    while let Some(Ok(record)) = records.next() {
        again.push(record_at(start, &record));
    }
    assert!(records.next().is_none(), "a record behind the end");
    drop(records);
    assert!(if end == Found::Corrupt { again.is_empty() } else { again == found });
    batch.rewind();
    found.push(end);
    found
}

/// Returns everything that one `for_each` finds.
fn by_callback(consumer: &mut Consumer<SimMemory>) -> Vec<Found> {
    let (start, mut found) = (consumer.position(), Vec::new());
    let end = consumer.for_each(|record| {
        found.push(record_at(start, &record));
        Continue::<()>(())
    });
    found.push(match end {
        Ok(Continue(Drained::Busy)) => Found::Busy,
        Ok(Continue(Drained::Empty)) => Found::Empty,
        Ok(Continue(other)) => panic!("{other:?}, of less than a ring"),
        Ok(Break(())) => panic!("nobody broke it off"),
        Err(_) => Found::Corrupt,
    });
    found
}

/// Returns everything that one `drain` finds.
fn by_drain(consumer: &mut Consumer<SimMemory>) -> Vec<Found> {
    let (start, mut found) = (consumer.position(), Vec::new());
    let end = consumer.drain(|record| found.push(record_at(start, &record)));
    found.push(match end {
        Ok(Drained::Busy) => Found::Busy,
        Ok(Drained::Empty) => Found::Empty,
        Ok(other) => panic!("{other:?}, of less than a ring"),
        Err(_) => Found::Corrupt,
    });
    found
}

/// Returns everything that [`Consumer::next_record`] finds.
fn singly(consumer: &mut Consumer<SimMemory>) -> Vec<Found> {
    let (start, mut found) = (consumer.position(), Vec::new());
    let corrupt = loop {
        match consumer.next_record() {
            Ok(Some(record)) => found.push(record_at(start, &record)),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    // The call does not say why it ended; the lag does.
    found.push(match consumer.lag() {
        _ if corrupt => Found::Corrupt,
        Ok(0) => Found::Empty,
        _ => Found::Busy,
    });
    found
}

fn record_at(start: Position, record: &Record<'_, SimMemory>) -> Found {
    // Every byte must be readable.
    std::hint::black_box(record.iter().fold(0_u8, |sum, byte| sum ^ byte));
    Found::Record(record.position().distance(start, Width::Bits64), record.len() as u64)
}

/// An entry of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Its offset and its length.
    Record(u64, u64),
    Busy,
    Empty,
    Corrupt,
}

/// Returns the records of `words` up to `produced`, and the end. Each word stands
/// for eight bytes.
fn plain(words: &[u32], produced: u64) -> Vec<Found> {
    let (mut at, mut found) = (0, Vec::new());
    let end = loop {
        // The kernel never lets anybody fill the last eight bytes.
        if produced % 8 != 0 || produced > 8 * words.len() as u64 - 8 {
            break Found::Corrupt;
        }
        if at == produced {
            break Found::Empty;
        }
        let word = words[(at / 8) as usize];
        let len = u64::from(word & 0x3fff_ffff);
        let next = at + (len + 8).next_multiple_of(8);
        if word >> 31 == 1 {
            break Found::Busy;
        }
        if next > produced {
            break Found::Corrupt;
        }
        if word >> 30 == 0 {
            found.push(Found::Record(at, len));
        }
        at = next;
    };
    found.push(end);
    found
}
