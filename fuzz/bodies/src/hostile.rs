//! Target `hostile`: a consumer over memory that answers anything.

use std::ops::ControlFlow::{Break, Continue};

use ringbuf_core::{
    Armed, Consumer, Corrupt, CorruptReason, Drained, Next, Position, Record, RingMemory,
};

use crate::memory::{HostileMemory, Input, Load, Place};

/// Any value in any shared word at each load, and now and then a ring that is
/// another's: each call ends after a ring's worth of loads, samples are bounded
/// and in order, `Corrupt` stays.
pub fn hostile(data: &[u8]) {
    let input = Input::new(data);
    let memory = HostileMemory::new(&input).bounded();
    while !input.is_empty() {
        memory.forget();
        memory.lies.borrow_mut().clear();
        // SAFETY: C1: the last one is gone.
        match unsafe { Consumer::new(memory.clone()) } {
            Ok(consumer) => {
                let mut victim = Victim { consumer, holds_back: false };
                live(&input, &memory, &mut victim);
                memory.forget();
            }
            Err(corrupt) => {
                assert_eq!(corrupt.position, memory.published.get());
                has_reason(&memory, corrupt);
                // As if somebody had put it right.
                let mended = Position::new(input.number().wrapping_mul(8), memory.width());
                memory.published.set(mended);
            }
        }
    }
}

struct Victim {
    consumer: Consumer<HostileMemory>,
    holds_back: bool,
}

/// A consumer, until it finds the ring corrupt or is restarted.
fn live(input: &Input, memory: &HostileMemory, victim: &mut Victim) {
    while !input.is_empty() {
        memory.forget();
        memory.calm();
        let foreign = memory.is_foreign();
        let result = one(input, memory, victim);
        assert!(!foreign || !memory.lent.get(), "lends what is another's");
        match result {
            Err(Corrupt { reason: CorruptReason::Forked, .. }) => {
                assert!(memory.denied.get(), "nobody said that the ring is another's");
            }
            Err(corrupt) => {
                has_reason(memory, corrupt);
                return stays(memory, &mut victim.consumer, corrupt);
            }
            Ok(true) => {}
            Ok(false) => return,
        }
    }
}

/// One call, or a restart: whether the consumer lives on.
fn one(input: &Input, memory: &HostileMemory, victim: &mut Victim) -> Result<bool, Corrupt> {
    let kind = input.byte() % 16;
    let consumer = &mut victim.consumer;
    match kind {
        0..=4 => read(input, memory, victim)?,
        5 => memory.fork(input.byte().into(), input.byte().into()),
        6 => read_singly(input, memory, victim)?,
        7 | 8 => {
            let result = read_each(input, memory, victim);
            given_back(memory, victim);
            result?;
        }
        9 => {
            let ready = consumer.arm() == Armed::Ready;
            let busy = saw_busy(memory, consumer.position());
            assert!(!(ready && busy), "ready, in front of a busy record");
        }
        10 => {
            let found = consumer.is_ready();
            assert!(!(found && saw_busy(memory, consumer.position())), "found a busy record");
        }
        11 => {
            let ready = consumer.known_ready();
            assert!(memory.loads.borrow().len() <= 1, "more than one look");
            assert!(
                !(ready && saw_busy(memory, consumer.position())),
                "a busy record is known to be ready"
            );
        }
        12 => {
            let lag = consumer.lag()?;
            assert!(lag < memory.capacity().bytes(), "{lag} bytes behind");
        }
        13 => publish(memory, consumer)?,
        14 => match input.number() {
            0 => {
                consumer.release_at_once();
                victim.holds_back = false;
            }
            portion => {
                consumer.hold_back(portion);
                victim.holds_back = true;
            }
        },
        _ => return Ok(false),
    }
    Ok(true)
}

