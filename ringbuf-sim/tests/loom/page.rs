//! Readers that keep their position in the page, and take turns.

use std::sync::Arc;

use loom::thread;
use ringbuf_core::{Armed, PageReader, Visited};

use crate::backing::Shared;
use crate::explore::Model;
use crate::models::{Open, Ring, submit};
use crate::views::ConsumerView;

type Reader = PageReader<ConsumerView>;

fn reader(shared: &Arc<Shared>) -> Reader {
    // SAFETY: C3: each model has one reader that stores.
    unsafe { PageReader::new(shared.consumer_view()) }
}

/// Reads what is there, and publishes each record before the next.
fn visit(reader: &Reader) -> Vec<u64> {
    let mut visit = reader.visit();
    let mut read = Vec::new();
    while let Visited::Record { at, len } = visit.find().expect("torn: the ring is corrupt") {
        // SAFETY: at hand.
        read.push(unsafe { visit.sample(at, len) }.get(0));
        visit.pass();
    }
    visit.publish();
    read
}

/// One reader takes a record while another one, in its turn, only looks.
pub(crate) const PAGE_TURNS: Model = Model {
    name: "page_turns",
    outcomes: &["before", "after", "nothing yet"],
    floor: 50,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        let producer = thread::spawn(move || assert!(submit(&kernel, &[1])));
        let first = shared.clone();
        let taker = thread::spawn(move || visit(&reader(&first)).len());
        // SAFETY: C3: it stores nothing, and uses no sample.
        let second = unsafe { PageReader::new(shared.consumer_view().of_another()) };
        let mut look = second.visit();
        let start = shared.since_start(look.position()) == 0;
        let found = look.find().unwrap_or_else(|corrupt| panic!("torn: {corrupt}"));
        producer.join().unwrap();
        taker.join().unwrap();
        match (start, found) {
            (true, Visited::Record { .. }) => "before",
            (true, _) => "nothing yet",
            (false, Visited::Empty) => "after",
            (false, other) => panic!("{other:?} after the only record"),
        }
    },
};

/// As `reuse`: a producer writes over space that a visit has just given back.
pub(crate) const PAGE_REUSE: Model = Model {
    name: "page_reuse",
    outcomes: &["none fitted", "one more fitted", "two more fitted"],
    floor: 25,
    execution: |variant| {
        let shared = Shared::new(32, variant);
        let kernel = shared.kernel_ring();
        let reader = reader(&shared);
        for old in [90, 91] {
            assert!(submit(&kernel, &[old]));
            assert_eq!(visit(&reader), [old]);
        }
        assert!(submit(&kernel, &[1, 1]));
        let thread = thread::spawn(move || {
            let fits = [2, 3].map(|value| submit(&kernel, &[value]));
            [2, 3].into_iter().zip(fits).filter(|(_, fits)| *fits).map(|(value, _)| value).collect()
        });
        let mut read = visit(&reader);
        read.extend(visit(&reader));
        let fitted: Vec<u64> = thread.join().unwrap();
        read.extend(visit(&reader));
        assert!(read.into_iter().eq([1].into_iter().chain(fitted.iter().copied())));
        ["none fitted", "one more fitted", "two more fitted"][fitted.len()]
    },
};

const ASLEEP: &[&str] = &["all read", "ready", "asleep, notified"];

/// As `wakeup`: the reader visits and arms while a record arrives.
pub(crate) const PAGE_WAKEUP: Model = Model {
    name: "page_wakeup",
    outcomes: ASLEEP,
    floor: 60,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        assert!(submit(&kernel, &[1]));
        let producer = kernel.clone();
        let thread = thread::spawn(move || assert!(submit(&producer, &[2])));
        visit_and_sleep(&kernel, &reader(&shared), || thread.join().unwrap())
    },
};

/// As `wakeup_busy`: only the commit races.
pub(crate) const PAGE_WAKEUP_BUSY: Model = Model {
    name: "page_wakeup_busy",
    outcomes: ASLEEP,
    floor: 25,
    execution: |variant| {
        let shared = Shared::new(64, variant);
        let kernel = shared.kernel_ring();
        assert!(submit(&kernel, &[1]));
        let open = Open::reserve(&kernel, 1);
        let thread = thread::spawn(move || open.submit(&[2]));
        visit_and_sleep(&kernel, &reader(&shared), || thread.join().unwrap())
    },
};

/// The first look holds its record back, as between two looks of one call.
fn visit_and_sleep(kernel: &Ring, reader: &Reader, finish: impl FnOnce()) -> &'static str {
    let mut first = reader.visit();
    let mut read = 0;
    while let Visited::Record { .. } = first.find().unwrap() {
        first.pass();
        read += 1;
    }
    first.hold_back();
    let forgotten = kernel.host().notified();
    let armed = reader.visit().arm();
    finish();
    let rest = visit(reader).len();
    assert_eq!(read + rest, 2);
    match (armed, rest) {
        (Armed::Ready, 0) => panic!("ready, with nothing to read"),
        (Armed::Ready, _) => "ready",
        (Armed::Sleep, 0) => "all read",
        (Armed::Sleep, _) => {
            assert!(kernel.host().notified() > forgotten, "lost wakeup");
            "asleep, notified"
        }
    }
}
