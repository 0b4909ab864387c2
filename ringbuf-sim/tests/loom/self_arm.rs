//! A consumer without a policy, in its own event loop. It reads to the end and
//! blocks, without a call of `arm`: reading arms.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use loom::thread;
use ringbuf_core::{Armed, Consumer, Drained, Next, WaitHost, WakeCause};

use crate::backing::{Shared, Variant};
use crate::explore::Model;
use crate::models::{Open, Ring, read, submit};
use crate::views::ConsumerView;

/// Reads everything available. Returns true if it must read on before it blocks.
type Reader = fn(&mut Consumer<ConsumerView>, &mut Vec<Vec<u64>>) -> bool;

/// The source of the second record.
type Arrival = fn(&Arc<Ring>) -> Box<dyn FnOnce()>;

macro_rules! self_arm {
    ($($model:ident $name:literal $floor:literal $reader:ident $arrival:ident)*) => {
        $(pub(crate) const $model: Model = Model {
            name: $name,
            outcomes: &["all read", "woken, all read", "asleep, notified"],
            floor: $floor,
            execution: |variant| read_and_block(variant, $reader, $arrival),
        };)*
    };
}
self_arm! {
    SELF_ARM_EACH "self_arm_each" 100 by_callback reserved_late
    SELF_ARM_EACH_BUSY "self_arm_each_busy" 40 by_callback reserved_early
    SELF_ARM_NEXT "self_arm_next" 100 one_by_one reserved_late
    SELF_ARM_NEXT_BUSY "self_arm_next_busy" 40 one_by_one reserved_early
    SELF_ARM_BATCH "self_arm_batch" 70 in_a_batch reserved_late
    SELF_ARM_BATCH_BUSY "self_arm_batch_busy" 28 in_a_batch reserved_early
}

fn by_callback(consumer: &mut Consumer<ConsumerView>, seen: &mut Vec<Vec<u64>>) -> bool {
    let end = consumer.for_each(|record| {
        seen.push(read(&record));
        ControlFlow::<()>::Continue(())
    });
    match end.unwrap() {
        ControlFlow::Continue(Drained::Empty | Drained::Busy) => false,
        other => panic!("{other:?} after a record or two"),
    }
}

fn one_by_one(consumer: &mut Consumer<ConsumerView>, seen: &mut Vec<Vec<u64>>) -> bool {
    while let Some(record) = consumer.next_record().unwrap() {
        seen.push(read(&record));
    }
    false
}

fn in_a_batch(consumer: &mut Consumer<ConsumerView>, seen: &mut Vec<Vec<u64>>) -> bool {
    let batch = consumer.batch();
    while let Next::Record(record) = batch.next().unwrap() {
        seen.push(read(&record));
    }
    batch.finish() == Armed::Ready
}

/// The record is reserved and committed while the consumer reads.
fn reserved_late(kernel: &Arc<Ring>) -> Box<dyn FnOnce()> {
    let kernel = kernel.clone();
    Box::new(move || assert!(submit(&kernel, &[2])))
}

/// The record is reserved before: only its commit races.
fn reserved_early(kernel: &Arc<Ring>) -> Box<dyn FnOnce()> {
    let open = Open::reserve(kernel, 1);
    Box::new(move || open.submit(&[2]))
}

/// One record exists, another arrives. A block sleeps only without a notification
/// since the last wakeup. If a record is unread then, it must have a notification.
fn read_and_block(variant: Variant, reader: Reader, arrival: Arrival) -> &'static str {
    let shared = Shared::new(64, variant);
    let kernel = shared.kernel_ring();
    assert!(submit(&kernel, &[1]));
    let mut consumer = shared.consumer();
    consumer.memory().forget();
    let arrives = arrival(&kernel);
    let thread = thread::spawn(arrives);
    let (mut seen, mut woken) = (Vec::new(), false);
    loop {
        if reader(&mut consumer, &mut seen) {
            continue;
        }
        match consumer.memory().block(Duration::MAX) {
            Ok(cause) => assert_eq!(cause, WakeCause::Notified),
            Err(_) => break,
        }
        woken = true;
    }
    thread.join().unwrap();
    let before_sleep = seen.len();
    let is_woken = consumer.memory().is_woken();
    while reader(&mut consumer, &mut seen) {}
    assert_eq!(seen, [[1], [2]]);
    if before_sleep < seen.len() {
        assert!(is_woken, "lost wakeup");
        return "asleep, notified";
    }
    if woken { "woken, all read" } else { "all read" }
}