/// All is stored, or nothing if the ring is another's.
fn publish(memory: &HostileMemory, consumer: &mut Consumer<HostileMemory>) -> Result<(), Corrupt> {
    let before = memory.published.get();
    consumer.publish();
    let to = if memory.denied.get() { before } else { consumer.position() };
    assert_eq!(memory.published.get(), to);
    let moved = memory.loads.borrow().iter().any(|load| *load != Load::Stored(before));
    assert!(!moved || consumer.lag().is_err(), "a second consumer is not reported");
    if moved { consumer.lag().map(drop) } else { Ok(()) }
}

/// What a batch or a drain leaves unpublished.
fn given_back(memory: &HostileMemory, victim: &Victim) {
    let most = if victim.holds_back { memory.capacity().bytes() / 8 } else { 0 };
    let held = victim.consumer.unpublished();
    assert!(memory.denied.get() || held <= most, "{held} bytes held back");
}

/// The last thing seen of the ring itself.
fn last_seen(memory: &HostileMemory) -> Option<Load> {
    let loads = memory.loads.borrow();
    loads.iter().copied().rev().find(|load| !matches!(load, Load::Stored(_)))
}

/// The last thing seen of the ring where the consumer stands. What is held back is
/// walked again after that.
fn last_seen_here(memory: &HostileMemory, position: Position) -> Option<Load> {
    let here = position.offset(memory.capacity());
    let loads = memory.loads.borrow();
    loads.iter().copied().rev().find(|load| match load {
        Load::Stored(_) => false,
        Load::Header(at, _) => *at == here,
        Load::Producer(_) => true,
    })
}

/// Whether that was a busy record.
fn saw_busy(memory: &HostileMemory, position: Position) -> bool {
    matches!(last_seen_here(memory, position), Some(Load::Header(_, header)) if header.is_busy())
}

/// One batch: dropped, rewound or finished.
fn read(input: &Input, memory: &HostileMemory, victim: &mut Victim) -> Result<(), Corrupt> {
    let consumer = &mut victim.consumer;
    let (from, capacity, width) = (consumer.position(), memory.capacity().bytes(), memory.width());
    let (how, most) = (input.byte(), input.number());
    // What was lent one by one goes back with this batch, if with any.
    let before = consumer.unpublished();
    let batch = match how % 4 {
        0 => consumer.batch().max_records(most),
        1 => consumer.batch().max_bytes(most),
        _ => consumer.batch(),
    };
    let mut end = 0;
    let result = loop {
        memory.forget();
        match batch.next() {
            Ok(Next::Record(record)) => {
                end = in_order(memory, &record, from, end);
                assert!(end <= capacity, "{end} bytes in one batch of a ring of {capacity}");
            }
            Ok(_) => break Ok(()),
            Err(corrupt) => break Err(corrupt),
        }
        if how >= 0xf0 && batch.delivered() >= most {
            break Ok(());
        }
    };
    let held = batch.held_bytes();
    assert!(end <= held && before + held < capacity, "{before} and {held} bytes held");
    if let Err(corrupt) = result {
        assert_eq!(corrupt.position, from.advance(held, width));
    }
    memory.forget();
    match how & 0x0c {
        0x0c => {
            batch.rewind();
            assert_eq!((consumer.position(), consumer.unpublished()), (from, before));
            return result;
        }
        0x08 => {
            let ready = batch.finish() == Armed::Ready;
            let busy = saw_busy(memory, consumer.position());
            assert!(!(ready && busy), "ready, in front of a busy record");
            let asleep = !ready && !memory.denied.get();
            assert!(!asleep || consumer.unpublished() == 0, "asleep on what is held back");
        }
        _ => drop(batch),
    }
    given_back(memory, victim);
    result
}

/// Some records one by one.
fn read_singly(input: &Input, memory: &HostileMemory, victim: &mut Victim) -> Result<(), Corrupt> {
    let Victim { consumer, holds_back } = victim;
    for _ in 0..=input.number().min(64) {
        let from = consumer.position();
        memory.forget();
        let found = match consumer.next_record() {
            Ok(Some(record)) => in_order(memory, &record, from, 0),
            Ok(None) => {
                assert!(*holds_back || memory.armed.get(), "the end without arming");
                return Ok(());
            }
            Err(corrupt) => {
                assert_eq!(corrupt.position, consumer.position());
                return Err(corrupt);
            }
        };
        assert_eq!(consumer.position(), from.advance(found, memory.width()));
    }
    Ok(())
}

