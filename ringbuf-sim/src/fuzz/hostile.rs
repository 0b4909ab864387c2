//! Target `hostile`: a consumer over memory that answers anything.

use std::ops::ControlFlow::{Break, Continue};

use ringbuf_core::{Armed, Consumer, ConsumerMemory, Corrupt, Drained, Next, Position, Record};

use crate::hostile::{HostileMemory, Input, Load, Place};

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
            0..=6 => read(input, memory, consumer),
            7 | 8 => read_each(input, memory, consumer),
            9 => {
                let ready = consumer.arm() == Armed::Ready;
                assert!(!(ready && saw_busy(memory)), "ready, in front of a busy record");
                Ok(())
            }
            10 => {
                let found = consumer.peek();
                assert!(!(found && saw_busy(memory)), "found a busy record");
                Ok(())
            }
            11 => {
                let unread = consumer.has_unread();
                assert!(memory.loads.borrow().len() <= 1, "more than one look");
                assert!(!(unread && saw_busy(memory)), "a busy record is unread");
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

/// Whether the last load found a busy record.
fn saw_busy(memory: &HostileMemory) -> bool {
    let seen = memory.loads.borrow().last().copied();
    matches!(seen, Some(Load::Header(_, header)) if header.is_busy())
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
                end = in_order(memory, &record, from, end);
                assert!(end <= capacity, "{end} bytes in one batch of a ring of {capacity}");
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

/// Bytes of a window of `for_each`: so much it may read beyond its bound, and
/// one record more.
const WINDOW: u64 = 64 << 10;

/// One `for_each`, broken off or not.
fn read_each(input: &Input, memory: &HostileMemory, consumer: &mut Victim) -> Result<(), Corrupt> {
    let (from, capacity) = (consumer.position(), memory.capacity().bytes());
    let most = input.number();
    let (mut end, mut records) = (0, 0);
    // The end of the first record that begins at the bound or behind it.
    let mut bound = None;
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
    match result {
        Err(corrupt) => assert_eq!(corrupt.position, consumer.position()),
        Ok(Break(())) => assert_eq!((records, read), (most + 1, end)),
        Ok(Continue(Drained::Limit)) => assert!(read >= capacity, "a limit after {read} bytes"),
        Ok(Continue(Drained::Busy)) => assert!(saw_busy(memory), "no busy record"),
        Ok(Continue(Drained::Empty)) => {
            let seen = memory.loads.borrow().last().copied();
            assert_eq!(seen, Some(Load::Producer(consumer.position())));
        }
    }
    result.map(|_| ())
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

/// Once found corrupt, whatever is asked and whatever the memory says now.
fn for_ever(memory: &HostileMemory, consumer: &mut Victim, corrupt: Corrupt) {
    memory.forget();
    for _ in 0..2 {
        assert_eq!(consumer.batch().next().err(), Some(corrupt));
        assert_eq!(consumer.batch().within(8).next().err(), Some(corrupt));
        assert_eq!(consumer.lag(), Err(corrupt));
        assert_eq!(consumer.for_each(|_| Break(())).err(), Some(corrupt));
        assert_eq!(consumer.arm(), Armed::Ready);
        assert!(consumer.peek() && consumer.has_unread());
    }
    assert!(memory.loads.borrow().is_empty(), "it looks at what it knows to be corrupt");
}
