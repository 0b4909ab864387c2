//! Target `ops`: performs any list of operations on the ring and on the model.

use crate::memory::Input;
use crate::oracle::{self, Op};
use crate::page_size;

/// Performs a list of operations on the ring and on the model.
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
    // The high bits select the flags, or one of a few operations.
    let flags = [0, 0, 1, 2, 3, 4, 6, 1 << 32][usize::from(kind >> 5)];
    let other = kind >> 5 & 1 == 1;
    let number = || input.number();
    match kind % 16 {
        0..=2 => Op::Reserve { len: number() },
        3 | 4 => Op::Submit { which: input.byte().into(), flags },
        5 => Op::Discard { which: input.byte().into(), flags },
        6 | 7 => Op::Output { len: number() % (capacity + 64), flags },
        8 if other => Op::ForEach { records: number() },
        8 => Op::Read { records: number() },
        9 if other => Op::Finish { records: number() },
        9 => Op::AtMost { records: number() },
        10 if other => Op::Within { records: number(), bytes: number() },
        10 => Op::ReadBytes { bytes: number() },
        11 if kind >= 0xe0 => Op::ReadInto { len: number(), records: number() },
        11 if kind >= 0xc0 => Op::PutBack { records: number(), limit: number() },
        11 if other => Op::NextRecord { records: number() },
        11 => Op::Keep { records: number() },
        12 if other => Op::ReleaseAtOnce,
        12 => Op::HoldBack { portion: number() },
        13 if other => Op::IsReady { looks: number() },
        13 => Op::Arm,
        14 => [Op::Publish, Op::Lag][usize::from(other)],
        _ => [Op::Query, Op::Restart][usize::from(other)],
    }
}
