//! The models of an observer: core's inspector beside the consumer and the simulated kernel,
//! unchanged, on three threads.
//!
//! An observer reads bytes while a producer writes over them. So samples are loom's atomics
//! here, too, and a header is overwritten by a sample that covers it, as in real memory.
//!
//! One edge is assumed: a producer that has seen a consumer position, or has stored the
//! producer position, writes its bytes `Release`. In the kernel these stores are plain. The
//! acquire load of the consumer position orders them on every known machine, but not in the
//! languages' memory models. The producer position orders them on x86; elsewhere the tap
//! keeps a margin (docs/proofs.md, `litmus/aarch64/inspect-*.litmus`).

use std::sync::Arc;
use std::sync::atomic::Ordering::{self, Relaxed};

use loom::thread;
use ringbuf_core::{
    Capacity, Header, InspectMemory, Inspector, Observed, Offset, Pending, Position, Tap, Width,
};

use crate::backing::{Shared, Variant};
use crate::explore::Model;
use crate::models::{drain, submit};
use crate::weaken::Site;

/// The record that is there first.
const FIRST: [u64; 2] = [7, 7];
/// The record that writes over it. Its first word is where the header of the first one was,
/// and looks like it.
const OVER: [u64; 2] = [16, 9];
/// The same, and its first word looks like a busy header.
const OVER_BUSY: [u64; 2] = [(1 << 31) | 16, 9];

/// Positions while a record is produced and consumed.
pub(crate) const INSPECT_LOOK: Model = Model {
    name: "inspect_look",
    outcomes: &["empty", "one record"],
    floor: 30,
    execution: |variant| {
        let shared = Shared::observed(32, variant);
        let kernel = shared.kernel_ring();
        let producer = thread::spawn(move || assert!(submit(&kernel, &[7])));
        let consumed = shared.clone();
        let consumer = thread::spawn(move || drain(&mut consumed.consumer()));
        let fill = inspector(&shared).look().fill();
        producer.join().unwrap();
        consumer.join().unwrap();
        match fill {
            Ok(0) => "empty",
            Ok(16) => "one record",
            other => panic!("torn look: {other:?}"),
        }
    },
};

/// A copy of a record that is being produced.
pub(crate) const INSPECT_FRESH: Model = Model {
    name: "inspect_fresh",
    outcomes: &["empty", "busy", "record"],
    floor: 15,
    execution: |variant| {
        let shared = Shared::observed(32, variant);
        let kernel = shared.kernel_ring();
        let producer = thread::spawn(move || assert!(submit(&kernel, &FIRST)));
        let inspector = inspector(&shared);
        let outcome = match step(&mut inspector.pending().expect("torn look")) {
            Seen::End => "empty",
            Seen::Busy => "busy",
            Seen::Record(words) => {
                assert_eq!(words, FIRST, "torn copy");
                "record"
            }
            other => panic!("torn copy: {other:?}"),
        };
        producer.join().unwrap();
        outcome
    },
};

/// A copy of a record that is consumed and written over meanwhile.
pub(crate) const INSPECT_PENDING: Model = Model {
    name: "inspect_pending",
    outcomes: &["nothing", "missed", "first", "over", "over, busy"],
    floor: 200,
    execution: |variant| overwritten(variant, OVER, step_of_pending),
};

/// The same, and the new bytes look like another header.
pub(crate) const INSPECT_HEADER: Model = Model {
    name: "inspect_header",
    outcomes: &["nothing", "missed", "first", "over", "over, busy"],
    floor: 200,
    execution: |variant| overwritten(variant, OVER_BUSY, step_of_pending),
};

/// The tap copies a record that is consumed and written over meanwhile.
pub(crate) const INSPECT_TAP: Model = Model {
    name: "inspect_tap",
    outcomes: &["missed", "first"],
    floor: 200,
    execution: |variant| overwritten(variant, OVER, step_of_tap),
};

/// The same, and the new bytes look like another header.
pub(crate) const INSPECT_TAP_HEADER: Model = Model {
    name: "inspect_tap_header",
    outcomes: &["missed", "first"],
    floor: 200,
    execution: |variant| overwritten(variant, OVER_BUSY, step_of_tap),
};

/// What an observer saw first.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Record([u64; 2]),
    Busy,
    Missed,
    End,
    Other,
}