/// Bytes of a window of `for_each`: so much it may read beyond its bound, and
/// one record more.
const WINDOW: u64 = 128 << 10;

/// One `for_each`, broken off or not.
fn read_each(input: &Input, memory: &HostileMemory, victim: &mut Victim) -> Result<(), Corrupt> {
    let Victim { consumer, holds_back } = victim;
    let (from, capacity) = (consumer.position(), memory.capacity().bytes());
    let most = input.number();
    let (mut end, mut records) = (0, 0);
    // The end of the first record that begins at the bound or behind it.
    let mut bound = None;
    // Discarded records come without a call, up to the bound and a window beyond.
    memory.forget_for(2);
    let result = consumer.for_each(|record| {
        end = in_order(memory, &record, from, end);
        let begin = end - record.sample_len().footprint();
        if begin >= capacity {
            let first = *bound.get_or_insert(end);
            assert!(end - first <= WINDOW, "a record up to {end} in a ring of {capacity}");
        }
        memory.forget_for(2);
        records += 1;
        if records > most { Break(()) } else { Continue(()) }
    });
    let read = consumer.position().distance(from, memory.width());
    assert!(end <= read && read < 2 * capacity, "{read} bytes read in a ring of {capacity}");
    let at_the_end = matches!(result, Ok(Continue(Drained::Busy | Drained::Empty)));
    assert!(!at_the_end || *holds_back || memory.armed.get(), "the end without arming");
    let here = last_seen_here(memory, consumer.position());
    let busy = saw_busy(memory, consumer.position());
    match result {
        Err(corrupt) => assert_eq!(corrupt.position, consumer.position()),
        Ok(Break(())) => assert_eq!((records, read), (most + 1, end)),
        Ok(Continue(Drained::Limit)) => assert!(read >= capacity, "a limit after {read} bytes"),
        Ok(Continue(Drained::Busy)) => assert!(busy, "no busy record"),
        Ok(Continue(_)) => {
            let empty = here == Some(Load::Producer(consumer.position()));
            // Between the end and the look of `arm` one may have been reserved.
            assert!(empty || !*holds_back && busy, "not at the end");
        }
    }
    result.map(drop)
}

/// The end of a record, which comes behind the `end` of the last one.
fn in_order(
    memory: &HostileMemory,
    record: &Record<'_, HostileMemory>,
    from: Position,
    end: u64,
) -> u64 {
    let at = record.position().distance(from, memory.width());
    assert!(at >= end && at % 8 == 0, "a record at {at}, the last ended at {end}");
    let offset = record.position().offset(memory.capacity());
    let Place { at: place, len } = **record;
    assert_eq!((place, len), (offset, record.sample_len()));
    at + len.footprint()
}

/// A consumer that was moved is reported only if the memory said so.
fn has_reason(memory: &HostileMemory, corrupt: Corrupt) {
    if let CorruptReason::ConsumerMoved { found, .. } = corrupt.reason {
        assert!(memory.lies.borrow().contains(&found), "nobody said {found}");
    }
}

/// Once found corrupt, whatever is asked and whatever the memory says now.
fn stays(memory: &HostileMemory, consumer: &mut Consumer<HostileMemory>, corrupt: Corrupt) {
    for _ in 0..2 {
        memory.forget_for(2);
        assert_eq!(consumer.batch().next().err(), Some(corrupt));
        assert_eq!(consumer.batch().max_bytes(8).next().err(), Some(corrupt));
        assert_eq!(consumer.lag(), Err(corrupt));
        assert_eq!(consumer.for_each(|_| Break(())).err(), Some(corrupt));
        assert_eq!(consumer.next_record().err(), Some(corrupt));
        assert_eq!(consumer.arm(), Armed::Ready);
        assert!(consumer.is_ready() && consumer.known_ready());
        assert_eq!(last_seen(memory), None, "it looks at what it knows to be corrupt");
    }
}
