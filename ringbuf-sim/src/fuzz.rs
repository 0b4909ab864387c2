//! Bodies of the fuzz targets: each takes any bytes, and panics if something is
//! wrong. `fuzz/` calls them, and so does the test `corpus`, on any compiler.

mod hostile;
mod user;

use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::Ordering::Relaxed;

use ringbuf_core::{
    Armed, Consumer, Drained, Header, Next, PageOffset, Position, ProducerMemory, Record, Width,
};

pub use crate::fuzz::hostile::hostile;
pub use crate::fuzz::user::user_sample;

use crate::hostile::Input;
use crate::oracle::{self, Op};
use crate::{SimMemory, SimRing};

/// One target: its name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 4] =
    [("header", header), ("hostile", hostile), ("ops", ops), ("user_sample", user_sample)];

/// Any bytes as the content of a ring, parsed by core over mapped pages, by batch
/// and by callback, and by a few plain lines: all find the same records, and the
/// same end.
pub fn header(data: &[u8]) {
    let input = Input::new(data);
    let (start, produced) = (input.number().wrapping_mul(8), input.number());
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
        // Length, flags: six bits of them all that a short record needs.
        let (len, flags) = (input.number() as u32, u32::from(input.byte() >> 6) << 30);
        let at = start.advance(8 * number, Width::Bits64).offset(memory.capacity());
        let word = len & !Header::DISCARD_BIT & !Header::BUSY_BIT | flags;
        words[number as usize] = word;
        // SAFETY: nothing reads, nor did anything reserve, while this thread
        // writes.
        unsafe { memory.write_header(at, Header::from_bits(word), PageOffset::NONE) };
    }
    // Mostly such as a kernel would store.
    let produced = if produced % 8 == 7 { produced } else { produced.wrapping_mul(8) };
    // SAFETY: nothing else has this ring, and no sample is lent out.
    unsafe { memory.store_producer_pos(start.advance(produced, Width::Bits64), Relaxed) };

    let expected = plain(&words, produced);
    assert_eq!(by_batch(&mut consumer), expected);
    let corrupt = expected.last() == Some(&Found::Corrupt);
    assert!(!corrupt || consumer.arm() == Armed::Ready);
    drop(consumer);
    // A new one, for which nothing is corrupt yet.
    match ring.consumer() {
        Ok(mut consumer) => {
            assert_eq!(by_callback(&mut consumer), expected);
            assert_eq!(consumer.arm() == Armed::Ready, corrupt);
        }
        Err(_) => assert_eq!(expected, [Found::Corrupt]),
    }
}

/// All that one batch finds; it is kept, so that it can be found again.
fn by_batch(consumer: &mut Consumer<SimMemory>) -> Vec<Found> {
    let start = consumer.position();
    let (batch, mut found) = (consumer.batch(), Vec::new());
    let end = loop {
        match batch.next() {
            Ok(Next::Record(record)) => found.push(record_at(start, &record)),
            Ok(Next::Busy) => break Found::Busy,
            Ok(Next::Empty) => break Found::Empty,
            Ok(Next::Limit) => panic!("no limit was set"),
            Err(_) => break Found::Corrupt,
        }
    };
    batch.keep();
    found.push(end);
    found
}

/// All that one `for_each` finds.
fn by_callback(consumer: &mut Consumer<SimMemory>) -> Vec<Found> {
    let (start, mut found) = (consumer.position(), Vec::new());
    let end = consumer.for_each(|record| {
        found.push(record_at(start, &record));
        Continue::<()>(())
    });
    found.push(match end {
        Ok(Continue(Drained::Busy)) => Found::Busy,
        Ok(Continue(Drained::Empty)) => Found::Empty,
        Ok(Continue(Drained::Limit)) => {
            // It has read a whole ring: nothing is left.
            assert!(!consumer.peek());
            Found::Empty
        }
        Ok(Break(())) => panic!("nobody broke it off"),
        Err(_) => Found::Corrupt,
    });
    found
}

fn record_at(start: Position, record: &Record<'_, SimMemory>) -> Found {
    // Every byte is there to be read.
    std::hint::black_box(record.iter().fold(0_u8, |sum, byte| sum ^ byte));
    Found::Record(record.position().distance(start, Width::Bits64), record.len() as u64)
}

/// What stands in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Where, and how long.
    Record(u64, u64),
    Busy,
    Empty,
    Corrupt,
}

/// The records of `words`, one for each eight bytes, up to `produced`; and the
/// end.
fn plain(words: &[u32], produced: u64) -> Vec<Found> {
    let (mut at, mut found) = (0, Vec::new());
    let end = loop {
        if produced % 8 != 0 || produced > 8 * words.len() as u64 {
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

/// A list of operations, on the ring and on the model.
pub fn ops(data: &[u8]) {
    let input = Input::new(data);
    let capacity = page_size() << (input.byte() % 3);
    let (width, start) = (input.width(), input.number().wrapping_neg());
    let mut list = Vec::new();
    while !input.is_empty() && list.len() < 500 {
        list.push(op(&input, capacity));
    }
    if let Err(wrong) = oracle::run(width, start, capacity, &list) {
        panic!("{wrong}\n{width:?}, from {start}, {capacity} bytes: {list:?}");
    }
}

fn op(input: &Input, capacity: u64) -> Op {
    let kind = input.byte();
    // The high bits say which flags, where there are some.
    let flags = [0, 0, 1, 2, 3, 4, 6, 1 << 32][usize::from(kind >> 5)];
    let number = || input.number();
    match kind % 16 {
        0..=2 => Op::Reserve { len: number() },
        3 | 4 => Op::Submit { which: input.byte().into(), flags },
        5 => Op::Discard { which: input.byte().into(), flags },
        6 | 7 => Op::Output { len: number() % (capacity + 64), flags },
        8 if kind >> 5 & 1 == 1 => Op::ForEach { records: number() },
        8 => Op::Read { records: number() },
        9 => Op::AtMost { records: number() },
        10 => Op::ReadBytes { bytes: number() },
        11 => Op::Keep { records: number() },
        12 => Op::ReleaseAfter { bytes: number() },
        13 => Op::Arm,
        14 => [Op::Publish, Op::Lag][usize::from(kind >> 5) % 2],
        _ => [Op::Query, Op::Restart][usize::from(kind >> 5) % 2],
    }
}

fn page_size() -> u64 {
    // SAFETY: asks for a constant of the system.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}