/// The first record is there. One thread consumes it, another writes over it, the observer
/// copies it. Returns what it copied.
fn overwritten(
    variant: Variant,
    over: [u64; 2],
    observe: fn(&Inspector<InspectView>) -> (u64, Seen),
) -> &'static str {
    let shared = Shared::observed(32, variant);
    let kernel = shared.kernel_ring();
    assert!(submit(&kernel, &FIRST));
    let producer = thread::spawn(move || submit(&kernel, &over));
    let consumed = shared.clone();
    let consumer = thread::spawn(move || {
        let mut consumer = consumed.consumer();
        let _ = consumer.next_record().unwrap();
        consumer.publish();
    });
    let (from, seen) = observe(&inspector(&shared));
    producer.join().unwrap();
    consumer.join().unwrap();
    match (from, seen) {
        (_, Seen::End) => "nothing",
        (_, Seen::Missed) => "missed",
        (0, Seen::Record(words)) => {
            assert_eq!(words, FIRST, "torn copy");
            "first"
        }
        (24, Seen::Record(words)) => {
            assert_eq!(words, over, "torn copy");
            "over"
        }
        (24, Seen::Busy) => "over, busy",
        other => panic!("torn copy: {other:?}"),
    }
}

fn step_of_pending(inspector: &Inspector<InspectView>) -> (u64, Seen) {
    let mut pending = inspector.pending().expect("torn look");
    let from = inspector.memory().shared.since_start(pending.position());
    (from, step(&mut pending))
}

/// The tap began before the threads did.
fn step_of_tap(inspector: &Inspector<InspectView>) -> (u64, Seen) {
    let mut tap = Tap::at(inspector.memory().shared.start);
    // It looks first. Without these loads, loom 0.7 explores hardly anything here.
    inspector.look().fill().expect("torn look");
    let mut buffer = [0; 16];
    let step =
        tap.next(inspector, &mut buffer).unwrap_or_else(|error| panic!("torn copy: {error}"));
    (0, seen(step))
}

fn step(pending: &mut Pending<'_, InspectView>) -> Seen {
    let mut buffer = [0; 16];
    seen(pending.next(&mut buffer).unwrap_or_else(|error| panic!("torn copy: {error}")))
}

fn seen(step: Observed<'_>) -> Seen {
    match step {
        Observed::Record { sample, .. } => match <[u8; 16]>::try_from(sample) {
            Ok(bytes) => {
                let word = |from: usize| bytes[from..from + 8].try_into().unwrap();
                Seen::Record([0, 8].map(|from| u64::from_ne_bytes(word(from))))
            }
            Err(_) => Seen::Other,
        },
        Observed::Busy { .. } => Seen::Busy,
        Observed::Missed { .. } => Seen::Missed,
        Observed::End => Seen::End,
        _ => Seen::Other,
    }
}

fn inspector(shared: &Arc<Shared>) -> Inspector<InspectView> {
    Inspector::new(InspectView { shared: shared.clone() })
}

/// The ring as an observer sees it.
pub(crate) struct InspectView {
    shared: Arc<Shared>,
}

// SAFETY: as for the consumer's view; nothing stores (M8).
unsafe impl InspectMemory for InspectView {
    fn capacity(&self) -> Capacity {
        self.shared.capacity
    }

    fn width(&self) -> Width {
        self.shared.width
    }

    fn load_consumer_pos(&self, order: Ordering) -> Position {
        let load = |order| Position::new(self.shared.consumer_pos.load(order), self.shared.width);
        self.shared.consumer_load(Site::InspectLoadConsumerPos, order, load)
    }

    fn load_producer_pos(&self, order: Ordering) -> Position {
        let load = |order| Position::new(self.shared.producer_pos.load(order), self.shared.width);
        self.shared.consumer_load(Site::InspectLoadProducerPos, order, load)
    }

    /// Not a word of loom's.
    fn load_pending_pos(&self, _: Ordering) -> Position {
        Position::default()
    }

    fn load_header(&self, at: Offset, order: Ordering) -> Option<Header> {
        let header = &self.shared.headers[self.shared.slot(at, 0)];
        let load = |order| Some(Header::from_bits(header.load(order)));
        self.shared.consumer_load(Site::InspectLoadHeader, order, load)
    }

    fn copy_sample(&self, at: Offset, to: &mut [u8]) -> bool {
        for (number, part) in (1..).zip(to.chunks_mut(8)) {
            let word = self.shared.words[self.shared.slot(at, number)].load(Relaxed).to_ne_bytes();
            part.copy_from_slice(&word[..part.len()]);
        }
        true
    }

    fn fence(&self, order: Ordering) {
        self.shared.fence(Site::InspectFence, order);
    }
}
