//! Every contender reads a few thousand records of each load, exactly.

use std::time::Duration;

use ringbuf_compare::load::{Cell, Effort, Load, Threads, Wakeups};
use ringbuf_compare::producer::Rig;
use ringbuf_compare::readers::{READERS, Waiting};
use ringbuf_compare::trial::{Outcome, Setup, run};
use ringbuf_tests::{live_since, online_cpus, skip};

const RING: u32 = 256 << 10;

#[test]
fn every_contender_sees_exactly_what_was_accepted() {
    let name = "contenders::every_contender_sees_exactly_what_was_accepted";
    // bpf_loop.
    if !live_since(name, (5, 17)) {
        return;
    }
    let [producer, reader, ..] = online_cpus()[..] else {
        skip(name, "only one CPU is online; producer and reader need one each");
        return;
    };
    let effort = Effort {
        saturating: Duration::from_millis(10),
        paced: Duration::from_millis(20),
        records: 1,
        fills: 1,
    };
    let setup = Setup { cpus: [producer, reader], effort };
    let mut rig = Rig::load(RING).expect("the program of the benchmark");
    for reader in READERS {
        for cell in cells() {
            let nobody_wakes_it =
                cell.wakeups == Wakeups::None && reader.waiting == Waiting::Blocks;
            if nobody_wakes_it && !matches!(cell.load, Load::Prefilled { .. }) {
                continue;
            }
            // It fails unless number, bytes, order and sum are those of the kernel.
            let outcome = run(&mut rig, &cell, Some(reader), &setup, 1).expect("a run");
            shows(&cell, &outcome);
        }
    }
    for cell in cells().iter().filter(|cell| !matches!(cell.load, Load::Prefilled { .. })) {
        let outcome = run(&mut rig, cell, None, &setup, 1).expect("a run");
        assert!(outcome.values.producer.is_some_and(|time| time > 0.0), "{cell}: {outcome:?}");
    }
}

fn cells() -> Vec<Cell> {
    const ADAPTIVE: Wakeups = Wakeups::Adaptive;
    let (touched, untouched) =
        (Load::Prefilled { touched: true }, Load::Prefilled { touched: false });
    let cells = [
        (Load::Saturating, 64, ADAPTIVE),
        (Load::Saturating, 0, ADAPTIVE),
        (Load::Paced(20), 64, ADAPTIVE),
        (Load::Paced(20), 64, Wakeups::None),
        (touched, 8, ADAPTIVE),
        (touched, 256, ADAPTIVE),
        (touched, 4096, ADAPTIVE),
        (touched, 0, ADAPTIVE),
        (untouched, 64, ADAPTIVE),
    ];
    // Not in real time: other tests run beside this one.
    let (ring, threads) = (RING, Threads::Ordinary);
    cells.map(|(load, size, wakeups)| Cell { load, size, ring, wakeups, threads }).into()
}

/// Checks that the tables would have something to show.
fn shows(cell: &Cell, outcome: &Outcome) {
    let values = outcome.values;
    let expected = match cell.load {
        Load::Saturating => [values.rate, values.cpu_record, values.losses],
        Load::Paced(_) => [values.producer, values.p50, values.p99],
        Load::Prefilled { .. } => [values.drain; 3],
    };
    let complete = expected.iter().all(Option::is_some);
    assert!(complete && outcome.accepted > 0, "{cell}: {outcome:?}");
}
