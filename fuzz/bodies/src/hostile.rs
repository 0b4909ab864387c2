//! Target `hostile`: a consumer over memory that returns any value.

use std::ops::ControlFlow::{Break, Continue};

use ringbuf_core::{
    Armed, Consumer, Corrupt, CorruptReason, Drained, Next, Position, Record, RingMemory,
};

use crate::memory::{HostileMemory, Input, Load, Place};

/// Runs a consumer with any value in any shared word at each load. Sometimes the
/// ring belongs to another process. Each call must end after the loads of about one
/// ring. Samples must be bounded and in order, and `Corrupt` must stay.
pub fn hostile(data: &[u8]) {
    let input = Input::new(data);
    let memory = HostileMemory::new(&input).bounded();
    while !input.is_empty() {
        memory.forget();
        memory.lies.borrow_mut().clear();
        // SAFETY: C1: the last consumer is gone.
        match unsafe { Consumer::new(memory.clone()) } {
            Ok(consumer) => {
                let mut victim = Victim { consumer, holds_back: false };
                live(&input, &memory, &mut victim);
                memory.forget();
            }
            Err(corrupt) => {
                assert_eq!(corrupt.position, memory.published.get());
                has_reason(&memory, corrupt);
                // As if somebody had repaired it.
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

/// Runs a consumer until it finds the ring corrupt or is restarted.
fn live(input: &Input, memory: &HostileMemory, victim: &mut Victim) {
    while !input.is_empty() {
        memory.forget();
        memory.calm();
        let foreign = memory.is_foreign();
        let result = one(input, memory, victim);
        assert!(!foreign || !memory.lent.get(), "lends bytes of another process's ring");
        match result {
            Err(Corrupt { reason: CorruptReason::Forked, .. }) => {
                assert!(memory.denied.get(), "the ring never belonged to another process");
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

/// Makes one call, or restarts. Returns true if the consumer lives on.
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
            assert!(!(ready && busy), "ready, but the next record is busy");
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

/// Publishes. Everything must be stored, or nothing if the ring belongs to another
/// process.
fn publish(memory: &HostileMemory, consumer: &mut Consumer<HostileMemory>) -> Result<(), Corrupt> {
    let before = memory.published.get();
    consumer.publish();
    let to = if memory.denied.get() { before } else { consumer.position() };
    assert_eq!(memory.published.get(), to);
    let moved = memory.loads.borrow().iter().any(|load| *load != Load::Stored(before));
    assert!(!moved || consumer.lag().is_err(), "a second consumer is not reported");
    if moved { consumer.lag().map(drop) } else { Ok(()) }
}

/// Checks the bytes that a batch or a drain leaves unpublished.
fn given_back(memory: &HostileMemory, victim: &Victim) {
    let most = if victim.holds_back { memory.capacity().bytes() / 8 } else { 0 };
    let held = victim.consumer.unpublished();
    assert!(memory.denied.get() || held <= most, "{held} bytes held back");
}

/// Returns the last load of the ring itself.
fn last_seen(memory: &HostileMemory) -> Option<Load> {
    let loads = memory.loads.borrow();
    loads.iter().copied().rev().find(|load| !matches!(load, Load::Stored(_)))
}

/// Returns the last load at the consumer's position. Later loads may walk again
/// over the records held back.
fn last_seen_here(memory: &HostileMemory, position: Position) -> Option<Load> {
    let here = position.offset(memory.capacity());
    let loads = memory.loads.borrow();
    loads.iter().copied().rev().find(|load| match load {
        Load::Stored(_) => false,
        Load::Header(at, _) => *at == here,
        Load::Producer(_) => true,
    })
}

/// Returns true if that load was a busy record.
fn saw_busy(memory: &HostileMemory, position: Position) -> bool {
    matches!(last_seen_here(memory, position), Some(Load::Header(_, header)) if header.is_busy())
}

/// Reads one batch, and drops, rewinds or finishes it.
fn read(input: &Input, memory: &HostileMemory, victim: &mut Victim) -> Result<(), Corrupt> {
    let consumer = &mut victim.consumer;
    let (from, capacity, width) = (consumer.position(), memory.capacity().bytes(), memory.width());
    let (how, most) = (input.byte(), input.number());
    // Records read one by one go back with this batch, if any batch does.
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
    if how & 0xf0 == 0xe0 {
        let delivered = batch.delivered();
        assert_eq!((batch.put_back(), batch.put_back()), (delivered != 0, false));
        let after = (batch.delivered(), batch.held_bytes());
        if delivered == 0 {
            // Discarded records stay skipped.
            assert_eq!(after, (0, held));
        } else {
            assert!(after.0 == delivered - 1 && after.1 + 8 <= held, "{after:?} of {held}");
        }
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
            assert!(!(ready && busy), "ready, but the next record is busy");
            let asleep = !ready && !memory.denied.get();
            assert!(!asleep || consumer.unpublished() == 0, "asleep with bytes held back");
        }
        _ => drop(batch),
    }
    given_back(memory, victim);
    result
}

/// Reads some records, one by one.
fn read_singly(input: &Input, memory: &HostileMemory, victim: &mut Victim) -> Result<(), Corrupt> {
    let Victim { consumer, holds_back } = victim;
    for _ in 0..=input.number().min(64) {
        let from = consumer.position();
        memory.forget();
        let found = match consumer.next_record() {
            Ok(Some(record)) => in_order(memory, &record, from, 0),
            Ok(None) => {
                assert!(*holds_back || memory.armed.get(), "the end was reported without arming");
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

/// The bytes of a window of `for_each`. It may read this much and one record beyond
/// its limit.
const WINDOW: u64 = 128 << 10;

/// Runs one `for_each`, with or without a break.
fn read_each(input: &Input, memory: &HostileMemory, victim: &mut Victim) -> Result<(), Corrupt> {
    let Victim { consumer, holds_back } = victim;
    let (from, capacity) = (consumer.position(), memory.capacity().bytes());
    let most = input.number();
    let (mut end, mut records) = (0, 0);
    // The end of the first record that begins at or behind the limit.
    let mut bound = None;
    // Discarded records cause no call, up to the limit and a window beyond.
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
    assert!(
        !at_the_end || *holds_back || memory.armed.get(),
        "the end was reported without arming"
    );
    let here = last_seen_here(memory, consumer.position());
    let busy = saw_busy(memory, consumer.position());
    match result {
        Err(corrupt) => assert_eq!(corrupt.position, consumer.position()),
        Ok(Break(())) => assert_eq!((records, read), (most + 1, end)),
        Ok(Continue(Drained::Limit)) => assert!(read >= capacity, "a limit after {read} bytes"),
        Ok(Continue(Drained::Busy)) => assert!(busy, "no busy record"),
        Ok(Continue(_)) => {
            let empty = here == Some(Load::Producer(consumer.position()));
            // A record may have been reserved between the end and the look of
            // `arm`.
            assert!(empty || !*holds_back && busy, "not at the end");
        }
    }
    result.map(drop)
}

/// Returns the end of a record. The record must start at or after `end`, the end of
/// the last one.
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

/// `ConsumerMoved` may be reported only if the memory returned such a position.
fn has_reason(memory: &HostileMemory, corrupt: Corrupt) {
    if let CorruptReason::ConsumerMoved { found, .. } = corrupt.reason {
        assert!(memory.lies.borrow().contains(&found), "the memory never returned {found}");
    }
}

/// Checks that a corrupt ring stays corrupt, for every call and every content of
/// the memory.
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
        assert_eq!(last_seen(memory), None, "it reads a ring that it knows to be corrupt");
    }
}
