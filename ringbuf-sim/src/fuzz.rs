//! Bodies of the fuzz targets: each takes any bytes, and panics if something is
//! wrong. `fuzz/` calls them, and so does the test `corpus`, on any compiler.

use std::cell::{Cell, RefCell, RefMut};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Relaxed;

use ringbuf_core::{
    Armed, Consumer, ConsumerMemory, Corrupt, Header, Next, PageOffset, Position, ProducerMemory,
    Width,
};

use crate::hostile::{HostileMemory, Input, Load, Place};
use crate::oracle::{self, Op};
use crate::{DrainError, DrainHost, Flags, KernelConsumer, SimRing};

/// One target: its name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 4] =
    [("header", header), ("hostile", hostile), ("ops", ops), ("user_sample", user_sample)];

/// Any bytes as the content of a ring, parsed by core over mapped pages and by
/// a few plain lines: both find the same records, and the same end.
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

    let mut expected = plain(&words, produced);
    let batch = consumer.batch();
    let end = loop {
        match batch.next() {
            Ok(Next::Record(record)) => {
                let at = record.position().distance(start, Width::Bits64);
                assert_eq!(expected.next(), Some(Found::Record(at, record.len() as u64)));
                // Every byte is there to be read.
                std::hint::black_box(record.iter().fold(0_u8, |sum, byte| sum ^ byte));
            }
            Ok(Next::Busy) => break Found::Busy,
            Ok(Next::Empty) => break Found::Empty,
            Ok(Next::Limit) => panic!("no limit was set"),
            Err(_) => break Found::Corrupt,
        }
    };
    assert_eq!(expected.next(), Some(end));
    drop(batch);
    assert_eq!(consumer.arm() == Armed::Ready, end == Found::Corrupt);
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
fn plain(words: &[u32], produced: u64) -> impl Iterator<Item = Found> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            if produced % 8 != 0 || produced > 8 * words.len() as u64 {
                return Some(Found::Corrupt);
            }
            if at == produced {
                return Some(Found::Empty);
            }
            let word = words[(at / 8) as usize];
            let len = u64::from(word & 0x3fff_ffff);
            let next = at + (len + 8).next_multiple_of(8);
            if word >> 31 == 1 {
                return Some(Found::Busy);
            }
            if next > produced {
                return Some(Found::Corrupt);
            }
            let record = Found::Record(at, len);
            at = next;
            if word >> 30 == 0 {
                return Some(record);
            }
        }
    })
}

/// Any value in any shared word at each load: each call ends after a ring's
/// worth of loads, samples are bounded and in order, `Corrupt` is for ever.
pub fn hostile(data: &[u8]) {
    let input = Input::new(data);
    let memory = HostileMemory::new(&input).bounded();
    while !input.is_empty() {
        memory.forget();
        // SAFETY: C1: the last one is gone.
        match unsafe { Consumer::new(memory.clone()) } {
            Ok(mut consumer) => live(&input, &memory, &mut consumer),
            Err(corrupt) => {
                assert_eq!(corrupt.position, memory.published.get());
                // As if somebody had put it right.
                let mended = Position::new(input.number().wrapping_mul(8), memory.width());
                memory.published.set(mended);
            }
        }
    }
}

type Victim = Consumer<HostileMemory>;

/// A consumer, until it finds the ring corrupt or is restarted.
fn live(input: &Input, memory: &HostileMemory, consumer: &mut Victim) {
    while !input.is_empty() {
        memory.forget();
        let result = match input.byte() % 16 {
            0..=8 => read(input, memory, consumer),
            9..=11 => {
                let ready = consumer.arm() == Armed::Ready;
                let seen = memory.loads.borrow().last().copied();
                let busy = matches!(seen, Some(Load::Header(_, header)) if header.is_busy());
                assert!(!(ready && busy), "ready, in front of a busy record");
                Ok(())
            }
            12 => consumer.lag().map(|lag| assert!(lag <= memory.capacity().bytes())),
            13 => {
                consumer.publish();
                assert_eq!(memory.published.get(), consumer.position());
                Ok(())
            }
            14 => {
                consumer.release_after(input.number());
                Ok(())
            }
            _ => return,
        };
        if let Err(corrupt) = result {
            return for_ever(memory, consumer, corrupt);
        }
    }
}

/// One batch.
fn read(input: &Input, memory: &HostileMemory, consumer: &mut Victim) -> Result<(), Corrupt> {
    let (from, capacity, width) = (consumer.position(), memory.capacity().bytes(), memory.width());
    let (how, most) = (input.byte(), input.number());
    let batch = match how % 4 {
        0 => consumer.batch().at_most(most),
        1 => consumer.batch().within(most),
        _ => consumer.batch(),
    };
    let mut end = 0;
    let result = loop {
        memory.forget();
        match batch.next() {
            Ok(Next::Record(record)) => {
                let at = record.position().distance(from, width);
                assert!(at >= end && at % 8 == 0, "a record at {at}, the last ended at {end}");
                end = at + record.sample_len().footprint();
                assert!(end <= capacity, "{end} bytes in one batch of a ring of {capacity}");
                let Place { at, len } = *record;
                let offset = record.position().offset(memory.capacity());
                assert_eq!((at, len), (offset, record.sample_len()));
            }
            Ok(Next::Busy | Next::Empty | Next::Limit) => break Ok(()),
            Err(corrupt) => break Err(corrupt),
        }
        if how >= 0xf0 && batch.delivered() >= most {
            break Ok(());
        }
    };
    assert!(end <= batch.held() && batch.held() <= capacity, "{} bytes held", batch.held());
    if let Err(corrupt) = result {
        assert_eq!(corrupt.position, from.advance(batch.held(), width));
    }
    if how & 0x0c == 0x0c {
        batch.keep();
        assert_eq!(consumer.position(), from);
    }
    result
}

/// Once found corrupt, whatever is asked and whatever the memory says now.
fn for_ever(memory: &HostileMemory, consumer: &mut Victim, corrupt: Corrupt) {
    memory.forget();
    for _ in 0..2 {
        assert_eq!(consumer.batch().next().err(), Some(corrupt));
        assert_eq!(consumer.batch().within(8).next().err(), Some(corrupt));
        assert_eq!(consumer.lag(), Err(corrupt));
        assert_eq!(consumer.arm(), Armed::Ready);
    }
    assert!(memory.loads.borrow().is_empty(), "it looks at what it knows to be corrupt");
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

/// Any value in any shared word of a user ring: the drain checks in the
/// kernel's order, and answers what a few plain lines say of what it loaded.
pub fn user_sample(data: &[u8]) {
    let input = Input::new(data);
    let memory = HostileMemory::new(&input);
    let (capacity, width) = (memory.capacity().bytes(), memory.width());
    // The kernel's own word: nobody else stores it.
    let start = Position::new(memory.published.get().get() & !7, width);
    memory.published.set(start);
    let host = Drain { consumed: RefCell::new(start), notified: Cell::new(0) };
    // SAFETY: C1: it is the only one, and the position is the aligned one in
    // the memory.
    let kernel = unsafe { KernelConsumer::new(memory.clone(), host) };
    while !input.is_empty() {
        let flags = Flags([0, 0, 0, 1, 2, 3, 4, 8][usize::from(input.byte() % 8)]);
        let stop_after = input.number();
        let (from, notified) = (memory.published.get(), kernel.host().notified.get());
        let (mut log, mut places) = (Vec::new(), Vec::new());
        let result = kernel.drain(flags, |place| {
            log.append(&mut memory.loads.borrow_mut());
            places.push(place);
            let nested = kernel.drain(Flags::ADAPTIVE, |_| ControlFlow::Break(()));
            assert_eq!(nested, Err(DrainError::Busy));
            // Discarded ones, and what ends it, come without a call.
            if places.len() as u64 > stop_after { ControlFlow::Break(()) } else { CONTINUE }
        });
        log.append(&mut memory.loads.borrow_mut());
        let expected = drained(&log, from.get(), capacity, flags, stop_after);
        let to = Position::new(expected.consumed, width);
        assert_eq!(result.map_err(DrainError::errno), expected.result);
        assert_eq!((memory.published.get(), places.len() as u64), (to, expected.samples));
        assert_eq!(kernel.host().notified.get() - notified, u64::from(expected.notified));
    }
}

const CONTINUE: ControlFlow<()> = ControlFlow::Continue(());

/// The surroundings of a drain without threads.
struct Drain {
    consumed: RefCell<Position>,
    notified: Cell<u64>,
}

impl DrainHost for Drain {
    type Guard<'a> = RefMut<'a, Position>;

    fn try_busy(&self) -> Option<Self::Guard<'_>> {
        self.consumed.try_borrow_mut().ok()
    }

    fn notify(&self) {
        self.notified.set(self.notified.get() + 1);
    }
}

/// What a drain must do.
struct Drained {
    result: Result<u64, i64>,
    consumed: u64,
    samples: u64,
    notified: bool,
}

/// `bpf_user_ringbuf_drain` in plain numbers, given what it loaded.
fn drained(log: &[Load], from: u64, capacity: u64, flags: Flags, stop_after: u64) -> Drained {
    let mut end = Drained { result: Ok(0), consumed: from, samples: 0, notified: false };
    if flags.0 > 3 {
        return Drained { result: Err(-22), ..end };
    }
    let mut loads = log.iter();
    let mut seen = 0;
    end.result = loop {
        let Some(Load::Producer(producer)) = loads.next() else { panic!("{log:?}") };
        let producer = producer.get();
        if producer % 8 != 0 {
            break Err(-22);
        }
        if end.consumed >= producer {
            break Ok(end.samples);
        }
        let Some(Load::Header(_, header)) = loads.next() else { panic!("{log:?}") };
        let word = u64::from(header.to_bits());
        let len = word & 0x3fff_ffff;
        let footprint = (len + 8).next_multiple_of(8);
        if footprint > producer - end.consumed {
            break Err(-22);
        }
        if footprint > capacity || len >= 1 << 24 {
            break Err(-7);
        }
        if word >> 30 == 2 {
            break Ok(end.samples);
        }
        end.consumed += footprint;
        seen += 1;
        if word >> 30 == 0 {
            end.samples += 1;
            if end.samples > stop_after {
                break Ok(end.samples);
            }
        }
    };
    assert_eq!(loads.next(), None, "it loads on");
    end.notified = flags.0 >= 2 || (flags.0 == 0 && seen > 0);
    end
}

fn page_size() -> u64 {
    // SAFETY: asks for a constant of the system.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}
